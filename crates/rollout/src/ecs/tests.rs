//! The simulator against the tables of rollout-semantics 7.

use super::*;
use crate::closed::TaskFate;
use crate::draw::{Draw, Phase};
use crate::event::{Silent, Timeline};
use crate::plan::{Alarms, AlbCheck, Breaker, BreakerThreshold, Lost, UnhealthyPolicy, Zones};
use crate::startup::Startup;
use proptest::prelude::*;

mod order;
mod outside;

fn run(plan: &EcsPlan, seed: u64) -> Run {
    EcsSimulator::new().run(plan, seed, &mut Silent)
}

fn record(plan: &EcsPlan) -> (Run, Timeline) {
    let mut timeline = Timeline::default();
    let run = EcsSimulator::new().run(plan, 0, &mut timeline);
    (run, timeline)
}

/// p=20, h=100, D=30, K=5: the tasks of 7.2.
fn steady(desired: u32, min_percent: u32, max_percent: u32) -> EcsPlan {
    let check = AlbCheck { phase: Phase::Fixed { ms: 0 }, ..AlbCheck::new(20_000, 5_000, 10, 2) };
    EcsPlan {
        min_percent,
        max_percent,
        deregistration_ms: 30_000,
        stop: Draw::constant(5_000),
        // The sixth check, at 100 s, is the first to pass.
        ..EcsPlan::new(desired, Some(check), Startup::constant(100_000))
    }
}

/// The incident of 7.5, with every first check 5 s after RUNNING.
pub(crate) fn incident(startup_ms: u64) -> EcsPlan {
    let check =
        AlbCheck { phase: Phase::Fixed { ms: 5_000 }, ..AlbCheck::new(15_000, 5_000, 3, 2) };
    EcsPlan {
        min_percent: 50,
        grace_ms: 15_000,
        deregistration_ms: 30_000,
        stop: Draw::constant(5_000),
        breaker: Some(Breaker::new(true)),
        previous_startup: Some(Startup::constant(35_000)),
        ..EcsPlan::new(2, Some(check), Startup::constant(startup_ms))
    }
}

fn with_policy(plan: &EcsPlan, policy: UnhealthyPolicy, count_stopping: bool) -> EcsPlan {
    let mut plan = plan.clone();
    plan.switches.unhealthy_policy = policy;
    plan.switches.count_stopping = count_stopping;
    plan
}

fn all_switches(plan: &EcsPlan) -> Vec<EcsPlan> {
    [UnhealthyPolicy::ReplaceFirst, UnhealthyPolicy::StopFirst]
        .into_iter()
        .flat_map(|policy| [true, false].map(|count| with_policy(plan, policy, count)))
        .collect()
}

#[test]
fn durations_of_the_table() {
    // N, min, max, duration counted, duration not counted, lowest capacity
    let rows = [
        (1, 100, 200, 155, 155, 1),
        (2, 100, 200, 155, 155, 2),
        (10, 100, 200, 155, 155, 10),
        (2, 50, 200, 155, 155, 1),
        (2, 50, 150, 155, 155, 1),
        (1, 0, 100, 155, 120, 0),
        (2, 100, 150, 310, 275, 2),
        (2, 50, 100, 310, 240, 1),
        (3, 100, 150, 465, 395, 3),
        (10, 75, 125, 430, 360, 8),
        (10, 50, 100, 310, 240, 5),
        (10, 100, 110, 1550, 1235, 10),
    ];
    for (desired, min, max, counted, not_counted, lowest) in rows {
        for (count_stopping, expected_s) in [(true, counted), (false, not_counted)] {
            let mut plan = steady(desired, min, max);
            plan.switches.count_stopping = count_stopping;
            let run = run(&plan, 0);
            let place = format!("N={desired} {min}/{max} counted={count_stopping}");
            assert_eq!(run.ending, Ending::Completed, "{place}");
            assert_eq!(run.ended_ms, expected_s * 1000, "{place}");
            assert_eq!(run.lowest_capacity, lowest, "{place}");
        }
    }
}

