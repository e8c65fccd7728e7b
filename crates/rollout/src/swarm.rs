//! A Swarm service update (rollout-semantics 5.4).

use crate::closed;
use crate::docker::{DockerHealth, docker_health};
use crate::draw::{NEVER_MS, Stream};
use crate::event::{CapacityPoint, Event, EventKind, Recorder, seconds};
use crate::outcome::{Ending, Run};
use crate::plan::{FailureAction, Order, SwarmPlan};

/// The orchestrator waits no longer than this for an old task to stop.
const STOP_WAIT_MAX_MS: u64 = 60_000;
/// Pause so that an unhealthy task leaves the load balancing first.
const GOSSIP_MS: u64 = 2_000;

/// What becomes of one slot; times in milliseconds since the update began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Swap {
    begin_ms: u64,
    /// The old task serves until then.
    old_down_ms: u64,
    container_ms: u64,
    /// RUNNING, or failed: the updater goes on.
    settled_ms: u64,
    serves_ms: u64,
    failed_ms: u64,
    /// The failure counts for the update.
    counts: bool,
}

/// Simulates one update. Equal plan and seed give equal results and equal records.
///
/// A paused or rolled back update ends as [`Ending::CircuitBreaker`].
pub fn run<R: Recorder>(plan: &SwarmPlan, seed: u64, recorder: &mut R) -> Run {
    let mut swaps = Vec::with_capacity(plan.replicas as usize);
    let parallel = if plan.parallelism == 0 { plan.replicas } else { plan.parallelism };
    let mut free_ms = vec![0; parallel.clamp(1, plan.replicas.max(1)) as usize];
    let mut stopped_ms = NEVER_MS;
    for slot in 0..plan.replicas {
        // The worker that is free first takes the next slot.
        let worker = (0..free_ms.len()).min_by_key(|&w| (free_ms[w], w)).unwrap_or(0);
        if free_ms[worker] >= stopped_ms {
            break;
        }
        let swap = swap(plan, free_ms[worker], &mut Stream::new(seed, u64::from(slot)));
        free_ms[worker] = swap.settled_ms.saturating_add(plan.delay_ms);
        swaps.push(swap);
        stopped_ms = stopped_ms.min(gives_up_ms(plan, &swaps));
    }
    let all_ms = free_ms.iter().copied().max().unwrap_or(0) + closed::final_wait_ms(plan);
    finish(plan, &swaps, all_ms, stopped_ms, recorder)
}

/// When the failures so far exceed the tolerated share.
fn gives_up_ms(plan: &SwarmPlan, swaps: &[Swap]) -> u64 {
    if plan.failure_action == FailureAction::Continue {
        return NEVER_MS;
    }
    let mut failures: Vec<u64> =
        swaps.iter().filter(|swap| swap.counts).map(|swap| swap.failed_ms).collect();
    failures.sort_unstable();
    let tolerated = f64::from(plan.replicas) * plan.max_failure_ratio;
    let too_many = (1..=failures.len()).find(|&count| count as f64 > tolerated);
    too_many.map_or(NEVER_MS, |count| failures[count - 1])
}

fn swap(plan: &SwarmPlan, begin_ms: u64, stream: &mut Stream) -> Swap {
    let stop_ms = plan.stop.sample(stream).min(STOP_WAIT_MAX_MS);
    let launch_ms = plan.launch.sample(stream);
    let up_ms = plan.startup.time.sample(stream);
    let wait_ms = if plan.order == Order::StopFirst { stop_ms } else { 0 };
    let container_ms = begin_ms + wait_ms + launch_ms;
    let (running_ms, failed_ms) = fate(plan, up_ms, stop_ms);
    let later = |ms: u64| if ms < NEVER_MS { container_ms + ms } else { NEVER_MS };
    let (running_ms, failed_ms) = (later(running_ms), later(failed_ms));
    let settled_ms = running_ms.min(failed_ms).min(NEVER_MS);
    Swap {
        begin_ms,
        old_down_ms: if plan.order == Order::StopFirst { begin_ms } else { running_ms },
        container_ms,
        settled_ms,
        serves_ms: if running_ms < NEVER_MS { later(up_ms).max(running_ms) } else { NEVER_MS },
        failed_ms,
        counts: failed_ms < NEVER_MS
            && (running_ms >= NEVER_MS || failed_ms <= running_ms + plan.monitor_ms),
    }
}

