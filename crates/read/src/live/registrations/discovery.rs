//! Registries of services: Eureka, Consul, Nacos.

use wonin_model::Registration;
use wonin_syntax::Node;
use wonin_text::{FileId, Place, Span};

use crate::live::Whole;
use crate::live::found::Found;

/// `GET /eureka/apps` with `Accept: application/json`.
pub(super) const EUREKA_JSON: Whole = Whole {
    name: "eureka",
    accepts: |_, head| head.contains("\"hostName\"") && head.contains("\"ipAddr\""),
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        let mut latest = None;
        for document in &tree.documents {
            each(document, 0, &mut |node| latest = latest.max(renewed(node)));
        }
        for document in &tree.documents {
            each(document, 0, &mut |node| {
                let host = node.get("ipAddr").or_else(|| node.get("hostName"));
                let port = node.at(&["port", "$"]).or_else(|| node.get("port"));
                if node.get("instanceId").is_some() || node.get("leaseInfo").is_some() {
                    let status = text_of(node, "status");
                    push(
                        found,
                        Entry {
                            store: "eureka",
                            service: text_of(node, "app"),
                            id: text_of(node, "instanceId"),
                            host,
                            port,
                            alive: status
                                .map(|status| status == "UP" && !has_run_out(node, latest)),
                        },
                    );
                }
            });
        }
    },
};

/// When an instance renewed its lease last, Unix milliseconds.
fn renewed(node: &Node) -> Option<i64> {
    node.at(&["leaseInfo", "lastRenewalTimestamp"])?.as_str()?.parse().ok()
}

/// Whether a lease ran out long before others were renewed, and the instance is kept all the same:
/// the registry looks every minute.
fn has_run_out(node: &Node, latest: Option<i64>) -> bool {
    let length = node.at(&["leaseInfo", "durationInSecs"]).and_then(Node::as_str);
    let length: i64 = length.and_then(|text| text.parse().ok()).unwrap_or(90);
    renewed(node).filter(|at| *at > 0).zip(latest).is_some_and(|(at, latest)| {
        latest.saturating_sub(at) > length.saturating_mul(1000).saturating_add(LOOKS_MS)
    })
}

/// The registry evicts once a minute; a second look is time enough.
const LOOKS_MS: i64 = 120_000;

/// `GET /eureka/apps` as XML.
pub(super) const EUREKA_XML: Whole = Whole {
    name: "eureka",
    accepts: |_, head| head.contains("<applications>") && head.contains("<ipAddr>"),
    read: |text, found| {
        let Ok(document) = roxmltree::Document::parse(text) else {
            found.problems.push("not well-formed XML".to_owned());
            return;
        };
        for instance in document.descendants().filter(|node| node.has_tag_name("instance")) {
            let child = |name: &str| instance.children().find(|node| node.has_tag_name(name));
            let value = |name: &str| child(name).and_then(|node| node.text()).map(str::to_owned);
            let Some(address) = child("ipAddr").or_else(|| child("hostName")) else {
                continue;
            };
            let range = address.first_child().map_or(address.range(), |inner| inner.range());
            let Some(host) = address.text() else {
                continue;
            };
            found.registrations.push(Registration {
                store: "eureka",
                service: value("app"),
                id: value("instanceId").unwrap_or_else(|| host.to_owned()),
                host: host.to_owned(),
                port: value("port").and_then(|port| port.parse().ok()),
                place: place(Span::new(range.start, range.end)),
                alive: value("status").map(|status| status == "UP"),
            });
        }
    },
};

/// `GET /v1/catalog/service/NAME` and `GET /v1/health/service/NAME`.
pub(super) const CONSUL: Whole = Whole {
    name: "consul",
    accepts: |_, head| {
        head.trim_start().starts_with('[')
            && (head.contains("\"ServiceAddress\"")
                || (head.contains("\"Checks\"") && head.contains("\"Service\"")))
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        for one in tree.documents.iter().flat_map(Node::items) {
            consul(one, found);
        }
    },
};

fn consul(one: &Node, found: &mut Found) {
    let filled =
        |node: Option<&Node>| node.and_then(Node::as_str).is_some_and(|text| !text.is_empty());
    if let Some(service) = one.get("Service").filter(|service| service.is_mapping()) {
        let own = service.get("Address");
        let host = if filled(own) { own } else { one.at(&["Node", "Address"]) };
        let checks = one.get("Checks").map_or(&[][..], Node::items);
        let is_passing = |check: &Node| text_of(check, "Status").as_deref() == Some("passing");
        push(
            found,
            Entry {
                store: "consul",
                service: text_of(service, "Service"),
                id: text_of(service, "ID"),
                host,
                port: service.get("Port"),
                alive: (!checks.is_empty()).then(|| checks.iter().all(is_passing)),
            },
        );
        return;
    }
    let own = one.get("ServiceAddress");
    push(
        found,
        Entry {
            store: "consul",
            service: text_of(one, "ServiceName"),
            id: text_of(one, "ServiceID"),
            host: if filled(own) { own } else { one.get("Address") },
            port: one.get("ServicePort"),
            alive: None,
        },
    );
}

/// `GET /nacos/v1/ns/instance/list`.
pub(super) const NACOS: Whole = Whole {
    name: "nacos",
    accepts: |_, head| {
        head.contains("\"hosts\"")
            && head.contains("\"ephemeral\"")
            && head.contains("\"clusterName\"")
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        for document in &tree.documents {
            let hosts = document.get("hosts").or_else(|| document.at(&["data", "hosts"]));
            for host in hosts.map_or(&[][..], Node::items) {
                push(
                    found,
                    Entry {
                        store: "nacos",
                        service: text_of(host, "serviceName"),
                        id: text_of(host, "instanceId"),
                        host: host.get("ip"),
                        port: host.get("port"),
                        alive: text_of(host, "healthy").map(|healthy| healthy == "true"),
                    },
                );
            }
        }
    },
};

/// What one registration says; the host's node is its place.
struct Entry<'a> {
    store: &'static str,
    service: Option<String>,
    id: Option<String>,
    host: Option<&'a Node>,
    port: Option<&'a Node>,
    alive: Option<bool>,
}

fn push(found: &mut Found, entry: Entry<'_>) {
    let Some(host) = entry.host else {
        return;
    };
    let Some(text) = host.as_str() else {
        return;
    };
    found.registrations.push(Registration {
        store: entry.store,
        service: entry.service,
        id: entry.id.unwrap_or_else(|| text.to_owned()),
        host: text.to_owned(),
        port: entry.port.and_then(Node::as_str).and_then(|port| port.parse().ok()),
        place: place(host.value_span()),
        alive: entry.alive,
    });
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn place(span: Span) -> Place {
    Place { file: FileId::default(), span }
}

/// All mappings of a tree.
fn each(node: &Node, depth: usize, visit: &mut dyn FnMut(&Node)) {
    if depth > 16 {
        return;
    }
    if node.is_mapping() {
        visit(node);
    }
    node.entries().iter().for_each(|entry| each(&entry.value, depth + 1, visit));
    node.items().iter().for_each(|item| each(item, depth + 1, visit));
}
