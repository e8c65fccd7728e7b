//! What a request names: topics and partitions, groups, transactional ids.

use bytes::Bytes;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiKey, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeGroupsRequest,
    DescribeProducersRequest, DescribeTopicPartitionsRequest, DescribeTransactionsRequest,
    ElectLeadersRequest, EndTxnRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListOffsetsRequest,
    MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    OffsetForLeaderEpochRequest, ProduceRequest, ShareAcknowledgeRequest, ShareFetchRequest,
    ShareGroupDescribeRequest, ShareGroupHeartbeatRequest, SyncGroupRequest, TopicName,
    TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::frame::RequestHead;
use super::wire::{self, Problem};

/// A topic's id, in place of its name in newer requests.
pub(crate) type TopicId = [u8; 16];

/// The id that stands for none.
pub(crate) const NO_ID: TopicId = [0; 16];

/// A topic that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topic {
    /// Empty where only the id is told.
    pub(crate) name: StrBytes,
    pub(crate) id: TopicId,
    /// None where the request is about the whole topic.
    pub(crate) partitions: Option<Vec<i32>>,
}

/// What a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) topics: Vec<Topic>,
    /// The request is about every topic there is.
    pub(crate) all_topics: bool,
    pub(crate) groups: Vec<StrBytes>,
    pub(crate) transactional_ids: Vec<StrBytes>,
}

/// What requests of an API can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Names {
    pub(crate) topic: bool,
    pub(crate) partition: bool,
    pub(crate) group: bool,
    pub(crate) transactional_id: bool,
}

/// Key types of `FindCoordinator`.
const KEY_GROUP: i8 = 0;
const KEY_TRANSACTION: i8 = 1;

/// What requests of this API can name, as [`facts`] reads them.
pub(crate) fn names(key: ApiKey) -> Names {
    let none = Names::default();
    let topic = Names { topic: true, ..none };
    let partition = Names { topic: true, partition: true, ..none };
    let group = Names { group: true, ..none };
    match key {
        ApiKey::Produce | ApiKey::AddPartitionsToTxn => {
            Names { transactional_id: true, ..partition }
        }
        ApiKey::TxnOffsetCommit => {
            Names { topic: true, partition: true, group: true, transactional_id: true }
        }
        ApiKey::Fetch
        | ApiKey::ListOffsets
        | ApiKey::Metadata
        | ApiKey::DeleteRecords
        | ApiKey::OffsetForLeaderEpoch
        | ApiKey::DescribeProducers
        | ApiKey::ElectLeaders => partition,
        ApiKey::OffsetCommit
        | ApiKey::OffsetFetch
        | ApiKey::OffsetDelete
        | ApiKey::ShareFetch
        | ApiKey::ShareAcknowledge => Names { group: true, ..partition },
        ApiKey::CreateTopics
        | ApiKey::DeleteTopics
        | ApiKey::CreatePartitions
        | ApiKey::DescribeTopicPartitions => topic,
        ApiKey::JoinGroup
        | ApiKey::SyncGroup
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::DescribeGroups
        | ApiKey::DeleteGroups
        | ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe
        | ApiKey::ShareGroupHeartbeat
        | ApiKey::ShareGroupDescribe => group,
        ApiKey::FindCoordinator | ApiKey::AddOffsetsToTxn => {
            Names { group: true, transactional_id: true, ..none }
        }
        ApiKey::InitProducerId | ApiKey::EndTxn | ApiKey::DescribeTransactions => {
            Names { transactional_id: true, ..none }
        }
        _ => none,
    }
}

fn named(name: &TopicName, partitions: impl IntoIterator<Item = i32>) -> Topic {
    with_id(name, NO_ID, partitions)
}

fn with_id(name: &TopicName, id: TopicId, partitions: impl IntoIterator<Item = i32>) -> Topic {
    Topic { name: name.0.clone(), id, partitions: Some(partitions.into_iter().collect()) }
}

fn whole(name: Option<&TopicName>, id: TopicId) -> Topic {
    let name = name.map(|name| name.0.clone()).unwrap_or_default();
    Topic { name, id, partitions: None }
}

