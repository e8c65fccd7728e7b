//! The timeline of one rollout as lanes, one per task, for whoever draws it.

use std::collections::BTreeSet;

use wonin_rollout::{CapacityPoint, Ending, Event, EventKind, Outcome, Outlook};

/// A rollout without an end is drawn this far.
const ENDLESS_MS: u64 = 1_800_000;

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Between the decision to start it and its running.
    Launching,
    /// Running, not yet healthy.
    Starting,
    /// Healthy: it serves.
    Serving,
    /// Found unhealthy.
    Unhealthy,
    /// Traffic is taken away.
    Draining,
    /// Told to stop.
    Stopping,
}

impl State {
    /// All of them, in the order of a task's life.
    pub(crate) const ALL: [Self; 6] = [
        Self::Launching,
        Self::Starting,
        Self::Serving,
        Self::Unhealthy,
        Self::Draining,
        Self::Stopping,
    ];

    /// A word for legends.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Launching => "launching",
            Self::Starting => "running, not ready",
            Self::Serving => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
        }
    }
}

/// Something that happened at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// A check passed.
    Passed,
    /// A check failed.
    Failed,
    /// SIGTERM, or a kill by the kubelet.
    Killed,
}

/// One task.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Its name.
    pub(crate) task: String,
    /// From, to, doing what.
    pub(crate) spans: Vec<(u64, u64, State)>,
    /// When, what.
    pub(crate) marks: Vec<(u64, Mark)>,
}

/// All tasks.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    /// One per task, old ones first, then in the order of their start.
    pub(crate) lanes: Vec<Lane>,
    /// Tasks that are not drawn because there are too many.
    pub(crate) left_out: usize,
    /// Right end of the axis.
    pub(crate) end_ms: u64,
    /// The capacity curve.
    pub(crate) capacity: &'a [CapacityPoint],
}

/// The lanes of an outcome's example run; `None` where nothing moves.
pub(crate) fn chart<'a>(
    outcome: &'a Outcome,
    platform: &str,
    desired: u32,
    lanes_max: usize,
) -> Option<Chart<'a>> {
    if outcome.verdict == Outlook::Deadlock || outcome.timeline.len() < 2 {
        return None;
    }
    let run = &outcome.example;
    let last_ms = run.ended_ms.max(run.settled_ms);
    let end_ms = match run.ending {
        Ending::Never | Ending::Deadlock => last_ms.min(ENDLESS_MS),
        // The controller goes on after its deadline, for hours if need be.
        Ending::Deadline if !run.completed_late => last_ms.min(run.ended_ms + run.ended_ms / 4),
        _ => last_ms,
    };
    // Services of Compose have no old twin; their first event is their beginning.
    let has_old = platform != "compose";
    let mut drawing =
        Drawing { lanes: Vec::new(), open: Vec::new(), lanes_max, hidden: BTreeSet::new() };
    // Of many tasks a third of the lanes shows old ones, so that new ones are seen as well.
    let old = if has_old { desired as usize } else { 0 };
    let drawn = if 2 * old > lanes_max { old.min(lanes_max / 3) } else { old };
    for number in 1..=drawn {
        if let Some(lane) = drawing.lane(&format!("O{number}")) {
            drawing.open[lane] = Some((0, State::Serving));
        }
    }
    drawing.hidden = (drawn + 1..=old).map(|number| format!("O{number}")).collect();
    for event in outcome.timeline.iter().filter(|event| event.t_ms <= end_ms) {
        if !has_old && event.kind == EventKind::Draining {
            continue;
        }
        drawing.take(event);
    }
    // A little more, so that one can see what the last change left.
    let end_ms = if end_ms < ENDLESS_MS { end_ms + end_ms / 20 } else { end_ms };
    let mut lanes = drawing.finish(end_ms);
    lanes.retain(|lane| !lane.spans.is_empty() || !lane.marks.is_empty());
    let left_out = drawing.hidden.len();
    Some(Chart { lanes, left_out, end_ms: end_ms.max(1), capacity: &outcome.capacity })
}

