//! Kafka brokers and clients with the settings that count.

use std::sync::Arc;

use smol_str::SmolStr;
use wonin_text::Place;

use crate::{Located, Origin, ServiceId};

/// Settings by property name (`default.replication.factor`): written, inherited and default ones.
/// Readers fill in the defaults that apply (of the image first, then of the program), so a lookup
/// gives what counts.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    // By name, each once. One list rather than a tree: a large stack has tens of thousands of
    // these with one or two entries, and some with a thousand.
    values: Vec<(SmolStr, Located<String>)>,
}

/// Of equal names the last one counts.
impl FromIterator<(SmolStr, Located<String>)> for Settings {
    fn from_iter<T: IntoIterator<Item = (SmolStr, Located<String>)>>(all: T) -> Self {
        let mut values: Vec<_> = all.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        values.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
        values.shrink_to_fit();
        Self { values }
    }
}

impl Settings {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.values.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    fn insert(&mut self, at: usize, name: SmolStr, value: Located<String>) {
        if self.values.len() == self.values.capacity() {
            self.values.reserve_exact(1 + self.values.len() / 8);
        }
        self.values.insert(at, (name, value));
    }

    /// Sets a value; says what it replaced.
    pub fn set(
        &mut self,
        name: impl Into<SmolStr>,
        value: Located<String>,
    ) -> Option<Located<String>> {
        let name = name.into();
        match self.find(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.values[at].1, value)),
            Err(at) => {
                self.insert(at, name, value);
                None
            }
        }
    }

    /// Sets a default where nothing was set.
    pub fn set_default(&mut self, name: &str, value: impl FnOnce() -> Located<String>) {
        if let Err(at) = self.find(name) {
            self.insert(at, name.into(), value());
        }
    }

    /// Sets defaults of one origin where nothing was set.
    pub fn set_defaults(&mut self, rows: &[(&'static str, &'static str)], origin: &Origin) {
        for (name, value) in rows {
            if let Err(at) = self.find(name) {
                let value = Located { value: (*value).to_owned(), origin: origin.clone() };
                self.insert(at, SmolStr::new_static(name), value);
            }
        }
    }

    /// What counts for this name.
    pub fn get(&self, name: &str) -> Option<&Located<String>> {
        self.find(name).ok().map(|at| &self.values[at].1)
    }

    /// What counts, where somebody wrote it.
    pub fn written(&self, name: &str) -> Option<&Located<String>> {
        self.get(name).filter(|value| !value.origin.is_default())
    }

    /// As an integer; `None` where absent or not one.
    pub fn int(&self, name: &str) -> Option<Located<i64>> {
        self.get(name)?.and_then(|text| text.trim().parse().ok())
    }

    /// As a truth value; `None` where absent or neither `true` nor `false`.
    pub fn bool(&self, name: &str) -> Option<Located<bool>> {
        self.get(name)?.and_then(|text| text.trim().to_ascii_lowercase().parse().ok())
    }

    /// As a comma-separated list, each entry with its place; empty where absent.
    pub fn list(&self, name: &str) -> Vec<Located<String>> {
        self.get(name).map(|value| value.split(',')).unwrap_or_default()
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Located<String>)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Who packaged a broker; decides how environment becomes properties and which defaults apply
/// (failure-knowledge 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaDistribution {
    /// `bitnami/kafka`, `bitnamilegacy/kafka`.
    Bitnami,
    /// `apache/kafka`, `apache/kafka-native`.
    Apache,
    /// `confluentinc/cp-kafka`, `cp-server`.
    Confluent,
    /// Another image, whose conventions are not known.
    Other,
    /// A properties file.
    Properties,
}

/// The pods of one Kubernetes object that run brokers or clients.
#[derive(Clone, Debug)]
pub struct Pods {
    /// Name of the object: of the StatefulSet, the Deployment, the pool of nodes.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Directory of the manifest.
    pub dir: String,
    /// Namespace; empty where the manifest names none.
    pub namespace: String,
    /// How many there are, where that is written.
    pub replicas: Option<Located<u32>>,
    /// Services that lead to every one of these pods.
    pub services: Vec<PodService>,
    /// Whether they have the network of their machine (`hostNetwork`).
    pub on_host: bool,
    /// The cluster that an operator makes of them: its name, where the resource has it.
    pub operated_as: Option<Located<String>>,
}

impl Pods {
    /// The same pods with the Services that lead to them.
    #[must_use]
    pub fn with_services(&self, services: Vec<PodService>) -> Self {
        Self { services, ..self.clone() }
    }

    /// The Service of these pods that a host name means from within the Kubernetes cluster:
    /// `kafka`, `kafka.shop`, `kafka.shop.svc.cluster.local`.
    pub fn service_at(&self, host: &str) -> Option<&PodService> {
        self.services.iter().find(|service| {
            host.strip_prefix(service.name.as_str()).is_some_and(|rest| {
                let mut parts = rest.split('.').skip(1);
                let namespace = parts.next();
                let is_here = namespace
                    .is_none_or(|name| self.namespace.is_empty() || name == self.namespace);
                rest.is_empty()
                    || rest.starts_with('.') && is_here && parts.next().is_none_or(|p| p == "svc")
            })
        })
    }

    /// Whether both are in one namespace, as far as the manifests tell.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.dir == other.dir && self.namespace == other.namespace
    }
}

/// A Kubernetes Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodService {
    /// Its name.
    pub name: String,
    /// Its ports with those of the pod that they lead to, where both are numbers.
    pub ports: Vec<(u16, u16)>,
}

