//! The ECS service scheduler with an Application Load Balancer (rollout-semantics 1 and 2).
//!
//! [`EcsSimulator`] follows one deployment from the update of the service to its end. The clock and
//! the life of the tasks are here, what the scheduler decides is in `scheduler`, and what it does
//! with unhealthy tasks in `replace`.

mod capacity;
mod checks;
mod counts;
mod health;
mod horizon;
mod outside;
mod replace;
mod scheduler;
mod task;

#[cfg(test)]
mod tests;

use crate::alb::Verdict;
use crate::bounds::Bounds;
use crate::closed;
use crate::draw::{NEVER_MS, Stream};
use crate::event::{Event, EventKind, Recorder, seconds};
use crate::outcome::{Ending, Run};
use crate::plan::{EcsPlan, Fault};
use crate::queue::{EventQueue, Rank};
use capacity::Capacity;
use checks::{CONTAINER, Checks, checker_count};
use counts::Counts;
use horizon::horizon_ms;
use task::{Name, Revision, Stage, Task, UNCHECKED_HEALTHY_MS};

/// The most passes of the scheduler in one run; a plan that needs more counts as one that never
/// ends.
const PASSES_MAX: u32 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The task is RUNNING.
    Running,
    /// The application is up; only for the timeline.
    Up,
    /// Grace ends while the checks have no verdict yet; only for the timeline.
    GraceNoted,
    /// The result of a check.
    Check { checker: u8, passed: bool },
    /// The scheduler sees the task healthy.
    SeenHealthy,
    /// The scheduler decides that the task is unhealthy.
    Condemned,
    /// The grace period of the task ends.
    GraceOver,
    /// The container ends by itself.
    Exit,
    /// SIGTERM; only for the timeline.
    Signal,
    /// The task is gone.
    Stopped,
    /// The scheduler tries to place again.
    Retry,
    /// Old tasks die.
    Lost,
    /// An alarm of the deployment goes off.
    AlarmRaised,
    /// The alarms have been watched for long enough.
    Baked,
}

/// The watch over the alarms once all tasks are healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bake {
    NotYet,
    Going,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    slot: u32,
    generation: u32,
    step: Step,
}

/// Simulates deployments one after the other, with buffers that are kept between runs.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states of one thing")]
pub struct EcsSimulator {
    tasks: Vec<Task>,
    /// Those of each task, in the same order.
    checks: Vec<Checks>,
    counts: Counts,
    queue: EventQueue<Due>,
    now_ms: u64,
    seed: u64,
    ordinal: u64,
    generation: u32,
    scheduler_stream: Stream,
    bounds: Bounds,
    threshold: u32,
    capacity: Capacity,
    /// The revision that is being deployed; the old one again during a rollback.
    primary: Revision,
    failures: u32,
    counting: bool,
    /// Old tasks that are to run until the scheduler stops them.
    old_wanted: u32,
    /// How far the watch over the alarms has come.
    bake: Bake,
    launch_failures: u32,
    /// The scheduler waits before it starts tasks again (2.6).
    held_until_ms: u64,
    /// Something changed since the last pass.
    dirty: bool,
    follow_rollback: bool,
    numbers: [u32; 3],
    run: Run,
    /// The end of the deployment of the new revision, once it is known.
    ending: Option<(Ending, u64)>,
    done: bool,
}

impl Default for EcsSimulator {
    fn default() -> Self {
        Self::new()
    }
}

impl EcsSimulator {
    /// A simulator with empty buffers.
    pub fn new() -> Self {
        Self {
            tasks: Vec::new(),
            checks: Vec::new(),
            counts: Counts::default(),
            queue: EventQueue::new(),
            now_ms: 0,
            seed: 0,
            ordinal: 0,
            generation: 0,
            scheduler_stream: Stream::new(0, 0),
            bounds: Bounds::new(0, 100, 200),
            threshold: u32::MAX,
            capacity: Capacity::default(),
            primary: Revision::New,
            failures: 0,
            counting: true,
            old_wanted: 0,
            bake: Bake::NotYet,
            launch_failures: 0,
            held_until_ms: 0,
            dirty: false,
            follow_rollback: true,
            numbers: [0; 3],
            run: Run::EMPTY,
            ending: None,
            done: false,
        }
    }

    /// Whether a rollback is followed to its end (the default) or the run ends when the breaker
    /// trips, which is enough to know how the new revision fares.
    pub fn follow_rollback(&mut self, follow: bool) {
        self.follow_rollback = follow;
    }

