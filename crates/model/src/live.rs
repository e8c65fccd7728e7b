//! What was found running: containers, networks, thread dumps, series, slow statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use wonin_text::Place;

/// A container as `docker inspect` or `kubectl get pod` shows it.
#[derive(Clone, Debug)]
pub struct ContainerState {
    /// Who says it: `docker-inspect`, `docker-network`, `docker-ps`, `compose-ps`, `swarm`,
    /// `kubernetes`, `ecs`.
    pub source: &'static str,
    /// Container or pod name; `pod/container` where a pod has several.
    pub name: String,
    /// Compose project or Kubernetes namespace.
    pub project: Option<String>,
    /// The Compose service or workload, from its labels.
    pub service: Option<String>,
    /// Where the answer begins.
    pub place: Place,
    /// `running`, `exited`, `restarting`, `CrashLoopBackOff`.
    pub status: Option<String>,
    /// Exit code of the last end.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for memory.
    pub oom_killed: bool,
    /// Restarts counted.
    pub restarts: u32,
    /// `healthy`, `unhealthy`, `starting`.
    pub health: Option<String>,
    /// What the last run of its health check said, and where.
    pub check_output: Option<(String, Place)>,
    /// Addresses by network, each with its place.
    pub addresses: Vec<(String, String, Place)>,
    /// Memory limit in bytes; 0 left out.
    pub memory_limit_bytes: Option<u64>,
    /// Image.
    pub image: Option<String>,
    /// What the engine says of why it does not run: `Address already in use`, the message of
    /// `ImagePullBackOff`.
    pub error: Option<String>,
    /// Last start, Unix milliseconds.
    pub started_ms: Option<i64>,
    /// Last end, Unix milliseconds.
    pub finished_ms: Option<i64>,
}

/// A registration that some state store keeps: who says it is where.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Who keeps it: `pinot`, `redis-cluster`, `eureka`, `consul`, `nacos`.
    pub store: &'static str,
    /// The service or role that it is of: `Broker`, `ORDER-SERVICE`, `master`.
    pub service: Option<String>,
    /// The id: `Broker_172.24.0.9_8099`.
    pub id: String,
    /// Host or address in it.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// Where it stands.
    pub place: Place,
    /// Whether the store says that it is alive.
    pub alive: Option<bool>,
}

/// A certificate in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The line that begins it.
    pub place: Place,
    /// Common name of whom it is for, or all of the name.
    pub subject: String,
    /// Common name of who signed it, or all of the name.
    pub issuer: String,
    /// Names and addresses that it is good for.
    pub names: Vec<String>,
    /// Begin, Unix milliseconds.
    pub not_before_ms: i64,
    /// End, Unix milliseconds.
    pub not_after_ms: i64,
    /// Whether it is that of an authority.
    pub is_authority: bool,
}

/// Answers of one kind that a query service gave one after the other.
#[derive(Clone, Debug)]
pub struct AnswerRun {
    /// Whose answers: `pinot`.
    pub source: &'static str,
    /// The service whose log has them, where known.
    pub service: Option<String>,
    /// The table that was asked for, where the answer says it.
    pub table: Option<String>,
    /// What became of the queries.
    pub outcome: AnswerOutcome,
    /// Servers that did not answer, as the answers name them; at most [`AnswerRun::SERVERS_MAX`].
    pub servers: Vec<String>,
    /// How many answers.
    pub count: u64,
    /// Time of the first, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Time of the last.
    pub last_ms: Option<i64>,
    /// The longest that one took, in milliseconds.
    pub longest_ms: Option<u64>,
    /// The first answer.
    pub place: Place,
}

impl AnswerRun {
    /// How many servers are kept.
    pub const SERVERS_MAX: usize = 8;
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// Rows came, or servers answered that there are none.
    Answered,
    /// No error, no rows, and no server was asked.
    NobodyAsked,
    /// A server refused the connection.
    Refused,
    /// A server did not answer in time.
    Unanswered,
    /// It failed in another way.
    Failed,
}

/// One partition as `kafka-topics --describe` shows it.
#[derive(Clone, Debug)]
pub struct PartitionState {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: u32,
    /// Where it stands.
    pub place: Place,
    /// Node of the leader; `None` without one.
    pub leader: Option<i64>,
    /// Nodes that hold a copy.
    pub replicas: Vec<i64>,
    /// Nodes whose copies are in sync.
    pub in_sync: Vec<i64>,
    /// `min.insync.replicas` of the topic, where its own line says it.
    pub min_in_sync: Option<u32>,
}

/// One node of a metadata quorum as `kafka-metadata-quorum describe` shows it.
#[derive(Clone, Debug)]
pub struct VoterState {
    /// Node id.
    pub node: i64,
    /// Where it stands.
    pub place: Place,
    /// Offset that it has reached; -1 for one that never fetched; `None` where only `--status` was
    /// asked.
    pub log_end_offset: Option<i64>,
    /// Records that it lacks.
    pub lag: Option<i64>,
    /// When it last had all, Unix milliseconds; `None` where the tool says -1 or nothing.
    pub caught_up_ms: Option<i64>,
    /// `Leader`, `Follower`, `Observer`; `Voter` where no leader is known.
    pub role: String,
}

/// One snapshot of all threads.
#[derive(Clone, Debug)]
pub struct ThreadDump {
    /// Where it begins.
    pub place: Place,
    /// `jstack`, `jcmd-json`, `actuator`.
    pub format: &'static str,
    /// Unix milliseconds, where the dump says it; one without a zone is taken as UTC.
    pub at_ms: Option<i64>,
    /// What dumps of one process have in common: an address or a process number; `None` where the
    /// dump says nothing of the kind.
    pub process: Option<String>,
    /// Threads in the order of the dump.
    pub threads: Vec<Thread>,
    /// Deadlocks that the dump itself names: thread names in a circle.
    pub deadlocks: Vec<Vec<String>>,
}

