//! What the manifests of one directory say of Kafka, before it is known what those of others say.

use std::sync::Arc;

use wonin_model::{KafkaBroker, KafkaClient, KafkaTopic, Pods, Server, Stack};
use wonin_text::{FileId, Place};

use super::patches::Change;
use crate::kafka::Created;

/// What the manifests of one directory say of Kafka.
#[derive(Default)]
pub(super) struct Found {
    pub(super) brokers: Vec<Made>,
    pub(super) clients: Vec<KafkaClient>,
    pub(super) servers: Vec<Server>,
    pub(super) topics: Vec<OperatedTopic>,
    pub(super) created: Vec<CreatedTopic>,
}

/// A broker, and the objects that it is made of, each as its kind and name.
pub(super) struct Made {
    of: Arc<[String]>,
    broker: KafkaBroker,
}

impl Made {
    pub(super) fn new(of: &Arc<[String]>, broker: KafkaBroker) -> Self {
        Self { of: Arc::clone(of), broker }
    }

    /// The broker; where another file changes what it is made of, the place of that.
    pub(super) fn settled(self, changes: &[Change]) -> Result<KafkaBroker, Place> {
        let dir = self.broker.pods.as_ref().map_or("", |pods| pods.dir.as_str());
        let is_changed =
            changes.iter().any(|change| self.of.iter().any(|id| change.is_of(id, dir)));
        if is_changed { Err(self.broker.place) } else { Ok(self.broker) }
    }
}

/// A topic that the command of a pod makes.
pub(super) struct CreatedTopic {
    pub(super) pods: Arc<Pods>,
    pub(super) created: Created,
}

impl CreatedTopic {
    /// The topic with the cluster that its command reaches through a Service; where the command
    /// names no server, the only one of its directory and namespace.
    pub(super) fn placed(self, stack: &Stack) -> Option<KafkaTopic> {
        let servers = self.created.servers.as_ref();
        let servers = servers.map(|servers| servers.split(',')).unwrap_or_default();
        let hosts = servers.iter().map(|server| host_of(&server.value));
        let leads = |pods: &Pods| {
            hosts.clone().any(|host| {
                let is_near = host.contains('.') || pods.is_beside(&self.pods);
                is_near && pods.service_at(host).is_some()
            })
        };
        let of_pods = || stack.brokers.iter().filter_map(|one| Some((one.pods.as_ref()?, one)));
        let reached = of_pods().find(|(pods, _)| leads(pods)).map(|(_, one)| one.cluster);
        let beside = of_pods().filter(|(pods, _)| pods.is_beside(&self.pods));
        let mut all: Vec<usize> = beside.map(|(_, one)| one.cluster).collect();
        all.dedup();
        let only = match all.as_slice() {
            [only] if self.created.servers.is_none() => Some(*only),
            _ => None,
        };
        let cluster = reached.or(only)?;
        Some(KafkaTopic { cluster: Some(cluster), ..self.created.topic })
    }
}

fn host_of(server: &str) -> &str {
    let address = server.rsplit("://").next().unwrap_or(server);
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// A topic that an operator makes in a cluster that it names.
pub(super) struct OperatedTopic {
    pub(super) cluster: String,
    pub(super) file: FileId,
    pub(super) dir: String,
    pub(super) topic: KafkaTopic,
}

impl OperatedTopic {
    /// The topic with its cluster: the only one of its name in the same file, else in the same
    /// directory, else anywhere. `None` where no manifest makes it, or several do.
    pub(super) fn placed(self, stack: &Stack) -> Option<KafkaTopic> {
        let of_name = stack.brokers.iter().filter_map(|broker| {
            let pods = broker.pods.as_ref()?;
            let name = pods.operated_as.as_ref()?;
            (name.value == self.cluster).then_some((pods, name.place()?.file, broker.cluster))
        });
        let mut all: Vec<(bool, bool, usize)> = of_name
            .map(|(pods, file, cluster)| (file == self.file, pods.dir == self.dir, cluster))
            .collect();
        all.sort_unstable();
        all.dedup();
        let nearest = all.last()?;
        let mut as_near = all.iter().filter(|one| (one.0, one.1) == (nearest.0, nearest.1));
        let cluster = as_near.next().filter(|_| as_near.next().is_none())?.2;
        Some(KafkaTopic { cluster: Some(cluster), ..self.topic })
    }
}
