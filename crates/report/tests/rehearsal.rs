//! Rehearsals as a person or a machine will get them.

#[path = "support/schema.rs"]
mod schema;

use serde_json::Value;
use wonin_model::rehearsal::{
    Anomaly, Delivery, Effect, Expectation, FaultRun, Phase, Plan, Prediction, Recovery, Rehearsal,
    Repair, Step, Verdict,
};
use wonin_report::rehearsal::{PlanView, RehearsalView, json, junit, plan, text};
use wonin_report::text::Layout;
use wonin_text::{SourceFile, Sources};

const SCENARIO: &str = "[[workload]]\nenv = { DB_PASSWORD = \"hunter2secret\" }\n";

fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("s.toml", SCENARIO));
    sources
}

fn expectation(name: &str, phase: Phase, held: bool, seen: &str) -> Expectation {
    Expectation { name: name.to_owned(), phase, held, seen: seen.to_owned() }
}

/// A rehearsal with a bit of everything.
fn broke() -> Rehearsal {
    let fault = |name: &str, target: &str, what: &str, from_s, to_s, hits| FaultRun {
        name: name.to_owned(),
        target: target.to_owned(),
        what: what.to_owned(),
        from_s,
        to_s,
        hits,
    };
    Rehearsal {
        name: "one broker down: kill, cold clients".to_owned(),
        verdict: Verdict::Broke,
        why: "`orders are taken` did not hold during the fault: 43 of 120 succeeded (35.8%), at \
              least 99% expected; 77 × Topic orders not present in metadata after 60000 ms. (and 1 \
              more)"
            .to_owned(),
        seed: 7,
        faults: vec![
            fault("slow", "proxy db", "latency 300 ms downstream", 5.0, Some(15.25), 12),
            fault("gone", "container shop-kafka-1", "kill", 7.5, None, 1),
        ],
        expectations: vec![
            expectation("orders are taken", Phase::Before, true, "100 of 100 succeeded"),
            expectation(
                "orders are taken",
                Phase::During,
                false,
                "43 of 120 succeeded (35.8%), at least 99% expected; 77 × Topic orders not present \
                 in metadata after 60000 ms.",
            ),
            expectation("orders are taken", Phase::After, true, "100 of 100 succeeded"),
            expectation("nothing is lost", Phase::After, false, "3 lost, at most 0 expected"),
        ],
        delivery: Some(Delivery {
            sent: 320,
            acknowledged: 243,
            read: 240,
            lost: 3,
            not_delivered: 0,
            duplicated: 2,
            reordered: 0,
            anomalies: vec![
                Anomaly {
                    name: "lost-write",
                    count: 3,
                    is_bad: true,
                    examples: vec!["record 17 of producer 0".to_owned()],
                },
                Anomaly { name: "duplicate", count: 2, is_bad: false, examples: Vec::new() },
            ],
        }),
        recovery: Recovery {
            first_success_s: Some(1.25),
            steady_s: Some(4.0),
            backlog_drain_s: Some(6.5),
            duplicates: 2,
        },
        predictions: vec![Prediction {
            mode: "quorum-without-spare".to_owned(),
            claim: "majority of 2 = 2, spare = 0".to_owned(),
            seen: "no leader of the quorum for 12 s".to_owned(),
            came_true: true,
        }],
        confirmed: vec!["quorum-without-spare".to_owned()],
        not_possible: vec!["freeze: no writable cgroup".to_owned()],
        remarks: vec!["the environment had DB_PASSWORD=hunter2secret".to_owned()],
        ..Rehearsal::default()
    }
}

fn held() -> Rehearsal {
    Rehearsal {
        name: "one broker down: stop, cold clients".to_owned(),
        why: "all 4 expectations held while `slow` acted".to_owned(),
        seed: 7,
        faults: broke().faults.into_iter().take(1).collect(),
        expectations: vec![expectation(
            "orders are taken",
            Phase::Before,
            true,
            "9 of 9 succeeded",
        )],
        recovery: Recovery { first_success_s: Some(-2.0), ..Recovery::default() },
        ..Rehearsal::default()
    }
}

/// Two runs of one scenario.
fn several() -> Rehearsal {
    Rehearsal {
        name: "one broker down".to_owned(),
        verdict: Verdict::Broke,
        why: "1 of 2 runs broke".to_owned(),
        seed: 7,
        scenarios: vec![held(), broke()],
        ..Rehearsal::default()
    }
}

