//! A run is killed at random moments, and nothing stays broken.
//!
//! Each run pauses a process, limits another's CPU, freezes a third, holds a listener, and pauses
//! a container where there is an engine. It is killed (SIGKILL) at a moment drawn from its first
//! 300 ms (600 ms with an engine), half of them from the first quarter: before its watchdog runs,
//! while that starts, between record and fault, in the middle of a fault. At most 5 s later all
//! must be as it was, and nothing may be left.
//!
//! `WONIN_CRASHES` and `WONIN_SEED` say how many and which.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of real time need a clock")]
#![allow(clippy::print_stdout, reason = "what was seen is told")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wonin_testbed::available;
use wonin_testbed::docker::Engine;

const DRILL: &str = env!("CARGO_BIN_EXE_wonin-fault-drill");
const HEALED: Duration = Duration::from_secs(5);
/// Until then a run has broken everything, with and without an engine.
const LATEST_KILL: Duration = Duration::from_millis(300);
const LATEST_KILL_ENGINE: Duration = Duration::from_millis(600);
/// More at a time would only wait for each other.
const AT_A_TIME: usize = 8;

/// Two engines at a time would measure each other.
static ENGINE: Mutex<()> = Mutex::new(());

/// Sequence of SplitMix64 (Steele, Lea and Flood, 2014): enough to draw moments.
fn drawn(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// When a run is killed: early moments more often, as most happens then.
fn moment(seed: u64, index: u64, latest: Duration) -> Duration {
    let share = drawn(seed, index) as f64 / u64::MAX as f64;
    latest.mul_f64(share * share)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// The processes that one run breaks.
struct Targets(Vec<Child>);

impl Targets {
    fn start() -> Self {
        let sleeping = || {
            let mut command = Command::new("sleep");
            command.arg("300").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        Self(vec![sleeping(), sleeping(), sleeping()])
    }

    fn pid(&self, index: usize) -> u32 {
        self.0[index].id()
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended.
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// What one run is to break, and what it is held against.
struct Case<'a> {
    targets: Targets,
    cgroups: Vec<String>,
    journal: PathBuf,
    listen: String,
    container: Option<(&'a Engine, String)>,
}

impl<'a> Case<'a> {
    fn new(root: &Path, index: u64, container: Option<(&'a Engine, String)>) -> Self {
        let targets = Targets::start();
        let cgroups = (0..3).map(|target| cgroup(targets.pid(target))).collect();
        // A free port: nobody else takes it in the moment until the run listens.
        let listener = TcpListener::bind("127.0.82.1:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        Self { targets, cgroups, journal: root.join(index.to_string()), listen, container }
    }

    fn faults(&self) -> Vec<String> {
        let pid = |index| self.targets.pid(index);
        let mut faults = vec![
            format!(r#"{{"kind": "process", "act": "pause", "pid": {}}}"#, pid(0)),
            format!(
                r#"{{"kind": "process", "act": "cpu-quota", "pid": {}, "share": 0.1}}"#,
                pid(1)
            ),
            format!(r#"{{"kind": "process", "act": "freeze", "pid": {}}}"#, pid(2)),
        ];
        if let Some((_, name)) = &self.container {
            let pause = format!(r#"{{"kind": "container", "act": "pause", "name": "{name}"}}"#);
            // First or last, so that kills hit it before and after the others.
            let at = if pid(0) % 2 == 0 { 0 } else { faults.len() };
            faults.insert(at, pause);
        }
        faults
    }

    fn start(&self) -> Child {
        let socket = self.container.as_ref().map(|(engine, _)| engine.socket());
        let socket = socket.map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        Command::new(DRILL)
            .args(["run", self.journal.to_str().unwrap(), "60", &socket, &self.listen])
            .args(self.faults())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// What is not as it was; empty when all is.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for index in 0..3 {
            let pid = self.targets.pid(index);
            if state(pid) == 'T' {
                broken.push(format!("process {pid} is stopped"));
            }
            if cgroup(pid) != self.cgroups[index] {
                broken.push(format!("process {pid} is in {}", cgroup(pid)));
            }
        }
        if TcpListener::bind(&self.listen).is_err() {
            broken.push(format!("somebody listens on {}", self.listen));
        }
        if let Some((engine, name)) = &self.container {
            let status = engine.ask(&["inspect", "--format", "{{.State.Status}}", name]);
            if status != "running" {
                broken.push(format!("container {name} is {status}"));
            }
        }
        broken.extend(files(&self.journal));
        let watchdogs = watchdogs(&self.journal);
        broken.extend(watchdogs.into_iter().map(|pid| format!("watchdog {pid} runs")));
        broken
    }
}

fn state(pid: u32) -> char {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(')').unwrap().1.trim().chars().next().unwrap()
}

fn cgroup(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Processes of the drill that watch over this journal.
fn watchdogs(journal: &Path) -> Vec<u32> {
    let journal = journal.as_os_str().as_encoded_bytes();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let watches = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|word| word == b"watchdog") && words.any(|word| word == journal)
    };
    pids.filter(watches).collect()
}

/// How far a run had got when it was killed, and how long it took to heal.
struct Seen {
    records: usize,
    broken: usize,
    healed: Duration,
}

fn crash(case: &Case, after: Duration) -> Result<Seen, String> {
    let mut run = case.start();
    sleep(after);
    run.kill().unwrap();
    run.wait().unwrap();
    let begin = Instant::now();
    let records = files(&case.journal).iter().filter(|name| name.contains(".json")).count();
    let broken = (0..3).filter(|index| {
        let pid = case.targets.pid(*index);
        state(pid) == 'T' || cgroup(pid) != case.cgroups[*index]
    });
    let broken = broken.count();
    loop {
        let left = case.broken();
        if left.is_empty() {
            return Ok(Seen { records, broken, healed: begin.elapsed() });
        }
        if begin.elapsed() > HEALED {
            return Err(left.join(", "));
        }
        sleep(Duration::from_millis(10));
    }
}

/// Runs the drill again and again, at the same time as often as there are places, each with its own
/// container or none.
fn crashes(places: &[Option<(&Engine, String)>], latest: Duration) {
    let (count, seed) = (setting("WONIN_CRASHES", 200), setting("WONIN_SEED", 20_260));
    let root = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    let (done, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = |container: &Option<(&Engine, String)>| {
        loop {
            let index = next.fetch_add(1, Relaxed);
            if index >= count {
                return;
            }
            let after = moment(seed, index, latest);
            match crash(&Case::new(root.path(), index, container.clone()), after) {
                Ok(one) => done.lock().unwrap().push(one),
                Err(left) => failed
                    .lock()
                    .unwrap()
                    .push(format!("run {index} of seed {seed}, killed after {after:?}: {left}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for container in places {
            scope.spawn(|| work(container));
        }
    });
    tell(&done.into_inner().unwrap(), begin.elapsed());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}

fn tell(seen: &[Seen], took: Duration) {
    let mut times: Vec<Duration> = seen.iter().map(|one| one.healed).collect();
    times.sort_unstable();
    let at = |share: usize| times.get((times.len().max(1) - 1) * share / 100).copied();
    println!(
        "{} runs killed in {took:.1?}; healed after {:.0?} (half), {:.0?} (99 of 100), {:.0?} (all)",
        seen.len(),
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        at(100).unwrap_or_default()
    );
    for count in 0..=4 {
        let runs = seen.iter().filter(|one| one.records == count).count();
        println!("  killed with {count} records on disk: {runs}");
    }
    let broken = seen.iter().filter(|one| one.broken > 0).count();
    println!("  killed with a process stopped, frozen or limited: {broken}");
}

#[test]
fn nothing_stays_broken_when_a_run_is_killed_anywhere() {
    crashes(&vec![None; AT_A_TIME], LATEST_KILL);
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn nothing_stays_paused_when_a_run_is_killed_anywhere() {
    let _alone = ENGINE.lock();
    let Some(engine) = available(Engine::start()) else { return };
    engine.import_busybox();
    let names: Vec<String> = (0..AT_A_TIME).map(|place| format!("target-{place}")).collect();
    for name in &names {
        engine.ask(&["run", "-d", "--network", "none", "--name", name, "tiny", "sleep", "3600"]);
    }
    let places: Vec<_> = names.iter().map(|name| Some((&engine, name.clone()))).collect();
    crashes(&places, LATEST_KILL_ENGINE);
    // What a killed run had asked for is not carried out after its records are gone.
    sleep(Duration::from_secs(3));
    for name in &names {
        assert_eq!(engine.ask(&["inspect", "--format", "{{.State.Status}}", name]), "running");
    }
}

/// A container that every fault on containers is tried on, alone in a network of its own.
struct Guinea<'a> {
    engine: &'a Engine,
    name: String,
    network: String,
}

impl Guinea<'_> {
    fn fault(&self, act: &str) -> String {
        let more = match act {
            "stop" | "restart" | "new-address" => r#", "grace_s": 0"#,
            "cpu-limit" => r#", "cpus": 0.2"#,
            _ => "",
        };
        let name = &self.name;
        format!(r#"{{"kind": "container", "act": "{act}", "name": "{name}"{more}}}"#)
    }

    /// Status, address and limit.
    fn look(&self) -> String {
        let address = format!(
            "{{{{with index .NetworkSettings.Networks \"{}\"}}}}{{{{.IPAddress}}}} \
             {{{{json .Aliases}}}}{{{{end}}}}",
            self.network
        );
        let format = format!("{{{{.State.Status}}}} {address} {{{{.HostConfig.CpuQuota}}}}");
        // No limit is written as 0 before the first one, and as -1 after it.
        let seen = self.engine.ask(&["inspect", "--format", &format, &self.name]);
        seen.strip_suffix(" -1").map_or(seen.clone(), |rest| format!("{rest} 0"))
    }
}

/// Kills a run that does one thing to a container; gives how long healing took.
fn crash_container(
    guinea: &Guinea,
    act: &str,
    journal: &Path,
    after: Duration,
) -> Result<Duration, String> {
    let before = guinea.look();
    let socket = guinea.engine.socket().display().to_string();
    let mut run = Command::new(DRILL)
        .args(["run", journal.to_str().unwrap(), "60", &socket, "-", &guinea.fault(act)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sleep(after);
    run.kill().unwrap();
    run.wait().unwrap();
    let begin = Instant::now();
    loop {
        let mut left = files(journal);
        left.extend(watchdogs(journal).into_iter().map(|pid| format!("watchdog {pid}")));
        // Asking all the time would keep the engine from its work.
        if left.is_empty() {
            let now = guinea.look();
            if now == before {
                return Ok(begin.elapsed());
            }
            return Err(format!("{act}, killed after {after:?}: {before} became {now}"));
        }
        if begin.elapsed() > HEALED {
            let left = left.join(", ");
            return Err(format!("{act}, killed after {after:?}: {left}; {}", guinea.look()));
        }
        sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn no_fault_on_containers_stays_when_a_run_is_killed_anywhere() {
    const ACTS: [&str; 6] = ["stop", "kill", "restart", "disconnect", "cpu-limit", "new-address"];
    let _alone = ENGINE.lock();
    let Some(engine) = available(Engine::start()) else { return };
    engine.import_busybox();
    let (count, seed) = (setting("WONIN_CRASHES", 96), setting("WONIN_SEED", 20_261));
    let root = tempfile::tempdir().unwrap();
    let (done, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for place in 0..AT_A_TIME {
            let (engine, next, root) = (&engine, &next, root.path());
            let (done, failed) = (&done, &failed);
            scope.spawn(move || {
                let (name, network) = (format!("guinea-{place}"), format!("net-{place}"));
                engine.ask(&["network", "create", &network]);
                let run = ["run", "-d", "--network", &network, "--network-alias", "pig", "--name"];
                engine.ask(&[&run[..], &[&name, "tiny", "sleep", "3600"]].concat());
                let guinea = Guinea { engine, name, network };
                loop {
                    let index = next.fetch_add(1, Relaxed);
                    let act = ACTS[usize::try_from(index).unwrap() % ACTS.len()];
                    if index >= count {
                        return;
                    }
                    let latest = LATEST_KILL_ENGINE * if act == "new-address" { 4 } else { 2 };
                    let after = moment(seed, index, latest);
                    let journal = root.join(index.to_string());
                    match crash_container(&guinea, act, &journal, after) {
                        Ok(took) => done.lock().unwrap().push((took, act)),
                        Err(left) => failed.lock().unwrap().push(format!("run {index}: {left}")),
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable();
    println!("{} runs killed in {:.1?}; healed after at most:", done.len(), begin.elapsed());
    for act in ACTS {
        let slowest = done.iter().rev().find(|(_, its)| *its == act);
        println!("  {act}: {:.1?}", slowest.map(|(took, _)| *took).unwrap_or_default());
    }
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "seed {seed}:\n{}", failed.join("\n"));
    let containers = engine.ask(&["ps", "-a", "--format", "{{.Names}}"]);
    assert!(containers.lines().all(|name| name.starts_with("guinea-")), "{containers}");
    let images = engine.ask(&["images", "--format", "{{.Repository}}"]);
    assert_eq!(images, "tiny");
}
