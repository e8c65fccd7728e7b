//! The simulator against rollout-semantics 7.3.

use super::*;
use crate::draw::Draw;
use crate::event::{Silent, Timeline};
use crate::plan::{Amount, Strategy};
use crate::startup::Startup;
use proptest::prelude::*;

fn run(plan: &KubernetesPlan, seed: u64) -> Run {
    KubernetesSimulator::new().run(plan, seed, &mut Silent)
}

/// Pods that are ready exactly 100 s after their container starts: without a readiness probe the
/// startup probe decides, and here its only tick is its delay.
fn steady(replicas: u32, surge: u32, unavailable: u32) -> KubernetesPlan {
    let mut plan = KubernetesPlan::new(replicas, Startup::constant(0));
    plan.strategy = Strategy::RollingUpdate {
        max_surge: Amount::Pods(surge),
        max_unavailable: Amount::Pods(unavailable),
    };
    plan.launch = Draw::constant(120_000);
    plan
}

#[test]
fn waves_and_durations() {
    for replicas in 1..40 {
        for (surge, unavailable) in (0..12).flat_map(|s| (0..12).map(move |u| (s, u))) {
            if surge + unavailable == 0 {
                continue;
            }
            let plan = steady(replicas, surge, unavailable);
            let run = run(&plan, 0);
            let place = format!("N={replicas} surge={surge} unavailable={unavailable}");
            assert_eq!(run.ending, Ending::Completed, "{place}");
            let expected_ms = closed::rolling_duration_ms(&plan, 120_000, 0);
            assert_eq!(run.ended_ms, expected_ms, "{place}");
            assert_eq!(run.lowest_capacity, closed::availability_floor(&plan), "{place}");
        }
    }
}

#[test]
fn rounding_of_surge_and_unavailable() {
    for (replicas, expected) in [(1, (1, 0)), (2, (1, 0)), (3, (1, 0)), (4, (1, 1)), (10, (3, 2))] {
        assert_eq!(KubernetesPlan::new(replicas, Startup::constant(0)).steps(), expected);
    }
    let mut plan = KubernetesPlan::new(1, Startup::constant(0));
    plan.strategy = Strategy::RollingUpdate {
        max_surge: Amount::Percent(0),
        max_unavailable: Amount::Percent(25),
    };
    assert_eq!(plan.steps(), (0, 1));
}

fn with_liveness(startup_ms: u64, probe: Probe) -> KubernetesPlan {
    let mut plan = KubernetesPlan::new(2, Startup::constant(startup_ms));
    plan.liveness = Some(probe);
    plan.readiness = Some(Probe::default());
    plan
}

#[test]
fn liveness_kills_between_20_and_30_seconds() {
    for seed in 0..200 {
        let mut timeline = Timeline::default();
        let plan = with_liveness(150_000, Probe::default());
        let run = KubernetesSimulator::new().run(&plan, seed, &mut timeline);
        assert_eq!(run.ending, Ending::Deadline);
        assert_eq!(run.lowest_capacity, 2);
        let time = |kind| timeline.events.iter().find(|e| e.kind == kind && e.task == "N1");
        let started_ms = time(EventKind::Running).map_or(0, |e| e.t_ms);
        let killed_ms = time(EventKind::Killed).map_or(0, |e| e.t_ms) - started_ms;
        assert!((20_000..30_000).contains(&killed_ms), "{killed_ms}");
    }
}

#[test]
fn startup_probe_or_delay_that_is_long_enough() {
    let startup = |failure_threshold| {
        let mut plan = with_liveness(150_000, Probe::default());
        plan.startup_probe = Some(Probe { failure_threshold, ..Probe::default() });
        plan
    };
    let delayed =
        |initial_delay_ms| with_liveness(150_000, Probe { initial_delay_ms, ..Probe::default() });
    let failed = |plan: &KubernetesPlan| (0..300).map(|seed| run(plan, seed).failed).sum::<u32>();
    assert_eq!(failed(&startup(16)), 0);
    assert_ne!(failed(&startup(15)), 0);
    assert_eq!(failed(&delayed(130_000)), 0);
    assert_ne!(failed(&delayed(129_000)), 0);
}

#[test]
fn readiness_that_never_passes_keeps_the_old_pods() {
    let mut plan = KubernetesPlan::new(3, Startup::constant(5_000));
    plan.readiness = Some(Probe { can_pass: false, ..Probe::default() });
    let run = run(&plan, 0);
    assert_eq!((run.ending, run.ended_ms, run.lowest_capacity), (Ending::Deadline, 600_000, 3));
    assert!(!run.completed_late);
}

#[test]
fn slow_start_completes_after_the_deadline() {
    let mut plan = KubernetesPlan::new(1, Startup::constant(700_000));
    plan.readiness = Some(Probe::default());
    let run = run(&plan, 0);
    assert_eq!((run.ending, run.ended_ms, run.completed_late), (Ending::Deadline, 600_000, true));
}

