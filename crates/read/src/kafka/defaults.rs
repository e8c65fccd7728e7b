//! Defaults of Kafka clients and brokers, as tables.
//!
//! Only settings that decide how a client or broker fails are listed. Java clients and brokers as
//! of Apache Kafka 3.9, librdkafka as of 2.x; broker defaults depend on who packaged the broker,
//! because several images start from a configuration file of their own.

use wonin_model::{ClientKind, KafkaDistribution, Origin, Settings};

/// One default: property name and value.
type Row = (&'static str, &'static str);

/// Of every Java client (`CommonClientConfigs`).
const JAVA_COMMON: &[Row] = &[
    ("reconnect.backoff.max.ms", "1000"),
    ("reconnect.backoff.ms", "50"),
    ("request.timeout.ms", "30000"),
    ("retry.backoff.max.ms", "1000"),
    ("retry.backoff.ms", "100"),
    ("metadata.max.age.ms", "300000"),
    ("metadata.recovery.strategy", "none"),
    ("socket.connection.setup.timeout.max.ms", "30000"),
    ("socket.connection.setup.timeout.ms", "10000"),
];

/// Of the Java producer (`ProducerConfig`).
const JAVA_PRODUCER: &[Row] = &[
    ("acks", "all"),
    ("buffer.memory", "33554432"),
    ("connections.max.idle.ms", "540000"),
    ("delivery.timeout.ms", "120000"),
    ("enable.idempotence", "true"),
    ("linger.ms", "0"),
    ("max.block.ms", "60000"),
    ("max.in.flight.requests.per.connection", "5"),
    ("metadata.max.idle.ms", "300000"),
    ("retries", "2147483647"),
    ("transaction.timeout.ms", "60000"),
];

/// Of the Java consumer (`ConsumerConfig`).
const JAVA_CONSUMER: &[Row] = &[
    ("allow.auto.create.topics", "true"),
    ("auto.offset.reset", "latest"),
    ("connections.max.idle.ms", "540000"),
    ("default.api.timeout.ms", "60000"),
    ("enable.auto.commit", "true"),
    ("fetch.max.wait.ms", "500"),
    ("heartbeat.interval.ms", "3000"),
    ("max.poll.interval.ms", "300000"),
    ("max.poll.records", "500"),
    ("session.timeout.ms", "45000"),
];

/// Of the Java admin client (`AdminClientConfig`).
const JAVA_ADMIN: &[Row] = &[
    ("connections.max.idle.ms", "300000"),
    ("default.api.timeout.ms", "60000"),
    ("retries", "2147483647"),
];

/// Of every librdkafka client (`CONFIGURATION.md`).
const RDKAFKA_COMMON: &[Row] = &[
    ("metadata.max.age.ms", "900000"),
    ("metadata.recovery.rebootstrap.trigger.ms", "300000"),
    ("metadata.recovery.strategy", "rebootstrap"),
    ("reconnect.backoff.max.ms", "10000"),
    ("reconnect.backoff.ms", "100"),
    ("retry.backoff.max.ms", "1000"),
    ("retry.backoff.ms", "100"),
    ("socket.connection.setup.timeout.ms", "30000"),
    ("socket.timeout.ms", "60000"),
    ("topic.metadata.refresh.interval.ms", "300000"),
];

/// Of a librdkafka producer. `request.timeout.ms` bounds only the wait of the broker there.
const RDKAFKA_PRODUCER: &[Row] = &[
    ("acks", "all"),
    ("delivery.timeout.ms", "300000"),
    ("enable.idempotence", "false"),
    ("linger.ms", "5"),
    ("max.in.flight.requests.per.connection", "1000000"),
    ("message.timeout.ms", "300000"),
    ("queue.buffering.max.messages", "100000"),
    ("request.timeout.ms", "30000"),
    ("retries", "2147483647"),
    ("topic.metadata.propagation.max.ms", "30000"),
    ("transaction.timeout.ms", "60000"),
];

