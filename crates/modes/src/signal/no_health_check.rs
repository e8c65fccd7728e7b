//! # Services that nobody asks how they are
//!
//! ## What fails
//!
//! A service that hangs or answers only errors counts as running. Nothing that waits for it knows
//! better, and the first sign is a user.
//!
//! ## Why
//!
//! Without a health check the engine knows one thing: whether the process exists. `depends_on`
//! then means "was started", not "answers".
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//! ```
//!
//! ## Fix
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//!     healthcheck:
//!       test: pg_isready -U postgres
//!       interval: 10s
//!       timeout: 5s
//!       retries: 5
//! ```
//!
//! ## How to rehearse
//!
//! Stop the process in the container with SIGSTOP: it stays `Up`.
//!
//! ## In logs
//!
//! Nothing tells it: what is missing writes no lines. What a missing check lets pass is told by the
//! modes of those failures.
//!
//! ## Evidence
//!
//! - Docker reference, `HEALTHCHECK`; Compose specification, `depends_on`.
//! - Inferred: that an image which is not in the list of known ones has no check of its own.

use std::collections::BTreeMap;

use wonin_model::{
    Condition, Evidence, Finding, Fix, HealthTest, Mode, ModeMeta, NotChecked, Origin, Role,
    Service, Severity,
};

use crate::shared::checks::{OwnCheck, own_check};
use crate::shared::dependents::Dependents;
use crate::shared::words::{count, list};

pub(crate) struct NoHealthCheck;

static META: ModeMeta = ModeMeta {
    id: "no-health-check",
    family: "signal",
    summary: "services have no health check",
    source: include_str!("no_health_check.rs"),
};

impl Mode for NoHealthCheck {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let dependents = Dependents::of(stack);
        let mut by_project: BTreeMap<usize, Vec<&Service>> = BTreeMap::new();
        for service in stack.services.iter().filter(|one| is_unchecked(&dependents, one)) {
            by_project.entry(service.project).or_default().push(service);
        }
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for service in &stack.services {
            *sizes.entry(service.project).or_default() += 1;
        }
        for (project, unchecked) in &by_project {
            findings.push(report(&dependents, unchecked, sizes[project]));
        }
    }
}

/// Services from this number of dependents on are worth a word of their own.
const HUB: usize = 3;

fn is_unchecked(dependents: &Dependents, service: &Service) -> bool {
    let none = match &service.healthcheck {
        None => own_check(service) != OwnCheck::Some,
        Some(check) => check.test.value == HealthTest::Disabled,
    };
    let runs_to_its_end =
        dependents.on(service).iter().any(|one| one.condition.value == Condition::Completed);
    none && service.profiles.is_empty() && !runs_to_its_end
}

fn report(dependents: &Dependents, unchecked: &[&Service], all: usize) -> Finding {
    let names: Vec<&str> = unchecked.iter().map(|service| service.name.value.as_str()).collect();
    let shown = &names[..names.len().min(4)];
    let more = names.len() - shown.len();
    let mut words: Vec<String> = shown.iter().map(|name| (*name).to_owned()).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    let hub = unchecked.iter().max_by_key(|service| dependents.on(service).len());
    let hub = hub.map(|hub| (*hub, dependents.on(hub).len())).filter(|(_, n)| *n >= HUB);
    let verb = if names.len() == 1 { "has" } else { "have" };
    let mut title = format!("{} {verb} no health check", list(&words));
    if let Some((hub, waiting)) = hub {
        title = format!("{title}, and {waiting} services start after {}", hub.name.value);
    }
    let certain = unchecked.iter().any(|service| own_check(service) == OwnCheck::None);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, if certain { 90 } else { 70 })
        .arithmetic(format!("{} of {} without a check", names.len(), count(all, "service")));
    for service in unchecked {
        let unless = match own_check(service) {
            OwnCheck::Unknown => ", unless its image brings one",
            _ => "",
        };
        let claim = format!("{} has none{unless}", service.name.value);
        finding = finding.because_at(claim, service.name.origin.clone());
    }
    if let Some((hub, _)) = hub {
        for dependency in dependents.on(hub) {
            let origin: Origin = dependency.service.origin.clone();
            finding = finding.because_at(format!("starts after {}", hub.name.value), origin);
        }
    }
    finding.fix(Fix::advice(
        "add a `healthcheck` that asks the service for what it is for, and wait for it with `condition: service_healthy`",
    ))
}
