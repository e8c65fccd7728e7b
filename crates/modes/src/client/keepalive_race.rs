//! # A server that closes idle connections before the proxy does
//!
//! ## What fails
//!
//! Now and then, more often when traffic is low, a request ends with 502 and
//! `upstream prematurely closed connection`. Nothing is wrong with the server before or after.
//!
//! ## Why
//!
//! A proxy that keeps idle connections to its upstream takes one that the server is closing at that
//! moment. That can happen only while the server's keep-alive time ends before the proxy's. nginx
//! tries requests without effect (GET) again by itself; a POST is answered with the error.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   proxy:
//!     image: nginx:1.27
//!     volumes:
//!       - ./nginx.conf:/etc/nginx/nginx.conf:ro
//!   web:
//!     build: web
//!     command: uvicorn shop:app --host 0.0.0.0 --timeout-keep-alive 20
//! ```
//!
//! ```nginx nginx.conf
//! events {}
//! http {
//!   upstream web {
//!     server web:8000;
//!     keepalive 16;
//!   }
//!   server {
//!     listen 80;
//!     location / {
//!       proxy_pass http://web;
//!       proxy_http_version 1.1;
//!       proxy_set_header Connection "";
//!     }
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! The server keeps connections longer than the proxy.
//!
//! ```yaml compose.yaml
//! services:
//!   proxy:
//!     image: nginx:1.27
//!     volumes:
//!       - ./nginx.conf:/etc/nginx/nginx.conf:ro
//!   web:
//!     build: web
//!     command: uvicorn shop:app --host 0.0.0.0 --timeout-keep-alive 75
//! ```
//!
//! ```nginx nginx.conf
//! events {}
//! http {
//!   upstream web {
//!     server web:8000;
//!     keepalive 16;
//!   }
//!   server {
//!     listen 80;
//!     location / {
//!       proxy_pass http://web;
//!       proxy_http_version 1.1;
//!       proxy_set_header Connection "";
//!     }
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Send a POST, stay idle for just the server's keep-alive time, send another; repeat.
//!
//! ## Evidence
//!
//! - nginx: `ngx_http_upstream_module` (`keepalive`, `keepalive_timeout` 60 s), text of the 502.
//! - Defaults: Tomcat as embedded by Spring Boot 60 s, Node.js 5 s, uvicorn 5 s, gunicorn 2 s
//!   (threads and asynchronous workers; its `sync` workers keep no connection).
//! - Inferred: that no code changes the default.

use wonin_model::{
    Evidence, Finding, Fix, Gateway, Located, Mode, ModeMeta, NotChecked, Role, ServiceId,
    Severity, Stack, Upstream,
};

use crate::shared::measure::{parse_ms, setting_ms};
use crate::shared::reach::{app_of, command_words};
use crate::shared::waits::{flag, is_program, target};
use crate::shared::words::duration_ms;

pub(crate) struct KeepaliveRace;

static META: ModeMeta = ModeMeta {
    id: "keepalive-race",
    family: "client",
    summary: "the server closes idle connections before the proxy stops using them",
    source: include_str!("keepalive_race.rs"),
};

impl Mode for KeepaliveRace {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut told: Vec<(Option<ServiceId>, ServiceId)> = Vec::new();
        for gateway in &stack.gateways {
            for upstream in &gateway.upstreams {
                let Some(service) = target(stack, gateway, upstream) else { continue };
                let pair = (gateway.service, service);
                if let Some(finding) = race(stack, gateway, upstream, service)
                    && !told.contains(&pair)
                {
                    told.push(pair);
                    findings.push(finding);
                }
            }
        }
    }
}

/// How long a server keeps an idle connection, and how to change it.
struct KeepAlive {
    length_ms: Located<u64>,
    setting: &'static str,
    /// Whether code that was not read may set another time.
    likely: bool,
}

fn race(
    stack: &Stack,
    gateway: &Gateway,
    upstream: &Upstream,
    service: ServiceId,
) -> Option<Finding> {
    let proxy = upstream.keepalive_timeout_ms.as_ref()?;
    let server = keep_alive(stack, service)?;
    if server.length_ms.value == 0 || server.length_ms.value > proxy.value {
        return None;
    }
    let name = &stack.service(service).name.value;
    let equal = server.length_ms.value == proxy.value;
    let (severity, confidence) = match (equal, server.likely) {
        // Both end at the same time; the server's clock starts a little earlier.
        (true, _) => (Severity::Low, 60),
        (false, true) => (Severity::Medium, 65),
        (false, false) => (Severity::Medium, 80),
    };
    let likely = if confidence < 70 { "likely " } else { "" };
    let title = format!(
        "{name} closes idle connections after {}, {} keeps using them for {}: {likely}a 502 now and then",
        duration_ms(server.length_ms.value),
        gateway.name,
        duration_ms(proxy.value)
    );
    let sign = if equal { '=' } else { '<' };
    Some(
        Finding::new(&META, title)
            .service(name)
            .weigh(Role::Cause, severity, confidence)
            .arithmetic(format!(
                "server {} ms {sign} proxy {} ms; needed: server > proxy",
                server.length_ms.value, proxy.value
            ))
            .because(format!("{name} keeps an idle connection this long, in ms"), &server.length_ms)
            .because("the proxy keeps it this long, in ms", proxy)
            .fix(Fix::advice(format!(
                "set {} above {}, or `keepalive_timeout` of the upstream below {}",
                server.setting,
                duration_ms(proxy.value),
                duration_ms(server.length_ms.value)
            ))),
    )
}

fn keep_alive(stack: &Stack, service: ServiceId) -> Option<KeepAlive> {
    if let Some(app) = app_of(stack, service) {
        let setting = "server.tomcat.keep-alive-timeout";
        let length_ms = setting_ms(&app.properties, setting)?;
        return Some(KeepAlive { length_ms, setting, likely: false });
    }
    let words = command_words(stack, service);
    let runs = |program: &str| words.iter().any(|word| is_program(&word.value, program));
    let of_flag = |program: &str, name: &str| {
        let written = flag(stack, service, program, &[name])?;
        written.and_then(|seconds| u64::try_from(parse_ms(seconds)?).ok()?.checked_mul(1000))
    };
    if runs("gunicorn") {
        let keeps = ["gthread", "uvicorn", "gevent", "eventlet", "Uvicorn"];
        if !words.iter().any(|word| keeps.iter().any(|kind| word.value.contains(kind))) {
            return None;
        }
        let default = || default_ms(2000, "gunicorn", "gunicorn documentation, keepalive");
        let length_ms = of_flag("gunicorn", "--keep-alive").unwrap_or_else(default);
        return Some(KeepAlive { length_ms, setting: "gunicorn --keep-alive", likely: true });
    }
    if runs("uvicorn") {
        let default = || default_ms(5000, "uvicorn", "uvicorn documentation, --timeout-keep-alive");
        let length_ms = of_flag("uvicorn", "--timeout-keep-alive").unwrap_or_else(default);
        let likely = length_ms.origin.is_default();
        return Some(KeepAlive { length_ms, setting: "uvicorn --timeout-keep-alive", likely });
    }
    let default = default_ms(5000, "Node.js", "Node.js documentation, server.keepAliveTimeout");
    let keep = KeepAlive { length_ms: default, setting: "server.keepAliveTimeout", likely: true };
    runs("node").then_some(keep)
}

fn default_ms(length: u64, of: &'static str, source: &'static str) -> Located<u64> {
    Located::default_of(length, of, source)
}
