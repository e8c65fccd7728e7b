//! What projects are read as, brokers and clients together.

use wonin_model::{Evidence, KafkaBroker, KafkaDistribution, WhyNotApplied};

use crate::{MemoryFiles, read};

fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

/// Selected settings, defaults with `~` before.
fn row(broker: &KafkaBroker, names: &[&str]) -> String {
    let one = |name: &&str| match broker.settings.get(name) {
        Some(value) if value.origin.is_default() => format!("~{}", value.value),
        Some(value) => value.value.clone(),
        None => "-".to_owned(),
    };
    names.iter().map(one).collect::<Vec<_>>().join(" ")
}

const VOTERS: &str = "controller.quorum.voters";
const OFFSETS: &str = "offsets.topic.replication.factor";

#[test]
fn two_clusters_in_one_project_are_two() {
    let node = |name: &str, id: u8, voters: &str| {
        format!(
            "  {name}:\n    image: docker.io/bitnamilegacy/kafka:3.9\n    environment:\n      \
             - KAFKA_CFG_NODE_ID={id}\n      - KAFKA_CFG_PROCESS_ROLES=controller,broker\n      \
             - KAFKA_CFG_CONTROLLER_QUORUM_VOTERS={voters}\n      - KAFKA_KRAFT_CLUSTER_ID=x\n"
        )
    };
    let both = "1@left:9093,2@right:9093";
    let compose = format!(
        "services:\n{}{}{}",
        node("left", 1, both),
        node("right", 2, both),
        node("alone", 1, "1@alone:9093")
    );
    let evidence = evidence(&[("compose.yaml", &compose)]);
    let brokers = &evidence.stack.brokers;
    let clusters: Vec<_> = brokers.iter().map(|b| (b.name.as_str(), b.cluster)).collect();
    assert_eq!(clusters, [("left", 0), ("right", 0), ("alone", 1)]);
    assert_eq!(brokers[0].distribution, KafkaDistribution::Bitnami);
    assert_eq!(brokers[0].version.as_deref(), Some("3.9"));
    assert_eq!(row(&brokers[0], &["node.id", VOTERS, OFFSETS]), format!("1 {both} ~1"));
    let voters = brokers[0].settings.list(VOTERS);
    assert_eq!(evidence.sources.slice(voters[1].place().unwrap()), "2@right:9093");
}

#[test]
fn a_mounted_file_takes_the_place_of_the_environment() {
    let compose = "services:\n  kafka:\n    image: bitnami/kafka:3.7\n    environment:\n      \
                   KAFKA_CFG_NODE_ID: 7\n      KAFKA_CFG_DEFAULT_REPLICATION_FACTOR: 3\n    \
                   volumes:\n      - ./server.properties:/bitnami/kafka/config/server.properties\n";
    let file = "node.id=1\nprocess.roles=broker,controller\n";
    let evidence = evidence(&[("compose.yaml", compose), ("server.properties", file)]);
    let [broker] = evidence.stack.brokers.as_slice() else { panic!("one broker") };
    let names = ["node.id", "default.replication.factor", OFFSETS];
    assert_eq!(row(broker, &names), "1 ~1 ~3");
    let ignored: Vec<_> = broker.not_applied.iter().map(|n| n.key.value.as_str()).collect();
    assert_eq!(ignored, ["KAFKA_CFG_DEFAULT_REPLICATION_FACTOR", "KAFKA_CFG_NODE_ID"]);
    let WhyNotApplied::Overruled { place, .. } = &broker.not_applied[0].why else { panic!() };
    assert!(evidence.sources.slice(*place).contains("server.properties"));
}

#[test]
fn environment_comes_over_the_file_of_the_official_image() {
    let compose = "services:\n  kafka:\n    image: apache/kafka:3.9.0\n    environment:\n      \
                   KAFKA_NODE_ID: 7\n    volumes: ['./conf:/mnt/shared/config']\n";
    let file = "node.id=1\nprocess.roles=broker\n";
    let evidence = evidence(&[("compose.yaml", compose), ("conf/server.properties", file)]);
    let [broker] = evidence.stack.brokers.as_slice() else { panic!("one broker") };
    assert_eq!(row(broker, &["node.id", "process.roles", OFFSETS]), "7 broker ~3");
}

