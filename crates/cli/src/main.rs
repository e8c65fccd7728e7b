//! The `wonin` command: arguments, progress, exit codes. What is known about failing lives in the
//! other crates; this one reads disks and writes answers.

mod baseline;
mod commands;
mod config;
mod disk;
mod failure;
mod fix;
mod git;
mod output;
mod progress;
mod signals;
mod terminal;
mod walk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{diagnose, explain, modes, proxy, rehearse};
use terminal::Colour;

/// Finds why a service fails.
#[derive(Debug, Parser)]
#[command(name = "wonin", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colours; `auto` follows the terminal, `NO_COLOR` and `CLICOLOR_FORCE`.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Colour,

    /// Columns to lay text out for [default: the terminal's, else 100]
    #[arg(long, global = true, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Diagnose(diagnose::Args),
    Rehearse(rehearse::Args),
    Proxy(proxy::Args),
    Modes(modes::Args),
    Explain(explain::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = terminal::Terminal::new(cli.color, cli.width);
    let outcome = match cli.command {
        Command::Diagnose(args) => diagnose::run(&args, terminal),
        Command::Rehearse(args) => rehearse::run(&args, terminal),
        Command::Proxy(args) => proxy::run(&args),
        Command::Modes(args) => modes::run(&args, terminal),
        Command::Explain(args) => explain::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}
