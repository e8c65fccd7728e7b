//! # What is called does not listen
//!
//! ## What fails
//!
//! Calls end at once with `Connection refused`, or after a few seconds with `No route to host`.
//!
//! ## Why
//!
//! How a connection fails tells where to look. Refused within milliseconds: the host is right and up,
//! and nobody listens on the port; the program is down, still starting, or bound to another
//! address. No route after about 3 s: no host of the same network has the address. Silence until a
//! time-out: packets are dropped, or the address is vacated behind a router. And inside a container
//! `localhost` is the container itself, whatever the host runs.
//!
//! Where files tell nothing of a cluster, what is said of it again and again counts: brokers of Kafka
//! that are not reached; ZooKeeper, Consul, etcd, Redis Cluster or MongoDB without a majority or a
//! primary; writes that reach a server which takes none; tasks that ECS cannot prepare.
//!
//! ## Example
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120 ERROR web.Db - org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct
//! 2025-03-02 10:12:41.120 ERROR web.Db - org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct
//! 2025-03-02 10:12:51.120 ERROR web.Db - org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct
//! ```
//!
//! ```text logs/db.log
//! 2025-03-02 10:12:20.000 UTC [1] LOG:  received fast shutdown request
//! 2025-03-02 10:12:21.000 UTC [1] LOG:  database system is shut down
//! ```
//!
//! ## Fix
//!
//! Bring it back, and find out why it went.
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120  INFO web.Db - connected
//! ```
//!
//! ## How to rehearse
//!
//! Stop what is called.
//!
//! ## Evidence
//!
//! - Linux: `connect(2)`, `ECONNREFUSED`, `EHOSTUNREACH`. Seen with Docker Engine 20.10.
//! - Inferred: that complaints which go on for 20 s do not pass by themselves.
//! - Inferred: that the port says which service is meant, where the text has only an address.

mod unreached;

use wonin_model::{
    ContainerState, Evidence, Finding, Fix, Log, Mode, ModeMeta, NotChecked, Origin, Role,
    Severity, Signal,
};

use crate::shared::hosts::{ipv4, is_loopback};
use crate::shared::seen::{Part, Values, all_of, moment, moment_of, signals};
use crate::shared::stale::{self, Holder};

pub(crate) struct DependencyDown;

static META: ModeMeta = ModeMeta {
    id: "dependency-down",
    family: "redundancy",
    summary: "nobody listens where a service calls",
    source: include_str!("dependency_down.rs"),
};

/// Signals of calls that nobody takes.
const CALLS: &[&str] = &[
    "client.refused",
    "client.no-route",
    "pgjdbc.refused",
    "jedis.connect-failed",
    "lettuce.connect-failed",
    "http-client.connect-failed",
    "librdkafka.connect-failed",
    "nginx.connect-failed",
];

/// What Kafka's clients say that follows from it.
const KAFKA_FOLLOWS: &[(&str, &str)] = &[
    ("librdkafka.brokers-down", "no broker is connected"),
    ("librdkafka.transport-failure", "connections break"),
    ("librdkafka.message-timed-out", "records are given up"),
    ("kafka.records-expired", "records are given up"),
    ("kafka.leader-not-available", "what only this broker kept has no leader"),
];

/// The same for a proxy.
const PROXY_FOLLOWS: &[(&str, &str)] = &[
    ("http.status-502", "the proxy answers 502"),
    ("nginx.no-live-upstreams", "the proxy has nobody left to ask"),
    ("nginx.upstream-disabled", "the proxy leaves it out for a while"),
];

/// Ports that brokers of Kafka usually listen on.
const KAFKA_PORTS: std::ops::RangeInclusive<u16> = 9092..=9099;

/// Fewer failures than this are those of a start or of a moment.
const EVENTS_MIN: u64 = 3;

/// One endpoint that is called in vain.
struct Call<'e> {
    host: String,
    port: Option<u16>,
    caller: Option<String>,
    parts: Vec<Part<'e>>,
}

