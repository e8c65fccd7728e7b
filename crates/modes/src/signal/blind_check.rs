//! # A health check that proves nothing
//!
//! ## What fails
//!
//! The container is `healthy` while the service in it answers 500 or nothing at all; what waits for
//! it starts too early, and nobody is told. Or the other way round: the check can never pass.
//!
//! ## Why
//!
//! `curl` succeeds with any HTTP answer unless it is told to `--fail`. `|| true` makes any check
//! succeed. Opening a port proves that the kernel accepts connections, which it does for a program
//! that hangs as well (and through a published port the answer is docker-proxy's). That the process
//! exists is known to the engine without a check.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//!     healthcheck:
//!       test: curl http://localhost:8080/actuator/health || exit 1
//! ```
//!
//! ## Fix
//!
//! A check that asks for the thing the service is for, and fails when the answer is wrong.
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//!     healthcheck:
//!       test: curl --fail http://localhost:8080/actuator/health || exit 1
//! ```
//!
//! ## How to rehearse
//!
//! Let the service answer 503, or stop its process with SIGSTOP, and look at the container's state.
//!
//! ## In logs
//!
//! A check whose program is missing is seen: the engine and the kubelet log `executable file not
//! found in $PATH` for it, and `docker inspect` keeps it as the last output. A check that cannot
//! fail, or that opens a port alone, is seen nowhere: it is green, and that is what is wrong with
//! it.
//!
//! ## Evidence
//!
//! - curl manual, `--fail`; Docker reference, `HEALTHCHECK` (exit status 0 is healthy).
//! - moby `cmd/docker-proxy`: accepts before it dials the container.
//! - Inferred: that images which are not run as they are have no tools added.

use std::collections::BTreeMap;

use wonin_model::{
    Condition, Evidence, FileEdit, Finding, Fix, HealthTest, Located, Mode, ModeMeta, NotChecked,
    Origin, Role, Service, Severity, Standing,
};
use wonin_text::{Edit, Place};

use crate::shared::checks::{Blind, blindness};
use crate::shared::dependents::Dependents;
use crate::shared::seen::{Part, signals};
use crate::shared::stale;
use crate::shared::words::{count, list};

pub(crate) struct BlindCheck;

static META: ModeMeta = ModeMeta {
    id: "blind-check",
    family: "signal",
    summary: "a health check cannot fail, cannot pass, or proves nothing",
    source: include_str!("blind_check.rs"),
};

impl Mode for BlindCheck {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let dependents = Dependents::of(stack);
        let mut groups: BTreeMap<(usize, Blind), Vec<Checked>> = BTreeMap::new();
        for service in &stack.services {
            let Some(check) = &service.healthcheck else { continue };
            if !check.test.origin.is_certain() {
                continue;
            }
            if let Some(blind) = blindness(service, &check.test.value) {
                let checked = Checked { service, test: &check.test };
                groups.entry((service.project, blind)).or_default().push(checked);
            }
        }
        let mut own: Vec<Finding> = groups
            .iter()
            .map(|((_, blind), checked)| report(evidence, &dependents, *blind, checked))
            .collect();
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

const MISSING: &str = "executable file not found in";

/// Recognises checks whose program is not there: by what the engine and the kubelet log, and by
/// what `docker inspect` keeps of the last run.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for container in &evidence.containers {
        let Some((said, place)) = &container.check_output else { continue };
        if !said.contains(MISSING) {
            continue;
        }
        let name = stale::name(evidence, container);
        let finding =
            predicted(evidence, own, name).unwrap_or_else(|| never_healthy(said).service(name));
        let claim = format!("seen: the last run of the check of {name} found no such program");
        let mut finding = finding.because_at(claim, Origin::Written(*place));
        finding.standing = Standing::Observed;
        finding.confidence = finding.confidence.max(97);
        own.push(finding);
    }
    for signal in signals(evidence, &["container.check-tool-missing"]) {
        let part = Part::whole(signal);
        let tool = signal.all("tool").first().map_or(String::new(), |tool| (*tool).to_owned());
        let finding = signal.service.as_deref().and_then(|name| predicted(evidence, own, name));
        let finding = finding.unwrap_or_else(|| never_healthy(&format!("exec: \"{tool}\"")));
        own.push(part.tell(finding, "the check cannot run"));
    }
}

/// Takes out the finding about the check of a service.
fn predicted(evidence: &Evidence, own: &mut Vec<Finding>, name: &str) -> Option<Finding> {
    let service = evidence.stack.services.iter().find(|one| one.name.value == name)?;
    let place = service.healthcheck.as_ref()?.test.place()?;
    let at = own
        .iter()
        .position(|one| one.because.iter().any(|because| because.origin.place() == Some(place)))?;
    Some(own.remove(at))
}

/// A check that cannot run, of which no file tells.
fn never_healthy(said: &str) -> Finding {
    let tool = said
        .split("exec: ")
        .nth(1)
        .and_then(|rest| rest.split(['"', '\\']).find(|word| !word.is_empty()));
    let title = match tool {
        Some(tool) => {
            format!("a health check runs `{tool}`, which the image does not have: never healthy")
        }
        None => {
            "a health check runs a program that the image does not have: never healthy".to_owned()
        }
    };
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 92)
        .fix(Fix::advice(repair(Blind::NoTool("curl"))))
}

/// A service with its check.
struct Checked<'a> {
    service: &'a Service,
    test: &'a Located<HealthTest>,
}