/// When a new task is RUNNING and when it fails, after its container's start.
fn fate(plan: &SwarmPlan, up_ms: u64, stop_ms: u64) -> (u64, u64) {
    let exit_ms = plan.exits_after_ms.unwrap_or(NEVER_MS);
    let Some(check) = plan.check else { return (0, exit_ms) };
    let DockerHealth { healthy_ms, unhealthy_ms } = docker_health(&check, up_ms);
    if healthy_ms < unhealthy_ms && healthy_ms <= exit_ms {
        (healthy_ms, exit_ms)
    } else if unhealthy_ms < exit_ms {
        (NEVER_MS, unhealthy_ms + GOSSIP_MS + stop_ms)
    } else {
        (NEVER_MS, exit_ms)
    }
}

fn finish<R: Recorder>(
    plan: &SwarmPlan,
    swaps: &[Swap],
    all_ms: u64,
    stopped_ms: u64,
    recorder: &mut R,
) -> Run {
    let serving = |swap: &&Swap| swap.serves_ms < NEVER_MS && swap.failed_ms >= NEVER_MS;
    let survived = swaps.iter().filter(serving).count() as u32;
    let (ending, ended_ms) = if stopped_ms < NEVER_MS {
        (Ending::CircuitBreaker, stopped_ms)
    } else if survived < plan.replicas || all_ms >= NEVER_MS {
        (Ending::Never, all_ms.min(NEVER_MS))
    } else {
        (Ending::Completed, all_ms)
    };
    let rolls_back = stopped_ms < NEVER_MS && plan.failure_action == FailureAction::Rollback;
    let back_ms = plan.stop.max_ms().min(STOP_WAIT_MAX_MS) + plan.launch.max_ms();
    let curve = capacity(plan, swaps, ended_ms);
    let lowest = curve.iter().map(|point| point.available).min().unwrap_or(plan.replicas);
    let mut no_target_ms = 0;
    for pair in curve.windows(2) {
        if pair[0].available == 0 {
            no_target_ms += pair[1].t_ms - pair[0].t_ms;
        }
    }
    if R::RECORDS {
        record(swaps, ending, ended_ms, rolls_back, recorder);
        for point in curve {
            recorder.capacity(point);
        }
    }
    Run {
        ending,
        ended_ms,
        // The way back replaces the slots that were touched, all at once at the soonest.
        settled_ms: if rolls_back { ended_ms + back_ms } else { ended_ms },
        rolled_back: rolls_back.then_some(true),
        lowest_capacity: lowest,
        lowest_weight_milli: u64::from(lowest) * 1000,
        no_target_ms,
        started: swaps.len() as u32,
        survived,
        failed: swaps.iter().filter(|swap| swap.failed_ms < NEVER_MS).count() as u32,
        ..Run::EMPTY
    }
}

/// Serving tasks over time. A failed slot is restarted again and again and serves nothing.
fn capacity(plan: &SwarmPlan, swaps: &[Swap], until_ms: u64) -> Vec<CapacityPoint> {
    let mut steps: Vec<(u64, i64)> = Vec::with_capacity(3 * swaps.len());
    for swap in swaps {
        steps.push((swap.old_down_ms, -1));
        steps.push((swap.serves_ms, 1));
        if swap.serves_ms < NEVER_MS {
            steps.push((swap.failed_ms.max(swap.serves_ms), -1));
        }
    }
    steps.sort_by_key(|&(at_ms, change)| (at_ms, -change));
    let mut available = i64::from(plan.replicas);
    let mut curve = vec![CapacityPoint { t_ms: 0, available: plan.replicas }];
    for (t_ms, change) in steps.into_iter().filter(|step| step.0 <= until_ms && step.0 < NEVER_MS) {
        available += change;
        let available = u32::try_from(available).unwrap_or(0);
        match curve.last_mut() {
            Some(last) if last.t_ms == t_ms => last.available = available,
            _ => curve.push(CapacityPoint { t_ms, available }),
        }
    }
    curve
}

