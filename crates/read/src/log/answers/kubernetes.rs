//! `kubectl get events -o json|yaml`, of either version of the interface.

use wonin_syntax::Node;

use super::{Entry, Form};
use crate::live::workload_of;
use crate::log::time;

pub(super) const EVENTS: Form = Form {
    accepts: |head| {
        let has = |keys: [&str; 2]| keys.iter().all(|key| head.contains(key));
        has(["\"involvedObject\"", "\"reason\""])
            || has(["\"regarding\"", "\"reason\""])
            || has(["involvedObject:", "reason:"])
            || has(["regarding:", "reason:"])
    },
    read: |text, entries| {
        let is_json = text.trim_start().starts_with('{');
        let tree =
            if is_json { wonin_syntax::json::parse(text) } else { wonin_syntax::yaml::parse(text) };
        for document in &tree.documents {
            entries.extend(event(document));
            entries.extend(
                document.get("items").map_or(&[][..], Node::items).iter().filter_map(event),
            );
        }
    },
};

fn event(node: &Node) -> Option<Entry> {
    let about = node.get("involvedObject").or_else(|| node.get("regarding"))?;
    let message = node.get("message").or_else(|| node.get("note"))?;
    let text = |node: &Node, path: &[&str]| node.at(path).and_then(Node::as_str).map(str::to_owned);
    let at = |paths: &[&[&str]]| {
        paths.iter().find_map(|path| {
            let stamp = time::parse(text(node, path)?.as_bytes(), time::Base::default())?;
            Some(stamp.ms)
        })
    };
    let reason = text(node, &["reason"]).unwrap_or_default();
    let count = ["count", "deprecatedCount"].iter().find_map(|key| text(node, &[key]));
    let count = count.or_else(|| text(node, &["series", "count"]));
    Some(Entry {
        span: message.value_span(),
        text: format!("{reason}: {}", message.as_str()?),
        is_warning: text(node, &["type"]).as_deref() == Some("Warning"),
        first_ms: at(&[&["firstTimestamp"], &["deprecatedFirstTimestamp"], &["eventTime"]]),
        last_ms: at(&[
            &["series", "lastObservedTime"],
            &["lastTimestamp"],
            &["deprecatedLastTimestamp"],
            &["eventTime"],
        ]),
        times: count.and_then(|count| count.parse().ok()).unwrap_or(1),
        service: service(
            text(about, &["kind"]).as_deref().unwrap_or(""),
            text(about, &["name"]).as_deref().unwrap_or(""),
        ),
    })
}

/// The workload that an event is about; none for what is of the cluster.
pub(super) fn service(kind: &str, name: &str) -> Option<String> {
    let workload = match kind.to_ascii_lowercase().as_str() {
        "pod" => workload_of(name),
        "replicaset" => name.rsplit_once('-').map_or(name, |(workload, _)| workload),
        "deployment" | "deployment.apps" | "statefulset" | "statefulset.apps" | "daemonset"
        | "job" | "service" => name,
        _ => return None,
    };
    (!workload.is_empty()).then(|| workload.to_owned())
}
