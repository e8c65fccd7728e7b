//! # A name that nobody answers to
//!
//! ## What fails
//!
//! Connections fail before they begin: `UnknownHostException`, `no such host`, `ENOTFOUND`,
//! `Name or service not known`.
//!
//! ## Why
//!
//! In Compose a name is that of a service, its aliases and its container name, within the networks
//! that both sides share, and only while its container runs: the engine's own name server forgets
//! one that stopped. A typing error, another project, another network or a name that was removed
//! look all the same. `EAI_AGAIN` and `Temporary failure` say that no name server answered at all.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   web:
//!     image: shop/web:1
//!   orders-db:
//!     image: postgres:16
//! ```
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120 ERROR web.Db - java.net.UnknownHostException: order-db
//! ```
//!
//! ## Fix
//!
//! Use the name of the service, in a network that both are in.
//!
//! ```yaml docker-compose.yml
//! services:
//!   web:
//!     image: shop/web:1
//!   orders-db:
//!     image: postgres:16
//! ```
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120  INFO web.Db - connected to orders-db
//! ```
//!
//! ## How to rehearse
//!
//! Stop the container and ask for its name from another one (`getent hosts NAME`).
//!
//! ## Evidence
//!
//! - Docker documentation, "Networking in Compose"; Moby, `libnetwork`, `resolver.go`.
//! - Inferred: which name was meant.

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Service, Severity, Signal, distance,
};

use crate::shared::seen::{Part, Values, signals};
use crate::shared::stale;
use crate::shared::words::list;

pub(crate) struct NameNotResolved;

static META: ModeMeta = ModeMeta {
    id: "name-not-resolved",
    family: "identity",
    summary: "a name is asked for that no name server knows",
    source: include_str!("name_not_resolved.rs"),
};

/// Signals of names that nobody answers to, with the value that has the name.
const NAMES: &[(&str, &str)] = &[
    ("client.name-unknown", "host"),
    ("nginx.upstream-name-unknown", "host"),
    ("nginx.name-not-resolved", "host"),
    ("kafka.bootstrap-name-unknown", "host"),
    ("dns.upstream-silent", "host"),
];

impl Mode for NameNotResolved {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own: Vec<(String, Finding)> = Vec::new();
        for (name, value) in NAMES {
            for signal in signals(evidence, &[name]) {
                let hosts = hosts(signal, value);
                if hosts.is_empty() && *name == "client.name-unknown" {
                    findings.extend(unnamed(signal));
                }
                for (host, part) in hosts {
                    let known = own.iter_mut().find(|(known, _)| *known == host);
                    let what = format!("{host} was not resolved");
                    match known {
                        Some((_, finding)) => *finding = part.tell(finding.clone(), &what),
                        None => {
                            let finding = finding(evidence, signal, &host);
                            own.push((host, part.tell(finding, &what)));
                        }
                    }
                }
            }
        }
        findings.extend(own.into_iter().map(|(_, finding)| finding));
    }
}

/// The names of a signal with their parts of it; events without a name go with the first.
fn hosts<'e>(signal: &'e Signal, value: &'static str) -> Vec<(String, Part<'e>)> {
    let names = signal.all(value).into_iter().map(bare).filter(|name| !is_word(name));
    let names: Vec<String> = names.collect();
    let first = names.first().cloned();
    let mut found: Vec<(String, Part<'e>)> = Vec::new();
    for name in names {
        if found.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let is_meant = |values: &Values| match values.get(value) {
            Some(text) if !is_word(&bare(text)) => bare(text) == name,
            _ => first.as_deref() == Some(name.as_str()),
        };
        found.extend(Part::of(signal, is_meant).map(|part| (name.clone(), part)));
    }
    found
}

/// Whether a word in front of the reason is one of the text, and no name: `getaddrinfo: Name or
/// service not known`.
fn is_word(name: &str) -> bool {
    const WORDS: &[&str] = &["getaddrinfo", "failed", "information", "error", "gaierror", "lookup"];
    WORDS.contains(&name) || name.ends_with("Exception") || name.ends_with("Error")
}

/// Names that are not resolved where no text says which.
fn unnamed(signal: &Signal) -> Option<Finding> {
    let title = "names are not resolved; the texts do not say which";
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 75);
    finding.service.clone_from(&signal.service);
    finding = Part::whole(signal).tell(finding, "a name was not resolved");
    let advice = "check which name server the process asks, and whether it answers (`getent hosts NAME` inside it)";
    (signal.count >= UNNAMED_MIN)
        .then(|| finding.fix(Fix::advice(advice)).leads_to("dependency-down"))
}