fn record<R: Recorder>(
    swaps: &[Swap],
    ending: Ending,
    ended_ms: u64,
    rolls_back: bool,
    recorder: &mut R,
) {
    let mut events = vec![(0, String::new(), EventKind::Begins, String::new())];
    for (index, swap) in swaps.iter().enumerate() {
        let number = index + 1;
        events.push((swap.old_down_ms, format!("O{number}"), EventKind::Draining, String::new()));
        events.push((swap.begin_ms, format!("N{number}"), EventKind::Started, String::new()));
        events.push((swap.container_ms, format!("N{number}"), EventKind::Running, String::new()));
        events.push((swap.serves_ms, format!("N{number}"), EventKind::Healthy, String::new()));
        let after_ms = swap.failed_ms.saturating_sub(swap.container_ms);
        let why = format!("{} s after its start", seconds(after_ms));
        events.push((swap.failed_ms, format!("N{number}"), EventKind::Unhealthy, why));
    }
    let kind = match ending {
        Ending::Completed => EventKind::Completed,
        Ending::CircuitBreaker if rolls_back => EventKind::RollsBack,
        Ending::CircuitBreaker => EventKind::Paused,
        _ => EventKind::GaveUp,
    };
    events.push((ended_ms, String::new(), kind, String::new()));
    events.retain(|event| event.0 <= ended_ms && event.0 < NEVER_MS);
    events.sort_by_key(|event| event.0);
    for (t_ms, task, kind, why) in events {
        recorder.event(Event { t_ms, task, kind, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use crate::event::Silent;
    use crate::plan::DockerCheck;
    use crate::startup::Startup;
    use proptest::prelude::*;

    fn plan(startup_ms: u64) -> SwarmPlan {
        let mut plan = SwarmPlan::new(4, Startup::constant(startup_ms));
        plan.check = Some(DockerCheck::new(30_000, 30_000, 3));
        plan.stop = Draw::constant(10_000);
        plan
    }

    fn update(plan: &SwarmPlan) -> Run {
        run(plan, 0, &mut Silent)
    }

    #[test]
    fn slow_start_pauses_at_the_first_slot() {
        let run = update(&plan(150_000));
        // Stop 10, launch 1, unhealthy at 90, gossip 2, stop 10.
        assert_eq!((run.ending, run.ended_ms), (Ending::CircuitBreaker, 113_000));
        assert_eq!((run.lowest_capacity, run.started), (3, 1));
    }

    #[test]
    fn start_first_keeps_the_capacity() {
        let mut plan = plan(150_000);
        plan.order = Order::StartFirst;
        assert_eq!(
            (update(&plan).ending, update(&plan).lowest_capacity),
            (Ending::CircuitBreaker, 4)
        );
        plan.startup = Startup::constant(35_000);
        assert_eq!((update(&plan).ending, update(&plan).lowest_capacity), (Ending::Completed, 4));
    }

    #[test]
    fn tolerated_share_of_failures() {
        let mut plan = plan(150_000);
        plan.max_failure_ratio = 0.25;
        let run = update(&plan);
        assert_eq!((run.ending, run.started), (Ending::CircuitBreaker, 2));
        plan.failure_action = FailureAction::Continue;
        assert_eq!((update(&plan).ending, update(&plan).failed), (Ending::Never, 4));
        plan.failure_action = FailureAction::Rollback;
        assert_eq!(update(&plan).rolled_back, Some(true));
    }

    #[test]
    fn crash_after_the_monitor_is_not_counted() {
        let mut plan = SwarmPlan::new(2, Startup::constant(0));
        plan.exits_after_ms = Some(4_000);
        assert_eq!(update(&plan).ending, Ending::CircuitBreaker);
        plan.exits_after_ms = Some(6_000);
        assert_eq!((update(&plan).ending, update(&plan).failed), (Ending::Never, 2));
    }

    proptest! {
        #[test]
        fn duration_equals_the_closed_form(
            replicas in 1_u32..20, parallelism in 0_u32..6, delay_s in 0_u64..10,
            stop_s in 0_u64..60, launch_s in 0_u64..20, startup_s in 0_u64..60, first: bool,
        ) {
            let mut plan = SwarmPlan::new(replicas, Startup::constant(startup_s * 1000));
            plan.parallelism = parallelism;
            plan.delay_ms = delay_s * 1000;
            plan.stop = Draw::constant(stop_s * 1000);
            plan.launch = Draw::constant(launch_s * 1000);
            plan.check = Some(DockerCheck::new(10_000, 5_000, 10));
            plan.order = if first { Order::StartFirst } else { Order::StopFirst };
            let healthy_ms = docker_health(&plan.check.unwrap(), startup_s * 1000).healthy_ms;
            let stop_ms = if first { 0 } else { stop_s * 1000 };
            let swap_ms = stop_ms + launch_s * 1000 + healthy_ms;
            let run = update(&plan);
            prop_assert_eq!(run.ending, Ending::Completed);
            prop_assert_eq!(run.ended_ms, closed::swarm_duration_ms(&plan, swap_ms));
        }
    }
}
