//! What standing in between costs: direct, HAProxy, Toxiproxy and this proxy, in turns.
//!
//! `cargo run --release -p wonin-fault --example bench [ROUNDS]`. HAProxy is found on the path,
//! Toxiproxy in `.cache/clients/bin/server` (`./test` builds it). The proxy is this program itself,
//! as a process of its own, without faults unless said.
//!
//! `… --example bench threads [ROUNDS]` shows alone what 50 clients see with one to four threads for
//! each processor, beside HAProxy.
#![allow(clippy::print_stdout, reason = "a bench prints figures")]
#![allow(clippy::disallowed_methods, reason = "a bench measures")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{fs, thread};

const BULK: Duration = Duration::from_millis(500);
const ECHO: Duration = Duration::from_millis(400);
/// Fewer where this process may not have two descriptors for each.
const IDLE: usize = 10_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve", workers, config] => serve(workers.parse().unwrap(), config),
        ["threads"] => measure_threads(15),
        ["threads", rounds] => measure_threads(rounds.parse().unwrap()),
        [] => measure(15),
        [rounds] => measure(rounds.parse().unwrap()),
        _ => println!("usage: bench [threads] [ROUNDS]"),
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// This proxy, until killed.
fn serve(workers: usize, config: &str) {
    wonin_fault::raise_descriptor_limit();
    let options =
        wonin_fault::Options { seed: 1, workers, max_connections: 20_000, allow_remote: false };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = wonin_fault::Engine::start(options).unwrap();
        engine.configure(config.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
}

/// Where clients connect to, and who stands there.
struct Way {
    name: &'static str,
    /// Before the server that swallows, and before the one that answers.
    bulk: SocketAddr,
    echo: SocketAddr,
    process: Option<Child>,
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Way {
    fn new(name: &'static str, process: impl FnOnce(SocketAddr, SocketAddr) -> Child) -> Self {
        let (bulk, echo) = (free(), free());
        let mut process = Some(process(bulk, echo));
        while TcpStream::connect(bulk).is_err() || TcpStream::connect(echo).is_err() {
            let ended = process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none(), "{name} ended: {ended:?}");
            thread::sleep(Duration::from_millis(10));
        }
        Self { name, bulk, echo, process }
    }

    fn resident_kib(&self) -> u64 {
        let Some(process) = &self.process else {
            return 0;
        };
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// HAProxy without and with `splice-auto`, where it is installed.
fn haproxies(sink: SocketAddr, echo: SocketAddr, idle: usize) -> Vec<Way> {
    let mut ways = Vec::new();
    if Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_ok() {
        for (name, option) in [("HAProxy", ""), ("HAProxy, splice-auto", "option splice-auto")] {
            ways.push(Way::new(name, |bulk_listen, echo_listen| {
                let config = format!(
                    "global\n nbthread 2\n maxpipes 20\n maxconn {idle}\ndefaults\n mode tcp\n {option}\n \
                     timeout connect 5s\n timeout client 1h\n timeout server 1h\n\
                     listen bulk\n bind {bulk_listen}\n server s {sink}\n\
                     listen echo\n bind {echo_listen}\n server s {echo}\n"
                );
                let path = std::env::temp_dir().join(format!("bench-{}.cfg", bulk_listen.port()));
                fs::write(&path, config).unwrap();
                let mut command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(path).stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn().unwrap()
            }));
        }
    } else {
        println!("HAProxy is not installed");
    }
    ways
}

/// The two proxies in the form that Toxiproxy and this proxy read.
fn list([bulk, answer]: [SocketAddr; 2], [sink, echo]: [SocketAddr; 2], toxics: &str) -> String {
    format!(
        r#"[{{"name":"bulk","listen":"{bulk}","upstream":"{sink}"{toxics}}},
            {{"name":"echo","listen":"{answer}","upstream":"{echo}"{toxics}}}]"#
    )
}

fn own(name: &'static str, workers: usize, upstreams: [SocketAddr; 2], toxics: &str) -> Way {
    Way::new(name, |bulk, echo| {
        let program = std::env::current_exe().unwrap();
        let config = list([bulk, echo], upstreams, toxics);
        Command::new(program).args(["serve", &workers.to_string(), &config]).spawn().unwrap()
    })
}

fn ways(sink: SocketAddr, echo: SocketAddr, idle: usize) -> Vec<Way> {
    let mut ways = vec![Way { name: "direct", bulk: sink, echo, process: None }];
    ways.extend(haproxies(sink, echo, idle));
    let upstreams = [sink, echo];
    let server = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/clients/bin/server");
    if server.is_file() {
        ways.push(Way::new("Toxiproxy", |bulk, echo| {
            let path = std::env::temp_dir().join(format!("bench-{}.json", bulk.port()));
            fs::write(&path, list([bulk, echo], upstreams, "")).unwrap();
            let mut command = Command::new(server);
            command.arg("-config").arg(path).args(["-port", &free().port().to_string()]);
            command.env("LOG_LEVEL", "error").stdout(Stdio::null()).spawn().unwrap()
        }));
    } else {
        println!("Toxiproxy is not installed");
    }
    let workers = wonin_fault::workers_for(processors());
    ways.push(own("wonin", workers, upstreams, ""));
    ways.push(own(
        "wonin, latency 0",
        workers,
        upstreams,
        r#","toxics":[{"type":"latency"},{"type":"latency","stream":"upstream"}]"#,
    ));
    ways
}

/// A server that swallows, and one that answers.
fn servers() -> [SocketAddr; 2] {
    let sink = server(|mut client| {
        let mut buffer = vec![0; 128 << 10];
        while let Ok(len @ 1..) = client.read(&mut buffer) {
            RECEIVED.fetch_add(len as u64, Relaxed);
        }
    });
    let echo = server(|mut client| {
        let mut buffer = [0; 64];
        while client.read_exact(&mut buffer).is_ok() && client.write_all(&buffer).is_ok() {}
    });
    [sink, echo]
}

fn measure_threads(rounds: usize) {
    let idle = raise_limits();
    let [sink, echo] = servers();
    let mut ways = haproxies(sink, echo, idle);
    let names = ["1 for each", "2 for each", "3 for each", "4 for each"];
    for (each, name) in (1..).zip(names) {
        ways.push(own(name, each * processors(), [sink, echo], ""));
    }
    let mut seen: Vec<[Vec<f64>; 3]> = ways.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        for (way, seen) in ways.iter().zip(&mut seen) {
            let (p50, p99, rate) = ping(way.echo, 50);
            seen.iter_mut().zip([p50, p99, rate]).for_each(|(seen, value)| seen.push(value));
        }
    }
    println!("medians of {rounds} rounds, in turns; times in us\n");
    println!("| | echo, 50: p50 | p99 | requests/s |\n|---|---|---|---|");
    for (way, seen) in ways.iter().zip(&seen) {
        let [p50, p99, rate] = [0, 1, 2].map(|n| median(&seen[n]));
        println!("| {} | {p50:.0} | {p99:.0} | {rate:.0} |", way.name);
    }
}

fn measure(rounds: usize) {
    let idle = raise_limits();
    let [sink, echo] = servers();
    let ways = ways(sink, echo, idle);
    let mut seen: Vec<[Vec<f64>; 8]> = ways.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        for (way, seen) in ways.iter().zip(&mut seen) {
            seen[0].push(bulk(way.bulk, 1));
            seen[1].push(bulk(way.bulk, 8));
            for (n, clients) in [(2, 1), (5, 50)] {
                let (p50, p99, rate) = ping(way.echo, clients);
                seen[n].push(p50);
                seen[n + 1].push(p99);
                seen[n + 2].push(rate);
            }
        }
    }
    println!("medians of {rounds} rounds, in turns; times in us\n");
    println!("| | bulk, 1 | bulk, 8 | echo, 1: p50 | p99 | echo, 50: p50 | p99 | requests/s, 50 |");
    println!("|---|---|---|---|---|---|---|---|");
    let base: Vec<f64> = seen[0].iter().map(|values| median(values)).collect();
    for (way, seen) in ways.iter().zip(&seen) {
        let [b1, b8, p1, q1, _, p50, q50, rate] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|n| median(&seen[n]));
        let added = |value: f64, n: usize| {
            if way.process.is_some() {
                format!("{:+.0}", value - base[n])
            } else {
                format!("{value:.0}")
            }
        };
        println!(
            "| {} | {b1:.0} MB/s | {b8:.0} MB/s | {} | {} | {} | {} | {rate:.0} |",
            way.name,
            added(p1, 2),
            added(q1, 3),
            added(p50, 5),
            added(q50, 6),
        );
    }
    println!("\n{idle} idle connections, resident memory before and with them:");
    for way in &ways {
        if way.process.is_some() {
            hold(way, idle);
        }
    }
}

