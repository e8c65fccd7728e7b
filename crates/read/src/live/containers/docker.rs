//! Docker's own JSON: `docker inspect` of containers and networks, `docker compose ps --format
//! json`, `docker ps --format json`.

use wonin_model::ContainerState;
use wonin_syntax::Node;

use super::{docker_status, empty, number, place, text, time_ms};
use crate::live::Whole;
use crate::live::found::Found;

/// `docker inspect CONTAINER…`.
pub(super) const INSPECT: Whole = Whole {
    name: "docker-inspect",
    accepts: |_, head| {
        begins(head, '[') && has(head, &["\"State\"", "\"Created\"", "\"Path\"", "\"Status\""])
            || begins(head, '[') && has(head, &["\"State\"", "\"RestartCount\""])
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        let containers = tree.documents.iter().flat_map(Node::items);
        found.containers.extend(containers.filter_map(inspected));
    },
};

/// `docker network inspect NETWORK…`.
pub(super) const NETWORK: Whole = Whole {
    name: "docker-network-inspect",
    accepts: |_, head| begins(head, '[') && has(head, &["\"IPAM\"", "\"Scope\"", "\"Driver\""]),
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        for network in tree.documents.iter().flat_map(Node::items) {
            attached(network, found);
        }
    },
};

/// `docker compose ps --format json`: a list, or since 2.21 one object per line.
pub(super) const COMPOSE_PS: Whole = Whole {
    name: "compose-ps",
    accepts: |_, head| {
        (begins(head, '[') || begins(head, '{'))
            && has(head, &["\"Publishers\"", "\"Service\"", "\"ExitCode\""])
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        found.containers.extend(objects(&tree.documents).filter_map(listed_by_compose));
    },
};

/// `docker ps -a --format json`: one object per line.
pub(super) const PS_LINES: Whole = Whole {
    name: "docker-ps",
    accepts: |_, head| {
        begins(head, '{') && has(head, &["\"RunningFor\"", "\"Names\"", "\"Status\""])
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        found.containers.extend(objects(&tree.documents).filter_map(listed));
    },
};

fn begins(head: &str, sign: char) -> bool {
    head.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).starts_with(sign)
}

fn has(head: &str, keys: &[&str]) -> bool {
    keys.iter().all(|key| head.contains(key))
}

fn objects(documents: &[Node]) -> impl Iterator<Item = &Node> {
    documents
        .iter()
        .flat_map(|node| if node.is_mapping() { std::slice::from_ref(node) } else { node.items() })
}

fn inspected(node: &Node) -> Option<ContainerState> {
    let name = node.get("Name")?;
    node.get("State")?;
    let mut state = empty("docker-inspect", name.as_str()?, name.value_span());
    let label = |key: &str| text(node, &["Config", "Labels", key]);
    state.project = label("com.docker.compose.project").or(label("com.docker.stack.namespace"));
    state.service = label("com.docker.compose.service").or_else(|| {
        swarm_service(label("com.docker.swarm.service.name"), state.project.as_deref())
    });
    state.status = text(node, &["State", "Status"]);
    state.exit_code = number(node, &["State", "ExitCode"]);
    state.oom_killed = text(node, &["State", "OOMKilled"]).as_deref() == Some("true");
    state.health = text(node, &["State", "Health", "Status"]).filter(|health| health != "none");
    let checks = node.at(&["State", "Health", "Log"]).map_or(&[][..], Node::items);
    let last = checks.last().and_then(|check| check.get("Output"));
    state.check_output =
        last.and_then(|said| Some((said.as_str()?.to_owned(), place(said.value_span()))));
    state.error = text(node, &["State", "Error"]);
    state.started_ms = time_ms(node, &["State", "StartedAt"]);
    state.finished_ms = time_ms(node, &["State", "FinishedAt"]);
    state.restarts = restarts(number(node, &["RestartCount"]));
    state.image = text(node, &["Config", "Image"]);
    let memory =
        number(node, &["HostConfig", "Memory"]).and_then(|bytes| u64::try_from(bytes).ok());
    state.memory_limit_bytes = memory.filter(|bytes| *bytes > 0);
    let networks = node.at(&["NetworkSettings", "Networks"]).map_or(&[][..], Node::entries);
    for network in networks {
        let Some(address) = network.value.get("IPAddress") else {
            continue;
        };
        if let Some((name, text)) = network.key.as_str().zip(address.as_str())
            && !text.is_empty()
        {
            let at = place(address.value_span());
            state.addresses.push((name.to_owned(), text.to_owned(), at));
        }
    }
    Some(state)
}

fn restarts(count: Option<i64>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// `web` for `shop_web` of the stack `shop`.
fn swarm_service(name: Option<String>, stack: Option<&str>) -> Option<String> {
    let name = name?;
    let bare = stack.and_then(|stack| name.strip_prefix(stack)?.strip_prefix('_'));
    Some(bare.unwrap_or(&name).to_owned())
}

/// The containers that a network holds: addresses alone.
fn attached(network: &Node, found: &mut Found) {
    let Some(network_name) = text(network, &["Name"]) else {
        return;
    };
    for entry in network.get("Containers").map_or(&[][..], Node::entries) {
        let name = entry.value.get("Name");
        let address = entry.value.get("IPv4Address");
        let Some((name, address)) = name.zip(address) else {
            continue;
        };
        let Some((text, with_mask)) = name.as_str().zip(address.as_str()) else {
            continue;
        };
        let mut state = empty("docker-network", text, name.value_span());
        state.status = Some("running".to_owned());
        let bare = with_mask.split('/').next().unwrap_or(with_mask);
        if !bare.is_empty() {
            let at = place(address.part(0..bare.len()));
            state.addresses.push((network_name.clone(), bare.to_owned(), at));
        }
        found.containers.push(state);
    }
}

fn listed_by_compose(node: &Node) -> Option<ContainerState> {
    let name = node.get("Name")?;
    let mut state = empty("compose-ps", name.as_str()?, name.value_span());
    state.project = text(node, &["Project"]);
    state.service = text(node, &["Service"]);
    state.status = text(node, &["State"]);
    state.health = text(node, &["Health"]);
    state.exit_code = number(node, &["ExitCode"]);
    state.image = text(node, &["Image"]);
    Some(state)
}

fn listed(node: &Node) -> Option<ContainerState> {
    let name = node.get("Names")?;
    let mut state = empty("docker-ps", name.as_str()?, name.value_span());
    docker_status(&mut state, &text(node, &["Status"])?);
    state.image = text(node, &["Image"]);
    let labels = text(node, &["Labels"]).unwrap_or_default();
    let label = |key: &str| {
        let mut pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    state.project = label("com.docker.compose.project");
    state.service = label("com.docker.compose.service");
    Some(state)
}
