//! As much of an HTTP client as the servers here need.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer; `status` is 0 when there was none, and `body` then says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's status code.
    pub status: u16,
    /// The body, or the reason why there is none.
    pub body: String,
}

/// A request; HTTP/1.0, so that the body of the answer comes in one piece.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// HTTP's method.
    pub method: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// The body's type; not sent where there is no body.
    pub kind: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request for what is at `path`.
    pub fn get(path: &'a str) -> Self {
        Self { method: "GET", path, kind: "", body: b"" }
    }

    /// Sends it to `address` (`host:port`) and reads the answer to its end. Connecting, writing and
    /// each read may take `limit`.
    pub fn send(&self, address: &str, limit: Duration) -> Answer {
        match self.exchange(address, limit) {
            Ok(answer) => answer,
            Err(error) => Answer { status: 0, body: error.to_string() },
        }
    }

    fn exchange(&self, address: &str, limit: Duration) -> io::Result<Answer> {
        let Self { method, path, kind, body } = self;
        let target: SocketAddr = address.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&target, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\n")?;
        if !body.is_empty() {
            write!(stream, "Content-Type: {kind}\r\n")?;
        }
        write!(stream, "Content-Length: {}\r\n\r\n", body.len())?;
        stream.write_all(body)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no HTTP: {head}")))?;
        Ok(Answer { status, body: body.to_owned() })
    }
}

/// A value as it stands in a query.
pub(crate) fn escape(value: &str) -> String {
    let escaped = value.bytes().map(|byte| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_of_queries_are_escaped() {
        assert_eq!(super::escape(r#"{"a":/b"#), "%7B%22a%22%3A%2Fb");
    }
}
