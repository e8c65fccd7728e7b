//! Whole trees of files, and what is known of their applications.

use wonin_model::{ClientKind, Evidence, WhyNotApplied};

use crate::{MemoryFiles, read};

use super::testing::{client, evidence, setting};

const JAVA: &str = "app/src/main/java/app/messages/";

fn one_broker_down() -> Evidence {
    macro_rules! case {
        ($path:literal) => {
            include_str!(concat!("../../../../cases/one-broker-down/", $path))
        };
    }
    let java = |name: &str| format!("{JAVA}{name}.java");
    let files = [
        ("docker-compose.yml".to_owned(), case!("docker-compose.yml")),
        ("app/build.gradle".to_owned(), case!("app/build.gradle")),
        (
            "app/src/main/resources/application.yml".to_owned(),
            case!("app/src/main/resources/application.yml"),
        ),
        (java("Application"), case!("app/src/main/java/app/messages/Application.java")),
        (java("MessageReceiver"), case!("app/src/main/java/app/messages/MessageReceiver.java")),
        (java("MessageSender"), case!("app/src/main/java/app/messages/MessageSender.java")),
        (java("MessagingConfig"), case!("app/src/main/java/app/messages/MessagingConfig.java")),
        (java("SendController"), case!("app/src/main/java/app/messages/SendController.java")),
    ];
    read(&MemoryFiles::new(files))
}

#[test]
fn the_template_bean_decides_and_the_listener_follows_the_file() {
    let evidence = one_broker_down();
    assert_eq!(evidence.skipped, []);
    assert_eq!(evidence.stack.kafka_clients.len(), 2);
    let producer = client(&evidence, "producer of MessagingConfig.messageTemplate");
    assert_eq!(setting(producer, "bootstrap.servers"), Some("localhost:9092"));
    assert_eq!(setting(producer, "max.block.ms"), Some("60000"));
    assert_eq!(producer.topics[0].value, "my_topic");
    let listener = client(&evidence, "listener MessageReceiver.receive");
    assert_eq!(setting(listener, "bootstrap.servers"), Some("localhost:9092,localhost:9093"));
    assert_eq!(setting(listener, "group.id"), Some("my-group"));
    assert_eq!(setting(listener, "session.timeout.ms"), Some("45000"));
    assert_eq!(setting(listener, "auto.offset.reset"), Some("earliest"));
    let app = &evidence.stack.apps[0];
    assert_eq!((app.name.as_str(), app.dir.as_str()), ("app", "app"));
    assert_eq!(app.boot_version.as_ref().unwrap().value, "3.4.0");
}

#[test]
fn keys_without_effect_are_told_with_their_reason() {
    let evidence = one_broker_down();
    let keys = |name: &str, unknown: bool| {
        let of = client(&evidence, name).not_applied.iter();
        let is = |why: &WhyNotApplied| matches!(why, WhyNotApplied::UnknownKey { .. });
        let mut keys: Vec<&str> =
            of.filter(|one| is(&one.why) == unknown).map(|one| one.key.value.as_str()).collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| key.strip_prefix("spring.kafka.").unwrap()).collect::<Vec<_>>()
    };
    let producer = "producer of MessagingConfig.messageTemplate";
    assert_eq!(
        keys(producer, true),
        [
            "producer.max.block.ms",
            "producer.metadata-max-age-ms",
            "producer.reconnect.backoff.max.ms",
            "producer.reconnect.backoff.ms",
            "producer.request.timeout.ms",
            "producer.retry.backoff.ms",
        ]
    );
    assert_eq!(
        keys(producer, false),
        [
            "bootstrap-servers",
            "producer.acks",
            "producer.key-serializer",
            "producer.retries",
            "producer.value-serializer",
        ]
    );
    let listener = "listener MessageReceiver.receive";
    assert_eq!(
        keys(listener, true),
        [
            "consumer.heartbeat.interval.ms",
            "consumer.max.poll.interval.ms",
            "consumer.metadata-max-age-ms",
            "consumer.session.timeout.ms",
        ]
    );
    assert!(keys(listener, false).is_empty());
    let not_applied = &client(&evidence, listener).not_applied;
    let session = not_applied.iter().find(|one| one.key.value.ends_with("session.timeout.ms"));
    let session = session.unwrap();
    assert_eq!(session.means.as_deref(), Some("session.timeout.ms"));
    assert_eq!(session.instead.as_ref().unwrap().value, "45000");
    assert_eq!(evidence.sources.slice(session.key.place().unwrap()), "session.timeout.ms");
}

const COMPOSE: &str = "services:
  orders:
    build: ./orders
    environment:
      SPRING_PROFILES_ACTIVE: docker
      SPRING_KAFKA_CONSUMER_GROUP_ID: from-env
      BROKERS: kafka:9092
";

