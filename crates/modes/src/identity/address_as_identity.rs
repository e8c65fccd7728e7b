//! # An address that may change is stored as an identity
//!
//! ## What fails
//!
//! After a reboot or a new start in another order, requests time out at an address that nobody holds
//! any more: `connection timed out after 2000 ms: /172.24.0.9:8099`. Restarts do not help, deleting
//! the volumes does.
//!
//! ## Why
//!
//! The engine gives a container the lowest free address at the moment of its start, so addresses
//! change places whenever the order of starts changes. A program that registers itself under its
//! address, in a store that outlives the container, is a new instance after that, and the old one
//! stays in the list for ever. Pinot does so unless `pinot.set.instance.id.to.hostname` is `true` or
//! a host is given: instance configurations and ideal states in ZooKeeper are persistent. Brokers
//! that are gone are handed out to clients (JDBC client up to 1.3), servers that are gone keep their
//! segments.
//!
//! A pinned address (`ipv4_address`) keeps the identity only while nobody else can take it: a dynamic
//! container that starts earlier takes the lowest free address of the same pool, unless `ip_range`
//! keeps dynamic ones elsewhere.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   zoo:
//!     image: zookeeper:3.9
//!     volumes:
//!       - zoo-data:/data
//!   controller:
//!     image: apachepinot/pinot:1.0.0
//!     command: StartController -zkAddress zoo:2181
//!   broker:
//!     image: apachepinot/pinot:1.0.0
//!     command: StartBroker -zkAddress zoo:2181
//! volumes:
//!   zoo-data:
//! ```
//!
//! ## Fix
//!
//! Register by a name that outlives the container. Pinned addresses outside of `ip_range` do it too.
//!
//! ```yaml docker-compose.yml
//! services:
//!   zoo:
//!     image: zookeeper:3.9
//!     volumes:
//!       - zoo-data:/data
//!   controller:
//!     image: apachepinot/pinot:1.0.0
//!     command: StartController -zkAddress zoo:2181 -controllerHost controller
//!   broker:
//!     image: apachepinot/pinot:1.0.0
//!     command: StartBroker -zkAddress zoo:2181 -brokerHost broker
//! volumes:
//!   zoo-data:
//! ```
//!
//! ## How to rehearse
//!
//! Stop all containers, start a dummy first, then the others; compare the registered instances with
//! the addresses that containers hold.
//!
//! ## Evidence
//!
//! - Apache Pinot 1.0.0: `BaseBrokerStarter`, `BaseServerStarter`, `NetUtils` (identity),
//!   `PinotConnection` and `PinotBrokerRestletResource` (the list of brokers; fixed in 1.4.0).
//! - Apache Helix, `PropertyPathBuilder`: what is persistent and what is ephemeral.
//! - Nacos 2, `Instance` and `Constants`: only ephemeral instances are deleted, after 30 s.
//! - Docker Engine, address management (lowest free address); Compose specification, `ipv4_address`,
//!   `ip_range`; error texts of the engine.
//! - Inferred: the share of failing queries; that a host name without `hostname:` changes when the
//!   container is made anew.

mod pins;

use wonin_model::{
    App, Evidence, FileEdit, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, Role,
    Server, ServerProduct, Service, Severity, Stack, Standing,
};
use wonin_text::Sources;

use crate::shared::addresses::{is_dynamic, subnets};
use crate::shared::edits::insert;
use crate::shared::hosts::ipv4;
use crate::shared::stale::{CONNECTIONS, Holder, failing, holder, is_dead, kind_of, listeners};
use crate::shared::store::Store;
use crate::shared::timeouts::is_pinot;
use crate::shared::words::{count, list};

pub(crate) struct AddressAsIdentity;

static META: ModeMeta = ModeMeta {
    id: "address-as-identity",
    family: "identity",
    summary: "an address that may change is stored as the identity of a service",
    source: include_str!("address_as_identity.rs"),
};

impl Mode for AddressAsIdentity {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        for project in 0..stack.projects.len() {
            let address = registered(&evidence.sources, stack, project, By::Address);
            findings.extend(address.map(|finding| observed(evidence, finding)));
            findings.extend(registered(&evidence.sources, stack, project, By::ContainerId));
            findings.extend(persistent_in_nacos(stack, project));
            pins::examine(&META, stack, project, findings);
        }
    }
}

