//! A container service: what Compose (and a Dockerfile behind it) says of it.

use std::collections::BTreeMap;

use wonin_text::Place;

use crate::Located;

/// A service after interpolation, `extends`, overrides and `env_file`.
#[derive(Debug)]
pub struct Service {
    /// Index of its project in `Stack::projects`.
    pub project: usize,
    /// Its key, with the place of the key.
    pub name: Located<String>,
    /// The whole mapping of the service in its base file, for fixes that insert a key: the
    /// place of the first key under the service, whose column is the indentation.
    pub body: Option<Place>,
    /// `image`.
    pub image: Option<Located<Image>>,
    /// The image that the final stage of its Dockerfile starts from.
    pub base_image: Option<Box<Located<Image>>>,
    /// Its Dockerfile, relative to the given path, where that is among the files.
    pub dockerfile: Option<String>,
    /// `build` context, relative to the given path; `None` for image-only services.
    pub build_context: Option<Located<String>>,
    /// `container_name`.
    pub container_name: Option<Located<String>>,
    /// `hostname`.
    pub hostname: Option<Located<String>>,
    /// `entrypoint`, else the Dockerfile's, as words.
    pub entrypoint: Option<Located<Vec<String>>>,
    /// `command`, else the Dockerfile's `CMD`, as words.
    pub command: Option<Located<Vec<String>>>,
    /// Environment in effect; a key without value that nothing defines is left out.
    pub environment: BTreeMap<String, Located<String>>,
    /// `ports`.
    pub ports: Vec<Located<Port>>,
    /// `expose`, and `EXPOSE` of the Dockerfile.
    pub expose: Vec<Located<u16>>,
    /// Networks it joins, `default` when it names none.
    pub networks: Vec<Attachment>,
    /// `network_mode`.
    pub network_mode: Option<Located<String>>,
    /// `volumes` of the service.
    pub mounts: Vec<Located<Mount>>,
    /// `healthcheck`, else the Dockerfile's `HEALTHCHECK`.
    pub healthcheck: Option<Box<HealthCheck>>,
    /// `depends_on` and `links`.
    pub depends_on: Vec<Dependency>,
    /// `restart`, or `deploy.restart_policy.condition`.
    pub restart: Option<Located<Restart>>,
    /// `deploy.replicas` or `scale`; default 1 left out.
    pub replicas: Option<Located<u32>>,
    /// `mem_limit` or `deploy.resources.limits.memory`, in bytes.
    pub memory_limit_bytes: Option<Located<u64>>,
    /// `cpus` or `deploy.resources.limits.cpus`, in thousandths of a CPU.
    pub cpu_limit_millis: Option<Located<u64>>,
    /// `pids_limit` or `deploy.resources.limits.pids`; 0 and negative (no limit) left out.
    pub pids_limit: Option<Located<u32>>,
    /// `ulimits.nproc` (soft).
    pub nproc_limit: Option<Located<u32>>,
    /// `stop_grace_period`, in milliseconds.
    pub stop_grace_ms: Option<Located<u64>>,
    /// `profiles`; a service with profiles starts only on demand.
    pub profiles: Vec<Located<String>>,
    /// `labels`.
    pub labels: BTreeMap<String, Located<String>>,
    /// `cap_add`.
    pub cap_add: Vec<Located<String>>,
    /// `deploy.update_config`; what is in it makes the service one of Swarm.
    pub update: Option<Box<UpdateConfig>>,
}

impl Service {
    /// A service of a project that says nothing but its name.
    pub fn named(project: usize, name: Located<String>) -> Self {
        Self {
            project,
            name,
            body: None,
            image: None,
            base_image: None,
            dockerfile: None,
            build_context: None,
            container_name: None,
            hostname: None,
            entrypoint: None,
            command: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            expose: Vec::new(),
            networks: Vec::new(),
            network_mode: None,
            mounts: Vec::new(),
            healthcheck: None,
            depends_on: Vec::new(),
            restart: None,
            replicas: None,
            memory_limit_bytes: None,
            cpu_limit_millis: None,
            pids_limit: None,
            nproc_limit: None,
            stop_grace_ms: None,
            profiles: Vec::new(),
            labels: BTreeMap::new(),
            cap_add: Vec::new(),
            update: None,
        }
    }

