//! The control API under load: a thousand connections, peers that never read, changes without
//! pause. Alone in its process, because it counts descriptors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Peer, Server, connect, echo, now, until, upstream};

/// What no request may take, with all connections stuck.
const BOUND: Duration = Duration::from_millis(100);

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// A request within the bound; the best of five, since the machine has other work.
fn quick(server: &Server, method: &str, path: &str, body: &Value) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = now();
        let (status, answer) = server.ask(method, path, &body.to_string());
        assert!(status < 300 || (status == 409 || status == 404), "{path}: {status} {answer}");
        best = best.min(start.elapsed());
        if best < BOUND {
            return;
        }
    }
    panic!("{method} {path} took {best:?}");
}

#[test]
fn nothing_hangs_and_nothing_leaks() {
    let server = Server::start(1);
    let dead = server.proxy("dead", upstream(Peer::Dead));
    let flood = server.proxy("flood", upstream(Peer::Flood));
    let half = server.proxy("half", upstream(Peer::Count));
    let fine = server.proxy("fine", upstream(Peer::Echo));
    echo(&mut connect(fine), b"warm");
    until("the first connection is gone", || server.open("fine") == 0);
    let (descriptors_before, threads_before) = (descriptors(), threads());

    // 700 connections whose server never reads, 100 whose client never reads, 200 half open.
    let megabyte = vec![0; 1 << 20];
    let mut clients: Vec<TcpStream> = Vec::new();
    for _ in 0..700 {
        let mut client = connect(dead);
        client.set_nonblocking(true).unwrap();
        // Until the first buffer is full; some then fill all buffers on the way.
        _ = client.write(&megabyte[..32 << 10]);
        clients.push(client);
    }
    until("some buffers are full", || {
        clients.iter_mut().take(10).all(|client| client.write(&megabyte).is_err())
    });
    clients.extend((0..100).map(|_| connect(flood)));
    for _ in 0..200 {
        let client = connect(half);
        client.shutdown(Shutdown::Write).unwrap();
        clients.push(client);
    }
    until("they are open", || server.open("dead") == 700 && server.open("flood") == 100);

    for proxy in ["dead", "flood", "half"] {
        for stream in ["upstream", "downstream"] {
            for kind in ["latency", "bandwidth", "slicer", "slow_close", "silence", "limit_data"] {
                let path = format!("/proxies/{proxy}/toxics");
                let attributes = json!({
                    "latency": 60_000, "rate": 1, "average_size": 10, "delay": 1000,
                    "bytes": 1_i64 << 40,
                });
                let toxic = json!({
                    "name": "f", "type": kind, "stream": stream, "attributes": attributes,
                });
                quick(&server, "POST", &path, &toxic);
                quick(&server, "POST", &format!("{path}/f"), &json!({"toxicity": 0.5}));
                quick(&server, "DELETE", &format!("{path}/f"), &Value::Null);
            }
        }
    }

    // A thousand changes in a row, on all 700 stuck connections and on one that works.
    for proxy in ["dead", "fine"] {
        server.add(proxy, &json!({"name": "f", "type": "latency", "stream": "upstream"}));
    }
    let mut client = connect(fine);
    for n in 0..1000 {
        let change = json!({"attributes": {"latency": n % 3}});
        server.tell("POST", "/proxies/dead/toxics/f", &change);
        server.tell("POST", "/proxies/fine/toxics/f", &change);
        if n % 50 == 0 {
            echo(&mut client, b"still here");
        }
    }
    quick(&server, "POST", "/reset", &Value::Null);
    echo(&mut client, b"still here");

    // Stopping closes all, however full their buffers.
    for proxy in ["dead", "flood", "half"] {
        quick(&server, "POST", &format!("/proxies/{proxy}"), &json!({"enabled": false}));
    }
    drop(clients);
    drop(client);
    for proxy in ["dead", "flood", "half", "fine"] {
        until("its connections are gone", || server.open(proxy) == 0);
        quick(&server, "DELETE", &format!("/proxies/{proxy}"), &Value::Null);
    }
    // The servers of this test keep one descriptor for each connection that was never read.
    until("descriptors are given back", || descriptors() <= descriptors_before + 700);
    until("threads have ended", || threads() <= threads_before);
}
