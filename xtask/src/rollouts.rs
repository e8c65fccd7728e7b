//! Simulated rollouts per second, and the same model in SimPy.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Prints rollouts per second, the time of the incident's whole solution, and the ratio to SimPy
/// where `python` has it.
pub(crate) fn run(root: &Path, python: &Path) -> io::Result<()> {
    println!("\nrollouts on one thread, and on all:");
    let ours = example(root, "throughput")?;
    print!("{ours}");
    let solved = example(root, "incident")?;
    let solved = solved.lines().find(|line| line.starts_with("solved in")).unwrap_or("not solved");
    println!("the incident (2000 rollouts, blame, all proposals): {solved}");

    let script = root.join("xtask/src/peer.py");
    if !python.try_exists()? {
        println!("SimPy: not installed, `cargo xtask bench --peers` installs it");
        return Ok(());
    }
    let theirs = text(Command::new(python).arg(script))?;
    for line in theirs.lines() {
        let Some((name, rate, end)) = figures(line) else { continue };
        let Some((_, our_rate, our_end)) =
            ours.lines().filter_map(figures).find(|(other, ..)| *other == name)
        else {
            continue;
        };
        println!(
            "SimPy {name}: {rate:.0} rollouts/s, mean end {end} s (here {our_end} s): {:.0} times \
             as fast here",
            our_rate / rate
        );
    }
    Ok(())
}

/// `peer N=2 fails: 123 rollouts/s, mean end 114.9 s` as name, rate, mean end.
fn figures(line: &str) -> Option<(&str, f64, &str)> {
    let (name, rest) = line.strip_prefix("peer ")?.split_once(": ")?;
    let (rate, end) = rest.split_once(" rollouts/s, mean end ")?;
    Some((name, rate.parse().ok()?, end.trim_end_matches(" s")))
}

fn example(root: &Path, name: &str) -> io::Result<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--package", "wonin-rollout", "--example", name]);
    text(cargo.current_dir(root))
}

fn text(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?} failed")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
