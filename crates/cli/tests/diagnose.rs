//! `wonin diagnose` as people call it.

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use std::fs;

use support::{Answer, TWO_VOTERS, dir, json, run, wonin};

const HARMLESS: &str = "services:\n  web:\n    image: nginx:1.27\n    restart: always\n";

fn stack() -> tempfile::TempDir {
    dir([("docker-compose.yml", TWO_VOTERS)])
}

#[test]
fn exit_codes_tell_what_happened() {
    let stack = stack();
    assert_eq!(run(stack.path(), &["diagnose"]).code, Some(1));
    let clean = dir([("docker-compose.yml", HARMLESS)]);
    assert_eq!(run(clean.path(), &["diagnose", "--min-severity", "critical"]).code, Some(0));
    assert_eq!(run(clean.path(), &["diagnose", "no/such/path"]).code, Some(2));
    assert_eq!(run(clean.path(), &["diagnose", "--no-such-flag"]).code, Some(2));
    let empty = dir([("notes.txt", "nothing\n")]);
    let answer = run(empty.path(), &["diagnose"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(3), ""));
    assert!(answer.err.starts_with("error: nothing was read"), "{}", answer.err);
    assert!(answer.err.contains("\nhint: "), "{}", answer.err);
}

#[test]
fn errors_have_one_shape() {
    let answer = run(stack().path(), &["diagnose", "missing"]);
    assert_eq!(
        answer.err,
        "error: cannot read `missing`\n  Caused by: no such file or directory\n"
    );
}

#[test]
fn equal_runs_give_equal_bytes() {
    let stack = stack();
    for format in ["text", "json", "sarif", "junit", "github", "html"] {
        let once = run(stack.path(), &["diagnose", "--format", format]);
        assert!(once.out.contains("quorum-without-spare"), "{format}: {once:?}");
        for _ in 0..3 {
            assert_eq!(once, run(stack.path(), &["diagnose", "--format", format]));
        }
    }
}

