//! The settings that the solver may turn, as whole numbers (rollout-semantics 1.1, 9).

use crate::plan::{
    AlbCheck, Amount, DockerCheck, EcsPlan, KubernetesPlan, Memory, Plan, Probe, Strategy,
};

/// A setting by its meaning; the name that a file uses is left to the caller.
///
/// Times are in seconds, shares in percent, CPU in units of 1/1024 virtual CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each name is its meaning; `id` and `unit` say the rest")]
pub enum Setting {
    Grace,
    Interval,
    Timeout,
    UnhealthyThreshold,
    HealthyThreshold,
    Cpu,
    Desired,
    MinPercent,
    MaxPercent,
    Slots,
    Deregistration,
    ContainerStartPeriod,
    ContainerRetries,
    ContainerInterval,
    ContainerTimeout,
    /// 0 stands for no startup probe; setting it adds one shaped like the liveness probe.
    StartupFailureThreshold,
    StartupPeriod,
    StartupInitialDelay,
    LivenessFailureThreshold,
    LivenessPeriod,
    LivenessInitialDelay,
    ReadinessFailureThreshold,
    ReadinessPeriod,
    ReadinessInitialDelay,
    ProgressDeadline,
    MinReady,
    MaxSurge,
    MaxUnavailable,
    TerminationGrace,
    PreStop,
    Parallelism,
    UpdateDelay,
    Monitor,
    /// In MiB.
    Memory,
}

/// How success depends on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// More never hurts: binary search upwards.
    MoreHelps,
    /// Less never hurts: binary search downwards.
    LessHelps,
    /// Neither: every value is tried (the interval, rollout-semantics 8).
    Uneven,
    /// Not turned to make a rollout work.
    Fixed,
}

