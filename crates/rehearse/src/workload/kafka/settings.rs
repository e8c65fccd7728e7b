//! An application's settings, by the names of the Java client, in librdkafka's.

use std::collections::BTreeMap;
use std::time::Duration;

/// Settings as librdkafka takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// By librdkafka's names.
    pub settings: BTreeMap<String, String>,
    /// `max.block.ms`, which librdkafka does not have.
    pub max_block: Option<Duration>,
    /// What librdkafka has nothing for, or what cannot be had here.
    pub left_out: Vec<String>,
}

/// Names that both know and mean the same by.
const SAME: &[&str] = &[
    "acks",
    "auto.commit.interval.ms",
    "batch.size",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.idempotence",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "metadata.recovery.strategy",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
];

/// Names of librdkafka that mean the same as one of the Java client.
const RENAMED: &[(&str, &str)] =
    &[("fetch.max.wait.ms", "fetch.wait.max.ms"), ("request.timeout.ms", "socket.timeout.ms")];

/// What the run itself decides.
const OWN: &[&str] = &["auto.offset.reset", "bootstrap.servers", "group.id", "group.instance.id"];

/// Settings of a Java client in librdkafka's words. Values that librdkafka refuses are cut to what
/// it takes.
pub fn from_java<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Translated {
    let mut done = Translated::default();
    for (name, value) in settings {
        let value = value.trim();
        if name == "max.block.ms" {
            done.max_block = value.parse().ok().map(Duration::from_millis);
        } else if let Some((_, other)) = RENAMED.iter().find(|(java, _)| *java == name) {
            done.settings.insert((*other).to_owned(), value.to_owned());
        } else if SAME.contains(&name) {
            done.settings.insert(name.to_owned(), value.to_owned());
        } else if name == "compression.type" {
            match value {
                "zstd" => done.left_out.push("compression.type=zstd".to_owned()),
                _ => _ = done.settings.insert(name.to_owned(), value.to_owned()),
            }
        } else if !OWN.contains(&name) && !is_code(name) {
            done.left_out.push(name.to_owned());
        }
    }
    fit(&mut done.settings);
    done.left_out.sort_unstable();
    done
}

/// Classes and what belongs to them, which say nothing about brokers.
fn is_code(name: &str) -> bool {
    const ENDINGS: &[&str] = &["serializer", "deserializer", "classes", "class", "reporters"];
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || name.contains(".json.")
}

/// Cuts values to librdkafka's ranges (its CONFIGURATION.md).
fn fit(settings: &mut BTreeMap<String, String>) {
    const RANGES: &[(&str, i64, i64)] = &[
        ("socket.timeout.ms", 10, 300_000),
        ("socket.connection.setup.timeout.ms", 1000, 2_147_483_647),
        ("delivery.timeout.ms", 0, 2_147_483_647),
        ("linger.ms", 0, 900_000),
        ("metadata.max.age.ms", 1, 86_400_000),
        ("retry.backoff.ms", 1, 300_000),
        ("retry.backoff.max.ms", 1, 300_000),
        ("reconnect.backoff.ms", 0, 3_600_000),
        ("reconnect.backoff.max.ms", 0, 3_600_000),
        ("fetch.wait.max.ms", 0, 300_000),
        ("heartbeat.interval.ms", 1, 3_600_000),
        ("session.timeout.ms", 1, 3_600_000),
        ("max.poll.interval.ms", 1, 86_400_000),
        ("batch.size", 1, 2_147_483_647),
    ];
    for (name, least, most) in RANGES {
        if let Some(value) = settings.get_mut(*name)
            && let Ok(number) = value.parse::<i64>()
        {
            *value = number.clamp(*least, *most).to_string();
        }
    }
    let number = |settings: &BTreeMap<String, String>, name: &str| -> Option<i64> {
        settings.get(name)?.parse().ok()
    };
    // An idle fetch must not look like a timeout; the Java client leaves that to its user.
    if let (Some(wait), Some(limit)) =
        (number(settings, "fetch.wait.max.ms"), number(settings, "socket.timeout.ms"))
        && wait + 1000 > limit
    {
        settings.insert("fetch.wait.max.ms".to_owned(), (limit - 1000).max(0).to_string());
    }
    if let (Some(session), Some(poll)) =
        (number(settings, "session.timeout.ms"), number(settings, "max.poll.interval.ms"))
        && poll < session
    {
        settings.insert("max.poll.interval.ms".to_owned(), session.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_keep_their_meaning_under_other_names() {
        let done = from_java([
            ("request.timeout.ms", "30000"),
            ("max.block.ms", "60000"),
            ("delivery.timeout.ms", "120000"),
            ("acks", "all"),
            ("bootstrap.servers", "a:1"),
            ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
            ("buffer.memory", "33554432"),
        ]);
        let settings: Vec<_> =
            done.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let expected =
            [("acks", "all"), ("delivery.timeout.ms", "120000"), ("socket.timeout.ms", "30000")];
        assert_eq!(settings, expected);
        assert_eq!(done.max_block, Some(Duration::from_mins(1)));
        assert_eq!(done.left_out, ["buffer.memory"]);
    }

    #[test]
    fn values_that_would_be_refused_are_cut() {
        let done = from_java([
            ("request.timeout.ms", "600000"),
            ("fetch.max.wait.ms", "299500"),
            ("session.timeout.ms", "45000"),
            ("max.poll.interval.ms", "1000"),
            ("compression.type", "zstd"),
        ]);
        assert_eq!(done.settings["socket.timeout.ms"], "300000");
        assert_eq!(done.settings["fetch.wait.max.ms"], "299000");
        assert_eq!(done.settings["max.poll.interval.ms"], "45000");
        assert_eq!(done.left_out, ["compression.type=zstd"]);
    }
}
