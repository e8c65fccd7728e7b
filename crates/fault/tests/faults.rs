//! Every fault on real sockets. Times are bounded from below by what was asked for; from above only
//! so loosely that a busy machine passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::{Peer, Server, connect, echo, now, read_to_end, until, upstream};

#[test]
fn without_faults_bytes_pass_both_ways_and_so_does_a_half_close() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Count));
    let mut client = connect(address);
    // Enough for the fast way through the kernel.
    let megabyte = vec![7; 1 << 20];
    for _ in 0..50 {
        client.write_all(&megabyte).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    let (answer, end) = read_to_end(&mut client);
    assert_eq!((answer.as_slice(), end), (&b"52428800"[..], Ok(())));
    until("the connection is gone", || server.open("p") == 0);
}

#[test]
fn content_survives_changes_of_faults_under_load() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut client = connect(address);
    let mut writer = client.try_clone().unwrap();
    let total: usize = 24 << 20;
    let byte = |at: usize| (at % 251) as u8;
    let writing = thread::spawn(move || {
        let all: Vec<u8> = (0..total).map(byte).collect();
        writer.write_all(&all).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let reading = thread::spawn(move || read_to_end(&mut client));
    for stream in ["upstream", "downstream"] {
        for (kind, attributes) in [
            ("latency", json!({"latency": 20, "jitter": 10})),
            ("bandwidth", json!({"rate": 50_000})),
            ("slicer", json!({"average_size": 3000, "size_variation": 1000, "delay": 10})),
            ("silence", json!({})),
        ] {
            let toxic =
                json!({"name": "f", "type": kind, "stream": stream, "attributes": attributes});
            server.add("p", &toxic);
            thread::sleep(Duration::from_millis(20));
            server.remove("p", "f");
        }
    }
    writing.join().unwrap();
    let (all, end) = reading.join().unwrap();
    assert_eq!((all.len(), end), (total, Ok(())));
    assert!(all.iter().enumerate().all(|(at, found)| *found == byte(at)));
}

#[test]
fn latency_delays_and_removal_hands_on_at_once() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut client = connect(address);
    echo(&mut client, b"warm");
    for stream in ["upstream", "downstream"] {
        let toxic = json!({"type": "latency", "stream": stream, "attributes": {"latency": 100}});
        server.add("p", &toxic);
    }
    let took = echo(&mut client, b"hello").as_millis();
    assert!((200..1000).contains(&took), "{took} ms");
    assert_eq!(server.hits("p", "latency_upstream")["bytes"], 5);
    // What waits now would come in a minute.
    let change = json!({"attributes": {"latency": 60_000}});
    server.tell("POST", "/proxies/p/toxics/latency_downstream", &change);
    client.write_all(b"waits").unwrap();
    until("it waits downstream", || server.hits("p", "latency_upstream")["bytes"] == 10);
    let start = now();
    server.remove("p", "latency_downstream");
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"waits");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn latency_does_not_throttle() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Count));
    let toxic = json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 100}});
    server.add("p", &toxic);
    let mut client = connect(address);
    let start = now();
    client.write_all(&vec![0; 20 << 20]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client).0, b"20971520");
    let took = start.elapsed();
    // One delay, not one for each of 320 chunks.
    assert!(took >= Duration::from_millis(100) && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn bandwidth_is_what_was_asked_for() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Count));
    let toxic = json!({"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 10_000}});
    server.add("p", &toxic);
    let mut client = connect(address);
    let start = now();
    client.write_all(&vec![0; 5_000_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client).0, b"5000000");
    // 5 MB at 10 MB/s are 500 ms.
    let took = start.elapsed().as_millis();
    assert!((495..1500).contains(&took), "{took} ms");
}

#[test]
fn slow_close_holds_the_end_back() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Count));
    let toxic = json!({"type": "slow_close", "stream": "upstream", "attributes": {"delay": 200}});
    server.add("p", &toxic);
    let mut client = connect(address);
    client.write_all(b"abc").unwrap();
    let start = now();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), (b"3".to_vec(), Ok(())));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(server.hits("p", "slow_close_upstream")["connections"], 1);
}

#[test]
fn timeout_swallows_then_closes() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let toxic = json!({"type": "timeout", "stream": "upstream", "attributes": {"timeout": 200}});
    server.add("p", &toxic);
    let start = now();
    let mut client = connect(address);
    client.write_all(b"abc").unwrap();
    assert_eq!(read_to_end(&mut client), (vec![], Ok(())));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(server.hits("p", "timeout_upstream")["bytes"], 3);
}

