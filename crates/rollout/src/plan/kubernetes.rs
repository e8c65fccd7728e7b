//! A Kubernetes Deployment (rollout-semantics 4).

use super::{Failure, Memory};
use crate::draw::Draw;
use crate::startup::Startup;

/// One probe of a container (rollout-semantics 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `initialDelaySeconds`, 0 and above.
    pub initial_delay_ms: u64,
    /// `periodSeconds`, 1 s and above.
    pub period_ms: u64,
    /// `timeoutSeconds`, 1 s and above.
    pub timeout_ms: u64,
    /// `successThreshold`, 1 and above; 1 for liveness and startup.
    pub success_threshold: u32,
    /// `failureThreshold`, 1 and above.
    pub failure_threshold: u32,
    /// How a probe fails while the application starts.
    pub failure: Failure,
    /// Whether path, port and status let a probe pass at all.
    pub can_pass: bool,
}

impl Default for Probe {
    /// What the API server fills in: delay 0, period 10 s, timeout 1 s, success 1, failure 3.
    fn default() -> Self {
        Self {
            initial_delay_ms: 0,
            period_ms: 10_000,
            timeout_ms: 1_000,
            success_threshold: 1,
            failure_threshold: 3,
            failure: Failure::Refused,
            can_pass: true,
        }
    }
}

impl Probe {
    /// `d`: from the start of a failing probe to its end, in milliseconds.
    pub fn failure_ms(&self) -> u64 {
        match self.failure {
            Failure::Refused => 0,
            Failure::TimesOut => self.timeout_ms,
        }
    }
}

/// A number of pods, absolute or as a share of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// This many pods.
    Pods(u32),
    /// Percent of the replicas.
    Percent(u32),
}

/// How old pods make way for new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Step by step within bounds (4.3).
    RollingUpdate {
        /// `maxSurge`, rounded up.
        max_surge: Amount,
        /// `maxUnavailable`, rounded down.
        max_unavailable: Amount,
    },
    /// All old pods go before the first new one starts.
    Recreate,
}

/// A Deployment that rolls from available old pods to a new template.
#[derive(Clone, Debug, PartialEq)]
pub struct KubernetesPlan {
    /// `N`, replicas, 1 and above.
    pub replicas: u32,
    /// Strategy, 25 % and 25 % by default.
    pub strategy: Strategy,
    /// Startup probe.
    pub startup_probe: Option<Probe>,
    /// Liveness probe.
    pub liveness: Option<Probe>,
    /// Readiness probe.
    pub readiness: Option<Probe>,
    /// `minReadySeconds`, below the progress deadline.
    pub min_ready_ms: u64,
    /// `progressDeadlineSeconds`, 600 s by default.
    pub progress_deadline_ms: u64,
    /// `terminationGracePeriodSeconds`, 30 s by default.
    pub termination_grace_ms: u64,
    /// Length of the preStop hook, 0 without one.
    pub pre_stop_ms: u64,
    /// From SIGTERM to exit, cut at the termination grace period.
    pub shutdown: Draw,
    /// From creation of the pod to the start of its container. Default 20 s, inferred.
    pub launch: Draw,
    /// Startup time, drawn anew at every start of the container.
    pub startup: Startup,
    /// The container exits this long after its start.
    pub exits_after_ms: Option<u64>,
    /// Memory of the container, where the need of its start is known (E29).
    pub memory: Option<Memory>,
    /// Cap of the restart back-off, 300 s by default (4.2).
    pub backoff_max_ms: u64,
    /// Pods of this Deployment that fit in the cluster at once; `None` when there is room.
    pub slots: Option<u32>,
    /// How long traffic still reaches a pod that terminates: 2 s in the cluster, 10 s behind an
    /// ALB, inferred (4.4).
    pub endpoint_lag_ms: u64,
    /// Longest request, to find requests that termination cuts off (K8).
    pub longest_request_ms: u64,
}

impl KubernetesPlan {
    /// A Deployment without probes, everything at its default.
    pub fn new(replicas: u32, startup: Startup) -> Self {
        Self {
            replicas,
            strategy: Strategy::RollingUpdate {
                max_surge: Amount::Percent(25),
                max_unavailable: Amount::Percent(25),
            },
            startup_probe: None,
            liveness: None,
            readiness: None,
            min_ready_ms: 0,
            progress_deadline_ms: 600_000,
            termination_grace_ms: 30_000,
            pre_stop_ms: 0,
            shutdown: Draw::constant(0),
            launch: Draw::constant(20_000),
            startup,
            exits_after_ms: None,
            memory: None,
            backoff_max_ms: 300_000,
            slots: None,
            endpoint_lag_ms: 2_000,
            longest_request_ms: 0,
        }
    }

    /// Surge `σ` and unavailable `μ` in pods (4.3).
    ///
    /// Two percentages that both round to nothing leave one pod unavailable, since otherwise no
    /// step would be possible. `Recreate` is `(0, N)`.
    pub fn steps(&self) -> (u32, u32) {
        let n = self.replicas;
        let Strategy::RollingUpdate { max_surge, max_unavailable } = self.strategy else {
            return (0, n);
        };
        let surge = match max_surge {
            Amount::Pods(pods) => pods,
            Amount::Percent(percent) => percent_of(n, percent, true),
        };
        let unavailable = match max_unavailable {
            Amount::Pods(pods) => pods,
            Amount::Percent(percent) => percent_of(n, percent, false),
        };
        if surge == 0 && unavailable == 0 { (0, n.min(1)) } else { (surge, unavailable.min(n)) }
    }
}

fn percent_of(n: u32, percent: u32, up: bool) -> u32 {
    let product = u64::from(n) * u64::from(percent);
    let pods = if up { product.div_ceil(100) } else { product / 100 };
    u32::try_from(pods).unwrap_or(u32::MAX)
}
