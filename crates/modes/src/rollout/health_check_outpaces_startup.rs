//! # A health check that gives up before the start has ended
//!
//! ## What fails
//!
//! No deployment completes. New tasks are stopped while they still boot ("Task failed ELB health
//! checks"), replaced by others that fare no better, and the old revision stays or comes back. If the
//! settings are just too tight, some tasks live and some do not.
//!
//! ## Why
//!
//! A new target is unhealthy after U failed checks in a row, one every I seconds: a start of up to
//! (U − 1) × I passes whatever the phase of the first check. Unhealthy targets are ignored during the
//! grace period. When it ends, only a target that is healthy again is spared, and that takes H good
//! checks: the smallest grace period that always works is S + H × I for a start of S, not S. A
//! longer interval makes it larger.
//!
//! A start gets longer with less CPU, more classes, a migration, a cold cache. A change of CPU is
//! therefore a change of what the checks must allow.
//!
//! ## Example
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//!   health_check {
//!     interval            = 15
//!     timeout             = 5
//!     healthy_threshold   = 2
//!     unhealthy_threshold = 3
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                              = "web"
//!   desired_count                     = 2
//!   health_check_grace_period_seconds = 15
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! (3 − 1) × 15 s = 30 s < 150 s, and 15 s < 150 s + 2 × 15 s = 180 s: every new task is killed.
//!
//! ## Fix
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//!   health_check {
//!     interval            = 15
//!     timeout             = 5
//!     healthy_threshold   = 2
//!     unhealthy_threshold = 3
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                              = "web"
//!   desired_count                     = 2
//!   health_check_grace_period_seconds = 180
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
//! `wonin rehearse rollout . --service web --startup 150s`, and with measured pairs
//! (`--startup 35s@1024 --startup 150s@256`) for what another amount of CPU would do.
//!
//! ## Evidence
//!
//! - Application Load Balancers user guide, "Health checks for target groups": one good check makes a
//!   new target healthy, the healthy threshold counts for the way back. Amazon ECS API,
//!   `healthCheckGracePeriodSeconds`. Rows E1, E2, E3, E4 and E28 of the rollout rules.
//! - Inferred: that the phase of the first check is free within an interval, that ECS sees a change of
//!   health at once, and the law that ties the startup time to CPU.

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity, TargetGroup,
};
use wonin_rollout::closed::{check_budget_ms, safe_grace_ms, survival_probability};
use wonin_rollout::fargate_units;
use wonin_rollout::plan::{AlbCheck, EcsPlan};
use wonin_rollout::solve::Setting;
use wonin_text::Sources;

use crate::shared::deploys::{
    Ecs, Seen, Started, Telling, ecs_services, percent, rehearsal, started,
};
use crate::shared::words::duration_ms;

pub(crate) struct HealthCheckOutpacesStartup;

static META: ModeMeta = ModeMeta {
    id: "health-check-outpaces-startup",
    family: "rollout",
    summary: "new tasks are killed by their health check before they are up",
    source: include_str!("health_check_outpaces_startup.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[
    ("ecs.health-checks-failed", "a task failed the check of the load balancer"),
    ("ecs.unhealthy", "the load balancer calls a task unhealthy"),
];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "tasks fail the check of their load balancer: not up in time, or asked wrongly")
        .weigh(Role::Cause, Severity::Medium, 60)
        .fix(Fix::advice("compare the time that a start takes (`--startup`, or the log of the application) with interval, thresholds and grace period"))
}

