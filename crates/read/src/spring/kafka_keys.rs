//! Spring Boot's own keys for Kafka clients, and Kafka's names.
//!
//! `KafkaProperties` of Spring Boot 2.3 to 3.5. Everything else must stand in a `properties` map
//! (Spring Boot documentation, "Additional Kafka Properties"); a key that Spring Boot does not
//! know is ignored without a word.

use wonin_model::{ClientKind, distance};

/// How a value is turned into Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As it is.
    Plain,
    /// A duration, to milliseconds.
    Duration,
    /// A size, to bytes.
    Size,
    /// Lower case.
    Lower,
}

/// One dedicated key: what follows the section, Kafka's name, the unit, and the first Spring Boot
/// version that has it.
type Key = (&'static str, &'static str, Unit, (u32, u32));

const ANY: (u32, u32) = (0, 0);

const CONSUMER: &[Key] = &[
    ("auto-commit-interval", "auto.commit.interval.ms", Unit::Duration, ANY),
    ("auto-offset-reset", "auto.offset.reset", Unit::Plain, ANY),
    ("bootstrap-servers", "bootstrap.servers", Unit::Plain, ANY),
    ("client-id", "client.id", Unit::Plain, ANY),
    ("enable-auto-commit", "enable.auto.commit", Unit::Plain, ANY),
    ("fetch-max-wait", "fetch.max.wait.ms", Unit::Duration, ANY),
    ("fetch-min-size", "fetch.min.bytes", Unit::Size, ANY),
    ("group-id", "group.id", Unit::Plain, ANY),
    ("heartbeat-interval", "heartbeat.interval.ms", Unit::Duration, ANY),
    ("isolation-level", "isolation.level", Unit::Lower, ANY),
    ("key-deserializer", "key.deserializer", Unit::Plain, ANY),
    ("max-poll-interval", "max.poll.interval.ms", Unit::Duration, (3, 5)),
    ("max-poll-records", "max.poll.records", Unit::Plain, ANY),
    ("value-deserializer", "value.deserializer", Unit::Plain, ANY),
];

const PRODUCER: &[Key] = &[
    ("acks", "acks", Unit::Plain, ANY),
    ("batch-size", "batch.size", Unit::Size, ANY),
    ("bootstrap-servers", "bootstrap.servers", Unit::Plain, ANY),
    ("buffer-memory", "buffer.memory", Unit::Size, ANY),
    ("client-id", "client.id", Unit::Plain, ANY),
    ("compression-type", "compression.type", Unit::Plain, ANY),
    ("key-serializer", "key.serializer", Unit::Plain, ANY),
    ("retries", "retries", Unit::Plain, ANY),
    ("value-serializer", "value.serializer", Unit::Plain, ANY),
];

const ADMIN: &[Key] = &[("client-id", "client.id", Unit::Plain, ANY)];

/// Keys of all clients, directly under `spring.kafka`.
const COMMON: &[Key] = &[
    ("bootstrap-servers", "bootstrap.servers", Unit::Plain, ANY),
    ("client-id", "client.id", Unit::Plain, ANY),
];

/// Known keys that are not single Kafka settings; a final dot stands for all below.
const CONSUMER_OTHER: &[&str] = &["properties.", "security.", "ssl."];
const PRODUCER_OTHER: &[&str] = &["properties.", "security.", "ssl.", "transaction-id-prefix"];
const ADMIN_OTHER: &[&str] = &[
    "auto-create",
    "close-timeout",
    "fail-fast",
    "modify-topic-configs",
    "operation-timeout",
    "properties.",
    "security.",
    "ssl.",
];
const STREAMS_OTHER: &[&str] = &[
    "application-id",
    "auto-startup",
    "bootstrap-servers",
    "cache-max-size-buffering",
    "cleanup.",
    "client-id",
    "properties.",
    "replication-factor",
    "security.",
    "ssl.",
    "state-dir",
    "state-store-cache-max-size",
];
const COMMON_OTHER: &[&str] = &[
    "admin.",
    "consumer.",
    "jaas.",
    "listener.",
    "producer.",
    "properties.",
    "retry.",
    "security.",
    "ssl.",
    "streams.",
    "template.",
];