#[test]
fn deadlocks_of_the_table() {
    for (desired, min, max) in [(3, 100, 125), (2, 100, 100), (1, 50, 150)] {
        let (run, timeline) = record(&steady(desired, min, max));
        assert_eq!(run.ending, Ending::Deadlock);
        assert_eq!((run.ended_ms, run.lowest_capacity), (0, desired));
        assert_eq!(timeline.events.last().map(|e| e.kind), Some(EventKind::Deadlocked));
    }
}

#[test]
fn incident_trips_the_breaker_at_110_seconds() {
    for plan in all_switches(&incident(150_000)) {
        let (run, timeline) = record(&plan);
        assert_eq!(run.ending, Ending::CircuitBreaker);
        assert_eq!(run.ended_ms, 110_000, "{:?}", plan.switches);
        assert_eq!(run.lowest_capacity, 1);
        let counted: Vec<_> = timeline
            .events
            .iter()
            .filter(|e| e.kind == EventKind::Counted)
            .map(|e| (e.t_ms / 1000, e.why.as_str()))
            .collect();
        assert_eq!(&counted[..3], [(55, "1 of 3"), (55, "2 of 3"), (110, "3 of 3")]);
    }
}

#[test]
fn incident_timeline() {
    let (run, timeline) = record(&incident(150_000));
    assert_eq!(run.rolled_back, Some(true));
    assert_eq!(run.settled_ms, 165_000);
    let curve: Vec<_> = timeline.capacity.iter().map(|p| (p.t_ms / 1000, p.available)).collect();
    assert_eq!(curve, [(0, 1), (165, 2)]);
    let has = |t_s: u64, task: &str, kind: EventKind| {
        timeline.events.iter().any(|e| e.t_ms == t_s * 1000 && e.task == task && e.kind == kind)
    };
    for (t_s, task, kind) in [
        (0, "O2", EventKind::Draining),
        (0, "N1", EventKind::Started),
        (0, "N2", EventKind::Started),
        (20, "N1", EventKind::Running),
        (25, "N1", EventKind::CheckFailed),
        (30, "O2", EventKind::Signalled),
        (35, "O2", EventKind::Stopped),
        (40, "N2", EventKind::CheckFailed),
        (35, "N1", EventKind::GraceOver),
        (55, "N1", EventKind::Unhealthy),
        (55, "N2", EventKind::Unhealthy),
        (55, "R1", EventKind::Started),
        (75, "R1", EventKind::Running),
        (80, "R1", EventKind::CheckFailed),
        (95, "R1", EventKind::CheckFailed),
        (110, "R1", EventKind::Unhealthy),
        (110, "", EventKind::Tripped),
        (110, "O3", EventKind::Started),
        (110, "R1", EventKind::Draining),
        (130, "O3", EventKind::Running),
        (165, "O3", EventKind::Healthy),
    ] {
        assert!(has(t_s, task, kind), "{t_s} {task} {kind}");
    }
    let killed =
        timeline.events.iter().find(|e| e.t_ms == 85_000 && e.kind == EventKind::Signalled);
    let why = killed.map(|event| event.why.as_str());
    assert_eq!(why, Some("65 s after RUNNING, 43 % of a start of 150 s"));
}

#[test]
fn stop_first_starts_the_second_replacement_when_room_appears() {
    for (count_stopping, expected_s) in [(true, 90), (false, 55)] {
        let plan = with_policy(&incident(150_000), UnhealthyPolicy::StopFirst, count_stopping);
        let (run, timeline) = record(&plan);
        let second = timeline.events.iter().find(|e| e.task == "R2");
        assert_eq!(second.map(|e| e.t_ms / 1000), Some(expected_s));
        assert_eq!(run.settled_ms, 165_000);
    }
}

