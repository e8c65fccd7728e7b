//! Whether a configuration works for every phase, at one startup time.

use super::setting::Setting;
use crate::closed;
use crate::draw::{Draw, NEVER_MS, Phase};
use crate::ecs::EcsSimulator;
use crate::event::Silent;
use crate::monte_carlo::{has_closed_form, is_deadlock, phases, startup, with_startup};
use crate::outcome::Ending;
use crate::plan::{EcsPlan, Fault, KubernetesPlan, Plan};
use crate::{compose, swarm};

/// A day and a half.
const TIME_MAX_S: u64 = 130_000;

/// The startup time that a proposal must cover: the longest of a range, the 99 % quantile of a
/// distribution with tails (rollout-semantics 7.5).
pub(super) fn target_ms(plan: &Plan) -> u64 {
    match startup(plan).map(|startup| startup.time) {
        Some(time @ Draw::LogNormal { .. }) => time.quantile_ms(0.99),
        Some(time) => time.max_ms(),
        None => NEVER_MS,
    }
}

/// Every task survives whatever its phase, and the rollout comes to its end.
pub(super) fn works(plan: &Plan) -> bool {
    works_at(plan, target_ms(plan))
}

/// The longest startup time in whole seconds with which every task survives whatever its phase and
/// the rollout comes to its end; `None` when not even an application that is up at once does.
/// Up to a day and a half is looked at.
pub fn longest_startup_s(plan: &Plan) -> Option<u64> {
    let holds = |startup_s: u64| works_at(plan, startup_s * 1000);
    if !holds(0) {
        return None;
    }
    let (mut low, mut high) = (0, 1);
    while high <= TIME_MAX_S && holds(high) {
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    Some(low)
}

/// As [`works`], for another startup time.
pub(super) fn works_at(plan: &Plan, startup_ms: u64) -> bool {
    if startup_ms >= NEVER_MS || is_deadlock(plan) || !is_allowed(plan) {
        return false;
    }
    match plan {
        Plan::Ecs(ecs) => ecs_works(ecs, startup_ms),
        Plan::Kubernetes(plan) => kubernetes_works(plan, startup_ms),
        Plan::Compose(_) => {
            let Plan::Compose(plan) = with_startup(plan, startup_ms) else { return false };
            compose::run(&plan, 0, &mut Silent).run.ending == Ending::Completed
        }
        Plan::Swarm(_) => {
            let Plan::Swarm(plan) = with_startup(plan, startup_ms) else { return false };
            swarm::run(&plan, 0, &mut Silent).ending == Ending::Completed
        }
    }
}

/// What the platform itself would refuse is no solution.
fn is_allowed(plan: &Plan) -> bool {
    match plan {
        Plan::Ecs(plan) => plan.targets().all(|check| check.interval_ms > check.timeout_ms),
        Plan::Kubernetes(plan) => plan.progress_deadline_ms > plan.min_ready_ms,
        Plan::Compose(_) | Plan::Swarm(_) => true,
    }
}

/// Whether every task survives its start. What does not lie with the start counts elsewhere: slow
/// answers are chance, and a zone that the load balancer does not serve is helped by no number.
fn ecs_works(ecs: &EcsPlan, startup_ms: u64) -> bool {
    let unserved = ecs.zones.is_some_and(|zones| zones.served < zones.all);
    if ecs.fault != Fault::None
        || ecs.lacks_memory()
        || ecs.total_max_is_below_desired()
        || unserved
    {
        return false;
    }
    let mut ecs = ecs.clone();
    for check in ecs.target.iter_mut().chain(&mut ecs.more_targets) {
        check.slow_ppm = 0;
    }
    if has_closed_form(&ecs) && ecs.targets().all(|check| check.phase == Phase::Uniform) {
        // Every task survives, so that the scheduler has nothing to do but wait.
        return ecs.targets().all(|check| {
            let in_budget = startup_ms <= check.registration_ms + closed::check_budget_ms(check);
            let saved = ecs.grace_ms >= closed::safe_grace_ms(check, startup_ms, ecs.lag_ms);
            check.can_pass && (in_budget || saved)
        });
    }
    // A single task that may not fail shows more than a whole rollout, where another may be spared.
    let single = crate::monte_carlo::single_task(&with_startup(&Plan::Ecs(ecs), startup_ms));
    let mut simulator = EcsSimulator::new();
    phases(&single, startup_ms).iter().all(|plan| {
        let Plan::Ecs(plan) = plan else { return false };
        simulator.run(plan, 0, &mut Silent).ending == Ending::Completed
    })
}

fn kubernetes_works(plan: &KubernetesPlan, startup_ms: u64) -> bool {
    let Some(available_ms) = closed::available_at_latest_ms(plan, startup_ms) else { return false };
    // Being ready is progress and starts the clock anew, so that the two waits count apart.
    let ready_ms = plan.launch.max_ms() + available_ms - plan.min_ready_ms;
    closed::probe_survival_probability(plan, startup_ms) >= 1.0 - 1e-9
        && ready_ms <= plan.progress_deadline_ms
        && plan.min_ready_ms <= plan.progress_deadline_ms
}

/// The plan with one setting changed.
pub(super) fn with(plan: &Plan, setting: Setting, value: u64) -> Plan {
    let mut plan = plan.clone();
    setting.set(&mut plan, value);
    plan
}
