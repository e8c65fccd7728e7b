//! Messages from frames and back, with the protocol crate.

mod shape;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use self::shape::Kind;
use super::frame::{PREFIX, RequestHead, ResponseHead};

/// Why a frame could not be understood or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    fn of(what: &str, key: ApiKey, version: i16, why: impl std::fmt::Display) -> Self {
        Self(format!("cannot {what} {key:?} v{version}: {why}"))
    }
}

/// Decodes a whole body, after a look at whether that is safe.
fn decode<T: Message + Decodable>(
    kind: Kind,
    key: ApiKey,
    version: i16,
    mut body: Bytes,
) -> Result<T, Problem> {
    let problem = |why: String| Problem::of("understand", key, version, why);
    if !(T::VERSIONS.min..=T::VERSIONS.max).contains(&version) {
        return Err(problem("it is not a known version".to_owned()));
    }
    shape::check(kind, key, version, &body).map_err(problem)?;
    let message = T::decode(&mut body, version).map_err(|error| problem(error.to_string()))?;
    if body.is_empty() {
        Ok(message)
    } else {
        Err(problem(format!("{} bytes are left over", body.len())))
    }
}

/// The body of a request.
pub(crate) fn request<T: Message + Decodable>(
    frame: &Bytes,
    head: &RequestHead,
) -> Result<T, Problem> {
    let key = head.key().ok_or_else(|| Problem(format!("API {} is not known", head.api)))?;
    decode(Kind::Request, key, head.version, frame.slice(head.body..))
}

/// The body of an answer.
pub(crate) fn response<T: Message + Decodable>(
    frame: &Bytes,
    key: ApiKey,
    version: i16,
) -> Result<T, Problem> {
    let head = ResponseHead::parse(frame, key, version)
        .ok_or_else(|| Problem::of("understand", key, version, "its header is cut off"))?;
    decode(Kind::Response, key, version, frame.slice(head.body..))
}

/// A frame with the start of another one and a new body.
pub(crate) fn with_body<T: Encodable>(
    start: &[u8],
    body: &T,
    key: ApiKey,
    version: i16,
) -> Result<Bytes, Problem> {
    let problem = |why: String| Problem::of("encode", key, version, why);
    let size = body.compute_size(version).map_err(|error| problem(error.to_string()))?;
    let mut out = BytesMut::with_capacity(start.len() + size);
    out.put_slice(start);
    body.encode(&mut out, version).map_err(|error| problem(error.to_string()))?;
    let length = i32::try_from(out.len() - PREFIX).map_err(|_| problem("too long".to_owned()))?;
    out[..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(out.freeze())
}

/// An answer of our own.
pub(crate) fn answer<T: Encodable>(
    correlation: i32,
    body: &T,
    key: ApiKey,
    version: i16,
) -> Result<Bytes, Problem> {
    let mut start = vec![0; PREFIX];
    start.extend_from_slice(&correlation.to_be_bytes());
    if key.response_header_version(version) >= 1 {
        // No tagged fields.
        start.push(0);
    }
    with_body(&start, body, key, version)
}
