//! Slow answers, further target groups, zones, alarms, and old tasks that die.

use super::*;

fn kinds(timeline: &Timeline, kind: EventKind) -> Vec<(u64, &str)> {
    let events = timeline.events.iter().filter(|event| event.kind == kind);
    events.map(|event| (event.t_ms / 1000, event.task.as_str())).collect()
}

#[test]
fn a_task_must_be_healthy_in_every_target_group() {
    // Alone the first group completes; the second gives up after 2 · 20 s.
    let mut plan = steady(2, 100, 200);
    plan.breaker = Some(Breaker::new(true));
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
    let strict = AlbCheck { phase: Phase::Fixed { ms: 0 }, ..AlbCheck::new(20_000, 5_000, 3, 2) };
    plan.more_targets = vec![strict];
    let (failed, timeline) = record(&plan);
    // Two tasks at 20 + 40 s; one is stopped for 35 s, and its successor fails 60 s later.
    assert_eq!((failed.ending, failed.ended_ms), (Ending::CircuitBreaker, 155_000));
    let unhealthy = timeline.events.iter().find(|event| event.kind == EventKind::Unhealthy);
    assert_eq!(unhealthy.map(|event| event.t_ms), Some(60_000));
    // Grace must cover the slower of both.
    plan.grace_ms = closed::safe_grace_ms(&strict, 100_000, 0);
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
    // A group whose check comes later decides when the task counts as healthy.
    plan.more_targets = vec![AlbCheck { phase: Phase::Fixed { ms: 10_000 }, ..strict }];
    // 10 + 5 · 20 s passes first and H = 2 makes it healthy at 130 s, 20 s after the first group.
    plan.grace_ms = 200_000;
    assert_eq!(run(&plan, 0).ended_ms, 20_000 + 130_000 + 35_000);
}

#[test]
fn a_zone_that_the_load_balancer_does_not_serve_fails_its_share() {
    let mut plan = steady(4, 100, 200);
    plan.grace_ms = 60_000;
    plan.zones = Some(Zones { all: 2, served: 1 });
    let (failed, timeline) = record(&plan);
    assert_eq!(failed.ending, Ending::Never, "each replacement goes to the same zone");
    assert_eq!(failed.survived, 2, "those in the zone that is served");
    let over = timeline.events.iter().filter(|event| event.kind == EventKind::GraceOver);
    let over: Vec<_> = over.filter(|event| event.why.contains("unused")).collect();
    assert_eq!(over[0].t_ms, 20_000 + 60_000, "ignored until the grace period ends");
    plan.zones = Some(Zones { all: 2, served: 2 });
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
}

#[test]
fn slow_answers_fail_checks_as_often_as_the_closed_form_says() {
    // One task that is up at once: unhealthy in its first U checks with probability q^U.
    let check = AlbCheck { slow_ppm: 500_000, ..AlbCheck::new(10_000, 5_000, 2, 2) };
    let mut plan = EcsPlan::new(1, Some(check), Startup::constant(0));
    plan.deregistration_ms = 0;
    plan.stop = Draw::constant(0);
    plan.breaker =
        Some(Breaker { threshold: BreakerThreshold::Count { tasks: 1 }, ..Breaker::new(false) });
    let failed = (0..4000).filter(|&seed| run(&plan, seed).ending != Ending::Completed).count();
    let expected = closed::run_failure_probability(0.5, 2);
    assert!((failed as f64 / 4000.0 - expected).abs() < 0.02, "{failed} of 4000, q^U = {expected}");
    if let Some(check) = &mut plan.target {
        check.slow_ppm = 1_000_000;
    }
    assert_eq!(run(&plan, 0).ending, Ending::CircuitBreaker);
    if let Some(check) = &mut plan.target {
        check.slow_ppm = 0;
    }
    assert_eq!(run(&plan, 0).ending, Ending::Completed);
}

#[test]
fn a_healthy_task_with_slow_answers_is_replaced_after_the_mean_time() {
    // The second group never passes, so that the deployment goes on and the checks of the first do.
    let check = AlbCheck { slow_ppm: 500_000, ..AlbCheck::new(10_000, 5_000, 3, 2) };
    let mut stream = Stream::new(7, 0);
    let mut checks = 0_u64;
    let rounds = 2_000;
    for _ in 0..rounds {
        let mut checker = crate::alb::AlbChecker::new(&check, &mut stream);
        while checker.verdict() != Verdict::Healthy {
            let (_, passed) = checker.next(&check, 0).expect("slow answers are checked for ever");
            checker.apply(&check, passed);
        }
        while checker.verdict() == Verdict::Healthy {
            let (_, passed) = checker.next(&check, 0).expect("slow answers are checked for ever");
            checker.apply(&check, passed);
            checks += 1;
        }
    }
    let mean = checks as f64 / f64::from(rounds);
    let expected = closed::mean_checks_until_unhealthy(0.5, 3).expect("some fail");
    assert!((mean - expected).abs() < 0.6, "{mean} and {expected}");
}

