//! A Kubernetes Deployment: controller, kubelet, probes (rollout-semantics 4).
//!
//! The clock and the life of the pods are here, the Deployment controller is in `controller`.

mod backoff;
mod controller;
mod pod;

#[cfg(test)]
mod tests;

pub(crate) use backoff::BackOff;

use crate::closed;
use crate::draw::{NEVER_MS, Stream};
use crate::event::{CapacityPoint, Event, EventKind, Recorder, seconds};
use crate::outcome::{Ending, Run};
use crate::plan::{KubernetesPlan, Probe};
use crate::queue::{EventQueue, Rank};
use pod::{Kind, Pod, Stage};

/// The most events in one run; a plan that needs more counts as one that never ends.
const EVENTS_MAX: u32 = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The container starts, for the first time or again.
    Start,
    /// The application is up; only for the timeline.
    Up,
    Probe {
        kind: Kind,
        passed: bool,
        tick_ms: u64,
    },
    /// Without a readiness probe a pod is ready as soon as it has started.
    Started,
    Available,
    Exit,
    /// The pod is gone.
    Gone,
    /// The progress deadline, counted from the last progress.
    Deadline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    pod: u32,
    run: u32,
    step: Step,
}

/// Simulates rollouts one after the other, with buffers that are kept between runs.
#[derive(Debug)]
pub struct KubernetesSimulator {
    pods: Vec<Pod>,
    queue: EventQueue<Due>,
    now_ms: u64,
    seed: u64,
    numbers: [u32; 2],
    serving: u32,
    /// Last progress and the counts it was seen in (4.3).
    progress_ms: u64,
    progress: [u32; 4],
    dirty: bool,
    run: Run,
    ending: Option<(Ending, u64)>,
    done: bool,
}

impl Default for KubernetesSimulator {
    fn default() -> Self {
        Self::new()
    }
}

impl KubernetesSimulator {
    /// A simulator with empty buffers.
    pub fn new() -> Self {
        Self {
            pods: Vec::new(),
            queue: EventQueue::new(),
            now_ms: 0,
            seed: 0,
            numbers: [0; 2],
            serving: 0,
            progress_ms: 0,
            progress: [0; 4],
            dirty: false,
            run: Run::EMPTY,
            ending: None,
            done: false,
        }
    }

    /// Simulates one rollout. Equal plan and seed give equal results and equal records.
    ///
    /// A rollout whose progress deadline passes ends as [`Ending::Deadline`]; the controller goes
    /// on, and `completed_late` says whether it still got there.
    pub fn run<R: Recorder>(&mut self, plan: &KubernetesPlan, seed: u64, recorder: &mut R) -> Run {
        self.prepare(plan, seed);
        self.note(recorder, None, EventKind::Begins, || {
            let (surge, unavailable) = plan.steps();
            format!("{} wanted, surge {surge}, unavailable {unavailable}", plan.replicas)
        });
        self.note_capacity(recorder);
        self.sync(plan, recorder);
        let horizon_ms = horizon_ms(plan);
        let mut events = 0;
        while !self.done {
            let Some(next_ms) = self.queue.next_ms() else { break };
            if next_ms > horizon_ms || events > EVENTS_MAX {
                self.advance(next_ms.min(horizon_ms));
                break;
            }
            self.advance(next_ms);
            while let Some(due) = self.queue.pop_at(next_ms).filter(|_| events <= EVENTS_MAX) {
                events += 1;
                self.handle(plan, due, recorder);
            }
            if self.dirty {
                self.sync(plan, recorder);
            }
        }
        self.finish(recorder)
    }

