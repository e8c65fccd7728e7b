use wonin_text::{SourceFile, Sources};

use super::*;

/// The text with secrets replaced by `*`.
fn masked(text: &str, syntax: Syntax) -> String {
    cover(text, &spans(text, syntax)).into_owned()
}

fn data(text: &str) -> String {
    masked(text, Syntax::Data)
}

#[test]
fn names_that_announce_a_secret() {
    for key in [
        "PASSWORD",
        "MYSQL_ROOT_PASSWORD",
        "spring.datasource.password",
        "setClientSecret",
        "aws_secret_access_key",
        "API-KEY",
        "apiKey",
        "accessToken",
        "DB_PASS",
        "PGPASSWORD",
        "requirepass",
        "ssl.key.password",
        "PASSWORD_2",
        "SECRET_KEY_BASE",
        "credentials",
        "private-key",
    ] {
        assert!(is_secret_key(key), "{key} announces a secret");
    }
    for key in [
        "PASSWORD_FILE",
        "token.ttl",
        "max_tokens",
        "proxy_pass",
        "partition.key",
        "key",
        "key.serializer",
        "secrets",
        "compass",
        "bypass",
        "auth",
        "author",
        "password-policy",
        "accessKeyId",
        "",
        "-",
    ] {
        assert!(!is_secret_key(key), "{key} announces no secret");
    }
}

#[test]
fn configuration_values_reach_to_the_end_of_their_line() {
    for (text, expected) in [
        ("POSTGRES_PASSWORD: hunter2 x", "POSTGRES_PASSWORD: *********"),
        ("  - DB_PASSWORD=a b # note", "  - DB_PASSWORD=*** # note"),
        ("- \"DB_PASSWORD=a b\"", "- \"DB_PASSWORD=***\""),
        ("password: 'it''s'", "password: '**''s'"),
        ("export TOKEN=abc", "export TOKEN=***"),
        ("spring.datasource.password = s3cr3t", "spring.datasource.password = ******"),
        ("\"password\": \"a\\\"b\",", "\"password\": \"****\","),
        ("{password: abc, user: x}", "{password: ***, user: x}"),
        ("requirepass abc", "requirepass ***"),
        (
            "command: redis-server --requirepass abc --port 1",
            "command: redis-server --requirepass *** --port 1",
        ),
        (
            "[\"redis-server\", \"--requirepass\", \"abc\"]",
            "[\"redis-server\", \"--requirepass\", \"***\"]",
        ),
        ("<password>abc</password>", "<password>***</password>"),
        ("비밀_password: 원인", "비밀_password: ••"),
    ] {
        assert_eq!(data(text), expected);
        assert_eq!(data(text).len(), text.len(), "offsets stay right");
    }
}

#[test]
fn what_is_no_secret_stays_readable() {
    for text in [
        "POSTGRES_PASSWORD: ${DB_PASSWORD}",
        "POSTGRES_PASSWORD: ${DB_PASSWORD:?set it}",
        "PASSWORD_FILE=/run/secrets/db",
        "password: /run/secrets/db",
        "token.ttl: 30",
        "ssl.client.auth=required",
        "num_tokens: 256",
        "token: true",
        "password:",
        "secrets:\n  - db_password\n",
        "  password:\n    file: ./db.txt\n",
        "image: acme/vault-secret:1.2.3",
        "proxy_pass http://app:8080;",
        "url: http://app:8080/token",
        "password: *shared",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "- PASSWORD",
        "jdbc:postgresql://db:5432/app",
        "postgres://app@db/app",
    ] {
        assert_eq!(data(text), text);
    }
}

#[test]
fn defaults_inside_references_are_secrets() {
    assert_eq!(data("password: ${DB_PASSWORD:-abc}"), "password: ${DB_PASSWORD:-***}");
    assert_eq!(data("url: x://u:${PW:-abc}@h"), "url: x://u:${PW:-***}@h");
    assert_eq!(data("x: ${DB_PASSWORD-abc}"), "x: ${DB_PASSWORD-***}");
    assert_eq!(data("x: ${db.password:abc}"), "x: ${db.password:***}");
    assert_eq!(data("password: a${B}c"), "password: *${B}*");
    assert_eq!(data("password: ${A:-${B:-abc}}"), "password: ${A:-${B:-***}}");
}

