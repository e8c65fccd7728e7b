//! `wonin rehearse rollout` as people call it, against the incident and against small services.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Answer, apply, dir, parsed, put, run, wonin};

const INCIDENT: &str = include_str!("../../../cases/rollout-outpaced/main.tf");
const MEASURED: [&str; 4] = ["--startup", "35s@1024", "--startup", "150s@256"];
/// Section 7.5 of the specification fixes these.
const FIXED: [&str; 6] = ["--phase", "5s", "--launch", "20s", "--stop", "5s"];

fn case() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cases/rollout-outpaced")
}

fn rehearse(dir: &Path, args: &[&str]) -> Answer {
    run(dir, &[&["rehearse", "rollout"], args].concat())
}

/// The JSON answer, held against its schema.
fn json(dir: &Path, args: &[&str]) -> Value {
    let answer = rehearse(dir, &[args, &["--format", "json"]].concat());
    let value = parsed(&answer);
    let schema = include_str!("../../../docs/schema/wonin.rollout-1.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    assert_eq!(schema::problems(&schema, &value), [""; 0], "{args:?}");
    value
}

fn times(value: &Value, task: &str, event: &str) -> Vec<f64> {
    let all = value["timeline"].as_array().unwrap().iter();
    all.filter(|one| one["task"] == task && one["event"] == event)
        .map(|one| one["t_s"].as_f64().unwrap())
        .collect()
}

/// `role setting to`, in order.
fn blamed(value: &Value) -> Vec<String> {
    let all = value["blame"].as_array().unwrap().iter();
    all.map(|one| format!("{} {} {}", one["role"].as_str().unwrap(), one["setting"], one["to"]))
        .map(|text| text.replace('"', ""))
        .collect()
}

#[test]
fn the_incident_goes_as_the_specification_says() {
    let value = json(&case(), &[&["--startup", "150s"][..], &FIXED].concat());
    assert_eq!((&value["verdict"], &value["platform"]), (&"never".into(), &"ecs".into()));
    assert_eq!(value["ends"]["how"], "circuit-breaker");
    assert_eq!(value["ends"]["at_s"], serde_json::json!({"p50": 110, "p99": 110}));
    assert_eq!(
        (value["task_success"].as_f64(), value["rollout_success"].as_f64()),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(value["lowest_capacity"], 1);
    let curve = serde_json::json!([{"t_s": 0, "available": 1}, {"t_s": 165, "available": 2}]);
    assert_eq!(value["capacity"], curve);
    assert_eq!(times(&value, "", "tripped"), [110.0]);
    assert_eq!(times(&value, "N1", "check-failed")[..3], [25.0, 40.0, 55.0]);
    assert_eq!(times(&value, "R1", "started"), [55.0]);
    assert_eq!(times(&value, "O3", "healthy"), [165.0]);
    let answer = rehearse(&case(), &["--startup", "150s"]);
    assert_eq!(answer.code, Some(1));
}

#[test]
fn cpu_is_the_cause_and_the_checks_let_it_happen() {
    let value = json(&case(), &[&MEASURED[..], &["--before", "before"]].concat());
    assert_eq!(
        blamed(&value),
        ["cause cpu 256", "enabler health_check_grace_period_seconds 180", "enabler interval 75"]
    );
    let cpu = &value["blame"][0];
    assert_eq!(
        (&cpu["from"], &cpu["path"], &cpu["line"]),
        (&1024.into(), &"main.tf".into(), &53.into())
    );
    let first = &value["proposals"][0];
    assert_eq!(first["changes"][0]["to"], 180, "the smallest grace period comes first");
    assert_eq!(first["task_success"], 1.0);
    assert!(first["costs"].as_str().unwrap().contains("400 s"), "{first}");
    assert_eq!(value["before"]["verdict"], "depends");
    assert_eq!(value["before"]["task_success"], 0.6667);
    // One startup time for both cannot tell what CPU did.
    let value = json(&case(), &["--startup", "150s", "--before", "before"]);
    assert!(blamed(&value).iter().all(|one| one.starts_with("enabler")), "{:?}", blamed(&value));
    assert!(value["not_checked"][0].as_str().unwrap().contains("--startup 35s@1024"), "{value:#}");
    assert_eq!((value.get("before"), &value["rollback_success"]), (None, &1.0.into()));
    // Without the settings before there are enablers alone.
    let value = json(&case(), &["--startup", "150s"]);
    assert!(blamed(&value).iter().all(|one| one.starts_with("enabler")), "{:?}", blamed(&value));
    assert!(!blamed(&value).is_empty());
}

#[test]
fn the_settings_before_were_a_gamble_and_the_repaired_ones_are_none() {
    let before = json(&case(), &["before", "--startup", "35s"]);
    assert_eq!(before["verdict"], "depends");
    assert_eq!(before["task_success"], 0.6667);
    let fixed = json(&case(), &["fixed", "--startup", "150s"]);
    assert_eq!((&fixed["verdict"], &fixed["lowest_capacity"]), (&"completes".into(), &2.into()));
    assert_eq!(fixed["proposals"], serde_json::json!([]));
    assert_eq!(rehearse(&case(), &["fixed", "--startup", "150s"]).code, Some(0));
}

#[test]
fn more_grace_and_a_longer_interval_together_still_fail() {
    let change = |grace: &str, interval: &str| {
        let text = INCIDENT
            .replace("grace_period_seconds  = 15", &format!("grace_period_seconds  = {grace}"))
            .replace("interval            = 15", &format!("interval            = {interval}"));
        let value = json(dir([("main.tf", text.as_str())]).path(), &["--startup", "150s"]);
        (value["verdict"].as_str().unwrap().to_owned(), value["task_success"].as_f64().unwrap())
    };
    let (verdict, survives) = change("180", "30");
    assert_eq!((verdict.as_str(), survives), ("never", 0.0));
    assert_eq!(change("180", "15"), ("completes".to_owned(), 1.0));
    assert_eq!(change("179", "15").0, "depends");
    assert!((change("175", "15").1 - 0.6667).abs() < 1e-9);
    assert!(change("150", "15").1 < 1e-9, "grace for the startup alone saves no task");
}

/// Applies the edits of every proposal to a copy of the files and rehearses that. Gives the
/// changes of the proposals that carry edits.
fn honest(files: &[(&str, &str)], args: &[&str]) -> Vec<String> {
    let root = dir(files.iter().copied());
    let value = json(root.path(), args);
    assert_ne!(value["verdict"], "completes", "{value:#}");
    let mut applied = Vec::new();
    for proposal in value["proposals"].as_array().unwrap() {
        let edits = proposal["edits"].as_array().unwrap();
        if edits.is_empty() {
            continue;
        }
        let root = apply(files, edits);
        let mut again = json(root.path(), args);
        again["timeline"] = Value::Null;
        let changes = &proposal["changes"];
        assert_eq!(again["verdict"], "completes", "{changes:#}\n{edits:#?}\n{again:#}");
        let names = changes.as_array().unwrap().iter().map(|one| {
            let within = one["within"].as_str().map_or(String::new(), |block| format!("{block}."));
            format!("{within}{} {}", one["setting"].as_str().unwrap(), one["to"])
        });
        applied.push(names.collect::<Vec<_>>().join(" + "));
    }
    applied
}

fn has(applied: &[String], wanted: &str) {
    assert!(applied.iter().any(|one| one == wanted), "`{wanted}` is not among {applied:#?}");
}

#[test]
fn every_proposal_for_the_incident_does_what_it_says() {
    let applied = honest(&[("main.tf", INCIDENT)], &MEASURED);
    has(&applied, "health_check_grace_period_seconds 180");
    has(&applied, "health_check.interval 75");
    has(&applied, "cpu 1186");
    assert!(applied.len() >= 4, "{applied:#?}");
}

#[test]
fn values_of_variables_are_changed_where_they_are_defined() {
    let with_variables = INCIDENT
        .replace("grace_period_seconds  = 15", "grace_period_seconds  = var.grace")
        .replace("interval            = 15", "interval            = var.interval")
        + "\nvariable \"grace\" {\n  default = 1\n}\nvariable \"interval\" {\n  default = \"15\"\n}\n";
    let files = [("main.tf", with_variables.as_str()), ("terraform.tfvars", "grace = 15\n")];
    let value = json(dir(files).path(), &["--startup", "150s"]);
    let edit = &value["proposals"][0]["edits"][0];
    assert_eq!((&edit["path"], &edit["start"]), (&"terraform.tfvars".into(), &8.into()));
    assert_eq!(value["proposals"][0]["changes"][0]["path"], "terraform.tfvars");
    let applied = honest(&files, &["--startup", "150s"]);
    has(&applied, "health_check_grace_period_seconds 180");
    has(&applied, "health_check.interval 75");
}

#[test]
fn defaults_get_a_line_of_their_own() {
    let bare: String = INCIDENT
        .lines()
        .filter(|line| !line.contains("grace_period") && !line.contains("interval  "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let files = [("main.tf", bare.as_str())];
    let applied = honest(&files, &["--startup", "150s"]);
    has(&applied, "health_check_grace_period_seconds 210");
    has(&applied, "health_check.interval 75");
    let value = json(dir(files).path(), &["--startup", "150s"]);
    let first = &value["proposals"][0];
    assert_eq!(first["changes"][0].get("path"), None, "a default has no place");
    let text = first["edits"][0]["replacement"].as_str().unwrap();
    assert_eq!(text, "  health_check_grace_period_seconds = 210\n");
    let start = bare.find("health_check {").unwrap();
    let end = start + bare[start..].find('}').unwrap() + 2;
    let bare = format!("{}{}", &bare[..start], &bare[end..]);
    let applied = honest(&[("main.tf", bare.as_str())], &["--startup", "150s"]);
    has(&applied, "health_check.interval 75");
}

#[test]
fn a_container_check_is_mended_inside_json() {
    let check = "healthCheck       = { command = [\"CMD\", \"true\"], retries = 3 }\n      memory ";
    let text = INCIDENT
        .replace("memory            =", &format!("{check}           ="))
        .replace("grace_period_seconds  = 15", "grace_period_seconds  = 60");
    let applied = honest(&[("main.tf", text.as_str())], &["--startup", "100s"]);
    has(&applied, "health_check_grace_period_seconds 130");
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          livenessProbe:
            httpGet:
              path: /up
              port: 8080
            periodSeconds: 10
          readinessProbe: {httpGet: {path: /up, port: 8080}}
";

#[test]
fn kubernetes_gets_a_startup_probe() {
    let applied = honest(&[("web.yaml", DEPLOYMENT)], &["--startup", "150s"]);
    has(&applied, "startupProbe.failureThreshold 16");
    has(&applied, "livenessProbe.failureThreshold 16");
    has(&applied, "livenessProbe.initialDelaySeconds 130");
    let flow = DEPLOYMENT.replace(
        "livenessProbe:\n            httpGet:\n              path: /up\n              port: 8080\n            periodSeconds: 10\n",
        "livenessProbe: {httpGet: {path: /up, port: 8080}, failureThreshold: 2}\n",
    );
    let applied = honest(&[("web.yaml", flow.as_str())], &["--startup", "150s"]);
    has(&applied, "startupProbe.failureThreshold 16");
    let value = json(dir([("web.yaml", DEPLOYMENT)]).path(), &["--startup", "150s"]);
    let change = &value["blame"][0];
    assert_eq!((&change["setting"], &change["from"]), (&"failureThreshold".into(), &Value::Null));
}

#[test]
fn a_startup_probe_that_is_too_short_is_lengthened() {
    let short = DEPLOYMENT.replace(
        "          livenessProbe:",
        "          startupProbe:\n            tcpSocket: {port: 8080}\n            failureThreshold: 6\n          livenessProbe:",
    );
    let applied = honest(&[("web.yaml", short.as_str())], &["--startup", "120s..150s"]);
    has(&applied, "startupProbe.failureThreshold 16");
    let late = short
        .replace("failureThreshold: 6", "failureThreshold: 60")
        .replace("  replicas: 3\n", "  replicas: 3\n  progressDeadlineSeconds: 100\n");
    let applied = honest(&[("web.yaml", late.as_str())], &["--startup", "150s"]);
    assert!(applied.iter().any(|one| one.starts_with("progressDeadlineSeconds")), "{applied:#?}");
}

const COMPOSE: &str = "\
services:
  db:
    image: db:1
    healthcheck:
      test: [\"CMD\", \"ready\"]
      interval: 10s
      retries: 3
  web:
    image: web:1
    depends_on:
      db:
        condition: service_healthy
";

#[test]
fn compose_gets_a_start_period() {
    let value = json(dir([("compose.yml", COMPOSE)]).path(), &["--startup", "90s"]);
    assert_eq!((&value["platform"], &value["verdict"]), (&"compose".into(), &"never".into()));
    let applied = honest(&[("compose.yml", COMPOSE)], &["--startup", "90s"]);
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.start_period")), "{applied:#?}");
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.retries")), "{applied:#?}");
    let interpolated = COMPOSE.replace("retries: 3", "retries: ${RETRIES}");
    let files = [("compose.yml", interpolated.as_str()), (".env", "RETRIES=3\n")];
    let applied = honest(&files, &["--startup", "90s"]);
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.retries")), "{applied:#?}");
    let image = "FROM db:1\nHEALTHCHECK --interval=10s CMD ready\n";
    let built = COMPOSE.replace("image: db:1", "build: .").replace(
        "    healthcheck:\n      test: [\"CMD\", \"ready\"]\n      interval: 10s\n      retries: 3\n",
        "",
    );
    let files = [("compose.yml", built.as_str()), ("Dockerfile", image)];
    let applied = honest(&files, &["--startup", "90s"]);
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.start_period")), "{applied:#?}");
    let flow = COMPOSE.replace(
        "healthcheck:\n      test: [\"CMD\", \"ready\"]\n      interval: 10s\n      retries: 3\n",
        "healthcheck: {test: [\"CMD\", \"ready\"], interval: 10s}\n",
    );
    let applied = honest(&[("compose.yml", flow.as_str())], &["--startup", "90s"]);
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.start_period")), "{applied:#?}");
}

#[test]
fn swarm_is_rehearsed_too() {
    let text = "\
services:
  web:
    image: web:1
    healthcheck: {test: [\"CMD\", \"true\"], interval: 10s}
    deploy:
      replicas: 4
      update_config: {parallelism: 2, failure_action: rollback}
";
    let applied = honest(&[("compose.yml", text)], &["--startup", "90s"]);
    assert!(applied.iter().any(|one| one.starts_with("healthcheck.start_period")), "{applied:#?}");
}

#[test]
fn without_a_startup_time_the_bounds_still_speak() {
    let root = dir([("main.tf", INCIDENT)]);
    let value = json(root.path(), &[]);
    assert_eq!((&value["verdict"], &value["task_success"]), (&Value::Null, &Value::Null));
    assert_eq!((&value["lowest_capacity"], &value["longest_startup_s"]), (&1.into(), &30.into()));
    assert!(value["not_checked"][0].as_str().unwrap().contains("give --startup or a log"));
    let answer = rehearse(root.path(), &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("hint: `--startup 90s`"), "{}", answer.err);

    let dead = INCIDENT
        .replace("healthy_percent = 50", "healthy_percent = 100")
        .replace("maximum_percent         = 200", "maximum_percent         = 125");
    let root = dir([("main.tf", dead.as_str())]);
    let value = json(root.path(), &[]);
    assert_eq!((&value["verdict"], &value["task_success"]), (&"deadlock".into(), &Value::Null));
    assert_eq!(rehearse(root.path(), &[]).code, Some(1));
    let changes: Vec<_> =
        value["proposals"].as_array().unwrap().iter().map(|p| &p["changes"][0]).collect();
    assert!(
        changes
            .iter()
            .any(|one| one["setting"] == "deployment_maximum_percent" && one["to"] == 150)
    );
}

#[test]
fn a_log_tells_the_startup_time() {
    let line = "2026-01-05T02:10:00.000Z  INFO 1 --- [main] app.Api : Started Api in 150.0 seconds (process running for 152.1)\n";
    let root = dir([("infra/main.tf", INCIDENT), ("app.log", line)]);
    let value = json(root.path(), &["infra", "--log", "app.log"]);
    assert_eq!(value["verdict"], "never");
    assert_eq!(value["assumed"][0]["value"], "150s, app.log:1");
    // A log among the files counts as well, but not against what is given.
    put(root.path(), "infra/api.log", line.as_bytes());
    assert_eq!(json(root.path(), &["infra"])["verdict"], "never");
    assert_eq!(json(root.path(), &["infra", "--startup", "20s"])["verdict"], "completes");
    put(root.path(), "empty.log", b"2026-01-05T02:10:00.000Z  INFO 1 --- [main] app.Api : hello\n");
    assert_eq!(rehearse(root.path(), &["infra", "--log", "empty.log"]).code, Some(2));
}

#[test]
fn settings_that_the_platform_refuses_have_place_and_range() {
    let refused = INCIDENT
        .replace("interval            = 15", "interval            = 5")
        .replace("unhealthy_threshold = 3", "unhealthy_threshold = 11");
    let root = dir([("main.tf", refused.as_str()), ("web.yaml", DEPLOYMENT)]);
    let answer = rehearse(root.path(), &["--startup", "10s"]);
    assert!(answer.err.contains("main.tf:35:"), "{}", answer.err);
    assert!(answer.err.contains("allowed is 6 to 300 s"), "{}", answer.err);
    assert!(
        answer.err.contains("`health_check.unhealthy_threshold` is 11, allowed is 2 to 10"),
        "{}",
        answer.err
    );
    assert_eq!(answer.code, Some(2));
    let value = json(root.path(), &["--startup", "10s"]);
    let all = value.as_array().unwrap();
    assert_eq!(all.len(), 2, "the other service goes on");
    assert!(all.iter().any(|one| one["service"] == "web" && one["verdict"] == "completes"));
    assert!(all.iter().any(|one| one["refused"].as_array().unwrap().len() == 2));
}

#[test]
fn the_services_of_the_path_itself_come_first() {
    let other = INCIDENT.replace("name = \"api\"", "name = \"orders\"");
    let root = dir([("a/main.tf", INCIDENT), ("a/old/main.tf", &other), ("b/main.tf", &other)]);
    let names = |args: &[&str]| {
        let value = json(root.path(), args);
        let all = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        all.iter().map(|one| one["service"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["a"]), ["api"]);
    assert_eq!(names(&["a/main.tf"]), ["api"]);
    assert_eq!(names(&["."]), ["api", "orders", "orders"]);
    assert_eq!(names(&[".", "--service", "api"]), ["api"]);
    let answer = rehearse(root.path(), &[".", "--service", "web"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("there is `api`, `orders`"), "{}", answer.err);
    let empty = dir([("notes.txt", "nothing\n")]);
    let answer = rehearse(empty.path(), &["--startup", "1s"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(3), ""));
}

#[test]
fn manifests_come_through_a_pipe() {
    let root = dir([]);
    let args = ["rehearse", "rollout", "-", "--startup", "150s", "--format", "json"];
    let output = wonin(root.path(), &args).write_stdin(DEPLOYMENT).output().unwrap();
    let answer = Answer::from(output);
    let value: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&value["verdict"], &value["path"]), (&"never".into(), &"manifests.yaml".into()));
}

fn git(dir: &Path, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.arg("-C").arg(dir).args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
    ]);
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

#[test]
fn the_settings_before_may_be_a_revision() {
    let before = fs::read_to_string(case().join("before/main.tf")).unwrap();
    let root = dir([("infra/main.tf", before.as_str())]);
    git(root.path(), &["init", "-q"]);
    git(root.path(), &["add", "."]);
    git(root.path(), &["commit", "-qm", "good"]);
    git(root.path(), &["tag", "good"]);
    put(root.path(), "infra/main.tf", INCIDENT.as_bytes());
    let with = |path: &str, before: &str| {
        let mut args = vec!["rehearse", "rollout", path];
        args.extend(MEASURED);
        args.extend(["--before", before, "--format", "json"]);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let output = wonin(root.path(), &args).env("PATH", path).output().unwrap();
        Answer::from(output)
    };
    for (path, revision) in [("infra", "good"), ("infra", "HEAD"), ("infra/main.tf", "HEAD")] {
        let answer = with(path, revision);
        let value: Value =
            serde_json::from_str(&answer.out).unwrap_or_else(|_| panic!("{answer:?}"));
        assert_eq!(blamed(&value)[0], "cause cpu 256", "{path} {revision}");
    }
    for wrong in ["nowhere", "--output=x", "HEAD~7"] {
        let answer = with("infra", wrong);
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.starts_with("error: "), "{}", answer.err);
    }
}

#[test]
fn text_and_page_show_the_same_and_obey_the_flags() {
    let text = rehearse(&case(), &["--startup", "150s", "--width", "80"]).out;
    for wanted in
        ["never[api]", "health_check_grace_period_seconds  = 180", "serving", "SIGTERM", "assumed:"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let drawn = text.lines().filter(|line| line.contains(['█', '─', '▒', '▚']));
    drawn.for_each(|line| assert!(line.chars().count() <= 80, "{line}"));
    assert!(!text.contains('\u{1b}'));
    assert!(rehearse(&case(), &["--startup", "150s", "--color", "always"]).out.contains('\u{1b}'));
    let page = rehearse(&case(), &["--startup", "150s", "--format", "html"]).out;
    assert!(page.contains("<svg") && page.contains("role=\"img\"") && page.contains("<title id="));
    assert!(!page.contains("<script") && !page.contains("http"), "the page stands alone");
    assert!(page.contains("prefers-color-scheme"));
    for args in
        [&["--format", "sarif"][..], &["--startup", "soon"], &["--phase", "x"], &["--runs", "0"]]
    {
        assert_eq!(rehearse(&case(), args).code, Some(2), "{args:?}");
    }
    let help = rehearse(&case(), &["--help"]).out;
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}

#[test]
fn equal_runs_give_equal_bytes() {
    for format in ["text", "json", "html"] {
        let args =
            ["before", "--startup", "30s..40s", "--seed", "7", "--runs", "300", "--format", format];
        let once = rehearse(&case(), &args);
        assert_eq!(once, rehearse(&case(), &args));
    }
}

#[test]
fn secrets_are_not_printed() {
    const SECRET: &str = "Tr0ub4dor-and-3";
    let text = DEPLOYMENT.replace(
        "              port: 8080\n            periodSeconds",
        &format!("              port: 8080\n              httpHeaders:\n                - name: Authorization\n                  value: Bearer {SECRET}\n            periodSeconds"),
    );
    let env = format!(
        "          env:\n            - {{name: DB_PASSWORD, value: {SECRET}}}\n          livenessProbe:"
    );
    let text = text.replace("          livenessProbe:", &env);
    let root = dir([("web.yaml", text.as_str())]);
    for format in ["text", "json", "html"] {
        let answer = rehearse(root.path(), &["--startup", "150s", "--format", format]);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(!answer.out.contains(SECRET), "{format}: {}", answer.out);
    }
}
