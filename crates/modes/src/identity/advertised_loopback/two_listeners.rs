//! A listener of their own for containers and brokers, beside the one for the host.

use wonin_model::{
    Evidence, FileEdit, Fix, KafkaBroker, KafkaDistribution, Located, ServiceId, Stack,
};
use wonin_text::{Edit, Place, Sources};

use super::{bound_port, contacts, own_network};
use crate::shared::edits::{beside, insert, list_text, text_of};
use crate::shared::hosts::{Endpoint, endpoint, is_loopback};
use crate::shared::kafka::{Cluster, advertised, bound};
use crate::shared::twin::Obstacle;
use crate::shared::words::list;

/// Ports for containers, the usual first.
const INSIDE_PORTS: [u16; 4] = [19092, 29092, 39092, 49092];

/// Names for the listener, the usual first.
const INSIDE_NAMES: [&str; 3] = ["INTERNAL", "INSIDE", "CONTAINERS"];

/// What every pod has: a name below its headless Service.
pub(super) const OF_PODS: &str = "advertise the pod's own name below a headless Service in the listener that \
                       pods dial: `$(POD_NAME).SERVICE:PORT`, with POD_NAME from the field \
                       metadata.name of the pods of a StatefulSet";

/// What one pod alone has as well: the name of its Service.
const OF_ONE_POD: &str = "advertise the name of the Service that leads to the pod in the listener \
                          that other pods dial; keep localhost, where somebody needs it, for a \
                          listener on another port";

/// The repair of a cluster of which some broker advertises loopback to others.
pub(super) fn fix(evidence: &Evidence, cluster: &Cluster<'_>) -> Fix {
    if cluster.is_of_pods() {
        let is_alone = cluster.broker_count() == 1;
        return Fix::advice(if is_alone { OF_ONE_POD } else { OF_PODS });
    }
    let stack = &evidence.stack;
    let plan = Plan::of(stack, cluster);
    let told = plan.as_ref().map_or_else(|_| advice(cluster), Plan::title);
    let (sources, plan) = (&evidence.sources, plan);
    match plan.and_then(|plan| plan.edits(sources, cluster)) {
        Ok((edits, left)) => {
            let by_hand = match left.as_slice() {
                [] => String::new(),
                names => format!("; by hand: the same port for {}", list(names)),
            };
            Fix { edits, ..Fix::advice(format!("{told}{by_hand}")) }
        }
        Err(obstacle) => Fix::advice(format!("{told}; by hand, as {}", obstacle.told(sources))),
    }
}

/// The two listeners in words, where no plan can be made.
fn advice(cluster: &Cluster<'_>) -> String {
    let lines: Vec<String> = cluster
        .brokers()
        .filter_map(|broker| {
            let outside = outside(broker)?.address();
            Some(format!("INTERNAL://{}:19092,EXTERNAL://{outside}", broker.name))
        })
        .collect();
    format!(
        "use two listeners, INTERNAL (also inter.broker.listener.name) for containers and EXTERNAL \
         for the host, and advertise {}",
        list(&lines)
    )
}

/// The advertised listener that leads its clients to themselves.
fn outside(broker: &KafkaBroker) -> Option<Endpoint> {
    advertised(broker).into_iter().find(|told| is_loopback(&told.host.value))
}

/// What every broker of a cluster gets.
struct Plan<'a> {
    stack: &'a Stack,
    brokers: Vec<Node<'a>>,
    /// The name of the listener for containers.
    name: String,
    /// Whether the brokers have it already.
    is_there: bool,
}

/// A broker with its two listeners.
struct Node<'a> {
    broker: &'a KafkaBroker,
    id: ServiceId,
    /// Its service: the host that containers dial.
    host: &'a str,
    /// What it advertises now.
    outside: Endpoint,
    /// The name of that listener.
    scheme: String,
    /// The port of the listener for containers.
    inside: u16,
}

