//! Why a request was not done, with the status that says so.

use std::io;
use std::net::SocketAddr;

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// What, where, and what to do.
    pub message: String,
}

impl Error {
    /// In Toxiproxy's words.
    pub(crate) const UNKNOWN_TYPE: &str = "invalid toxic type";

    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_body(why: impl std::fmt::Display) -> Self {
        Self::new(400, format!("bad request body: {why}"))
    }

    pub(crate) fn missing(field: impl std::fmt::Display) -> Self {
        Self::new(400, format!("missing required field: {field}"))
    }

    pub(crate) fn proxy_not_found() -> Self {
        Self::new(404, "proxy not found")
    }

    pub(crate) fn toxic_not_found() -> Self {
        Self::new(404, "toxic not found")
    }

    pub(crate) fn remote(what: &str, address: &str) -> Self {
        Self::new(
            403,
            format!(
                "{what} `{address}` is not a loopback address: use 127.0.0.1, or start with `--allow-remote` to let others in and out"
            ),
        )
    }

    /// In Toxiproxy's words.
    pub(crate) fn listen(address: SocketAddr, error: &io::Error) -> Self {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
        Self::new(500, format!("listen tcp {address}: bind: {text}"))
    }

    /// With the types there are, where it is about one that there is not.
    pub(crate) fn named(self) -> Self {
        if self.message != Self::UNKNOWN_TYPE {
            return self;
        }
        let known: Vec<&str> = crate::TcpFault::kinds().collect();
        Self { message: format!("{}, there is {}", self.message, known.join(", ")), ..self }
    }

    pub(crate) fn within(self, what: &str) -> Self {
        if self.status == 403 {
            return self;
        }
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}
