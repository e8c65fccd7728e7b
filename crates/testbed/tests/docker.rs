//! Containers and namespaces, for real.
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use wonin_testbed::docker::{Engine, KafkaImage};
use wonin_testbed::net::Net;
use wonin_testbed::{available, run, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

fn cases() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn engine_ends_with_all_that_it_started() {
    let begin = Instant::now();
    let Some(engine) = available(Engine::start()) else { return };
    println!("engine ready after {:?}", begin.elapsed());
    engine.import_busybox();
    let id = engine.ask(&["run", "-d", "--name", "sleeper", "tiny", "sleep", "600"]);
    let pid = engine.ask(&["inspect", "--format", "{{.State.Pid}}", &id]);
    let address = engine.ask(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", "sleeper"]);
    let pinged = run(engine.inside("busybox").args(["ping", "-c1", "-W2", &address]), LIMIT);
    assert!(pinged.status.success(), "{pinged:?}");
    let namespace = engine.namespace().to_owned();
    let socket = engine.socket();
    drop(engine);
    assert!(std::fs::metadata(format!("/proc/{pid}")).is_err());
    assert!(std::fs::metadata(format!("/run/netns/{namespace}")).is_err());
    assert!(std::fs::metadata(socket).is_err());
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn the_write_up_s_compose_file_starts_without_a_registry() {
    let Some(engine) = available(Engine::start()) else { return };
    let imported = engine.import_kafka("bitnami/kafka:3.9", KafkaImage::Bitnami);
    let Some(()) = available(imported) else { return };
    let begin = Instant::now();
    let case = cases().join("one-broker-down");
    let up = engine.compose(&case, &["-p", "case", "up", "-d"]);
    let Some(_) = available(up) else { return };
    for service in ["kafka", "kafka2"] {
        let started = wait_until(LIMIT, || {
            let logs = engine.compose(&case, &["-p", "case", "logs", "--no-color", service]);
            logs.is_ok_and(|logs| logs.contains("Kafka Server started"))
        });
        let logs = engine.compose(&case, &["-p", "case", "logs", "--no-color", service]);
        assert!(started, "{}", logs.unwrap_or_default());
    }
    println!("both nodes started after {:?}", begin.elapsed());
    // The nodes advertise `localhost`, so that only the engine's host can use them.
    let made = run(
        engine
            .inside("java")
            .args(available(wonin_testbed::kafka::java_args()).unwrap())
            .arg("org.apache.kafka.tools.TopicCommand")
            .args(["--bootstrap-server", "localhost:9093", "--create", "--topic", "made"]),
        LIMIT,
    );
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.contains("Created topic made."), "{made}");
}

#[test]
#[ignore = "needs root and network namespaces; ./test runs it"]
fn hosts_have_addresses_of_their_own_and_change_them() {
    let Some(net) = available(Net::start()) else { return };
    let Some(mut one) = available(net.host("one", 1)) else { return };
    let Some(two) = available(net.host("two", 2)) else { return };
    let listener =
        one.namespace().enter(|| std::net::TcpListener::bind("0.0.0.0:7000").expect("a port"));
    let connects = |address: String| {
        let target = format!("{address}:7000").parse().unwrap();
        two.namespace().enter(|| {
            let stream = TcpStream::connect_timeout(&target, Duration::from_millis(500));
            stream.is_ok_and(|mut stream| stream.write_all(b"x").is_ok())
        })
    };
    assert!(connects(one.address()));
    let old = one.address();
    one.set_address(9);
    assert!(connects(one.address()));
    assert!(!connects(old));
    net.plug(&one, false);
    assert!(!connects(one.address()));
    net.plug(&one, true);
    assert!(wait_until(LIMIT, || connects(one.address())));
    drop(listener);
}

#[test]
#[ignore = "needs root and network namespaces; ./test runs it"]
fn nothing_stays_behind_a_killed_test() {
    let Some(net) = available(Net::start()) else { return };
    let hub = net.hub().name().to_owned();
    // The same program again: it makes a namespace and is killed.
    let me = std::env::current_exe().unwrap();
    let script = format!(
        "{} --ignored --exact waits_to_be_killed --nocapture > \"$1\" & sleep 2; kill -9 $!; wait",
        me.display()
    );
    let told = std::env::temp_dir().join(format!("{hub}.out"));
    run(Command::new("sh").args(["-c", &script, "sh"]).arg(&told).env("WONIN_WAIT", "1"), LIMIT);
    let text = std::fs::read_to_string(&told).unwrap();
    std::fs::remove_file(&told).unwrap();
    let (_, name) = text.split_once("namespace ").unwrap_or_else(|| panic!("{text}"));
    let name = name.lines().next().unwrap_or_default();
    let path = format!("/run/netns/{name}");
    assert!(wait_until(LIMIT, || std::fs::metadata(&path).is_err()), "{path} is left behind");
}

#[test]
#[ignore = "the other half of the test above"]
fn waits_to_be_killed() {
    if std::env::var_os("WONIN_WAIT").is_none() {
        return;
    }
    let Some(net) = available(Net::start()) else { return };
    println!("namespace {}", net.hub().name());
    std::thread::sleep(LIMIT);
}
