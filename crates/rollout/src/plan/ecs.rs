//! An ECS service and its deployment (rollout-semantics 2).

use super::{AlbCheck, DockerCheck, Memory};
use crate::bounds::Bounds;
use crate::draw::Draw;
use crate::startup::Startup;

/// An ECS service that rolls from a healthy old revision to a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct EcsPlan {
    /// `N`, tasks wanted.
    pub desired: u32,
    /// `minimumHealthyPercent`, 0 to 100.
    pub min_percent: u32,
    /// `maximumPercent`, 100 and above.
    pub max_percent: u32,
    /// `G`, `healthCheckGracePeriodSeconds`, 0 to 2 147 483 647 s.
    pub grace_ms: u64,
    /// Target group check; without one a task counts as healthy by its container check or 40 s
    /// after RUNNING (2.2).
    pub target: Option<AlbCheck>,
    /// Further target groups that each task registers in, at most [`MORE_TARGETS_MAX`]; it must be
    /// healthy in all of them (2.2).
    pub more_targets: Vec<AlbCheck>,
    /// Container check of the task definition (2.8).
    pub container: Option<DockerCheck>,
    /// `D`, deregistration delay, 0 to 3600 s. Without a target group it counts as 0.
    pub deregistration_ms: u64,
    /// `K`, from SIGTERM to exit: the smaller of stop timeout and the application's shutdown.
    pub stop: Draw,
    /// `p`, from the decision to start a task until RUNNING. Default 20 s EC2, 40 s Fargate,
    /// inferred.
    pub launch: Draw,
    /// `S` of the new revision.
    pub startup: Startup,
    /// `S` of the old revision, for the tasks of a rollback; as the new one when unknown.
    pub previous_startup: Option<Startup>,
    /// `δ`, lag until the scheduler sees a change of health. Default 0, inferred.
    pub lag_ms: u64,
    /// Deployment circuit breaker (2.5).
    pub breaker: Option<Breaker>,
    /// Tasks that fit in the cluster at once (2.9); `None` on Fargate.
    pub slots: Option<u32>,
    /// Availability zones that tasks are placed in and that the load balancer serves (E25);
    /// `None` when they are the same.
    pub zones: Option<Zones>,
    /// Alarms that watch the deployment (2.5).
    pub alarms: Option<Alarms>,
    /// Old tasks that die during the deployment.
    pub lost: Option<Lost>,
    /// Memory of a task of the new revision, where its need is known.
    pub memory: Option<Memory>,
    /// What else is wrong with the new revision.
    pub fault: Fault,
    /// After how long the pipeline stops waiting (2.10): 600 s for the waiter, 1200 s Terraform.
    pub pipeline_ms: Option<u64>,
    /// Longest request, to find requests that draining cuts off (E22).
    pub longest_request_ms: Option<u64>,
    /// Points on which the documentation is silent or contradicts itself.
    pub switches: Switches,
}

impl EcsPlan {
    /// A service by desired count, check and startup; everything else at the API's defaults with
    /// EC2 latencies.
    pub fn new(desired: u32, target: Option<AlbCheck>, startup: Startup) -> Self {
        Self {
            desired,
            min_percent: 100,
            max_percent: 200,
            grace_ms: 0,
            target,
            more_targets: Vec::new(),
            container: None,
            deregistration_ms: 300_000,
            stop: Draw::constant(30_000),
            launch: Draw::constant(20_000),
            startup,
            previous_startup: None,
            lag_ms: 0,
            breaker: None,
            slots: None,
            zones: None,
            alarms: None,
            lost: None,
            memory: None,
            fault: Fault::None,
            pipeline_ms: None,
            longest_request_ms: None,
            switches: Switches::default(),
        }
    }

    /// Bounds on the number of tasks (2.1).
    pub fn bounds(&self) -> Bounds {
        Bounds::new(self.desired, self.min_percent, self.max_percent)
    }

    /// The upper bound lets fewer tasks run than are wanted, so that no deployment completes.
    pub(crate) fn total_max_is_below_desired(&self) -> bool {
        self.bounds().total_max < self.desired
    }

    /// The start takes more memory than there is.
    pub(crate) fn lacks_memory(&self) -> bool {
        self.memory.is_some_and(|memory| memory.peak_mib > memory.limit_mib)
    }

    /// Checks of all target groups.
    pub fn targets(&self) -> impl Iterator<Item = &AlbCheck> {
        self.target.iter().chain(&self.more_targets)
    }

