//! # An address that nobody holds any more
//!
//! ## What fails
//!
//! Connections go to an address at which nobody, or somebody else, is. The program that should be
//! there runs well under another address. Restarting the caller does not help, or only until it
//! draws the dead address again.
//!
//! ## Why
//!
//! Somebody keeps the address: a registry whose entries outlive the instance (Pinot's
//! `INSTANCES` in ZooKeeper, persistent instances in Nacos), a configuration written from an
//! address of the moment, a client that asked once. A container that comes back gets the lowest
//! free address of its network, which need not be its old one.
//!
//! Where a client draws one of d dead and a living entries, it fails with probability d/(d+a), more
//! with every change of address. Restarts of the client never cure that; wiping the registry does.
//! A client that took its list while all entries were dead fails always, and a restart cures it.
//!
//! Behind a Pinot broker the failure changes its face with time. While the registration of a dead
//! server is alive, each query fails: at once (425, connection refused) or after 10 s (427, no
//! answer). When its session has ended the broker asks nobody, and answers without error and
//! without rows, since the table is still assigned to the dead one: silence after errors is no
//! recovery. A process that keeps its session while its address changes keeps its registration
//! alive under the dead address for good.
//!
//! Eureka evicts nobody while it misses too many renewals (self-preservation), and goes on naming
//! instances that are gone: its log has their registration and no end of it, and callers that were
//! sent there fail for longer than leases and caches last (5 min).
//!
//! ## Example
//!
//! ```json live/inspect.json
//! [{"Id": "a1", "Created": "2025-03-02T09:00:00Z", "Path": "start", "Name": "/shop-pinot-broker-0-1",
//!   "State": {"Status": "running", "ExitCode": 0}, "RestartCount": 0,
//!   "Config": {"Image": "apachepinot/pinot:1.0.0",
//!     "Labels": {"com.docker.compose.service": "pinot-broker-0"}},
//!   "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.24.0.11"}}}}]
//! ```
//!
//! ```text logs/web.log
//! 2025-03-02 10:05:41.007 ERROR web.Stat - java.net.ConnectException: connection timed out after 2000 ms: /172.24.0.9:8099
//! 2025-03-02 10:05:44.107 ERROR web.Stat - java.net.ConnectException: connection timed out after 2000 ms: /172.24.0.9:8099
//! ```
//!
//! ## Fix
//!
//! Remove the dead entry; then let instances register under names, or pin their addresses.
//!
//! ```json live/inspect.json
//! [{"Id": "a1", "Created": "2025-03-02T09:00:00Z", "Path": "start", "Name": "/shop-pinot-broker-0-1",
//!   "State": {"Status": "running", "ExitCode": 0}, "RestartCount": 0,
//!   "Config": {"Image": "apachepinot/pinot:1.0.0",
//!     "Labels": {"com.docker.compose.service": "pinot-broker-0"}},
//!   "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.24.0.9"}}}}]
//! ```
//!
//! ```text logs/web.log
//! 2025-03-02 10:05:41.007  INFO web.Stat - 200 GET /stat
//! ```
//!
//! ## How to rehearse
//!
//! Stop everything, start a container with a dynamic address first, then the rest; compare
//! addresses with `docker network inspect`, and query n times.
//!
//! ## Evidence
//!
//! - Apache Pinot 1.0: `BaseBrokerStarter`, `PinotBrokerRestletResource`, `SimpleBrokerSelector`;
//!   pull request 15187 (JDBC client 1.4.0 asks for living brokers only).
//! - Netflix Eureka 1.10: `AbstractInstanceRegistry` (what it logs of registrations, and `evict`).
//! - Moby: `libnetwork`, address allocation. Seen with Pinot 0.11 and Docker Engine 20.10.
//! - Inferred: that the service which listens on the port is the one that was meant.

mod logged;
mod regimes;
mod restarts;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Registration, Role, Severity,
    Standing,
};

use crate::shared::hosts::ipv4;
use crate::shared::seen::Part;
use crate::shared::stale::{
    CONNECTIONS, Failing, Holder, container, dead_and_alive, failing, former_holders, holder,
    is_dead, kind_of, listeners,
};
use crate::shared::timeouts::is_pinot;
use crate::shared::words::list;

pub(crate) struct StaleRegistration;

static META: ModeMeta = ModeMeta {
    id: "stale-registration",
    family: "identity",
    summary: "something still leads to an address that nobody, or somebody else, holds",
    source: include_str!("stale_registration.rs"),
};

