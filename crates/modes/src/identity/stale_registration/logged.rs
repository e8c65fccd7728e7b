//! What the log of a Eureka server tells of an address that does not answer: whom it registered, whom
//! it removed, and whether it removes anybody at all.

use wonin_model::{Evidence, Finding, Fix, Hit, Origin, Role, Severity, Signal};

use super::META;
use crate::shared::seen::{Part, Values, moment_of, signals};
use crate::shared::stale::{Failing, endpoint};

/// A registry takes a lease for ended after 90 s, twice that for a flaw that is kept for its users,
/// looks once a minute, and callers ask twice in a minute through a cache: what is named for longer
/// than all this is not about to go.
const LAG_MS: i64 = 300_000;

/// Fewer failures are those of a start or of a moment.
const EVENTS_MIN: u64 = 3;

/// Ports of servers that do not register with Eureka.
const OTHER_PORTS: &[u16] =
    &[2181, 2379, 3306, 4317, 5432, 5672, 6379, 8500, 8761, 9092, 9200, 9411, 11211, 27017];

/// Ways to fail that say nothing of another kind of server.
const CALLS: &[&str] = &[
    "client.refused",
    "client.no-route",
    "client.connect-timeout",
    "netty.connect-timeout",
    "http-client.connect-failed",
];

/// Why an address is likely one that the registry keeps.
pub(super) struct Kept<'e> {
    /// The registration, where the log has it.
    registered: Option<(&'e Signal, &'e Hit)>,
    /// The registry evicts nobody.
    frozen: Option<&'e Signal>,
    /// The registry evicted it, while calls failed.
    lapsed: Option<(&'e Signal, &'e Hit)>,
}

/// Looks for an address in the registry's log; with title and confidence.
pub(super) fn by_log<'e>(
    evidence: &'e Evidence,
    one: &Failing<'_>,
) -> Option<(Kept<'e>, String, u8)> {
    let (first, last) = times(one)?;
    if let Some((signal, hit)) = lapsed(evidence, one, first, last) {
        let title = format!(
            "{} did not answer, and Eureka named it on as {} until its lease ran out: likely it ended without a goodbye",
            one.shown(),
            id_of(hit)
        );
        let kept = Kept { registered: None, frozen: None, lapsed: Some((signal, hit)) };
        return Some((kept, title, 85));
    }
    let mut frozen = signals(evidence, &["eureka.emergency"]).into_iter();
    let frozen = frozen.find(|signal| signal.first_ms.is_none_or(|at| at <= last));
    let registered = registered(evidence, one, first);
    let shown = one.shown();
    let (title, confidence) = match registered {
        Some((_, hit)) if frozen.is_some() || last - first >= LAG_MS => {
            let id = id_of(hit);
            let why = if frozen.is_some() { ", which evicts nobody" } else { "" };
            (format!("{shown} does not answer and is still registered in Eureka{why}, as {id}"), 90)
        }
        None if frozen.is_some() && is_called_by_address(one) => {
            let title = format!(
                "{shown} does not answer while Eureka evicts nobody: likely an instance that is gone and still named"
            );
            (title, 72)
        }
        _ => return None,
    };
    Some((Kept { registered, frozen, lapsed: None }, title, confidence))
}

/// Calls by the name of an application that Eureka knows, which fail to connect while it evicts
/// nobody: callers draw one of the instances that it names.
pub(super) fn by_name(evidence: &Evidence) -> Vec<Finding> {
    let Some(frozen) = signals(evidence, &["eureka.emergency"]).into_iter().next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for signal in signals(evidence, &["client.refused", "client.connect-timeout"]) {
        let mut told: Vec<&str> = Vec::new();
        for name in signal.all("address").into_iter().filter(|name| is_known(evidence, name)) {
            let is_it = |values: &Values| {
                values.get("address").is_some_and(|one| one.eq_ignore_ascii_case(name))
            };
            let is_told = told.iter().any(|one| one.eq_ignore_ascii_case(name));
            let part = Part::of(signal, is_it)
                .filter(|part| !is_told && part.events >= EVENTS_MIN && is_since(part, frozen));
            if let Some(part) = part {
                told.push(name);
                found.push(of_name(name, &part, frozen));
            }
        }
    }
    found
}

/// Whether it goes on after the registry was seen to evict nobody.
fn is_since(part: &Part<'_>, frozen: &Signal) -> bool {
    part.signal.last_ms.zip(frozen.first_ms).is_none_or(|(last, first)| last >= first)
}

/// Whether Eureka's log has an application of this name.
fn is_known(evidence: &Evidence, name: &str) -> bool {
    let registered = signals(evidence, &["eureka.registered"]);
    let mut ids = registered.iter().flat_map(|signal| signal.all("instance"));
    ids.any(|id| id.split('/').next().is_some_and(|app| app.eq_ignore_ascii_case(name)))
}

fn of_name(name: &str, part: &Part<'_>, frozen: &Signal) -> Finding {
    let title = format!(
        "calls of {name} do not connect while Eureka evicts nobody: likely it names an instance that is gone"
    );
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 72);
    finding.service.clone_from(&part.signal.service);
    finding = part.tell(finding, &format!("an instance of {name} is dialled in vain"));
    Kept { registered: None, frozen: Some(frozen), lapsed: None }.tell(finding)
}

/// The first and the last time at which the address did not answer.
fn times(one: &Failing<'_>) -> Option<(i64, i64)> {
    let is_it = |hit: &&Hit| {
        hit.values.values().any(|text| endpoint(text) == Some((one.address, one.port)))
    };
    let hits = one.parts.iter().flat_map(|part| part.signal.hits.iter().filter(is_it));
    let times: Vec<i64> = hits.filter_map(|hit| hit.at_ms).collect();
    Some((*times.iter().min()?, *times.iter().max()?))
}

