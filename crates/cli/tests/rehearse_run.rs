//! `wonin rehearse run` with real servers on loopback: what is broken, what is told, that it is
//! healed.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Answer, dir, held, parsed, put, run};
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../../docs/scenarios/slow-upstream.toml");

/// Answers every request with 200 until the process ends; its port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || answer(client));
        }
    });
    port
}

fn answer(client: TcpStream) {
    let mut requests = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    let mut line = String::new();
    loop {
        line.clear();
        match requests.read_line(&mut line) {
            Ok(1..) if line == "\r\n" => {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine\n";
                if client.write_all(answer).is_err() {
                    return;
                }
            }
            Ok(1..) => {}
            _ => return,
        }
    }
}

/// A scenario with a proxy before a server, a second of steady state, and the given fault.
fn scenario(port: u16, fault: &str, more: &str) -> TempDir {
    let text = format!(
        "[scenario]\n\
         name = \"a page\"\n\
         steady = \"400ms\"\n\
         after = \"400ms\"\n\
         \n\
         [[proxy]]\n\
         name = \"web\"\n\
         upstream = \"127.0.0.1:{port}\"\n\
         \n\
         [[workload]]\n\
         name = \"visitors\"\n\
         kind = \"http\"\n\
         url = \"http://${{proxy.web}}/\"\n\
         rate = 40\n\
         timeout = \"600ms\"\n\
         \n\
         [[fault]]\n\
         name = \"bad\"\n\
         kind = \"tcp\"\n\
         proxy = \"web\"\n\
         at = \"800ms\"\n\
         for = \"1s\"\n\
         {fault}\n\
         \n\
         [[expect]]\n\
         name = \"pages come\"\n\
         success_at_least = \"99%\"\n\
         {more}\n"
    );
    dir([("s.toml", text.as_str())])
}

fn rehearse(dir: &Path, args: &[&str]) -> Answer {
    run(dir, &[&["rehearse", "run", "s.toml"], args].concat())
}

/// The JSON answer of a run, held against its schema, with the exit code.
fn json(dir: &Path) -> (Option<i32>, Value) {
    let answer = rehearse(dir, &["--yes", "--journal", "undo", "--format", "json"]);
    let value = parsed(&answer);
    let schema = include_str!("../../../docs/schema/wonin.rehearsal-1.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    assert_eq!(schema::problems(&schema, &value), [""; 0]);
    (answer.code, value)
}

#[test]
fn a_page_that_bears_delays_holds() {
    let dir = scenario(server(), "type = \"latency\"\nattributes = { latency = 100 }", "");
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(0), &"held".into()), "{value:#}");
    let fault = &value["faults"][0];
    assert_eq!(fault["target"], "proxy web");
    assert_eq!(fault["what"], "latency 100 ms downstream");
    assert!(fault["hits"].as_u64().unwrap() >= 1);
    let (from, to) = (fault["from_s"].as_f64().unwrap(), fault["to_s"].as_f64().unwrap());
    assert!((0.7..1.5).contains(&from) && (1.5..4.0).contains(&to), "{from} to {to}");
    assert!(value["recovery"]["steady_s"].as_f64().unwrap() < 5.0);
    assert_eq!(value["recovery"]["first_success_s"], Value::Null, "nothing ever failed");
}

#[test]
fn a_page_that_does_not_come_breaks_and_recovers() {
    let dir = scenario(server(), "type = \"silence\"", "");
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()), "{value:#}");
    assert!(held(&value, "pages come", "before"));
    assert!(!held(&value, "pages come", "during"));
    assert!(held(&value, "pages come", "after"));
    let why = value["why"].as_str().unwrap();
    assert!(why.starts_with("`pages come` did not hold during the fault: "), "{why}");
    assert!(why.contains("no answer within 600 ms"), "{why}");
    assert!(value["recovery"]["steady_s"].as_f64().unwrap() >= 0.0);
    let first = value["recovery"]["first_success_s"].as_f64().unwrap();
    // The proxy lets bytes go a moment before healing is noted.
    assert!((-0.3..2.0).contains(&first), "{first}");
}

