//! The words of wonin.
//!
//! Everything flows one way and passes one place: readers, probes and rehearsals produce
//! [`Evidence`]; failure modes examine it and produce a [`Diagnosis`]; reports render that. This
//! crate holds those types and nothing that acts.

mod code;
mod deploy;
mod diagnosis;
mod event;
mod evidence;
mod finding;
mod gateway;
mod kafka;
mod live;
mod located;
mod placement;
pub mod rehearsal;
pub mod secret;
mod server;
mod service;
mod spelling;
mod spring;
mod stack;
pub mod startup;
mod threads;

pub use code::{Code, EarlyAnswer, FrozenCredentials, PoolPerCall, Scope};
pub use deploy::{
    Count, Deployment, DisruptionBudget, EcsContainer, EcsContainerCheck, EcsService,
    KubeContainer, KubeService, KubeStrategy, KubeWorkload, LaunchType, Probe, ProbeTarget,
    TargetGroup, TaskDefinition, Unknown, Workload,
};
pub use diagnosis::{Diagnosis, Group, NotChecked, Unexplained};
pub use event::{Assumed, Hit, Level, Log, Signal, Template};
pub use evidence::{Evidence, ReadFile, Skipped};
pub use finding::{
    Because, Confidence, Explained, FileEdit, Finding, Fix, Goal, Mode, ModeMeta, Role, Severity,
    Share, Standing,
};
pub use gateway::{Gateway, Upstream};
pub use kafka::{
    ClientKind, ClientLibrary, KafkaBroker, KafkaClient, KafkaDistribution, KafkaTopic, NotApplied,
    PodService, Pods, Settings, WhyNotApplied,
};
pub use live::{
    AnswerOutcome, AnswerRun, Burst, Certificate, ContainerState, Load, LoadSlot, PartitionState,
    Registration, Series, Slow, Thread, ThreadDump, VoterState,
};
pub use located::{Inheritance, Inherited, Interpolated, Located, Origin, Standard};
pub use placement::{ClusterInstances, DeploymentAlarms, MetricAlarm, ZoneShare};
pub use server::{Server, ServerProduct};
pub use service::{
    Attachment, Condition, Dependency, HealthCheck, HealthTest, Image, Mount, MountKind, Port,
    Restart, Service, UpdateConfig,
};
pub use spelling::distance;
pub use spring::App;
pub use stack::{NameIndex, Network, Project, ServiceId, Stack, Volume};
pub use startup::GivenStartup;
pub use threads::{GroupCount, LockOwner, StackGroup, StuckThread, ThreadGroup, ThreadSet};
