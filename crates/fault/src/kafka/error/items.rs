//! APIs whose answer has an error for each partition, topic, group or transactional id.

use bytes::Bytes;
use kafka_protocol::messages::{
    AddPartitionsToTxnResponse, ApiKey, BrokerId, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteGroupsResponse, DeleteRecordsResponse, DeleteTopicsResponse, DescribeGroupsResponse,
    FetchResponse, FindCoordinatorResponse, GroupId, ListOffsetsResponse, MetadataResponse,
    OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, OffsetForLeaderEpochResponse,
    ProduceResponse, TopicName, TxnOffsetCommitResponse,
    add_partitions_to_txn_response as add_partitions, create_partitions_response,
    create_topics_response, delete_groups_response, delete_records_response,
    delete_topics_response, describe_groups_response, fetch_response,
    find_coordinator_response as find_coordinator, list_offsets_response, offset_commit_response,
    offset_delete_response, offset_fetch_response as offset_fetch,
    offset_for_leader_epoch_response as leader_epoch, produce_response, txn_offset_commit_response,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};
use uuid::Uuid;

use super::{Patch, Picked};
use crate::kafka::facts::{NO_ID, Topic};
use crate::kafka::frame::ResponseHead;
use crate::kafka::wire::{self, Problem};

/// `OPERATION_NOT_ATTEMPTED`: what a broker says of the partitions beside the one that failed, where
/// all of them succeed or none.
const NOT_ATTEMPTED: i16 = 55;

macro_rules! item_level {
    ($($key:ident => $response:ty, $fail:path;)*) => {
        pub(super) fn has(key: ApiKey) -> bool {
            matches!(key, $(ApiKey::$key)|*)
        }

        /// The error in the answer of a broker.
        pub(super) fn patch(patch: &Patch, answer: &Bytes) -> Result<Bytes, Problem> {
            match patch.key {
                $(ApiKey::$key => over(patch, answer, $fail as fn(&mut $response, &Patch)),)*
                key => Err(Problem(format!("no error can be made for {key:?}"))),
            }
        }

        /// The error in an answer of our own, for all that was asked.
        pub(super) fn answer(patch: &Patch, correlation: i32) -> Result<Bytes, Problem> {
            match patch.key {
                $(ApiKey::$key => {
                    let mut made = <$response>::default();
                    $fail(&mut made, patch);
                    wire::answer(correlation, &made, patch.key, patch.version)
                })*
                key => Err(Problem(format!("no error can be made for {key:?}"))),
            }
        }
    };
}

item_level! {
    Produce => ProduceResponse, produce;
    Fetch => FetchResponse, fetch;
    ListOffsets => ListOffsetsResponse, list_offsets;
    Metadata => MetadataResponse, metadata;
    OffsetCommit => OffsetCommitResponse, offset_commit;
    OffsetFetch => OffsetFetchResponse, offsets;
    FindCoordinator => FindCoordinatorResponse, coordinators;
    DescribeGroups => DescribeGroupsResponse, describe_groups;
    CreateTopics => CreateTopicsResponse, create_topics;
    DeleteTopics => DeleteTopicsResponse, delete_topics;
    DeleteRecords => DeleteRecordsResponse, delete_records;
    OffsetForLeaderEpoch => OffsetForLeaderEpochResponse, leader_epochs;
    AddPartitionsToTxn => AddPartitionsToTxnResponse, add_partitions_to_txn;
    TxnOffsetCommit => TxnOffsetCommitResponse, txn_offset_commit;
    CreatePartitions => CreatePartitionsResponse, create_partitions;
    DeleteGroups => DeleteGroupsResponse, delete_groups;
    OffsetDelete => OffsetDeleteResponse, offset_delete;
}

fn over<T: Message + Decodable + Encodable>(
    patch: &Patch,
    answer: &Bytes,
    fail: fn(&mut T, &Patch),
) -> Result<Bytes, Problem> {
    let mut body: T = wire::response(answer, patch.key, patch.version)?;
    fail(&mut body, patch);
    let head = ResponseHead::parse(answer, patch.key, patch.version)
        .ok_or_else(|| Problem("the header is cut off".to_owned()))?;
    wire::with_body(&answer[..head.body], &body, patch.key, patch.version)
}

