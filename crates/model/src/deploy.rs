//! Services that an orchestrator rolls out: ECS behind a load balancer, Kubernetes workloads.
//!
//! What is configured, with the default of the layer that sends it where nothing is written
//! (rollout-semantics 9). Compose and Swarm services are [`crate::Service`]s.

use wonin_text::Place;

use crate::{ClusterInstances, DeploymentAlarms, Located};

/// One service as its orchestrator knows it.
#[derive(Debug)]
pub struct Deployment {
    /// Name for people.
    pub name: String,
    /// Address in its language: `aws_ecs_service.api`, `Deployment/web`.
    pub address: String,
    /// Directory of the file that declares it.
    pub dir: String,
    /// Where it is declared.
    pub place: Place,
    /// What runs it.
    pub workload: Workload,
    /// Settings whose value could not be told, and why; nothing is assumed for them.
    pub unknown: Vec<Unknown>,
}

/// A setting whose value could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The setting's name in its language.
    pub setting: String,
    /// Where it stands.
    pub place: Place,
    /// Why: `var.grace has no default and no value`.
    pub why: String,
}

/// What runs a deployment.
#[derive(Debug)]
pub enum Workload {
    /// Amazon ECS.
    Ecs(Box<EcsService>),
    /// Kubernetes.
    Kubernetes(Box<KubeWorkload>),
}

/// Where ECS places tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchType {
    /// Container instances.
    Ec2,
    /// Fargate.
    Fargate,
}

/// An ECS service. `None` means unknown, see [`Deployment::unknown`]; defaults are filled in.
#[derive(Debug)]
pub struct EcsService {
    /// `desired_count`.
    pub desired_count: Option<Located<u32>>,
    /// `deployment_minimum_healthy_percent`.
    pub minimum_healthy_percent: Option<Located<u32>>,
    /// `deployment_maximum_percent`.
    pub maximum_percent: Option<Located<u32>>,
    /// `health_check_grace_period_seconds`.
    pub grace_period_s: Option<Located<u64>>,
    /// `deployment_controller.type` where it is written: `ECS`, `CODE_DEPLOY`, `EXTERNAL`; the
    /// strategy of the deployment configuration where it is another than `ROLLING`: `BLUE_GREEN`.
    pub controller: Option<Located<String>>,
    /// `scheduling_strategy` where it is written: `REPLICA`, `DAEMON`.
    pub scheduling_strategy: Option<Located<String>>,
    /// `launch_type` or the capacity provider.
    pub launch_type: Option<Located<LaunchType>>,
    /// `deployment_circuit_breaker.enable`.
    pub breaker_enabled: Option<Located<bool>>,
    /// `deployment_circuit_breaker.rollback`.
    pub breaker_rollback: Option<Located<bool>>,
    /// `wait_for_steady_state`.
    pub wait_for_steady_state: Option<Located<bool>>,
    /// `timeouts.update`, or the provider's default.
    pub update_timeout_s: Option<Located<u64>>,
    /// Task definition.
    pub task: Option<TaskDefinition>,
    /// Target groups it registers in.
    pub target_groups: Vec<TargetGroup>,
    /// The instances of its cluster, where one group of them is declared beside it.
    pub instances: Option<ClusterInstances>,
    /// `alarms`, where they are written.
    pub alarms: Option<DeploymentAlarms>,
    /// Availability zones of the subnets in which its tasks run, one for each subnet; empty where
    /// one of them is not known.
    pub task_zones: Vec<Located<String>>,
    /// The same of its load balancer.
    pub balancer_zones: Vec<Located<String>>,
}

/// An ECS task definition.
#[derive(Debug)]
pub struct TaskDefinition {
    /// Where it is declared.
    pub place: Place,
    /// Task-level `cpu`, in units of 1/1024 vCPU: a hard limit.
    pub cpu_units: Option<Located<u32>>,
    /// Task-level `memory`, in MiB.
    pub memory_mib: Option<Located<u32>>,
    /// `network_mode`.
    pub network_mode: Option<Located<String>>,
    /// Containers.
    pub containers: Vec<EcsContainer>,
}

