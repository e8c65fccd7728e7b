//! Voters that are missing, as edits: the last one once more, in the list of every node.

use wonin_model::{FileEdit, Fix, KafkaBroker, Located, ServiceId, Stack};
use wonin_text::{Place, Sources};

use super::majority;
use crate::shared::edits::{insert, list_text};
use crate::shared::hosts::endpoint;
use crate::shared::kafka::Cluster;
use crate::shared::twin::{Obstacle, Row, Twin};
use crate::shared::words::{count, list};

/// The repair of a cluster whose `votes` leave no spare, or one that is of no use.
pub(super) fn fix(sources: &Sources, stack: &Stack, cluster: &Cluster<'_>, votes: usize) -> Fix {
    let wanted = if votes < 3 { 3 } else { votes + 1 };
    let needed = majority(wanted);
    let what = format!(
        "configure {wanted} voters, the same list on every node: majority of {wanted} = {needed}, \
         spare = {}",
        wanted - needed
    );
    if cluster.operated_as().is_some() {
        return Fix::advice(format!(
            "give the nodes with the role controller {wanted} replicas in all: majority of {wanted} \
             = {needed}, spare = {}",
            wanted - needed
        ));
    }
    if let Some(edits) = more_pods(sources, cluster, wanted) {
        let what = format!("{what}: a replica for each; all pods restart with the new list");
        return Fix { edits, alone: true, ..Fix::advice(what) };
    }
    if cluster.is_of_pods() {
        return Fix::advice(format!(
            "{what}; a new voter is one more pod (a replica more of its StatefulSet) with a volume \
             of its own, in the list by its name as the others are"
        ));
    }
    match added(sources, stack, cluster, wanted - votes) {
        Ok((who, edits)) => Fix { edits, alone: true, ..Fix::advice(format!("{what}; {who}")) },
        Err(obstacle) => Fix::advice(format!(
            "{what}; a voter that is new may be a controller without a broker ({} now); by hand, as \
             {}",
            count(votes, "voter"),
            obstacle.told(sources)
        )),
    }
}

/// The edits that give a StatefulSet as many replicas as there are voters wanted, and the list their
/// names. `None` where its pods are not what is listed, each by its name and with its number.
fn more_pods(sources: &Sources, cluster: &Cluster<'_>, wanted: usize) -> Option<Vec<FileEdit>> {
    let voters = cluster.voters()?;
    let pods = cluster.nodes.first()?.pods.as_ref()?;
    let replicas = pods.replicas.as_ref()?;
    let listed = voters.split(',');
    let is_one = cluster.nodes.iter().all(|node| {
        let own = node.pods.as_ref();
        own.is_some_and(|own| own.place == pods.place)
            && node.settings.get("controller.quorum.voters") == Some(voters)
    });
    let now = replicas.value as usize;
    if !is_one || now != listed.len() || now != cluster.nodes.len() {
        return None;
    }
    let first = node_id(cluster.nodes[0])?;
    let name = |index: usize| format!("{}@{}-{index}.", first + index as u64, pods.name);
    let rest = listed.first()?.value.strip_prefix(name(0).as_str())?.to_owned();
    let entry = |index: usize| format!("{}{rest}", name(index));
    let is_listed = |(index, (node, listed)): (usize, (&&KafkaBroker, &Located<String>))| {
        listed.value == entry(index) && node_id(node) == Some(first + index as u64)
    };
    if !cluster.nodes.iter().zip(&listed).enumerate().all(is_listed) {
        return None;
    }
    let added: Vec<String> = (now..wanted).map(entry).collect();
    let end = list_text(sources, voters, "@")?;
    let mut edits = Fix::replace("", replicas, wanted.to_string()).edits;
    edits.push(insert(end, end.span.end as usize, format!(",{}", added.join(","))));
    Some(edits)
}

/// The voter that is copied.
struct Last<'a> {
    node: &'a KafkaBroker,
    service: ServiceId,
    /// Its address in the list.
    host: String,
    port: u16,
}

