//! What events of orchestrators tell of a rollout: what stopped, what started, and in which order.

use wonin_model::{Evidence, Hit, Signal};

use super::deploys::ecs_services;
use super::seen::{Part, Shown, number, signals};
use super::words::duration_ms;

/// How long one step of a rollout follows another, at most, in milliseconds.
const STEP_MS: i64 = 900_000;

/// Old tasks or pods that went before a new one was started.
#[derive(Debug)]
struct WentFirst<'e> {
    signal: &'e Signal,
    hit: &'e Hit,
    /// How many went.
    went: u64,
    /// How many were left, where the event says it.
    left: Option<u64>,
    /// From then until the first new one was started, in milliseconds.
    gap_ms: i64,
}

/// How many went, and how many were left, where the event says it.
type Step = (u64, Option<u64>);

/// A pair of events: what goes, how many, and what comes.
struct Pair {
    goes: &'static str,
    comes: &'static str,
    /// The value that names what is rolled out.
    name: &'static str,
    of: fn(&Hit) -> Option<Step>,
}

const PAIRS: [Pair; 2] = [
    Pair {
        goes: "ecs.stopped",
        comes: "ecs.started",
        name: "service",
        of: |hit| Some((number(&hit.values, "tasks")?, None)),
    },
    Pair {
        goes: "kubernetes.scaled-down",
        comes: "kubernetes.scaled-up",
        name: "deployment",
        of: |hit| {
            let left = number(&hit.values, "to")?;
            let before = number(&hit.values, "from")?;
            Some((before.checked_sub(left)?, Some(left)))
        },
    },
];

/// Every time that something old went before something new came, with nothing new started in the
/// quarter of an hour before. Tasks that failed their check are replaced, not rolled out.
fn went_first(evidence: &Evidence) -> Vec<WentFirst<'_>> {
    let mut found = Vec::new();
    let failing = ["ecs.unhealthy", "ecs.health-checks-failed", "ecs.essential-exited"];
    let failed: Vec<i64> =
        failing.iter().flat_map(|name| times(evidence, name, |_| true)).collect();
    for pair in &PAIRS {
        for signal in signals(evidence, &[pair.goes]) {
            for hit in &signal.hits {
                let (Some(at), Some((went, left))) = (hit.at_ms, (pair.of)(hit)) else { continue };
                let name = hit.values.get(pair.name);
                let comes = times(evidence, pair.comes, |one| one.values.get(pair.name) == name);
                let is_near = |at_ms: &i64| (*at_ms - at).abs() <= STEP_MS;
                let replaced = failed.iter().any(is_near);
                let before = comes.iter().any(|one| (at - STEP_MS..=at).contains(one));
                let next =
                    comes.iter().copied().filter(|one| *one > at && one - at <= STEP_MS).min();
                if let Some(next) = next.filter(|_| !before && !replaced && went > 0) {
                    found.push(WentFirst { signal, hit, went, left, gap_ms: next - at });
                }
            }
        }
    }
    found
}

/// Steps in which so many of all went first that they are `meant`, in words. Events of ECS do not
/// say how many there are: they count where the settings do.
pub(crate) fn gone_first(evidence: &Evidence, meant: impl Fn(u64, u64) -> bool) -> Shown<'_> {
    let desired = |name: &str| {
        let ecs = ecs_services(evidence).find(|ecs| ecs.deployment.name == name)?;
        Some(u64::from(ecs.limits()?.desired.value))
    };
    let mut shown: Shown<'_> = Vec::new();
    for step in went_first(evidence) {
        let service = step.hit.values.get("service").map(String::as_str);
        let all = step.left.map(|left| left + step.went).or_else(|| service.and_then(desired));
        let Some(all) = all.filter(|all| meant(step.went, *all)) else { continue };
        let gap = duration_ms(step.gap_ms.unsigned_abs());
        let went = step.went;
        let what = format!("{went} of {all} went, and the first new one was started {gap} later");
        shown.push((Part::at(step.signal, step.hit), what));
    }
    shown
}

/// When a signal was seen.
pub(crate) fn times(evidence: &Evidence, name: &str, is_meant: impl Fn(&Hit) -> bool) -> Vec<i64> {
    let hits = signals(evidence, &[name]).into_iter().flat_map(|signal| &signal.hits);
    hits.filter(|hit| is_meant(hit)).filter_map(|hit| hit.at_ms).collect()
}
