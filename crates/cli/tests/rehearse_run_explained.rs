//! What `wonin diagnose` says of a rehearsal: its predictions beside what happened, and what it
//! makes of the texts that programs wrote meanwhile.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use support::{Answer, dir, parsed, run};

const STACK: &str = "\
services:
  app:
    image: app:1
    restart: always
    depends_on: [db]
    environment: {DB_HOST: db}
  db:
    image: postgres:16
    restart: always
";

/// A client that tells as the driver of PostgreSQL does that it cannot connect, and a database that
/// takes connections.
fn scenario(port: u16, proxy: &str, fault: &str) -> String {
    format!(
        r#"[scenario]
name = "no database"
stack = "shop"
steady = "400ms"
after = "400ms"

[[proxy]]
name = "{proxy}"
upstream = "127.0.0.1:{port}"

[[process]]
name = "clock"
command = ["sh", "-c", "echo ready; exec sleep 60"]

[[workload]]
name = "app"
kind = "command"
every = "100ms"
command = ["bash", "-c", '''exec 3<>/dev/tcp/${{proxy.{proxy}.host}}/${{proxy.{proxy}.port}} && exit 0
echo "ERROR Connection to ${{proxy.{proxy}}} refused. Check that the hostname and port are correct."
exit 1''']

[[fault]]
name = "gone"
kind = "tcp"
proxy = "{proxy}"
at = "900ms"
for = "1200ms"
{fault}

[[expect]]
name = "orders work"
success_at_least = "90%"
"#
    )
}

/// A database that takes connections until the test ends.
fn database() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

fn rehearse(text: &str, more: &[&str]) -> Answer {
    let dir = dir([("s.toml", text), ("shop/compose.yml", STACK)]);
    run(dir.path(), &[&["rehearse", "run", "s.toml", "--yes", "--journal", "undo"], more].concat())
}

fn json(text: &str) -> Value {
    let value = parsed(&rehearse(text, &["--format", "json"]));
    let schema = include_str!("../../../docs/schema/wonin.rehearsal-1.schema.json");
    assert_eq!(schema::problems(&serde_json::from_str(schema).unwrap(), &value), [""; 0]);
    value
}

#[test]
fn what_was_predicted_stands_beside_what_happened_and_the_cause_is_named() {
    let text = scenario(database(), "db", "type = \"refuse\"");
    let value = json(&text);
    assert_eq!(value["verdict"], "broke", "{value:#}");
    let [prediction] = value["predictions"].as_array().unwrap().as_slice() else {
        panic!("{value:#}")
    };
    assert_eq!(prediction["mode"], "single-instance");
    assert_eq!(prediction["claim"], "db runs once, and others need it");
    assert_eq!(prediction["came_true"], true);
    let seen = prediction["seen"].as_str().unwrap();
    // Where the machine is busy, a try that began before is over in it.
    let begin = "`orders work` did not hold while it acted: ";
    assert!(["0 of ", "1 of "].iter().any(|n| seen.starts_with(&format!("{begin}{n}"))), "{seen}");
    // One run without a counter-run shows no cause.
    assert_eq!(value["confirmed"], json!([]));
    let remarks = value["remarks"].as_array().unwrap();
    let says = |text: &str| remarks.iter().any(|one| one.as_str().unwrap().starts_with(text));
    assert!(says("nothing is confirmed: "), "{value:#}");
    assert!(!says("from what programs wrote") && !says("of what "), "{value:#}");
    let [found] = value["diagnosed"].as_array().unwrap().as_slice() else { panic!("{value:#}") };
    assert_eq!((&found["mode"], &found["names"]), (&"dependency-down".into(), &json!(["gone"])));
    let text = rehearse(&text, &[]).out;
    assert!(text.contains("single-instance came true: db runs once"), "{text}");
    assert!(text.contains("dependency-down names what `gone` broke: "), "{text}");
}

#[test]
fn a_text_that_is_too_long_to_be_kept_is_told() {
    let text = scenario(database(), "db", "type = \"silence\"");
    let value = json(&text.replace("echo ready;", "yes $(seq 9999) | head -c 9000000;"));
    let told = "of what clock wrote, the beginning was not kept: the end is diagnosed";
    assert!(value["remarks"].as_array().unwrap().contains(&told.into()), "{value:#}");
}

#[test]
fn a_target_with_another_name_stands_for_its_service() {
    // The client only connects, which a silent server lets it.
    let (silence, port) = ("type = \"silence\"", database());
    let unnamed = json(&scenario(port, "store", silence));
    assert_eq!((&unnamed["verdict"], &unnamed["predictions"]), (&"held".into(), &json!([])));
    assert_eq!(unnamed["diagnosed"], Value::Null, "nothing was written that tells of a failure");
    let named = json(&scenario(port, "store", &format!("stands_for = \"db\"\n{silence}")));
    let prediction = &named["predictions"][0];
    assert_eq!(prediction["mode"], "single-instance", "{named:#}");
    assert_eq!(prediction["came_true"], false);
    assert!(prediction["seen"].as_str().unwrap().contains(" held while `gone` acted"), "{named:#}");
}

#[test]
fn a_stack_that_is_not_there_is_told() {
    let text = scenario(1, "db", "type = \"refuse\"");
    let hint = "\n\nhint: a path is relative to the directory of the scenario\n";
    for (stack, what) in [("nope", "there is no `nope`"), (".", "no configuration that wonin")] {
        let text = text.replace("stack = \"shop\"", &format!("stack = \"{stack}\""));
        let root = dir([("s.toml", text.as_str())]);
        let answer = run(root.path(), &["rehearse", "run", "s.toml", "--yes"]);
        assert_eq!(answer.code, Some(2), "{answer:?}");
        let begin = format!("error: s.toml: `stack = \"{stack}\"`: {what}");
        assert!(answer.err.starts_with(&begin) && answer.err.ends_with(hint), "{answer:?}");
    }
}
