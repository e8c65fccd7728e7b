//! What the scheduler does with unhealthy tasks of the revision it deploys (rollout-semantics 2.4).

use super::EcsSimulator;
use super::task::{Stage, Task};
use crate::alb::Verdict;
use crate::event::Recorder;
use crate::plan::{EcsPlan, UnhealthyPolicy};

impl EcsSimulator {
    pub(super) fn replace_unhealthy<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        match plan.switches.unhealthy_policy {
            UnhealthyPolicy::StopFirst => {
                let mut any = false;
                for slot in 0..self.tasks.len() {
                    if self.is_bad(&self.tasks[slot]) {
                        any = true;
                        self.stop(plan, slot, "unhealthy", recorder);
                    }
                }
                if !any {
                    self.drop_surplus(plan, recorder);
                }
            }
            UnhealthyPolicy::ReplaceFirst => {
                if self.primary_group().bad > 0 {
                    // Which of several gets the room is not documented; a random one begins.
                    let first = self.scheduler_stream.below(self.tasks.len() as u64) as usize;
                    self.settle_all(plan, first, recorder);
                    self.replace_all(plan, first, recorder);
                    self.make_room(plan, recorder);
                }
                self.drop_surplus(plan, recorder);
            }
        }
    }

    fn is_bad(&self, task: &Task) -> bool {
        task.bad && task.is_alive() && task.revision == self.primary
    }

    /// Stops unhealthy tasks of which it is clear that they are not needed.
    fn settle_all<R: Recorder>(&mut self, plan: &EcsPlan, first: usize, recorder: &mut R) {
        let enough = |sim: &Self| sim.primary_group().healthy >= sim.bounds.desired;
        let mut is_enough = enough(self);
        let count = self.tasks.len();
        for slot in (first..count).chain(0..first) {
            if self.is_bad(&self.tasks[slot]) && self.settle(plan, slot, is_enough, recorder) {
                is_enough = enough(self);
            }
        }
    }

    /// Settles one unhealthy task; whether one recovered with it. `is_enough`: as many others as
    /// wanted are healthy.
    fn settle<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        is_enough: bool,
        recorder: &mut R,
    ) -> bool {
        if let Some(other) = self.live_replacement(slot) {
            if self.tasks[other].healthy {
                self.stop(plan, slot, "its replacement is healthy", recorder);
            } else if self.tasks[other].bad {
                return self.part(plan, slot, other, recorder);
            }
        } else if self.tasks[slot].replacement.is_some()
            && self.tasks[slot].health == Verdict::Healthy
        {
            // Its replacement went for another reason, and it has recovered since.
            self.tasks[slot].replacement = None;
            self.on_seen_healthy(plan, slot, recorder);
            return true;
        } else if is_enough {
            self.stop(plan, slot, "enough others are healthy", recorder);
        }
        false
    }

    /// Starts replacements as long as there is room and the tasks that are not unhealthy are too
    /// few.
    fn replace_all<R: Recorder>(&mut self, plan: &EcsPlan, first: usize, recorder: &mut R) {
        if self.now_ms < self.held_until_ms {
            return;
        }
        let good = self.primary_group().good();
        let mut allowed = self.bounds.desired.saturating_sub(good);
        if allowed > 0 {
            allowed = allowed.min(self.room(plan));
        }
        let count = self.tasks.len();
        for slot in (first..count).chain(0..first) {
            if allowed == 0 {
                return;
            }
            if self.is_bad(&self.tasks[slot]) && self.live_replacement(slot).is_none() {
                let letter = self.letter(plan);
                let new = self.start(plan, letter, recorder);
                self.tasks[slot].replacement = Some((new as u32, self.tasks[new].generation));
                allowed -= 1;
            }
        }
    }

    /// Tasks that are not unhealthy may already be as many as wanted, when one recovered after its
    /// replacement was started: that one serves instead.
    fn needs_more(&self) -> bool {
        self.primary_group().good() < self.bounds.desired
    }

    /// The task that was started to take the place of this one, while it is there.
    pub(super) fn live_replacement(&self, slot: usize) -> Option<usize> {
        let (other, generation) = self.tasks[slot].replacement?;
        let other = other as usize;
        let task = &self.tasks[other];
        (task.generation == generation && task.is_alive()).then_some(other)
    }

    /// The replacement failed too. A task that recovered meanwhile is spared, which is told;
    /// otherwise one of the two goes when there are more than wanted.
    fn part<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        other: usize,
        recorder: &mut R,
    ) -> bool {
        self.tasks[slot].replacement = None;
        let spared = self.tasks[slot].health == Verdict::Healthy;
        if spared {
            self.on_seen_healthy(plan, slot, recorder);
        }
        if self.primary_group().alive > self.bounds.desired {
            let either = if self.scheduler_stream.below(2) == 0 { slot } else { other };
            let victim = if spared { other } else { either };
            self.stop(plan, victim, "its pair is unhealthy too", recorder);
        }
        spared
    }

    /// No room for a replacement: one unhealthy task that has none goes, at random and one at a
    /// time, and its place is filled when it has stopped.
    ///
    /// The lower bound does not stand in the way, since a task that is not healthy does not count
    /// towards it.
    fn make_room<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let waiting = |sim: &Self, slot: usize| {
            sim.is_bad(&sim.tasks[slot]) && sim.live_replacement(slot).is_none()
        };
        if !self.needs_more() || self.room(plan) > 0 {
            return;
        }
        if self.tasks.iter().any(|task| task.stage == Stage::Stopping && task.making_room) {
            return;
        }
        let candidates = (0..self.tasks.len()).filter(|&slot| waiting(self, slot)).count();
        if candidates == 0 {
            return;
        }
        let pick = self.scheduler_stream.below(candidates as u64) as usize;
        let victim = (0..self.tasks.len()).filter(|&slot| waiting(self, slot)).nth(pick);
        if let Some(slot) = victim {
            self.tasks[slot].making_room = true;
            self.stop(plan, slot, "unhealthy, no room for a replacement first", recorder);
        }
    }

    /// More tasks than wanted that are not unhealthy: a task recovered after its replacement was
    /// started. The newest that is not healthy yet goes, grace or not.
    fn drop_surplus<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let primary = self.primary;
        let is_good = |task: &Task| task.is_alive() && task.revision == primary && !task.bad;
        let mut surplus = self.primary_group().good().saturating_sub(self.bounds.desired);
        while surplus > 0 {
            let newest = |healthy: bool| {
                (0..self.tasks.len())
                    .filter(|&s| is_good(&self.tasks[s]) && self.tasks[s].healthy == healthy)
                    .max_by_key(|&s| self.tasks[s].generation)
            };
            let Some(slot) = newest(false).or_else(|| newest(true)) else { return };
            self.stop(plan, slot, "more tasks than wanted", recorder);
            surplus -= 1;
        }
    }
}
