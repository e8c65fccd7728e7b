//! `wonin rehearse rollout PATH`: does a rollout with these settings complete, and if not, why?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use wonin_model::{Evidence, Signal};
use wonin_read::Files;
use wonin_report::rollout::{RolloutView, html, json, text};
use wonin_rollout::configured::{Configured, Given, GivenStartup, Reading, duration_ms};
use wonin_rollout::rehearsal::{Candidate, Rehearsal, Seen, candidates, nearest, rehearse};
use wonin_rollout::{Outlook, Sampling, Simulator};

use crate::disk::DiskFiles;
use crate::failure::Failure;
use crate::git::GitFiles;
use crate::output::{self, Format, Target};
use crate::progress::watched;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  wonin rehearse rollout infra --startup 150s           the application is up after 150 s
  wonin rehearse rollout infra --startup 120s..180s     somewhere between the two
  wonin rehearse rollout infra --startup 35s@1024 --startup 150s@256 --before HEAD~1
                                                        measured for two amounts of CPU; what
                                                        changed since the last commit is to blame
  wonin rehearse rollout infra --log app.log            the log says how long a start takes
  wonin rehearse rollout infra --service api --format html=rollout.html --format text
  helm template chart | wonin rehearse rollout - --startup 90s

Understood are ECS services (Terraform, plans as JSON, answers of the AWS command line), Kubernetes
Deployments, Compose services that others wait for, and Swarm services. If PATH itself holds
services only those count, else those of the directories below it.

Exit codes:
  0  every rollout completes
  1  one depends on luck, never completes, or is stuck
  2  could not run, a verdict could not be computed, or the platform refuses a setting
  3  nothing to rehearse was found";

/// Simulate a rolling deployment, and find the smallest settings with which it completes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A directory or a file; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,

    /// The name under which standard input is read; decides its format
    #[arg(long, value_name = "NAME", default_value = "manifests.yaml")]
    stdin_name: String,

    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// From the start of the container until it answers: `150s`, a range `120s..180s`, or measured
    /// for an amount of CPU `35s@1024`; several measurements tell how it depends on CPU
    #[arg(long, value_name = "TIME")]
    startup: Vec<String>,

    /// A log of a start; counts where `--startup` is not given
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The settings that last worked: a directory or file, or a git revision of PATH
    #[arg(long, value_name = "PATH|REVISION")]
    before: Option<String>,

    /// From the decision to start a task until its container runs
    #[arg(long, value_name = "TIME", value_parser = duration_ms)]
    launch: Option<u64>,

    /// From SIGTERM until the process has ended
    #[arg(long, value_name = "TIME", value_parser = duration_ms)]
    stop: Option<u64>,

    /// From a task's start to its first load balancer check; without it, any phase can come
    #[arg(long, value_name = "TIME", value_parser = duration_ms)]
    phase: Option<u64>,

    /// Memory that the start uses at its peak: `900M`; where the limit of a task or pod is below, it
    /// is killed
    #[arg(long, value_name = "SIZE", value_parser = memory_mib)]
    memory: Option<u32>,

    /// Share of the load balancer's checks that a started task of ECS answers later than their
    /// timeout: `5%`
    #[arg(long, value_name = "PERCENT", value_parser = share_ppm)]
    slow_answers: Option<u32>,

    /// Tasks or pods that fit in the cluster at once
    #[arg(long, value_name = "NUMBER")]
    slots: Option<u32>,

    /// One old task of ECS dies this long after the rollout began
    #[arg(long, value_name = "TIME", value_parser = duration_ms)]
    lose: Option<u64>,

    /// A point of ECS that no document settles, as measured: `scheduler_lag=5s`, `eager_stop=false`,
    /// `breaker_minimum=10`; a wrong name lists all of them
    #[arg(long, value_name = "NAME=VALUE", value_parser = Reading::parse)]
    assume: Vec<Reading>,

    /// Seed of the rollout that is shown
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// How many rollouts to simulate
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,

    /// text, json or html; with `=FILE` into a file; several may be given
    #[arg(long = "format", value_name = "FORMAT[=FILE]")]
    formats: Vec<Target>,
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    let allowed = [Format::Text, Format::Json, Format::Html];
    let targets = output::targets_among(&args.formats, &allowed, "a rollout")?;
    let given = given(args)?;
    let files = open(args)?;
    let message = || format!("{} files read", files.loaded());
    let evidence = watched(terminal, message, || {
        let mut evidence = wonin_read::read(&files);
        evidence.skipped.extend_from_slice(files.skipped());
        evidence
    });
    let seen = seen(args, &evidence)?;
    let found = nearest(candidates(&evidence.stack, &given, &seen));
    if found.is_empty() {
        tell_skipped(&evidence);
    }
    let chosen = choose(args, found)?;
    let before = args.before.as_deref().map(|before| earlier(args, before, &given)).transpose()?;
    let rehearsals = simulate(args, terminal, &evidence, chosen, before.as_deref());
    let view = RolloutView::new(&evidence, &rehearsals);
    output::write_with(&targets, terminal, |format, layout| match format {
        Format::Json => json::render(&view),
        Format::Html => html::render(&view),
        _ => text::render(&view, layout),
    })?;
    complain(&view);
    Ok(ExitCode::from(exit_code(&rehearsals)))
}