#[test]
fn any_phase_trips_between_100_and_130_seconds() {
    let mut plan = incident(150_000);
    if let Some(check) = &mut plan.target {
        check.phase = Phase::Uniform;
    }
    for plan in all_switches(&plan) {
        let mut seen = (u64::MAX, 0);
        for seed in 0..2000 {
            let run = run(&plan, seed);
            assert_eq!(run.ending, Ending::CircuitBreaker);
            assert!((100_000..130_000).contains(&run.ended_ms), "{}", run.ended_ms);
            seen = (seen.0.min(run.ended_ms), seen.1.max(run.ended_ms));
        }
        assert!(seen.0 < 103_000 && seen.1 > 122_000, "{seen:?}");
    }
}

#[test]
fn old_minimum_of_ten_failures() {
    let mut plan = incident(150_000);
    if let Some(breaker) = &mut plan.breaker {
        breaker.threshold = BreakerThreshold::Bounded { percent: 50, at_least: 10 };
    }
    let not_counted = run(&with_policy(&plan, UnhealthyPolicy::StopFirst, false), 0);
    assert_eq!((not_counted.ending, not_counted.ended_ms), (Ending::CircuitBreaker, 275_000));
    let counted = run(&with_policy(&plan, UnhealthyPolicy::StopFirst, true), 0);
    assert_eq!(counted.ending, Ending::CircuitBreaker);
    assert!((325_000..=435_000).contains(&counted.ended_ms), "{}", counted.ended_ms);
}

#[test]
fn without_a_breaker_stop_first_churns_for_ever() {
    let mut plan = with_policy(&incident(150_000), UnhealthyPolicy::StopFirst, true);
    plan.breaker = None;
    let run = run(&plan, 0);
    assert_eq!((run.ending, run.lowest_capacity), (Ending::Never, 1));
    assert!(run.failed > 50);
}

#[test]
fn without_a_breaker_replace_first_may_spare_a_task() {
    let mut plan = incident(150_000);
    plan.breaker = None;
    if let Some(check) = &mut plan.target {
        check.phase = Phase::Uniform;
    }
    let mut ends: Vec<_> = (0..500)
        .map(|seed| run(&plan, seed))
        .filter(|run| run.ending == Ending::Completed)
        .map(|run| run.ended_ms)
        .collect();
    ends.sort_unstable();
    assert!(ends.len() > 250, "{} of 500", ends.len());
    let median_s = ends[ends.len() / 2] / 1000;
    assert!((300..900).contains(&median_s), "{median_s}");
}

#[test]
fn grace_of_180_seconds_is_the_smallest() {
    for plan in all_switches(&incident(150_000)) {
        let mut plan = plan;
        plan.grace_ms = 180_000;
        let (run, timeline) = record(&plan);
        assert_eq!((run.ending, run.ended_ms), (Ending::Completed, 225_000));
        let curve: Vec<_> =
            timeline.capacity.iter().map(|p| (p.t_ms / 1000, p.available)).collect();
        assert_eq!(curve, [(0, 1), (190, 2)]);

        plan.min_percent = 100;
        let (run, _) = record(&plan);
        assert_eq!((run.ended_ms, run.lowest_capacity), (225_000, 2));
    }
}

#[test]
fn broken_release_is_found_after_400_instead_of_110_seconds() {
    for (grace_s, expected_s) in [(15, 110), (180, 400)] {
        let mut plan = incident(150_000);
        plan.startup = Startup::never();
        plan.grace_ms = grace_s * 1000;
        assert_eq!(run(&plan, 0).ended_ms, expected_s * 1000);
    }
}

#[test]
fn interval_of_30_with_grace_of_180_always_fails() {
    let mut plan = incident(150_000);
    plan.grace_ms = 180_000;
    plan.target = Some(AlbCheck::new(30_000, 5_000, 3, 2));
    for seed in 0..500 {
        assert_ne!(run(&plan, seed).ending, Ending::Completed);
    }
}

