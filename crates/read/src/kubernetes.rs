//! Kubernetes manifests to deployments: workloads with the Services, PodDisruptionBudgets and
//! HorizontalPodAutoscalers of the same directory that belong to them; and to Kafka brokers and
//! clients where their containers run such.

mod container;
mod environment;
mod exports;
mod found;
mod kafka;
mod patches;
mod strimzi;
mod volumes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use rayon::prelude::*;
use wonin_model::{
    Count, Deployment, DisruptionBudget, KafkaTopic, KubeContainer, KubeService, KubeStrategy,
    KubeWorkload, Located, Origin, Skipped, Workload,
};
use wonin_syntax::{Node, Tree};
use wonin_text::{FileId, Place, SourceFile, Sources};

use container::container;
use patches::Change;

use crate::fragment::{Content, Format};
use crate::paths::{directory, is_yaml};
use crate::pipeline::Joining;

const API: &str = "Kubernetes API reference";

/// The format's line in the registry.
pub(crate) const FORMAT: Format = Format { name: "kubernetes", claims: is_yaml, accepts, parse };

/// Whether the text is one: `apiVersion:` and `kind:` at the start of lines.
fn accepts(_: &str, text: &str) -> bool {
    let begins = |key: &str| text.starts_with(key) || text.contains(&format!("\n{key}"));
    begins("apiVersion:") && begins("kind:")
}

/// Leaves the text for [`join`], which needs the manifests of one directory together: so no more
/// than those are held as trees at a time.
fn parse(_: FileId, _: &SourceFile, _: &mut Vec<Skipped>) -> Content {
    Content::Kubernetes
}

/// One object of a manifest.
struct Object<'a> {
    file: FileId,
    dir: &'a str,
    kind: &'a str,
    node: &'a Node,
}

impl Object<'_> {
    fn text(&self, path: &[&str]) -> Option<&str> {
        self.node.at(path).and_then(Node::as_str)
    }

    fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"]).unwrap_or_default()
    }
}

/// Joins all manifests into deployments, directory by directory.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let mut files: Vec<(&str, FileId)> = joining
        .fragments
        .iter()
        .filter(|fragment| matches!(fragment.content, Content::Kubernetes))
        .map(|fragment| (directory(&fragment.path), fragment.file))
        .collect();
    // Each directory's files stay in the order of their paths.
    files.sort_by_key(|(dir, _)| *dir);
    let directories: Vec<_> = files.chunk_by(|a, b| a.0 == b.0).collect();
    let sources = &joining.evidence.sources;
    let read: Vec<Directory> =
        directories.par_iter().map(|files| read_directory(files, sources)).collect();
    let changes: Vec<Change> =
        read.iter().flat_map(|directory| directory.changes.iter().cloned()).collect();
    let mut topics = Topics::default();
    for directory in read {
        joining.evidence.stack.deployments.extend(directory.deployments);
        add_kafka(joining, directory.kafka, &changes, &mut topics);
        for (place, why) in directory.problems {
            joining.skip(place, why);
        }
    }
    let stack = &mut joining.evidence.stack;
    crate::kafka::number(stack);
    let operated = topics.operated.into_iter().filter_map(|topic| topic.placed(stack));
    let created = topics.created.into_iter().filter_map(|topic| topic.placed(stack));
    let all: Vec<KafkaTopic> = operated.chain(created).collect();
    stack.topics.extend(all);
}

/// Topics whose cluster is told once all brokers are known.
#[derive(Default)]
struct Topics {
    operated: Vec<found::OperatedTopic>,
    created: Vec<found::CreatedTopic>,
}