/// A message about a topic.
trait OfTopic: Default {
    fn is(&self, topic: &Topic) -> bool;
    fn of(topic: &Topic) -> Self;
}

fn same(name: &StrBytes, id: Uuid, topic: &Topic) -> bool {
    if topic.name.is_empty() { id.into_bytes() == topic.id } else { *name == topic.name }
}

macro_rules! of_topic {
    (@is $self:ident, $topic:ident, $name:ident, $id:ident) => {
        same(&$self.$name.0, $self.$id, $topic)
    };
    (@is $self:ident, $topic:ident, $name:ident) => {
        $self.$name.0 == $topic.name
    };
    ($($message:ty, $name:ident $(, $id:ident)?;)*) => {$(
        impl OfTopic for $message {
            fn is(&self, topic: &Topic) -> bool {
                of_topic!(@is self, topic, $name $(, $id)?)
            }

            fn of(topic: &Topic) -> Self {
                let mut message = Self::default();
                message.$name = TopicName(topic.name.clone());
                $(message.$id = Uuid::from_bytes(topic.id);)?
                message
            }
        }
    )*};
}

of_topic! {
    produce_response::TopicProduceResponse, name, topic_id;
    fetch_response::FetchableTopicResponse, topic, topic_id;
    list_offsets_response::ListOffsetsTopicResponse, name;
    offset_commit_response::OffsetCommitResponseTopic, name, topic_id;
    offset_fetch::OffsetFetchResponseTopic, name;
    offset_fetch::OffsetFetchResponseTopics, name, topic_id;
    delete_records_response::DeleteRecordsTopicResult, name;
    leader_epoch::OffsetForLeaderTopicResult, topic;
    add_partitions::AddPartitionsToTxnTopicResult, name;
    txn_offset_commit_response::TxnOffsetCommitResponseTopic, name;
    create_topics_response::CreatableTopicResult, name;
    create_partitions_response::CreatePartitionsTopicResult, name;
    offset_delete_response::OffsetDeleteResponseTopic, name;
}

/// The message of this topic, made if there is none yet.
fn find<'a, T: OfTopic>(topics: &'a mut Vec<T>, topic: &Topic) -> &'a mut T {
    let at = topics.iter().position(|message| message.is(topic)).unwrap_or_else(|| {
        topics.push(T::of(topic));
        topics.len() - 1
    });
    &mut topics[at]
}

/// Puts a failed partition in the place of what was said of it.
fn set_partitions<T: OfTopic, P>(
    topics: &mut Vec<T>,
    picked: &[Topic],
    partitions: fn(&mut T) -> &mut Vec<P>,
    index: fn(&P) -> i32,
    failed: impl Fn(i32) -> P,
) {
    for topic in picked {
        let Some(wanted) = &topic.partitions else { continue };
        let said = partitions(find(topics, topic));
        for partition in wanted {
            match said.iter_mut().find(|said| index(said) == *partition) {
                Some(said) => *said = failed(*partition),
                None => said.push(failed(*partition)),
            }
        }
    }
}

fn produce(answer: &mut ProduceResponse, patch: &Patch) {
    set_partitions(
        &mut answer.responses,
        &patch.picked.topics,
        |topic| &mut topic.partition_responses,
        |said| said.index,
        |partition| {
            produce_response::PartitionProduceResponse::default()
                .with_index(partition)
                .with_error_code(patch.code)
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(-1)
        },
    );
}

fn fetch(answer: &mut FetchResponse, patch: &Patch) {
    set_partitions(
        &mut answer.responses,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            fetch_response::PartitionData::default()
                .with_partition_index(partition)
                .with_error_code(patch.code)
                .with_high_watermark(-1)
                .with_last_stable_offset(-1)
                .with_log_start_offset(-1)
                .with_records(Some(Bytes::new()))
        },
    );
}

fn list_offsets(answer: &mut ListOffsetsResponse, patch: &Patch) {
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            list_offsets_response::ListOffsetsPartitionResponse::default()
                .with_partition_index(partition)
                .with_error_code(patch.code)
                .with_timestamp(-1)
                .with_offset(-1)
        },
    );
}

