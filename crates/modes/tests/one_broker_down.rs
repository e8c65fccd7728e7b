//! The case of one broker down: each cause in its role, nothing that was ruled out, and silence
//! about the repaired twin.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Role, Severity};
use wonin_read::MemoryFiles;

/// The files below a folder of `cases`, without its repaired twin.
fn files(case: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases").join(case);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("the case is there") {
            let path = entry.expect("the folder can be read").path();
            let name =
                path.strip_prefix(&root).expect("it lies below").to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "fixed" {
                    open.push(path);
                }
            } else if path.extension().is_none_or(|ending| ending != "md") {
                found.push((name, fs::read_to_string(path).expect("it is text")));
            }
        }
    }
    found.sort();
    found
}

fn diagnose(files: Vec<(String, String)>) -> Diagnosis {
    wonin_modes::examine(&wonin_read::read(&MemoryFiles::new(files)))
}

fn roles(diagnosis: &Diagnosis, mode: &str) -> Vec<Role> {
    let of_mode = diagnosis.findings.iter().filter(|finding| finding.meta.id == mode);
    of_mode.map(|finding| finding.role).collect()
}

#[test]
fn every_cause_has_its_role() {
    let diagnosis = diagnose(files("one-broker-down"));
    let expected: [(&str, &[Role]); 8] = [
        ("single-bootstrap", &[Role::Cause]),
        ("setting-not-applied", &[Role::Cause, Role::Cause]),
        ("session-below-broker-minimum", &[Role::Latent]),
        ("poll-interval-too-short", &[Role::Latent]),
        ("timeout-budget-inverted", &[Role::Latent]),
        ("false-success", &[Role::Contributing]),
        ("pool-exhausted", &[Role::Contributing]),
        ("no-health-check", &[Role::Contributing]),
    ];
    for (mode, expected) in expected {
        assert_eq!(roles(&diagnosis, mode), expected, "{mode}");
    }
    let goal = diagnosis.groups.iter().find(|group| group.title.contains("one broker stops"));
    let members = goal.expect("causes that only help together").members.iter();
    let modes: Vec<&str> = members.map(|&index| diagnosis.findings[index].meta.id).collect();
    assert_eq!(modes.last(), Some(&"single-bootstrap"));
}

#[test]
fn what_was_ruled_out_is_not_claimed() {
    let diagnosis = diagnose(files("one-broker-down"));
    // The image keeps one replica for offsets, and no delay is configured.
    for mode in ["replication-exceeds-brokers", "delay-beyond-connect-cap", "wrong-knob"] {
        assert_eq!(roles(&diagnosis, mode), [], "{mode}");
    }
}

#[test]
fn raising_the_request_timeout_is_the_wrong_knob() {
    let mut files = files("one-broker-down");
    for (_, text) in &mut files {
        *text = text.replace("request.timeout.ms: 1500", "request.timeout.ms: 600000");
    }
    let diagnosis = diagnose(files);
    let finding = diagnosis.findings.iter().find(|finding| finding.meta.id == "wrong-knob");
    let finding = finding.expect("the timeout that was raised bounds something else");
    assert!(finding.title.contains("max.block.ms"), "{}", finding.title);
    assert_eq!(finding.role, Role::Contributing);
}

#[test]
fn the_repaired_twin_has_no_cause() {
    let diagnosis = diagnose(files("one-broker-down/fixed"));
    let families = ["client", "saturation", "leak", "credentials", "signal", "rollout"];
    let left: Vec<String> = diagnosis
        .findings
        .iter()
        .filter(|finding| families.contains(&finding.meta.family))
        .filter(|finding| finding.severity >= Severity::Medium)
        .map(|finding| format!("{}: {}", finding.meta.id, finding.title))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}