#[test]
fn surge_without_a_node_for_it() {
    let mut plan = KubernetesPlan::new(2, Startup::constant(5_000));
    plan.slots = Some(2);
    assert_eq!((run(&plan, 0).ending, run(&plan, 0).lowest_capacity), (Ending::Deadline, 2));
    plan.slots = Some(3);
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
}

#[test]
fn recreate_goes_down_to_nothing() {
    let mut plan = KubernetesPlan::new(3, Startup::constant(0));
    plan.strategy = Strategy::Recreate;
    plan.shutdown = Draw::constant(10_000);
    let run = run(&plan, 0);
    assert_eq!((run.ending, run.lowest_capacity), (Ending::Completed, 0));
    assert_eq!((run.ended_ms, run.no_target_ms), (30_000, 30_000));
}

#[test]
fn crash_loop_backs_off() {
    let mut plan = KubernetesPlan::new(1, Startup::never());
    plan.readiness = Some(Probe::default());
    plan.exits_after_ms = Some(25_000);
    let mut timeline = Timeline::default();
    KubernetesSimulator::new().run(&plan, 0, &mut timeline);
    let starts: Vec<_> = timeline
        .events
        .iter()
        .filter(|e| e.kind == EventKind::Running)
        .map(|e| (e.t_ms - 20_000) / 1000)
        .take(8)
        .collect();
    assert_eq!(starts, [0, 25, 60, 105, 170, 275, 460, 785]);
}

prop_compose! {
    fn any_plan()(
        replicas in 1_u32..8, surge in 0_u32..4, unavailable in 0_u32..4, startup_s in 0_u64..200,
        period_s in 1_u64..20, failures in 1_u32..20, delay_s in 0_u64..60, liveness: bool,
        startup_probe: bool, readiness: bool, slots in 0_u32..12, exits in 0_u64..100,
        min_ready_s in 0_u64..20, hangs: bool,
    ) -> KubernetesPlan {
        let probe = Probe {
            period_ms: period_s * 1000,
            failure_threshold: failures,
            initial_delay_ms: delay_s * 1000,
            failure: if hangs { crate::plan::Failure::TimesOut } else { crate::plan::Failure::Refused },
            ..Probe::default()
        };
        let mut plan = steady(replicas, surge, unavailable);
        plan.startup = Startup::constant(startup_s * 1000);
        plan.launch = Draw::constant(10_000);
        plan.liveness = liveness.then_some(probe);
        plan.startup_probe = startup_probe.then_some(probe);
        plan.readiness = readiness.then_some(Probe { success_threshold: 2, ..probe });
        plan.slots = (slots > 0).then_some(slots);
        plan.exits_after_ms = (exits > 50).then_some(exits * 1000);
        plan.min_ready_ms = min_ready_s * 1000;
        plan
    }
}

proptest! {
    #[test]
    fn same_seed_same_outcome_and_every_run_ends(plan in any_plan(), seed: u64) {
        let silent = run(&plan, seed);
        let mut first = Timeline::default();
        let recorded = KubernetesSimulator::new().run(&plan, seed, &mut first);
        prop_assert_eq!((recorded.ending, recorded.ended_ms), (silent.ending, silent.ended_ms));
        let mut second = Timeline::default();
        KubernetesSimulator::new().run(&plan, seed, &mut second);
        prop_assert_eq!(first, second);
        prop_assert!(silent.settled_ms <= horizon_ms(&plan));
        // Only the controller keeps the floor, not a container that exits, nor liveness with pods
        // that count as ready because nothing asks them.
        let asked = plan.readiness.is_some() || plan.liveness.is_none();
        if plan.exits_after_ms.is_none() && asked {
            prop_assert!(silent.lowest_capacity >= closed::availability_floor(&plan));
        }
    }

    #[test]
    fn more_failures_and_more_delay_never_kill_earlier(
        period_s in 1_u64..20, failures in 1_u32..20, delay_s in 0_u64..60, startup_s in 0_u64..300,
        seed: u64,
    ) {
        let killed = |failure_threshold, delay_s: u64| {
            let probe = Probe {
                period_ms: period_s * 1000,
                failure_threshold,
                initial_delay_ms: delay_s * 1000,
                ..Probe::default()
            };
            let mut plan = KubernetesPlan::new(1, Startup::constant(startup_s * 1000));
            plan.liveness = Some(probe);
            plan.readiness = Some(Probe::default());
            run(&plan, seed).failed
        };
        let base = killed(failures, delay_s);
        prop_assert!(killed(failures + 1, delay_s) <= base);
        prop_assert!(killed(failures, delay_s + period_s) <= base);
        let safe = closed::probe_failures_needed(
            &Probe { initial_delay_ms: delay_s * 1000, period_ms: period_s * 1000, ..Probe::default() },
            startup_s * 1000,
        );
        prop_assert_eq!(killed(u32::try_from(safe).unwrap(), delay_s), 0);
    }
}
