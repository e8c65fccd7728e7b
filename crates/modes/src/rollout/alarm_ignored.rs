//! # Alarms that do not watch the deployment
//!
//! ## What fails
//!
//! A deployment breaks what its alarms measure, and is completed all the same.
//!
//! ## Why
//!
//! ECS fails a deployment when one of its alarms goes into ALARM. If one of them is in ALARM when
//! the deployment begins, all of them are ignored until it is over: nothing could tell old trouble
//! from new. An alarm that treats missing data as breaching is in that state whenever its metric is
//! silent, such as at night. With `enable = false` the alarms are named and never looked at.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_cloudwatch_metric_alarm" "errors" {
//!   alarm_name          = "web-errors"
//!   comparison_operator = "GreaterThanThreshold"
//!   threshold           = 5
//!   period              = 60
//!   evaluation_periods  = 3
//!   treat_missing_data  = "breaching"
//! }
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   alarms {
//!     enable      = true
//!     rollback    = true
//!     alarm_names = [aws_cloudwatch_metric_alarm.errors.alarm_name]
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! ```terraform main.tf
//! resource "aws_cloudwatch_metric_alarm" "errors" {
//!   alarm_name          = "web-errors"
//!   comparison_operator = "GreaterThanThreshold"
//!   threshold           = 5
//!   period              = 60
//!   evaluation_periods  = 3
//!   treat_missing_data  = "notBreaching"
//! }
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   alarms {
//!     enable      = true
//!     rollback    = true
//!     alarm_names = [aws_cloudwatch_metric_alarm.errors.alarm_name]
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `aws cloudwatch set-alarm-state` with ALARM, then deploy: the deployment tells that alarms are
//! ignored. `aws cloudwatch describe-alarms` saved beside the configuration is read, too.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Failure detection with CloudWatch alarms": alarms in ALARM at the
//!   start are ignored for that deployment. Amazon CloudWatch user guide, "Configuring how alarms treat
//!   missing data". Row E31 of the rollout rules.
//! - Inferred: that the metric is silent at times; what it measures is not read.

use wonin_model::{
    DeploymentAlarms, Evidence, Finding, Fix, MetricAlarm, Mode, ModeMeta, NotChecked, Role,
    Severity, Standing,
};

use crate::shared::deploys::{Telling, ecs_services};

pub(crate) struct AlarmIgnored;

static META: ModeMeta = ModeMeta {
    id: "alarm-ignored",
    family: "rollout",
    summary: "alarms of a deployment that it does not heed",
    source: include_str!("alarm_ignored.rs"),
};

impl Mode for AlarmIgnored {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let mut telling = Telling::default();
        for ecs in ecs_services(evidence) {
            let Some(alarms) = &ecs.service.alarms else { continue };
            if let Some(finding) = switched_off(alarms) {
                telling.say(ecs.deployment, finding);
                continue;
            }
            let told = alarms.alarms.iter().find_map(|alarm| raised(alarm, alarms));
            let told = told.or_else(|| alarms.alarms.iter().find_map(silent));
            if let Some(finding) = told {
                telling.say(ecs.deployment, finding);
            }
        }
        telling.finish(META.id, findings, open);
    }
}

fn switched_off(alarms: &DeploymentAlarms) -> Option<Finding> {
    let first = alarms.alarms.first().filter(|_| !alarms.enable.value)?;
    let title = "alarms are named for its deployments, and none of them is watched";
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Low, 90)
            .because("they are switched off", &alarms.enable)
            .because("an alarm that is named", &first.name)
            .fix(Fix::replace("watch them", &alarms.enable, "true")),
    )
}

/// In ALARM now, as an answer of CloudWatch says.
fn raised(alarm: &MetricAlarm, alarms: &DeploymentAlarms) -> Option<Finding> {
    let state = alarm.state.as_ref().filter(|state| state.value == "ALARM")?;
    let name = &alarm.name.value;
    let others = alarms.alarms.len() - 1;
    let title = match others {
        0 => format!("the alarm `{name}` is in ALARM already: the next deployment ignores it"),
        _ => format!(
            "the alarm `{name}` is in ALARM already: the next deployment ignores it and {others} more"
        ),
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 90)
        .because("its state", state)
        .because("it is to watch the deployments", &alarm.name)
        .fix(Fix::advice(format!("find out why `{name}` is in ALARM before the next deployment")));
    finding.standing = Standing::Observed;
    Some(finding)
}

/// In ALARM whenever nothing is measured.
fn silent(alarm: &MetricAlarm) -> Option<Finding> {
    let missing = alarm.treat_missing_data.as_ref().filter(|text| text.value == "breaching")?;
    let title = format!(
        "the alarm `{}` is in ALARM while its metric is silent: a deployment that begins then \
         likely ignores all alarms",
        alarm.name.value
    );
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Low, 60)
            .because("missing data counts as breaching", missing)
            .because("it is to watch the deployments", &alarm.name)
            .fix(Fix::replace("count missing data as good", missing, "notBreaching")),
    )
}
