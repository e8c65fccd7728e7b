//! Faults on single requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, EndTxnRequest, EndTxnResponse, FetchRequest, FetchResponse, GroupId, HeartbeatRequest,
    HeartbeatResponse, OffsetCommitRequest, OffsetCommitResponse, ProduceRequest, ProduceResponse,
    TopicName, fetch_request, fetch_response, offset_commit_request, offset_commit_response,
    produce_request, produce_response,
};
use kafka_protocol::protocol::StrBytes;
use serde_json::json;

use super::client::{Client, Gone};
use super::fake::{Cluster, Seen, say};
use super::{fault, proxy, proxy_with_seed};

const VERSION: i16 = 8;

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn commit(group: &str) -> OffsetCommitRequest {
    let partition = offset_commit_request::OffsetCommitRequestPartition::default();
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(topic("orders"))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic])
}

fn produce(name: &str, partitions: &[i32], acks: i16) -> ProduceRequest {
    let data = |n: &i32| {
        let records = Some(Bytes::from_static(b"records"));
        produce_request::PartitionProduceData::default().with_index(*n).with_records(records)
    };
    let data = produce_request::TopicProduceData::default()
        .with_name(topic(name))
        .with_partition_data(partitions.iter().map(data).collect());
    ProduceRequest::default().with_acks(acks).with_topic_data(vec![data])
}

/// Says yes to everything.
fn script(seen: &Seen) -> Option<Bytes> {
    let key = ApiKey::try_from(seen.api).ok()?;
    Some(match key {
        ApiKey::OffsetCommit => {
            let request: OffsetCommitRequest = seen.body();
            let partition = offset_commit_response::OffsetCommitResponsePartition::default();
            let topics = request.topics.iter().map(|topic| {
                offset_commit_response::OffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(vec![partition.clone(); topic.partitions.len()])
            });
            say(seen, &OffsetCommitResponse::default().with_topics(topics.collect()))
        }
        ApiKey::Produce => {
            let request: ProduceRequest = seen.body();
            if request.acks == 0 {
                return None;
            }
            let topics = request.topic_data.iter().map(|topic| {
                let stored = topic.partition_data.iter().map(|partition| {
                    produce_response::PartitionProduceResponse::default()
                        .with_index(partition.index)
                        .with_base_offset(100)
                });
                produce_response::TopicProduceResponse::default()
                    .with_name(topic.name.clone())
                    .with_partition_responses(stored.collect())
            });
            say(seen, &ProduceResponse::default().with_responses(topics.collect()))
        }
        ApiKey::Heartbeat => say(seen, &HeartbeatResponse::default()),
        ApiKey::EndTxn => say(seen, &EndTxnResponse::default()),
        ApiKey::Fetch => {
            let request: FetchRequest = seen.body();
            let topics = request.topics.iter().map(|topic| {
                fetch_response::FetchableTopicResponse::default().with_topic(topic.topic.clone())
            });
            say(seen, &FetchResponse::default().with_responses(topics.collect()))
        }
        _ => return None,
    })
}

fn code(answer: &OffsetCommitResponse) -> i16 {
    answer.topics[0].partitions[0].error_code
}

#[tokio::test]
async fn the_third_commit_of_a_group_fails_and_no_other() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "OffsetCommit", "group": "g", "nth": 3});
    let act = json!({"type": "error", "code": "COORDINATOR_NOT_AVAILABLE"});
    proxy.add("third", fault(on, act)).unwrap();
    let mut codes = Vec::new();
    let mut client = Client::connect(&proxy, 1).await;
    for group in ["g", "h", "g", "h", "h", "g", "g", "g"] {
        codes.push(code(&client.ask(ApiKey::OffsetCommit, VERSION, &commit(group)).await));
    }
    assert_eq!(codes, [0, 0, 0, 0, 0, 15, 0, 0]);
    assert_eq!(cluster.seen(ApiKey::OffsetCommit).len(), 7, "the broker did not see it");
    let hits = proxy.hits("third").unwrap();
    assert_eq!((hits.requests, hits.responses, hits.connections), (1, 1, 1));
    assert!(hits.bytes > 0 && hits.first_unix_ms.is_some());
    assert!(proxy.remove("third") && !proxy.remove("third"));
    assert_eq!(proxy.hits("third").unwrap().requests, 1, "its hits are still told");
}

