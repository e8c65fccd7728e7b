//! The partitions of a fetch session. After its first request a consumer names only what changed
//! (KIP-227), so that which partitions a request is about has to be remembered.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::StrBytes;

use super::facts::{Facts, Topic, TopicId};
use crate::limits;

/// `session_epoch` of a request that begins a session.
const BEGINS: i32 = 0;
/// `session_epoch` of a request outside of any session, or of the last one.
const OUTSIDE: i32 = -1;

/// The session of one connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    topics: BTreeMap<(StrBytes, TopicId), BTreeSet<i32>>,
}

impl Session {
    /// Takes on what a request says.
    pub(crate) fn follow(&mut self, request: &FetchRequest) {
        if matches!(request.session_epoch, BEGINS | OUTSIDE) {
            self.topics.clear();
        }
        for topic in &request.forgotten_topics_data {
            let key = (topic.topic.0.clone(), topic.topic_id.into_bytes());
            if let Some(partitions) = self.topics.get_mut(&key) {
                partitions.retain(|partition| !topic.partitions.contains(partition));
                if partitions.is_empty() {
                    self.topics.remove(&key);
                }
            }
        }
        for topic in &request.topics {
            if self.topics.len() >= limits::SESSION_PARTITIONS {
                break;
            }
            // A copy, so that a name does not keep a whole frame.
            let name = StrBytes::from_string(topic.topic.to_string());
            let partitions = self.topics.entry((name, topic.topic_id.into_bytes())).or_default();
            let room = limits::SESSION_PARTITIONS.saturating_sub(partitions.len());
            partitions.extend(topic.partitions.iter().take(room).map(|p| p.partition));
        }
    }

    /// All that the last request is about.
    pub(crate) fn facts(&self) -> Facts {
        let topics = self.topics.iter().map(|((name, id), partitions)| Topic {
            name: name.clone(),
            id: *id,
            partitions: Some(partitions.iter().copied().collect()),
        });
        Facts { topics: topics.collect(), ..Facts::default() }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

    use super::*;

    fn name() -> TopicName {
        TopicName(StrBytes::from_static_str("t"))
    }

    fn request(epoch: i32, partitions: &[i32], forgotten: &[i32]) -> FetchRequest {
        let partition = |p: &i32| FetchPartition::default().with_partition(*p);
        let topic = FetchTopic::default()
            .with_topic(name())
            .with_partitions(partitions.iter().map(partition).collect());
        let gone = ForgottenTopic::default().with_topic(name()).with_partitions(forgotten.into());
        FetchRequest::default()
            .with_session_epoch(epoch)
            .with_topics(vec![topic])
            .with_forgotten_topics_data(vec![gone])
    }

    #[test]
    fn a_request_is_about_all_that_its_session_has() {
        let mut session = Session::default();
        let mut partitions = |epoch, added: &[i32], gone: &[i32]| {
            session.follow(&request(epoch, added, gone));
            let facts = session.facts();
            facts.topics.first().and_then(|topic| topic.partitions.clone()).unwrap_or_default()
        };
        assert_eq!(partitions(0, &[0, 1], &[]), [0, 1]);
        assert_eq!(partitions(1, &[], &[]), [0, 1]);
        assert_eq!(partitions(2, &[2], &[0]), [1, 2]);
        assert_eq!(partitions(-1, &[5], &[]), [5]);
    }
}
