//! Kafka in Kubernetes: brokers and clients that the containers of pods run.
//!
//! A container of a pod becomes what Compose calls a service, so that image, command and
//! environment mean what they mean there. Each pod of a StatefulSet is one broker.

use std::collections::BTreeSet;
use std::sync::Arc;

use wonin_model::{KafkaBroker, KafkaClient, Located, PodService, Pods, Service};
use wonin_syntax::Node;
use wonin_text::{FileId, Place, Sources};

use super::environment::{Environment, environment, filled};
use super::found::{CreatedTopic, Found, Made};
use super::patches::{id, is_patch};
use super::volumes::Volumes;
use super::{Object, Wrong, exports, same_namespace, selects, strimzi};
use crate::compose::image::image;
use crate::kafka::{Spring, broker_of, clients_of, runs_broker, topics_of};
use crate::servers::Words;

/// More pods than this many say no more than this many.
pub(super) const PODS_MAX: u32 = 16;

/// Reads the pods of all objects of a directory.
pub(super) fn read(objects: &[Object<'_>], sources: &Sources, wrong: &Wrong) -> Found {
    let mut found = Found::default();
    let objects_of_text = without_templates(objects, sources);
    for object in &objects_of_text {
        let Some(group) = Group::of(object, objects, sources) else { continue };
        for container in group.pod.get("containers").map(Node::items).unwrap_or_default() {
            group.add(container, wrong, &mut found);
        }
        for container in group.pod.get("initContainers").map(Node::items).unwrap_or_default() {
            if let Some(ran) = group.ran(container, 0) {
                group.add_other(&ran, &mut found);
            }
        }
    }
    strimzi::read(&objects_of_text, objects, wrong, &mut found);
    found
}

/// The objects of files that are no templates, whose numbers nobody knows yet.
fn without_templates<'a>(objects: &'a [Object<'a>], sources: &Sources) -> Vec<&'a Object<'a>> {
    let mut files: Vec<FileId> = objects.iter().map(|object| object.file).collect();
    files.dedup();
    let is_template = |file: &FileId| sources.file(*file).text().contains("{{");
    let templates: BTreeSet<FileId> = files.into_iter().filter(is_template).collect();
    objects.iter().filter(|object| !templates.contains(&object.file)).collect()
}

/// The pods that one object makes.
struct Group<'a> {
    object: &'a Object<'a>,
    objects: &'a [Object<'a>],
    sources: &'a Sources,
    /// The specification of a pod.
    pod: &'a Node,
    labels: Option<&'a Node>,
    /// What they are, without the Services that lead to them.
    pods: Arc<Pods>,
    /// How many there are; `None` where that is not told.
    count: Option<u32>,
}

