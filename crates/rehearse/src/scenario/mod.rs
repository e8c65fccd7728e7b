//! A scenario: what works, what is broken and when, what is expected, when to stop.
//!
//! One TOML file ([`Scenario::parse`]). It is read completely before anything is done; what is wrong
//! is told with its place and with what to do.

mod check;
mod expand;
mod expects;
pub(crate) mod fields;
mod parse;
mod places;
mod problem;
mod records;
#[cfg(test)]
mod tests;
mod ties;
mod units;

use std::time::Duration;

use wonin_fault::TcpFault;
use wonin_fault::inject::Injection;
use wonin_fault::kafka::KafkaFault;
use wonin_model::rehearsal::Phase;

use crate::tls::TlsSpec;
use crate::workload::Temperature;
use crate::workload::command::CommandSpec;
use crate::workload::http::HttpSpec;
use crate::workload::kafka::RecordsSpec;

pub use expand::Run;
pub use places::Places;
pub(crate) use places::stand_in;
pub use problem::Problem;
pub use ties::KnownTimeout;
pub(crate) use units::spoken;

/// A scenario as it was written, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Fixes every random decision.
    pub seed: u64,
    /// The directory of the stack that is rehearsed, relative to the scenario's own: its timeouts
    /// are known then, too.
    pub stack: Option<String>,
    /// Whether clients are warm, cold, or first the one and then the other.
    pub clients: Vec<Temperature>,
    /// How long the work is watched at its beginning before it counts.
    pub warm_up: Duration,
    /// How long the steady state must hold to be believed after healing.
    pub steady: Duration,
    /// How long is watched once the steady state is back.
    pub after: Duration,
    /// TCP proxies.
    pub proxies: Vec<ProxySpec>,
    /// The Kafka-aware proxy.
    pub kafka: Option<KafkaSpec>,
    /// Processes that the scenario starts and ends.
    pub processes: Vec<ProcessSpec>,
    /// What works.
    pub workloads: Vec<WorkloadSpec>,
    /// What is broken, as written.
    pub faults: Vec<FaultSpec>,
    /// What is expected.
    pub expects: Vec<ExpectSpec>,
    /// When to stop at once.
    pub aborts: Vec<AbortSpec>,
    /// Bounds.
    pub limits: Limits,
}

/// A proxy that breaks TCP connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySpec {
    /// Its name; `${proxy.NAME}` stands for its address elsewhere.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// Where it leads.
    pub upstream: String,
}

/// The proxy that understands Kafka; `${kafka.bootstrap}` stands for its addresses elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSpec {
    /// Brokers to ask for the others.
    pub bootstrap: Vec<String>,
    /// The host of its listeners.
    pub listen_host: String,
    /// The port of the first listener.
    pub first_port: Option<u16>,
}

/// A process that belongs to the scenario: started before the steady state is watched, ended at
/// the end; `${process.NAME.pid}` is not needed, faults name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its directory.
    pub dir: Option<String>,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// The file that its output is added to; without it nothing is kept.
    pub log: Option<String>,
    /// An address that takes connections once it is ready.
    pub ready: Option<String>,
    /// How long that may take.
    pub ready_within: Duration,
}

/// A workload by its kind.
#[derive(Clone, Debug)]
pub struct WorkloadSpec {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: WorkloadKind,
}

/// The kinds of workload.
#[derive(Clone, Debug)]
pub enum WorkloadKind {
    /// Requests at a rate.
    Http(HttpSpec),
    /// A command, again and again, or one that tells of its success line by line.
    Command(CommandSpec),
    /// Records through Kafka, each counted. Its clients go through the Kafka-aware proxy, where
    /// there is one.
    Kafka(Box<RecordsSpec>),
}

/// A fault on the timeline.
#[derive(Clone, Debug)]
pub struct FaultSpec {
    /// Its name.
    pub name: String,
    /// When it comes, from the start of the run.
    pub at: Duration,
    /// How long it acts.
    pub lasts: Duration,
    /// The service of the stack that it hits, where its target is called otherwise.
    pub stands_for: Option<String>,
    /// What is done; several where each is a run of its own, with what tells them apart.
    pub acts: Vec<(Option<String>, FaultAct)>,
}