impl Mode for HealthCheckOutpacesStartup {
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
        for ecs in ecs_services(evidence).filter(|ecs| ecs.target().is_some()) {
            match started(evidence, ecs.deployment) {
                Some(Ok(started)) => {
                    if let Some(finding) = outpaced(evidence, &ecs, &started) {
                        telling.say(ecs.deployment, finding);
                    }
                }
                Some(Err(why)) => {
                    let allowed = allowed(&ecs).unwrap_or_default();
                    telling.leave_open(ecs.deployment, format!("{why}{allowed}"));
                }
                None => {}
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

/// What the settings allow, for a start whose time is not known.
fn allowed(ecs: &Ecs) -> Option<String> {
    let group = ecs.target()?;
    let (interval, failures) = (group.interval_s.as_ref()?, group.unhealthy_threshold.as_ref()?);
    let grace = ecs.service.grace_period_s.as_ref()?;
    if interval.value > INTERVAL_MAX_S || u64::from(failures.value) > FAILURES_MAX {
        return None;
    }
    let check = AlbCheck::new(interval.value * 1000, 0, failures.value, 2);
    let budget = seconds(check_budget_ms(&check));
    Some(format!(" (checks surely allow {budget}, the grace period is {} s)", grace.value))
}

/// The numbers that decide, in milliseconds.
struct Race {
    check: AlbCheck,
    start_ms: u64,
    grace_ms: u64,
    budget_ms: u64,
    safe_ms: u64,
    /// P(a new task survives) for the longest start.
    survival: f64,
}

impl Race {
    fn of(plan: &EcsPlan) -> Option<Self> {
        let check = plan.target?;
        let start_ms = plan.startup.time.max_ms();
        Some(Self {
            check,
            start_ms,
            grace_ms: plan.grace_ms,
            budget_ms: check_budget_ms(&check),
            safe_ms: safe_grace_ms(&check, start_ms, plan.lag_ms),
            survival: survival_probability(&check, start_ms, plan.grace_ms),
        })
    }

    /// `(3 - 1) × 15 s = 30 s < 150 s of start; grace 15 s < 150 s + 2 × 15 s = 180 s`.
    fn arithmetic(&self) -> String {
        let interval = duration_ms(self.check.interval_ms);
        format!(
            "({} - 1) × {interval} = {} < {} of start; grace {} < {} + {} × {interval} = {}",
            self.check.unhealthy_threshold,
            seconds(self.budget_ms),
            seconds(self.start_ms),
            seconds(self.grace_ms),
            seconds(self.start_ms),
            self.check.healthy_threshold,
            seconds(self.safe_ms)
        )
    }

    fn title(&self) -> String {
        let (start, budget) = (seconds(self.start_ms), seconds(self.budget_ms));
        let grace = seconds(self.grace_ms);
        if self.survival > 0.0 {
            return format!(
                "luck decides whether a new task lives ({}): a start takes {start}, the checks \
                 surely allow {budget}, the grace period {grace}",
                percent(self.survival)
            );
        }
        if self.grace_ms >= self.start_ms {
            return format!(
                "every new task is killed: a grace period of {grace} covers a start of {start}, and \
                 not the {} until it counts as healthy again",
                seconds(self.safe_ms)
            );
        }
        format!(
            "every new task is killed before it is up: a start takes {start}, the checks allow \
             {budget} and the grace period {grace}"
        )
    }
}

/// Seconds, so that all numbers of a sum have one unit.
fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{:.1} s", ms as f64 / 1000.0)
    }
}

fn outpaced(evidence: &Evidence, ecs: &Ecs, started: &Started) -> Option<Finding> {
    let plan = started.ecs()?;
    let race = Race::of(plan)?;
    if race.survival >= 1.0 {
        return None;
    }
    let group = ecs.target()?;
    let grace = ecs.service.grace_period_s.as_ref()?;
    let severity = if race.survival < 0.5 { Severity::High } else { Severity::Medium };
    let exact = plan.startup.time.min_ms() == race.start_ms;
    let sure = if exact { started.start.confidence() } else { 80 };
    let mut finding = Finding::new(&META, race.title())
        .weigh(Role::Cause, severity, sure)
        .arithmetic(race.arithmetic())
        .because("grace period, in seconds", grace);
    finding = started.start.because(with_check(finding, group));
    finding = by_cpu(finding, &race, plan, started);
    let breaks = ecs.service.breaker_enabled.as_ref().is_some_and(|enabled| enabled.value);
    let then = if breaks { "breaker-trips-first" } else { "endless-churn" };
    finding = finding.leads_to(then).rehearse(rehearsal(evidence, ecs.deployment));
    let sources = &evidence.sources;
    finding = finding.fix(longer_grace(sources, started, &race));
    finding.fixes.extend(patient_check(sources, started, &race));
    finding.fixes.extend(more_cpu(plan, &race, started));
    Some(finding)
}

fn with_check(mut finding: Finding, group: &TargetGroup) -> Finding {
    if let Some(failures) = &group.unhealthy_threshold {
        finding = finding.because("failed checks in a row until unhealthy", failures);
    }
    if let Some(interval) = &group.interval_s {
        finding = finding.because("interval of the check, in seconds", interval);
    }
    match &group.healthy_threshold {
        Some(successes) => finding.because("good checks until healthy again", successes),
        None => finding,
    }
}

fn longer_grace(sources: &Sources, started: &Started, race: &Race) -> Fix {
    let seconds = race.safe_ms.div_ceil(1000);
    let title = format!(
        "a grace period of {seconds} s covers the start and {} good checks",
        race.check.healthy_threshold
    );
    started.repair(sources, title, Setting::Grace, seconds)
}

/// The largest values that the load balancer takes.
const FAILURES_MAX: u64 = 10;
const INTERVAL_MAX_S: u64 = 300;

/// Without a grace period: more failures, or checks further apart.
fn patient_check(sources: &Sources, started: &Started, race: &Race) -> Option<Fix> {
    let interval_ms = race.check.interval_ms.max(1);
    let failures = race.start_ms.div_ceil(interval_ms) + 1;
    if failures <= FAILURES_MAX {
        let title = format!("or let {failures} checks in a row fail");
        return Some(started.repair(sources, title, Setting::UnhealthyThreshold, failures));
    }
    let between = u64::from(race.check.unhealthy_threshold.saturating_sub(1)).max(1);
    let wider_s = race.start_ms.div_ceil(between * 1000);
    (wider_s <= INTERVAL_MAX_S).then(|| {
        let title = format!("or check every {wider_s} s, which finds later failures later, too");
        started.repair(sources, title, Setting::Interval, wider_s)
    })
}

/// E28: what the start took with another amount of CPU.
fn by_cpu(finding: Finding, race: &Race, plan: &EcsPlan, started: &Started) -> Finding {
    let (Some(cpu), Some(written)) =
        (plan.startup.cpu, started.configured.settings.get(&Setting::Cpu))
    else {
        return finding;
    };
    let wonin_model::GivenStartup::Measured(pairs) = &started.start.given else { return finding };
    let Some((units, ms)) = pairs.iter().filter(|(units, _)| *units > cpu.units).max() else {
        return finding;
    };
    let before = survival_probability(&race.check, *ms, race.grace_ms);
    let claim = format!(
        "{} CPU units: a start takes {}; with {units} it takes {}, and {} of the tasks live",
        cpu.units,
        seconds(race.start_ms),
        seconds(*ms),
        percent(before)
    );
    finding.because_at(claim, written.origin.clone())
}

fn more_cpu(plan: &EcsPlan, race: &Race, started: &Started) -> Option<Fix> {
    let cpu = plan.startup.cpu?;
    let units = cpu.law.units_for(race.budget_ms)?;
    let units = if started.configured.fargate { fargate_units(units)? } else { units };
    // CPU of a container alone is a share: it bounds nothing while the instance is idle.
    let shares = started.configured.assumed.iter().any(|one| one.name == "container cpu");
    let share = if shares { ", while the instance is busy" } else { "" };
    Some(Fix::advice(format!(
        "or {units} CPU units, with which a start likely takes {} or less{share}",
        seconds(race.budget_ms)
    )))
}
