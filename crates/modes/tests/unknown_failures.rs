//! Failures that said nothing of their cause: what the files of each case show, root first.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Severity, Standing};
use wonin_read::MemoryFiles;

fn diagnose(case: &str) -> Diagnosis {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/unknown-failures").join(case);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("the case is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                if !path.ends_with("fixed") {
                    open.push(path);
                }
            } else if path.extension().is_none_or(|ending| ending != "md" && ending != "py") {
                let name = path.strip_prefix(&root).expect("it lies below").to_string_lossy();
                let text = fs::read_to_string(&path).expect("it is text");
                found.push((name.into_owned(), text));
            }
        }
    }
    found.sort();
    wonin_modes::examine(&wonin_read::read(&MemoryFiles::new(found)))
}

/// Modes of what was observed, in order.
fn observed(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let seen = diagnosis.findings.iter().filter(|one| one.standing == Standing::Observed);
    seen.map(|finding| finding.meta.id).collect()
}

#[test]
fn threads_that_a_job_leaves_behind() {
    let diagnosis = diagnose("threads");
    assert_eq!(observed(&diagnosis), ["thread-leak"]);
    let finding = &diagnosis.findings[0];
    let words = format!("{} {}", finding.title, finding.arithmetic.as_deref().unwrap_or(""));
    for expected in ["the task that main schedules", "28", "20 more"] {
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn a_serial_server_and_the_client_that_fills_it() {
    let diagnosis = diagnose("serial-server");
    assert_eq!(observed(&diagnosis), ["per-item-burst", "serial-server-saturated"]);
    assert!(diagnosis.findings[0].title.contains("480 times"), "{}", diagnosis.findings[0].title);
    let arithmetic = diagnosis.findings[0].arithmetic.as_deref().unwrap_or("");
    assert!(arithmetic.contains("480 × 380 ms"), "{arithmetic}");
}

#[test]
fn many_alerts_for_one_holder_of_locks() {
    let diagnosis = diagnose("alert-flood");
    assert_eq!(observed(&diagnosis), ["lock-holder-blocks-queue", "alert-flood"]);
    for finding in &diagnosis.findings[..2] {
        assert!(finding.title.contains("reprice"), "{}", finding.title);
    }
}

#[test]
fn credentials_that_are_read_once() {
    let diagnosis = diagnose("frozen-credentials");
    assert_eq!(observed(&diagnosis), ["credentials-frozen"]);
    let finding = &diagnosis.findings[0];
    // The code and the log say the same, once.
    let places = finding.because.iter().filter_map(|because| because.origin.place());
    let files: std::collections::BTreeSet<_> = places.map(|place| place.file).collect();
    assert_eq!(files.len(), 2);
    let arithmetic = finding.arithmetic.as_deref().unwrap_or("");
    assert!(
        arithmetic.contains("6.0 h") && arithmetic.contains("healed by the start"),
        "{arithmetic}"
    );
    let share = finding.explains.expect("it explains the failures");
    assert_eq!(share.events, share.of);
}

#[test]
fn the_repaired_twin_says_nothing() {
    let diagnosis = diagnose("frozen-credentials/fixed");
    let left = diagnosis.findings.iter().filter(|finding| finding.severity >= Severity::Medium);
    assert_eq!(left.map(|finding| finding.meta.id).collect::<Vec<_>>(), [""; 0]);
}
