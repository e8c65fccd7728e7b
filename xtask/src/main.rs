//! `cargo xtask`: the chores by name.
#![allow(clippy::print_stderr, reason = "a chore tells what it does")]

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  docs            write docs/modes and the console blocks of README.md
  bench           print run times and memory, beside other tools where they are installed
  bench --peers   install those tools below .cache first
  bench --logs    print how fast logs are read, beside others where they are installed
  bench --proxy   print what the fault proxy costs, beside others where they are installed";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        ["docs"] => xtask::docs::write(),
        ["bench"] => xtask::bench::run(false),
        ["bench", "--peers"] => xtask::bench::run(true),
        ["bench", "--logs"] => xtask::bench::logs(),
        ["bench", "--proxy"] => xtask::bench::proxy(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
