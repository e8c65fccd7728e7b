//! Prints the incident that rollout-semantics 7.5 describes: outlook, blame, proposals, timeline.

#![allow(clippy::print_stdout, reason = "an example prints what it shows")]

use std::time::Instant;

use wonin_rollout::plan::{AlbCheck, Breaker, EcsPlan};
use wonin_rollout::{CpuLaw, Draw, Phase, Plan, Sampling, Simulator, Startup};

fn plan(law: CpuLaw, units: u32) -> EcsPlan {
    EcsPlan {
        min_percent: 50,
        grace_ms: 15_000,
        deregistration_ms: 30_000,
        stop: Draw::constant(5_000),
        breaker: Some(Breaker::new(true)),
        previous_startup: Some(Startup::from_law(law, 1024)),
        ..EcsPlan::new(2, Some(AlbCheck::new(15_000, 5_000, 3, 2)), Startup::from_law(law, units))
    }
}

#[expect(clippy::disallowed_methods, reason = "measures")]
fn main() {
    let Some(law) = CpuLaw::fit((1024, 35_000), (256, 150_000)) else { return };
    let (before, after) = (Plan::Ecs(plan(law, 1024)), Plan::Ecs(plan(law, 256)));
    let mut simulator = Simulator::new();
    let sampling = Sampling::default();

    let begin = Instant::now();
    let outcome = simulator.outcome(&after, sampling);
    let blame = simulator.blame(&before, &after, sampling);
    let proposals = simulator.propose(&after, sampling);
    let recommended = simulator.recommended(&after, sampling);
    let elapsed = begin.elapsed();

    println!("{} {:?}", outcome.verdict, outcome.ends);
    println!("task {} rollout {}", outcome.task_success, outcome.rollout_success);
    for blame in blame {
        println!("{}: {} {} -> {}", blame.role.id(), blame.setting.id(), blame.from, blame.to);
    }
    for proposal in proposals.iter().chain(&recommended) {
        let changes: Vec<_> = proposal.changes.iter().map(ToString::to_string).collect();
        println!("{}: {}", changes.join(", "), proposal.costs());
        println!(
            "  task {:.3} rollout {:.3} q99 {} 125 % {} switches {:?}",
            proposal.task_success,
            proposal.rollout_success,
            proposal.holds_at_q99,
            proposal.holds_at_125_percent,
            proposal.depends_on_switch
        );
    }
    println!("solved in {elapsed:?}");

    let mut fixed = plan(law, 256);
    if let Some(check) = &mut fixed.target {
        check.phase = Phase::Fixed { ms: 5_000 };
    }
    for event in simulator.outcome(&Plan::Ecs(fixed), Sampling { runs: 1, seed: 0 }).timeline {
        println!("{:>7} {:3} {} {}", event.t_ms, event.task, event.kind, event.why);
    }
}
