//! `wonin proxy` as a process: its options, and Toxiproxy's own clients against it.
//!
//! `clients/*.out` is what the scripts print with the real Toxiproxy server 2.12. Where that server
//! is there too (`./test` builds it), both are asked and must answer alike.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use support::{dir, run, wonin};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A server of the API; killed when dropped.
struct Server {
    child: Child,
    api: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already is as good.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Server {
    fn wonin(args: &[&str]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wonin"));
        command.env_clear().args(["proxy", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("control API is listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended early");
        }
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        let api = address.to_owned();
        // A full pipe would stop the server.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, api }
    }

    /// The original, if it was built.
    fn toxiproxy() -> Option<Self> {
        let program = root().join(".cache/clients/bin/server");
        if !program.is_file() {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-host", "127.0.0.1", "-proxy-metrics", "-port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let api = format!("127.0.0.1:{port}");
        within("the server listens", || TcpStream::connect(&api).is_ok());
        Some(Self { child, api })
    }

    /// Status, content type, body.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let len = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        stream.write_all(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let kind = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-type").then(|| value.to_owned())
        });
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, kind.unwrap_or_default(), body.to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "a bound needs a clock")]
fn within(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends back what it gets; its port.
fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut back = client.try_clone().unwrap();
            thread::spawn(move || std::io::copy(&mut client, &mut back));
        }
    });
    port
}

/// Whether what a test needs is there. Continuous integration does without nothing.
#[expect(clippy::disallowed_methods, reason = "whether skipping is allowed depends on who runs it")]
fn installed(path: &Path) -> bool {
    let there = path.try_exists().unwrap();
    let name = path.display();
    assert!(there || std::env::var("CI").is_err(), "`{name}` is missing: run `./test`");
    if !there {
        println!("skipped: `{name}` is not installed (`./test` installs it where it can)");
    }
    there
}

