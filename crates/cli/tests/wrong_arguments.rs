//! What is asked for in vain says what is wrong, where, and what to do, before anything is done.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;
use std::path::Path;

use support::{TWO_VOTERS, dir, put, wonin};

/// Runs one after the other; each must end with the code and the whole text of errors.
fn refused(root: &Path, cases: &[(&[&str], i32, &str)]) {
    for (args, code, expected) in cases {
        let output = wonin(root, args).timeout(std::time::Duration::from_secs(20)).output();
        let answer = support::Answer::from(output.unwrap());
        assert_eq!((answer.code, answer.err.as_str()), (Some(*code), *expected), "{args:?}");
    }
}

#[test]
fn a_journal_that_is_named_must_be_one() {
    let root = dir([("file", "x"), ("notes/todo.txt", "x"), ("compose.yml", "x")]);
    std::fs::create_dir(root.path().join("empty")).unwrap();
    let hint = "\n\nhint: give the directory that the run was given; without `--journal` runs use \
                the default one, and so does `--recover`\n";
    let refusal = |name: &str, why: &str| {
        format!("error: `--journal {name}` is no journal of runs\n  Caused by: {why}{hint}")
    };
    let missing = refusal("nope", "no such file or directory");
    let file = refusal("file", "not a directory");
    let strange = refusal("notes", "it holds files, and none of them is of a run");
    refused(
        root.path(),
        &[
            (&["rehearse", "--recover", "--journal", "nope"], 2, &missing),
            (&["rehearse", "--recover", "--journal", "file"], 2, &file),
            (&["rehearse", "--recover", "--journal", "notes"], 2, &strange),
            (&["rehearse", "--recover", "--journal", "empty"], 0, ""),
            // Where nothing was ever broken, there is none.
            (&["rehearse", "--recover"], 0, ""),
        ],
    );
}

#[test]
fn a_directory_with_broken_files_alone_was_not_read() {
    for (text, why) in [
        ("services: [\n  a: {{{\n", "docker-compose.yml:2:8: not valid YAML: "),
        ("services:\n  a: [\n", "docker-compose.yml:2:6: not valid YAML: "),
        ("services:\n  {{ range .x }}\n", "docker-compose.yml:2:3: templated, not read: "),
    ] {
        let root = dir([("docker-compose.yml", text)]);
        let answer = support::run(root.path(), &["diagnose"]);
        assert_eq!(answer.code, Some(3), "{text}: {answer:?}");
        assert!(answer.out.contains(why), "{text}: {answer:?}");
        assert_eq!(
            answer.err,
            "error: nothing was read: no file in `.` could be understood\n\n\
             hint: what is wrong with each is listed under `skipped`\n"
        );
        let value = support::json(root.path(), &["diagnose"]);
        assert_eq!(value["read"], serde_json::json!([]), "{value:#}");
        // Beside a file that is right it is told, and the rest counts.
        put(root.path(), "good/docker-compose.yml", TWO_VOTERS.as_bytes());
        let answer = support::run(root.path(), &["diagnose"]);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.out.contains(why) && answer.out.contains("in 1 file read"), "{answer:?}");
    }
    let root = dir([("docker-compose.yml", "\n")]);
    assert_eq!(support::run(root.path(), &["diagnose"]).code, Some(3));
}

#[test]
fn answers_have_a_place_before_the_work_begins() {
    let root = dir([("compose.yml", TWO_VOTERS), ("s.toml", "")]);
    std::fs::create_dir(root.path().join("d")).unwrap();
    let missing = "error: cannot write `no/x.json`\n  Caused by: there is no directory `no`\n\n\
                   hint: make it first\n";
    let taken = "error: cannot write `d`\n  Caused by: it is a directory\n\n\
                 hint: give the name of a file in it\n";
    for command in [&["diagnose"][..], &["rehearse", "rollout"], &["rehearse", "run", "s.toml"]] {
        let with = |format| [command, &["--format", format]].concat();
        refused(root.path(), &[(&with("json=no/x.json"), 2, missing), (&with("json=d"), 2, taken)]);
    }
    let html = "error: a rehearsal is shown as `text`, `json` or `junit` alone\n";
    refused(root.path(), &[(&["rehearse", "run", "s.toml", "--format", "html"], 2, html)]);
}

/// A scenario with a proxy and one fault, given line by line.
fn scenario(proxy: &str, workload: &str, fault: &str) -> String {
    format!(
        "[scenario]\nname = \"x\"\n[[proxy]]\nname = \"web\"\n{proxy}\n[[workload]]\nname = \
         \"v\"\n{workload}\n[[fault]]\nname = \"bad\"\nat = \"3s\"\nfor = \"1s\"\n{fault}\n\
         [[expect]]\nname = \"ok\"\nsuccess_at_least = \"90%\"\n"
    )
}