impl<'a> Group<'a> {
    /// `None` for objects without pods, for templates, and for patches that change others.
    fn of(object: &'a Object<'a>, objects: &'a [Object<'a>], sources: &'a Sources) -> Option<Self> {
        let (template, count) = template(object)?;
        let pod = template.get("spec")?;
        let name = object.node.at(&["metadata", "name"])?;
        let pods = Pods {
            name: name.as_str()?.to_owned(),
            place: Place { file: object.file, span: name.value_span() },
            dir: object.dir.to_owned(),
            namespace: object.namespace().to_owned(),
            replicas: replicas(object),
            services: Vec::new(),
            on_host: pod.get("hostNetwork").and_then(Node::as_str) == Some("true"),
            operated_as: None,
        };
        let labels = template.at(&["metadata", "labels"]);
        Some(Self { object, objects, sources, pod, labels, pods: Arc::new(pods), count })
    }

    /// Adds the brokers that a container is in every pod, or its clients.
    fn add(&self, container: &Node, wrong: &Wrong, found: &mut Found) {
        let Some(ran) = self.ran(container, 0) else { return };
        if runs_broker(&ran.service, &ran.words).is_none() {
            self.add_other(&ran, found);
            return;
        }
        match self.brokers(container) {
            Some(brokers) => {
                let of: Arc<[String]> = [id(self.object.kind, &self.pods.name)].into();
                found.brokers.extend(brokers.into_iter().map(|broker| Made::new(&of, broker)));
            }
            None => {
                let why = "what this broker is told is not all in the manifests of its directory: \
                           it is not judged";
                wrong.borrow_mut().push((self.pods.place, why.to_owned()));
            }
        }
    }

    /// Adds what a container has to do with Kafka that is no broker: clients, and topics that it
    /// makes.
    fn add_other(&self, ran: &Ran, found: &mut Found) {
        let pods = || Some(Arc::clone(&self.pods));
        let clients = clients_of(&ran.service, Spring::Included).into_iter();
        found.clients.extend(clients.map(|client| KafkaClient { pods: pods(), ..client }));
        let created = topics_of(&ran.words).into_iter();
        let pods = || Arc::clone(&self.pods);
        found.created.extend(created.map(|created| CreatedTopic { pods: pods(), created }));
    }

    /// One broker for each pod; `None` where something that decides on them is not told.
    fn brokers(&self, container: &Node) -> Option<Vec<KafkaBroker>> {
        let volumes = Volumes {
            object: self.object,
            group: self.objects,
            pod: self.pod,
            container,
            sources: self.sources,
        };
        let mut brokers: Vec<KafkaBroker> = Vec::new();
        let services = self.labels.map(|labels| services(self.object, labels, self.objects));
        let pods = Arc::new(self.pods.with_services(services.unwrap_or_default()));
        let count = self.count?;
        for index in 0..count.min(PODS_MAX) {
            let ran = self.ran(container, index)?;
            if !ran.is_whole || !leaves_files_alone(&ran.words) {
                return None;
            }
            let convention = runs_broker(&ran.service, &ran.words)?;
            let mut files = |inside: &str| volumes.seen(inside);
            let broker = broker_of(&ran.service, convention, &ran.words, &mut files)?;
            let pods = Some(Arc::clone(&pods));
            brokers.push(KafkaBroker { name: self.pod_name(index, count), pods, ..broker });
        }
        if let [first, second, ..] = brokers.as_slice()
            && written_id(first).is_some()
            && written_id(first) == written_id(second)
        {
            // With one id for all, one of them can run.
            brokers.truncate(1);
        }
        Some(brokers)
    }

    /// What a container runs in the pod of this number; `None` without an image.
    fn ran(&self, container: &Node, index: u32) -> Option<Ran> {
        let object = self.object;
        let image_node = container.get("image")?;
        let place = |node: &Node| Place { file: object.file, span: node.value_span() };
        let pod = self.sure_pod_name(index);
        let Environment { mut values, is_whole } =
            environment(container, object, self.objects, pod.as_deref());
        if let Some(pod) = pod {
            values.insert("HOSTNAME".to_owned(), filled(pod, self.pods.place, vec![], vec![]));
        }
        let line = |key: &str| {
            let node = container.get(key)?;
            let words = node.items().iter().filter_map(Node::as_str).map(str::to_owned).collect();
            Some(Located::written(words, place(node)))
        };
        let name = Located::written(self.pods.name.clone(), self.pods.place);
        let mut service = Service {
            image: Some(Located::written(image(image_node.as_str()?), place(image_node))),
            entrypoint: line("command"),
            command: line("args"),
            environment: values,
            ..Service::named(0, name)
        };
        let words = Words::of(&service, self.sources);
        exports::apply(&words, self.sources, &mut service);
        Some(Ran { service, words, is_whole })
    }

    /// The name for people.
    fn pod_name(&self, index: u32, count: u32) -> String {
        let name = &self.pods.name;
        self.sure_pod_name(index).unwrap_or_else(|| match count {
            1 => name.clone(),
            _ => format!("{name} ({} of {count})", index + 1),
        })
    }

    /// The name that the pod is sure to have.
    fn sure_pod_name(&self, index: u32) -> Option<String> {
        match self.object.kind {
            "StatefulSet" => Some(format!("{}-{index}", self.pods.name)),
            "Pod" => Some(self.pods.name.clone()),
            _ => None,
        }
    }
}

/// What a container runs, as a service of Compose would.
struct Ran {
    service: Service,
    words: Words,
    /// Whether all that sets variables is known.
    is_whole: bool,
}

/// What an object's pods are made from, and how many there are where that is told.
fn template<'a>(object: &Object<'a>) -> Option<(&'a Node, Option<u32>)> {
    if object.kind == "Pod" {
        return Some((object.node, Some(1)));
    }
    let spec = object.node.get("spec")?;
    if is_patch(object) {
        return None;
    }
    match object.kind {
        "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            let count = match spec.get("replicas") {
                Some(replicas) => replicas.as_str().and_then(|text| text.trim().parse().ok()),
                None => Some(1),
            };
            Some((spec.get("template")?, count))
        }
        "DaemonSet" | "Job" => Some((spec.get("template")?, None)),
        "CronJob" => Some((spec.at(&["jobTemplate", "spec", "template"])?, None)),
        _ => None,
    }
}

/// `spec.replicas`, where it is a number.
fn replicas(object: &Object<'_>) -> Option<Located<u32>> {
    let node = object.node.at(&["spec", "replicas"])?;
    let count = node.as_str()?.trim().parse().ok()?;
    Some(Located::written(count, Place { file: object.file, span: node.value_span() }))
}

/// The Services that select pods with these labels.
fn services(object: &Object<'_>, labels: &Node, objects: &[Object<'_>]) -> Vec<PodService> {
    let leading = same_namespace(object, objects, "Service").filter(|service| {
        let selector = service.node.at(&["spec", "selector"]);
        selector.is_some_and(|selector| selects(selector, labels))
    });
    let read = |service: &Object<'_>| {
        let ports = service.node.at(&["spec", "ports"]).map(Node::items).unwrap_or_default();
        let number = |port: &Node, key: &str| port.get(key)?.as_str()?.trim().parse::<u16>().ok();
        let pair = |port: &Node| {
            let own = number(port, "port")?;
            let is_same = port.get("targetPort").is_none();
            Some((own, if is_same { own } else { number(port, "targetPort")? }))
        };
        let name = service.text(&["metadata", "name"])?.to_owned();
        Some(PodService { name, ports: ports.iter().filter_map(pair).collect() })
    };
    leading.filter_map(read).collect()
}

