//! One pass of the service scheduler (rollout-semantics 2.3) and the circuit breaker (2.5).

use super::counts::Group;
use super::task::{Revision, Task};
use super::{EcsSimulator, Ending};
use crate::event::{EventKind, Recorder};
use crate::plan::{BreakerReset, EcsPlan};

impl EcsSimulator {
    /// Failures, stops, starts, completion, in this order.
    pub(super) fn pass<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        self.dirty = false;
        debug_assert_eq!(self.counts, self.recount(), "a change that was not booked");
        if self.primary_group().uncounted > 0 {
            self.mark_failures(plan, recorder);
            if self.done {
                return;
            }
        }
        let primary = self.primary_group();
        if primary.bad > 0 || primary.good() > self.bounds.desired {
            self.replace_unhealthy(plan, recorder);
        }
        self.replace_lost(plan, recorder);
        if self.other_group().alive > 0 {
            self.stop_old(plan, recorder);
        }
        self.start_missing(plan, recorder);
        self.complete(plan, recorder);
    }

    /// Tasks of the revision that is deployed.
    pub(super) fn primary_group(&self) -> Group {
        self.counts.of(self.primary)
    }

    fn other_group(&self) -> Group {
        self.counts.of(match self.primary {
            Revision::Old => Revision::New,
            Revision::New => Revision::Old,
        })
    }

    fn mark_failures<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        for slot in 0..self.tasks.len() {
            let task = &self.tasks[slot];
            let fresh = task.bad && !task.counted && task.is_alive();
            if fresh && task.revision == self.primary {
                self.count_failure(plan, slot, recorder);
                if self.done {
                    return;
                }
            }
        }
    }

    /// Books a failed task and trips the breaker when it was the last one allowed.
    pub(super) fn count_failure<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        recorder: &mut R,
    ) {
        self.change(slot, |task| task.counted = true);
        if self.tasks[slot].revision == Revision::New {
            self.run.failed += 1;
        }
        if self.tasks[slot].revision == self.primary {
            self.count(plan, Some(slot), recorder);
        }
    }

    fn count<R: Recorder>(&mut self, plan: &EcsPlan, slot: Option<usize>, recorder: &mut R) {
        if plan.breaker.is_none() || !self.counting {
            return;
        }
        self.failures += 1;
        let (failures, threshold) = (self.failures, self.threshold);
        self.note(recorder, slot, EventKind::Counted, || format!("{failures} of {threshold}"));
        if failures >= threshold {
            self.trip(plan, recorder);
        }
    }

    fn trip<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        self.note(recorder, None, EventKind::Tripped, || format!("{} failed tasks", self.failures));
        let rolls_back = plan.breaker.is_some_and(|b| b.rollback);
        self.fail(Ending::CircuitBreaker, rolls_back, recorder);
    }

    /// The deployment has failed; the last revision that completed comes back where it may.
    pub(super) fn fail<R: Recorder>(&mut self, how: Ending, rolls_back: bool, recorder: &mut R) {
        self.ending.get_or_insert((how, self.now_ms));
        let rolls_back = rolls_back && self.primary == Revision::New;
        if !rolls_back || !self.follow_rollback {
            // Without a completed revision to go back to the deployment stalls here (E14).
            self.done = true;
            return;
        }
        self.note(recorder, None, EventKind::RollsBack, String::new);
        self.run.rolled_back = Some(false);
        self.primary = Revision::Old;
        self.failures = 0;
        self.counting = true;
        self.launch_failures = 0;
        self.held_until_ms = 0;
        self.dirty = true;
    }

    pub(super) fn reset_breaker(&mut self, plan: &EcsPlan) {
        match plan.breaker.map(|breaker| breaker.reset) {
            Some(BreakerReset::OnHealthyTask) => self.failures = 0,
            Some(BreakerReset::EndsCounting) => self.counting = false,
            Some(BreakerReset::Never) | None => {}
        }
    }

    /// Old tasks that are not healthy go at once, healthy ones as far as the lower bound allows.
    fn stop_old<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let primary = self.primary;
        let others = self.other_group();
        let slots = if others.alive > others.healthy { self.tasks.len() } else { 0 };
        for slot in (0..slots).rev() {
            let task = &self.tasks[slot];
            if task.is_alive()
                && task.revision != primary
                && !task.healthy
                && !self.is_needed_for_lost(plan, slot)
            {
                self.let_go(slot);
                self.stop(plan, slot, "of the revision that is replaced", recorder);
            }
        }
        let healthy = self.counts.healthy();
        let mut allowed = healthy.saturating_sub(self.bounds.healthy_min);
        if !plan.switches.eager_stop && self.can_start() {
            // With room to start first, only what exceeds the desired count goes.
            allowed = allowed.min(healthy.saturating_sub(self.bounds.desired));
        }
        for slot in (0..self.tasks.len()).rev() {
            if allowed == 0 {
                break;
            }
            let task = &self.tasks[slot];
            if task.is_alive() && task.revision != primary && task.healthy {
                self.let_go(slot);
                self.stop(plan, slot, "the lower bound allows it", recorder);
                allowed -= 1;
            }
        }
    }

    /// An old task that takes the place of one that died boots until enough others are healthy.
    fn is_needed_for_lost(&self, plan: &EcsPlan, slot: usize) -> bool {
        plan.lost.is_some()
            && plan.switches.same_revision_replacement
            && self.primary == Revision::New
            && !self.tasks[slot].bad
            && self.counts.healthy() < self.bounds.desired
    }

    /// The scheduler gives up an old task for good; one that failed is wanted again.
    fn let_go(&mut self, slot: usize) {
        if self.primary == Revision::New && !self.tasks[slot].bad {
            self.old_wanted = self.old_wanted.saturating_sub(1);
        }
    }

    /// Whether a task could be started without stopping one first.
    fn can_start(&self) -> bool {
        self.bounds.start_room() > 0
    }

    fn start_missing<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let missing = self.bounds.desired.saturating_sub(self.primary_group().alive);
        if missing == 0 || self.now_ms < self.held_until_ms {
            return;
        }
        let room = self.room(plan);
        for _ in 0..missing.min(room) {
            let letter = self.letter(plan);
            self.start(plan, letter, recorder);
        }
        let by_bounds = self.bounds.total_max.saturating_sub(self.total(plan));
        if room == 0 && by_bounds > 0 && self.queue.next_ms().is_none() {
            self.fail_to_place(plan, recorder);
        }
    }

    /// The bounds allow a task but the cluster has no place for it (2.9).
    ///
    /// Only counted when nothing else is on its way that could make room. Without a breaker
    /// nothing would ever change, and the queue stays empty: a deadlock.
    fn fail_to_place<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        self.note(recorder, None, EventKind::NotPlaced, || {
            let slots = plan.slots.unwrap_or(0);
            format!("{slots} fit in the cluster, all taken")
        });
        if plan.breaker.is_some() {
            self.hold();
            self.count(plan, None, recorder);
        }
    }

    /// Tasks that may be started now: the upper bound, and the places in the cluster.
    pub(super) fn room(&self, plan: &EcsPlan) -> u32 {
        let by_bounds = self.bounds.total_max.saturating_sub(self.total(plan));
        // CPU, memory and ports stay taken until a task has stopped.
        by_bounds.min(plan.slots.unwrap_or(u32::MAX).saturating_sub(self.counts.placed()))
    }

    fn total(&self, plan: &EcsPlan) -> u32 {
        let stopping = if plan.switches.count_stopping { self.counts.stopping } else { 0 };
        self.counts.alive() + stopping
    }

    /// New tasks are `N`, those that follow a failed one `R`, those of a rollback `O`.
    pub(super) fn letter(&self, plan: &EcsPlan) -> char {
        match self.primary {
            Revision::Old => 'O',
            Revision::New if self.numbers[1] < plan.desired => 'N',
            Revision::New => 'R',
        }
    }

    pub(super) fn count_tasks(&self, counts: impl Fn(&Task) -> bool) -> u32 {
        self.tasks.iter().filter(|task| counts(task)).count() as u32
    }

    fn complete<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        // Anything old, booting or stopping means that the service is not steady yet.
        let primary = self.primary_group();
        let steady = self.counts.placed() == primary.alive
            && primary.healthy == primary.alive
            && primary.alive == self.bounds.desired;
        if !steady {
            return;
        }
        if self.primary == Revision::Old {
            self.run.rolled_back = Some(true);
        } else if self.still_bakes(plan, recorder) {
            return;
        }
        self.end(Ending::Completed, recorder, "steady state");
    }
}
