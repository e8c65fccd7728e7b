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
mod topics;

use std::collections::BTreeSet;

use wonin_model::{KafkaClient, ServiceId};
use wonin_text::{FileId, Sources};

pub(crate) use defaults::{fill_broker, fill_java, fill_librdkafka};
pub(crate) use properties::{KafkaProperties, accepts, claims, parse};

use crate::fragment::Content;
use crate::pipeline::Joining;
use crate::servers::{Words, mounted_below};
use brokers::{FileAccess, broker_of, broker_of_file, replicated, runs_broker};
use properties::Use;

impl FileAccess for Joining<'_> {
    fn file(&mut self, path: &str) -> Option<FileId> {
        if !self.exists(path) {
            return None;
        }
        let file = self.load(path).ok()?;
        self.note_read(file, "properties");
        Some(file)
    }

    fn sources(&self) -> &Sources {
        &self.evidence.sources
    }
}

/// Finds brokers, their clusters and the topics that services create.
pub(crate) fn join_brokers(joining: &mut Joining<'_>) {
    let services = std::mem::take(&mut joining.evidence.stack.services);
    let mut brokers = Vec::new();
    let mut words = Vec::new();
    for (index, service) in services.iter().enumerate() {
        let run = Words::of(service, &joining.evidence.sources);
        if let Some(convention) = runs_broker(service, &run) {
            let broker = broker_of(ServiceId(index), service, convention, &run, joining);
            let replicas = service.replicas.as_ref().map_or(1, |replicas| replicas.value);
            brokers.extend(broker.into_iter().flat_map(|broker| replicated(broker, replicas)));
        }
        words.push(run);
    }
    joining.evidence.stack.services = services;
    let mounted = mounted_files(joining);
    for fragment in &joining.fragments {
        let Content::Kafka(properties) = &fragment.content else { continue };
        if properties.used_as == Use::Broker && !mounted.contains(&fragment.path) {
            let settings = properties.settings.clone();
            brokers.push(broker_of_file(fragment.file, &fragment.path, settings));
        }
    }
    let stack = &mut joining.evidence.stack;
    stack.brokers = brokers;
    clusters::number(stack);
    let mut topics = Vec::new();
    for (id, service) in stack.services() {
        topics.extend(topics::created_by(id, service, &words[id.0], stack));
    }
    stack.topics.extend(topics);
}

/// Properties files that some service mounts: they are its own, not further nodes.
fn mounted_files(joining: &Joining<'_>) -> BTreeSet<String> {
    let kafka = joining.fragments.iter().filter(|f| matches!(f.content, Content::Kafka(_)));
    let paths: Vec<String> = kafka.map(|fragment| fragment.path.clone()).collect();
    let services = joining.evidence.stack.services.iter();
    let seen = services.flat_map(|service| mounted_below(service, "/", paths.iter()));
    seen.map(|(_, path)| path).collect()
}

/// Finds clients of properties files and of environment.
pub(crate) fn join_clients(joining: &mut Joining<'_>) {
    let mut found: Vec<KafkaClient> = Vec::new();
    let stack = &joining.evidence.stack;
    for (id, service) in stack.services() {
        // A broker's own variables name itself.
        if !stack.brokers.iter().any(|broker| broker.service == Some(id)) {
            found.extend(clients::of_environment(id, service));
        }
    }
    for fragment in &joining.fragments {
        let Content::Kafka(properties) = &fragment.content else { continue };
        if properties.used_as == Use::Client {
            let settings = properties.settings.clone();
            let mut client = clients::of_file(fragment.file, &fragment.path, settings);
            client.service = mounting_service(joining, &fragment.path);
            found.push(client);
        }
    }
    joining.evidence.stack.kafka_clients.extend(found);
}

fn mounting_service(joining: &Joining<'_>, path: &String) -> Option<ServiceId> {
    let mut services = joining.evidence.stack.services();
    let mounts = |service| !mounted_below(service, "/", std::iter::once(path)).is_empty();
    services.find(|(_, service)| mounts(service)).map(|(id, _)| id)
}