impl<'a> Plan<'a> {
    fn of(stack: &'a Stack, cluster: &Cluster<'a>) -> Result<Self, Obstacle> {
        let mut brokers = Vec::new();
        for broker in cluster.brokers() {
            let place = Some(broker.place);
            let obstacle = |why: &str| Obstacle::new(format!("{} {why}", broker.name), place);
            let (id, service) =
                own_network(stack, broker).ok_or_else(|| obstacle("has no network of its own"))?;
            let outside = outside(broker)
                .ok_or_else(|| obstacle("advertises no loopback as the others do"))?;
            let scheme = outside.scheme.clone();
            let scheme = scheme.ok_or_else(|| obstacle("advertises a listener without a name"))?;
            let host = service.name.value.as_str();
            brokers.push(Node { broker, id, host, outside, scheme, inside: 0 });
        }
        if let Some(name) = there_already(stack, &mut brokers) {
            return Ok(Self { stack, brokers, name, is_there: true });
        }
        if let Some(several) = brokers.iter().find(|node| advertised(node.broker).len() > 1) {
            return Err(several.obstacle("advertises several listeners already", None));
        }
        let nowhere = || Obstacle::new("no name or port is free", None);
        let name = INSIDE_NAMES.into_iter().find(|name| !brokers.iter().any(|one| one.has(name)));
        let port =
            INSIDE_PORTS.into_iter().find(|&port| !brokers.iter().any(|one| one.binds(port)));
        let (name, port) = name.zip(port).ok_or_else(nowhere)?;
        for node in &mut brokers {
            node.inside = port;
        }
        Ok(Self { stack, brokers, name: name.to_owned(), is_there: false })
    }

    fn title(&self) -> String {
        let hosts: Vec<String> =
            self.brokers.iter().map(|node| format!("{}:{}", node.host, node.inside)).collect();
        if self.is_there {
            return format!(
                "use the listener {} that is there for containers and brokers: dial {}",
                self.name,
                list(&hosts)
            );
        }
        let kept: Vec<&str> =
            self.brokers.iter().map(|node| node.scheme.as_str()).take(1).collect();
        format!(
            "use two listeners: {} on port {} for containers and between brokers, {} for the host \
             as now; containers dial {}",
            self.name,
            self.brokers.first().map_or(0, |node| node.inside),
            list(&kept),
            list(&hosts)
        )
    }

    /// The edits, and the services whose first contact a person must change.
    fn edits(
        &self,
        sources: &Sources,
        cluster: &Cluster<'_>,
    ) -> Result<(Vec<FileEdit>, Vec<String>), Obstacle> {
        let mut edits = Vec::new();
        for node in &self.brokers {
            if !self.is_there {
                self.listeners(sources, node, &mut edits)?;
                self.protocols(sources, node, &mut edits)?;
            }
            self.between(sources, node, &mut edits)?;
        }
        let mut left = Vec::new();
        for node in &self.brokers {
            self.clients(sources, node, &mut edits, &mut left);
        }
        edits.sort();
        edits.dedup();
        let shared = edits.windows(2).find(|pair| {
            let advertises = |edit: &FileEdit| edit.edit.replacement.contains("://");
            pair.iter().all(advertises)
                && pair[0].file == pair[1].file
                && pair[0].edit.span == pair[1].edit.span
        });
        if let Some([first, _]) = shared {
            let place = Place { file: first.file, span: first.edit.span };
            let why = format!("the brokers of {} share a text", cluster.name);
            return Err(Obstacle::new(why, Some(place)));
        }
        Ok((edits, left))
    }

