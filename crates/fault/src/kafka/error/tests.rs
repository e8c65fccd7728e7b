//! Every error that can be made, in every version, as a client reads it.

use std::fmt::Debug;

use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, CreateTopicsRequest,
    CreateTopicsResponse, FetchRequest, FetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    ProduceRequest, ProduceResponse, TopicName, TransactionalId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, add_partitions_to_txn_request as add_partitions,
    create_topics_request, fetch_request, list_offsets_request, metadata_response,
    offset_commit_request, offset_fetch_request, produce_request, txn_offset_commit_request,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};
use serde_json::json;

use super::*;
use crate::hits::Clock;
use crate::kafka::facts::facts;
use crate::kafka::learn::request_frame;
use crate::kafka::wire;

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
fn rule(on: serde_json::Value, side: &str) -> Arc<Rule> {
    let fault = json!({"on": on, "act": {"type": "error", "code": 15, "side": side}});
    Arc::new(Rule::new(1, "f", serde_json::from_value(fault).unwrap(), 7, Clock::new()))
}

fn planned<Q: Encodable>(key: ApiKey, version: i16, request: &Q, rule: &Arc<Rule>) -> Plan {
    let frame = request_frame(key, version, 42, request).unwrap();
    let head = RequestHead::parse(&frame).unwrap();
    let facts = facts(&frame, &head).unwrap();
    let crate::kafka::Act::Error { side, .. } = rule.fault.act else {
        unreachable!("all faults here are errors")
    };
    plan(&frame, &head, &facts, rule, &Arc::default(), (ErrorCode(15), side))
        .unwrap_or_else(|problem| panic!("{key:?} v{version}: {problem}"))
}

/// The answer where the broker is not asked at all.
fn made<Q, A>(key: ApiKey, version: i16, request: &Q, on: serde_json::Value) -> A
where
    Q: Encodable,
    A: Message + Decodable,
{
    match planned(key, version, request, &rule(on, "request")) {
        Plan::Answer(frame) => {
            let head = crate::kafka::frame::ResponseHead::parse(&frame, key, version).unwrap();
            let mut body = frame.slice(head.body..);
            let answer = A::decode(&mut body, version).unwrap();
            assert!(body.is_empty(), "{key:?} v{version}: {} bytes are left over", body.len());
            answer
        }
        Plan::Patch { .. } => panic!("{key:?} v{version} asks the broker"),
    }
}

fn every<Q, A>(key: ApiKey, request: impl Fn(i16) -> Q)
where
    Q: Message + Encodable,
    A: Message + Decodable + Debug,
{
    let range = Q::VERSIONS.intersect(&A::VERSIONS);
    for version in range.min..=range.max {
        let answer: A = made(key, version, &request(version), json!({}));
        let text = format!("{answer:?}");
        assert!(text.contains("error_code: 15"), "{key:?} v{version}: {text}");
    }
}

fn produce(version: i16, partitions: &[i32]) -> ProduceRequest {
    let data = |n: &i32| {
        let records = Some(Bytes::from_static(b"records"));
        produce_request::PartitionProduceData::default().with_index(*n).with_records(records)
    };
    let mut topic_data = produce_request::TopicProduceData::default()
        .with_partition_data(partitions.iter().map(data).collect());
    if version >= 13 {
        topic_data.topic_id = uuid::Uuid::from_bytes([7; 16]);
    } else {
        topic_data.name = topic("orders");
    }
    ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic_data])
}

#[test]
fn errors_of_groups_and_transactions() {
    every::<JoinGroupRequest, JoinGroupResponse>(ApiKey::JoinGroup, |_| {
        JoinGroupRequest::default().with_member_id(text("me"))
    });
    every::<SyncGroupRequest, SyncGroupResponse>(ApiKey::SyncGroup, |_| {
        SyncGroupRequest::default()
    });
    every::<HeartbeatRequest, HeartbeatResponse>(ApiKey::Heartbeat, |_| {
        HeartbeatRequest::default()
    });
    every::<InitProducerIdRequest, InitProducerIdResponse>(ApiKey::InitProducerId, |_| {
        InitProducerIdRequest::default()
    });
    every::<EndTxnRequest, EndTxnResponse>(ApiKey::EndTxn, |_| EndTxnRequest::default());
    every::<ApiVersionsRequest, ApiVersionsResponse>(ApiKey::ApiVersions, |_| {
        ApiVersionsRequest::default()
    });
    every::<FindCoordinatorRequest, FindCoordinatorResponse>(ApiKey::FindCoordinator, |version| {
        if version >= 4 {
            FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")])
        } else {
            FindCoordinatorRequest::default().with_key(text("g"))
        }
    });
}