/// Adds what a directory says of Kafka, but for brokers that other files change.
fn add_kafka(
    joining: &mut Joining<'_>,
    found: found::Found,
    changes: &[Change],
    topics: &mut Topics,
) {
    let mut open: Vec<Place> = Vec::new();
    let stack = &mut joining.evidence.stack;
    for made in found.brokers {
        match made.settled(changes) {
            Ok(broker) => stack.brokers.push(broker),
            Err(place) => open.push(place),
        }
    }
    stack.kafka_clients.extend(found.clients);
    stack.servers.extend(found.servers);
    topics.operated.extend(found.topics);
    topics.created.extend(found.created);
    open.dedup();
    for place in open {
        let why = "another file changes how many brokers these are, or what they are told: they \
                   are not judged";
        joining.skip(place, why);
    }
}

/// What the manifests of one directory say.
struct Directory {
    deployments: Vec<Deployment>,
    kafka: found::Found,
    changes: Vec<Change>,
    problems: Vec<(Place, String)>,
}

fn read_directory(files: &[(&str, FileId)], sources: &Sources) -> Directory {
    let mut problems = Vec::new();
    let mut parsed: Vec<(FileId, Tree)> = Vec::with_capacity(files.len());
    for (_, file) in files {
        let mut tree = wonin_syntax::yaml::parse(sources.file(*file).text());
        let found = tree.problems.drain(..).map(|problem| {
            let place = Place { file: *file, span: problem.span };
            (place, problem.message)
        });
        problems.extend(found);
        parsed.push((*file, tree));
    }
    let dir = files.first().map_or("", |(dir, _)| *dir);
    let mut objects: Vec<Object<'_>> = Vec::new();
    for (file, tree) in &parsed {
        for node in &tree.documents {
            add(*file, dir, node, &mut objects);
        }
    }
    let wrong = RefCell::new(problems);
    let found = objects.iter().filter_map(|object| workload(object, &objects, &wrong));
    let deployments = found.collect();
    let kafka = kafka::read(&objects, sources, &wrong);
    let changes = patches::changes(&objects);
    let mut problems = wrong.into_inner();
    // A Service or a budget is looked at for each workload.
    problems.sort();
    problems.dedup();
    Directory { deployments, kafka, changes, problems }
}

/// Adds an object, or the items of a `List`.
fn add<'a>(file: FileId, dir: &'a str, node: &'a Node, objects: &mut Vec<Object<'a>>) {
    let Some(kind) = node.get("kind").and_then(Node::as_str) else { return };
    if kind == "List" {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            let kind = item.get("kind").and_then(Node::as_str).unwrap_or_default();
            objects.push(Object { file, dir, kind, node: item });
        }
    } else {
        objects.push(Object { file, dir, kind, node });
    }
}