static RECEIVED: AtomicU64 = AtomicU64::new(0);

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server with a small thread for each client.
fn server(behave: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            client.set_nodelay(true).unwrap();
            let small = thread::Builder::new().stack_size(64 << 10);
            small.spawn(move || behave(client)).unwrap();
        }
    });
    address
}

/// Megabytes each second that arrive over so many connections.
fn bulk(address: SocketAddr, connections: usize) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..connections)
        .map(|_| {
            let stop = Arc::clone(&stop);
            let mut stream = TcpStream::connect(address).unwrap();
            thread::spawn(move || {
                let buffer = vec![0; 128 << 10];
                while !stop.load(Relaxed) && stream.write_all(&buffer).is_ok() {}
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    let (before, start) = (RECEIVED.load(Relaxed), Instant::now());
    thread::sleep(BULK);
    let bytes = RECEIVED.load(Relaxed) - before;
    let rate = bytes as f64 / start.elapsed().as_secs_f64() / 1e6;
    stop.store(true, Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    thread::sleep(Duration::from_millis(100));
    rate
}

/// Median and 99th percentile of a round trip of 64 bytes in microseconds, and trips each second.
fn ping(address: SocketAddr, clients: usize) -> (f64, f64, f64) {
    let start = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || {
                let mut buffer = [1; 64];
                let mut times = Vec::new();
                while start.elapsed() < ECHO {
                    let sent = Instant::now();
                    stream.write_all(&buffer).unwrap();
                    stream.read_exact(&mut buffer).unwrap();
                    times.push(sent.elapsed().as_secs_f64() * 1e6);
                }
                times
            })
        })
        .collect();
    let mut times: Vec<f64> =
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100], rate)
}

fn hold(way: &Way, idle: usize) {
    let before = way.resident_kib();
    let mut clients = Vec::new();
    for _ in 0..idle {
        let Ok(mut stream) = TcpStream::connect(way.echo) else {
            break;
        };
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // Each works once, so nothing is left for later.
        let mut buffer = [1; 64];
        if stream.write_all(&buffer).and_then(|()| stream.read_exact(&mut buffer)).is_err() {
            break;
        }
        clients.push(stream);
    }
    let with = way.resident_kib();
    println!("{}: {} open, {} then {} MiB", way.name, clients.len(), before / 1024, with / 1024);
    drop(clients);
    thread::sleep(Duration::from_secs(1));
}

/// As many descriptors as there may be, and more where this user may say so.
fn raise_limits() -> usize {
    let own = std::process::id().to_string();
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--nofile=70000:70000", "--pid", &own]).stderr(Stdio::null());
    _ = prlimit.status();
    let descriptors = wonin_fault::raise_descriptor_limit().unwrap_or(1024) as usize;
    IDLE.min((descriptors - 300) / 2)
}
