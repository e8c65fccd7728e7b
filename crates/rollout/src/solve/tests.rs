//! The incident solved, and the other platforms.

use super::*;
use crate::draw::{Draw, Phase};
use crate::plan::*;
use crate::startup::{CpuLaw, Startup};
use crate::{Ending, Outlook, Sampling, Simulator};
use proptest::prelude::*;

const SAMPLING: Sampling = Sampling { runs: 400, seed: 1 };

fn incident(units: u32) -> EcsPlan {
    let law = CpuLaw::fit((1024, 35_000), (256, 150_000)).expect("two pairs");
    let mut plan =
        EcsPlan::new(2, Some(AlbCheck::new(15_000, 5_000, 3, 2)), Startup::from_law(law, units));
    plan.min_percent = 50;
    plan.grace_ms = 15_000;
    plan.deregistration_ms = 30_000;
    plan.stop = Draw::constant(5_000);
    plan.breaker = Some(Breaker::new(true));
    plan.previous_startup = Some(Startup::from_law(law, 1024));
    plan
}

fn values(proposal: &Proposal) -> Vec<(Setting, u64)> {
    proposal.changes.iter().map(|change| (change.setting, change.to)).collect()
}

#[test]
fn outlook_of_the_incident() {
    let mut simulator = Simulator::new();
    let outcome = simulator.outcome(&Plan::Ecs(incident(256)), SAMPLING);
    assert_eq!(outcome.verdict, Outlook::Never);
    assert!(outcome.task_success.abs() < 1e-9 && outcome.rollout_success.abs() < 1e-9);
    assert_eq!(outcome.ends.how, Ending::CircuitBreaker);
    assert!((100_000..130_000).contains(&outcome.ends.p50_ms));
    assert_eq!(outcome.lowest_capacity, 1);
    // Replacement first spares a task that recovers; stop first may lose three in a row.
    assert_eq!(outcome.rollback_success, Some(1.0));
    let mut stop_first = incident(256);
    stop_first.switches.unhealthy_policy = UnhealthyPolicy::StopFirst;
    let outcome = simulator.outcome(&Plan::Ecs(stop_first), SAMPLING);
    assert!(outcome.rollback_success.is_some_and(|p| p > 0.9 && p < 1.0));

    let old = simulator.outcome(&Plan::Ecs(incident(1024)), SAMPLING);
    assert_eq!(old.verdict, Outlook::Depends);
    assert!((old.task_success - 2.0 / 3.0).abs() < 1e-9);
}

#[test]
fn single_changes_of_the_incident() {
    let proposals = Simulator::new().propose(&Plan::Ecs(incident(256)), SAMPLING);
    let singles: Vec<_> = proposals.iter().filter(|p| p.changes.len() == 1).map(values).collect();
    assert_eq!(
        singles,
        [vec![(Setting::Grace, 180)], vec![(Setting::Interval, 75)], vec![(Setting::Cpu, 1186)],]
    );
    for proposal in &proposals {
        assert!((proposal.task_success - 1.0).abs() < 1e-9, "{proposal:?}");
        assert!((proposal.rollout_success - 1.0).abs() < 1e-9, "{proposal:?}");
        assert!(proposal.holds_at_q99 && !proposal.holds_at_125_percent, "{proposal:?}");
        assert!(proposal.depends_on_switch.is_empty(), "{proposal:?}");
    }
    assert!(proposals.iter().any(|p| {
        let mut pair = values(p);
        pair.sort_unstable();
        // (6 − 1) · 30 s = 150 s, or (7 − 1) · 25 s.
        pair == [(Setting::Interval, 30), (Setting::UnhealthyThreshold, 6)]
            || pair == [(Setting::Interval, 25), (Setting::UnhealthyThreshold, 7)]
    }));
}

#[test]
fn what_is_just_enough_rests_on_the_latencies() {
    let mut simulator = Simulator::new();
    let mut matters = |plan: EcsPlan| simulator.verdict_rests_on(&Plan::Ecs(plan), SAMPLING);
    // Nothing saves the incident, whatever is assumed.
    assert_eq!(matters(incident(256)), []);
    // The old configuration lives of the time until the first check (rollout-semantics 7.5).
    assert_eq!(matters(incident(1024)), [Switch::RegistrationLatency]);
    let with_grace = |grace_ms| EcsPlan { grace_ms, ..incident(256) };
    assert_eq!(matters(with_grace(180_000)), [Switch::SchedulerLag]);
    assert_eq!(matters(with_grace(200_000)), []);
}

