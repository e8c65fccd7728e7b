//! A proxy in this process, steered over its API as from outside.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;
use wonin_fault::{Engine, Options, api};

/// Longer than anything takes, shorter than a person's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy; ends when dropped.
pub(crate) struct Server {
    pub(crate) api: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(seed: u64) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options =
                    Options { seed, workers: 2, max_connections: 5000, allow_remote: false };
                let engine = Arc::new(Engine::start(options).unwrap());
                let control =
                    api::Control { engine: Arc::clone(&engine), kafka: None, with_metrics: true };
                let listener = api::bind("127.0.0.1:0", false).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = api::serve(control, listener) => {}
                    _ = stopped => {}
                }
                engine.stop().await;
            });
        });
        Self { api: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.api).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A request that must succeed.
    pub(crate) fn tell(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, text) = self.ask(method, path, &body.to_string());
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// A proxy before the upstream, and its address.
    pub(crate) fn proxy(&self, name: &str, upstream: SocketAddr) -> SocketAddr {
        let body = serde_json::json!({
            "name": name, "listen": "127.0.0.1:0", "upstream": upstream.to_string(),
        });
        let made = self.tell("POST", "/proxies", &body);
        made["listen"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn add(&self, proxy: &str, toxic: &Value) {
        self.tell("POST", &format!("/proxies/{proxy}/toxics"), toxic);
    }

    pub(crate) fn remove(&self, proxy: &str, toxic: &str) {
        self.tell("DELETE", &format!("/proxies/{proxy}/toxics/{toxic}"), &Value::Null);
    }

    /// The counters of one fault.
    pub(crate) fn hits(&self, proxy: &str, toxic: &str) -> Value {
        let all = self.tell("GET", "/hits", &Value::Null);
        let proxies = all["proxies"].as_array().unwrap();
        let proxy = proxies.iter().find(|of| of["name"] == proxy).unwrap();
        let faults = proxy["faults"].as_array().unwrap();
        faults.iter().find(|of| of["name"] == toxic).unwrap().clone()
    }

    pub(crate) fn open(&self, proxy: &str) -> u64 {
        let all = self.tell("GET", "/hits", &Value::Null);
        let proxies = all["proxies"].as_array().unwrap();
        let proxy = proxies.iter().find(|of| of["name"] == proxy).unwrap();
        proxy["connections"]["open"].as_u64().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is gone has nothing to stop.
        _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What a server does with its client.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    /// Sends back what it gets, and the end too.
    Echo,
    /// Reads to the end, then sends its length as text.
    Count,
    /// Accepts and never reads.
    Dead,
    /// Sends without end.
    Flood,
    /// Resets after the first byte.
    Reset,
}

/// A server on an address of its own. Its threads end with their clients.
pub(crate) fn upstream(peer: Peer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for client in listener.incoming() {
            let client = client.unwrap();
            client.set_nodelay(true).unwrap();
            match peer {
                Peer::Dead => kept.push(client),
                _ => _ = thread::spawn(move || behave(peer, client)),
            }
        }
    });
    address
}

fn behave(peer: Peer, mut client: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    match peer {
        Peer::Echo => {
            while let Ok(len @ 1..) = client.read(&mut buffer) {
                if client.write_all(&buffer[..len]).is_err() {
                    return;
                }
            }
        }
        Peer::Count => {
            let mut count = 0;
            while let Ok(len @ 1..) = client.read(&mut buffer) {
                count += len;
            }
            _ = client.write_all(count.to_string().as_bytes());
        }
        Peer::Flood => while client.write_all(&buffer).is_ok() {},
        Peer::Reset => {
            // Closing with bytes unread resets.
            _ = client.peek(&mut buffer);
        }
        Peer::Dead => {}
    }
}

/// A client that gives up instead of hanging.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads as many; how long that took.
pub(crate) fn echo(stream: &mut TcpStream, bytes: &[u8]) -> Duration {
    let start = now();
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
    start.elapsed()
}

/// Reads until the end; the bytes, and how it ended.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut all = Vec::new();
    let outcome = stream.read_to_end(&mut all);
    (all, outcome.map(|_| ()).map_err(|error| error.kind()))
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of time measure it")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