/// Topics that fit get the error; where the fault is laid on one partition, that one alone.
fn metadata(answer: &mut MetadataResponse, patch: &Patch) {
    const TOP_LEVEL_SINCE: i16 = 13;

    let Some((rule, ids)) = &patch.picked.rule else { return };
    if answer.topics.is_empty() && patch.version >= TOP_LEVEL_SINCE {
        answer.error_code = patch.code;
    }
    for topic in &mut answer.topics {
        let name = topic.name.clone().unwrap_or_default().0;
        if !rule.picks_topic(&name, topic.topic_id.into_bytes(), ids) {
            continue;
        }
        let Some(wanted) = patch.picked.partition() else {
            topic.error_code = patch.code;
            continue;
        };
        for partition in topic.partitions.iter_mut().filter(|p| p.partition_index == wanted) {
            partition.error_code = patch.code;
            partition.leader_id = BrokerId(-1);
        }
    }
}

fn offset_commit(answer: &mut OffsetCommitResponse, patch: &Patch) {
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            offset_commit_response::OffsetCommitResponsePartition::default()
                .with_partition_index(partition)
                .with_error_code(patch.code)
        },
    );
}

/// The error of the group, or where the fault is laid on topics, the errors of their partitions.
fn offsets(answer: &mut OffsetFetchResponse, patch: &Patch) {
    const GROUPS_SINCE: i16 = 8;
    const TOP_LEVEL_SINCE: i16 = 2;

    let Picked { topics, keys, .. } = &patch.picked;
    let by_topic = patch.picked.by_topic();
    if patch.version < GROUPS_SINCE {
        if !by_topic && patch.version >= TOP_LEVEL_SINCE {
            answer.error_code = patch.code;
            answer.topics.clear();
            return;
        }
        set_partitions(
            &mut answer.topics,
            topics,
            |topic| &mut topic.partitions,
            |said| said.partition_index,
            |partition| {
                offset_fetch::OffsetFetchResponsePartition::default()
                    .with_partition_index(partition)
                    .with_committed_offset(-1)
                    .with_metadata(Some(StrBytes::new()))
                    .with_error_code(patch.code)
            },
        );
        return;
    }
    for key in keys {
        let at = answer.groups.iter().position(|group| group.group_id.as_str() == key);
        let at = at.unwrap_or_else(|| {
            let group = GroupId(StrBytes::from_string(key.clone()));
            answer
                .groups
                .push(offset_fetch::OffsetFetchResponseGroup::default().with_group_id(group));
            answer.groups.len() - 1
        });
        let group = &mut answer.groups[at];
        if !by_topic {
            group.error_code = patch.code;
            group.topics.clear();
            continue;
        }
        set_partitions(
            &mut group.topics,
            topics,
            |topic| &mut topic.partitions,
            |said| said.partition_index,
            |partition| {
                offset_fetch::OffsetFetchResponsePartitions::default()
                    .with_partition_index(partition)
                    .with_committed_offset(-1)
                    .with_metadata(Some(StrBytes::new()))
                    .with_error_code(patch.code)
            },
        );
    }
}

fn coordinators(answer: &mut FindCoordinatorResponse, patch: &Patch) {
    const KEYS_SINCE: i16 = 4;

    let nobody = BrokerId(-1);
    if patch.version < KEYS_SINCE {
        *answer = FindCoordinatorResponse::default()
            .with_error_code(patch.code)
            .with_node_id(nobody)
            .with_port(-1);
        return;
    }
    for key in &patch.picked.keys {
        let failed = find_coordinator::Coordinator::default()
            .with_key(StrBytes::from_string(key.clone()))
            .with_node_id(nobody)
            .with_port(-1)
            .with_error_code(patch.code);
        match answer.coordinators.iter_mut().find(|said| said.key.as_str() == key) {
            Some(said) => *said = failed,
            None => answer.coordinators.push(failed),
        }
    }
}

