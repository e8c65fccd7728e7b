//! Proposals: what to change, what it brings, and what it costs.

use std::fmt;

use super::search::{relative, smallest, smallest_pair};
use super::setting::{Setting, Shape};
use super::switch::Switch;
use super::works::{target_ms, with, works, works_at};
use crate::closed;
use crate::draw::{Draw, NEVER_MS};
use crate::event::Silent;
use crate::monte_carlo::{Sampling, Simulator, startup, with_startup};
use crate::outcome::Ending;
use crate::plan::{DockerCheck, Plan};

/// One setting and its new value, in the unit of the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which setting.
    pub setting: Setting,
    /// Value now.
    pub from: u64,
    /// Value proposed.
    pub to: u64,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.setting.unit();
        write!(f, "{} {}{unit} → {}{unit}", self.setting.id(), self.from, self.to)
    }
}

/// A change that lets the rollout complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What to change, one or more settings.
    pub changes: Vec<Change>,
    /// P(one new task survives) afterwards, 0 to 1.
    pub task_success: f64,
    /// P(the rollout completes) afterwards, 0 to 1.
    pub rollout_success: f64,
    /// After how long a release that never comes up is given up now; `None` for never.
    pub detection_ms_before: Option<u64>,
    /// The same after the change.
    pub detection_ms_after: Option<u64>,
    /// After how long a task that dies later, while it serves, is found now: `U·I` for a load
    /// balancer, `F·P` for liveness, `R·I` for a container check. `None` without a check.
    pub running_detection_ms_before: Option<u64>,
    /// The same after the change.
    pub running_detection_ms_after: Option<u64>,
    /// Works for every phase with the 99 % quantile of the startup time.
    pub holds_at_q99: bool,
    /// Works for every phase with 1.25 times the startup time.
    pub holds_at_125_percent: bool,
    /// Points of the scheduler that no document settles and on which completion depends.
    pub depends_on_switch: Vec<Switch>,
    /// No deployment and no new revision is needed to make the change.
    pub in_place: bool,
}

impl Proposal {
    /// What the change costs: `a broken release is found after 400 s instead of 110 s`. Empty when
    /// it costs nothing.
    pub fn costs(&self) -> String {
        let release = cost("a broken release", self.detection_ms_before, self.detection_ms_after);
        let (before, after) = (self.running_detection_ms_before, self.running_detection_ms_after);
        let running = cost("a task that dies later", before, after)
            .filter(|_| self.slows_running_detection());
        [release, running].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    fn slows_running_detection(&self) -> bool {
        self.running_detection_ms_after > self.running_detection_ms_before
    }
}

fn cost(what: &str, before: Option<u64>, after: Option<u64>) -> Option<String> {
    let (before, after) = (before.map(whole_seconds), after.map(whole_seconds));
    match (before, after) {
        _ if before == after => None,
        (Some(before), Some(after)) => {
            Some(format!("{what} is found after {after} s instead of {before} s"))
        }
        (None, Some(after)) => Some(format!("{what} is found after {after} s")),
        (Some(before), None) => Some(format!("{what} is never found, instead of after {before} s")),
        (None, None) => None,
    }
}

/// After how long a task that dies while it serves is found, at the latest, in milliseconds.
pub fn running_detection_ms(plan: &Plan) -> Option<u64> {
    let docker =
        |check: &DockerCheck| u64::from(check.retries) * (check.interval_ms + check.failure_ms());
    match plan {
        Plan::Ecs(plan) => {
            let target = plan.target.map(|check| {
                u64::from(check.unhealthy_threshold) * check.interval_ms + check.failure_ms()
            });
            let container = plan.container.as_ref().map(docker);
            // Whichever check notices first.
            target.into_iter().chain(container).min()
        }
        Plan::Kubernetes(plan) => plan
            .liveness
            .map(|probe| u64::from(probe.failure_threshold) * probe.period_ms + probe.failure_ms()),
        Plan::Compose(plan) => {
            plan.services.get(plan.focus).and_then(|service| service.check.as_ref()).map(docker)
        }
        Plan::Swarm(plan) => plan.check.as_ref().map(docker),
    }
}

/// A median over phases is not known to the millisecond.
fn whole_seconds(ms: u64) -> u64 {
    (ms + 500) / 1000
}

/// The most pairs that are proposed.
const PAIRS_MAX: usize = 6;

impl Simulator {
    /// The smallest single changes that work, then pairs of which neither works alone
    /// (rollout-semantics 8). Best first; empty when the plan works already or nothing helps.
    pub fn propose(&mut self, plan: &Plan, sampling: Sampling) -> Vec<Proposal> {
        if target_ms(plan) >= NEVER_MS || works(plan) {
            return Vec::new();
        }
        let singles = single_changes(plan);
        let pairs = pair_changes(plan, &singles);
        let before = self.detection_ms(plan, sampling);
        let mut proposals: Vec<_> = singles
            .into_iter()
            .map(|change| vec![change])
            .chain(pairs)
            .map(|changes| self.weigh(plan, changes, before, sampling))
            .collect();
        proposals
            .sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
        proposals
    }

