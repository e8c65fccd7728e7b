//! A Kafka cluster that is started from files for a rehearsal alone, and removed with all it made.

mod compose;

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

pub use compose::ComposeCluster;

use super::scenarios::Node;
use crate::run::{CannotRun, Status};

/// A file that a start needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFile {
    /// Where, below the copy's folder; `/` between its parts, none of them `..`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether it may be run: start scripts are mounted.
    pub is_executable: bool,
}

/// A port of this machine that is to lead to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The service.
    pub service: String,
    /// Address of this machine; empty for all.
    pub host_ip: String,
    /// Port of this machine.
    pub port: u16,
}

/// What is to be started, and how it is known that it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// All that a start needs.
    pub files: Vec<CopiedFile>,
    /// The directory below the copy's folder in which Compose works; empty for the folder itself.
    pub dir: String,
    /// Compose files below that directory, in the order of merging.
    pub compose_files: Vec<String>,
    /// Services to be started; what they depend on comes along.
    pub services: Vec<String>,
    /// Services by the id of the broker that they run.
    pub brokers: BTreeMap<i32, String>,
    /// Where this machine reaches the brokers, `host:port`.
    pub addresses: Vec<String>,
    /// Ports that must be free.
    pub published: Vec<Published>,
}

/// A cluster that is there for a rehearsal alone.
pub trait Cluster {
    /// Starts it, and waits until all its brokers are there; the brokers by id. What was started
    /// when that fails is removed by [`Cluster::down`], or when this process is gone.
    fn up(
        &mut self,
        status: &Status,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Vec<Node>, CannotRun>> + Send;

    /// The name of what was started, as faults on its containers name it.
    fn project(&self) -> &str;

    /// Removes it with its data; removing what is not there is as good.
    fn down(&mut self) -> impl Future<Output = Result<(), CannotRun>> + Send;
}
