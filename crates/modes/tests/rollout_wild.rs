//! Rollout modes meet numbers that no platform takes, and go on.

use wonin_model::GivenStartup;
use wonin_read::MemoryFiles;

const NUMBERS: [&str; 8] =
    ["0", "1", "2", "7", "4294967295", "9223372036854775807", "18446744073709551615", "-1"];

fn examine(files: &[(&str, String)], startup: Option<&str>) {
    let files = files.iter().map(|(path, text)| (*path, text.as_str()));
    let mut evidence = wonin_read::read(&MemoryFiles::new(files));
    evidence.startup = startup.map(|text| GivenStartup::parse(&[text]).expect("a startup time"));
    let diagnosis = wonin_modes::examine(&evidence);
    for finding in &diagnosis.findings {
        assert!(!finding.title.is_empty() && finding.confidence <= 100);
    }
}

#[test]
fn ecs_with_any_number_anywhere() {
    let names = [
        "desired_count",
        "deployment_minimum_healthy_percent",
        "deployment_maximum_percent",
        "health_check_grace_period_seconds",
        "interval",
        "timeout",
        "healthy_threshold",
        "unhealthy_threshold",
        "deregistration_delay",
        "slow_start",
        "startPeriod",
        "stopTimeout",
        "cpu",
    ];
    for wild in names {
        for number in NUMBERS {
            let value = |name: &str, usual: &'static str| if name == wild { number } else { usual };
            let text = format!(
                "resource \"aws_lb_target_group\" \"web\" {{
  deregistration_delay = {}
  slow_start = {}
  health_check {{
    interval = {}
    timeout = {}
    healthy_threshold = {}
    unhealthy_threshold = {}
  }}
}}
resource \"aws_ecs_task_definition\" \"web\" {{
  family = \"web\"
  cpu = {}
  container_definitions = jsonencode([{{
    name = \"web\"
    stopTimeout = {}
    portMappings = [{{ containerPort = 8080, hostPort = 8080 }}]
    healthCheck = {{ command = [\"CMD-SHELL\", \"true\"], startPeriod = {} }}
  }}])
}}
resource \"aws_ecs_service\" \"web\" {{
  name = \"web\"
  task_definition = aws_ecs_task_definition.web.arn
  launch_type = \"EC2\"
  desired_count = {}
  deployment_minimum_healthy_percent = {}
  deployment_maximum_percent = {}
  health_check_grace_period_seconds = {}
  wait_for_steady_state = true
  deployment_circuit_breaker {{
    enable = true
    rollback = true
  }}
  load_balancer {{
    target_group_arn = aws_lb_target_group.web.arn
    container_name = \"web\"
    container_port = 8080
  }}
}}
",
                value("deregistration_delay", "30"),
                value("slow_start", "30"),
                value("interval", "15"),
                value("timeout", "5"),
                value("healthy_threshold", "2"),
                value("unhealthy_threshold", "3"),
                value("cpu", "256"),
                value("stopTimeout", "30"),
                value("startPeriod", "30"),
                value("desired_count", "2"),
                value("deployment_minimum_healthy_percent", "50"),
                value("deployment_maximum_percent", "200"),
                value("health_check_grace_period_seconds", "15"),
            );
            let files = [("main.tf", text)];
            for startup in [None, Some("150s"), Some("35s..36h"), Some("35s@1024")] {
                examine(&files, startup);
            }
        }
    }
}

#[test]
fn kubernetes_with_any_number_anywhere() {
    let names = [
        "replicas",
        "maxSurge",
        "maxUnavailable",
        "minReadySeconds",
        "progressDeadlineSeconds",
        "terminationGracePeriodSeconds",
        "initialDelaySeconds",
        "periodSeconds",
        "timeoutSeconds",
        "failureThreshold",
        "sleep",
        "minAvailable",
    ];
    for wild in names {
        for number in NUMBERS {
            let value = |name: &str, usual: &'static str| if name == wild { number } else { usual };
            let probe = format!(
                "{{ httpGet: {{ path: /a, port: 80 }}, initialDelaySeconds: {}, periodSeconds: {}, \
                 timeoutSeconds: {}, failureThreshold: {} }}",
                value("initialDelaySeconds", "1"),
                value("periodSeconds", "10"),
                value("timeoutSeconds", "1"),
                value("failureThreshold", "3"),
            );
            let text = format!(
                "apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: {}
  minReadySeconds: {}
  progressDeadlineSeconds: {}
  strategy:
    rollingUpdate: {{ maxSurge: {}, maxUnavailable: {}% }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      terminationGracePeriodSeconds: {}
      containers:
        - name: web
          livenessProbe: {probe}
          readinessProbe: {probe}
          lifecycle: {{ preStop: {{ sleep: {{ seconds: {} }} }} }}
---
apiVersion: v1
kind: Service
metadata: {{ name: web }}
spec:
  selector: {{ app: web }}
  ports: [{{ port: 80 }}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{ name: web }}
spec:
  minAvailable: {}%
  selector: {{ matchLabels: {{ app: web }} }}
",
                value("replicas", "2"),
                value("minReadySeconds", "0"),
                value("progressDeadlineSeconds", "600"),
                value("maxSurge", "1"),
                value("maxUnavailable", "50"),
                value("terminationGracePeriodSeconds", "30"),
                value("sleep", "5"),
                value("minAvailable", "50"),
            );
            let files = [("web.yaml", text)];
            for startup in [None, Some("150s"), Some("1s..36h")] {
                examine(&files, startup);
            }
        }
    }
}
