//! What `wonin rehearse rollout` reads besides directories of Terraform and manifests: charts
//! through a pipe, plans, answers of the AWS command line; and what it says of input that is wrong.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Answer, dir, each, rollouts, run, wonin};

fn rehearse(dir: &Path, args: &[&str]) -> Answer {
    run(dir, &[&["rehearse", "rollout"], args].concat())
}

/// As `helm template` prints it: comments with the source, several documents, hooks, an empty one.
const CHART: &str = r#"---
# Source: shop/templates/serviceaccount.yaml
apiVersion: v1
kind: ServiceAccount
metadata:
  name: release-name-shop
---
# Source: shop/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: release-name-shop
spec:
  type: ClusterIP
  ports:
    - port: 80
      targetPort: http
      protocol: TCP
      name: http
  selector:
    app.kubernetes.io/name: shop
---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: release-name-shop
  labels:
    helm.sh/chart: shop-0.1.0
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: shop
  template:
    metadata:
      labels:
        app.kubernetes.io/name: shop
    spec:
      containers:
        - name: shop
          image: "shop:1.16.0"
          ports:
            - name: http
              containerPort: 80
          livenessProbe:
            httpGet:
              path: /
              port: http
          readinessProbe:
            httpGet:
              path: /
              port: http
---
# Source: shop/templates/empty.yaml
---
# Source: shop/templates/tests/test-connection.yaml
apiVersion: v1
kind: Pod
metadata:
  name: "release-name-shop-test-connection"
  annotations:
    "helm.sh/hook": test
spec:
  containers:
    - name: wget
      image: busybox
      command: ['wget']
      args: ['release-name-shop:80']
  restartPolicy: Never
"#;

fn piped(text: &str, args: &[&str]) -> Answer {
    let root = dir([]);
    let args = [&["rehearse", "rollout", "-"], args].concat();
    wonin(root.path(), &args).write_stdin(text).output().unwrap().into()
}

#[test]
fn a_chart_comes_through_a_pipe() {
    let answer = piped(CHART, &["--startup", "90s", "--format", "json"]);
    let found = each(&answer);
    let [shop] = found.as_slice() else { panic!("one service: {found:#?}") };
    assert_eq!(shop["service"], "release-name-shop");
    assert_eq!((&shop["verdict"], &shop["desired"]), (&"never".into(), &2.into()));
    assert_eq!((&shop["path"], &shop["longest_startup_s"]), (&"manifests.yaml".into(), &20.into()));
    assert_eq!(answer.code, Some(1));
    // The same with a file of Windows, and with what Helm adds when it fails to be quiet.
    let windows = CHART.replace('\n', "\r\n");
    assert_eq!(each(&piped(&windows, &["--startup", "90s", "--format", "json"])).len(), 1);
    let text = piped(CHART, &["--startup", "90s"]).out;
    assert!(text.contains("release-name-shop never completes"), "{text}");
    assert!(text.contains("+           startupProbe:") || text.contains("startupProbe:"), "{text}");
}

#[test]
fn a_pipe_with_nothing_in_it_is_told() {
    for text in ["", "---\n", "hello\n"] {
        let answer = piped(text, &["--startup", "90s"]);
        assert_eq!((answer.code, answer.out.as_str()), (Some(3), ""), "{text:?}: {answer:?}");
        assert!(answer.err.contains("nothing to rehearse was found in `-`"), "{}", answer.err);
    }
}

/// What `terraform show -json plan` prints for the incident, as far as it counts.
fn plan() -> String {
    let service = json!({
        "address": "aws_ecs_service.api", "mode": "managed", "type": "aws_ecs_service",
        "name": "api", "values": {
            "name": "api", "desired_count": 2, "launch_type": "EC2",
            "deployment_minimum_healthy_percent": 50, "deployment_maximum_percent": 200,
            "health_check_grace_period_seconds": 15,
            "deployment_circuit_breaker": [{"enable": true, "rollback": true}],
            "load_balancer": [{"container_name": "api", "container_port": 8080}]
        }
    });
    let group = json!({
        "address": "aws_lb_target_group.api", "mode": "managed", "type": "aws_lb_target_group",
        "name": "api", "values": {
            "name": "api", "port": 8080, "deregistration_delay": "30",
            "health_check": [{
                "interval": 15, "timeout": 5, "unhealthy_threshold": 3, "healthy_threshold": 2,
                "matcher": "200", "path": "/up"
            }]
        }
    });
    let task = json!({
        "address": "aws_ecs_task_definition.api", "mode": "managed",
        "type": "aws_ecs_task_definition", "name": "api", "values": {
            "family": "api", "cpu": "256",
            "container_definitions": "[{\"name\":\"api\",\"image\":\"api:1\",\"memory\":512}]"
        }
    });
    let expressions = |kind: &str, name: &str, expressions: Value| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "expressions": expressions})
    };
    json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [service, group, task]}},
        "resource_changes": [],
        "configuration": {"root_module": {"resources": [expressions("aws_ecs_service", "api", json!({
            "task_definition": {"references": ["aws_ecs_task_definition.api.arn", "aws_ecs_task_definition.api"]},
            "load_balancer": [{"target_group_arn": {"references": ["aws_lb_target_group.api.arn", "aws_lb_target_group.api"]}}]
        }))]}}
    })
    .to_string()
}

