//! What `diagnose` says of a rehearsal: before it, from the files of the stack, and after it, from
//! what programs wrote meanwhile.

use std::fs;
use std::path::Path;

use wonin_model::rehearsal::{Rehearsal, Verdict};
use wonin_model::secret::Masker;
use wonin_model::{Diagnosis, Evidence};
use wonin_read::MemoryFiles;
use wonin_rehearse::run::{Traces, diagnosed, predictions};

use crate::disk::DiskFiles;
use crate::failure::Failure;

/// The stack that a scenario names.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) evidence: Evidence,
    diagnosis: Diagnosis,
}

impl Stack {
    /// Reads what stands in `stack` of the scenario `path`, relative to the scenario's directory.
    pub(super) fn read(path: &str, beside: &Path, stack: &str) -> Result<Self, Failure> {
        let dir = beside.join(stack);
        let wrong = |what: &str| {
            Failure::new(format!("{path}: `stack = \"{stack}\"`: {what} `{}`", dir.display()))
                .hint("a path is relative to the directory of the scenario")
        };
        if fs::metadata(&dir).is_err() {
            return Err(wrong("there is no"));
        }
        let evidence = wonin_read::read(&DiskFiles::open(std::slice::from_ref(&dir))?);
        if evidence.read.is_empty() {
            return Err(wrong("no configuration that wonin understands is in"));
        }
        let diagnosis = wonin_modes::examine(&evidence);
        Ok(Self { evidence, diagnosis })
    }
}

/// Puts beside what happened what was predicted and what can be told from the texts.
pub(super) fn explain(rehearsal: &mut Rehearsal, traces: &[Traces], stack: Option<&Stack>) {
    let has_texts = traces.iter().any(|one| one.texts.values().any(|text| !text.is_empty()));
    if rehearsal.scenarios.is_empty() {
        if let [one] = traces {
            explain_run(rehearsal, one, stack);
        }
    } else {
        for (run, one) in rehearsal.scenarios.iter_mut().zip(traces) {
            explain_run(run, one, stack);
        }
    }
    let all = || std::iter::once(&*rehearsal).chain(&rehearsal.scenarios);
    let came_true = all().any(|run| run.predictions.iter().any(|one| one.came_true));
    let is_named = all().any(|run| run.diagnosed.iter().any(|one| !one.names.is_empty()));
    let mut remarks = Vec::new();
    if came_true {
        remarks.push(
            "nothing is confirmed: that takes a run with the cause alone taken away, and its \
             outcome changed (`wonin rehearse kafka --prove` does so with Kafka brokers)",
        );
    }
    if has_texts && !is_named && rehearsal.verdict == Verdict::Broke {
        remarks.push("from what programs wrote, `diagnose` does not name what was broken");
    }
    rehearsal.remarks.extend(remarks.into_iter().map(str::to_owned));
}

fn explain_run(run: &mut Rehearsal, traces: &Traces, stack: Option<&Stack>) {
    if let Some(stack) = stack {
        let masker = Masker::new(&stack.evidence.sources);
        run.predictions = predictions(&stack.diagnosis, &traces.targets, run);
        for prediction in &mut run.predictions {
            prediction.claim = masker.text(&prediction.claim).into_owned();
        }
    }
    let texts = traces.texts.iter().filter(|(_, text)| !text.is_empty());
    let files = texts.map(|(name, text)| (format!("{}.log", name.replace(' ', "-")), text.clone()));
    let evidence = wonin_read::read(&MemoryFiles::new(files));
    let masker = Masker::new(&evidence.sources);
    run.diagnosed = diagnosed(&wonin_modes::examine(&evidence), &traces.targets);
    for one in &mut run.diagnosed {
        one.title = masker.text(&one.title).into_owned();
    }
}
