//! Healing what killed runs left.

use std::io;
use std::path::Path;

use super::{Healer, Journal, Outcome, RecoverReport, Recovered, RunLock, heal_all};

/// Whether a directory is one that runs write to, else why not. One without any file is: nothing is
/// left to undo there.
pub fn expect_journal(dir: &Path) -> io::Result<()> {
    let journal = Journal::at(dir);
    if journal.list()?.is_empty() || !journal.runs().is_empty() {
        return Ok(());
    }
    Err(io::Error::other("it holds files, and none of them is of a run"))
}

fn readable(journal: &Journal) -> io::Result<()> {
    if journal.is_trusted()? {
        journal.list()?;
    }
    Ok(())
}

/// Undoes what is left of runs that have ended, and leaves those alone that are alive. A directory
/// that is not there holds nothing.
pub async fn recover(journal_dir: &Path) -> RecoverReport {
    let journal = Journal::at(journal_dir);
    let mut report = RecoverReport::default();
    if let Err(error) = readable(&journal) {
        let fault = format!("all in {}", journal_dir.display());
        let why = error.to_string();
        report.failed.push(Recovered { run: "unknown".to_owned(), fault, why });
        return report;
    }
    for run in journal.runs() {
        let lock = match RunLock::try_take(&journal, &run) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                let count = journal.records(&run).len();
                report.alive.push((run, count));
                continue;
            }
            Err(error) => {
                let fault = format!("{run}.run");
                report.failed.push(Recovered { run, fault, why: error.to_string() });
                continue;
            }
        };
        let before = report.failed.len();
        for healed in heal_all(&journal, journal.records(&run), Healer::Successor).await {
            let (list, why) = match healed.outcome {
                Ok(Outcome::Healed(what)) => (&mut report.healed, what),
                Ok(Outcome::Whole(why)) => (&mut report.whole, why),
                Err(why) => (&mut report.failed, why),
            };
            list.push(Recovered { run: run.clone(), fault: healed.fault, why });
        }
        if report.failed.len() == before {
            journal.clear(&run);
        }
        drop(lock);
    }
    report
}
