//! Faults come and go at once, whatever connections are stuck on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::client::Client;
use super::fake::{Cluster, Seen, say_bytes};
use super::passing::send_opaque;
use super::{fault, proxy};

const CONNECTIONS: usize = 200;

/// Enough to fill every buffer between a broker and a client that does not read.
fn flood(seen: &Seen) -> Option<Bytes> {
    (seen.api == 9_999).then(|| say_bytes(seen, &vec![7; 4 << 20]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_change_at_once_with_dead_sinks_and_full_buffers() {
    let cluster = Cluster::start(2, flood).await;
    let proxy = proxy(&cluster).await;
    let mut dead = Vec::new();
    for n in 0..CONNECTIONS {
        let mut client = Client::connect(&proxy, 1 + i32::try_from(n % 2).unwrap()).await;
        send_opaque(&mut client, 9_999, 1).await;
        send_opaque(&mut client, 9_999, 2).await;
        dead.push(client);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let faults = [
        json!("silence"),
        json!({"type": "latency", "ms": 60_000}),
        json!({"type": "latency", "ms": 60_000, "direction": "upstream"}),
        json!({"type": "bandwidth", "bytes_per_s": 10}),
        json!({"type": "delay", "ms": 60_000, "side": "response"}),
        json!({"type": "lose_request", "then": "silence"}),
        json!("refuse"),
        json!("reset"),
    ];
    let mut took = Vec::new();
    let mut timed = |action: &mut dyn FnMut()| {
        let start = Instant::now();
        action();
        took.push(start.elapsed());
    };
    for act in faults {
        timed(&mut || proxy.add("f", fault(json!({}), act.clone())).unwrap());
        for client in &mut dead {
            // Where the other direction is stuck too, nothing more goes in.
            let frame = [0, 0, 0, 11, 39, 15, 0, 0, 0, 0, 0, 3, 0, 0, 0];
            _ = tokio::time::timeout(Duration::from_millis(1), client.stream.write_all(&frame))
                .await;
        }
        timed(&mut || assert!(proxy.remove("f")));
    }
    let start = Instant::now();
    proxy.stop().await;
    let stopped = start.elapsed();
    assert!(took.iter().all(|time| *time < Duration::from_millis(100)), "{took:?}");
    // Every connection is dropped on its own thread, beside all other tests.
    assert!(stopped < Duration::from_secs(1), "{stopped:?}");
}