    /// Simulates one deployment. Equal plan and seed give equal results and equal records.
    pub fn run<R: Recorder>(&mut self, plan: &EcsPlan, seed: u64, recorder: &mut R) -> Run {
        self.prepare(plan, seed);
        self.note(recorder, None, EventKind::Begins, || {
            let Bounds { healthy_min, total_max, desired } = self.bounds;
            format!("{desired} wanted, at least {healthy_min} healthy, at most {total_max} in all")
        });
        self.note_capacity(plan, recorder);
        self.expect_outside(plan);
        self.pass(plan, recorder);
        let horizon_ms = horizon_ms(plan);
        let mut passes = 0;
        while !self.done {
            self.discard_stale();
            let Some(next_ms) = self.queue.next_ms() else {
                // Nothing is on its way any more; what was held back for it may go now.
                self.pass(plan, recorder);
                if !self.done && self.queue.next_ms().is_none() {
                    self.end(Ending::Deadlock, recorder, "nothing can start or stop");
                }
                continue;
            };
            if next_ms > horizon_ms || passes > PASSES_MAX {
                self.advance(next_ms.min(horizon_ms));
                self.end(Ending::Never, recorder, "no end in sight");
                break;
            }
            self.advance(next_ms);
            while let Some(due) = self.queue.pop_at(next_ms) {
                if !self.is_stale(due) {
                    self.handle(plan, due, recorder);
                }
            }
            // A pass can itself change what the next one sees.
            while self.dirty && !self.done && passes <= PASSES_MAX {
                passes += 1;
                self.pass(plan, recorder);
            }
        }
        self.finish()
    }

    fn prepare(&mut self, plan: &EcsPlan, seed: u64) {
        self.queue.clear();
        self.tasks.clear();
        self.checks.clear();
        self.checks.resize(plan.desired as usize, Checks::NONE);
        self.now_ms = 0;
        self.seed = seed;
        self.ordinal = 1;
        self.generation = 0;
        self.scheduler_stream = Stream::new(seed, 0);
        self.bounds = plan.bounds();
        self.threshold =
            plan.breaker.map_or(u32::MAX, |b| closed::breaker_threshold(b.threshold, plan.desired));
        self.primary = Revision::New;
        self.failures = 0;
        self.counting = true;
        self.old_wanted = plan.desired;
        self.bake = Bake::NotYet;
        self.launch_failures = 0;
        self.held_until_ms = 0;
        self.dirty = false;
        self.numbers = [plan.desired, 0, 0];
        self.run = Run { lowest_capacity: plan.desired, ..Run::EMPTY };
        self.run.lowest_weight_milli = u64::from(plan.desired) * 1000;
        self.capacity = Capacity::new(plan.desired);
        self.ending = None;
        self.done = false;
        for number in 1..=plan.desired {
            let mut stream = Stream::new(seed, u64::MAX - u64::from(number));
            self.generation += 1;
            self.tasks.push(Task {
                generation: self.generation,
                name: Name { letter: 'O', number },
                stage: Stage::Running,
                veteran: true,
                stop_ms: plan.stop.sample(&mut stream),
                health: Verdict::Healthy,
                serving: true,
                healthy: true,
                ..Task::GONE
            });
        }
        self.counts = self.recount();
    }

    /// Moves the clock and books the time that passed without a healthy task.
    fn advance(&mut self, to_ms: u64) {
        let passed_ms = to_ms.saturating_sub(self.now_ms);
        self.now_ms = self.now_ms.max(to_ms);
        if self.capacity.serving == 0 && passed_ms > 0 && self.bounds.desired > 0 {
            if self.tasks.iter().any(|task| task.stage == Stage::Running) {
                self.run.fail_open_ms += passed_ms;
            } else {
                self.run.no_target_ms += passed_ms;
            }
        }
    }

    fn end<R: Recorder>(&mut self, ending: Ending, recorder: &mut R, why: &str) {
        let kind = match ending {
            Ending::Completed => EventKind::Completed,
            Ending::Deadlock => EventKind::Deadlocked,
            _ => EventKind::GaveUp,
        };
        self.note(recorder, None, kind, || why.to_owned());
        self.ending.get_or_insert((ending, self.now_ms));
        self.done = true;
    }

    fn finish(&mut self) -> Run {
        let (ending, ended_ms) = self.ending.unwrap_or((Ending::Never, self.now_ms));
        Run { ending, ended_ms, settled_ms: self.now_ms, ..self.run }
    }

