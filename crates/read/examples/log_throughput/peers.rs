//! Programs that find templates in the same lines. That is a part of what a reader of logs does:
//! they read no times, join no lines to events and know no signals.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Measured, block, stat_seconds};

/// A program, where `cargo xtask bench --peers` puts it below `.cache/peers`.
struct Peer {
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    /// Lines that it gets: enough for a second or more of its time.
    lines: usize,
}

const PEERS: &[Peer] = &[
    Peer { name: "logdrain", program: "logdrain/bin/logdrain", args: &[], lines: 500_000 },
    Peer {
        name: "Drain3",
        program: "drain3/bin/python",
        args: &["-c", include_str!("drain3_peer.py")],
        lines: 20_000,
    },
];

/// Prints how much faster logs are read here.
pub(crate) fn compare(measured: &[Measured]) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/peers");
    println!(
        "\n| log | peer | its lines/s of a core, templates alone | ratio |\n|---|---|---|---|"
    );
    for ours in measured {
        for peer in PEERS {
            let program = root.join(peer.program);
            let Some(rate) = rate(peer, &program, &ours.log)? else {
                continue;
            };
            let ratio = ours.lines_per_second / rate;
            println!("| {} | {} | {rate:.0} | {ratio:.1} |", ours.log, peer.name);
        }
    }
    println!("\nMissing peers are installed by `cargo xtask bench --peers`.");
    Ok(())
}

/// Lines per second of a peer; `None` where it is not installed.
fn rate(peer: &Peer, program: &Path, log: &str) -> io::Result<Option<f64>> {
    if !program.try_exists()? {
        return Ok(None);
    }
    let lines = Lines::new(log, peer.lines)?;
    let before = children_seconds();
    let mut command = Command::new(program);
    command.args(peer.args).arg(&lines.path).stdout(Stdio::null()).stderr(Stdio::null());
    let is_done = command.status()?.success();
    let seconds = (children_seconds() - before).max(0.01);
    Ok(is_done.then(|| peer.lines as f64 / seconds))
}

/// Seconds that ended children computed.
fn children_seconds() -> f64 {
    stat_seconds(13)
}

/// A file of so many lines of a log, for as long as it is needed.
struct Lines {
    path: PathBuf,
}

impl Lines {
    fn new(log: &str, count: usize) -> io::Result<Self> {
        let block = block(log)?;
        let path = std::env::temp_dir().join(format!("log-throughput-{}", std::process::id()));
        let mut file = io::BufWriter::new(File::create(&path)?);
        let lines = block.split_inclusive(|byte| *byte == b'\n');
        for line in lines.cycle().take(count) {
            file.write_all(line)?;
        }
        file.flush()?;
        Ok(Self { path })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans up temporary files.
        std::fs::remove_file(&self.path).ok();
    }
}
