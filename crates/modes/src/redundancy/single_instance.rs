//! # Others depend on something that runs once
//!
//! ## What fails
//!
//! One container stops, and everything that needs it stops with it, however many of those run.
//!
//! ## Why
//!
//! A chain is up only while each of its links is. Several brokers, workers or application containers
//! promise that one may stop; what all of them need and what runs once does not keep that promise.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   db:
//!     image: postgres:16
//!   app:
//!     image: example/app:1.0
//!     deploy:
//!       replicas: 3
//!     depends_on:
//!       - db
//! ```
//!
//! ## Fix
//!
//! A second instance with failover; or, where nothing is replicated, the knowledge that one stop
//! stops all.
//!
//! ```yaml docker-compose.yml
//! services:
//!   zoo1:
//!     image: zookeeper:3.9
//!   zoo2:
//!     image: zookeeper:3.9
//!   zoo3:
//!     image: zookeeper:3.9
//!   app:
//!     image: example/app:1.0
//!     deploy:
//!       replicas: 3
//!     depends_on:
//!       - zoo1
//!       - zoo2
//!       - zoo3
//! ```
//!
//! ## How to rehearse
//!
//! Stop the one instance and use the service.
//!
//! ## In logs
//!
//! The only container in the state `exited`, `dead` or `restarting` (`docker inspect`, `docker
//! compose ps`) shows it at work.
//!
//! ## Evidence
//!
//! - The Compose file itself: how many containers a service has and who depends on it.
//! - Inferred: that a dependency is needed while the dependent runs, not only at its start.

use wonin_model::{
    Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, Role, ServerProduct,
    Service, ServiceId, Severity, Stack,
};

use crate::shared::hosts::endpoint;
use crate::shared::seen::shown_by;
use crate::shared::stale;
use crate::shared::words::{count, list};

pub(crate) struct SingleInstance;

static META: ModeMeta = ModeMeta {
    id: "single-instance",
    family: "redundancy",
    summary: "several depend on something that runs once",
    source: include_str!("single_instance.rs"),
};

impl Mode for SingleInstance {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        for project in 0..stack.projects.len() {
            let single = singles(stack, project);
            let mut own: Vec<Finding> =
                single.iter().filter_map(|one| weak_link(stack, one)).collect();
            own.extend(plain(stack, &single));
            for one in &single {
                observe(evidence, one, &mut own);
            }
            findings.extend(own);
        }
    }
}

/// A stateful service with one container, and who needs it.
struct Single<'a> {
    service: &'a Service,
    needed_by: Vec<(&'a Service, Origin)>,
}

fn singles(stack: &Stack, project: usize) -> Vec<Single<'_>> {
    let brokers = stack.brokers_in(project).into_iter();
    let mut kinds: Vec<(ServerProduct, ServiceId)> = stack
        .servers_in(project)
        .into_iter()
        .filter_map(|server| Some((server.product, server.service?)))
        .chain(brokers.filter_map(|node| Some((ServerProduct::Kafka, node.service?))))
        .filter(|(product, _)| counts(*product))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let alone = |(product, id): &&(ServerProduct, ServiceId)| {
        containers(stack.service(*id)) == 1
            && kinds.iter().filter(|(other, _)| other == product).count() == 1
    };
    kinds
        .iter()
        .filter(alone)
        .map(|(_, id)| Single {
            service: stack.service(*id),
            needed_by: needing(stack, stack.service(*id)),
        })
        .filter(|single| !single.needed_by.is_empty())
        .collect()
}

/// Kinds of server that hold what others need. Gateways and applications are left out.
fn counts(product: ServerProduct) -> bool {
    !matches!(
        product,
        ServerProduct::Nginx | ServerProduct::Jvm | ServerProduct::Other | ServerProduct::Memcached
    )
}

/// Adds that the only container does not run, where the engine says so.
fn observe(evidence: &Evidence, single: &Single<'_>, own: &mut [Finding]) {
    let name = &single.service.name.value;
    let Some(container) = stale::container(evidence, name) else { return };
    let status = container.status.as_deref().unwrap_or("");
    if !matches!(status, "exited" | "dead" | "restarting") {
        return;
    }
    let own_place = single.service.name.origin.place();
    let tells = |one: &&mut Finding| {
        let mut places = one.because.iter().filter_map(|because| because.origin.place());
        one.service.as_ref() == Some(name) || places.any(|place| Some(place) == own_place)
    };
    if let Some(finding) = own.iter_mut().find(tells) {
        let claim = format!("seen: {name} is {status}, and there is no other");
        shown_by(finding, claim, container.place);
    }
}

