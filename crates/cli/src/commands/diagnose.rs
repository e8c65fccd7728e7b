//! `wonin diagnose [PATH…]`: what is going to fail, and what to change.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wonin_model::{Diagnosis, Evidence, GivenStartup, Severity};
use wonin_report::{Limits, View, suppress};

use crate::config::{Config, Floor};
use crate::disk::DiskFiles;
use crate::failure::Failure;
use crate::output::{self, Target};
use crate::progress::watched;
use crate::terminal::Terminal;
use crate::{baseline, fix};

const EXAMPLES: &str = "\
Examples:
  wonin diagnose                                    all that lies below this directory
  wonin diagnose deploy/compose.yml                 one file, with what it refers to
  wonin diagnose --startup 150s deploy              with the time that a start takes
  wonin diagnose --fix .                            apply the safe changes
  wonin diagnose --format text --format sarif=out.sarif .
  wonin diagnose --write-baseline known.json .      accept what is there today
  wonin diagnose --baseline known.json .            from then on, new findings alone
  cat compose.yml | wonin diagnose -

A comment takes a finding back: `# wonin: ignore[mode-id] reason`, on its line or the line above.

`wonin.toml` in PATH (of one file or of several paths: in its directory, the working directory)
holds what counts for all runs; options of the command line go before it:

  min-severity = \"high\"                # also pedantic = true, startup = [\"150s\"]
  [[ignore]]
  mode = \"no-restart-policy\"           # of mode, path and service at least one
  path = \"examples/\"                   # a pattern as in .gitignore
  service = \"db\"
  reason = \"started by hand\"           # must be there

Exit codes:
  0  nothing at or above the threshold
  1  findings
  2  could not run
  3  nothing was read";

