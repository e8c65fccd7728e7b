//! Any plan at all: validation names what is wrong, and what is valid ends.

use proptest::prelude::*;
use wonin_rollout::plan::{
    AlbCheck, Amount, DockerCheck, EcsPlan, Engine, Failure, KubernetesPlan, Plan, Probe,
    Strategy as Roll, SwarmPlan,
};
use wonin_rollout::{Draw, NEVER_MS, Problem, Sampling, Simulator, Startup, validate};

// Boxed, since the frames of nested strategies fill a test's stack otherwise.
fn number() -> BoxedStrategy<u64> {
    prop_oneof![
        1 => Just(0),
        1 => Just(1),
        4 => 1_u64..100,
        40 => (2_u64..400).prop_map(|s| s * 1000),
        1 => Just(u64::from(u32::MAX)),
        1 => Just(NEVER_MS),
        1 => Just(u64::MAX),
    ]
    .boxed()
}

fn count() -> BoxedStrategy<u32> {
    prop_oneof![1 => Just(0), 40 => 2_u32..10, 2 => Just(100), 2 => Just(200), 1 => Just(u32::MAX)]
        .boxed()
}

fn draw() -> BoxedStrategy<Draw> {
    prop_oneof![
        number().prop_map(|ms| Draw::Constant { ms }),
        (number(), number()).prop_map(|(min_ms, max_ms)| Draw::Range { min_ms, max_ms }),
        (number(), -1.0..4.0).prop_map(|(median_ms, sigma)| Draw::LogNormal { median_ms, sigma }),
        Just(Draw::Never),
    ]
    .boxed()
}

prop_compose! {
    fn docker()(
        interval_ms in number(), timeout_ms in number(), retries in count(),
        start_period_ms in number(), start_interval_ms in number(), hangs: bool, older: bool,
    ) -> DockerCheck {
        DockerCheck {
            start_period_ms,
            start_interval_ms,
            failure: if hangs { Failure::TimesOut } else { Failure::Refused },
            engine: if older { Engine::Older } else { Engine::V25 },
            ..DockerCheck::new(interval_ms, timeout_ms, retries)
        }
    }
}

prop_compose! {
    fn ecs()(
        sizes in prop::array::uniform5(count()), times in prop::array::uniform5(number()),
        launch in draw(), stop in draw(), startup in draw(), nodes in 0_u8..6,
        container in prop::option::of(docker()), slots in prop::option::of(count()),
    ) -> Plan {
        let [desired, min_percent, max_percent, unhealthy, healthy] = sizes;
        let max_percent = max_percent.saturating_add(100);
        let [interval_ms, timeout_ms, grace_ms, deregistration_ms, lag_ms] = times;
        let check = AlbCheck::new(interval_ms, timeout_ms, unhealthy, healthy);
        Plan::Ecs(EcsPlan {
            min_percent, max_percent, grace_ms, deregistration_ms, lag_ms, launch, stop, container,
            slots,
            ..EcsPlan::new(
                desired,
                Some(AlbCheck { nodes, ..check }),
                Startup { time: startup, cpu: None },
            )
        })
    }
}

prop_compose! {
    fn kubernetes()(
        replicas in count(), surge in count(), unavailable in count(), delay in number(),
        period in number(), failures in count(), deadline in number(), min_ready in number(),
        startup in draw(), exits in prop::option::of(number()), backoff in number(),
    ) -> Plan {
        let probe = Probe {
            initial_delay_ms: delay, period_ms: period, failure_threshold: failures,
            ..Probe::default()
        };
        let mut plan = KubernetesPlan::new(replicas, Startup { time: startup, cpu: None });
        plan.strategy = Roll::RollingUpdate {
            max_surge: Amount::Percent(surge),
            max_unavailable: Amount::Pods(unavailable),
        };
        plan.startup_probe = Some(probe);
        plan.liveness = Some(probe);
        plan.readiness = Some(probe);
        plan.progress_deadline_ms = deadline;
        plan.min_ready_ms = min_ready;
        plan.exits_after_ms = exits;
        plan.backoff_max_ms = backoff;
        Plan::Kubernetes(plan)
    }
}

prop_compose! {
    fn swarm()(
        replicas in count(), parallelism in count(), check in docker(), startup in draw(),
        ratio in -1.0..2.0, delay_ms in number(), stop in draw(),
    ) -> Plan {
        let mut plan = SwarmPlan::new(replicas, Startup { time: startup, cpu: None });
        plan.parallelism = parallelism;
        plan.check = Some(check);
        plan.max_failure_ratio = ratio;
        plan.delay_ms = delay_ms;
        plan.stop = stop;
        Plan::Swarm(plan)
    }
}

fn check(plan: &Plan) {
    let problems = validate(plan);
    for problem in &problems {
        assert!(!problem.to_string().is_empty());
    }
    if problems.is_empty() {
        let sampling = Sampling { runs: 3, seed: 1 };
        let mut simulator = Simulator::new();
        let outcome = simulator.outcome(plan, sampling);
        assert_eq!(outcome, simulator.outcome(plan, sampling));
        assert!((0.0..=1.0).contains(&outcome.task_success));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn wild_ecs_plans(plan in ecs()) {
        check(&plan);
    }

    #[test]
    fn wild_kubernetes_plans(plan in kubernetes()) {
        check(&plan);
    }

    #[test]
    fn wild_swarm_plans(plan in swarm()) {
        check(&plan);
    }
}

#[test]
fn ranges_are_named() {
    let check = AlbCheck::new(0, 5_000, 0, 11);
    let plan = Plan::Ecs(EcsPlan::new(2, Some(check), Startup::constant(1_000)));
    let ranges: Vec<_> = validate(&plan)
        .into_iter()
        .filter_map(|problem| match problem {
            Problem::OutOfRange { setting, min, max, .. } => Some((setting.id(), min, max)),
            _ => None,
        })
        .collect();
    assert_eq!(
        ranges,
        [("interval", 5, 300), ("unhealthy_threshold", 2, 10), ("healthy_threshold", 2, 10)]
    );
}