    /// The listener itself, and what is told of it.
    fn listeners(
        &self,
        sources: &Sources,
        node: &Node<'_>,
        edits: &mut Vec<FileEdit>,
    ) -> Result<(), Obstacle> {
        let (name, port) = (&self.name, node.inside);
        let settings = &node.broker.settings;
        let told = settings.written("advertised.listeners");
        let told = told.ok_or_else(|| node.obstacle("advertises by default", None))?;
        let text = node.list(sources, told, "://")?;
        edits.push(insert(
            text,
            text.span.start as usize,
            format!("{name}://{}:{port},", node.host),
        ));
        let Some(listeners) = settings.get("listeners") else {
            return Err(node.obstacle("has listeners that are not known", None));
        };
        let same = bound(node.broker).into_iter().find(|one| one.scheme == node.outside.scheme);
        let host = same.map_or(String::new(), |one| one.host.value);
        let entry = format!("{name}://{host}:{port},");
        if settings.written("listeners").is_some() {
            let text = node.list(sources, listeners, "://")?;
            edits.push(insert(text, text.span.start as usize, entry));
        } else if !is_derived(node.broker) {
            let value = format!("{entry}{}", listeners.value);
            edits.push(node.add(sources, "listeners", &value)?);
        }
        Ok(())
    }

    /// The protocol of the new listener: that of the present one.
    fn protocols(
        &self,
        sources: &Sources,
        node: &Node<'_>,
        edits: &mut Vec<FileEdit>,
    ) -> Result<(), Obstacle> {
        const MAP: &str = "listener.security.protocol.map";
        let settings = &node.broker.settings;
        let map = settings.get(MAP);
        let known = map.and_then(|map| protocol(map, &node.scheme));
        let plain = known.as_deref().unwrap_or(&node.scheme) == "PLAINTEXT";
        if !plain {
            let place = map.and_then(Located::place);
            return Err(node.obstacle("encrypts or asks for a login on this listener", place));
        }
        let entry = format!("{}:PLAINTEXT,", self.name);
        if let Some(written) = settings.written(MAP) {
            let text = node.list(sources, written, ":")?;
            edits.push(insert(text, text.span.start as usize, entry));
            return Ok(());
        }
        let rest = map.map_or_else(|| node.map_of_all(), |map| map.value.clone());
        edits.push(node.add(sources, MAP, &format!("{entry}{rest}"))?);
        Ok(())
    }

    /// The listener that brokers use among themselves.
    fn between(
        &self,
        sources: &Sources,
        node: &Node<'_>,
        edits: &mut Vec<FileEdit>,
    ) -> Result<(), Obstacle> {
        const NAME: &str = "inter.broker.listener.name";
        let settings = &node.broker.settings;
        if let Some(other) = settings.written("security.inter.broker.protocol") {
            return Err(node.obstacle("names a protocol between brokers", other.place()));
        }
        let Some(written) = settings.written(NAME) else {
            edits.push(node.add(sources, NAME, &self.name)?);
            return Ok(());
        };
        if written.value.trim() == self.name {
            return Ok(());
        }
        let place = text_of(sources, written);
        let place = place.ok_or_else(|| node.obstacle("computes a name", written.place()))?;
        let edit = Edit { span: place.span, replacement: self.name.clone() };
        edits.push(FileEdit { file: place.file, edit });
        Ok(())
    }

    /// Containers whose first contact led to the listener for the host.
    fn clients(
        &self,
        sources: &Sources,
        node: &Node<'_>,
        edits: &mut Vec<FileEdit>,
        left: &mut Vec<String>,
    ) {
        let target = self.stack.service(node.id);
        let port = bound_port(node.broker, &node.outside);
        for (id, service) in self.stack.services_of(target.project) {
            let is_node = self.stack.broker_of(id).is_some();
            if id == node.id || is_node || service.network_mode.is_some() {
                continue;
            }
            for contact in contacts(self.stack, id, target, port) {
                match redirect(sources, &contact, node.inside) {
                    Some(edit) => edits.push(edit),
                    None if !left.contains(&service.name.value) => {
                        left.push(service.name.value.clone());
                    }
                    None => {}
                }
            }
        }
    }
}

