//! Pods: `kubectl get pods -o json|yaml` and `kubectl describe pod`.

use wonin_model::ContainerState;
use wonin_syntax::Node;
use wonin_text::Span;

use super::{empty, number, place, text, time_ms};
use crate::live::Whole;
use crate::live::found::Found;

/// `kubectl get pods -o json|yaml`.
pub(super) const PODS: Whole = Whole {
    name: "kubernetes-pods",
    accepts: |_, head| {
        let is_json = head.contains("\"containerStatuses\"") && head.contains("\"kind\"");
        let is_yaml = head.contains("containerStatuses:") && head.contains("kind:");
        is_json || is_yaml
    },
    read: |text, found| {
        let is_json = text.trim_start().starts_with('{');
        let tree =
            if is_json { wonin_syntax::json::parse(text) } else { wonin_syntax::yaml::parse(text) };
        for document in &tree.documents {
            if document.get("kind").and_then(Node::as_str) == Some("Pod") {
                pod(document, found);
            }
            for item in document.get("items").map_or(&[][..], Node::items) {
                pod(item, found);
            }
        }
    },
};

fn pod(pod: &Node, found: &mut Found) {
    let Some(name) = pod.at(&["metadata", "name"]) else {
        return;
    };
    let pod_name = name.as_str().unwrap_or("");
    let statuses = pod.at(&["status", "containerStatuses"]).map_or(&[][..], Node::items);
    for status in statuses {
        let container = text(status, &["name"]).unwrap_or_default();
        let shown = if statuses.len() > 1 {
            format!("{pod_name}/{container}")
        } else {
            pod_name.to_owned()
        };
        let mut state = empty("kubernetes", &shown, name.value_span());
        state.project = text(pod, &["metadata", "namespace"]);
        state.service = Some(workload(pod, pod_name));
        container_state(status, &mut state);
        state.memory_limit_bytes = memory_limit(pod, &container);
        if let Some(address) = pod.at(&["status", "podIP"])
            && let Some(text) = address.as_str()
        {
            let at = place(address.value_span());
            state.addresses.push(("pod".to_owned(), text.to_owned(), at));
        }
        found.containers.push(state);
    }
    if statuses.is_empty() {
        // Not even placed on a node: the conditions say why.
        let mut state = empty("kubernetes", pod_name, name.value_span());
        state.project = text(pod, &["metadata", "namespace"]);
        state.service = Some(workload(pod, pod_name));
        state.status = text(pod, &["status", "reason"]).or(text(pod, &["status", "phase"]));
        let conditions = pod.at(&["status", "conditions"]).map_or(&[][..], Node::items);
        state.error = conditions.iter().find_map(|condition| text(condition, &["message"]));
        found.containers.push(state);
    }
}

fn container_state(status: &Node, state: &mut ContainerState) {
    let now = status.get("state");
    let waiting = now.and_then(|now| now.get("waiting"));
    let ended = now.and_then(|now| now.get("terminated"));
    let before = status.at(&["lastState", "terminated"]);
    let running = now.and_then(|now| now.get("running"));
    let reason = |node: Option<&Node>| node.and_then(|node| text(node, &["reason"]));
    state.status =
        reason(waiting).or_else(|| reason(ended)).or_else(|| running.map(|_| "running".to_owned()));
    state.error = waiting.or(ended).and_then(|node| text(node, &["message"]));
    state.restarts =
        number(status, &["restartCount"]).and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let last = ended.or(before);
    state.exit_code = last.and_then(|node| number(node, &["exitCode"]));
    let is_oom = |node: Option<&Node>| reason(node).as_deref() == Some("OOMKilled");
    state.oom_killed = is_oom(ended) || is_oom(before);
    state.finished_ms = last.and_then(|node| time_ms(node, &["finishedAt"]));
    state.started_ms = running.and_then(|node| time_ms(node, &["startedAt"]));
    state.image = text(status, &["image"]);
    let ready = text(status, &["ready"]);
    if running.is_some() && ready.as_deref() == Some("false") {
        state.health = Some("unready".to_owned());
    }
}

fn memory_limit(pod: &Node, container: &str) -> Option<u64> {
    let containers = pod.at(&["spec", "containers"])?.items();
    let own = containers.iter().find(|one| text(one, &["name"]).as_deref() == Some(container))?;
    bytes(&text(own, &["resources", "limits", "memory"])?)
}

/// `512Mi`, `1G`, `134217728` in bytes.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit: f64 = match &text[digits..] {
        "" => 1.0,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => return None,
    };
    Some((number * unit) as u64)
}

/// The workload: by the labels that people set, or what its owner's name says.
fn workload(pod: &Node, name: &str) -> String {
    const LABELS: &[&str] = &["app.kubernetes.io/name", "app", "k8s-app"];
    let label = LABELS.iter().find_map(|label| text(pod, &["metadata", "labels", label]));
    label.unwrap_or_else(|| workload_of(name).to_owned())
}

