//! Which setting ends a wait, told by the text that a client leaves (failure-knowledge 2 and 5).

use std::time::Duration;

/// A setting that bounds waiting for a broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Knob {
    /// Its name, as the application's library calls it.
    pub name: &'static str,
    /// The value that the text itself names, in milliseconds.
    pub said_ms: Option<u64>,
}

/// Whose names are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Those of the Java client.
    #[default]
    Java,
    /// Those of librdkafka.
    Librdkafka,
}

/// A text and its setting: in the Java client's name, in librdkafka's.
struct Rule {
    text: &'static str,
    java: &'static str,
    librdkafka: &'static str,
}

/// The most telling text first: what ended the wait itself, then what only ended one attempt.
const RULES: &[Rule] = &[
    rule("not present in metadata after", "max.block.ms", "max.block.ms"),
    rule("within the configured max blocking time", "max.block.ms", "max.block.ms"),
    rule("ms has passed since batch creation", "delivery.timeout.ms", "message.timeout.ms"),
    rule("Local: Message timed out", "delivery.timeout.ms", "message.timeout.ms"),
    rule("Connection setup timed out", SETUP, SETUP),
    rule("socket connection setup timeout", SETUP, SETUP),
    rule("ApiVersionRequest failed", SETUP, SETUP),
    rule("due to request timeout", "request.timeout.ms", "socket.timeout.ms"),
    rule("request(s) timed out", "request.timeout.ms", "socket.timeout.ms"),
    rule("Timed out", "request.timeout.ms", "socket.timeout.ms"),
    rule("expired before", "default.api.timeout.ms", "socket.timeout.ms"),
    rule("without receiving a heartbeat response", "session.timeout.ms", "session.timeout.ms"),
    rule("maximum poll interval", "max.poll.interval.ms", "max.poll.interval.ms"),
];

const SETUP: &str = "socket.connection.setup.timeout.ms";

const fn rule(text: &'static str, java: &'static str, librdkafka: &'static str) -> Rule {
    Rule { text, java, librdkafka }
}

/// The settings that the texts point at, the one that ended most first. A text with a number that is
/// not its setting's is about another wait, such as one within the library.
pub(super) fn named<'a>(
    texts: &(impl Iterator<Item = &'a str> + Clone),
    bounds: &[Bound],
    names: Names,
) -> Vec<Knob> {
    let of_rule = |rule: &Rule| {
        let name = match names {
            Names::Java => rule.java,
            Names::Librdkafka => rule.librdkafka,
        };
        let bound = bounds.iter().find(|bound| bound.name == name);
        let of_rule = texts.clone().filter(|text| text.contains(rule.text));
        let mut knobs = of_rule.map(|text| Knob { name, said_ms: milliseconds(text) });
        knobs.find(|knob| match (knob.said_ms, bound) {
            (Some(said_ms), Some(bound)) => bound.fits(Duration::from_millis(said_ms)),
            _ => true,
        })
    };
    RULES.iter().filter_map(of_rule).collect()
}

/// The last number before `ms` in a text.
fn milliseconds(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let ends = text.match_indices("ms").map(|(at, _)| at).collect::<Vec<_>>();
    ends.into_iter().rev().find_map(|end| {
        let digits_end = text[..end].trim_end().len();
        let start = bytes[..digits_end].iter().rposition(|byte| !byte.is_ascii_digit());
        let start = start.map_or(0, |at| at + 1);
        text[start..digits_end].parse().ok()
    })
}

/// A setting with its value, as the application has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The setting's name.
    pub name: &'static str,
    /// How long it waits.
    pub lasts: Duration,
    /// The delay of each answer from which on it ends the wait: the wait spans several answers.
    pub answers: u32,
    /// Whether only a client that starts meanwhile waits for it.
    pub is_cold: bool,
}

impl Bound {
    /// Whether a wait of this length may have been ended by it: clients look at the clock about
    /// once a second.
    fn fits(&self, waited: Duration) -> bool {
        let late = self.lasts / 4 + Duration::from_millis(1500);
        waited + Duration::from_millis(100) >= self.lasts && waited <= self.lasts + late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, names: Names) -> Option<(&'static str, Option<u64>)> {
        let knobs = named(&std::iter::once(text), &[], names);
        knobs.first().map(|knob| (knob.name, knob.said_ms))
    }

    #[test]
    fn texts_name_their_setting() {
        for (text, java, librdkafka, ms) in [
            (
                "Topic t not present in metadata after 60000 ms.",
                "max.block.ms",
                "max.block.ms",
                Some(60_000),
            ),
            (
                "Expiring 1 record(s) for t-0:120003 ms has passed since batch creation",
                "delivery.timeout.ms",
                "message.timeout.ms",
                Some(120_003),
            ),
            ("Local: Message timed out", "delivery.timeout.ms", "message.timeout.ms", None),
            (
                "FAIL: a:1/1: Connection setup timed out in state APIVERSION_QUERY (after 10003ms in state APIVERSION_QUERY)",
                "socket.connection.setup.timeout.ms",
                "socket.connection.setup.timeout.ms",
                Some(10_003),
            ),
            (
                "REQTMOUT: a:1/1: Timed out ProduceRequest in flight (after 5009ms, timeout #0)",
                "request.timeout.ms",
                "socket.timeout.ms",
                Some(5009),
            ),
            (
                "Disconnecting from node 0 due to request timeout.",
                "request.timeout.ms",
                "socket.timeout.ms",
                None,
            ),
        ] {
            assert_eq!(name(text, Names::Java), Some((java, ms)), "{text}");
            assert_eq!(name(text, Names::Librdkafka), Some((librdkafka, ms)), "{text}");
        }
        assert_eq!(name("Connect to ipv4#a:1 failed: Connection refused", Names::Java), None);
    }

    #[test]
    fn what_ended_the_wait_counts_before_what_ended_an_attempt() {
        let texts = [
            "Timed out MetadataRequest in flight (after 30000ms)",
            "Topic t not present in metadata after 60000 ms.",
        ];
        let knob = named(&texts.into_iter(), &[], Names::Java);
        assert_eq!(knob.first().map(|knob| knob.name), Some("max.block.ms"));
    }

    #[test]
    fn a_number_that_is_not_the_setting_s_is_of_another_wait() {
        let bound = Bound {
            name: "request.timeout.ms",
            lasts: Duration::from_secs(30),
            answers: 1,
            is_cold: false,
        };
        let named =
            |text: &str| named(&std::iter::once(text), std::slice::from_ref(&bound), Names::Java);
        assert_eq!(named("Timed out MetadataRequest in flight (after 5205ms)"), []);
        assert_eq!(named("Timed out MetadataRequest in flight (after 30310ms)").len(), 1);
    }
}
