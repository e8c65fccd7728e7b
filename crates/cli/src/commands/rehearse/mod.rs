//! `wonin rehearse …`: makes the failure happen on purpose.

mod injector;
mod rollout;
mod run;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Make a failure happen on purpose, and see what comes of it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Rollout(rollout::Args),
    Run(run::Args),
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Rollout(args) => rollout::run(args, terminal),
        What::Run(args) => run::run(args, terminal),
    }
}
