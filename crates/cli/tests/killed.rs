//! A rehearsal is killed at random moments, by the real binary: what it broke is healed, what it
//! started is ended, nothing is left. And `wonin rehearse --recover` after its watchdog was killed,
//! too.
//!
//! `WONIN_CRASHES` and `WONIN_SEED` say how many moments and which.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of real time need a clock")]
#![allow(clippy::print_stdout, reason = "what was seen is told")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{dir, run};

const HEALED: Duration = Duration::from_secs(5);
/// Until then everything is broken.
const LATEST_KILL: Duration = Duration::from_millis(1200);
const AT_A_TIME: usize = 4;

/// Three processes that are told apart by how long they sleep, all of them broken, and a proxy.
fn scenario(listen: &str, sleeps: [&str; 3], cgroups: bool) -> String {
    let head = format!(
        "[scenario]\nname = \"to be killed\"\nsteady = \"100ms\"\nafter = \"1s\"\n\
         [[proxy]]\nname = \"web\"\nlisten = \"{listen}\"\nupstream = \"127.0.0.1:9\"\n\
         [[workload]]\nname = \"work\"\nkind = \"command\"\ncommand = [\"true\"]\n\
         every = \"50ms\"\n\
         [[expect]]\nname = \"it works\"\nsuccess_at_least = \"1%\"\n"
    );
    let process = |(index, sleeps): (usize, &&str)| {
        format!(
            "[[process]]\nname = \"p{index}\"\ncommand = [\"sh\", \"-c\", \"sleep {sleeps}; :\"]\n"
        )
    };
    let fault = |(index, act): (usize, &&str)| {
        format!(
            "[[fault]]\nname = \"f{index}\"\nkind = \"process\"\nprocess = \"p{index}\"\n\
             {act}\nat = \"{}ms\"\nfor = \"60s\"\n",
            500 + 50 * index
        )
    };
    let acts = ["act = \"pause\"", "act = \"cpu-quota\"\nshare = 0.1", "act = \"freeze\""];
    let acts = if cgroups { &acts[..] } else { &acts[..1] };
    let processes: Vec<String> = sleeps.iter().enumerate().map(process).collect();
    let faults: Vec<String> = acts.iter().enumerate().map(fault).collect();
    [head, processes.concat(), faults.concat()].concat()
}

