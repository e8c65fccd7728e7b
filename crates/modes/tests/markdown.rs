//! Runs the documents of `tests/md` and the examples on the pages of the modes.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod harness;
mod repairs;

use std::fs;
use std::path::{Path, PathBuf};

use wonin_modes::{MODES, by_id};

/// The documents with the mode that each is about, by name.
fn documents() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/md");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let mode = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (mode, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn documents_hold() {
    let mut wrong = Vec::new();
    for (mode, text) in documents() {
        if by_id(&mode).is_none() {
            wrong.push(format!("{mode}.md: no such mode"));
            continue;
        }
        let scenarios = harness::scenarios(&text);
        if scenarios.len() < 2 {
            wrong.push(format!("{mode}.md: needs a scenario that fails and one that is right"));
        }
        for scenario in scenarios {
            let heading = &scenario.heading;
            let disagreements = scenario.disagreements(&mode);
            wrong.extend(disagreements.iter().map(|one| format!("{mode} / {heading}: {one}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn pages_hold() {
    let mut wrong = Vec::new();
    for mode in MODES {
        let id = mode.meta().id;
        let page = mode.meta().page();
        for (heading, fails) in [("Example", true), ("Fix", false)] {
            let scenario = harness::section(&page, heading);
            if scenario.files.is_empty() {
                wrong.push(format!("{id}: no file under {heading}"));
                continue;
            }
            let (_, diagnosis) = scenario.diagnose();
            let found: Vec<&str> = diagnosis
                .findings
                .iter()
                .filter(|finding| finding.meta.id == id)
                .map(|finding| finding.title.as_str())
                .collect();
            if found.is_empty() == fails {
                wrong.push(format!("{id}: under {heading} found {found:?}"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_mode_has_its_document() {
    let documents = documents();
    let without = MODES.iter().map(|mode| mode.meta().id);
    let without: Vec<String> = without
        .filter(|id| !documents.iter().any(|(mode, _)| mode == id))
        .map(str::to_owned)
        .collect();
    assert_none(&without);
}