#[test]
fn a_plan_is_rehearsed_from_a_file_and_through_a_pipe() {
    let plan = plan();
    let root = dir([("plan.json", plan.as_str())]);
    let args = ["--startup", "35s@1024", "--startup", "150s@256", "--phase", "5s"];
    let found = rollouts(root.path(), &args);
    let [api] = found.as_slice() else { panic!("one service: {found:#?}") };
    assert_eq!((&api["service"], &api["verdict"]), (&"api".into(), &"never".into()));
    assert_eq!(api["ends"]["at_s"]["p50"], 110.0);
    let grace = &api["proposals"][0]["changes"][0];
    assert_eq!((&grace["to"], &grace["path"]), (&180.into(), &"plan.json".into()));

    let args = [&["--stdin-name", "plan.json", "--format", "json"], &args[..]].concat();
    let piped = each(&piped(&plan, &args));
    assert_eq!((piped.len(), &piped[0]["verdict"]), (1, &"never".into()));
}

#[test]
fn answers_of_the_aws_command_line_belong_together() {
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/api/abc";
    let service = json!({"services": [{
        "serviceName": "api", "desiredCount": 2, "launchType": "FARGATE",
        "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/api:7",
        "healthCheckGracePeriodSeconds": 15,
        "loadBalancers": [{"targetGroupArn": arn, "containerName": "api", "containerPort": 8080}],
        "deploymentConfiguration": {
            "minimumHealthyPercent": 50, "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "alarms": {"alarmNames": ["api-errors"], "enable": true, "rollback": true}
        }
    }], "failures": []})
    .to_string();
    let task = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:1:task-definition/api:7", "family": "api",
        "cpu": "256", "memory": "1024", "networkMode": "awsvpc",
        "containerDefinitions": [{
            "name": "api", "image": "api:1", "essential": true, "stopTimeout": 20,
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 30, "startPeriod": 200}
        }]
    }})
    .to_string();
    let groups = json!({"TargetGroups": [{
        "TargetGroupArn": arn, "TargetGroupName": "api", "Port": 8080, "Protocol": "HTTP",
        "HealthCheckIntervalSeconds": 15, "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 3, "Matcher": {"HttpCode": "200"}
    }]})
    .to_string();
    let alarms = json!({"MetricAlarms": [
        {"AlarmName": "api-errors", "StateValue": "ALARM", "Period": 60, "EvaluationPeriods": 5}
    ]})
    .to_string();
    let files = [
        ("service.json", service.as_str()),
        ("task.json", task.as_str()),
        ("groups.json", groups.as_str()),
        ("alarms.json", alarms.as_str()),
    ];
    let root = dir(files);
    let found = rollouts(root.path(), &["--startup", "150s"]);
    let [api] = found.as_slice() else { panic!("one service: {found:#?}") };
    assert_eq!((&api["service"], &api["verdict"]), (&"api".into(), &"never".into()));
    let setting = |name: &str| {
        let assumed = api["assumed"].as_array().unwrap().iter();
        assumed.clone().find(|one| one["name"] == name).map(|one| one["value"].clone())
    };
    assert_eq!(setting("launch latency"), Some("40s".into()), "Fargate");
    assert!(setting("bake time of the alarms").unwrap().as_str().unwrap().starts_with("300s"));
    let remark = &api["remarks"][0];
    assert_eq!(remark["about"], "alarms", "{api:#}");
    // The grace period of the service decides; the container check has a start period that covers it.
    assert_eq!(api["proposals"][0]["changes"][0]["to"], 180);
    // Without the answer about target groups there is no verdict, and the reason is told.
    let root = dir(files.into_iter().filter(|(path, _)| *path != "groups.json"));
    let answer = rehearse(root.path(), &["--startup", "150s"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("no such target group here"), "{}", answer.err);
}

