//! `wonin rehearse …`: makes the failure happen on purpose.

mod injector;
mod recover;
mod rollout;
mod run;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Make a failure happen on purpose, and see what comes of it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    recover: recover::Args,
}

#[derive(Debug, Subcommand)]
enum What {
    Rollout(rollout::Args),
    Run(run::Args),
    #[command(hide = true)]
    Watchdog(recover::WatchdogArgs),
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    match &args.what {
        Some(What::Rollout(args)) => rollout::run(args, terminal),
        Some(What::Run(args)) => run::run(args, terminal),
        Some(What::Watchdog(args)) => recover::watchdog(args),
        None => recover::run(&args.recover),
    }
}