#[test]
fn zero_capacity_of_a_single_task() {
    let run = run(&steady(1, 0, 100), 0);
    assert_eq!(run.dropped_ms(), closed::outage_of_single_task_ms(30_000, 5_000, 20_000, 100_000));
}

#[test]
fn no_room_in_the_cluster() {
    let mut plan = steady(2, 100, 200);
    plan.slots = Some(2);
    assert_eq!(run(&plan, 0).ending, Ending::Deadlock);
    plan.breaker = Some(Breaker::new(false));
    assert_eq!(run(&plan, 0).ending, Ending::CircuitBreaker);
    plan.slots = Some(3);
    assert_eq!((run(&plan, 0).ending, run(&plan, 0).ended_ms), (Ending::Completed, 310_000));
}

#[test]
fn no_room_but_an_old_task_may_go() {
    let mut plan = steady(2, 50, 200);
    plan.slots = Some(2);
    let run = run(&plan, 0);
    assert_eq!((run.ending, run.ended_ms, run.lowest_capacity), (Ending::Completed, 310_000, 1));
}

#[test]
fn exits_and_launch_failures_trip_the_breaker() {
    let mut plan = steady(2, 100, 200);
    plan.breaker = Some(Breaker::new(true));
    plan.fault = Fault::Exits { after_ms: 10_000 };
    let exits = run(&plan, 0);
    assert_eq!((exits.ending, exits.ended_ms), (Ending::CircuitBreaker, 60_000));
    plan.switches.count_exit_after_running = false;
    assert_eq!(run(&plan, 0).ending, Ending::Never);
    plan.fault = Fault::CannotLaunch;
    // Two fail at 20 s, the throttle holds the next ones for a while.
    let launch = run(&plan, 0);
    assert_eq!(launch.ending, Ending::CircuitBreaker);
    assert!(launch.ended_ms > 40_000, "{}", launch.ended_ms);
}

#[test]
fn without_checks_a_task_counts_after_40_seconds() {
    let plan = EcsPlan { stop: Draw::constant(5_000), ..EcsPlan::new(2, None, Startup::never()) };
    assert_eq!((run(&plan, 0).ending, run(&plan, 0).ended_ms), (Ending::Completed, 65_000));
}

#[test]
fn container_check_kills_although_the_target_would_pass() {
    let mut plan = steady(2, 100, 200);
    plan.grace_ms = 0;
    plan.target = Some(AlbCheck::new(60_000, 5_000, 10, 2));
    plan.container = Some(crate::plan::DockerCheck::new(10_000, 5_000, 3));
    plan.breaker = Some(Breaker::new(true));
    assert_eq!(run(&plan, 0).ending, Ending::CircuitBreaker);
    plan.grace_ms = closed::container_safe_grace_ms(&plan.container.unwrap(), 100_000, 0);
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
}

#[test]
fn slow_start_lowers_the_weight_but_not_the_count() {
    let mut plan = steady(3, 66, 133);
    if let Some(check) = &mut plan.target {
        check.slow_start_ms = 300_000;
    }
    let run = run(&plan, 0);
    assert_eq!(run.lowest_capacity, 2);
    assert!(run.lowest_weight_milli < 2000, "{}", run.lowest_weight_milli);
}

type Outside = (u32, Vec<AlbCheck>, Option<Zones>, Option<Alarms>, Option<Lost>, bool);

