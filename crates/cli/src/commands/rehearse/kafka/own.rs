//! `--up` and `--prove`: clusters that are started for a rehearsal alone.

use std::process::ExitCode;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wonin_model::rehearsal::{Rehearsal, Step, Verdict};
use wonin_model::secret::Masker;
use wonin_rehearse::kafka::{
    Cluster as _, ComposeCluster, Deed, KafkaRehearsal, Layout, Node, Now, Proof, Repairable as _,
    prove, rehearse,
};
use wonin_rehearse::run::{CannotRun, RunOptions, Status};

use super::copy::{Copy, cannot};
use super::stack::Stack;
use super::{Args, build, check, minutes, words};
use crate::commands::rehearse::{cannot_run, show, watched_until_interrupted};
use crate::failure::Failure;
use crate::output::{self, Target};
use crate::progress::watched;
use crate::terminal::Terminal;

pub(super) fn run(
    args: &Args,
    stack: Option<Stack>,
    targets: &[Target],
    terminal: Terminal,
    runtime: &Runtime,
) -> Result<ExitCode, Failure> {
    let stack = stack.ok_or_else(|| {
        Failure::new("there is nothing to start").hint("give the files with `--compose FILE`")
    })?;
    let mut copy = Copy::of(stack, args.compose.as_deref());
    let now = copy.now().map_err(cannot_run)?;
    let options = args.options(None)?;
    let plan = planned(args, &copy, &now)?;
    let shown = if args.prove {
        proof_words(&proof(args, &options), &now, &plan)
    } else {
        up_words(args, &now, &plan)
    };
    if !args.agreed(&shown)? {
        return Ok(ExitCode::SUCCESS);
    }
    let (status, stop) = (Status::default(), CancellationToken::new());
    // What programs say when they do not start may hold what the files keep secret.
    let masker = Masker::new(copy.sources());
    let work = async {
        if args.prove {
            let tell = |index: usize, step: &Step| {
                if !terminal.draws_progress() {
                    output::tell(&masker.text(&told(index, step)));
                }
            };
            prove(&mut copy, &proof(args, &options), &status, &stop, tell).await
        } else {
            started(args, &now, options.clone(), &status, &stop).await
        }
    };
    let done = watched(
        terminal,
        || status.text(),
        || runtime.block_on(watched_until_interrupted(work, &stop)),
    )?;
    let mut done = done.map_err(|error| cannot_run(masked(error, &masker)))?;
    if !done.diff.is_empty() {
        done.remarks.push(format!(
            "the files are as they were; `wonin diagnose --unsafe-fixes {}` makes these changes, and \
             those of its other findings",
            copy.path().display()
        ));
    }
    show(targets, terminal, &done, copy.sources())
}

fn masked(error: CannotRun, masker: &Masker) -> CannotRun {
    CannotRun { what: masker.text(&error.what).into_owned(), ..error }
}

fn proof(args: &Args, options: &RunOptions) -> Proof {
    Proof { wanted: args.wanted(), options: options.clone(), seed: args.seed }
}

/// What would be run, by what the files say of the brokers.
fn planned(args: &Args, copy: &Copy, now: &Now) -> Result<KafkaRehearsal, Failure> {
    let nodes = copy.nodes()?;
    if nodes.len() < now.layout.brokers.len() {
        return Err(Failure::new(
            "not every broker of this project can be reached from this machine",
        )
        .hint(
            "clients run on this machine: each broker is to advertise `localhost`, or a \
                   loopback address, with a published port",
        ));
    }
    build(args, nodes, now.application.clone(), now.claims.clone())
}

