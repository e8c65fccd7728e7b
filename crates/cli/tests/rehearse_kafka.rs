//! `wonin rehearse kafka`: what it refuses; and, with real brokers in real containers, what it
//! finds, what `--prove` confirms, and that nothing is left of it, however it ends. The tests with
//! brokers are run by `./test`, or as root by
//! `cargo test -p wonin --test rehearse_kafka -- --ignored --test-threads 1`.
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]
#![allow(clippy::print_stdout, reason = "./test shows what was measured")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{dir, run};
use tempfile::TempDir;
use wonin_testbed::docker::{Engine, KafkaImage};
use wonin_testbed::kafka::{Cluster, Options};
use wonin_testbed::{Process, available, run as run_limited, wait_until};

/// Longer than any rehearsal here; a proof takes about six minutes.
const LIMIT: Duration = Duration::from_mins(15);
const SOON: Duration = Duration::from_mins(1);

#[test]
fn a_compose_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    let broken = "services:\n  a:\n    - b: [\n";
    let dir =
        dir([("broken.yml", broken), ("other.yml", "x: 1\n"), ("empty.yml", "services: {}\n")]);
    let refused = |args: &[&str]| {
        let answer = run(dir.path(), &[&["rehearse", "kafka", "--dry-run"], args].concat());
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{answer:?}");
        answer.err
    };
    let told = refused(&["--compose", "nope.yml"]);
    assert!(told.contains("cannot read `nope.yml`"), "{told}");
    assert!(told.contains("no such file or directory"), "{told}");
    let told = refused(&["--compose", "broken.yml"]);
    assert!(told.contains("`broken.yml:3:"), "{told}");
    assert!(told.contains("not valid YAML"), "{told}");
    for file in ["other.yml", "empty.yml"] {
        let told = refused(&["--compose", file, "--prove"]);
        assert!(told.contains(&format!("`{file}`")), "{told}");
    }
}

#[test]
fn addresses_at_which_nobody_listens_are_named_at_once() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (one, other) = (free(), free());
    let none = dir([]);
    let both = format!("{one},{other},shop");
    let begin = Instant::now();
    let answer = run(none.path(), &["rehearse", "kafka", "--bootstrap", &both, "--dry-run"]);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    let told = format!(
        "error: no broker can be reached: {one}: connection refused; {other}: connection refused; \
         shop: `shop` has no port\n\nhint: start one, or give an address at which one listens\n"
    );
    assert_eq!((answer.code, answer.err), (Some(2), told));
}

#[test]
fn a_compose_file_with_something_to_complain_of_is_used_all_the_same() {
    let text = "services:\n  kafka:\n    image: bitnami/kafka:3.9\n    ports: ['9092:9092']\n    \
                environment:\n      KAFKA_CFG_NODE_ID: 1\n      KAFKA_CFG_PROCESS_ROLES: \
                broker,controller\n      KAFKA_CFG_ADVERTISED_LISTENERS: \
                PLAINTEXT://localhost:9092\n  app:\n    image: shop:${TAG}\n    env_file: \
                missing.env\n";
    let dir = dir([("compose.yml", text)]);
    let answer =
        run(dir.path(), &["rehearse", "kafka", "--compose", "compose.yml", "--up", "--dry-run"]);
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{answer:?}");
    assert!(answer.out.contains("at localhost:9092: container of service kafka"), "{answer:?}");
}

#[test]
fn of_several_projects_that_of_the_directory_is_meant() {
    let compose = |port: u16| {
        format!(
            "services:\n  kafka:\n    image: bitnami/kafka:3.9\n    ports: ['{port}:9092']\n    \
             environment:\n      KAFKA_CFG_NODE_ID: 1\n      KAFKA_CFG_PROCESS_ROLES: \
             broker,controller\n      KAFKA_CFG_ADVERTISED_LISTENERS: \
             PLAINTEXT://localhost:{port}\n"
        )
    };
    let (top, below) = (compose(9092), compose(9093));
    let up = ["rehearse", "kafka", ".", "--up", "--stop", "1", "--dry-run"];
    let both = dir([("compose.yml", top.as_str()), ("other/compose.yml", below.as_str())]);
    let answer = run(both.path(), &up);
    assert!(answer.out.contains("it takes: 9092\n"), "{answer:?}");
    let equal = dir([("a/compose.yml", top.as_str()), ("b/compose.yml", below.as_str())]);
    let answer = run(equal.path(), &up);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("a/compose.yml, b/compose.yml"), "{answer:?}");
}