fn workload(object: &Object<'_>, group: &[Object<'_>], wrong: &Wrong) -> Option<Deployment> {
    if !matches!(object.kind, "Deployment" | "StatefulSet" | "DaemonSet") {
        return None;
    }
    let at = Fields { file: object.file, wrong };
    let spec = object.node.get("spec")?;
    let pod = spec.at(&["template", "spec"])?;
    let name = object.node.at(&["metadata", "name"])?;
    let labels = spec.at(&["template", "metadata", "labels"]);
    let strategy =
        spec.get(if object.kind == "Deployment" { "strategy" } else { "updateStrategy" });
    let rolling = strategy.and_then(|strategy| strategy.get("rollingUpdate"));
    let replicas = at.int(Some(spec), "replicas").unwrap_or_else(|| fallback(1, object.kind));
    let containers = pod.get("containers").map(Node::items).unwrap_or_default();
    let quarter = || fallback(Count::Percent(25), "Deployment rolling update");
    let mut containers: Vec<KubeContainer> =
        containers.iter().filter_map(|node| container(&at, node)).collect();
    containers.shrink_to_fit();
    let workload = KubeWorkload {
        kind: object.kind.to_owned(),
        namespace: object.namespace().to_owned(),
        autoscaler_minimum: autoscaler_minimum(object, group, wrong),
        replicas,
        strategy: strategy
            .and_then(|strategy| strategy.get("type"))
            .and_then(|node| match node.as_str() {
                Some("Recreate") => Some(at.located(node, KubeStrategy::Recreate)),
                Some(_) => Some(at.located(node, KubeStrategy::RollingUpdate)),
                None => None,
            })
            .unwrap_or_else(|| fallback(KubeStrategy::RollingUpdate, object.kind)),
        max_surge: at.count(rolling, "maxSurge").unwrap_or_else(quarter),
        max_unavailable: at.count(rolling, "maxUnavailable").unwrap_or_else(quarter),
        min_ready_s: at
            .int(Some(spec), "minReadySeconds")
            .unwrap_or_else(|| fallback(0, object.kind)),
        progress_deadline_s: at
            .int(Some(spec), "progressDeadlineSeconds")
            .unwrap_or_else(|| fallback(600, "Deployment")),
        termination_grace_s: at
            .int(Some(pod), "terminationGracePeriodSeconds")
            .unwrap_or_else(|| fallback(30, "Pod")),
        containers,
        disruption_budgets: labels.map_or_else(Vec::new, |l| budgets(object, l, group, wrong)),
        services: labels.map_or_else(Vec::new, |l| services(object, l, group, wrong)),
        own_anti_affinity: labels.and_then(|labels| own_anti_affinity(&at, pod, labels)),
        only_zone: only_zone(&at, pod),
        single_node_claims: single_node_claims(object, pod, group, wrong),
    };
    let name = name.as_str()?.to_owned();
    Some(Deployment {
        address: format!("{}/{name}", object.kind),
        name,
        dir: object.dir.to_owned(),
        place: at.place(object.node.at(&["metadata", "name"])?),
        workload: Workload::Kubernetes(Box::new(workload)),
        unknown: Vec::new(),
    })
}

/// Whose defaults there are; each made once, since every workload has a dozen of them.
static STANDARDS: LazyLock<BTreeMap<&'static str, Origin>> = LazyLock::new(|| {
    ["DaemonSet", "Deployment", "Deployment rolling update", "Pod", "StatefulSet", "probe"]
        .map(|of| (of, standard(of)))
        .into()
});

fn standard(of: &str) -> Origin {
    Origin::default_of(format!("Kubernetes {of}"), API)
}

fn fallback<T>(value: T, of: &str) -> Located<T> {
    let origin = STANDARDS.get(of).cloned().unwrap_or_else(|| standard(of));
    Located { value, origin }
}

/// What has another type than it must have, and where.
type Wrong = RefCell<Vec<(Place, String)>>;

/// Reads fields of one file's nodes.
struct Fields<'a> {
    file: FileId,
    wrong: &'a Wrong,
}

impl Fields<'_> {
    fn place(&self, node: &Node) -> Place {
        Place { file: self.file, span: node.value_span() }
    }

    fn located<T>(&self, node: &Node, value: T) -> Located<T> {
        Located::written(value, self.place(node))
    }

    fn text(&self, node: &Node) -> Option<Located<String>> {
        node.as_str().map(|text| self.located(node, text.to_owned()))
    }

    fn int<T: std::str::FromStr>(&self, parent: Option<&Node>, key: &str) -> Option<Located<T>> {
        let node = parent?.get(key)?;
        let text = node.as_str()?.trim();
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(node, key, text, "a whole number of 0 or more");
        }
        value.map(|value| self.located(node, value))
    }

    /// Tells of a value that Kubernetes would refuse. Placeholders of templates are none yet.
    fn refuse(&self, node: &Node, key: &str, text: &str, allowed: &str) {
        if text.is_empty() || text.contains(['$', '{', '<']) {
            return;
        }
        let why = format!("`{key}: {text}` is not {allowed}: the default counts here");
        self.wrong.borrow_mut().push((self.place(node), why));
    }

    fn count(&self, parent: Option<&Node>, key: &str) -> Option<Located<Count>> {
        let node = parent?.get(key)?;
        let text = node.as_str()?.trim();
        let count = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(Count::Percent),
            None => text.parse().ok().map(Count::Pods),
        };
        if count.is_none() {
            self.refuse(node, key, text, "a number of pods or a share such as `25%`");
        }
        count.map(|count| self.located(node, count))
    }
}

