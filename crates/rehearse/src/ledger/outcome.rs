//! Which errors say that something did not happen, and which leave it open (faults 4.1).

use super::history::{Call, Outcome};

/// Where in a client's work an error came up; some calls are surer than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// Handing a record to the client library, before anything went out.
    Enqueue,
    /// Producing, polling and everything else.
    Request,
    /// `AddOffsetsToTxn` or `TxnOffsetCommit`, after which the transaction is aborted.
    TransactionOffsets,
    /// `EndTxn`: the coordinator may have taken the decision.
    EndTransaction,
}

/// What an error code says of the operation. Broker codes are those of the protocol; the local
/// codes of librdkafka are below −100. A code that is not in the table leaves it open.
///
/// `NOT_LEADER_OR_FOLLOWER` is no proof of failure (KAFKA-13574): the record may have been stored
/// before the leader stepped down.
pub fn outcome_of(code: i32, during: During) -> Outcome {
    match during {
        During::Enqueue | During::TransactionOffsets => return Outcome::Fail,
        During::EndTransaction => return Outcome::Info,
        During::Request => {}
    }
    if CERTAIN.iter().any(|(number, _)| *number == code) { Outcome::Fail } else { Outcome::Info }
}

/// What the name of an error says, in the spelling of the protocol (`PRODUCER_FENCED`) or of the
/// Java client (`ProducerFencedException`). A name that is not in the table leaves it open.
pub fn outcome_by_name(name: &str, during: During) -> Outcome {
    let wanted = plain(name);
    let code =
        CERTAIN.iter().find(|(_, known)| plain(known) == wanted).map_or(-1, |(code, _)| *code);
    outcome_of(code, during)
}

/// Letters alone and small, without the ending of exceptions.
fn plain(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let letters: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
    let small = letters.to_ascii_lowercase();
    small.strip_suffix("exception").unwrap_or(&small).to_owned()
}

/// Errors after which the record is certainly not in the log.
const CERTAIN: &[(i32, &str)] = &[
    (3, "UNKNOWN_TOPIC_OR_PARTITION"),
    (8, "BROKER_NOT_AVAILABLE"),
    (10, "MESSAGE_TOO_LARGE"),
    (10, "RECORD_TOO_LARGE"),
    (17, "INVALID_TOPIC_EXCEPTION"),
    (18, "RECORD_LIST_TOO_LARGE"),
    (29, "TOPIC_AUTHORIZATION_FAILED"),
    (29, "TOPIC_AUTHORIZATION"),
    (30, "GROUP_AUTHORIZATION_FAILED"),
    (30, "GROUP_AUTHORIZATION"),
    (31, "CLUSTER_AUTHORIZATION_FAILED"),
    (31, "CLUSTER_AUTHORIZATION"),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
    (45, "OUT_OF_ORDER_SEQUENCE"),
    (47, "INVALID_PRODUCER_EPOCH"),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION"),
    (87, "INVALID_RECORD"),
    (90, "PRODUCER_FENCED"),
    (-190, "_UNKNOWN_PARTITION"),
    (-188, "_UNKNOWN_TOPIC"),
    (-184, "_QUEUE_FULL"),
    (-144, "_FENCED"),
];

impl Call {
    /// Whether records may be polled in it.
    pub fn reads(self) -> bool {
        matches!(self, Self::Poll | Self::Transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_happened_is_open() {
        let open = [
            ("request timed out", 7),
            ("not leader or follower", 6),
            ("network exception", 13),
            ("unknown server error", -1),
            ("not enough replicas after append", 20),
            ("librdkafka: message timed out", -192),
            ("librdkafka: transport failure", -195),
            ("librdkafka: purged in flight", -151),
            ("librdkafka: purged from the queue, perhaps after a retry", -152),
        ];
        for (what, code) in open {
            assert_eq!(outcome_of(code, During::Request), Outcome::Info, "{what}");
        }
    }

    #[test]
    fn what_was_refused_did_not_happen() {
        for code in [3, 8, 17, 29, 45, 47, 90, -188, -144] {
            assert_eq!(outcome_of(code, During::Request), Outcome::Fail, "{code}");
        }
    }

    #[test]
    fn the_call_decides_where_the_code_cannot() {
        assert_eq!(outcome_of(90, During::EndTransaction), Outcome::Info);
        assert_eq!(outcome_of(7, During::TransactionOffsets), Outcome::Fail);
        assert_eq!(outcome_of(-184, During::Enqueue), Outcome::Fail);
    }

    #[test]
    fn names_of_both_spellings_are_known() {
        for name in [
            "PRODUCER_FENCED",
            "org.apache.kafka.common.errors.ProducerFencedException",
            "UnknownTopicOrPartitionException",
            "OutOfOrderSequenceException",
        ] {
            assert_eq!(outcome_by_name(name, During::Request), Outcome::Fail, "{name}");
        }
        for name in ["TimeoutException", "NotLeaderOrFollowerException", "NETWORK_EXCEPTION", ""] {
            assert_eq!(outcome_by_name(name, During::Request), Outcome::Info, "{name}");
        }
    }
}