/// Settings of every Java client.
const KAFKA_COMMON: &[&str] = &[
    "bootstrap.servers",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "enable.metrics.push",
    "interceptor.classes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.jaas.config",
    "sasl.mechanism",
    "security.protocol",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
];
const KAFKA_PRODUCER: &[&str] = &[
    "acks",
    "batch.size",
    "buffer.memory",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "key.serializer",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "metadata.max.idle.ms",
    "partitioner.class",
    "retries",
    "transaction.timeout.ms",
    "transactional.id",
    "value.serializer",
];
const KAFKA_CONSUMER: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "enable.auto.commit",
    "exclude.internal.topics",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "heartbeat.interval.ms",
    "isolation.level",
    "key.deserializer",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "value.deserializer",
];
const KAFKA_ADMIN: &[&str] = &["retries"];

/// A section of `spring.kafka`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Common,
    Consumer,
    Producer,
    Admin,
    Streams,
}

impl Section {
    /// The section of a canonical name, and what follows it.
    pub(crate) fn of(name: &str) -> Option<(Self, &str)> {
        let rest = name.strip_prefix("spring.kafka.")?;
        let sections = [
            ("consumer.", Self::Consumer),
            ("producer.", Self::Producer),
            ("admin.", Self::Admin),
            ("streams.", Self::Streams),
        ];
        let found =
            sections.iter().find_map(|(prefix, of)| Some((*of, rest.strip_prefix(prefix)?)));
        Some(found.unwrap_or((Self::Common, rest)))
    }

    /// The section of a client.
    pub(crate) fn of_kind(kind: ClientKind) -> Self {
        match kind {
            ClientKind::Producer => Self::Producer,
            ClientKind::Consumer => Self::Consumer,
            ClientKind::Admin => Self::Admin,
            ClientKind::Unknown => Self::Common,
        }
    }

    /// Its canonical prefix with the final dot.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Common => "spring.kafka.",
            Self::Consumer => "spring.kafka.consumer.",
            Self::Producer => "spring.kafka.producer.",
            Self::Admin => "spring.kafka.admin.",
            Self::Streams => "spring.kafka.streams.",
        }
    }

    fn keys(self) -> &'static [Key] {
        match self {
            Self::Common => COMMON,
            Self::Consumer => CONSUMER,
            Self::Producer => PRODUCER,
            Self::Admin => ADMIN,
            Self::Streams => &[],
        }
    }

    fn others(self) -> &'static [&'static str] {
        match self {
            Self::Common => COMMON_OTHER,
            Self::Consumer => CONSUMER_OTHER,
            Self::Producer => PRODUCER_OTHER,
            Self::Admin => ADMIN_OTHER,
            Self::Streams => STREAMS_OTHER,
        }
    }

    /// Whether Kafka itself has a setting of this name for clients of the section.
    fn takes(self, kafka: &str) -> bool {
        let own: &[&[&str]] = match self {
            Self::Common | Self::Streams => &[KAFKA_PRODUCER, KAFKA_CONSUMER, KAFKA_ADMIN],
            Self::Consumer => &[KAFKA_CONSUMER],
            Self::Producer => &[KAFKA_PRODUCER],
            Self::Admin => &[KAFKA_ADMIN],
        };
        KAFKA_COMMON.contains(&kafka) || own.iter().any(|names| names.contains(&kafka))
    }
}

/// The Kafka setting that a dedicated key sets, in this Spring Boot version; without a version
/// the key counts as known.
pub(crate) fn dedicated(
    section: Section,
    key: &str,
    boot: Option<(u32, u32)>,
) -> Option<(&'static str, Unit)> {
    let found = section
        .keys()
        .iter()
        .find(|(known, ..)| super::names::uniform(known) == super::names::uniform(key));
    let &(_, kafka, unit, since) = found?;
    boot.is_none_or(|boot| boot >= since).then_some((kafka, unit))
}

