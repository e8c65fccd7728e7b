//! # Old tasks that take longer to leave than new ones to come
//!
//! ## What fails
//!
//! A rollout takes many minutes although new tasks are up at once: each old one stays in draining,
//! and holds its place, for the whole deregistration delay.
//!
//! ## Why
//!
//! A target that is deregistered stays in draining for the full deregistration delay, even without
//! a single open connection; the stop signal follows only then. The default is 300 s. Where the
//! bounds let only some tasks be replaced at a time, the next ones wait for that: every wave costs
//! the delay.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                       = "web"
//!   desired_count              = 10
//!   deployment_maximum_percent = 120
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! A delay just above the longest request.
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name                 = "web"
//!   port                 = 8080
//!   deregistration_delay = 30
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                       = "web"
//!   desired_count              = 10
//!   deployment_maximum_percent = 120
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 30s`: the duration, with either delay.
//!
//! ## In logs
//!
//! Tasks that begin to drain and go two minutes or more later show it at work, where the delay is
//! known. Without settings it may be a long request that they wait for.
//!
//! ## Evidence
//!
//! - Elastic Load Balancing user guide, "Deregistration delay": 300 s, and the state stays draining
//!   without connections; Amazon ECS developer guide, "Optimize load balancer connection draining".
//!   Row E23 of the rollout rules.
//! - Inferred: that the time of a wave is this delay, when tasks that stop count towards the
//!   maximum.

use wonin_model::{Evidence, Finding, Fix, Hit, Mode, ModeMeta, NotChecked, Role, Severity};
use wonin_rollout::closed::waves;

use crate::shared::deploys::{Ecs, Telling, ecs_services, rehearsal};
use crate::shared::edits::add_argument;
use crate::shared::rollouts::times;
use crate::shared::seen::{Part, Shown, signals, span};
use crate::shared::words::{count, duration_ms};

pub(crate) struct SlowStop;

static META: ModeMeta = ModeMeta {
    id: "slow-stop",
    family: "rollout",
    summary: "draining old tasks makes up most of the time of a rollout",
    source: include_str!("slow_stop.rs"),
};

impl Mode for SlowStop {
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
            if let Some(finding) = drains_long(evidence, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let shown = drained(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || None);
    }
}

/// A drain that takes at least this long is the wait for a delay, in milliseconds.
const LONG_DRAIN_MS: i64 = 120_000;

/// Tasks that began to drain, and for long nothing more happened to them. Only a delay that is
/// known makes that a claim.
fn drained(evidence: &Evidence) -> Shown<'_> {
    let mut shown: Shown<'_> = Vec::new();
    for signal in signals(evidence, &["ecs.draining"]) {
        for hit in &signal.hits {
            let Some(at) = hit.at_ms else { continue };
            let of = hit.values.get("service");
            let is_its = |other: &Hit| of.is_none() || other.values.get("service") == of;
            let next = ["ecs.stopped", "ecs.steady", "ecs.deployment-completed"];
            let next = next.iter().flat_map(|name| times(evidence, name, is_its));
            let waited = next.filter(|next| *next > at).min().map(|next| next - at);
            if let Some(waited) = waited.filter(|ms| *ms >= LONG_DRAIN_MS) {
                let what = format!("tasks begin to drain, and go {} later", span(waited));
                shown.push((Part::at(signal, hit), what));
            }
        }
    }
    shown
}

/// What pipelines usually wait for, in seconds: the waiter `services-stable` gives up then.
const WAITER_S: u64 = 600;
/// A delay that the longest request of most services stays below, in seconds.
const USUAL_S: u64 = 30;

/// The delays of all waves together are more than a pipeline waits.
fn drains_long(evidence: &Evidence, ecs: &Ecs) -> Option<Finding> {
    let limits = ecs.limits()?;
    let group = ecs.target()?;
    let delay = group.deregistration_delay_s.as_ref()?;
    let bounds = limits.bounds;
    let step = bounds.start_room().max(bounds.stop_room());
    let waves = u64::from(waves(bounds.desired, step, 0));
    let total = waves.saturating_mul(delay.value);
    if bounds.is_deadlock() || total < WAITER_S || delay.value <= USUAL_S {
        return None;
    }
    let title = format!(
        "old tasks drain for {} each, {step} at a time: {} of a rollout go by with that",
        duration_ms(delay.value.saturating_mul(1000)),
        duration_ms(total.saturating_mul(1000))
    );
    let short = format!("drain for {USUAL_S} s, or just above the longest request");
    let mut fix = Fix::replace(short, delay, USUAL_S.to_string());
    if delay.origin.is_default() {
        let line = format!("deregistration_delay = {USUAL_S}");
        fix.edits.extend(add_argument(&evidence.sources, group.place, &[&line]));
    }
    let severity = if waves > 2 { Severity::Medium } else { Severity::Low };
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, severity, 80)
        .arithmetic(format!(
            "ceil({} / {step}) = {} × {} s = {total} s",
            count(bounds.desired as usize, "task"),
            count(waves as usize, "wave"),
            delay.value
        ))
        .because("deregistration delay, in seconds", delay)
        .rehearse(rehearsal(evidence, ecs.deployment));
    let at = wonin_model::Origin::Written(group.place);
    let finding = if delay.origin.is_default() {
        finding.because_at("no `deregistration_delay` is written here", at)
    } else {
        finding
    };
    Some(limits.because(finding).fix(fix))
}