/// Adds what shows that an instance has moved: failing connections to the port of one, at an
/// address that it does not have.
fn observed(evidence: &Evidence, mut finding: Finding) -> Finding {
    let ports = [8099, 8098, 9000, 9514];
    for one in failing(evidence, CONNECTIONS) {
        let is_instance = one.port.is_none_or(|port| ports.contains(&port))
            && one.parts.iter().any(|part| is_pinot(evidence, part));
        let gone = match holder(evidence, one.address) {
            Holder::Nobody => "nobody holds",
            Holder::Somebody(other)
                if one.port.is_some_and(|port| {
                    let wanted = listeners(evidence, port);
                    !wanted.is_empty() && !wanted.iter().any(|service| service == other)
                }) =>
            {
                "somebody else holds"
            }
            Holder::Unknown if one.port.is_some() => "nobody answers at",
            Holder::Somebody(_) | Holder::Unknown => continue,
        };
        if !is_instance {
            continue;
        }
        for part in &one.parts {
            let what = format!("{gone} {}, under which an instance is still known", one.shown());
            finding = part.tell(finding, &what);
        }
    }
    for entry in evidence.registrations.iter().filter(|entry| is_dead(evidence, entry)) {
        if ["Broker", "Server", "Controller", "Minion"].contains(&kind_of(&entry.id)) {
            finding.standing = finding.standing.max(Standing::Observed);
            let claim = format!("{} is registered, and nobody answers to it", entry.id);
            finding = finding.because_at(claim, Origin::Written(entry.place));
        }
    }
    finding
}

/// What an instance takes as its host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The address of the moment.
    Address,
    /// The host name, which is the container's id where nobody sets it.
    ContainerId,
}

/// An instance that registers itself under something that changes.
struct Instance<'a> {
    server: &'a Server,
    service: &'a Service,
    kind: &'static str,
    option: &'static str,
    port: u16,
}

/// Pinot's kinds of instance: prefix of the id, option that sets the host, default port.
fn kind(product: ServerProduct) -> Option<(&'static str, &'static str, u16)> {
    match product {
        ServerProduct::PinotBroker => Some(("Broker", "-brokerHost", 8099)),
        ServerProduct::PinotController => Some(("Controller", "-controllerHost", 9000)),
        ServerProduct::PinotServer => Some(("Server", "-serverHost", 8098)),
        ServerProduct::PinotMinion => Some(("Minion", "-minionHost", 9514)),
        _ => None,
    }
}

/// Pinot instances of a project whose identity changes with the container.
fn registered(sources: &Sources, stack: &Stack, project: usize, by: By) -> Option<Finding> {
    let servers = stack.servers_in(project).into_iter();
    let instances: Vec<Instance<'_>> =
        servers.filter_map(|server| instance(stack, project, server, by)).collect();
    let first = instances.first()?;
    let store = Store::of(stack, project, first.server);
    let what = match by {
        By::Address => "register under their IP address, which is not pinned",
        By::ContainerId => "likely register under the id of their container, new at each recreate",
    };
    let names: Vec<&str> =
        instances.iter().map(|instance| instance.service.name.value.as_str()).collect();
    let title = format!("{} {what}: {}", count(instances.len(), "Pinot instance"), list(&names));
    let mut finding = Finding::new(&META, title)
        .service(names[0])
        .arithmetic(
            "after r changes of address a client knows r dead ids and 1 living one and fails with \
             r/(r+1): 1/2, 2/3, 3/4 …",
        )
        .leads_to("stale-registration");
    finding = match by {
        By::Address => finding.weigh(Role::Cause, Severity::High, store.sure),
        By::ContainerId => finding.weigh(Role::Cause, Severity::Medium, 60),
    };
    for instance in &instances {
        let id = match by {
            By::Address => format!("{}_<address>_{}", instance.kind, instance.port),
            By::ContainerId => format!("{}_<container id>_{}", instance.kind, instance.port),
        };
        let claim = format!("{} registers as {id}", instance.service.name.value);
        finding = finding.because_at(claim, Origin::Written(instance.server.place));
    }
    let flag = first.server.settings.get("pinot.set.instance.id.to.hostname");
    if let Some(flag) = flag.filter(|_| by == By::Address) {
        finding = finding.because("the host name is not used as identity", flag);
    }
    for (claim, origin) in store.because {
        finding = finding.because_at(claim, origin);
    }
    finding = finding.fix(by_name(sources, &instances));
    if by == By::Address {
        finding = finding.fix(by_address(stack, project, &names));
    }
    Some(finding.fix(Fix::advice(
        "remove ids that are dead already: untag the instance, rebalance the tables of a server, then \
         delete it; other orders are refused. Clients: JDBC client 1.4.0 or later, or the property \
         brokers with names",
    )))
}