/// A container of an ECS task.
#[derive(Debug)]
pub struct EcsContainer {
    /// Name.
    pub name: Located<String>,
    /// `essential` (default true).
    pub essential: bool,
    /// Container-level `cpu`, in units: shares on EC2, no limit.
    pub cpu_units: Option<Located<u32>>,
    /// `memory`, in MiB.
    pub memory_mib: Option<Located<u32>>,
    /// `memoryReservation`, in MiB.
    pub memory_reservation_mib: Option<Located<u32>>,
    /// `stopTimeout`.
    pub stop_timeout_s: Located<u64>,
    /// Static host ports; dynamic ones (0) left out.
    pub host_ports: Vec<Located<u16>>,
    /// Container ports.
    pub container_ports: Vec<Located<u16>>,
    /// `healthCheck`.
    pub health_check: Option<EcsContainerCheck>,
    /// The largest heap of a Java program, by its command and environment, in bytes.
    pub heap_max_bytes: Option<Located<u64>>,
}

/// The health check of a task definition (rollout-semantics 2.8).
#[derive(Debug)]
pub struct EcsContainerCheck {
    /// Where it stands.
    pub place: Place,
    /// `command`, joined by blanks.
    pub command: Option<Located<String>>,
    /// `interval`.
    pub interval_s: Located<u64>,
    /// `timeout`.
    pub timeout_s: Located<u64>,
    /// `retries`.
    pub retries: Located<u32>,
    /// `startPeriod`; 0 when off.
    pub start_period_s: Located<u64>,
}

/// A target group of an Application Load Balancer (rollout-semantics 1.1). `None` means unknown.
#[derive(Debug)]
pub struct TargetGroup {
    /// Address or name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// `load_balancer.container_name` of the service.
    pub container_name: Option<Located<String>>,
    /// `load_balancer.container_port` of the service.
    pub container_port: Option<Located<u16>>,
    /// `health_check.interval`.
    pub interval_s: Option<Located<u64>>,
    /// `health_check.timeout`.
    pub timeout_s: Option<Located<u64>>,
    /// `health_check.healthy_threshold`.
    pub healthy_threshold: Option<Located<u32>>,
    /// `health_check.unhealthy_threshold`.
    pub unhealthy_threshold: Option<Located<u32>>,
    /// `health_check.matcher`.
    pub matcher: Option<Located<String>>,
    /// `health_check.path`.
    pub path: Option<Located<String>>,
    /// `health_check.port`.
    pub check_port: Option<Located<String>>,
    /// `port`.
    pub port: Option<Located<u16>>,
    /// `protocol`.
    pub protocol: Option<Located<String>>,
    /// `deregistration_delay`.
    pub deregistration_delay_s: Option<Located<u64>>,
    /// `slow_start`.
    pub slow_start_s: Option<Located<u64>>,
}

/// A number of pods, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Absolute.
    Pods(u32),
    /// Percent of the replicas.
    Percent(u32),
}

/// `strategy.type` of a Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeStrategy {
    /// Step by step.
    RollingUpdate,
    /// All old pods first.
    Recreate,
}