impl Setting {
    /// All settings, in the order in which proposals prefer them.
    pub const ALL: &'static [Self] = &[
        Self::Grace,
        Self::Interval,
        Self::Timeout,
        Self::UnhealthyThreshold,
        Self::HealthyThreshold,
        Self::Cpu,
        Self::Desired,
        Self::MinPercent,
        Self::MaxPercent,
        Self::Slots,
        Self::Deregistration,
        Self::ContainerStartPeriod,
        Self::ContainerRetries,
        Self::ContainerInterval,
        Self::ContainerTimeout,
        Self::StartupFailureThreshold,
        Self::StartupPeriod,
        Self::StartupInitialDelay,
        Self::LivenessFailureThreshold,
        Self::LivenessPeriod,
        Self::LivenessInitialDelay,
        Self::ReadinessFailureThreshold,
        Self::ReadinessPeriod,
        Self::ReadinessInitialDelay,
        Self::ProgressDeadline,
        Self::MinReady,
        Self::MaxSurge,
        Self::MaxUnavailable,
        Self::TerminationGrace,
        Self::PreStop,
        Self::Parallelism,
        Self::UpdateDelay,
        Self::Monitor,
        Self::Memory,
    ];

    /// A stable snake_case word.
    pub fn id(self) -> &'static str {
        match self {
            Self::Grace => "grace",
            Self::Interval => "interval",
            Self::Timeout => "timeout",
            Self::UnhealthyThreshold => "unhealthy_threshold",
            Self::HealthyThreshold => "healthy_threshold",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Desired => "desired",
            Self::MinPercent => "min_percent",
            Self::MaxPercent => "max_percent",
            Self::Slots => "slots",
            Self::Deregistration => "deregistration",
            Self::ContainerStartPeriod => "container_start_period",
            Self::ContainerRetries => "container_retries",
            Self::ContainerInterval => "container_interval",
            Self::ContainerTimeout => "container_timeout",
            Self::StartupFailureThreshold => "startup_failure_threshold",
            Self::StartupPeriod => "startup_period",
            Self::StartupInitialDelay => "startup_initial_delay",
            Self::LivenessFailureThreshold => "liveness_failure_threshold",
            Self::LivenessPeriod => "liveness_period",
            Self::LivenessInitialDelay => "liveness_initial_delay",
            Self::ReadinessFailureThreshold => "readiness_failure_threshold",
            Self::ReadinessPeriod => "readiness_period",
            Self::ReadinessInitialDelay => "readiness_initial_delay",
            Self::ProgressDeadline => "progress_deadline",
            Self::MinReady => "min_ready",
            Self::MaxSurge => "max_surge",
            Self::MaxUnavailable => "max_unavailable",
            Self::TerminationGrace => "termination_grace",
            Self::PreStop => "pre_stop",
            Self::Parallelism => "parallelism",
            Self::UpdateDelay => "update_delay",
            Self::Monitor => "monitor",
        }
    }

    /// Seconds are written `s`, percent `%`; empty for plain numbers.
    pub fn unit(self) -> &'static str {
        match self {
            Self::MinPercent | Self::MaxPercent => "%",
            Self::Memory => " MiB",
            _ if self.is_time() => "s",
            _ => "",
        }
    }

    fn is_time(self) -> bool {
        !matches!(
            self,
            Self::UnhealthyThreshold
                | Self::HealthyThreshold
                | Self::Cpu
                | Self::Desired
                | Self::MinPercent
                | Self::MaxPercent
                | Self::Slots
                | Self::ContainerRetries
                | Self::StartupFailureThreshold
                | Self::LivenessFailureThreshold
                | Self::ReadinessFailureThreshold
                | Self::MaxSurge
                | Self::MaxUnavailable
                | Self::Parallelism
                | Self::Memory
        )
    }

    /// How success depends on it.
    pub fn shape(self) -> Shape {
        match self {
            Self::Grace
            | Self::UnhealthyThreshold
            | Self::Cpu
            | Self::Memory
            | Self::MaxPercent
            | Self::Slots
            | Self::ContainerRetries
            | Self::StartupFailureThreshold
            | Self::LivenessFailureThreshold
            | Self::ProgressDeadline
            | Self::MaxSurge
            | Self::Monitor => Shape::MoreHelps,
            Self::MinPercent => Shape::LessHelps,
            // Early probes fall on another grid than later ones, and a longer delay moves it.
            Self::Interval
            | Self::HealthyThreshold
            | Self::ContainerStartPeriod
            | Self::ContainerInterval
            | Self::StartupPeriod
            | Self::StartupInitialDelay
            | Self::LivenessPeriod
            | Self::LivenessInitialDelay
            | Self::MaxUnavailable => Shape::Uneven,
            _ => Shape::Fixed,
        }
    }

    /// Changing it starts no deployment and needs no new revision (rollout-semantics 8).
    pub fn changes_in_place(self) -> bool {
        matches!(
            self,
            Self::Grace
                | Self::Interval
                | Self::Timeout
                | Self::UnhealthyThreshold
                | Self::HealthyThreshold
                | Self::MinPercent
                | Self::MaxPercent
                | Self::Deregistration
                | Self::Slots
                | Self::ProgressDeadline
                | Self::MaxSurge
                | Self::MaxUnavailable
        )
    }

    /// Smallest and largest allowed value; `None` when the plan has no such setting.
    pub fn range(self, plan: &Plan) -> Option<(u64, u64)> {
        self.get(plan)?;
        let on_ecs = matches!(plan, Plan::Ecs(_));
        Some(match self {
            Self::Grace => (0, 2_147_483_647),
            Self::Interval => (5, 300),
            Self::Timeout => (2, 120),
            Self::UnhealthyThreshold | Self::HealthyThreshold => (2, 10),
            Self::Cpu => (64, 16_384),
            Self::Memory => (1, 1_000_000),
            Self::Desired => (u64::from(!on_ecs), 5_000),
            Self::MinPercent => (0, 100),
            Self::MaxPercent => (100, 1_000),
            Self::Slots | Self::Parallelism => (0, 100_000),
            Self::Deregistration => (0, 3_600),
            Self::ContainerStartPeriod => (0, if on_ecs { 300 } else { 86_400 }),
            Self::ContainerRetries => (1, if on_ecs { 10 } else { 10_000 }),
            Self::ContainerInterval => {
                if on_ecs {
                    (5, 300)
                } else {
                    (1, 86_400)
                }
            }
            Self::ContainerTimeout => {
                if on_ecs {
                    (2, 60)
                } else {
                    (1, 86_400)
                }
            }
            Self::StartupFailureThreshold => (0, 10_000),
            Self::LivenessFailureThreshold | Self::ReadinessFailureThreshold => (1, 10_000),
            Self::StartupPeriod | Self::LivenessPeriod | Self::ReadinessPeriod => (1, 3_600),
            Self::MaxSurge | Self::MaxUnavailable => (0, 5_000),
            Self::ProgressDeadline => (1, 86_400),
            _ => (0, 86_400),
        })
    }

    /// The value in a plan; `None` when the plan has no such setting.
    pub fn get(self, plan: &Plan) -> Option<u64> {
        match plan {
            Plan::Ecs(plan) => self.get_ecs(plan),
            Plan::Kubernetes(plan) => self.get_kubernetes(plan),
            Plan::Compose(plan) => {
                let service = plan.services.get(plan.focus)?;
                self.get_docker(service.check.as_ref()?)
            }
            Plan::Swarm(plan) => match self {
                Self::Desired => Some(u64::from(plan.replicas)),
                Self::Parallelism => Some(u64::from(plan.parallelism)),
                Self::UpdateDelay => Some(plan.delay_ms / 1000),
                Self::Monitor => Some(plan.monitor_ms / 1000),
                Self::Cpu => plan.startup.cpu.map(|cpu| u64::from(cpu.units)),
                _ => self.get_docker(plan.check.as_ref()?),
            },
        }
    }

    fn get_ecs(self, plan: &EcsPlan) -> Option<u64> {
        let target = |read: fn(&AlbCheck) -> u64| plan.target.as_ref().map(read);
        match self {
            Self::Grace => Some(plan.grace_ms / 1000),
            Self::Interval => target(|check| check.interval_ms / 1000),
            Self::Timeout => target(|check| check.timeout_ms / 1000),
            Self::UnhealthyThreshold => target(|check| u64::from(check.unhealthy_threshold)),
            Self::HealthyThreshold => target(|check| u64::from(check.healthy_threshold)),
            Self::Cpu => plan.startup.cpu.map(|cpu| u64::from(cpu.units)),
            Self::Memory => plan.memory.map(|memory| memory.limit_mib.into()),
            Self::Desired => Some(u64::from(plan.desired)),
            Self::MinPercent => Some(u64::from(plan.min_percent)),
            Self::MaxPercent => Some(u64::from(plan.max_percent)),
            Self::Slots => plan.slots.map(u64::from),
            Self::Deregistration => plan.target.map(|_| plan.deregistration_ms / 1000),
            _ => self.get_docker(plan.container.as_ref()?),
        }
    }

    fn get_docker(self, check: &DockerCheck) -> Option<u64> {
        match self {
            Self::ContainerStartPeriod => Some(check.start_period_ms / 1000),
            Self::ContainerRetries => Some(u64::from(check.retries)),
            Self::ContainerInterval => Some(check.interval_ms / 1000),
            Self::ContainerTimeout => Some(check.timeout_ms / 1000),
            _ => None,
        }
    }

    fn get_kubernetes(self, plan: &KubernetesPlan) -> Option<u64> {
        let (surge, unavailable) = plan.steps();
        let rolls = matches!(plan.strategy, Strategy::RollingUpdate { .. });
        let startup = |read: fn(&Probe) -> u64| plan.startup_probe.as_ref().map(read);
        let liveness = |read: fn(&Probe) -> u64| plan.liveness.as_ref().map(read);
        let readiness = |read: fn(&Probe) -> u64| plan.readiness.as_ref().map(read);
        match self {
            Self::StartupFailureThreshold => {
                startup(|p| u64::from(p.failure_threshold)).or_else(|| plan.liveness.map(|_| 0))
            }
            Self::StartupPeriod => startup(|p| p.period_ms / 1000),
            Self::StartupInitialDelay => startup(|p| p.initial_delay_ms / 1000),
            Self::LivenessFailureThreshold => liveness(|p| u64::from(p.failure_threshold)),
            Self::LivenessPeriod => liveness(|p| p.period_ms / 1000),
            Self::LivenessInitialDelay => liveness(|p| p.initial_delay_ms / 1000),
            Self::ReadinessFailureThreshold => readiness(|p| u64::from(p.failure_threshold)),
            Self::ReadinessPeriod => readiness(|p| p.period_ms / 1000),
            Self::ReadinessInitialDelay => readiness(|p| p.initial_delay_ms / 1000),
            Self::Desired => Some(u64::from(plan.replicas)),
            Self::Memory => plan.memory.map(|memory| memory.limit_mib.into()),
            Self::Cpu => plan.startup.cpu.map(|cpu| u64::from(cpu.units)),
            Self::Slots => plan.slots.map(u64::from),
            Self::ProgressDeadline => Some(plan.progress_deadline_ms / 1000),
            Self::MinReady => Some(plan.min_ready_ms / 1000),
            Self::MaxSurge => rolls.then_some(u64::from(surge)),
            Self::MaxUnavailable => rolls.then_some(u64::from(unavailable)),
            Self::TerminationGrace => Some(plan.termination_grace_ms / 1000),
            Self::PreStop => Some(plan.pre_stop_ms / 1000),
            _ => None,
        }
    }

    /// Puts a value into a plan; nothing happens when the plan has no such setting.
    pub fn set(self, plan: &mut Plan, value: u64) {
        let count = u32::try_from(value).unwrap_or(u32::MAX);
        let ms = value.saturating_mul(1000);
        match plan {
            Plan::Ecs(plan) => self.set_ecs(plan, count, ms),
            Plan::Kubernetes(plan) => self.set_kubernetes(plan, count, ms),
            Plan::Compose(plan) => {
                let focus = plan.focus;
                if let Some(check) = plan.services.get_mut(focus).and_then(|s| s.check.as_mut()) {
                    self.set_docker(check, count, ms);
                }
            }
            Plan::Swarm(plan) => match self {
                Self::Desired => plan.replicas = count,
                Self::Parallelism => plan.parallelism = count,
                Self::UpdateDelay => plan.delay_ms = ms,
                Self::Monitor => plan.monitor_ms = ms,
                Self::Cpu => plan.startup = plan.startup.with_units(count),
                _ => {
                    if let Some(check) = &mut plan.check {
                        self.set_docker(check, count, ms);
                    }
                }
            },
        }
    }

    fn set_ecs(self, plan: &mut EcsPlan, count: u32, ms: u64) {
        match (self, &mut plan.target) {
            (Self::Grace, _) => plan.grace_ms = ms,
            (Self::Interval, Some(check)) => check.interval_ms = ms,
            (Self::Timeout, Some(check)) => check.timeout_ms = ms,
            (Self::UnhealthyThreshold, Some(check)) => check.unhealthy_threshold = count,
            (Self::HealthyThreshold, Some(check)) => check.healthy_threshold = count,
            (Self::Cpu, _) => plan.startup = plan.startup.with_units(count),
            (Self::Memory, _) => set_memory(&mut plan.memory, count),
            (Self::Desired, _) => plan.desired = count,
            (Self::MinPercent, _) => plan.min_percent = count,
            (Self::MaxPercent, _) => plan.max_percent = count,
            (Self::Slots, _) if plan.slots.is_some() => plan.slots = Some(count),
            (Self::Deregistration, Some(_)) => plan.deregistration_ms = ms,
            _ => {
                if let Some(check) = &mut plan.container {
                    self.set_docker(check, count, ms);
                }
            }
        }
    }

    fn set_docker(self, check: &mut DockerCheck, count: u32, ms: u64) {
        match self {
            Self::ContainerStartPeriod => check.start_period_ms = ms,
            Self::ContainerRetries => check.retries = count,
            Self::ContainerInterval => check.interval_ms = ms,
            Self::ContainerTimeout => check.timeout_ms = ms,
            _ => {}
        }
    }

    fn set_kubernetes(self, plan: &mut KubernetesPlan, count: u32, ms: u64) {
        match self {
            Self::StartupFailureThreshold => set_startup_probe(plan, count),
            Self::StartupPeriod | Self::StartupInitialDelay => {
                if let Some(probe) = &mut plan.startup_probe {
                    self.set_probe(probe, count, ms);
                }
            }
            Self::LivenessFailureThreshold | Self::LivenessPeriod | Self::LivenessInitialDelay => {
                if let Some(probe) = &mut plan.liveness {
                    self.set_probe(probe, count, ms);
                }
            }
            Self::ReadinessFailureThreshold
            | Self::ReadinessPeriod
            | Self::ReadinessInitialDelay => {
                if let Some(probe) = &mut plan.readiness {
                    self.set_probe(probe, count, ms);
                }
            }
            Self::Desired => plan.replicas = count,
            Self::Memory => set_memory(&mut plan.memory, count),
            Self::Cpu => plan.startup = plan.startup.with_units(count),
            Self::Slots if plan.slots.is_some() => plan.slots = Some(count),
            Self::ProgressDeadline => plan.progress_deadline_ms = ms,
            Self::MinReady => plan.min_ready_ms = ms,
            Self::TerminationGrace => plan.termination_grace_ms = ms,
            Self::PreStop => plan.pre_stop_ms = ms,
            Self::MaxSurge | Self::MaxUnavailable => {
                let Strategy::RollingUpdate { max_surge, max_unavailable } = &mut plan.strategy
                else {
                    return;
                };
                let field = if self == Self::MaxSurge { max_surge } else { max_unavailable };
                *field = Amount::Pods(count);
            }
            _ => {}
        }
    }

    fn set_probe(self, probe: &mut Probe, count: u32, ms: u64) {
        match self {
            Self::LivenessFailureThreshold | Self::ReadinessFailureThreshold => {
                probe.failure_threshold = count;
            }
            Self::StartupPeriod | Self::LivenessPeriod | Self::ReadinessPeriod => {
                probe.period_ms = ms;
            }
            _ => probe.initial_delay_ms = ms,
        }
    }
}