/// The id that somebody wrote for a broker.
fn written_id(broker: &KafkaBroker) -> Option<i64> {
    ["node.id", "broker.id"].iter().find_map(|name| {
        broker.settings.written(name).filter(|id| id.origin.is_certain())?;
        broker.settings.int(name).map(|id| id.value).filter(|id| *id >= 0)
    })
}

/// Whether the command leaves it to Kafka and its images to set the broker up: no script of its own
/// runs, and nothing changes a file.
fn leaves_files_alone(words: &Words) -> bool {
    const OF_IMAGES: [&str; 5] =
        ["/confluent/docker/", "/kafka/docker/", "/scripts/kafka/", "kafka-", "zookeeper-"];
    const WRITERS: [&str; 8] = ["awk", "cat", "cp", "envsubst", "mv", "perl", "sed", "tee"];
    let is_foreign = |text: &str| {
        text.rsplit_once('.').is_some_and(|(_, ending)| ending == "sh")
            && !OF_IMAGES.iter().any(|known| text.contains(known))
            && !text.ends_with("start-kafka.sh")
    };
    let mut targets = words.iter().zip(words.iter().skip(1)).filter_map(|(word, next)| {
        let target = word.value.strip_prefix('>')?.trim_start_matches('>');
        Some(if target.is_empty() { next.value.as_str() } else { target })
    });
    !words.iter().any(|word| is_foreign(&word.value))
        && !WRITERS.iter().any(|program| words.runs(program))
        && targets.all(|target| target.starts_with("/dev/") || target.starts_with('&'))
}

#[cfg(test)]
mod tests {
    use wonin_model::Evidence;

    use crate::{MemoryFiles, read};

    fn evidence(spec: &str, container: &str) -> Evidence {
        let text = format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: kafka}}\nspec:\n  {spec}\n  \
             template:\n    metadata: {{labels: {{app: kafka}}}}\n    spec:\n      containers:\n        \
             - name: kafka\n          image: apache/kafka:3.9.1\n          {container}\n"
        );
        read(&MemoryFiles::new([("kafka.yaml", text.as_str())]))
    }

    const SELECTOR: &str = "selector: {matchLabels: {app: kafka}}";
    const ROLES: &str = "env: [{name: KAFKA_PROCESS_ROLES, value: \"broker,controller\"}]";

    fn names(evidence: &Evidence) -> Vec<&str> {
        evidence.stack.brokers.iter().map(|broker| broker.name.as_str()).collect()
    }

    #[test]
    fn every_pod_is_a_broker() {
        let evidence = evidence(&format!("{SELECTOR}\n  replicas: 2"), ROLES);
        assert_eq!(names(&evidence), ["kafka-0", "kafka-1"]);
        let clusters = evidence.stack.brokers.iter().map(|broker| broker.cluster);
        assert_eq!(clusters.collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn pods_with_one_id_are_one_broker() {
        let id = "env: [{name: KAFKA_NODE_ID, value: \"1\"}]";
        let evidence = evidence(&format!("{SELECTOR}\n  replicas: 3"), id);
        assert_eq!(names(&evidence), ["kafka-0"]);
    }

    #[test]
    fn a_patch_of_another_file_is_no_broker() {
        let evidence = evidence("replicas: 3", ROLES);
        assert!(evidence.stack.brokers.is_empty() && evidence.skipped.is_empty());
    }

    #[test]
    fn what_is_not_told_is_not_assumed() {
        let replicas = |text: &str| format!("{SELECTOR}\n  replicas: {text}");
        for (spec, container) in [
            (replicas("${COUNT}"), ROLES),
            (replicas("3"), "envFrom: [{configMapRef: {name: elsewhere}}]"),
            (
                replicas("3"),
                "command: [sh, /scripts/start.sh]\n          env: [{name: KAFKA_NODE_ID, value: \"1\"}]",
            ),
            (
                replicas("3"),
                "command: [bin/kafka-server-start.sh, /mine/server.properties]\n          \
                 volumeMounts: [{name: config, mountPath: /mine}]\n      \
                 volumes: [{name: config, configMap: {name: elsewhere}}]",
            ),
            (replicas("3"), "command: [bin/kafka-server-start.sh, /mine/server.properties.$(POD)]"),
            (replicas("3"), "command: [sh, -c, \"sed s/a/b/ x > y; /etc/kafka/docker/run\"]"),
        ] {
            let evidence = evidence(&spec, container);
            assert!(evidence.stack.brokers.is_empty(), "{spec} {container}");
            assert!(
                evidence.skipped.iter().any(|one| one.why.contains("not judged")),
                "{container}"
            );
        }
    }
}
