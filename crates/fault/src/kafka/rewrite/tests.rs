//! Every address-bearing answer in every version: nothing of a real address is left, everything else
//! is as it was.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_quorum_response::{Listener, Node as Voter};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{MetadataResponseBroker, MetadataResponseTopic};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, TopicName, fetch_response, produce_response,
    share_acknowledge_response, share_fetch_response,
};
use kafka_protocol::protocol::HeaderVersion;

use super::*;

const HOST: &str = "kafka-real.internal";
const PORT: i32 = 0x6a6b;

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn listener(node: Node) -> SocketAddr {
    let offset = match node {
        Node::Broker(id) => id,
        Node::Controller(id) => 100 + id,
        Node::Bootstrap(_) => 200,
    };
    (IpAddr::from(Ipv4Addr::new(127, 9, 9, 9)), 19_000 + u16::try_from(offset).unwrap()).into()
}

/// The frame with an unknown tag in its header where there may be one.
fn frame<T: Encodable + HeaderVersion>(body: &T, version: i16) -> Bytes {
    let mut start = vec![0, 0, 0, 0, 0, 0, 0, 42];
    if T::header_version(version) >= 1 {
        start.extend_from_slice(&[1, 9, 2, b'h', b'i']);
    }
    let mut out = BytesMut::from(&start[..]);
    body.encode(&mut out, version).unwrap();
    let length = u32::try_from(out.len() - 4).unwrap();
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

fn asked(frame: &Bytes, key: ApiKey, version: i16) -> (Option<Bytes>, Vec<(Node, String, i32)>) {
    let mut asked = Vec::new();
    let out = rewrite(frame, key, version, &mut |node, host: &str, port| {
        asked.push((node, host.to_owned(), port));
        Ok(listener(node))
    });
    (out.unwrap(), asked)
}

/// Rewrites in every version, looks for leaks, and gives what is left to `check`.
fn every_version<T>(key: ApiKey, make: impl Fn(i16) -> T, check: impl Fn(i16, &T, &T))
where
    T: Message + Encodable + Decodable + HeaderVersion + PartialEq + std::fmt::Debug,
{
    for version in T::VERSIONS.min..=T::VERSIONS.max {
        if !carries_addresses(key, version) {
            continue;
        }
        let before = make(version);
        let original = frame(&before, version);
        let (changed, _) = asked(&original, key, version);
        let changed = changed.unwrap_or_else(|| panic!("{key:?} v{version}: nothing changed"));
        assert!(!leaks(&changed), "{key:?} v{version} leaks");
        assert_eq!(changed[4..8], original[4..8], "correlation id");
        let length = usize::try_from(u32::from_be_bytes(changed[..4].try_into().unwrap()));
        assert_eq!(length.unwrap(), changed.len() - 4);
        let after: T = wire::response(&changed, key, version).unwrap();
        check(version, &before, &after);
        // What is rewritten once more asks for the listeners' own addresses.
        let (_, places) = asked(&changed, key, version);
        assert!(places.iter().all(|(node, host, port)| {
            let expected = listener(*node);
            *host == expected.ip().to_string() && *port == i32::from(expected.port())
        }));
    }
}

fn leaks(frame: &[u8]) -> bool {
    let needles = [HOST.as_bytes(), &PORT.to_be_bytes()[2..]];
    needles.iter().any(|needle| frame.windows(needle.len()).any(|window| window == *needle))
}

fn tags() -> BTreeMap<i32, Bytes> {
    BTreeMap::from([(77, Bytes::from_static(b"kept"))])
}

macro_rules! node_endpoint {
    ($module:ident) => {
        $module::NodeEndpoint::default()
            .with_node_id(BrokerId(2))
            .with_host(text(HOST))
            .with_port(PORT)
            .with_rack(Some(text("r1")))
            .with_unknown_tagged_fields(tags())
    };
}

#[test]
fn metadata() {
    let make = |version| {
        let broker = MetadataResponseBroker::default().with_host(text(HOST)).with_port(PORT);
        let mut brokers: Vec<_> = [0, 7].map(|id| broker.clone().with_node_id(BrokerId(id))).into();
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(text("orders"))))
            .with_error_code(5);
        if version >= 9 {
            brokers[1].unknown_tagged_fields = tags();
        }
        MetadataResponse::default().with_brokers(brokers).with_topics(vec![topic])
    };
    every_version(ApiKey::Metadata, make, |version, before, after| {
        assert_eq!(after.topics, before.topics);
        let ids: Vec<_> = after.brokers.iter().map(|b| (b.node_id.0, b.port)).collect();
        assert_eq!(ids, [(0, 19_000), (7, 19_007)]);
        assert!(after.brokers.iter().all(|broker| broker.host.as_str() == "127.9.9.9"));
        if version >= 9 {
            assert_eq!(after.brokers[1].unknown_tagged_fields, tags());
        }
    });
}

