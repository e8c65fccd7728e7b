//! `wonin diagnose --startup`.

mod support;

use support::{dir, json, run};

const SERVICE: &str = "\
resource \"aws_lb_target_group\" \"web\" {
  name = \"web\"
  port = 8080
}

resource \"aws_ecs_service\" \"web\" {
  name          = \"web\"
  desired_count = 2
  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = \"web\"
    container_port   = 8080
  }
}
";

#[test]
fn a_startup_time_makes_the_check_possible() {
    let stack = dir([("main.tf", SERVICE)]);
    let unknown = run(stack.path(), &["diagnose"]);
    assert_eq!(unknown.code, Some(0), "nothing but remarks: {}", unknown.out);
    assert!(unknown.out.contains("give --startup or a log"), "{}", unknown.out);
    let known = run(stack.path(), &["diagnose", "--startup", "5m"]);
    assert_eq!(known.code, Some(1));
    assert!(known.out.contains("high[health-check-outpaces-startup]"), "{}", known.out);
    let pairs = ["diagnose", "--startup", "35s@1024", "--startup", "150s@256"];
    let without_cpu = run(stack.path(), &pairs);
    assert!(without_cpu.out.contains("given per CPU units"), "{}", without_cpu.out);
}

#[test]
fn a_wrong_startup_time_is_explained() {
    let stack = dir([("main.tf", SERVICE)]);
    let answer = run(stack.path(), &["diagnose", "--startup", "soon"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("`soon` is not a length of time"), "{}", answer.err);
}

#[test]
fn the_grace_period_is_written_where_there_was_none() {
    let stack = dir([("main.tf", SERVICE)]);
    let args = ["diagnose", "--startup", "5m", "--unsafe-fixes"];
    run(stack.path(), &args);
    let text = std::fs::read_to_string(stack.path().join("main.tf")).expect("it is still there");
    assert!(text.contains("health_check_grace_period_seconds = 390"), "{text}");
    let after = json(stack.path(), &["diagnose", "--startup", "5m"]);
    let findings = after["findings"].as_array().expect("a list");
    let left = findings.iter().any(|one| one["mode"] == "health-check-outpaces-startup");
    assert!(!left, "{after}");
}