#[tokio::test]
async fn an_error_after_the_fact_contradicts_the_broker() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let act = json!({"type": "error", "code": 7, "side": "response"});
    proxy.add("late", fault(json!({"api": "OffsetCommit"}), act)).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    assert_eq!(code(&client.ask(ApiKey::OffsetCommit, VERSION, &commit("g")).await), 7);
    assert_eq!(cluster.seen(ApiKey::OffsetCommit).len(), 1, "the broker did it");
}

#[tokio::test]
async fn one_partition_fails_and_the_others_are_stored() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "Produce", "topic": "orders", "partition": 1});
    let act = json!({"type": "error", "code": "NOT_LEADER_OR_FOLLOWER"});
    proxy.add("one", fault(on, act)).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    let request = produce("orders", &[0, 1, 2], -1);
    let answer: ProduceResponse = client.ask(ApiKey::Produce, VERSION, &request).await;
    let codes: Vec<_> =
        answer.responses[0].partition_responses.iter().map(|p| (p.index, p.error_code)).collect();
    assert_eq!(codes, [(0, 0), (2, 0), (1, 6)]);
    let stored: ProduceRequest = cluster.seen(ApiKey::Produce)[0].body();
    assert_eq!(stored, produce("orders", &[0, 2], -1));
    let other: ProduceResponse =
        client.ask(ApiKey::Produce, VERSION, &produce("other", &[1], -1)).await;
    assert_eq!(other.responses[0].partition_responses[0].error_code, 0);
}

#[tokio::test]
async fn a_lost_request_never_arrives_and_a_lost_answer_did() {
    for (act, stored) in [("lose_request", 1), ("lose_response", 2), ("disconnect", 1)] {
        let cluster = Cluster::start(1, script).await;
        let proxy = proxy(&cluster).await;
        let on = json!({"api": "Produce", "topic": "orders", "nth": 2});
        proxy.add("lost", fault(on, json!(act))).unwrap();
        let mut client = Client::connect(&proxy, 1).await;
        // Two at a time, as producers do; the third must not slip through behind a lost one.
        for _ in 0..3 {
            client.send(ApiKey::Produce, VERSION, &produce("orders", &[0], -1)).await;
        }
        if act == "disconnect" {
            // The answers under way may be lost too.
            while client.frame().await.is_ok() {}
        } else {
            let (first, _) = client.answer::<ProduceResponse>(ApiKey::Produce, VERSION).await;
            assert_eq!(first, 1, "{act}: the answer to the earlier one still comes");
            assert_eq!(client.frame().await.unwrap_err(), Gone::Closed, "{act}");
        }
        assert_eq!(cluster.seen(ApiKey::Produce).len(), stored, "{act}");
        let hits = proxy.hits("lost").unwrap();
        assert_eq!(hits.requests, 1, "{act}");
        assert_eq!(hits.responses, u64::from(act == "lose_response"), "{act}");
        // What follows on another connection is not hit.
        let mut again = Client::connect(&proxy, 1).await;
        let _: ProduceResponse =
            again.ask(ApiKey::Produce, VERSION, &produce("orders", &[0], -1)).await;
    }
}