/// Repairs that were tried one after the other.
fn proved() -> Rehearsal {
    let step = |mode: &str, effect, failed: &[&str]| Step {
        repair: Some(Repair {
            mode: mode.to_owned(),
            changes: vec!["start from all 2 brokers: a:1,b:2".to_owned()],
            places: vec!["compose.yml:12".to_owned(), "compose.yml:29".to_owned()],
        }),
        verdict: if failed.is_empty() { Verdict::Held } else { Verdict::Broke },
        seen: vec!["broker 1 stopped, warm clients: 40 of 80 taken, 40 read, 0 lost".to_owned()],
        failed: failed.iter().map(|&text| text.to_owned()).collect(),
        failed_by: failed.iter().take(1).map(|_| "single-bootstrap".to_owned()).collect(),
        effect: Some(effect),
        scenarios: vec![held()],
    };
    let first = Step {
        repair: None,
        effect: None,
        ..step("", Effect::Unknown, &["partitions take nothing", "clients send nothing"])
    };
    Rehearsal {
        name: "kafka, repairs tried".to_owned(),
        why: "records go on once these 2 are repaired: single-replica, single-bootstrap".to_owned(),
        seed: 7,
        steps: vec![
            first,
            step("single-replica", Effect::Moved, &["clients send nothing"]),
            step("single-bootstrap", Effect::Gone, &[]),
        ],
        confirmed: vec!["single-replica".to_owned(), "single-bootstrap".to_owned()],
        diff: ["--- compose.yml", "+++ compose.yml", "@@ -1 +1 @@", "-a: hunter2secret", "+a: 2"]
            .map(str::to_owned)
            .to_vec(),
        ..Rehearsal::default()
    }
}

fn view(rehearsal: &Rehearsal) -> RehearsalView {
    RehearsalView::new(rehearsal, &sources())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON")
}

fn schema() -> Value {
    parsed(include_str!("../../../docs/schema/wonin.rehearsal-1.schema.json"))
}

#[test]
fn terminal_text() {
    insta::assert_snapshot!("text", text::render(&view(&several()), Layout::default()));
}

#[test]
fn repairs_are_told_one_after_the_other() {
    insta::assert_snapshot!("steps", text::render(&view(&proved()), Layout::default()));
    let narrow = text::render(&view(&proved()), Layout { width: 60, colour: false });
    narrow.lines().for_each(|line| assert!(line.chars().count() <= 60, "{line}"));
    let document = parsed(&json::render(&view(&proved())));
    assert_eq!(schema::problems(&schema(), &document), [""; 0]);
    assert_eq!(document["steps"][0]["repair"], Value::Null);
    assert_eq!(document["steps"][1]["effect"], "moved");
    assert!(!document["diff"].to_string().contains("hunter2secret"));
    // Each scenario of the last step is a suite.
    let suites = junit::render(&view(&proved()));
    assert_eq!(suites.matches("<testsuite ").count(), 1, "{suites}");
}

#[test]
fn narrow_text_stays_within_its_width() {
    let out = text::render(&view(&several()), Layout { width: 60, colour: false });
    out.lines().for_each(|line| assert!(line.chars().count() <= 60, "{line}"));
}

#[test]
fn short_names_leave_room_for_the_title() {
    let mut run = held();
    run.expectations[0].name = "ok".to_owned();
    let out = text::render(&view(&run), Layout::default());
    assert!(
        out.contains("expectations:  before  during  after\n  ok           held    –"),
        "{out}"
    );
}

#[test]
fn colours_come_only_when_asked_for() {
    let out = text::render(&view(&broke()), Layout { width: 100, colour: true });
    assert!(out.contains("\u{1b}["));
    assert!(!text::render(&view(&broke()), Layout::default()).contains('\u{1b}'));
}

#[test]
fn json_keeps_its_contract() {
    let out = json::render(&view(&several()));
    assert_eq!(schema::problems(&schema(), &parsed(&out)), [""; 0]);
    insta::assert_snapshot!("json", json::render(&view(&broke())));
}

#[test]
fn the_schema_refuses_what_it_should() {
    let good = parsed(&json::render(&view(&several())));
    for (pointer, bad) in [
        ("/schema", Value::from("wonin.rehearsal/2")),
        ("/verdict", Value::from("fine")),
        ("/scenarios/1/faults/0/hits", Value::from(-1)),
        ("/scenarios/1/faults/0/to_s", Value::from("later")),
        ("/scenarios/1/expectations/0/phase", Value::from("meanwhile")),
        ("/scenarios/1/delivery/lost", Value::Null),
        ("/scenarios/1/recovery", Value::Null),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).expect(pointer) = bad;
        assert_ne!(schema::problems(&schema(), &value), [""; 0], "{pointer}");
    }
}

#[test]
fn junit_counts_what_did_not_hold() {
    insta::assert_snapshot!("junit", junit::render(&view(&several())));
    let invalid = Rehearsal { verdict: Verdict::Invalid, ..broke() };
    let out = junit::render(&view(&invalid));
    assert!(out.contains("tests=\"5\" failures=\"2\" errors=\"1\""), "{out}");
}

#[test]
fn secrets_of_the_scenario_are_hidden_everywhere() {
    let mut rehearsal = broke();
    rehearsal.why = "hunter2secret".to_owned();
    rehearsal.faults[0].what = "said hunter2secret".to_owned();
    rehearsal.expectations[0].seen = "hunter2secret\u{1b}[2J".to_owned();
    let view = view(&Rehearsal { scenarios: vec![rehearsal.clone()], ..rehearsal });
    let starts = vec!["workload: sh -c 'login hunter2secret'".to_owned()];
    let plan_view = PlanView::new(&Plan { starts, ..Plan::default() }, &sources());
    for out in [
        text::render(&view, Layout::default()),
        json::render(&view),
        junit::render(&view),
        plan::render(&plan_view, Layout::default()),
    ] {
        assert!(!out.contains("hunter2secret"), "{out}");
        assert!(!out.contains("\u{1b}[2J"), "{out}");
    }
}
