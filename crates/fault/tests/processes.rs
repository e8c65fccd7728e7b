//! Faults on real processes: they act, they are seen to act, and nothing of them stays.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of real time need a clock")]
#![allow(clippy::print_stdout, reason = "a test says why it was skipped")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::sleep;
use wonin_fault::inject::{
    Active, EndWith, Error, Injection, Injector, InjectorOptions, Launch, ProcessFault, Watchdog,
};
use wonin_fault::undo::recover;

const DRILL: &str = env!("CARGO_BIN_EXE_wonin-fault-drill");
const LONG: Duration = Duration::from_mins(1);

/// A process that is ended with the test.
struct Target(Child);

impl Target {
    fn sleeping() -> Self {
        Self::of(Command::new("sleep").arg("300"))
    }

    fn of(command: &mut Command) -> Self {
        let null = Stdio::null;
        Self(command.stdin(null()).stdout(null()).stderr(null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn state(&self) -> char {
        state(self.pid()).unwrap()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It may have been ended by the test.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// Hundredths of a second of processor time.
fn cpu_ticks(pid: u32) -> u64 {
    let fields = stat(pid).unwrap();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

async fn injector(dir: &TempDir, watchdog: bool) -> Injector {
    let watchdog = if watchdog {
        Watchdog::Command { program: DRILL.into(), args: vec!["watchdog".to_owned()] }
    } else {
        Watchdog::Off
    };
    let options = InjectorOptions {
        journal: dir.path().join("undo"),
        docker_socket: None,
        watchdog,
        allow_foreign: false,
        project: None,
    };
    Injector::open(options).await.unwrap()
}

fn journal_files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join("undo")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn records(dir: &Path) -> usize {
    journal_files(dir).iter().filter(|name| name.contains(".json")).count()
}

async fn eventually(what: &str, at_most: Duration, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < at_most, "not within {at_most:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Injects, or says why it cannot be done on this machine: without rights on cgroups.
async fn inject(injector: &Injector, fault: ProcessFault) -> Option<Active> {
    match injector.inject(&Injection::Process(fault), LONG).await {
        Ok(active) => Some(active),
        Err(Error::CannotDo(cannot)) if cannot.why.contains("cgroup") => {
            println!("skipped: {cannot}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_paused_process_stands_still_until_it_is_healed() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, true).await;
    let target = Target::sleeping();
    // What is started is there a moment before its arguments are.
    let line = || fs::read(format!("/proc/{}/cmdline", target.pid())).unwrap();
    eventually("it has its arguments", LONG, || !line().is_empty()).await;
    let fault = Injection::Process(ProcessFault::Pause { pid: target.pid() });
    let resolved = injector.resolve(&fault).await.unwrap();
    assert_eq!(resolved[0].name, format!("pid {}", target.pid()));
    assert_eq!(resolved[0].detail, "sleep 300");
    assert!(journal_files(dir.path()).is_empty(), "looking leaves no trace");

    let active = injector.inject(&fault, LONG).await.unwrap();
    assert_eq!((active.hits, target.state()), (1, 'T'));
    assert_eq!(active.seen, [format!("pid {} is stopped (state T)", target.pid())]);
    assert_eq!(records(dir.path()), 1);
    let twice = injector.inject(&fault, LONG).await.unwrap_err();
    assert!(twice.to_string().contains("is stopped already"), "{twice}");

    injector.heal(active.clone()).await.unwrap();
    assert_ne!(target.state(), 'T');
    assert_eq!(records(dir.path()), 0);
    injector.heal(active).await.unwrap();
    drop(injector);
    let gone = || journal_files(dir.path()).is_empty();
    eventually("the watchdog clears up", Duration::from_secs(5), gone).await;
}

/// Somebody tidies up while a fault acts.
#[tokio::test]
async fn a_fault_is_healed_though_its_journal_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, true).await;
    let (one, two) = (Target::sleeping(), Target::sleeping());
    let pause = |target: &Target| Injection::Process(ProcessFault::Pause { pid: target.pid() });
    let active = injector.inject(&pause(&one), LONG).await.unwrap();
    injector.inject(&pause(&two), LONG).await.unwrap();
    fs::remove_dir_all(dir.path().join("undo")).unwrap();
    injector.heal(active).await.unwrap();
    assert_eq!((one.state() == 'T', two.state()), (false, 'T'));
    assert!(injector.heal_all().await.is_empty());
    assert_ne!(two.state(), 'T');
}

#[tokio::test]
async fn a_fault_is_healed_though_its_record_is_spoilt_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, true).await;
    let targets = [Target::sleeping(), Target::sleeping()];
    let mut active = Vec::new();
    for target in &targets {
        let pause = Injection::Process(ProcessFault::Pause { pid: target.pid() });
        active.push(injector.inject(&pause, LONG).await.unwrap());
    }
    let mut files = journal_files(dir.path());
    files.retain(|name| name.contains(".json"));
    files.sort_unstable();
    fs::write(dir.path().join("undo").join(&files[0]), "{{").unwrap();
    fs::remove_file(dir.path().join("undo").join(&files[1])).unwrap();
    injector.heal(active.remove(0)).await.unwrap();
    assert_eq!(targets.each_ref().map(|target| target.state() == 'T'), [false, true]);
    assert!(injector.heal_all().await.is_empty());
    assert_ne!(targets[1].state(), 'T');
    assert_eq!(records(dir.path()), 0);
    injector.mark().await.unwrap();
    let file = journal_files(dir.path()).into_iter().find(|name| name.contains(".json")).unwrap();
    fs::write(dir.path().join("undo").join(file), "{{").unwrap();
    assert!(injector.heal_all().await.is_empty());
    drop(injector);
    let gone = || journal_files(dir.path()).is_empty();
    eventually("the watchdog clears up", Duration::from_secs(5), gone).await;
}

#[tokio::test]
async fn a_fault_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let target = Target::sleeping();
    let fault = Injection::Process(ProcessFault::Pause { pid: target.pid() });
    injector.inject(&fault, Duration::from_millis(100)).await.unwrap();
    assert_eq!(target.state(), 'T');
    eventually("it runs again", Duration::from_secs(2), || target.state() != 'T').await;
    eventually("no record", Duration::from_secs(2), || records(dir.path()) == 0).await;
}

#[tokio::test]
async fn a_quota_is_felt_and_then_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let target = Target::of(Command::new("sh").args(["-c", "while :; do :; done"]));
    let before = fs::read_to_string(format!("/proc/{}/cgroup", target.pid())).unwrap();
    let fault = ProcessFault::CpuQuota { pid: target.pid(), share: 0.1 };
    let Some(active) = inject(&injector, fault).await else { return };
    assert_eq!(active.hits, 1);
    let share = || async {
        let (begin, ticks) = (Instant::now(), cpu_ticks(target.pid()));
        sleep(Duration::from_millis(1500)).await;
        (cpu_ticks(target.pid()) - ticks) as f64 / 100.0 / begin.elapsed().as_secs_f64()
    };
    let throttled = share().await;
    injector.heal(active).await.unwrap();
    let free = share().await;
    println!("share of a processor: {throttled:.3} with a quota of 0.1, {free:.3} without");
    assert!((0.02..0.16).contains(&throttled), "{throttled}");
    // How much it gets when it is free depends on who else works here.
    assert!(free > throttled * 1.5, "{free} against {throttled}");
    let after = fs::read_to_string(format!("/proc/{}/cgroup", target.pid())).unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_frozen_process_does_nothing_and_cannot_be_continued_by_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let target = Target::of(Command::new("sh").args(["-c", "while :; do :; done"]));
    let fault = ProcessFault::Freeze { pid: target.pid() };
    let Some(active) = inject(&injector, fault).await else { return };
    assert_eq!(active.hits, 1);
    let kill = Command::new("kill").args(["-CONT", &target.pid().to_string()]).status();
    assert!(kill.unwrap().success());
    let ticks = cpu_ticks(target.pid());
    sleep(Duration::from_millis(300)).await;
    assert_eq!(cpu_ticks(target.pid()), ticks);
    injector.heal(active).await.unwrap();
    eventually("it works", Duration::from_secs(5), || cpu_ticks(target.pid()) > ticks).await;
}

/// A shell that writes a line for each start, and its own number.
fn service(dir: &Path) -> Target {
    let script = "echo started $$ >> starts; exec sleep 300";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(dir).env("PLACE", "here");
    Target::of(&mut command)
}

/// The one that took the place of a process, ended with the test.
struct Successor(u32);

impl Successor {
    /// It is somebody else's to end it.
    fn keep(self) -> u32 {
        let pid = self.0;
        std::mem::forget(self);
        pid
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        // It may have been ended by the test.
        _ = Command::new("kill")
            .args(["-KILL", &self.0.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}

fn successor(active: &Active) -> Successor {
    let seen = active.seen[0].split(' ').collect::<Vec<_>>();
    let at = seen.iter().rposition(|word| *word == "pid").unwrap();
    Successor(seen[at + 1].parse().unwrap())
}

#[tokio::test]
async fn a_restarted_process_is_the_same_program_in_the_same_place() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let mut target = service(dir.path());
    let is_sleep = |pid: u32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep"))
    };
    eventually("it became sleep", Duration::from_secs(5), || is_sleep(target.pid())).await;
    let fault =
        ProcessFault::Restart { pid: target.pid(), end_with: EndWith::Terminate, command: None };
    let active = injector.inject(&Injection::Process(fault), LONG).await.unwrap();
    assert_eq!(active.hits, 1);
    assert!(target.0.try_wait().unwrap().is_some(), "the old one has ended");
    let new = successor(&active);
    assert!(is_sleep(new.0));
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", new.0)).unwrap(), dir.path());
    let environment = fs::read(format!("/proc/{}/environ", new.0)).unwrap();
    assert!(environment.split(|byte| *byte == 0).any(|pair| pair == b"PLACE=here"));
    injector.heal(active).await.unwrap();
    assert_eq!(state(new.0), Some('S'), "healing leaves the new one alone");
}

#[tokio::test]
async fn a_killed_process_comes_back_with_another_command_or_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let target = Target::sleeping();
    let fault = ProcessFault::Kill { pid: target.pid(), comes_back: true };
    let active = injector.inject(&Injection::Process(fault), LONG).await.unwrap();
    assert_eq!(active.seen, [format!("pid {} has ended", target.pid())]);
    assert_eq!(state(target.pid()), Some('Z'));
    injector.heal(active).await.unwrap();
    let back = children_of_this_process("sleep\u{0}300\u{0}");
    assert_eq!(back.len(), 1);
    let back = Successor(back[0]);

    let command = Launch {
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "echo $WORD; sleep 300".to_owned()],
        dir: None,
        env: Some([("WORD".to_owned(), "hello".to_owned())].into()),
        stdout: Some(dir.path().join("out")),
        stderr: None,
    };
    let fault =
        ProcessFault::Restart { pid: back.0, end_with: EndWith::Kill, command: Some(command) };
    let active = injector.inject(&Injection::Process(fault), LONG).await.unwrap();
    let new = successor(&active);
    let said = || fs::read_to_string(dir.path().join("out")).is_ok_and(|text| text == "hello\n");
    eventually("it speaks", Duration::from_secs(5), said).await;
    injector.heal(active).await.unwrap();
    for pid in children_of(new.0) {
        drop(Successor(pid));
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| stat(*pid).is_some_and(|fields| fields[1] == parent.to_string());
    pids.filter(is_child).collect()
}

/// Tests run side by side: only those with the same command line that lead their own group, as
/// what is started again does.
fn children_of_this_process(command_line: &str) -> Vec<u32> {
    let has_line = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == command_line)
    };
    let leads = |pid: &u32| stat(*pid).is_some_and(|fields| fields[2] == pid.to_string());
    let children = children_of(std::process::id()).into_iter();
    children.filter(has_line).filter(leads).collect()
}

/// A run of the drill with a pause on a target, up to the moment when it acts.
fn drill(dir: &Path, seconds: u32, target: &Target) -> (Child, BufReader<ChildStdout>) {
    let fault = format!(r#"{{"kind": "process", "act": "pause", "pid": {}}}"#, target.pid());
    let mut run = Command::new(DRILL)
        .args(["run", dir.join("undo").to_str().unwrap(), &seconds.to_string(), "-", "-", &fault])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, format!("acts 1 pause of pid {}\n", target.pid()));
    assert_eq!(target.state(), 'T');
    (run, output)
}

#[tokio::test]
async fn the_watchdog_heals_when_the_run_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::sleeping();
    let (mut run, _output) = drill(dir.path(), 60, &target);
    run.kill().unwrap();
    run.wait().unwrap();
    let healed = || target.state() != 'T' && journal_files(dir.path()).is_empty();
    eventually("it is healed", Duration::from_secs(5), healed).await;
}

#[tokio::test]
async fn the_watchdog_heals_when_the_run_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::sleeping();
    let (mut run, _output) = drill(dir.path(), 1, &target);
    // Now it cannot keep its own times.
    Command::new("kill").args(["-STOP", &run.id().to_string()]).status().unwrap();
    let healed = || target.state() != 'T' && records(dir.path()) == 0;
    eventually("it is healed", Duration::from_secs(5), healed).await;
    run.kill().unwrap();
    run.wait().unwrap();
}