#[test]
fn a_copy_never_writes_to_data_that_is_not_its_own() {
    let with = |volume: &str, volumes: &str| {
        let text = format!(
            "services:\n  kafka:\n    image: bitnami/kafka:3.9\n    ports: ['9092:9092']\n    \
             volumes: ['{volume}']\n    environment:\n      KAFKA_CFG_NODE_ID: 1\n      \
             KAFKA_CFG_PROCESS_ROLES: broker,controller\n      \
             KAFKA_CFG_ADVERTISED_LISTENERS: PLAINTEXT://localhost:9092\n{volumes}"
        );
        let dir = dir([("compose.yml", text.as_str())]);
        let args = ["rehearse", "kafka", "--compose", "compose.yml", "--prove", "--dry-run"];
        run(dir.path(), &args)
    };
    for (volume, volumes) in [
        ("/srv/kafka:/bitnami", ""),
        ("../data:/bitnami", ""),
        ("data:/bitnami", "volumes:\n  data: { name: shop }\n"),
        ("data:/bitnami", "volumes:\n  data: { external: true }\n"),
        (
            "data:/bitnami",
            "volumes:\n  data:\n    driver_opts: { type: none, o: bind, device: /srv/kafka }\n",
        ),
    ] {
        let answer = with(volume, volumes);
        assert_eq!(answer.code, Some(2), "{volume}: {answer:?}");
        assert!(answer.err.contains("which a copy of the stack would share"), "{answer:?}");
    }
    for (volume, volumes) in [
        ("data:/bitnami", "volumes:\n  data:\n"),
        ("./data:/bitnami", ""),
        ("/etc/localtime:/etc/localtime:ro", ""),
    ] {
        let answer = with(volume, volumes);
        assert_eq!(answer.code, Some(0), "{volume}: {answer:?}");
        assert!(answer.out.contains("ports of this machine that it takes: 9092"), "{answer:?}");
    }
}

#[test]
fn a_copy_meets_nobody_that_runs_already() {
    let told = |of_service: &str, networks: &str| {
        let text = format!(
            "services:\n  kafka:\n    image: bitnami/kafka:3.9\n    ports: ['9092:9092']\n    \
             {of_service}\n    environment:\n      KAFKA_CFG_NODE_ID: 1\n      \
             KAFKA_CFG_PROCESS_ROLES: broker,controller\n      \
             KAFKA_CFG_ADVERTISED_LISTENERS: PLAINTEXT://localhost:9092\n{networks}"
        );
        let dir = dir([("compose.yml", text.as_str())]);
        let args = ["rehearse", "kafka", "--compose", "compose.yml", "--prove", "--dry-run"];
        let answer = run(dir.path(), &args);
        (answer.code, answer.err)
    };
    for (of_service, networks, what) in [
        ("networks: [hub]", "networks:\n  hub: { external: true }\n", "external network `hub`"),
        ("network_mode: host", "", "`network_mode: host`"),
    ] {
        let (code, err) = told(of_service, networks);
        assert_eq!(code, Some(2), "{of_service}: {err}");
        assert!(err.contains(what) && err.contains("would meet what runs there"), "{err}");
    }
    for (of_service, networks) in [("networks: [hub]", "networks:\n  hub:\n"), ("tty: true", "")] {
        assert_eq!(told(of_service, networks), (Some(0), String::new()), "{of_service}");
    }
}

/// The case's stack on an engine of its own.
struct Stack {
    engine: Engine,
    folder: TempDir,
}

impl Stack {
    fn new() -> Option<Self> {
        let engine = available(Engine::start())?;
        available(engine.import_kafka("bitnami/kafka:3.9", KafkaImage::Bitnami))?;
        let folder = tempfile::tempdir().unwrap();
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/one-broker-down");
        for part in ["docker-compose.yml", "app"] {
            let copied = std::process::Command::new("cp")
                .arg("-r")
                .arg(case.join(part))
                .arg(folder.path())
                .status();
            assert!(copied.unwrap().success());
        }
        Some(Self { engine, folder })
    }

