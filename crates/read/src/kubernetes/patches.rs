//! Objects that are not whole, and those that such objects change: the patches of Kustomize's
//! overlays. What a base says of its brokers is not the last word where an overlay says more.

use wonin_syntax::{Node, yaml};

use super::Object;
use crate::paths::directory;

/// The group of Strimzi's resources.
pub(super) const STRIMZI: &str = "kafka.strimzi.io/";

/// A change of an object of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Kind and name of the changed object: `StatefulSet/kafka`.
    pub(super) object: String,
    /// Directory of the file that changes it.
    pub(super) dir: String,
}

impl Change {
    /// Whether it is meant for an object of a directory: overlays lie beside their base, at most
    /// one directory deeper.
    pub(super) fn is_of(&self, object: &str, dir: &str) -> bool {
        let above = directory(directory(&self.dir));
        let is_near = above.is_empty()
            || dir.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.object == object && is_near
    }
}

/// Kind and name as one text.
pub(super) fn id(kind: &str, name: &str) -> String {
    format!("{kind}/{name}")
}

/// Whether an object lacks what its kind must have, so that it is a patch.
pub(super) fn is_patch(object: &Object<'_>) -> bool {
    let lacks = |path: &[&str]| object.node.at(path).is_none();
    let version = object.text(&["apiVersion"]).unwrap_or_default();
    match object.kind {
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => {
            matches!(version, "apps/v1" | "apps/v1beta2") && lacks(&["spec", "selector"])
        }
        "Kafka" if version.starts_with(STRIMZI) => lacks(&["spec", "kafka", "listeners"]),
        "KafkaNodePool" => lacks(&["spec", "roles"]),
        _ => false,
    }
}

/// The changes that the objects of a directory make to brokers of others.
pub(super) fn changes(objects: &[Object<'_>]) -> Vec<Change> {
    let mut found = Vec::new();
    for object in objects {
        let names = match object.kind {
            "Kustomization" => of_kustomization(object.node),
            kind if is_patch(object) && changes_brokers(object.node) => {
                object.text(&["metadata", "name"]).map(|name| id(kind, name)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let change = |object_id| Change { object: object_id, dir: object.dir.to_owned() };
        found.extend(names.into_iter().map(change));
    }
    found
}

/// Whether a partial object says how many brokers there are, or what they are told.
fn changes_brokers(node: &Node) -> bool {
    let has = |path: &[&str]| node.at(path).is_some();
    let containers = node.at(&["spec", "template", "spec", "containers"]);
    let mut containers = containers.map(Node::items).unwrap_or_default().iter();
    has(&["spec", "replicas"])
        || has(&["spec", "kafka", "replicas"])
        || has(&["spec", "kafka", "config"])
        || containers.any(|one| one.get("env").is_some() || one.get("envFrom").is_some())
}

fn of_kustomization(node: &Node) -> Vec<String> {
    let items = |key: &str| node.get(key).map(Node::items).unwrap_or_default();
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    let mut found = Vec::new();
    for name in items("replicas").iter().filter_map(|count| text(count, "name")) {
        found.extend(["Deployment", "StatefulSet"].map(|kind| id(kind, &name)));
    }
    for patch in items("patches").iter().chain(items("patchesJson6902")) {
        let inline = text(patch, "patch").unwrap_or_default();
        let tells = ["replicas", "env", "config"].iter().any(|word| inline.contains(word));
        if let Some(target) = patch.get("target").filter(|_| tells || patch.get("path").is_some()) {
            let target = text(target, "kind").zip(text(target, "name"));
            found.extend(target.map(|(kind, name)| id(&kind, &name)));
        }
        for document in yaml::parse(&inline).documents.iter().filter(|one| changes_brokers(one)) {
            let name = document.at(&["metadata", "name"]).and_then(Node::as_str);
            found.extend(text(document, "kind").zip(name).map(|(kind, name)| id(&kind, name)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryFiles, read};

    const BASE: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: kafka}
spec:
  replicas: 1
  selector: {matchLabels: {app: kafka}}
  template:
    metadata: {labels: {app: kafka}}
    spec:
      containers: [{name: kafka, image: apache/kafka:3.9.1}]
";

    fn brokers(overlay: &str) -> usize {
        let files = [("app/base/kafka.yaml", BASE), ("app/overlays/prod/it.yaml", overlay)];
        read(&MemoryFiles::new(files)).stack.brokers.len()
    }

    #[test]
    fn a_base_is_not_judged_where_an_overlay_says_more() {
        let head = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: kafka}\nspec:";
        let kustomize = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
        let target =
            "{target: {kind: StatefulSet, name: kafka}, patch: \"[{path: /spec/replicas}]\"}";
        assert_eq!(brokers(&format!("{head} {{replicas: 3}}\n")), 0);
        assert_eq!(brokers(&format!("{kustomize}replicas: [{{name: kafka, count: 3}}]\n")), 0);
        assert_eq!(brokers(&format!("{kustomize}patches: [{target}]\n")), 0);
        assert_eq!(brokers(&format!("{head} {{minReadySeconds: 3}}\n")), 1);
        assert_eq!(brokers(&format!("{kustomize}resources: [../../base]\n")), 1);
    }

    #[test]
    fn changes_are_meant_for_what_lies_beside() {
        let change = Change { object: id("Kafka", "a"), dir: "x/overlays/prod".to_owned() };
        assert!(change.is_of("Kafka/a", "x/base") && !change.is_of("Kafka/a", "y/base"));
        assert!(!change.is_of("Kafka/b", "x/base"));
    }
}