/// Everything that is wrong with one file: each is told with its place and what is allowed, and the
/// service that is right is rehearsed.
#[test]
fn wrong_settings_of_terraform_are_told_and_the_rest_goes_on() {
    let text = r#"locals {
  a = local.b
  b = local.a
}
variable "tasks" {
  type = number
}
resource "aws_lb_target_group" "web" {
  port = 8080
  health_check {
    interval            = 10
    timeout             = 10
    unhealthy_threshold = 1
    healthy_threshold   = 11
  }
}
resource "aws_ecs_service" "web" {
  name          = "web"
  desired_count = 2
  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
  }
}
resource "aws_ecs_service" "bounds" {
  name                               = "bounds"
  desired_count                      = 2
  deployment_minimum_healthy_percent = 150
  deployment_maximum_percent         = 50
  health_check_grace_period_seconds  = 3000000000
}
resource "aws_ecs_service" "circle" {
  name          = "circle"
  desired_count = local.a
}
resource "aws_ecs_service" "types" {
  name                              = "types"
  desired_count                     = "two"
  health_check_grace_period_seconds = -5
}
resource "aws_ecs_service" "open" {
  name          = "open"
  desired_count = var.tasks
}
resource "aws_ecs_service" "nowhere" {
  name          = "nowhere"
  desired_count = 2
  load_balancer {
    target_group_arn = aws_lb_target_group.nowhere.arn
  }
}
resource "aws_ecs_service" "right" {
  name          = "right"
  desired_count = 2
}
"#;
    let root = dir([("main.tf", text)]);
    let answer = rehearse(root.path(), &["--startup", "30s"]);
    for wanted in [
        "main.tf:11:27: `health_check.interval` is 10 s and must be above the timeout of 10 s: allowed is 11 to 300 s (web)",
        "main.tf:13:27: `health_check.unhealthy_threshold` is 1, allowed is 2 to 10 (web)",
        "main.tf:14:27: `health_check.healthy_threshold` is 11, allowed is 2 to 10 (web)",
        "main.tf:27:40: `deployment_minimum_healthy_percent` is 150, allowed is 0 to 100 (bounds)",
        "main.tf:28:40: `deployment_maximum_percent` is 50, allowed is 100 to 1000 (bounds)",
        "main.tf:29:40: `health_check_grace_period_seconds` is 3000000000, allowed is 0 to 2147483647 (bounds)",
        "`circle`: main.tf:3:7: `desired_count` is not known: local.a refers to itself",
        "`types`: main.tf:37:40: `desired_count` is not known: `two` is not a whole number of 0 or more; `health_check_grace_period_seconds` is not known: `-5` is not a whole number of 0 or more",
        "`open`: main.tf:5:1: `desired_count` is not known: var.tasks has no default and no value in terraform.tfvars",
        "`nowhere`: main.tf:48:24: `target_group_arn` is not known: aws_lb_target_group.nowhere is not declared",
    ] {
        assert!(answer.err.contains(wanted), "`{wanted}` is not in\n{}", answer.err);
    }
    assert_eq!(answer.code, Some(2));
    let found = rollouts(root.path(), &["--startup", "30s"]);
    let right = found.iter().find(|one| one["service"] == "right").unwrap();
    assert_eq!(right["verdict"], "completes");
    assert_eq!(found.len(), 7);
}

#[test]
fn wrong_settings_of_kubernetes_and_compose_are_told_and_the_rest_goes_on() {
    let manifest = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: three
  progressDeadlineSeconds: 10
  minReadySeconds: 20
  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: some}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          livenessProbe:
            httpGet: {port: 80}
            periodSeconds: 0
            failureThreshold: -1
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: right}
spec:
  template:
    metadata: {labels: {app: right}}
    spec:
      containers: [{name: right, image: right:1}]
";
    let compose = "\
services:
  db:
    image: db:1
    healthcheck: {test: [\"CMD\", \"true\"], interval: 0s, retries: many, start_period: soon}
  web:
    image: web:1
    depends_on: {db: {condition: service_healthy}, ghost: {condition: service_started}}
";
    let root = dir([("web.yaml", manifest), ("compose.yml", compose)]);
    let answer = rehearse(root.path(), &["--startup", "30s"]);
    for wanted in [
        "web.yaml:17:28: `livenessProbe.periodSeconds` is 0, allowed is 1 to 3600 (web)",
        "web.yaml:6:28: `progressDeadlineSeconds` is 10 s and must be above the 20 s that a pod has to be ready (web)",
        "no verdict for `db`: `web` depends on `ghost`, and there is no such service",
    ] {
        assert!(answer.err.contains(wanted), "`{wanted}` is not in\n{}", answer.err);
    }
    let told = answer.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "web.yaml:5:13: `replicas: three` is not a whole number of 0 or more",
        "web.yaml:8:59: `maxUnavailable: some` is not a number of pods or a share such as `25%`",
        "web.yaml:18:31: `failureThreshold: -1` is not a whole number of 0 or more",
        "compose.yml:4:65: `retries: many` is not a whole number",
        "compose.yml:4:85: `start_period: soon` is not a duration such as `30s`",
    ] {
        assert!(told.contains(wanted), "`{wanted}` is not in\n{}", answer.out);
    }
    let found = rollouts(root.path(), &["--startup", "30s"]);
    let right = found.iter().find(|one| one["service"] == "right").unwrap();
    assert_eq!(right["verdict"], "completes");
}