impl Call<'_> {
    fn shown(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn events(&self) -> u64 {
        self.parts.iter().map(|part| part.events).max().unwrap_or(0)
    }

    fn first_ms(&self) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.hit?.at_ms).min()
    }

    fn last_ms(&self) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.signal.last_ms).max()
    }
}

impl Mode for DependencyDown {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        for call in calls(evidence) {
            let found = finding(evidence, &call);
            findings.extend(found.map(|found| followed(evidence, &call, found)));
        }
        findings.extend(unreached::examine(evidence));
    }
}

/// What is called in vain, by caller and endpoint.
fn calls(evidence: &Evidence) -> Vec<Call<'_>> {
    let mut found: Vec<Call<'_>> = Vec::new();
    for signal in signals(evidence, CALLS) {
        let mut told: Vec<(String, Option<u16>)> = Vec::new();
        for (values, _) in &signal.values {
            let Some((host, port)) = endpoint(values).filter(|one| !told.contains(one)) else {
                continue;
            };
            told.push((host.clone(), port));
            let is_it = |values: &Values| {
                endpoint(values).is_some_and(|(other, number)| other == host && number == port)
            };
            let Some(seen) = Part::of(signal, is_it) else { continue };
            let same = |one: &&mut Call<'_>| {
                one.host == host && one.port == port && one.caller == signal.service
            };
            match found.iter_mut().find(same) {
                Some(known) => known.parts.push(seen),
                None => found.push(Call {
                    host,
                    port,
                    caller: signal.service.clone(),
                    parts: vec![seen],
                }),
            }
        }
    }
    found
}

/// Host and port of a failed call: by name where the text has one.
fn endpoint(values: &Values) -> Option<(String, Option<u16>)> {
    // That no host answers at all is a matter of addresses.
    if values.get("errno").is_some_and(|errno| errno != "111") {
        return None;
    }
    // What ran out of time was not refused.
    let waited = values.get("why").is_some_and(|why| why.to_lowercase().contains("timed out"));
    if waited {
        return None;
    }
    if let Some((host, port)) = values.get("host").zip(values.get("port")) {
        return Some((host.clone(), port.parse().ok()));
    }
    let Some(address) = values.get("address").or(values.get("upstream")) else {
        return values.get("host").map(|host| (host.clone(), None));
    };
    let address = address
        .split_once("://")
        .map_or(address.as_str(), |(_, rest)| rest.split('/').next().unwrap_or(rest));
    let address = address.trim_end_matches(['.', ',', ';', ')']);
    let address = address.rsplit('/').find(|part| !part.is_empty())?;
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (address, None),
    };
    let named = values.get("host").filter(|host| !host.is_empty());
    let host = named.map_or(host, String::as_str).trim_matches(['[', ']']);
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn finding(evidence: &Evidence, call: &Call<'_>) -> Option<Finding> {
    // An address that nobody holds is another matter, and told as such.
    let address = ipv4(&call.host);
    if address.is_some_and(|one| matches!(stale::holder(evidence, one), Holder::Nobody)) {
        return None;
    }
    let stack = &evidence.stack;
    let caller = call.caller.as_deref();
    let is_container = stack.services.iter().any(|one| Some(one.name.value.as_str()) == caller);
    if is_loopback(&call.host) && !is_container {
        return unknown(call);
    }
    if is_loopback(&call.host) {
        return Some(to_itself(evidence, call));
    }
    let target = target(evidence, call);
    let down = target.as_deref().and_then(|target| ended(evidence, call, target));
    match (down, target) {
        (Some(down), Some(target)) => Some(is_down(call, &target, down)),
        _ => unknown(call),
    }
}

fn start(call: &Call<'_>, title: String, severity: Severity, confidence: u8) -> Finding {
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, severity, confidence);
    finding.service.clone_from(&call.caller);
    for part in &call.parts {
        let what = if part.signal.name == "client.no-route" {
            format!("no host takes calls at {}", call.shown())
        } else {
            format!("{} is refused: nobody listens", call.shown())
        };
        finding = part.tell(finding, &what);
    }
    finding.leads_to("pool-exhausted").leads_to("false-success")
}