#[test]
fn ten_failures_need_an_interval_of_17_seconds() {
    let mut plan = incident(256);
    plan.startup.cpu = None;
    if let Some(check) = &mut plan.target {
        check.unhealthy_threshold = 10;
    }
    let found: Vec<_> =
        Simulator::new().propose(&Plan::Ecs(plan), SAMPLING).iter().map(values).collect();
    assert!(found.contains(&vec![(Setting::Interval, 17)]), "{found:?}");
}

#[test]
fn grace_costs_detection_time() {
    let mut plan = incident(256);
    if let Some(check) = &mut plan.target {
        check.phase = Phase::Fixed { ms: 5_000 };
    }
    let mut simulator = Simulator::new();
    let before = simulator.detection_ms(&Plan::Ecs(plan.clone()), SAMPLING);
    plan.grace_ms = 180_000;
    let after = simulator.detection_ms(&Plan::Ecs(plan.clone()), SAMPLING);
    assert_eq!((before, after), (Some(110_000), Some(400_000)));
    plan.breaker = None;
    assert_eq!(simulator.detection_ms(&Plan::Ecs(plan), SAMPLING), None);

    let proposals = simulator.propose(&Plan::Ecs(incident(256)), SAMPLING);
    let grace = proposals.iter().find(|p| values(p) == [(Setting::Grace, 180)]).expect("grace");
    assert!(
        grace.costs().starts_with("a broken release is found after 400 s instead of 11"),
        "{}",
        grace.costs()
    );
}

#[test]
fn cpu_is_the_cause_and_the_checks_are_enablers() {
    let blame =
        Simulator::new().blame(&Plan::Ecs(incident(1024)), &Plan::Ecs(incident(256)), SAMPLING);
    let found: Vec<_> = blame.iter().map(|b| (b.setting, b.role, b.from, b.to)).collect();
    assert_eq!(
        found,
        [
            (Setting::Cpu, Role::Cause, 1024, 256),
            (Setting::Grace, Role::Enabler, 15, 180),
            (Setting::Interval, Role::Enabler, 15, 75),
        ]
    );
}

#[test]
fn cause_among_several_changes() {
    let before = incident(1024);
    let mut after = incident(256);
    after.deregistration_ms = 60_000;
    after.max_percent = 150;
    let blame = Simulator::new().blame(&Plan::Ecs(before), &Plan::Ecs(after), SAMPLING);
    let causes: Vec<_> =
        blame.iter().filter(|b| b.role == Role::Cause).map(|b| b.setting).collect();
    assert_eq!(causes, [Setting::Cpu]);
}

#[test]
fn recommended_set_keeps_the_capacity() {
    let mut plan = incident(256);
    plan.startup.time = assumed_spread(150_000);
    let mut simulator = Simulator::new();
    let proposal = simulator.recommended(&Plan::Ecs(plan), SAMPLING).expect("a proposal");
    assert_eq!(values(&proposal), [(Setting::MinPercent, 100), (Setting::Grace, 243)]);
    assert!(proposal.holds_at_q99 && !proposal.holds_at_125_percent);
    assert!(proposal.task_success > 0.99);
}

#[test]
fn deadlock_needs_the_bounds() {
    let mut plan = incident(1024);
    plan.min_percent = 100;
    plan.max_percent = 125;
    plan.grace_ms = 300_000;
    let plan = Plan::Ecs(plan);
    let mut simulator = Simulator::new();
    assert_eq!(simulator.outcome(&plan, SAMPLING).verdict, Outlook::Deadlock);
    let singles: Vec<_> = simulator.propose(&plan, SAMPLING).iter().map(values).collect();
    assert_eq!(singles, [vec![(Setting::MaxPercent, 150)], vec![(Setting::MinPercent, 50)]]);
}

#[test]
fn deadlock_and_slow_start_need_two_changes() {
    let mut plan = incident(256);
    plan.startup.cpu = None;
    plan.min_percent = 100;
    plan.max_percent = 100;
    let proposals = Simulator::new().propose(&Plan::Ecs(plan), SAMPLING);
    let best: Vec<_> = proposals.iter().map(values).collect();
    assert!(best.iter().all(|changes| changes.len() == 2), "{best:?}");
    assert!(best.iter().any(|changes| changes.contains(&(Setting::Grace, 180))), "{best:?}");
}

