//! Small stacks that are right for what they are for: nothing of them may look like a failure.

use wonin_model::Severity;
use wonin_read::MemoryFiles;

/// The findings above low severity, as `mode: title`.
fn above_low(files: &[(&str, &str)]) -> Vec<String> {
    let evidence = wonin_read::read(&MemoryFiles::new(files.iter().copied()));
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
    let findings = wonin_modes::examine(&evidence).findings;
    let loud = findings.iter().filter(|finding| finding.severity > Severity::Low);
    loud.map(|finding| format!("{}: {}", finding.meta.id, finding.title)).collect()
}

#[test]
fn a_database_and_an_application() {
    let compose = "\
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD: example
    volumes:
      - db-data:/var/lib/postgresql/data
    ports:
      - \"5432:5432\"
  app:
    image: example/app:1.0
    environment:
      DATABASE_URL: postgres://postgres:example@db:5432/postgres
    ports:
      - \"8080:8080\"
volumes:
  db-data:
";
    assert_eq!(above_low(&[("docker-compose.yml", compose)]), [""; 0]);
}

#[test]
fn a_broker_for_programs_on_the_host() {
    let compose = "\
services:
  kafka:
    image: apache/kafka:3.9.1
    ports:
      - \"9092:9092\"
  redis:
    image: redis:7-alpine
    ports:
      - \"6379:6379\"
";
    assert_eq!(above_low(&[("compose.yaml", compose)]), [""; 0]);
}

#[test]
fn a_broker_with_a_schema_registry() {
    let compose = "\
services:
  broker:
    image: confluentinc/cp-kafka:7.7.0
    hostname: broker
    ports:
      - \"9092:9092\"
    environment:
      KAFKA_NODE_ID: 1
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@broker:29093
      KAFKA_LISTENERS: PLAINTEXT://broker:29092,CONTROLLER://broker:29093,PLAINTEXT_HOST://0.0.0.0:9092
      KAFKA_INTER_BROKER_LISTENER_NAME: PLAINTEXT
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      CLUSTER_ID: MkU3OEVBNTcwNTJENDM2Qk
  schema-registry:
    image: confluentinc/cp-schema-registry:7.7.0
    environment:
      SCHEMA_REGISTRY_HOST_NAME: schema-registry
      SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: broker:29092
";
    assert_eq!(above_low(&[("docker-compose.yml", compose)]), [""; 0]);
}

#[test]
fn logs_without_a_failure_have_no_cause() {
    let app = "\
2025-03-02 10:00:00.000  INFO 1 --- [main] shop.Shop : Starting Shop using Java 17.0.15 with PID 1
2025-03-02 10:00:03.100  INFO 1 --- [main] shop.Shop : Started Shop in 3.1 seconds (process running for 3.6)
2025-03-02 10:00:04.000  INFO 1 --- [main] o.a.k.c.NetworkClient : [Consumer clientId=c-1, groupId=shop] Node -1 disconnected.
2025-03-02 10:05:00.000  INFO 1 --- [exec-1] shop.Orders : order 7 stored in 12 ms
2025-03-02 10:06:00.000  WARN 1 --- [exec-2] shop.Orders : order 8 has no address
2025-03-02 11:00:00.000  INFO 1 --- [main] shop.Shop : Commencing graceful shutdown. Waiting for active requests to complete
2025-03-02 11:00:10.000  INFO 1 --- [main] shop.Shop : Starting Shop using Java 17.0.15 with PID 1
2025-03-02 11:00:13.100  INFO 1 --- [main] shop.Shop : Started Shop in 3.1 seconds (process running for 3.6)
";
    let kafka = "\
[2025-03-02 10:00:00,000] INFO [RaftManager id=1] Completed transition to Unattached(epoch=1, votedKey=null, voters=[1], electionTimeoutMs=822, highWatermark=Optional.empty) from null (org.apache.kafka.raft.QuorumState)
[2025-03-02 10:00:01,000] INFO [RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)
[2025-03-02 10:00:02,000] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)
";
    let proxy = "\
10.0.0.1 - - [02/Mar/2025:10:00:00 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"curl/8\"
10.0.0.1 - - [02/Mar/2025:10:00:01 +0000] \"GET /a HTTP/1.1\" 304 0 \"-\" \"curl/8\"
";
    let files = [("logs/app.log", app), ("logs/kafka.log", kafka), ("logs/access.log", proxy)];
    let evidence = wonin_read::read(&MemoryFiles::new(files));
    let diagnosis = wonin_modes::examine(&evidence);
    let titles: Vec<&str> = diagnosis.findings.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, [""; 0]);
    assert!(diagnosis.unexplained.is_empty(), "{:?}", diagnosis.unexplained);
}

#[test]
fn pods_of_one_workload_that_restart_are_told_once() {
    let pods = "\
NAME                       READY   STATUS             RESTARTS      AGE
shop-api-5d8f9c7b6d-x2x4z  0/1     CrashLoopBackOff   7 (2m ago)    20m
shop-api-5d8f9c7b6d-q8wvn  0/1     CrashLoopBackOff   6 (3m ago)    20m
";
    let told = above_low(&[("live/pods.txt", pods)]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("2 containers of shop-api"), "{told:?}");
    assert!(told[0].contains("up to 7 restarts"), "{told:?}");
}

#[test]
fn a_lock_that_was_waited_for_a_second_is_loud_only_when_it_lasts() {
    let log = |ms: &str| {
        format!(
            "2025-03-02 10:00:02.200 UTC [120] LOG:  process 120 still waiting for ShareLock on transaction 5001 after 1000.120 ms
2025-03-02 10:00:02.200 UTC [120] DETAIL:  Process holding the lock: 101. Wait queue: 120.
2025-03-02 10:00:02.600 UTC [120] LOG:  process 120 acquired ShareLock on transaction 5001 after {ms} ms
"
        )
    };
    assert_eq!(above_low(&[("postgresql.log", &log("1412.113"))]), [""; 0]);
    assert_eq!(above_low(&[("postgresql.log", &log("41412.113"))]).len(), 1);
}
