//! What restarts did and did not change.

use wonin_model::{Evidence, Finding, Fix, Hit, Origin, ServerProduct, Signal};

use crate::shared::seen::{moment_of, signals};
use crate::shared::stale::Failing;
use crate::shared::store::Store;
use crate::shared::timeouts::is_pinot;

/// Adds which restarts lie between failures, and why emptying the registry ends what they do not.
pub(super) fn told(evidence: &Evidence, one: &Failing<'_>, finding: Finding) -> Finding {
    let first = one.parts.iter().filter_map(|part| part.signal.first_ms).min();
    let last = one.parts.iter().filter_map(|part| part.signal.last_ms).max();
    let finding = match first.zip(last) {
        Some(times) => survived(evidence, one, times, finding),
        None => finding,
    };
    kept(evidence, one, finding)
}

fn survived(
    evidence: &Evidence,
    one: &Failing<'_>,
    (first, last): (i64, i64),
    mut finding: Finding,
) -> Finding {
    let caller = one.parts.first().and_then(|part| part.signal.service.as_deref());
    for (name, who) in [
        ("app.started", "the caller was restarted"),
        ("pinot.started", "an instance was restarted"),
        ("zookeeper.loaded", "the registry was restarted with its data"),
    ] {
        for signal in signals(evidence, &[name]) {
            let is_its = name != "app.started" || signal.service.as_deref() == caller;
            let Some((hit, at)) = within(signal, |at| at > first && at < last) else { continue };
            if is_its {
                let at = moment_of(signal, at);
                let claim = format!("{who} at {at}, and it fails on: a restart does not cure it");
                finding = finding.because_at(claim, Origin::Written(hit.place));
            }
        }
    }
    for signal in signals(evidence, &["zookeeper.began-empty"]) {
        if let Some((hit, at)) = within(signal, |at| at > last) {
            let at = moment_of(signal, at);
            let claim = format!(
                "the registry began empty at {at}, and nothing failed since: what failed was its entry"
            );
            finding = finding.because_at(claim, Origin::Written(hit.place));
        }
    }
    finding
}

/// The first event at such a time.
fn within(signal: &Signal, is_meant: impl Fn(i64) -> bool) -> Option<(&Hit, i64)> {
    signal.hits.iter().find_map(|hit| Some((hit, hit.at_ms.filter(|at| is_meant(*at))?)))
}

/// Where the entry is, and that it outlives every restart there.
fn kept(evidence: &Evidence, one: &Failing<'_>, mut finding: Finding) -> Finding {
    let stack = &evidence.stack;
    let is_pinot = one.parts.first().is_some_and(|part| is_pinot(evidence, part));
    let instance = stack.servers.iter().find(|server| {
        use ServerProduct::{PinotBroker, PinotController, PinotServer};
        is_pinot && matches!(server.product, PinotBroker | PinotController | PinotServer)
    });
    let project = instance.and_then(|server| Some(stack.service(server.service?).project));
    if let Some((instance, project)) = instance.zip(project) {
        let store = Store::of(stack, project, instance);
        if store.because.len() > 1 {
            finding = finding.fix(Fix::advice(
                "deleting the volumes of the registry helps because the entry is in them; it takes the tables with it, so remove the entry alone",
            ));
        }
        for (claim, origin) in store.because {
            finding = finding.because_at(claim, origin);
        }
    }
    finding
}
