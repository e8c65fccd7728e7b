//! `wonin rehearse run SCENARIO.toml`: breaks real things on a timeline and says what held.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use wonin_model::rehearsal::{Plan, Rehearsal};
use wonin_model::secret::Masker;
use wonin_rehearse::run::{CannotRun, RunOptions, Status, Traces, plan, rehearse};
use wonin_rehearse::scenario::{KnownTimeout, Problem, Scenario};
use wonin_report::rehearsal::{PlanView, plan as plan_text};
use wonin_text::{SourceFile, Sources};

use super::explained::{Stack, explain};
use super::injector::InjectorArgs;
use super::{
    cannot_run, confirm, run_id, runtime, show, targets, timeouts, watched_until_interrupted,
};
use crate::failure::Failure;
use crate::output::{self, Target};
use crate::progress::watched;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  wonin rehearse run slow-database.toml --dry-run       what would be broken, and when
  wonin rehearse run slow-database.toml                 asks, breaks it, heals it, gives a verdict
  wonin rehearse run slow-database.toml --yes --format text --format json=rehearsal.json

A scenario:
  [scenario]
  name = \"slow database\"               # stack = \"DIR\": its findings beside what happens

  [[proxy]]                              # clients use ${proxy.db} instead of the database
  name = \"db\"
  upstream = \"127.0.0.1:5432\"

  [[workload]]                           # or kind = \"command\", kind = \"kafka\"
  name = \"shop\"
  kind = \"http\"
  url = \"http://127.0.0.1:8080/orders\"
  rate = 20

  [[fault]]                              # or kind = \"kafka\", \"process\", \"container\"
  name = \"slow\"
  kind = \"tcp\"
  proxy = \"db\"
  at = \"5s\"
  for = \"10s\"
  type = \"latency\"
  attributes = { latency = 3000 }

  [[expect]]                             # phase = [\"before\", \"during\", \"after\"]
  name = \"orders work\"
  success_at_least = \"99%\"

  [abort]
  success_below = 0.1
  for = \"5s\"

All tables and keys: docs/scenarios/README.md of the source.

Whatever happens, what was broken is healed: at the end, at an abort condition, at Ctrl-C.

Exit codes:
  0  held: every expectation held
  1  broke: an expectation did not hold
  2  could not run
  3  invalid: a fault hit nothing, a client went around the proxy, no steady state to begin with
  4  aborted: by a condition, or by Ctrl-C";

/// Run a scenario: a workload, real faults on a timeline, expectations; and a verdict
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The scenario; `-` is standard input
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,

    /// Show what would be started and broken, and when; do nothing
    #[arg(long, conflicts_with = "formats")]
    dry_run: bool,

    /// Do not ask before breaking anything; needed where there is no terminal
    #[arg(long)]
    yes: bool,

    /// Instead of the scenario's seed, which fixes every random decision
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Allow addresses that are not on this machine
    #[arg(long)]
    allow_remote: bool,

    #[command(flatten)]
    injector: InjectorArgs,

    /// text, json or junit; with `=FILE` into a file; several may be given
    #[arg(long = "format", value_name = "FORMAT[=FILE]")]
    formats: Vec<Target>,
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    let targets = targets(&args.formats)?;
    let (path, text) = read(&args.scenario)?;
    let (scenario, stack) = understand(args, &path, &text)?;
    let mut sources = Sources::default();
    sources.add(SourceFile::new(&path, text));
    let options = RunOptions {
        seed: args.seed,
        allow_remote: args.allow_remote,
        injector: args.injector.options()?,
        run_id: run_id(),
    };
    let runtime = runtime()?;
    let masker = Masker::new(&sources);
    let hidden = |error: CannotRun| cannot_run(error.map(|text| masker.text(text).into_owned()));
    let planned = runtime.block_on(plan(&scenario, &options)).map_err(hidden)?;
    let shown = PlanView::new(&planned, &sources);
    if args.dry_run {
        output::print(&plan_text::render(&shown, terminal.layout()))?;
        return refuse_impossible(&planned, &masker).map(|()| ExitCode::SUCCESS);
    }
    refuse_impossible(&planned, &masker)?;
    if !args.yes {
        confirm(&plan_text::render(&shown, terminal.layout_of_file()))?;
    }
    let status = Status::default();
    let (mut rehearsal, traces) = watched(
        terminal,
        || status.text(),
        || runtime.block_on(run_watched(&scenario, &options, &status)),
    )?
    .map_err(hidden)?;
    explain(&mut rehearsal, &traces, stack.as_ref());
    show(&targets, terminal, &rehearsal, &sources)
}

/// The path to show, and the text.
fn read(path: &Path) -> Result<(String, String), Failure> {
    let (shown, text) = if path == Path::new("-") {
        ("stdin".to_owned(), io::read_to_string(io::stdin()))
    } else {
        (path.display().to_string(), fs::read_to_string(path))
    };
    let text =
        text.map_err(|cause| Failure::new(format!("cannot read `{shown}`")).because(cause))?;
    Ok((shown, text))
}

/// The scenario; where it names the stack that it rehearses, held against the stack's timeouts.
fn understand(args: &Args, path: &str, text: &str) -> Result<(Scenario, Option<Stack>), Failure> {
    let parse = |timeouts: &[KnownTimeout]| {
        Scenario::parse(path, text, timeouts).map_err(|problems| wrong(&problems))
    };
    let scenario = parse(&[])?;
    let Some(stack) = &scenario.stack else { return Ok((scenario, None)) };
    let beside = args.scenario.parent().unwrap_or(Path::new(""));
    let stack = Stack::read(path, beside, stack)?;
    Ok((parse(&timeouts::of(&stack.evidence))?, Some(stack)))
}

/// All that is wrong with a scenario; the last one is told by whoever gets it.
fn wrong(problems: &[Problem]) -> Failure {
    let failure = |problem: &Problem| {
        let failure = Failure::new(problem.to_string());
        match &problem.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    };
    match problems.split_last() {
        Some((last, rest)) => {
            for problem in rest {
                failure(problem).print();
            }
            failure(last)
        }
        None => Failure::new("the scenario cannot be understood"),
    }
}

/// What cannot be done is told before anything is done.
fn refuse_impossible(planned: &Plan, masker: &Masker) -> Result<(), Failure> {
    let failure = |why: &String| {
        let failure = Failure::new(masker.text(why));
        // The engine's words for what is somebody else's.
        if why.contains("must be allowed explicitly") {
            return failure.hint("`--allow-foreign` allows it");
        }
        if why.contains("there is no Docker Engine at") {
            return failure.hint("start it, or say where it listens: `--docker-socket SOCKET`");
        }
        failure
    };
    match planned.not_possible.split_last() {
        None => Ok(()),
        Some((last, rest)) => {
            for why in rest {
                failure(why).print();
            }
            Err(failure(last))
        }
    }
}

/// Runs it; Ctrl-C ends it early and heals.
async fn run_watched(
    scenario: &Scenario,
    options: &RunOptions,
    status: &Status,
) -> Result<Result<(Rehearsal, Vec<Traces>), CannotRun>, Failure> {
    let stop = CancellationToken::new();
    let work = rehearse(scenario, options, status, &stop);
    watched_until_interrupted(work, &stop).await
}
