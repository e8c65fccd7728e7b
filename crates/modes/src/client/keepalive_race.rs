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
    Evidence, Finding, Fix, Gateway, Located, Mode, ModeMeta, NotChecked, Origin, Role, ServiceId,
    Severity, Stack, Upstream,
};

use crate::shared::measure::{parse_ms, setting_ms};
use crate::shared::reach::{app_of, command_words};
use crate::shared::seen::{Part, all_of, lasted_ms, logs_with, recognise};
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
        let mut own = Vec::new();
        for gateway in &stack.gateways {
            for upstream in &gateway.upstreams {
                let Some(service) = target(stack, gateway, upstream) else { continue };
                let pair = (gateway.service, service);
                if let Some(finding) = race(stack, gateway, upstream, service)
                    && !told.contains(&pair)
                {
                    told.push(pair);
                    own.push(finding);
                }
            }
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Whether most of what the same log tells went well: at most one event in ten did not.
fn is_small(evidence: &Evidence, part: &Part<'_>) -> bool {
    let logs = logs_with(evidence, part.signal.name, part.signal.service.as_deref());
    let (events, errors) =
        logs.fold((0, 0), |(events, errors), log| (events + log.events, errors + log.errors));
    errors > 0 && errors.saturating_mul(10) <= events
}

/// Recognises answers that a server cut off before their first byte. A race makes few of them, and
/// the server lives on; many, or a server that starts anew, are something else.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let crashed = [
        "jvm.out-of-memory",
        "kubernetes.oom-killed",
        "host.out-of-memory",
        "jvm.crashed",
        "host.segfault",
        "gunicorn.worker-timeout",
        "app.shutdown-started",
    ]
    .iter()
    .any(|name| evidence.signals.iter().any(|signal| signal.name == *name));
    let mut shown = all_of(
        evidence,
        &[
            (
                "nginx.prematurely-closed",
                "the server closed the connection on which a request had been sent",
            ),
            ("nginx.reset", "the server reset the connection on which a request had been sent"),
            (
                "alb.target-closed",
                "the target closed the connection on which a request had been sent",
            ),
        ],
    );
    let is_rare = shown.iter().all(|(part, _)| {
        let minutes = lasted_ms(part.signal).unwrap_or(0) / 60_000 + 1;
        i64::try_from(part.events).unwrap_or(i64::MAX) <= minutes.max(3) || is_small(evidence, part)
    });
    if crashed || !is_rare || shown.is_empty() {
        return;
    }
    shown.extend(all_of(evidence, &[("http.status-502", "follows: the proxy answers 502")]));
    recognise(own, &shown, || {
        let title = "the server closes connections on which the proxy sends: likely its keep-alive is shorter than the proxy's";
        let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::Medium, 60);
        Some(finding.fix(Fix::advice(
            "let the server keep idle connections for longer than the proxy does (nginx and AWS' load balancers keep them 60 s unless told otherwise; Node.js closes after 5 s: server.keepAliveTimeout, and server.headersTimeout above it); check that it did not restart at these times",
        )))
    });
}

/// How long a server keeps an idle connection, and how to change it.
struct KeepAlive {
    length_ms: Located<u64>,
    setting: &'static str,
    /// Whether code that was not read may set another time.
    likely: bool,
    /// Where the program that has it is started.
    started: Option<Origin>,
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
    let mut finding = Finding::new(&META, title)
        .service(name)
        .weigh(Role::Cause, severity, confidence)
        .arithmetic(format!(
            "server {} ms {sign} proxy {} ms; needed: server > proxy",
            server.length_ms.value, proxy.value
        ))
        .because(format!("{name} keeps an idle connection this long, in ms"), &server.length_ms)
        .because("the proxy keeps it this long, in ms", proxy)
        .because("the proxy sends to it", &upstream.host);
    if let Some(started) = server.started {
        finding = finding.because_at("what runs there", started);
    }
    Some(finding.fix(Fix::advice(format!(
        "set {} above {}, or `keepalive_timeout` of the upstream below {}",
        server.setting,
        duration_ms(proxy.value),
        duration_ms(server.length_ms.value)
    ))))
}

/// A program with a keep-alive time of its own.
struct Known {
    program: &'static str,
    /// The flag that sets it, in seconds; empty where only code does.
    flag: &'static str,
    /// For people.
    setting: &'static str,
    name: &'static str,
    default_ms: u64,
    source: &'static str,
}

/// The first that a command runs counts: gunicorn may be given uvicorn's workers.
const KNOWN: [Known; 3] = [
    Known {
        program: "gunicorn",
        flag: "--keep-alive",
        setting: "gunicorn --keep-alive",
        name: "gunicorn",
        default_ms: 2000,
        source: "gunicorn documentation, keepalive",
    },
    Known {
        program: "uvicorn",
        flag: "--timeout-keep-alive",
        setting: "uvicorn --timeout-keep-alive",
        name: "uvicorn",
        default_ms: 5000,
        source: "uvicorn documentation, --timeout-keep-alive",
    },
    Known {
        program: "node",
        flag: "",
        setting: "server.keepAliveTimeout",
        name: "Node.js",
        default_ms: 5000,
        source: "Node.js documentation, server.keepAliveTimeout",
    },
];

fn keep_alive(stack: &Stack, service: ServiceId) -> Option<KeepAlive> {
    if let Some(app) = app_of(stack, service) {
        let setting = "server.tomcat.keep-alive-timeout";
        let length_ms = setting_ms(&app.properties, setting)?;
        return Some(KeepAlive { length_ms, setting, likely: false, started: None });
    }
    let words = command_words(stack, service);
    let runs = |program: &str| words.iter().find(|word| is_program(&word.value, program));
    let (known, word) = KNOWN.iter().find_map(|known| Some((known, runs(known.program)?)))?;
    if known.program == "gunicorn" && !keeps_connections(&words) {
        return None;
    }
    let written = flag(stack, service, known.program, &[known.flag]);
    let written = written.and_then(|seconds| {
        seconds.and_then(|text| u64::try_from(parse_ms(text)?).ok()?.checked_mul(1000))
    });
    let default = || Located::default_of(known.default_ms, known.name, known.source);
    let length_ms = written.unwrap_or_else(default);
    let likely = length_ms.origin.is_default();
    let started = Some(word.origin.clone());
    Some(KeepAlive { length_ms, setting: known.setting, likely, started })
}

/// gunicorn's `sync` workers, the default, end each connection with its request.
fn keeps_connections(words: &[Located<String>]) -> bool {
    const KINDS: [&str; 5] = ["gthread", "uvicorn", "Uvicorn", "gevent", "eventlet"];
    words.iter().any(|word| KINDS.iter().any(|kind| word.value.contains(kind)))
}
