//! What no fault changes and what names no broker passes as it is.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, HeartbeatRequest, HeartbeatResponse,
    SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::client::{Client, Gone};
use super::fake::{Cluster, Seen, say, say_bytes};
use super::proxy;

/// Answers with the request, turned around.
fn mirror(seen: &Seen) -> Option<Bytes> {
    let own = [ApiKey::Metadata as i16, ApiKey::ApiVersions as i16];
    let mut body = seen.frame.slice(4..).to_vec();
    body.reverse();
    (!own.contains(&seen.api)).then(|| say_bytes(seen, &body))
}

fn opaque(api: i16, version: i16, correlation: i32, body: &[u8]) -> Bytes {
    let mut out = BytesMut::from(&[0; 4][..]);
    out.extend_from_slice(&api.to_be_bytes());
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&correlation.to_be_bytes());
    // A client id of no bytes, and for newer layouts no tagged fields.
    out.extend_from_slice(&[0, 0, 0]);
    out.extend_from_slice(body);
    let length = u32::try_from(out.len() - 4).unwrap();
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

/// A request of an API that nobody knows.
pub(crate) async fn send_opaque(client: &mut Client, api: i16, correlation: i32) {
    client.stream.write_all(&opaque(api, 0, correlation, b"")).await.unwrap();
}

/// Known APIs without addresses, unknown ones, and unknown versions.
fn any_request() -> impl Strategy<Value = (i16, i16, Vec<u8>)> {
    let api = prop_oneof![
        Just((ApiKey::Heartbeat as i16, 4)),
        Just((ApiKey::OffsetCommit as i16, 8)),
        Just((ApiKey::JoinGroup as i16, 9)),
        Just((ApiKey::Fetch as i16, 12)),
        Just((ApiKey::Fetch as i16, 99)),
        Just((ApiKey::EndTxn as i16, 77)),
        Just((9_999, 3)),
    ];
    (api, proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|((api, version), body)| (api, version, body))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn untouched_frames_stay_byte_for_byte(
        requests in proptest::collection::vec(any_request(), 1..12),
        piece in 1_usize..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = Cluster::start(1, mirror).await;
            let proxy = proxy(&cluster).await;
            let before = cluster.all().len();
            let mut client = Client::connect(&proxy, 1).await;
            let frames: Vec<_> = (1..)
                .zip(&requests)
                .map(|(n, (api, version, body))| opaque(*api, *version, n, body))
                .collect();
            for piece in frames.concat().chunks(piece) {
                client.stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            for (n, frame) in (1_i32..).zip(&frames) {
                let mut expected = frame[4..].to_vec();
                expected.reverse();
                let answer = client.frame().await.unwrap();
                assert_eq!(answer[4..8], n.to_be_bytes());
                assert_eq!(answer[8..], expected);
            }
            let seen: Vec<_> =
                cluster.all().into_iter().skip(before).map(|seen| seen.frame).collect();
            assert_eq!(seen, frames);
        });
    }
}

#[tokio::test]
async fn frames_pass_however_they_are_cut() {
    let cluster = Cluster::start(1, mirror).await;
    let proxy = proxy(&cluster).await;
    let frames = [opaque(12, 4, 1, b"one"), opaque(1, 12, 2, b""), opaque(9_999, 0, 3, &[1; 70])];
    let bytes = frames.concat();
    for cut in 1..bytes.len() {
        let mut client = Client::connect(&proxy, 1).await;
        client.stream.write_all(&bytes[..cut]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_micros(200)).await;
        client.stream.write_all(&bytes[cut..]).await.unwrap();
        for (n, frame) in (1_i32..).zip(&frames) {
            let answer = client.frame().await.unwrap();
            assert_eq!(answer[4..8], n.to_be_bytes(), "cut at {cut}");
            assert_eq!(answer.len(), frame.len() + 4);
        }
    }
    let seen: Vec<_> = cluster.seen(ApiKey::Heartbeat).into_iter().map(|s| s.frame).collect();
    assert!(seen.iter().all(|frame| *frame == frames[0]) && seen.len() == bytes.len() - 1);
}