/// Something that is there several times and rests on one container.
fn weak_link(stack: &Stack, single: &Single<'_>) -> Option<Finding> {
    let (kind, several) = redundant(stack, &single.needed_by)?;
    let name = &single.service.name.value;
    let title = format!("{name} runs once, and {several} {kind} rest on it");
    let mut finding = Finding::new(&META, title)
        .service(name.clone())
        .weigh(Role::Contributing, Severity::Medium, 80)
        .arithmetic(format!("1 container of {name} - 1 stopped = 0 for {several} {kind}"))
        .because_at(format!("{name} runs once"), single.service.name.origin.clone())
        .leads_to("stops-with-it");
    for (service, origin) in &single.needed_by {
        finding = finding.because_at(format!("{} needs it", service.name.value), origin.clone());
    }
    Some(finding.fix(Fix::advice(format!(
        "run {name} in several instances with failover, on several hosts"
    ))))
}

/// Containers of one kind among those who need it: replicas of a service, or services of one image.
fn redundant(stack: &Stack, needing: &[(&Service, Origin)]) -> Option<(String, usize)> {
    let brokers = needing
        .iter()
        .filter(|(service, _)| {
            stack.brokers.iter().any(|node| {
                node.service.is_some_and(|id| std::ptr::eq(stack.service(id), *service))
            })
        })
        .map(|(service, _)| containers(service))
        .sum();
    if brokers > 1 {
        return Some(("Kafka brokers".to_owned(), brokers));
    }
    needing.iter().find_map(|(service, _)| {
        let several = containers(service);
        (several > 1).then(|| (format!("containers of {}", service.name.value), several))
    })
}

/// The rest of a project in one finding: nothing is there twice, so it is only worth knowing.
fn plain(stack: &Stack, singles: &[Single<'_>]) -> Option<Finding> {
    let rest: Vec<&Single<'_>> =
        singles.iter().filter(|one| redundant(stack, &one.needed_by).is_none()).collect();
    let names: Vec<&str> = rest.iter().map(|one| one.service.name.value.as_str()).collect();
    let first = rest.first()?;
    let title = match names.as_slice() {
        [name] => format!("{name} runs once, and others need it"),
        names => format!("{} run once each, and others need them", list(names)),
    };
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Low, 75);
    finding.service = (names.len() == 1).then(|| first.service.name.value.clone());
    for one in rest {
        let claim = format!(
            "{} runs once for {}",
            one.service.name.value,
            count(one.needed_by.len(), "service")
        );
        finding = finding.because_at(claim, one.service.name.origin.clone());
    }
    Some(finding.fix(Fix::advice("know that each of them stops the rest; replicate what must not")))
}

/// Services that name this one as a dependency or as an address.
fn needing<'a>(stack: &'a Stack, target: &Service) -> Vec<(&'a Service, Origin)> {
    let others = stack
        .services_of(target.project)
        .map(|(_, other)| other)
        .filter(|other| other.name.value != target.name.value);
    others.filter_map(|other| Some((other, need(other, target)?))).collect()
}

fn need(service: &Service, target: &Service) -> Option<Origin> {
    let depends = service.depends_on.iter().map(|on| &on.service);
    if let Some(on) = depends.into_iter().find(|on| on.value == target.name.value) {
        return Some(on.origin.clone());
    }
    let addresses =
        service.environment.values().flat_map(|value: &Located<String>| value.split(','));
    let named = addresses.into_iter().find(|text| {
        let address = endpoint(text);
        // A bare word may be anything; an address has a port or a scheme.
        (address.port.is_some() || address.scheme.is_some())
            && target.answers_to(&address.host.value)
    });
    named.map(|text| text.origin)
}

fn containers(service: &Service) -> usize {
    service.replicas.as_ref().map_or(1, |replicas| replicas.value as usize)
}