#[test]
fn find_coordinator() {
    let make = |version| {
        if version <= 3 {
            return FindCoordinatorResponse::default()
                .with_node_id(BrokerId(3))
                .with_host(text(HOST))
                .with_port(PORT);
        }
        let found = Coordinator::default()
            .with_key(text("group"))
            .with_node_id(BrokerId(3))
            .with_host(text(HOST))
            .with_port(PORT);
        let none = Coordinator::default()
            .with_key(text("other"))
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(15);
        FindCoordinatorResponse::default().with_coordinators(vec![found, none])
    };
    every_version(ApiKey::FindCoordinator, make, |version, before, after| {
        if version <= 3 {
            assert_eq!((after.node_id.0, after.port), (3, 19_003));
        } else {
            assert_eq!(after.coordinators[0].port, 19_003);
            assert_eq!(after.coordinators[1], before.coordinators[1]);
        }
    });
}

#[test]
fn a_coordinator_that_is_not_available_stays_byte_for_byte() {
    for version in 0..=6 {
        let mut answer = FindCoordinatorResponse::default().with_error_code(15);
        if version <= 3 {
            answer = answer.with_node_id(BrokerId(-1)).with_port(-1);
        } else {
            answer = FindCoordinatorResponse::default();
        }
        let (changed, places) = asked(&frame(&answer, version), ApiKey::FindCoordinator, version);
        assert_eq!((changed, places), (None, vec![]), "v{version}");
    }
}

#[test]
fn describe_cluster() {
    let make = |_| {
        let broker = DescribeClusterBroker::default()
            .with_broker_id(BrokerId(4))
            .with_host(text(HOST))
            .with_port(PORT);
        DescribeClusterResponse::default().with_brokers(vec![broker])
    };
    every_version(ApiKey::DescribeCluster, make, |_, _, after| {
        assert_eq!((after.brokers[0].broker_id.0, after.brokers[0].port), (4, 19_004));
    });
    for version in 1..=2 {
        let controllers = make(version).with_endpoint_type(2);
        let (changed, places) =
            asked(&frame(&controllers, version), ApiKey::DescribeCluster, version);
        assert_eq!(places[0].0, Node::Controller(4));
        assert!(!leaks(&changed.unwrap()));
    }
}

#[test]
fn produce_and_fetch() {
    let leader = produce_response::LeaderIdAndEpoch::default()
        .with_leader_id(BrokerId(2))
        .with_leader_epoch(9);
    let partition = produce_response::PartitionProduceResponse::default()
        .with_error_code(6)
        .with_current_leader(leader);
    let topic =
        produce_response::TopicProduceResponse::default().with_partition_responses(vec![partition]);
    let produce = |_| {
        ProduceResponse::default()
            .with_responses(vec![topic.clone()])
            .with_node_endpoints(vec![node_endpoint!(produce_response)])
    };
    every_version(ApiKey::Produce, produce, |_, before, after| {
        assert_eq!(after.responses, before.responses);
        assert_eq!(after.node_endpoints[0].node_id.0, 2);
        assert_eq!(after.node_endpoints[0].unknown_tagged_fields, tags());
    });

    let records = fetch_response::PartitionData::default()
        .with_records(Some(Bytes::from_static(b"not decoded")));
    let topic = fetch_response::FetchableTopicResponse::default().with_partitions(vec![records]);
    let fetch = |_| {
        FetchResponse::default()
            .with_session_id(3)
            .with_responses(vec![topic.clone()])
            .with_node_endpoints(vec![node_endpoint!(fetch_response)])
    };
    every_version(ApiKey::Fetch, fetch, |_, before, after| {
        assert_eq!((after.session_id, &after.responses), (3, &before.responses));
        assert_eq!(after.node_endpoints[0].rack, before.node_endpoints[0].rack);
    });
}

