//! The case of one broker down: each cause in its role, nothing that was ruled out, and silence
//! about the repaired twin. With the logs of a test run, what was seen comes first.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, Role, Severity, Standing};
use wonin_read::MemoryFiles;

/// The configuration below a folder of `cases`, without its repaired twin and its logs.
fn files(case: &str) -> Vec<(String, String)> {
    let mut found = all_files(case);
    found.retain(|(name, _)| !name.starts_with("logs/"));
    found
}

/// The same with the logs of one test.
fn files_with(case: &str, logs: &str) -> Vec<(String, String)> {
    let mut found = all_files(case);
    found.retain(|(name, _)| !name.starts_with("logs/") || name.starts_with(logs));
    found
}

fn all_files(case: &str) -> Vec<(String, String)> {
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

fn observed(diagnosis: &Diagnosis) -> Vec<&Finding> {
    diagnosis.findings.iter().filter(|one| one.standing == Standing::Observed).collect()
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

#[test]
fn the_stopped_broker_is_seen_root_first() {
    let diagnosis = diagnose(files_with("one-broker-down", "logs/stop/"));
    let observed = observed(&diagnosis);
    let modes: Vec<&str> = observed.iter().map(|finding| finding.meta.id).collect();
    let expected = ["quorum-without-spare", "single-bootstrap", "single-replica"];
    assert_eq!(&modes[..3], expected);
    assert!(observed[..3].iter().all(|finding| finding.role == Role::Cause));
    let explained = observed.iter().filter_map(|finding| finding.explains);
    let most = explained.max_by_key(|share| share.events).expect("some events are explained");
    assert!(most.events * 3 >= most.of, "{most:?}");
    let knob = observed.iter().find(|finding| finding.meta.id == "setting-not-applied");
    let title = &knob.expect("1500 never counted").title;
    for number in ["60000", "1500", "max.block.ms"] {
        assert!(title.contains(number), "{title}");
    }
    let group = diagnosis.groups.iter().find(|group| group.title.contains("one broker stops"));
    assert!(group.expect("they only help together").members.len() >= 3);
}

#[test]
fn the_delay_is_seen_and_the_timeout_that_bounds_the_wait_is_named() {
    let diagnosis = diagnose(files_with("one-broker-down", "logs/delay/"));
    let observed = observed(&diagnosis);
    let modes: Vec<&str> = observed.iter().map(|finding| finding.meta.id).collect();
    assert_eq!(modes.first(), Some(&"delay-beyond-connect-cap"));
    assert!(modes.contains(&"setting-not-applied"), "{modes:?}");
    // Nobody stopped: neither the quorum nor a replica is seen to be lost.
    for mode in ["quorum-without-spare", "single-replica"] {
        assert!(!modes.contains(&mode), "{modes:?}");
    }
}

#[test]
fn logs_alone_name_the_causes_too() {
    let logs = |of: &str| -> Vec<(String, String)> {
        let mut found = all_files("one-broker-down");
        found.retain(|(name, _)| name.starts_with(of));
        found
    };
    let stop = diagnose(logs("logs/stop/"));
    let modes: Vec<&str> = observed(&stop).iter().map(|finding| finding.meta.id).collect();
    for mode in ["quorum-without-spare", "single-bootstrap", "wrong-knob"] {
        assert!(modes.contains(&mode), "{modes:?}");
    }
    // The node's own log tells how many voters there are.
    let quorum = observed(&stop)[0];
    assert!(quorum.title.starts_with("2 controller voters"), "{}", quorum.title);
    let delay = diagnose(logs("logs/delay/"));
    let modes: Vec<&str> = observed(&delay).iter().map(|finding| finding.meta.id).collect();
    // Nobody is seen to have turned a timeout, so the numbers are told within what explains them.
    assert_eq!(modes, ["delay-beyond-connect-cap"]);
    let claims: Vec<&str> =
        observed(&delay)[0].because.iter().map(|one| one.claim.as_str()).collect();
    let number = "60000 ms is the default of max.block.ms, which ends this wait";
    assert!(claims.contains(&number), "{claims:#?}");
}

/// What nodes of the repaired stack logged while one of three was gone (Apache Kafka 3.9.1, real
/// lines): a number is a consequence there, and nobody turned a timeout.
#[test]
fn a_number_alone_is_no_turned_knob() {
    let mut files = files("one-broker-down/fixed");
    let lines = [
        "[2026-11-25 10:17:14,727] INFO [RaftManager id=1] Disconnecting from node 0 due to socket connection setup timeout. The timeout value is 8439 ms. (org.apache.kafka.clients.NetworkClient)",
        "[2026-11-25 10:17:16,605] INFO [NodeToControllerChannelManager id=1 name=heartbeat] Disconnecting from node 0 due to socket connection setup timeout. The timeout value is 8992 ms. (org.apache.kafka.clients.NetworkClient)",
        "[2026-11-25 10:17:38,816] INFO [RaftManager id=1] Disconnecting from node 0 due to socket connection setup timeout. The timeout value is 22887 ms. (org.apache.kafka.clients.NetworkClient)",
    ];
    files.push(("logs/kafka2.log".to_owned(), lines.join("\n")));
    let diagnosis = diagnose(files);
    let knobs = diagnosis.findings.iter().filter(|one| one.meta.id == "wrong-knob");
    let weights: Vec<(Role, Severity)> = knobs.map(|one| (one.role, one.severity)).collect();
    assert_eq!(weights, [(Role::Symptom, Severity::Low)]);
}

/// The same number where the client itself printed that somebody changed another timeout.
#[test]
fn a_printed_setting_shows_that_a_knob_was_turned() {
    let log = |request: u32| {
        let text = format!(
            "2025-03-02 10:04:40.001  INFO 1 --- [main] o.a.k.clients.producer.ProducerConfig : ProducerConfig values: \n\tacks = -1\n\tbootstrap.servers = [kafka:9092]\n\tdelivery.timeout.ms = 120000\n\tmax.block.ms = 60000\n\trequest.timeout.ms = {request}\n\n\
             2025-03-02 10:05:41.007 ERROR 1 --- [main] shop.Sender : Send failed: org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.\n"
        );
        diagnose(vec![("logs/orders.log".to_owned(), text)])
    };
    let turned = log(600_000);
    let knob = turned.findings.iter().find(|one| one.meta.id == "wrong-knob").unwrap();
    assert_eq!((knob.role, knob.severity), (Role::Contributing, Severity::Medium));
    assert!(knob.title.contains("request.timeout.ms = 600000 does not bound it"), "{}", knob.title);
    let left = log(30_000);
    let knob = left.findings.iter().find(|one| one.meta.id == "wrong-knob").unwrap();
    assert_eq!((knob.role, knob.severity), (Role::Symptom, Severity::Low), "{}", knob.title);
}
