//! Brokers that are played: they remember every frame, and answer by a script.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, MetadataResponse, RequestHeader,
};
use kafka_protocol::protocol::{Decodable as _, Encodable, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as a broker got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) broker: i32,
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    /// All of it, with its length.
    pub(crate) frame: Bytes,
}

impl Seen {
    /// The body, decoded.
    pub(crate) fn body<T: kafka_protocol::protocol::Decodable>(&self) -> T {
        let key = ApiKey::try_from(self.api).unwrap();
        let mut rest = self.frame.slice(4..);
        RequestHeader::decode(&mut rest, key.request_header_version(self.version)).unwrap();
        T::decode(&mut rest, self.version).unwrap()
    }
}

/// What a broker answers: everything after the length. None for nothing.
pub(crate) type Script = dyn Fn(&Seen) -> Option<Bytes> + Send + Sync;

/// Brokers 1, 2 and so on.
pub(crate) struct Cluster {
    inner: Arc<Inner>,
    tasks: Vec<JoinHandle<()>>,
}

struct Inner {
    brokers: Mutex<BTreeMap<i32, SocketAddr>>,
    seen: Mutex<Vec<Seen>>,
    script: Box<Script>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Cluster {
    /// Brokers that answer `Metadata` and `ApiVersions` by themselves, and the rest by the script.
    pub(crate) async fn start(
        brokers: i32,
        script: impl Fn(&Seen) -> Option<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let inner =
            Inner { brokers: Mutex::default(), seen: Mutex::default(), script: Box::new(script) };
        let mut cluster = Self { inner: Arc::new(inner), tasks: Vec::new() };
        for id in 1..=brokers {
            cluster.add(id).await;
        }
        cluster
    }

    /// One more broker, or the same at another address.
    pub(crate) async fn add(&mut self, id: i32) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.inner.brokers.lock().unwrap().insert(id, address);
        let inner = Arc::clone(&self.inner);
        self.tasks.push(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(Arc::clone(&inner), id, stream));
            }
        }));
        address
    }

    pub(crate) fn address(&self, id: i32) -> SocketAddr {
        self.inner.brokers.lock().unwrap()[&id]
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.address(1).to_string()
    }

    /// Requests of an API so far, in the order in which they came.
    pub(crate) fn seen(&self, key: ApiKey) -> Vec<Seen> {
        let seen = self.inner.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.api == key as i16).cloned().collect()
    }

    /// All requests since the proxy asked for the brokers.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Waits for so many requests of an API.
    pub(crate) async fn wait(&self, key: ApiKey, count: usize) {
        let reached = async {
            while self.seen(key).len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, reached).await.unwrap();
    }
}

async fn serve(inner: Arc<Inner>, broker: i32, mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    loop {
        let mut prefix = [0; 4];
        if stream.read_exact(&mut prefix).await.is_err() {
            return;
        }
        let mut frame = BytesMut::from(&prefix[..]);
        frame.resize(4 + usize::try_from(u32::from_be_bytes(prefix)).unwrap(), 0);
        if stream.read_exact(&mut frame[4..]).await.is_err() {
            return;
        }
        let frame = frame.freeze();
        let mut head = &frame[4..];
        let (api, version) = (head.try_get_i16().unwrap_or(-1), head.try_get_i16().unwrap_or(-1));
        let correlation = head.try_get_i32().unwrap_or(-1);
        let seen = Seen { broker, api, version, correlation, frame };
        inner.seen.lock().unwrap().push(seen.clone());
        let said = match (inner.script)(&seen) {
            Some(said) => Some(said),
            None if api == ApiKey::Metadata as i16 => Some(metadata(&inner, &seen)),
            None if api == ApiKey::ApiVersions as i16 => Some(versions(&seen)),
            None => None,
        };
        if let Some(said) = said {
            let mut answer = BytesMut::from(&u32::try_from(said.len()).unwrap().to_be_bytes()[..]);
            answer.extend_from_slice(&said);
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

fn metadata(inner: &Inner, seen: &Seen) -> Bytes {
    let brokers = inner.brokers.lock().unwrap();
    let broker = |(id, address): (&i32, &SocketAddr)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(*id))
            .with_host(StrBytes::from_string(address.ip().to_string()))
            .with_port(i32::from(address.port()))
    };
    say(seen, &MetadataResponse::default().with_brokers(brokers.iter().map(broker).collect()))
}

fn versions(seen: &Seen) -> Bytes {
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    let version = |key: ApiKey| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_min_version(key.valid_versions().min)
            .with_max_version(key.valid_versions().max)
    };
    say(seen, &ApiVersionsResponse::default().with_api_keys(ApiKey::iter().map(version).collect()))
}

/// An answer to a request.
pub(crate) fn say<T: Encodable>(seen: &Seen, body: &T) -> Bytes {
    let key = ApiKey::try_from(seen.api).unwrap();
    let mut out = BytesMut::from(&seen.correlation.to_be_bytes()[..]);
    if key.response_header_version(seen.version) >= 1 {
        out.extend_from_slice(&[0]);
    }
    body.encode(&mut out, seen.version).unwrap();
    out.freeze()
}

/// An answer of any bytes.
pub(crate) fn say_bytes(seen: &Seen, body: &[u8]) -> Bytes {
    let mut out = BytesMut::from(&seen.correlation.to_be_bytes()[..]);
    out.extend_from_slice(body);
    out.freeze()
}