/// Where nothing was found, what could not be read may be why.
fn tell_skipped(evidence: &Evidence) {
    const SHOWN: usize = 10;
    for skipped in evidence.skipped.iter().take(SHOWN) {
        let at = skipped.place.map(|place| evidence.sources.position(place));
        let at = at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        output::tell(&format!("skipped: {}{at}: {}", skipped.path, skipped.why));
    }
    if let Some(more) = evidence.skipped.len().checked_sub(SHOWN).filter(|&more| more > 0) {
        output::tell(&format!("skipped: {more} more"));
    }
}

fn given(args: &Args) -> Result<Given, Failure> {
    let texts: Vec<&str> = args.startup.iter().map(String::as_str).collect();
    let startup = match texts.as_slice() {
        [] => None,
        texts => Some(
            GivenStartup::parse(texts)
                .map_err(|why| Failure::new(format!("cannot understand `--startup`: {why}")))?,
        ),
    };
    Ok(Given {
        startup,
        launch_ms: args.launch,
        stop_ms: args.stop,
        phase_ms: args.phase,
        memory_mib: args.memory,
        slow_ppm: args.slow_answers,
        slots: args.slots,
        lost_ms: args.lose,
        assumed: args.assume.clone(),
    })
}

/// `900M`, `900MiB`, `1.5G` in MiB; a number alone is MiB.
fn memory_mib(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not an amount of memory: write `900M` or `1.5G`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "m" | "mb" | "mi" | "mib" => 1.0,
        "g" | "gb" | "gi" | "gib" => 1024.0,
        _ => return Err(wrong()),
    };
    let mib = digits.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    if !(1.0..=1_000_000.0).contains(&mib) {
        return Err(format!("`{text}`: allowed is 1 MiB to 1000000 MiB"));
    }
    Ok(mib.ceil() as u32)
}

/// `5%`, `0.5 %` in millionths; the sign may be left out.
fn share_ppm(text: &str) -> Result<u32, String> {
    let number = text.trim().trim_end_matches('%').trim();
    let percent = number.parse::<f64>().ok().filter(|share| (0.0..=100.0).contains(share));
    let percent = percent.ok_or_else(|| format!("`{text}` is no share: write `0%` to `100%`"))?;
    Ok((percent * 1e4).round() as u32)
}

fn open(args: &Args) -> Result<DiskFiles, Failure> {
    if args.path != Path::new("-") {
        return DiskFiles::open(std::slice::from_ref(&args.path));
    }
    DiskFiles::from_stdin(&args.stdin_name)
}

/// Startup times that logs show: of `--log`, else of logs below PATH.
fn seen(args: &Args, evidence: &Evidence) -> Result<Vec<Seen>, Failure> {
    let Some(log) = &args.log else { return Ok(starts(evidence)) };
    let files = DiskFiles::open(std::slice::from_ref(log))?;
    let mut seen = starts(&wonin_read::read(&files));
    if seen.is_empty() {
        let what = format!("`{}` tells of no start", log.display());
        return Err(Failure::new(what)
            .hint("a line such as `Started OrdersApplication in 12.3 seconds` is looked for"));
    }
    if seen.len() == 1 {
        // Named on the command line it is meant, whoever wrote it.
        seen[0].service = None;
    }
    Ok(seen)
}

fn starts(evidence: &Evidence) -> Vec<Seen> {
    let started = evidence.signals.iter().filter(|signal| signal.name == "app.started");
    started.filter_map(|signal| start(evidence, signal)).collect()
}

/// One start is taken as it is, several as a range.
fn start(evidence: &Evidence, signal: &Signal) -> Option<Seen> {
    let times = signal.all("s").into_iter().filter_map(|text| text.parse::<f64>().ok());
    let mut times: Vec<u64> = times.map(|s| (s * 1000.0).round() as u64).collect();
    times.sort_unstable();
    let (first, last) = (*times.first()?, *times.last()?);
    let (startup, words) = if first == last {
        (GivenStartup::Exact(first), format!("{}s", in_seconds(first)))
    } else {
        let words = format!("{}s to {}s", in_seconds(first), in_seconds(last));
        (GivenStartup::Range(first, last), words)
    };
    let at = signal.hits.first().map(|hit| {
        let path = evidence.sources.file(hit.place.file).path();
        format!(", {path}:{}", evidence.sources.position(hit.place).line)
    });
    let words = format!("{words}{}", at.unwrap_or_default());
    Some(Seen { service: signal.service.clone(), startup, words })
}

