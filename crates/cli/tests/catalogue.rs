//! `wonin modes` and `wonin explain`.

mod support;

use std::process::{Command, Stdio};

use support::{dir, json, run};

#[test]
fn every_mode_has_a_page() {
    let root = dir([]);
    let list = json(root.path(), &["modes"]);
    assert_eq!(list["schema"], "wonin.modes/1");
    let modes = list["modes"].as_array().unwrap();
    assert!(!modes.is_empty());
    let table = run(root.path(), &["modes"]).out;
    for mode in modes {
        let id = mode["mode"].as_str().unwrap();
        assert!(table.contains(&format!("  {id} ")), "{id} is in the table");
        let page = run(root.path(), &["explain", id]);
        assert_eq!(page.code, Some(0));
        assert!(page.out.lines().count() > 10, "{id} has a page: {}", page.out);
    }
}

#[test]
fn a_typing_mistake_gets_a_suggestion() {
    let root = dir([]);
    let answer = run(root.path(), &["explain", "qorum-without-spar"]);
    assert_eq!(answer.code, Some(2));
    assert_eq!(
        answer.err,
        "error: no failure mode is called `qorum-without-spar`\n\nhint: did you mean `quorum-without-spare`?\n"
    );
    let answer = run(root.path(), &["explain", "zzzzzz"]);
    assert!(answer.err.contains("hint: `wonin modes` lists all of them"), "{}", answer.err);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("wonin"))
        .arg("modes")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
