//! The words of a fault on Kafka traffic: which requests, and what happens to them.
//!
//! The same words are used in Rust, TOML and JSON. Names that do not exist are refused.

use std::fmt;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fault: what it is laid on, and what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaFault {
    /// Which requests, or for a fault of a whole edge which connections.
    #[serde(default)]
    pub on: Select,
    /// What happens to them.
    pub act: Act,
}

/// Which requests are hit. Everything that is given must hold; nothing given means all.
///
/// Requests that fit are numbered from 1 in the order in which the proxy read them; `nth`, `every`,
/// `count` and `probability` decide by that number. For a fault of a whole edge, connections are
/// numbered instead. Faults see a request in the order in which they were added; one that was given
/// an error, lost or cut off is not seen, and not numbered, by those that follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// Requests of these APIs; one name or a list of them (`Produce`, `OffsetCommit`).
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Option::is_none")]
    pub api: Option<Vec<Api>>,
    /// Requests that name this topic. A `*` at the end stands for any rest, here and below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Requests that name this partition (of the topic, where one is given).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Requests of this consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Requests of the client with this `client.id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Requests of this transactional producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactional_id: Option<String>,
    /// Requests to the broker with this node id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
    /// The first request to be hit, from 1. Alone it is the only one; with `count` so many from
    /// there; with `every` each so manieth from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Each so manieth request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At most so many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The share of requests, from 0 to 1, that chance picks. The seed decides for each number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Only from so many milliseconds after the fault was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    /// Only for so many milliseconds from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// What happens. The last five are faults of a whole edge: they are laid on connections, and only
/// `broker`, `client_id`, the numbers and the window choose which.
///
/// Written as a table with a `type` (`{ type = "delay", ms = 100 }`), or as its name alone where
/// everything else is left out (`"disconnect"`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The client gets this error in place of the answer.
    Error {
        /// The error.
        code: ErrorCode,
        /// With [`Side::Request`] the broker never sees the request, with [`Side::Response`] it does
        /// what it was asked and the error replaces what it says.
        #[serde(default)]
        side: Side,
    },
    /// The request or its answer is late, and with it all that follows on the same connection.
    Delay {
        /// Milliseconds.
        ms: u64,
        /// Milliseconds to either side, every one as likely.
        #[serde(default)]
        jitter_ms: u64,
        /// What is late.
        #[serde(default)]
        side: Side,
    },
    /// The broker never gets the request. Answers to earlier requests still arrive.
    LoseRequest {
        /// What the client sees then.
        #[serde(default)]
        then: Then,
    },
    /// The broker does what it was asked, and the client never hears of it.
    LoseResponse {
        /// What the client sees then.
        #[serde(default)]
        then: Then,
    },
    /// The connection is reset in place of forwarding the request; answers under way are lost too.
    Disconnect {},
    /// Nobody can connect to the broker; connections that exist go on.
    Refuse {},
    /// Connections are accepted and nothing more happens; all goes on when the fault ends.
    Silence {},
    /// Connections that exist are reset, and new ones as soon as they are accepted.
    Reset {},
    /// Every frame of one direction is late.
    Latency {
        /// Milliseconds.
        ms: u64,
        /// Milliseconds to either side, every one as likely.
        #[serde(default)]
        jitter_ms: u64,
        /// Which way.
        #[serde(default)]
        direction: Way,
    },
    /// One direction of each connection carries no more than this.
    Bandwidth {
        /// Bytes per second, 1 or more.
        bytes_per_s: u64,
        /// Which way.
        #[serde(default)]
        direction: Way,
    },
}

/// A request or its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The request.
    #[default]
    Request,
    /// The answer.
    Response,
}

/// What the client sees of a lost request or answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The connection is closed.
    #[default]
    Disconnect,
    /// Nothing: the connection stays open without a byte until the client gives up, or the fault is
    /// removed, which closes it.
    Silence,
}

/// The way that bytes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the client to the broker.
    Upstream,
    /// From the broker to the client.
    #[default]
    Downstream,
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Act;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an act, or a table with its `type`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Act, E> {
                let table = std::iter::once(("type", name));
                Act::deserialize(serde::de::value::MapDeserializer::new(table))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Act, A::Error> {
                Act::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Act::serialize(self, serializer)
    }
}

impl Act {
    /// Whether it is laid on connections rather than on requests.
    pub fn is_edge(&self) -> bool {
        matches!(
            self,
            Self::Refuse {}
                | Self::Silence {}
                | Self::Reset {}
                | Self::Latency { .. }
                | Self::Bandwidth { .. }
        )
    }

    /// The name in TOML and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Delay { .. } => "delay",
            Self::LoseRequest { .. } => "lose_request",
            Self::LoseResponse { .. } => "lose_response",
            Self::Disconnect {} => "disconnect",
            Self::Refuse {} => "refuse",
            Self::Silence {} => "silence",
            Self::Reset {} => "reset",
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
        }
    }
}

/// A kind of request, by the name that Kafka's protocol guide gives it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Api(pub ApiKey);

