//! What can be asked of a Kafka proxy, and what it is told at its start.

use std::net::SocketAddr;

use serde::Serialize;

use super::KafkaFault;

/// How a [`KafkaProxy`](super::KafkaProxy) works.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Brokers to ask for the others, as `HOST:PORT`.
    pub bootstrap: Vec<String>,
    /// Where the listeners are, without a port.
    pub listen_host: String,
    /// The port of the first broker by node id, the next one for each that follows; free ports when
    /// it is not given.
    pub first_port: Option<u16>,
    /// Fixes every random decision.
    pub seed: u64,
    /// Whether listeners and brokers may be on other machines.
    pub allow_remote: bool,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            listen_host: "127.0.0.1".to_owned(),
            first_port: None,
            seed: 0,
            allow_remote: false,
        }
    }
}

/// A broker and its listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KafkaBrokerView {
    /// The node id, unchanged; none while the broker behind a bootstrap address is not known.
    pub node_id: Option<i32>,
    /// Whether it is a controller that clients were told of, rather than a broker.
    pub controller: bool,
    /// Where clients find it.
    pub listen: SocketAddr,
    /// Where it really is, as it says of itself.
    pub upstream: String,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that are open.
    pub open: usize,
}

/// What one fault did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KafkaHits {
    /// Requests that were hit.
    pub requests: u64,
    /// Answers that were held back, lost, replaced or made up.
    pub responses: u64,
    /// Connections on which anything was hit.
    pub connections: u64,
    /// Bytes of the requests and answers that were hit.
    pub bytes: u64,
    /// Milliseconds since 1970 of the first time.
    pub first_unix_ms: Option<u64>,
    /// Milliseconds since 1970 of the last time.
    pub last_unix_ms: Option<u64>,
}

/// A connection of a client that goes to a broker without passing the proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Escape {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub program: String,
    /// The node id of the broker.
    pub broker: i32,
    /// Its end of the connection.
    pub local: SocketAddr,
    /// The broker's end.
    pub remote: SocketAddr,
    /// Whether it is the process that the proxy runs in. It may have reasons to speak with brokers
    /// directly; connections of the proxy itself are never listed.
    pub own_process: bool,
}

/// A fault with what it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KafkaFaultView {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub fault: KafkaFault,
    /// Whether it was removed and acts no more.
    pub removed: bool,
    /// What it did.
    pub hits: KafkaHits,
}