#[test]
fn share_groups() {
    let fetch = |_| {
        ShareFetchResponse::default()
            .with_node_endpoints(vec![node_endpoint!(share_fetch_response)])
    };
    every_version(ApiKey::ShareFetch, fetch, |_, _, after| {
        assert_eq!(after.node_endpoints[0].port, 19_002);
    });
    let acknowledge = |_| {
        ShareAcknowledgeResponse::default()
            .with_node_endpoints(vec![node_endpoint!(share_acknowledge_response)])
    };
    every_version(ApiKey::ShareAcknowledge, acknowledge, |_, _, after| {
        assert_eq!(after.node_endpoints[0].port, 19_002);
    });
}

#[test]
fn listeners_of_voters() {
    let make = |_| {
        let place = |name| {
            let port = u16::try_from(PORT).unwrap();
            Listener::default().with_name(text(name)).with_host(text(HOST)).with_port(port)
        };
        let voter = Voter::default()
            .with_node_id(BrokerId(1))
            .with_listeners(vec![place("CONTROLLER"), place("OTHER")]);
        DescribeQuorumResponse::default().with_nodes(vec![voter])
    };
    every_version(ApiKey::DescribeQuorum, make, |_, _, after| {
        assert_eq!(after.nodes[0].listeners.len(), 1);
        assert_eq!(after.nodes[0].listeners[0].port, 19_101);
    });
}

#[test]
fn answers_without_addresses_stay_byte_for_byte() {
    for version in 10..=13 {
        let answer = ProduceResponse::default();
        assert_eq!(asked(&frame(&answer, version), ApiKey::Produce, version).0, None);
    }
    for version in 4..=18 {
        let answer = FetchResponse::default();
        assert_eq!(asked(&frame(&answer, version), ApiKey::Fetch, version).0, None);
    }
}

fn range(api_key: i16, min_version: i16, max_version: i16) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(api_key)
        .with_min_version(min_version)
        .with_max_version(max_version)
}

#[test]
fn versions_are_capped_in_every_version() {
    for version in 0..=4 {
        let answer = ApiVersionsResponse::default().with_api_keys(vec![
            range(0, 0, 99),
            range(1, 4, 17),
            range(18, 0, 9),
            range(3, 14, 20),
            range(7, 0, 3),
            range(31_000, 0, 0),
        ]);
        let (changed, _) = asked(&frame(&answer, version), ApiKey::ApiVersions, version);
        let capped: ApiVersionsResponse =
            wire::response(&changed.unwrap(), ApiKey::ApiVersions, version).unwrap();
        let expected = [range(0, 0, 13), range(1, 4, 17), range(18, 0, 4)];
        assert_eq!(capped.api_keys, expected, "v{version}");
    }
    let known = ApiVersionsResponse::default().with_api_keys(vec![range(0, 0, 5)]);
    assert_eq!(asked(&frame(&known, 3), ApiKey::ApiVersions, 3).0, None);
}

#[test]
fn an_unsupported_version_is_answered_in_version_0() {
    let refusal = unsupported_version(42).unwrap();
    for asked_version in [0, 3, 4, 5, 9] {
        let (changed, _) = asked(&refusal, ApiKey::ApiVersions, asked_version);
        assert_eq!(changed, None, "asked in v{asked_version}");
    }
    let answer: ApiVersionsResponse = wire::response(&refusal, ApiKey::ApiVersions, 0).unwrap();
    assert_eq!((answer.error_code, answer.api_keys), (35, vec![range(18, 0, 4)]));
    assert_eq!(ResponseHead::correlation(&refusal), Some(42));
}

#[test]
fn broken_answers_are_refused_and_never_panic() {
    for version in 0..=13 {
        let broker = MetadataResponseBroker::default().with_host(text(HOST)).with_port(PORT);
        let whole = frame(&MetadataResponse::default().with_brokers(vec![broker]), version);
        for end in 4..whole.len() {
            let mut listeners = |node, _: &str, _| Ok(listener(node));
            let cut = whole.slice(..end);
            assert!(rewrite(&cut, ApiKey::Metadata, version, &mut listeners).is_err());
        }
    }
}
