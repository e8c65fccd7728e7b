//! `wonin rehearse kafka`: ready-made scenarios on a Kafka cluster. A broker is gone and comes back,
//! a broker is slow; clients of the application's settings send and read meanwhile, and what
//! `diagnose` says is held against what happens.

mod application;
mod cluster;
mod knobs;
mod outage;
mod plan;
mod predict;
mod processes;
mod prove;
mod run;
mod scenarios;
mod sweep;
mod symptom;

use std::time::Duration;

pub use application::Application;
pub use cluster::{Cluster, ComposeCluster, CopiedFile, Layout, Published};
pub use knobs::{Bound, Knob, Names};
pub use plan::{KafkaRehearsal, Only, Wanted};
pub use predict::{About, Claim, claims};
pub use prove::{Cause, Now, Proof, Repairable, prove};
pub use run::{brokers, one_listens, rehearse};
pub use scenarios::{Deed, Going, Node, Planned, Reach, is_near};

/// How long a broker is gone: long enough for others to take over and to be watched, and no
/// timeout that anybody has (failure-knowledge 17).
const GONE: Duration = Duration::from_secs(26);

/// The same, where it has to be quick.
const GONE_QUICK: Duration = Duration::from_millis(18_500);
