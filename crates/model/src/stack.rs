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
    /// Speeds up [`Stack::resolve`], [`Stack::servers_of`] and the like.
    pub names: NameIndex,
}

/// Services by project and by every name they answer to, and what runs in which service. Each part
/// is built at its first look-up, and valid while its list is neither extended nor reordered; an
/// index of fewer entries is passed over.
#[derive(Debug, Default)]
pub struct NameIndex {
    names: OnceLock<Names>,
    servers: OnceLock<ByService>,
    apps: OnceLock<ByService>,
    brokers: OnceLock<ByService>,
}

#[derive(Debug)]
struct Names {
    services: usize,
    first: HashMap<(usize, String), ServiceId>,
}

/// Positions in a list by the service that each entry belongs to, and how long the list was.
#[derive(Debug)]
struct ByService {
    entries: usize,
    positions: HashMap<ServiceId, Vec<usize>>,
}

impl NameIndex {
    fn of(&self, services: &[Service]) -> Option<&Names> {
        let names = self.names.get_or_init(|| {
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

/// The entries of a list that belong to a service, in order.
fn of_service<'a, T>(
    index: &'a OnceLock<ByService>,
    list: &'a [T],
    service: ServiceId,
    owner: impl Fn(&T) -> Option<ServiceId> + 'a,
) -> impl Iterator<Item = (usize, &'a T)> {
    let index = index.get_or_init(|| {
        let mut positions: HashMap<ServiceId, Vec<usize>> = HashMap::new();
        for (position, entry) in list.iter().enumerate() {
            if let Some(service) = owner(entry) {
                positions.entry(service).or_default().push(position);
            }
        }
        ByService { entries: list.len(), positions }
    });
    let is_valid = index.entries == list.len();
    let known = index.positions.get(&service).filter(|_| is_valid);
    let rest = if is_valid { 0 } else { list.len() };
    let positions = known.map_or(&[][..], Vec::as_slice).iter().copied().chain(0..rest);
    positions
        .map(|position| (position, &list[position]))
        .filter(move |(_, entry)| owner(entry) == Some(service))
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

    /// The servers that a service runs, with their positions in [`Stack::servers`].
    pub fn servers_of(&self, service: ServiceId) -> impl Iterator<Item = (usize, &Server)> {
        of_service(&self.names.servers, &self.servers, service, |server| server.service)
    }

    /// The servers that the services of a project run, in the order of [`Stack::servers`].
    pub fn servers_in(&self, project: usize) -> Vec<&Server> {
        let services = self.services_of(project);
        let mut found: Vec<(usize, &Server)> =
            services.flat_map(|(id, _)| self.servers_of(id)).collect();
        found.sort_by_key(|(position, _)| *position);
        found.into_iter().map(|(_, server)| server).collect()
    }

    /// The Kafka brokers that the services of a project run, in the order of [`Stack::brokers`].
    pub fn brokers_in(&self, project: usize) -> Vec<&KafkaBroker> {
        let services = self.services_of(project);
        let mut found: Vec<(usize, &KafkaBroker)> =
            services.flat_map(|(id, _)| self.brokers_of(id)).collect();
        found.sort_by_key(|(position, _)| *position);
        found.into_iter().map(|(_, broker)| broker).collect()
    }

    /// The first application that a service runs.
    pub fn app_of(&self, service: ServiceId) -> Option<&App> {
        let mut apps = of_service(&self.names.apps, &self.apps, service, |app| app.service);
        apps.next().map(|(_, app)| app)
    }

    /// The first Kafka broker that a service runs.
    pub fn broker_of(&self, service: ServiceId) -> Option<&KafkaBroker> {
        self.brokers_of(service).next().map(|(_, broker)| broker)
    }

    fn brokers_of(&self, service: ServiceId) -> impl Iterator<Item = (usize, &KafkaBroker)> {
        of_service(&self.names.brokers, &self.brokers, service, |broker| broker.service)
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
    /// Whether `name` gives it a name that does not begin with the project's, or
    /// `driver_opts.device` says where its data is: another project that says the same has the
    /// same data.
    pub is_shared: bool,
}