fn report(
    evidence: &Evidence,
    dependents: &Dependents,
    blind: Blind,
    checked: &[Checked],
) -> Finding {
    let names: Vec<&str> = checked.iter().map(|one| one.service.name.value.as_str()).collect();
    let who = match names.as_slice() {
        [one] => format!("the health check of {one}"),
        [a, b, c, rest @ ..] if !rest.is_empty() => {
            format!("the health checks of {a}, {b}, {c} and {}", count(rest.len(), "other"))
        }
        several => format!("the health checks of {}", list(several)),
    };
    let title = format!("{who} {}", says(blind, names.len() > 1));
    let depended = checked.iter().any(|one| waited_for(dependents, one.service).is_some());
    let (role, severity, confidence) = weight(blind, depended);
    let mut finding = Finding::new(&META, title).weigh(role, severity, confidence);
    if let [one] = names.as_slice() {
        finding = finding.service(*one);
    }
    for one in checked {
        finding = finding.because_at(proves(blind, one), one.test.origin.clone());
        if let Some(waiting) = waited_for(dependents, one.service) {
            finding = finding.because("waits for this check", waiting);
        }
    }
    let fix = Fix { edits: edits(evidence, blind, checked), ..Fix::advice(repair(blind)) };
    finding.fix(fix)
}

fn says(blind: Blind, several: bool) -> String {
    let (s, es) = if several { ("", "") } else { ("s", "es") };
    match blind {
        Blind::NoTool(tool) => {
            format!("run{s} `{tool}`, which the image does not have: never healthy")
        }
        Blind::CannotFail => "cannot fail".to_owned(),
        Blind::IgnoresStatus => format!("pass{es} with any HTTP status, 500 included"),
        Blind::PortOnly => format!("only open{s} a port: a service that hangs passes"),
        Blind::ProcessOnly => format!("only look{s} for the process: a service that hangs passes"),
    }
}

fn weight(blind: Blind, waited_for: bool) -> (Role, Severity, u8) {
    match (blind, waited_for) {
        (Blind::NoTool(_), true) => (Role::Cause, Severity::High, 85),
        (Blind::NoTool(_), false) => (Role::Cause, Severity::Medium, 85),
        (Blind::CannotFail, true) => (Role::Contributing, Severity::Medium, 95),
        (Blind::IgnoresStatus, true) => (Role::Contributing, Severity::Medium, 90),
        (Blind::CannotFail | Blind::IgnoresStatus, false) => {
            (Role::Contributing, Severity::Low, 92)
        }
        (Blind::PortOnly | Blind::ProcessOnly, _) => (Role::Contributing, Severity::Low, 85),
    }
}

fn proves(blind: Blind, one: &Checked) -> String {
    let name = &one.service.name.value;
    match blind {
        Blind::NoTool(tool) => {
            let image = one.service.image.as_ref().map_or("", |image| image.value.text.as_str());
            format!("{image} holds no `{tool}`")
        }
        Blind::CannotFail => format!("the last command of the check of {name} always succeeds"),
        Blind::IgnoresStatus => format!("`curl` without `--fail` in the check of {name}"),
        Blind::PortOnly => {
            format!("the check of {name} is over when the kernel has accepted a connection")
        }
        Blind::ProcessOnly => format!("the check of {name} sees only that the process exists"),
    }
}

fn repair(blind: Blind) -> &'static str {
    match blind {
        Blind::NoTool(_) => {
            "check with a program that the image has (`pg_isready`, `redis-cli ping`, `wget --spider`)"
        }
        Blind::CannotFail => {
            "let the check fail: leave out what makes it succeed, and ask the service something"
        }
        Blind::IgnoresStatus => "add `--fail`, so that an error status fails the check",
        Blind::PortOnly => "ask the service something in its own protocol and look at the answer",
        Blind::ProcessOnly => "ask the service something instead of looking for its process",
    }
}

/// Where another service waits until this one is healthy.
fn waited_for<'a>(dependents: &Dependents<'a>, service: &Service) -> Option<&'a Located<String>> {
    let mut waits = dependents.on(service).iter();
    let wait = waits.find(|wait| wait.condition.value == Condition::Healthy);
    wait.map(|wait| &wait.service)
}

/// Adds `--fail` behind each `curl`.
fn edits(evidence: &Evidence, blind: Blind, checked: &[Checked]) -> Vec<FileEdit> {
    if blind != Blind::IgnoresStatus {
        return Vec::new();
    }
    let places = checked.iter().map(|one| match one.test.origin {
        Origin::Written(place) => add_fail(evidence, place),
        _ => None,
    });
    // A check that is shared through an anchor stands in one place; half a repair is none.
    let Some(mut edits) = places.collect::<Option<Vec<FileEdit>>>() else { return Vec::new() };
    edits.sort();
    edits.dedup();
    edits
}

fn add_fail(evidence: &Evidence, place: Place) -> Option<FileEdit> {
    let text = evidence.sources.slice(place);
    let curl = text.find("curl")? + "curl".len();
    let (at, replacement) = match text.get(curl..curl + 1)? {
        " " => (curl, " --fail".to_owned()),
        quote @ ("\"" | "'") => {
            let comma = text.get(curl + 1..)?.starts_with(',').then_some(curl + 2)?;
            (comma, format!(" {quote}--fail{quote},"))
        }
        _ => return None,
    };
    let span = place.part(at..at).span;
    Some(FileEdit { file: place.file, edit: Edit { span, replacement } })
}
