//! Many simulated rollouts, and what can be said from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::closed::{self, TaskFate};
use crate::compose;
use crate::docker::docker_health;
use crate::draw::{Draw, NEVER_MS, Phase, mix};
use crate::ecs::EcsSimulator;
use crate::event::{Recorder, Silent, Timeline};
use crate::kubernetes::KubernetesSimulator;
use crate::outcome::{Ending, Ends, Outcome, Outlook, Run};
use crate::plan::{
    AlbCheck, Breaker, BreakerThreshold, EcsPlan, Fault, Plan, TASKS_MAX, UnhealthyPolicy,
};
use crate::startup::Startup;
use crate::swarm;

/// How many rollouts to simulate, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Number of rollouts, at least 1.
    pub runs: u32,
    /// Seed of the first; it also names the run that is shown as the example.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { runs: 2_000, seed: 0 }
    }
}

impl Sampling {
    /// Seeds of the runs: the first as given, so that it can be repeated alone.
    fn seed_of(self, index: u64) -> u64 {
        if index == 0 { self.seed } else { mix(self.seed ^ mix(index)) }
    }
}

/// Rollouts that one thread simulates in a row: enough that the work outweighs its distribution.
const AT_ONCE: u32 = 64;

/// A simulator for every platform, with buffers that are kept between runs.
#[derive(Debug, Default)]
pub struct Simulator {
    ecs: EcsSimulator,
    kubernetes: KubernetesSimulator,
    simulated: Arc<AtomicU64>,
    /// Rollbacks are not followed, see [`EcsSimulator::follow_rollback`].
    ends_at_failure: bool,
}