#[test]
fn timeout_without_a_time_closes_when_removed() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut client = connect(address);
    echo(&mut client, b"before");
    server.add("p", &json!({"type": "timeout", "attributes": {"timeout": 0}}));
    client.write_all(b"abc").unwrap();
    until("bytes were swallowed", || server.hits("p", "timeout_downstream")["bytes"] == 3);
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let silent = client.read(&mut [0; 8]).unwrap_err().kind();
    assert!(matches!(silent, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    server.remove("p", "timeout_downstream");
    client.set_read_timeout(Some(support::PATIENCE)).unwrap();
    assert_eq!(read_to_end(&mut client), (vec![], Ok(())));
    echo(&mut connect(address), b"after");
}

#[test]
fn reset_peer_resets_also_what_was_open_before() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut old = connect(address);
    echo(&mut old, b"before");
    let toxic = json!({"type": "reset_peer", "stream": "upstream", "attributes": {"timeout": 100}});
    server.add("p", &toxic);
    for client in [&mut old, &mut connect(address)] {
        let start = now();
        client.write_all(b"x").unwrap();
        assert_eq!(read_to_end(client), (vec![], Err(ErrorKind::ConnectionReset)));
        assert!(start.elapsed() >= Duration::from_millis(100));
    }
    assert_eq!(server.hits("p", "reset_peer_upstream")["connections"], 2);
}

#[test]
fn a_reset_by_the_upstream_reaches_the_client() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Reset));
    let mut client = connect(address);
    client.write_all(b"x").unwrap();
    assert_eq!(read_to_end(&mut client), (vec![], Err(ErrorKind::ConnectionReset)));
}

#[test]
fn slicer_slices() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let attributes = json!({"average_size": 10, "size_variation": 0, "delay": 20_000});
    server.add("p", &json!({"type": "slicer", "attributes": attributes}));
    let mut client = connect(address);
    let start = now();
    client.write_all(&[1; 40]).unwrap();
    let mut first = [0; 40];
    let len = client.read(&mut first).unwrap();
    assert!(len < 40, "{len} bytes at once");
    client.read_exact(&mut first[len..]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[test]
fn limit_data_closes_after_the_last_byte() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Flood));
    server.add("p", &json!({"type": "limit_data", "attributes": {"bytes": 1_000_001}}));
    let (all, end) = read_to_end(&mut connect(address));
    assert_eq!((all.len(), end), (1_000_001, Ok(())));
}

#[test]
fn refuse_refuses_and_keeps_what_is_open() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut open = connect(address);
    echo(&mut open, b"before");
    server.add("p", &json!({"name": "r", "type": "refuse"}));
    let refused = TcpStream::connect(address).unwrap_err().kind();
    assert_eq!(refused, ErrorKind::ConnectionRefused);
    echo(&mut open, b"goes on");
    server.tell("POST", "/proxies/p/toxics/r", &json!({"toxicity": 0}));
    echo(&mut connect(address), b"paused");
    server.tell("POST", "/proxies/p/toxics/r", &json!({"toxicity": 1}));
    assert!(TcpStream::connect(address).is_err());
    server.tell("POST", "/reset", &json!(null));
    echo(&mut connect(address), b"after");
    let toxic = r#"{"type": "refuse", "toxicity": 0.5}"#;
    assert_eq!(server.ask("POST", "/proxies/p/toxics", toxic).0, 400);
}

#[test]
fn silence_accepts_and_goes_on_when_removed() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut old = connect(address);
    echo(&mut old, b"before");
    server.add("p", &json!({"name": "s", "type": "silence"}));
    let mut new = connect(address);
    for client in [&mut old, &mut new] {
        client.write_all(b"hello").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(client.read(&mut [0; 8]).is_err());
        client.set_read_timeout(Some(support::PATIENCE)).unwrap();
    }
    server.remove("p", "s");
    for client in [&mut old, &mut new] {
        let mut back = [0; 5];
        client.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello");
    }
}

#[test]
fn disabling_closes_everything() {
    let server = Server::start(1);
    let address = server.proxy("p", upstream(Peer::Echo));
    let mut client = connect(address);
    echo(&mut client, b"before");
    server.tell("POST", "/proxies/p", &json!({"enabled": false}));
    assert_eq!(read_to_end(&mut client), (vec![], Ok(())));
    assert!(TcpStream::connect(address).is_err());
    server.tell("PATCH", "/proxies/p", &json!({"enabled": true}));
    echo(&mut connect(address), b"after");
}

#[test]
fn one_seed_decides_alike() {
    let who = |seed| {
        let server = Server::start(seed);
        let address = server.proxy("p", upstream(Peer::Echo));
        let toxic = json!({"type": "reset_peer", "stream": "upstream", "toxicity": 0.5});
        server.add("p", &toxic);
        let hit = |_| {
            let mut client = connect(address);
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0; 1]).is_err()
        };
        (0..40).map(hit).collect::<Vec<bool>>()
    };
    let first = who(7);
    assert_eq!(first, who(7));
    assert_ne!(first, who(8));
    let share = first.iter().filter(|hit| **hit).count();
    assert!((8..=32).contains(&share), "{share} of 40");
}