    fn prepare(&mut self, plan: &KubernetesPlan, seed: u64) {
        self.queue.clear();
        self.pods.clear();
        self.now_ms = 0;
        self.seed = seed;
        self.numbers = [plan.replicas, 0];
        self.serving = plan.replicas;
        self.progress_ms = 0;
        self.progress = [0; 4];
        self.dirty = false;
        self.ending = None;
        self.done = false;
        self.run = Run {
            lowest_capacity: plan.replicas,
            lowest_weight_milli: u64::from(plan.replicas) * 1000,
            ..Run::EMPTY
        };
        for number in 1..=plan.replicas {
            let stream = Stream::new(seed, u64::MAX - u64::from(number));
            self.pods.push(Pod::veteran(plan, number, stream));
        }
        self.push(plan.progress_deadline_ms, Rank::Expiry, 0, 0, Step::Deadline);
    }

    fn advance(&mut self, to_ms: u64) {
        if self.serving == 0 {
            // A Service without a ready endpoint refuses; it never sends to pods that start.
            self.run.no_target_ms += to_ms.saturating_sub(self.now_ms);
        }
        self.now_ms = to_ms;
    }

    fn finish<R: Recorder>(&mut self, recorder: &mut R) -> Run {
        if !self.done {
            self.note(recorder, None, EventKind::GaveUp, String::new);
        }
        let (ending, ended_ms) = self.ending.unwrap_or((Ending::Never, self.now_ms));
        for pod in self.pods.iter().filter(|pod| pod.is_new && pod.run > 0) {
            self.run.survived += u32::from(pod.was_ready && !pod.was_killed);
            self.run.failed += u32::from(pod.was_killed);
        }
        self.run.lowest_weight_milli = u64::from(self.run.lowest_capacity) * 1000;
        Run { ending, ended_ms, settled_ms: self.now_ms, ..self.run }
    }

    fn handle<R: Recorder>(&mut self, plan: &KubernetesPlan, due: Due, recorder: &mut R) {
        if due.step == Step::Deadline {
            self.on_deadline(plan, recorder);
            return;
        }
        let index = due.pod as usize;
        let pod = &self.pods[index];
        let is_terminating = pod.stage == Stage::Terminating;
        match due.step {
            Step::Gone => self.on_gone(plan, index, recorder),
            _ if is_terminating || pod.stage == Stage::Gone => {}
            Step::Start => self.on_start(plan, index, recorder),
            // What a run of the container left behind does not touch the next one.
            _ if due.run != pod.run || pod.stage != Stage::Running => {}
            Step::Up => self.note(recorder, Some(index), EventKind::Up, String::new),
            Step::Probe { kind, passed, tick_ms } => {
                self.on_probe(plan, index, (kind, passed, tick_ms), recorder);
            }
            Step::Started => self.on_ready(plan, index, recorder),
            Step::Available => self.on_available(index, recorder),
            Step::Exit => self.on_exit(index, recorder),
            Step::Deadline => {}
        }
    }

    fn on_start<R: Recorder>(&mut self, plan: &KubernetesPlan, index: usize, recorder: &mut R) {
        self.pods[index].begin_run(plan, self.now_ms);
        self.note(recorder, Some(index), EventKind::Running, String::new);
        let (up_ms, run) = (self.pods[index].up_ms, self.pods[index].run);
        if R::RECORDS && up_ms < NEVER_MS {
            self.push(up_ms, Rank::Ready, index, run, Step::Up);
        }
        let ready_ms = up_ms.saturating_sub(self.now_ms);
        let short = plan.memory.filter(|_| up_ms < NEVER_MS);
        let killed_ms = short.and_then(|memory| memory.killed_ms(ready_ms));
        if let Some(after_ms) = plan.exits_after_ms.or(killed_ms) {
            self.push(self.now_ms + after_ms, Rank::State, index, run, Step::Exit);
        }
        if let Some(probe) = plan.startup_probe {
            self.schedule::<R>(index, Kind::Startup, &probe, self.now_ms);
        } else {
            self.begin_regular_probes::<R>(plan, index);
        }
    }

