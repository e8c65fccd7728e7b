//! Plain HTTP to a Docker Engine over its socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// The version that this code is written for; engines of today know it or a newer one.
const WRITTEN_FOR: Version = Version { major: 1, minor: 41 };
/// Answers are lists of containers and descriptions of one.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// For what an engine answers from memory.
const SOON: Duration = Duration::from_secs(20);

/// A version of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// The version to speak with an engine that knows those from `oldest` to `newest`.
    fn common(oldest: Option<Self>, newest: Self) -> Self {
        WRITTEN_FOR.max(oldest.unwrap_or(WRITTEN_FOR)).min(newest)
    }
}

/// What was negotiated with an engine.
#[derive(Clone, Debug)]
struct Engine {
    version: Version,
    architecture: String,
}

/// An answer that says that something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    /// HTTP status; 0 where there was no answer.
    pub(super) status: u16,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { status: 0, message: message.into() }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.status == 404
    }
}

impl From<Refused> for String {
    fn from(refused: Refused) -> Self {
        refused.message
    }
}

/// A Docker Engine. Every call makes a connection of its own, so that none waits for another.
#[derive(Debug)]
pub(crate) struct Client {
    socket: PathBuf,
    engine: OnceCell<Engine>,
}

impl Client {
    pub(crate) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), engine: OnceCell::new() }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The machine of the engine as it names it: `amd64`, `arm64`.
    pub(super) async fn architecture(&self) -> Result<&str, Refused> {
        Ok(&self.engine().await?.architecture)
    }

    async fn engine(&self) -> Result<&Engine, Refused> {
        self.engine.get_or_try_init(|| self.negotiate()).await
    }

    async fn negotiate(&self) -> Result<Engine, Refused> {
        let answer = self.send(Method::GET, "/version", Body::None, SOON).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let version = |name: &str| text(name).and_then(Version::parse);
        let newest = version("ApiVersion")
            .ok_or_else(|| Refused::new("the engine does not say which API it speaks"))?;
        let version = Version::common(version("MinAPIVersion"), newest);
        Ok(Engine { version, architecture: text("Arch").unwrap_or_default().to_owned() })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.call(Method::GET, path, Body::None, SOON).await
    }

    /// Gives the bytes of an answer that is no JSON, as they come and however many they are.
    pub(super) async fn each_part(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Refused> {
        let Version { major, minor } = self.engine().await?.version;
        let path = format!("/v{major}.{minor}{path}");
        let asked = self.ask(Method::GET, &path, Body::None);
        let (answer, _connection) = self.within(SOON, asked).await?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(Refused { status, message: format!("status {status}") });
        }
        let mut body = answer.into_body();
        let mut next = async || body.frame().await.transpose().map_err(Failed::from);
        while let Some(frame) = self.within(SOON, next()).await? {
            if let Some(bytes) = frame.data_ref() {
                take(bytes);
            }
        }
        Ok(())
    }

    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Refused> {
        self.post_within(path, body, SOON).await
    }

    /// For what the engine answers only when it is done.
    pub(super) async fn post_within(
        &self,
        path: &str,
        body: Option<Value>,
        at_most: Duration,
    ) -> Result<Value, Refused> {
        let body = body.map_or(Body::None, |value| Body::Json(value.to_string()));
        self.call(Method::POST, path, body, at_most).await
    }

    pub(super) async fn post_tar(&self, path: &str, tar: Vec<u8>) -> Result<Value, Refused> {
        self.call(Method::POST, path, Body::Tar(tar), SOON).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Refused> {
        self.call(Method::DELETE, path, Body::None, SOON).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Body,
        at_most: Duration,
    ) -> Result<Value, Refused> {
        let Version { major, minor } = self.engine().await?.version;
        self.send(method, &format!("/v{major}.{minor}{path}"), body, at_most).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
        at_most: Duration,
    ) -> Result<Value, Refused> {
        let (status, bytes) = self.answer(method, path, body, at_most).await?;
        // What is no JSON is an answer without content, or lines of progress.
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // 304: it is so already.
        if (200..300).contains(&status) || status == 304 {
            return Ok(value);
        }
        let told = value.get("message").and_then(Value::as_str);
        let told = told.map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), str::to_owned);
        Err(Refused { status, message: told.trim().to_owned() })
    }

    /// Status and content of an answer.
    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Body,
        at_most: Duration,
    ) -> Result<(u16, Bytes), Refused> {
        let exchange = async {
            let (answer, _connection) = self.ask(method, path, body).await?;
            let status = answer.status().as_u16();
            let content = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await?;
            Ok((status, content.to_bytes()))
        };
        self.within(at_most, exchange).await
    }

    /// Waits for the engine, not for ever, and says in words what went wrong.
    async fn within<T>(
        &self,
        at_most: Duration,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Refused> {
        let socket = self.socket.display();
        let late = || Refused::new(format!("the engine at {socket} did not answer in {at_most:?}"));
        timeout(at_most, work)
            .await
            .map_err(|_| late())?
            .map_err(|why| Refused::new(format!("the engine at {socket}: {why}")))
    }

    /// An answer whose content is still to come, while the connection is kept.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<hyper::Result<()>>), Failed> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Once the answer is there, nothing more is expected of this connection.
        let connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::builder().method(method).uri(path).header("host", "docker");
        let request = match body {
            Body::None => request.body(Full::new(Bytes::new())),
            Body::Json(text) => request
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(text))),
            Body::Tar(bytes) => request
                .header("content-type", "application/x-tar")
                .body(Full::new(Bytes::from(bytes))),
        }?;
        Ok((sender.send_request(request).await?, connection))
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

enum Body {
    None,
    Json(String),
    Tar(Vec<u8>),
}

/// A text as part of a path or query.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_one_that_both_know() {
        let version = |text: &str| Version::parse(text).unwrap();
        let common =
            |oldest: Option<&str>, newest| Version::common(oldest.map(&version), version(newest));
        assert_eq!(common(Some("1.12"), "1.41"), version("1.41"));
        assert_eq!(common(Some("1.24"), "1.48"), version("1.41"));
        assert_eq!(common(Some("1.44"), "1.52"), version("1.44"));
        assert_eq!(common(None, "1.40"), version("1.40"));
        assert!(version("1.9") < version("1.41"));
        assert!(Version::parse("one").is_none());
    }

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(encoded("shop-broker_1"), "shop-broker_1");
        assert_eq!(encoded("../a?b=\"ü"), "..%2Fa%3Fb%3D%22%C3%BC");
    }
}