    fn handle<R: Recorder>(&mut self, plan: &EcsPlan, due: Due, recorder: &mut R) {
        let slot = due.slot as usize;
        match due.step {
            Step::Signal => self.on_signal(slot, recorder),
            Step::Stopped => self.on_stopped(plan, slot, recorder),
            Step::Running => self.on_running(plan, slot, recorder),
            Step::Up => {
                let up_ms = self.tasks[slot].up_ms;
                self.note(recorder, Some(slot), EventKind::Up, || {
                    format!("{} s after RUNNING", seconds(up_ms))
                });
            }
            Step::Check { checker, passed } => {
                self.on_check(plan, slot, checker, passed, recorder);
            }
            Step::SeenHealthy => self.on_seen_healthy(plan, slot, recorder),
            Step::GraceNoted => self.note(recorder, Some(slot), EventKind::GraceOver, || {
                "no verdict yet: no effect".to_owned()
            }),
            Step::Condemned => self.condemn(slot),
            Step::GraceOver => self.on_grace_over(plan, slot, recorder),
            Step::Exit => self.on_exit(plan, slot, recorder),
            Step::Retry => self.dirty = true,
            Step::Lost => self.on_lost(plan, recorder),
            Step::AlarmRaised => self.on_alarm(plan, recorder),
            Step::Baked => {
                self.bake = Bake::Over;
                self.dirty = true;
            }
        }
    }

    /// An event of a task that is gone, or a check of one that is stopping: its application still
    /// runs, but nobody listens.
    fn is_stale(&self, due: Due) -> bool {
        match due.step {
            Step::Retry => return self.now_ms > self.held_until_ms,
            Step::Lost | Step::AlarmRaised | Step::Baked => return self.primary == Revision::Old,
            _ => {}
        }
        let task = &self.tasks[due.slot as usize];
        let listens = match due.step {
            Step::Signal | Step::Stopped => task.stage == Stage::Stopping,
            Step::GraceNoted => task.is_alive() && task.health == Verdict::Initial,
            _ => task.is_alive(),
        };
        task.generation != due.generation || !listens
    }

    /// Takes stale events from the head of the queue, so that they do not move the clock.
    fn discard_stale(&mut self) {
        while self.queue.peek().is_some_and(|due| self.is_stale(due)) {
            self.queue.discard();
        }
    }

    /// Starts a task of the primary revision and gives its slot.
    fn start<R: Recorder>(&mut self, plan: &EcsPlan, letter: char, recorder: &mut R) -> usize {
        self.start_of(plan, self.primary, letter, recorder)
    }

