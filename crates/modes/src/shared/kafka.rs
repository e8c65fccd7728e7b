//! Kafka nodes as clusters, and what a client of them can reach.

use std::collections::BTreeMap;

use wonin_model::{KafkaBroker, KafkaClient, Located, Stack};
use wonin_text::Place;

use super::hosts::{Endpoint, endpoint, is_loopback};
use super::words::list;

/// Nodes that belong together.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    /// Name for people: what the names of the brokers have in common.
    pub(crate) name: String,
    /// In the order of the stack.
    pub(crate) nodes: Vec<&'a KafkaBroker>,
    /// Addresses that the brokers tell clients, computed once: every client is compared with them.
    told: Vec<String>,
}

impl<'a> Cluster<'a> {
    /// Nodes that hold topics.
    pub(crate) fn brokers(&self) -> impl Iterator<Item = &'a KafkaBroker> {
        self.nodes.iter().copied().filter(|node| node.has_role("broker"))
    }

    /// Nodes that may vote.
    pub(crate) fn controllers(&self) -> impl Iterator<Item = &'a KafkaBroker> {
        self.nodes.iter().copied().filter(|node| node.has_role("controller"))
    }

    /// How many brokers run; replicas of a service are nodes of their own.
    pub(crate) fn broker_count(&self) -> usize {
        self.brokers().count()
    }

    /// The voters as the first node that knows them lists them (`controller.quorum.voters`).
    pub(crate) fn voters(&self) -> Option<&'a Located<String>> {
        self.nodes.iter().find_map(|node| voters(node))
    }

    /// Whether every member that the settings name is among the nodes, so that counting them
    /// counts the cluster. One machine of several that run the same file is not whole.
    pub(crate) fn is_whole(&self, stack: &Stack) -> bool {
        self.nodes
            .iter()
            .all(|node| members(node).iter().all(|member| self.is_known_here(stack, node, member)))
    }

    /// The cluster that an operator makes of its pods, by its name.
    pub(crate) fn operated_as(&self) -> Option<&'a str> {
        let pods = self.nodes[0].pods.as_ref()?;
        pods.operated_as.as_ref().map(|name| name.value.as_str())
    }

    /// Whether a client may dial it at all: pods and the containers of Compose have names of their
    /// own, and what runs in neither may be meant for either.
    fn is_in_reach_of(&self, client: &KafkaClient) -> bool {
        match (&client.pods, client.service) {
            (Some(_), _) => self.is_of_pods(),
            (None, Some(_)) => !self.is_of_pods(),
            (None, None) => true,
        }
    }

    /// Whether its nodes are pods of Kubernetes.
    pub(crate) fn is_of_pods(&self) -> bool {
        self.nodes.iter().any(|node| node.pods.is_some())
    }

    /// Where its brokers are declared, those of one place in one text.
    pub(crate) fn declared(&self) -> Vec<(String, Place)> {
        let mut by_place: Vec<(Vec<&str>, Place)> = Vec::new();
        for broker in self.brokers() {
            match by_place.iter_mut().find(|(_, place)| *place == broker.place) {
                Some((names, _)) => names.push(&broker.name),
                None => by_place.push((vec![&broker.name], broker.place)),
            }
        }
        let told = |(names, place): (Vec<&str>, Place)| {
            let verb = if names.len() == 1 { "is" } else { "are" };
            (format!("{} {verb}", list(&names)), place)
        };
        by_place.into_iter().map(told).collect()
    }

    /// The goal that replication, quorum, listeners and client together reach.
    pub(crate) fn survives_one_broker(&self) -> String {
        format!("{} keeps working when one broker stops", self.name)
    }

    /// The command that starts a copy of the cluster, stops its first broker and shows what comes of
    /// it; for brokers that Compose starts.
    pub(crate) fn rehearsal(&self, stack: &Stack) -> Option<String> {
        Self::rehearsal_of(stack, self.brokers().next()?)
    }

    /// The same for one broker.
    pub(crate) fn rehearsal_of(stack: &Stack, broker: &KafkaBroker) -> Option<String> {
        let dir = &stack.project_of(broker.service?).dir;
        let dir = if dir.is_empty() { "." } else { dir };
        let id = broker.settings.int("node.id").or_else(|| broker.settings.int("broker.id"))?;
        Some(format!("wonin rehearse kafka {dir} --up --stop {}", id.value))
    }

    /// How deep the cluster's directory is, where the client's application lies below it.
    pub(crate) fn nearness(&self, stack: &Stack, client: &KafkaClient) -> usize {
        let Some(dir) = directory(stack, self.nodes[0]) else { return 0 };
        if let (Some(own), Some(others)) = (&client.pods, &self.nodes[0].pods) {
            return if own.is_beside(others) { dir.len() + 1 } else { 0 };
        }
        let app = client.app.and_then(|app| stack.apps.get(app)).map_or("", |app| app.dir.as_str());
        let below = app
            .strip_prefix(dir)
            .is_some_and(|rest| dir.is_empty() || rest.is_empty() || rest.starts_with('/'));
        if below { dir.len() + 1 } else { 0 }
    }

    fn is_known_here(&self, stack: &Stack, node: &KafkaBroker, member: &Endpoint) -> bool {
        let host = member.host.value.as_str();
        let Some(id) = node.service else {
            // A file alone: as many nodes as voters, or everything on one machine.
            return is_loopback(host) || self.nodes.len() >= members(node).len();
        };
        is_loopback(host) || stack.resolve(stack.service(id).project, host).is_some()
    }
}