#[tokio::test]
async fn a_run_that_is_told_to_end_heals_first() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::sleeping();
    let (mut run, _output) = drill(dir.path(), 60, &target);
    Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(run.wait().unwrap().success());
    assert_ne!(target.state(), 'T');
    assert_eq!(records(dir.path()), 0);
}

/// Who ends a whole group of processes, as a terminal does, ends the watchdog, too, if it is in it.
#[tokio::test]
async fn recovery_leaves_live_runs_alone_and_heals_the_dead() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Target::sleeping(), Target::sleeping());
    let (mut alive, _output) = drill(dir.path(), 60, &one);
    // Without a watchdog nobody heals when it is dropped: as after both were killed.
    let injector = injector(&dir, false).await;
    let fault = Injection::Process(ProcessFault::Pause { pid: two.pid() });
    injector.inject(&fault, LONG).await.unwrap();
    let run = injector.run().to_owned();
    drop(injector);
    assert_eq!(two.state(), 'T');

    let report = recover(&dir.path().join("undo")).await;
    assert_eq!(report.healed.len(), 1, "{report:?}");
    assert_eq!(report.healed[0].run, run);
    assert_eq!(report.healed[0].fault, format!("pause of pid {}", two.pid()));
    assert_eq!(report.alive.len(), 1, "{report:?}");
    assert!(report.whole.is_empty() && report.failed.is_empty(), "{report:?}");
    assert_eq!((one.state(), records(dir.path())), ('T', 1));
    assert_ne!(two.state(), 'T');
    alive.kill().unwrap();
    alive.wait().unwrap();
    eventually("its watchdog heals", Duration::from_secs(5), || one.state() != 'T').await;
    let none = recover(&dir.path().join("nowhere")).await;
    assert_eq!(none, wonin_fault::undo::RecoverReport::default());
}

