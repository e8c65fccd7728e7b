//! Where ECS places tasks, and what watches a deployment.

use std::collections::BTreeSet;

use crate::{EcsService, Located};

/// The instances that tasks of a cluster run on: one Auto Scaling group.
#[derive(Debug)]
pub struct ClusterInstances {
    /// `max_size`.
    pub max: Located<u32>,
    /// `instance_type` of its launch template: `t3.small`.
    pub kind: Located<String>,
}

/// The alarms of a deployment (rollout-semantics 2.5).
#[derive(Debug)]
pub struct DeploymentAlarms {
    /// `enable`: whether they are watched.
    pub enable: Located<bool>,
    /// `rollback`: whether one that is raised brings the last good revision back.
    pub rollback: Located<bool>,
    /// `alarm_names`, with what is known of each.
    pub alarms: Vec<MetricAlarm>,
}

/// One CloudWatch alarm.
#[derive(Debug)]
pub struct MetricAlarm {
    /// Its name.
    pub name: Located<String>,
    /// `period`, in seconds.
    pub period_s: Option<Located<u64>>,
    /// `evaluation_periods`.
    pub evaluation_periods: Option<Located<u64>>,
    /// `treat_missing_data` where it is written.
    pub treat_missing_data: Option<Located<String>>,
    /// `StateValue` of an answer of CloudWatch: `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: Option<Located<String>>,
}

/// Zones in which a service runs its tasks, against those of its load balancer.
#[derive(Debug, PartialEq, Eq)]
pub struct ZoneShare<'a> {
    /// Zones of tasks.
    pub all: usize,
    /// Those that the load balancer does not serve, in order.
    pub unserved: Vec<&'a str>,
}

impl EcsService {
    /// Which zones of its tasks its load balancer serves; `None` where one side is not known, or
    /// names its zones otherwise than the other (an index of a list here, a name there).
    pub fn zone_share(&self) -> Option<ZoneShare<'_>> {
        let names = |zones: &'_ [Located<String>]| {
            zones.iter().map(|zone| zone.value.clone()).collect::<BTreeSet<_>>()
        };
        let served = names(&self.balancer_zones);
        let both = self.task_zones.iter().chain(&self.balancer_zones);
        let lists: BTreeSet<Option<&str>> = both.map(|zone| list_of(&zone.value)).collect();
        if self.task_zones.is_empty() || served.is_empty() || lists.len() != 1 {
            return None;
        }
        let all: BTreeSet<&str> = self.task_zones.iter().map(|zone| zone.value.as_str()).collect();
        let unserved = all.iter().copied().filter(|zone| !served.contains(*zone)).collect();
        Some(ZoneShare { all: all.len(), unserved })
    }
}

/// The list that a zone is known as an element of: `names[0] of data.aws_availability_zones.here`.
fn list_of(zone: &str) -> Option<&str> {
    zone.split_once("] of ").map(|(_, list)| list)
}
