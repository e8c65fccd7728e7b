//! What is configured: everything readers understood, joined.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use wonin_text::Place;

use crate::{
    App, Code, Deployment, Gateway, KafkaBroker, KafkaClient, KafkaTopic, Located, Server, Service,
};

/// A service's index in [`Stack::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub usize);

/// The configured system.
#[derive(Debug, Default)]
pub struct Stack {
    /// Compose projects; each service names its own by index.
    pub projects: Vec<Project>,
    /// Services of all projects, in the order of project and file.
    pub services: Vec<Service>,
    /// Kafka brokers, from services or from `server.properties`.
    pub brokers: Vec<KafkaBroker>,
    /// Kafka topics that something creates, with their replication.
    pub topics: Vec<KafkaTopic>,
    /// Kafka clients, from Spring configuration, code or client properties.
    pub kafka_clients: Vec<KafkaClient>,
    /// Applications with a configuration of their own (Spring Boot).
    pub apps: Vec<App>,
    /// Reverse proxies.
    pub gateways: Vec<Gateway>,
    /// Databases, registries, caches and coordinators, recognised by image or command.
    pub servers: Vec<Server>,
    /// Services that an orchestrator rolls out.
    pub deployments: Vec<Deployment>,
    /// What source code shows.
    pub code: Code,
    /// Speeds up [`Stack::resolve`].
    pub names: NameIndex,
}

/// Services by project and by every name they answer to. Built at the first look-up, and valid
/// while services are neither added nor renamed; an index of fewer services is passed over.
#[derive(Debug, Default)]
pub struct NameIndex(OnceLock<Names>);

#[derive(Debug)]
struct Names {
    services: usize,
    first: HashMap<(usize, String), ServiceId>,
}

impl NameIndex {
    fn of(&self, services: &[Service]) -> Option<&Names> {
        let names = self.0.get_or_init(|| {
            let mut first = HashMap::new();
            for (index, service) in services.iter().enumerate() {
                for name in service.names() {
                    let key = (service.project, name.to_owned());
                    first.entry(key).or_insert(ServiceId(index));
                }
            }
            Names { services: services.len(), first }
        });
        (names.services == services.len()).then_some(names)
    }
}

impl Stack {
    /// A service by id.
    ///
    /// # Panics
    /// When the id is not of this stack.
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.services[id.0]
    }

    /// Services with their ids.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.services.iter().enumerate().map(|(index, service)| (ServiceId(index), service))
    }

    /// The services of one project with their ids, without looking at those of others: a stack may
    /// have hundreds of projects.
    pub fn services_of(&self, project: usize) -> impl Iterator<Item = (ServiceId, &Service)> {
        let first = self.services.partition_point(|service| service.project < project);
        let own = self.services[first..].iter().take_while(move |one| one.project == project);
        own.enumerate().map(move |(index, service)| (ServiceId(first + index), service))
    }

    /// The project of a service.
    pub fn project_of(&self, id: ServiceId) -> &Project {
        &self.projects[self.service(id).project]
    }

    /// A service of a project by name, container name, hostname or network alias.
    pub fn resolve(&self, project: usize, name: &str) -> Option<ServiceId> {
        if let Some(names) = self.names.of(&self.services) {
            return names.first.get(&(project, name.to_owned())).copied();
        }
        self.services()
            .find(|(_, service)| service.project == project && service.answers_to(name))
            .map(|(id, _)| id)
    }
}

/// One Compose project: a base file with what is laid over it.
#[derive(Debug)]
pub struct Project {
    /// Directory of the base file relative to the given path; empty for the top.
    pub dir: String,
    /// Top-level `name:`, else the directory's name.
    pub name: String,
    /// The files in the order of merging, each by the place of its first byte.
    pub files: Vec<Place>,
    /// Networks by name, `default` included.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes that the file declares.
    pub volumes: BTreeMap<String, Volume>,
}

/// A Compose network.
#[derive(Debug, Default)]
pub struct Network {
    /// Where its key stands; `None` for the implicit `default`.
    pub place: Option<Place>,
    /// `driver`.
    pub driver: Option<Located<String>>,
    /// `external`.
    pub external: bool,
    /// `ipam.config[].subnet`.
    pub subnets: Vec<Located<String>>,
    /// `ipam.config[].ip_range`.
    pub ip_ranges: Vec<Located<String>>,
}

/// A Compose named volume.
#[derive(Debug, Default)]
pub struct Volume {
    /// Where its key stands.
    pub place: Option<Place>,
    /// `external`.
    pub external: bool,
}