/// Find why a stack will fail, from its files
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Args {
    /// Directories or files; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// The name under which standard input is read; decides its format
    #[arg(long, value_name = "NAME", default_value = "docker-compose.yml")]
    stdin_name: String,

    /// text, json, sarif, junit, github or html; with `=FILE` into a file; several may be given
    #[arg(long = "format", value_name = "FORMAT[=FILE]")]
    formats: Vec<Target>,

    /// Leave out what is below; without it, low findings are listed briefly and do not count
    #[arg(long, value_name = "SEVERITY")]
    min_severity: Option<Floor>,

    /// How long a start takes, for what is rolled out: `150s`, a range `120s..180s`, or measured
    /// pairs with CPU units (`35s@1024`), given several times
    #[arg(long, value_name = "TIME[@UNITS]")]
    startup: Vec<String>,

    /// Read this instead of `wonin.toml`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Read no `wonin.toml`
    #[arg(long, conflicts_with = "config")]
    no_config: bool,

    /// Show findings of low confidence, too
    #[arg(long)]
    pedantic: bool,

    /// Apply the safe changes, then diagnose again
    #[arg(long)]
    fix: bool,

    /// Apply the other changes, too
    #[arg(long)]
    unsafe_fixes: bool,

    /// Leave out the findings that this file knows
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Write today's findings as a baseline, and end with 0
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "fix", "unsafe_fixes"])]
    write_baseline: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    let targets = output::targets(&args.formats)?;
    let known = args.baseline.as_deref().map(baseline::read).transpose()?;
    let files = open(args)?;
    let config = if args.no_config {
        Config::default()
    } else {
        Config::find(args.config.as_deref(), &files)?
    };
    let startup = startup(args, &config)?;
    share_work();

    let mut run = Run { args, config, terminal, files, startup };
    let (evidence, diagnosis, mut view) = run.look();
    if (args.fix || args.unsafe_fixes)
        && let Some(after) = run.repair(&evidence, &diagnosis, &view)?
    {
        view = after;
    }
    // All that is shown is in the view; rendering needs the memory.
    drop((evidence, diagnosis));
    if let Some(known) = known {
        view.hidden.known = view.retain(|finding| !known.contains(&finding.fingerprint));
    }
    if let Some(file) = &args.write_baseline
        && !view.read.is_empty()
    {
        baseline::write(file, &view)?;
        output::tell(&format!("wrote {} findings to `{}`", view.findings.len(), file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    finish(args, &view, &targets, terminal)
}

/// Makes this thread one of those that read files. It puts together what they read, and memory
/// that a thread gave back is there for that thread alone.
fn share_work() {
    // Where others have made the threads already, theirs serve.
    _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
}

fn startup(args: &Args, config: &Config) -> Result<Option<GivenStartup>, Failure> {
    let (given, name) = match (args.startup.as_slice(), config.startup.as_slice()) {
        ([], []) => return Ok(None),
        ([], configured) => (configured, "startup"),
        (given, _) => (given, "--startup"),
    };
    let parsed = GivenStartup::parse(given);
    parsed.map(Some).map_err(|why| Failure::new(format!("`{name}`: {why}")))
}

fn open(args: &Args) -> Result<DiskFiles, Failure> {
    let is_stdin = |path: &PathBuf| path == Path::new("-");
    if !args.paths.iter().any(is_stdin) {
        return DiskFiles::open(&args.paths);
    }
    if args.paths.len() > 1 {
        return Err(Failure::new("standard input cannot be mixed with other paths"));
    }
    if args.fix || args.unsafe_fixes {
        return Err(Failure::new("standard input cannot be changed in place")
            .hint("save it to a file and give its path"));
    }
    DiskFiles::from_stdin(&args.stdin_name)
}

/// Writes the answer and chooses the exit code.
fn finish(
    args: &Args,
    view: &View,
    targets: &[Target],
    terminal: Terminal,
) -> Result<ExitCode, Failure> {
    let nothing_read = view.read.is_empty();
    let on_screen = targets.iter().all(Target::is_screen);
    // With nothing to tell, the error alone is the answer.
    if !(nothing_read && on_screen && view.skipped.is_empty()) {
        output::write(view, targets, terminal)?;
    }
    if nothing_read {
        return Err(was_nothing(args, view));
    }
    Ok(ExitCode::from(u8::from(view.has_findings())))
}

/// Tells files that are broken from files that are of no interest.
fn was_nothing(args: &Args, view: &View) -> Failure {
    let paths: Vec<String> = args.paths.iter().map(|p| format!("`{}`", p.display())).collect();
    let paths = paths.join(", ");
    if view.skipped.is_empty() {
        let what = format!("nothing was read: no file in {paths} is one that wonin understands");
        return Failure::nothing_read(what).hint(
            "give a directory with configuration (Compose, Terraform, Kubernetes, Spring, Kafka), \
             Java code or logs",
        );
    }
    let what = format!("nothing was read: no file in {paths} could be understood");
    Failure::nothing_read(what).hint("what is wrong with each is listed under `skipped`")
}

/// How often repairs that are to be applied alone, or that others stood in the way of, may be
/// followed by another look.
const ROUNDS_MAX: usize = 8;

struct Run<'a> {
    args: &'a Args,
    config: Config,
    terminal: Terminal,
    files: DiskFiles,
    startup: Option<GivenStartup>,
}

impl Run<'_> {
    fn look(&self) -> (Evidence, Diagnosis, View) {
        let message = || format!("{} files read", self.files.loaded());
        watched(self.terminal, message, || {
            let mut evidence = wonin_read::read(&self.files);
            evidence.skipped.extend_from_slice(self.files.skipped());
            evidence.startup.clone_from(&self.startup);
            let mut diagnosis = wonin_modes::examine(&evidence);
            let mut rules = self.config.rules(&mut evidence.sources);
            let suppressed = suppress::apply(&evidence, &mut diagnosis, &mut rules);
            // What is shown comes from the texts; a large stack and its view need not be there at
            // the same time.
            drop(std::mem::take(&mut evidence.stack));
            let limits = Limits {
                severity_min: self
                    .args
                    .min_severity
                    .map(Severity::from)
                    .or(self.config.severity_min),
                pedantic: self.args.pedantic || self.config.pedantic,
            };
            let mut view = View::new(&evidence, &diagnosis, limits);
            view.hidden.suppressed = suppressed;
            (evidence, diagnosis, view)
        })
    }

    /// Changes files; gives the view after it, or nothing where nothing was changed.
    fn repair(
        &mut self,
        evidence: &Evidence,
        diagnosis: &Diagnosis,
        view: &View,
    ) -> Result<Option<View>, Failure> {
        let risky = self.args.unsafe_fixes;
        let mut plan = fix::plan(evidence, diagnosis, view, risky);
        if plan.is_empty() {
            output::tell("no change to apply");
            return Ok(None);
        }
        let disk = std::mem::take(&mut self.files);
        let mut texts = plan.texts(evidence)?;
        let mut done = std::mem::take(&mut plan.done);
        let mut rounds = 1;
        let after = loop {
            self.files = disk.with_texts(texts.clone());
            let (evidence_after, diagnosis, view) = self.look();
            fix::check(evidence, &evidence_after)?;
            if rounds == ROUNDS_MAX || !plan.goes_on && plan.left_out.is_empty() {
                break view;
            }
            plan = fix::plan(&evidence_after, &diagnosis, &view, risky);
            if plan.is_empty() {
                break view;
            }
            texts.extend(plan.texts(&evidence_after)?);
            done.append(&mut plan.done);
            rounds += 1;
        };
        fix::write(&disk, evidence, &texts)?;
        for done in &done {
            output::tell(&format!("changed {done}"));
        }
        for left_out in &plan.left_out {
            output::tell(&format!("left out, it touches the same text: {left_out}"));
        }
        Ok(Some(after))
    }
}
