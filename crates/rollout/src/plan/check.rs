//! Health checks from outside (load balancer) and from inside (Docker engine).

use crate::draw::Phase;

/// How a check of an application that is not up fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    /// Refused or answered with a wrong status: the verdict is there at once.
    #[default]
    Refused,
    /// No answer: the verdict takes the whole timeout.
    TimesOut,
}

/// Memory of a container (rollout-semantics 6, E29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it may use, in MiB.
    pub limit_mib: u32,
    /// What its start uses at its peak, in MiB.
    pub peak_mib: u32,
}

impl Memory {
    /// When the kernel kills it for memory, in milliseconds after its start; `None` when the limit
    /// is enough. Memory is taken to grow evenly until the application is up (inferred).
    pub fn killed_ms(&self, up_ms: u64) -> Option<u64> {
        if self.peak_mib <= self.limit_mib {
            return None;
        }
        let share = u128::from(up_ms) * u128::from(self.limit_mib) / u128::from(self.peak_mib);
        Some(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

/// How the verdicts of several load balancer nodes become one (rollout-semantics 1.2, inferred).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Unhealthy as soon as one node says so, healthy when all do.
    #[default]
    AnyUnhealthy,
    /// Unhealthy only when all nodes say so, healthy as soon as one does.
    AllUnhealthy,
}

/// The most load balancer nodes whose checks are followed apart.
pub(crate) const NODES_MAX: u8 = 4;

/// Health check of a load balancer's target group (rollout-semantics 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlbCheck {
    /// `I`, 5 to 300 s, above the timeout.
    pub interval_ms: u64,
    /// `T`, 2 to 120 s.
    pub timeout_ms: u64,
    /// `U`, 2 to 10 consecutive failures.
    pub unhealthy_threshold: u32,
    /// `H`, 2 to 10 consecutive successes; counts only for the way back from unhealthy.
    pub healthy_threshold: u32,
    /// How a check fails while the application starts.
    pub failure: Failure,
    /// Whether path, port and matcher let a check of the started application pass at all.
    pub can_pass: bool,
    /// `φ`, offset of the first check.
    pub phase: Phase,
    /// `ρ`, registration latency before the check grid. Default 0, inferred.
    pub registration_ms: u64,
    /// Load balancer nodes that check on their own, 1 to 4. Default 1, inferred.
    pub nodes: u8,
    /// How their verdicts become one.
    pub merge: Merge,
    /// `slow_start`, 0 or 30 to 900 s: traffic weight rises over this time.
    pub slow_start_ms: u64,
    /// `q`, share of the answers of a started application that take longer than the timeout, in
    /// millionths, 0 to 1 000 000 (E18). Default 0.
    pub slow_ppm: u32,
}

impl AlbCheck {
    /// A check by the four numbers that matter; the rest at its default.
    pub fn new(interval_ms: u64, timeout_ms: u64, unhealthy: u32, healthy: u32) -> Self {
        Self {
            interval_ms,
            timeout_ms,
            unhealthy_threshold: unhealthy,
            healthy_threshold: healthy,
            failure: Failure::Refused,
            can_pass: true,
            phase: Phase::Uniform,
            registration_ms: 0,
            nodes: 1,
            merge: Merge::AnyUnhealthy,
            slow_start_ms: 0,
            slow_ppm: 0,
        }
    }

    /// `d`: from the start of a failing check to its verdict, in milliseconds.
    pub fn failure_ms(&self) -> u64 {
        match self.failure {
            Failure::Refused => 0,
            Failure::TimesOut => self.timeout_ms,
        }
    }

    /// `q` as a share, 0 to 1.
    pub fn slow_share(&self) -> f64 {
        f64::from(self.slow_ppm) / 1e6
    }
}

impl Default for AlbCheck {
    /// What the raw API uses: 30 s, 5 s, 2 failures, 5 successes (rollout-semantics 1.1).
    fn default() -> Self {
        Self::new(30_000, 5_000, 2, 5)
    }
}

/// Which Docker engine runs the check; they differ in how they probe early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// 25 and later: `start_interval` exists and is 5 s when unset.
    #[default]
    V25,
    /// Before 25: `interval` from the beginning.
    Older,
}

/// Health check by the Docker engine, also of an ECS container (rollout-semantics 5.1, 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DockerCheck {
    /// From the end of a probe to the next one, above 0. ECS: 5 to 300 s.
    pub interval_ms: u64,
    /// When a probe is given up. ECS: 2 to 60 s.
    pub timeout_ms: u64,
    /// Failures in a row that make the container unhealthy, 1 or more. ECS: 1 to 10.
    pub retries: u32,
    /// Failures of probes that start before this do not count. ECS: 0 to 300 s.
    pub start_period_ms: u64,
    /// From the end of a probe to the next one inside the start period.
    pub start_interval_ms: u64,
    /// How a probe fails while the application starts.
    pub failure: Failure,
    /// Whether the command can succeed at all (present in the image, right port).
    pub can_pass: bool,
    /// Engine version.
    pub engine: Engine,
}

impl DockerCheck {
    /// A check by the three numbers that matter; the rest at its default.
    pub fn new(interval_ms: u64, timeout_ms: u64, retries: u32) -> Self {
        Self {
            interval_ms,
            timeout_ms,
            retries,
            start_period_ms: 0,
            start_interval_ms: 5_000,
            failure: Failure::Refused,
            can_pass: true,
            engine: Engine::V25,
        }
    }

    /// `d`: from the start of a failing probe to its end, in milliseconds.
    pub fn failure_ms(&self) -> u64 {
        match self.failure {
            Failure::Refused => 0,
            Failure::TimesOut => self.timeout_ms,
        }
    }

    /// Wait before a probe, counted from `at_ms` after the container's start.
    pub(crate) fn wait_ms(&self, at_ms: u64, was_healthy: bool) -> u64 {
        let early = at_ms < self.start_period_ms && !was_healthy && self.engine == Engine::V25;
        if early { self.start_interval_ms } else { self.interval_ms }
    }
}

impl Default for DockerCheck {
    /// The engine's own defaults: 30 s, 30 s, 3 (rollout-semantics 5.1).
    fn default() -> Self {
        Self::new(30_000, 30_000, 3)
    }
}
