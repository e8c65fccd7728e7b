//! `cases/stale-address` with a real Pinot on a real ZooKeeper: the server gets another address,
//! while it is down or under its feet.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wonin_testbed::pinot::{Identity, Options, Pinot};
use wonin_testbed::{available, run, tail, wait_until};

use crate::diagnosis::Diagnosis;

const LIMIT: Duration = Duration::from_mins(2);
const ROWS: u64 = 10;
/// Pinot's own session at ZooKeeper.
const SESSION_MS: u32 = 30_000;
const COUNT: &str = "select count(*) from visits";
const OLD: &str = "Server_10.77.0.3_8098";
const NEW: &str = "Server_10.77.0.4_8098";

/// What the stack is in a Compose file: nothing says under what the parts register.
const COMPOSE: &str = "\
services:
  pinot-zoo:
    image: zookeeper:3.8
    restart: unless-stopped
    volumes: [zoo:/data]
    networks: [pinot]
  pinot-controller:
    image: apachepinot/pinot:0.11.0
    restart: unless-stopped
    command: StartController -zkAddress pinot-zoo:2181 -clusterName pc
    networks: [pinot]
  pinot-broker:
    image: apachepinot/pinot:0.11.0
    restart: unless-stopped
    command: StartBroker -zkAddress pinot-zoo:2181 -clusterName pc
    networks: [pinot]
  pinot-server:
    image: apachepinot/pinot:0.11.0
    restart: unless-stopped
    command: StartServer -zkAddress pinot-zoo:2181 -clusterName pc
    volumes: [segments:/tmp/data]
    networks: [pinot]
networks:
  pinot:
    ipam:
      config: [{subnet: 10.77.0.0/24}]
volumes:
  zoo:
  segments:
";

fn is_long() -> bool {
    std::env::var_os("WONIN_LONG").is_some()
}

/// Whoever is silent is forgotten after 30 s, or, to be quicker, after 8 s.
fn short_session_ms() -> u32 {
    if is_long() { SESSION_MS } else { 8_000 }
}

/// A cluster, and what it answered to each query.
struct Stack {
    pinot: Pinot,
    answers: RefCell<Vec<String>>,
}

/// A cluster with a table that answers.
fn start(identity: Identity, session_ms: u32) -> Option<Stack> {
    let pinot = available(Pinot::start(Options { identity, session_ms }))?;
    pinot.load(ROWS as usize);
    let stack = Stack { pinot, answers: RefCell::default() };
    stack.wait_rows(Some(ROWS));
    Some(stack)
}

/// What a query answers: the count of rows if there is one, the codes and texts of errors.
struct Answered {
    rows: Option<u64>,
    errors: Vec<(i64, String)>,
    text: String,
}

impl Stack {
    fn ask(&self) -> Answered {
        let answer = self.pinot.query(COUNT);
        let now = run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]), LIMIT);
        let now = String::from_utf8_lossy(&now.stdout).trim().to_owned();
        self.answers.borrow_mut().push(format!("{now} {}\n", answer.body.trim()));
        let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let errors = value["exceptions"].as_array().into_iter().flatten();
        let errors = errors
            .map(|error| {
                let text = error["message"].as_str().unwrap_or_default().to_owned();
                (error["errorCode"].as_i64().unwrap_or_default(), text)
            })
            .collect();
        Answered { rows: value["resultTable"]["rows"][0][0].as_u64(), errors, text: answer.body }
    }

    /// Waits until queries answer without errors; with that many rows, or without any.
    fn wait_rows(&self, rows: Option<u64>) -> Duration {
        let begin = Instant::now();
        let mut last = self.ask();
        let met = wait_until(LIMIT, || {
            std::thread::sleep(Duration::from_millis(300));
            last = self.ask();
            last.errors.is_empty() && last.rows.filter(|rows| *rows > 0) == rows
        });
        assert!(met, "not {rows:?} rows: {}", last.text);
        begin.elapsed()
    }

    /// The codes of a query that fails, its texts in one line, and how long it took.
    fn fail(&self) -> (Vec<i64>, String, Duration) {
        let begin = Instant::now();
        let answered = self.ask();
        assert!(!answered.errors.is_empty(), "the query works: {}", answered.text);
        let (codes, texts): (Vec<i64>, Vec<String>) = answered.errors.into_iter().unzip();
        let firsts: Vec<&str> = texts.iter().filter_map(|text| text.lines().next()).collect();
        (codes, firsts.join(" · "), begin.elapsed())
    }

    fn instances(&self) -> Vec<String> {
        let value: Value = serde_json::from_str(&self.pinot.get("/instances")).unwrap();
        let ids = value["instances"].as_array().into_iter().flatten();
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }

    fn has(&self, id: &str) -> bool {
        self.instances().iter().any(|one| one == id)
    }

    /// The folder that a team could have saved.
    fn saved(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let pinot = &self.pinot;
        put("docker-compose.yml", COMPOSE);
        put("live/instances.json", &pinot.get("/instances"));
        put("live/liveinstances.json", &pinot.list("LIVEINSTANCES"));
        put("live/idealstate.json", &pinot.get("/tables/visits/idealstate"));
        put("live/externalview.json", &pinot.get("/tables/visits/externalview"));
        put("logs/queries.log", &self.answers.borrow().concat());
        let log = |path: &Path| fs::read_to_string(path).unwrap();
        put("logs/pinot-broker.log", &log(pinot.broker_log()));
        put("logs/pinot-server.log", &log(&pinot.server_log()));
        folder
    }
}

