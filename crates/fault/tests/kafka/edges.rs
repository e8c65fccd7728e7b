//! Faults on whole connections of a broker, and brokers that come and move.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, HeartbeatRequest, HeartbeatResponse, MetadataRequest, MetadataResponse,
};
use serde_json::json;
use tokio::net::TcpStream;

use super::client::{Client, Gone, listener};
use super::fake::{Cluster, Seen, say};
use super::{fault, proxy};

fn script(seen: &Seen) -> Option<Bytes> {
    (seen.api == ApiKey::Heartbeat as i16).then(|| say(seen, &HeartbeatResponse::default()))
}

async fn beat(client: &mut Client) {
    let _: HeartbeatResponse = client.ask(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
}

#[tokio::test]
async fn refused_is_refused_at_the_same_port_and_for_one_broker() {
    let cluster = Cluster::start(2, script).await;
    let proxy = proxy(&cluster).await;
    let mut before = Client::connect(&proxy, 1).await;
    beat(&mut before).await;
    let listen = listener(&proxy, 1);
    for _ in 0..3 {
        proxy.add("down", fault(json!({"broker": 1}), json!("refuse"))).unwrap();
        let error = TcpStream::connect(listen).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        beat(&mut before).await;
        beat(&mut Client::connect(&proxy, 2).await).await;
        assert_eq!(proxy.hits("down").unwrap().connections, 1);
        assert!(proxy.remove("down"));
        beat(&mut Client::connect(&proxy, 1).await).await;
        assert_eq!(listener(&proxy, 1), listen);
    }
}

#[tokio::test]
async fn a_refusal_has_a_window() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let listen = listener(&proxy, 1);
    proxy.add("down", fault(json!({"from_ms": 100, "for_ms": 200}), json!("refuse"))).unwrap();
    let start = Instant::now();
    let mut seen = Vec::new();
    while start.elapsed() < Duration::from_millis(500) {
        let connected = TcpStream::connect(listen).await.is_ok();
        if seen.last() != Some(&connected) {
            seen.push(connected);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(seen, [true, false, true]);
}

#[tokio::test]
async fn silence_holds_and_lets_go_without_loss() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let mut before = Client::connect(&proxy, 1).await;
    beat(&mut before).await;
    proxy.add("silent", fault(json!({}), json!("silence"))).unwrap();
    let mut new = Client::connect(&proxy, 1).await;
    for client in [&mut before, &mut new] {
        client.send(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        assert!(client.is_silent(Duration::from_millis(100)).await);
    }
    assert_eq!(cluster.seen(ApiKey::Heartbeat).len(), 1, "nothing got through");
    assert_eq!(proxy.hits("silent").unwrap().connections, 2);
    assert!(proxy.remove("silent"));
    for client in [&mut before, &mut new] {
        client.answer::<HeartbeatResponse>(ApiKey::Heartbeat, 4).await;
        beat(client).await;
    }
}

#[tokio::test]
async fn one_client_is_silenced_and_no_other() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    proxy.add("silent", fault(json!({"client_id": "a"}), json!("silence"))).unwrap();
    let mut a = Client::named(&proxy, 1, "a").await;
    let mut b = Client::named(&proxy, 1, "b").await;
    a.send(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
    beat(&mut b).await;
    assert!(a.is_silent(Duration::from_millis(100)).await);
    assert!(proxy.remove("silent"));
    a.answer::<HeartbeatResponse>(ApiKey::Heartbeat, 4).await;
}

#[tokio::test]
async fn reset_hits_what_is_open_and_what_comes() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let mut before = Client::connect(&proxy, 1).await;
    beat(&mut before).await;
    proxy.add("reset", fault(json!({}), json!("reset"))).unwrap();
    assert_eq!(before.frame().await.unwrap_err(), Gone::Reset);
    // It may come before the client knows that it is connected.
    if let Ok(stream) = TcpStream::connect(listener(&proxy, 1)).await {
        assert!(stream.readable().await.is_ok() && stream.try_read(&mut [0]).is_err());
    }
    assert_eq!(proxy.hits("reset").unwrap().connections, 2);
    assert!(proxy.remove("reset"));
    beat(&mut Client::connect(&proxy, 1).await).await;
}

#[tokio::test]
async fn latency_is_added_once_for_frames_that_come_together() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    for direction in ["downstream", "upstream"] {
        let act = json!({"type": "latency", "ms": 150, "direction": direction});
        proxy.add("slow", fault(json!({}), act)).unwrap();
        let mut client = Client::connect(&proxy, 1).await;
        let start = Instant::now();
        for _ in 0..5 {
            client.send(ApiKey::Heartbeat, 4, &HeartbeatRequest::default()).await;
        }
        for _ in 0..5 {
            client.answer::<HeartbeatResponse>(ApiKey::Heartbeat, 4).await;
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(150), "{took:?}");
        assert!(took < Duration::from_millis(450), "{took:?}: delays do not add up");
        let hits = proxy.hits("slow").unwrap();
        assert_eq!(hits.requests + hits.responses, 5);
        assert!(proxy.remove("slow"));
    }
}