/// One thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Name.
    pub name: String,
    /// What tells it from another one of its name, over all dumps of a process: its Java number.
    pub id: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// `RUNNABLE`, `BLOCKED`, `WAITING`, `TIMED_WAITING`; `None` where the format has none.
    pub state: Option<String>,
    /// Frames, the innermost first, without module, version and hidden class numbers:
    /// `java.lang.Thread.sleep(Native Method)`. Equal stacks of a dump share their memory; of a
    /// deep one the innermost [`Thread::FRAMES_MAX`] are here.
    pub stack: Arc<[String]>,
    /// Lock that it cannot get, as `class@number`: somebody else holds it.
    pub waits_for: Option<String>,
    /// Name of the thread that holds `waits_for`, where the dump itself says it.
    pub waits_for_thread: Option<String>,
    /// Condition or object on which it waits to be notified, which nobody holds.
    pub waits_on: Option<String>,
    /// Locks it holds.
    pub holds: Vec<String>,
    /// Processor time used so far, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Whether it belongs to the virtual machine and runs no Java code: compilers, collectors.
    pub is_internal: bool,
    /// Whether it is a virtual thread, which no limit of the system bounds.
    pub is_virtual: bool,
}

impl Thread {
    /// How many frames of a stack are kept.
    pub const FRAMES_MAX: usize = 256;
}

/// One statement or request of a slow log or an access log, summed over its template.
#[derive(Clone, Debug)]
pub struct Slow {
    /// `postgresql`, `mysql`, `redis`, `mongodb`, `access-log`, `request-log`.
    pub source: &'static str,
    /// The service, where known.
    pub service: Option<String>,
    /// The statement without its literals.
    pub template: String,
    /// First event.
    pub place: Place,
    /// Events.
    pub count: u64,
    /// Sum of the durations as logged, in microseconds.
    pub total_us: u64,
    /// Longest.
    pub max_us: u64,
    /// Share of `total_us` that was the statement's own service by the single-server identity
    /// (failure-knowledge 13), in microseconds; `None` where start times are not known.
    pub service_us: Option<u64>,
    /// First and last time, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Last time.
    pub last_ms: Option<i64>,
    /// Sum of the times that it waited for locks, in microseconds, where the source tells.
    pub lock_us: Option<u64>,
    /// Sum of the rows or documents that it looked at, and of those that it gave back, where the
    /// source tells.
    pub rows: Option<(u64, u64)>,
    /// Clients with their counts, the most frequent first; at most [`Slow::CLIENTS_MAX`].
    pub clients: Vec<(String, u64)>,
    /// The largest run of the template from one client with one varying parameter: how many
    /// within how many milliseconds, and the gap between two.
    pub burst: Option<Burst>,
}

impl Slow {
    /// How many clients are kept.
    pub const CLIENTS_MAX: usize = 16;
}

/// A run of like requests.
#[derive(Clone, Debug)]
pub struct Burst {
    /// Client.
    pub client: String,
    /// Requests.
    pub count: u64,
    /// From the first start to the last end, milliseconds.
    pub span_ms: u64,
    /// Begin, Unix milliseconds.
    pub at_ms: i64,
    /// Distinct sets of parameters.
    pub distinct: u64,
    /// How many parameters were not the same in all requests; 1 is the mark of a loop that asks
    /// for one thing at a time.
    pub varying: u32,
    /// Where it begins.
    pub place: Place,
}

/// All statements or requests of one server that a slow log or an access log has.
#[derive(Clone, Debug)]
pub struct Load {
    /// As in [`Slow::source`].
    pub source: &'static str,
    /// The service, where known.
    pub service: Option<String>,
    /// First event.
    pub place: Place,
    /// Events.
    pub events: u64,
    /// Templates among them.
    pub templates: u64,
    /// Sum of the durations as logged, in microseconds.
    pub total_us: u64,
    /// Sum of the own service times by the single-server identity, in microseconds; `None` where
    /// times are not known.
    pub service_us: Option<u64>,
    /// Whether all times are whole seconds: service times of requests shorter than that are rough,
    /// and rather too small.
    pub whole_seconds: bool,
    /// First and last time, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Last time.
    pub last_ms: Option<i64>,
    /// Time slots in which something happened, ascending; they widen so that there are at most
    /// [`Load::SLOTS_MAX`].
    pub slots: Vec<LoadSlot>,
    /// Width of a slot in milliseconds.
    pub slot_ms: i64,
}

impl Load {
    /// How many slots are kept.
    pub const SLOTS_MAX: usize = 256;
}

/// What one server did in one time slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadSlot {
    /// Begin, Unix milliseconds.
    pub at_ms: i64,
    /// Events that end in it.
    pub events: u64,
    /// Sum of their durations as logged, in microseconds.
    pub total_us: u64,
    /// Sum of their own service times, in microseconds: near the slot's width, one server was busy
    /// all the time.
    pub service_us: u64,
    /// The longest duration, in microseconds.
    pub max_us: u64,
}

/// Numbers over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Metric name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Unix milliseconds with value, ascending; one scrape gives one point. A scrape that says no
    /// time has [`Series::NO_TIME`] and stands in the order of the files.
    pub points: Vec<(i64, f64)>,
    /// The first point's line.
    pub place: Place,
}

impl Series {
    /// Stands for a time that is not known.
    pub const NO_TIME: i64 = i64::MIN;

    /// The values in order.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|(_, value)| *value)
    }
}
