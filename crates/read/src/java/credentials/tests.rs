//! Which credentials freeze.

use wonin_model::FrozenCredentials;

use crate::apps::testing::evidence;

fn frozen(code: &str) -> Vec<FrozenCredentials> {
    let code = format!(
        "import com.amazonaws.auth.*; import com.amazonaws.services.s3.*;
         import software.amazon.awssdk.auth.credentials.*;\n{code}"
    );
    evidence(&[("src/main/java/A.java", &code)]).stack.code.frozen_credentials
}

type Shown<'f> = (&'f str, Option<&'f str>, Option<&'f str>, bool);

/// Frozen, provider, kept by, temporary.
fn shown(one: &FrozenCredentials) -> Shown<'_> {
    (
        &one.frozen.value,
        one.provider.as_ref().map(|provider| provider.value.as_str()),
        one.kept_by.as_ref().map(|kept| kept.value.as_str()),
        one.temporary,
    )
}

#[test]
fn credentials_taken_out_of_their_provider() {
    let found = frozen(
        "@Configuration class S3Config {
            @Bean AmazonS3 s3() {
                AWSCredentialsProvider provider = InstanceProfileCredentialsProvider.getInstance();
                AWSCredentials credentials = provider.getCredentials();
                return AmazonS3ClientBuilder.standard()
                    .withCredentials(new AWSStaticCredentialsProvider(credentials)).build();
            }
        }",
    );
    let expected =
        ("provider.getCredentials()", Some("InstanceProfileCredentialsProvider"), Some("s3"), true);
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), [expected]);
    assert_eq!(found[0].client.as_ref().unwrap().value, "AmazonS3ClientBuilder.standard");
}

#[test]
fn a_helper_in_another_class_freezes_too() {
    let found = frozen(
        "class CredentialUtil { static AWSCredentials current() {
            return new DefaultAWSCredentialsProviderChain().getCredentials(); } }
        @Component class Uploader {
            private final AmazonS3 s3;
            Uploader() { this.s3 = new AmazonS3Client(CredentialUtil.current()); } }",
    );
    let expected = (
        "new DefaultAWSCredentialsProviderChain().getCredentials()",
        Some("DefaultAWSCredentialsProviderChain"),
        Some("s3"),
        false,
    );
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), [expected]);
}

#[test]
fn the_second_sdk_and_session_tokens() {
    let found = frozen(
        "class A {
            private static final S3Client S3 = S3Client.builder().credentialsProvider(
                StaticCredentialsProvider.create(AwsSessionCredentials.create(KEY, \"hush\", TOKEN)))
                .build();
            private final AWSCredentials kept = new BasicSessionCredentials(\"a\", \"hush\", \"c\");
            AmazonS3 client() { return new AmazonS3Client(kept); }
        }",
    );
    assert_eq!(
        found.iter().map(shown).collect::<Vec<_>>(),
        [
            ("AwsSessionCredentials.create", None, Some("S3"), true),
            ("new BasicSessionCredentials", None, Some("kept"), true),
        ]
    );
    assert!(!format!("{found:?}").contains("hush"));
}

#[test]
fn what_refreshes_or_does_not_last_is_fine() {
    for code in [
        "class A { AmazonS3 s3 = AmazonS3ClientBuilder.standard().withCredentials(
            InstanceProfileCredentialsProvider.getInstance()).build(); }",
        "class A { AmazonS3 s3 = new AmazonS3Client(new BasicAWSCredentials(\"a\", \"b\")); }",
        "class A { AWSCredentialsProvider provider; void upload() {
            AmazonS3 s3 = new AmazonS3Client(provider.getCredentials()); s3.putObject(x); } }",
        "class A { S3Client s3 = S3Client.builder().credentialsProvider(
            DefaultCredentialsProvider.create()).build(); }",
    ] {
        assert!(frozen(code).is_empty(), "{code}");
    }
}

#[test]
fn what_a_plain_method_returns_is_kept_by_its_caller() {
    let found = frozen(
        "class Factory { static AmazonS3 make() { return AmazonS3ClientBuilder.standard()
            .withCredentials(new AWSStaticCredentialsProvider(
                new InstanceProfileCredentialsProvider(false).getCredentials())).build(); } }
        @Service class Store { private final AmazonS3 s3 = Factory.make(); }",
    );
    assert_eq!(found[0].kept_by.as_ref().unwrap().value, "s3");
    let once = frozen(
        "class Factory { static AmazonS3 make() { return new AmazonS3Client(
            InstanceProfileCredentialsProvider.getInstance().getCredentials()); } }
        @Service class Store { void put() { AmazonS3 s3 = Factory.make(); s3.put(x); } }",
    );
    assert!(once.is_empty(), "{once:?}");
}

#[test]
fn session_tokens_in_the_environment() {
    let compose = "services:\n  app:\n    image: shop/app\n    environment:\n      \
                   AWS_SESSION_TOKEN: hush\n      SPRING_KAFKA_BOOTSTRAP_SERVERS: kafka:9092\n";
    let evidence = evidence(&[("compose.yml", compose)]);
    let found = &evidence.stack.code.frozen_credentials;
    assert_eq!(
        found.iter().map(shown).collect::<Vec<_>>(),
        [("AWS_SESSION_TOKEN", None, Some("app"), true)]
    );
    assert!(!format!("{found:?}").contains("hush"));
    let app = &evidence.stack.apps[0];
    assert_eq!(app.name, "app");
    let servers = app.properties.get("spring.kafka.bootstrap-servers").unwrap();
    assert_eq!(servers.value, "kafka:9092");
    assert_eq!(evidence.stack.kafka_clients.len(), 1);
}