/// All clusters, in the order of their first node.
pub(crate) fn clusters(stack: &Stack) -> Vec<Cluster<'_>> {
    let mut groups: Vec<Vec<&KafkaBroker>> = Vec::new();
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    for broker in &stack.brokers {
        let group = *known.entry(broker.cluster).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(broker);
    }
    name_apart(stack, groups)
}

/// The cluster that a client's first contact leads to; the only one there is, where its
/// addresses do not tell.
pub(crate) fn cluster_of<'c, 'a>(
    clusters: &'c [Cluster<'a>],
    stack: &Stack,
    client: &KafkaClient,
) -> Option<&'c Cluster<'a>> {
    let bootstrap = client.settings.list("bootstrap.servers");
    let contacts: Vec<Endpoint> = bootstrap.iter().map(endpoint).collect();
    let addresses: Vec<String> = contacts.iter().map(Endpoint::address).collect();
    let possible = || clusters.iter().filter(|cluster| cluster.is_in_reach_of(client));
    let reaches = |cluster: &&Cluster<'_>| {
        addresses.iter().any(|to| cluster.told.contains(to))
            || cluster
                .brokers()
                .any(|broker| contacts.iter().any(|to| leads_to(stack, client, to, broker)))
    };
    // Several projects may publish the same port: the nearest one above the application counts.
    // Of equally near ones the first; `max_by_key` would give the last.
    let nearest =
        possible().rev().filter(reaches).max_by_key(|cluster| cluster.nearness(stack, client));
    nearest.or_else(|| possible().next().filter(|_| clusters.len() == 1))
}

/// `advertised.listeners`, else `listeners`, without those of the controller.
pub(crate) fn advertised(broker: &KafkaBroker) -> Vec<Endpoint> {
    let given = match broker.settings.list("advertised.listeners") {
        none if none.is_empty() => broker.settings.list("listeners"),
        some => some,
    };
    let controller = controller_listeners(broker);
    let endpoints = given.iter().map(endpoint);
    endpoints
        .filter(|one| !controller.iter().any(|name| Some(name) == one.scheme.as_ref()))
        .collect()
}

/// `listeners` without those of the controller: where the node binds.
pub(crate) fn bound(broker: &KafkaBroker) -> Vec<Endpoint> {
    let controller = controller_listeners(broker);
    let endpoints = broker.settings.list("listeners");
    let endpoints = endpoints.iter().map(endpoint);
    endpoints
        .filter(|one| !controller.iter().any(|name| Some(name) == one.scheme.as_ref()))
        .collect()
}

fn controller_listeners(broker: &KafkaBroker) -> Vec<String> {
    let names = broker.settings.list("controller.listener.names");
    names.into_iter().map(|name| name.value).collect()
}

fn voters(broker: &KafkaBroker) -> Option<&Located<String>> {
    let voters = broker.settings.get("controller.quorum.voters")?;
    voters.value.contains('@').then_some(voters)
}

/// Everything that the node names as the heart of its cluster: voters, the contacts of a dynamic
/// quorum, ZooKeeper.
fn members(broker: &KafkaBroker) -> Vec<Endpoint> {
    let names = ["controller.quorum.voters", "controller.quorum.bootstrap.servers"];
    let kraft: Vec<_> = names.iter().flat_map(|name| broker.settings.list(name)).collect();
    let given = if kraft.is_empty() { broker.settings.list("zookeeper.connect") } else { kraft };
    given.iter().map(endpoint).collect()
}

