//! `wonin proxy --kafka` before three real brokers, with the clients that people use.
//!
//! `cargo test --package wonin --test kafka_proxy -- --ignored --nocapture` runs it; `./test`
//! installs the clients (step `clients`) and calls that. Clients that are not installed are named
//! and left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a long test says what it sees")]
#![allow(clippy::disallowed_methods, reason = "a test measures, and tells its child who it is")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use wonin_testbed::kafka::{self, Cluster, Options};

/// How long clients send.
const SECONDS: &str = "40";
/// Longer than any client takes.
const LIMIT: Duration = Duration::from_mins(3);
/// Tells a copy of this program to be the client of librdkafka.
const AS_CLIENT: &str = "WONIN_TEST_LIBRDKAFKA";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn clients() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kafka_clients")
}

/// The proxy as a process; killed when dropped.
struct Proxy {
    child: Child,
    api: String,
    bootstrap: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A process that has ended already is as good.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Proxy {
    fn start(brokers: &str, args: &[&str]) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("wonin"))
            .args(["proxy", "--listen", "127.0.0.1:0", "--kafka", brokers])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("control API is listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended early");
        }
        let api = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        let mut proxy = Self { child, api: api.to_owned(), bootstrap: String::new() };
        // What it warns of belongs to the output of the test.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok).filter(|line| line.contains("WARN")) {
                println!("proxy: {line}");
            }
        });
        let told = proxy.ask("GET", "/kafka/brokers", "").1;
        told["bootstrap"].as_str().unwrap().clone_into(&mut proxy.bootstrap);
        proxy
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        ask(&self.api, method, path, body)
    }

    fn add(&self, fault: &Value) {
        let (status, told) = self.ask("POST", "/kafka/faults", &fault.to_string());
        assert_eq!(status, 201, "{told}");
    }

    fn remove(&self, name: &str) {
        assert_eq!(self.ask("DELETE", &format!("/kafka/faults/{name}"), "").0, 204);
    }

    fn hits(&self, name: &str) -> Value {
        let told = self.ask("GET", "/hits", "").1;
        let faults = told["kafka"]["faults"].as_array().unwrap();
        faults.iter().rev().find(|fault| fault["name"] == name).unwrap().clone()
    }
}