impl Mode for StaleRegistration {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let failing = failing(evidence, CONNECTIONS);
        let mut told: Vec<Ipv4Addr> = Vec::new();
        for one in &failing {
            if let Some(finding) = dialled(evidence, one) {
                told.push(one.address);
                findings.push(finding);
            }
        }
        findings.extend(logged::by_name(evidence));
        findings.extend(registered(evidence, &told));
        regimes::observe(evidence, findings);
    }
}

/// An address that is dialled, and who is there.
fn dialled(evidence: &Evidence, one: &Failing<'_>) -> Option<Finding> {
    let wanted: Vec<String> = one.port.map(|port| listeners(evidence, port)).unwrap_or_default();
    let shown = one.shown();
    let mut kept = None;
    let (title, confidence) = match holder(evidence, one.address) {
        Holder::Nobody => {
            kept = logged::by_log(evidence, one).map(|(by_log, _, _)| by_log);
            (format!("nobody holds {shown}{}", moved(evidence, one, &wanted)), 95)
        }
        Holder::Somebody(other) if !wanted.is_empty() && !wanted.iter().any(|w| w == other) => {
            (format!("{shown} is held by {other} now{}", moved(evidence, one, &wanted)), 90)
        }
        Holder::Somebody(_) => return None,
        Holder::Unknown => by_registry(evidence, one)
            .or_else(|| {
                let (by_log, title, confidence) = logged::by_log(evidence, one)?;
                kept = Some(by_log);
                Some((title, confidence))
            })
            .or_else(|| by_text(evidence, one))?,
    };
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, confidence);
    finding.service = one.parts.first().and_then(|part| part.signal.service.clone());
    for part in &one.parts {
        finding = part.tell(finding, &format!("{shown} is dialled in vain"));
    }
    let is_over = kept.as_ref().is_some_and(logged::Kept::is_over);
    if let Some(kept) = kept {
        finding = kept.tell(finding);
    }
    finding = whereabouts(evidence, &wanted, finding);
    for (service, place) in former_holders(evidence, one.address) {
        let claim = format!("{service} had {} before it was started anew", one.address);
        finding = finding.because_at(claim, Origin::Written(place));
    }
    finding = entries(evidence, one, finding);
    finding = restarts::told(evidence, one, finding);
    Some(if is_over { finding } else { repairs(evidence, one, finding) })
}

/// `; pinot-broker-0, which listens on 8099, has 172.24.0.11`.
fn moved(evidence: &Evidence, one: &Failing<'_>, wanted: &[String]) -> String {
    let Some(port) = one.port else { return String::new() };
    let now: Vec<String> = wanted
        .iter()
        .filter_map(|service| {
            let (_, address, _) = container(evidence, service)?.addresses.first()?;
            Some(format!("{service}, which listens on {port}, has {address}"))
        })
        .collect();
    match (now.is_empty(), one.parts.first().is_some_and(|part| is_pinot(evidence, part))) {
        (false, _) => format!("; {}", list(&now)),
        (true, true) => "; 8099 is the port of a Pinot broker".to_owned(),
        (true, false) => String::new(),
    }
}

/// What a registry tells of an address that does not answer: it still names it, and knows that it
/// is gone.
fn by_registry(evidence: &Evidence, one: &Failing<'_>) -> Option<(String, u8)> {
    let kept =
        |entry: &&Registration| ipv4(&entry.host) == Some(one.address) && is_dead(evidence, entry);
    let entry = evidence.registrations.iter().find(kept)?;
    let title = format!(
        "{} does not answer and is still registered in {} as {}",
        one.shown(),
        entry.store,
        entry.id
    );
    Some((title, 92))
}

/// What the text alone allows to say: a Pinot client that waits for a broker's address.
fn by_text(evidence: &Evidence, one: &Failing<'_>) -> Option<(String, u8)> {
    let part = one.parts.first()?;
    let waited = part.hit?.values.get("ms")?;
    let is_client = part.signal.name == "netty.connect-timeout" && waited == "2000";
    let is_private = one.address.is_private();
    (is_client && is_private && is_pinot(evidence, part)).then(|| {
        let title = format!(
            "{} does not answer: likely an address that a Pinot broker had before and is still \
             registered under",
            one.shown()
        );
        (title, 70)
    })
}

/// Where those are that listen on the port.
fn whereabouts(evidence: &Evidence, wanted: &[String], mut finding: Finding) -> Finding {
    for service in wanted {
        let Some(container) = container(evidence, service) else { continue };
        for (network, address, place) in &container.addresses {
            let claim = format!("{service} has {address} in {network}");
            finding = finding.because_at(claim, Origin::Written(*place));
        }
    }
    finding
}