/// What a run has started ends with it, also what was restarted and what it started itself.
#[tokio::test]
async fn marked_processes_end_with_their_run() {
    use std::os::unix::process::CommandExt as _;

    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, true).await;
    let mark = injector.mark().await.unwrap();
    assert_eq!(mark, injector.mark().await.unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' TERM; setsid sleep 300 & exec sleep 300"]).process_group(0);
    shell.env(mark.0, &mark.1);
    let one = Target::of(&mut shell);
    let two = Target::of(Command::new("sleep").arg("300").env(mark.0, &mark.1));
    let unmarked = Target::sleeping();
    let mut group = Vec::new();
    let members = |group: &mut Vec<u32>| {
        *group = children_of(one.pid());
        group.len() == 1
    };
    eventually("both sleep", Duration::from_secs(5), || members(&mut group)).await;

    let launch = Launch {
        program: "/bin/sleep".into(),
        args: vec!["300".to_owned()],
        dir: None,
        env: Some([("OTHER".to_owned(), "1".to_owned())].into()),
        stdout: None,
        stderr: None,
    };
    for command in [None, Some(launch)] {
        let pid = group.last().copied().filter(|_| group.len() > 1).unwrap_or(two.pid());
        let restart = ProcessFault::Restart { pid, end_with: EndWith::Kill, command };
        let active = injector.inject(&Injection::Process(restart), LONG).await.unwrap();
        group.push(successor(&active).keep());
        injector.heal(active).await.unwrap();
    }
    let pause = Injection::Process(ProcessFault::Pause { pid: one.pid() });
    injector.inject(&pause, LONG).await.unwrap();
    assert_eq!(injector.heal_all().await.len(), 0);
    assert_eq!(one.state(), 'S', "it lives on");

    injector.inject(&pause, LONG).await.unwrap();
    drop(injector);
    group.push(one.pid());
    let ended = || {
        let ended = |pid: &u32| matches!(state(*pid), None | Some('Z'));
        group.iter().all(ended) && journal_files(dir.path()).is_empty()
    };
    eventually("all have ended", Duration::from_secs(5), ended).await;
    assert_eq!(unmarked.state(), 'S');
}