/// Runs a client script against both servers.
fn script(name: &str, command: impl Fn(&Server, u16) -> Command) {
    let expected = root().join("crates/cli/tests/clients").join(format!("{name}.out"));
    let port = echo_server();
    let answers = |server: Server| {
        let output = command(&server, port).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    if let Some(original) = Server::toxiproxy() {
        let text = answers(original);
        #[expect(clippy::disallowed_methods, reason = "the switch between checking and writing")]
        if std::env::var("WONIN_WRITE_CLIENTS").is_ok() {
            fs::write(&expected, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&expected).unwrap(), "of Toxiproxy itself");
    }
    assert_eq!(answers(Server::wonin(&[])), fs::read_to_string(&expected).unwrap());
}

#[test]
fn the_node_client_sees_no_difference() {
    let modules = root().join(".cache/clients/node/node_modules");
    if !installed(&modules.join("toxiproxy-node-client")) {
        return;
    }
    script("node", |server, port| {
        let mut command = Command::new("node");
        command.arg(root().join("crates/cli/tests/clients/node.js"));
        command.arg(format!("http://{}", server.api)).arg(port.to_string());
        command.env("NODE_PATH", &modules);
        command
    });
}

#[test]
fn the_python_client_sees_no_difference() {
    let python = root().join(".cache/clients/python/bin/python");
    if !installed(&python) {
        return;
    }
    script("python", |server, port| {
        let mut command = Command::new(&python);
        command.arg(root().join("crates/cli/tests/clients/python.py"));
        command.arg(server.api.rsplit(':').next().unwrap()).arg(port.to_string());
        command
    });
}

/// Requests in order, and what they are to show; `{}` is an upstream's port.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("GET", "/proxies", ""),
    ("POST", "/proxies", ""),
    ("POST", "/proxies", "{"),
    ("POST", "/proxies", "[]"),
    ("POST", "/proxies", "{}"),
    ("POST", "/proxies", r#"{"name":"a"}"#),
    ("POST", "/proxies", r#"{"upstream":"127.0.0.1:{}"}"#),
    ("POST", "/proxies", r#"{"name":1,"upstream":"127.0.0.1:{}"}"#),
    ("POST", "/proxies", r#"{"name":"a","listen":"x","upstream":"127.0.0.1:{}"}"#),
    (
        "POST",
        "/proxies",
        r#"{"NAME":"a","Listen":"localhost:0","upstream":"127.0.0.1:{}","enabled":null} x"#,
    ),
    ("POST", "/proxies", r#"{"name":"a","upstream":"127.0.0.1:{}"}"#),
    ("GET", "/proxies/a", ""),
    ("PUT", "/proxies/a", ""),
    ("GET", "/proxies/b", ""),
    ("DELETE", "/proxies/b", ""),
    ("POST", "/proxies/b", "{"),
    ("PATCH", "/proxies/a", "{"),
    ("PATCH", "/proxies/a", r#"{"enabled":false}"#),
    ("PATCH", "/proxies/a", r#"{"enabled":"yes"}"#),
    ("PATCH", "/proxies/a", r#"{"listen":"127.0.0.1:0","name":"z"}"#),
    ("POST", "/proxies/a", r#"{"enabled":true}"#),
    ("POST", "/proxies/a", r#"{"listen":"127.0.0.1:1:2"}"#),
    ("GET", "/proxies/a/toxics", ""),
    ("POST", "/proxies/b/toxics", "{"),
    ("POST", "/proxies/a/toxics", ""),
    ("POST", "/proxies/a/toxics", "{}"),
    ("POST", "/proxies/a/toxics", r#"{"type":"latency","stream":"x"}"#),
    ("POST", "/proxies/a/toxics", r#"{"type":"latency","stream":"Upstream"}"#),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"latency","attributes":{"Latency":5,"other":"x"},"toxicity":0.1}"#,
    ),
    ("POST", "/proxies/a/toxics", r#"{"type":"latency"}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"t","type":"latency","attributes":{"latency":1.5}}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"t","type":"latency","toxicity":"x"}"#),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"name":"t","type":"bandwidth","toxicity":2,"attributes":{"rate":null}}"#,
    ),
    ("POST", "/proxies/a/toxics", r#"{"name":"u","type":"slicer"}"#),
    ("POST", "/proxies/a/toxics", r#"{"name":"v w","type":"limit_data","stream":"upstream"}"#),
    ("GET", "/proxies/a/toxics/v%20w", ""),
    ("GET", "/proxies/a/toxics", ""),
    ("GET", "/proxies/a/toxics/t", ""),
    ("GET", "/proxies/a/toxics/x", ""),
    ("POST", "/proxies/a/toxics/x", "{"),
    ("POST", "/proxies/a/toxics/t", "{"),
    ("PATCH", "/proxies/a/toxics/t", r#"{"attributes":{"rate":9},"name":"q","stream":"upstream"}"#),
    ("POST", "/proxies/a/toxics/t", r#"{"toxicity":0}"#),
    ("DELETE", "/proxies/a/toxics/x", ""),
    ("DELETE", "/proxies/a/toxics/t", ""),
    ("GET", "/proxies", ""),
    ("POST", "/populate", ""),
    ("POST", "/populate", "{}"),
    ("POST", "/populate", "[]"),
    (
        "POST",
        "/populate",
        r#"[{"name":"b","upstream":"127.0.0.1:{}","listen":"127.0.0.1:0"},{"upstream":"x"}]"#,
    ),
    (
        "POST",
        "/populate",
        r#"[{"name":"b","upstream":"127.0.0.1:{}","listen":"127.0.0.1:0"},{"name":"c"}]"#,
    ),
    (
        "POST",
        "/populate",
        r#"[{"name":"b","upstream":"127.0.0.1:{}","listen":"127.0.0.1:0","enabled":false},{"name":"c","upstream":"127.0.0.1:{}","listen":"x"}]"#,
    ),
    ("GET", "/proxies", ""),
    ("POST", "/reset", ""),
    ("GET", "/reset", ""),
    ("GET", "/proxies", ""),
    ("DELETE", "/proxies/a", ""),
    ("GET", "/version", ""),
    ("GET", "/", ""),
    ("GET", "/proxies/", ""),
    ("GET", "/nowhere", ""),
    ("POST", "/version", ""),
];

/// Evens out what may differ.
fn level(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("Logger");
            map.values_mut().for_each(level);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(level),
        serde_json::Value::String(text) => {
            if let Some((what, why)) = text.split_once("bad request body: ")
                && !why.ends_with("EOF")
            {
                *text = format!("{what}bad request body: …");
            }
            if let Some((host, port)) = text.rsplit_once(':')
                && port.parse::<u16>().is_ok()
            {
                *text = format!("{host}:PORT");
            }
        }
        serde_json::Value::Number(number) => {
            // 1 and 1.0 are one number.
            *number = serde_json::Number::from_f64(number.as_f64().unwrap()).unwrap();
        }
        _ => {}
    }
}

/// A body without what may differ: ports, wording of parsers, the version, and the member
/// `Logger` that Toxiproxy shows by accident.
fn comparable(body: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(body) else {
        return body.to_owned();
    };
    level(&mut value);
    if let Some(version) = value.get_mut("version") {
        *version = "any".into();
    }
    value.to_string()
}

#[test]
fn requests_are_answered_as_by_toxiproxy() {
    if !installed(&root().join(".cache/clients/bin/server")) {
        return;
    }
    let port = echo_server().to_string();
    let servers = [Server::toxiproxy().unwrap(), Server::wonin(&["--metrics"])];
    let mut differ = Vec::new();
    for (method, path, body) in REQUESTS {
        let body = body.replace("{}\"", &format!("{port}\""));
        let [theirs, ours] = [0, 1].map(|n| {
            let (status, kind, body) = servers[n].ask(method, path, &body);
            (status, kind, comparable(&body))
        });
        if theirs != ours {
            differ.push(format!("{method} {path} {body}\n  {theirs:?}\n  {ours:?}"));
        }
    }
    assert!(differ.is_empty(), "Toxiproxy's answer, then ours:\n{}", differ.join("\n"));
    for server in &servers {
        let (status, kind, text) = server.ask("GET", "/metrics", "");
        assert_eq!(status, 200, "{text}");
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    }
}

#[test]
fn a_configuration_may_bring_faults_along() {
    let port = echo_server();
    let config = format!(
        r#"[{{"name":"db","listen":"127.0.0.1:0","upstream":"127.0.0.1:{port}",
            "toxics":[{{"type":"reset_peer","stream":"upstream"}}]}}]"#
    );
    let dir = dir([("proxies.json", config.as_str())]);
    let file = dir.path().join("proxies.json");
    let server = Server::wonin(&["--config", file.to_str().unwrap(), "--seed", "7"]);
    let (_, _, body) = server.ask("GET", "/proxies/db/toxics", "");
    assert!(body.contains("reset_peer_upstream"), "{body}");
    assert!(server.ask("GET", "/hits", "").2.contains(r#""seed":"7""#));
    assert_eq!(server.ask("GET", "/metrics", "").0, 404);
}

/// Whoever reaches the API names proxies and faults: a name must not look like another line.
#[test]
fn names_in_the_log_stay_within_their_line() {
    let toxic = r#"{"name":"t\n2026 u","type":"latency","attributes":{"latency":1}}"#;
    let config = format!(
        r#"[{{"name":"a\n2026 b\u001b[31m","listen":"127.0.0.1:0","upstream":"127.0.0.1:1","toxics":[{toxic}]}}]"#
    );
    let dir = dir([("proxies.json", config.as_str())]);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wonin"));
    command.env_clear().current_dir(dir.path()).stderr(Stdio::piped());
    command.args(["proxy", "--listen", "127.0.0.1:0", "--config", "proxies.json"]);
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines: Vec<String> = Vec::new();
    for line in log.map(Result::unwrap) {
        let is_ready = line.contains("control API is listening");
        lines.push(line);
        if is_ready {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lines.iter().any(|line| line.contains(r#"proxy="a\n2026 b\u{1b}[31m""#)), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.starts_with("2026 ")), "{lines:#?}");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let dir = dir([("bad.json", r#"[{"name":"x"}]"#)]);
    let answer = run(dir.path(), &["proxy", "--listen", "127.0.0.1:0", "--config", "bad.json"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("cannot take proxies from `bad.json`"), "{}", answer.err);
    assert!(answer.err.contains("missing required field: upstream at proxy 1"), "{}", answer.err);
    let answer = run(dir.path(), &["proxy", "--listen", "0.0.0.0:0"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("--allow-remote"), "{}", answer.err);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let answer = run(dir.path(), &["proxy", "--listen", &taken.to_string()]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("address in use") || answer.err.contains("already in use"));
    drop(holder);
    wonin(dir.path(), &["proxy", "--help"]).assert().success();
}

#[test]
fn others_are_kept_out() {
    let server = Server::wonin(&[]);
    for body in [
        r#"{"name":"a","listen":"0.0.0.0:0","upstream":"127.0.0.1:1"}"#,
        r#"{"name":"a","listen":"127.0.0.1:0","upstream":"192.0.2.1:1"}"#,
    ] {
        let (status, _, answer) = server.ask("POST", "/proxies", body);
        assert_eq!(status, 403);
        assert!(answer.contains("--allow-remote"), "{answer}");
    }
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(server.ask("POST", "/proxies", &large).0, 413);
    let mut stream = TcpStream::connect(&server.api).unwrap();
    stream.write_all(b"GET /proxies HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("User agent not allowed\n"));
}

#[cfg(unix)]
#[test]
fn signals_end_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::wonin(&[]);
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert!(server.child.wait().unwrap().success(), "{signal}");
    }
}