#[tokio::test]
async fn a_silent_loss_stays_silent_until_it_is_removed() {
    for act in ["lose_request", "lose_response"] {
        let cluster = Cluster::start(1, script).await;
        let proxy = proxy(&cluster).await;
        let on = json!({"api": "Produce"});
        proxy.add("lost", fault(on, json!({"type": act, "then": "silence"}))).unwrap();
        let mut client = Client::connect(&proxy, 1).await;
        client.send(ApiKey::Produce, VERSION, &produce("orders", &[0], -1)).await;
        client.send(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        assert!(client.is_silent(Duration::from_millis(150)).await, "{act}");
        assert_eq!(cluster.seen(ApiKey::Produce).len(), usize::from(act == "lose_response"));
        assert!(proxy.remove("lost"));
        assert_eq!(client.frame().await.unwrap_err(), Gone::Closed, "{act}: bytes are missing");
    }
}

#[tokio::test]
async fn a_late_request_or_answer_holds_back_what_follows() {
    for side in ["request", "response"] {
        let cluster = Cluster::start(1, script).await;
        let proxy = proxy(&cluster).await;
        let act = json!({"type": "delay", "ms": 200, "side": side});
        proxy.add("late", fault(json!({"api": "OffsetCommit"}), act)).unwrap();
        let start = Instant::now();
        let mut client = Client::connect(&proxy, 1).await;
        client.send(ApiKey::OffsetCommit, VERSION, &commit("g")).await;
        client.send(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        if side == "response" {
            cluster.wait(ApiKey::Heartbeat, 1).await;
            assert!(start.elapsed() < Duration::from_millis(190), "requests are not late");
        }
        let (first, _) = client.answer::<OffsetCommitResponse>(ApiKey::OffsetCommit, VERSION).await;
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(200), "{side}: {took:?}");
        let (second, _) = client.answer::<HeartbeatResponse>(ApiKey::Heartbeat, 4).await;
        assert_eq!((first, second), (1, 2));
        // Other connections go on.
        let mut other = Client::connect(&proxy, 1).await;
        let start = Instant::now();
        let _: HeartbeatResponse =
            other.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        assert!(start.elapsed() < Duration::from_millis(150));
    }
}

#[tokio::test]
async fn removing_a_delay_lets_go_at_once() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let act = json!({"type": "delay", "ms": 60_000});
    proxy.add("late", fault(json!({"api": "OffsetCommit"}), act)).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    client.send(ApiKey::OffsetCommit, VERSION, &commit("g")).await;
    assert!(client.is_silent(Duration::from_millis(50)).await);
    assert!(proxy.remove("late"));
    let start = Instant::now();
    client.answer::<OffsetCommitResponse>(ApiKey::OffsetCommit, VERSION).await;
    assert!(start.elapsed() < Duration::from_millis(100));
}

#[tokio::test]
async fn a_late_request_arrives_although_its_client_has_left() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "EndTxn", "transactional_id": "t-*"});
    proxy.add("zombie", fault(on, json!({"type": "delay", "ms": 200}))).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    let id = kafka_protocol::messages::TransactionalId(text("t-1"));
    client.send(ApiKey::EndTxn, 3, &EndTxnRequest::default().with_transactional_id(id)).await;
    cluster.wait(ApiKey::Metadata, 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(client);
    assert_eq!(cluster.seen(ApiKey::EndTxn).len(), 0);
    cluster.wait(ApiKey::EndTxn, 1).await;
    assert_eq!(proxy.hits("zombie").unwrap().requests, 1);
}

#[tokio::test]
async fn what_needs_no_answer_gets_none() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let act = json!({"type": "error", "code": 6});
    proxy.add("error", fault(json!({"api": "Produce"}), act)).unwrap();
    proxy.add("lost", fault(json!({"api": "Produce"}), json!("lose_response"))).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    for version in [3, 8, 9, 12] {
        client.send(ApiKey::Produce, version, &produce("orders", &[0], 0)).await;
        let _: HeartbeatResponse =
            client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
    }
    assert_eq!(cluster.seen(ApiKey::Produce).len(), 4);
    assert_eq!(proxy.hits("error").unwrap().requests, 0, "there is no answer to replace");
    let on = json!({"api": "Produce"});
    assert!(proxy.remove("error") && proxy.remove("lost"));
    proxy.add("gone", fault(on, json!("lose_request"))).unwrap();
    client.send(ApiKey::Produce, 8, &produce("orders", &[0], 0)).await;
    assert_eq!(client.frame().await.unwrap_err(), Gone::Closed);
    assert_eq!(cluster.seen(ApiKey::Produce).len(), 4);
}

