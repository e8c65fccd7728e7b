//! Reverse proxies and where they send requests.

use wonin_text::Place;

use crate::{Located, ServiceId};

/// One reverse proxy (nginx).
#[derive(Debug)]
pub struct Gateway {
    /// Name for people.
    pub name: String,
    /// The service that runs it, where its configuration is mounted or copied into one.
    pub service: Option<ServiceId>,
    /// Where its configuration begins.
    pub place: Place,
    /// Where it sends requests.
    pub upstreams: Vec<Upstream>,
}

/// One place that a proxy sends to; durations in milliseconds.
#[derive(Debug)]
pub struct Upstream {
    /// Host as written, without port.
    pub host: Located<String>,
    /// Port, the scheme's default when unset.
    pub port: Option<u16>,
    /// Whether the name is looked up again while the proxy runs (`resolver` with a variable, or
    /// the `resolve` parameter).
    pub resolved_again: bool,
    /// Whether the address holds a variable, so that nginx looks at it at each request and needs a
    /// `resolver` for names.
    pub by_variable: bool,
    /// A `resolver` directive in scope.
    pub resolver: Option<Place>,
    /// `proxy_connect_timeout`.
    pub connect_timeout_ms: Located<u64>,
    /// `proxy_read_timeout`.
    pub read_timeout_ms: Located<u64>,
    /// How long an idle connection to this upstream is kept; `None` without `keepalive`.
    pub keepalive_timeout_ms: Option<Located<u64>>,
}
