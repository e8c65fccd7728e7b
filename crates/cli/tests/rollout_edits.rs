//! Proposals of `wonin rehearse rollout` hold what they promise: their edits are applied to a copy
//! of the files, and the copy is rehearsed. Where a value is shared there is no edit, but a reason.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::{apply, dir, named, rollouts};

/// Settings of a proposal with their values.
fn changes(proposal: &Value) -> String {
    let changes = proposal["changes"].as_array().unwrap().iter();
    changes
        .map(|one| format!("{} {}", one["setting"].as_str().unwrap(), one["to"]))
        .collect::<Vec<_>>()
        .join(" + ")
}

/// Applies each proposal with edits for a service. Afterwards it must complete, and the verdict of
/// every other service must be what it was. Gives the proposals: with edits, and without, with the
/// reason.
fn honest(
    files: &[(&str, &str)],
    service: &str,
    args: &[&str],
) -> (Vec<String>, Vec<(String, String)>) {
    let root = dir(files.iter().copied());
    let before = rollouts(root.path(), args);
    let found = named(&before, service);
    assert!(found["verdict"] != "completes", "{found:#}");
    let (mut made, mut open) = (Vec::new(), Vec::new());
    for proposal in found["proposals"].as_array().unwrap() {
        let edits = proposal["edits"].as_array().unwrap();
        if edits.is_empty() {
            let why = proposal["no_edit"].as_str().expect("a reason").to_owned();
            open.push((changes(proposal), why));
            continue;
        }
        let after = rollouts(apply(files, edits).path(), args);
        for one in &before {
            let name = one["service"].as_str().unwrap();
            let now = named(&after, name);
            let wanted = if name == service { &Value::from("completes") } else { &one["verdict"] };
            assert_eq!(&now["verdict"], wanted, "{name} after {edits:#?}");
        }
        made.push(changes(proposal));
    }
    (made, open)
}

fn has(made: &[String], wanted: &str) {
    assert!(made.iter().any(|one| one == wanted), "`{wanted}` is not among {made:#?}");
}

fn why<'a>(open: &'a [(String, String)], wanted: &str) -> &'a str {
    let found = open.iter().find(|(what, _)| what == wanted);
    &found.unwrap_or_else(|| panic!("`{wanted}` is not among {open:#?}")).1
}

const STARTUP: [&str; 2] = ["--startup", "150s"];

/// A service with its target group; `GRACE` and `INTERVAL` are put in.
const SERVICE: &str = r#"
resource "aws_lb_target_group" "NAME" {
  name                 = "NAME"
  port                 = 8080
  deregistration_delay = 30
  health_check {
    interval            = INTERVAL
    timeout             = 5
    unhealthy_threshold = 3
    healthy_threshold   = 2
  }
}

resource "aws_ecs_service" "NAME" {
  name                              = "NAME"
  desired_count                     = 2
  health_check_grace_period_seconds = GRACE
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.NAME.arn
    container_name   = "app"
    container_port   = 8080
  }
}
"#;

fn service(name: &str, grace: &str, interval: &str) -> String {
    SERVICE.replace("NAME", name).replace("GRACE", grace).replace("INTERVAL", interval)
}

#[test]
fn a_variable_with_one_user_is_changed_where_it_is_defined() {
    let text = service("api", "var.grace", "local.check.interval");
    let rest = "variable \"grace\" {\n  default = 15\n}\nlocals {\n  check = {\n    interval = 15\n    path     = \"/up\"\n  }\n}\n";
    let files = [("main.tf", text.as_str()), ("variables.tf", rest)];
    let (made, open) = honest(&files, "api", &STARTUP);
    has(&made, "health_check_grace_period_seconds 180");
    has(&made, "interval 75");
    assert!(open.is_empty(), "{open:?}");
    let given =
        [("main.tf", text.as_str()), ("variables.tf", rest), ("terraform.tfvars", "grace = 20\n")];
    has(&honest(&given, "api", &STARTUP).0, "health_check_grace_period_seconds 180");
}

#[test]
fn a_variable_with_several_users_is_left_alone() {
    let text = [
        service("api", "var.grace", "15"),
        "output \"grace\" {\n  value = var.grace\n}\n".to_owned(),
    ]
    .concat();
    let files =
        [("main.tf", text.as_str()), ("variables.tf", "variable \"grace\" {\n  default = 15\n}\n")];
    let (made, open) = honest(&files, "api", &STARTUP);
    has(&made, "interval 75");
    let why = why(&open, "health_check_grace_period_seconds 180");
    assert_eq!(
        why,
        "`health_check_grace_period_seconds` at variables.tf:2 is shared: `var.grace` is used in 2 \
         places (main.tf:17, main.tf:29)"
    );
}

