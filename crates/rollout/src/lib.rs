//! Rolling deployments, simulated and solved.
//!
//! A [`Plan`] is what an engineer configured, as plain numbers: an ECS service behind a load
//! balancer, a Kubernetes Deployment, a Compose project, a Swarm service. The simulators follow a
//! rollout event by event in whole milliseconds; equal plan and seed give equal bytes. Many runs
//! make an [`Outcome`]; the solver says which settings are to blame and which smallest change
//! lets the rollout complete.
//!
//! Nothing here reads a file, a clock or the environment. The rules, their sources and what is
//! only inferred are in the specification `rollout-semantics`, whose sections the comments name.

pub mod alb;
pub mod bounds;
pub mod closed;
pub mod compose;
pub mod configured;
pub mod docker;
mod draw;
pub mod ecs;
mod event;
pub mod instances;
pub mod kubernetes;
mod monte_carlo;
mod outcome;
pub mod plan;
mod queue;
pub mod rehearsal;
pub mod solve;
mod startup;
pub mod swarm;

pub use bounds::Bounds;
pub use draw::{Draw, NEVER_MS, Phase, Stream};
pub use event::{CapacityPoint, Event, EventKind, Recorder, Silent, TIMELINE_MAX, Timeline};
pub use monte_carlo::{Sampling, Simulator, is_deadlock};
pub use outcome::{Ending, Ends, Outcome, Outlook, Run};
pub use plan::{Plan, Problem, validate};
pub use startup::{Cpu, CpuLaw, Startup, fargate_units};
