//! How fast logs are read: `log_throughput [FILE…]` reads every made log, and each file again and
//! again, and prints lines per second of one core and peak memory of each.
//!
//! `--lines N` says how many lines of each (2 million), `--only NAME` takes one log alone,
//! `--gib GIB` reads so many GiB of each, which never are in memory as a whole. Templates alone
//! are found by other programs, too; those that `cargo xtask bench --peers` has installed below
//! `.cache/peers` get a part of the same lines, and the ratio is printed.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

mod inputs;
mod peers;

use std::io::{self, Read};
use std::process::Command;
use std::time::Instant;

use inputs::{Again, MADE};
use wonin_read::{Files, read};

/// One log: some bytes again and again, so many of them in all.
struct Given {
    paths: Vec<String>,
    block: Vec<u8>,
    bytes: u64,
}

impl Files for Given {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn load(&self, _: &str) -> Result<String, String> {
        Err("a log is streamed".to_owned())
    }

    fn open(&self, _: &str) -> Result<Box<dyn Read + Send>, String> {
        Ok(Box::new(Again { block: self.block.clone(), at: 0 }.take(self.bytes)))
    }
}

/// What the arguments say.
#[derive(Default)]
struct Wanted {
    lines: Option<u64>,
    gib: Option<f64>,
    only: Option<String>,
    files: Vec<String>,
    /// Measure in this process: one log alone has the memory for itself.
    is_child: bool,
}

impl Wanted {
    fn new(mut args: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self::default();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--lines" => wanted.lines = args.next().and_then(|lines| lines.parse().ok()),
                "--gib" => wanted.gib = args.next().and_then(|gib| gib.parse().ok()),
                "--only" => wanted.only = args.next(),
                "--child" => wanted.is_child = true,
                _ => wanted.files.push(arg),
            }
        }
        wanted
    }

    fn names(&self) -> Vec<&str> {
        let made = MADE.iter().map(|made| made.name).filter(|_| self.files.is_empty());
        let all = made.chain(self.files.iter().map(String::as_str));
        all.filter(|name| self.only.as_ref().is_none_or(|only| only == name)).collect()
    }
}

/// The first block of a made log, or a file.
fn block(name: &str) -> io::Result<Vec<u8>> {
    match MADE.iter().find(|made| made.name == name) {
        Some(made) => Ok(made.block()),
        None => {
            let mut block = std::fs::read(name)?;
            if !block.ends_with(b"\n") {
                block.push(b'\n');
            }
            Ok(block)
        }
    }
}

fn lines_in(block: &[u8]) -> u64 {
    block.split(|byte| *byte == b'\n').count() as u64 - 1
}

/// A count of ticks from what the kernel says of this process, in seconds.
fn stat_seconds(field: usize) -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().nth(field).and_then(|ticks| ticks.parse().ok());
    ticks.unwrap_or(0.0) / 100.0
}

/// Seconds that this process computed on all cores, without the kernel's.
fn user_seconds() -> f64 {
    stat_seconds(11)
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = peak.and_then(|kib| kib.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// Reads one log and prints its row.
fn measure(wanted: &Wanted, name: &str) -> io::Result<()> {
    let block = block(name)?;
    let bytes = match wanted.gib {
        Some(gib) => (gib * f64::from(1 << 30)) as u64,
        None => {
            let times = wanted.lines.unwrap_or(2_000_000) / lines_in(&block).max(1);
            times.max(1) * block.len() as u64
        }
    };
    let files = Given { paths: vec!["bench.log".to_owned()], block, bytes };
    let (start, user) = (Instant::now(), user_seconds());
    let evidence = read(&files);
    let (wall, user) = (start.elapsed().as_secs_f64(), user_seconds() - user);
    let sum = |of: fn(&wonin_model::Log) -> u64| evidence.logs.iter().map(of).sum::<u64>();
    let lines = sum(|log| log.lines);
    println!(
        "| {} | {:.0} | {lines} | {wall:.1} s | {} | {} | {} | {:.0} MiB |",
        name.rsplit('/').next().unwrap_or(name),
        lines as f64 / user,
        sum(|log| log.events),
        sum(|log| log.templates.len() as u64),
        evidence.signals.iter().map(|signal| signal.count).sum::<u64>(),
        peak_mib()
    );
    Ok(())
}

/// A log and how fast it was read.
struct Measured {
    log: String,
    lines_per_second: f64,
}

fn main() -> io::Result<()> {
    let wanted = Wanted::new(std::env::args().skip(1));
    if wanted.is_child {
        return wanted.names().into_iter().try_for_each(|name| measure(&wanted, name));
    }
    println!("| log | lines/s of a core | lines | wall | events | templates | signals | peak |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut measured = Vec::new();
    for name in wanted.names() {
        let mut child = Command::new(std::env::current_exe()?);
        child.args(std::env::args().skip(1)).args(["--child", "--only", name]);
        let row = String::from_utf8_lossy(&child.output()?.stdout).into_owned();
        print!("{row}");
        let rate = row.split('|').nth(2).and_then(|rate| rate.trim().parse().ok());
        measured.extend(
            rate.map(|lines_per_second| Measured { log: name.to_owned(), lines_per_second }),
        );
    }
    peers::compare(&measured)
}
