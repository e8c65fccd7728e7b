//! Addresses that logs and registries name, against who holds them now (failure-knowledge 8).

use std::net::Ipv4Addr;

use wonin_model::{ContainerState, Evidence, Registration, Signal};
use wonin_text::Place;

use super::addresses::{pinned, subnets};
use super::hosts::ipv4;
use super::seen::{Part, Values};

/// Signals of connections that fail, with the value that holds the address.
pub(crate) const CONNECTIONS: &[(&str, &str)] = &[
    ("netty.connect-timeout", "address"),
    ("client.connect-timeout", "address"),
    ("client.no-route", "address"),
    ("client.refused", "address"),
    ("http-client.connect-failed", "address"),
    ("http-client.read-timeout", "address"),
    ("http-client.request-timeout", "address"),
    ("jedis.connect-failed", "address"),
    ("lettuce.connect-failed", "address"),
    ("pgjdbc.refused", "address"),
    ("kafka.connection-not-established", "address"),
    ("librdkafka.connect-failed", "address"),
    ("zookeeper.cannot-open-channel", "address"),
    ("akka.association-failed", "address"),
    ("redis.master-down", "host"),
    ("pinot.server-not-responded", "server"),
];

/// What nginx says of upstreams.
pub(crate) const UPSTREAMS: &[(&str, &str)] = &[
    ("nginx.connect-failed", "upstream"),
    ("nginx.upstream-timed-out", "upstream"),
    ("nginx.no-live-upstreams", "upstream"),
];

/// Who has an address now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'e> {
    /// Containers of its network are known, and none has it.
    Nobody,
    /// This container or service.
    Somebody(&'e str),
    /// Nothing is known of its network.
    Unknown,
}

/// One address at which connections fail.
#[derive(Debug)]
pub(crate) struct Failing<'e> {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: Option<u16>,
    /// What was seen of it.
    pub(crate) parts: Vec<Part<'e>>,
}

impl Failing<'_> {
    /// `172.24.0.9:8099`.
    pub(crate) fn shown(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.address),
            None => self.address.to_string(),
        }
    }
}

/// Addresses of machines at which connections fail, in the order in which they appear.
pub(crate) fn failing<'e>(evidence: &'e Evidence, names: &[(&str, &str)]) -> Vec<Failing<'e>> {
    let mut found: Vec<Failing<'e>> = Vec::new();
    for signal in &evidence.signals {
        let Some((_, value)) = names.iter().find(|(name, _)| *name == signal.name) else {
            continue;
        };
        for (address, port) in endpoints(signal, value) {
            let is_it = |values: &Values| {
                values.get(value).and_then(|text| endpoint(text)) == Some((address, port))
            };
            let Some(part) = Part::of(signal, is_it) else { continue };
            let same = |one: &&mut Failing<'_>| one.address == address && one.port == port;
            match found.iter_mut().find(same) {
                Some(known) => known.parts.push(part),
                None => found.push(Failing { address, port, parts: vec![part] }),
            }
        }
    }
    found
}

fn endpoints(signal: &Signal, value: &str) -> Vec<(Ipv4Addr, Option<u16>)> {
    let mut found = Vec::new();
    for (values, _) in &signal.values {
        let one =
            values.iter().find(|(name, _)| **name == value).and_then(|(_, text)| endpoint(text));
        if let Some(one) = one.filter(|one| !found.contains(one)) {
            found.push(one);
        }
    }
    found
}

/// The first IPv4 address of a text, with the port behind it: `http://172.24.0.9:80/x`,
/// `broker/172.24.0.9:8099`, `172.24.0.9_O`.
pub(crate) fn endpoint(text: &str) -> Option<(Ipv4Addr, Option<u16>)> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let run = &rest[start..];
        let end = run.find(|c| !is_part(c)).unwrap_or(run.len());
        if let Some(address) = ipv4(run[..end].trim_end_matches('.')) {
            let port = run[end..].strip_prefix([':', '_']).and_then(|port| {
                let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
                port[..digits].parse().ok()
            });
            return Some((address, port));
        }
        rest = &run[end..];
    }
    None
}

/// Who has this address now, as far as live state or pinned addresses tell.
pub(crate) fn holder(evidence: &Evidence, address: Ipv4Addr) -> Holder<'_> {
    let mut knows_network = false;
    for container in current(evidence) {
        for (_, text, _) in &container.addresses {
            let Some(other) = ipv4(text.split('/').next().unwrap_or(text)) else { continue };
            if other == address && is_running(container) {
                return Holder::Somebody(name(evidence, container));
            }
            knows_network |= is_near(evidence, address, other);
        }
    }
    if knows_network {
        return Holder::Nobody;
    }
    let pins =
        evidence.stack.services.iter().filter_map(|service| Some((service, pinned(service)?)));
    let mut holders = pins.filter(|(_, pin)| ipv4(&pin.value) == Some(address));
    holders.next().map_or(Holder::Unknown, |(service, _)| Holder::Somebody(&service.name.value))
}

/// What was said last of each container: of answers from before and after a restart, the one with
/// the later start.
fn current(evidence: &Evidence) -> impl Iterator<Item = &ContainerState> + Clone {
    evidence.containers.iter().filter(|one| !is_former(evidence, one))
}

/// Whether another answer tells of a later start of the same container.
fn is_former(evidence: &Evidence, one: &ContainerState) -> bool {
    let is_later = |other: &ContainerState| {
        (&other.name, &other.project) == (&one.name, &one.project)
            && matches!((one.started_ms, other.started_ms), (Some(own), Some(its)) if its > own)
    };
    evidence.containers.iter().any(is_later)
}