/// What is added, in words, and the edits.
fn added(
    sources: &Sources,
    stack: &Stack,
    cluster: &Cluster<'_>,
    missing: usize,
) -> Result<(String, Vec<FileEdit>), Obstacle> {
    let voters = cluster.voters().ok_or_else(|| {
        Obstacle::new("voters that no list names are added to a running quorum", None)
    })?;
    let last = last(stack, cluster, voters)?;
    let members: Vec<ServiceId> = cluster.nodes.iter().filter_map(|node| node.service).collect();
    let mut row = Row::new(sources, stack, last.service, &members)?;
    let ids = cluster.nodes.iter().filter_map(|node| node_id(node)).max().unwrap_or(0) + 1;
    let mut copies = Vec::new();
    let mut entries = String::new();
    for id in ids..ids + missing as u64 {
        let mut twin = row.next()?;
        let host = twin.word(&last.host).unwrap_or(&twin.name);
        entries = format!("{entries},{id}@{host}:{}", last.port);
        number(&row, &mut twin, last.node, id)?;
        advertise(sources, &row, &mut twin, last.node)?;
        copies.push(twin);
    }
    let ends = ends(sources, cluster, voters)?;
    let keep: Vec<Place> = last
        .node
        .settings
        .get("controller.quorum.voters")
        .and_then(Located::place)
        .into_iter()
        .collect();
    let mut finished = Vec::new();
    for mut twin in copies {
        for end in ends.iter().filter(|end| row.within(Some(**end)).is_some()) {
            twin.change(end.span, entries.clone());
        }
        let text = row.finish(&mut twin, &keep)?;
        finished.push((twin, text));
    }
    let who = told(&finished, &row.original.name.value, ids);
    let own = |end: &&Place| row.within(Some(**end)).is_some() && end.span.end == row.end();
    let ending = if ends.iter().any(|end| own(&end)) { entries.as_str() } else { "" };
    let mut edits: Vec<FileEdit> = ends
        .iter()
        .filter(|end| !own(end))
        .map(|end| insert(*end, end.span.end as usize, entries.clone()))
        .collect();
    edits.extend(row.edits(&finished, ending));
    Ok((who, edits))
}

/// `kafka3 is a copy of kafka2 (node id 2, host port 9094); restart all nodes with the new list`.
fn told(copies: &[(Twin, String)], original: &str, first: u64) -> String {
    let copies: Vec<String> = copies
        .iter()
        .zip(first..)
        .map(|((twin, _), id)| {
            let ports: Vec<String> = twin.ports.iter().map(|(_, new)| new.to_string()).collect();
            let ports = match ports.as_slice() {
                [] => String::new(),
                [one] => format!(", host port {one}"),
                several => format!(", host ports {}", list(several)),
            };
            format!("{} (node id {id}{ports})", twin.name)
        })
        .collect();
    let (verb, noun) = if copies.len() == 1 { ("is", "a copy") } else { ("are", "copies") };
    format!(
        "{} {verb} {noun} of {original}; the nodes take the new list when all of them restart",
        list(&copies)
    )
}

/// The last voter of the list that is a service.
fn last<'a>(
    stack: &Stack,
    cluster: &Cluster<'a>,
    voters: &Located<String>,
) -> Result<Last<'a>, Obstacle> {
    let place = voters.place();
    let obstacle = |why: &str| Obstacle::new(why, place);
    let pieces = voters.split(',');
    let listed = pieces.last().ok_or_else(|| obstacle("the list is empty"))?;
    let id = listed.value.split('@').next().and_then(|id| id.trim().parse::<u64>().ok());
    let address = endpoint(listed);
    let node = cluster.controllers().find(|node| node_id(node) == id && id.is_some());
    let node =
        node.ok_or_else(|| obstacle("the last voter is none of the nodes that are known"))?;
    let service = node.service.ok_or_else(|| {
        obstacle("every node is a properties file, and the new one needs a machine")
    })?;
    let shared = cluster.nodes.iter().filter(|other| other.service == node.service).count();
    if shared > 1 {
        return Err(obstacle("several nodes run in one service"));
    }
    let host = address.host.value.clone();
    let is_own = stack.service(service).answers_to(&host)
        || stack
            .service(service)
            .networks
            .iter()
            .any(|network| network.ipv4_address.as_ref().is_some_and(|own| own.value == host));
    let port = address.port.filter(|_| is_own);
    let port =
        port.ok_or_else(|| obstacle("the voters are not listed by the names of services"))?;
    Ok(Last { node, service, host, port })
}