impl Api {
    /// The API of that name, whatever its case: `Produce`, `offset_commit`, `JoinGroup`.
    pub fn named(name: &str) -> Option<Self> {
        let wanted = plain(name);
        ApiKey::iter().find(|key| plain(&format!("{key:?}")) == wanted).map(Self)
    }

    /// Its name.
    pub fn name(self) -> String {
        format!("{:?}", self.0)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Api {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Api {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            D::Error::custom(format!(
                "`{name}` is no API of Kafka's protocol: write it as in `Produce` or `OffsetCommit`"
            ))
        })
    }
}

/// An error code of Kafka's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub i16);

/// No code is above this (Kafka 4.1 ends at 133).
const LAST_CODE: i16 = 200;

impl ErrorCode {
    /// The code of that name, as Kafka writes it (`NOT_LEADER_OR_FOLLOWER`), whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        let wanted = plain(name);
        let known = (-1..=LAST_CODE).filter_map(ResponseError::try_from_code);
        known
            .filter(|error| !matches!(error, ResponseError::Unknown(_)))
            .find(|error| plain(&error.to_string()) == wanted)
            .map(|error| Self(error.code()))
    }

    /// Its name as Kafka writes it; the number where it has none.
    pub fn name(self) -> String {
        match ResponseError::try_from_code(self.0) {
            Some(error) if !matches!(error, ResponseError::Unknown(_)) => {
                screaming(&error.to_string())
            }
            _ => self.0.to_string(),
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = self.name();
        if name == self.0.to_string() {
            serializer.serialize_i16(self.0)
        } else {
            serializer.serialize_str(&name)
        }
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = ErrorCode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error of Kafka by name or number, but not 0")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ErrorCode, E> {
                ErrorCode::named(name).ok_or_else(|| {
                    E::custom(format!(
                        "`{name}` is no error of Kafka's protocol: write it as in \
                         `NOT_LEADER_OR_FOLLOWER`, or as a number"
                    ))
                })
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ErrorCode, E> {
                match i16::try_from(number) {
                    Ok(code) if code != 0 => Ok(ErrorCode(code)),
                    _ => Err(E::custom(format!("{number} is no error code"))),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ErrorCode, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A name without case and separators, and without what the protocol crate leaves out.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

/// `NotLeaderOrFollower` as `NOT_LEADER_OR_FOLLOWER`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Api>>, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = Option<Vec<Api>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name of an API, or a list of names")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
            let name = serde::de::value::StrDeserializer::new(name);
            Api::deserialize(name).map(|api| Some(vec![api]))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Some)
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Either)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<KafkaFault, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_is_read_and_written_with_the_same_words() {
        let fault = read(json!({
            "on": {"api": "OffsetCommit", "group": "g", "nth": 3},
            "act": {"type": "error", "code": "COORDINATOR_NOT_AVAILABLE"},
        }))
        .unwrap();
        assert_eq!(fault.on.api, Some(vec![Api(ApiKey::OffsetCommit)]));
        assert_eq!(fault.act, Act::Error { code: ErrorCode(15), side: Side::Request });
        let written = serde_json::to_value(&fault).unwrap();
        assert_eq!(written["act"]["code"], "COORDINATOR_NOT_AVAILABLE");
        assert_eq!(read(written).unwrap(), fault);
    }

    #[test]
    fn short_forms_are_understood() {
        let fault = read(json!({"act": "lose_response"})).unwrap();
        assert_eq!(fault.act, Act::LoseResponse { then: Then::Disconnect });
        let fault = read(json!({"on": {"api": ["Produce", "end_txn"]}, "act": "disconnect"}));
        let apis = fault.unwrap().on.api.unwrap();
        assert_eq!(apis, [Api(ApiKey::Produce), Api(ApiKey::EndTxn)]);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (value, word) in [
            (json!({"act": "explode"}), "explode"),
            (json!({"act": {"type": "delay"}}), "ms"),
            (json!({"act": {"type": "silence", "ms": 1}}), "ms"),
            (json!({"on": {"topics": "t"}, "act": "silence"}), "topics"),
            (json!({"on": {"api": "Prodcue"}, "act": "silence"}), "Prodcue"),
            (json!({"act": {"type": "error", "code": "NOT_A_LEADER"}}), "NOT_A_LEADER"),
            (json!({"act": {"type": "error", "code": 0}}), "0 is no error code"),
            (json!({"act": "silence", "also": 1}), "also"),
        ] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(word), "{value}: {error}");
        }
    }

    #[test]
    fn errors_have_the_names_of_kafka() {
        for (name, code) in [
            ("NOT_LEADER_OR_FOLLOWER", 6),
            ("not_enough_replicas", 19),
            ("UNKNOWN_SERVER_ERROR", -1),
            ("COORDINATOR_LOAD_IN_PROGRESS", 14),
        ] {
            assert_eq!(ErrorCode::named(name), Some(ErrorCode(code)));
            assert_eq!(ErrorCode(code).name(), name.to_uppercase());
        }
        assert_eq!(ErrorCode(1999).name(), "1999");
    }
}