/// Who had an address before, as earlier answers say, and where they say it.
pub(crate) fn former_holders(
    evidence: &Evidence,
    address: Ipv4Addr,
) -> impl Iterator<Item = (&str, Place)> {
    let former = evidence.containers.iter().filter(|one| is_former(evidence, one));
    former.flat_map(move |container| {
        let had = container.addresses.iter().filter(move |(_, text, _)| {
            ipv4(text.split('/').next().unwrap_or(text)) == Some(address)
        });
        had.map(|(_, _, place)| (name(evidence, container), *place))
    })
}

/// The container that runs a service.
pub(crate) fn container<'e>(evidence: &'e Evidence, service: &str) -> Option<&'e ContainerState> {
    let mut ours = current(evidence).filter(|one| name(evidence, one) == service);
    // Some answers name containers without their addresses.
    let first = ours.clone().next();
    ours.find(|container| !container.addresses.is_empty()).or(first)
}

/// The service of a container, else its name: `shop-web-1` runs `web` where there is such a
/// service.
pub(crate) fn name<'e>(evidence: &'e Evidence, container: &'e ContainerState) -> &'e str {
    if let Some(service) = &container.service {
        return service;
    }
    let bare =
        container.name.trim_start_matches('/').trim_end_matches(|c: char| c.is_ascii_digit());
    let bare = bare.trim_end_matches(['-', '_']);
    let services = evidence.stack.services.iter().map(|service| service.name.value.as_str());
    let is_its = |service: &&str| {
        bare == *service
            || bare.strip_suffix(service).is_some_and(|project| project.ends_with(['-', '_']))
    };
    services.filter(is_its).max_by_key(|service| service.len()).unwrap_or(&container.name)
}

/// The services that listen on a port, as their settings, their files or registrations say.
pub(crate) fn listeners(evidence: &Evidence, port: u16) -> Vec<String> {
    let stack = &evidence.stack;
    let servers = stack.servers.iter().filter_map(|server| {
        let own = server.settings.get("port")?.value.trim().parse::<u16>().ok()?;
        let service = server.service.filter(|_| own == port)?;
        Some(stack.service(service).name.value.clone())
    });
    let mut found: Vec<String> = servers.collect();
    let exposing = stack.services.iter().filter(|service| {
        service.expose.iter().any(|one| one.value == port)
            || service.ports.iter().any(|one| one.value.target == port)
    });
    found.extend(exposing.map(|service| service.name.value.clone()));
    found.sort();
    found.dedup();
    found
}

/// Registrations whose address nobody has, and those of the same kind and port that somebody has.
pub(crate) fn dead_and_alive<'e>(
    evidence: &'e Evidence,
    kind: &str,
    port: Option<u16>,
) -> (Vec<&'e Registration>, Vec<&'e Registration>) {
    let alike = evidence.registrations.iter().enumerate().filter(|(index, one)| {
        let earlier = &evidence.registrations[..*index];
        kind_of(&one.id) == kind
            && (port.is_none() || one.port.is_none() || one.port == port)
            && !earlier.iter().any(|other| other.id == one.id)
    });
    alike.map(|(_, one)| one).partition(|one| is_dead(evidence, one))
}

/// Whether nobody answers to a registration: its store says so, or nobody has its address.
pub(crate) fn is_dead(evidence: &Evidence, registration: &Registration) -> bool {
    let address = ipv4(&registration.host);
    let holder = address.map(|address| holder(evidence, address));
    let same = |other: &&Registration| other.id == registration.id;
    let told = evidence.registrations.iter().filter(same).any(|one| one.alive == Some(false));
    // Where a list of living ones is given, the others are not.
    let mut living = evidence.registrations.iter().filter(|one| one.alive == Some(true));
    let kind = kind_of(&registration.id);
    let is_listed = living.clone().any(|one| kind_of(&one.id) == kind);
    let missing = is_listed && !living.any(|one| one.id == registration.id);
    matches!(holder, Some(Holder::Nobody)) || told || missing
}

/// What an id says its instance is: `Broker` of `Broker_172.24.0.9_8099`.
pub(crate) fn kind_of(id: &str) -> &str {
    id.split(['_', '@', ':', '/']).next().unwrap_or(id)
}

fn is_running(container: &ContainerState) -> bool {
    container
        .status
        .as_deref()
        .is_none_or(|status| !matches!(status, "exited" | "dead" | "created"))
}

/// Whether two addresses are likely of one network: within a subnet that some project declares,
/// else within a network as large as the engine makes them.
fn is_near(evidence: &Evidence, one: Ipv4Addr, other: Ipv4Addr) -> bool {
    let declared = evidence.stack.projects.iter().flat_map(|project| project.networks.values());
    let mut declared = declared.flat_map(subnets);
    if declared.any(|subnet| subnet.contains(one) && subnet.contains(other)) {
        return true;
    }
    let prefix = match one.octets() {
        [172, 16..=31, ..] => 16,
        [192, 168, ..] => 20,
        _ => 24,
    };
    (one.to_bits() ^ other.to_bits()) >> (32 - prefix) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_what_texts_say() {
        let address = Ipv4Addr::new(172, 24, 0, 9);
        for (text, port) in [
            ("172.24.0.9:8099", Some(8099)),
            ("pinot/172.24.0.9:8099", Some(8099)),
            ("http://172.24.0.9:80/x/1.2", Some(80)),
            ("172.24.0.9_O", None),
            ("akka.tcp://flink@172.24.0.9:6123", Some(6123)),
            ("v1.2 at 172.24.0.9.", None),
        ] {
            assert_eq!(endpoint(text), Some((address, port)), "{text}");
        }
        for text in ["localhost:80", "127.0.0.1:80", "1.2.3", "", "999.1.1.1"] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }
}