/// Adds what follows from it in the log of the caller.
fn followed(evidence: &Evidence, call: &Call<'_>, mut finding: Finding) -> Finding {
    let is_of = |family: &str| call.parts.iter().any(|part| part.signal.name.starts_with(family));
    let follows = match call.port {
        _ if is_of("nginx.") => PROXY_FOLLOWS,
        _ if is_of("librdkafka.") => KAFKA_FOLLOWS,
        Some(port) if KAFKA_PORTS.contains(&port) => KAFKA_FOLLOWS,
        _ => return finding,
    };
    for (part, what) in all_of(evidence, follows) {
        if part.signal.service == call.caller && part.signal.last_ms >= call.first_ms() {
            finding = part.tell(finding, &format!("follows: {what}"));
        }
    }
    finding
}

/// `localhost` inside a container.
fn to_itself(evidence: &Evidence, call: &Call<'_>) -> Finding {
    let caller = call.caller.as_deref().unwrap_or("the container");
    let title = format!(
        "{caller} calls {} inside its own container, where nobody listens: localhost is the container itself",
        call.shown()
    );
    let listeners = call.port.map(|port| stale::listeners(evidence, port)).unwrap_or_default();
    let advice = match listeners.iter().find(|one| Some(one.as_str()) != call.caller.as_deref()) {
        Some(other) => {
            format!("call it by the name of its service: {other}:{}", call.port.unwrap_or(0))
        }
        None => {
            "call it by the name of its service, or host.docker.internal for what runs on the host"
                .to_owned()
        }
    };
    start(call, title, Severity::High, 88).fix(Fix::advice(advice))
}

/// The service that is called: by its name, by who has the address, or by the only one that listens
/// on the port.
fn target(evidence: &Evidence, call: &Call<'_>) -> Option<String> {
    let services = &evidence.stack.services;
    if let Some(service) = services.iter().find(|service| service.answers_to(&call.host)) {
        return Some(service.name.value.clone());
    }
    if let Some(address) = ipv4(&call.host) {
        if let Holder::Somebody(name) = stale::holder(evidence, address) {
            return Some(name.to_owned());
        }
        let listeners = stale::listeners(evidence, call.port?);
        return <[String; 1]>::try_from(listeners).ok().map(|[only]| only);
    }
    let by_log = evidence.logs.iter().filter_map(|log| log.service.as_deref());
    let by_state = evidence.containers.iter().map(|one| stale::name(evidence, one));
    by_log.chain(by_state).find(|name| *name == call.host).map(str::to_owned)
}

/// How it is known that something is down.
struct Down<'e> {
    how: String,
    claim: String,
    origin: Origin,
    signal: Option<&'e Signal>,
    sure: u8,
}

/// Texts with which programs say that they end.
const ENDS: &[(&str, &str)] = &[
    ("postgres.shutting-down", "it was shut down"),
    ("postgres.server-crashed", "one of its processes crashed and took all others along"),
    ("jvm.out-of-memory", "it ran out of memory"),
    ("kubernetes.oom-killed", "it was killed for memory"),
    ("host.out-of-memory", "it was killed for memory"),
    ("jvm.crashed", "its JVM crashed"),
    ("host.segfault", "it crashed"),
    ("go.panic", "it panicked"),
    ("go.fatal", "it ended with a fatal error"),
    ("node.out-of-memory", "it ran out of heap"),
    ("host.killed", "it was told to end"),
    ("app.failed-to-start", "it failed to start"),
    ("app.shutdown-started", "it was shut down"),
    ("host.disk-full", "its disk is full"),
    ("host.port-in-use", "its port is taken"),
];