/// Whether Spring Boot knows a key of this section in some version up to `boot`.
pub(crate) fn is_known(section: Section, key: &str, boot: Option<(u32, u32)>) -> bool {
    dedicated(section, key, boot).is_some()
        || section.others().iter().any(|other| match other.strip_suffix('.') {
            Some(map) => {
                key == map || key.starts_with(other) || key.starts_with(&format!("{map}["))
            }
            None => super::names::uniform(other) == super::names::uniform(key),
        })
        || section.keys().iter().any(|(known, ..)| {
            // A list written with indices.
            key.split_once('[').is_some_and(|(list, _)| list == *known)
        })
}

/// The Kafka setting that an unknown key means: its own name in another spelling, or a dedicated
/// key with a slip of one or two letters.
pub(crate) fn meant(section: Section, key: &str) -> Option<&'static str> {
    let bare = super::names::bare(key);
    let all = [KAFKA_COMMON, KAFKA_PRODUCER, KAFKA_CONSUMER, KAFKA_ADMIN];
    let by_name = all.iter().copied().flatten().find(|name| super::names::bare(name) == bare);
    by_name.copied().or_else(|| {
        let dedicated = section.keys().iter().find(|(known, ..)| {
            let known = super::names::bare(known);
            // `max-poll-interval` before 3.5 is no slip.
            known == bare || (known.len() > 5 && is_slip(&known, &bare))
        });
        dedicated.map(|(_, kafka, ..)| *kafka)
    })
}

/// Whether words differ by one or two letters.
fn is_slip(known: &str, word: &str) -> bool {
    known.chars().count().abs_diff(word.chars().count()) <= 2 && distance(known, word) <= 2
}

/// The spelling under which this section takes a Kafka setting.
pub(crate) fn spelling(section: Section, kafka: &str) -> Option<String> {
    section.takes(kafka).then(|| format!("{}properties[{kafka}]", section.prefix()))
}

/// Canonical names of all dedicated keys.
pub(crate) fn dedicated_names() -> impl Iterator<Item = String> {
    let sections = [Section::Common, Section::Consumer, Section::Producer, Section::Admin];
    sections.into_iter().flat_map(|section| {
        section.keys().iter().map(move |(key, ..)| format!("{}{key}", section.prefix()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_dedicated_keys() {
        let (section, key) = Section::of("spring.kafka.consumer.heartbeat-interval").unwrap();
        assert_eq!(section, Section::Consumer);
        assert_eq!(dedicated(section, key, None), Some(("heartbeat.interval.ms", Unit::Duration)));
        assert!(!is_known(Section::Consumer, "heartbeat.interval.ms", None));
        assert!(is_known(Section::Consumer, "properties.session.timeout.ms", None));
        assert!(is_known(Section::Consumer, "bootstrap-servers[0]", None));
        assert!(is_known(Section::Producer, "ssl.key-store-location", None));
        assert!(is_known(Section::Common, "listener.concurrency", None));
    }

    #[test]
    fn the_version_decides_about_the_poll_interval() {
        let known = |boot| is_known(Section::Consumer, "max-poll-interval", Some(boot));
        assert!(known((3, 5)) && !known((3, 4)));
        assert_eq!(meant(Section::Consumer, "max-poll-interval"), Some("max.poll.interval.ms"));
    }

    #[test]
    fn unknown_keys_tell_what_they_mean() {
        for (key, kafka) in [
            ("session.timeout.ms", Some("session.timeout.ms")),
            ("metadata-max-age-ms", Some("metadata.max.age.ms")),
            ("session-timeout-ms", Some("session.timeout.ms")),
            ("auto-ofset-reset", Some("auto.offset.reset")),
            ("topic", None),
        ] {
            assert_eq!(meant(Section::Consumer, key), kafka, "{key}");
        }
        assert_eq!(
            spelling(Section::Producer, "max.block.ms").as_deref(),
            Some("spring.kafka.producer.properties[max.block.ms]")
        );
        assert_eq!(spelling(Section::Consumer, "max.block.ms"), None);
    }
}