    /// `wonin rehearse kafka` where the published ports can be reached.
    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.engine.inside(env!("CARGO_BIN_EXE_wonin"));
        command
            .args(["rehearse", "kafka", "--compose", "docker-compose.yml"])
            .args(["--journal", "../undo", "--yes"])
            .args(args)
            .current_dir(self.folder.path());
        command
    }

    fn rehearse(&self, args: &[&str]) -> (Option<i32>, Value) {
        let begin = Instant::now();
        let output = run_limited(self.command(args).args(["--format", "json"]), LIMIT);
        println!("{args:?}: {:?}", begin.elapsed());
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        let value: Value = serde_json::from_slice(out).unwrap_or_else(|_| panic!("{err}"));
        let schema = include_str!("../../../docs/schema/wonin.rehearsal-1.schema.json");
        assert_eq!(schema::problems(&serde_json::from_str(schema).unwrap(), &value), [""; 0]);
        (output.status.code(), value)
    }

    /// All that the engine has of projects, and the folders of copies.
    fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = Vec::new();
        let label = "label=com.docker.compose.project";
        for list in [&["ps", "-aq"][..], &["volume", "ls", "-q"], &["network", "ls", "-q"]] {
            let found = self.engine.ask(&[list, &["--filter", label]].concat());
            left.extend(found.lines().map(|id| format!("{list:?} {id}")));
        }
        let folders = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
        left.extend(names.filter(|name| name.starts_with("wonin-prove-")));
        left
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

/// Modes whose predictions came true, of one scenario.
fn came_true(scenario: &Value) -> Vec<&str> {
    let all = scenario["predictions"].as_array().unwrap().iter();
    all.filter(|one| one["came_true"] == true).map(|one| one["mode"].as_str().unwrap()).collect()
}

/// The project as somebody has it running: one of its nodes is stopped, and what `diagnose` says of
/// that comes true.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn a_running_project_loses_a_node_and_gets_it_back() {
    let Some(stack) = Stack::new() else { return };
    if available(stack.engine.compose(stack.folder.path(), &["-p", "shop", "up", "-d"])).is_none() {
        return;
    }
    // What somebody else holds is not taken from him.
    let refused = run_limited(&mut stack.command(&["--up", "--quick"]), SOON);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("is not free: container shop_kafka"), "{told}");

    let (code, value) = stack.rehearse(&["--project", "shop", "--stop", "0", "--quick"]);
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()), "{value:#}");
    let [warm, cold] = value["scenarios"].as_array().unwrap().as_slice() else {
        panic!("{value:#}");
    };
    for mode in ["quorum-without-spare", "single-replica"] {
        assert!(came_true(warm).contains(&mode), "{warm:#}");
    }
    assert!(came_true(cold).contains(&"single-bootstrap"), "{cold:#}");
    for run in [warm, cold] {
        assert_eq!(run["faults"][0]["target"], "container shop_kafka_1", "{run:#}");
        assert!(run["recovery"]["steady_s"].as_f64().is_some(), "{run:#}");
        assert_eq!(run["delivery"]["lost"], 0, "{run:#}");
    }
    let state = stack.engine.ask(&["inspect", "--format", "{{.State.Status}}", "shop_kafka_1"]);
    assert_eq!(state, "running");
}