#[test]
fn liveness_kills_a_slow_start() {
    let mut plan = KubernetesPlan::new(3, Startup::constant(150_000));
    plan.liveness = Some(Probe::default());
    plan.readiness = Some(Probe::default());
    let plan = Plan::Kubernetes(plan);
    let mut simulator = Simulator::new();
    let outcome = simulator.outcome(&plan, SAMPLING);
    assert_eq!(outcome.verdict, Outlook::Never);
    assert_eq!(outcome.ends.how, Ending::Deadline);
    let found: Vec<_> = simulator.propose(&plan, SAMPLING).iter().map(values).collect();
    assert!(found.contains(&vec![(Setting::StartupFailureThreshold, 16)]), "{found:?}");
    assert!(found.contains(&vec![(Setting::LivenessInitialDelay, 130)]), "{found:?}");
    assert!(found.contains(&vec![(Setting::LivenessFailureThreshold, 16)]), "{found:?}");
}

#[test]
fn dependency_needs_a_start_period() {
    let mut db = ComposeService::new("db", Startup::constant(150_000));
    db.check = Some(DockerCheck::new(30_000, 30_000, 3));
    let mut web = ComposeService::new("web", Startup::constant(1_000));
    web.depends_on = vec![Dependency { on: 0, condition: Condition::Healthy, required: true }];
    let plan = Plan::Compose(ComposePlan::new(vec![db, web]));
    let mut simulator = Simulator::new();
    assert_eq!(simulator.outcome(&plan, SAMPLING).verdict, Outlook::Never);
    let found: Vec<_> = simulator.propose(&plan, SAMPLING).iter().map(values).collect();
    assert!(found.contains(&vec![(Setting::ContainerRetries, 5)]), "{found:?}");
    // From 86 s on the first counted probe falls on 90 s or later.
    assert!(found.contains(&vec![(Setting::ContainerStartPeriod, 86)]), "{found:?}");
}

#[test]
fn swarm_update_needs_a_start_period() {
    let mut plan = SwarmPlan::new(3, Startup::constant(150_000));
    plan.check = Some(DockerCheck::new(30_000, 30_000, 3));
    let plan = Plan::Swarm(plan);
    let mut simulator = Simulator::new();
    let outcome = simulator.outcome(&plan, SAMPLING);
    assert_eq!((outcome.verdict, outcome.lowest_capacity), (Outlook::Never, 2));
    assert!(outcome.task_success.abs() < 1e-9);
    let found: Vec<_> = simulator.propose(&plan, SAMPLING).iter().map(values).collect();
    assert!(found.contains(&vec![(Setting::ContainerStartPeriod, 86)]), "{found:?}");
}

#[test]
fn nothing_to_propose_when_it_works_or_never_can() {
    let mut plan = incident(256);
    plan.grace_ms = 180_000;
    let mut simulator = Simulator::new();
    assert!(simulator.propose(&Plan::Ecs(plan.clone()), SAMPLING).is_empty());
    plan.startup = Startup::never();
    assert!(simulator.propose(&Plan::Ecs(plan.clone()), SAMPLING).is_empty());
    assert_eq!(simulator.outcome(&Plan::Ecs(plan), SAMPLING).verdict, Outlook::Never);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn proposals_complete_when_simulated(
        startup_s in 20_u64..300, interval_s in 6_u64..60, unhealthy in 2_u32..=10,
        healthy in 2_u32..=10, min in 0_u32..=100, max in 100_u32..=200, desired in 1_u32..5,
    ) {
        let mut plan = incident(256);
        plan.startup = Startup::constant(startup_s * 1000);
        plan.target = Some(AlbCheck::new(interval_s * 1000, 5_000, unhealthy, healthy));
        plan.min_percent = min;
        plan.max_percent = max;
        plan.desired = desired;
        let mut simulator = Simulator::new();
        for proposal in simulator.propose(&Plan::Ecs(plan), Sampling { runs: 60, seed: 3 }) {
            prop_assert!((proposal.rollout_success - 1.0).abs() < 1e-9, "{:?}", proposal);
            prop_assert!((proposal.task_success - 1.0).abs() < 1e-9, "{:?}", proposal);
            prop_assert!(proposal.holds_at_q99);
        }
    }
}