/// The plan of a proof, for a person.
fn proof_words(proof: &Proof, now: &Now, plan: &KafkaRehearsal) -> String {
    let mut lines = vec![started_words(now).trim_end().to_owned()];
    lines.push(match now.causes.len() {
        0 => "causes: none is known; what happens is seen all the same".to_owned(),
        _ => "causes, in the order of repair:".to_owned(),
    });
    lines.extend(now.causes.iter().map(|cause| {
        let by_hand = if cause.has_edits { "" } else { " (no edit: stays as it is)" };
        format!("  {}: {}{by_hand}", cause.mode, cause.title)
    }));
    let gone = plan.planned.iter().filter(|one| matches!(one.deed, Deed::Gone { .. }));
    let scenarios: Vec<&str> = gone.map(|one| one.name.as_str()).collect();
    lines.push(format!("at first and after each repair: {}", scenarios.join("; ")));
    let takes = minutes(proof.takes(now));
    lines.push(format!("about {takes}, once the images are there; seed {}", proof.seed));
    lines.join("\n") + "\n"
}

fn up_words(args: &Args, now: &Now, plan: &KafkaRehearsal) -> String {
    started_words(now) + &words(plan, args.seed)
}

fn started_words(now: &Now) -> String {
    let Layout { services, published, .. } = &now.layout;
    let ports: Vec<String> = published.iter().map(|one| one.port.to_string()).collect();
    format!(
        "started from a copy of the files, and removed at the end: {}\nports of this machine that \
         it takes: {}\n",
        services.join(", "),
        if ports.is_empty() { "none".to_owned() } else { ports.join(", ") }
    )
}

/// One step as it ends, for whoever sees no other sign of life.
fn told(index: usize, step: &Step) -> String {
    let what = step.repair.as_ref().map_or("the files as they are", |repair| repair.mode.as_str());
    let failed = match (step.verdict, step.failed.as_slice()) {
        (Verdict::Held, _) => "holds".to_owned(),
        (verdict, []) => verdict.name().to_owned(),
        (_, failed) => failed.join("; "),
    };
    format!("step {index}: {what}: {}: {failed}", step.seen.join("; "))
}

/// The ordinary rehearsal on a cluster that is there for it alone.
async fn started(
    args: &Args,
    now: &Now,
    mut options: RunOptions,
    status: &Status,
    stop: &CancellationToken,
) -> Result<Rehearsal, CannotRun> {
    let project = format!("wonin-up-{}", options.run_id);
    let mut cluster = ComposeCluster::new(now.layout.clone(), project, &options.injector).await?;
    options.injector.project = Some(cluster.project().to_owned());
    let done = match cluster.up(status, stop).await {
        Ok(nodes) => on(args, now, nodes, &options, status, stop).await,
        Err(error) => Err(error),
    };
    cluster.down().await?;
    match done {
        Err(error) if stop.is_cancelled() => Ok(Rehearsal {
            name: "kafka".to_owned(),
            verdict: Verdict::Aborted,
            why: error.what,
            seed: args.seed,
            ..Rehearsal::default()
        }),
        done => done,
    }
}

async fn on(
    args: &Args,
    now: &Now,
    nodes: Vec<Node>,
    options: &RunOptions,
    status: &Status,
    stop: &CancellationToken,
) -> Result<Rehearsal, CannotRun> {
    check(args, &nodes).map_err(cannot)?;
    let (application, claims) = (now.application.clone(), now.claims.clone());
    let plan = build(args, nodes, application, claims).map_err(cannot)?;
    rehearse(&plan, options, args.seed, status, stop).await
}

#[cfg(test)]
mod tests {
    use wonin_text::{SourceFile, Sources};

    use super::*;

    #[test]
    fn what_compose_says_holds_no_secret_of_the_files() {
        let mut sources = Sources::default();
        sources.add(SourceFile::new(".env", "KEYSTORE_PASSWORD=hunter2secret\n"));
        let what = "`docker compose up` failed: invalid option hunter2secret";
        let told = masked(CannotRun::new(what), &Masker::new(&sources)).what;
        assert!(told.starts_with("`docker compose up` failed: invalid option "), "{told}");
        assert!(!told.contains("hunter2secret"), "{told}");
    }
}
