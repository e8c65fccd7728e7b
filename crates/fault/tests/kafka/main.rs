//! The Kafka proxy before brokers that are played here, on real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test measures")]

mod api;
mod client;
mod edges;
mod fake;
mod passing;
mod requests;
mod speed;

use std::time::Duration;

use serde_json::json;
use wonin_fault::kafka::{KafkaFault, KafkaOptions, KafkaProxy};

use fake::Cluster;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy before these brokers.
async fn proxy(cluster: &Cluster) -> KafkaProxy {
    proxy_with_seed(cluster, 1).await
}

async fn proxy_with_seed(cluster: &Cluster, seed: u64) -> KafkaProxy {
    let options =
        KafkaOptions { bootstrap: vec![cluster.bootstrap()], seed, ..KafkaOptions::default() };
    KafkaProxy::start(options).await.unwrap()
}

/// A fault from its words.
#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
fn fault(on: serde_json::Value, act: serde_json::Value) -> KafkaFault {
    serde_json::from_value(json!({"on": on, "act": act})).unwrap()
}
