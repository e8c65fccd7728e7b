//! Where ECS places tasks, and what watches a deployment.

use crate::Located;

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
