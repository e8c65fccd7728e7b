//! What the Kafka client's own rules say about numbers (failure-knowledge 2.1 to 2.3).

use wonin_model::{ClientKind, ClientLibrary, KafkaBroker, KafkaClient, Located, Stack};

use super::clients::View;
use super::kafka::{cluster_of, clusters};

/// Settings of clients and brokers that decide how something fails, the most telling first.
pub(crate) const MATTERS: &[&str] = &[
    "bootstrap.servers",
    "max.block.ms",
    "request.timeout.ms",
    "delivery.timeout.ms",
    "session.timeout.ms",
    "max.poll.interval.ms",
    "heartbeat.interval.ms",
    "acks",
    "enable.idempotence",
    "retries",
    "max.poll.records",
    "transactional.id",
    "isolation.level",
    "enable.auto.commit",
    "auto.offset.reset",
    "default.api.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.timeout.ms",
    "message.timeout.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "metadata.max.age.ms",
    "max.in.flight.requests.per.connection",
    "default.replication.factor",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "advertised.listeners",
    "controller.quorum.voters",
];

/// Below this a gap between polls is over before a slow query, a garbage collection or a retry is.
pub(crate) const SHORT_POLL_INTERVAL_MS: i64 = 10_000;

/// The smallest session that the client's group coordinator accepts
/// (`group.min.session.timeout.ms`), of the broker it talks to, else Kafka's default.
pub(crate) fn minimum_session(stack: &Stack, client: &KafkaClient) -> Located<i64> {
    broker_of(stack, client)
        .and_then(|broker| broker.settings.int("group.min.session.timeout.ms"))
        .unwrap_or_else(|| {
            Located::default_of(
                6000,
                "Apache Kafka 3.9 broker",
                "Kafka documentation, Broker Configs, group.min.session.timeout.ms",
            )
        })
}

/// A broker of the cluster that the client talks to.
pub(crate) fn broker_of<'s>(stack: &'s Stack, client: &KafkaClient) -> Option<&'s KafkaBroker> {
    let clusters = clusters(stack);
    cluster_of(&clusters, stack, client)?.brokers().next()
}

/// Whether the group coordinator's rules about sessions hold for the client: not with the newer
/// group protocol, where the broker chooses.
pub(crate) fn has_classic_group(client: &KafkaClient) -> bool {
    let protocol = client.settings.get("group.protocol");
    client.kind == ClientKind::Consumer
        && protocol.is_none_or(|name| !name.value.eq_ignore_ascii_case("consumer"))
}

/// The mode that would follow if this setting, which does not count now, did as written.
pub(crate) fn literal_harm(view: View, name: &str) -> Option<&'static str> {
    let at = |name: &str| view.int(name).map(|chosen| chosen.value.value);
    let value = at(name)?;
    let java = view.client.library == ClientLibrary::Java;
    match name {
        "session.timeout.ms" if value < 6000 => Some("session-below-broker-minimum"),
        "max.poll.interval.ms" if value < SHORT_POLL_INTERVAL_MS => Some("poll-interval-too-short"),
        "heartbeat.interval.ms" if java && value >= at("session.timeout.ms")? => {
            Some("timeout-budget-inverted")
        }
        "max.block.ms" if value < at("socket.connection.setup.timeout.ms")? => {
            Some("timeout-budget-inverted")
        }
        "delivery.timeout.ms"
            if value < at("linger.ms")?.checked_add(at("request.timeout.ms")?)? =>
        {
            Some("timeout-budget-inverted")
        }
        _ => None,
    }
}