/// One Kafka broker or controller.
#[derive(Debug)]
pub struct KafkaBroker {
    /// Name for people: the service, the pod, or the file.
    pub name: String,
    /// The service that runs it.
    pub service: Option<ServiceId>,
    /// The pods of Kubernetes of which it is one.
    pub pods: Option<Arc<Pods>>,
    /// Brokers of one cluster carry one number: the project's, or the directory's.
    pub cluster: usize,
    /// Packaging.
    pub distribution: KafkaDistribution,
    /// Version as the tag or the caller says (`3.9`).
    pub version: Option<String>,
    /// Where it is declared: the service's key or the file's start.
    pub place: Place,
    /// Effective properties.
    pub settings: Settings,
    /// A mounted `server.properties` makes the image ignore the environment.
    pub not_applied: Vec<NotApplied>,
    /// `KAFKA_KRAFT_CLUSTER_ID`, `CLUSTER_ID`.
    pub cluster_id: Option<Located<String>>,
    /// Environment variables without which the image's start script refuses to start.
    pub missing: Vec<String>,
}

impl KafkaBroker {
    /// Whether it runs KRaft (has `process.roles`).
    pub fn is_kraft(&self) -> bool {
        self.settings.get("process.roles").is_some_and(|roles| !roles.value.trim().is_empty())
    }

    /// Whether it has this role (`broker`, `controller`); a ZooKeeper-mode node is a broker.
    pub fn has_role(&self, role: &str) -> bool {
        match self.settings.get("process.roles") {
            Some(roles) if !roles.value.trim().is_empty() => {
                roles.value.split(',').any(|given| given.trim() == role)
            }
            _ => role == "broker",
        }
    }
}

/// A topic that something creates on purpose, with the numbers it is created with.
#[derive(Debug)]
pub struct KafkaTopic {
    /// Its name.
    pub name: Located<String>,
    /// The cluster (see [`KafkaBroker::cluster`]), where it is known.
    pub cluster: Option<usize>,
    /// The service that creates it, where a service does.
    pub service: Option<ServiceId>,
    /// Partitions; `None` leaves them to the broker's `num.partitions`.
    pub partitions: Option<Located<u32>>,
    /// Replicas of each partition; `None` leaves them to the broker's `default.replication.factor`.
    pub replication_factor: Option<Located<u32>>,
    /// `min.insync.replicas` of the topic; `None` leaves it to the broker.
    pub min_insync: Option<Located<u32>>,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Sends.
    Producer,
    /// Receives.
    Consumer,
    /// Manages.
    Admin,
    /// A set of properties whose use is not known.
    Unknown,
}

/// Which client library; decides names and defaults (failure-knowledge 2.1, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLibrary {
    /// The Java client.
    Java,
    /// librdkafka and everything bound to it.
    Librdkafka,
    /// Another one: only names in common are known.
    Other,
}

/// One Kafka client with the settings that really count.
#[derive(Debug)]
pub struct KafkaClient {
    /// Name for people: `producer of KafkaConfig.kafkaTemplate`, `listener KafkaConsumer.listen`.
    pub name: String,
    /// What it does.
    pub kind: ClientKind,
    /// Which library.
    pub library: ClientLibrary,
    /// The service that runs it, where known.
    pub service: Option<ServiceId>,
    /// The pods of Kubernetes that run it.
    pub pods: Option<Arc<Pods>>,
    /// Index in `Stack::apps` of the application it belongs to.
    pub app: Option<usize>,
    /// Where it is made: the bean, the configuration key, the file's start.
    pub place: Place,
    /// Effective properties, defaults included; without those of `unknown`.
    pub settings: Settings,
    /// Properties that are set to something that cannot be read from the files, by name, at the
    /// place where they are set: nothing may be claimed of them. The name `*` means that any
    /// property may be set there; then no defaults are filled in.
    pub unknown: Vec<Located<String>>,
    /// Written settings that do not count for this client.
    pub not_applied: Vec<NotApplied>,
    /// Topics it names.
    pub topics: Vec<Located<String>>,
}

/// A written setting without effect.
#[derive(Clone, Debug)]
pub struct NotApplied {
    /// The key as written, at its place.
    pub key: Located<String>,
    /// The value as written.
    pub value: Located<String>,
    /// The property that was meant (`request.timeout.ms`), where it can be told.
    pub means: Option<String>,
    /// Why it does not count.
    pub why: WhyNotApplied,
    /// What counts in its place.
    pub instead: Option<Located<String>>,
}

/// Why a setting has no effect.
#[derive(Clone, Debug)]
pub enum WhyNotApplied {
    /// No such key; it is ignored without a word.
    UnknownKey {
        /// Who ignores it: `Spring Boot 3.4`, `bitnami/kafka`.
        by: String,
        /// The spelling that would work, where there is one.
        spelling: Option<String>,
    },
    /// A bean built from values in code takes the place of the auto-configured one.
    ReplacedByBean {
        /// The bean: `KafkaConfig.kafkaTemplate`.
        bean: String,
        /// Where it is made.
        place: Place,
    },
    /// Another layer sets the same thing and wins.
    Overruled {
        /// The place that wins.
        place: Place,
        /// The rule: `environment variables come before application.yml`.
        rule: String,
    },
    /// The file that holds it is not read in this set-up.
    FileNotUsed {
        /// Why.
        reason: String,
    },
}
