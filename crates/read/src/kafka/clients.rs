//! Clients that a container's environment or a properties file names.

use wonin_model::{ClientKind, ClientLibrary, KafkaClient, Located, Service, Settings};
use wonin_text::{FileId, Place, Span};

use super::defaults::fill_java;
use crate::servers::made;

/// Variables of known programs, with the name of the client that they make. All of these programs
/// are written in Java, but only what they pass on is known, so no defaults are claimed.
const PROGRAMS: &[(&str, &str)] = &[
    ("CONNECT_BOOTSTRAP_SERVERS", "Kafka Connect"),
    ("CONTROL_CENTER_BOOTSTRAP_SERVERS", "Control Center"),
    ("KAFKA_REST_BOOTSTRAP_SERVERS", "REST Proxy"),
    ("KSQL_BOOTSTRAP_SERVERS", "ksqlDB"),
    ("SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS", "Schema Registry"),
];

/// Endings of variables that name brokers. `SPRING_KAFKA_…` is Spring's.
const ENDINGS: &[&str] = &[
    "BOOTSTRAP_SERVER",
    "BOOTSTRAP_SERVERS",
    "BOOTSTRAPSERVERS",
    "KAFKA_BOOTSTRAP",
    "KAFKA_ADDR",
    "KAFKA_ADDRESS",
    "KAFKA_BROKER",
    "KAFKA_BROKERCONNECT",
    "KAFKA_BROKERS",
    "KAFKA_BROKER_LIST",
    "KAFKA_HOST",
    "KAFKA_HOSTS",
    "KAFKA_SERVER",
    "KAFKA_SERVERS",
    "KAFKA_URL",
    "METADATA_BROKER_LIST",
];

/// Whether clients of Spring are wanted too, which has a reader of its own where its files are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spring {
    Included,
    LeftOut,
}

/// Clients that the environment of a container names, one for each list of brokers; whose they are
/// is left to the caller.
pub(crate) fn of_environment(service: &Service, spring: Spring) -> Vec<KafkaClient> {
    let mut clients: Vec<KafkaClient> = Vec::new();
    for (variable, value) in &service.environment {
        let program = PROGRAMS.iter().find(|(name, _)| *name == variable);
        let is_spring = spring == Spring::Included && is_of_spring(variable);
        let is_named = program.is_some() || is_spring || is_named_for_brokers(variable);
        if !is_named || !names_brokers(&value.value) {
            continue;
        }
        let servers = without_scheme(value);
        let known = clients.iter().any(|client| {
            client.settings.get("bootstrap.servers").is_some_and(|s| s.value == servers.value)
        });
        let Some(place) = value.place().filter(|_| !known) else { continue };
        let name = match program {
            Some((_, program)) => format!("{program} in {}", service.name.value),
            None => format!("{variable} of {}", service.name.value),
        };
        let is_java = program.is_some() || is_spring;
        let library = if is_java { ClientLibrary::Java } else { ClientLibrary::Other };
        clients.push(bare(name, library, place, servers));
    }
    clients
}

/// A client of which nothing is known but the brokers that it dials first.
pub(crate) fn bare(
    name: String,
    library: ClientLibrary,
    place: Place,
    servers: Located<String>,
) -> KafkaClient {
    KafkaClient {
        name,
        kind: ClientKind::Unknown,
        library,
        service: None,
        pods: None,
        app: None,
        place,
        settings: Settings::from_iter([("bootstrap.servers".into(), servers)]),
        unknown: Vec::new(),
        not_applied: Vec::new(),
        topics: Vec::new(),
    }
}

/// Whether a variable is Spring's for the brokers: `SPRING_KAFKA_BOOTSTRAP_SERVERS`, or that of one
/// kind of client.
fn is_of_spring(variable: &str) -> bool {
    variable.starts_with("SPRING_KAFKA_")
        && ["BOOTSTRAP_SERVERS", "BOOTSTRAPSERVERS"].iter().any(|end| variable.ends_with(end))
}

/// Whether a variable has the name of a list of brokers. Spring has a reader of its own, and a
/// controller's quorum is nobody's client.
fn is_named_for_brokers(variable: &str) -> bool {
    let others = ["SPRING_", "KAFKA_CFG_", "KAFKA_CONTROLLER_QUORUM_"];
    ENDINGS.iter().any(|ending| variable.ends_with(ending))
        && !others.iter().any(|other| variable.starts_with(other))
}