#[test]
fn broken_files_are_told_and_the_rest_goes_on() {
    let files = [
        ("a.tf", "resource \"aws_ecs_service\" \"web\" {\n  name = \n}\n"),
        ("plan.json", "{\"format_version\": \"1.2\", \"planned_values\": {"),
        ("web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web\n"),
        (
            "b/right.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: right}\nspec:\n  template:\n    spec:\n      containers: [{name: right, image: right:1}]\n",
        ),
    ];
    let answer = rehearse(dir(files).path(), &["--startup", "30s"]);
    assert!(answer.out.contains("right always completes"), "{answer:?}");
    for path in ["a.tf:2", "plan.json:1", "web.yaml:"] {
        assert!(answer.out.contains(path), "{path}: {}", answer.out);
    }
}

#[test]
fn words_that_are_no_amounts_are_refused() {
    let root = dir([]);
    for (args, wanted) in [
        (["--memory", "much"], "is not an amount of memory"),
        (["--memory", "0"], "allowed is 1 MiB"),
        (["--slow-answers", "120%"], "write `0%` to `100%`"),
        (["--slots", "few"], "invalid value"),
        (["--lose", "later"], "is not a length of time"),
    ] {
        let answer = rehearse(root.path(), &args);
        assert_eq!(answer.code, Some(2), "{args:?}");
        assert!(answer.err.contains(wanted), "{args:?}: {}", answer.err);
    }
}

const WEB: &str = include_str!("../../../cases/rollout-outpaced/fixed/main.tf");

#[test]
fn what_the_caller_lets_happen_shows() {
    let root = dir([("main.tf", WEB)]);
    let one =
        |args: &[&str]| rollouts(root.path(), &[&["--startup", "20s"], args].concat()).remove(0);
    assert_eq!(one(&[])["verdict"], "completes");
    let slow = one(&["--slow-answers", "60%"]);
    assert_eq!(slow["verdict"], "depends", "{slow:#}");
    assert_eq!(slow["remarks"][0]["about"], "slow answers");
    let short = one(&["--memory", "900M"]);
    assert_eq!(
        (&short["verdict"], &short["ends"]["how"]),
        (&"never".into(), &"circuit-breaker".into())
    );
    let raised = &short["proposals"][0]["changes"][0];
    assert_eq!((&raised["setting"], &raised["to"]), (&"memory".into(), &900.into()));
    let full = one(&["--slots", "2"]);
    assert_eq!(full["verdict"], "deadlock", "{full:#}");
    let lost = one(&["--lose", "10s"]);
    assert_eq!((&lost["verdict"], &lost["lowest_capacity"]), (&"completes".into(), &1.into()));
}

#[test]
fn what_was_measured_takes_the_place_of_what_is_assumed() {
    let old = include_str!("../../../cases/rollout-outpaced/before/main.tf");
    let root = dir([("main.tf", old)]);
    let one =
        |args: &[&str]| rollouts(root.path(), &[&["--startup", "35s"], args].concat()).remove(0);
    // It lives by luck, and of the time from registration to the first check.
    let guessed = one(&[]);
    assert_eq!(guessed["verdict"], "depends");
    assert_eq!(guessed["depends_on_switch"], json!(["registration_latency"]));
    let measured = one(&["--assume", "registration_latency=5s"]);
    assert_eq!(measured["verdict"], "completes", "{measured:#}");
    let assumed = measured["assumed"].as_array().unwrap();
    assert!(assumed.contains(&json!({
        "name": "registration_latency", "value": "5s", "source": "--assume"
    })));
    // As the guide of 2023 has it: ten failures, and no replacement first.
    let incident = include_str!("../../../cases/rollout-outpaced/main.tf");
    let args = ["--startup", "150s", "--phase", "5s", "--assume", "breaker_minimum=10"];
    let args = [&args[..], &["--assume", "unhealthy_policy=stop-first"]].concat();
    let patient = rollouts(dir([("main.tf", incident)]).path(), &args);
    let ends = &patient[0]["ends"];
    assert_eq!(ends["how"], "circuit-breaker");
    assert!((325.0..=435.0).contains(&ends["at_s"]["p50"].as_f64().unwrap()), "{ends:#}");
    let answer = rehearse(root.path(), &["--assume", "luck=good"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.err.contains("`luck` is no open point: there are unhealthy_policy"),
        "{}",
        answer.err
    );
}