#[test]
fn errors_of_partitions() {
    every::<ProduceRequest, ProduceResponse>(ApiKey::Produce, |version| produce(version, &[0, 1]));
    every::<ListOffsetsRequest, ListOffsetsResponse>(ApiKey::ListOffsets, |_| {
        let partition = list_offsets_request::ListOffsetsPartition::default();
        let topic = list_offsets_request::ListOffsetsTopic::default()
            .with_name(topic("orders"))
            .with_partitions(vec![partition]);
        ListOffsetsRequest::default().with_topics(vec![topic])
    });
    every::<OffsetCommitRequest, OffsetCommitResponse>(ApiKey::OffsetCommit, |_| offset_commit());
    every::<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(ApiKey::TxnOffsetCommit, |_| {
        let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default();
        let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
            .with_name(topic("orders"))
            .with_partitions(vec![partition]);
        TxnOffsetCommitRequest::default()
            .with_transactional_id(TransactionalId(text("t")))
            .with_topics(vec![topic])
    });
    every::<OffsetFetchRequest, OffsetFetchResponse>(ApiKey::OffsetFetch, |version| {
        let group = GroupId(text("g"));
        if version >= 8 {
            let asked = offset_fetch_request::OffsetFetchRequestGroup::default()
                .with_group_id(group)
                .with_topics(Some(vec![
                    offset_fetch_request::OffsetFetchRequestTopics::default()
                        .with_name(topic("orders"))
                        .with_partition_indexes(vec![0]),
                ]));
            return OffsetFetchRequest::default().with_groups(vec![asked]);
        }
        let asked = offset_fetch_request::OffsetFetchRequestTopic::default()
            .with_name(topic("orders"))
            .with_partition_indexes(vec![0]);
        OffsetFetchRequest::default().with_group_id(group).with_topics(Some(vec![asked]))
    });
    every::<CreateTopicsRequest, CreateTopicsResponse>(ApiKey::CreateTopics, |_| {
        let new = create_topics_request::CreatableTopic::default().with_name(topic("orders"));
        CreateTopicsRequest::default().with_topics(vec![new])
    });
}

fn offset_commit() -> OffsetCommitRequest {
    let partition = offset_commit_request::OffsetCommitRequestPartition::default();
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(topic("orders"))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default().with_group_id(GroupId(text("g"))).with_topics(vec![topic])
}

#[test]
fn a_member_is_told_who_it_is() {
    for version in 0..=9 {
        let request = JoinGroupRequest::default().with_member_id(text("me"));
        let answer: JoinGroupResponse = made(ApiKey::JoinGroup, version, &request, json!({}));
        assert_eq!((answer.member_id.as_str(), answer.generation_id), ("me", -1));
    }
}

#[test]
fn a_partition_that_fails_in_a_transaction_keeps_the_others_from_being_added() {
    let topic = add_partitions::AddPartitionsToTxnTopic::default()
        .with_name(topic("orders"))
        .with_partitions(vec![0, 1]);
    let request = AddPartitionsToTxnRequest::default().with_v3_and_below_topics(vec![topic]);
    for version in 0..=3 {
        let on = json!({"topic": "orders", "partition": 1});
        let answer: AddPartitionsToTxnResponse =
            made(ApiKey::AddPartitionsToTxn, version, &request, on);
        let codes: Vec<_> = answer.results_by_topic_v3_and_below[0]
            .results_by_partition
            .iter()
            .map(|result| (result.partition_index, result.partition_error_code))
            .collect();
        assert_eq!(codes, [(0, 55), (1, 15)]);
    }
}

#[test]
fn the_broker_gets_what_is_left_of_a_request_and_its_answer_is_completed() {
    for version in 3..=13 {
        let rule = rule(json!({"partition": 1}), "request");
        let request = produce(version, &[0, 1, 2]);
        let Plan::Patch { patch, reduced } = planned(ApiKey::Produce, version, &request, &rule)
        else {
            panic!("v{version}: the broker is not asked")
        };
        let reduced = reduced.unwrap();
        let head = RequestHead::parse(&reduced).unwrap();
        let left: ProduceRequest = wire::request(&reduced, &head).unwrap();
        assert_eq!(left, produce(version, &[0, 2]), "v{version}");

        let stored = |n: i32| {
            kafka_protocol::messages::produce_response::PartitionProduceResponse::default()
                .with_index(n)
                .with_base_offset(100)
        };
        let mut said = kafka_protocol::messages::produce_response::TopicProduceResponse::default()
            .with_partition_responses(vec![stored(0), stored(2)]);
        said.name = request.topic_data[0].name.clone();
        said.topic_id = request.topic_data[0].topic_id;
        let answer = ProduceResponse::default().with_responses(vec![said]);
        let answer = wire::answer(42, &answer, ApiKey::Produce, version).unwrap();
        let patched = patch.apply(&answer).unwrap();
        let patched: ProduceResponse = wire::response(&patched, ApiKey::Produce, version).unwrap();
        assert_eq!(patched.responses.len(), 1, "v{version}");
        let codes: Vec<_> = patched.responses[0]
            .partition_responses
            .iter()
            .map(|p| (p.index, p.error_code, p.base_offset))
            .collect();
        assert_eq!(codes, [(0, 0, 100), (2, 0, 100), (1, 15, -1)]);
    }
}