#[test]
fn scenarios_that_cannot_be_run_say_what_to_do() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap();
    let upstream = "upstream = \"127.0.0.1:1\"";
    let listen = format!("{upstream}\nlisten = \"{busy}\"");
    let http = "kind = \"http\"\nurl = \"http://${proxy.web}/\"";
    let slow = "kind = \"tcp\"\nproxy = \"web\"\ntype = \"silence\"";
    let of_kafka = |act: &str| format!("kind = \"kafka\"\n{act}");
    let container = "kind = \"container\"\ncontainer = \"web\"\nact = \"pause\"";
    let with = |fault: &str| scenario(upstream, http, fault);
    let root = dir([
        ("file", "x"),
        ("busy.toml", &scenario(&listen, http, slow)),
        ("kind.toml", &scenario(upstream, "kind = \"grpc\"\nurl = \"x\"\nrate = 3", slow)),
        ("what.toml", &with("kind = \"tpc\"\nproxy = \"web\"\ntype = \"silence\"")),
        ("code.toml", &with(&of_kafka("act = \"error\""))),
        ("act.toml", &with(&of_kafka("on = { api = \"Produce\" }"))),
        ("container.toml", &with(container)),
        ("good.toml", &with(slow)),
    ]);
    let at_busy = format!(
        "error: cannot start proxy `web`: listen tcp {busy}: bind: address already in use\n\n\
         hint: leave `listen` out, and it takes a free port\n"
    );
    let engine = "error: `bad`: pause of container web is not possible: there is no Docker Engine \
                  at file\n\nhint: start it, or say where it listens: `--docker-socket SOCKET`\n";
    let run = ["rehearse", "run"];
    let cases: [(&[&str], &str); 7] = [
        (&["busy.toml", "--yes"], &at_busy),
        (
            &["kind.toml", "--yes"],
            "error: kind.toml:8:8: `grpc` is not known as `kind`; there is `http`, `command`, \
             `kafka`\n",
        ),
        (
            &["what.toml", "--yes"],
            "error: what.toml:14:8: `tpc` is not known as `kind`; there is `tcp`, `kafka`, \
             `process`, `container`\n\nhint: did you mean `tcp`?\n",
        ),
        (
            &["code.toml", "--yes"],
            "error: code.toml:15:7: `error` needs a `code`\n\nhint: for example `act = { type = \
             \"error\", code = \"NOT_LEADER_OR_FOLLOWER\" }`\n",
        ),
        (
            &["act.toml", "--yes"],
            "error: act.toml:10:1: `[[fault]]` has no `act`\n\nhint: for example `act = \
             \"lose_response\"`\n",
        ),
        (&["container.toml", "--yes", "--docker-socket", "file"], engine),
        (
            &["good.toml", "--yes", "--journal", "file"],
            "error: `--journal file` is a file\n\nhint: give a directory; it is made where there \
             is none\n",
        ),
    ];
    for (args, expected) in cases {
        refused(root.path(), &[(&[&run[..], args].concat(), 2, expected)]);
    }
}

#[test]
fn records_for_brokers_that_nobody_reaches_say_why() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let records = format!("kind = \"kafka\"\nbootstrap = \"{gone}\"");
    let silence = "kind = \"tcp\"\nproxy = \"web\"\ntype = \"silence\"";
    let text = scenario("upstream = \"127.0.0.1:1\"", &records, silence);
    let root = dir([("s.toml", &*text)]);
    let expected =
        format!("error: workload `v`: no broker can be reached: {gone}: connection refused\n");
    refused(root.path(), &[(&["rehearse", "run", "s.toml", "--yes"], 2, &expected)]);
}

#[test]
fn one_broker_stopped_and_nothing_else_is_asked_for_alone() {
    let root = dir([("compose.yml", TWO_VOTERS)]);
    for other in [&["--only", "slow"][..], &["--prove"]] {
        let args = [&["rehearse", "kafka", "--stop", "1", "--dry-run"], other].concat();
        let answer = support::run(root.path(), &args);
        assert_eq!(answer.code, Some(2), "{args:?}");
        assert!(answer.err.contains("'--stop <NODE>' cannot be used with"), "{}", answer.err);
    }
}

#[test]
fn proxies_from_a_file_are_told_apart_from_ports_that_are_taken() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap();
    let one = |listen: &str, more: &str| {
        format!(r#"{{"name":"a","listen":"{listen}","upstream":"127.0.0.1:1"{more}}}"#)
    };
    let toxic = one("127.0.0.1:0", r#","toxics":[{"type":"latncy"}]"#);
    let twice = format!("[{0},{0}]", one("127.0.0.1:0", ""));
    let root = dir([
        ("busy.json", &*format!("[{}]", one(&busy.to_string(), ""))),
        ("toxic.json", &format!("[{toxic}]")),
        ("twice.json", &twice),
        ("cut.json", "[\n{\"name\": }]"),
    ]);
    let hint = "\n\nhint: the file is a list: [{\"name\": \"db\", \"listen\": \"127.0.0.1:15432\", \
                \"upstream\": \"127.0.0.1:5432\"}]\n";
    let cannot = |file: &str, why: &str| {
        format!("error: cannot take proxies from `{file}`\n  Caused by: {why}")
    };
    let at_busy = format!("listen tcp {busy}: bind: address already in use\n");
    let unknown = "toxics of proxy `a`: invalid toxic type, there is latency, bandwidth, \
                   slow_close, timeout, reset_peer, slicer, limit_data, refuse, silence";
    let again = "there is a proxy `a` already, at proxy 2";
    for (file, expected) in [
        ("busy.json", cannot("busy.json", &at_busy)),
        ("toxic.json", cannot("toxic.json", unknown) + hint),
        ("twice.json", cannot("twice.json", again) + hint),
        ("cut.json", cannot("cut.json", "expected value at line 2 column 10") + hint),
    ] {
        let args = ["proxy", "--listen", "127.0.0.1:0", "--log", "off", "--config", file];
        refused(root.path(), &[(&args, 2, &expected)]);
    }
}
