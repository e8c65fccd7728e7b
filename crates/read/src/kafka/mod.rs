//! Kafka: brokers and clients with the settings that count.
//!
//! Brokers come from container services (by the conventions of their images) and from
//! `server.properties` files that no service mounts; clients from properties files and from the
//! environment of services. Clients of Spring and of code have readers of their own.

mod brokers;
mod clients;
mod clusters;
mod defaults;
mod image;
mod properties;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeSet;

use wonin_model::{KafkaClient, Service, ServiceId};

pub(crate) use brokers::{Seen, broker_of, runs_broker};
pub(crate) use clients::{Spring, bare as client, of_environment as clients_of};
pub(crate) use clusters::number;
pub(crate) use defaults::{fill_broker, fill_java};
pub(crate) use properties::{FORMAT, KafkaProperties, settings_from};
pub(crate) use topics::{Created, by_commands as topics_of};

use crate::fragment::{Content, Fragment};
use crate::pipeline::Joining;
use crate::servers::{Container, Words};
use brokers::{broker_of_file, replicated, seen};
use properties::Use;

/// Finds brokers, their clusters and the topics that services create.
pub(crate) fn join_brokers(joining: &mut Joining<'_>) {
    let services = std::mem::take(&mut joining.evidence.stack.services);
    let used: BTreeSet<String> = kafka_files_seen(joining, &services);
    let mut brokers = Vec::new();
    let mut words = Vec::new();
    for (index, service) in services.iter().enumerate() {
        let run = Words::of(service, &joining.evidence.sources);
        if let Some(convention) = runs_broker(service, &run) {
            let container = Container::of(service, joining);
            let mut files = |inside: &str| seen(&container, inside, joining);
            let mut broker = broker_of(service, convention, &run, &mut files);
            if let Some(broker) = &mut broker {
                broker.service = Some(ServiceId(index));
            }
            let replicas = service.replicas.as_ref().map_or(1, |replicas| replicas.value);
            brokers.extend(broker.into_iter().flat_map(|broker| replicated(broker, replicas)));
        }
        words.push(run);
    }
    joining.evidence.stack.services = services;
    for fragment in &mut joining.fragments {
        let Content::Kafka(properties) = &mut fragment.content else { continue };
        if properties.used_as == Use::Broker && !used.contains(&fragment.path) {
            // Taken: nobody else reads them.
            let settings = std::mem::take(&mut properties.settings);
            brokers.push(broker_of_file(fragment.file, &fragment.path, settings));
        }
    }
    let stack = &mut joining.evidence.stack;
    stack.brokers = brokers;
    number(stack);
    let mut topics = Vec::new();
    for (id, service) in stack.services() {
        topics.extend(topics::created_by(id, service, &words[id.0], stack));
    }
    stack.topics.extend(topics);
}

/// The files of this format.
fn kafka_files<'a>(
    joining: &'a Joining<'_>,
) -> impl Iterator<Item = (&'a Fragment, &'a KafkaProperties)> {
    joining.fragments.iter().filter_map(|fragment| match &fragment.content {
        Content::Kafka(properties) => Some((fragment, properties)),
        _ => None,
    })
}

/// Properties files that some container sees: they are its own, not further nodes.
fn kafka_files_seen(joining: &mut Joining<'_>, services: &[Service]) -> BTreeSet<String> {
    let paths: Vec<String> =
        kafka_files(joining).map(|(fragment, _)| fragment.path.clone()).collect();
    if paths.is_empty() {
        return BTreeSet::new();
    }
    let containers = services.iter().map(|service| Container::of(service, joining));
    containers.flat_map(|container| container.below("/", paths.iter()).into_values()).collect()
}

/// Names the first service that sees the file of a client.
fn attach(clients: &mut [KafkaClient], joining: &mut Joining<'_>) {
    let mut alone = clients.iter_mut().filter(|client| client.service.is_none()).peekable();
    if alone.peek().is_none() {
        return;
    }
    let services = std::mem::take(&mut joining.evidence.stack.services);
    let mut containers: Vec<Container> = Vec::new();
    for client in alone {
        let sees = |index: &usize| {
            if containers.len() == *index {
                containers.push(Container::of(&services[*index], joining));
            }
            !containers[*index].below("/", std::iter::once(&client.name)).is_empty()
        };
        client.service = (0..services.len()).find(sees).map(ServiceId);
    }
    joining.evidence.stack.services = services;
}

/// Finds clients of properties files and of environment; comes after the applications.
pub(crate) fn join_clients(joining: &mut Joining<'_>) {
    let mut found: Vec<KafkaClient> = Vec::new();
    let stack = &joining.evidence.stack;
    // A broker's own variables name itself; of an application that was read more is known.
    let of_brokers = stack.brokers.iter().filter_map(|broker| broker.service);
    let of_clients = stack.kafka_clients.iter().filter_map(|client| client.service);
    let known: BTreeSet<ServiceId> = of_brokers.chain(of_clients).collect();
    for (id, service) in stack.services().filter(|(id, _)| !known.contains(id)) {
        let own = clients_of(service, Spring::LeftOut);
        found.extend(own.into_iter().map(|client| KafkaClient { service: Some(id), ..client }));
    }
    for fragment in &mut joining.fragments {
        let Content::Kafka(properties) = &mut fragment.content else { continue };
        if properties.used_as == Use::Client {
            let settings = std::mem::take(&mut properties.settings);
            found.push(clients::of_file(fragment.file, &fragment.path, settings));
        }
    }
    attach(&mut found, joining);
    joining.evidence.stack.kafka_clients.extend(found);
}
