//! # A container check that kills what still starts
//!
//! ## What fails
//!
//! Tasks are replaced for "failed container health checks" while the load balancer has no complaint,
//! or before it has looked.
//!
//! ## Why
//!
//! The health check of a task definition is one more judge: with both, both must be content. It calls
//! the container unhealthy after A + (retries − 1) × interval, where A is one interval, or the end of
//! the `startPeriod` (at most 300 s). The grace period of the service covers it, too, but one good
//! probe must come before that ends: the smallest grace is start + interval. A command that asks
//! another port than the application listens on never succeeds. Swarm ends unhealthy tasks in the
//! same way ("dockerexec: unhealthy container"); their exit code 137 has nothing to do with memory.
//!
//! ## Example
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_ecs_task_definition" "web" {
//!   family = "web"
//!   container_definitions = jsonencode([{
//!     name         = "web"
//!     image        = "example/web:1"
//!     memory       = 512
//!     portMappings = [{ containerPort = 8080 }]
//!     healthCheck  = { command = ["CMD-SHELL", "curl -f http://localhost:8080/health"], retries = 3 }
//!   }])
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name            = "web"
//!   desired_count   = 2
//!   task_definition = aws_ecs_task_definition.web.arn
//! }
//! ```
//!
//! ## Fix
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_ecs_task_definition" "web" {
//!   family = "web"
//!   container_definitions = jsonencode([{
//!     name         = "web"
//!     image        = "example/web:1"
//!     memory       = 512
//!     portMappings = [{ containerPort = 8080 }]
//!     healthCheck  = {
//!       command     = ["CMD-SHELL", "curl -f http://localhost:8080/health"]
//!       retries     = 3
//!       startPeriod = 150
//!     }
//!   }])
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name            = "web"
//!   desired_count   = 2
//!   task_definition = aws_ecs_task_definition.web.arn
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 150s`; or `docker run` the image with the same
//! `--health-*` options.
//!
//! ## Evidence
//!
//! - Amazon ECS API, `HealthCheck`; moby `daemon/health.go` for the timing on EC2, which is taken for
//!   Fargate, too (inferred). Rows E20 and E21 of the rollout rules.
//! - Whether the image holds the program that the command names is not known here.

use wonin_model::{
    EcsContainer, EcsContainerCheck, Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin,
    Role, Severity,
};
use wonin_rollout::closed::{
    container_safe_grace_ms, docker_first_counted_ms, docker_unhealthy_ms,
};
use wonin_rollout::plan::DockerCheck;
use wonin_rollout::solve::Setting;
use wonin_text::Sources;

use crate::shared::checks::{unhealthy_after_ms, written_check};
use crate::shared::deploys::{Ecs, Seen, Started, Telling, ecs_services, rehearsal, started};
use crate::shared::seen::{Part, Values, signals};
use crate::shared::words::{duration_ms, list};

pub(crate) struct ContainerCheckKills;

static META: ModeMeta = ModeMeta {
    id: "container-check-kills",
    family: "rollout",
    summary: "the check of the task definition kills tasks that still start",
    source: include_str!("container_check_kills.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("ecs.container-unhealthy", "a task failed its container check")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "tasks fail the health check of their container")
        .weigh(Role::Cause, Severity::Medium, 65)
        .fix(Fix::advice("run the command in the image, and compare the time that a start takes with `startPeriod`, `interval` and `retries`"))
}

impl Mode for ContainerCheckKills {
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
            let Some(task) = &ecs.service.task else { continue };
            let checked = task.containers.iter().filter(|container| container.essential);
            let checked = checked.filter_map(|one| Some((one, one.health_check.as_ref()?)));
            for (at, (container, check)) in checked.enumerate() {
                if let Some(finding) = other_port(container, check) {
                    telling.say(ecs.deployment, finding);
                }
                // The startup time that is known is that of the first one.
                if at > 0 {
                    continue;
                }
                match started(evidence, ecs.deployment) {
                    Some(Ok(started)) => {
                        if let Some(finding) =
                            kills(&evidence.sources, &ecs, container, check, &started)
                        {
                            let finding = finding.rehearse(rehearsal(evidence, ecs.deployment));
                            telling.say(ecs.deployment, finding);
                        }
                    }
                    Some(Err(why)) => telling.leave_open(ecs.deployment, why),
                    None => {}
                }
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
        findings.extend(unhealthy_tasks(evidence).iter().map(|part| swarm(evidence, part)));
    }
}

/// Tasks that Swarm ended since its engine called them unhealthy, as it says itself.
fn unhealthy_tasks(evidence: &Evidence) -> Vec<Part<'_>> {
    let is_unhealthy =
        |values: &Values| values.get("why").is_some_and(|why| why.contains("unhealthy container"));
    let exits = signals(evidence, &["swarm.task-exited"]).into_iter();
    exits.filter_map(|signal| Part::of(signal, is_unhealthy)).collect()
}

fn swarm(evidence: &Evidence, part: &Part<'_>) -> Finding {
    let name = part.signal.service.as_deref();
    let whose = name.map_or(String::new(), |name| format!(" of {name}"));
    let title =
        format!("Swarm kills tasks{whose} and starts others: their health check says unhealthy");
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 90);
    finding.service.clone_from(&part.signal.service);
    finding = part.tell(finding, "a task failed its container check");
    let service = evidence.stack.services.iter().find(|one| Some(one.name.value.as_str()) == name);
    if let Some(check) = service.and_then(written_check) {
        let timing = unhealthy_after_ms(check);
        finding = finding
            .arithmetic(format!(
                "{} + ({} - 1) × {} = {} from the start to unhealthy; a start that takes longer never ends",
                duration_ms(timing.first_ms),
                timing.retries,
                duration_ms(timing.interval_ms),
                duration_ms(timing.total_ms)
            ))
            .because_at("the check", Origin::Written(check.place));
    }
    finding.leads_to("endless-churn").leads_to("no-healthy-target").fix(Fix::advice(
        "run the command of the check in a running task (`docker inspect` shows its last output); if it only comes too early, a longer `start_period`",
    ))
}

/// The longest start period that ECS takes, in seconds.
const START_PERIOD_MAX_S: u64 = 300;

fn kills(
    sources: &Sources,
    ecs: &Ecs,
    container: &EcsContainer,
    check: &EcsContainerCheck,
    started: &Started,
) -> Option<Finding> {
    let plan = started.ecs()?;
    let docker: DockerCheck = plan.container?;
    let start_ms = plan.startup.time.max_ms();
    let (ill_ms, safe_ms) =
        (docker_unhealthy_ms(&docker), container_safe_grace_ms(&docker, start_ms, plan.lag_ms));
    if ill_ms >= start_ms || plan.grace_ms >= safe_ms {
        return None;
    }
    let title = format!(
        "the check of container `{}` calls it unhealthy after {}, before a start of {} ends: the task \
         is killed",
        container.name.value,
        duration_ms(ill_ms),
        duration_ms(start_ms)
    );
    let grace = ecs.service.grace_period_s.as_ref()?;
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, started.start.confidence().min(90))
        .arithmetic(format!(
            "{} + ({} - 1) × {} = {} < {}; grace {} < {} + {} = {}",
            duration_ms(docker_first_counted_ms(&docker)),
            docker.retries,
            duration_ms(docker.interval_ms),
            duration_ms(ill_ms),
            duration_ms(start_ms),
            duration_ms(plan.grace_ms),
            duration_ms(start_ms),
            duration_ms(docker.interval_ms),
            duration_ms(safe_ms)
        ))
        .because("failures in a row until unhealthy", &check.retries)
        .because("interval of the check, in seconds", &check.interval_s)
        .because("failures within it do not count, in seconds", &check.start_period_s)
        .because("grace period of the service, in seconds", grace);
    let seconds = start_ms.div_ceil(1000);
    let fix = if seconds <= START_PERIOD_MAX_S {
        let title = format!("a `startPeriod` of {seconds} s");
        started.repair(sources, title, Setting::ContainerStartPeriod, seconds)
    } else {
        let seconds = safe_ms.div_ceil(1000);
        let title =
            format!("a grace period of {seconds} s: `startPeriod` ends at {START_PERIOD_MAX_S}");
        started.repair(sources, title, Setting::Grace, seconds)
    };
    Some(started.start.because(finding).fix(fix))
}

/// E21 as far as ports tell: the command asks one that nothing maps.
fn other_port(container: &EcsContainer, check: &EcsContainerCheck) -> Option<Finding> {
    let command = check.command.as_ref().filter(|command| command.origin.is_certain())?;
    let asked = local_port(&command.value)?;
    let known = &container.container_ports;
    if known.is_empty() || known.iter().any(|port| port.value == asked) {
        return None;
    }
    let ports: Vec<String> = known.iter().map(|port| port.value.to_string()).collect();
    let title = format!(
        "the check of container `{}` asks port {asked}, and {} is mapped: it may never succeed",
        container.name.value,
        list(&ports)
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Latent, Severity::Low, 60)
        .arithmetic(format!("{asked} is not among: {}", list(&ports)))
        .because("what the check runs", command);
    let ports = known.iter().fold(finding, |finding, port| finding.because("a mapped port", port));
    Some(ports.fix(Fix::advice("ask the port that the application listens on")))
}

/// The port behind the first address of the container itself.
fn local_port(command: &str) -> Option<u16> {
    let after = ["localhost:", "127.0.0.1:", "0.0.0.0:"]
        .iter()
        .find_map(|host| command.split_once(host).map(|(_, after)| after))?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}
