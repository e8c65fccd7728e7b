//! Repairs with edits, applied one after the other with a diagnosis in between: what they were for
//! is gone, and nothing else has come.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, KafkaBroker, Severity};

use crate::harness::Scenario;

/// The case whose nodes write everything themselves; below one with nodes that share an anchor and a `.env`.
const TWO_NODES: &str = include_str!("../../../../cases/one-broker-down/docker-compose.yml");

fn scenario(files: &[(&str, &str)]) -> Scenario {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Scenario { heading: "repairs".to_owned(), files: files.collect(), startup: None }
}

fn compose(text: &str) -> Scenario {
    scenario(&[("docker-compose.yml", text)])
}

/// Applies the first repair with edits of the first finding of `mode` that has one.
fn repair(scenario: &Scenario, mode: &str) -> Scenario {
    let (evidence, diagnosis) = scenario.diagnose();
    let findings = diagnosis.findings.iter().filter(|finding| finding.meta.id == mode);
    let mut fixes = findings.flat_map(|finding| &finding.fixes);
    let fix = fixes.find(|fix| !fix.edits.is_empty());
    let fix = fix.unwrap_or_else(|| panic!("{mode} has no edits: {:#?}", told(&diagnosis)));
    assert!(!fix.safe, "{mode}");
    let repaired = scenario.repaired(&evidence, fix).unwrap();
    let (after, new) = repaired.diagnose();
    assert!(after.skipped.is_empty(), "{:?}", after.skipped);
    for finding in weighty(&new) {
        let is_known = weighty(&diagnosis).any(|one| one.meta.id == finding.meta.id);
        assert!(is_known, "after {mode}: {} is new: {}", finding.meta.id, finding.title);
    }
    repaired
}

fn weighty(diagnosis: &Diagnosis) -> impl Iterator<Item = &Finding> {
    diagnosis.findings.iter().filter(|one| one.severity >= Severity::Medium)
}

/// The findings of a mode with what would repair them.
fn told(diagnosis: &Diagnosis) -> Vec<String> {
    let all = diagnosis.findings.iter();
    all.map(|one| {
        let fixes: Vec<&str> = one.fixes.iter().map(|fix| fix.title.as_str()).collect();
        format!("{}: {} {fixes:?}", one.meta.id, one.title)
    })
    .collect()
}

fn has(scenario: &Scenario, mode: &str) -> bool {
    let (_, diagnosis) = scenario.diagnose();
    weighty(&diagnosis).any(|finding| finding.meta.id == mode)
}

/// The value of a setting of each broker.
fn settings(scenario: &Scenario, name: &str) -> Vec<String> {
    let (evidence, _) = scenario.diagnose();
    let value = |broker: &KafkaBroker| {
        broker.settings.get(name).map_or(String::new(), |value| value.value.clone())
    };
    evidence.stack.brokers.iter().map(value).collect()
}