#[tokio::test]
async fn a_fetch_session_is_known_by_what_it_began_with() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "Fetch", "topic": "orders", "nth": 2});
    let act = json!({"type": "error", "code": "NOT_LEADER_OR_FOLLOWER"});
    proxy.add("fetch", fault(on, act)).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    let partition = fetch_request::FetchPartition::default().with_partition(3);
    let asked = fetch_request::FetchTopic::default()
        .with_topic(topic("orders"))
        .with_partitions(vec![partition]);
    let begin = FetchRequest::default().with_session_epoch(0).with_topics(vec![asked]);
    let first: FetchResponse = client.ask(ApiKey::Fetch, 11, &begin).await;
    assert!(first.responses[0].partitions.is_empty());
    // The second one names no topic at all.
    let next = FetchRequest::default().with_session_epoch(1);
    let second: FetchResponse = client.ask(ApiKey::Fetch, 11, &next).await;
    let partition = &second.responses[0].partitions[0];
    assert_eq!((partition.partition_index, partition.error_code), (3, 6));
}

#[tokio::test]
async fn clients_and_brokers_are_told_apart() {
    let cluster = Cluster::start(2, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "Heartbeat", "client_id": "app-*", "broker": 2});
    proxy.add("some", fault(on, json!({"type": "error", "code": 27}))).unwrap();
    for (broker, name, expected) in [(1, "app-1", 0), (2, "tool", 0), (2, "app-1", 27)] {
        let mut client = Client::named(&proxy, broker, name).await;
        let answer: HeartbeatResponse =
            client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        assert_eq!(answer.error_code, expected, "{name} at {broker}");
    }
    let brokers: Vec<_> = cluster.seen(ApiKey::Heartbeat).iter().map(|s| s.broker).collect();
    assert_eq!(brokers, [1, 2]);
}

#[tokio::test]
async fn one_seed_decides_alike() {
    let run = async |seed| {
        let cluster = Cluster::start(1, script).await;
        let proxy = proxy_with_seed(&cluster, seed).await;
        let on = json!({"api": "Heartbeat", "probability": 0.3});
        proxy.add("some", fault(on, json!({"type": "error", "code": 27}))).unwrap();
        let mut client = Client::connect(&proxy, 1).await;
        let mut codes = Vec::new();
        for _ in 0..60 {
            let answer: HeartbeatResponse =
                client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
            codes.push(answer.error_code);
        }
        codes
    };
    let first = run(7).await;
    assert!(first.contains(&0) && first.contains(&27));
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[tokio::test]
async fn a_window_opens_and_closes() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let on = json!({"api": "Heartbeat", "from_ms": 150, "for_ms": 150});
    proxy.add("window", fault(on, json!({"type": "error", "code": 27}))).unwrap();
    let start = Instant::now();
    let mut client = Client::connect(&proxy, 1).await;
    while start.elapsed() < Duration::from_millis(450) {
        let before = start.elapsed().as_millis();
        let answer: HeartbeatResponse =
            client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        let after = start.elapsed().as_millis();
        // What was asked around a bound may be on either side of it.
        match (before, after) {
            (0.., ..=145) => assert_eq!(answer.error_code, 0, "{before} to {after} ms"),
            (160.., ..=290) => assert_eq!(answer.error_code, 27, "{before} to {after} ms"),
            (310.., ..) => assert_eq!(answer.error_code, 0, "{before} to {after} ms"),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(proxy.hits("window").unwrap().requests > 5);
}
