//! `kafka-topics --describe` and `kafka-metadata-quorum describe`, with `--replication` and with
//! `--status`.

use wonin_model::{PartitionState, VoterState};

use super::note;
use crate::live::LineReader;
use crate::live::found::Found;

/// Partitions of one file.
const PARTITIONS_MAX: usize = 100_000;

/// Whether a text has a line of one of them.
pub(super) fn accepts(head: &str) -> bool {
    head.lines()
        .take(200)
        .any(|line| is_heading(line) || partition(line).is_some() || line.starts_with("LeaderId:"))
}

fn is_heading(line: &str) -> bool {
    line.contains("NodeId") && line.contains("LogEndOffset") && line.contains("Lag")
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Columns of the table of voters; none outside it.
    columns: Vec<String>,
    /// The leader of a `--status`.
    leader: Option<i64>,
    /// The topic last headed, and its `min.insync.replicas`.
    topic: Option<(String, u32)>,
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
        if let Some(leader) = text.strip_prefix("LeaderId:") {
            self.leader = leader.trim().parse().ok();
        } else if let Some(list) = text.strip_prefix("CurrentVoters:") {
            self.status(number, text, list, found);
        } else if text.contains("ReplicationFactor:") {
            self.topic = topic(text);
        }
        if let Some(mut partition) = partition(text)
            && found.partitions.len() < PARTITIONS_MAX
        {
            note(found, "kafka-topics");
            partition.min_in_sync = self
                .topic
                .as_ref()
                .filter(|(topic, _)| *topic == partition.topic)
                .map(|(_, minimum)| *minimum);
            let start = text.len() - text.trim_start().len();
            let place = found.kept.keep(number, text, start..text.trim_end().len());
            found.partitions.push(PartitionState { place, ..partition });
        }
    }

    fn finish(self: Box<Self>, _: &mut Found) {}
}

impl Described {
    /// `CurrentVoters: [3000,3001]`, or since dynamic quorums a list of objects.
    fn status(&self, number: u64, text: &str, list: &str, found: &mut Found) {
        for (at, id) in ids(list) {
            note(found, "kafka-quorum");
            let from = text.len() - list.len() + at;
            let leader = self.leader.filter(|leader| *leader >= 0);
            let role = match leader {
                Some(leader) if leader == id => "Leader",
                Some(_) => "Follower",
                None => "Voter",
            };
            found.voters.push(VoterState {
                node: id,
                place: found.kept.keep(number, text, from..from + id.to_string().len()),
                log_end_offset: None,
                lag: None,
                caught_up_ms: None,
                role: role.to_owned(),
            });
        }
    }

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
            log_end_offset: Some(number("LogEndOffset")?),
            lag: Some(number("Lag")?),
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
        min_in_sync: None,
    })
}

/// The ids of a list of voters, each with where it begins.
fn ids(list: &str) -> Vec<(usize, i64)> {
    let number = |at: usize| {
        let len = list[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(list.len() - at);
        list[at..at + len].parse().ok().map(|id| (at, id))
    };
    if list.contains('{') {
        let keys = list.match_indices("\"id\":").map(|(at, key)| at + key.len());
        let starts = keys.map(|at| at + list[at..].len() - list[at..].trim_start().len());
        return starts.filter_map(number).collect();
    }
    let is_digit = |at: usize| list.as_bytes()[at].is_ascii_digit();
    (0..list.len())
        .filter(|&at| is_digit(at) && (at == 0 || !is_digit(at - 1)))
        .filter_map(number)
        .collect()
}

/// `Topic: orders TopicId: … ReplicationFactor: 2 Configs: min.insync.replicas=2,…`.
fn topic(line: &str) -> Option<(String, u32)> {
    let name = line[line.find("Topic:")? + "Topic:".len()..].split_whitespace().next()?;
    let behind = &line[line.find("min.insync.replicas=")? + "min.insync.replicas=".len()..];
    let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    Some((name.to_owned(), behind[..end].parse().ok()?))
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
        let line = "Topic: a\tTopicId: x\tPartitionCount: 1\tReplicationFactor: 2\tConfigs: min.insync.replicas=2,x=1";
        assert_eq!(topic(line), Some(("a".to_owned(), 2)));
    }

    #[test]
    fn voters_are_plain_ids_or_objects() {
        assert_eq!(ids(" [3000,3001]"), [(2, 3000), (7, 3001)]);
        let objects =
            r#" [{"id": 1, "directoryId": null, "endpoints": ["C://h1:9093"]}, {"id": 2}]"#;
        let found: Vec<i64> = ids(objects).into_iter().map(|(_, id)| id).collect();
        assert_eq!(found, [1, 2]);
        assert!(ids("").is_empty());
    }
}
