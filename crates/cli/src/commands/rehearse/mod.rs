//! `wonin rehearse …`: makes the failure happen on purpose.

mod explained;
mod injector;
mod kafka;
mod recover;
mod rollout;
mod run;
mod timeouts;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use clap::Subcommand;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use wonin_model::rehearsal::{Rehearsal, Verdict};
use wonin_rehearse::run::CannotRun;
use wonin_report::rehearsal::{RehearsalView, json, junit, text};
use wonin_text::Sources;

use crate::failure::Failure;
use crate::output::{self, Format, Target};
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

/// Where the verdict of a rehearsal goes.
fn targets(given: &[Target]) -> Result<Vec<Target>, Failure> {
    let allowed = [Format::Text, Format::Json, Format::Junit];
    output::targets_among(given, &allowed, "a rehearsal")
}

/// What workloads and faults run on.
fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|cause| Failure::new("cannot start threads").because(cause))
}

/// Writes what happened and chooses the exit code.
fn show(
    targets: &[Target],
    terminal: Terminal,
    rehearsal: &Rehearsal,
    sources: &Sources,
) -> Result<ExitCode, Failure> {
    let view = RehearsalView::new(rehearsal, sources);
    output::write_with(targets, terminal, |format, layout| match format {
        Format::Json => json::render(&view),
        Format::Junit => junit::render(&view),
        _ => text::render(&view, layout),
    })?;
    Ok(ExitCode::from(exit_code(rehearsal)))
}

fn exit_code(rehearsal: &Rehearsal) -> u8 {
    match rehearsal.verdict {
        Verdict::Held => 0,
        Verdict::Broke => 1,
        Verdict::Invalid => 3,
        Verdict::Aborted => 4,
    }
}

/// Unlike any other run of this machine.
fn run_id() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:08x}", hasher.finish() as u32)
}

fn cannot_run(error: CannotRun) -> Failure {
    let failure = Failure::new(error.what);
    match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Shows what will be broken, and asks.
fn confirm(shown: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new("nobody is here to confirm what will be broken")
            .hint("see it with `--dry-run`, then start it with `--yes`"));
    }
    output::tell(shown);
    output::tell("Break these now? [y/N]");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|cause| Failure::new("cannot read the answer").because(cause))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("not confirmed: nothing was started or broken")),
    }
}

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