/// The name of a listener that all brokers advertise by names which containers resolve, with the
/// protocol of the one for the host; its ports are noted.
fn there_already(stack: &Stack, brokers: &mut [Node<'_>]) -> Option<String> {
    let mut found: Option<String> = None;
    let mut ports = Vec::new();
    for node in brokers.iter() {
        let service = stack.service(node.id);
        let told = advertised(node.broker);
        let inside = told.iter().find(|told| service.answers_to(&told.host.value))?;
        let name = inside.scheme.clone()?;
        let map = node.broker.settings.get("listener.security.protocol.map");
        let of = |name: &str| map.and_then(|map| protocol(map, name)).unwrap_or(name.to_owned());
        let is_same = found.as_ref().is_none_or(|found| *found == name);
        if !is_same || of(&name) != of(&node.scheme) {
            return None;
        }
        ports.push(inside.port?);
        found = Some(name);
    }
    for (node, port) in brokers.iter_mut().zip(ports) {
        node.inside = port;
    }
    found
}

impl Node<'_> {
    fn obstacle(&self, why: &str, place: Option<Place>) -> Obstacle {
        Obstacle::new(format!("{} {why}", self.broker.name), place.or(Some(self.broker.place)))
    }

    /// The text of a list.
    fn list(
        &self,
        sources: &Sources,
        value: &Located<String>,
        mark: &str,
    ) -> Result<Place, Obstacle> {
        list_text(sources, value, mark)
            .ok_or_else(|| self.obstacle("computes its listeners", value.place()))
    }

    /// Whether a listener has this name already.
    fn has(&self, name: &str) -> bool {
        let names = ["listeners", "advertised.listeners", "listener.security.protocol.map"];
        names.iter().any(|setting| {
            self.broker
                .settings
                .list(setting)
                .iter()
                .any(|one| one.value.split(':').next().is_some_and(|given| given.trim() == name))
        })
    }

    fn binds(&self, port: u16) -> bool {
        self.broker.settings.list("listeners").iter().any(|one| endpoint(one).port == Some(port))
    }

    /// A setting beside its listeners, in their style.
    fn add(&self, sources: &Sources, property: &str, value: &str) -> Result<FileEdit, Obstacle> {
        let known = ["listeners", "advertised.listeners", "node.id", "broker.id"];
        let edit = known.iter().find_map(|known| {
            beside(sources, self.broker.settings.written(known)?, known, property, value)
        });
        edit.ok_or_else(|| self.obstacle("has its settings in a layout that is not known", None))
    }

    /// The protocols that Kafka takes for granted while no map is written.
    fn map_of_all(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        let bound = self.broker.settings.list("listeners");
        let schemes = bound.iter().filter_map(|one| endpoint(one).scheme);
        let controller = self.broker.settings.list("controller.listener.names");
        let all = std::iter::once(self.scheme.clone()).chain(schemes);
        for name in all.chain(controller.into_iter().map(|name| name.value)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let known = |name: &String| match name.as_str() {
            "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" => format!("{name}:{name}"),
            _ => format!("{name}:PLAINTEXT"),
        };
        names.iter().map(known).collect::<Vec<_>>().join(",")
    }
}

/// Whether the image's start script derives the listeners from the advertised ones.
fn is_derived(broker: &KafkaBroker) -> bool {
    matches!(broker.distribution, KafkaDistribution::Apache | KafkaDistribution::Confluent)
}

/// The protocol that a map gives a listener.
fn protocol(map: &Located<String>, name: &str) -> Option<String> {
    let pairs = map.value.split(',').filter_map(|pair| pair.split_once(':'));
    let mut own = pairs.filter(|(listener, _)| listener.trim() == name);
    own.next().map(|(_, protocol)| protocol.trim().to_owned())
}

/// A first contact with another port; `None` where its text is computed.
fn redirect(sources: &Sources, contact: &Located<String>, port: u16) -> Option<FileEdit> {
    let place = contact.place()?;
    let raw = sources.file(place.file).slice(place.span);
    let to = endpoint(contact);
    let old = to.port?.to_string();
    let address = format!("{}:{old}", to.host.value);
    let at = raw.find(&address)? + address.len() - old.len();
    let after = raw.get(at + old.len()..)?;
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let place = place.part(at..at + old.len());
    let edit = Edit { span: place.span, replacement: port.to_string() };
    Some(FileEdit { file: place.file, edit })
}
