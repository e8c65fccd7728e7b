//! What happened when, for those who draw it.

use std::fmt;

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since the deployment began.
    pub t_ms: u64,
    /// `O1`, `N2`, `R1`, a service of Compose; empty for the deployment as a whole.
    pub task: String,
    /// What happened.
    pub kind: EventKind,
    /// Why, in a few words with the numbers put in; may be empty.
    pub why: String,
}

/// What can happen during a rollout. `Display` gives a short lower-case phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// The deployment begins.
    Begins,
    /// The scheduler decided to start a task.
    Started,
    /// The container runs.
    Running,
    /// The application would answer from now on.
    Up,
    /// A check passed.
    CheckPassed,
    /// A check failed.
    CheckFailed,
    /// Healthy: it receives traffic.
    Healthy,
    /// Unhealthy: enough checks failed in a row.
    Unhealthy,
    /// The grace period ended.
    GraceOver,
    /// Traffic is taken away, the task will be stopped.
    Draining,
    /// SIGTERM.
    Signalled,
    /// The task is gone.
    Stopped,
    /// The container ended by itself.
    Exited,
    /// The task could not be launched.
    LaunchFailed,
    /// No place for a task in the cluster.
    NotPlaced,
    /// The circuit breaker counted a failure.
    Counted,
    /// The circuit breaker tripped.
    Tripped,
    /// The last good revision is deployed again.
    RollsBack,
    /// The probe's failures reached their threshold and the container is killed.
    Killed,
    /// The kubelet waits before it starts the container again.
    BacksOff,
    /// A pod is ready.
    Ready,
    /// A pod is available.
    Available,
    /// The progress deadline passed.
    DeadlineExceeded,
    /// A dependency failed and with it the start.
    DependencyFailed,
    /// The update paused.
    Paused,
    /// An alarm that watches the deployment was raised.
    AlarmRaised,
    /// All tasks are healthy, and the alarms are watched a while longer.
    Bakes,
    /// All tasks run the revision that was wanted.
    Completed,
    /// Nothing can start or stop any more.
    Deadlocked,
    /// The simulation ended without an end in sight.
    GaveUp,
}

impl EventKind {
    /// A stable kebab-case word for machine-readable output.
    pub fn id(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Started => "started",
            Self::Running => "running",
            Self::Up => "up",
            Self::CheckPassed => "check-passed",
            Self::CheckFailed => "check-failed",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::GraceOver => "grace-over",
            Self::Draining => "draining",
            Self::Signalled => "signalled",
            Self::Stopped => "stopped",
            Self::Exited => "exited",
            Self::LaunchFailed => "launch-failed",
            Self::NotPlaced => "not-placed",
            Self::Counted => "counted",
            Self::Tripped => "tripped",
            Self::RollsBack => "rolls-back",
            Self::Killed => "killed",
            Self::BacksOff => "backs-off",
            Self::Ready => "ready",
            Self::Available => "available",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::DependencyFailed => "dependency-failed",
            Self::Paused => "paused",
            Self::AlarmRaised => "alarm-raised",
            Self::Bakes => "bakes",
            Self::Completed => "completed",
            Self::Deadlocked => "deadlocked",
            Self::GaveUp => "gave-up",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begins => "deployment begins",
            Self::Up => "application up",
            Self::CheckPassed => "check passed",
            Self::CheckFailed => "check failed",
            Self::GraceOver => "grace over",
            Self::Signalled => "SIGTERM",
            Self::LaunchFailed => "launch failed",
            Self::NotPlaced => "not placed",
            Self::Counted => "failure counted",
            Self::Tripped => "circuit breaker tripped",
            Self::RollsBack => "rolls back",
            Self::BacksOff => "backs off",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::DependencyFailed => "dependency failed",
            Self::AlarmRaised => "alarm raised",
            Self::Bakes => "bake time",
            Self::GaveUp => "no end in sight",
            other => other.id(),
        })
    }
}

/// A step of the capacity curve: from `t_ms` on, `available` tasks serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityPoint {
    /// Milliseconds since the deployment began.
    pub t_ms: u64,
    /// Tasks that receive traffic and answer it.
    pub available: u32,
}

/// Receives what happens. A recorder that keeps nothing costs nothing: texts are built only for
/// one that asks for them.
pub trait Recorder {
    /// Whether events are wanted at all.
    const RECORDS: bool;

    /// Takes an event.
    fn event(&mut self, event: Event);

    /// Takes a step of the capacity curve.
    fn capacity(&mut self, point: CapacityPoint);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Recorder for Silent {
    const RECORDS: bool = false;

    fn event(&mut self, _: Event) {}

    fn capacity(&mut self, _: CapacityPoint) {}
}

/// The most events a timeline keeps; a churn without end would otherwise fill the memory.
pub const TIMELINE_MAX: usize = 20_000;

/// Keeps everything, up to [`TIMELINE_MAX`] events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Events in order of time.
    pub events: Vec<Event>,
    /// Capacity curve; the last step holds to the end.
    pub capacity: Vec<CapacityPoint>,
    /// Events that were left out because there were too many.
    pub left_out: usize,
}

impl Recorder for Timeline {
    const RECORDS: bool = true;

    fn event(&mut self, event: Event) {
        if self.events.len() < TIMELINE_MAX {
            self.events.push(event);
        } else {
            self.left_out += 1;
        }
    }

    fn capacity(&mut self, point: CapacityPoint) {
        if let Some(last) = self.capacity.last_mut()
            && last.t_ms == point.t_ms
        {
            last.available = point.available;
        } else if self.capacity.len() < TIMELINE_MAX {
            self.capacity.push(point);
        }
        // A step that ends where it began is no step.
        if let [.., before, last] = self.capacity.as_slice()
            && before.available == last.available
        {
            self.capacity.pop();
        }
    }
}

/// Milliseconds as seconds for a text: `30`, `7.5`.
pub(crate) fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        (ms / 1000).to_string()
    } else {
        let text = format!("{}.{:03}", ms / 1000, ms % 1000);
        text.trim_end_matches('0').to_owned()
    }
}