/// Status and JSON of the control API.
fn ask(api: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn cluster(net: u8) -> Option<Cluster> {
    match Cluster::start(&Options { brokers: 3, net, ..Options::default() }) {
        Ok(cluster) => Some(cluster),
        Err(skip) => {
            println!("skipped: {}", skip.0);
            None
        }
    }
}

/// A client program, if it is installed here.
fn client(name: &str, bootstrap: &str) -> Option<Command> {
    let cache = root().join(".cache/clients");
    let mut command = match name {
        "kafkajs" => {
            let modules = cache.join("node/node_modules");
            modules.join("kafkajs").is_dir().then(|| {
                let mut command = Command::new("node");
                command.env("NODE_PATH", modules).arg(clients().join("kafkajs.js"));
                command
            })
        }
        "franz" => {
            let program = cache.join("bin/franz");
            program.is_file().then(|| Command::new(program))
        }
        _ => {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.env(AS_CLIENT, format!("{bootstrap} {name} {SECONDS}"));
            command.args(["--ignored", "--exact", "librdkafka_client", "--nocapture"]);
            return Some(command);
        }
    }?;
    command.args([bootstrap, name, SECONDS]);
    Some(command)
}

/// The last line of a client, which is its account.
fn account(name: &str, output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.unwrap_or_else(|| panic!("{name} gave no account: {output:?}"));
    println!("{name}: {line}");
    serde_json::from_str(line).unwrap()
}

#[test]
#[ignore = "starts three real brokers: see the comment at the top"]
fn clients_stay_with_the_proxy_while_leaders_move() {
    let Some(mut cluster) = cluster(42) else { return };
    let proxy = Proxy::start(&cluster.broker(1).address(), &[]);
    let names = ["java", "librdkafka", "kafkajs", "franz"];
    for name in names {
        cluster.create_topic(name, 6, 3, &[("min.insync.replicas", "2")]);
    }
    let done = Arc::new(AtomicBool::new(false));
    let watcher = thread::spawn({
        let (api, done) = (proxy.api.clone(), Arc::clone(&done));
        move || watch(&api, &done)
    });
    let accounts = thread::scope(|scope| {
        let mut running = Vec::new();
        for name in names {
            let bootstrap = proxy.bootstrap.clone();
            if name == "java" {
                let source = clients().join("KafkaClient.java");
                let run = move || kafka::java(&source, &[&bootstrap, name, SECONDS], LIMIT);
                running.push((name, scope.spawn(run)));
                continue;
            }
            let Some(mut command) = client(name, &bootstrap) else {
                println!("skipped: {name} is not installed");
                continue;
            };
            running.push((name, scope.spawn(move || command.output().unwrap())));
        }
        move_leaders(&mut cluster);
        let finished = running.into_iter().map(|(name, run)| (name, run.join().unwrap()));
        finished.map(|(name, output)| (name, account(name, &output))).collect::<BTreeMap<_, _>>()
    });
    done.store(true, Relaxed);
    let (looks, most_open) = watcher.join().unwrap();
    println!("looked {looks} times, up to {most_open} connections through the proxy");
    for (name, account) in &accounts {
        assert_eq!(account["failed"], 0, "{name} could not send");
        let acknowledged = account["acknowledged"].as_u64().unwrap();
        assert!(acknowledged > 300, "{name}: {account}");
        let log = read_all(&cluster.bootstrap(), name, 6, acknowledged as usize);
        assert_eq!(log.len() as u64, acknowledged, "{name}: what was acknowledged is in the log");
        // The group consumer of kafkajs skips records when leaders move, without any proxy too.
        if *name != "kafkajs" {
            assert_eq!(account["missing"], 0, "{name} did not get all records");
        }
    }
    assert!(looks > 50 && most_open >= 2 * accounts.len() as u64);

    // That nobody was seen going around is worth something only if somebody would be.
    let listener = proxy.bootstrap.split(',').next().unwrap();
    let _through = TcpStream::connect(listener).unwrap();
    let _around = TcpStream::connect(cluster.broker(3).address()).unwrap();
    let seen = proxy.ask("GET", "/kafka/escapes", "").1;
    assert_eq!(seen["escapes"][0]["pid"], std::process::id(), "{seen}");
    assert_eq!(seen["escapes"][0]["broker"], 3);
}

/// Looks for clients that go around until told to end. Gives how often, and the most connections.
fn watch(api: &str, done: &AtomicBool) -> (u64, u64) {
    let (mut looks, mut most_open) = (0, 0);
    while !done.load(Relaxed) {
        let seen = ask(api, "GET", "/kafka/escapes", "").1;
        assert_eq!(seen["escapes"], json!([]), "a client goes around the proxy");
        let brokers = ask(api, "GET", "/kafka/brokers", "").1;
        let open = brokers["brokers"].as_array().unwrap().iter().map(|b| b["open"].as_u64());
        most_open = most_open.max(open.flatten().sum());
        looks += 1;
        thread::sleep(Duration::from_millis(150));
    }
    (looks, most_open)
}

/// Silence, a controlled shutdown, a crash; after each the leaders go back.
fn move_leaders(cluster: &mut Cluster) {
    let start = Instant::now();
    let elect = |cluster: &Cluster| {
        let args = ["--election-type", "preferred", "--all-topic-partitions"];
        // Where every leader is the preferred one already, it says so and fails.
        cluster.tool("org.apache.kafka.tools.LeaderElectionCommand", &args, LIMIT);
    };
    thread::sleep(Duration::from_secs(8));
    println!("{:?}: node 1 is silent", start.elapsed());
    cluster.pause(1);
    thread::sleep(Duration::from_secs(5));
    cluster.resume(1);
    thread::sleep(Duration::from_secs(2));
    elect(cluster);
    println!("{:?}: node 2 is shut down", start.elapsed());
    cluster.stop_graceful(2);
    cluster.restart(2);
    thread::sleep(Duration::from_secs(1));
    elect(cluster);
    println!("{:?}: node 3 is killed", start.elapsed());
    cluster.kill(3);
    thread::sleep(Duration::from_secs(4));
    cluster.restart(3);
    thread::sleep(Duration::from_secs(1));
    elect(cluster);
    println!("{:?}: all are back", start.elapsed());
}

/// Not a test: what a copy of this program does for the one above.
#[test]
#[ignore = "the client of another test"]
fn librdkafka_client() {
    let Ok(told) = std::env::var(AS_CLIENT) else { return };
    let told: Vec<&str> = told.split(' ').collect();
    let [bootstrap, topic, seconds] = told[..] else { panic!("{told:?}") };
    let seconds = Duration::from_secs(seconds.parse().unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let (tell, told) = std::sync::mpsc::channel();
    let reader = thread::spawn({
        let (bootstrap, topic, done) = (bootstrap.to_owned(), topic.to_owned(), Arc::clone(&done));
        move || {
            let consumer: BaseConsumer = config(&bootstrap)
                .set("group.id", format!("librdkafka-{topic}"))
                .set("auto.offset.reset", "earliest")
                .create()
                .unwrap();
            consumer.subscribe(&[&topic]).unwrap();
            while !done.load(Relaxed) {
                if let Some(Ok(record)) = consumer.poll(Duration::from_millis(200)) {
                    tell.send(record.payload().unwrap().to_vec()).unwrap();
                }
            }
        }
    });
    let producer: ThreadedProducer<DefaultProducerContext> =
        config(bootstrap).set("enable.idempotence", "true").create().unwrap();
    let end = Instant::now() + seconds;
    let mut sent = 0_u64;
    while Instant::now() < end {
        let number = sent.to_string();
        producer.send(BaseRecord::to(topic).key(&number).payload(&number)).unwrap();
        sent += 1;
        thread::sleep(Duration::from_millis(10));
    }
    // With idempotence everything is acknowledged in time or the flush fails.
    producer.flush(Duration::from_mins(1)).unwrap();
    let mut read = BTreeMap::<Vec<u8>, u64>::new();
    let patience = Instant::now() + Duration::from_mins(1);
    while (read.len() as u64) < sent && Instant::now() < patience {
        if let Ok(number) = told.recv_timeout(Duration::from_millis(200)) {
            *read.entry(number).or_default() += 1;
        }
    }
    done.store(true, Relaxed);
    reader.join().unwrap();
    let twice: u64 = read.values().map(|count| count - 1).sum();
    let missing = sent - read.len() as u64;
    let account = json!({
        "sent": sent, "acknowledged": sent, "failed": 0, "read": read.len(), "missing": missing,
        "twice": twice,
    });
    println!("\n{account}");
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("client.id", "librdkafka");
    config.set("socket.timeout.ms", "5000").set("log_level", "0");
    config
}

/// Sends one by one; the errors by number.
fn send_one_by_one(bootstrap: &str, topic: &str, count: u32, more: &[(&str, &str)]) {
    let mut config = config(bootstrap);
    config.set("request.timeout.ms", "5000").set("linger.ms", "0");
    for (key, value) in more {
        config.set(*key, *value);
    }
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().unwrap();
    for number in 0..count {
        let number = number.to_string();
        producer.send(BaseRecord::to(topic).key(&number).payload(&number)).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
    }
}

/// All records of a topic by value, from the real brokers.
fn read_all(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    at_least: usize,
) -> BTreeMap<String, u64> {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", format!("reader-{topic}"))
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut assignment = rdkafka::TopicPartitionList::new();
    for partition in 0..partitions {
        let start = rdkafka::Offset::Beginning;
        assignment.add_partition_offset(topic, partition, start).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut read = BTreeMap::new();
    let patience = Instant::now() + Duration::from_secs(30);
    let mut ended = BTreeSet::new();
    while Instant::now() < patience && (ended.len() < partitions as usize || read.len() < at_least)
    {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(record)) => {
                let value = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
                *read.entry(value).or_default() += 1;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = ended.insert(partition),
            _ => {}
        }
    }
    read
}

#[test]
#[ignore = "starts three real brokers: see the comment at the top"]
fn a_lost_answer_makes_a_duplicate_and_a_lost_request_does_not() {
    let Some(cluster) = cluster(43) else { return };
    let proxy = Proxy::start(&cluster.bootstrap(), &["--seed", "7"]);
    let cases = [
        ("lost-answer", "lose_response", "false", 1),
        ("lost-request", "lose_request", "false", 0),
        ("lost-answer-idempotent", "lose_response", "true", 0),
    ];
    for (topic, act, idempotence, duplicates) in cases {
        cluster.create_topic(topic, 1, 3, &[]);
        // Until its leader knows that it leads, it refuses what is sent, and a refusal that is lost
        // makes no duplicate.
        assert!(read_all(&cluster.bootstrap(), topic, 1, 0).is_empty());
        proxy.add(&json!({
            "name": topic, "on": {"api": "Produce", "topic": topic, "nth": 5}, "act": act,
        }));
        send_one_by_one(&proxy.bootstrap, topic, 20, &[("enable.idempotence", idempotence)]);
        let read = read_all(&cluster.bootstrap(), topic, 1, 20);
        let twice: Vec<_> = read.iter().filter(|(_, count)| **count > 1).collect();
        println!("{topic}: {} records, twice {twice:?}, hits {}", read.len(), proxy.hits(topic));
        assert_eq!(read.len(), 20, "{topic}: nothing is lost");
        assert_eq!(twice.len(), duplicates, "{topic}: {twice:?}");
        assert_eq!(proxy.hits(topic)["requests"], 1, "{topic}");
        proxy.remove(topic);
    }
}

#[test]
#[ignore = "starts three real brokers: see the comment at the top"]
fn errors_are_understood_by_the_java_client() {
    let Some(cluster) = cluster(44) else { return };
    let proxy = Proxy::start(&cluster.bootstrap(), &[]);
    cluster.create_topic("errors", 3, 3, &[]);
    // Each once or twice, so that a client that understands them recovers by itself. The producer
    // is idempotent: were its very first batch of a partition refused, a second one under way would
    // be taken as the first, since a broker accepts any sequence number of a producer that it does
    // not know yet, and the refused one could never follow. Hence errors come later.
    let errors = [
        ("Produce", "NOT_LEADER_OR_FOLLOWER", 2),
        ("Fetch", "NOT_LEADER_OR_FOLLOWER", 2),
        ("Metadata", "LEADER_NOT_AVAILABLE", 1),
        ("FindCoordinator", "COORDINATOR_NOT_AVAILABLE", 2),
        ("InitProducerId", "COORDINATOR_LOAD_IN_PROGRESS", 1),
        ("JoinGroup", "COORDINATOR_LOAD_IN_PROGRESS", 1),
        ("SyncGroup", "REBALANCE_IN_PROGRESS", 1),
        ("Heartbeat", "REBALANCE_IN_PROGRESS", 1),
        ("OffsetCommit", "COORDINATOR_LOAD_IN_PROGRESS", 1),
        ("OffsetFetch", "COORDINATOR_LOAD_IN_PROGRESS", 1),
        ("ListOffsets", "NOT_LEADER_OR_FOLLOWER", 1),
    ];
    for (api, code, count) in errors {
        let nth = if api == "Produce" { 30 } else { 1 };
        proxy.add(&json!({
            "name": api, "on": {"api": api, "client_id": "java", "nth": nth, "count": count},
            "act": {"type": "error", "code": code},
        }));
    }
    let source = clients().join("KafkaClient.java");
    let output = kafka::java(&source, &[&proxy.bootstrap, "errors", "12"], LIMIT);
    let account = account("java", &output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&account["missing"], &account["failed"]), (&json!(0), &json!(0)), "{said}");
    for (api, _, count) in errors {
        let hits = proxy.hits(api);
        println!("{api}: {hits}");
        assert_eq!(hits["requests"], count, "{api}");
    }
}

#[test]
#[ignore = "starts three real brokers: see the comment at the top"]
fn transactions_survive_errors_and_a_late_end() {
    let Some(cluster) = cluster(45) else { return };
    let proxy = Proxy::start(&cluster.bootstrap(), &[]);
    cluster.create_topic("transactions", 1, 3, &[]);
    let id = "librdkafka-1";
    for (api, code) in [
        ("InitProducerId", "COORDINATOR_LOAD_IN_PROGRESS"),
        ("AddPartitionsToTxn", "CONCURRENT_TRANSACTIONS"),
        ("EndTxn", "COORDINATOR_NOT_AVAILABLE"),
    ] {
        proxy.add(&json!({
            "name": api, "on": {"api": api, "transactional_id": id, "nth": 1},
            "act": {"type": "error", "code": code},
        }));
    }
    proxy.add(&json!({
        "name": "late", "on": {"api": "EndTxn", "transactional_id": "librdkafka-*", "nth": 2},
        "act": {"type": "delay", "ms": 1500},
    }));
    let producer: ThreadedProducer<DefaultProducerContext> =
        config(&proxy.bootstrap).set("transactional.id", id).create().unwrap();
    let limit = Duration::from_secs(30);
    producer.init_transactions(limit).unwrap();
    let mut took = Vec::new();
    for number in ["0", "1", "2"] {
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::to("transactions").key(number).payload(number)).unwrap();
        let start = Instant::now();
        producer.commit_transaction(limit).unwrap();
        took.push(start.elapsed());
    }
    println!("commits took {took:?}");
    // The first request got its error before the second fault saw it.
    assert!(took[1] >= Duration::from_millis(1500) && took[2] < Duration::from_millis(1500));
    for name in ["InitProducerId", "AddPartitionsToTxn", "EndTxn", "late"] {
        assert_eq!(proxy.hits(name)["requests"], 1, "{name}");
    }
    let read = read_all(&cluster.bootstrap(), "transactions", 1, 3);
    assert_eq!(read.values().collect::<Vec<_>>(), [&1, &1, &1]);
}

#[test]
fn what_cannot_be_is_said_at_once() {
    // Nobody listens there: the port was free a moment ago, and is not given again so soon.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (bootstrap, word) in [
        (nobody.to_string(), "no broker can be reached"),
        ("192.0.2.1:9092".to_owned(), "--allow-remote"),
        ("broker".to_owned(), "HOST:PORT"),
    ] {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("wonin"))
            .args(["proxy", "--listen", "127.0.0.1:0", "--kafka", &bootstrap])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word), "{text}");
    }
}

/// The programs are there, whether they can be run here or not.
#[test]
fn client_programs_are_kept_with_the_test() {
    for file in ["KafkaClient.java", "kafkajs.js", "franz/main.go", "franz/go.sum"] {
        let path: &Path = &clients().join(file);
        assert!(fs::metadata(path).unwrap().is_file(), "{file}");
    }
}