#[test]
#[ignore = "needs root, a JVM and Pinot's jars; ./test runs it"]
fn server_comes_back_under_another_address() {
    let Some(mut stack) = start(Identity::Address, short_session_ms()) else { return };
    assert!(stack.has(OLD), "{:?}", stack.instances());

    // The host of the server goes down; what it answered is refused at once.
    stack.pinot.kill_server();
    let (codes, texts, took) = stack.fail();
    println!("killed: {codes:?} after {took:?}: {texts}");
    assert!(codes.contains(&427), "{codes:?}");
    assert!(texts.contains("10.77.0.3"), "{texts}");
    assert!(texts.contains("Connection refused") || texts.contains("not responded"), "{texts}");

    // It comes back with its data, and another address.
    stack.pinot.move_server(4);
    stack.pinot.start_server();
    // A query that is sent before the old session ends waits for Netty's 30 s; do not.
    let begin = Instant::now();
    let is_online = || stack.pinot.get("/tables/visits/externalview").contains("\"ONLINE\"");
    assert!(is_long() || wait_until(LIMIT, || !is_online()), "the session does not end");
    stack.wait_rows(None);
    println!(
        "the query answers without error and without rows after another {:?}",
        begin.elapsed()
    );
    let ids = stack.instances();
    assert!(ids.iter().any(|id| id == OLD) && ids.iter().any(|id| id == NEW), "{ids:?}");
    let ideal = stack.pinot.get("/tables/visits/idealstate");
    assert!(ideal.contains(OLD) && !ideal.contains(NEW), "{ideal}");
    assert!(!is_online(), "a segment is online somewhere");

    // Time does not heal it, and a restart does not either.
    stack.pinot.start_server();
    std::thread::sleep(Duration::from_secs(3));
    let answered = stack.ask();
    assert_ne!(answered.rows, Some(ROWS), "it healed by itself: {}", answered.text);
    assert!(answered.errors.is_empty(), "{}", answered.text);

    let folder = stack.saved();
    let diagnosis = Diagnosis::of(folder.path());
    println!("{:#?}", diagnosis.all());
    diagnosis.assert_observed("address-as-identity");
    diagnosis.assert_observed("stale-registration");

    repair(&stack);
}

/// In the wrong order the repair is refused or does nothing; in the right one it works.
fn repair(stack: &Stack) {
    let rebalance = "/tables/visits/rebalance?type=OFFLINE&downtime=true";
    let delete = format!("/instances/{OLD}");
    let refused = stack.pinot.controller("DELETE", &delete, "");
    println!("deleted first: {} {}", refused.status, refused.body.replace('\n', " "));
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("exists in ideal state"), "{}", refused.body);
    let idle = stack.pinot.controller("POST", rebalance, "");
    println!("rebalanced first: {} {}", idle.status, idle.body.replace('\n', " "));
    assert!(idle.body.contains("NO_OP"), "{}", idle.body);

    let untag = format!("/instances/{OLD}/updateTags?tags=server_untagged");
    let untagged = stack.pinot.controller("PUT", &untag, "");
    assert_eq!(untagged.status, 200, "{}", untagged.body);
    let rebalanced = stack.pinot.controller("POST", rebalance, "");
    assert_eq!(rebalanced.status, 200, "{}", rebalanced.body);
    assert!(!rebalanced.body.contains("NO_OP"), "{}", rebalanced.body);
    let took = stack.wait_rows(Some(ROWS));
    println!("untagged and rebalanced: the rows are back after {took:?}");
    let deleted = stack.pinot.controller("DELETE", &delete, "");
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert!(!stack.has(OLD));
    assert_eq!(stack.ask().rows, Some(ROWS));
}