#[test]
fn what_is_computed_is_left_alone() {
    let text = service("api", "5 * var.third", "15");
    let files = [("main.tf", text.as_str()), ("v.tf", "variable \"third\" {\n  default = 3\n}\n")];
    let (_, open) = honest(&files, "api", &STARTUP);
    let why = why(&open, "health_check_grace_period_seconds 180");
    assert!(why.contains("is computed"), "{why}");
}

#[test]
fn an_argument_of_a_module_is_changed_in_its_call() {
    let module = service("api", "var.grace", "var.interval");
    let variables =
        "variable \"grace\" {\n  default = 15\n}\nvariable \"interval\" {\n  default = 15\n}\n";
    let call = "module \"api\" {\n  source = \"./modules/api\"\n  grace  = 10\n}\n";
    let files = [
        ("main.tf", call),
        ("modules/api/main.tf", module.as_str()),
        ("modules/api/variables.tf", variables),
    ];
    let (made, open) = honest(&files, "api", &STARTUP);
    has(&made, "health_check_grace_period_seconds 180");
    has(&made, "interval 75");
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_default_of_a_module_that_is_called_twice_is_left_alone() {
    let module = service("api", "var.grace", "15")
        .replace("\"api\"\n  port", "var.name\n  port")
        .replace("= \"api\"\n  desired_count", "= var.name\n  desired_count");
    let variables = "variable \"grace\" {\n  default = 15\n}\nvariable \"name\" {}\n";
    let call = |name: &str| {
        format!("module \"{name}\" {{\n  source = \"./modules/api\"\n  name   = \"{name}\"\n}}\n")
    };
    let calls = [call("orders"), call("users")].concat();
    let files = [
        ("main.tf", calls.as_str()),
        ("modules/api/main.tf", module.as_str()),
        ("modules/api/variables.tf", variables),
    ];
    let (made, open) = honest(&files, "orders", &STARTUP);
    assert!(made.is_empty(), "{made:?}");
    assert!(
        why(&open, "health_check_grace_period_seconds 180").contains("called 2 times"),
        "{open:?}"
    );
    assert!(why(&open, "interval 75").contains("is the value of `users` as well"), "{open:?}");
}

#[test]
fn services_of_one_resource_share_its_text() {
    let text = service("api", "each.value.grace", "15")
        .replace(
            "resource \"aws_ecs_service\" \"api\" {",
            "resource \"aws_ecs_service\" \"api\" {\n  for_each = local.all",
        )
        .replace("= \"api\"\n  desired_count", "= each.key\n  desired_count");
    let locals =
        "locals {\n  all = {\n    orders = { grace = 15 }\n    users  = { grace = 300 }\n  }\n}\n";
    let files = [("main.tf", text.as_str()), ("locals.tf", locals)];
    let (made, open) = honest(&files, "orders", &STARTUP);
    has(&made, "health_check_grace_period_seconds 180");
    assert!(why(&open, "interval 75").contains("is the value of `users` as well"), "{open:?}");
}

const WAITS: &str =
    "  web:\n    image: web:1\n    depends_on: {db: {condition: service_healthy}}\n";
const NINETY: [&str; 2] = ["--startup", "90s"];

#[test]
fn an_anchor_with_one_user_is_changed_and_a_shared_one_is_overruled() {
    let alone = format!(
        "x-check: &check\n  test: [\"CMD\", \"ready\"]\n  interval: 10s\n  retries: 3\nservices:\n  db:\n    image: db:1\n    healthcheck: *check\n{WAITS}"
    );
    let (made, open) = honest(&[("compose.yml", &alone)], "db", &NINETY);
    has(&made, "retries 9");
    has(&made, "start_period 66");
    assert!(open.is_empty(), "{open:?}");
    let shared = format!("{alone}  cache:\n    image: cache:1\n    healthcheck: *check\n");
    let files = [("compose.yml", shared.as_str())];
    let (made, open) = honest(&files, "db", &NINETY);
    has(&made, "retries 9");
    has(&made, "start_period 66");
    assert!(open.is_empty(), "{open:?}");
    let root = dir(files);
    let found = rollouts(root.path(), &NINETY);
    let retries = named(&found, "db")["proposals"].as_array().unwrap().iter();
    let retries = retries.clone().find(|one| changes(one) == "retries 9").unwrap();
    let text = retries["edits"][0]["replacement"].as_str().unwrap();
    assert_eq!(text, "\n      retries: 9\n      <<: ");
}

#[test]
fn an_anchor_of_a_whole_service_is_left_alone_when_shared() {
    let text = format!(
        "x-db: &db\n  image: db:1\n  healthcheck:\n    test: [\"CMD\", \"ready\"]\n    interval: 10s\n    retries: 3\nservices:\n  db:\n    <<: *db\n  other:\n    <<: *db\n{WAITS}"
    );
    let (made, open) = honest(&[("compose.yml", &text)], "db", &NINETY);
    assert!(!made.iter().any(|one| one.starts_with("retries")), "{made:?}");
    assert!(why(&open, "retries 9").contains("`&db` is used in 2 places"), "{open:?}");
}

#[test]
fn what_a_service_extends_is_overruled_in_the_service() {
    let base = "services:\n  base:\n    image: db:1\n    healthcheck:\n      test: [\"CMD\", \"ready\"]\n      interval: 10s\n      retries: 3\n";
    let text = format!(
        "services:\n  db:\n    extends: {{file: base.yml, service: base}}\n    restart: always\n{WAITS}"
    );
    let files = [("compose.yml", text.as_str()), ("base.yml", base)];
    let (made, open) = honest(&files, "db", &NINETY);
    has(&made, "retries 9");
    has(&made, "start_period 66");
    assert!(open.is_empty(), "{open:?}");
    let own = text.replace("    restart: always\n", "    healthcheck:\n      timeout: 5s\n");
    let files = [("compose.yml", own.as_str()), ("base.yml", base)];
    let (made, open) = honest(&files, "db", &NINETY);
    has(&made, "retries 9");
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn memory_of_the_start_is_raised_where_it_is_limited() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: web\n          image: web:1\n          resources:\n            limits: {memory: 0.5Gi}\n";
    let args = ["--startup", "60s", "--memory", "900M"];
    let (made, _) = honest(&[("web.yaml", text)], "web", &args);
    has(&made, "limits.memory 900");
}

/// Every proposal for every incident of this checkout, and for the case before it went wrong.
#[test]
fn the_cases_hold_what_their_proposals_promise() {
    let case = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cases/rollout-outpaced");
    for (path, startup) in [("main.tf", "150s"), ("before/main.tf", "35s"), ("main.tf", "31s..33s")]
    {
        let text = fs::read_to_string(case.join(path)).unwrap();
        let (made, open) = honest(&[("main.tf", &text)], "api", &["--startup", startup]);
        assert!(made.len() >= 3, "{path} {startup}: {made:?} {open:?}");
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn what_is_written_as_null_gets_no_second_line() {
    let text = service("api", "null", "15");
    let (made, open) = honest(&[("main.tf", text.as_str())], "api", &STARTUP);
    has(&made, "interval 75");
    assert!(why(&open, "health_check_grace_period_seconds 180").contains("no block to write it"));
}

#[test]
fn arguments_of_a_public_module_are_changed_in_its_call() {
    let text = r#"
module "alb" {
  source = "terraform-aws-modules/alb/aws"
  target_groups = {
    api = {
      port         = 8080
      health_check = { interval = 15, timeout = 5, healthy_threshold = 2 }
    }
  }
}

module "api" {
  source                            = "terraform-aws-modules/ecs/aws//modules/service"
  name                              = "api"
  desired_count                     = 2
  health_check_grace_period_seconds = 15
  load_balancer = {
    service = {
      target_group_arn = module.alb.target_groups["api"].arn
      container_name   = "api"
      container_port   = 8080
    }
  }
}
"#;
    let (made, open) = honest(&[("main.tf", text)], "api", &STARTUP);
    has(&made, "health_check_grace_period_seconds 180");
    has(&made, "interval 75");
    // The threshold is a default: it gets an entry in the object.
    assert!(made.iter().any(|one| one.contains("unhealthy_threshold")), "{made:#?} {open:#?}");
    let bare = text.replace(
        "      health_check = { interval = 15, timeout = 5, healthy_threshold = 2 }\n",
        "",
    );
    let (made, _) = honest(&[("main.tf", bare.as_str())], "api", &STARTUP);
    has(&made, "interval 75");
}