    /// Liveness and readiness begin once there is no startup probe to wait for.
    fn begin_regular_probes<R: Recorder>(&mut self, plan: &KubernetesPlan, index: usize) {
        if let Some(probe) = plan.liveness {
            self.schedule::<R>(index, Kind::Liveness, &probe, self.now_ms);
        }
        if let Some(probe) = plan.readiness {
            self.schedule::<R>(index, Kind::Readiness, &probe, self.now_ms);
        } else {
            let run = self.pods[index].run;
            self.push(self.now_ms, Rank::State, index, run, Step::Started);
        }
    }

    /// Puts the next probe at or after `from_ms` into the queue.
    fn schedule<R: Recorder>(&mut self, index: usize, kind: Kind, probe: &Probe, from_ms: u64) {
        let pod = &self.pods[index];
        let answers_ms = pod.answers_ms(probe);
        // Failures of a readiness probe change nothing while the pod is not ready.
        let skips = !R::RECORDS && kind == Kind::Readiness;
        let from_ms = if skips { from_ms.max(answers_ms) } else { from_ms };
        if from_ms >= NEVER_MS {
            return;
        }
        let tick_ms = pod.tick_ms(kind, probe, from_ms);
        let passed = tick_ms >= answers_ms;
        let at_ms = if passed { tick_ms } else { tick_ms + probe.failure_ms() };
        let run = pod.run;
        self.push(at_ms, Rank::Check, index, run, Step::Probe { kind, passed, tick_ms });
    }

    fn on_probe<R: Recorder>(
        &mut self,
        plan: &KubernetesPlan,
        index: usize,
        (kind, passed, tick_ms): (Kind, bool, u64),
        recorder: &mut R,
    ) {
        let Some(&probe) = kind.of(plan) else { return };
        let event = if passed { EventKind::CheckPassed } else { EventKind::CheckFailed };
        self.note(recorder, Some(index), event, || kind.to_string());
        match (kind, self.pods[index].apply(kind, &probe, passed)) {
            (Kind::Startup, Some(true)) => self.begin_regular_probes::<R>(plan, index),
            (Kind::Readiness, Some(true)) => self.on_ready(plan, index, recorder),
            // An application that is up stays up, so that liveness has no more to say.
            (Kind::Liveness, Some(true)) => {}
            (Kind::Startup | Kind::Liveness, Some(false)) => {
                self.on_killed(plan, index, kind, recorder);
            }
            // A probe longer than its period is followed by the next one at once.
            _ => self.schedule::<R>(index, kind, &probe, self.now_ms.max(tick_ms + 1)),
        }
    }

    fn on_ready<R: Recorder>(&mut self, plan: &KubernetesPlan, index: usize, recorder: &mut R) {
        if self.pods[index].ready {
            return;
        }
        self.pods[index].ready = true;
        self.pods[index].was_ready = true;
        self.serving += 1;
        self.note(recorder, Some(index), EventKind::Ready, String::new);
        self.note_capacity(recorder);
        let run = self.pods[index].run;
        self.push(self.now_ms + plan.min_ready_ms, Rank::State, index, run, Step::Available);
        self.dirty = true;
    }

    fn on_available<R: Recorder>(&mut self, index: usize, recorder: &mut R) {
        if self.pods[index].ready {
            self.pods[index].available = true;
            self.note(recorder, Some(index), EventKind::Available, String::new);
            self.dirty = true;
        }
    }

    fn lose_readiness<R: Recorder>(&mut self, index: usize, recorder: &mut R) {
        if self.pods[index].ready {
            self.pods[index].ready = false;
            self.pods[index].available = false;
            self.serving -= 1;
            self.note_capacity(recorder);
        }
    }

    fn on_killed<R: Recorder>(
        &mut self,
        plan: &KubernetesPlan,
        index: usize,
        kind: Kind,
        recorder: &mut R,
    ) {
        self.pods[index].was_killed = true;
        self.note(recorder, Some(index), EventKind::Killed, || {
            let ran_ms = self.now_ms - self.pods[index].started_ms;
            format!("{kind} failed, {} s after the start", seconds(ran_ms))
        });
        let stop_ms = self.stop_ms(plan, index);
        self.restart(index, self.now_ms + stop_ms, true, recorder);
    }

