//! How many tasks serve, and with which weight (rollout-semantics 1.3).

use super::EcsSimulator;
use super::checks::Checks;
use super::task::{Stage, Task};
use crate::alb::Verdict;
use crate::event::{CapacityPoint, Recorder};
use crate::plan::EcsPlan;

/// The number of serving tasks, kept up to date.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Capacity {
    pub(super) serving: u32,
}

impl Capacity {
    pub(super) fn new(serving: u32) -> Self {
        Self { serving }
    }
}

impl EcsSimulator {
    /// Books that a task began or ceased to serve.
    pub(super) fn update_serving<R: Recorder>(
        &mut self,
        plan: &EcsPlan,
        slot: usize,
        recorder: &mut R,
    ) {
        let serves = serves(plan, &self.tasks[slot], &self.checks[slot]);
        if serves == self.tasks[slot].serving {
            return;
        }
        if serves {
            self.tasks[slot].serving_ms = self.now_ms;
            self.capacity.serving += 1;
        } else {
            self.capacity.serving -= 1;
        }
        self.tasks[slot].serving = serves;
        self.note_capacity(plan, recorder);
    }

    pub(super) fn note_capacity<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let available = self.capacity.serving;
        let weight = match plan.target {
            Some(check) if check.slow_start_ms > 0 => self.weight_milli(check.slow_start_ms),
            _ => u64::from(available) * 1000,
        };
        self.run.lowest_capacity = self.run.lowest_capacity.min(available);
        self.run.lowest_weight_milli = self.run.lowest_weight_milli.min(weight);
        recorder.capacity(CapacityPoint { t_ms: self.now_ms, available });
    }

    /// Sum of the weights now, in thousandths. A slow start is skipped when no other healthy
    /// target is through its own. The weights only rise between two changes, so that their lowest
    /// sum is found by looking at changes alone.
    fn weight_milli(&self, slow_start_ms: u64) -> u64 {
        let age_ms = |task: &Task| self.now_ms - task.serving_ms;
        let is_through = |task: &Task| task.veteran || age_ms(task) >= slow_start_ms;
        let serving = || self.tasks.iter().filter(|task| task.serving);
        let rising = serving().any(is_through);
        let weight = |task: &Task| {
            if !rising || is_through(task) { 1000 } else { age_ms(task) * 1000 / slow_start_ms }
        };
        serving().map(weight).sum()
    }
}

fn serves(plan: &EcsPlan, task: &Task, checks: &Checks) -> bool {
    if task.stage != Stage::Running {
        return false;
    }
    match plan.target {
        Some(_) => task.veteran || checks.target_verdict(plan, task) == Verdict::Healthy,
        None => task.health == Verdict::Healthy,
    }
}
