//! The real binary in a directory of its own, with an empty environment.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

/// A Compose file whose two brokers cannot lose one.
pub(crate) const TWO_VOTERS: &str = "\
services:
  kafka:
    image: bitnami/kafka:3.9
    restart: always
    environment:
      - KAFKA_CFG_NODE_ID=0
      - KAFKA_CFG_PROCESS_ROLES=broker,controller
      - KAFKA_CFG_CONTROLLER_QUORUM_VOTERS=0@kafka:9093,1@kafka2:9093
      - KAFKA_CFG_LISTENERS=PLAINTEXT://:9092,CONTROLLER://:9093
      - KAFKA_CFG_CONTROLLER_LISTENER_NAMES=CONTROLLER
  kafka2:
    image: bitnami/kafka:3.9
    restart: always
    environment:
      - KAFKA_CFG_NODE_ID=1
      - KAFKA_CFG_PROCESS_ROLES=broker,controller
      - KAFKA_CFG_CONTROLLER_QUORUM_VOTERS=0@kafka:9093,1@kafka2:9093
      - KAFKA_CFG_LISTENERS=PLAINTEXT://:9092,CONTROLLER://:9093
      - KAFKA_CFG_CONTROLLER_LISTENER_NAMES=CONTROLLER
";

/// A directory with files.
pub(crate) fn dir<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(dir.path(), path, text.as_bytes());
    }
    dir
}

pub(crate) fn put(dir: &Path, path: &str, bytes: &[u8]) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A command on the binary that knows nothing of the machine.
pub(crate) fn wonin(dir: &Path, args: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("wonin"));
    command.env_clear().current_dir(dir).args(args);
    command
}

/// What a run answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Answer {
    wonin(dir, args).output().unwrap().into()
}

/// The answer as JSON.
pub(crate) fn json(dir: &Path, args: &[&str]) -> Value {
    parsed(&run(dir, &[args, &["--format", "json"]].concat()))
}

/// An answer that is JSON.
pub(crate) fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// The answer of `rehearse rollout` for every service that it found.
pub(crate) fn rollouts(dir: &Path, args: &[&str]) -> Vec<Value> {
    each(&run(dir, &[&["rehearse", "rollout"], args, &["--format", "json"]].concat()))
}

/// The services in an answer of `rehearse rollout`.
pub(crate) fn each(answer: &Answer) -> Vec<Value> {
    let value = parsed(answer);
    value.as_array().cloned().unwrap_or_else(|| vec![value])
}

/// The answer for one service.
pub(crate) fn named<'a>(all: &'a [Value], service: &str) -> &'a Value {
    all.iter().find(|one| one["service"] == service).unwrap_or_else(|| panic!("no {service}"))
}

/// A copy of the files with the edits of a proposal.
pub(crate) fn apply(files: &[(&str, &str)], edits: &[Value]) -> TempDir {
    let changed = dir(files.iter().copied());
    let mut edits: Vec<&Value> = edits.iter().collect();
    // From the end, so that earlier offsets stay right.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit["start"].as_u64()));
    for edit in edits {
        let path = changed.path().join(edit["path"].as_str().unwrap());
        let mut text = fs::read_to_string(&path).unwrap();
        let at = |name: &str| edit[name].as_u64().unwrap() as usize;
        text.replace_range(at("start")..at("end"), edit["replacement"].as_str().unwrap());
        fs::write(path, text).unwrap();
    }
    changed
}

/// Whether an expectation of a rehearsal held in a phase.
pub(crate) fn held(value: &Value, name: &str, phase: &str) -> bool {
    let all = value["expectations"].as_array().unwrap().iter();
    let mut found = all.filter(|one| one["name"] == name && one["phase"] == phase);
    found.next().unwrap_or_else(|| panic!("{name} {phase}: {value:#}"))["held"] == true
}
