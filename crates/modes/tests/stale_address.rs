//! The case of the stale address: one cause in front, and silence about both repaired twins.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, Severity};
use wonin_read::MemoryFiles;

fn diagnose(case: &str) -> Diagnosis {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases").join(case);
    let files = ["docker-compose-metric.yml", ".env"].map(|name| {
        (name.to_owned(), fs::read_to_string(folder.join(name)).expect("the case is there"))
    });
    wonin_modes::examine(&wonin_read::read(&MemoryFiles::new(files)))
}

fn at_least(diagnosis: &Diagnosis, severity: Severity) -> Vec<&Finding> {
    diagnosis.findings.iter().filter(|finding| finding.severity >= severity).collect()
}

#[test]
fn the_cause_stands_alone_in_front() {
    let diagnosis = diagnose("stale-address");
    let findings = at_least(&diagnosis, Severity::Medium);
    let modes: Vec<&str> = findings.iter().map(|finding| finding.meta.id).collect();
    assert_eq!(modes, ["address-as-identity"]);
    let first = findings[0];
    for instance in ["pinot-controller", "pinot-broker-0", "pinot-server-0"] {
        assert!(first.title.contains(instance), "{}", first.title);
    }
    assert!(first.fixes.iter().any(|fix| fix.edits.len() == 3), "each instance gets its name");
}

#[test]
fn both_kinds_of_repair_end_it() {
    for twin in ["stale-address/fixed/names", "stale-address/fixed/addresses"] {
        let diagnosis = diagnose(twin);
        let left = at_least(&diagnosis, Severity::Medium);
        assert!(left.is_empty(), "{twin}: {:?}", left.first().map(|finding| &finding.title));
    }
}