impl Simulator {
    /// A simulator with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rollouts were simulated so far, for whoever watches from another thread.
    pub fn simulated(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.simulated)
    }

    /// Simulates one rollout. Equal plan and seed give equal results and equal records.
    ///
    /// A plan with more tasks than [`validate`](crate::validate) allows is not simulated and ends
    /// as [`Ending::Never`].
    pub fn run<R: Recorder>(&mut self, plan: &Plan, seed: u64, recorder: &mut R) -> Run {
        if task_count(plan) > TASKS_MAX {
            return Run::EMPTY;
        }
        self.simulated.fetch_add(1, Ordering::Relaxed);
        match plan {
            Plan::Ecs(plan) => self.ecs.run(plan, seed, recorder),
            Plan::Kubernetes(plan) => self.kubernetes.run(plan, seed, recorder),
            Plan::Compose(plan) => compose::run(plan, seed, recorder).run,
            Plan::Swarm(plan) => swarm::run(plan, seed, recorder),
        }
    }

    /// Simulates many rollouts and sums them up.
    ///
    /// A plan that [`validate`](crate::validate) objects to still gives an answer, of no use.
    pub fn outcome(&mut self, plan: &Plan, sampling: Sampling) -> Outcome {
        let mut timeline = Timeline::default();
        let example = self.run(plan, sampling.seed, &mut timeline);
        let tally = self.tally(plan, sampling);
        let task_success = self.task_success(plan, sampling);
        Outcome {
            verdict: self.verdict(plan, &tally, task_success),
            task_success,
            rollout_success: tally.completed as f64 / f64::from(tally.runs),
            rollback_success: (tally.rollbacks > 0)
                .then(|| f64::from(tally.rolled_back) / f64::from(tally.rollbacks)),
            late_for_pipeline: pipeline_ms(plan).map(|limit_ms| {
                let late = tally.ends(Ending::Completed).filter(|&ms| ms > limit_ms).count();
                late as f64 / f64::from(tally.runs)
            }),
            ends: tally.most_frequent(),
            lowest_capacity: tally.lowest_capacity,
            dropped_ms: tally.dropped_ms,
            capacity: timeline.capacity,
            timeline: timeline.events,
            example,
            runs: tally.runs,
            seed: sampling.seed,
        }
    }

    /// All runs, spread over the processors; the order in which they are counted does not matter.
    fn tally(&self, plan: &Plan, sampling: Sampling) -> Tally {
        let runs = sampling.runs.max(1);
        let sampling = Sampling { runs, ..sampling };
        let some = |simulator: &mut Self, turn: u32| {
            let mut tally = Tally::default();
            for index in turn * AT_ONCE..(turn * AT_ONCE).saturating_add(AT_ONCE).min(runs) {
                tally.add(&simulator.run(plan, sampling.seed_of(index.into()), &mut Silent));
            }
            tally
        };
        let turns = (0..runs.div_ceil(AT_ONCE)).into_par_iter();
        let mut tally =
            turns.map_init(|| self.helper(), some).reduce(Tally::default, Tally::together);
        tally.endings.sort_unstable();
        tally
    }

    /// A simulator for another thread that counts with this one.
    fn helper(&self) -> Self {
        let mut helper = Self {
            simulated: self.simulated(),
            ends_at_failure: self.ends_at_failure,
            ..Self::default()
        };
        helper.ecs.follow_rollback(!self.ends_at_failure);
        helper
    }

    /// P(the new revision completes), 0 to 1.
    pub fn rollout_success(&mut self, plan: &Plan, sampling: Sampling) -> f64 {
        self.ends_at_failure = true;
        let tally = self.tally(plan, sampling);
        self.ends_at_failure = false;
        tally.completed as f64 / f64::from(tally.runs)
    }

    /// P(one new task becomes healthy before it is killed), 0 to 1.
    ///
    /// Exact where a closed form holds (one load balancer node, no container check), averaged over
    /// quantiles of the startup time; simulated otherwise.
    pub fn task_success(&mut self, plan: &Plan, sampling: Sampling) -> f64 {
        match plan {
            Plan::Ecs(ecs) if ecs.zones.is_some() => {
                let served = ecs.zones.map_or(1.0, |zones| {
                    f64::from(zones.served) / f64::from(zones.all.max(zones.served).max(1))
                });
                let everywhere = Plan::Ecs(EcsPlan { zones: None, ..ecs.clone() });
                served * self.task_success(&everywhere, sampling)
            }
            Plan::Ecs(ecs) if has_closed_form(ecs) => closed_task_success(ecs),
            Plan::Kubernetes(plan) => average(&plan.startup.time, |startup_ms| {
                closed::probe_survival_probability(plan, startup_ms)
            }),
            Plan::Compose(compose) => {
                let Some(service) = compose.services.get(compose.focus) else { return 1.0 };
                let Some(check) = service.check else { return 1.0 };
                average(&service.startup.time, |startup_ms| {
                    let health = docker_health(&check, startup_ms);
                    f64::from(u8::from(health.healthy_ms < health.unhealthy_ms))
                })
            }
            _ => {
                let single = single_task(plan);
                let runs = sampling.runs.clamp(1, 2_000);
                let tally = self.tally(&single, Sampling { runs, ..sampling });
                f64::from(tally.unscathed) / f64::from(runs)
            }
        }
    }

    /// The verdict alone.
    pub(crate) fn outlook(&mut self, plan: &Plan, sampling: Sampling) -> Outlook {
        self.ends_at_failure = true;
        let tally = self.tally(plan, sampling);
        self.ends_at_failure = false;
        let task_success = self.task_success(plan, sampling);
        self.verdict(plan, &tally, task_success)
    }

    fn verdict(&mut self, plan: &Plan, tally: &Tally, task_success: f64) -> Outlook {
        if is_deadlock(plan) {
            return Outlook::Deadlock;
        }
        let (completed, total) = self.corners(plan);
        let all = tally.completed == u64::from(tally.runs) && completed == total;
        if all && task_success >= 1.0 - 1e-9 {
            Outlook::Completes
        } else if tally.completed == 0
            && (completed == 0 || task_success < 1e-9 && !self.completes_around_a_corner(plan))
        {
            Outlook::Never
        } else {
            Outlook::Depends
        }
    }

    /// Whether an extreme phase completes and one a millisecond beside it does, too. Where only the
    /// extreme phase itself does (a task that turns healthy in the very millisecond in which its
    /// grace ends), no real deployment will meet it.
    fn completes_around_a_corner(&mut self, plan: &Plan) -> bool {
        let Some(startup) = startup(plan) else { return false };
        let mut completes =
            |plan: &Plan| self.run(plan, 0, &mut Silent).ending == Ending::Completed;
        [startup.time.min_ms(), startup.time.max_ms()].into_iter().any(|startup_ms| {
            let corners = phases(&with_startup(plan, startup_ms), startup_ms);
            corners
                .iter()
                .any(|corner| completes(corner) && beside(corner).iter().any(&mut completes))
        })
    }

    /// Rollouts whose tasks all share an extreme phase and startup time: how many complete, of how
    /// many. They catch what is too rare for the draws.
    pub(crate) fn corners(&mut self, plan: &Plan) -> (u32, u32) {
        let (mut completed, mut total) = (0, 0);
        let Some(startup) = startup(plan) else {
            let run = self.run(plan, 0, &mut Silent);
            return (u32::from(run.ending == Ending::Completed), 1);
        };
        for startup_ms in [startup.time.min_ms(), startup.time.max_ms()] {
            for corner in phases(&with_startup(plan, startup_ms), startup_ms) {
                let run = self.run(&corner, 0, &mut Silent);
                completed += u32::from(run.ending == Ending::Completed);
                total += 1;
            }
        }
        (completed, total)
    }
}

