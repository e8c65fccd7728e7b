//! `docker compose up` on a project (rollout-semantics 5.3).

use super::DockerCheck;
use crate::draw::Draw;
use crate::startup::Startup;

/// What a dependent waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `service_started`: no wait beyond the start.
    Started,
    /// `service_healthy`: every container healthy.
    Healthy,
    /// `service_completed_successfully`: exit with 0.
    CompletedSuccessfully,
}

/// One entry of `depends_on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Index of the service in the plan.
    pub on: usize,
    /// What to wait for.
    pub condition: Condition,
    /// `required: false` turns a failure into a warning.
    pub required: bool,
}

/// One service of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposeService {
    /// Name in the file.
    pub name: String,
    /// Whether `up` recreates it; others run already and stay as they are.
    pub changed: bool,
    /// What it waits for.
    pub depends_on: Vec<Dependency>,
    /// Health check of its container.
    pub check: Option<DockerCheck>,
    /// Time from the container's start until its check would pass.
    pub startup: Startup,
    /// From SIGTERM to exit when it is recreated, cut at the grace period (10 s by default).
    pub stop: Draw,
    /// The container ends by itself: after how long and with which code.
    pub exits: Option<(u64, i32)>,
}

impl ComposeService {
    /// A changed service that depends on nothing.
    pub fn new(name: impl Into<String>, startup: Startup) -> Self {
        Self {
            name: name.into(),
            changed: true,
            depends_on: Vec::new(),
            check: None,
            startup,
            stop: Draw::constant(0),
            exits: None,
        }
    }
}

/// A project and how it is brought up.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposePlan {
    /// Services in any order.
    pub services: Vec<ComposeService>,
    /// From the start call until a container runs. Default 0, inferred.
    pub launch_ms: u64,
    /// `--wait-timeout`.
    pub wait_timeout_ms: Option<u64>,
    /// `--wait`: `up` returns when every service runs and is healthy where it has a check.
    pub wait: bool,
    /// Service whose health check the solver may change.
    pub focus: usize,
}

impl ComposePlan {
    /// A project brought up with plain `up -d`.
    pub fn new(services: Vec<ComposeService>) -> Self {
        Self { services, launch_ms: 0, wait_timeout_ms: None, wait: false, focus: 0 }
    }
}
