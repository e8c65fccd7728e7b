//! From the results of checks to what the scheduler holds of a task (rollout-semantics 1.2, 2.2,
//! 2.4).

use super::checks::CONTAINER;
use super::task::Revision;
use super::{EcsSimulator, Step};
use crate::alb::Verdict;
use crate::event::{EventKind, Recorder, seconds};
use crate::plan::EcsPlan;
use crate::queue::Rank;

impl EcsSimulator {
    pub(super) fn schedule_check<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, checker: u8) {
        if !R::RECORDS {
            self.checks[slot].skip(plan, &self.tasks[slot], checker);
        }
        let next = self.checks[slot].next(plan, &self.tasks[slot], checker);
        if let Some((local_ms, passed)) = next {
            let at_ms = self.tasks[slot].running_ms + local_ms;
            self.at(slot, at_ms, Rank::Check, Step::Check { checker, passed });
        }
    }

    pub(super) fn on_check<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        checker: u8,
        passed: bool,
        recorder: &mut R,
    ) {
        let before = self.tasks[slot].health;
        let after = self.checks[slot].apply(plan, &self.tasks[slot], checker, passed);
        self.tasks[slot].health = after;
        let kind = if passed { EventKind::CheckPassed } else { EventKind::CheckFailed };
        self.note(recorder, Some(slot), kind, || match checker {
            CONTAINER => "container check".to_owned(),
            _ => String::new(),
        });
        self.update_serving(plan, slot, recorder);
        if after != before {
            match after {
                Verdict::Healthy => self.on_healthy(plan, slot, recorder),
                Verdict::Unhealthy => self.on_unhealthy(plan, slot, recorder),
                Verdict::Initial => {}
            }
        }
        self.schedule_check::<R>(plan, slot, checker);
    }

    fn on_healthy<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        self.note(recorder, Some(slot), EventKind::Healthy, String::new);
        if plan.lag_ms == 0 {
            self.on_seen_healthy(plan, slot, recorder);
        } else {
            self.later(slot, plan.lag_ms, Rank::State, Step::SeenHealthy);
        }
    }

    fn on_unhealthy<R: Recorder>(&mut self, plan: &EcsPlan, slot: usize, recorder: &mut R) {
        let grace_end_ms = self.tasks[slot].running_ms.saturating_add(plan.grace_ms);
        let waits = self.now_ms < grace_end_ms;
        self.note(recorder, Some(slot), EventKind::Unhealthy, || {
            if waits {
                format!("grace holds until {} s", seconds(grace_end_ms))
            } else {
                match (plan.target, plan.container) {
                    (Some(check), None) if plan.more_targets.is_empty() => {
                        format!("{} failed check in a row", ordinal(check.unhealthy_threshold))
                    }
                    _ => "enough failed checks in a row".to_owned(),
                }
            }
        });
        if waits {
            self.at(slot, grace_end_ms, Rank::Expiry, Step::GraceOver);
        } else {
            self.condemn_after_lag(plan, slot);
        }
    }

    pub(super) fn on_grace_over<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        recorder: &mut R,
    ) {
        // Saved only when the scheduler already sees the recovery. A task whose container
        // recovered while the load balancer has no verdict yet is not unhealthy either.
        let task = &self.tasks[slot];
        if !task.unused && (task.healthy || task.health == Verdict::Initial) {
            return;
        }
        let why = if task.unused {
            "its zone is not enabled at the load balancer: target unused"
        } else {
            "still unhealthy"
        };
        self.note(recorder, Some(slot), EventKind::GraceOver, || why.to_owned());
        self.condemn_after_lag(plan, slot);
    }

    fn condemn_after_lag(&mut self, plan: &EcsPlan, slot: usize) {
        self.tasks[slot].doomed = true;
        if plan.lag_ms == 0 {
            self.condemn(slot);
        } else {
            self.later(slot, plan.lag_ms, Rank::Expiry, Step::Condemned);
        }
    }

    pub(super) fn condemn(&mut self, slot: usize) {
        self.tasks[slot].doomed = false;
        self.change(slot, |task| (task.bad, task.healthy) = (true, false));
        self.dirty = true;
    }

    pub(super) fn on_seen_healthy<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        recorder: &mut R,
    ) {
        self.update_serving(plan, slot, recorder);
        // Once a replacement is on its way, its verdict decides and not a late recovery.
        if self.tasks[slot].doomed || self.live_replacement(slot).is_some() {
            return;
        }
        self.change(slot, |task| (task.bad, task.healthy) = (false, true));
        if self.tasks[slot].revision == Revision::New && !self.tasks[slot].survived {
            self.tasks[slot].survived = true;
            self.run.survived += 1;
        }
        if self.tasks[slot].revision == self.primary {
            self.reset_breaker(plan);
        }
        if plan.target.is_none() && plan.container.is_none() {
            self.tasks[slot].health = Verdict::Healthy;
            self.note(recorder, Some(slot), EventKind::Healthy, || {
                "40 s without a check count as healthy".to_owned()
            });
            self.update_serving(plan, slot, recorder);
        }
        self.dirty = true;
    }
}

/// `third`; a load balancer takes thresholds of 2 to 10.
fn ordinal(n: u32) -> &'static str {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    WORDS.get(n.saturating_sub(1) as usize).copied().unwrap_or("last")
}