/// `shop-web` for `shop-web-5d8f9c7b6d-x2x4z`, `db` for `db-0`.
pub(crate) fn workload_of(pod: &str) -> &str {
    let Some((rest, last)) = pod.rsplit_once('-') else {
        return pod;
    };
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return rest;
    }
    if last.len() != 5 {
        return pod;
    }
    match rest.rsplit_once('-') {
        Some((workload, hash)) if (8..=10).contains(&hash.len()) && is_hash(hash) => workload,
        _ => rest,
    }
}

/// Kubernetes takes no vowels for such parts, so that they form no words.
fn is_hash(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"bcdfghjklmnpqrstvwxz".contains(&byte))
        || text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `kubectl describe pod`.
pub(super) const DESCRIBE: Whole = Whole {
    name: "kubectl-describe",
    accepts: |_, head| {
        head.starts_with("Name:")
            && head.contains("\nNamespace:")
            && head.contains("\nContainers:")
            && head.contains("Restart Count:")
    },
    read: describe,
};

fn describe(text: &str, found: &mut Found) {
    let mut described = Described::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        described.line(at, line.trim_end(), found);
        at += line.len();
    }
    described.end(found);
}

/// Where in a description we are.
#[derive(Default)]
struct Described {
    pod: String,
    namespace: Option<String>,
    address: Option<(String, Span)>,
    in_containers: bool,
    state: Option<ContainerState>,
    /// `State`, `Last State`, `Limits`: what deeper lines are of.
    block: String,
}

impl Described {
    fn line(&mut self, at: usize, line: &str, found: &mut Found) {
        let indent = line.len() - line.trim_start().len();
        let (key, value) = line.trim_start().split_once(':').unwrap_or((line.trim_start(), ""));
        let value = value.trim();
        let span = Span::new(at + line.len() - value.len(), at + line.len());
        match (indent, key) {
            (0, "Name") => {
                self.end(found);
                *self = Self { pod: value.to_owned(), ..Self::default() };
            }
            (0, "Namespace") => self.namespace = Some(value.to_owned()),
            (0, "IP") if !value.is_empty() => self.address = Some((value.to_owned(), span)),
            (0, "Containers") => self.in_containers = true,
            (0, _) => {
                self.end(found);
                self.in_containers = false;
            }
            (2, name) if self.in_containers && value.is_empty() => {
                self.end(found);
                let name_at = Span::new(at + 2, at + 2 + name.len());
                let shown = format!("{}/{name}", self.pod);
                let mut state = empty("kubernetes", &shown, name_at);
                state.project.clone_from(&self.namespace);
                state.service = Some(workload_of(&self.pod).to_owned());
                if let Some((address, span)) = &self.address {
                    let at = place(*span);
                    state.addresses.push(("pod".to_owned(), address.clone(), at));
                }
                self.state = Some(state);
            }
            _ => self.detail(indent, key, value),
        }
    }

    fn detail(&mut self, indent: usize, key: &str, value: &str) {
        let Some(state) = &mut self.state else {
            return;
        };
        if indent == 4 {
            key.clone_into(&mut self.block);
        }
        match (self.block.as_str(), key) {
            ("State", "State") => state.status = Some(value.to_ascii_lowercase()),
            ("State", "Reason") => state.status = Some(value.to_owned()),
            ("State", "Message") => state.error = Some(value.to_owned()),
            ("State" | "Last State", "Exit Code") => state.exit_code = value.parse().ok(),
            ("Restart Count", _) => state.restarts = value.parse().unwrap_or(0),
            ("Image", _) => state.image = Some(value.to_owned()),
            ("Limits", "memory") => state.memory_limit_bytes = bytes(value),
            ("Ready", _) if value == "False" && state.status.as_deref() == Some("running") => {
                state.health = Some("unready".to_owned());
            }
            _ => {}
        }
        state.oom_killed |= key == "Reason" && value == "OOMKilled";
    }

    fn end(&mut self, found: &mut Found) {
        found.containers.extend(self.state.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_of_workloads() {
        for (pod, workload) in [
            ("shop-web-5d8f9c7b6d-x2x4z", "shop-web"),
            ("db-0", "db"),
            ("node-exporter-7kq9l", "node-exporter"),
            ("bare", "bare"),
            ("shop-web", "shop-web"),
        ] {
            assert_eq!(workload_of(pod), workload);
        }
    }

    #[test]
    fn memory_has_units() {
        assert_eq!(bytes("512Mi"), Some(536_870_912));
        assert_eq!(bytes("1G"), Some(1_000_000_000));
        assert_eq!(bytes("lots"), None);
    }
}
