//! How images turn environment into broker properties (failure-knowledge 1.5).

use std::collections::BTreeMap;

use wonin_model::{
    Interpolated, KafkaDistribution, Located, NotApplied, Origin, Service, Settings, WhyNotApplied,
};

use crate::servers::made;

/// What an image does with its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convention {
    /// `KAFKA_CFG_…` and some thirty old names, written over Kafka's own file.
    Bitnami,
    /// `KAFKA_…`, into an empty file.
    Apache,
    /// `KAFKA_…`, into an empty file.
    Confluent,
    /// `KAFKA_…`, written over Kafka's own file (`wurstmeister/kafka`).
    Wurstmeister,
    /// No environment becomes a property (`strimzi/kafka`, a command of one's own).
    Nothing,
    /// `KAFKA_…` in all likelihood; which file it starts from is not known.
    Unknown,
}

/// Old names that bitnami/kafka copies to `KAFKA_CFG_…`: the part after `KAFKA_`.
const BITNAMI_OLD: &[&str] = &[
    "ADVERTISED_LISTENERS",
    "AUTO_CREATE_TOPICS_ENABLE",
    "BROKER_ID",
    "CONTROLLER_QUORUM_VOTERS",
    "DEFAULT_REPLICATION_FACTOR",
    "DELETE_TOPIC_ENABLE",
    "INTER_BROKER_LISTENER_NAME",
    "LISTENERS",
    "LISTENER_SECURITY_PROTOCOL_MAP",
    "LOG_DIRS",
    "LOG_FLUSH_INTERVAL_MESSAGES",
    "LOG_FLUSH_INTERVAL_MS",
    "LOG_MESSAGE_FORMAT_VERSION",
    "LOG_RETENTION_BYTES",
    "LOG_RETENTION_CHECK_INTERVALS_MS",
    "LOG_RETENTION_HOURS",
    "LOG_SEGMENT_BYTES",
    "MESSAGE_MAX_BYTES",
    "NODE_ID",
    "NUM_IO_THREADS",
    "NUM_NETWORK_THREADS",
    "NUM_PARTITIONS",
    "NUM_RECOVERY_THREADS_PER_DATA_DIR",
    "OFFSETS_TOPIC_REPLICATION_FACTOR",
    "PROCESS_ROLES",
    "SOCKET_RECEIVE_BUFFER_BYTES",
    "SOCKET_REQUEST_MAX_BYTES",
    "SOCKET_SEND_BUFFER_BYTES",
    "SSL_ENDPOINT_IDENTIFICATION_ALGORITHM",
    "TRANSACTION_STATE_LOG_MIN_ISR",
    "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
    "ZOOKEEPER_CONNECT",
    "ZOOKEEPER_CONNECTION_TIMEOUT_MS",
];

/// Old names whose new name is another word.
const BITNAMI_RENAMED: &[(&str, &str)] = &[
    ("KAFKA_LOGS_DIRS", "KAFKA_CFG_LOG_DIRS"),
    ("KAFKA_MAX_MESSAGE_BYTES", "KAFKA_CFG_MESSAGE_MAX_BYTES"),
    ("KAFKA_SEGMENT_BYTES", "KAFKA_CFG_LOG_SEGMENT_BYTES"),
    ("KAFKA_ZOOKEEPER_CONNECT_TIMEOUT_MS", "KAFKA_CFG_ZOOKEEPER_CONNECTION_TIMEOUT_MS"),
];