fn topics(topics: impl Iterator<Item = Topic>) -> Facts {
    Facts { topics: topics.collect(), ..Facts::default() }
}

fn groups(groups: impl IntoIterator<Item = StrBytes>) -> Facts {
    Facts { groups: groups.into_iter().collect(), ..Facts::default() }
}

fn transactional(id: Option<&TransactionalId>) -> Facts {
    let ids = id.map(|id| id.0.clone()).filter(|id| !id.is_empty());
    Facts { transactional_ids: ids.into_iter().collect(), ..Facts::default() }
}

/// Reads what a request of a known version names. What a fetch session implies is not told here.
#[expect(clippy::too_many_lines, reason = "one arm for each API, nothing else")]
pub(crate) fn facts(frame: &Bytes, head: &RequestHead) -> Result<Facts, Problem> {
    let Some(key) = head.known() else {
        return Ok(Facts::default());
    };
    macro_rules! read {
        ($request:ty) => {
            wire::request::<$request>(frame, head)?
        };
    }
    Ok(match key {
        ApiKey::Produce => produce(&read!(ProduceRequest)),
        ApiKey::Fetch => topics(read!(FetchRequest).topics.iter().map(|t| {
            with_id(&t.topic, t.topic_id.into_bytes(), t.partitions.iter().map(|p| p.partition))
        })),
        ApiKey::ListOffsets => topics(
            read!(ListOffsetsRequest)
                .topics
                .iter()
                .map(|t| named(&t.name, t.partitions.iter().map(|p| p.partition_index))),
        ),
        ApiKey::Metadata => metadata(&read!(MetadataRequest), head.version),
        ApiKey::OffsetCommit => {
            let request = read!(OffsetCommitRequest);
            let facts = topics(request.topics.iter().map(|t| {
                let partitions = t.partitions.iter().map(|p| p.partition_index);
                with_id(&t.name, t.topic_id.into_bytes(), partitions)
            }));
            Facts { groups: vec![request.group_id.0], ..facts }
        }
        ApiKey::OffsetFetch => offset_fetch(&read!(OffsetFetchRequest)),
        ApiKey::FindCoordinator => find_coordinator(read!(FindCoordinatorRequest)),
        ApiKey::JoinGroup => groups([read!(JoinGroupRequest).group_id.0]),
        ApiKey::SyncGroup => groups([read!(SyncGroupRequest).group_id.0]),
        ApiKey::Heartbeat => groups([read!(HeartbeatRequest).group_id.0]),
        ApiKey::LeaveGroup => groups([read!(LeaveGroupRequest).group_id.0]),
        ApiKey::DescribeGroups => {
            groups(read!(DescribeGroupsRequest).groups.into_iter().map(|g| g.0))
        }
        ApiKey::DeleteGroups => {
            groups(read!(DeleteGroupsRequest).groups_names.into_iter().map(|g| g.0))
        }
        ApiKey::ConsumerGroupHeartbeat => groups([read!(ConsumerGroupHeartbeatRequest).group_id.0]),
        ApiKey::ConsumerGroupDescribe => {
            groups(read!(ConsumerGroupDescribeRequest).group_ids.into_iter().map(|g| g.0))
        }
        ApiKey::ShareGroupHeartbeat => groups([read!(ShareGroupHeartbeatRequest).group_id.0]),
        ApiKey::ShareGroupDescribe => {
            groups(read!(ShareGroupDescribeRequest).group_ids.into_iter().map(|g| g.0))
        }
        ApiKey::ShareFetch => {
            let request = read!(ShareFetchRequest);
            let facts = topics(request.topics.iter().map(|t| {
                let partitions = t.partitions.iter().map(|p| p.partition_index);
                with_id(&TopicName::default(), t.topic_id.into_bytes(), partitions)
            }));
            Facts { groups: request.group_id.into_iter().map(|g| g.0).collect(), ..facts }
        }
        ApiKey::ShareAcknowledge => {
            let request = read!(ShareAcknowledgeRequest);
            let facts = topics(request.topics.iter().map(|t| {
                let partitions = t.partitions.iter().map(|p| p.partition_index);
                with_id(&TopicName::default(), t.topic_id.into_bytes(), partitions)
            }));
            Facts { groups: request.group_id.into_iter().map(|g| g.0).collect(), ..facts }
        }
        ApiKey::CreateTopics => {
            topics(read!(CreateTopicsRequest).topics.iter().map(|t| whole(Some(&t.name), NO_ID)))
        }
        ApiKey::DeleteTopics => {
            let request = read!(DeleteTopicsRequest);
            let states =
                request.topics.iter().map(|t| whole(t.name.as_ref(), t.topic_id.into_bytes()));
            topics(states.chain(request.topic_names.iter().map(|name| whole(Some(name), NO_ID))))
        }
        ApiKey::CreatePartitions => topics(
            read!(CreatePartitionsRequest).topics.iter().map(|t| whole(Some(&t.name), NO_ID)),
        ),
        ApiKey::DescribeTopicPartitions => topics(
            read!(DescribeTopicPartitionsRequest)
                .topics
                .iter()
                .map(|t| whole(Some(&t.name), NO_ID)),
        ),
        ApiKey::DeleteRecords => topics(
            read!(DeleteRecordsRequest)
                .topics
                .iter()
                .map(|t| named(&t.name, t.partitions.iter().map(|p| p.partition_index))),
        ),
        ApiKey::OffsetForLeaderEpoch => topics(
            read!(OffsetForLeaderEpochRequest)
                .topics
                .iter()
                .map(|t| named(&t.topic, t.partitions.iter().map(|p| p.partition))),
        ),
        ApiKey::DescribeProducers => topics(
            read!(DescribeProducersRequest)
                .topics
                .iter()
                .map(|t| named(&t.name, t.partition_indexes.iter().copied())),
        ),
        ApiKey::ElectLeaders => elect_leaders(&read!(ElectLeadersRequest)),
        ApiKey::OffsetDelete => {
            let request = read!(OffsetDeleteRequest);
            let facts = topics(
                request
                    .topics
                    .iter()
                    .map(|t| named(&t.name, t.partitions.iter().map(|p| p.partition_index))),
            );
            Facts { groups: vec![request.group_id.0], ..facts }
        }
        ApiKey::InitProducerId => {
            transactional(read!(InitProducerIdRequest).transactional_id.as_ref())
        }
        ApiKey::EndTxn => transactional(Some(&read!(EndTxnRequest).transactional_id)),
        ApiKey::DescribeTransactions => {
            let ids = read!(DescribeTransactionsRequest).transactional_ids;
            Facts {
                transactional_ids: ids.into_iter().map(|id| id.0).collect(),
                ..Facts::default()
            }
        }
        ApiKey::AddPartitionsToTxn => add_partitions(&read!(AddPartitionsToTxnRequest)),
        ApiKey::AddOffsetsToTxn => {
            let request = read!(AddOffsetsToTxnRequest);
            let facts = transactional(Some(&request.transactional_id));
            Facts { groups: vec![request.group_id.0], ..facts }
        }
        ApiKey::TxnOffsetCommit => {
            let request = read!(TxnOffsetCommitRequest);
            let named = request
                .topics
                .iter()
                .map(|t| named(&t.name, t.partitions.iter().map(|p| p.partition_index)));
            Facts {
                topics: named.collect(),
                groups: vec![request.group_id.0.clone()],
                ..transactional(Some(&request.transactional_id))
            }
        }
        _ => Facts::default(),
    })
}