/// Whether a program that asks a registry likely calls there.
fn is_called_by_address(one: &Failing<'_>) -> bool {
    let events: u64 = one.parts.iter().map(|part| part.events).sum();
    let is_call = one.parts.iter().all(|part| CALLS.contains(&part.signal.name));
    let port = one.port.filter(|port| !OTHER_PORTS.contains(port));
    events >= EVENTS_MIN && is_call && port.is_some() && one.address.is_private()
}

/// The last registration of the address before it failed, unless it was taken back since.
fn registered<'e>(
    evidence: &'e Evidence,
    one: &Failing<'_>,
    first_ms: i64,
) -> Option<(&'e Signal, &'e Hit)> {
    let is_up = |hit: &&Hit| hit.values.get("status").is_some_and(|status| status == "UP");
    let all = signals(evidence, &["eureka.registered"]).into_iter().flat_map(|signal| {
        let ours = signal.hits.iter().filter(|hit| is_named(one, &id_of(hit)));
        ours.map(move |hit| (signal, hit))
    });
    let (signal, hit) = all.max_by_key(|(_, hit)| hit.at_ms)?;
    // One that registers again lives.
    let is_before = hit.at_ms.is_none_or(|at| at <= first_ms);
    let id = id_of(hit);
    let mut removals = signals(evidence, &["eureka.cancelled", "eureka.expired"])
        .into_iter()
        .flat_map(|signal| &signal.hits);
    let is_removed = removals.any(|other| id_of(other) == id && other.at_ms >= hit.at_ms);
    (is_before && !is_removed && is_up(&hit)).then_some((signal, hit))
}

/// The end of the lease of an address, where calls failed before it already and no longer after it
/// than caches last.
fn lapsed<'e>(
    evidence: &'e Evidence,
    one: &Failing<'_>,
    first_ms: i64,
    last_ms: i64,
) -> Option<(&'e Signal, &'e Hit)> {
    if !is_called_by_address(one) {
        return None;
    }
    let is_then = |hit: &&Hit| {
        let at = hit.at_ms.filter(|at| *at > first_ms && at - first_ms <= LAG_MS);
        at.is_some_and(|at| last_ms <= at.saturating_add(LAG_MS))
    };
    let mut all = signals(evidence, &["eureka.expired"]).into_iter().flat_map(|signal| {
        let ours = signal.hits.iter().filter(|hit| is_named(one, &id_of(hit)));
        ours.map(move |hit| (signal, hit))
    });
    all.find(|(_, hit)| is_then(hit))
}

/// `ORDERS/172.18.0.5:orders:8080`.
fn id_of(hit: &Hit) -> String {
    hit.values.get("instance").cloned().unwrap_or_default()
}

/// Whether an id names the address or the host that is called, and no other port:
/// `ORDERS/172.18.0.5:orders:8080`, `ORDERS/orders-1:orders:8080`.
fn is_named(one: &Failing<'_>, id: &str) -> bool {
    let port = id.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let host = id.split_once('/').and_then(|(_, instance)| instance.split(':').next());
    let mut called = one.parts.iter().filter_map(|part| part.hit?.values.get("host"));
    let is_host = host.is_some_and(|host| called.any(|other| other.eq_ignore_ascii_case(host)));
    (is_host || endpoint(id).is_some_and(|(address, _)| address == one.address))
        && (port.is_none() || one.port.is_none() || port == one.port)
}

impl Kept<'_> {
    /// Adds what the registry's log shows, and how to be rid of the entry.
    pub(super) fn tell(&self, mut finding: Finding) -> Finding {
        if let Some((signal, hit)) = self.registered {
            // That it registered is nothing to explain, nor that others did.
            let when =
                hit.at_ms.map_or(String::new(), |at| format!(" at {}", moment_of(signal, at)));
            let claim =
                format!("seen: Eureka registers {}{when}, and never removes it", id_of(hit));
            finding = finding.because_at(claim, Origin::Written(hit.place));
        }
        if let Some(frozen) = self.frozen {
            finding = Part::whole(frozen)
                .tell(finding, "the registry keeps instances whose leases have run out");
        }
        if let Some(lapsed) = self.lapsed {
            return ran_out(lapsed, finding);
        }
        let id = self.registered.map_or("APP/ID".to_owned(), |(_, hit)| id_of(hit));
        finding.leads_to("dependency-down").fix(Fix::advice(format!(
            "remove the entry (`DELETE /eureka/apps/{id}`); let instances say goodbye (end them with SIGTERM and time to stop), and let a small registry evict (eureka.server.enable-self-preservation=false)"
        )))
    }

    /// Whether the entry is gone by now.
    pub(super) fn is_over(&self) -> bool {
        self.lapsed.is_some()
    }
}

/// Adds when the lease ran out, and what to do about instances that end unsaid.
fn ran_out((signal, hit): (&Signal, &Hit), finding: Finding) -> Finding {
    let is_it = |values: &Values| values.get("instance") == hit.values.get("instance");
    let claim = "Eureka ends its lease, 90 s or more after the last renewal";
    let finding = match Part::of(signal, is_it) {
        Some(part) => part.tell(finding, claim),
        None => finding,
    };
    finding.leads_to("dependency-down").fix(Fix::advice(
        "let instances say goodbye (end them with SIGTERM and time to stop), and let callers try another instance where one does not connect",
    ))
}