/// The four causes of the case are repaired one after the other in a copy, and the failure moves
/// from each to the next until it is gone.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn causes_are_confirmed_by_repairing_one_after_the_other() {
    let Some(stack) = Stack::new() else { return };
    let before = stack.files();
    let (code, value) = stack.rehearse(&["--prove", "--quick"]);
    let steps = value["steps"].as_array().unwrap();
    for step in steps {
        let (mode, effect) = (&step["repair"]["mode"], &step["effect"]);
        println!("{mode}, {effect}: {}; {}", step["seen"], step["failed"]);
    }
    assert_eq!((code, &value["verdict"]), (Some(0), &"held".into()), "{value:#}");
    let causes =
        ["quorum-without-spare", "single-replica", "advertised-loopback", "single-bootstrap"];
    assert_eq!(texts(&value["confirmed"]), causes, "{value:#}");
    let failed_by: Vec<Vec<&str>> = steps.iter().map(|step| texts(&step["failed_by"])).collect();
    assert_eq!(
        failed_by[0],
        ["quorum-without-spare", "single-replica", "single-bootstrap"],
        "{failed_by:?}"
    );
    assert_eq!(failed_by[2], ["advertised-loopback"], "{failed_by:?}");
    assert_eq!(failed_by[3], ["single-bootstrap"], "{failed_by:?}");
    // A third node, three copies, a second listener, and all nodes in the client's list.
    let diff = texts(&value["diff"]).join("\n");
    assert!(diff.contains("+  kafka3:"), "{diff}");
    assert!(diff.contains("DEFAULT_REPLICATION_FACTOR=3"), "{diff}");
    assert!(diff.contains("localhost:9092,localhost:9093,localhost:9094"), "{diff}");

    assert_eq!(stack.files(), before, "the files of the stack are as they were");
    assert_eq!(stack.left(), [""; 0]);
}

/// Whoever ends it, and however: nothing is left.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn nothing_is_left_of_a_proof_that_is_interrupted_or_killed() {
    let Some(stack) = Stack::new() else { return };
    for (signal, code) in [("INT", Some(4)), ("KILL", None)] {
        let log = stack.folder.path().with_extension(signal);
        let mut proof = Process::start("wonin", &mut stack.command(&["--prove", "--quick"]), &log);
        let is_up = || !stack.engine.ask(&["ps", "-q"]).is_empty();
        assert!(wait_until(SOON, is_up), "{}", fs::read_to_string(&log).unwrap());
        assert!(!stack.left().is_empty());
        let pid = proof.pid().to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(sent.unwrap().success());
        let ended = proof.wait(SOON).unwrap();
        assert_eq!(ended.code(), code, "{signal}: {}", fs::read_to_string(&log).unwrap());
        // The watchdog of a killed run needs a moment.
        let is_clean = || stack.left().is_empty();
        assert!(wait_until(SOON, is_clean), "{signal}: {:?}", stack.left());
        _ = fs::remove_file(log);
    }
}

/// What brokers are handed as secrets they find in the copy as well, also what version control
/// leaves out.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn brokers_of_a_copy_find_their_secrets() {
    let Some(stack) = Stack::new() else { return };
    let handed = "services:\n  kafka:\n    secrets: [user, { source: pass, target: /etc/pass }]\n\
                  secrets:\n  user: { file: secrets/user }\n  pass: { file: ./secrets/pass.txt }\n";
    for (path, text) in [
        ("docker-compose.override.yml", handed),
        (".gitignore", "secrets\n"),
        ("secrets/user", "admin"),
        ("secrets/pass.txt", "of nobody"),
    ] {
        support::put(stack.folder.path(), path, text.as_bytes());
    }
    let log = stack.folder.path().with_extension("log");
    let mut proof = Process::start("wonin", &mut stack.command(&["--prove", "--quick"]), &log);
    let service = ["ps", "-q", "--filter", "label=com.docker.compose.service=kafka"];
    let broker = || stack.engine.ask(&service);
    assert!(wait_until(SOON, || !broker().is_empty()), "{}", fs::read_to_string(&log).unwrap());
    let files = ["/run/secrets/user", "/etc/pass"];
    let seen = stack.engine.ask(&[&["exec", broker().trim(), "cat"][..], &files].concat());
    assert_eq!(seen, "adminof nobody");
    let pid = proof.pid().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.unwrap().success());
    assert_eq!(proof.wait(SOON).unwrap().code(), Some(4), "{}", fs::read_to_string(&log).unwrap());
    assert_eq!(stack.left(), [""; 0]);
    _ = fs::remove_file(log);
}