#[test]
fn a_broker_that_did_its_work_is_contradicted() {
    let rule = rule(json!({}), "response");
    let Plan::Patch { patch, reduced } = planned(ApiKey::OffsetCommit, 8, &offset_commit(), &rule)
    else {
        panic!("the broker is not asked")
    };
    assert_eq!(reduced, None);
    let fine = offset_commit_answer(0);
    let patched = patch.apply(&wire::answer(42, &fine, ApiKey::OffsetCommit, 8).unwrap()).unwrap();
    let patched: OffsetCommitResponse = wire::response(&patched, ApiKey::OffsetCommit, 8).unwrap();
    assert_eq!(patched, offset_commit_answer(15));
}

fn offset_commit_answer(code: i16) -> OffsetCommitResponse {
    use kafka_protocol::messages::offset_commit_response as response;
    let partition = response::OffsetCommitResponsePartition::default().with_error_code(code);
    let topic = response::OffsetCommitResponseTopic::default()
        .with_name(topic("orders"))
        .with_partitions(vec![partition]);
    OffsetCommitResponse::default().with_topics(vec![topic])
}

#[test]
fn fetched_records_are_taken_away_with_the_error() {
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    for version in 4..=18 {
        let id = if version >= 13 { [7; 16] } else { [0; 16] };
        let name = if version >= 13 { topic("") } else { topic("orders") };
        let asked = fetch_request::FetchTopic::default()
            .with_topic(name.clone())
            .with_topic_id(uuid::Uuid::from_bytes(id))
            .with_partitions(vec![fetch_request::FetchPartition::default()]);
        let request = FetchRequest::default().with_topics(vec![asked]);
        let rule = rule(json!({}), "request");
        let Plan::Patch { patch, .. } = planned(ApiKey::Fetch, version, &request, &rule) else {
            panic!("fetch sessions need the broker")
        };
        let data = PartitionData::default().with_records(Some(Bytes::from_static(b"records")));
        let said = FetchableTopicResponse::default()
            .with_topic(name)
            .with_topic_id(uuid::Uuid::from_bytes(id))
            .with_partitions(vec![data]);
        let answer = FetchResponse::default().with_responses(vec![said]);
        let answer = wire::answer(42, &answer, ApiKey::Fetch, version).unwrap();
        let patched: FetchResponse =
            wire::response(&patch.apply(&answer).unwrap(), ApiKey::Fetch, version).unwrap();
        assert_eq!(patched.responses.len(), 1, "v{version}");
        let partition = &patched.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.records.as_deref()), (15, Some(&b""[..])));
    }
}

#[test]
fn metadata_keeps_its_brokers_and_fails_for_the_topic() {
    use metadata_response::{MetadataResponseBroker, MetadataResponseTopic};
    for version in 0..=13 {
        let rule = rule(json!({"topic": "orders"}), "request");
        let request = MetadataRequest::default().with_topics((version > 0).then_some(Vec::new()));
        let request = if version == 0 { request.with_topics(Some(Vec::new())) } else { request };
        let Plan::Patch { patch, .. } = planned(ApiKey::Metadata, version, &request, &rule) else {
            panic!("only the broker knows the others")
        };
        let said = |name| MetadataResponseTopic::default().with_name(Some(topic(name)));
        let answer = MetadataResponse::default()
            .with_brokers(vec![MetadataResponseBroker::default()])
            .with_topics(vec![said("other"), said("orders")]);
        let answer = wire::answer(42, &answer, ApiKey::Metadata, version).unwrap();
        let patched: MetadataResponse =
            wire::response(&patch.apply(&answer).unwrap(), ApiKey::Metadata, version).unwrap();
        assert_eq!(patched.brokers.len(), 1);
        let codes: Vec<_> = patched.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 15], "v{version}");
    }
}