    /// Deregistration delay that really passes: none without a target group.
    pub fn drain_ms(&self) -> u64 {
        if self.target.is_some() { self.deregistration_ms } else { 0 }
    }
}

/// The most target groups beside the first: ECS takes five for one service.
pub const MORE_TARGETS_MAX: usize = 4;

/// Availability zones (rollout-semantics 2.4, E25): a task whose zone is not enabled at the load
/// balancer has a target that stays `unused`, and is replaced after the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zones {
    /// Zones that tasks are spread over, at least 1.
    pub all: u32,
    /// Those of them that the load balancer serves.
    pub served: u32,
}

/// CloudWatch alarms of a deployment (rollout-semantics 2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// How long they are watched after the last task is healthy, before the deployment completes.
    pub bake_ms: u64,
    /// Whether the last revision that completed is deployed again.
    pub rollback: bool,
    /// One was in ALARM at the start; all are ignored for this deployment (E31).
    pub in_alarm_at_start: bool,
    /// When one goes into ALARM, after the deployment began.
    pub raised_ms: Option<u64>,
}

/// Old tasks that die: a crash, a spot interruption, an instance that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub tasks: u32,
    /// When, after the deployment began.
    pub at_ms: u64,
}

/// Failures of the new revision other than a slow start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// An essential container exits this long after RUNNING: crash, out of memory (E29).
    Exits {
        /// Milliseconds after RUNNING.
        after_ms: u64,
    },
    /// Tasks stop before RUNNING: image missing, secret missing (2.6).
    CannotLaunch,
}

/// Deployment circuit breaker (rollout-semantics 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// How many failed tasks trip it.
    pub threshold: BreakerThreshold,
    /// Whether it redeploys the last revision that completed.
    pub rollback: bool,
    /// What a task that becomes healthy does to the count.
    pub reset: BreakerReset,
}

impl Breaker {
    /// The default threshold, with or without rollback.
    pub fn new(rollback: bool) -> Self {
        Self {
            threshold: BreakerThreshold::default(),
            rollback,
            reset: BreakerReset::OnHealthyTask,
        }
    }
}

/// Number of failures that trip the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerThreshold {
    /// `clamp(ceil(percent/100·N), at_least, 200)`; 50 % and 3 by default, 10 in the guide of 2023.
    Bounded {
        /// Share of the desired count, in percent.
        percent: u32,
        /// Lower end of the clamp.
        at_least: u32,
    },
    /// `ceil(percent/100·N)` without a clamp, at least 1.
    Unbounded {
        /// Share of the desired count, in percent.
        percent: u32,
    },
    /// This many.
    Count {
        /// Failed tasks, at least 1.
        tasks: u32,
    },
}

impl Default for BreakerThreshold {
    fn default() -> Self {
        Self::Bounded { percent: 50, at_least: 3 }
    }
}

/// What a task that becomes healthy does to the breaker's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerReset {
    /// Sets it to 0 (`resetOnHealthyTask`, the default).
    #[default]
    OnHealthyTask,
    /// Nothing: failures add up.
    Never,
    /// Ends counting for good, as before July 2026.
    EndsCounting,
}

/// What happens to an unhealthy task (rollout-semantics 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnhealthyPolicy {
    /// A replacement is started first when the upper bound leaves room.
    #[default]
    ReplaceFirst,
    /// It is stopped at once (until October 2023).
    StopFirst,
}

/// Points that the documentation leaves open, each at the default of rollout-semantics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, not states of one thing")]
pub struct Switches {
    /// What happens to an unhealthy task (2.4).
    pub unhealthy_policy: UnhealthyPolicy,
    /// Whether tasks that are stopping count towards the upper bound (2.1).
    pub count_stopping: bool,
    /// Whether old tasks are stopped down to the lower bound at once (2.3).
    pub eager_stop: bool,
    /// Whether a container that exits after RUNNING counts for the breaker (2.5).
    pub count_exit_after_running: bool,
    /// Whether an old task that dies is replaced by one of its own revision (2.4, since November
    /// 2025), and not by one of the new.
    pub same_revision_replacement: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            unhealthy_policy: UnhealthyPolicy::ReplaceFirst,
            count_stopping: true,
            eager_stop: true,
            count_exit_after_running: true,
            same_revision_replacement: true,
        }
    }
}
