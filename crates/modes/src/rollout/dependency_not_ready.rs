//! # A dependency that is not ready when it is needed
//!
//! ## What fails
//!
//! `docker compose up` ends with `dependency failed to start`, or the dependent starts too early
//! and fails at its first connection.
//!
//! ## Why
//!
//! `condition: service_healthy` waits for the health check of the dependency. Without one there is
//! nothing to wait for, and `up` fails at once. With one it fails as soon as the container is
//! called unhealthy, even if it would be ready a moment later: with checks that fail from the start
//! that is after A + (retries − 1) × interval, where A is one interval, or the end of
//! `start_period`. A startup time that is given (`--startup`, for what is built here) or that a log
//! says (`Started … in N seconds`) is held against that sum. The short form of `depends_on` only waits for the start of the process.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//!   shop:
//!     build: shop
//!     depends_on:
//!       db:
//!         condition: service_healthy
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
//!       interval: 5s
//!       retries: 5
//!       start_period: 30s
//!   shop:
//!     build: shop
//!     depends_on:
//!       db:
//!         condition: service_healthy
//! ```
//!
//! ## How to rehearse
//!
//! Start with an empty volume on a slow disk, and read how `up` ends.
//!
//! ## Evidence
//!
//! - docker compose `convergence.go`: a container without health check fails the wait; the text.
//! - moby `daemon/health.go`: interval 30 s, timeout 30 s, retries 3, start period 0, start interval
//!   5 s since engine 25.
//! - Inferred: how long databases take to start, and that a dependent needs them at its start.

use std::collections::BTreeMap;

use wonin_model::{
    Condition, Dependency, Evidence, Finding, Fix, HealthCheck, HealthTest, Image, Located, Mode,
    ModeMeta, NotChecked, Origin, Restart, Role, ServerProduct, Service, ServiceId, Severity,
};

use wonin_rollout::configured;

use crate::shared::checks::{OwnCheck, Timing, own_check, unhealthy_after_ms, written_check};
use crate::shared::deploys::{Start, logged_start, start_of};
use crate::shared::seen::{Part, Shown, all_of, beside, recognise, signals};
use crate::shared::words::{duration_ms, list};

pub(crate) struct DependencyNotReady;

static META: ModeMeta = ModeMeta {
    id: "dependency-not-ready",
    family: "rollout",
    summary: "a service starts before what it depends on can answer, or never starts",
    source: include_str!("dependency_not_ready.rs"),
};

impl Mode for DependencyNotReady {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let products: BTreeMap<ServiceId, ServerProduct> = stack
            .servers
            .iter()
            .filter_map(|server| Some((server.service?, server.product)))
            .filter(|(_, product)| least_start(*product).is_some())
            .collect();
        let mut waited: BTreeMap<ServiceId, Vec<Wait>> = BTreeMap::new();
        let mut early: BTreeMap<usize, Vec<Early>> = BTreeMap::new();
        for service in &stack.services {
            for dependency in service.depends_on.iter().filter(|one| one.required) {
                let Some(id) = stack.resolve(service.project, &dependency.service.value) else {
                    continue;
                };
                match dependency.condition.value {
                    Condition::Healthy => {
                        waited.entry(id).or_default().push(Wait { service, dependency });
                    }
                    Condition::Started if products.contains_key(&id) && needs_it(service) => {
                        let one = Early { service, dependency, on: stack.service(id) };
                        early.entry(service.project).or_default().push(one);
                    }
                    Condition::Started | Condition::Completed => {}
                }
            }
        }
        let mut own: Vec<Finding> = Vec::new();
        for (id, waits) in &waited {
            let (on, product) = (stack.service(*id), products.get(id).copied());
            own.extend(never_healthy(on, waits));
            let known = start_time(evidence, on, product);
            let told = known.and_then(|known| known_to_be_late(on, &known, waits));
            own.extend(told.or_else(|| called_ill_too_soon(on, product, waits)));
        }
        let failed = all_of(
            evidence,
            &[(
                "compose.dependency-failed",
                "Compose gave up: a dependency did not become healthy",
            )],
        );
        recognise(&mut own, &failed, || {
            let title =
                "a service was not started, since what it depends on did not become healthy";
            let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 88);
            Some(finding.fix(Fix::advice(
                "look at the dependency's own log and check; where it only starts slowly, give the check a start_period",
            )))
        });
        let mut early: Vec<Finding> =
            early.values().map(|early| started_too_early(early)).collect();
        observe(evidence, &mut early);
        findings.extend(own);
        findings.extend(early);
    }
}

/// How long after a program's start its first calls are, in milliseconds.
const EARLY_MS: i64 = 60_000;

