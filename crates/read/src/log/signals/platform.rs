//! Container engines and orchestrators (rollout-semantics 4, 5, 9; failure-knowledge 1.5, 9).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    // Images.
    text(
        "image.gone",
        "manifest unknown",
        r"(?:manifest for (?P<image>\S+) not found: )?manifest unknown",
    ),
    text("image.gone", "not found: manifest", r"manifest for (?P<image>\S+) not found"),
    text(
        "image.gone",
        "failed to resolve reference",
        r#"failed to resolve reference "(?P<image>[^"]+)": .*?not found"#,
    ),
    text(
        "image.gone",
        "failed to resolve ref ",
        r"failed to resolve ref (?P<image>\S+): [^\n]*?not found",
    ),
    text(
        "image.gone",
        "reading manifest ",
        r"reading manifest \S+ in (?P<image>\S+): manifest unknown",
    ),
    text("image.pull-denied", "pull access denied", r"pull access denied for (?P<image>[^\s,]+)"),
    text("image.pull-failed", "ImagePullBackOff", r"ImagePullBackOff"),
    text("image.pull-failed", "Failed to pull image", r#"Failed to pull image "(?P<image>[^"]+)""#),
    text("image.pull-failed", "ErrImagePull", r"ErrImagePull"),
    text("image.rate-limited", "toomanyrequests", r"toomanyrequests"),
    text("image.wrong-architecture", "exec format error", r"exec format error"),
    // Kubernetes.
    text(
        "kubernetes.liveness-failed",
        "Liveness probe failed",
        r"Liveness probe failed(?:: (?P<why>[^\n]+))?",
    ),
    text(
        "kubernetes.readiness-failed",
        "Readiness probe failed",
        r"Readiness probe failed(?:: (?P<why>[^\n]+))?",
    ),
    text(
        "kubernetes.startup-failed",
        "Startup probe failed",
        r"Startup probe failed(?:: (?P<why>[^\n]+))?",
    ),
    text(
        "kubernetes.killed-by-probe",
        "will be restarted",
        r"Container (?P<container>\S+) failed (?P<probe>liveness|startup) probe, will be restarted",
    ),
    text(
        "kubernetes.back-off",
        "Back-off restarting failed container",
        r"Back-off restarting failed container(?: (?P<container>\S+))?",
    ),
    text("kubernetes.back-off", "CrashLoopBackOff", r"CrashLoopBackOff"),
    text("kubernetes.progress-deadline", "ProgressDeadlineExceeded", r"ProgressDeadlineExceeded"),
    text(
        "kubernetes.progress-deadline",
        "exceeded its progress deadline",
        r#"deployment "(?P<deployment>[^"]+)" exceeded its progress deadline"#,
    ),
    text(
        "kubernetes.not-scheduled",
        "FailedScheduling",
        r"FailedScheduling(?:\s+(?P<why>[^\n]+))?",
    ),
    text(
        "kubernetes.not-scheduled",
        "nodes are available:",
        r"(?P<available>\d+)/(?P<nodes>\d+) nodes are available: (?P<why>[^\n]+)",
    ),
    text("kubernetes.oom-killed", "OOMKilled", r"OOMKilled"),
    text(
        "kubernetes.no-ephemeral-storage",
        "low on resource: ephemeral-storage",
        r"low on resource: ephemeral-storage",
    ),
    text("kubernetes.evicted", "Evicted", r"Evicted|was evicted"),
    text(
        "kubernetes.disruption-budget",
        "Cannot evict pod as it would violate the pod's disruption budget",
        r"Cannot evict pod as it would violate the pod's disruption budget",
    ),
    text(
        "kubernetes.volume-not-attached",
        "Multi-Attach error for volume",
        r#"Multi-Attach error for volume "(?P<volume>[^"]+)""#,
    ),
    text(
        "kubernetes.scaled-down",
        "Scaled down replica set",
        r"Scaled down replica set (?P<deployment>\S+)-[a-z0-9]{5,10} to (?P<to>\d+)(?: from (?P<from>\d+))?",
    ),
    text(
        "kubernetes.scaled-up",
        "Scaled up replica set",
        r"Scaled up replica set (?P<deployment>\S+)-[a-z0-9]{5,10} to (?P<to>\d+)(?: from (?P<from>\d+))?",
    ),
    // Checks of containers and of load balancers.
    text(
        "container.check-tool-missing",
        "executable file not found in",
        r#"(?:OCI runtime exec failed|[Pp]robe (?:failed|errored)|[Hh]ealth ?check)[^\n]{0,400}?exec: \\*"(?P<tool>[^"\\]+)\\*": executable file not found in"#,
    ),
    text(
        "alb.interval-not-above-timeout",
        "Health check interval must be greater than the timeout",
        r"Health check interval must be greater than the timeout",
    ),
    text(
        "alb.interval-not-above-timeout",
        "must be smaller than the interval",
        r"Health check timeout '(?P<timeout>\d+)' must be smaller than the interval '(?P<interval>\d+)'",
    ),
    text(
        "alb.zone-not-enabled",
        "Availability Zone that is not enabled for",
        r"Target is in an Availability Zone that is not enabled for (?:the|its) load balancer",
    ),
    // Compose, Docker and Swarm.
    text(
        "compose.dependency-failed",
        "dependency failed to start",
        r"dependency failed to start: (?P<why>[^\n]+)",
    ),
    text(
        "compose.dependency-failed",
        "is unhealthy",
        r"[Cc]ontainer (?P<container>\S+) is unhealthy",
    ),
    text(
        "compose.exited",
        "exited with code ",
        r"(?P<container>[\w.\-]+) exited with code (?P<code>[1-9]\d*)",
    ),
    text(
        "docker.address-in-use",
        "Address already in use",
        r"(?:failed to set up container networking|starting container failed|network|endpoint)[^\n]*Address already in use",
    ),
    text(
        "docker.no-subnet-for-address",
        "no configured subnet contains IP address",
        r"no configured subnet contains IP address (?P<address>\S+)",
    ),
    text(
        "docker.no-subnet-for-address",
        "user specified IP address is supported only when",
        r"user specified IP address is supported only when connecting to networks with user configured subnets",
    ),
    text(
        "docker.no-subnet-for-address",
        "user-specified IP address is supported on user-defined networks only",
        r"user-specified IP address is supported on user-defined networks only",
    ),
    text(
        "docker.pool-exhausted",
        "no available addresses on this pool",
        r"no available (?:IPv4 )?addresses on this (?:network's address )?pool",
    ),
    text(
        "docker.pool-exhausted",
        "could not find an available, non-overlapping IPv4 address pool",
        r"could not find an available, non-overlapping IPv4 address pool",
    ),
    text(
        "docker.port-taken",
        "port is already allocated",
        r"Bind for (?P<address>\S+) failed: port is already allocated",
    ),
    text(
        "docker.name-taken",
        "is already in use by container",
        r#"The container name "(?P<name>[^"]+)" is already in use by container"#,
    ),
    text(
        "swarm.update-paused",
        "update paused due to failure",
        r"update paused due to failure or early termination of task (?P<task>\S+)",
    ),
    text(
        "swarm.task-exited",
        "task: non-zero exit (",
        r#"task: non-zero exit \((?P<code>\d+)\)(?:: (?P<why>[^\n"]+))?"#,
    ),
    text("swarm.no-image", "Rejected: No such image: ", r"Rejected: No such image: (?P<image>\S+)"),
    text(
        "swarm.start-failed",
        "starting container failed: ",
        r"starting container failed: (?P<why>[^\n]+)",
    ),
    text("swarm.converged", "converged", r"verify: Service (?:\S+ )?converged"),
    text("swarm.no-node", "no suitable node", r"no suitable node(?: \((?P<why>[^)]+)\))?"),
    text(
        "systemd.start-limit",
        "Start request repeated too quickly",
        r"Start request repeated too quickly",
    ),
    text(
        "systemd.unit-failed",
        "Failed with result",
        r"(?P<unit>\S+): Failed with result '(?P<why>[^']+)'",
    ),
    text(
        "systemd.stop-killed",
        "State 'stop-sigterm' timed out",
        r"(?P<unit>\S+): State 'stop-sigterm' timed out",
    ),
];
