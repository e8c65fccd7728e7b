//! # A probe, or a Service, that asks where nobody listens
//!
//! ## What fails
//!
//! New pods never become ready, or restart without end; the Service has no endpoints; new tasks are
//! killed with `Target.FailedHealthChecks` although the application runs. Or the deployment is
//! refused: "The container web did not have a container port 8081 defined".
//!
//! ## Why
//!
//! A port can be given by name. A name that no port of the container bears cannot be looked up: the
//! probe fails each time, and a Service leaves the pod out. Numbers need not be declared in
//! Kubernetes, so that an undeclared number is only a hint. ECS registers a target by container name
//! and container port, which must be declared. In `bridge` mode with dynamic host ports a fixed
//! health check port asks the instance, where something else or nothing listens.
//!
//! ## Example
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           ports: [{ name: http, containerPort: 8080 }]
//!           readinessProbe:
//!             httpGet: { path: /ready, port: management }
//! ```
//!
//! ## Fix
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           ports: [{ name: http, containerPort: 8080 }, { name: management, containerPort: 9090 }]
//!           readinessProbe:
//!             httpGet: { path: /ready, port: management }
//! ```
//!
//! ## How to rehearse
//!
//! `kubectl port-forward POD 9090` and ask the path; `kubectl get endpointslices` for the Service.
//!
//! ## Evidence
//!
//! - Kubernetes API, `HTTPGetAction.port` and `ServicePort.targetPort`: a name must be declared by a
//!   container. Rows E17 and K3 of the rollout rules.
//! - Amazon ECS API, `LoadBalancer.containerPort`: it must be among the port mappings.
//! - Wrong paths and security groups cannot be seen in these files and are not claimed.

use wonin_model::{
    EcsContainer, Evidence, Finding, Fix, KubeContainer, Located, Mode, ModeMeta, NotChecked,
    Probe, ProbeTarget, Role, Severity, TargetGroup, TaskDefinition,
};

use wonin_text::Sources;

use crate::shared::deploys::{Ecs, Kube, Telling, ecs_services, workloads};
use crate::shared::edits::replace_text;
use crate::shared::seen::{Part, Shown, Values, recognise_each, signals};
use crate::shared::words::list;

pub(crate) struct ProbeTargetWrong;

static META: ModeMeta = ModeMeta {
    id: "probe-target-wrong",
    family: "rollout",
    summary: "a health check or a Service asks a port that is not there",
    source: include_str!("probe_target_wrong.rs"),
};

impl Mode for ProbeTargetWrong {
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
        for kube in workloads(evidence) {
            for finding in of_probes(&kube).into_iter().chain(of_services(&kube)) {
                telling.say(kube.deployment, finding);
            }
        }
        for ecs in ecs_services(evidence) {
            for finding in of_ecs(&evidence.sources, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let mut own = Vec::new();
        telling.finish(META.id, &mut own, open);
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises checks that are answered with 404: the program is up, and the path is not there.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let is_missing = |values: &Values| {
        let says =
            |name: &str, text: &str| values.get(name).is_some_and(|value| value.contains(text));
        says("why", "statuscode: 404") || says("codes", "404")
    };
    let names = [
        "kubernetes.readiness-failed",
        "kubernetes.liveness-failed",
        "kubernetes.startup-failed",
        "ecs.health-checks-failed",
    ];
    let parts = signals(evidence, &names).into_iter();
    let shown: Shown<'_> = parts
        .filter_map(|signal| Part::of(signal, is_missing))
        .map(|part| (part, "the check is answered with 404".to_owned()))
        .collect();
    recognise_each(evidence, own, &shown, || {
        let title = "the health check asks a path that is not there: the program answers 404";
        let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 92);
        Some(finding.fix(Fix::advice(
            "ask the path from inside the container; a context path (server.servlet.context-path, a base path) stands before it",
        )))
    });
}

/// What a port says: a number, a name, or text that a template fills in later.
enum Port<'a> {
    Number(u16),
    Name(&'a str),
    Unknown,
}

fn port(text: &str) -> Port<'_> {
    match text.parse::<u16>() {
        Ok(number) => Port::Number(number),
        Err(_) if text.is_empty() || text.contains(['{', '$', '<']) => Port::Unknown,
        Err(_) => Port::Name(text),
    }
}

