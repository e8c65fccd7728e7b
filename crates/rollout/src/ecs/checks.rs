//! What the checks of one task say.

use super::task::Task;
use crate::alb::{AlbChecker, Verdict};
use crate::docker::DockerMonitor;
use crate::draw::{NEVER_MS, Stream};
use crate::plan::{AlbCheck, EcsPlan, MORE_TARGETS_MAX, Merge};

/// Checker number of the container check. Load balancer nodes are numbered from 0, the further
/// target groups after them.
pub(super) const CONTAINER: u8 = 255;
/// Number of slots for load balancer nodes.
const NODES: usize = crate::plan::NODES_MAX as usize;
/// Number of slots for all checkers of load balancers.
const CHECKERS: usize = NODES + MORE_TARGETS_MAX;
/// The checks of one task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checks {
    checkers: [AlbChecker; CHECKERS],
    monitor: DockerMonitor,
}

impl Checks {
    pub(super) const NONE: Self =
        Self { checkers: [AlbChecker::FRESH; CHECKERS], monitor: DockerMonitor::FRESH };

    /// Sets the checks up. Times in the checkers count from RUNNING.
    pub(super) fn begin(&mut self, plan: &EcsPlan, stream: &mut Stream) {
        for checker in 0..checker_count(plan) {
            if let Some(check) = target_check(plan, checker) {
                self.checkers[checker] = AlbChecker::new(check, stream);
            }
        }
        if let Some(check) = &plan.container {
            self.monitor = DockerMonitor::new(check);
        }
    }

    /// Next result of one checker, in task-local time.
    pub(super) fn next(&self, plan: &EcsPlan, task: &Task, checker: u8) -> Option<(u64, bool)> {
        if checker == CONTAINER {
            let check = plan.container.as_ref()?;
            return self.monitor.next(check, up_for(task, check.can_pass));
        }
        let checker = usize::from(checker);
        let check = target_check(plan, checker).filter(|_| !task.unused)?;
        self.checkers[checker].next(check, up_for(task, check.can_pass))
    }

    /// Takes a result and gives the merged verdict that follows.
    pub(super) fn apply(
        &mut self,
        plan: &EcsPlan,
        task: &Task,
        checker: u8,
        passed: bool,
    ) -> Verdict {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                self.monitor.apply(check, passed);
            }
        } else if let Some(check) = target_check(plan, usize::from(checker)) {
            self.checkers[usize::from(checker)].apply(check, passed);
        }
        self.merged(plan, task)
    }

    /// Passes over checks that cannot change anything.
    pub(super) fn skip(&mut self, plan: &EcsPlan, task: &Task, checker: u8) {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                let up_ms = up_for(task, check.can_pass);
                self.monitor.skip(check, up_ms);
            }
        } else if let Some(check) = target_check(plan, usize::from(checker)) {
            let up_ms = up_for(task, check.can_pass);
            self.checkers[usize::from(checker)].skip(check, up_ms);
        }
    }

    /// What the load balancer reports: over all its nodes for the first target group, and over all
    /// groups. One that says unhealthy is enough; healthy are all or none (2.2, 2.4).
    pub(super) fn target_verdict(&self, plan: &EcsPlan, task: &Task) -> Verdict {
        let Some(check) = &plan.target else { return Verdict::Healthy };
        if task.unused {
            return Verdict::Initial;
        }
        let nodes = node_count(plan);
        let first = merge(&self.checkers[..nodes], check.merge);
        if plan.more_targets.is_empty() {
            return first;
        }
        let further = &self.checkers[nodes..checker_count(plan)];
        both(first, merge(further, Merge::AnyUnhealthy))
    }

    /// Healthy when every check says so, unhealthy when one does (2.2, 2.4).
    fn merged(&self, plan: &EcsPlan, task: &Task) -> Verdict {
        let target = self.target_verdict(plan, task);
        let container = match plan.container {
            Some(_) => self.monitor.verdict(),
            None => Verdict::Healthy,
        };
        both(target, container)
    }
}

/// When a check that can pass does, in task-local time.
fn up_for(task: &Task, can_pass: bool) -> u64 {
    if can_pass { task.up_ms } else { NEVER_MS }
}

fn both(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Unhealthy, _) | (_, Verdict::Unhealthy) => Verdict::Unhealthy,
        (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
        _ => Verdict::Initial,
    }
}

fn merge(checkers: &[AlbChecker], rule: Merge) -> Verdict {
    let any = |wanted| checkers.iter().any(|one| one.verdict() == wanted);
    let all = |wanted| checkers.iter().all(|one| one.verdict() == wanted);
    let (unhealthy, healthy) = match rule {
        Merge::AnyUnhealthy => (any(Verdict::Unhealthy), all(Verdict::Healthy)),
        Merge::AllUnhealthy => (all(Verdict::Unhealthy), any(Verdict::Healthy)),
    };
    if unhealthy {
        Verdict::Unhealthy
    } else if healthy {
        Verdict::Healthy
    } else {
        Verdict::Initial
    }
}

/// Load balancer nodes whose checks of the first target group are followed.
fn node_count(plan: &EcsPlan) -> usize {
    plan.target.map_or(0, |check| usize::from(check.nodes).clamp(1, NODES))
}

/// Checkers of load balancers: the nodes, and one for each further target group.
pub(super) fn checker_count(plan: &EcsPlan) -> usize {
    match plan.target {
        Some(_) => node_count(plan) + plan.more_targets.len().min(MORE_TARGETS_MAX),
        None => 0,
    }
}

/// The check that a checker makes.
fn target_check(plan: &EcsPlan, checker: usize) -> Option<&AlbCheck> {
    match checker.checked_sub(node_count(plan)) {
        Some(further) => plan.more_targets.get(further),
        None => plan.target.as_ref(),
    }
}