#[test]
fn a_refused_connection_hits_fresh_clients_alone() {
    let port = server();
    let dir = scenario(port, "type = \"refuse\"", "");
    // So seldom that no request has to wait for another on a busy machine either, and so none opens
    // a connection.
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    put(dir.path(), "s.toml", text.replacen("rate = 40", "rate = 4", 1).as_bytes());
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(3), &"invalid".into()), "{value:#}");
    assert!(value["why"].as_str().unwrap().starts_with("fault `bad` hit nothing"), "{value:#}");
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let cold = text.replacen("name = \"a page\"", "name = \"a page\"\nclients = \"cold\"", 1);
    put(dir.path(), "s.toml", cold.as_bytes());
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()), "{value:#}");
    assert_eq!(value["name"], "a page: cold clients");
    assert!(value["why"].as_str().unwrap().contains("connection refused"), "{value:#}");
}

#[test]
fn a_fault_that_nobody_meets_proves_nothing() {
    let port = server();
    let dir = scenario(port, "type = \"silence\"", "");
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let around = text.replacen("http://${proxy.web}/", &format!("http://127.0.0.1:{port}/"), 1);
    put(dir.path(), "s.toml", around.as_bytes());
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(3), &"invalid".into()));
    let why = value["why"].as_str().unwrap();
    let expected = "fault `bad` hit nothing: nobody ever connected to the proxy `web`; clients \
                    must use 127.0.0.1:";
    assert!(why.starts_with(expected), "{why}");
}

#[test]
fn without_a_steady_state_nothing_is_broken() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = scenario(closed, "type = \"silence\"", "");
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(3), &"invalid".into()), "{value:#}");
    assert!(value["why"].as_str().unwrap().starts_with("the steady state was not reached"));
    assert_eq!(value["faults"], serde_json::json!([]));
}

#[test]
fn a_condition_aborts_and_heals() {
    let more = "[abort]\nsuccess_below = 0.5\nfor = \"1s\"\n";
    let dir = scenario(server(), "type = \"timeout\"\nattributes = { timeout = 0 }", more);
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    put(dir.path(), "s.toml", text.replacen("for = \"1s\"", "for = \"30s\"", 1).as_bytes());
    let start = now();
    let (code, value) = json(dir.path());
    assert!(start.elapsed() < Duration::from_secs(15), "it was cut short");
    assert_eq!((code, &value["verdict"]), (Some(4), &"aborted".into()), "{value:#}");
    let why = value["why"].as_str().unwrap();
    assert!(why.starts_with("workload `visitors` had ") && why.ends_with("% success for 1 s"));
    assert!(value["faults"][0]["to_s"].as_f64().is_some(), "it was healed: {value:#}");
    // Nothing is broken a second time after that.
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let twice =
        text.replacen("name = \"a page\"", "name = \"a page\"\nclients = [\"warm\", \"cold\"]", 1);
    put(dir.path(), "s.toml", twice.as_bytes());
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(4), &"aborted".into()), "{value:#}");
    assert_eq!(value["scenarios"].as_array().unwrap().len(), 1, "{value:#}");
    let why = value["why"].as_str().unwrap();
    assert!(why.starts_with("stopped after 1 of 2 runs; `a page: warm clients`: "), "{why}");
}

#[test]
fn faults_overlap_and_each_is_told() {
    let second = "[[fault]]\nname = \"narrow\"\nkind = \"tcp\"\nproxy = \"web\"\nat = \"1200ms\"\n\
                  for = \"300ms\"\ntype = \"bandwidth\"\nattributes = { rate = 1000 }\n";
    let first = "type = \"latency\"\nattributes = { latency = 50 }";
    let dir = scenario(server(), first, second);
    let (code, value) = json(dir.path());
    assert_eq!((code, &value["verdict"]), (Some(0), &"held".into()), "{value:#}");
    let why = value["why"].as_str().unwrap();
    assert!(why.ends_with(" held while `bad` and `narrow` acted"), "{why}");
    let time = |n: usize, key: &str| value["faults"][n][key].as_f64().unwrap();
    let order = [time(0, "from_s"), time(1, "from_s"), time(1, "to_s"), time(0, "to_s")];
    assert!(order.is_sorted(), "{order:?}");
    assert!(time(1, "to_s") - time(1, "from_s") >= 0.3, "{order:?}");
}

