//! `CLUSTER NODES` of Redis and Valkey, and `nodes.conf`, which has the same lines.

use wonin_model::Registration;

use super::note;
use crate::live::LineReader;
use crate::live::found::Found;

/// Whether a text has such a line.
pub(super) fn accepts(head: &str) -> bool {
    head.lines().take(50).any(|line| node(line).is_some())
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct ClusterNodes;

impl LineReader for ClusterNodes {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        let Some(node) = node(text) else {
            return;
        };
        note(found, "redis-cluster-nodes");
        let at = text.find(node.address).unwrap_or(0);
        let place = found.kept.keep(number, text, at..at + node.address.len());
        found.registrations.push(Registration {
            store: "redis-cluster",
            service: Some(node.role.to_owned()),
            id: node.id.to_owned(),
            host: node.host.to_owned(),
            port: node.port,
            place,
            alive: Some(node.is_alive),
        });
    }

    fn finish(self: Box<Self>, _: &mut Found) {}
}

struct Node<'a> {
    id: &'a str,
    address: &'a str,
    host: &'a str,
    port: Option<u16>,
    role: &'static str,
    is_alive: bool,
}

/// `ID HOST:PORT@BUS[,HOSTNAME] FLAGS MASTER PING PONG EPOCH LINK [SLOTS]`.
fn node(line: &str) -> Option<Node<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [id, address, flags, _, _, _, _, connection, ..] = words.as_slice() else {
        return None;
    };
    let is_id = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && address.contains('@')).then_some(())?;
    let socket = address.split('@').next()?;
    let (host, port) = socket.rsplit_once(':')?;
    let flags: Vec<&str> = flags.split(',').collect();
    let has_failed = ["fail", "fail?", "noaddr", "handshake"].iter().any(|bad| flags.contains(bad));
    Some(Node {
        id,
        address: socket,
        host,
        port: port.parse().ok(),
        role: if flags.contains(&"master") { "master" } else { "replica" },
        is_alive: !has_failed && (*connection == "connected" || flags.contains(&"myself")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_nobody_reaches_are_dead() {
        let id = "07c37dfeb235213a872192d90877d0cd55635b91";
        let up =
            format!("{id} 172.24.0.5:6379@16379,h master - 0 1426238317239 4 connected 0-5460");
        let node_up = node(&up).unwrap();
        assert_eq!(
            (node_up.host, node_up.port, node_up.is_alive),
            ("172.24.0.5", Some(6379), true)
        );
        let down = format!("{id} 172.24.0.6:6379@16379 slave,fail x 1 2 4 disconnected");
        assert!(!node(&down).unwrap().is_alive);
        assert!(node("hello 1:2@3 a b c d e f").is_none());
    }
}
