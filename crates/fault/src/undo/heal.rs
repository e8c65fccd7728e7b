//! Undoing what records tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{Journal, Outcome, Record, Stage};
use crate::container::{ContainerUndo, ProjectUndo};
use crate::process::ProcessUndo;

/// What undoes a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Undo {
    Process(ProcessUndo),
    Container(ContainerUndo),
    Project(ProjectUndo),
}

impl Undo {
    /// Whether it is about what is to live as long as the run: processes and projects of its own.
    pub(crate) fn waits_for_the_end(&self) -> bool {
        matches!(self, Self::Process(ProcessUndo::End { .. }) | Self::Project(_))
    }

    async fn heal(&self, stage: Stage, healer: Healer) -> Result<Outcome, String> {
        let may_come_later = stage == Stage::Intended;
        match self {
            Self::Process(undo) => undo.heal(healer == Healer::Successor).await,
            Self::Container(undo) => undo.heal(may_come_later).await,
            Self::Project(undo) => undo.heal(may_come_later).await,
        }
    }
}

/// What became of one record.
#[derive(Clone, Debug)]
pub(crate) struct Healed {
    /// The fault, or the file where the record cannot be understood.
    pub(crate) fault: String,
    pub(crate) outcome: Result<Outcome, String>,
}

/// Who undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Healer {
    /// The run itself, or its watchdog while the run is alive.
    Run,
    /// Whoever comes after the run.
    Successor,
}

/// Undoes the fault of one record and removes it; `None` where another did meanwhile.
pub(crate) async fn heal_one(journal: &Journal, name: &str, healer: Healer) -> Option<Healed> {
    let failed = |fault: &str, why| Healed { fault: fault.to_owned(), outcome: Err(why) };
    let mut claim = match journal.claim(name).await? {
        Ok(claim) => claim,
        Err(why) => return Some(failed(name, why)),
    };
    let record = match claim.record() {
        Ok(record) => record,
        Err(why) => return Some(failed(name, why)),
    };
    let outcome = record.undo.heal(record.stage, healer).await;
    let outcome = outcome.and_then(|outcome| {
        let kept = |error| format!("it is undone, and its record cannot be removed: {error}");
        journal.remove(name).map_err(kept)?;
        Ok(outcome)
    });
    Some(Healed { fault: record.fault, outcome })
}

/// Undoes what records tell that are on no disk any more, the last one first.
pub(crate) async fn heal_kept(records: Vec<Record>) -> Vec<Healed> {
    let mut done = Vec::new();
    for record in records.into_iter().rev() {
        let outcome = record.undo.heal(record.stage, Healer::Run).await;
        done.push(Healed { fault: record.fault, outcome });
    }
    done
}

/// Undoes what the given records tell: those of one target one after the other, the last one
/// first, and those of different targets at the same time.
pub(crate) async fn heal_all(journal: &Journal, names: Vec<String>, healer: Healer) -> Vec<Healed> {
    let mut by_target: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        let target = match journal.read(&name) {
            None => continue,
            Some(Ok(record)) => record.target,
            Some(Err(_)) => name.clone(),
        };
        by_target.entry(target).or_default().push(name);
    }
    let mut tasks = JoinSet::new();
    for (index, names) in by_target.into_values().enumerate() {
        let journal = journal.clone();
        tasks.spawn(async move {
            let mut done = Vec::new();
            for name in names.iter().rev() {
                done.extend(heal_one(&journal, name, healer).await);
            }
            (index, done)
        });
    }
    let mut done: Vec<(usize, Vec<Healed>)> = tasks.join_all().await;
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().flat_map(|(_, healed)| healed).collect()
}