#[test]
fn the_example_is_run_twice_and_told() {
    let port = server();
    let example = EXAMPLE.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    let dir = dir([("s.toml", example.as_str())]);
    let args = ["--yes", "--format", "text", "--format", "json=r.json", "--format", "junit=r.xml"];
    let answer = rehearse(dir.path(), &args);
    assert_eq!(answer.code, Some(0), "{}\n{}", answer.out, answer.err);
    assert!(
        answer.out.ends_with("held: all 2 runs held\n      slow upstream, seed 7\n"),
        "{}",
        answer.out
    );
    let value: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("r.json")).unwrap()).unwrap();
    let names: Vec<&str> = value["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["slow upstream: warm clients", "slow upstream: cold clients"]);
    let junit = fs::read_to_string(dir.path().join("r.xml")).unwrap();
    assert!(junit.contains(
        "<testcase classname=\"slow upstream: warm clients\" name=\"pages come (during)\"/>"
    ));
}

/// A process of the scenario that writes the time again and again, and a workload that looks
/// whether it does.
const HEARTBEAT: &str = r#"
[scenario]
name = "a heartbeat"
steady = "1s"
after = "1s"

[[process]]
name = "heart"
command = ["sh", "-c", "while :; do date > beat; sleep 0.05; done"]

[[workload]]
name = "pulse"
kind = "command"
command = ["sh", "-c", "test -n \"$(find beat -newermt '-0.5 seconds')\""]
every = "100ms"

[[fault]]
name = "faint"
kind = "process"
process = "heart"
act = "pause"
at = "1500ms"
for = "2s"

[[expect]]
name = "it beats"
success_at_least = "90%"

[[expect]]
name = "it beats again"
recovered_within = "5s"
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_process_of_the_scenario_is_paused_and_goes_on() {
    let dir = dir([("s.toml", HEARTBEAT)]);
    let (code, value) = json_of(dir.path(), HEARTBEAT);
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()), "{value:#}");
    assert!(!held(&value, "it beats", "during") && held(&value, "it beats", "after"));
    assert!(held(&value, "it beats again", "after"));
    assert_eq!(value["faults"][0]["what"], "pause");
    assert!(value["faults"][0]["target"].as_str().unwrap().starts_with("process heart (pid "));
}

