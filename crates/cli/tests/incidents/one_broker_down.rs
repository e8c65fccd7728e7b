//! `cases/one-broker-down` with real nodes in real containers: its own Compose file, clients with
//! its application's settings on the engine's host, and one node stopped or killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wonin_testbed::docker::{Engine, KafkaImage};
use wonin_testbed::{Process, available, kafka, run, wait_until};

use crate::diagnosis::{Diagnosis, case, copy};

const LIMIT: Duration = Duration::from_mins(2);

/// What Spring Boot's log lines look like.
const LOG4J: &str = "\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=\
%d{yyyy-MM-dd'T'HH:mm:ss.SSS}Z %5p 1 --- [messages] [%15.15t] %-40.40c : %m%n
";

/// The clients' timeouts: those that count when nobody sets them, or a tenth of them.
#[allow(clippy::struct_field_names, reason = "units stand in names")]
struct Timeouts {
    max_block_ms: u64,
    delivery_ms: u64,
    request_ms: u64,
}

impl Timeouts {
    fn of_this_run() -> Self {
        let part = if is_long() { 1 } else { 10 };
        Self { max_block_ms: 60_000 / part, delivery_ms: 120_000 / part, request_ms: 30_000 / part }
    }

    /// The settings that have to be written down: none for the real ones.
    fn settings(&self) -> Vec<(&'static str, u64)> {
        if is_long() {
            return Vec::new();
        }
        vec![
            ("max.block.ms", self.max_block_ms),
            ("delivery.timeout.ms", self.delivery_ms),
            ("request.timeout.ms", self.request_ms),
        ]
    }
}

fn is_long() -> bool {
    std::env::var_os("WONIN_LONG").is_some()
}

/// A stack that runs, and the folder that its team has: the case's files, and logs as they come.
struct Stack {
    engine: Engine,
    folder: TempDir,
    compose: PathBuf,
}