    /// The names under which other containers of its networks reach it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let given = [Some(&self.name), self.container_name.as_ref(), self.hostname.as_ref()];
        let aliases = self.networks.iter().flat_map(|net| &net.aliases);
        given.into_iter().flatten().chain(aliases).map(|name| name.value.as_str())
    }

    /// Whether other containers of its networks reach it under this name.
    pub fn answers_to(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The repository of its image without registry and tag (`bitnami/kafka`); empty without image.
    pub fn repository(&self) -> &str {
        self.image.as_ref().map_or("", |image| image.value.repository.as_str())
    }

    /// Whether it keeps data over a recreate: a named volume or a bind mount that is not read-only
    /// and not a single configuration file.
    pub fn keeps_data(&self) -> bool {
        self.mounts.iter().any(|mount| {
            matches!(mount.value.kind, MountKind::Volume | MountKind::Directory)
                && !mount.value.read_only
        })
    }
}

/// `deploy.update_config` (Compose Deploy Specification); `None` where nothing is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateConfig {
    /// `parallelism`: slots at a time, 0 for all.
    pub parallelism: Option<Located<u32>>,
    /// `delay`, in milliseconds.
    pub delay_ms: Option<Located<u64>>,
    /// `failure_action`: `pause`, `rollback`, `continue`.
    pub failure_action: Option<Located<String>>,
    /// `monitor`, in milliseconds.
    pub monitor_ms: Option<Located<u64>>,
    /// `max_failure_ratio`, as written.
    pub max_failure_ratio: Option<Located<String>>,
    /// `order`: `stop-first`, `start-first`.
    pub order: Option<Located<String>>,
}

/// An image reference taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// As written, after interpolation.
    pub text: String,
    /// Registry host; empty for the default one.
    pub registry: String,
    /// Path without registry, `library/` left out: `bitnami/kafka`, `redis`.
    pub repository: String,
    /// Tag; `None` means `latest` or a digest.
    pub tag: Option<String>,
    /// Digest with its algorithm.
    pub digest: Option<String>,
}

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Address on the host; empty for all.
    pub host_ip: String,
    /// Port on the host; `None` where the engine chooses.
    pub published: Option<u16>,
    /// Port in the container.
    pub target: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// A network that a service joins.
#[derive(Debug)]
pub struct Attachment {
    /// The network's key in its project.
    pub network: String,
    /// Where the service names it; `None` for the implicit `default`.
    pub place: Option<Place>,
    /// `ipv4_address`.
    pub ipv4_address: Option<Located<String>>,
    /// `aliases`.
    pub aliases: Vec<Located<String>>,
}

/// What kind of thing is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A named volume.
    Volume,
    /// A host directory, or one that may be: a path without a file ending.
    Directory,
    /// A host path that names a file.
    File,
    /// A volume without a name: lost on recreate with renewal, new on each `down`.
    Anonymous,
    /// Memory.
    Tmpfs,
}

/// One entry of `volumes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Kind.
    pub kind: MountKind,
    /// Volume name or host path; empty for anonymous and tmpfs. A host path below the given path
    /// is relative to that, others are as written.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// `ro`.
    pub read_only: bool,
}

/// `depends_on` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `service_started`, the short form, or `links`.
    Started,
    /// `service_healthy`.
    Healthy,
    /// `service_completed_successfully`.
    Completed,
}

/// One dependency of a service.
#[derive(Debug)]
pub struct Dependency {
    /// The service it names.
    pub service: Located<String>,
    /// What it waits for; the place of the condition, or of the name in the short form.
    pub condition: Located<Condition>,
    /// `required: false` turns a failure into a warning.
    pub required: bool,
}

/// Restart policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// `no`, `none`.
    No,
    /// `on-failure`.
    OnFailure,
    /// `always`, `any`.
    Always,
    /// `unless-stopped`.
    UnlessStopped,
}

/// What a health check runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthTest {
    /// `CMD`: program and arguments.
    Exec(Vec<String>),
    /// `CMD-SHELL` or a string.
    Shell(String),
    /// `NONE` or `disable: true`.
    Disabled,
    /// Options without a test of their own; the image's test stays.
    Inherited,
}

/// A container health check; durations in milliseconds, `None` where unset.
#[derive(Debug)]
pub struct HealthCheck {
    /// Where the check begins (its key, or the `HEALTHCHECK` instruction).
    pub place: Place,
    /// What it runs.
    pub test: Located<HealthTest>,
    /// `interval` (engine default 30 s).
    pub interval_ms: Option<Located<u64>>,
    /// `timeout` (engine default 30 s).
    pub timeout_ms: Option<Located<u64>>,
    /// `retries` (engine default 3).
    pub retries: Option<Located<u32>>,
    /// `start_period` (engine default 0).
    pub start_period_ms: Option<Located<u64>>,
    /// `start_interval` (engine default 5 s since engine 25).
    pub start_interval_ms: Option<Located<u64>>,
}
