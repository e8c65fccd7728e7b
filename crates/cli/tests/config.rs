//! `wonin.toml`: found, obeyed, overruled by the command line, and taken at its word.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::{TWO_VOTERS, dir, json, put, run};

/// The modes that a run finds.
fn modes(dir: &std::path::Path, args: &[&str]) -> Vec<String> {
    let found = json(dir, args);
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["mode"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn entries_take_findings_back_by_mode_path_and_service() {
    let stack = dir([("examples/docker-compose.yml", TWO_VOTERS)]);
    let has_quorum = |config: &str| {
        put(stack.path(), "wonin.toml", config.as_bytes());
        let modes = modes(stack.path(), &["diagnose"]);
        modes.iter().any(|mode| mode == "quorum-without-spare")
    };
    assert!(has_quorum(""));
    assert!(!has_quorum("[[ignore]]\nmode = 'quorum-without-spare'\nreason = 'a bench'\n"));
    assert!(!has_quorum("[[ignore]]\npath = 'examples/'\nreason = 'not ours'\n"));
    assert!(!has_quorum("[[ignore]]\nservice = 'kafka'\nreason = 'not ours'\n"));
    assert!(has_quorum("[[ignore]]\nservice = 'web'\nreason = 'another'\n"));
    let both = "[[ignore]]\nmode = 'quorum-without-spare'\npath = 'deploy/'\nreason = 'another'\n";
    assert!(has_quorum(both), "all that is given must hold");
    let answer = run(stack.path(), &["diagnose"]);
    assert!(answer.out.contains("low[unused-suppression] wonin.toml:1"), "{}", answer.out);
}

#[test]
fn the_command_line_goes_before_the_file() {
    let stack =
        dir([("docker-compose.yml", TWO_VOTERS), ("wonin.toml", "min-severity = 'high'\n")]);
    let count = |args: &[&str]| modes(stack.path(), &[&["diagnose"], args].concat()).len();
    let (all, high) = (count(&["--no-config"]), count(&[]));
    assert!(high < all, "{high} of {all}");
    assert_eq!(count(&["--min-severity", "high", "--no-config"]), high);
    assert_eq!(count(&["--min-severity", "low"]), all);
    put(stack.path(), "other/w.toml", b"min-severity = 'low'\n");
    assert_eq!(count(&["--config", "other/w.toml"]), all);
}

#[test]
fn a_file_that_is_not_understood_ends_the_run() {
    let stack = dir([("docker-compose.yml", TWO_VOTERS), ("wonin.toml", "\nthreshold = 'high'\n")]);
    let answer = run(stack.path(), &["diagnose"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("`wonin.toml`, line 2: unknown field `threshold`"), "{answer:?}");
    let answer = run(stack.path(), &["diagnose", "--config", "gone.toml"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("cannot read `gone.toml`"), "{answer:?}");
}