impl Stack {
    /// Starts `nodes` of the Compose file below `case`.
    fn start(case: &Path, image: (&str, KafkaImage), nodes: &[&str]) -> Option<Self> {
        let engine = available(Engine::start())?;
        available(engine.import_kafka(image.0, image.1))?;
        let folder = tempfile::tempdir().unwrap();
        copy(case, folder.path());
        for without in ["logs", "fixed", "README.md"] {
            let path = folder.path().join(without);
            // Only one of the two kinds it may be can be removed.
            _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        fs::create_dir_all(folder.path().join("logs/stop")).unwrap();
        fs::write(folder.path().join("log4j.properties"), LOG4J).unwrap();
        let compose = folder.path().to_owned();
        let stack = Self { engine, folder, compose };
        available(stack.engine.compose(&stack.compose, &["-p", "case", "up", "-d"]))?;
        for node in nodes {
            let started = wait_until(LIMIT, || stack.log(node).contains("Kafka Server started"));
            assert!(started, "{node} does not start:\n{}", stack.log(node));
        }
        Some(stack)
    }

    fn log(&self, node: &str) -> String {
        let logs = self.engine.docker(&["logs", &format!("case_{node}_1")]);
        String::from_utf8_lossy(&logs.stdout).into_owned()
    }

    /// One of Kafka's tools on the engine's host.
    fn tool(&self, class: &str, servers: &str, args: &[&str]) -> String {
        let mut command = self.engine.inside("java");
        command.args(kafka::java_args().unwrap()).arg(class);
        let done = run(command.args(["--bootstrap-server", servers]).args(args), LIMIT);
        assert!(done.status.success(), "{class} {args:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn topics(&self, servers: &str, args: &[&str]) -> String {
        self.tool("org.apache.kafka.tools.TopicCommand", servers, args)
    }

    /// The application, on the engine's host; it writes `logs/stop/NAME`.
    fn application(&self, name: &str, source: &str, args: &[String]) -> Process {
        let mut command = self.engine.inside("java");
        let settings = self.folder.path().join("log4j.properties");
        command
            .args(kafka::java_args().unwrap())
            .arg(format!("-Dlog4j.configuration=file:{}", settings.display()))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/incidents").join(source))
            .args(args);
        let log = self.folder.path().join("logs/stop").join(name);
        Process::start_listening(name, &mut command, &log)
    }

    /// The application with the settings that it really has: the producer's own bean, the
    /// listener's from `application.yml`.
    fn messages(&self, name: &str, timeouts: &Timeouts) -> Process {
        let mut args =
            vec!["localhost:9092".to_owned(), "localhost:9092,localhost:9093".to_owned()];
        args.extend(timeouts.settings().iter().map(|(key, value)| format!("{key}={value}")));
        self.application(name, "Messages.java", &args)
    }

    /// Writes shortened timeouts where the application sets its producer up, so that what is
    /// diagnosed is what ran.
    fn write_down(&self, timeouts: &Timeouts) {
        let path = self.folder.path().join("app/src/main/java/app/messages/MessagingConfig.java");
        let text = fs::read_to_string(&path).unwrap();
        let after =
            "settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class);\n";
        assert!(text.contains(after));
        let mut with = vec![after.to_owned()];
        for (key, value) in timeouts.settings() {
            with.push(format!("        settings.put(\"{key}\", {value});\n"));
        }
        fs::write(&path, text.replacen(after, &with.concat(), 1)).unwrap();
    }
}

/// How a node goes away.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// `docker stop`: SIGTERM, and a controlled shutdown while both voters still vote.
    Stop,
    /// `docker kill`: SIGKILL, and nothing can be written down any more.
    Kill,
}

impl Ending {
    fn apply(self, engine: &Engine, container: &str) {
        match self {
            Self::Stop => engine.ask(&["stop", container]),
            Self::Kill => engine.ask(&["kill", container]),
        };
    }
}

/// The number in front of `ms` in the first line with `before`.
fn number_after(log: &str, before: &str) -> Option<u64> {
    let (_, after) = log.split_once(before)?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}

fn one_of_two_nodes(ending: Ending) {
    let image = ("bitnami/kafka:3.9", KafkaImage::Bitnami);
    let Some(stack) = Stack::start(&case("one-broker-down"), image, &["kafka", "kafka2"]) else {
        return;
    };
    let timeouts = Timeouts::of_this_run();
    stack.write_down(&timeouts);
    // By the luck of placement the topic is on the node that will go.
    let on_node_0 = ["--create", "--topic", "my_topic", "--replica-assignment", "0"];
    stack.topics("localhost:9092", &on_node_0);
    let mut warm = stack.messages("messages.log", &timeouts);
    warm.tell("one");
    warm.wait_logged("sent one in", LIMIT);
    warm.wait_logged("received one", LIMIT);

    ending.apply(&stack.engine, "case_kafka_1");
    let begin = Instant::now();
    warm.tell("two");
    let mut cold = stack.messages("messages-restarted.log", &timeouts);
    cold.tell("three");

    // The application that was restarted meanwhile fails first: it never learns of the topic.
    let absent =
        format!("Topic my_topic not present in metadata after {} ms.", timeouts.max_block_ms);
    cold.wait_logged(&absent, Duration::from_millis(2 * timeouts.max_block_ms) + LIMIT);
    println!("{ending:?}, cold: `{absent}` {:?} after the end of the node", begin.elapsed());
    // Nobody answered it at all: then Kafka names no cause.
    assert_eq!(cold.logged("UnknownTopicOrPartitionException"), 0);

    // The one that ran all the time waits for a leader until the record is too old.
    warm.wait_logged("Expiring 1 record(s) for my_topic-0:", 2 * LIMIT);
    let log = fs::read_to_string(warm.log()).unwrap();
    let waited_ms = number_after(&log, "Expiring 1 record(s) for my_topic-0:").unwrap();
    println!("{ending:?}, warm: `Expiring 1 record(s) for my_topic-0:{waited_ms} ms has passed`");
    assert!((timeouts.delivery_ms..timeouts.delivery_ms + 3_000).contains(&waited_ms));

    // The other node stands for election for ever.
    let survivor = stack.log("kafka2");
    let elections = survivor.matches("the leader is (none)").count();
    assert!(elections >= 3, "{elections} elections:\n{survivor}");
    // Which of the two lines comes first depends on who led the quorum.
    let alone = [
        "Did not receive fetch request from the majority",
        "Become candidate due to fetch timeout",
    ];
    assert!(alone.iter().any(|line| survivor.contains(line)), "{survivor}");

    fs::write(stack.folder.path().join("logs/stop/kafka2.log"), stack.log("kafka2")).unwrap();
    let diagnosis = Diagnosis::of(stack.folder.path());
    println!("{:#?}", diagnosis.all());
    diagnosis.assert_observed("quorum-without-spare");
    diagnosis.assert_observed("single-replica");
    diagnosis.assert_observed("single-bootstrap");
    diagnosis.assert_names("setting-not-applied");
    diagnosis.assert_names("false-success");

    // Nothing but the node itself brings it back.
    stack.engine.ask(&["start", "case_kafka_1"]);
    let begin = Instant::now();
    let sent = wait_until(LIMIT, || {
        warm.tell("again");
        std::thread::sleep(Duration::from_secs(1));
        warm.logged("sent again in") > 0
    });
    assert!(sent, "it stays broken with the node back");
    println!("{ending:?}: sending works {:?} after the node's start", begin.elapsed());
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn one_of_two_nodes_stopped() {
    one_of_two_nodes(Ending::Stop);
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn one_of_two_nodes_killed() {
    one_of_two_nodes(Ending::Kill);
}

/// The same stop with the repaired stack: three voters, three replicas with two in sync, listeners
/// that reach each other, all nodes in the client's list.
fn one_of_three_nodes(ending: Ending) {
    const RECORDS: usize = 1_000;
    let servers = "localhost:9092,localhost:9093,localhost:9094";
    let image = ("apache/kafka:3.9.1", KafkaImage::Apache);
    let nodes = ["kafka", "kafka2", "kafka3"];
    let fixed = case("one-broker-down").join("fixed");
    let Some(stack) = Stack::start(&fixed, image, &nodes) else { return };
    let mut sender = stack.application(
        "numbers.log",
        "Numbers.java",
        &[servers.to_owned(), RECORDS.to_string(), "20".to_owned()],
    );
    sender.wait_logged("acknowledged 100", LIMIT);

    // The node that goes leads the topic and coordinates: that is the worst one to lose.
    let described = stack.topics(servers, &["--describe", "--topic", "my_topic"]);
    let leader = number_after(&described, "Leader: ").unwrap_or_else(|| panic!("{described}"));
    assert!(described.contains("ReplicationFactor: 3"), "{described}");
    assert!(described.contains("min.insync.replicas=2"), "{described}");
    let begin = Instant::now();
    ending.apply(&stack.engine, &format!("case_{}_1", nodes[leader as usize]));
    println!("{ending:?}: the leader ended within {:?}", begin.elapsed());

    let ended = sender.wait(LIMIT);
    assert!(
        ended.is_some_and(|ended| ended.success()),
        "{}",
        wonin_testbed::tail(sender.log(), 30)
    );
    assert_eq!(sender.logged("not sent"), 0);
    let log = fs::read_to_string(sender.log()).unwrap();
    let longest_ms = number_after(&log, "the longest took ").unwrap();
    println!("{ending:?}: all of {RECORDS} acknowledged, the longest after {longest_ms} ms");

    // Nobody's word is taken for it: another program reads what is stored.
    let stored = stack.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        servers,
        &["--topic", "my_topic", "--from-beginning", "--timeout-ms", "15000"],
    );
    let stored: Vec<usize> = stored.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(stored, (0..RECORDS).collect::<Vec<_>>(), "lost, doubled or out of order");
    // The listener's group lives on as well.
    let groups = stack.tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        servers,
        &["--describe", "--group", "my-group", "--state"],
    );
    assert!(groups.contains("Stable"), "{groups}");

    for node in nodes {
        let log = stack.folder.path().join(format!("logs/stop/{node}.log"));
        fs::write(log, stack.log(node)).unwrap();
    }
    let diagnosis = Diagnosis::of(stack.folder.path());
    println!("{:#?}", diagnosis.all());
    for mode in
        ["quorum-without-spare", "single-replica", "single-bootstrap", "advertised-loopback"]
    {
        assert!(!diagnosis.names(mode), "{mode} is named: {:#?}", diagnosis.all());
    }
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn one_of_three_nodes_stopped() {
    one_of_three_nodes(Ending::Stop);
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn one_of_three_nodes_killed() {
    one_of_three_nodes(Ending::Kill);
}
