//! The closed forms of Docker's health checks against a real engine.
//!
//! Ignored unless asked for: it needs root, `dockerd`, `docker`, `ip`, `nsenter` and a static
//! `/bin/busybox`. `./test` installs them where it may and runs it. The engine gets a network
//! namespace and directories of its own, so that nothing on the machine changes.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]
#![allow(clippy::print_stdout, reason = "./test shows what was measured, or why it was skipped")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wonin_rollout::closed::docker_unhealthy_ms;
use wonin_rollout::docker::docker_health;
use wonin_rollout::plan::{DockerCheck, Engine, Failure};

/// Starting a probe takes the engine some time, which moves all that follow.
const PROBE_MS: u64 = 500;
/// Clocks of events may be a little apart.
const EARLY_MS: u64 = 60;

/// A running engine.
struct Docker {
    dir: PathBuf,
    space: String,
    daemon: Child,
}

impl Docker {
    /// Starts an engine; says why where that is not possible here.
    fn start() -> Result<Self, String> {
        for tool in ["dockerd", "docker", "ip", "nsenter"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
            if !found.is_ok_and(|found| found.status.success()) {
                return Err(format!("`{tool}` is not installed"));
            }
        }
        if fs::metadata("/bin/busybox").is_err() {
            return Err("there is no /bin/busybox".to_owned());
        }
        let space = format!("wonin{}", std::process::id());
        let dir = std::env::temp_dir().join(&space);
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        if !run("ip", &["netns", "add", &space]).status.success() {
            return Err("a network namespace cannot be made (is this root?)".to_owned());
        }
        let net = format!("--net=/run/netns/{space}");
        run("nsenter", &[&net, "ip", "link", "set", "lo", "up"]);
        let at = |name: &str| dir.join(name).display().to_string();
        let log = fs::File::create(dir.join("log")).map_err(|error| error.to_string())?;
        let daemon = Command::new("nsenter")
            .args([&net, "dockerd", "-H", &format!("unix://{}", at("sock"))])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["--storage-driver", "overlay2", "--userland-proxy=false"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut engine = Self { dir, space, daemon };
        let begin = Instant::now();
        while !engine.docker(&["version"]).status.success() {
            let ended = engine.daemon.try_wait().ok().flatten().is_some();
            if ended || begin.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(engine.dir.join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or("no message").to_owned();
                return Err(format!("the engine does not start: {last}"));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(engine)
    }

    fn docker(&self, args: &[&str]) -> Output {
        let socket = format!("unix://{}", self.dir.join("sock").display());
        run("docker", &[&["-H", &socket], args].concat())
    }

    fn ask(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// An image of busybox alone, without a registry.
    fn import_image(&self) {
        let root = self.dir.join("root/bin");
        fs::create_dir_all(&root).unwrap();
        for name in ["busybox", "sh"] {
            fs::copy("/bin/busybox", root.join(name)).unwrap();
        }
        let tar = self.dir.join("root.tar").display().to_string();
        let packed =
            run("tar", &["-C", &self.dir.join("root").display().to_string(), "-cf", &tar, "."]);
        assert!(packed.status.success(), "{packed:?}");
        self.ask(&["import", &tar, "tiny"]);
    }

    /// Milliseconds from a container's start to the health event; `None` while there is none.
    fn event_ms(&self, name: &str, health: &str) -> Option<u64> {
        let events = self.ask(&[
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
            let line =
                events.lines().find(|line| line.split_once(' ').is_some_and(|(_, s)| s == what));
            line.and_then(|line| line.split(' ').next()).and_then(|nanos| nanos.parse::<u64>().ok())
        };
        Some((at(&format!("health_status: {health}"))? - at("start")?) / 1_000_000)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // `nsenter` has become the engine, so that its number is the engine's.
        run("kill", &[&self.daemon.id().to_string()]);
        if self.daemon.wait().is_ok() {
            run("ip", &["netns", "del", &self.space]);
        }
        // What cannot be removed is in the directory for temporary files.
        _ = fs::remove_dir_all(&self.dir);
    }
}

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
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
    let docker = match Docker::start() {
        Ok(docker) => docker,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    docker.import_image();
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
            if let Some(ms) = docker.event_ms(case.name, health) {
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
