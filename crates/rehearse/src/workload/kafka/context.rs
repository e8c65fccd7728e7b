//! What librdkafka calls back: delivery reports, rebalances, stored positions, its log.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::{TopicPartitionList, TopicPartitionListElem};
use rdkafka::{ClientContext, Offset};

use super::producer::give_up;
use super::recorder::{Recorder, Sent};
use crate::ledger::{During, Outcome, outcome_of};
use crate::workload::Attempt;

/// A record that was handed to librdkafka.
pub(super) struct InFlight {
    pub(super) sent: Sent,
    pub(super) attempt: Attempt,
}

pub(super) struct SenderContext {
    pub(super) recorder: Arc<Recorder>,
}

impl ClientContext for SenderContext {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        self.recorder.line(&told(facility, line));
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for SenderContext {
    type DeliveryOpaque = Box<InFlight>;

    fn delivery(&self, result: &DeliveryResult<'_>, in_flight: Box<InFlight>) {
        let InFlight { sent, attempt } = *in_flight;
        match result {
            Ok(message) => {
                let offset = u64::try_from(message.offset()).ok();
                self.recorder.sent(&sent, Outcome::Ok, offset);
                self.recorder.meter().end(attempt, Ok(()));
            }
            Err((error, _)) if is_purged(error) => {
                give_up(&self.recorder, InFlight { sent, attempt });
            }
            Err((error, _)) => {
                let (code, text) = words(error);
                self.recorder.sent(&sent, outcome_of(code, During::Request), None);
                self.recorder.meter().end(attempt, Err(&text));
            }
        }
    }
}

/// Whether the record was given up by the run itself.
fn is_purged(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
}

/// The code and librdkafka's own words.
pub(super) fn words(error: &KafkaError) -> (i32, String) {
    match error.rdkafka_error_code() {
        // `MessageTimedOut (Local: Message timed out)`: the second is what users see and search for.
        Some(code) => {
            let text = code.to_string();
            let own = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
            (code as i32, own.map_or_else(|| text.clone(), str::to_owned))
        }
        None => (RDKafkaErrorCode::Fail as i32, error.to_string()),
    }
}

/// A line of librdkafka's log without what tells threads and moments apart, so that equal ones are
/// counted together.
pub(super) fn told(facility: &str, line: &str) -> String {
    let text = line.split_once("]: ").map_or(line, |(_, text)| text);
    format!("{facility}: {text}")
}

pub(super) struct ReaderContext {
    pub(super) recorder: Arc<Recorder>,
    pub(super) process: u32,
    /// Partitions that came or went since it was last asked.
    pub(super) rebalanced: Mutex<Vec<i32>>,
}

impl ReaderContext {
    pub(super) fn take_rebalanced(&self) -> Vec<i32> {
        std::mem::take(&mut *self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for ReaderContext {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        self.recorder.line(&told(facility, line));
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for ReaderContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (Rebalance::Assign(list) | Rebalance::Revoke(list)) = rebalance else { return };
        let partitions =
            list.elements().iter().map(TopicPartitionListElem::partition).collect::<Vec<_>>();
        self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if result.is_err() {
            return;
        }
        for one in offsets.elements() {
            if let Offset::Offset(offset) = one.offset()
                && let Ok(offset) = u64::try_from(offset)
            {
                self.recorder.committed(self.process, one.partition(), offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_the_words_of_the_library() {
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        assert_eq!(words(&error), (-192, "Local: Message timed out".to_owned()));
    }

    #[test]
    fn log_lines_lose_what_tells_threads_apart() {
        let line = "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Timed out ProduceRequest in flight";
        assert_eq!(
            told("REQTMOUT", line),
            "REQTMOUT: 127.0.0.1:9092/1: Timed out ProduceRequest in flight"
        );
        assert_eq!(told("FAIL", "plain"), "FAIL: plain");
    }
}