#[test]
fn the_environment_of_the_service_lies_over_the_files() {
    let evidence = evidence(&[
        ("compose.yml", COMPOSE),
        (
            "orders/src/main/resources/application.yml",
            "spring:\n  application.name: shop-orders\n  kafka:\n    bootstrap-servers: localhost:9092\n    \
             consumer.group-id: from-file\n---\nspring.config.activate.on-profile: docker\n\
             spring.kafka.bootstrap-servers: ${BROKERS}\n",
        ),
        ("orders/src/test/resources/application.yml", "spring.kafka.bootstrap-servers: test:1\n"),
        (
            "orders/src/main/java/L.java",
            "import org.springframework.kafka.annotation.*;\nclass L { @KafkaListener(topics = \
             \"${t:a,b}\") void on(String x) {} }",
        ),
    ]);
    let app = &evidence.stack.apps[0];
    assert_eq!((app.name.as_str(), app.service.is_some()), ("shop-orders", true));
    let listener = client(&evidence, "listener L.on");
    assert_eq!(setting(listener, "bootstrap.servers"), Some("kafka:9092"));
    assert_eq!(setting(listener, "group.id"), Some("from-env"));
    let topics: Vec<&str> = listener.topics.iter().map(|topic| topic.value.as_str()).collect();
    assert_eq!(topics, ["a", "b"]);
    assert_eq!(listener.service, app.service);
    let overruled = &listener.not_applied;
    assert!(overruled.iter().any(|one| matches!(one.why, WhyNotApplied::Overruled { .. })));
    assert_eq!(evidence.stack.kafka_clients.len(), 1, "the variable stands for no further client");
}

#[test]
fn configuration_without_code_makes_clients_of_its_sections() {
    let evidence = evidence(&[(
        "application.properties",
        "spring.kafka.bootstrap-servers=a:1\nspring.kafka.consumer.group-id=g\n\
         spring.kafka.consumer.properties.session.timeout.ms=9000\n",
    )]);
    let consumer = client(&evidence, "consumer of application");
    assert_eq!(consumer.kind, ClientKind::Consumer);
    assert_eq!(setting(consumer, "session.timeout.ms"), Some("9000"));
    assert_eq!(setting(consumer, "heartbeat.interval.ms"), Some("3000"));
}

#[test]
fn defaults_of_the_application_fit_what_it_has() {
    let evidence = evidence(&[
        ("src/main/resources/application.yml", "spring.datasource.url: jdbc:postgresql://db/x\n"),
        (
            "pom.xml",
            "<project><dependencies><dependency><groupId>org.springframework.boot</groupId>\
             <artifactId>spring-boot-starter-web</artifactId></dependency></dependencies></project>",
        ),
    ]);
    let properties = &evidence.stack.apps[0].properties;
    let value = |name| properties.get(name).map(|value| value.value.as_str());
    assert_eq!(value("spring.datasource.hikari.maximum-pool-size"), Some("10"));
    assert_eq!(value("server.tomcat.threads.max"), Some("200"));
    assert_eq!(value("server.shutdown"), None);
}

#[test]
fn the_endpoint_answers_before_the_send_is_known() {
    let evidence = one_broker_down();
    let [early] = &evidence.stack.code.early_answers[..] else { panic!("one early answer") };
    assert_eq!(early.endpoint.value, "GET /sendMessage");
    assert_eq!(early.answer.value, "\"sent\"");
    assert_eq!(early.work.value, "CompletableFuture.supplyAsync");
    assert_eq!(evidence.sources.slice(early.blocks_common_pool.unwrap()), "get");
    assert!(evidence.stack.code.pools_per_call.is_empty());
}

#[test]
fn same_files_same_answer() {
    let show = || {
        let stack = one_broker_down().stack;
        format!("{:?} {:?} {:?}", stack.apps, stack.kafka_clients, stack.code)
    };
    assert!(show() == show());
}

#[test]
fn files_cut_off_anywhere_give_what_is_left() {
    let config = include_str!(
        "../../../../cases/one-broker-down/app/src/main/java/app/messages/MessagingConfig.java"
    );
    let sender = include_str!(
        "../../../../cases/one-broker-down/app/src/main/java/app/messages/MessageSender.java"
    );
    let yaml =
        include_str!("../../../../cases/one-broker-down/app/src/main/resources/application.yml");
    for at in (0..config.len()).step_by(23) {
        let cut = |text: &str| text.get(..at.min(text.len())).unwrap_or("").to_owned();
        let files = [
            ("src/main/java/C.java".to_owned(), cut(config)),
            ("src/main/java/S.java".to_owned(), cut(sender)),
            ("src/main/resources/application.yml".to_owned(), cut(yaml)),
        ];
        let evidence = read(&MemoryFiles::new(files));
        for client in &evidence.stack.kafka_clients {
            let text = evidence.sources.file(client.place.file).text();
            assert!(client.place.span.range().end <= text.len(), "{}", client.name);
        }
    }
}

#[test]
fn circles_in_code_end() {
    let evidence = evidence(&[(
        "src/main/java/A.java",
        "import org.springframework.kafka.core.*; import java.util.*;
        class A extends B { String x = y; String y = x; Map<String, Object> m = other();
            Map<String, Object> other() { return third(m); }
            Map<String, Object> third(Map<String, Object> given) { given.putAll(other()); return third(given); }
            @GetMapping void a() { b(); var p = q.r(); var q = p.r(); p.s(); }
            void b() { a(); }
            @Bean KafkaTemplate<String, String> t() { return t(); }
            @Bean ProducerFactory<String, String> f(ProducerFactory<String, String> f) { return f; }
            @Bean KafkaTemplate<String, String> u() { return new KafkaTemplate<>(f(null)); }
            @Bean KafkaTemplate<String, String> v() { return new KafkaTemplate<>(
                new DefaultKafkaProducerFactory<>(Map.of(x, y))); }
        }
        class B extends A {}",
    )]);
    assert_eq!(evidence.stack.kafka_clients.len(), 3);
}