/// A Kubernetes workload with what selects it.
#[derive(Debug)]
pub struct KubeWorkload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`.
    pub kind: String,
    /// `metadata.namespace`; empty when unset.
    pub namespace: String,
    /// `spec.replicas`.
    pub replicas: Located<u32>,
    /// `spec.strategy.type`.
    pub strategy: Located<KubeStrategy>,
    /// `rollingUpdate.maxSurge`.
    pub max_surge: Located<Count>,
    /// `rollingUpdate.maxUnavailable`.
    pub max_unavailable: Located<Count>,
    /// `minReadySeconds`.
    pub min_ready_s: Located<u64>,
    /// `progressDeadlineSeconds`.
    pub progress_deadline_s: Located<u64>,
    /// `terminationGracePeriodSeconds`.
    pub termination_grace_s: Located<u64>,
    /// Containers, init containers left out.
    pub containers: Vec<KubeContainer>,
    /// `PodDisruptionBudget`s that select it.
    pub disruption_budgets: Vec<DisruptionBudget>,
    /// The `HorizontalPodAutoscaler`'s `minReplicas`, where one targets it.
    pub autoscaler_minimum: Option<Located<u32>>,
    /// Services that select it: name with the target port.
    pub services: Vec<KubeService>,
    /// A required anti-affinity against its own pods: the topology key, such as
    /// `kubernetes.io/hostname`.
    pub own_anti_affinity: Option<Located<String>>,
    /// The zone to which a node selector or a required node affinity binds all its pods.
    pub only_zone: Option<Located<String>>,
    /// Persistent volume claims that it mounts and that pods on one node alone can use
    /// (`ReadWriteOnce`, `ReadWriteOncePod`), by name.
    pub single_node_claims: Vec<Located<String>>,
}

/// A container of a pod.
#[derive(Debug)]
pub struct KubeContainer {
    /// Name.
    pub name: Located<String>,
    /// `startupProbe`.
    pub startup: Option<Box<Probe>>,
    /// `readinessProbe`.
    pub readiness: Option<Box<Probe>>,
    /// `livenessProbe`.
    pub liveness: Option<Box<Probe>>,
    /// Declared container ports: number and name.
    pub ports: Vec<(Located<u16>, Option<String>)>,
    /// `resources.requests.cpu`, in thousandths.
    pub cpu_request_millis: Option<Located<u64>>,
    /// `resources.limits.cpu`, in thousandths.
    pub cpu_limit_millis: Option<Located<u64>>,
    /// `resources.limits.memory`, in bytes.
    pub memory_limit_bytes: Option<Located<u64>>,
    /// The largest heap of a Java program, by its command and environment, in bytes.
    pub heap_max_bytes: Option<Located<u64>>,
    /// Ports of the node that it takes (`hostPort`).
    pub host_ports: Vec<Located<u16>>,
    /// Whether it has a `preStop` hook of any kind.
    pub has_pre_stop: bool,
    /// A `preStop` hook that sleeps: for how long.
    pub pre_stop_sleep_s: Option<Located<u64>>,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// `httpGet`: port (number or name) and path.
    Http {
        /// Port.
        port: String,
        /// Path.
        path: String,
    },
    /// `tcpSocket`: port.
    Tcp(String),
    /// `grpc`: port.
    Grpc(String),
    /// `exec`: the command joined by blanks.
    Exec(String),
}

/// A Kubernetes probe with defaults filled in (rollout-semantics 4.1).
#[derive(Debug)]
pub struct Probe {
    /// Where it stands.
    pub place: Place,
    /// What it asks.
    pub target: Located<ProbeTarget>,
    /// `initialDelaySeconds`.
    pub initial_delay_s: Located<u64>,
    /// `periodSeconds`.
    pub period_s: Located<u64>,
    /// `timeoutSeconds`.
    pub timeout_s: Located<u64>,
    /// `successThreshold`.
    pub success_threshold: Located<u32>,
    /// `failureThreshold`.
    pub failure_threshold: Located<u32>,
}

/// A PodDisruptionBudget.
#[derive(Debug)]
pub struct DisruptionBudget {
    /// Name.
    pub name: Located<String>,
    /// `minAvailable`.
    pub min_available: Option<Located<Count>>,
    /// `maxUnavailable`.
    pub max_unavailable: Option<Located<Count>>,
}

/// A Service that selects the workload.
#[derive(Debug)]
pub struct KubeService {
    /// Name.
    pub name: Located<String>,
    /// Target ports: number or name.
    pub target_ports: Vec<Located<String>>,
}