fn set_memory(memory: &mut Option<Memory>, limit_mib: u32) {
    if let Some(memory) = memory {
        memory.limit_mib = limit_mib;
    }
}

fn set_startup_probe(plan: &mut KubernetesPlan, failure_threshold: u32) {
    if failure_threshold == 0 {
        plan.startup_probe = None;
        return;
    }
    let shape = plan.startup_probe.or(plan.liveness).unwrap_or_default();
    plan.startup_probe = Some(Probe { failure_threshold, success_threshold: 1, ..shape });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::startup::Startup;

    #[test]
    fn every_setting_reads_back_what_was_set() {
        let mut ecs = EcsPlan::new(2, Some(AlbCheck::default()), Startup::constant(1000));
        ecs.container = Some(DockerCheck::default());
        ecs.slots = Some(4);
        let mut kubernetes = KubernetesPlan::new(4, Startup::constant(1000));
        kubernetes.liveness = Some(Probe::default());
        kubernetes.readiness = Some(Probe::default());
        kubernetes.startup_probe = Some(Probe::default());
        for mut plan in [Plan::Ecs(ecs), Plan::Kubernetes(kubernetes)] {
            for &setting in Setting::ALL {
                let Some((min, max)) = setting.range(&plan) else { continue };
                for value in [min.max(1), max.min(4)] {
                    setting.set(&mut plan, value);
                    assert_eq!(setting.get(&plan), Some(value), "{}", setting.id());
                }
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        for (i, a) in Setting::ALL.iter().enumerate() {
            assert!(Setting::ALL[i + 1..].iter().all(|b| a.id() != b.id()), "{}", a.id());
        }
    }
}
