//! A client that is played: it writes frames and reads them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wonin_fault::kafka::KafkaProxy;

use super::PATIENCE;

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    name: String,
    correlation: i32,
}

/// How a read ended without a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Closed,
    Reset,
}

impl Client {
    /// Connects to the listener of a broker.
    pub(crate) async fn connect(proxy: &KafkaProxy, broker: i32) -> Self {
        Self::named(proxy, broker, "test").await
    }

    pub(crate) async fn named(proxy: &KafkaProxy, broker: i32, name: &str) -> Self {
        Self::at(listener(proxy, broker), name).await
    }

    pub(crate) async fn at(address: SocketAddr, name: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        // The other side may have reset it already.
        _ = stream.set_nodelay(true);
        Self { stream, name: name.to_owned(), correlation: 0 }
    }

    /// Sends a request; gives its correlation id.
    pub(crate) async fn send<T: Encodable>(&mut self, key: ApiKey, version: i16, body: &T) -> i32 {
        self.correlation += 1;
        let frame = request(key, version, self.correlation, &self.name, body);
        self.stream.write_all(&frame).await.unwrap();
        self.correlation
    }

    /// The next frame, with its length.
    pub(crate) async fn frame(&mut self) -> Result<Bytes, Gone> {
        let read = async {
            let mut prefix = [0; 4];
            self.stream.read_exact(&mut prefix).await?;
            let mut frame = BytesMut::from(&prefix[..]);
            frame.resize(4 + usize::try_from(u32::from_be_bytes(prefix)).unwrap(), 0);
            self.stream.read_exact(&mut frame[4..]).await?;
            std::io::Result::Ok(frame.freeze())
        };
        match tokio::time::timeout(PATIENCE, read).await.expect("no frame in time") {
            Ok(frame) => Ok(frame),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Gone::Closed),
            Err(_) => Err(Gone::Reset),
        }
    }

    /// The next answer, decoded, with its correlation id.
    pub(crate) async fn answer<T: Decodable>(&mut self, key: ApiKey, version: i16) -> (i32, T) {
        let frame = self.frame().await.unwrap();
        let mut rest = frame.slice(4..);
        let layout = key.response_header_version(version);
        let head = ResponseHeader::decode(&mut rest, layout).unwrap();
        let body = T::decode(&mut rest, version).unwrap();
        assert!(rest.is_empty(), "{} bytes are left over", rest.len());
        (head.correlation_id, body)
    }

    /// A request and its answer.
    pub(crate) async fn ask<Q: Encodable, A: Decodable>(
        &mut self,
        key: ApiKey,
        version: i16,
        body: &Q,
    ) -> A {
        let sent = self.send(key, version, body).await;
        let (got, answer) = self.answer(key, version).await;
        assert_eq!(got, sent);
        answer
    }

    /// Whether nothing comes for so long.
    pub(crate) async fn is_silent(&mut self, time: Duration) -> bool {
        let mut byte = [0];
        tokio::time::timeout(time, self.stream.peek(&mut byte)).await.is_err()
    }
}

/// The listener of a broker.
pub(crate) fn listener(proxy: &KafkaProxy, broker: i32) -> SocketAddr {
    let brokers = proxy.brokers();
    brokers.iter().find(|view| view.node_id == Some(broker)).unwrap().listen
}

/// A request as a frame.
pub(crate) fn request<T: Encodable>(
    key: ApiKey,
    version: i16,
    correlation: i32,
    client: &str,
    body: &T,
) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_string(client.to_owned())));
    let mut out = BytesMut::from(&[0; 4][..]);
    header.encode(&mut out, key.request_header_version(version)).unwrap();
    body.encode(&mut out, version).unwrap();
    let length = u32::try_from(out.len() - 4).unwrap();
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}
