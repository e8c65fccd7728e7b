//! What standing between a Kafka client and its broker costs: direct, and through this proxy.
//!
//! `cargo run --release -p wonin-fault --example bench_kafka [ROUNDS]`. The broker is played by a
//! thread that answers as soon as it has read: figures are those of the way, not of a real broker.
//! The proxy is in this process, without faults.
#![allow(clippy::print_stdout, reason = "a bench prints figures")]
#![allow(clippy::disallowed_methods, reason = "a bench measures")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use wonin_fault::kafka::{KafkaOptions, KafkaProxy};

/// How long each measurement takes.
const TIME: Duration = Duration::from_millis(500);
const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const FETCH: i16 = 1;
const HEARTBEAT: i16 = 12;

fn main() {
    let rounds = std::env::args().nth(1).map_or(15, |rounds| rounds.parse().unwrap());
    let broker = broker();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = KafkaOptions { bootstrap: vec![broker.to_string()], ..KafkaOptions::default() };
    let proxy = runtime.block_on(KafkaProxy::start(options)).unwrap();
    let ways = [("direct", broker), ("wonin", proxy.brokers()[0].listen)];
    for (what, unit, measure) in [
        ("produce of 1 MiB, 1 connection", "MB/s", (|at| bulk(at, false)) as fn(SocketAddr) -> f64),
        ("fetch of 1 MiB, 1 connection", "MB/s", |at| bulk(at, true)),
        ("heartbeat, p50", "us", |at| echo(at).0),
        ("heartbeat, p99", "us", |at| echo(at).1),
    ] {
        let mut figures = ways.map(|_| Vec::new());
        for _ in 0..rounds {
            for ((_, at), figures) in ways.iter().zip(&mut figures) {
                figures.push(measure(*at));
            }
        }
        let told = ways.iter().zip(&mut figures).map(|((name, _), figures)| {
            figures.sort_by(f64::total_cmp);
            format!("{name} {:.0} {unit}", figures[figures.len() / 2])
        });
        println!("{what}: {}", told.collect::<Vec<_>>().join(", "));
    }
}

/// A request without anything but its size and a first number, which asks for an answer of so many
/// bytes.
fn request(api: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&api.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&correlation.to_be_bytes());
    // No client id, no tagged fields.
    frame.extend_from_slice(&[0xff, 0xff, 0]);
    frame.extend_from_slice(body);
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Reads a frame into the buffer; its length without the prefix.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).ok()?;
    let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap();
    buffer.resize(buffer.len().max(length), 0);
    stream.read_exact(&mut buffer[..length]).ok()?;
    Some(length)
}

/// A fetch of version 12 whose answer is one batch of 1 MiB; megabytes of the answers, or of produce
/// requests, each second.
fn bulk(at: SocketAddr, is_fetch: bool) -> f64 {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    let (start, mut bytes) = (Instant::now(), 0);
    for correlation in 1.. {
        let sent = if is_fetch { fetch(correlation) } else { produce(correlation) };
        stream.write_all(&sent).unwrap();
        let got = read(&mut stream, &mut buffer).unwrap();
        bytes += sent.len().max(got);
        if start.elapsed() >= TIME {
            break;
        }
    }
    bytes as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn produce(correlation: i32) -> Vec<u8> {
    // No transactional id, acks -1, timeout, one topic `t` with partition 0 and 1 MiB of records.
    let mut body = vec![0, 0xff, 0xff, 0, 0, 0x75, 0x30, 2, 2, b't', 2, 0, 0, 0, 0];
    body.extend_from_slice(&[0x81, 0x80, 0x40]);
    body.resize(body.len() + (1 << 20), 7);
    body.extend_from_slice(&[0, 0, 0]);
    request(0, 9, correlation, &body)
}

fn fetch(correlation: i32) -> Vec<u8> {
    use kafka_protocol::messages::FetchRequest;
    use kafka_protocol::protocol::Encodable as _;

    let mut body = Vec::new();
    FetchRequest::default().encode(&mut body, 17).unwrap();
    request(FETCH, 17, correlation, &body)
}

/// Microseconds of a small request: half of them and all but a hundredth are faster.
fn echo(at: SocketAddr) -> (f64, f64) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    let mut took = Vec::new();
    let start = Instant::now();
    for correlation in 1.. {
        let sent = Instant::now();
        stream.write_all(&request(HEARTBEAT, 4, correlation, &[0; 40])).unwrap();
        read(&mut stream, &mut buffer).unwrap();
        took.push(sent.elapsed().as_secs_f64() * 1e6);
        if start.elapsed() >= TIME {
            break;
        }
    }
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

/// A broker that answers what is asked here.
fn broker() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fetched = fetched();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let fetched = fetched.clone();
            thread::spawn(move || serve(stream.unwrap(), address, &fetched));
        }
    });
    address
}

/// The body of an answer with 1 MiB of records.
fn fetched() -> Vec<u8> {
    use kafka_protocol::messages::FetchResponse;
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::protocol::Encodable as _;

    let partition = PartitionData::default().with_records(Some(vec![7; 1 << 20].into()));
    let topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
    let mut body = vec![0];
    FetchResponse::default().with_responses(vec![topic]).encode(&mut body, 17).unwrap();
    body
}

fn serve(mut stream: TcpStream, address: SocketAddr, fetched: &[u8]) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some(_length) = read(&mut stream, &mut buffer) {
        let api = i16::from_be_bytes([buffer[0], buffer[1]]);
        let body = match api {
            FETCH => fetched.to_vec(),
            METADATA => metadata(address),
            // Version 0: no error, no APIs.
            API_VERSIONS => vec![0; 6],
            _ => vec![0; 16],
        };
        let mut answer = u32::try_from(4 + body.len()).unwrap().to_be_bytes().to_vec();
        answer.extend_from_slice(&buffer[4..8]);
        answer.extend_from_slice(&body);
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Version 1: this broker alone.
fn metadata(address: SocketAddr) -> Vec<u8> {
    let host = address.ip().to_string();
    let mut body = vec![0, 0, 0, 1, 0, 0, 0, 1];
    body.extend_from_slice(&u16::try_from(host.len()).unwrap().to_be_bytes());
    body.extend_from_slice(host.as_bytes());
    body.extend_from_slice(&u32::from(address.port()).to_be_bytes());
    body.extend_from_slice(&[0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]);
    body
}