fn instance<'a>(
    stack: &'a Stack,
    project: usize,
    server: &'a Server,
    by: By,
) -> Option<Instance<'a>> {
    let (kind, option, port) = kind(server.product)?;
    let service = stack.service(server.service?);
    if service.project != project || service.network_mode.is_some() {
        return None;
    }
    let host = server.settings.get("host").filter(|host| !host.value.trim().is_empty());
    let by_name = server.settings.bool("pinot.set.instance.id.to.hostname");
    let by_name = by_name.is_some_and(|by_name| by_name.value);
    let changes = match (by, host) {
        (By::Address, Some(host)) => {
            host.origin.is_certain() && ipv4(&host.value).is_some() && is_dynamic(service)
        }
        (By::Address, None) => !by_name && is_dynamic(service),
        (By::ContainerId, None) => by_name && service.hostname.is_none(),
        (By::ContainerId, Some(_)) => false,
    };
    let port =
        server.settings.int("port").and_then(|port| u16::try_from(port.value).ok()).unwrap_or(port);
    changes.then_some(Instance { server, service, kind, option, port })
}

/// Applications whose registration in Nacos is kept for ever and holds the address of the moment.
fn persistent_in_nacos(stack: &Stack, project: usize) -> Option<Finding> {
    const LASTING: &str = "spring.cloud.nacos.discovery.ephemeral";
    let lasting: Vec<(&App, Located<bool>)> = stack
        .apps
        .iter()
        .filter(|app| {
            let service = app.service.map(|id| stack.service(id));
            let moves = service.is_some_and(|one| one.project == project && is_dynamic(one));
            moves && app.properties.written("spring.cloud.nacos.discovery.ip").is_none()
        })
        .filter_map(|app| Some((app, app.properties.bool(LASTING)?)))
        .filter(|(_, ephemeral)| !ephemeral.value)
        .collect();
    let (first, _) = lasting.first()?;
    let names: Vec<&str> = lasting.iter().map(|(app, _)| app.name.as_str()).collect();
    let title =
        format!("{} stay in Nacos for ever under an IP address that is not pinned", list(&names));
    let mut finding = Finding::new(&META, title)
        .service(first.name.as_str())
        .weigh(Role::Cause, Severity::High, 85)
        .leads_to("stale-registration");
    let mut fix = Fix::advice("let registrations end with their instances (ephemeral: true)");
    for (app, ephemeral) in &lasting {
        finding = finding.because(format!("{} is never deregistered", app.name), ephemeral);
        fix.edits.extend(Fix::replace("", ephemeral, "true").edits);
    }
    fix.edits.sort();
    fix.edits.dedup();
    Some(finding.fix(fix).fix(Fix::advice("or register a name (spring.cloud.nacos.discovery.ip)")))
}

/// Each instance registers under the name of its service.
fn by_name(sources: &Sources, instances: &[Instance<'_>]) -> Fix {
    let options: Vec<String> = instances
        .iter()
        .map(|instance| format!("{} {}", instance.option, instance.service.name.value))
        .collect();
    let mut fix = Fix::advice(format!("register by name: {}", list(&options)));
    let edits: Option<Vec<FileEdit>> = instances
        .iter()
        .map(|instance| append(sources, instance.service, instance.option))
        .collect();
    fix.edits = edits.unwrap_or_default();
    fix
}

/// An option with the service's name at the end of its command, in the layout that the command has:
/// a plain line, a list in brackets, or a list of lines. `None` for shell scripts and the like.
fn append(sources: &Sources, service: &Service, option: &str) -> Option<FileEdit> {
    let Origin::Written(place) = service.command.as_ref()?.origin else { return None };
    let text = sources.slice(place).trim_end();
    let end = place.span.start as usize + text.len();
    let name = &service.name.value;
    if text.is_empty() || text.contains(['|', '&', ';', '#', '$']) {
        return None;
    }
    if let Some(items) = text.strip_prefix('[').and_then(|items| items.strip_suffix(']')) {
        let end = end - 1 - (items.len() - items.trim_end().len());
        return Some(insert(place, end, format!(", {option}, {name}")));
    }
    match text.rsplit_once('\n') {
        Some((_, last)) => {
            let indent = &last[..last.len() - last.trim_start().len()];
            last.trim_start().strip_prefix("- ")?;
            Some(insert(place, end, format!("\n{indent}- {option}\n{indent}- {name}")))
        }
        None if text.contains(['"', '\'']) => None,
        None => Some(insert(place, end, format!(" {option} {name}"))),
    }
}

/// Pinned addresses, with a range for dynamic containers that has none of them.
fn by_address(stack: &Stack, project: usize, names: &[&str]) -> Fix {
    let project = &stack.projects[project];
    let subnet = project.networks.values().flat_map(subnets).next();
    let range = subnet.filter(|subnet| subnet.size() >= 16).map(|subnet| {
        let half = subnet.size() / 2;
        format!(
            " from the upper half of the subnet ({} up) and ip_range {}/{} for dynamic containers",
            subnet.at(half),
            subnet.at(0),
            33 - subnet.size().ilog2()
        )
    });
    let range = range.unwrap_or_else(|| {
        ", a subnet in ipam.config, and an ip_range in it for dynamic containers".to_owned()
    });
    Fix::advice(format!("or pin the addresses: ipv4_address for {}{range}", list(names)))
}
