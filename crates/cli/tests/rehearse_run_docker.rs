//! `wonin rehearse run` against containers of a real engine. Run by `./test`, or as root
//! `cargo test -p wonin --test rehearse_run_docker -- --ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod support;

use support::{dir, held, parsed, run};
use wonin_testbed::available;
use wonin_testbed::docker::Engine;

const SCENARIO: &str = r#"
[scenario]
name = "a container"
steady = "1s"
after = "1s"

[[workload]]
name = "inside"
kind = "command"
command = ["docker", "-H", "unix://SOCKET", "exec", "web", "true"]
every = "200ms"

[[fault]]
name = "gone"
kind = "container"
container = "web"
runs = ["pause", "kill"]
at = "2s"
for = "3s"

[[expect]]
name = "it answers"
success_at_least = "90%"

[[expect]]
name = "it comes back"
recovered_within = "10s"
"#;

/// The container is paused in one run and killed in the next; a command inside tells how it is.
#[test]
#[ignore = "needs root and a Docker engine"]
fn a_container_is_paused_and_killed_and_is_whole_again() {
    let Some(engine) = available(Engine::start()) else { return };
    engine.import_busybox();
    engine.ask(&["run", "-d", "--name", "web", "tiny", "sleep", "600"]);
    let socket = engine.socket().display().to_string();
    let text = SCENARIO.replace("SOCKET", &socket);
    let dir = dir([("s.toml", text.as_str())]);
    let args = ["--docker-socket", &socket, "--journal", "undo", "--allow-foreign"];
    let shown = run(dir.path(), &[&["rehearse", "run", "s.toml", "--dry-run"], &args[..]].concat());
    assert!(shown.out.contains("`gone`: container web ("), "{}{}", shown.out, shown.err);
    let more = ["--yes", "--format", "json"];
    let answer = run(dir.path(), &[&["rehearse", "run", "s.toml"], &args[..], &more].concat());
    let value = parsed(&answer);
    assert_eq!(answer.code, Some(1), "{value:#}");
    for (run, what) in value["scenarios"].as_array().unwrap().iter().zip(["pause", "kill"]) {
        assert_eq!(run["faults"][0]["what"], what, "{run:#}");
        assert_eq!(run["faults"][0]["hits"], 1, "{run:#}");
        for (phase, expected) in [("before", true), ("during", false), ("after", true)] {
            assert_eq!(held(run, "it answers", phase), expected, "{phase}: {run:#}");
        }
    }
    let state = engine.ask(&["inspect", "--format", "{{.State.Status}}", "web"]);
    assert_eq!(state, "running");
}

const PROJECT: &str = r#"
[scenario]
name = "no database"
steady = "1s"
after = "1s"

[[workload]]
name = "orders"
kind = "command"
command = ["docker", "-H", "unix://SOCKET", "exec", "shop-app-1", "nc", "-w", "1", "DB", "80"]
every = "300ms"

[[fault]]
name = "gone"
kind = "container"
project = "shop"
service = "db"
act = "stop"
grace_s = 0
at = "2s"
for = "3s"

[[expect]]
name = "orders work"
success_at_least = "90%"
"#;

/// What an application wrote that another container was taken from leads to that container.
#[test]
#[ignore = "needs root and a Docker engine"]
fn what_containers_write_names_the_one_that_was_stopped() {
    let Some(engine) = available(Engine::start()) else { return };
    engine.import_busybox();
    engine.ask(&["network", "create", "shop"]);
    let start = |service: &str, script: &str| {
        let name = format!("shop-{service}-1");
        let labels = [("project", "shop"), ("service", service), ("container-number", "1")];
        let labels = labels.map(|(key, value)| format!("com.docker.compose.{key}={value}"));
        let mut args = vec!["run", "-d", "--network", "shop", "--network-alias", service];
        args.extend(["--name", &name]);
        for label in &labels {
            args.extend(["--label", label]);
        }
        args.extend(["tiny", "sh", "-c", script]);
        engine.ask(&args);
    };
    start("db", "mkdir /www; echo fine > /www/index.html; exec httpd -f -p 80 -h /www");
    // The image has no names of others: a program that is linked in one piece finds none.
    let address = "{{.NetworkSettings.Networks.shop.IPAddress}}";
    let db = engine.ask(&["inspect", "--format", address, "shop-db-1"]);
    let app = "while :; do nc -w 1 DB 80 </dev/null || echo 'ERROR Connection to db:80 \
               refused. Check that the hostname and port are correct.'; sleep 0.2; done";
    start("app", &app.replace("DB", &db));
    let socket = engine.socket().display().to_string();
    let text = PROJECT.replace("SOCKET", &socket).replace("DB", &db);
    let dir = dir([("s.toml", text.as_str())]);
    let args = ["--docker-socket", &socket, "--journal", "undo", "--yes", "--format", "json"];
    let answer = run(dir.path(), &[&["rehearse", "run", "s.toml"], &args[..]].concat());
    let value = parsed(&answer);
    assert_eq!(answer.code, Some(1), "{value:#}");
    let found = value["diagnosed"].as_array().unwrap_or_else(|| panic!("{value:#}"));
    let is_it = |one: &&serde_json::Value| one["mode"] == "dependency-down";
    let one = found.iter().find(is_it).unwrap_or_else(|| panic!("{value:#}"));
    assert_eq!(one["names"], serde_json::json!(["gone"]), "{value:#}");
}
