//! The registry, the folders and the pages say the same.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wonin_modes::MODES;

const HEADINGS: [&str; 6] =
    ["## What fails", "## Why", "## Example", "## Fix", "## How to rehearse", "## Evidence"];

/// `family/id` of every mode file below `src`.
fn files() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for family in fs::read_dir(src).unwrap().map(Result::unwrap) {
        let name = family.file_name().into_string().unwrap();
        if !family.path().is_dir() || name == "shared" {
            continue;
        }
        for file in fs::read_dir(family.path()).unwrap().map(Result::unwrap) {
            let file = file.file_name().into_string().unwrap();
            if let Some(stem) = file.strip_suffix(".rs").filter(|stem| *stem != "mod") {
                found.insert(format!("{name}/{}", stem.replace('_', "-")));
            }
        }
    }
    found
}

#[test]
fn every_file_is_a_mode_and_every_mode_has_its_file() {
    let registered: Vec<String> =
        MODES.iter().map(|mode| format!("{}/{}", mode.meta().family, mode.meta().id)).collect();
    let unique: BTreeSet<String> = registered.iter().cloned().collect();
    assert_eq!(registered.len(), unique.len(), "an id is given twice");
    assert_eq!(unique, files());
}

#[test]
fn ids_are_kebab_case_and_found() {
    for mode in MODES {
        let id = mode.meta().id;
        let kebab = id.split('-').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        assert!(kebab, "{id}");
        assert_eq!(wonin_modes::by_id(id).map(|found| found.meta().id), Some(id));
    }
}

#[test]
fn every_page_is_whole() {
    for mode in MODES {
        let page = mode.meta().page();
        let id = mode.meta().id;
        assert!(page.starts_with("# "), "{id}: no title");
        let mut from = 0;
        for heading in HEADINGS {
            let at = page[from..].find(heading);
            assert!(at.is_some(), "{id}: `{heading}` is missing or out of order");
            from += at.unwrap();
        }
        assert!(page[from..].contains("\n- "), "{id}: no source under Evidence");
        assert!(!mode.meta().summary.is_empty() && !mode.meta().summary.ends_with('.'), "{id}");
    }
}

/// What happened is recognised, or the page says why nothing tells it.
#[test]
fn every_mode_is_seen_somewhere_or_its_page_says_that_nothing_tells_it() {
    for mode in MODES {
        let id = mode.meta().id;
        let path = format!("{}/tests/md/{id}.md", env!("CARGO_MANIFEST_DIR"));
        let document = fs::read_to_string(path).unwrap();
        let is_seen =
            document.contains(&format!("# seen: [{id}")) || document.contains(&format!(", {id}]"));
        let page = mode.meta().page();
        let nothing = page
            .split("## In logs\n")
            .nth(1)
            .is_some_and(|part| part.trim_start().starts_with("Nothing tells it: "));
        assert!(is_seen != nothing, "{id}: seen {is_seen}, `Nothing tells it` {nothing}");
    }
}
