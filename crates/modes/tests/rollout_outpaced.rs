//! The case of the rollout that was outpaced: the checks in front, what follows in its role, silence
//! about the repaired twin, and no claim where the startup time is not known.

use std::fs;
use std::path::Path;

use wonin_model::{Diagnosis, Finding, GivenStartup, Role, Severity};
use wonin_read::MemoryFiles;

fn diagnose(case: &str, startup: &[&str]) -> Diagnosis {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/rollout-outpaced");
    let text = fs::read_to_string(root.join(case).join("main.tf")).expect("the case is there");
    let mut evidence = wonin_read::read(&MemoryFiles::new([("main.tf", text.as_str())]));
    if !startup.is_empty() {
        evidence.startup = Some(GivenStartup::parse(startup).expect("a startup time"));
    }
    wonin_modes::examine(&evidence)
}

/// The one finding of a mode.
fn finding<'a>(diagnosis: &'a Diagnosis, mode: &str) -> &'a Finding {
    let mut of_mode = diagnosis.findings.iter().filter(|finding| finding.meta.id == mode);
    let found = of_mode.next().unwrap_or_else(|| panic!("{mode} is found"));
    assert!(of_mode.next().is_none(), "{mode} once");
    found
}

#[test]
fn the_check_outpaces_the_startup() {
    let diagnosis = diagnose("", &["150s"]);
    let cause = finding(&diagnosis, "health-check-outpaces-startup");
    assert_eq!(diagnosis.findings[0].meta.id, cause.meta.id, "it stands in front");
    assert_eq!((cause.role, cause.severity), (Role::Cause, Severity::High));
    let sum = "(3 - 1) × 15 s = 30 s < 150 s of start; grace 15 s < 150 s + 2 × 15 s = 180 s";
    assert_eq!(cause.arithmetic.as_deref(), Some(sum));
    assert_eq!(cause.service.as_deref(), Some("api"));
    let grace = &cause.fixes[0];
    assert_eq!(grace.edits[0].edit.replacement, "180", "{}", grace.title);

    let halves = finding(&diagnosis, "rollout-halves-capacity");
    assert_eq!((halves.role, halves.severity), (Role::Contributing, Severity::Medium));
    let breaker = finding(&diagnosis, "breaker-trips-first");
    assert_eq!(breaker.role, Role::Symptom);
    assert!(breaker.title.contains("100 s to 130 s"), "{}", breaker.title);
    assert!(breaker.title.contains("185 s"), "{}", breaker.title);
    assert_eq!(finding(&diagnosis, "silent-rollback").role, Role::Contributing);
}

#[test]
fn measured_pairs_show_the_cpu() {
    let diagnosis = diagnose("", &["35s@1024", "150s@256"]);
    let cause = finding(&diagnosis, "health-check-outpaces-startup");
    let cpu = cause.because.iter().find(|because| because.claim.starts_with("256 CPU units"));
    let cpu = cpu.expect("the CPU has its part");
    assert!(cpu.claim.contains("with 1024 it takes 35 s, and 67 % of the tasks live"), "{cpu:?}");
    let units = cause.fixes.iter().any(|fix| fix.title.contains("1186 CPU units"));
    assert!(units, "{:?}", cause.fixes);
}

#[test]
fn the_settings_before_were_luck() {
    let diagnosis = diagnose("before", &["35s"]);
    let cause = finding(&diagnosis, "health-check-outpaces-startup");
    assert!(
        cause.title.contains("luck decides") && cause.title.contains("67 %"),
        "{}",
        cause.title
    );
    assert_eq!(cause.severity, Severity::Medium);
}

#[test]
fn the_repaired_twin_has_nothing_of_weight() {
    let diagnosis = diagnose("fixed", &["150s"]);
    let loud = diagnosis.findings.iter().filter(|finding| finding.severity >= Severity::Medium);
    let loud: Vec<&str> = loud.map(|finding| finding.title.as_str()).collect();
    assert_eq!(loud, [""; 0]);
}

#[test]
fn without_a_startup_time_it_is_not_checked() {
    let diagnosis = diagnose("", &[]);
    assert!(diagnosis.findings.iter().all(|one| one.meta.id != "health-check-outpaces-startup"));
    let open = diagnosis.not_checked.iter();
    let open: Vec<_> = open.filter(|one| one.mode == "health-check-outpaces-startup").collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].service.as_deref(), Some("api"));
    assert!(open[0].why.contains("give --startup or a log"), "{}", open[0].why);
    assert!(open[0].why.contains("allow 30 s"), "{}", open[0].why);
}