fn describe_groups(answer: &mut DescribeGroupsResponse, patch: &Patch) {
    for key in &patch.picked.keys {
        let failed = describe_groups_response::DescribedGroup::default()
            .with_group_id(GroupId(StrBytes::from_string(key.clone())))
            .with_error_code(patch.code);
        match answer.groups.iter_mut().find(|said| said.group_id.as_str() == key) {
            Some(said) => *said = failed,
            None => answer.groups.push(failed),
        }
    }
}

fn delete_groups(answer: &mut DeleteGroupsResponse, patch: &Patch) {
    for key in &patch.picked.keys {
        let failed = delete_groups_response::DeletableGroupResult::default()
            .with_group_id(GroupId(StrBytes::from_string(key.clone())))
            .with_error_code(patch.code);
        match answer.results.iter_mut().find(|said| said.group_id.as_str() == key) {
            Some(said) => *said = failed,
            None => answer.results.push(failed),
        }
    }
}

fn create_topics(answer: &mut CreateTopicsResponse, patch: &Patch) {
    for topic in &patch.picked.topics {
        *find(&mut answer.topics, topic) = create_topics_response::CreatableTopicResult::of(topic)
            .with_error_code(patch.code)
            .with_num_partitions(-1)
            .with_replication_factor(-1);
    }
}

fn create_partitions(answer: &mut CreatePartitionsResponse, patch: &Patch) {
    for topic in &patch.picked.topics {
        find(&mut answer.results, topic).error_code = patch.code;
    }
}

fn delete_topics(answer: &mut DeleteTopicsResponse, patch: &Patch) {
    for topic in &patch.picked.topics {
        let name = (!topic.name.is_empty()).then(|| TopicName(topic.name.clone()));
        let failed = delete_topics_response::DeletableTopicResult::default()
            .with_topic_id(Uuid::from_bytes(topic.id))
            .with_error_code(patch.code);
        let is_same = |said: &&mut delete_topics_response::DeletableTopicResult| match &name {
            Some(name) => said.name.as_ref() == Some(name),
            None => topic.id != NO_ID && said.topic_id.into_bytes() == topic.id,
        };
        match answer.responses.iter_mut().find(is_same) {
            Some(said) => said.error_code = patch.code,
            None => answer.responses.push(failed.with_name(name)),
        }
    }
}

fn delete_records(answer: &mut DeleteRecordsResponse, patch: &Patch) {
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            delete_records_response::DeleteRecordsPartitionResult::default()
                .with_partition_index(partition)
                .with_low_watermark(-1)
                .with_error_code(patch.code)
        },
    );
}

fn leader_epochs(answer: &mut OffsetForLeaderEpochResponse, patch: &Patch) {
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition,
        |partition| {
            leader_epoch::EpochEndOffset::default()
                .with_partition(partition)
                .with_error_code(patch.code)
        },
    );
}

fn add_partitions_to_txn(answer: &mut AddPartitionsToTxnResponse, patch: &Patch) {
    const TRANSACTIONS_SINCE: i16 = 4;

    if patch.version >= TRANSACTIONS_SINCE {
        // Between brokers, where one error stands for all.
        answer.error_code = patch.code;
        return;
    }
    for (topics, code) in [(&patch.asked, NOT_ATTEMPTED), (&patch.picked.topics, patch.code)] {
        set_partitions(
            &mut answer.results_by_topic_v3_and_below,
            topics,
            |topic| &mut topic.results_by_partition,
            |said| said.partition_index,
            |partition| {
                add_partitions::AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(partition)
                    .with_partition_error_code(code)
            },
        );
    }
}

fn txn_offset_commit(answer: &mut TxnOffsetCommitResponse, patch: &Patch) {
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            txn_offset_commit_response::TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition)
                .with_error_code(patch.code)
        },
    );
}

/// The error of the group, or where the fault is laid on topics, the errors of their partitions.
fn offset_delete(answer: &mut OffsetDeleteResponse, patch: &Patch) {
    if !patch.picked.by_topic() {
        answer.error_code = patch.code;
        return;
    }
    set_partitions(
        &mut answer.topics,
        &patch.picked.topics,
        |topic| &mut topic.partitions,
        |said| said.partition_index,
        |partition| {
            offset_delete_response::OffsetDeleteResponsePartition::default()
                .with_partition_index(partition)
                .with_error_code(patch.code)
        },
    );
}
