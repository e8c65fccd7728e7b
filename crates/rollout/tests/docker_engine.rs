//! The closed forms of Docker's health checks against a real engine.
//!
//! Ignored unless asked for: it needs root and what `wonin-testbed` starts an engine with.
//! `./test` installs that where it may and runs it.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]
#![allow(clippy::print_stdout, reason = "./test shows what was measured, or why it was skipped")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use wonin_rollout::closed::docker_unhealthy_ms;
use wonin_rollout::docker::docker_health;
use wonin_rollout::plan::{DockerCheck, Engine, Failure};
use wonin_testbed::available;
use wonin_testbed::docker::Engine as Docker;

/// Starting a probe takes the engine some time, which moves all that follow.
const PROBE_MS: u64 = 500;
/// Clocks of events may be a little apart.
const EARLY_MS: u64 = 60;

/// Milliseconds from a container's start to the health event; `None` while there is none.
fn event_ms(docker: &Docker, name: &str, health: &str) -> Option<u64> {
    let events = docker.ask(&[
        "events",
        "--since",
        "10m",
        "--until",
        "0s",
        "--filter",
        &format!("container={name}"),
        "--format",
        "{{.TimeNano}} {{.Status}}",
    ]);
    let at = |what: &str| {
        let line = events.lines().find(|line| line.split_once(' ').is_some_and(|(_, s)| s == what));
        line.and_then(|line| line.split(' ').next()).and_then(|nanos| nanos.parse::<u64>().ok())
    };
    Some((at(&format!("health_status: {health}"))? - at("start")?) / 1_000_000)
}

/// One container: its check, what the check runs, when the application is up.
struct Case {
    name: &'static str,
    check: DockerCheck,
    command: &'static str,
    up_ms: Option<u64>,
}

fn cases(engine: Engine) -> Vec<Case> {
    let check = |retries, start_period_ms, failure| DockerCheck {
        start_period_ms,
        failure,
        engine,
        ..DockerCheck::new(2_000, 1_000, retries)
    };
    let refuses = "/bin/busybox false";
    vec![
        Case {
            name: "refused",
            check: check(3, 0, Failure::Refused),
            command: refuses,
            up_ms: None,
        },
        Case {
            name: "hanging",
            check: check(2, 0, Failure::TimesOut),
            command: "/bin/busybox sleep 9",
            up_ms: None,
        },
        Case {
            name: "start-period",
            check: check(2, 5_000, Failure::Refused),
            command: refuses,
            up_ms: None,
        },
        Case {
            name: "comes-up",
            check: check(5, 0, Failure::Refused),
            command: "/bin/busybox test -e /up",
            up_ms: Some(5_000),
        },
    ]
}

fn create(docker: &Docker, case: &Case) {
    let seconds = |ms: u64| format!("{}s", ms / 1000);
    let up = case.up_ms.map_or_else(
        || "exec /bin/busybox sleep 600".to_owned(),
        |ms| format!("/bin/busybox sleep {}; > /up; exec /bin/busybox sleep 600", ms / 1000),
    );
    docker.ask(&[
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        case.name,
        "--health-cmd",
        case.command,
        "--health-interval",
        &seconds(case.check.interval_ms),
        "--health-timeout",
        &seconds(case.check.timeout_ms),
        "--health-retries",
        &case.check.retries.to_string(),
        "--health-start-period",
        &seconds(case.check.start_period_ms),
        "tiny",
        "/bin/sh",
        "-c",
        &up,
    ]);
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn health_verdicts_come_when_the_formulas_say() {
    let Some(docker) = available(Docker::start()) else { return };
    docker.import_busybox();
    let version = docker.ask(&["version", "--format", "{{.Server.Version}}"]);
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    let engine = if major >= 25 { Engine::V25 } else { Engine::Older };
    let cases = cases(engine);
    for case in &cases {
        create(&docker, case);
    }
    println!("Docker Engine {version}");
    for case in cases {
        let (health, expected_ms) = match case.up_ms {
            None => ("unhealthy", docker_unhealthy_ms(&case.check)),
            Some(up_ms) => ("healthy", docker_health(&case.check, up_ms).healthy_ms),
        };
        let begin = Instant::now();
        let seen_ms = loop {
            if let Some(ms) = event_ms(&docker, case.name, health) {
                break ms;
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "{}: no {health} event", case.name);
            sleep(Duration::from_millis(200));
        };
        println!("{}: {health} after {seen_ms} ms, computed {expected_ms} ms", case.name);
        let probes = expected_ms / case.check.interval_ms;
        let latest_ms = expected_ms + probes * PROBE_MS;
        assert!(
            (expected_ms - EARLY_MS..=latest_ms).contains(&seen_ms),
            "{}: {health} after {seen_ms} ms, computed {expected_ms} ms",
            case.name
        );
    }
}