struct Drawing {
    lanes: Vec<Lane>,
    /// The state that each lane is in, and since when.
    open: Vec<Option<(u64, State)>>,
    lanes_max: usize,
    /// Tasks that have no lane.
    hidden: BTreeSet<String>,
}

impl Drawing {
    fn lane(&mut self, task: &str) -> Option<usize> {
        if let Some(found) = self.lanes.iter().position(|lane| lane.task == task) {
            return Some(found);
        }
        if self.lanes.len() >= self.lanes_max || self.hidden.contains(task) {
            self.hidden.insert(task.to_owned());
            return None;
        }
        self.lanes.push(Lane { task: task.to_owned(), ..Lane::default() });
        self.open.push(None);
        Some(self.lanes.len() - 1)
    }

    fn take(&mut self, event: &Event) {
        if event.task.is_empty() {
            return;
        }
        let Some(lane) = self.lane(&event.task) else { return };
        let mark = match event.kind {
            EventKind::CheckPassed => Some(Mark::Passed),
            EventKind::CheckFailed => Some(Mark::Failed),
            EventKind::Signalled | EventKind::Killed => Some(Mark::Killed),
            _ => None,
        };
        if let Some(mark) = mark {
            self.lanes[lane].marks.push((event.t_ms, mark));
        }
        let state = match event.kind {
            EventKind::Started | EventKind::BacksOff => Some(State::Launching),
            EventKind::Running => Some(State::Starting),
            EventKind::Healthy | EventKind::Ready | EventKind::Available => Some(State::Serving),
            EventKind::Unhealthy => Some(State::Unhealthy),
            EventKind::Draining => Some(State::Draining),
            EventKind::Signalled | EventKind::Killed => Some(State::Stopping),
            EventKind::Stopped | EventKind::Exited | EventKind::LaunchFailed => None,
            _ => return,
        };
        self.close(lane, event.t_ms);
        self.open[lane] = state.map(|state| (event.t_ms, state));
    }

    fn close(&mut self, lane: usize, at_ms: u64) {
        if let Some((since_ms, state)) = self.open[lane].take()
            && since_ms < at_ms
        {
            let spans = &mut self.lanes[lane].spans;
            match spans.last_mut() {
                Some(last) if last.1 == since_ms && last.2 == state => last.1 = at_ms,
                _ => spans.push((since_ms, at_ms, state)),
            }
        }
    }

    fn finish(&mut self, end_ms: u64) -> Vec<Lane> {
        for lane in 0..self.lanes.len() {
            self.close(lane, end_ms);
        }
        std::mem::take(&mut self.lanes)
    }
}

/// Distances between the marks of an axis, in seconds.
const STEPS_S: [u64; 14] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];

/// Times of the axis in milliseconds, at most `most` and at least two.
pub(crate) fn ticks(end_ms: u64, most: u64) -> Vec<u64> {
    let fits = |step_s: &u64| end_ms / (step_s * 1000) < most.max(2);
    let widest = 3_600 * (end_ms / 3_600_000 / most.max(2) + 1);
    let step_ms = STEPS_S.into_iter().find(fits).unwrap_or(widest) * 1000;
    (0..=end_ms / step_ms).map(|n| n * step_ms).collect()
}

/// Capacity at a moment.
pub(crate) fn available(capacity: &[CapacityPoint], at_ms: u64) -> u32 {
    let after = capacity.partition_point(|point| point.t_ms <= at_ms);
    after.checked_sub(1).and_then(|index| capacity.get(index)).map_or(0, |point| point.available)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks() {
        assert_eq!(ticks(165_000, 8), [0, 30_000, 60_000, 90_000, 120_000, 150_000]);
        assert_eq!(ticks(4_000, 8), [0, 1_000, 2_000, 3_000, 4_000]);
        assert!(ticks(500_000_000, 8).len() <= 9);
    }

    #[test]
    fn capacity_holds_until_its_next_step() {
        let curve =
            [(0, 1), (165_000, 2)].map(|(t_ms, available)| CapacityPoint { t_ms, available });
        assert_eq!([0, 164_999, 165_000, 900_000].map(|at| available(&curve, at)), [1, 1, 2, 2]);
    }
}