/// Fewer failures without a name are those of a moment.
const UNNAMED_MIN: u64 = 3;

/// A host without what stands around it.
fn bare(text: &str) -> String {
    let text = text.trim_end_matches(['.', ':', ',']);
    text.split(':').next().unwrap_or(text).to_owned()
}

fn finding(evidence: &Evidence, signal: &Signal, host: &str) -> Finding {
    let stack = &evidence.stack;
    let services: Vec<&Service> = stack.services.iter().collect();
    let answering: Vec<&Service> =
        services.iter().copied().filter(|service| service.answers_to(host)).collect();
    let caller = services
        .iter()
        .copied()
        .find(|one| Some(one.name.value.as_str()) == signal.service.as_deref());
    let upstream = silent_upstream(evidence);
    let (title, advice) = match answering.first() {
        None if upstream.is_some() => {
            let server = upstream.unwrap_or_default();
            (
                format!("{host} is not resolved: the name server itself gets no answer from {server}"),
                format!("find out why {server} does not answer: the way to it (firewall, conntrack), its load"),
            )
        }
        Some(target) if caller.is_some_and(|caller| !shares_network(caller, target)) => (
            format!("{host} is in no network that {} is in, so its name is not known there", name_of(caller)),
            "put both into one network".to_owned(),
        ),
        Some(target) => {
            let state = stale::container(evidence, &target.name.value)
                .and_then(|container| container.status.clone());
            let state = state.filter(|state| state != "running");
            let is = state.map_or("was not running then".to_owned(), |state| format!("is {state}"));
            (
                format!("{host} is a service here, and its name is not known: likely it {is}"),
                format!("find out why {host} does not run: its state, its last lines"),
            )
        }
        None if services.is_empty() || host.contains('.') => (
            format!("nobody answers to the name {host}"),
            "check the spelling, and which name server the process asks (`getent hosts NAME` inside it)".to_owned(),
        ),
        None => match alike(&services, host) {
            Some(other) => (
                format!("no service is called {host}: likely {other} is meant"),
                format!("use the name {other}"),
            ),
            None => {
                let names: Vec<&str> =
                    services.iter().take(6).map(|one| one.name.value.as_str()).collect();
                (
                    format!("no service is called {host}; there are {}", list(&names)),
                    "use the name of a service, or join the network of the project that has it".to_owned(),
                )
            }
        },
    };
    let parted = answering
        .first()
        .is_some_and(|target| caller.is_some_and(|caller| !shares_network(caller, target)));
    let sure = if parted || answering.is_empty() && !services.is_empty() { 92 } else { 80 };
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, sure);
    finding.service.clone_from(&signal.service);
    if let Some(target) = answering.first() {
        finding = finding.because_at(
            format!("{} answers to this name while it runs", target.name.value),
            target.name.origin.clone(),
        );
    }
    finding.fix(Fix::advice(advice)).leads_to("dependency-down")
}

/// The name server that another one forwards to in vain.
fn silent_upstream(evidence: &Evidence) -> Option<&str> {
    let signal = *signals(evidence, &["dns.upstream-silent"]).first()?;
    signal.all("server").first().copied()
}

fn name_of(service: Option<&Service>) -> &str {
    service.map_or("the caller", |service| &service.name.value)
}

/// Whether two services of a project meet; without networks of their own both are in the default
/// one.
fn shares_network(one: &Service, other: &Service) -> bool {
    let of = |service: &Service| -> Vec<String> {
        let all: Vec<String> =
            service.networks.iter().map(|attachment| attachment.network.clone()).collect();
        if all.is_empty() { vec!["default".to_owned()] } else { all }
    };
    let (one_networks, others) = (of(one), of(other));
    one.project == other.project && one_networks.iter().any(|network| others.contains(network))
}

/// A service whose name differs by a letter or two.
fn alike<'s>(services: &[&'s Service], host: &str) -> Option<&'s str> {
    let names = services.iter().map(|service| service.name.value.as_str());
    let host = compared(host);
    let near = names.map(|name| (distance(&compared(name), &host), name));
    let near = near.filter(|(far, _)| *far <= 2);
    near.min().map(|(_, name)| name)
}

/// A name with `_` and `-` as one; of a long one the beginning.
fn compared(name: &str) -> String {
    name.chars().take(64).map(|c| if c == '_' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_their_letters() {
        assert_eq!(compared("orders_db"), "orders-db");
        assert_eq!(compared(&"x".repeat(99)).len(), 64);
        assert_eq!(bare("kafka:9092"), "kafka");
    }
}
