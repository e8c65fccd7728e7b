//! Prints simulated rollouts per second, on one thread and on all: `cargo run --release --example
//! throughput`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use wonin_rollout::ecs::EcsSimulator;
use wonin_rollout::plan::Plan;
use wonin_rollout::plan::{AlbCheck, Breaker, EcsPlan, UnhealthyPolicy};
use wonin_rollout::{Draw, Sampling, Silent, Simulator, Startup};

fn plan(desired: u32, grace_ms: u64, breaker: bool) -> EcsPlan {
    let startup = Startup { time: Draw::LogNormal { median_ms: 150_000, sigma: 0.15 }, cpu: None };
    EcsPlan {
        min_percent: 50,
        grace_ms,
        deregistration_ms: 30_000,
        stop: Draw::constant(5_000),
        breaker: breaker.then(|| Breaker::new(true)),
        previous_startup: Some(Startup::constant(35_000)),
        ..EcsPlan::new(desired, Some(AlbCheck::new(15_000, 5_000, 3, 2)), startup)
    }
}

#[expect(clippy::disallowed_methods, reason = "measures")]
fn main() {
    let mut simulator = EcsSimulator::new();
    like_the_peer(&mut simulator);
    for (desired, runs) in [(2, 400_000_u64), (10, 60_000)] {
        for (name, grace_ms, breaker) in [
            ("fails", 15_000, true),
            ("completes", 300_000, true),
            ("churns without breaker", 15_000, false),
        ] {
            let plan = plan(desired, grace_ms, breaker);
            let runs = if breaker { runs } else { runs / 20 };
            let begin = Instant::now();
            let completed = (0..runs)
                .filter(|&seed| simulator.run(&plan, seed, &mut Silent).rolled_back.is_none())
                .count();
            let per_second = runs as f64 / begin.elapsed().as_secs_f64();
            println!("N={desired} {name}: {per_second:.0} rollouts/s ({completed} of {runs} kept)");
            println!("N={desired} {name}, all threads: {:.0} rollouts/s", on_all(&plan, runs));
        }
    }
}

/// Rollouts per second as `wonin rehearse rollout` simulates them.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn on_all(plan: &EcsPlan, runs: u64) -> f64 {
    let sampling = Sampling { runs: u32::try_from(runs).unwrap_or(u32::MAX), seed: 0 };
    let begin = Instant::now();
    let outcome = Simulator::new().outcome(&Plan::Ecs(plan.clone()), sampling);
    assert_eq!(u64::from(outcome.runs), runs);
    runs as f64 / begin.elapsed().as_secs_f64()
}

/// The model that `xtask/src/peer.py` has as well: no rollback, an unhealthy task is stopped first.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn like_the_peer(simulator: &mut EcsSimulator) {
    for (desired, runs) in [(2, 400_000_u64), (10, 60_000)] {
        for (name, grace_ms) in [("fails", 15_000), ("completes", 300_000)] {
            let mut plan = plan(desired, grace_ms, true);
            plan.breaker = Some(Breaker::new(false));
            plan.switches.unhealthy_policy = UnhealthyPolicy::StopFirst;
            let begin = Instant::now();
            let ends_ms: u64 =
                (0..runs).map(|seed| simulator.run(&plan, seed, &mut Silent).ended_ms).sum();
            let per_second = runs as f64 / begin.elapsed().as_secs_f64();
            let mean_s = ends_ms as f64 / 1000.0 / runs as f64;
            println!("peer N={desired} {name}: {per_second:.0} rollouts/s, mean end {mean_s:.1} s");
        }
    }
}