fn produce(request: &ProduceRequest) -> Facts {
    let named = request.topic_data.iter().map(|t| {
        let partitions = t.partition_data.iter().map(|p| p.index);
        with_id(&t.name, t.topic_id.into_bytes(), partitions)
    });
    Facts { topics: named.collect(), ..transactional(request.transactional_id.as_ref()) }
}

fn metadata(request: &MetadataRequest, version: i16) -> Facts {
    let Some(named) = &request.topics else {
        return Facts { all_topics: true, ..Facts::default() };
    };
    if named.is_empty() {
        // In version 0 an empty list asks for all.
        return Facts { all_topics: version == 0, ..Facts::default() };
    }
    topics(named.iter().map(|t| whole(t.name.as_ref(), t.topic_id.into_bytes())))
}

fn offset_fetch(request: &OffsetFetchRequest) -> Facts {
    let mut facts = Facts::default();
    if request.groups.is_empty() {
        facts.groups.push(request.group_id.0.clone());
        facts.all_topics = request.topics.is_none();
        for topic in request.topics.iter().flatten() {
            facts.topics.push(named(&topic.name, topic.partition_indexes.iter().copied()));
        }
    }
    for group in &request.groups {
        facts.groups.push(group.group_id.0.clone());
        facts.all_topics |= group.topics.is_none();
        for topic in group.topics.iter().flatten() {
            let partitions = topic.partition_indexes.iter().copied();
            facts.topics.push(with_id(&topic.name, topic.topic_id.into_bytes(), partitions));
        }
    }
    facts
}