impl FaultSpec {
    /// When it is healed, from the start of the run.
    pub fn ends(&self) -> Duration {
        self.at + self.lasts
    }
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultAct {
    /// To the connections of a proxy.
    Tcp {
        /// Name of the proxy.
        proxy: String,
        /// What.
        fault: TcpFault,
    },
    /// To Kafka requests.
    Kafka(KafkaFault),
    /// To processes or containers.
    Inject(Injection),
    /// To a process of the scenario, whose id is not known yet.
    Own {
        /// Name of the process.
        process: String,
        /// The fault's words without the process id.
        words: serde_json::Value,
    },
}

/// One expectation.
#[derive(Clone, Debug)]
pub struct ExpectSpec {
    /// Its name.
    pub name: String,
    /// When it is looked at.
    pub phases: Vec<Phase>,
    /// What is looked at.
    pub check: Check,
}

/// What can be expected.
#[derive(Clone, Debug)]
pub enum Check {
    /// Attempts of a workload succeed.
    Success {
        /// Index of the workload.
        workload: usize,
        /// The share of them, 0 to 1.
        at_least: f64,
    },
    /// Not one attempt of a workload fails.
    NoFailures {
        /// Index of the workload.
        workload: usize,
    },
    /// Successes of a workload are quick.
    Latency {
        /// Index of the workload.
        workload: usize,
        /// Of the successes, 0 to 1: 0.99 is all but the slowest hundredth.
        share: f64,
        /// They take less.
        below: Duration,
    },
    /// A question asked again and again is answered well each time.
    Probe(Probe),
    /// Records of a workload, counted at the end.
    Delivery {
        /// Which count.
        count: DeliveryCount,
        /// It is not above.
        at_most: u64,
    },
    /// The steady state is back in time.
    Recovered {
        /// From the last healing on.
        within: Duration,
    },
}

/// A number of a delivery verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryCount {
    /// Acknowledged and gone.
    Lost,
    /// Acknowledged, in the log, and not given to the consumer in time.
    NotDelivered,
    /// More than once in the log.
    Duplicated,
    /// Before an earlier one of the same producer.
    Reordered,
    /// Anomalies of all kinds that are errors.
    Anomalies,
}

/// A question that is asked again and again.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is asked.
    pub ask: Ask,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Whether a URL answers with a status.
    Http {
        /// Where.
        url: String,
        /// Which statuses are good.
        status: crate::workload::http::Statuses,
        /// Whom it believes.
        tls: TlsSpec,
    },
    /// Whether an address takes connections.
    Tcp {
        /// `HOST:PORT`.
        address: String,
    },
    /// Whether a command succeeds.
    Command {
        /// Program and arguments.
        command: Vec<String>,
        /// The exit code that is good.
        exit: i32,
        /// What its output must match.
        output: Option<regex::Regex>,
    },
}

/// A condition that ends the run at once.
#[derive(Clone, Debug)]
pub struct AbortSpec {
    /// What is looked at.
    pub condition: Condition,
    /// For how long it must be so.
    pub lasts: Duration,
}

/// What ends a run.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Fewer attempts of a workload succeed.
    SuccessBelow {
        /// Index of the workload.
        workload: usize,
        /// The share, 0 to 1.
        share: f64,
    },
    /// A question gets no good answer.
    Probe(Probe),
}

/// Bounds of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One run, all in all.
    pub total: Duration,
    /// From healing until the steady state must be back.
    pub recovery: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: Duration::from_mins(10), recovery: Duration::from_mins(1) }
    }
}

impl Scenario {
    /// Reads a scenario. `path` is what problems call the file; `timeouts` are those of the stack
    /// that is rehearsed, beside the ones that everybody has.
    pub fn parse(path: &str, text: &str, timeouts: &[KnownTimeout]) -> Result<Self, Vec<Problem>> {
        parse::parse(path, text, timeouts)
    }

    /// When the last fault is healed, from the start of a run.
    pub fn heals_at(&self) -> Duration {
        self.faults.iter().map(FaultSpec::ends).max().unwrap_or_default()
    }

    /// When the first fault comes, from the start of a run.
    pub fn breaks_at(&self) -> Duration {
        self.faults.iter().map(|fault| fault.at).min().unwrap_or_default()
    }
}