fn node_id(node: &KafkaBroker) -> Option<u64> {
    let id = node.settings.written("node.id").or_else(|| node.settings.written("broker.id"))?;
    id.value.trim().parse().ok()
}

/// Gives a copy its own node id.
fn number(row: &Row<'_>, twin: &mut Twin, node: &KafkaBroker, id: u64) -> Result<(), Obstacle> {
    for name in ["node.id", "broker.id"] {
        if let Some(written) = node.settings.written(name) {
            row.own(twin, written, &id.to_string())?;
        }
    }
    Ok(())
}

/// What a copy tells clients: its own names, and its own ports where the host is meant.
fn advertise(
    sources: &Sources,
    row: &Row<'_>,
    twin: &mut Twin,
    node: &KafkaBroker,
) -> Result<(), Obstacle> {
    let Some(told) = node.settings.written("advertised.listeners") else { return Ok(()) };
    let obstacle = || Obstacle::new("what the last voter advertises is not its own", told.place());
    let place = row.within(told.place());
    let raw = place.map(|place| sources.file(place.file).slice(place.span));
    let values: Vec<&str> = told.value.split(',').collect();
    let mut changed = Vec::new();
    let raws: Vec<&str> = raw.unwrap_or(&told.value).split(',').collect();
    if raws.len() != values.len() {
        return Err(obstacle());
    }
    for (raw, value) in raws.iter().zip(values) {
        changed.push(advertised(twin, raw, value, told).ok_or_else(obstacle)?);
    }
    let changed = changed.join(",");
    match place {
        Some(place) if changed != raws.join(",") => twin.change(place.span, changed),
        None if changed != told.value => return Err(obstacle()),
        _ => {}
    }
    Ok(())
}

/// One advertised address as the copy has it; `None` where that cannot be told.
fn advertised(twin: &Twin, raw: &str, value: &str, told: &Located<String>) -> Option<String> {
    let address = endpoint(&told.with(value.to_owned()));
    let host = address.host.value.as_str();
    let (old, new) = if let Some(new) = twin.word(host) {
        (host.to_owned(), new.to_owned())
    } else {
        let port = address.port;
        let Some((old, new)) = twin.ports.iter().find(|(old, _)| Some(*old) == port) else {
            return Some(raw.to_owned());
        };
        (format!(":{old}"), format!(":{new}"))
    };
    let at = raw.rfind(&old)?;
    Some(format!("{}{new}{}", &raw[..at], &raw[at + old.len()..]))
}

/// Where the lists of all nodes end, each text once.
fn ends(
    sources: &Sources,
    cluster: &Cluster<'_>,
    voters: &Located<String>,
) -> Result<Vec<Place>, Obstacle> {
    let mut ends = Vec::new();
    for node in &cluster.nodes {
        let Some(list) = node.settings.get("controller.quorum.voters") else { continue };
        if list.value.split(',').count() != voters.value.split(',').count() {
            let why = format!("{} counts other voters", node.name);
            return Err(Obstacle::new(why, list.place()));
        }
        let text = list_text(sources, list, "@").ok_or_else(|| {
            Obstacle::new(format!("the list of {} is computed", node.name), list.place())
        })?;
        ends.push(text.part(text.span.len()..text.span.len()));
    }
    ends.sort();
    ends.dedup();
    Ok(ends)
}