/// Names with the prefix `KAFKA_` that are for the start scripts, not properties.
const SCRIPT_NAMES: &[&str] = &[
    "KAFKA_CREATE_TOPICS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

/// Broker properties whose loss matters; only for them a variable without effect is told.
const TELLING: &[&str] = &[
    "advertised.listeners",
    "auto.create.topics.enable",
    "broker.id",
    "broker.rack",
    "broker.session.timeout.ms",
    "connections.max.idle.ms",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "default.replication.factor",
    "group.initial.rebalance.delay.ms",
    "group.max.session.timeout.ms",
    "group.min.session.timeout.ms",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dirs",
    "log.retention.bytes",
    "log.retention.hours",
    "log.retention.ms",
    "message.max.bytes",
    "min.insync.replicas",
    "node.id",
    "num.partitions",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "process.roles",
    "replica.lag.time.max.ms",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
    "zookeeper.connect",
    "zookeeper.session.timeout.ms",
];

impl Convention {
    /// By the repository of the image; `None` for images that are not brokers.
    pub(super) fn of_repository(repository: &str) -> Option<Self> {
        let mut parts = repository.rsplit('/');
        let (name, owner) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        match (owner, name) {
            ("bitnami" | "bitnamilegacy" | "bitnamisecure" | "soldevelo", "kafka") => {
                Some(Self::Bitnami)
            }
            ("apache", "kafka" | "kafka-native") => Some(Self::Apache),
            (_, "cp-kafka" | "cp-server" | "cp-enterprise-kafka") => Some(Self::Confluent),
            ("wurstmeister", "kafka") => Some(Self::Wurstmeister),
            ("strimzi" | "strimzi-kafka", "kafka") => Some(Self::Nothing),
            (_, "kafka" | "confluent-local") => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The packaging that the model knows.
    pub(super) fn distribution(self) -> KafkaDistribution {
        match self {
            Self::Bitnami => KafkaDistribution::Bitnami,
            Self::Apache => KafkaDistribution::Apache,
            Self::Confluent => KafkaDistribution::Confluent,
            Self::Wurstmeister | Self::Nothing | Self::Unknown => KafkaDistribution::Other,
        }
    }

    /// The image's name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bitnami => "bitnami/kafka",
            Self::Apache => "apache/kafka",
            Self::Confluent => "confluentinc/cp-kafka",
            Self::Wurstmeister => "wurstmeister/kafka",
            Self::Nothing | Self::Unknown => "this image",
        }
    }

    /// The property that a variable becomes; `None` for variables that become none.
    pub(super) fn property(self, variable: &str) -> Option<String> {
        match self {
            Self::Bitnami => bitnami_property(variable),
            Self::Apache | Self::Confluent => dotted(variable).map(|name| unescape(&name)),
            Self::Wurstmeister => dotted(variable),
            Self::Unknown => dotted(variable).or_else(|| bare_property(variable)),
            Self::Nothing => None,
        }
    }

    /// The variable that would set a property.
    fn variable(self, property: &str) -> Option<String> {
        let upper = property.to_ascii_uppercase().replace('.', "_");
        match self {
            Self::Bitnami => Some(format!("KAFKA_CFG_{upper}")),
            Self::Apache | Self::Confluent | Self::Wurstmeister => Some(format!("KAFKA_{upper}")),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

fn bitnami_property(variable: &str) -> Option<String> {
    let new = new_bitnami_name(variable).unwrap_or_else(|| variable.to_owned());
    if new == "KAFKA_CFG_ZOOKEEPER_CLIENTCNXNSOCKET" {
        return Some("zookeeper.clientCnxnSocket".to_owned());
    }
    let name = new.strip_prefix("KAFKA_CFG_")?.to_ascii_lowercase().replace('_', ".");
    Some(name.replace("sasl.ssl", "sasl_ssl").replace("sasl.plaintext", "sasl_plaintext"))
}

/// The `KAFKA_CFG_…` name that an old name is copied to.
fn new_bitnami_name(variable: &str) -> Option<String> {
    if let Some((_, new)) = BITNAMI_RENAMED.iter().find(|(old, _)| *old == variable) {
        return Some((*new).to_owned());
    }
    let rest = variable.strip_prefix("KAFKA_")?;
    BITNAMI_OLD.contains(&rest).then(|| format!("KAFKA_CFG_{rest}"))
}

fn dotted(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("KAFKA_").filter(|_| !SCRIPT_NAMES.contains(&variable))?;
    let name = rest.to_ascii_lowercase().replace('_', ".");
    // `KAFKA_CFG_X` would become a property `cfg.x`, which no broker knows.
    (!name.starts_with("cfg.")).then_some(name)
}

/// Names without the prefix, as `debezium/kafka` and `ubuntu/kafka` have them.
fn bare_property(variable: &str) -> Option<String> {
    let property = match variable {
        "BROKER_ID" => "broker.id",
        "NODE_ID" => "node.id",
        "ZOOKEEPER_CONNECT" | "ZOOKEEPER_HOST" => "zookeeper.connect",
        _ => return None,
    };
    Some(property.to_owned())
}

/// `___` stands for a dash and `__` for an underscore.
fn unescape(dotted: &str) -> String {
    dotted.replace("...", "-").replace("..", "_")
}

/// What environment gives: properties, and variables without effect.
#[derive(Default)]
pub(super) struct FromEnvironment {
    pub(super) settings: Settings,
    pub(super) not_applied: Vec<NotApplied>,
}

/// Turns the environment of a service into properties as its image does.
pub(super) fn from_environment(service: &Service, convention: Convention) -> FromEnvironment {
    let mut out = FromEnvironment::default();
    let environment = &service.environment;
    for (variable, value) in environment {
        let Some(property) = convention.property(variable) else {
            out.not_applied.extend(without_effect(variable, value, convention));
            continue;
        };
        // An old name is copied over the new one, so it wins where both are given.
        let winner = overruling_old_name(environment, variable, convention);
        if let Some(winner) = winner.filter(|winner| winner.value != value.value) {
            out.not_applied.extend(overruled(variable, value, winner, &property));
        } else {
            out.settings.set(property, filled_at_start(value, convention));
        }
    }
    if matches!(convention, Convention::Apache | Convention::Confluent) {
        derive_listeners(&mut out.settings, convention);
    }
    if matches!(convention, Convention::Wurstmeister | Convention::Unknown) {
        derive_advertised(&mut out.settings);
    }
    out
}

/// `_{HOSTNAME_COMMAND}` and the like stand for what a command prints in the container: the start
/// script of `wurstmeister/kafka` fills it in.
fn filled_at_start(value: &Located<String>, convention: Convention) -> Located<String> {
    let fills = matches!(convention, Convention::Wurstmeister | Convention::Unknown);
    let command = value.value.split_once("_{").and_then(|(_, rest)| rest.split_once('}'));
    match (command.filter(|_| fills), value.place()) {
        (Some((name, _)), Some(place)) => {
            let unset = vec![name.to_owned()];
            let origin = Interpolated { place, from: Vec::new(), unset }.into();
            Located { value: value.value.clone(), origin }
        }
        _ => value.clone(),
    }
}

/// The value of the old name, where `variable` is a new name that bitnami overwrites with it.
fn overruling_old_name<'a>(
    environment: &'a BTreeMap<String, Located<String>>,
    variable: &str,
    convention: Convention,
) -> Option<&'a Located<String>> {
    if convention != Convention::Bitnami || !variable.starts_with("KAFKA_CFG_") {
        return None;
    }
    environment
        .iter()
        .filter(|(name, _)| new_bitnami_name(name).as_deref() == Some(variable))
        .map(|(_, value)| value)
        .next_back()
}

fn overruled(
    variable: &str,
    value: &Located<String>,
    winner: &Located<String>,
    property: &str,
) -> Option<NotApplied> {
    Some(NotApplied {
        key: value.with(variable.to_owned()),
        value: value.clone(),
        means: Some(property.to_owned()),
        why: WhyNotApplied::Overruled {
            place: winner.place()?,
            rule: "bitnami/kafka copies the old name over KAFKA_CFG_…".to_owned(),
        },
        instead: Some(winner.clone()),
    })
}

/// A variable that looks like a broker property and becomes none with this image.
fn without_effect(
    variable: &str,
    value: &Located<String>,
    convention: Convention,
) -> Option<NotApplied> {
    if matches!(convention, Convention::Nothing | Convention::Unknown) {
        return None;
    }
    let property = meant(variable)?;
    Some(NotApplied {
        key: value.with(variable.to_owned()),
        value: value.clone(),
        means: Some(property.clone()),
        why: WhyNotApplied::UnknownKey {
            by: convention.name().to_owned(),
            spelling: convention.variable(&property),
        },
        instead: None,
    })
}

/// The property that a variable names under any convention, where its loss matters.
pub(super) fn meant(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("KAFKA_CFG_").or_else(|| variable.strip_prefix("KAFKA_"))?;
    let property = rest.to_ascii_lowercase().replace('_', ".");
    TELLING.contains(&property.as_str()).then_some(property)
}

/// Without `KAFKA_LISTENERS` the start script takes the advertised ones, bound to all addresses.
fn derive_listeners(settings: &mut Settings, convention: Convention) {
    let only_controller =
        settings.get("process.roles").is_some_and(|roles| roles.value.trim() == "controller");
    let is_set = |name: &str| settings.get(name).is_some_and(|value| !value.value.is_empty());
    if only_controller || is_set("listeners") || !is_set("advertised.listeners") {
        return;
    }
    let derived: Vec<String> = settings
        .list("advertised.listeners")
        .iter()
        .map(|listener| bind_to_all(&listener.value))
        .collect();
    let of = format!("{} image, from KAFKA_ADVERTISED_LISTENERS", convention.name());
    let origin = Origin::default_of(of, "the image's start script (configure)");
    settings.set("listeners", Located { value: derived.join(","), origin });
}

/// The old `advertised.host.name` and `advertised.port` say what `advertised.listeners` says.
fn derive_advertised(settings: &mut Settings) {
    let Some(host) = settings.get("advertised.host.name").filter(|host| !host.value.is_empty())
    else {
        return;
    };
    let port = settings.get("advertised.port").or_else(|| settings.get("port"));
    let port = port.map_or("9092", |port| port.value.as_str());
    let value = format!("PLAINTEXT://{}:{port}", host.value);
    let listener = made(host, value);
    settings.set_default("advertised.listeners", || listener);
}

fn bind_to_all(listener: &str) -> String {
    let Some((scheme, rest)) = listener.split_once("://") else { return listener.to_owned() };
    match rest.rsplit_once(':') {
        Some((_, port)) => format!("{scheme}://0.0.0.0:{port}"),
        None => listener.to_owned(),
    }
}

/// Variables without which the image's start script ends the container.
pub(super) fn missing(service: &Service, convention: Convention) -> Vec<String> {
    let given = |name: &str| {
        service.environment.get(name).is_some_and(|v| !v.value.is_empty() || !v.origin.is_certain())
    };
    let roles = service.environment.get("KAFKA_PROCESS_ROLES").map(|roles| roles.value.trim());
    let mut missing = Vec::new();
    match convention {
        Convention::Apache if given("KAFKA_PROCESS_ROLES") && !given("CLUSTER_ID") => {
            missing.push("CLUSTER_ID".to_owned());
        }
        Convention::Confluent => {
            if given("KAFKA_PROCESS_ROLES") {
                missing.extend((!given("CLUSTER_ID")).then(|| "CLUSTER_ID".to_owned()));
            } else if !given("KAFKA_ZOOKEEPER_CONNECT") {
                missing.push("KAFKA_PROCESS_ROLES".to_owned());
            }
            if roles != Some("controller") && !given("KAFKA_ADVERTISED_LISTENERS") {
                missing.push("KAFKA_ADVERTISED_LISTENERS".to_owned());
            }
        }
        _ => {}
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::service;

    fn get<'a>(from: &'a FromEnvironment, name: &str) -> Option<&'a str> {
        from.settings.get(name).map(|value| value.value.as_str())
    }

    #[test]
    fn names_become_properties_as_each_image_does_it() {
        let cases = [
            (Convention::Bitnami, "KAFKA_CFG_NODE_ID", Some("node.id")),
            (Convention::Bitnami, "KAFKA_NODE_ID", Some("node.id")),
            (Convention::Bitnami, "KAFKA_LOGS_DIRS", Some("log.dirs")),
            (Convention::Bitnami, "KAFKA_MIN_INSYNC_REPLICAS", None),
            (
                Convention::Bitnami,
                "KAFKA_CFG_LISTENER_NAME_SASL_SSL_X",
                Some("listener.name.sasl_ssl.x"),
            ),
            (Convention::Apache, "KAFKA_MIN_INSYNC_REPLICAS", Some("min.insync.replicas")),
            (Convention::Apache, "KAFKA_A__B___C", Some("a_b-c")),
            (Convention::Apache, "KAFKA_HEAP_OPTS", None),
            (Convention::Apache, "KAFKA_CFG_NODE_ID", None),
            (
                Convention::Confluent,
                "KAFKA_DEFAULT_REPLICATION_FACTOR",
                Some("default.replication.factor"),
            ),
            (Convention::Nothing, "KAFKA_NODE_ID", None),
            (Convention::Unknown, "ZOOKEEPER_CONNECT", Some("zookeeper.connect")),
        ];
        for (convention, variable, property) in cases {
            assert_eq!(convention.property(variable).as_deref(), property, "{variable}");
        }
    }

    #[test]
    fn images_are_known_behind_other_registries() {
        assert_eq!(
            Convention::of_repository("mirror/bitnamilegacy/kafka"),
            Some(Convention::Bitnami)
        );
        assert_eq!(Convention::of_repository("provectuslabs/kafka-ui"), None);
        assert_eq!(Convention::of_repository("confluentinc/cp-kafka-connect"), None);
    }

    #[test]
    fn a_variable_of_another_image_is_told_with_its_right_name() {
        let service = service("kafka", &[("KAFKA_MIN_INSYNC_REPLICAS", "2"), ("KAFKA_OPTS", "-x")]);
        let from = from_environment(&service, Convention::Bitnami);
        assert_eq!(from.not_applied.len(), 1);
        let WhyNotApplied::UnknownKey { spelling, .. } = &from.not_applied[0].why else { panic!() };
        assert_eq!(spelling.as_deref(), Some("KAFKA_CFG_MIN_INSYNC_REPLICAS"));
    }

    #[test]
    fn the_old_bitnami_name_wins() {
        let env = [("KAFKA_CFG_NUM_PARTITIONS", "3"), ("KAFKA_NUM_PARTITIONS", "6")];
        let from = from_environment(&service("kafka", &env), Convention::Bitnami);
        assert_eq!(get(&from, "num.partitions"), Some("6"));
        assert!(matches!(from.not_applied[0].why, WhyNotApplied::Overruled { .. }));
    }

    #[test]
    fn listeners_follow_from_the_advertised_ones() {
        let env = [("KAFKA_ADVERTISED_LISTENERS", "IN://kafka:19092,OUT://localhost:9092")];
        let from = from_environment(&service("kafka", &env), Convention::Confluent);
        assert_eq!(get(&from, "listeners"), Some("IN://0.0.0.0:19092,OUT://0.0.0.0:9092"));
        let old = [("KAFKA_ADVERTISED_HOST_NAME", "10.0.0.5"), ("KAFKA_PORT", "9093")];
        let from = from_environment(&service("kafka", &old), Convention::Wurstmeister);
        assert_eq!(get(&from, "advertised.listeners"), Some("PLAINTEXT://10.0.0.5:9093"));
    }

    #[test]
    fn what_a_command_prints_is_not_certain() {
        let env = [("KAFKA_ADVERTISED_LISTENERS", "SSL://_{HOSTNAME_COMMAND}:9093")];
        let from = from_environment(&service("kafka", &env), Convention::Wurstmeister);
        let listeners = from.settings.get("advertised.listeners");
        assert!(listeners.is_some_and(|listeners| !listeners.origin.is_certain()));
    }

    #[test]
    fn start_scripts_ask_for_variables() {
        let kraft = service("kafka", &[("KAFKA_PROCESS_ROLES", "broker")]);
        assert_eq!(missing(&kraft, Convention::Apache), ["CLUSTER_ID"]);
        assert_eq!(
            missing(&kraft, Convention::Confluent),
            ["CLUSTER_ID", "KAFKA_ADVERTISED_LISTENERS"]
        );
        assert_eq!(missing(&service("kafka", &[]), Convention::Bitnami), [""; 0]);
    }
}