/// An application whose timeouts are short: which delay it survives, and which of its settings ends
/// the waiting, is found and named.
#[test]
#[ignore = "needs a real Kafka; ./test runs it"]
fn a_sweep_finds_the_setting_that_ends_the_wait() {
    let properties = vec![("default.replication.factor".to_owned(), "2".to_owned())];
    let options = Options { brokers: 2, net: 64, properties, fast_failover: true };
    let Some(cluster) = available(Cluster::start(&options)) else { return };
    let producer = "spring:\n  kafka:\n    bootstrap-servers: BOOTSTRAP\n    producer:\n      \
                    properties:\n        socket.connection.setup.timeout.ms: 1000\n        \
                    request.timeout.ms: 1500\n        max.block.ms: 60000\n";
    let producer = producer.replace("BOOTSTRAP", &cluster.bootstrap());
    let code = "package app;\n\
                import org.springframework.kafka.core.KafkaTemplate;\n\
                class Sender {\n\
                    private final KafkaTemplate<String, String> template;\n\
                    Sender(KafkaTemplate<String, String> template) { this.template = template; }\n\
                    void send(String text) { template.send(\"orders\", text); }\n\
                }\n";
    let dir = dir([
        ("src/main/resources/application.yml", producer.as_str()),
        ("src/main/java/app/Sender.java", code),
    ]);
    let bootstrap = cluster.bootstrap();
    let args = ["rehearse", "kafka", ".", "--bootstrap", &bootstrap, "--only", "slow", "--quick"];
    let more = ["--yes", "--journal", "undo", "--format", "json"];
    let begin = Instant::now();
    let answer = run(dir.path(), &[&args[..], &more].concat());
    println!("a sweep: {:?}", begin.elapsed());
    let value = support::parsed(&answer);
    println!("{:#}", value["remarks"]);
    let remark = |who: &str| {
        let begins = format!("{who} clients work with answers ");
        let all = texts(&value["remarks"]).into_iter();
        let found = all.clone().find(|text| text.starts_with(&begins));
        found.unwrap_or_else(|| panic!("{:?}", all.collect::<Vec<_>>())).to_owned()
    };
    let (warm, cold) = (remark("warm"), remark("cold"));
    assert!(warm.contains("and not with") && warm.contains("`request.timeout.ms`"), "{warm}");
    assert!(cold.contains("and not with"), "{cold}");
    assert!(cold.contains("`socket.connection.setup.timeout.ms`"), "{cold}");
    // What the settings say beforehand is what happened.
    for scenario in value["scenarios"].as_array().unwrap() {
        for prediction in scenario["predictions"].as_array().unwrap() {
            assert_eq!(prediction["came_true"], true, "{prediction:#}");
        }
    }
}

/// A program in another language in the place of the built-in clients: what it sends and reads is
/// counted while the process of a broker is told to end, and comes back.
#[test]
#[ignore = "needs a real Kafka; ./test runs it"]
fn a_program_of_one_s_own_sends_and_reads_while_a_broker_is_gone() {
    let properties =
        [("default.replication.factor", "2"), ("offsets.topic.replication.factor", "2")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { brokers: 3, net: 65, properties, fast_failover: true };
    let Some(cluster) = available(Cluster::start(&options)) else { return };
    let Some(java) = available(wonin_testbed::kafka::java_args()) else { return };
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../rehearse/tests/clients/Records.java");
    let words = java.iter().map(|word| word.to_string_lossy().into_owned());
    let words = words.chain([source.display().to_string()]);
    let quoted: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    let client = format!("java {}", quoted.join(" "));
    let pid = format!("1={}", cluster.broker(1).pid());
    let bootstrap = cluster.bootstrap();
    let dir = dir([]);
    let args = ["rehearse", "kafka", "--bootstrap", &bootstrap, "--pid", &pid, "--stop", "1"];
    let more = ["--quick", "--client", &client, "--yes", "--journal", "undo", "--format", "json"];
    let begin = Instant::now();
    let mut command = support::wonin(dir.path(), &[&args[..], &more].concat());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let answer = support::Answer::from(command.output().unwrap());
    println!("a program: {:?}", begin.elapsed());
    let value = support::parsed(&answer);
    assert_eq!((answer.code, &value["verdict"]), (Some(0), &"held".into()), "{value:#}");
    for scenario in value["scenarios"].as_array().unwrap() {
        let delivery = &scenario["delivery"];
        assert!(delivery["acknowledged"].as_u64().unwrap() > 300, "{delivery}");
        assert_eq!(delivery["lost"], 0, "{delivery}");
        assert_eq!(scenario["faults"][0]["hits"], 1, "{scenario:#}");
    }
}