#[tokio::test]
async fn what_is_no_frame_closes_its_connection_alone() {
    let cluster = Cluster::start(1, mirror).await;
    let proxy = proxy(&cluster).await;
    let mut other = Client::connect(&proxy, 1).await;
    for junk in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1],
        &[0xff; 8],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 2, 0, 12],
        &[0, 0, 0, 0],
    ] {
        let mut client = Client::connect(&proxy, 1).await;
        client.stream.write_all(junk).await.unwrap();
        assert_eq!(client.frame().await.unwrap_err(), Gone::Closed, "{junk:?}");
    }
    send_opaque(&mut other, 9_999, 1).await;
    other.frame().await.unwrap();
}

#[tokio::test]
async fn newer_api_versions_than_known_are_answered_here() {
    let cluster = Cluster::start(1, mirror).await;
    let proxy = proxy(&cluster).await;
    let asked = cluster.seen(ApiKey::ApiVersions).len();
    let mut client = Client::connect(&proxy, 1).await;
    client.stream.write_all(&opaque(18, 9, 5, b"whatever it says")).await.unwrap();
    let (correlation, refused) = client.answer::<ApiVersionsResponse>(ApiKey::ApiVersions, 0).await;
    assert_eq!((correlation, refused.error_code), (5, 35));
    assert_eq!(refused.api_keys[0].max_version, 4);
    assert_eq!(cluster.seen(ApiKey::ApiVersions).len(), asked, "the broker is not asked");
    // As clients do then.
    let answer: ApiVersionsResponse =
        client.ask(ApiKey::ApiVersions, 4, &ApiVersionsRequest::default()).await;
    assert!(answer.api_keys.len() > 50);
}

#[tokio::test]
async fn tokens_of_an_old_handshake_pass_without_headers() {
    let cluster = Cluster::start(1, |seen: &Seen| {
        if seen.api == ApiKey::SaslHandshake as i16 {
            return Some(say(seen, &SaslHandshakeResponse::default()));
        }
        if seen.api == ApiKey::Heartbeat as i16 {
            return Some(say(seen, &HeartbeatResponse::default()));
        }
        // A token has no header, and neither has its answer.
        seen.frame.ends_with(b"secret").then(|| Bytes::from_static(b"ok"))
    })
    .await;
    let proxy = proxy(&cluster).await;
    let mut client = Client::connect(&proxy, 1).await;
    let request =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("PLAIN"));
    let _: SaslHandshakeResponse = client.ask(ApiKey::SaslHandshake, 0, &request).await;
    for token in [&b"\0user\0secret"[..], b"n,,n=user,secret"] {
        let mut frame = u32::try_from(token.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(token);
        client.stream.write_all(&frame).await.unwrap();
        assert_eq!(&client.frame().await.unwrap()[..], b"\0\0\0\x02ok");
    }
    let _: HeartbeatResponse = client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
}

#[tokio::test]
async fn a_broker_that_lets_nobody_ask_is_found_later() {
    // The first connection, which is the proxy's own, gets no answer that makes sense.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let options = wonin_fault::kafka::KafkaOptions {
        bootstrap: vec![address.to_string()],
        ..wonin_fault::kafka::KafkaOptions::default()
    };
    let proxy = wonin_fault::kafka::KafkaProxy::start(options).await.unwrap();
    closing.await.unwrap();
    let brokers = proxy.brokers();
    assert_eq!((brokers.len(), brokers[0].node_id), (1, None));
    assert_eq!(brokers[0].upstream, address.to_string());
    assert_eq!(proxy.bootstrap(), brokers[0].listen.to_string());
}

#[tokio::test]
async fn nobody_at_the_bootstrap_address_is_an_error() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = async |bootstrap: Vec<String>| {
        let options = wonin_fault::kafka::KafkaOptions {
            bootstrap,
            ..wonin_fault::kafka::KafkaOptions::default()
        };
        wonin_fault::kafka::KafkaProxy::start(options).await.unwrap_err().message
    };
    assert!(start(vec![address.to_string()]).await.contains(&address.to_string()));
    assert!(start(vec!["192.0.2.1:9092".to_owned()]).await.contains("--allow-remote"));
    assert!(start(vec![]).await.contains("bootstrap"));
}