fn any_outside() -> impl Strategy<Value = Outside> {
    let more = (6_u64..40, 2_u32..=10).prop_map(|(i, u)| AlbCheck::new(i * 1000, 5_000, u, 2));
    (
        prop_oneof![Just(0), 0_u32..400_000],
        prop::collection::vec(more, 0..3),
        prop::option::of((1_u32..4, 0_u32..4))
            .prop_map(|zones| zones.map(|(all, served)| Zones { all, served: served.min(all) })),
        prop::option::of((0_u64..600, prop::option::of(0_u64..600), any::<bool>())).prop_map(
            |alarms| {
                alarms.map(|(bake_s, raised_s, rollback)| Alarms {
                    bake_ms: bake_s * 1000,
                    raised_ms: raised_s.map(|s| s * 1000),
                    rollback,
                    in_alarm_at_start: bake_s % 5 == 0,
                })
            },
        ),
        prop::option::of((1_u32..4, 0_u64..400))
            .prop_map(|lost| lost.map(|(tasks, at_s)| Lost { tasks, at_ms: at_s * 1000 })),
        any::<bool>(),
    )
}

prop_compose! {
    fn any_plan()(
        desired in 1_u32..7, min in 0_u32..=100, max in 100_u32..=200, interval_s in 6_u64..40,
        unhealthy in 2_u32..=10, healthy in 2_u32..=10, grace_s in 0_u64..400,
        startup_s in 0_u64..300, spread_s in 0_u64..60, lag_s in 0_u64..5, breaker: bool,
        stop_first: bool, count_stopping: bool, hangs: bool, nodes in 1_u8..4, slots in 0_u32..12,
        outside in any_outside(),
    ) -> EcsPlan {
        let check = AlbCheck {
            failure: if hangs { crate::plan::Failure::TimesOut } else { crate::plan::Failure::Refused },
            nodes,
            ..AlbCheck::new(interval_s * 1000, 5_000, unhealthy, healthy)
        };
        let mut plan = EcsPlan::new(desired, Some(check), Startup {
            time: Draw::Range { min_ms: startup_s * 1000, max_ms: (startup_s + spread_s) * 1000 },
            cpu: None,
        });
        plan.min_percent = min;
        plan.max_percent = max;
        plan.grace_ms = grace_s * 1000;
        plan.lag_ms = lag_s * 1000;
        plan.deregistration_ms = 30_000;
        plan.breaker = breaker.then(|| Breaker::new(true));
        plan.slots = (slots > 0).then_some(slots);
        let (slow_ppm, more, zones, alarms, lost, same_revision) = outside;
        if let Some(check) = &mut plan.target {
            check.slow_ppm = slow_ppm;
        }
        plan.more_targets = more;
        plan.zones = zones;
        plan.alarms = alarms;
        plan.lost = lost;
        plan.switches.same_revision_replacement = same_revision;
        plan.switches.count_stopping = count_stopping;
        if stop_first {
            plan.switches.unhealthy_policy = UnhealthyPolicy::StopFirst;
        }
        plan
    }
}