#[test]
fn a_command_of_its_own_passes_the_environment_by() {
    let compose = "services:\n  kafka:\n    image: quay.io/strimzi/kafka:0.45.0-kafka-3.9.0\n    \
                   command: ['sh', '-c', 'bin/kafka-server-start.sh config/server.properties \
                   --override listeners=$${LISTENERS} --override broker.id=4']\n    \
                   environment: {LISTENERS: 'PLAINTEXT://0.0.0.0:9092', KAFKA_BROKER_ID: 9}\n";
    let evidence = evidence(&[("compose.yaml", compose)]);
    let [broker] = evidence.stack.brokers.as_slice() else { panic!("one broker") };
    assert_eq!(broker.version.as_deref(), Some("3.9.0"));
    let names = ["listeners", "broker.id", OFFSETS];
    assert_eq!(row(broker, &names), "PLAINTEXT://0.0.0.0:9092 4 ~1");
    assert_eq!(broker.not_applied.len(), 1);
}

#[test]
fn replicas_without_a_fixed_id_are_so_many_brokers() {
    let node = |image: &str, id: &str| {
        let compose = format!(
            "services:\n  kafka:\n    image: {image}\n    deploy: {{replicas: 3}}\n    \
             environment: {{KAFKA_ZOOKEEPER_CONNECT: 'zoo:2181'{id}}}\n"
        );
        let evidence = evidence(&[("compose.yaml", &compose)]);
        let clusters: Vec<usize> = evidence.stack.brokers.iter().map(|b| b.cluster).collect();
        clusters
    };
    assert_eq!(node("wurstmeister/kafka", ""), [0, 0, 0]);
    assert_eq!(node("wurstmeister/kafka", ", KAFKA_BROKER_ID: 1"), [0]);
}

#[test]
fn tools_of_the_same_image_are_no_brokers() {
    let compose = "services:\n  kafka:\n    image: confluentinc/cp-kafka:7.6.1\n    environment: \
                   {KAFKA_PROCESS_ROLES: broker, KAFKA_NODE_ID: 1, \
                   KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:29092'}\n  \
                   init:\n    image: confluentinc/cp-kafka:7.6.1\n    entrypoint: ['/bin/sh', '-c']\n    \
                   command: |\n      \"\n      cub kafka-ready -b kafka:29092 1 20\n      \
                   kafka-topics --create --bootstrap-server kafka:29092 --topic t --replication-factor 2\n      \
                   \"\n  ui:\n    image: provectuslabs/kafka-ui\n    \
                   environment: {KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: 'kafka:29092'}\n";
    let evidence = evidence(&[("compose.yaml", compose)]);
    let stack = &evidence.stack;
    assert_eq!(stack.brokers.len(), 1);
    assert_eq!(stack.brokers[0].missing, ["CLUSTER_ID"]);
    assert_eq!(stack.topics.len(), 1);
    let topic = &stack.topics[0];
    assert_eq!((topic.name.value.as_str(), topic.cluster), ("t", Some(0)));
    let factor = topic.replication_factor.as_ref().unwrap();
    assert_eq!(evidence.sources.slice(factor.place().unwrap()), "2");
    assert_eq!(stack.kafka_clients.len(), 1);
    assert_eq!(stack.kafka_clients[0].service.map(|id| id.0), Some(2));
}

#[test]
fn a_script_in_an_image_made_from_the_brokers_is_no_broker() {
    let dockerfile =
        "FROM confluentinc/cp-kafka:5.4.0\nCOPY ./setup.sh ./setup.sh\nCMD ./setup.sh\n";
    let brokers = |environment: &str| {
        let compose = format!(
            "services:\n  kafka:\n    image: confluentinc/cp-kafka:5.4.0\n    environment: \
             {{KAFKA_ZOOKEEPER_CONNECT: 'zk:2181', KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:29092'}}\n  \
             other:\n    build: other\n    environment: {{KAFKA_ZOOKEEPER_CONNECT: 'zk:2181', {environment}}}\n"
        );
        let evidence = evidence(&[("compose.yaml", &compose), ("other/Dockerfile", dockerfile)]);
        evidence.stack.brokers.len()
    };
    assert_eq!(brokers("KAFKA_BOOTSTRAP_SERVER: 'kafka:29092'"), 1);
    assert_eq!(brokers("KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://other:29092'"), 2);
}

#[test]
fn files_alone_are_nodes_of_their_directory() {
    let node = |id: u8| format!("broker.id={id}\nzookeeper.connect=localhost:2181\n");
    let evidence = evidence(&[
        ("a/server-1.properties", &node(1)),
        ("a/server-2.properties", &node(2)),
        ("b/server.properties", &node(1)),
        ("a/producer.properties", "bootstrap.servers=localhost:9092\n"),
        ("a/other.properties", "x=1\n"),
    ]);
    let clusters: Vec<usize> = evidence.stack.brokers.iter().map(|b| b.cluster).collect();
    assert_eq!(clusters, [0, 0, 1]);
    assert_eq!(evidence.stack.kafka_clients.len(), 1);
    assert_eq!(evidence.read.len(), 4);
}
