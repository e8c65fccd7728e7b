//! The case of the stale address: one cause in front, and silence about both repaired twins.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, Role, Severity, Standing};
use wonin_read::MemoryFiles;

const CONFIGURED: [&str; 2] = ["docker-compose-metric.yml", ".env"];
const SEEN: [&str; 4] =
    ["live/instances.json", "live/network.json", "logs/pinot-zoo.log", "logs/pinpoint-web.log"];

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
    // Both regimes: what restarts did not change, and what deleting the volumes did.
    let claims: Vec<&str> = stale.because.iter().map(|one| one.claim.as_str()).collect();
    for part in [
        "the registry was restarted with its data at 2025-05-25 22:39:24, and it fails on",
        "the caller was restarted at 2025-05-25 22:40:11, and it fails on",
        "the registry began empty at 2025-05-25 23:22:51, and nothing failed since",
    ] {
        assert!(claims.iter().any(|claim| claim.contains(part)), "{part}: {claims:#?}");
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

/// Real answers of Pinot 0.11: errors that end in silence are no recovery.
#[test]
fn errors_that_end_in_silence_are_told_in_the_order_of_time() {
    let names = [
        "docker-compose.yml",
        "live/instances.json",
        "live/idealstate.json",
        "live/externalview.json",
        "live/liveinstances.json",
        "logs/pinot-broker.log",
        "logs/pinot-server.log",
        "logs/queries.log",
    ];
    let diagnosis = diagnose_files("stale-server", &names);
    let observed = observed(&diagnosis);
    let modes: Vec<&str> = observed.iter().map(|finding| finding.meta.id).collect();
    assert_eq!(modes, ["address-as-identity", "stale-registration"]);
    let title = &observed[1].title;
    assert!(title.contains("without error and without rows"), "{title}");
    assert!(title.contains("10.77.0.3_O"), "{title}");
    let arithmetic = observed[1].arithmetic.as_deref().unwrap_or("");
    assert!(arithmetic.contains("8 s later"), "{arithmetic}");
}

/// `docker inspect` of two containers that were started at these times, with these addresses.
fn inspected(time: &str, orders: &str, prices: &str) -> String {
    let one = |name: &str, address: &str| {
        format!(
            r#"{{"Created": "2026-03-01T08:00:00Z", "Path": "serve", "Name": "/shop_{name}_1",
 "State": {{"Status": "running", "StartedAt": "2026-03-01T{time}Z"}}, "RestartCount": 0,
 "Config": {{"Labels": {{"com.docker.compose.project": "shop", "com.docker.compose.service": "{name}"}}}},
 "NetworkSettings": {{"Networks": {{"shop": {{"IPAddress": "{address}"}}}}}}}}"#
        )
    };
    format!("[{},\n{}]\n", one("orders", orders), one("prices", prices))
}

#[test]
fn what_was_said_before_a_restart_is_history() {
    let compose = "services:\n  orders:\n    image: a/orders:1\n    expose: ['7000']\n  prices:\n    image: a/prices:1\n    expose: ['7001']\n";
    let log = "2026-03-01T10:00:00.123Z ERROR 1 --- [front] [main] shop.front.Orders : java.net.ConnectException: Connection refused: /172.30.7.2:7000\n";
    let before = inspected("08:00:00", "172.30.7.2", "172.30.7.3");
    let after = inspected("09:00:00", "172.30.7.3", "172.30.7.2");
    let files = [
        ("docker-compose.yml", compose),
        ("live/after.json", &after),
        ("live/before.json", &before),
        ("logs/front.log", log),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let diagnosis = wonin_modes::examine(&wonin_read::read(&MemoryFiles::new(files)));
    let found = observed(&diagnosis);
    let found = found.iter().find(|one| one.meta.id == "stale-registration").unwrap();
    assert!(found.title.starts_with("172.30.7.2:7000 is held by prices now"), "{}", found.title);
    let claims: Vec<&str> = found.because.iter().map(|one| one.claim.as_str()).collect();
    assert!(claims.contains(&"orders had 172.30.7.2 before it was started anew"), "{claims:?}");
}
