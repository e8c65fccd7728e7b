//! A request without what is to fail: the broker gets the rest of it.

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, ProduceRequest, TopicName, TxnOffsetCommitRequest,
};

use crate::kafka::facts::{NO_ID, Topic, TopicId};
use crate::kafka::frame::RequestHead;
use crate::kafka::wire::{self, Problem};

/// What the fault picks of a topic.
type Pick<'a> = dyn Fn(&Topic) -> Option<Topic> + 'a;

/// The request without what is picked. None where the whole of it may be asked, because it changes
/// nothing: what the broker says of the picked is replaced later.
pub(super) fn without(
    frame: &Bytes,
    head: &RequestHead,
    key: ApiKey,
    pick: &Pick<'_>,
) -> Result<Option<Bytes>, Problem> {
    let picks_partition = |name: &TopicName, id: TopicId, partition: i32| {
        pick(&Topic { name: name.0.clone(), id, partitions: Some(vec![partition]) }).is_some()
    };
    let picks_topic = |name: &TopicName| {
        pick(&Topic { name: name.0.clone(), id: NO_ID, partitions: None }).is_some()
    };
    macro_rules! partitions {
        ($request:ty, $topics:ident, $name:ident, $partitions:ident, $index:ident) => {
            partitions!($request, $topics, $name, |_| NO_ID, $partitions, $index)
        };
        ($request:ty, $topics:ident, $name:ident, $id:expr, $partitions:ident, $index:ident) => {{
            let mut request: $request = wire::request(frame, head)?;
            for topic in &mut request.$topics {
                let (name, id) = (topic.$name.clone(), $id(&*topic));
                topic.$partitions.retain(|p| !picks_partition(&name, id, p.$index));
            }
            request.$topics.retain(|topic| !topic.$partitions.is_empty());
            wire::with_body(&frame[..head.body], &request, key, head.version).map(Some)
        }};
    }
    macro_rules! topics {
        ($request:ty) => {{
            let mut request: $request = wire::request(frame, head)?;
            request.topics.retain(|topic| !picks_topic(&topic.name));
            wire::with_body(&frame[..head.body], &request, key, head.version).map(Some)
        }};
    }
    match key {
        ApiKey::Produce => {
            use kafka_protocol::messages::produce_request::TopicProduceData;
            let id = |topic: &TopicProduceData| topic.topic_id.into_bytes();
            partitions!(ProduceRequest, topic_data, name, id, partition_data, index)
        }
        ApiKey::OffsetCommit => {
            use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
            let id = |topic: &OffsetCommitRequestTopic| topic.topic_id.into_bytes();
            partitions!(OffsetCommitRequest, topics, name, id, partitions, partition_index)
        }
        ApiKey::TxnOffsetCommit => {
            partitions!(TxnOffsetCommitRequest, topics, name, partitions, partition_index)
        }
        ApiKey::DeleteRecords => {
            partitions!(DeleteRecordsRequest, topics, name, partitions, partition_index)
        }
        ApiKey::OffsetDelete => {
            partitions!(OffsetDeleteRequest, topics, name, partitions, partition_index)
        }
        ApiKey::CreateTopics => topics!(CreateTopicsRequest),
        ApiKey::CreatePartitions => topics!(CreatePartitionsRequest),
        ApiKey::DeleteTopics | ApiKey::DeleteGroups => Err(Problem(format!(
            "{key:?} names more than the fault is laid on, and cannot be divided"
        ))),
        _ => Ok(None),
    }
}