/// Recognises programs that called what they depend on before it could answer.
fn observe(evidence: &Evidence, early: &mut Vec<Finding>) {
    let mut shown: Shown<'_> = all_of(
        evidence,
        &[
            ("postgres.starting", "the database was still starting when it was called"),
            ("redis.loading", "Redis was still loading when it was called"),
        ],
    );
    let failed = !signals(evidence, &["app.failed-to-start"]).is_empty();
    for signal in signals(evidence, &["client.refused", "pgjdbc.refused"]) {
        let service = signal.service.as_deref();
        let begun = ["app.starting", "app.started"]
            .iter()
            .filter_map(|name| beside(evidence, name, service)?.first_ms)
            .min();
        let window =
            begun.map(|begun| (begun.saturating_sub(EARLY_MS), begun.saturating_add(EARLY_MS)));
        // What was refused once more later on was down and not slow.
        let part = window.and_then(|_| Part::during(signal, window));
        if let Some(part) = part.filter(|part| failed && part.events == signal.count) {
            shown.push((part, "what it needs did not listen yet".to_owned()));
        }
    }
    recognise(early, &shown, || None);
}

/// A service that waits for another to be healthy.
struct Wait<'a> {
    service: &'a Service,
    dependency: &'a Dependency,
}

/// A service that waits only for the start of a stateful one.
struct Early<'a> {
    service: &'a Service,
    dependency: &'a Dependency,
    on: &'a Service,
}

/// C2: somebody waits for a check that does not exist.
fn never_healthy(on: &Service, waits: &[Wait]) -> Option<Finding> {
    let (severity, confidence) = match &on.healthcheck {
        Some(check) if check.test.value == HealthTest::Disabled => (Severity::High, 97),
        Some(_) => return None,
        None => match own_check(on) {
            OwnCheck::Some => return None,
            OwnCheck::None if on.build_context.is_none() => (Severity::High, 95),
            OwnCheck::None => (Severity::High, 88),
            OwnCheck::Unknown => (Severity::Low, 50),
        },
    };
    let name = &on.name.value;
    let who: Vec<&str> = waits.iter().map(|wait| wait.service.name.value.as_str()).collect();
    let likely = if confidence < 70 { ", unless its image brings one" } else { "" };
    let title = format!(
        "{} {} for {name} to be healthy, and {name} has no health check{likely}: `up` fails at once",
        list(&who),
        if who.len() == 1 { "waits" } else { "wait" }
    );
    let mut finding =
        Finding::new(&META, title).service(who[0]).weigh(Role::Cause, severity, confidence);
    for wait in waits {
        let origin = wait.dependency.condition.origin.clone();
        finding = finding.because_at(format!("waits until {name} is healthy"), origin);
    }
    let claim = match &on.image {
        Some(image) if on.build_context.is_none() => {
            format!("{name} has no `healthcheck`, and {} brings none", image.value.text)
        }
        _ => format!("{name} has no `healthcheck`"),
    };
    let at = match &on.healthcheck {
        Some(check) => Origin::Written(check.place),
        None => on.name.origin.clone(),
    };
    Some(
        finding
            .because_at(claim, at)
            .leads_to("dependency-failed-to-start")
            .fix(Fix::advice(format!("add a `healthcheck` to {name}"))),
    )
}

/// The least time that a first start takes on ordinary hardware, in milliseconds; inferred.
const LEAST_START: &[(ServerProduct, u64)] = &[
    (ServerProduct::Postgres, 2500),
    (ServerProduct::MySql, 9000),
    (ServerProduct::MariaDb, 6000),
    (ServerProduct::Kafka, 4000),
    (ServerProduct::RabbitMq, 6000),
    (ServerProduct::Elasticsearch, 12_000),
    (ServerProduct::OpenSearch, 12_000),
    (ServerProduct::Cassandra, 18_000),
];

fn least_start(product: ServerProduct) -> Option<u64> {
    LEAST_START.iter().find(|(known, _)| *known == product).map(|(_, least)| *least)
}

/// How long a service takes to start, where that is known, in milliseconds. What the caller says
/// counts for programs of the team's own, not for a published database beside them.
fn start_time(
    evidence: &Evidence,
    on: &Service,
    product: Option<ServerProduct>,
) -> Option<(u64, Start)> {
    let name = &on.name.value;
    let own = on.build_context.is_some() && product.is_none();
    let start =
        logged_start(evidence, name).or_else(|| own.then(|| start_of(evidence, name)).flatten())?;
    let units = on
        .cpu_limit_millis
        .as_ref()
        .map(|millis| u32::try_from(millis.value.saturating_mul(1024) / 1000).unwrap_or(u32::MAX));
    let startup = configured::startup(&start.given, units).ok()?;
    Some((startup.time.max_ms(), start))
}

/// C1 with a startup time: the checks are used up before the start ends.
fn known_to_be_late(on: &Service, known: &(u64, Start), waits: &[Wait]) -> Option<Finding> {
    let (start_ms, start) = known;
    let check = written_check(on)?;
    let timing = unhealthy_after_ms(check);
    if timing.total_ms >= *start_ms {
        return None;
    }
    let name = &on.name.value;
    let title = format!(
        "{name} is called unhealthy after {}, before a start of {} ends: `up` fails then",
        duration_ms(timing.total_ms),
        duration_ms(*start_ms)
    );
    let finding = Finding::new(&META, title)
        .service(name)
        .weigh(Role::Cause, Severity::High, start.confidence())
        .arithmetic(format!("{} of start", sum(&timing, *start_ms)))
        .because_at(format!("the check of {name}"), Origin::Written(check.place));
    let mut finding = start.because(numbers(finding, check));
    for wait in waits {
        let claim = format!("{} waits for it", wait.service.name.value);
        finding = finding.because_at(claim, wait.dependency.condition.origin.clone());
    }
    let seconds = start_ms.div_ceil(1000);
    let title = format!("a `start_period` of {seconds} s: failures within it do not count");
    let fix = match &check.start_period_ms {
        Some(period) => Fix::replace(title, period, format!("{seconds}s")),
        None => Fix::advice(title),
    };
    Some(finding.leads_to("dependency-failed-to-start").fix(fix))
}