#[test]
fn real_output_keeps_the_contract() {
    let schema = include_str!("../../../docs/schema/wonin.diagnosis-1.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let stack = dir([("docker-compose.yml", TWO_VOTERS), ("b/compose.yml", "a: [\n")]);
    assert_eq!(schema::problems(&schema, &json(stack.path(), &["diagnose"])), [""; 0]);
    let empty = dir([]);
    assert_eq!(schema::problems(&schema, &json(empty.path(), &["diagnose"])), [""; 0]);
}

#[test]
fn several_formats_go_to_several_places() {
    let stack = stack();
    let answer = run(
        stack.path(),
        &["diagnose", "--format", "text", "--format", "json=a.json", "--format", "html=a.html"],
    );
    assert!(answer.out.contains("critical[quorum-without-spare]"), "{answer:?}");
    assert!(fs::read_to_string(stack.path().join("a.json")).unwrap().starts_with('{'));
    assert!(fs::read_to_string(stack.path().join("a.html")).unwrap().starts_with("<!DOCTYPE"));
    let mixed = run(stack.path(), &["diagnose", "--format", "text", "--format", "json"]);
    assert_eq!(mixed.code, Some(2));
    let unknown = run(stack.path(), &["diagnose", "--format", "yaml"]);
    assert!(unknown.err.contains("must be one of `text`"), "{}", unknown.err);
    let nowhere = run(stack.path(), &["diagnose", "--format", "json=no/such/dir/a.json"]);
    assert_eq!(nowhere.code, Some(2));
}

#[test]
fn colours_follow_flag_and_environment() {
    let stack = stack();
    let coloured = |args: &[&str], env: &[(&str, &str)]| {
        let args = [&["diagnose"], args].concat();
        let output = wonin(stack.path(), &args).envs(env.iter().copied()).output().unwrap();
        Answer::from(output).out.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "a pipe gets none");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("NO_COLOR", "1"), ("TERM", "xterm")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--color", "always", "--format", "json"], &[]), "JSON has none");
}

#[test]
fn paths_are_shown_relative_to_what_was_given() {
    let root = dir([("a/docker-compose.yml", TWO_VOTERS), ("b/docker-compose.yml", HARMLESS)]);
    let read = |args: &[&str]| {
        let value = json(root.path(), args);
        let list = value["read"].as_array().unwrap().clone();
        list.iter().map(|read| read["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(read(&["diagnose", "a"]), ["docker-compose.yml"]);
    assert_eq!(read(&["diagnose", "./a/"]), ["docker-compose.yml"]);
    assert_eq!(read(&["diagnose"]), ["a/docker-compose.yml", "b/docker-compose.yml"]);
    assert_eq!(read(&["diagnose", "./b", "a"]), ["a/docker-compose.yml", "b/docker-compose.yml"]);
    assert_eq!(read(&["diagnose", "a/docker-compose.yml"]), ["docker-compose.yml"]);
}

#[test]
fn a_file_alone_is_diagnosed_with_what_it_refers_to() {
    let text = TWO_VOTERS.replace("0@kafka:9093,1@kafka2:9093", "${VOTERS}");
    let root = dir([
        ("compose.yml", text.as_str()),
        (".env", "VOTERS=0@kafka:9093,1@kafka2:9093\n"),
        ("sub/compose.yml", TWO_VOTERS),
    ]);
    let value = json(root.path(), &["diagnose", "compose.yml"]);
    assert_eq!(value["findings"][0]["mode"], "quorum-without-spare", "{value:#}");
    assert!(value["read"].as_array().unwrap().iter().all(|r| r["path"] != "sub/compose.yml"));
}

#[test]
fn ignored_environment_files_still_count() {
    let text = TWO_VOTERS.replace("0@kafka:9093,1@kafka2:9093", "${VOTERS}");
    let root = dir([
        ("compose.yml", text.as_str()),
        (".env", "VOTERS=0@kafka:9093,1@kafka2:9093\n"),
        (".gitignore", ".env\nold/\n"),
        ("old/compose.yml", TWO_VOTERS),
        ("node_modules/x/compose.yml", TWO_VOTERS),
        ("app/pom.xml", "<project/>"),
        ("app/target/compose.yml", TWO_VOTERS),
    ]);
    let value = json(root.path(), &["diagnose"]);
    assert_eq!(value["findings"][0]["mode"], "quorum-without-spare", "{value:#}");
    for read in value["read"].as_array().unwrap() {
        assert!(!read["path"].as_str().unwrap().contains("/compose.yml"), "{read}");
    }
}

#[test]
fn standard_input_has_a_name() {
    let root = dir([]);
    let answer = |args: &[&str]| {
        let output = wonin(root.path(), args).write_stdin(TWO_VOTERS).output().unwrap();
        Answer::from(output)
    };
    let named = answer(&["diagnose", "-", "--stdin-name", "x/compose.yml"]);
    assert_eq!(named.code, Some(1));
    assert!(named.out.contains("--> x/compose.yml:8:"), "{}", named.out);
    assert_eq!(answer(&["diagnose", "-"]).code, Some(1));
    assert_eq!(answer(&["diagnose", "-", "."]).code, Some(2));
    assert_eq!(answer(&["diagnose", "-", "--fix"]).code, Some(2));
}

#[test]
fn a_log_on_standard_input_is_read_to_its_end() {
    let line = |number: u32| {
        format!(
            "2024-06-01 12:{:02}:{:02} ERROR org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.\n",
            number / 60 % 60,
            number % 60
        )
    };
    let log: String = (0..9_000).map(line).collect();
    let root = dir([]);
    let args = ["diagnose", "-", "--pedantic", "--format", "json"];
    let output = wonin(root.path(), &args).write_stdin(log).output().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["findings"][0]["explains"]["events"], 9_000, "{value:#}");
}

#[test]
fn a_baseline_survives_moved_lines() {
    let stack = stack();
    let write = run(stack.path(), &["diagnose", "--write-baseline", "known.json"]);
    assert_eq!(write.code, Some(0), "{write:?}");
    let known = ["diagnose", "--baseline", "known.json"];
    assert_eq!(run(stack.path(), &known).code, Some(0));
    let moved = format!("# a comment\n\n{TWO_VOTERS}");
    fs::write(stack.path().join("docker-compose.yml"), moved).unwrap();
    let again = run(stack.path(), &known);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("known from the baseline"), "{}", again.out);
    support::put(stack.path(), "new/docker-compose.yml", TWO_VOTERS.as_bytes());
    assert_eq!(run(stack.path(), &known).code, Some(1), "a new finding counts");
    fs::write(stack.path().join("known.json"), "[]").unwrap();
    let broken = run(stack.path(), &known);
    assert_eq!(broken.code, Some(2));
    assert!(broken.err.contains("is not a baseline"), "{}", broken.err);
    let empty = dir([]);
    let answer = run(empty.path(), &["diagnose", "--write-baseline", "known.json"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(
        fs::metadata(empty.path().join("known.json")).is_err(),
        "nothing read, nothing accepted"
    );
}

#[test]
fn a_baseline_survives_logs_that_grow_and_rotate() {
    let line = |minute: u32, address: &str| {
        format!(
            "2025-03-02 10:{minute:02}:41.007 ERROR shop.Web - HikariPool-1 - Connection is not \
             available, request timed out after 30001ms (total=10, active=10, idle=0, \
             waiting={minute}) {address}\n"
        )
    };
    let stack = dir([("logs/web.log", line(1, "").as_str())]);
    let write = run(stack.path(), &["diagnose", "--write-baseline", "known.json"]);
    assert_eq!(write.code, Some(0), "{write:?}");
    let known = ["diagnose", "--baseline", "known.json"];
    let grown: String = (0..50).map(|minute| line(minute, "")).collect();
    support::put(stack.path(), "logs/web.log", format!("a line\n{grown}").as_bytes());
    let again = run(stack.path(), &known);
    assert_eq!(again.code, Some(0), "{again:?}");
    support::put(stack.path(), "logs/web.log.1", grown.as_bytes());
    support::put(stack.path(), "logs/web.log", line(59, "").as_bytes());
    let again = run(stack.path(), &known);
    assert_eq!(again.code, Some(0), "{again:?}");
    let other = line(3, "").replace("HikariPool-1", "ReportPool");
    support::put(stack.path(), "logs/other.log", other.as_bytes());
    assert_eq!(run(stack.path(), &known).code, Some(1), "another pool is another finding");
}

#[test]
fn comments_take_findings_back_and_unused_ones_are_named() {
    let comment = "      # wonin: ignore[quorum-without-spare] a test bench\n";
    let line = "      - KAFKA_CFG_CONTROLLER_QUORUM_VOTERS";
    let text = TWO_VOTERS.replacen(line, &format!("{comment}{line}"), 1);
    let stack = dir([("docker-compose.yml", text.as_str())]);
    let answer = run(stack.path(), &["diagnose"]);
    assert!(!answer.out.contains("critical[quorum-without-spare]"), "{}", answer.out);
    assert!(answer.out.contains("suppressed by a comment"), "{}", answer.out);
    let unused = format!("# wonin: ignore[single-replica] long gone\n{HARMLESS}");
    let stack = dir([("docker-compose.yml", unused.as_str())]);
    let answer = run(stack.path(), &["diagnose"]);
    assert!(answer.out.contains("low[unused-suppression]"), "{}", answer.out);
}

#[test]
fn fixes_are_applied_and_diagnosed_again() {
    let stack = stack();
    let file = stack.path().join("docker-compose.yml");
    let before = run(stack.path(), &["diagnose"]);
    let answer = run(stack.path(), &["diagnose", "--unsafe-fixes"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(answer.err.contains("changed docker-compose.yml: "), "{answer:?}");
    assert_ne!(text, TWO_VOTERS);
    assert_ne!(answer.out, before.out, "the report is of the changed files");
    for line in TWO_VOTERS.lines() {
        let key = line.split(['=', ':']).next().unwrap();
        assert!(text.contains(key), "{key} stays: {text}");
    }
    assert_eq!(fs::read_dir(stack.path()).unwrap().count(), 1, "nothing else is left behind");
    let nothing = dir([("docker-compose.yml", HARMLESS)]);
    let answer = run(nothing.path(), &["diagnose", "--fix", "--min-severity", "critical"]);
    assert!(answer.err.contains("no change to apply"), "{answer:?}");
    assert_eq!(fs::read_to_string(nothing.path().join("docker-compose.yml")).unwrap(), HARMLESS);
}

#[test]
fn repairs_of_the_same_text_are_applied_one_after_the_other() {
    let broker = |id: u32| {
        format!(
            "  kafka{id}:\n    image: apache/kafka:3.9.1\n    ports: ['1909{id}:1909{id}']\n    \
             environment:\n      CLUSTER_ID: c\n      KAFKA_NODE_ID: {id}\n      \
             KAFKA_PROCESS_ROLES: broker,controller\n      \
             KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093\n      \
             KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER\n      \
             KAFKA_LISTENERS: PLAINTEXT://:1909{id},CONTROLLER://:9093\n      \
             KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:1909{id}\n"
        )
    };
    let app = "  app:\n    image: shop:1\n    environment:\n      \
               SPRING_KAFKA_BOOTSTRAP_SERVERS: kafka1:19091\n";
    let text = format!("services:\n{}{app}", (1..=3).map(broker).collect::<String>());
    let stack = dir([("docker-compose.yml", text.as_str())]);
    let answer = run(stack.path(), &["diagnose", "--unsafe-fixes"]);
    // The application moves to the listener for containers, and is told of all brokers there.
    let changed = fs::read_to_string(stack.path().join("docker-compose.yml")).unwrap();
    let all = "SERVERS: kafka1:29092,kafka2:29092,kafka3:29092";
    assert!(changed.contains(all), "{changed}\n{}", answer.err);
    assert!(!answer.err.contains("left out"), "{}", answer.err);
    let again = run(stack.path(), &["diagnose", "--unsafe-fixes"]);
    assert!(again.err.contains("no change to apply"), "{}", again.err);
}

#[test]
fn a_repair_that_copies_a_service_goes_before_those_that_change_it() {
    let case = "../../cases/one-broker-down/docker-compose.yml";
    let case = fs::read_to_string(format!("{}/{case}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let stack = dir([("docker-compose.yml", case.as_str())]);
    let answer = run(stack.path(), &["diagnose", "--unsafe-fixes"]);
    let changed = fs::read_to_string(stack.path().join("docker-compose.yml")).unwrap();
    assert!(changed.contains("  kafka3:\n"), "{changed}\n{}", answer.err);
    // What is changed in both brokers is changed in the new one, too.
    for line in ["FACTOR=3", "INTER_BROKER_LISTENER_NAME=INTERNAL", "2@kafka3:9093", "restart:"] {
        assert_eq!(changed.matches(line).count() % 3, 0, "{line}\n{changed}");
        assert!(changed.contains(line), "{line}\n{changed}");
    }
    assert!(answer.err.find("kafka3 (node id 2").unwrap() < answer.err.find("listeners").unwrap());
    let again = run(stack.path(), &["diagnose", "--unsafe-fixes"]);
    assert!(again.err.contains("no change to apply"), "{}", again.err);
    assert_eq!(again.code, Some(0), "{}", again.out);
}

#[test]
fn no_format_prints_a_secret() {
    const SECRET: &str = "Tr0ub4dor-and-3";
    let text = TWO_VOTERS
        .replace("environment:\n", &format!("environment:\n      - DB_PASSWORD={SECRET}\n"))
        .replace("NODE_ID=0", &format!("NODE_ID=0\n      - KAFKA_CFG_SASL_JAAS_CONFIG=x.PlainLoginModule required username=\"a\" password=\"{SECRET}\";"));
    let bad = format!("services:\n  a:\n    image: ${{X_PASSWORD:?{SECRET}}}\n");
    let env = format!("API_KEY={SECRET}\n");
    let stack =
        dir([("docker-compose.yml", text.as_str()), ("b/compose.yml", &bad), (".env", &env)]);
    for format in ["text", "json", "sarif", "junit", "github", "html"] {
        let answer = run(stack.path(), &["diagnose", "--pedantic", "--format", format]);
        assert!(answer.out.contains("quorum-without-spare"), "{format}: {answer:?}");
        assert!(
            !answer.out.contains(SECRET) && !answer.err.contains(SECRET),
            "{format}: {answer:?}"
        );
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let root = dir([]);
    let help = run(root.path(), &["diagnose", "--help"]);
    assert!(
        help.out.contains("Examples:") && help.out.contains("nothing was read"),
        "{}",
        help.out
    );
    for command in ["modes", "explain"] {
        assert!(run(root.path(), &[command, "--help"]).out.contains("Examples:"));
    }
}
