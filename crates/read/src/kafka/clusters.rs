//! Which brokers form one cluster.
//!
//! Brokers that name a common controller or a common ZooKeeper (with the same chroot) belong
//! together, as do a broker and the node that it names as controller. A cluster id alone joins only
//! brokers that name neither, because copied files often carry the same one.

use std::collections::BTreeMap;

use wonin_model::{KafkaBroker, Located, ServiceId, Stack};

/// Numbers the clusters of all brokers, in the order of their first brokers.
pub(crate) fn number(stack: &mut Stack) {
    let mut union = Union::new(stack.brokers.len());
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_service: BTreeMap<ServiceId, usize> = BTreeMap::new();
    for (index, broker) in stack.brokers.iter().enumerate() {
        if let Some(service) = broker.service {
            of_service.entry(service).or_insert(index);
        }
    }
    for (index, broker) in stack.brokers.iter().enumerate() {
        for key in keys(broker, stack) {
            match first.get(&key) {
                Some(&other) if !same_node(&stack.brokers[other], broker) => {
                    union.join(other, index);
                }
                Some(_) => {}
                None => {
                    first.insert(key, index);
                }
            }
        }
        for controller in named_controllers(broker, stack) {
            if let Some(&other) = of_service.get(&controller) {
                union.join(other, index);
            }
        }
    }
    let mut numbers = BTreeMap::new();
    for index in 0..stack.brokers.len() {
        let next = numbers.len();
        let number = *numbers.entry(union.root(index)).or_insert(next);
        stack.brokers[index].cluster = number;
    }
}

/// Two files of one directory with one id, or with one address to be reached at, are two versions
/// of one node, not two nodes; as are the pods of two objects of one name.
fn same_node(one: &KafkaBroker, other: &KafkaBroker) -> bool {
    let id = |broker: &KafkaBroker| {
        ["node.id", "broker.id"]
            .iter()
            .find_map(|name| broker.settings.int(name))
            .map(|id| id.value)
    };
    let same_id = id(one).is_some() && id(one) == id(other);
    let advertised = addresses(one);
    let same_address = addresses(other).iter().any(|address| advertised.contains(address));
    if let (Some(one), Some(other)) = (&one.pods, &other.pods) {
        return one.place != other.place && one.name == other.name;
    }
    let is_file = |broker: &KafkaBroker| broker.service.is_none() && broker.pods.is_none();
    is_file(one) && is_file(other) && (same_id || same_address)
}

/// `host:port` of each address that a node advertises.
fn addresses(broker: &KafkaBroker) -> Vec<String> {
    let list = broker.settings.list("advertised.listeners");
    let address = |text: &str| Some(text.split_once("://")?.1.to_ascii_lowercase());
    list.iter().filter_map(|listener| address(&listener.value)).collect()
}

/// What a broker shares with the others of its cluster.
fn keys(broker: &KafkaBroker, stack: &Stack) -> Vec<String> {
    let scope = scope(broker, stack);
    let Some(pods) = &broker.pods else { return named(broker, &scope, stack) };
    // One object, or one operator, makes one cluster of its pods.
    if let Some(operated) = pods.operated_as.as_ref().and_then(Located::place) {
        return vec![format!("operated {operated:?}")];
    }
    let mut keys = named(broker, &scope, stack);
    keys.push(format!("pods {:?}", pods.place));
    keys
}

/// What a broker names that the others of its cluster name as well.
fn named(broker: &KafkaBroker, scope: &str, stack: &Stack) -> Vec<String> {
    let controllers = controllers(broker);
    if !controllers.is_empty() {
        let key = |(host, port): &(String, String)| {
            // A loopback controller is the broker's own.
            let own = if is_loopback(host) { own_scope(broker, stack) } else { String::new() };
            format!("{scope} controller {own}{host}:{port}")
        };
        return controllers.iter().map(key).collect();
    }
    let zookeepers = zookeepers(broker);
    if !zookeepers.is_empty() {
        return zookeepers
            .iter()
            .map(|zookeeper| format!("{scope} zookeeper {zookeeper}"))
            .collect();
    }
    let id = broker.cluster_id.as_ref().filter(|id| !id.value.is_empty());
    id.map(|id| format!("{scope} id {}", id.value)).into_iter().collect()
}

/// Names mean something within one project, one namespace or one directory only.
fn scope(broker: &KafkaBroker, stack: &Stack) -> String {
    match (broker.service, &broker.pods) {
        (Some(service), _) => format!("project {}", stack.service(service).project),
        (None, Some(pods)) => format!("namespace {} of {}", pods.namespace, pods.dir),
        (None, None) => format!("directory {}", directory(&broker.name)),
    }
}

