//! A small HTTP client: one target, connections that are kept, nothing but loopback unless allowed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::scenario::spoken;
use crate::tls::{Tls, TlsSpec};

/// Bytes of an answer that are kept; the rest is read and dropped.
const BODY_KEPT_BYTES: usize = 64 << 10;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    uri: Uri,
    host: String,
    port: u16,
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Question {
    /// In words what is wrong with it.
    pub(crate) fn new(
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let standard_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err("it must begin with `http://` or `https://`".to_owned()),
        };
        let host = uri.host().ok_or("it has no host")?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("`{method}` is no method of HTTP"))?;
        let headers = headers.iter().map(|(name, value)| {
            let wrong = |_| format!("header `{name}` cannot be sent");
            let value = HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?;
            let name = HeaderName::from_bytes(name.as_bytes());
            Ok((name.map_err(|error| wrong(error.to_string()))?, value))
        });
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(standard_port),
            method,
            headers: headers.collect::<Result<_, String>>()?,
            body: Bytes::copy_from_slice(body.as_bytes()),
            uri,
        })
    }

    fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// What a server sees; `None` where header values cannot be put together.
    fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        // Without a name and password, which an address may hold.
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit('@').next().unwrap_or_default();
        let mut request = Request::builder().method(&self.method).uri(path);
        if !self.headers.iter().any(|(name, _)| *name == HOST) {
            request = request.header(HOST, host);
        }
        if !self.headers.iter().any(|(name, _)| *name == USER_AGENT) {
            request = request.header(USER_AGENT, "wonin");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.clone())).map_err(|error| error.to_string())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Its first 64 KiB.
    pub(crate) body: Bytes,
}

/// Asks one question again and again.
#[derive(Debug)]
pub(crate) struct Client {
    question: Question,
    tls: Option<Tls>,
    timeout: Duration,
    allow_remote: bool,
    idle: Mutex<Idle>,
}

/// Connections that wait for the next question.
#[derive(Debug, Default)]
struct Idle {
    kept: Vec<SendRequest<Full<Bytes>>>,
    /// How often all connections were given up; one from before is not kept.
    age: u64,
}

impl Client {
    /// Says why it cannot, where that lies in whom to believe.
    pub(crate) fn new(
        question: Question,
        tls: &TlsSpec,
        timeout: Duration,
        allow_remote: bool,
    ) -> Result<Self, String> {
        let secure = question.is_secure().then(|| Tls::new(tls, &question.host));
        let tls = secure.transpose()?;
        Ok(Self { question, tls, timeout, allow_remote, idle: Mutex::default() })
    }

    /// Closes all connections; those in use as soon as they have answered.
    pub(crate) fn forget(&self) {
        let mut idle = self.idle();
        idle.kept.clear();
        idle.age += 1;
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Whatever is in there is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, or in words why there is none.
    pub(crate) async fn ask(&self) -> Result<Answer, String> {
        match tokio::time::timeout(self.timeout, self.ask_patiently()).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {}", spoken(self.timeout))),
        }
    }

    async fn ask_patiently(&self) -> Result<Answer, String> {
        loop {
            let (kept, age) = {
                let mut idle = self.idle();
                (idle.kept.pop(), idle.age)
            };
            let Some(mut sender) = kept else { break };
            if sender.ready().await.is_err() {
                continue;
            }
            match self.send(&mut sender).await {
                // The server closed a kept connection before it saw the question: every client asks
                // again then.
                Err(error) if error.is_canceled() => {}
                Err(error) => return Err(words(&error)),
                Ok(answer) => return Ok(self.keep(sender, age, answer)),
            }
        }
        let age = self.idle().age;
        let mut sender = self.connect().await?;
        let answer = self.send(&mut sender).await.map_err(|error| words(&error))?;
        Ok(self.keep(sender, age, answer))
    }

    fn keep(&self, sender: SendRequest<Full<Bytes>>, age: u64, answer: Answer) -> Answer {
        let mut idle = self.idle();
        if !sender.is_closed() && idle.age == age {
            idle.kept.push(sender);
        }
        answer
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let addresses = resolve(&self.question.host, self.question.port, self.allow_remote).await?;
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|e| io_words(&e))?;
        _ = stream.set_nodelay(true);
        match &self.tls {
            None => begin(stream).await,
            Some(tls) => begin(tls.over(stream).await?).await,
        }
    }

    async fn send(&self, sender: &mut SendRequest<Full<Bytes>>) -> hyper::Result<Answer> {
        // It was put together once before, when the workload started.
        let request = self.question.request().unwrap_or_default();
        let mut answer = sender.send_request(request).await?;
        let mut body = Vec::new();
        while let Some(frame) = answer.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                let room = BODY_KEPT_BYTES - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(Answer { status: answer.status().as_u16(), body: body.into() })
    }
}

/// HTTP over a connection.
async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| words(&error))?;
    // How it ends is told to whoever waits for an answer.
    tokio::spawn(async { _ = connection.await });
    Ok(sender)
}

/// The addresses of a host; only loopback addresses unless others are allowed.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    allow_remote: bool,
) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| format!("`{host}` cannot be resolved: {}", io_words(&error)))?
        .collect();
    let allowed: Vec<_> =
        found.into_iter().filter(|found| allow_remote || found.ip().is_loopback()).collect();
    if allowed.is_empty() {
        return Err(format!("`{host}` is not on this machine, and `--allow-remote` was not given"));
    }
    Ok(allowed)
}

const CLOSED: &str = "the connection was closed before the answer came";

/// An error of the client in words that are the same each time.
fn words(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        match cause.downcast_ref::<io::Error>() {
            // Without the farewell of TLS.
            Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => return CLOSED.to_owned(),
            Some(io) => return io_words(io),
            None => {}
        }
        source = cause.source();
    }
    if error.is_incomplete_message() {
        return CLOSED.to_owned();
    }
    error.to_string()
}

/// An error of the operating system without its number, beginning in lower case.
pub(crate) fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
