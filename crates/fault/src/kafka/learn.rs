//! Asks a broker for all brokers, before any client does.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse,
    RequestHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::frame::{Frames, NoFrame, ResponseHead};
use super::wire;
use crate::{address, limits};

/// A broker as another one names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: i32,
}

/// Why the brokers are not known.
#[derive(Debug)]
pub(crate) enum NotLearnt {
    /// Nobody could be reached.
    Unreachable(String),
    /// Somebody was reached and would not speak: probably SASL is asked for.
    Silent(String),
}

/// Asks the first address that answers.
pub(crate) async fn brokers(
    bootstrap: &[String],
    allow_remote: bool,
) -> Result<Vec<Broker>, NotLearnt> {
    let mut silent = Vec::new();
    let mut unreachable = Vec::new();
    for address in bootstrap {
        let stream = match tokio::time::timeout(limits::LEARN, connect(address, allow_remote)).await
        {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                unreachable.push(format!("{address}: {error}"));
                continue;
            }
            Err(_) => {
                unreachable.push(format!("{address}: no connection in time"));
                continue;
            }
        };
        match tokio::time::timeout(limits::LEARN, ask(stream)).await {
            Ok(Ok(brokers)) => return Ok(brokers),
            Ok(Err(error)) => silent.push(format!("{address}: {error}")),
            Err(_) => silent.push(format!("{address}: no answer in time")),
        }
    }
    if silent.is_empty() {
        Err(NotLearnt::Unreachable(unreachable.join("; ")))
    } else {
        Err(NotLearnt::Silent(silent.join("; ")))
    }
}

async fn connect(address: &str, allow_remote: bool) -> io::Result<TcpStream> {
    let addresses = address::upstream(address, allow_remote).await?;
    TcpStream::connect(&addresses[..] as &[SocketAddr]).await
}

async fn ask(mut stream: TcpStream) -> io::Result<Vec<Broker>> {
    let (source, mut sink) = stream.split();
    let mut source = Frames::new(source);
    let versions: ApiVersionsResponse =
        call(&mut source, &mut sink, ApiKey::ApiVersions, 0, &ApiVersionsRequest::default())
            .await?;
    let own = ApiKey::Metadata.valid_versions();
    let version = versions
        .api_keys
        .iter()
        .find(|api| api.api_key == ApiKey::Metadata as i16)
        .map_or(1, |api| api.max_version.min(own.max));
    // Version 0 has no way to ask for no topics.
    let topics = (version > 0).then(Vec::new);
    let request = MetadataRequest::default()
        .with_topics(topics.or(Some(Vec::new())))
        .with_allow_auto_topic_creation(true);
    let answer: MetadataResponse =
        call(&mut source, &mut sink, ApiKey::Metadata, version, &request).await?;
    let brokers = answer.brokers.into_iter().map(|broker| Broker {
        id: broker.node_id.0,
        host: broker.host.to_string(),
        port: broker.port,
    });
    let brokers: Vec<_> = brokers.collect();
    if brokers.is_empty() {
        return Err(io::Error::other("it knows of no brokers yet"));
    }
    Ok(brokers)
}

async fn call<Q, A>(
    source: &mut Frames<impl tokio::io::AsyncRead + Unpin>,
    sink: &mut (impl tokio::io::AsyncWrite + Unpin),
    key: ApiKey,
    version: i16,
    request: &Q,
) -> io::Result<A>
where
    Q: Encodable,
    A: Message + Decodable,
{
    let frame = request_frame(key, version, 1, request).map_err(io::Error::other)?;
    sink.write_all(&frame).await?;
    let frame = source.next().await.map_err(|end| match end {
        NoFrame::End | NoFrame::CutOff => io::Error::new(
            ErrorKind::UnexpectedEof,
            "it closed the connection (does it want TLS or SASL?)",
        ),
        NoFrame::BadLength(why) => io::Error::new(ErrorKind::InvalidData, why),
        NoFrame::Failed(error) => error,
    })?;
    if ResponseHead::correlation(&frame) != Some(1) {
        return Err(io::Error::new(ErrorKind::InvalidData, "it answered something else"));
    }
    wire::response(&frame, key, version).map_err(io::Error::other)
}

/// A request of our own.
pub(crate) fn request_frame<T: Encodable>(
    key: ApiKey,
    version: i16,
    correlation: i32,
    request: &T,
) -> Result<Bytes, wire::Problem> {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("wonin")));
    let mut start = BytesMut::from(&[0; 4][..]);
    header
        .encode(&mut start, key.request_header_version(version))
        .map_err(|error| wire::Problem(format!("cannot encode a header: {error}")))?;
    wire::with_body(&start, request, key, version)
}