#[test]
fn shapes_give_secrets_away() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    assert_eq!(data(jwt), "*".repeat(jwt.len()));
    assert_eq!(data("id: AKIAIOSFODNN7EXAMPLE"), "id: ********************");
    assert_eq!(data("amqp://u:p%40w@h:5672/"), "amqp://u:*****@h:5672/");
    assert_eq!(data("redis://:a@b@h"), "redis://:***@h");
    assert_eq!(
        data("jdbc:mysql://h/d?user=u&password=abc&x=1"),
        "jdbc:mysql://h/d?user=u&password=***&x=1"
    );
    assert_eq!(data("jdbc:oracle:thin:scott/tiger@h:1521"), "jdbc:oracle:thin:scott/*****@h:1521");
    assert_eq!(data("Authorization: Bearer abcdefgh"), "Authorization: Bearer ********");
    assert_eq!(data("test: mysqladmin ping -uroot -pabc"), "test: mysqladmin ping -uroot -p***");
    assert_eq!(data("redis-cli -a abc ping"), "redis-cli -a *** ping");
    assert_eq!(data("curl -u me:abc http://h"), "curl -u me:*** http://h");
}

#[test]
fn blocks_are_hidden_line_by_line() {
    assert_eq!(
        data(
            "  k: x\n  -----BEGIN RSA PRIVATE KEY-----\n  MIIB\n  AB==\n  -----END RSA PRIVATE KEY-----\nn: 1"
        ),
        "  k: x\n  -----BEGIN RSA PRIVATE KEY-----\n  ****\n  ****\n  -----END RSA PRIVATE KEY-----\nn: 1"
    );
    assert_eq!(data("password: |\n  ab\n\n  c\nnext: 1"), "password: |\n  **\n\n  *\nnext: 1");
    assert_eq!(data("password: >-\r\n  ab\r\nnext: 1"), "password: >-\r\n  **\r\nnext: 1");
}

#[test]
fn jaas_and_pairs() {
    let jaas = "sasl.jaas.config=a.PlainLoginModule required username=\"u\" password=\"abc\";";
    assert_eq!(data(jaas), jaas.replace("abc", "***"));
    let escaped = "x: \"required username=\\\"u\\\" password=\\\"abc\\\";\"";
    assert_eq!(data(escaped), escaped.replace("abc", "***"));
    assert_eq!(data("user_admin=\"abc\""), "user_admin=\"***\"");
    assert_eq!(data("- name: DB_PASSWORD\n  value: abc\n"), "- name: DB_PASSWORD\n  value: ***\n");
    assert_eq!(data("- name: DB_HOST\n  value: abc\n"), "- name: DB_HOST\n  value: abc\n");
    assert_eq!(
        data("{\"name\":\"API_KEY\",\"value\":\"abc\"}"),
        "{\"name\":\"API_KEY\",\"value\":\"***\"}"
    );
}

#[test]
fn code_hides_string_literals_only() {
    for (text, expected) in [
        ("ds.setPassword(\"abc\");", "ds.setPassword(\"***\");"),
        ("String password = \"abc\";", "String password = \"***\";"),
        ("props.put(\"db.password\", \"abc\");", "props.put(\"db.password\", \"***\");"),
        ("String password = config.getPassword();", "String password = config.getPassword();"),
        ("setPassword(password);", "setPassword(password);"),
        ("@Value(\"${db.password:abc}\")", "@Value(\"${db.password:***}\")"),
        ("u = \"jdbc:x://h?password=abc&a=b\";", "u = \"jdbc:x://h?password=***&a=b\";"),
        ("if (token == null) return;", "if (token == null) return;"),
    ] {
        assert_eq!(masked(text, Syntax::Code), expected);
    }
}

#[test]
fn a_masker_knows_secrets_away_from_their_place() {
    let mut sources = Sources::default();
    sources.add(SourceFile::new(".env", "DB_PASSWORD=Tr0ub4dor\nPOSTGRES_PASSWORD=postgres\n"));
    let yaml = sources.add(SourceFile::new("c.yml", "x: Tr0ub4dor\nimage: postgres\n"));
    let masker = Masker::new(&sources);
    assert_eq!(masker.file(&sources, yaml), "x: *********\nimage: postgres\n");
    assert_eq!(masker.text("postgres refuses Tr0ub4dor"), "postgres refuses *********");
}

#[test]
fn no_input_makes_it_fail() {
    let pieces = [
        "password",
        "=",
        ":",
        "\"",
        "'",
        "\\",
        "${",
        "}",
        "-----BEGIN",
        "PRIVATE KEY-----",
        "\n",
        "\r",
        " ",
        "원",
        "name",
        "value",
        "|",
        "://",
        "@",
        "-p",
        "mysql",
        "${PASSWORD:-",
        "🞄",
        "(",
        ",",
        "eyJ",
    ];
    let mut seed = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
        }
        for syntax in [Syntax::Data, Syntax::Code, Syntax::Prose] {
            let covered = masked(&text, syntax);
            assert_eq!(covered.len(), text.len());
            assert_eq!(covered.lines().count(), text.lines().count());
        }
    }
}