fn find_coordinator(request: FindCoordinatorRequest) -> Facts {
    let keys = if request.coordinator_keys.is_empty() {
        vec![request.key]
    } else {
        request.coordinator_keys
    };
    match request.key_type {
        KEY_GROUP => groups(keys),
        KEY_TRANSACTION => Facts { transactional_ids: keys, ..Facts::default() },
        _ => Facts::default(),
    }
}

fn elect_leaders(request: &ElectLeadersRequest) -> Facts {
    let Some(named_topics) = &request.topic_partitions else {
        return Facts { all_topics: true, ..Facts::default() };
    };
    topics(named_topics.iter().map(|t| named(&t.topic, t.partitions.iter().copied())))
}

fn add_partitions(request: &AddPartitionsToTxnRequest) -> Facts {
    let mut facts = transactional(Some(&request.v3_and_below_transactional_id));
    let newer = request.transactions.iter().flat_map(|transaction| &transaction.topics);
    for topic in request.v3_and_below_topics.iter().chain(newer) {
        facts.topics.push(named(&topic.name, topic.partitions.iter().copied()));
    }
    facts.transactional_ids.extend(
        request.transactions.iter().map(|transaction| transaction.transactional_id.0.clone()),
    );
    facts
}

/// `acks` of a produce request, without decoding its records; none if it cannot be read.
pub(crate) fn acks(frame: &[u8], head: &RequestHead) -> Option<i16> {
    use bytes::Buf as _;

    let mut rest = frame.get(head.body..)?;
    if head.version >= 9 {
        let length = super::frame::varint(&mut rest)?.saturating_sub(1);
        rest = rest.get(usize::try_from(length).ok()?..)?;
    } else if head.version >= 3 {
        let length = rest.try_get_i16().ok()?.max(0);
        rest = rest.get(usize::try_from(length).ok()?..)?;
    }
    rest.try_get_i16().ok()
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{GroupId, offset_commit_request, produce_request};
    use kafka_protocol::protocol::{Encodable, Message};

    use super::*;
    use crate::kafka::learn::request_frame;

    fn text(value: &str) -> StrBytes {
        StrBytes::from_string(value.to_owned())
    }

    fn of<T: Encodable>(key: ApiKey, version: i16, request: &T) -> (Bytes, RequestHead, Facts) {
        let frame = request_frame(key, version, 1, request).unwrap();
        let head = RequestHead::parse(&frame).unwrap();
        let facts =
            facts(&frame, &head).unwrap_or_else(|problem| panic!("{key:?} v{version}: {problem}"));
        (frame, head, facts)
    }

    macro_rules! every_version {
        ($($key:ident, $request:ty;)*) => {$(
            let range = ApiKey::$key.valid_versions().intersect(&<$request>::VERSIONS);
            for version in range.min..=range.max {
                of(ApiKey::$key, version, &<$request>::default());
            }
        )*};
    }

    #[test]
    fn every_request_is_understood_in_every_version() {
        every_version! {
            Produce, ProduceRequest;
            Fetch, FetchRequest;
            ListOffsets, ListOffsetsRequest;
            Metadata, MetadataRequest;
            OffsetCommit, OffsetCommitRequest;
            OffsetFetch, OffsetFetchRequest;
            FindCoordinator, FindCoordinatorRequest;
            JoinGroup, JoinGroupRequest;
            SyncGroup, SyncGroupRequest;
            Heartbeat, HeartbeatRequest;
            LeaveGroup, LeaveGroupRequest;
            DescribeGroups, DescribeGroupsRequest;
            DeleteGroups, DeleteGroupsRequest;
            ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest;
            ConsumerGroupDescribe, ConsumerGroupDescribeRequest;
            ShareGroupHeartbeat, ShareGroupHeartbeatRequest;
            ShareGroupDescribe, ShareGroupDescribeRequest;
            ShareFetch, ShareFetchRequest;
            ShareAcknowledge, ShareAcknowledgeRequest;
            CreateTopics, CreateTopicsRequest;
            DeleteTopics, DeleteTopicsRequest;
            CreatePartitions, CreatePartitionsRequest;
            DescribeTopicPartitions, DescribeTopicPartitionsRequest;
            DeleteRecords, DeleteRecordsRequest;
            OffsetForLeaderEpoch, OffsetForLeaderEpochRequest;
            DescribeProducers, DescribeProducersRequest;
            ElectLeaders, ElectLeadersRequest;
            OffsetDelete, OffsetDeleteRequest;
            InitProducerId, InitProducerIdRequest;
            EndTxn, EndTxnRequest;
            DescribeTransactions, DescribeTransactionsRequest;
            AddPartitionsToTxn, AddPartitionsToTxnRequest;
            AddOffsetsToTxn, AddOffsetsToTxnRequest;
            TxnOffsetCommit, TxnOffsetCommitRequest;
        }
    }

    #[test]
    fn a_produce_request_tells_its_topic_and_acks() {
        for version in 3..=13 {
            let partition = produce_request::PartitionProduceData::default()
                .with_index(4)
                .with_records(Some(Bytes::from_static(b"records")));
            let mut topic =
                produce_request::TopicProduceData::default().with_partition_data(vec![partition]);
            if version >= 13 {
                topic.topic_id = uuid::Uuid::from_bytes([7; 16]);
            } else {
                topic.name = TopicName(text("orders"));
            }
            for (id, sent) in [(None, -1), (Some("t"), 1), (Some(""), 0)] {
                let request = ProduceRequest::default()
                    .with_transactional_id(id.map(|id| TransactionalId(text(id))))
                    .with_acks(sent)
                    .with_topic_data(vec![topic.clone()]);
                let (frame, head, facts) = of(ApiKey::Produce, version, &request);
                assert_eq!(acks(&frame, &head), Some(sent), "v{version} {id:?}");
                assert_eq!(facts.topics[0].partitions.as_deref(), Some(&[4][..]));
                let is_told = id.is_some_and(|id| !id.is_empty());
                assert_eq!(facts.transactional_ids.len(), usize::from(is_told));
            }
        }
    }

    #[test]
    fn a_commit_tells_its_group_and_partitions() {
        for version in 2..=9 {
            let partition = offset_commit_request::OffsetCommitRequestPartition::default()
                .with_partition_index(2);
            let topic = offset_commit_request::OffsetCommitRequestTopic::default()
                .with_name(TopicName(text("orders")))
                .with_partitions(vec![partition]);
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(text("g")))
                .with_topics(vec![topic]);
            let (_, _, facts) = of(ApiKey::OffsetCommit, version, &request);
            assert_eq!(facts.groups, [text("g")]);
            assert_eq!(facts.topics, [named(&TopicName(text("orders")), [2])]);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_but_never_end_the_process() {
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        for key in ApiKey::iter() {
            let range = key.valid_versions();
            for version in range.min..=range.max {
                for _ in 0..30 {
                    let length = random();
                    let mut frame = vec![0; 4];
                    frame.extend_from_slice(&(key as i16).to_be_bytes());
                    frame.extend_from_slice(&version.to_be_bytes());
                    frame.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0]);
                    frame.extend((0..length).map(|_| random() & random()));
                    if let Some(head) = RequestHead::parse(&frame) {
                        _ = facts(&Bytes::from(frame), &head);
                    }
                }
            }
        }
    }
}