/// What registries keep of the address, and how often a client draws it.
fn entries(evidence: &Evidence, one: &Failing<'_>, mut finding: Finding) -> Finding {
    let kept = |entry: &&Registration| ipv4(&entry.host) == Some(one.address);
    let Some(entry) = evidence.registrations.iter().find(kept) else { return knob(one, finding) };
    let (dead, alive) = dead_and_alive(evidence, kind_of(&entry.id), one.port);
    for entry in &dead {
        let claim = format!("{} is registered, and nobody answers to it", entry.id);
        finding = finding.because_at(claim, Origin::Written(entry.place));
    }
    for entry in &alive {
        let claim = format!("{} is registered and alive", entry.id);
        finding = finding.because_at(claim, Origin::Written(entry.place));
    }
    finding.confidence = finding.confidence.max(97);
    let arithmetic = share(dead.len(), alive.len());
    knob(one, finding.arithmetic(arithmetic))
}

/// `dead / (dead + alive) = 1 / (1 + 1) = 50 % of new connections fail …`.
fn share(dead: usize, alive: usize) -> String {
    let all = dead + alive;
    let percent = (dead * 100).checked_div(all).unwrap_or(0);
    format!(
        "dead / (dead + alive) = {dead} / ({dead} + {alive}) = {percent} % of the draws fail; a \
         restart of the client draws again, only removing the dead entry ends it"
    )
}

/// 2000 ms are nobody's default but the Pinot client's.
fn knob(one: &Failing<'_>, mut finding: Finding) -> Finding {
    let waits = |part: &&Part<'_>| {
        part.signal.name == "netty.connect-timeout"
            && part.hit.is_some_and(|hit| hit.values.get("ms").is_some_and(|ms| ms == "2000"))
    };
    if one.port == Some(8099) && one.parts.iter().any(|part| waits(&part)) {
        let words = "2000 ms = brokerConnectTimeoutMs of the Pinot client (AsyncHttpClient's own \
                     default is 5000, Netty's 30000)";
        let before = finding.arithmetic.take().map_or(String::new(), |text| format!("{text}; "));
        finding.arithmetic = Some(format!("{before}{words}"));
    }
    finding
}

fn repairs(evidence: &Evidence, one: &Failing<'_>, finding: Finding) -> Finding {
    let is_pinot = one.parts.first().is_some_and(|part| is_pinot(evidence, part));
    let finding = if is_pinot {
        finding.fix(Fix::advice(
            "remove the dead id in this order: untag it (`PUT /instances/ID/updateTags`), rebalance \
             the tables of a server, then `DELETE /instances/ID`; until then the JDBC property \
             brokers with names, or the JDBC client 1.4.0 or later, leaves dead brokers out",
        ))
    } else {
        finding.fix(Fix::advice(format!(
            "find who keeps {} (registry, configuration, a client that looked it up once) and \
             remove it there",
            one.address
        )))
    };
    finding.fix(Fix::advice(
        "let instances be known by name (`hostname:` and a service name), or pin their addresses \
         with ipv4_address and keep dynamic containers away from them with ip_range",
    ))
}

/// Entries of registries that nobody answers to, though no log shows a failure yet.
fn registered(evidence: &Evidence, told: &[Ipv4Addr]) -> Option<Finding> {
    let mut dead: Vec<&Registration> = evidence
        .registrations
        .iter()
        .filter(|entry| ipv4(&entry.host).is_some_and(|address| !told.contains(&address)))
        .filter(|entry| is_dead(evidence, entry))
        .collect();
    let mut known = BTreeSet::new();
    dead.retain(|entry| known.insert(entry.id.as_str()));
    let first = dead.first()?;
    let (all_dead, alive) = dead_and_alive(evidence, kind_of(&first.id), first.port);
    let ids: Vec<&str> = dead.iter().map(|entry| entry.id.as_str()).collect();
    let title = format!("registered, and nobody answers to it: {}", list(&ids));
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 90)
        .arithmetic(share(all_dead.len(), alive.len()));
    finding.standing = Standing::Observed;
    for entry in dead {
        let claim = format!("{} is still registered", entry.id);
        finding = finding.because_at(claim, Origin::Written(entry.place));
    }
    Some(finding.fix(Fix::advice(
        "remove the dead entries; then let instances register under names, or pin their addresses",
    )))
}
