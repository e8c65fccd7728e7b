//! The case of the stale address: one cause in front, and silence about both repaired twins.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, Role, Severity, Standing};
use wonin_read::MemoryFiles;

const CONFIGURED: [&str; 2] = ["docker-compose-metric.yml", ".env"];
const SEEN: [&str; 3] = ["live/instances.json", "live/network.json", "logs/pinpoint-web.log"];

fn diagnose(case: &str) -> Diagnosis {
    diagnose_files(case, &CONFIGURED)
}

fn diagnose_files(case: &str, names: &[&str]) -> Diagnosis {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases").join(case);
    let files = names.iter().map(|name| {
        ((*name).to_owned(), fs::read_to_string(folder.join(name)).expect("the case is there"))
    });
    wonin_modes::examine(&wonin_read::read(&MemoryFiles::new(files)))
}

fn observed(diagnosis: &Diagnosis) -> Vec<&Finding> {
    diagnosis.findings.iter().filter(|one| one.standing == Standing::Observed).collect()
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

#[test]
fn the_cause_is_seen_in_front_of_what_follows() {
    let all: Vec<&str> = CONFIGURED.iter().chain(&SEEN).copied().collect();
    let diagnosis = diagnose_files("stale-address", &all);
    let observed = observed(&diagnosis);
    let modes: Vec<&str> = observed.iter().map(|finding| finding.meta.id).collect();
    assert_eq!(modes[..2], ["address-as-identity", "stale-registration"]);
    assert_eq!(observed[0].role, Role::Cause);
    let stale = observed[1];
    assert_eq!(
        (stale.role, stale.follows_from.as_slice()),
        (Role::Symptom, &["address-as-identity"][..])
    );
    for part in ["nobody holds 172.24.0.9:8099", "pinot-broker-0", "172.24.0.11"] {
        assert!(stale.title.contains(part), "{}", stale.title);
    }
    let arithmetic = stale.arithmetic.as_deref().unwrap_or("");
    for part in ["1 / (1 + 1) = 50 %", "brokerConnectTimeoutMs"] {
        assert!(arithmetic.contains(part), "{arithmetic}");
    }
    let share = observed[0].explains.expect("it explains events");
    assert_eq!(share.events, share.of);
    assert!(diagnosis.unexplained.is_empty(), "{:?}", diagnosis.unexplained);
}

#[test]
fn without_configuration_the_stale_entry_is_the_cause() {
    let diagnosis = diagnose_files("stale-address", &SEEN);
    let observed = observed(&diagnosis);
    assert_eq!(observed[0].meta.id, "stale-registration");
    assert_eq!(observed[0].role, Role::Cause);
    assert!(observed[0].title.contains("nobody holds 172.24.0.9:8099"), "{}", observed[0].title);
}
