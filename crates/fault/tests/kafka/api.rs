//! The control API's part for Kafka.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wonin_fault::kafka::KafkaProxy;
use wonin_fault::{Engine, Options, api};

use super::fake::Cluster;
use super::{PATIENCE, proxy};

/// Serves the API for the proxy, or for none.
async fn serve(kafka: Option<KafkaProxy>) -> std::net::SocketAddr {
    let options = Options { seed: 1, workers: 1, max_connections: 10, allow_remote: false };
    let engine = Arc::new(Engine::start(options).unwrap());
    let listener = api::bind("127.0.0.1:0", false).await.unwrap();
    let address = listener.local_addr().unwrap();
    let control = api::Control { engine, kafka, with_metrics: false };
    tokio::spawn(api::serve(control, listener));
    address
}

async fn ask(at: std::net::SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn faults_are_added_told_and_removed() {
    let cluster = Cluster::start(2, |_| None).await;
    let proxy = proxy(&cluster).await;
    let at = serve(Some(proxy.clone())).await;
    let (status, brokers) = ask(at, "GET", "/kafka/brokers", "").await;
    assert_eq!((status, &brokers["bootstrap"]), (200, &json!(proxy.bootstrap())));
    assert_eq!(brokers["brokers"][1]["node_id"], 2);
    assert_eq!(brokers["brokers"][1]["upstream"], cluster.address(2).to_string());

    let fault = json!({
        "name": "third", "on": {"api": "OffsetCommit", "nth": 3},
        "act": {"type": "error", "code": "COORDINATOR_NOT_AVAILABLE"},
    });
    let (status, made) = ask(at, "POST", "/kafka/faults", &fault.to_string()).await;
    assert_eq!((status, &made["name"], &made["removed"]), (201, &json!("third"), &json!(false)));
    assert_eq!(made["on"], json!({"api": ["OffsetCommit"], "nth": 3}));
    let (status, _) = ask(at, "POST", "/kafka/faults", &fault.to_string()).await;
    assert_eq!(status, 409);
    let (_, listed) = ask(at, "GET", "/kafka/faults", "").await;
    assert_eq!(listed["faults"], json!([made]));
    assert_eq!(ask(at, "GET", "/kafka/faults/third", "").await, (200, made));

    assert_eq!(ask(at, "DELETE", "/kafka/faults/third", "").await.0, 204);
    assert_eq!(ask(at, "DELETE", "/kafka/faults/third", "").await.0, 404);
    let (_, hits) = ask(at, "GET", "/hits", "").await;
    let told = &hits["kafka"]["faults"][0];
    assert_eq!((&told["removed"], &told["requests"]), (&json!(true), &json!(0)));
    let (status, seen) = ask(at, "GET", "/kafka/escapes", "").await;
    assert_eq!(status, 200);
    assert!(seen["escapes"].is_array() && seen["unseen"].is_array());
}

#[tokio::test]
async fn wrong_faults_are_refused_with_words() {
    let cluster = Cluster::start(1, |_| None).await;
    let at = serve(Some(proxy(&cluster).await)).await;
    for (body, word) in [
        (json!([]).to_string(), "object"),
        (json!({"act": "silence"}).to_string(), "name"),
        (json!({"name": "f", "act": "explode"}).to_string(), "explode"),
        (json!({"name": "f", "act": "silence", "onn": {}}).to_string(), "onn"),
        (json!({"name": "f", "on": {"topic": "t"}, "act": "silence"}).to_string(), "topic"),
        ("{".to_owned(), "EOF"),
    ] {
        let (status, told) = ask(at, "POST", "/kafka/faults", &body).await;
        assert_eq!(status, 400, "{body}: {told}");
        assert!(told["error"].as_str().unwrap().contains(word), "{body}: {told}");
    }
    assert_eq!(ask(at, "PUT", "/kafka/faults", "").await.0, 405);
    assert_eq!(ask(at, "GET", "/kafka", "").await.0, 404);
}

#[tokio::test]
async fn reset_removes_them_all() {
    let cluster = Cluster::start(1, |_| None).await;
    let proxy = proxy(&cluster).await;
    let at = serve(Some(proxy.clone())).await;
    for name in ["a", "b"] {
        let fault = json!({"name": name, "act": "silence"});
        assert_eq!(ask(at, "POST", "/kafka/faults", &fault.to_string()).await.0, 201);
    }
    assert_eq!(ask(at, "POST", "/reset", "").await.0, 204);
    assert_eq!(proxy.faults().len(), 2);
    assert!(proxy.faults().iter().all(|fault| fault.removed));
}

#[tokio::test]
async fn without_a_cluster_it_says_so() {
    let at = serve(None).await;
    let (status, told) = ask(at, "GET", "/kafka/brokers", "").await;
    assert_eq!(status, 404);
    assert!(told["error"].as_str().unwrap().contains("--kafka"));
    assert_eq!(ask(at, "GET", "/hits", "").await.1.get("kafka"), None);
}
