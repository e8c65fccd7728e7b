//! # Nobody starts it again
//!
//! ## What fails
//!
//! A process ends, or the host reboots, and the container stays down until somebody notices.
//!
//! ## Why
//!
//! Without `restart:` the engine leaves a container that ended as it is, whatever the reason, and
//! starts nothing after a reboot. Where other services of the project do come back, the one that was
//! forgotten is missed; where it is a member of a cluster without a spare vote, the rest wait for it.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   app:
//!     image: example/app:1.0
//!     restart: unless-stopped
//!   db:
//!     image: postgres:16
//! ```
//!
//! ## Fix
//!
//! ```yaml docker-compose.yml
//! services:
//!   app:
//!     image: example/app:1.0
//!     restart: unless-stopped
//!   db:
//!     image: postgres:16
//!     restart: unless-stopped
//! ```
//!
//! ## How to rehearse
//!
//! Kill the process inside the container and wait a minute.
//!
//! ## Evidence
//!
//! - Docker documentation, "Start containers automatically": the default policy is `no`.
//! - Compose specification, `restart`; of a Swarm `deploy.restart_policy` counts, which is `any`
//!   unless it is set.

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Service, ServiceId, Severity,
    Stack, Standing,
};
use wonin_text::Sources;

use crate::shared::edits::add_service_key;
use crate::shared::jobs::runs_once;
use crate::shared::kafka::clusters;
use crate::shared::seen::moment;
use crate::shared::stale;
use crate::shared::words::{count, list};

pub(crate) struct NoRestartPolicy;

static META: ModeMeta = ModeMeta {
    id: "no-restart-policy",
    family: "redundancy",
    summary: "nothing starts the container again after it ended",
    source: include_str!("no_restart_policy.rs"),
};

impl Mode for NoRestartPolicy {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let spareless = spareless_members(stack);
        for project in (0..stack.projects.len()).filter(|project| !is_in_swarm(evidence, *project))
        {
            let finding = finding(&evidence.sources, stack, project, &spareless);
            findings.extend(finding.map(|finding| observed(evidence, project, finding)));
        }
    }
}

/// Longer than this a log says nothing for no reason, in milliseconds.
const SILENCE_MS: i64 = 10 * 60 * 1000;

/// Whether a Swarm was seen to run a service of a project: it starts tasks again without being told
/// to, and does not heed `restart`.
fn is_in_swarm(evidence: &Evidence, project: usize) -> bool {
    let stack = &evidence.stack;
    let mut tasks = evidence.containers.iter().filter(|one| one.source == "swarm");
    tasks.any(|task| {
        let name = stale::name(evidence, task);
        stack.services_of(project).any(|(_, service)| service.name.value == name)
    })
}

/// Adds what shows that a container of the project ended and stayed so: its state, or its log that
/// stops for good while others go on.
fn observed(evidence: &Evidence, project: usize, mut finding: Finding) -> Finding {
    let stack = &evidence.stack;
    let is_down = |name: &str| {
        stack
            .services_of(project)
            .any(|(_, service)| service.name.value == name && service.restart.is_none())
    };
    let end = evidence.logs.iter().filter_map(|log| log.last_ms).max();
    for container in &evidence.containers {
        let service = stale::name(evidence, container);
        let ended = container.status.as_deref() == Some("exited") && container.exit_code != Some(0);
        if ended && is_down(service) {
            let code = container.exit_code.map_or(String::new(), |code| format!(" with {code}"));
            finding.standing = finding.standing.max(Standing::Observed);
            let claim = format!("seen: {service} exited{code} and is still down");
            finding = finding.because_at(claim, Origin::Written(container.place));
        }
    }
    for log in &evidence.logs {
        let Some(service) = log.service.as_deref().filter(|name| is_down(name)) else { continue };
        let (Some(last), Some(end)) = (log.last_ms, end) else { continue };
        let final_one = log.templates.iter().max_by_key(|template| template.last_ms);
        let Some(place) = final_one.map(|template| template.example) else { continue };
        let failed = log.errors > 0 && !log.date_assumed;
        if failed && end.saturating_sub(last) >= SILENCE_MS {
            finding.standing = finding.standing.max(Standing::Observed);
            let claim = format!(
                "seen: the log of {service} ends at {}, others go on until {}: likely it is down",
                moment(last),
                moment(end)
            );
            finding = finding.because_at(claim, Origin::Written(place));
        }
    }
    finding
}

