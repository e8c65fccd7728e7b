//! `wonin rehearse …`: makes the failure happen on purpose.

mod injector;
mod kafka;
mod recover;
mod rollout;
mod run;
mod timeouts;

use std::process::ExitCode;

use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::output;
use crate::signals::interrupted;
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
    Kafka(Box<kafka::Args>),
    #[command(hide = true)]
    Watchdog(recover::WatchdogArgs),
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    match &args.what {
        Some(What::Rollout(args)) => rollout::run(args, terminal),
        Some(What::Run(args)) => run::run(args, terminal),
        Some(What::Kafka(args)) => kafka::run(args, terminal),
        Some(What::Watchdog(args)) => recover::watchdog(args),
        None => recover::run(&args.recover),
    }
}

/// Stopped by a person, as the verdict `aborted`.
const EXIT_ABORTED: i32 = 4;

/// Does the work; Ctrl-C asks it to end early and to heal, a second one leaves the healing to the
/// watchdog.
async fn watched_until_interrupted<T>(
    work: impl Future<Output = T>,
    stop: &CancellationToken,
) -> Result<T, Failure> {
    let signals =
        interrupted().map_err(|cause| Failure::new("cannot listen for signals").because(cause))?;
    let asked = stop.clone();
    let listening = tokio::spawn(async move {
        signals.await;
        output::tell(
            "stopping: what was broken is being healed (Ctrl-C again: do not wait for it)",
        );
        asked.cancel();
        // Where signals cannot be listened for any more, the first one is enough.
        let Ok(again) = interrupted() else { return };
        again.await;
        output::tell("ending at once; if anything stays broken: wonin rehearse --recover");
        std::process::exit(EXIT_ABORTED);
    });
    let done = work.await;
    listening.abort();
    Ok(done)
}