#[test]
fn alarms_are_watched_after_the_last_task_is_healthy() {
    let mut plan = steady(2, 100, 200);
    plan.alarms = Some(Alarms { bake_ms: 300_000, rollback: true, ..Alarms::default() });
    let (baked, timeline) = record(&plan);
    assert_eq!((baked.ending, baked.ended_ms), (Ending::Completed, 155_000 + 300_000));
    assert_eq!(kinds(&timeline, EventKind::Bakes), [(155, "")]);
}

#[test]
fn an_alarm_fails_the_deployment_in_progress_or_while_it_bakes() {
    for raised_s in [60, 400] {
        let mut plan = steady(2, 100, 200);
        let alarms = Alarms {
            bake_ms: 300_000,
            rollback: true,
            raised_ms: Some(raised_s * 1000),
            in_alarm_at_start: false,
        };
        plan.alarms = Some(alarms);
        let failed = run(&plan, 0);
        assert_eq!((failed.ending, failed.ended_ms), (Ending::Alarm, raised_s * 1000));
        assert_eq!(failed.rolled_back, Some(true));
        plan.alarms = Some(Alarms { rollback: false, ..alarms });
        assert_eq!(run(&plan, 0).rolled_back, None);
        // One that had been raised before is ignored, and so are the others (E31).
        plan.alarms = Some(Alarms { in_alarm_at_start: true, ..alarms });
        let (ignored, timeline) = record(&plan);
        assert_eq!((ignored.ending, ignored.ended_ms), (Ending::Completed, 155_000));
        let raised = timeline.events.iter().find(|event| event.kind == EventKind::AlarmRaised);
        assert_eq!(raised.is_some(), raised_s < 155);
    }
}

#[test]
fn the_breaker_or_the_alarm_wins_whichever_comes_first() {
    let mut plan = incident(150_000);
    plan.alarms = Some(Alarms { raised_ms: Some(80_000), rollback: true, ..Alarms::default() });
    assert_eq!((run(&plan, 0).ending, run(&plan, 0).ended_ms), (Ending::Alarm, 80_000));
    plan.alarms = Some(Alarms { raised_ms: Some(120_000), rollback: true, ..Alarms::default() });
    assert_eq!((run(&plan, 0).ending, run(&plan, 0).ended_ms), (Ending::CircuitBreaker, 110_000));
}

#[test]
fn an_old_task_that_dies_is_replaced_by_its_own_revision() {
    // The new revision never comes up; one of four old tasks dies after a minute.
    let mut plan = steady(4, 100, 200);
    plan.startup = Startup::never();
    plan.previous_startup = Some(Startup::constant(10_000));
    plan.grace_ms = 3_600_000;
    plan.lost = Some(Lost { tasks: 1, at_ms: 60_000 });
    let (_, timeline) = record(&plan);
    let curve: Vec<_> = timeline.capacity.iter().map(|p| (p.t_ms / 1000, p.available)).collect();
    // Launch 20 s, and the second check at 20 s after that passes.
    assert_eq!(curve, [(0, 4), (60, 3), (100, 4)]);
    assert!(kinds(&timeline, EventKind::Started).contains(&(60, "O5")));

    plan.switches.same_revision_replacement = false;
    let (_, timeline) = record(&plan);
    let curve: Vec<_> = timeline.capacity.iter().map(|p| (p.t_ms / 1000, p.available)).collect();
    assert_eq!(curve, [(0, 4), (60, 3)], "capacity bleeds: the new revision is broken");
}

#[test]
fn a_replacement_of_an_old_task_does_not_keep_the_rollout_from_completing() {
    for same_revision in [true, false] {
        let mut plan = steady(3, 66, 133);
        plan.previous_startup = Some(Startup::constant(100_000));
        plan.lost = Some(Lost { tasks: 1, at_ms: 150_000 });
        plan.switches.same_revision_replacement = same_revision;
        assert_eq!(run(&plan, 0).ending, Ending::Completed, "{same_revision}");
    }
}