fn finding(
    sources: &Sources,
    stack: &Stack,
    project: usize,
    spareless: &[ServiceId],
) -> Option<Finding> {
    let lasting: Vec<(ServiceId, &Service)> =
        stack.services_of(project).filter(|(_, service)| !runs_once(stack, service)).collect();
    let down: Vec<(ServiceId, &Service)> =
        lasting.iter().copied().filter(|(_, service)| service.restart.is_none()).collect();
    if down.is_empty() {
        return None;
    }
    // Where most come back, the others were forgotten; where few do, those have a reason of their own.
    let few_are_down = 2 * down.len() < lasting.len();
    let forgotten: Vec<(ServiceId, &Service)> = down
        .iter()
        .copied()
        .filter(|(id, _)| spareless.contains(id) || (few_are_down && is_server(stack, *id)))
        .collect();
    let shown = if forgotten.is_empty() { &down } else { &forgotten };
    let names: Vec<&str> = shown.iter().map(|(_, service)| service.name.value.as_str()).collect();
    let title = format!(
        "{} {} down once stopped: no restart policy",
        list(&names),
        if names.len() == 1 { "stays" } else { "stay" }
    );
    let severity = if forgotten.is_empty() { Severity::Low } else { Severity::Medium };
    let mut finding =
        Finding::new(&META, title).weigh(Role::Contributing, severity, 90).arithmetic(format!(
            "{} of {} come back by themselves",
            lasting.len() - down.len(),
            count(lasting.len(), "service")
        ));
    if let [name] = names.as_slice() {
        finding = finding.service(*name);
    }
    for (id, service) in shown {
        let claim = format!("{} has no restart policy{}", service.name.value, why(stack, *id));
        finding = finding.because_at(claim, service.name.origin.clone());
    }
    let mut fix = Fix::advice("set restart: unless-stopped");
    let edits: Option<Vec<_>> = down
        .iter()
        .map(|(_, service)| add_service_key(sources, service, "restart: unless-stopped"))
        .collect();
    fix.edits = edits.unwrap_or_default();
    fix.edits.sort();
    fix.edits.dedup();
    Some(finding.leads_to("stays-down").fix(fix))
}

/// What makes it matter for this one: ` and no health check; it is a broker and a vote`.
fn why(stack: &Stack, id: ServiceId) -> String {
    let Some(node) = stack.broker_of(id) else { return String::new() };
    let both = node.is_kraft() && node.has_role("broker") && node.has_role("controller");
    let check = if stack.service(id).healthcheck.is_none() { " and no health check" } else { "" };
    let both = if both { "; it is a broker and a vote" } else { "" };
    format!("{check}{both}")
}

/// Members of a cluster whose controllers have no vote to spare: one that stays down takes the rest
/// along.
fn spareless_members(stack: &Stack) -> Vec<ServiceId> {
    let spareless = clusters(stack).into_iter().filter(|cluster| {
        let votes = cluster.voters().map_or(0, |voters| voters.split(',').len());
        cluster.nodes.len() > 1 && (votes == 1 || votes == 2)
    });
    spareless.flat_map(|cluster| cluster.nodes).filter_map(|node| node.service).collect()
}

fn is_server(stack: &Stack, id: ServiceId) -> bool {
    stack.servers_of(id).next().is_some() || stack.broker_of(id).is_some()
}