/// Whether every label of a selector is among the labels.
fn selects(selector: &Node, labels: &Node) -> bool {
    let wanted = selector.entries();
    !wanted.is_empty()
        && wanted.iter().all(|entry| {
            let key = entry.key.as_str().unwrap_or_default();
            labels.get(key).and_then(Node::as_str) == entry.value.as_str()
        })
}

fn same_namespace<'b, 'o>(
    object: &Object<'_>,
    group: &'b [Object<'o>],
    kind: &'static str,
) -> impl Iterator<Item = &'b Object<'o>> + use<'b, 'o> {
    let namespace = object.namespace().to_owned();
    group.iter().filter(move |other| other.kind == kind && other.namespace() == namespace)
}

fn budgets(
    object: &Object<'_>,
    labels: &Node,
    group: &[Object<'_>],
    wrong: &Wrong,
) -> Vec<DisruptionBudget> {
    same_namespace(object, group, "PodDisruptionBudget")
        .filter_map(|budget| {
            let spec = budget.node.get("spec")?;
            selects(spec.at(&["selector", "matchLabels"])?, labels).then_some(())?;
            let at = Fields { file: budget.file, wrong };
            Some(DisruptionBudget {
                name: at.text(budget.node.at(&["metadata", "name"])?)?,
                min_available: at.count(Some(spec), "minAvailable"),
                max_unavailable: at.count(Some(spec), "maxUnavailable"),
            })
        })
        .collect()
}

fn services(
    object: &Object<'_>,
    labels: &Node,
    group: &[Object<'_>],
    wrong: &Wrong,
) -> Vec<KubeService> {
    same_namespace(object, group, "Service")
        .filter_map(|service| {
            let spec = service.node.get("spec")?;
            selects(spec.get("selector")?, labels).then_some(())?;
            let at = Fields { file: service.file, wrong };
            let ports = spec.get("ports").map(Node::items).unwrap_or_default();
            Some(KubeService {
                name: at.text(service.node.at(&["metadata", "name"])?)?,
                target_ports: ports
                    .iter()
                    .filter_map(|port| port.get("targetPort").or_else(|| port.get("port")))
                    .filter_map(|node| at.text(node))
                    .collect(),
            })
        })
        .collect()
}

/// The topology key of a required anti-affinity that the pods themselves match.
fn own_anti_affinity(at: &Fields<'_>, pod: &Node, labels: &Node) -> Option<Located<String>> {
    let path = ["affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = pod.at(&path).map(Node::items).unwrap_or_default();
    let own = terms.iter().find(|term| {
        let selector = term.at(&["labelSelector", "matchLabels"]);
        let by_expression = || {
            let expressions = term.at(&["labelSelector", "matchExpressions"])?.items();
            let matches = |one: &Node| {
                let label = labels.get(one.get("key")?.as_str()?)?.as_str();
                let values = one.get("values").map(Node::items).unwrap_or_default();
                let known = values.iter().any(|value| value.as_str() == label);
                (one.get("operator")?.as_str() == Some("In") && known).then_some(())
            };
            Some(!expressions.is_empty() && expressions.iter().all(|one| matches(one).is_some()))
        };
        let selected = selector.map(|selector| selects(selector, labels));
        selected.or_else(by_expression).unwrap_or(false)
    })?;
    at.text(own.get("topologyKey")?)
}

/// The one zone to which a node selector or a required node affinity binds the pods.
fn only_zone(at: &Fields<'_>, pod: &Node) -> Option<Located<String>> {
    const KEYS: [&str; 2] =
        ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
    let selected = pod.get("nodeSelector");
    if let Some(zone) = KEYS.iter().find_map(|key| selected?.get(key)) {
        return at.text(zone);
    }
    let path = [
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    // Terms are alternatives: one alone binds.
    let [only] = pod.at(&path)?.items() else { return None };
    let expressions = only.get("matchExpressions")?.items();
    expressions.iter().find_map(|one| {
        let is_zone = KEYS.contains(&one.get("key")?.as_str()?);
        let [zone] = one.get("values")?.items() else { return None };
        (is_zone && one.get("operator")?.as_str()? == "In").then(|| at.text(zone))?
    })
}

/// Claims of the pod's volumes that no other node can use at the same time, where the claim is
/// among the manifests.
fn single_node_claims(
    object: &Object<'_>,
    pod: &Node,
    group: &[Object<'_>],
    wrong: &Wrong,
) -> Vec<Located<String>> {
    let at = Fields { file: object.file, wrong };
    let volumes = pod.get("volumes").map(Node::items).unwrap_or_default();
    let claims = volumes
        .iter()
        .filter_map(|volume| volume.at(&["persistentVolumeClaim", "claimName"]))
        .filter_map(|name| at.text(name));
    let is_exclusive = |name: &str| {
        let claim = same_namespace(object, group, "PersistentVolumeClaim")
            .find(|claim| claim.text(&["metadata", "name"]) == Some(name));
        let modes = claim.and_then(|claim| claim.node.at(&["spec", "accessModes"]));
        modes.is_some_and(|modes| {
            let modes = modes.items();
            let single =
                |mode: &Node| mode.as_str().is_some_and(|m| m.starts_with("ReadWriteOnce"));
            !modes.is_empty() && modes.iter().all(single)
        })
    };
    claims.filter(|name| is_exclusive(&name.value)).collect()
}

fn autoscaler_minimum(
    object: &Object<'_>,
    group: &[Object<'_>],
    wrong: &Wrong,
) -> Option<Located<u32>> {
    let name = object.text(&["metadata", "name"])?;
    let scaler = same_namespace(object, group, "HorizontalPodAutoscaler").find(|scaler| {
        scaler.text(&["spec", "scaleTargetRef", "name"]) == Some(name)
            && scaler.text(&["spec", "scaleTargetRef", "kind"]) == Some(object.kind)
    })?;
    let at = Fields { file: scaler.file, wrong };
    at.int(scaler.node.get("spec"), "minReplicas")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryFiles, read};

    const MANIFESTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 50%}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
        - name: web
          ports: [{containerPort: 8080, name: http}]
          resources: {limits: {cpu: 250m, memory: 512Mi}}
          lifecycle: {preStop: {exec: {command: [sh, -c, \"sleep 5\"]}}}
          livenessProbe:
            httpGet: {path: /up, port: http}
            periodSeconds: 5
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 100%, selector: {matchLabels: {app: web}}}
";

    #[test]
    fn a_workload_is_joined_with_what_selects_it() {
        let evidence = read(&MemoryFiles::new([("web.yaml", MANIFESTS)]));
        let [deployment] = evidence.stack.deployments.as_slice() else { panic!("one") };
        let Workload::Kubernetes(web) = &deployment.workload else { panic!("Kubernetes") };
        assert_eq!(web.replicas.value, 4);
        assert_eq!(web.max_unavailable.value, Count::Percent(50));
        assert!(web.progress_deadline_s.origin.is_default());
        assert_eq!(web.services[0].target_ports[0].value, "http");
        assert_eq!(
            web.disruption_budgets[0].min_available.as_ref().unwrap().value,
            Count::Percent(100)
        );
        let container = &web.containers[0];
        assert_eq!(container.cpu_limit_millis.as_ref().unwrap().value, 250);
        assert_eq!(container.memory_limit_bytes.as_ref().unwrap().value, 512 << 20);
        assert_eq!(container.pre_stop_sleep_s.as_ref().unwrap().value, 5);
        let liveness = container.liveness.as_ref().unwrap();
        assert_eq!((liveness.period_s.value, liveness.failure_threshold.value), (5, 3));
        assert_eq!(evidence.sources.slice(liveness.period_s.place().unwrap()), "5");
    }
}
