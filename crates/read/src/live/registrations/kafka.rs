//! `kafka-topics --describe` and `kafka-metadata-quorum describe --replication`.

use wonin_model::{PartitionState, VoterState};

use super::note;
use crate::live::LineReader;
use crate::live::found::Found;

/// Partitions of one file.
const PARTITIONS_MAX: usize = 100_000;

/// Whether a text has a line of one of them.
pub(super) fn accepts(head: &str) -> bool {
    head.lines().take(200).any(|line| is_heading(line) || partition(line).is_some())
}

fn is_heading(line: &str) -> bool {
    line.contains("NodeId") && line.contains("LogEndOffset") && line.contains("Lag")
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Columns of the table of voters; none outside it.
    columns: Vec<String>,
}

impl LineReader for Described {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        if is_heading(text) {
            self.columns = text.split_whitespace().map(str::to_owned).collect();
            return;
        }
        if !self.columns.is_empty() {
            if let Some(voter) = self.voter(text) {
                note(found, "kafka-quorum");
                let place = found.kept.keep(number, text, 0..text.trim_end().len());
                found.voters.push(VoterState { place, ..voter });
                return;
            }
            self.columns.clear();
        }
        if let Some(partition) = partition(text)
            && found.partitions.len() < PARTITIONS_MAX
        {
            note(found, "kafka-topics");
            let start = text.len() - text.trim_start().len();
            let place = found.kept.keep(number, text, start..text.trim_end().len());
            found.partitions.push(PartitionState { place, ..partition });
        }
    }

    fn finish(self: Box<Self>, _: &mut Found) {}
}

impl Described {
    fn voter(&self, line: &str) -> Option<VoterState> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let cell = |name: &str| {
            let at = self.columns.iter().position(|column| column == name)?;
            words.get(at).copied()
        };
        let number = |name: &str| cell(name)?.parse::<i64>().ok();
        Some(VoterState {
            node: number("NodeId")?,
            place: nowhere(),
            log_end_offset: number("LogEndOffset")?,
            lag: number("Lag")?,
            caught_up_ms: number("LastCaughtUpTimestamp").filter(|ms| *ms > 0),
            role: cell("Status")?.to_owned(),
        })
    }
}

/// `Topic: orders  Partition: 0  Leader: 1  Replicas: 1,2  Isr: 1`.
fn partition(line: &str) -> Option<PartitionState> {
    if !line.contains("Partition:") || !line.contains("Replicas:") {
        return None;
    }
    // Of an empty list the next word is another key, which is no number.
    let value = |key: &str| line[line.find(key)? + key.len()..].split_whitespace().next();
    let nodes = |key: &str| -> Vec<i64> {
        value(key)
            .map(|list| list.split(',').filter_map(|id| id.parse().ok()).collect())
            .unwrap_or_default()
    };
    Some(PartitionState {
        topic: value("Topic:")?.to_owned(),
        partition: value("Partition:")?.parse().ok()?,
        place: nowhere(),
        leader: value("Leader:").and_then(|id| id.parse().ok()).filter(|id| *id >= 0),
        replicas: nodes("Replicas:"),
        in_sync: nodes("Isr:"),
    })
}

fn nowhere() -> wonin_text::Place {
    wonin_text::Place { file: wonin_text::FileId::default(), span: wonin_text::Span::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_say_who_leads_and_who_is_in_sync() {
        let one =
            partition("\tTopic: orders\tPartition: 2\tLeader: none\tReplicas: 1,2\tIsr: 1\tElr: ");
        let one = one.unwrap();
        assert_eq!((one.topic.as_str(), one.partition, one.leader), ("orders", 2, None));
        assert_eq!((one.replicas, one.in_sync), (vec![1, 2], vec![1]));
        let spaces =
            partition("Topic: a Partition: 0    Leader: 1       Replicas: 1     Isr: ").unwrap();
        assert_eq!((spaces.leader, spaces.in_sync.len()), (Some(1), 0));
    }
}