#[tokio::test]
async fn bandwidth_limits_the_rate() {
    let cluster = Cluster::start(1, |seen: &Seen| {
        (seen.api == 9999).then(|| super::fake::say_bytes(seen, &vec![7; 30_000]))
    })
    .await;
    let proxy = proxy(&cluster).await;
    let act = json!({"type": "bandwidth", "bytes_per_s": 100_000});
    proxy.add("narrow", fault(json!({}), act)).unwrap();
    let mut client = Client::connect(&proxy, 1).await;
    let start = Instant::now();
    super::passing::send_opaque(&mut client, 9999, 1).await;
    client.frame().await.unwrap();
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(280), "{took:?}");
    assert!(took < Duration::from_millis(900), "{took:?}");
}

async fn metadata(client: &mut Client) -> Vec<(i32, String, i32)> {
    let answer: MetadataResponse =
        client.ask(ApiKey::Metadata, 12, &MetadataRequest::default()).await;
    answer.brokers.iter().map(|b| (b.node_id.0, b.host.to_string(), b.port)).collect()
}

#[tokio::test]
async fn brokers_that_come_or_move_are_found_behind_stable_listeners() {
    let mut cluster = Cluster::start(2, script).await;
    let proxy = proxy(&cluster).await;
    let mut client = Client::connect(&proxy, 1).await;
    let place = |broker| {
        let at = listener(&proxy, broker);
        (broker, at.ip().to_string(), i32::from(at.port()))
    };
    assert_eq!(metadata(&mut client).await, [place(1), place(2)]);

    // A new broker has a listener before the client hears of it.
    cluster.add(3).await;
    let told = metadata(&mut client).await;
    assert_eq!(told.len(), 3);
    assert_eq!(told[2], place(3));
    beat(&mut Client::connect(&proxy, 3).await).await;

    // One that moves keeps its listener; connections go to where it is now.
    let before = place(2);
    let moved = cluster.add(2).await;
    assert_eq!(metadata(&mut client).await[1], before);
    let view = proxy.brokers().into_iter().find(|view| view.node_id == Some(2)).unwrap();
    assert_eq!(view.upstream, moved.to_string());
    beat(&mut Client::connect(&proxy, 2).await).await;
}

#[tokio::test]
async fn a_broker_that_is_gone_resets() {
    let mut cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    cluster.add(2).await;
    metadata(&mut Client::connect(&proxy, 1).await).await;
    drop(cluster);
    tokio::time::sleep(Duration::from_millis(20)).await;
    // The reset may come before the client knows that it is connected.
    match TcpStream::connect(listener(&proxy, 2)).await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(stream) => {
            assert!(stream.readable().await.is_ok() && stream.try_read(&mut [0]).is_err());
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_goes_around_is_seen() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let mut through = Client::connect(&proxy, 1).await;
    beat(&mut through).await;
    assert_eq!(proxy.escapes(), [], "what the proxy itself opens is none");
    let around = TcpStream::connect(cluster.address(1)).await.unwrap();
    let seen = proxy.escapes();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].pid, std::process::id());
    assert!(seen[0].own_process);
    assert_eq!((seen[0].broker, seen[0].remote), (1, cluster.address(1)));
    assert_eq!(seen[0].local, around.local_addr().unwrap());
    assert!(!proxy.unseen().is_empty());
    drop(around);
}

#[tokio::test]
async fn stopping_closes_listeners_and_connections() {
    let cluster = Cluster::start(1, script).await;
    let proxy = proxy(&cluster).await;
    let mut client = Client::connect(&proxy, 1).await;
    beat(&mut client).await;
    let listen = listener(&proxy, 1);
    proxy.stop().await;
    assert!(client.frame().await.is_err());
    assert!(TcpStream::connect(listen).await.is_err());
}