fn has_number(container: &KubeContainer, number: u16) -> bool {
    container.ports.iter().any(|(declared, _)| declared.value == number)
}

fn has_name(container: &KubeContainer, name: &str) -> bool {
    container.ports.iter().any(|(_, declared)| declared.as_deref() == Some(name))
}

/// Probes by the kind of their field.
fn probes(container: &KubeContainer) -> impl Iterator<Item = (&'static str, &Probe)> {
    let kinds = [
        ("readinessProbe", &container.readiness),
        ("livenessProbe", &container.liveness),
        ("startupProbe", &container.startup),
    ];
    kinds.into_iter().filter_map(|(kind, probe)| Some((kind, probe.as_deref()?)))
}

fn of_probes(kube: &Kube) -> Vec<Finding> {
    let mut found = Vec::new();
    for container in kube.containers() {
        for (kind, probe) in probes(container) {
            let text = match &probe.target.value {
                ProbeTarget::Http { port, .. }
                | ProbeTarget::Tcp(port)
                | ProbeTarget::Grpc(port) => port,
                ProbeTarget::Exec(_) => continue,
            };
            match port(text) {
                Port::Name(name) if !has_name(container, name) => {
                    found.push(no_such_name(container, kind, probe, name));
                }
                Port::Number(number) => {
                    // Ports need not be declared; another container of the pod may listen.
                    let nowhere = !kube.containers().any(|one| has_number(one, number));
                    if nowhere && !container.ports.is_empty() {
                        found.push(undeclared(container, probe, number));
                    }
                }
                Port::Name(_) | Port::Unknown => {}
            }
        }
    }
    found
}

/// The declared ports with their names, for people.
fn declared(container: &KubeContainer) -> String {
    let ports: Vec<String> = container
        .ports
        .iter()
        .map(|(number, name)| match name {
            Some(name) => format!("{name} ({})", number.value),
            None => number.value.to_string(),
        })
        .collect();
    if ports.is_empty() { "no port".to_owned() } else { list(&ports) }
}

fn no_such_name(
    container: &KubeContainer,
    kind: &'static str,
    probe: &Probe,
    name: &str,
) -> Finding {
    let title =
        format!("`{kind}` asks a port named `{name}`, and the container has none: it never passes");
    let leads = if kind == "readinessProbe" { "never-ready" } else { "restart-loop" };
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 96)
        .arithmetic(format!("`{name}` is not among: {}", declared(container)))
        .because_at("the port that is asked", probe.target.origin.clone())
        .leads_to(leads);
    with_ports(finding, container)
        .fix(Fix::advice(format!("name a port of the container `{name}`, or ask one that it has")))
}

fn with_ports(mut finding: Finding, container: &KubeContainer) -> Finding {
    for (number, _) in &container.ports {
        finding = finding.because("a port that the container declares", number);
    }
    finding
}

fn undeclared(container: &KubeContainer, probe: &Probe, number: u16) -> Finding {
    let title = format!("a probe asks port {number}, which the container does not declare");
    let finding = Finding::new(&META, title)
        .weigh(Role::Latent, Severity::Low, 50)
        .arithmetic(format!("{number} is not among: {}", declared(container)))
        .because_at("the port that is asked", probe.target.origin.clone());
    with_ports(finding, container)
        .fix(Fix::advice(format!("check that the application listens on {number}, and declare it")))
}