#[test]
#[ignore = "needs root, a JVM and Pinot's jars; ./test runs it"]
fn address_changes_under_the_running_server() {
    let Some(mut stack) = start(Identity::Address, SESSION_MS) else { return };
    stack.pinot.move_server(4);
    let (codes, texts, took) = stack.fail();
    println!("moved: {codes:?} after {took:?}: {texts}");
    assert!(texts.contains("1 servers [10.77.0.3_O] not responded"), "{texts}");
    assert!(took >= Duration::from_secs(9), "{took:?}");

    // ZooKeeper's client notices after two thirds of its session and comes back from the new
    // address with the same session: what is registered outlives the address.
    let log = stack.pinot.server_log();
    let silent = "Client session timed out, have not heard from server in";
    let noticed = wait_until(LIMIT, || fs::read_to_string(&log).unwrap().contains(silent));
    assert!(noticed, "{}", tail(&log, 30));
    let session = |dump: &str| {
        let (before, _) = dump.split_once(&format!("/pc/LIVEINSTANCES/{OLD}"))?;
        before.lines().rev().find(|line| line.starts_with("0x")).map(str::to_owned)
    };
    let mut kept = None;
    wait_until(LIMIT, || {
        let dump = stack.pinot.zookeeper("dump");
        let live = session(&dump);
        kept = live.filter(|id| {
            let id = id.trim_end_matches(':');
            dump.lines().any(|line| line.contains("/10.77.0.4:") && line.ends_with(id))
        });
        kept.is_some()
    });
    let kept = kept.unwrap_or_else(|| panic!("{}", stack.pinot.zookeeper("dump")));
    println!("the session {kept} of {OLD} is held from 10.77.0.4");
    // For longer than two sessions every query waits its ten seconds.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(2 * u64::from(SESSION_MS)) {
        let (_, texts, _) = stack.fail();
        assert!(texts.contains("1 servers [10.77.0.3_O] not responded"), "{texts}");
    }
    assert!(
        stack.pinot.list("LIVEINSTANCES").contains(OLD),
        "waiting for the session to end helps"
    );
    assert!(!stack.has(NEW));

    let folder = stack.saved();
    let diagnosis = Diagnosis::of(folder.path());
    println!("{:#?}", diagnosis.all());
    diagnosis.assert_names("address-as-identity");
    diagnosis.assert_observed("stale-registration");
}

#[test]
#[ignore = "needs root, a JVM and Pinot's jars; ./test runs it"]
fn server_with_a_name_comes_back_under_another_address() {
    let Some(mut stack) = start(Identity::Name, short_session_ms()) else { return };
    let before = stack.instances();
    stack.pinot.kill_server();
    stack.pinot.move_server(4);
    stack.pinot.start_server();
    let took = stack.wait_rows(Some(ROWS));
    println!("with a name: the rows are back {took:?} after the start");
    assert_eq!(stack.instances(), before);
    assert!(before.iter().any(|id| id == "Server_pinot-server_8098"), "{before:?}");
    // And again, which would leave a second dead one behind an address.
    stack.pinot.kill_server();
    stack.pinot.move_server(7);
    stack.pinot.start_server();
    stack.wait_rows(Some(ROWS));
    assert_eq!(stack.instances(), before);

    let folder = stack.saved();
    let named = ["Controller", "Broker", "Server"].iter().fold(COMPOSE.to_owned(), |text, part| {
        let lower = part.to_lowercase();
        text.replace(&format!("Start{part} "), &format!("Start{part} -{lower}Host pinot-{lower} "))
    });
    fs::write(folder.path().join("docker-compose.yml"), named).unwrap();
    let diagnosis = Diagnosis::of(folder.path());
    println!("{:#?}", diagnosis.all());
    for mode in ["address-as-identity", "stale-registration"] {
        assert!(!diagnosis.names(mode), "{mode}: {:#?}", diagnosis.all());
    }
}
