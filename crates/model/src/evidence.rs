//! All that is known.

use wonin_text::{FileId, Place, Sources};

use crate::{
    AnswerRun, Certificate, ContainerState, GivenStartup, Load, Log, PartitionState, Registration,
    Series, Signal, Slow, Stack, ThreadDump, ThreadSet, VoterState,
};

/// Everything that readers, probes and rehearsals brought.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The texts that places point into.
    pub sources: Sources,
    /// What is configured.
    pub stack: Stack,
    /// How long a start takes, as the caller knows it (`--startup`); it counts for every
    /// deployment.
    pub startup: Option<GivenStartup>,
    /// What logs said.
    pub logs: Vec<Log>,
    /// Texts that were recognised in logs, by name and service.
    pub signals: Vec<Signal>,
    /// Containers and pods as they were found.
    pub containers: Vec<ContainerState>,
    /// Registrations in state stores.
    pub registrations: Vec<Registration>,
    /// Answers of query services, in the order of files and lines.
    pub answers: Vec<AnswerRun>,
    /// Kafka's partitions as they were found.
    pub partitions: Vec<PartitionState>,
    /// Nodes of Kafka's metadata quorum as they were found.
    pub voters: Vec<VoterState>,
    /// Certificates.
    pub certificates: Vec<Certificate>,
    /// Thread dumps, in the order of time.
    pub dumps: Vec<ThreadDump>,
    /// What the dumps of each process add up to.
    pub threads: Vec<ThreadSet>,
    /// Slow statements and requests by template.
    pub slow: Vec<Slow>,
    /// What slow logs and access logs say of each server as a whole.
    pub loads: Vec<Load>,
    /// Metrics.
    pub series: Vec<Series>,
    /// Files that were understood, in the order of their paths.
    pub read: Vec<ReadFile>,
    /// Files and parts that were not.
    pub skipped: Vec<Skipped>,
}

/// A file that a reader understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// The file.
    pub file: FileId,
    /// As what: `compose`, `dockerfile`, `spring`, `java`, `properties`, `env`, `nginx`.
    pub format: &'static str,
}

/// Something that could not be read, and why. The rest is diagnosed all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Path as shown.
    pub path: String,
    /// Where in it, where that is known.
    pub place: Option<Place>,
    /// Why, in words for a person: `not UTF-8 from byte 812`, `${DB:?set DB}: required variable`.
    pub why: String,
}