/// Whether text is a list of `host:port`, each with an optional scheme.
fn names_brokers(text: &str) -> bool {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let is_endpoint = |entry: &str| {
        let address = entry.rsplit("://").next().unwrap_or(entry);
        let port = address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        matches!(port, Some((host, Ok(_))) if !host.is_empty() && !host.contains(['/', ' ']))
    };
    let mut count = 0;
    for entry in entries {
        if !is_endpoint(entry) {
            return false;
        }
        count += 1;
    }
    count > 0
}

/// The list without `PLAINTEXT://` before its entries. The text stays the value wherever it can.
fn without_scheme(value: &Located<String>) -> Located<String> {
    let entries = value.split(',');
    if !entries.iter().any(|entry| entry.value.contains("://")) {
        return value.clone();
    }
    let bare = |entry: &Located<String>| match entry.value.find("://") {
        Some(at) => entry.part(at + 3..entry.value.len()),
        None => entry.clone(),
    };
    if let [one] = entries.as_slice() {
        return bare(one);
    }
    let joined: Vec<String> = entries.iter().map(|entry| bare(entry).value).collect();
    made(value, joined.join(","))
}

/// The client of a properties file: which kind, by the file's name and keys.
pub(super) fn of_file(file: FileId, path: &str, mut settings: Settings) -> KafkaClient {
    let name = path.rsplit('/').next().unwrap_or(path);
    let has = |keys: &[&str]| keys.iter().any(|key| settings.get(key).is_some());
    let kind = if name.contains("producer") || has(&["key.serializer", "acks", "linger.ms"]) {
        ClientKind::Producer
    } else if name.contains("connect") || has(&["config.storage.topic"]) {
        ClientKind::Unknown
    } else if name.contains("consumer") || has(&["key.deserializer", "group.id"]) {
        ClientKind::Consumer
    } else if name.contains("admin") {
        ClientKind::Admin
    } else {
        ClientKind::Unknown
    };
    let library = if has(&["metadata.broker.list"]) {
        ClientLibrary::Librdkafka
    } else {
        ClientLibrary::Java
    };
    match library {
        ClientLibrary::Librdkafka => super::defaults::fill_librdkafka(&mut settings, kind),
        _ => fill_java(&mut settings, kind),
    }
    KafkaClient {
        name: path.to_owned(),
        kind,
        library,
        service: None,
        pods: None,
        app: None,
        place: Place { file, span: Span::default() },
        settings,
        unknown: Vec::new(),
        not_applied: Vec::new(),
        topics: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::properties;
    use crate::servers::testing::service;

    fn servers(environment: &[(&str, &str)]) -> Vec<(String, String)> {
        let clients = of_environment(&service("app", environment), Spring::LeftOut);
        let row = |client: KafkaClient| {
            let servers = client.settings.get("bootstrap.servers").map(|s| s.value.clone());
            (client.name, servers.unwrap_or_default())
        };
        clients.into_iter().map(row).collect()
    }

    #[test]
    fn variables_that_name_brokers_make_clients() {
        let made = servers(&[
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS", "kafka1:9092,kafka2:9092"),
            ("SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS", "PLAINTEXT://kafka3:9092"),
            ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"),
            ("KAFKA_BROKERS", "see the wiki"),
        ]);
        let expected = [
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS of app", "kafka1:9092,kafka2:9092"),
            ("Schema Registry in app", "kafka3:9092"),
        ];
        assert_eq!(made, expected.map(|(name, list)| (name.to_owned(), list.to_owned())));
    }

    #[test]
    fn a_file_is_of_a_kind_by_its_name_and_keys() {
        let text = "bootstrap.servers=a:1\nacks = 1\n# linger\n";
        let client =
            of_file(FileId(0), "conf/client.properties", properties::settings(FileId(0), text));
        assert_eq!(client.kind, ClientKind::Producer);
        let acks = client.settings.get("acks").unwrap();
        assert_eq!((acks.value.as_str(), acks.place().unwrap().span), ("1", Span::new(29, 30)));
        assert_eq!(client.settings.get("max.block.ms").unwrap().value, "60000");
    }
}
