//! What is stopped and started in which order: the worked examples of rollout-semantics 2.3, and
//! when a task counts as healthy (2.2).

use super::*;

/// Stops and starts in groups: `-3` for three tasks stopped in a row, `+6` for six started.
fn order(plan: &EcsPlan) -> Vec<i32> {
    let (run, timeline) = record(plan);
    assert_eq!(run.ending, Ending::Completed);
    let mut groups: Vec<i32> = Vec::new();
    for event in &timeline.events {
        let step = match event.kind {
            EventKind::Draining => -1,
            EventKind::Started => 1,
            _ => continue,
        };
        match groups.last_mut() {
            Some(last) if last.signum() == step => *last += step,
            _ => groups.push(step),
        }
    }
    groups
}

/// Six tasks, with room for so many in the cluster.
fn six(min: u32, slots: Option<u32>) -> EcsPlan {
    EcsPlan { slots, ..steady(6, min, 200) }
}

#[test]
fn half_of_the_tasks_go_first_although_there_is_room() {
    assert_eq!(order(&six(50, None)), [-3, 6, -3]);
}

#[test]
fn with_room_for_eight_the_rest_starts_when_places_are_free() {
    // Three stop, five of six fit beside the three that are left; then the last one.
    let groups = order(&six(50, Some(8)));
    assert_eq!(groups[0], -3);
    let started: i32 = groups.iter().filter(|&&step| step > 0).sum();
    let stopped: i32 = groups.iter().filter(|&&step| step < 0).sum();
    assert_eq!((started, stopped), (6, -6));
    // Places of stopping tasks count as taken: two start at once, three more when those have gone.
    assert_eq!(groups, [-3, 5, -3, 1]);
}

#[test]
fn full_capacity_with_room_for_eight_goes_by_twos() {
    assert_eq!(order(&six(100, Some(8))), [2, -2, 2, -2, 2, -2]);
}

#[test]
fn both_checks_must_say_healthy() {
    // The target passes at 100 s, the container check at its fourth probe, 120 s.
    let mut plan = steady(1, 100, 200);
    plan.grace_ms = 1_000_000;
    plan.container = Some(crate::plan::DockerCheck::new(30_000, 5_000, 10));
    assert_eq!(run(&plan, 0).ended_ms, 20_000 + 120_000 + 35_000);
    // Without a target group the container check alone decides.
    plan.target = None;
    assert_eq!(run(&plan, 0).ended_ms, 20_000 + 120_000 + 5_000);
}

#[test]
fn a_marginal_budget_kills_one_task_in_three() {
    // The old configuration of the incident (7.5): (U−1)·I = 30 < 35.
    let mut plan = incident(35_000);
    plan.desired = 1;
    plan.breaker =
        Some(Breaker { threshold: BreakerThreshold::Count { tasks: 1 }, ..Breaker::new(false) });
    if let Some(check) = &mut plan.target {
        check.phase = Phase::Uniform;
    }
    let failed = (0..6000).filter(|&seed| run(&plan, seed).ending != Ending::Completed).count();
    assert!((failed as f64 / 6000.0 - 1.0 / 3.0).abs() < 0.02, "{failed} of 6000");
}