/// C1: the checks are used up before the dependency can be ready.
fn called_ill_too_soon(
    on: &Service,
    product: Option<ServerProduct>,
    waits: &[Wait],
) -> Option<Finding> {
    let check = written_check(on)?;
    let least = least_start(product?)?;
    let timing = unhealthy_after_ms(check);
    if timing.total_ms >= least {
        return None;
    }
    let name = &on.name.value;
    let title = format!(
        "{name} is called unhealthy after {}, likely before its first start ends: `up` fails then",
        duration_ms(timing.total_ms)
    );
    let finding = Finding::new(&META, title)
        .service(name)
        .weigh(Role::Cause, Severity::Medium, 65)
        .arithmetic(format!("{} that a first start likely takes", sum(&timing, least)))
        .because_at(format!("the check of {name}"), Origin::Written(check.place));
    let finding = numbers(finding, check);
    let wait = &waits[0];
    Some(
        finding
            .because_at(
                format!("{} waits for it", wait.service.name.value),
                wait.dependency.condition.origin.clone(),
            )
            .fix(Fix::advice(format!(
                "set `start_period` of {name} to the longest first start (30s or more): failures within it do not count"
            ))),
    )
}

fn sum(timing: &Timing, start_ms: u64) -> String {
    format!(
        "{} + ({} - 1) × {} = {} < {}",
        duration_ms(timing.first_ms),
        timing.retries,
        duration_ms(timing.interval_ms),
        duration_ms(timing.total_ms),
        duration_ms(start_ms)
    )
}

/// The parts of the sum with their origins.
fn numbers(mut finding: Finding, check: &HealthCheck) -> Finding {
    const ENGINE: &str = "Docker engine";
    const SOURCE: &str = "Docker reference, HEALTHCHECK";
    let or_default = |value: &Option<Located<u64>>, default: u64| {
        value.clone().unwrap_or_else(|| Located::default_of(default, ENGINE, SOURCE))
    };
    finding = finding.because("interval, in ms", &or_default(&check.interval_ms, 30_000));
    let retries = check.retries.clone();
    let retries = retries.unwrap_or_else(|| Located::default_of(3, ENGINE, SOURCE));
    finding = finding.because("failures in a row that count", &retries);
    let start = or_default(&check.start_period_ms, 0);
    finding = finding.because("start period, in ms: failures within it do not count", &start);
    if start.value > 0 {
        let between = or_default(&check.start_interval_ms, 5000);
        finding = finding.because("interval within the start period, in ms", &between);
    }
    finding
}

/// Whether a service would stay down if its first connection fails. Programs that are published as
/// images mostly try again; what a team builds mostly does not.
fn needs_it(service: &Service) -> bool {
    let comes_back = service.restart.as_ref().is_some_and(|policy| policy.value != Restart::No);
    let runtime = |base: &Located<Image>| {
        RUNTIMES.iter().any(|name| base.value.repository.split('/').any(|part| part == *name))
    };
    let own = service.build_context.is_some() && service.base_image.as_deref().is_none_or(runtime);
    !comes_back && own
}

/// Images of languages and systems: what is built on them is a program of one's own.
const RUNTIMES: &[&str] = &[
    "alpine",
    "amazoncorretto",
    "aspnet",
    "busybox",
    "debian",
    "distroless",
    "eclipse-temurin",
    "golang",
    "ibm-semeru-runtimes",
    "java",
    "node",
    "openjdk",
    "php",
    "python",
    "ruby",
    "rust",
    "scratch",
    "tomcat",
    "ubuntu",
    "ubi8",
    "ubi9",
    "zulu-openjdk",
];

/// C1 in its weakest form, one finding per project.
fn started_too_early(early: &[Early]) -> Finding {
    let pairs: Vec<String> = early
        .iter()
        .take(3)
        .map(|one| format!("{} after {}", one.service.name.value, one.on.name.value))
        .collect();
    let title = format!(
        "started without waiting until it answers: {}; likely to fail at a first start, and not started again",
        list(&pairs)
    );
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Low, 50);
    for one in early {
        let claim =
            format!("{} waits only for the start of {}", one.service.name.value, one.on.name.value);
        finding = finding.because_at(claim, one.dependency.service.origin.clone());
    }
    finding.fix(Fix::advice(
        "wait with `condition: service_healthy` (and a `healthcheck`), or let the dependent be restarted",
    ))
}