/// What stands in the way of a repair of `mode` by edits.
fn obstacle(scenario: &Scenario, mode: &str) -> String {
    let (_, diagnosis) = scenario.diagnose();
    let finding = diagnosis.findings.iter().find(|finding| finding.meta.id == mode);
    let fixes = &finding.unwrap_or_else(|| panic!("no {mode}")).fixes;
    assert!(fixes.iter().all(|fix| fix.edits.is_empty()), "{fixes:?}");
    fixes.iter().map(|fix| fix.title.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_third_node_is_right_in_either_order() {
    let case = compose(TWO_NODES);
    let voters_first = repair(&repair(&case, "quorum-without-spare"), "advertised-loopback");
    let listeners_first = repair(&repair(&case, "advertised-loopback"), "quorum-without-spare");
    assert_eq!(voters_first.files, listeners_first.files);
    let list = "0@kafka:9093,1@kafka2:9093,2@kafka3:9093";
    assert_eq!(settings(&voters_first, "controller.quorum.voters"), [list; 3]);
    assert_eq!(settings(&voters_first, "node.id"), ["0", "1", "2"]);
    let told = [("kafka", 9092), ("kafka2", 9093), ("kafka3", 9094)]
        .map(|(host, port)| format!("INTERNAL://{host}:19092,PLAINTEXT://localhost:{port}"));
    assert_eq!(settings(&voters_first, "advertised.listeners"), told);
    let text = &voters_first.files[0].1;
    for new in ["\n\n  kafka3:\n", "- \"9094:9092\"", "- kafka_data3:/bitnami", "\n  kafka_data3:"]
    {
        assert!(text.contains(new), "{new:?} in\n{text}");
    }
    assert!(text.starts_with("# Two Kafka nodes in KRaft mode."));
}

/// The configuration of the case, without its repaired twin.
fn whole_case() -> Scenario {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/one-broker-down");
    let java = "app/src/main/java/app/messages";
    let paths = [
        "docker-compose.yml",
        "app/build.gradle",
        "app/src/main/resources/application.yml",
        &format!("{java}/Application.java"),
        &format!("{java}/MessageReceiver.java"),
        &format!("{java}/MessageSender.java"),
        &format!("{java}/MessagingConfig.java"),
        &format!("{java}/SendController.java"),
    ];
    let files: Vec<(&str, String)> =
        paths.iter().map(|path| (*path, fs::read_to_string(root.join(path)).unwrap())).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    scenario(&files)
}

/// Causes that only help together are repaired in the order of their group, with a diagnosis after
/// each, until none is left: the stack that comes of it is the repaired twin in all that counts.
#[test]
fn the_group_goes_when_all_its_repairs_are_applied() {
    let mut case = whole_case();
    let mut order = Vec::new();
    for _ in 0..8 {
        let (_, diagnosis) = case.diagnose();
        let survives = |finding: &&Finding| {
            finding.goal.as_ref().is_some_and(|goal| goal.title.contains("one broker stops"))
        };
        let next = diagnosis
            .findings
            .iter()
            .filter(survives)
            .min_by_key(|finding| finding.goal.as_ref().map(|goal| goal.step));
        let Some(next) = next else { break };
        order.push(next.meta.id);
        case = repair(&case, next.meta.id);
    }
    assert!(!case.diagnose().1.groups.iter().any(|group| group.title.contains("one broker stops")));
    let expected = [
        "quorum-without-spare",
        "single-replica",
        "single-replica",
        "advertised-loopback",
        "single-bootstrap",
    ];
    assert_eq!(order, expected);
    for (name, value) in [
        ("controller.quorum.voters", "0@kafka:9093,1@kafka2:9093,2@kafka3:9093"),
        ("inter.broker.listener.name", "INTERNAL"),
        ("default.replication.factor", "3"),
        ("min.insync.replicas", "2"),
        ("offsets.topic.replication.factor", "3"),
    ] {
        assert_eq!(settings(&case, name), [value; 3], "{name}");
    }
    let config = &case.files.iter().find(|(path, _)| path.ends_with("MessagingConfig.java"));
    let servers = "localhost:9092,localhost:9093,localhost:9094";
    assert!(config.is_some_and(|(_, text)| text.contains(servers)));
}

const SHARED: &str = r#"
x-kafka: &kafka
  image: apache/kafka:3.9.1
  restart: unless-stopped
x-environment: &environment
  CLUSTER_ID: my-cluster-id
  KAFKA_PROCESS_ROLES: broker,controller
  KAFKA_CONTROLLER_QUORUM_VOTERS: ${VOTERS}
  KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
  KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
  KAFKA_DEFAULT_REPLICATION_FACTOR: 2
services:
  # The first one.
  broker-1:
    <<: *kafka
    container_name: first-1
    hostname: broker-1.local
    ports: ["19092:9092"]
    volumes: [broker-1-data:/var/lib/kafka/data, ./log4j2.yaml:/etc/kafka/log4j2.yaml]
    environment: &first
      <<: *environment
      KAFKA_NODE_ID: 1
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://${HOST:-localhost}:19092
    networks:
      back: { ipv4_address: 172.30.0.11 }
  # The second one.
  broker-2:
    <<: *kafka
    container_name: second-2
    hostname: broker-2.local
    ports: ["29092:9092"]
    volumes: [broker-2-data:/var/lib/kafka/data, ./log4j2.yaml:/etc/kafka/log4j2.yaml]
    environment: &second
      <<: *environment
      # Its own.
      KAFKA_NODE_ID: ${SECOND}
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://${HOST:-localhost}:29092
    healthcheck:
      test: ["CMD", "/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "broker-2:9092", "--list"]
    networks:
      back: { ipv4_address: 172.30.0.12 }
  orders:
    image: example/orders:1.4
    environment:
      BOOTSTRAP_SERVERS: broker-1:9092,broker-2:9092
networks:
  back: { ipam: { config: [{ subnet: 172.30.0.0/24 }] } }
volumes:
  broker-1-data:
  broker-2-data: # on the fast disk
    driver: local
"#;

const ENV: &str = "VOTERS=1@broker-1:9093,2@broker-2:9093\nSECOND=2\n";

#[test]
fn what_is_shared_is_changed_where_it_stands() {
    let case = scenario(&[(".env", ENV), ("docker-compose.yml", SHARED)]);
    let repaired = repair(&repair(&case, "advertised-loopback"), "quorum-without-spare");
    assert!(!has(&repaired, "quorum-without-spare") && !has(&repaired, "advertised-loopback"));
    assert_eq!(settings(&repaired, "node.id"), ["1", "2", "3"]);
    let env = &repaired.files[0].1;
    assert!(env.starts_with("VOTERS=1@broker-1:9093,2@broker-2:9093,3@broker-3:9093\n"), "{env}");
    let text = &repaired.files[1].1;
    let third = "
  broker-3:
    <<: *kafka
    container_name: second-3
    hostname: broker-3.local
    ports: [\"39092:9092\"]
    volumes: [broker-3-data:/var/lib/kafka/data, ./log4j2.yaml:/etc/kafka/log4j2.yaml]
    environment:
      <<: *environment
      KAFKA_NODE_ID: 3
      KAFKA_ADVERTISED_LISTENERS: INTERNAL://broker-3:19092,PLAINTEXT://${HOST:-localhost}:39092
    healthcheck:
      test: [\"CMD\", \"/opt/kafka/bin/kafka-topics.sh\", \"--bootstrap-server\", \"broker-3:9092\", \"--list\"]
    networks:
      back: { ipv4_address: 172.30.0.13 }
  orders:";
    assert!(text.contains(third), "{text}");
    assert!(text.contains("  broker-3-data: # on the fast disk\n    driver: local\n"), "{text}");
    // Clients in containers follow to the listener that is theirs.
    assert!(text.contains("BOOTSTRAP_SERVERS: broker-1:19092,broker-2:19092"), "{text}");
    // The listeners stand in one place for all, so they change once.
    assert_eq!(text.matches("INTERNAL://:19092,PLAINTEXT://:9092").count(), 1);
}

#[test]
fn a_third_node_asks_itself_and_keeps_data_under_its_own_name() {
    let node = |id: u32| {
        format!(
            "  k{id}:\n    image: apache/kafka:3.9.1\n    \
             volumes: [k{id}:/var/lib/kafka/data]\n    \
             healthcheck: {{ test: [CMD, nc, -z, k{id}, '9092'] }}\n    environment:\n      \
             CLUSTER_ID: c\n      KAFKA_NODE_ID: {id}\n      \
             KAFKA_PROCESS_ROLES: broker,controller\n      \
             KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER\n      \
             KAFKA_CONTROLLER_QUORUM_VOTERS: 1@k1:9093,2@k2:9093\n      \
             KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093\n      \
             KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://k{id}:9092\n"
        )
    };
    let text = format!("services:\n{}{}volumes:\n  k1:\n  k2:\n", node(1), node(2));
    let repaired = repair(&compose(&text), "quorum-without-spare");
    let text = &repaired.files[0].1;
    let third = "  k3:\n    image: apache/kafka:3.9.1\n    volumes: [k3:/var/lib/kafka/data]\n    \
                 healthcheck: { test: [CMD, nc, -z, k3, '9092'] }\n";
    assert!(text.contains(third), "{text}");
    assert!(text.ends_with("volumes:\n  k1:\n  k2:\n  k3:\n"), "{text}");
}

/// A controller for several brokers gets two others.
#[test]
fn one_controller_becomes_three() {
    let text = r#"
x-voters: &voters
  KAFKA_CONTROLLER_QUORUM_VOTERS: "1@controller:9093"
  KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
  KAFKA_DEFAULT_REPLICATION_FACTOR: 2
  CLUSTER_ID: my-cluster-id
services:
  controller:
    image: apache/kafka:3.9.1
    environment:
      <<: *voters
      KAFKA_NODE_ID: 1
      KAFKA_PROCESS_ROLES: controller
      KAFKA_LISTENERS: CONTROLLER://:9093
  broker-1:
    image: apache/kafka:3.9.1
    environment:
      <<: *voters
      KAFKA_NODE_ID: 11
      KAFKA_PROCESS_ROLES: broker
      KAFKA_LISTENERS: PLAINTEXT://:9092
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://broker-1:9092
  broker-2:
    image: apache/kafka:3.9.1
    environment:
      <<: *voters
      KAFKA_NODE_ID: 12
      KAFKA_PROCESS_ROLES: broker
      KAFKA_LISTENERS: PLAINTEXT://:9092
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://broker-2:9092
"#;
    let repaired = repair(&compose(text), "quorum-without-spare");
    assert!(!has(&repaired, "quorum-without-spare"));
    let list = "1@controller:9093,13@controller2:9093,14@controller3:9093";
    assert_eq!(
        settings(&repaired, "controller.quorum.voters"),
        [list; 5],
        "{}",
        repaired.files[0].1
    );
}

#[test]
fn four_voters_become_five() {
    let node = |id: u32| {
        format!(
            "  k{id}:\n    image: apache/kafka:3.9.1\n    environment:\n      CLUSTER_ID: c\n      \
             KAFKA_NODE_ID: {id}\n      KAFKA_PROCESS_ROLES: broker,controller\n      \
             KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER\n      \
             KAFKA_CONTROLLER_QUORUM_VOTERS: 1@k1:9093, 2@k2:9093, 3@k3:9093, 4@k4:9093\n      \
             KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093\n      \
             KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://k{id}:9092\n"
        )
    };
    let text = format!("services:\n{}", (1..=4).map(node).collect::<String>());
    let repaired = repair(&compose(&text), "quorum-without-spare");
    let (_, diagnosis) = repaired.diagnose();
    assert!(!diagnosis.findings.iter().any(|one| one.meta.id == "quorum-without-spare"));
    assert_eq!(settings(&repaired, "advertised.listeners").last().unwrap(), "PLAINTEXT://k5:9092");
}

#[test]
fn pods_become_three_that_have_copies() {
    let variable = |name: &str, value: &str| {
        format!("            - name: {name}\n              value: {value}\n")
    };
    let variables = [
        variable("CLUSTER_ID", "c"),
        variable("KAFKA_PROCESS_ROLES", "broker,controller"),
        variable("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        variable("KAFKA_CONTROLLER_QUORUM_VOTERS", "0@kafka-0.peers:9093,1@kafka-1.peers:9093"),
        variable("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"),
        variable("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "\"2\""),
        variable("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "\"2\""),
    ]
    .concat();
    let text = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: kafka}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: kafka}}}}\n  template:\n    metadata: {{labels: {{app: \
         kafka}}}}\n    spec:\n      containers:\n        - name: kafka\n          image: \
         apache/kafka:3.9.1\n          command: [sh, -c, \"KAFKA_NODE_ID=${{HOSTNAME##*-}} exec \
         /etc/kafka/docker/run\"]\n          env:\n{variables}"
    );
    let voting = repair(&scenario(&[("kafka.yaml", text.as_str())]), "quorum-without-spare");
    assert_eq!(settings(&voting, "node.id"), ["0", "1", "2"]);
    assert!(!has(&voting, "quorum-without-spare"));
    let copied = repair(&voting, "single-replica");
    assert_eq!(settings(&copied, "default.replication.factor"), ["3", "3", "3"]);
    assert_eq!(settings(&copied, "min.insync.replicas"), ["2", "2", "2"]);
    assert!(!has(&copied, "single-replica"));
}

#[test]
fn what_only_a_person_can_do_is_said_with_its_place() {
    let node = |id: u32, port: u32| {
        format!(
            "process.roles=broker,controller\nnode.id={id}\n\
             controller.quorum.voters=1@10.0.0.1:9093,2@10.0.0.2:9093\n\
             controller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://:{port},CONTROLLER://:9093\n\
             advertised.listeners=PLAINTEXT://10.0.0.{id}:{port}\n"
        )
    };
    let (first, second) = (node(1, 9092), node(2, 9092));
    let files = scenario(&[
        ("node1/server.properties", first.as_str()),
        ("node2/server.properties", second.as_str()),
    ]);
    let why = obstacle(&files, "quorum-without-spare");
    assert!(why.contains("configure 3 voters") && why.contains("properties"), "{why}");
    assert!(why.contains("server.properties:3"), "{why}");
    let own_file = TWO_NODES.replace("- kafka_data2:/bitnami", "- ./k2.keystore.jks:/ks:ro");
    let why = obstacle(&compose(&own_file), "quorum-without-spare");
    assert!(why.contains("kafka2 mounts a file of its own (docker-compose.yml:25)"), "{why}");
    let external = TWO_NODES.replace("  kafka_data2:", "  kafka_data2: { external: true }");
    let why = obstacle(&compose(&external), "quorum-without-spare");
    assert!(why.contains("volume kafka_data2 is made by somebody else"), "{why}");
    let secret = TWO_NODES.replace("=PLAINTEXT:PLAINTEXT,", "=PLAINTEXT:SASL_PLAINTEXT,");
    let why = obstacle(&compose(&secret), "advertised-loopback");
    assert!(why.contains("asks for a login"), "{why}");
}

/// A node behind which clients in containers dial the listener for the host.
#[test]
fn clients_of_a_single_node_follow() {
    let text = "
services:
  kafka:
    image: confluentinc/cp-kafka:7.8.0
    ports:
      - 9092:9092
    environment:
      CLUSTER_ID: my-cluster-id
      KAFKA_NODE_ID: 1
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_LISTENERS: PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:9092
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
  ui:
    image: provectuslabs/kafka-ui:v0.7.2
    environment:
      KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: kafka:9092
";
    let repaired = repair(&compose(text), "advertised-loopback");
    assert!(!has(&repaired, "advertised-loopback"));
    let text = &repaired.files[0].1;
    for line in [
        "KAFKA_LISTENERS: INTERNAL://0.0.0.0:19092,PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093",
        "KAFKA_ADVERTISED_LISTENERS: INTERNAL://kafka:19092,PLAINTEXT://localhost:9092",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME: INTERNAL",
        "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: kafka:19092",
    ] {
        assert!(text.contains(&format!("      {line}\n")), "{line} in\n{text}");
    }
}

/// Where the listener for containers is there, the clients alone are wrong.
#[test]
fn clients_are_sent_to_the_listener_that_is_there() {
    let text = "
services:
  kafka:
    image: confluentinc/cp-kafka:7.8.0
    ports:
      - 9092:9092
    environment:
      CLUSTER_ID: my-cluster-id
      KAFKA_NODE_ID: 1
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:29093
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_LISTENERS: PLAINTEXT://kafka:29092,PLAINTEXT_HOST://0.0.0.0:9092,CONTROLLER://kafka:29093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT
      KAFKA_INTER_BROKER_LISTENER_NAME: PLAINTEXT
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
  orders:
    image: example/orders:1.4
    environment:
      - KAFKA_BOOTSTRAP_SERVERS=kafka:9092
";
    let repaired = repair(&compose(text), "advertised-loopback");
    assert!(!has(&repaired, "advertised-loopback"));
    let expected = text.replace("SERVERS=kafka:9092", "SERVERS=kafka:29092");
    assert_eq!(repaired.files[0].1, expected);
}

/// Some programs want the protocol before each broker.
#[test]
fn each_broker_of_a_list_has_the_protocol_of_the_first() {
    let broker = |id: u8| {
        format!(
            "  kafka{id}:
    image: confluentinc/cp-kafka:7.8.0
    environment:
      CLUSTER_ID: my-cluster-id
      KAFKA_NODE_ID: {id}
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_LISTENERS: PLAINTEXT://kafka{id}:29092,CONTROLLER://kafka{id}:9093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka{id}:29092
"
        )
    };
    let registry = "  registry:
    image: confluentinc/cp-schema-registry:7.8.0
    environment:
      SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: PLAINTEXT://kafka1:29092
";
    let text = format!("services:\n{}{}{}{registry}", broker(1), broker(2), broker(3));
    let repaired = repair(&compose(&text), "single-bootstrap");
    let list = "PLAINTEXT://kafka1:29092,PLAINTEXT://kafka2:29092,PLAINTEXT://kafka3:29092\n";
    assert!(repaired.files[0].1.ends_with(list), "{}", repaired.files[0].1);
}