fn in_seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn choose(args: &Args, found: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
    if found.is_empty() {
        let what = format!("nothing to rehearse was found in `{}`", args.path.display());
        return Err(Failure::nothing_read(what).hint(
            "give a directory with ECS services in Terraform, Kubernetes Deployments, or Compose \
             services with a health check that others wait for",
        ));
    }
    let Some(wanted) = &args.service else { return Ok(found) };
    let names: Vec<String> = found.iter().map(|one| format!("`{}`", one.name)).collect();
    let chosen: Vec<Candidate> = found.into_iter().filter(|one| one.name == *wanted).collect();
    if chosen.is_empty() {
        return Err(Failure::new(format!("there is no service `{wanted}`"))
            .hint(format!("there is {}", names.join(", "))));
    }
    Ok(chosen)
}

/// The services as they were.
fn earlier(args: &Args, before: &str, given: &Given) -> Result<Vec<Configured>, Failure> {
    let path = PathBuf::from(before);
    let is_path = path.try_exists().unwrap_or(false);
    let files: Box<dyn Files> = if is_path {
        Box::new(DiskFiles::open(&[path])?)
    } else if args.path == Path::new("-") {
        return Err(Failure::new(format!("cannot read `{before}`: no such file or directory"))
            .hint("standard input has no revisions: give a directory or file"));
    } else {
        Box::new(GitFiles::open(&args.path, before)?)
    };
    let evidence = wonin_read::read(files.as_ref());
    let found = nearest(candidates(&evidence.stack, given, &starts(&evidence)));
    if found.is_empty() {
        return Err(Failure::new(format!("nothing to compare with was found in `{before}`")));
    }
    Ok(found.into_iter().filter(|one| one.missing.is_none()).filter_map(|c| c.configured).collect())
}

fn simulate(
    args: &Args,
    terminal: Terminal,
    evidence: &Evidence,
    chosen: Vec<Candidate>,
    before: Option<&[Configured]>,
) -> Vec<Rehearsal> {
    let mut simulator = Simulator::new();
    let simulated = simulator.simulated();
    let message = || format!("{} rollouts simulated", simulated.load(Ordering::Relaxed));
    let sampling = Sampling { runs: args.runs, seed: args.seed };
    watched(terminal, message, || {
        let mut done = Vec::with_capacity(chosen.len());
        for candidate in chosen {
            let twin = before.and_then(|before| twin(before, &candidate));
            let lost = before.is_some() && twin.is_none();
            let sources = &evidence.sources;
            let mut rehearsal = rehearse(&mut simulator, candidate, twin, sources, sampling);
            if lost {
                let why = "the settings before have no such service, or no startup time for it";
                rehearsal.not_checked.push(why.to_owned());
            }
            done.push(rehearsal);
        }
        done
    })
}

/// The same service among the earlier ones: by address, else by name; one alone is it.
fn twin<'a>(before: &'a [Configured], candidate: &Candidate) -> Option<&'a Configured> {
    let same = |one: &&Configured| one.platform == candidate.platform;
    let address = candidate.configured.as_ref().map(|configured| configured.address.as_str());
    let by_address = before.iter().filter(same).find(|one| Some(one.address.as_str()) == address);
    by_address.or_else(|| before.iter().filter(same).find(|one| one.name == candidate.name))
}

/// What keeps services from a verdict is told on standard error, too.
fn complain(view: &RolloutView) {
    for rollout in &view.services {
        for problem in &rollout.problems {
            let at = problem.at.as_ref().unwrap_or(&rollout.at);
            let place = format!("{}:{}:{}", at.path, at.start.line, at.start.column);
            Failure::new(format!("{place}: {} ({})", problem.why, rollout.service)).print();
        }
    }
    let open = view.services.iter().filter(|one| one.verdict.is_none() && one.problems.is_empty());
    // Many services mostly lack the same: each reason is told once.
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for rollout in open {
        let services = by_reason.entry(rollout.not_checked.join("; ")).or_default();
        services.push(&rollout.service);
    }
    for (why, services) in by_reason {
        let who = match services.as_slice() {
            few if few.len() <= 3 => {
                let quoted: Vec<String> = few.iter().map(|name| format!("`{name}`")).collect();
                quoted.join(", ")
            }
            many => format!("`{}` and {} more", many[0], many.len() - 1),
        };
        let mut failure = Failure::new(format!("no verdict for {who}: {why}"));
        if why.contains("startup time") {
            failure = failure
                .hint("`--startup 90s` says how long the application takes until it answers");
        }
        failure.print();
    }
}

fn exit_code(rehearsals: &[Rehearsal]) -> u8 {
    let fails = |one: &Rehearsal| one.verdict.is_some_and(|v| v != Outlook::Completes);
    if rehearsals.iter().any(fails) {
        1
    } else if rehearsals.iter().any(|one| one.verdict.is_none()) {
        2
    } else {
        0
    }
}