/// Of a librdkafka consumer.
const RDKAFKA_CONSUMER: &[Row] = &[
    ("allow.auto.create.topics", "false"),
    ("auto.offset.reset", "largest"),
    ("enable.auto.commit", "true"),
    ("fetch.wait.max.ms", "500"),
    ("heartbeat.interval.ms", "3000"),
    ("max.poll.interval.ms", "300000"),
    ("session.timeout.ms", "45000"),
];

/// librdkafka's second names for the same setting.
const RDKAFKA_ALIASES: &[(&str, &str)] = &[
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("retries", "message.send.max.retries"),
    ("acks", "request.required.acks"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("max.in.flight.requests.per.connection", "max.in.flight"),
    ("bootstrap.servers", "metadata.broker.list"),
];

/// Of every broker, whatever base file its image starts from: no shipped file sets them.
const BROKER_CODE: &[Row] = &[
    ("auto.create.topics.enable", "true"),
    ("connections.max.idle.ms", "600000"),
    ("default.replication.factor", "1"),
    ("group.max.session.timeout.ms", "1800000"),
    ("group.min.session.timeout.ms", "6000"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.num.partitions", "50"),
    ("replica.fetch.wait.max.ms", "500"),
    ("replica.lag.time.max.ms", "30000"),
    ("replica.socket.timeout.ms", "30000"),
    ("transaction.max.timeout.ms", "900000"),
    ("unclean.leader.election.enable", "false"),
];

/// Rows of [`BROKER_CODE`] whose value was another one before 2.5.
const CHANGED_IN_2: &[&str] = &["group.max.session.timeout.ms", "replica.lag.time.max.ms"];

/// Of brokers that are started without the files that Kafka ships.
const BROKER_CODE_ONLY: &[Row] = &[
    ("group.initial.rebalance.delay.ms", "3000"),
    ("num.partitions", "1"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("transaction.state.log.replication.factor", "3"),
];

/// What Kafka's `config/server.properties` sets and images that start from it keep.
const BROKER_SHIPPED: &[Row] = &[
    ("num.partitions", "1"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.replication.factor", "1"),
];

/// Only the file of the ZooKeeper mode, which ended with 3.9, sets this.
const BROKER_SHIPPED_ZOOKEEPER: &[Row] = &[("group.initial.rebalance.delay.ms", "0")];

/// Of nodes in KRaft mode.
const BROKER_KRAFT: &[Row] = &[
    ("broker.heartbeat.interval.ms", "2000"),
    ("broker.session.timeout.ms", "9000"),
    ("controller.quorum.append.linger.ms", "25"),
    ("controller.quorum.election.backoff.max.ms", "1000"),
    ("controller.quorum.election.timeout.ms", "1000"),
    ("controller.quorum.fetch.timeout.ms", "2000"),
    ("controller.quorum.request.timeout.ms", "2000"),
    ("controller.quorum.retry.backoff.ms", "20"),
    ("initial.broker.registration.timeout.ms", "60000"),
];

/// The file that `apache/kafka` uses when nothing is configured at all (`docker/server.properties`).
const APACHE_PACKAGED: &[Row] = &[
    ("advertised.listeners", "PLAINTEXT://localhost:9092"),
    ("controller.listener.names", "CONTROLLER"),
    ("controller.quorum.voters", "1@localhost:9093"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
    ("node.id", "1"),
    ("process.roles", "broker,controller"),
];

/// Sets what is not set yet to the defaults of a Java client of Apache Kafka 3.9
/// (failure-knowledge 2.1). For a kind that is not known only the defaults that all kinds share.
pub(crate) fn fill_java(settings: &mut Settings, kind: ClientKind) {
    let (own, of, source): (&[Row], _, _) = match kind {
        ClientKind::Producer => (JAVA_PRODUCER, "producer", "producer configs"),
        ClientKind::Consumer => (JAVA_CONSUMER, "consumer", "consumer configs"),
        ClientKind::Admin => (JAVA_ADMIN, "admin client", "admin configs"),
        ClientKind::Unknown => (&[], "client", "producer, consumer and admin configs"),
    };
    let of = format!("Apache Kafka 3.9 {of}");
    let source = format!("Apache Kafka 3.9 documentation, {source}");
    fill(settings, JAVA_COMMON, &of, &source);
    fill(settings, own, &of, &source);
}

/// Sets what is not set yet to the defaults of librdkafka (failure-knowledge 2.3), after a second
/// name of a setting has been brought to the first one.
pub(crate) fn fill_librdkafka(settings: &mut Settings, kind: ClientKind) {
    for (name, alias) in RDKAFKA_ALIASES {
        for (to, from) in [(name, alias), (alias, name)] {
            if let Some(value) = settings.written(from).cloned() {
                settings.set_default(to, || value);
            }
        }
    }
    let own: &[Row] = match kind {
        ClientKind::Producer => RDKAFKA_PRODUCER,
        ClientKind::Consumer => RDKAFKA_CONSUMER,
        ClientKind::Admin | ClientKind::Unknown => &[],
    };
    let source = "librdkafka CONFIGURATION.md";
    fill(settings, RDKAFKA_COMMON, "librdkafka 2", source);
    fill(settings, own, "librdkafka 2", source);
}

/// Sets what is not set yet to what a broker of this packaging uses: first what the image's base
/// file sets, then Kafka's own defaults (failure-knowledge 1.3, 1.5). `version` is Kafka's (`3.9`),
/// whatever the packager counts; without one, defaults that changed between versions are left
/// out. Nothing is claimed for an image whose conventions are not known.
pub(crate) fn fill_broker(
    settings: &mut Settings,
    distribution: KafkaDistribution,
    version: Option<&str>,
) {
    match distribution {
        KafkaDistribution::Other => {}
        KafkaDistribution::Bitnami => {
            let of = match version {
                Some(version) => format!("bitnami/kafka {version} image"),
                None => "bitnami/kafka image".to_owned(),
            };
            fill_shipped(settings, &of, version);
        }
        KafkaDistribution::Apache => {
            fill_packaged_apache(settings);
            fill_code(settings, version, true);
        }
        KafkaDistribution::Confluent | KafkaDistribution::Properties => {
            fill_code(settings, version, true);
        }
    }
}

/// What an image keeps that writes environment into Kafka's own `config/server.properties`, then
/// Kafka's own defaults.
pub(super) fn fill_shipped(settings: &mut Settings, of: &str, version: Option<&str>) {
    let source = "Apache Kafka config/server.properties, the image's base file";
    fill(settings, BROKER_SHIPPED, of, source);
    // Which file a tag without version starts from is not known.
    let zookeeper_file = version.and_then(|version| is_before(version, (4, 0)));
    if zookeeper_file == Some(true) {
        fill(settings, BROKER_SHIPPED_ZOOKEEPER, of, source);
    }
    fill_code(settings, version, zookeeper_file == Some(false));
}

/// `apache/kafka` uses its packaged file only when no property is given at all.
fn fill_packaged_apache(settings: &mut Settings) {
    if settings.iter().next().is_none() {
        let of = "apache/kafka image without configuration";
        let source = "Apache Kafka docker/server.properties";
        fill(settings, APACHE_PACKAGED, of, source);
        fill(settings, BROKER_SHIPPED, of, source);
    }
}

/// Kafka's own defaults; `version` is Kafka's. `all` includes those that shipped files set.
fn fill_code(settings: &mut Settings, version: Option<&str>, all: bool) {
    let of = "Apache Kafka 3.9 broker";
    let source = "Apache Kafka 3.9 documentation, broker configs";
    let old = version.and_then(|version| is_before(version, (2, 5))) == Some(true);
    let rows = BROKER_CODE.iter().filter(|(name, _)| !old || !CHANGED_IN_2.contains(name));
    let rows: Vec<Row> = rows.copied().collect();
    fill(settings, &rows, of, source);
    if all {
        fill(settings, BROKER_CODE_ONLY, of, source);
    }
    if settings.get("process.roles").is_some_and(|roles| !roles.value.trim().is_empty()) {
        fill(settings, BROKER_KRAFT, of, source);
    }
}

fn fill(settings: &mut Settings, rows: &[Row], of: &str, source: &str) {
    settings.set_defaults(rows, &Origin::default_of(of.to_owned(), source.to_owned()));
}

/// Whether a version text (`3.9.0-debian-12`) is below a major and minor number; `None` where the
/// text does not tell.
pub(super) fn is_before(version: &str, bound: (u32, u32)) -> Option<bool> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let major = parts.next().flatten()?;
    match parts.next().flatten() {
        Some(minor) => Some((major, minor) < bound),
        None if major == bound.0 => None,
        None => Some(major < bound.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_model::Located;
    use wonin_text::{FileId, Place, Span};

    fn broker(distribution: KafkaDistribution, version: Option<&str>) -> Settings {
        let mut settings = Settings::default();
        settings.set("process.roles", written("broker"));
        fill_broker(&mut settings, distribution, version);
        settings
    }

    fn written(value: &str) -> Located<String> {
        Located::written(value.into(), Place { file: FileId(0), span: Span::new(0, value.len()) })
    }

    fn value<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
        settings.get(name).map(|value| value.value.as_str())
    }

    #[test]
    fn only_images_with_a_base_file_keep_one_replica_of_offsets() {
        let name = "offsets.topic.replication.factor";
        assert_eq!(value(&broker(KafkaDistribution::Bitnami, Some("3.9")), name), Some("1"));
        assert_eq!(value(&broker(KafkaDistribution::Apache, Some("3.9.0")), name), Some("3"));
        assert_eq!(value(&broker(KafkaDistribution::Confluent, Some("3.6")), name), Some("3"));
        assert_eq!(value(&broker(KafkaDistribution::Other, None), name), None);
    }

    #[test]
    fn apache_without_any_property_uses_its_packaged_file() {
        let mut settings = Settings::default();
        fill_broker(&mut settings, KafkaDistribution::Apache, Some("3.9.0"));
        assert_eq!(value(&settings, "offsets.topic.replication.factor"), Some("1"));
        assert_eq!(value(&settings, "controller.quorum.voters"), Some("1@localhost:9093"));
    }

    #[test]
    fn a_default_that_changed_needs_a_version() {
        let name = "group.initial.rebalance.delay.ms";
        assert_eq!(value(&broker(KafkaDistribution::Bitnami, Some("3.9")), name), Some("0"));
        assert_eq!(value(&broker(KafkaDistribution::Bitnami, Some("4.0.0")), name), Some("3000"));
        assert_eq!(value(&broker(KafkaDistribution::Bitnami, None), name), None);
        let old = broker(KafkaDistribution::Bitnami, Some("2.4"));
        assert_eq!(value(&old, "replica.lag.time.max.ms"), None);
    }

    #[test]
    fn written_values_stay_and_kinds_differ() {
        let mut settings = Settings::default();
        settings.set("max.block.ms", written("1500"));
        fill_java(&mut settings, ClientKind::Producer);
        assert_eq!(value(&settings, "max.block.ms"), Some("1500"));
        assert_eq!(value(&settings, "delivery.timeout.ms"), Some("120000"));
        assert_eq!(value(&settings, "session.timeout.ms"), None);
        let mut unknown = Settings::default();
        fill_java(&mut unknown, ClientKind::Unknown);
        assert_eq!(value(&unknown, "request.timeout.ms"), Some("30000"));
        assert_eq!(value(&unknown, "max.block.ms"), None);
    }

    #[test]
    fn both_names_of_a_librdkafka_setting_count() {
        let mut settings = Settings::default();
        settings.set("message.timeout.ms", written("5000"));
        fill_librdkafka(&mut settings, ClientKind::Producer);
        assert_eq!(value(&settings, "delivery.timeout.ms"), Some("5000"));
        assert_eq!(value(&settings, "enable.idempotence"), Some("false"));
        assert_eq!(value(&settings, "max.block.ms"), None);
    }
}