/// The directory that a broker of a container belongs to.
fn directory<'s>(stack: &'s Stack, broker: &'s KafkaBroker) -> Option<&'s str> {
    let of_pods = broker.pods.as_ref().map(|pods| pods.dir.as_str());
    broker.service.map(|id| stack.project_of(id).dir.as_str()).or(of_pods)
}

/// Whether a client's contact is a Service of Kubernetes that leads to the broker's pods. A name
/// without a namespace means the client's own one.
pub(crate) fn leads_to_pods(client: &KafkaClient, to: &Endpoint, broker: &KafkaBroker) -> bool {
    let Some(pods) = &broker.pods else { return false };
    let host = to.host.value.as_str();
    let together = client.pods.as_ref().is_none_or(|own| host.contains('.') || own.is_beside(pods));
    together && client.service.is_none() && pods.service_at(host).is_some()
}

/// Whether a client's contact is the broker's pod alone: its name below a headless Service.
pub(crate) fn leads_to_pod(client: &KafkaClient, to: &Endpoint, broker: &KafkaBroker) -> bool {
    let Some((pod, service)) = to.host.value.split_once('.') else { return false };
    let pods = broker.pods.as_ref().filter(|_| client.service.is_none() && pod == broker.name);
    pods.is_some_and(|pods| pods.service_at(service).is_some())
}

/// Whether a contact is a name or a published port of what runs the broker.
fn leads_to(stack: &Stack, client: &KafkaClient, to: &Endpoint, broker: &KafkaBroker) -> bool {
    if broker.pods.is_some() {
        return leads_to_pods(client, to, broker) || leads_to_pod(client, to, broker);
    }
    let host = to.host.value.as_str();
    let named = broker.service.is_some_and(|id| {
        let service = stack.service(id);
        let together =
            client.service.is_none_or(|client| stack.service(client).project == service.project);
        together && service.answers_to(host)
    });
    let published = is_loopback(host)
        && broker.service.is_some_and(|id| {
            let ports = &stack.service(id).ports;
            ports
                .iter()
                .any(|port| port.value.published.is_some() && port.value.published == to.port)
        });
    named || published
}

fn name_apart<'a>(stack: &'a Stack, groups: Vec<Vec<&'a KafkaBroker>>) -> Vec<Cluster<'a>> {
    let names: Vec<String> = groups.iter().map(|nodes| common_name(nodes)).collect();
    let groups = groups.into_iter().enumerate();
    groups
        .map(|(index, nodes)| {
            let mut name = names[index].clone();
            match directory(stack, nodes[0]) {
                Some(dir)
                    if !dir.is_empty() && names.iter().filter(|n| **n == name).count() > 1 =>
                {
                    name = format!("{name} in {dir}");
                }
                _ => {}
            }
            let brokers = nodes.iter().filter(|node| node.has_role("broker"));
            let told = brokers.flat_map(|broker| advertised(broker));
            let told = told.map(|one| one.address()).collect();
            Cluster { name, nodes, told }
        })
        .collect()
}

/// What the names have in front in common, without trailing numbers: `kafka-1` and `kafka-2` are
/// `kafka`. What an operator makes has a name of its own.
fn common_name(nodes: &[&KafkaBroker]) -> String {
    let operated = nodes.first().and_then(|node| node.pods.as_ref()?.operated_as.as_ref());
    if let Some(name) = operated {
        return name.value.clone();
    }
    let brokers: Vec<&str> = nodes
        .iter()
        .filter(|node| node.has_role("broker"))
        .map(|node| node.name.as_str())
        .collect();
    let mut names = brokers.iter();
    let Some(first) = names.next() else { return "kafka".to_owned() };
    let shared = names.fold(*first, |shared, name| {
        let differs = shared.char_indices().zip(name.chars()).find(|((_, a), b)| a != b);
        let end = differs.map_or(shared.len().min(name.len()), |((at, _), _)| at);
        shared.get(..end).unwrap_or("")
    });
    let shared = match brokers.len() {
        1 => shared,
        _ => shared.trim_end_matches(|c: char| c.is_ascii_digit() || "-_. (".contains(c)),
    };
    if shared.is_empty() || shared.contains('/') || shared.contains('.') {
        return "kafka".to_owned();
    }
    shared.to_owned()
}