#[cfg(target_os = "linux")]
#[test]
fn stop_and_kill_are_two_runs_and_the_process_comes_back() {
    let text = HEARTBEAT.replace("act = \"pause\"", "runs = [\"stop\", \"kill\"]");
    let dir = dir([("s.toml", text.as_str())]);
    let (code, value) = json_of(dir.path(), &text);
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()), "{value:#}");
    let runs = value["scenarios"].as_array().unwrap();
    let what: Vec<&str> =
        runs.iter().map(|run| run["faults"][0]["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["terminate", "kill"]);
    for run in runs {
        assert!(held(run, "it beats", "before") && held(run, "it beats", "after"), "{run:#}");
        assert!(!held(run, "it beats", "during"), "{run:#}");
    }
}

fn json_of(dir: &Path, text: &str) -> (Option<i32>, Value) {
    put(dir, "s.toml", text.as_bytes());
    json(dir)
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_heals_and_tells() {
    let text = HEARTBEAT.replace("for = \"2s\"", "for = \"60s\"");
    let dir = dir([("s.toml", text.as_str())]);
    let child = Command::new(assert_cmd::cargo::cargo_bin!("wonin"))
        .env_clear()
        .current_dir(dir.path())
        .args(["rehearse", "run", "s.toml", "--yes", "--journal", "undo", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let paused = || stopped_children(child.id());
    within("the process is paused", || !paused().is_empty());
    let victims = paused();
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let answer = Answer::from(output);
    assert_eq!(answer.code, Some(4), "{answer:?}");
    let value = parsed(&answer);
    assert_eq!(value["verdict"], "aborted");
    assert!(value["why"].as_str().unwrap().starts_with("stopped by a person after "));
    assert!(value["faults"][0]["to_s"].as_f64().is_some(), "it was healed: {value:#}");
    for pid in victims {
        assert_ne!(state(pid), Some('T'), "process {pid} is still paused");
    }
}

/// Descendants of a process that are stopped by a signal.
fn stopped_children(of: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|pid| parent(*pid) == Some(of) && state(*pid) == Some('T')).collect()
}

fn stat(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

fn state(pid: u32) -> Option<char> {
    stat(pid)?.chars().next()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.split(' ').nth(1)?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "a bound needs a clock")]
fn now() -> Instant {
    Instant::now()
}

fn within(what: &str, mut holds: impl FnMut() -> bool) {
    let start = now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_broken_without_a_yes() {
    let dir = scenario(server(), "type = \"silence\"", "");
    let answer = rehearse(dir.path(), &[]);
    assert_eq!(answer.code, Some(2));
    assert_eq!(
        answer.err,
        "error: nobody is here to confirm what will be broken\n\n\
         hint: see it with `--dry-run`, then start it with `--yes`\n"
    );
}

#[test]
fn a_dry_run_shows_targets_and_timeline() {
    let dir = dir([("s.toml", EXAMPLE)]);
    let answer = rehearse(dir.path(), &["--dry-run"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert_eq!(answer.out, include_str!("rehearse_run/dry_run.txt"));
}

#[test]
fn the_scenario_of_the_help_is_one() {
    let help = run(Path::new("."), &["rehearse", "run", "--help"]).out;
    let block = help.split("A scenario:\n").nth(1).unwrap().split("All tables").next().unwrap();
    let dir = dir([("s.toml", block)]);
    let answer = rehearse(dir.path(), &["--dry-run"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.contains("`slow` begins: latency 3000 ms downstream (proxy db)"));
}

#[test]
fn a_process_that_does_not_get_ready_is_told_with_its_log() {
    let command = "command = [\"sh\", \"-c\", \"echo no port left >&2; exit 7\"]\n\
                   ready = \"127.0.0.1:1\"\nlog = \"heart.log\"";
    let i = HEARTBEAT.find("command = ").unwrap();
    let end = i + HEARTBEAT[i..].find('\n').unwrap();
    let text = format!("{}{command}{}", &HEARTBEAT[..i], &HEARTBEAT[end..]);
    let dir = dir([("s.toml", text.as_str())]);
    let answer = rehearse(dir.path(), &["--yes", "--journal", "undo"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert_eq!(
        answer.err,
        "error: process `heart`: it ended before it was ready (exit status: 7)\n\n\
         hint: `heart.log` may say why\n"
    );
    assert_eq!(fs::read_to_string(dir.path().join("heart.log")).unwrap(), "no port left\n");
}

/// Somebody else at the address would be asked, whom no fault hits.
#[test]
fn a_process_whose_address_is_taken_is_not_started() {
    let i = HEARTBEAT.find("command = ").unwrap();
    let port = server();
    let ready = format!("ready = \"127.0.0.1:{port}\"\n");
    let text = format!("{}{ready}{}", &HEARTBEAT[..i], &HEARTBEAT[i..]);
    let dir = dir([("s.toml", text.as_str())]);
    let answer = rehearse(dir.path(), &["--yes", "--journal", "undo"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    let expected = format!(
        "error: process `heart`: `127.0.0.1:{port}` takes connections before the process is \
         started\n\nhint: end who listens there, or correct `ready`\n"
    );
    assert_eq!(answer.err, expected);
}

#[test]
fn a_process_without_its_directory_is_told_so() {
    let i = HEARTBEAT.find("command = ").unwrap();
    let text = format!("{}dir = \"nowhere\"\n{}", &HEARTBEAT[..i], &HEARTBEAT[i..]);
    let dir = dir([("s.toml", text.as_str())]);
    let answer = rehearse(dir.path(), &["--yes", "--journal", "undo"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert_eq!(answer.err, "error: process `heart`: there is no directory `nowhere`\n");
}

#[test]
fn all_that_is_wrong_with_a_scenario_is_told_with_its_line() {
    let text = EXAMPLE
        .replace("upstream = ", "upsteam = ")
        .replace("for = \"1500ms\"", "for = 1500")
        .replace("jitter", "jiter");
    let dir = dir([("s.toml", text.as_str())]);
    let answer = rehearse(dir.path(), &["--yes"]);
    assert_eq!(answer.code, Some(2));
    assert_eq!(answer.err, include_str!("rehearse_run/wrong.txt"));
    put(dir.path(), "s.toml", b"[scenario\n");
    let answer = rehearse(dir.path(), &["--yes"]);
    assert!(answer.err.starts_with("error: s.toml:1:10: this is not TOML: "), "{}", answer.err);
}

#[test]
fn a_fault_as_long_as_a_timeout_of_the_stack_is_refused() {
    let dir = scenario(server(), "type = \"latency\"\nattributes = { latency = 2500 }", "");
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let named = text.replacen("name = \"a page\"", "name = \"a page\"\nstack = \"shop\"", 1);
    put(dir.path(), "s.toml", named.as_bytes());
    let nginx = b"server {\n  location / {\n    proxy_pass http://web:80;\n    \
                  proxy_read_timeout 2500ms;\n  }\n}\n";
    put(dir.path(), "shop/nginx.conf", nginx);
    let answer = rehearse(dir.path(), &["--yes"]);
    assert_eq!(
        answer.err,
        "error: s.toml:25:14: a delay of 2.5 s is exactly `proxy_read_timeout` (nginx.conf:4): \
         which comes first is left to luck\n\n\
         hint: take at most half of it or at least twice as much; `allow_tie = true` if the tie \
         itself is what you want to see\n"
    );
    assert_eq!(answer.code, Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn foreign_processes_are_left_alone() {
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    let text = HEARTBEAT.replace("process = \"heart\"", &format!("pid = {}", stranger.id()));
    let dir = dir([("s.toml", text.as_str())]);
    for args in [&["--dry-run"], &["--yes"]] {
        let answer = rehearse(dir.path(), args);
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.starts_with("error: `faint`: pause of pid "), "{answer:?}");
        assert!(answer.err.contains("--allow-foreign"), "{answer:?}");
    }
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn secrets_of_a_scenario_are_never_printed() {
    let dir = scenario(server(), "type = \"silence\"", "");
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let (from, to) =
        ("http://${proxy.web}/", "http://shop:hunter2secret@192.0.2.1/?password=hunter2secret");
    put(dir.path(), "s.toml", text.replacen(from, to, 1).as_bytes());
    for args in [&["--dry-run"], &["--yes"]] {
        let answer = rehearse(dir.path(), args);
        assert!(!answer.out.contains("hunter2") && !answer.err.contains("hunter2"), "{answer:?}");
        assert!(answer.out.contains("192.0.2.1"), "{answer:?}");
    }
}

#[test]
fn other_machines_are_left_alone() {
    let dir = scenario(server(), "type = \"silence\"", "");
    let text = fs::read_to_string(dir.path().join("s.toml")).unwrap();
    let remote = text.replacen("upstream = \"127.0.0.1", "upstream = \"192.0.2.1", 1);
    put(dir.path(), "s.toml", remote.as_bytes());
    let answer = rehearse(dir.path(), &["--yes"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("is not a loopback address"), "{}", answer.err);
    let (from, to) = ("http://${proxy.web}/", "http://192.0.2.1/");
    put(dir.path(), "s.toml", text.replacen(from, to, 1).as_bytes());
    let (code, value) = json(dir.path());
    assert_eq!(code, Some(3));
    assert!(value["why"].as_str().unwrap().contains("`--allow-remote` was not given"), "{value:#}");
}
