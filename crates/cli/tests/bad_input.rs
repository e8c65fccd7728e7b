//! What is broken, hostile or strange is named, and the rest is diagnosed all the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use support::{Answer, TWO_VOTERS, dir, put, wonin};

/// No input may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Diagnoses a directory that holds the two voters and something bad.
fn answer(root: &Path) -> Answer {
    put(root, "good/docker-compose.yml", TWO_VOTERS.as_bytes());
    let answer: Answer = wonin(root, &["diagnose"]).timeout(PATIENCE).output().unwrap().into();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.out.contains("critical[quorum-without-spare]"), "{answer:?}");
    assert!(!answer.err.contains("panicked"), "{answer:?}");
    answer
}

fn skips(root: &Path, expected: &str) {
    let answer = answer(root);
    let skipped = answer.out.split("\nskipped:\n").nth(1).unwrap_or("");
    assert!(skipped.contains(expected), "`{expected}` is not in: {answer:?}");
}

#[test]
fn bytes_that_are_no_text() {
    let root = dir([]);
    put(root.path(), "compose.yml", b"services:\n  a: \xff\n");
    skips(root.path(), "compose.yml: not UTF-8: byte 15");
    let root = dir([]);
    put(root.path(), "compose.yml", b"\xff\xfes\0");
    skips(root.path(), "compose.yml: UTF-16 text");
}

#[test]
fn yaml_that_is_none() {
    let root = dir([("compose.yml", "services:\n  a: [1,\n  b: }\n")]);
    skips(root.path(), "compose.yml");
}

#[test]
fn extends_in_a_circle() {
    let root = dir([
        ("compose.yml", "services:\n  a:\n    extends: b\n  b:\n    extends: a\n"),
        ("x/compose.yml", "services:\n  a:\n    extends: {file: ../y/compose.yml, service: a}\n"),
        ("y/compose.yml", "services:\n  a:\n    extends: {file: ../x/compose.yml, service: a}\n"),
    ]);
    skips(root.path(), "compose.yml");
}

#[test]
fn aliases_that_explode() {
    let mut text = String::from("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..40 {
        let before = level - 1;
        let list = vec![format!("*x{before}"); 10].join(", ");
        writeln!(text, "x{level}: &x{level} [{list}]").unwrap();
    }
    text.push_str("services:\n  a:\n    image: nginx\n    environment: *x39\n");
    let root = dir([("compose.yml", text.as_str())]);
    answer(root.path());
}

#[test]
fn nesting_without_end() {
    let root = dir([
        ("compose.yml", format!("services: {}\n", "[".repeat(200_000)).as_str()),
        ("b/compose.yml", format!("services: {}\n", "{a: ".repeat(50_000)).as_str()),
    ]);
    answer(root.path());
}

#[test]
fn one_line_without_end() {
    let text = format!("services:\n  a:\n    image: {}\n", "x".repeat(5_000_000));
    let root = dir([("compose.yml", text.as_str()), ("a.properties", &"k=v ".repeat(500_000))]);
    answer(root.path());
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_in_a_circle() {
        let root = dir([]);
        symlink(".", root.path().join("loop")).unwrap();
        symlink("compose.yml", root.path().join("compose.yml")).unwrap();
        let answer = answer(root.path());
        assert!(
            answer.out.contains("loop: symbolic link to a directory: not followed"),
            "{answer:?}"
        );
        assert!(
            answer.out.contains("compose.yml: too many levels of symbolic links"),
            "{answer:?}"
        );
    }

    #[test]
    fn a_link_that_leads_nowhere() {
        let root = dir([]);
        symlink("gone.yml", root.path().join("compose.yml")).unwrap();
        skips(root.path(), "compose.yml: no such file");
    }

    #[test]
    fn a_file_beyond_all_measure_is_not_read() {
        let root = dir([]);
        let file = File::create(root.path().join("compose.yml")).unwrap();
        file.set_len(1 << 30).unwrap();
        skips(root.path(), "compose.yml: larger than 64 MiB");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let root = dir([]);
        let pipe = root.path().join("compose.yml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        skips(root.path(), "compose.yml: not a regular file");
    }

    #[test]
    fn what_nobody_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = dir([
            ("app/compose.yml", TWO_VOTERS),
            ("shut/compose.yml", TWO_VOTERS),
            ("good/docker-compose.yml", TWO_VOTERS),
        ]);
        let close = |path: &str| {
            let path = root.path().join(path);
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        };
        close("app/compose.yml");
        close("shut");
        let may_all = fs::read(root.path().join("app/compose.yml")).is_ok();
        let Some(answer) = diagnosed_by_another(root.path(), may_all) else {
            eprintln!("skipped: root may read all, and there is no setpriv to be another user");
            return;
        };
        fs::set_permissions(root.path().join("shut"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.out.contains("app/compose.yml: permission denied"), "{answer:?}");
        assert!(answer.out.contains("shut: permission denied"), "{answer:?}");
        assert!(answer.out.contains("critical[quorum-without-spare]"), "{answer:?}");
    }

    /// What a run answers whose user may not read all: this one, or nobody where this is root.
    fn diagnosed_by_another(root: &Path, is_root: bool) -> Option<Answer> {
        if !is_root {
            return Some(wonin(root, &["diagnose"]).timeout(PATIENCE).output().unwrap().into());
        }
        // Nobody must get through to the binary and to the files.
        let binary = root.join("wonin");
        fs::copy(assert_cmd::cargo::cargo_bin!("wonin"), &binary).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(root, mode).unwrap();
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let output = command.arg(&binary).arg("diagnose").current_dir(root).env_clear().output();
        output.ok().map(Answer::from)
    }

    #[test]
    fn names_that_are_no_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let root = dir([]);
        let name = std::ffi::OsStr::from_bytes(b"d\xff");
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("compose.yml"), TWO_VOTERS).unwrap();
        answer(root.path());
    }
}

#[test]
fn many_files_of_no_interest_are_passed_over_fast() {
    let root = dir([]);
    for n in 0..100 {
        fs::create_dir(root.path().join(format!("d{n}"))).unwrap();
        for m in 0..100 {
            fs::write(root.path().join(format!("d{n}/f{m}.dat")), "x").unwrap();
        }
    }
    answer(root.path());
}