fn start(dir: &Path, more: &[&str]) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin!("wonin"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir(dir)
        .args(["rehearse", "run", "s.toml", "--yes", "--journal", "undo"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn journal(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join("undo")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Command lines of living processes by id.
fn processes() -> BTreeMap<u32, String> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let line = |pid: &u32| {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    pids.map(|pid| (pid, line(&pid))).filter(|(_, line)| !line.is_empty()).collect()
}

/// Processes whose command line holds one of these words.
fn with(words: &[&str]) -> Vec<String> {
    let all = processes().into_iter();
    let is_it = |line: &str| words.iter().any(|word| line.contains(word));
    all.filter(|(_, line)| is_it(line)).map(|(pid, line)| format!("{pid} ({line})")).collect()
}

fn state(pid: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim().chars().next()
}

/// Whether this machine lets us make cgroups.
fn has_cgroups() -> bool {
    let probe = |at: &str| {
        let dir = Path::new(at).join(format!("wonin-test-{}", std::process::id()));
        fs::create_dir(&dir).and_then(|()| fs::remove_dir(&dir)).is_ok()
    };
    probe("/sys/fs/cgroup/cpu") && probe("/sys/fs/cgroup/freezer")
}

/// Sequence of SplitMix64 (Steele, Lea and Flood, 2014): enough to draw moments.
fn drawn(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Kills one run; gives how many records it had and how long healing took, or what is left.
fn crash(index: u64, after: Duration, cgroups: bool) -> Result<(usize, Duration), String> {
    let listener = TcpListener::bind("127.0.83.1:0").unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    drop(listener);
    let own = std::process::id();
    let sleeps = [1, 2, 3].map(|target| format!("300.{own}{index:04}{target}"));
    let sleeps = [sleeps[0].as_str(), sleeps[1].as_str(), sleeps[2].as_str()];
    let dir = dir([("s.toml", scenario(&listen, sleeps, cgroups).as_str())]);
    let undo = dir.path().join("undo").display().to_string();
    let mut run = start(dir.path(), &[]);
    sleep(after);
    run.kill().unwrap();
    run.wait().unwrap();
    let begin = Instant::now();
    let records = journal(dir.path()).iter().filter(|name| name.contains(".json")).count();
    loop {
        let mut left = journal(dir.path());
        left.extend(with(&sleeps));
        left.extend(with(&[&undo]));
        if TcpListener::bind(&listen).is_err() {
            left.push(format!("a listener on {listen}"));
        }
        if left.is_empty() {
            return Ok((records, begin.elapsed()));
        }
        if begin.elapsed() > HEALED {
            return Err(format!("run {index}, killed after {after:?}: {}", left.join(", ")));
        }
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_is_left_of_a_rehearsal_that_is_killed_anywhere() {
    let (count, seed) = (setting("WONIN_CRASHES", 40), setting("WONIN_SEED", 7));
    let cgroups = has_cgroups();
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    let (ended, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Relaxed);
            if index >= count {
                return;
            }
            match crash(index, LATEST_KILL.mul_f64(drawn(seed, index)), cgroups) {
                Ok(one) => ended.lock().unwrap().push(one),
                Err(left) => failed.lock().unwrap().push(left),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let done = ended.into_inner().unwrap();
    let slowest = done.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let took = begin.elapsed();
    println!("{} runs killed in {took:.1?}, healed after at most {slowest:.0?}", done.len());
    for count in 0..=4 {
        let runs = done.iter().filter(|(records, _)| *records == count).count();
        println!("  killed with {count} records on disk: {runs}");
    }
    assert!(done.iter().any(|(records, _)| *records > 1), "no fault ever acted");
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "seed {seed}:\n{}", failed.join("\n"));
}

/// The target is not a child of the run: the system itself wakes stopped children whose parent is
/// gone, and ends them.
#[test]
fn what_a_run_and_its_watchdog_leave_is_recovered() {
    let mut target = Command::new("sleep").arg("400").stdin(Stdio::null()).spawn().unwrap();
    let pid = target.id();
    let sleeps = format!("401.{pid}");
    let text = format!(
        "{}[[fault]]\nname = \"other\"\nkind = \"process\"\nact = \"pause\"\npid = {pid}\n\
         at = \"500ms\"\nfor = \"60s\"\n",
        scenario("127.0.83.1:0", [&sleeps, "402.1", "402.2"], false)
            .replace("at = \"500ms\"", "at = \"50s\"")
    );
    let dir = dir([("s.toml", text.as_str())]);
    let mut rehearsal = start(dir.path(), &["--allow-foreign"]);
    let begin = Instant::now();
    while state(pid) != Some('T') {
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing is paused");
        sleep(Duration::from_millis(10));
    }
    let recover = || run(dir.path(), &["rehearse", "--recover", "--journal", "undo"]);
    let answer = recover();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.starts_with("left alone: 2 faults of run "), "{answer:?}");

    let undo = dir.path().join("undo").display().to_string();
    let watchdog = |line: &str| line.contains("watchdog") && line.contains(&undo);
    let watchdogs = processes().into_iter().filter(|(_, line)| watchdog(line));
    let mut kill = Command::new("kill");
    kill.arg("-KILL").args(watchdogs.map(|(pid, _)| pid.to_string()));
    assert!(kill.status().unwrap().success());
    rehearsal.kill().unwrap();
    rehearsal.wait().unwrap();
    sleep(Duration::from_millis(300));
    assert_eq!(state(pid), Some('T'), "nobody is there to heal");
    assert!(!with(&[&sleeps]).is_empty());

    let answer = recover();
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{answer:?}");
    let healed = format!("healed: pause of pid {pid}: pid {pid} runs again (run ");
    assert!(answer.out.contains(&healed), "{answer:?}");
    assert!(answer.out.contains("healed: start of processes: "), "{answer:?}");
    assert_eq!(state(pid), Some('S'));
    assert!(with(&[&sleeps]).is_empty(), "what was started is ended");
    assert_eq!(recover().out, "nothing to heal in undo\n");
    target.kill().unwrap();
    target.wait().unwrap();
}