fn of_services(kube: &Kube) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in &kube.workload.services {
        for target in &service.target_ports {
            let name = &service.name.value;
            match port(&target.value) {
                Port::Name(wanted) if !kube.containers().any(|one| has_name(one, wanted)) => {
                    let title = format!(
                        "Service `{name}` sends to a port named `{wanted}`, and no container has \
                         one: it has no endpoint"
                    );
                    found.push(
                        Finding::new(&META, title)
                            .weigh(Role::Cause, Severity::High, 92)
                            .because("the port that the Service sends to", target)
                            .leads_to("no-endpoints")
                            .fix(Fix::advice(format!(
                                "name a container port `{wanted}`, or give its number"
                            ))),
                    );
                }
                Port::Number(number) => {
                    let all_declare = kube.containers().all(|one| !one.ports.is_empty());
                    if all_declare && !kube.containers().any(|one| has_number(one, number)) {
                        let title = format!(
                            "Service `{name}` sends to port {number}, which no container declares"
                        );
                        found.push(
                            Finding::new(&META, title)
                                .weigh(Role::Latent, Severity::Low, 55)
                                .because("the port that the Service sends to", target)
                                .fix(Fix::advice(format!(
                                    "check that something listens on {number}, and declare it"
                                ))),
                        );
                    }
                }
                Port::Name(_) | Port::Unknown => {}
            }
        }
    }
    found
}

fn of_ecs(sources: &Sources, ecs: &Ecs) -> Vec<Finding> {
    let Some(task) = &ecs.service.task else { return Vec::new() };
    let groups = ecs.service.target_groups.iter();
    groups
        .filter_map(|group| unmapped(task, group).or_else(|| fixed_check(sources, task, group)))
        .collect()
}

/// The container that a target group registers.
fn registered<'a>(task: &'a TaskDefinition, group: &TargetGroup) -> Option<&'a EcsContainer> {
    let name = group.container_name.as_ref()?;
    task.containers.iter().find(|container| container.name.value == name.value)
}

/// The load balancer names a container port that is not mapped.
fn unmapped(task: &TaskDefinition, group: &TargetGroup) -> Option<Finding> {
    let container = registered(task, group)?;
    let wanted = group.container_port.as_ref()?;
    let known = &container.container_ports;
    if known.is_empty() || known.iter().any(|port| port.value == wanted.value) {
        return None;
    }
    let ports: Vec<String> = known.iter().map(|port| port.value.to_string()).collect();
    let title = format!(
        "the load balancer wants port {} of `{}`, which maps {}: the service is refused",
        wanted.value,
        container.name.value,
        list(&ports)
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 95)
        .arithmetic(format!("{} is not among: {}", wanted.value, list(&ports)))
        .because("the port that is registered", wanted);
    for port in known {
        finding = finding.because("a port that is mapped", port);
    }
    let fix = match known.as_slice() {
        [only] => {
            let title = format!("register port {}", only.value);
            Fix::replace(title, wanted, only.value.to_string())
        }
        _ => Fix::advice("register a port that the container maps"),
    };
    Some(finding.fix(fix))
}

/// A health check port by number, where the instance gives tasks any port.
fn fixed_check(sources: &Sources, task: &TaskDefinition, group: &TargetGroup) -> Option<Finding> {
    let container = registered(task, group)?;
    let check = group.check_port.as_ref().filter(|port| port.origin.is_certain())?;
    let number: u16 = check.value.parse().ok()?;
    let mode = task.network_mode.as_ref().map_or("bridge", |mode| mode.value.as_str());
    let own_address = mode == "awsvpc" || mode == "host";
    let known = |ports: &[Located<u16>]| ports.iter().any(|port| port.value == number);
    let reachable = if own_address {
        container.container_ports.is_empty()
            || task.containers.iter().any(|one| known(&one.container_ports))
    } else {
        task.containers.iter().any(|one| known(&one.host_ports))
    };
    if reachable {
        return None;
    }
    let (title, sure, severity) = if own_address {
        let title =
            format!("the health check asks port {number}, which no container of the task maps");
        (title, 60, Severity::Low)
    } else {
        let title = format!(
            "the health check asks port {number} of the instance, and tasks get any host port there"
        );
        (title, 85, Severity::High)
    };
    let title_of_fix = "check the port that gets the traffic";
    Some(
        Finding::new(&META, title)
            .weigh(Role::Cause, severity, sure)
            .because("the port that is checked", check)
            .fix(replace_text(sources, title_of_fix, check, "traffic-port")),
    )
}