    /// What a set of changes brings and costs.
    pub fn weigh(
        &mut self,
        plan: &Plan,
        changes: Vec<Change>,
        detection_ms_before: Option<u64>,
        sampling: Sampling,
    ) -> Proposal {
        let after = apply(plan, &changes);
        let q99_ms = startup(&after).map_or(NEVER_MS, |s| s.time.quantile_ms(0.99));
        let longer_ms = target_ms(&after).saturating_mul(5) / 4;
        Proposal {
            task_success: self.task_success(&after, sampling),
            rollout_success: self.rollout_success(&after, sampling),
            detection_ms_before,
            detection_ms_after: self.detection_ms(&after, sampling),
            running_detection_ms_before: running_detection_ms(plan),
            running_detection_ms_after: running_detection_ms(&after),
            holds_at_q99: self.holds_at(&after, q99_ms),
            holds_at_125_percent: self.holds_at(&after, longer_ms),
            depends_on_switch: self.switches_that_matter(&after),
            in_place: changes.iter().all(|change| change.setting.changes_in_place()),
            changes,
        }
    }

    /// Works by the rules, and a simulation of every phase agrees.
    fn holds_at(&mut self, plan: &Plan, startup_ms: u64) -> bool {
        works_at(plan, startup_ms) && {
            let (completed, total) = self.corners(&with_startup(plan, startup_ms));
            completed == total
        }
    }

    /// After how long a release that never comes up is given up, in milliseconds: the median over
    /// phases. `None` when nothing gives it up.
    pub fn detection_ms(&mut self, plan: &Plan, sampling: Sampling) -> Option<u64> {
        let broken = with_startup(plan, NEVER_MS);
        let runs = sampling.runs.clamp(1, 101);
        let mut times: Vec<u64> = Vec::with_capacity(runs as usize);
        for i in 0..runs {
            let run = self.run(&broken, sampling.seed.wrapping_add(u64::from(i)), &mut Silent);
            let found = matches!(run.ending, Ending::CircuitBreaker | Ending::Deadline);
            times.push(if found { run.ended_ms } else { NEVER_MS });
        }
        times.sort_unstable();
        Some(times[times.len() / 2]).filter(|&ms| ms < NEVER_MS)
    }

