//! One pod with one container, and its probes (rollout-semantics 4.1).

use std::fmt;

use super::backoff::BackOff;
use crate::draw::{NEVER_MS, Stream};
use crate::plan::{KubernetesPlan, Probe};

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    pub(super) fn of(self, plan: &KubernetesPlan) -> Option<&Probe> {
        match self {
            Self::Startup => plan.startup_probe.as_ref(),
            Self::Liveness => plan.liveness.as_ref(),
            Self::Readiness => plan.readiness.as_ref(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup => "startup probe",
            Self::Liveness => "liveness probe",
            Self::Readiness => "readiness probe",
        })
    }
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No node has room for it.
    Pending,
    Launching,
    Running,
    /// Killed or exited, the container will start again.
    Restarting,
    Terminating,
    Gone,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states of one thing")]
pub(super) struct Pod {
    pub(super) number: u32,
    pub(super) is_new: bool,
    pub(super) stage: Stage,
    pub(super) ready: bool,
    pub(super) available: bool,
    /// It was ready once.
    pub(super) was_ready: bool,
    /// Its container was killed by a probe or ended by itself.
    pub(super) was_killed: bool,
    /// Tells events of this run of the container from those of an earlier one.
    pub(super) run: u32,
    pub(super) started_ms: u64,
    /// When the application of this run is up, absolute.
    pub(super) up_ms: u64,
    pub(super) backoff: BackOff,
    pub(super) stream: Stream,
    /// Offset of each probe's ticks. They go on from the creation of the pod, not of the
    /// container.
    grid_ms: [u64; 3],
    failures: [u32; 3],
    successes: [u32; 3],
}

impl Pod {
    pub(super) fn new(plan: &KubernetesPlan, number: u32, mut stream: Stream) -> Self {
        let grid_ms =
            Kind::ALL.map(|kind| kind.of(plan).map_or(0, |probe| stream.below(probe.period_ms)));
        Self {
            number,
            is_new: true,
            stage: Stage::Pending,
            ready: false,
            available: false,
            was_ready: false,
            was_killed: false,
            run: 0,
            started_ms: 0,
            up_ms: NEVER_MS,
            backoff: BackOff::new(plan.backoff_max_ms),
            stream,
            grid_ms,
            failures: [0; 3],
            successes: [0; 3],
        }
    }

    /// A pod that ran before the rollout.
    pub(super) fn veteran(plan: &KubernetesPlan, number: u32, stream: Stream) -> Self {
        let pod = Self::new(plan, number, stream);
        Self { is_new: false, stage: Stage::Running, ready: true, available: true, ..pod }
    }

    /// Counts in its ReplicaSet: pods that terminate do not.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.stage, Stage::Terminating | Stage::Gone)
    }

    /// The container starts; the startup time is drawn anew.
    pub(super) fn begin_run(&mut self, plan: &KubernetesPlan, now_ms: u64) {
        self.stage = Stage::Running;
        self.run += 1;
        self.started_ms = now_ms;
        self.up_ms = now_ms + plan.startup.time.sample(&mut self.stream);
        self.failures = [0; 3];
        self.successes = [0; 3];
    }

    /// First tick of a probe at or after `from_ms` and the initial delay.
    pub(super) fn tick_ms(&self, kind: Kind, probe: &Probe, from_ms: u64) -> u64 {
        let from_ms = from_ms.max(self.started_ms + probe.initial_delay_ms);
        let period_ms = probe.period_ms.max(1);
        let grid_ms = self.grid_ms[kind as usize];
        grid_ms + from_ms.saturating_sub(grid_ms).div_ceil(period_ms) * period_ms
    }

    /// When the application of this run answers a probe that can pass at all.
    pub(super) fn answers_ms(&self, probe: &Probe) -> u64 {
        if probe.can_pass { self.up_ms } else { NEVER_MS }
    }

    /// Takes a result; `Some` when it reached its threshold: `true` for success.
    pub(super) fn apply(&mut self, kind: Kind, probe: &Probe, passed: bool) -> Option<bool> {
        let (failures, successes) =
            (&mut self.failures[kind as usize], &mut self.successes[kind as usize]);
        if passed {
            *failures = 0;
            *successes += 1;
            (*successes >= probe.success_threshold).then_some(true)
        } else {
            *successes = 0;
            *failures += 1;
            (*failures >= probe.failure_threshold).then_some(false)
        }
    }
}
