//! Every row of the table against a text as the program writes it.

use super::*;

const SAMPLES: &str = include_str!("samples.txt");

pub(super) fn samples() -> impl Iterator<Item = (&'static str, String)> {
    SAMPLES.lines().map(|line| {
        let (name, text) = line.split_once('\t').expect("name, tab, text");
        (name, text.replace("\\n", "\n").replace("\\t", "\t"))
    })
}

fn scan(event: &str) -> Vec<Found> {
    let mut scan = Scan::default();
    matcher().expect("the table compiles").scan(event, &mut scan);
    scan.found
}

fn value(event: &str, name: &str, key: &str) -> String {
    let found = scan(event);
    let found = found.iter().find(|found| found.name == name);
    let value = found.and_then(|found| value_of(found, event, key));
    value.unwrap_or_else(|| panic!("no {key} of {name} in {event}")).to_owned()
}

fn value_of<'e>(found: &Found, event: &'e str, key: &str) -> Option<&'e str> {
    let value = found.values.iter().find(|(name, _)| *name == key);
    value.map(|(_, at)| &event[at.clone()])
}

#[test]
fn every_row_has_a_text_that_it_recognises() {
    let samples: Vec<(&str, String)> = samples().collect();
    let mut missing = Vec::new();
    for row in TABLES.iter().flat_map(|table| *table) {
        let pattern = Regex::new(row.pattern).unwrap_or_else(|why| panic!("{}: {why}", row.name));
        let is_seen = samples.iter().any(|(name, text)| {
            let line =
                text.find(row.literal).map(|at| text[..at].rfind('\n').map_or(0, |at| at + 1));
            *name == row.name && line.is_some_and(|line| pattern.is_match(&text[line..]))
        });
        if !is_seen {
            missing.push((row.name, row.literal));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_text_gives_its_signal() {
    let missing: Vec<(&str, String)> = samples()
        .filter(|(name, text)| !scan(text).iter().any(|found| found.name == *name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn names_are_kebab_case_with_a_family() {
    for name in names() {
        let (family, text) = name.split_once('.').expect("a family");
        let is_kebab = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        assert!(is_kebab(family) && is_kebab(text), "{name}");
    }
}

#[test]
fn values_are_named() {
    let of = |name: &str, key: &str, expected: &str| {
        let seen = samples().filter(|(other, _)| *other == name).any(|(_, text)| {
            scan(&text).iter().any(|f| f.name == name && value_of(f, &text, key) == Some(expected))
        });
        assert!(seen, "{name}: {key} is not {expected}");
    };
    of("kafka.not-present-in-metadata", "ms", "60000");
    of("kafka.not-present-in-metadata", "topic", "my_topic");
    of("kafka.records-expired", "ms", "120003");
    of("kafka.records-expired", "topic", "my_topic");
    of("kafka.producer-config", "max_block_ms", "60000");
    of("kafka.producer-config", "bootstrap_servers", "localhost:9092");
    of("kafka.connection-not-established", "address", "localhost/127.0.0.1:9092");
    of("kafka.replication-not-reachable", "brokers", "1");
    of("hikari.connection-not-available", "waiting", "5");
    of("hikari.connection-not-available", "pool", "HikariPool-1");
    of("client.connect-timeout", "address", "10.0.3.14:8082");
    of("client.connect-timeout", "address", "CLOUD-PAYMENT-SERVICE");
    of("client.refused", "address", "localhost:8888");
    of("client.refused", "address", "publisher-api");
    of("eureka.registered", "instance", "ORDERS/172.18.0.5:orders:8080");
    of("hikari.leak-detected", "thread", "http-nio-8080-exec-3");
    of("hikari.leak-detected", "frame", "shop.OrderExport.rows(OrderExport.java:42)");
    of("dbcp.pool-exhausted", "s", "10");
    of("tomcat-jdbc.abandoned", "frame", "shop.ReportDao.load(ReportDao.java:77)");
    of("hikari.leak-returned", "connection", "com.mysql.jdbc.JDBC4Connection@6a39819e");
    of("netty.connect-timeout", "address", "172.24.0.9:8099");
    of("netty.connect-timeout", "ms", "2000");
    of("mysql.link-failure", "ms", "0");
    of("lettuce.command-timeout", "time", "1 minute(s)");
    of("postgres.waiting-for-lock", "holder", "11");
    of("nginx.connect-failed", "upstream", "http://172.18.0.4:8080/");
    of("http.status-502", "path", "/orders");
    of("client.refused", "address", "10.0.0.9:8080");
    of("client.name-unknown", "host", "orders");
    of("client.name-unknown", "host", "db");
    of("client.no-route", "address", "10.0.0.9:8080");
    of("app.started", "s", "35.123");
    of("app.started", "app", "ShopApplication");
    of("ecs.unhealthy", "service", "web");
    of("grpc.deadline-exceeded", "waiting_for_connection", "waiting_for_connection");
    of("host.port-in-use", "port", "8080");
    of("image.gone", "image", "bitnami/kafka:3.9");
    of("mongo.slow", "ns", "shop.orders");
    of("jvm.task-rejected", "active", "4");
    assert_eq!(
        value(
            "java.net.ConnectException: Connection refused: db/10.0.0.1:5432",
            "client.refused",
            "address"
        ),
        "10.0.0.1:5432"
    );
}

#[test]
fn texts_of_healthy_programs_say_nothing() {
    for healthy in [
        "Tomcat initialized with port 8080 (http)",
        "HikariPool-1 - Start completed.",
        "Completed initialization in 2 ms",
        "[Consumer clientId=c, groupId=g] Successfully joined group with generation Generation{generationId=1}",
        "database system is ready to accept connections",
        "Error handling is configured: retries = 3",
        "10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /orders?id=502 HTTP/1.1\" 200 157",
        "max_allowed_packet = 64M",
    ] {
        assert!(scan(healthy).is_empty(), "{healthy}: {:?}", scan(healthy));
    }
}