#[tokio::test]
async fn a_number_that_is_used_again_and_an_earlier_boot_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::sleeping();
    let injector = injector(&dir, false).await;
    let fault = Injection::Process(ProcessFault::Pause { pid: target.pid() });
    injector.inject(&fault, LONG).await.unwrap();
    drop(injector);
    let path = dir.path().join("undo");
    let name = journal_files(dir.path()).into_iter().find(|name| name.ends_with("json")).unwrap();
    let text = fs::read_to_string(path.join(&name)).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (field, value, why) in [
        ("start", serde_json::json!(7), "has ended"),
        ("boot", serde_json::json!("another"), "started again since"),
    ] {
        let mut other = record.clone();
        other["undo"]["process"][field] = value;
        fs::write(path.join(&name), other.to_string()).unwrap();
        let report = recover(&path).await;
        assert!(report.whole[0].why.contains(why), "{report:?}");
        assert_eq!(target.state(), 'T', "another process would have been continued");
    }
    fs::write(path.join(&name), &text[..text.len() / 2]).unwrap();
    let report = recover(&path).await;
    assert!(report.failed[0].why.contains("cannot be understood"), "{report:?}");
    fs::write(path.join(&name), &text).unwrap();
    let report = recover(&path).await;
    assert_eq!(report.healed.len(), 1, "{report:?}");
    assert_ne!(target.state(), 'T');
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let injector = injector(&dir, false).await;
    let why = async |fault| injector.resolve(&Injection::Process(fault)).await.unwrap_err();
    let cannot = why(ProcessFault::Kill { pid: 1, comes_back: false }).await;
    let expected = "kill of pid 1 is not possible: process 1 holds up all others";
    assert_eq!(cannot.to_string(), expected);
    let target = Target::sleeping();
    let cannot = why(ProcessFault::CpuQuota { pid: target.pid(), share: 0.0 }).await;
    assert!(cannot.why.contains("not between"), "{cannot}");
    let fault: Injection =
        serde_json::from_str(r#"{"kind": "container", "act": "pause", "name": "a"}"#).unwrap();
    let cannot = injector.resolve(&fault).await.unwrap_err();
    assert!(cannot.why.contains("no socket"), "{cannot}");
}

#[tokio::test]
async fn without_a_watchdog_that_starts_nothing_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let options = InjectorOptions {
        journal: dir.path().join("undo"),
        docker_socket: None,
        watchdog: Watchdog::Command { program: "/bin/false".into(), args: Vec::new() },
        allow_foreign: false,
        project: None,
    };
    let injector = Injector::open(options).await.unwrap();
    let target = Target::sleeping();
    let fault = Injection::Process(ProcessFault::Pause { pid: target.pid() });
    let error = injector.inject(&fault, LONG).await.unwrap_err();
    assert!(matches!(error, Error::Watchdog(_)), "{error}");
    assert_ne!(target.state(), 'T');
    assert_eq!(records(dir.path()), 0);
}
