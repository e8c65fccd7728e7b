//! What a rollout is made of: plain numbers, one type per platform.
//!
//! Lengths of time are whole milliseconds. A plan says what is configured and what is assumed; it
//! does not know which file a number came from.

mod check;
mod compose;
mod ecs;
mod kubernetes;
mod swarm;
mod validate;

pub(crate) use check::NODES_MAX;
pub use check::{AlbCheck, DockerCheck, Engine, Failure, Memory, Merge};
pub use compose::{ComposePlan, ComposeService, Condition, Dependency};
pub use ecs::{
    Alarms, Breaker, BreakerReset, BreakerThreshold, EcsPlan, Fault, Lost, MORE_TARGETS_MAX,
    Switches, UnhealthyPolicy, Zones,
};
pub use kubernetes::{Amount, KubernetesPlan, Probe, Strategy};
pub use swarm::{FailureAction, Order, SwarmPlan};
pub(crate) use validate::TASKS_MAX;
pub use validate::{Problem, validate};

/// A plan for any of the platforms.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// An ECS service, with or without a load balancer.
    Ecs(EcsPlan),
    /// A Kubernetes Deployment.
    Kubernetes(KubernetesPlan),
    /// `docker compose up` on a project.
    Compose(ComposePlan),
    /// A Swarm service update.
    Swarm(SwarmPlan),
}