/// Counts over many runs.
#[derive(Debug)]
struct Tally {
    runs: u32,
    completed: u64,
    /// Runs in which a new task became healthy and none failed.
    unscathed: u32,
    rollbacks: u32,
    rolled_back: u32,
    lowest_capacity: u32,
    dropped_ms: u64,
    endings: Vec<(Ending, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            runs: 0,
            completed: 0,
            unscathed: 0,
            rollbacks: 0,
            rolled_back: 0,
            lowest_capacity: u32::MAX,
            dropped_ms: 0,
            endings: Vec::new(),
        }
    }
}

impl Tally {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.completed += u64::from(run.ending == Ending::Completed);
        self.unscathed += u32::from(run.survived > 0 && run.failed == 0);
        self.rollbacks += u32::from(run.rolled_back.is_some());
        self.rolled_back += u32::from(run.rolled_back == Some(true));
        self.lowest_capacity = self.lowest_capacity.min(run.lowest_capacity);
        self.dropped_ms = self.dropped_ms.max(run.dropped_ms());
        self.endings.push((run.ending, run.ended_ms));
    }

    fn together(mut self, mut other: Self) -> Self {
        self.runs += other.runs;
        self.completed += other.completed;
        self.unscathed += other.unscathed;
        self.rollbacks += other.rollbacks;
        self.rolled_back += other.rolled_back;
        self.lowest_capacity = self.lowest_capacity.min(other.lowest_capacity);
        self.dropped_ms = self.dropped_ms.max(other.dropped_ms);
        self.endings.append(&mut other.endings);
        self
    }

    /// Times of one ending, in order.
    fn ends(&self, how: Ending) -> impl Iterator<Item = u64> {
        self.endings.iter().filter(move |(ending, _)| *ending == how).map(|(_, at_ms)| *at_ms)
    }

    fn most_frequent(&self) -> Ends {
        let all = [
            Ending::Completed,
            Ending::CircuitBreaker,
            Ending::Alarm,
            Ending::Deadline,
            Ending::Never,
            Ending::Deadlock,
        ];
        // On a tie the one that comes first above.
        let how = all.into_iter().rev().max_by_key(|&how| self.ends(how).count());
        let how = how.unwrap_or(Ending::Never);
        let times: Vec<u64> = self.ends(how).collect();
        let at = |share: f64| {
            let index = ((times.len() as f64 * share).ceil() as usize).max(1) - 1;
            times.get(index).copied().unwrap_or(0)
        };
        Ends { how, p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}

/// Nothing can start or stop, whatever the tasks do (rollout-semantics 2.1, 2.9, 6: E5, E6, K5).
pub fn is_deadlock(plan: &Plan) -> bool {
    match plan {
        Plan::Ecs(plan) => {
            let bounds = plan.bounds();
            let full = plan.slots.is_some_and(|slots| slots <= plan.desired);
            bounds.is_deadlock() || (full && plan.desired > 0 && bounds.stop_room() == 0)
        }
        Plan::Kubernetes(plan) => {
            let full = plan.slots.is_some_and(|slots| slots <= plan.replicas);
            full && plan.steps().1 == 0 && plan.replicas > 0
        }
        Plan::Compose(plan) => compose::order(plan).is_err(),
        Plan::Swarm(_) => false,
    }
}

/// Startup time of what the plan rolls out.
pub(crate) fn startup(plan: &Plan) -> Option<&Startup> {
    match plan {
        Plan::Ecs(plan) => Some(&plan.startup),
        Plan::Kubernetes(plan) => Some(&plan.startup),
        Plan::Compose(plan) => plan.services.get(plan.focus).map(|service| &service.startup),
        Plan::Swarm(plan) => Some(&plan.startup),
    }
}

/// The plan with an exactly known startup time.
pub(crate) fn with_startup(plan: &Plan, startup_ms: u64) -> Plan {
    let mut plan = plan.clone();
    let time = if startup_ms >= NEVER_MS { Draw::Never } else { Draw::constant(startup_ms) };
    match &mut plan {
        Plan::Ecs(plan) => plan.startup.time = time,
        Plan::Kubernetes(plan) => plan.startup.time = time,
        Plan::Compose(plan) => {
            if let Some(service) = plan.services.get_mut(plan.focus) {
                service.startup.time = time;
            }
        }
        Plan::Swarm(plan) => plan.startup.time = time,
    }
    plan
}

/// The plan once for each phase that could matter: the ends of the interval, and a check just when
/// the application is up or just before.
pub(crate) fn phases(plan: &Plan, startup_ms: u64) -> Vec<Plan> {
    let Plan::Ecs(ecs) = plan else { return vec![plan.clone()] };
    let Some(check) = ecs.target.filter(|check| check.phase == Phase::Uniform) else {
        return vec![plan.clone()];
    };
    let interval_ms = check.interval_ms.max(1);
    let exact_ms = startup_ms.saturating_sub(check.registration_ms) % interval_ms;
    let before_ms = (exact_ms + interval_ms - 1) % interval_ms;
    let mut phases = vec![0, interval_ms / 2, interval_ms - 1, exact_ms, before_ms];
    phases.sort_unstable();
    phases.dedup();
    let with_phase = |ms| {
        let mut ecs = ecs.clone();
        for check in ecs.target.iter_mut().chain(&mut ecs.more_targets) {
            check.phase = Phase::Fixed { ms };
        }
        Plan::Ecs(ecs)
    };
    phases.into_iter().map(with_phase).collect()
}

/// The plan with its fixed phase a millisecond earlier and later; as it is without one.
fn beside(plan: &Plan) -> Vec<Plan> {
    let Plan::Ecs(ecs) = plan else { return vec![plan.clone()] };
    let Some(check) = ecs.target else { return vec![plan.clone()] };
    let Phase::Fixed { ms } = check.phase else { return vec![plan.clone()] };
    let interval_ms = check.interval_ms.max(1);
    let shifted = |ms: u64| {
        let check = AlbCheck { phase: Phase::Fixed { ms: ms % interval_ms }, ..check };
        Plan::Ecs(EcsPlan { target: Some(check), ..ecs.clone() })
    };
    vec![shifted(ms + 1), shifted(ms + interval_ms - 1)]
}

fn task_count(plan: &Plan) -> u64 {
    match plan {
        Plan::Ecs(plan) => plan.desired.into(),
        Plan::Kubernetes(plan) => plan.replicas.into(),
        Plan::Compose(plan) => plan.services.len() as u64,
        Plan::Swarm(plan) => plan.replicas.into(),
    }
}

fn pipeline_ms(plan: &Plan) -> Option<u64> {
    match plan {
        Plan::Ecs(plan) => plan.pipeline_ms,
        _ => None,
    }
}

/// One load balancer node per target group decides alone, and all answers come in time.
pub(crate) fn has_closed_form(plan: &EcsPlan) -> bool {
    plan.target.is_some()
        && plan.targets().all(|check| check.nodes <= 1 && check.slow_ppm == 0)
        && plan.container.is_none()
        && plan.fault == Fault::None
        && !plan.lacks_memory()
}

/// The phases of several target groups are independent of each other, so that their chances
/// multiply.
fn closed_task_success(plan: &EcsPlan) -> f64 {
    average(&plan.startup.time, |startup_ms| {
        plan.targets().map(|check| closed_survival(plan, check, startup_ms)).product()
    })
}

fn closed_survival(plan: &EcsPlan, check: &AlbCheck, startup_ms: u64) -> f64 {
    let survives = |phase_ms| {
        let fate = closed::task_fate(check, startup_ms, plan.grace_ms, plan.lag_ms, phase_ms);
        f64::from(u8::from(matches!(fate, TaskFate::Healthy { .. })))
    };
    match check.phase {
        Phase::Fixed { ms } => survives(ms % check.interval_ms.max(1)),
        Phase::Uniform if check.registration_ms == 0 && plan.lag_ms == 0 => {
            closed::survival_probability(check, startup_ms, plan.grace_ms)
        }
        Phase::Uniform => {
            let steps = 600;
            let at = |step: u64| survives((2 * step + 1) * check.interval_ms / 1200);
            (0..steps).map(at).sum::<f64>() / steps as f64
        }
    }
}

/// Mean over the distribution, by the middles of equal shares.
fn average(time: &Draw, of: impl Fn(u64) -> f64) -> f64 {
    match *time {
        Draw::Constant { ms } => of(ms),
        Draw::Never => of(NEVER_MS),
        Draw::Range { .. } | Draw::LogNormal { .. } => {
            let shares = 200;
            let at = |i: u32| of(time.quantile_ms((f64::from(i) + 0.5) / f64::from(shares)));
            (0..shares).map(at).sum::<f64>() / f64::from(shares)
        }
    }
}

/// The plan reduced to one task that may fail once.
pub(crate) fn single_task(plan: &Plan) -> Plan {
    match plan.clone() {
        Plan::Ecs(ecs) => {
            let mut ecs = EcsPlan {
                desired: 1,
                min_percent: 100,
                max_percent: 200,
                slots: None,
                alarms: None,
                lost: None,
                breaker: Some(Breaker {
                    threshold: BreakerThreshold::Count { tasks: 1 },
                    ..Breaker::new(false)
                }),
                ..ecs
            };
            ecs.switches.unhealthy_policy = UnhealthyPolicy::StopFirst;
            Plan::Ecs(ecs)
        }
        Plan::Swarm(mut swarm) => {
            swarm.replicas = 1;
            Plan::Swarm(swarm)
        }
        // These two have closed forms of their own.
        other @ (Plan::Compose(_) | Plan::Kubernetes(_)) => other,
    }
}