    /// The set that rollout-semantics 7.5 recommends for a service: full capacity where the upper
    /// bound allows it, a grace period for the 99 % quantile of the startup time, a container start
    /// period that covers it. `None` when nothing would change or no startup time is known.
    pub fn recommended(&mut self, plan: &Plan, sampling: Sampling) -> Option<Proposal> {
        let Plan::Ecs(ecs) = plan else { return None };
        let q99_ms = ecs.startup.time.quantile_ms(0.99);
        if q99_ms >= NEVER_MS {
            return None;
        }
        let mut wanted = Vec::new();
        if ecs.bounds().start_room() > 0 {
            wanted.push((Setting::MinPercent, 100));
        }
        let by_target = ecs.target.map(|check| closed::safe_grace_ms(&check, q99_ms, ecs.lag_ms));
        let by_container =
            ecs.container.map(|check| closed::container_safe_grace_ms(&check, q99_ms, ecs.lag_ms));
        if let Some(grace_ms) = by_target.max(by_container) {
            wanted.push((Setting::Grace, (grace_ms.div_ceil(1000)).max(ecs.grace_ms / 1000)));
        }
        if let Some(check) = ecs.container {
            let period_s = q99_ms.div_ceil(1000).min(300).max(check.start_period_ms / 1000);
            wanted.push((Setting::ContainerStartPeriod, period_s));
        }
        let changes: Vec<_> = wanted
            .into_iter()
            .filter_map(|(setting, to)| {
                let from = setting.get(plan)?;
                (from != to).then_some(Change { setting, from, to })
            })
            .collect();
        if changes.is_empty() {
            return None;
        }
        let before = self.detection_ms(plan, sampling);
        Some(self.weigh(plan, changes, before, sampling))
    }
}

fn apply(plan: &Plan, changes: &[Change]) -> Plan {
    changes.iter().fold(plan.clone(), |plan, change| with(&plan, change.setting, change.to))
}

fn change(plan: &Plan, setting: Setting, to: u64) -> Option<Change> {
    Some(Change { setting, from: setting.get(plan)?, to })
}

/// The smallest change of every setting that works alone.
pub(super) fn single_changes(plan: &Plan) -> Vec<Change> {
    let single = |&setting: &Setting| change(plan, setting, smallest(plan, setting)?);
    Setting::ALL.iter().filter_map(single).collect()
}

/// Pairs in which neither works alone. The settings of the checks are paired with each other; when
/// no single change works at all, every setting is.
fn pair_changes(plan: &Plan, singles: &[Change]) -> Vec<Vec<Change>> {
    let of_checks = |setting: Setting| {
        !matches!(
            setting,
            Setting::Cpu
                | Setting::MinPercent
                | Setting::MaxPercent
                | Setting::Slots
                | Setting::MaxSurge
                | Setting::MaxUnavailable
                | Setting::ProgressDeadline
        )
    };
    let pool: Vec<Setting> = Setting::ALL
        .iter()
        .copied()
        .filter(|s| s.shape() != Shape::Fixed && s.get(plan).is_some())
        .filter(|&s| singles.is_empty() || of_checks(s))
        .collect();
    let mut pairs = Vec::new();
    for (i, &a) in pool.iter().enumerate() {
        for &b in &pool[i + 1..] {
            let (outer, inner) = if width(plan, a) <= width(plan, b) { (a, b) } else { (b, a) };
            let Some((x, y)) = smallest_pair(plan, outer, inner) else { continue };
            if let (Some(x), Some(y)) = (change(plan, outer, x), change(plan, inner, y)) {
                pairs.push(vec![x, y]);
            }
        }
    }
    let cost = |pair: &[Change]| pair.iter().map(|c| relative(c.from, c.to)).sum::<f64>();
    pairs.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    pairs.truncate(PAIRS_MAX);
    pairs
}

fn width(plan: &Plan, setting: Setting) -> u64 {
    setting.range(plan).map_or(u64::MAX, |(min, max)| max - min)
}

/// Fewer settings first, then what needs no deployment, then what leaves running tasks as well
/// watched as before, then the smaller change.
fn rank(proposal: &Proposal) -> (bool, usize, bool, bool, f64) {
    let change: f64 = proposal.changes.iter().map(|c| relative(c.from, c.to)).sum();
    (
        !proposal.holds_at_q99,
        proposal.changes.len(),
        !proposal.in_place,
        proposal.slows_running_detection(),
        change,
    )
}

/// A log-normal startup around a measured time, as rollout-semantics 10 assumes it.
pub fn assumed_spread(measured_ms: u64) -> Draw {
    Draw::LogNormal { median_ms: measured_ms, sigma: 0.15 }
}
