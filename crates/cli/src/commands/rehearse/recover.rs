//! `wonin rehearse --recover`: heals what killed runs left. And the hidden command that watches over
//! a run, so that there is commonly nothing left.

use std::path::PathBuf;
use std::process::ExitCode;

use wonin_fault::undo::{RecoverReport, Recovered, expect_journal};

use super::injector;
use crate::failure::Failure;
use crate::output;

/// Something could not be undone.
const EXIT_NOT_HEALED: u8 = 2;

/// Healing without running anything.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Undo what runs left that were killed together with their watchdog, or by a reboot: says what
    /// was undone, what was whole already, and what could not be undone and why (then exits with
    /// 2). Runs that are alive are left alone
    #[arg(long)]
    pub(crate) recover: bool,

    /// Where those runs wrote down how to undo each fault [default: below `XDG_STATE_HOME`]
    #[arg(long, value_name = "DIR", requires = "recover")]
    journal: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let journal = args.journal.clone().unwrap_or_else(injector::journal);
    // Where nothing was ever broken, there is no journal; but one that was named is to be there.
    if args.journal.is_some() {
        expect_journal(&journal).map_err(|cause| {
            Failure::new(format!("`--journal {}` is no journal of runs", journal.display()))
                .because(cause)
                .hint(
                    "give the directory that the run was given; without `--journal` runs use the \
                     default one, and so does `--recover`",
                )
        })?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::new("cannot start").because(cause))?;
    let report = runtime.block_on(wonin_fault::undo::recover(&journal));
    output::print(&render(&report, &journal.display().to_string()))?;
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_HEALED) })
}

fn render(report: &RecoverReport, journal: &str) -> String {
    let mut lines = Vec::new();
    let mut tell = |word: &str, list: &[Recovered]| {
        lines.extend(list.iter().map(|one| {
            let Recovered { run, fault, why } = one;
            format!("{word}: {fault}: {why} (run {run})\n")
        }));
    };
    tell("healed", &report.healed);
    tell("whole already", &report.whole);
    tell("not healed", &report.failed);
    if !report.failed.is_empty() {
        lines.push(format!(
            "what was not healed stays noted in {journal}: remove what hinders and do this again, \
             or heal it by hand and remove the file there\n"
        ));
    }
    for (run, count) in &report.alive {
        let faults = if *count == 1 { "fault" } else { "faults" };
        lines.push(format!("left alone: {count} {faults} of run {run}, which is alive\n"));
    }
    if lines.is_empty() {
        lines.push(format!("nothing to heal in {journal}\n"));
    }
    lines.concat()
}

/// Watches over a run and heals when it is gone; started by `wonin` itself
#[derive(Debug, clap::Args)]
pub(crate) struct WatchdogArgs {
    /// Where the run writes down how to undo each fault
    #[arg(long)]
    journal: PathBuf,

    /// The run
    #[arg(long)]
    run: String,
}

pub(crate) fn watchdog(args: &WatchdogArgs) -> Result<ExitCode, Failure> {
    wonin_fault::undo::watch(&args.journal, &args.run)
        .map_err(|cause| Failure::new("cannot watch over the run").because(cause))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_became_of_every_fault() {
        let one = |fault: &str, why: &str| Recovered {
            run: "r1".to_owned(),
            fault: fault.to_owned(),
            why: why.to_owned(),
        };
        let report = RecoverReport {
            healed: vec![one("pause of pid 7", "pid 7 runs again")],
            whole: vec![one("freeze of pid 8", "the machine was started again since")],
            failed: vec![one("stop of container shop-db-1", "there is no engine")],
            alive: vec![("r2".to_owned(), 1)],
        };
        let expected = "\
healed: pause of pid 7: pid 7 runs again (run r1)
whole already: freeze of pid 8: the machine was started again since (run r1)
not healed: stop of container shop-db-1: there is no engine (run r1)
what was not healed stays noted in /x: remove what hinders and do this again, or heal it by hand \
and remove the file there
left alone: 1 fault of run r2, which is alive
";
        assert_eq!(render(&report, "/x"), expected);
        assert_eq!(render(&RecoverReport::default(), "/x"), "nothing to heal in /x\n");
    }
}