    fn on_exit<R: Recorder>(&mut self, index: usize, recorder: &mut R) {
        self.pods[index].was_killed = true;
        self.note(recorder, Some(index), EventKind::Exited, String::new);
        self.restart(index, self.now_ms, false, recorder);
    }

    fn restart<R: Recorder>(&mut self, index: usize, end_ms: u64, killed: bool, recorder: &mut R) {
        self.lose_readiness(index, recorder);
        self.pods[index].stage = Stage::Restarting;
        let start_ms = self.pods[index].backoff.restart_ms(end_ms, killed);
        if start_ms > end_ms {
            self.note(recorder, Some(index), EventKind::BacksOff, || {
                format!("{} s", seconds(start_ms - end_ms))
            });
        }
        let run = self.pods[index].run;
        self.push(start_ms, Rank::Ready, index, run, Step::Start);
        self.dirty = true;
    }

    /// preStop and shutdown, cut at the termination grace period; after preStop at least 2 s are
    /// left for SIGTERM (4.4).
    fn stop_ms(&mut self, plan: &KubernetesPlan, index: usize) -> u64 {
        let shutdown_ms = plan.shutdown.sample(&mut self.pods[index].stream);
        let left_ms = plan.termination_grace_ms.saturating_sub(plan.pre_stop_ms).max(2_000);
        plan.pre_stop_ms.min(plan.termination_grace_ms) + shutdown_ms.min(left_ms)
    }

    fn on_gone<R: Recorder>(&mut self, plan: &KubernetesPlan, index: usize, recorder: &mut R) {
        self.pods[index].stage = Stage::Gone;
        self.note(recorder, Some(index), EventKind::Stopped, String::new);
        self.place_pending(plan);
        self.dirty = true;
    }

    fn push(&mut self, at_ms: u64, rank: Rank, pod: usize, run: u32, step: Step) {
        self.queue.push(at_ms, rank, Due { pod: pod as u32, run, step });
    }

    fn note_capacity<R: Recorder>(&mut self, recorder: &mut R) {
        self.run.lowest_capacity = self.run.lowest_capacity.min(self.serving);
        recorder.capacity(CapacityPoint { t_ms: self.now_ms, available: self.serving });
    }

    fn note<R: Recorder>(
        &self,
        recorder: &mut R,
        pod: Option<usize>,
        kind: EventKind,
        why: impl FnOnce() -> String,
    ) {
        if R::RECORDS {
            let task = pod.map_or_else(String::new, |index| {
                let pod = &self.pods[index];
                format!("{}{}", if pod.is_new { 'N' } else { 'O' }, pod.number)
            });
            recorder.event(Event { t_ms: self.now_ms, task, kind, why: why() });
        }
    }
}

/// How long a rollout is followed: several times what it needs, the deadline and an hour.
fn horizon_ms(plan: &KubernetesPlan) -> u64 {
    let (surge, unavailable) = plan.steps();
    let startup_ms = plan.startup.time.max_ms();
    let up_ms = if startup_ms < NEVER_MS { startup_ms } else { 0 };
    let probes_ms: u64 = Kind::ALL
        .iter()
        .filter_map(|kind| kind.of(plan))
        .map(|probe| {
            probe.initial_delay_ms
                + u64::from(probe.success_threshold + 1) * probe.period_ms
                + probe.timeout_ms
        })
        .sum();
    let step_ms = plan.launch.max_ms()
        + up_ms
        + probes_ms
        + plan.min_ready_ms
        + plan.termination_grace_ms.max(plan.pre_stop_ms);
    let waves = u64::from(closed::waves(plan.replicas, surge, unavailable)).max(1);
    3_600_000 + plan.progress_deadline_ms + 4 * waves * step_ms
}