    /// Starts a task and gives its slot.
    fn start_of<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        revision: Revision,
        letter: char,
        recorder: &mut R,
    ) -> usize {
        let mut stream = Stream::new(self.seed, self.ordinal);
        self.ordinal += 1;
        self.generation += 1;
        let launch_ms = plan.launch.sample(&mut stream);
        let startup = match revision {
            Revision::New => &plan.startup,
            Revision::Old => plan.previous_startup.as_ref().unwrap_or(&plan.startup),
        };
        let up_ms = startup.time.sample(&mut stream);
        let stop_ms = plan.stop.sample(&mut stream);
        let (zone, unused) = self.zone_of_next(plan, revision);
        let task = Task {
            generation: self.generation,
            name: self.next_name(letter),
            revision,
            stage: Stage::Launching,
            up_ms,
            stop_ms,
            zone,
            unused,
            ..Task::GONE
        };
        if revision == Revision::New {
            self.run.started += 1;
        }
        let is_full = self.counts.placed() as usize == self.tasks.len();
        let free = || self.tasks.iter().position(|task| task.stage == Stage::Gone);
        let slot = if is_full { None } else { free() }.unwrap_or(self.tasks.len());
        if slot == self.tasks.len() {
            self.tasks.push(task);
            self.checks.push(Checks::NONE);
        } else {
            self.tasks[slot] = task;
        }
        self.book_new(slot);
        self.checks[slot].begin(plan, &mut stream);
        self.note(recorder, Some(slot), EventKind::Started, String::new);
        self.later(slot, launch_ms, Rank::Ready, Step::Running);
        slot
    }

    fn next_name(&mut self, letter: char) -> Name {
        let counter = match letter {
            'O' => 0,
            'N' => 1,
            _ => 2,
        };
        self.numbers[counter] += 1;
        Name { letter, number: self.numbers[counter] }
    }

    fn on_running<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        let is_new = self.tasks[slot].revision == Revision::New;
        if is_new && plan.fault == Fault::CannotLaunch {
            self.on_launch_failure(plan, slot, recorder);
            return;
        }
        self.change(slot, |task| task.stage = Stage::Running);
        self.tasks[slot].running_ms = self.now_ms;
        self.note(recorder, Some(slot), EventKind::Running, String::new);
        if let Fault::Exits { after_ms } = plan.fault
            && is_new
        {
            self.later(slot, after_ms, Rank::State, Step::Exit);
        }
        let up_ms = self.tasks[slot].up_ms;
        if is_new
            && up_ms < NEVER_MS
            && let Some(killed_ms) = plan.memory.and_then(|memory| memory.killed_ms(up_ms))
        {
            self.later(slot, killed_ms, Rank::State, Step::Exit);
        }
        if R::RECORDS && self.tasks[slot].up_ms < NEVER_MS {
            self.later(slot, self.tasks[slot].up_ms, Rank::Ready, Step::Up);
        }
        if R::RECORDS && plan.grace_ms > 0 && (plan.target.is_some() || plan.container.is_some()) {
            self.later(slot, plan.grace_ms, Rank::Expiry, Step::GraceNoted);
        }
        if self.tasks[slot].unused {
            // Nothing is checked, and after the grace period it counts as bad (2.4).
            self.later(slot, plan.grace_ms, Rank::Expiry, Step::GraceOver);
        }
        for checker in 0..checker_count(plan) {
            self.schedule_check::<R>(plan, slot, checker as u8);
        }
        if plan.container.is_some() {
            self.schedule_check::<R>(plan, slot, CONTAINER);
        }
        if plan.target.is_none() && plan.container.is_none() {
            self.later(slot, UNCHECKED_HEALTHY_MS, Rank::State, Step::SeenHealthy);
        }
    }

    fn on_launch_failure<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        self.note(recorder, Some(slot), EventKind::LaunchFailed, || {
            "stopped before RUNNING".to_owned()
        });
        self.change(slot, |task| task.stage = Stage::Gone);
        self.hold();
        self.count_failure(plan, slot, recorder);
        self.dirty = true;
    }

    /// Starts and placements that failed are tried again later and later (2.6).
    fn hold(&mut self) {
        let wait_ms = closed::throttle_ms(self.launch_failures);
        self.launch_failures += 1;
        self.held_until_ms = self.now_ms + wait_ms;
        let due = Due { slot: 0, generation: 0, step: Step::Retry };
        self.queue.push(self.held_until_ms, Rank::Expiry, due);
    }

    fn on_exit<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        self.note(recorder, Some(slot), EventKind::Exited, || match plan.memory {
            Some(memory) if plan.lacks_memory() => {
                format!("killed for memory at {} MiB, exit code 137", memory.limit_mib)
            }
            _ => String::new(),
        });
        self.change(slot, |task| task.stage = Stage::Gone);
        self.update_serving(plan, slot, recorder);
        if plan.switches.count_exit_after_running {
            self.count_failure(plan, slot, recorder);
        } else {
            self.run.failed += 1;
        }
        self.dirty = true;
    }

    /// Takes a task out: deregistration, SIGTERM, exit (2.7).
    fn stop<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, why: &str, recorder: &mut R) {
        let was_running = self.tasks[slot].stage == Stage::Running;
        self.change(slot, |task| task.stage = Stage::Stopping);
        self.note(recorder, Some(slot), EventKind::Draining, || why.to_owned());
        self.update_serving(plan, slot, recorder);
        // A task that never ran has no target to deregister and no process to end.
        let (drain_ms, stop_ms) =
            if was_running { (plan.drain_ms(), self.tasks[slot].stop_ms) } else { (0, 0) };
        if R::RECORDS && was_running {
            self.later(slot, drain_ms, Rank::State, Step::Signal);
        }
        self.later(slot, drain_ms + stop_ms, Rank::State, Step::Stopped);
    }

    /// SIGTERM; how much of its start the task got through is worth saying.
    fn on_signal<R: Recorder>(&self, slot: usize, recorder: &mut R) {
        let ran_ms = self.now_ms - self.tasks[slot].running_ms;
        let up_ms = self.tasks[slot].up_ms;
        self.note(recorder, Some(slot), EventKind::Signalled, || {
            if ran_ms < up_ms && up_ms < NEVER_MS {
                format!(
                    "{} s after RUNNING, {} % of a start of {} s",
                    seconds(ran_ms),
                    ran_ms * 100 / up_ms,
                    seconds(up_ms)
                )
            } else {
                String::new()
            }
        });
    }

    fn on_stopped<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        self.note(recorder, Some(slot), EventKind::Stopped, String::new);
        self.change(slot, |task| task.stage = Stage::Gone);
        self.update_serving(plan, slot, recorder);
        self.dirty = true;
    }

    fn later(&mut self, slot: usize, wait_ms: u64, rank: Rank, step: Step) {
        self.at(slot, self.now_ms.saturating_add(wait_ms), rank, step);
    }

    fn at(&mut self, slot: usize, at_ms: u64, rank: Rank, step: Step) {
        let generation = self.tasks[slot].generation;
        self.queue.push(at_ms, rank, Due { slot: slot as u32, generation, step });
    }

    fn note<R: Recorder>(
        &self,
        recorder: &mut R,
        slot: Option<usize>,
        kind: EventKind,
        why: impl FnOnce() -> String,
    ) {
        if R::RECORDS {
            let task = slot.map_or_else(String::new, |slot| self.tasks[slot].name.to_string());
            recorder.event(Event { t_ms: self.now_ms, task, kind, why: why() });
        }
    }
}