/// Where loopback leads: the container itself, or the machine that all files of a directory are
/// meant for, and all containers that have its network.
fn own_scope(broker: &KafkaBroker, stack: &Stack) -> String {
    if let Some(pods) = &broker.pods {
        return if pods.on_host { String::new() } else { format!("{} ", broker.name) };
    }
    let Some(service) = broker.service else { return String::new() };
    let mode = stack.service(service).network_mode.as_ref().map(|mode| mode.value.as_str());
    if mode == Some("host") { String::new() } else { format!("{} ", service.0) }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Host and port of the controllers that a node names.
fn controllers(broker: &KafkaBroker) -> Vec<(String, String)> {
    let names = ["controller.quorum.voters", "controller.quorum.bootstrap.servers"];
    let list = names.iter().map(|name| broker.settings.list(name)).find(|list| !list.is_empty());
    let endpoint = |text: &str| {
        let address = text.split_once('@').map_or(text, |(_, address)| address);
        let (host, port) = address.rsplit_once(':')?;
        Some((host.to_ascii_lowercase(), port.to_owned()))
    };
    list.unwrap_or_default().iter().filter_map(|voter| endpoint(&voter.value)).collect()
}

/// `host:port/chroot` of each ZooKeeper server that a broker names; the chroot stands once at the
/// end of the list and counts for all.
fn zookeepers(broker: &KafkaBroker) -> Vec<String> {
    if broker.is_kraft() {
        return Vec::new();
    }
    let Some(connect) = broker.settings.get("zookeeper.connect") else { return Vec::new() };
    let (hosts, chroot) = connect.value.split_once('/').unwrap_or((&connect.value, ""));
    let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    let with_port = |host: &str| {
        let host = host.to_ascii_lowercase();
        if host.contains(':') { host } else { format!("{host}:2181") }
    };
    hosts.map(|host| format!("{}/{}", with_port(host), chroot.trim_matches('/'))).collect()
}

/// The services that a broker names as controllers: they may name themselves by another name.
fn named_controllers(broker: &KafkaBroker, stack: &Stack) -> Vec<ServiceId> {
    let Some(service) = broker.service else { return Vec::new() };
    let project = stack.service(service).project;
    let hosts = controllers(broker).into_iter();
    hosts.filter_map(|(host, _)| stack.resolve(project, &host)).collect()
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "::1" || host == "[::1]"
}

/// Sets that are joined.
struct Union(Vec<usize>);

impl Union {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// The smaller number stays the root, so that clusters keep the order of their first broker.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{at, place, service};
    use wonin_model::{KafkaDistribution, Settings};

    fn broker(service: usize, settings: &[(&str, &str)], cluster_id: Option<&str>) -> KafkaBroker {
        let mut made = Settings::default();
        for (name, value) in settings {
            made.set(*name, at(value));
        }
        KafkaBroker {
            name: service.to_string(),
            service: Some(ServiceId(service)),
            pods: None,
            cluster: 0,
            distribution: KafkaDistribution::Apache,
            version: None,
            place: place(1),
            settings: made,
            not_applied: Vec::new(),
            cluster_id: cluster_id.map(at),
            missing: Vec::new(),
        }
    }

    fn clusters(brokers: Vec<KafkaBroker>) -> Vec<usize> {
        let names = ["kafka1", "kafka2", "kafka3"];
        let services = names.iter().map(|name| service(name, &[])).collect();
        let mut stack = Stack { services, brokers, ..Stack::default() };
        number(&mut stack);
        stack.brokers.iter().map(|broker| broker.cluster).collect()
    }

    #[test]
    fn common_voters_make_one_cluster() {
        let voters = [
            ("process.roles", "broker"),
            ("controller.quorum.voters", "1@kafka1:9093,2@kafka2:9093"),
        ];
        assert_eq!(clusters(vec![broker(0, &voters, None), broker(1, &voters, None)]), [0, 0]);
    }

    #[test]
    fn two_single_brokers_with_a_copied_id_are_two_clusters() {
        let own = [
            ("process.roles", "broker,controller"),
            ("controller.quorum.voters", "1@localhost:9093"),
        ];
        let brokers = vec![broker(0, &own, Some("same")), broker(1, &own, Some("same"))];
        assert_eq!(clusters(brokers), [0, 1]);
        let ids = vec![broker(0, &[], Some("same")), broker(1, &[], Some("same"))];
        assert_eq!(clusters(ids), [0, 0]);
    }

    #[test]
    fn on_the_network_of_the_machine_loopback_is_common() {
        let roles = ["controller", "broker", "broker"];
        let brokers = (0..3).map(|index| {
            let voters = ("controller.quorum.voters", "1@localhost:9093");
            broker(index, &[("process.roles", roles[index]), voters], None)
        });
        let mut stack = Stack { brokers: brokers.collect(), ..Stack::default() };
        for name in ["controller", "kafka1", "kafka2"] {
            let mut service = service(name, &[]);
            service.network_mode = Some(at("host"));
            stack.services.push(service);
        }
        number(&mut stack);
        assert!(stack.brokers.iter().all(|broker| broker.cluster == 0));
    }

    #[test]
    fn zookeepers_and_chroots_tell_clusters_apart() {
        let zoo = |connect: &'static str| [("zookeeper.connect", connect)];
        let brokers = vec![
            broker(0, &zoo("zoo1:2181,zoo2:2181"), None),
            broker(1, &zoo("zoo2,zoo3"), None),
            broker(2, &zoo("zoo2:2181/other"), None),
        ];
        assert_eq!(clusters(brokers), [0, 0, 1]);
    }

    #[test]
    fn a_named_controller_may_name_itself_differently() {
        let controller =
            [("process.roles", "controller"), ("controller.quorum.voters", "1@localhost:9093")];
        let node = [("process.roles", "broker"), ("controller.quorum.voters", "1@kafka1:9093")];
        assert_eq!(clusters(vec![broker(0, &controller, None), broker(1, &node, None)]), [0, 0]);
    }
}
