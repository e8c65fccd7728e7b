//! How fast a log is read: `log_throughput FILE…` prints lines per second and peak memory.
//!
//! `log_throughput --made GIB` reads a made log of that size, which never is in memory as a whole.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use wonin_read::{Files, read};

struct Given {
    paths: Vec<String>,
    /// Bytes of the made log.
    made: Option<u64>,
}

/// The same lines again and again.
struct Again {
    block: Vec<u8>,
    at: usize,
}

impl Read for Again {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.block[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.block.len();
        Ok(count)
    }
}

impl Files for Given {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn load(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send>, String> {
        match self.made {
            Some(bytes) => Ok(Box::new(Again { block: made(100_000), at: 0 }.take(bytes))),
            None => Ok(Box::new(File::open(path).map_err(|error| error.to_string())?)),
        }
    }
}

/// Lines of a program that works and now and then fails.
fn made(lines: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..lines {
        let (second, ms) = (number / 1000 % 86_400, number % 1000);
        let time = format!(
            "2024-06-01T{:02}:{:02}:{:02}.{ms:03}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        let text = match number % 50 {
            7 => format!(
                "ERROR 1 --- [shop] [nio-8080-exec-{}] c.e.OrderController : Sending failed\norg.springframework.kafka.KafkaException: Send failed\n\tat c.e.OrderController.send(OrderController.java:31)\nCaused by: org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.",
                number % 9
            ),
            8..20 => format!(
                " WARN 1 --- [shop] [worker-{}] c.e.Stock : Stock of item {number} is low: {} left",
                number % 7,
                number % 13
            ),
            _ => format!(
                " INFO 1 --- [shop] [nio-8080-exec-{}] c.e.OrderController : Order {number} of customer {} accepted in {} ms",
                number % 9,
                number * 7919 % 100_003,
                number % 97
            ),
        };
        out.extend_from_slice(time.as_bytes());
        out.push(b' ');
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
    out
}

fn peak_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: unknown");
    line.trim_start_matches("VmHWM:").trim().to_owned()
}

fn main() {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let files = match paths.as_slice() {
        [flag, gib] if flag == "--made" => {
            let bytes = (gib.parse::<f64>().unwrap_or(1.0) * f64::from(1 << 30)) as u64;
            Given { paths: vec!["made.log".to_owned()], made: Some(bytes) }
        }
        _ => Given { paths, made: None },
    };
    let start = Instant::now();
    let evidence = read(&files);
    let seconds = start.elapsed().as_secs_f64();
    let lines: u64 = evidence.logs.iter().map(|log| log.lines).sum();
    for log in &evidence.logs {
        println!(
            "{}: {} lines, {} events, {} errors, {} templates",
            log.format,
            log.lines,
            log.events,
            log.errors,
            log.templates.len()
        );
    }
    for signal in &evidence.signals {
        println!("{} {}", signal.count, signal.name);
    }
    println!(
        "{:.0} lines/s, {lines} lines in {seconds:.2} s, peak {}",
        lines as f64 / seconds,
        peak_kib()
    );
}