proptest! {
    #[test]
    fn same_seed_same_outcome_recorded_or_not(plan in any_plan(), seed: u64) {
        let mut simulator = EcsSimulator::new();
        let silent = simulator.run(&plan, seed, &mut Silent);
        let mut first = Timeline::default();
        prop_assert_eq!(simulator.run(&plan, seed, &mut first), silent);
        let mut second = Timeline::default();
        prop_assert_eq!(EcsSimulator::new().run(&plan, seed, &mut second), silent);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn every_run_ends_and_keeps_the_bounds(plan in any_plan(), seed: u64) {
        let run = run(&plan, seed);
        prop_assert!(run.settled_ms <= horizon_ms(&plan));
        // What dies of itself asks no bound.
        let lost = plan.lost.map_or(0, |lost| lost.tasks);
        let floor = plan.bounds().healthy_min.saturating_sub(lost);
        prop_assume!(plan.target.is_none_or(|check| check.slow_ppm == 0));
        prop_assert!(run.lowest_capacity >= floor, "{} below {floor}", run.lowest_capacity);
    }

    #[test]
    fn one_task_behaves_as_the_closed_form(
        interval_s in 6_u64..60, unhealthy in 2_u32..=10, healthy in 2_u32..=10,
        grace_s in 0_u64..600, startup_ms in 0_u64..400_000, phase_ms in 0_u64..60_000,
        lag_s in 0_u64..5, registration_s in 0_u64..10, hangs: bool,
    ) {
        let check = AlbCheck {
            phase: Phase::Fixed { ms: phase_ms },
            registration_ms: registration_s * 1000,
            failure: if hangs { crate::plan::Failure::TimesOut } else { crate::plan::Failure::Refused },
            ..AlbCheck::new(interval_s * 1000, 5_000, unhealthy, healthy)
        };
        let mut plan = EcsPlan::new(1, Some(check), Startup::constant(startup_ms));
        plan.grace_ms = grace_s * 1000;
        plan.lag_ms = lag_s * 1000;
        plan.launch = Draw::constant(20_000);
        plan.deregistration_ms = 0;
        plan.stop = Draw::constant(0);
        plan.breaker = Some(Breaker {
            threshold: BreakerThreshold::Count { tasks: 1 },
            ..Breaker::new(false)
        });
        let phase_ms = phase_ms % check.interval_ms;
        let run = run(&plan, 0);
        match closed::task_fate(&check, startup_ms, plan.grace_ms, plan.lag_ms, phase_ms) {
            TaskFate::Healthy { at_ms } => {
                prop_assert_eq!(run.ending, Ending::Completed);
                prop_assert_eq!(run.ended_ms, 20_000 + at_ms + plan.lag_ms);
            }
            TaskFate::Killed { at_ms } => {
                prop_assert_eq!(run.ending, Ending::CircuitBreaker);
                prop_assert_eq!(run.ended_ms, 20_000 + at_ms);
            }
        }
    }

    #[test]
    fn breaker_trips_as_the_closed_form_says(
        desired in 1_u32..12, tasks in 1_u32..30, interval_s in 6_u64..60, unhealthy in 2_u32..=10,
        grace_s in 0_u64..300, launch_s in 0_u64..60, phase_s in 0_u64..60,
    ) {
        let phase = Phase::Fixed { ms: phase_s * 1000 };
        let check = AlbCheck { phase, ..AlbCheck::new(interval_s * 1000, 5_000, unhealthy, 2) };
        let mut plan = EcsPlan::new(desired, Some(check), Startup::never());
        plan.grace_ms = grace_s * 1000;
        plan.launch = Draw::constant(launch_s * 1000);
        plan.breaker =
            Some(Breaker { threshold: BreakerThreshold::Count { tasks }, ..Breaker::new(false) });
        // A full wave is replaced at once.
        let plan = with_policy(&plan, UnhealthyPolicy::StopFirst, false);
        let phase_ms = phase_s * 1000 % check.interval_ms;
        let kill_ms = closed::kill_decision_ms(&check, plan.grace_ms, 0, phase_ms);
        let expected_ms = closed::breaker_trip_ms(tasks, desired, launch_s * 1000, kill_ms);
        let run = run(&plan, 0);
        prop_assert_eq!((run.ending, run.ended_ms), (Ending::CircuitBreaker, expected_ms));
    }

    #[test]
    fn more_grace_and_more_failures_never_hurt_a_task(
        interval_s in 6_u64..40, unhealthy in 2_u32..10, healthy in 2_u32..=10,
        grace_s in 0_u64..400, startup_s in 0_u64..300,
    ) {
        let survives = |unhealthy, healthy, grace_s: u64| {
            let check = AlbCheck::new(interval_s * 1000, 5_000, unhealthy, healthy);
            closed::survival_probability(&check, startup_s * 1000, grace_s * 1000)
        };
        let base = survives(unhealthy, healthy, grace_s);
        prop_assert!(survives(unhealthy, healthy, grace_s + 1) >= base - 1e-9);
        prop_assert!(survives(unhealthy + 1, healthy, grace_s) >= base - 1e-9);
        if healthy > 2 {
            prop_assert!(survives(unhealthy, healthy - 1, grace_s) >= base - 1e-9);
        }
    }
}