/// What shows that a service was down while it was call.
fn ended<'e>(evidence: &'e Evidence, call: &Call<'_>, target: &str) -> Option<Down<'e>> {
    let state = stale::container(evidence, target).filter(|container| !runs(container));
    if let Some(container) = state {
        return Some(by_state(container));
    }
    let from = call.first_ms();
    for (name, how) in ENDS {
        for signal in signals(evidence, &[name]) {
            if signal.service.as_deref() != Some(target) {
                continue;
            }
            let before = |at: i64| from.is_none_or(|from| at <= from.saturating_add(60_000));
            let hit = signal.hits.iter().rev().find(|hit| hit.at_ms.is_none_or(before));
            let Some(hit) = hit else { continue };
            let when =
                hit.at_ms.map_or(String::new(), |at| format!(" at {}", moment_of(signal, at)));
            return Some(Down {
                how: format!("{how}{when}"),
                claim: format!("{target}: {how}"),
                origin: Origin::Written(hit.place),
                signal: Some(signal),
                sure: 90,
            });
        }
    }
    silent(evidence, call, target)
}

/// A log that ends before the calls fail, and stays silent while the caller goes on.
fn silent<'e>(evidence: &'e Evidence, call: &Call<'_>, target: &str) -> Option<Down<'e>> {
    let logs = evidence.logs.iter();
    let log: &Log =
        logs.filter(|log| log.service.as_deref() == Some(target)).max_by_key(|log| log.last_ms)?;
    let (last, end) = (log.last_ms?, call.last_ms()?);
    let final_one = log.templates.iter().max_by_key(|template| template.last_ms)?;
    let is_silent = !log.date_assumed && end.saturating_sub(last) >= 60_000;
    is_silent.then(|| Down {
        how: format!("its log ends at {}", moment(last)),
        claim: format!("the last that {target} said"),
        origin: Origin::Written(final_one.example),
        signal: None,
        sure: 80,
    })
}

fn runs(container: &ContainerState) -> bool {
    let status = container.status.as_deref().unwrap_or("running").to_ascii_lowercase();
    container.health.as_deref() != Some("unhealthy")
        && matches!(status.as_str(), "running" | "paused" | "completed")
}

fn by_state(container: &ContainerState) -> Down<'_> {
    let status = container.status.as_deref().unwrap_or("down");
    let code = container.exit_code.filter(|code| *code != 0);
    let code = code.map_or(String::new(), |code| format!(" with {code}"));
    let why = match (container.oom_killed, &container.error) {
        (true, _) => ", killed for memory".to_owned(),
        (false, Some(error)) => format!(": {error}"),
        _ => String::new(),
    };
    let when = container.finished_ms.map_or(String::new(), |at| format!(" at {}", moment(at)));
    Down {
        how: format!("it is {status}{code}{why}{when}"),
        claim: format!("{status}{code}{why}"),
        origin: Origin::Written(container.place),
        signal: None,
        sure: 95,
    }
}

fn is_down(call: &Call<'_>, target: &str, down: Down<'_>) -> Finding {
    let caller = call.caller.as_deref().map_or(String::new(), |name| format!("{name} calls "));
    let title = format!("{caller}{} in vain: {target} is down, {}", call.shown(), down.how);
    let mut finding = start(call, title, Severity::High, down.sure);
    finding = match down.signal {
        Some(signal) => Part::whole(signal).tell(finding, &down.claim),
        None => finding.because_at(down.claim, down.origin),
    };
    finding.fix(Fix::advice(format!(
        "bring {target} back, and find out why it went: what its last lines say comes first"
    )))
}

/// What the way of failing alone tells.
fn unknown(call: &Call<'_>) -> Option<Finding> {
    if call.events() < EVENTS_MIN {
        return None;
    }
    let no_route = call.parts.iter().all(|part| part.signal.name == "client.no-route");
    let (title, arithmetic, advice) = if no_route {
        (
            format!("no host answers at {}", call.shown()),
            "no route = the neighbours were asked, about 3 s, and nobody has the address",
            "find out who had this address and where it is written: a registry, a configuration, a name looked up once",
        )
    } else {
        (
            format!("nobody listens at {}", call.shown()),
            "refused at once = the host is up, the port is closed: the program is down, starting, or bound to another address",
            "on that host: does the program run, and on which address does it listen (`ss -ltn`)",
        )
    };
    let finding = start(call, title, Severity::Medium, 75).arithmetic(arithmetic);
    Some(finding.fix(Fix::advice(advice)))
}
