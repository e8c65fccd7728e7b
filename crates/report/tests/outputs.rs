//! Each output, as a person or a machine will get it.

mod support;

use serde_json::Value;
use support::{fixture, outputs, schema};
use wonin_model::Severity;
use wonin_report::{Limits, View, github, html, json, junit, sarif, suppress, text};

fn view() -> View {
    let (evidence, diagnosis) = fixture();
    View::new(&evidence, &diagnosis, Limits::default())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON")
}

#[test]
fn terminal_text() {
    insta::assert_snapshot!("text", text::render(&view(), text::Layout::default()));
}

#[test]
fn narrow_text_stays_within_its_width() {
    let out = text::render(&view(), text::Layout { width: 60, colour: false });
    let notes = out.lines().filter(|line| line.trim_start().starts_with('='));
    assert!(notes.clone().count() > 3);
    notes.for_each(|line| assert!(line.chars().count() <= 60, "{line}"));
}

#[test]
fn colours_come_only_when_asked_for() {
    let coloured = text::render(&view(), text::Layout { width: 100, colour: true });
    assert!(coloured.contains("\u{1b}["));
    assert!(!text::render(&view(), text::Layout::default()).contains('\u{1b}'));
}

#[test]
fn json_keeps_its_contract() {
    let schema = parsed(include_str!("../../../docs/schema/wonin.diagnosis-1.schema.json"));
    let out = json::render(&view());
    assert_eq!(schema::problems(&schema, &parsed(&out)), [""; 0]);
    insta::assert_snapshot!("json", out);
}

#[test]
fn the_schema_refuses_what_it_should() {
    let schema = parsed(include_str!("../../../docs/schema/wonin.diagnosis-1.schema.json"));
    let good = parsed(&json::render(&view()));
    for (pointer, bad) in [
        ("/schema", Value::from("wonin.diagnosis/2")),
        ("/findings/0/severity", Value::from("fatal")),
        ("/findings/0/confidence", Value::from(1.5)),
        ("/findings/0/because/0/line", Value::from(0)),
        ("/findings/0/because/0", Value::from("x")),
        ("/groups/0/members", parsed("[1]")),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).expect(pointer) = bad;
        assert_ne!(schema::problems(&schema, &value), [""; 0], "{pointer}");
    }
}

#[test]
fn sarif_has_places_relations_and_fixes() {
    let out = sarif::render(&view(), "0.0.0");
    let log = parsed(&out);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], log["runs"][0]["tool"]["driver"]["rules"][0]["id"]);
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 5);
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "this image");
    let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["deletedRegion"]["byteOffset"], 79);
    insta::assert_snapshot!("sarif", out);
}

#[test]
fn junit_and_annotations_and_page() {
    insta::assert_snapshot!("junit", junit::render(&view()));
    insta::assert_snapshot!("github", github::render(&view()));
    let page = html::render(&view());
    assert!(!page.contains("<script") && !page.contains("http"), "the page stands alone");
    insta::assert_snapshot!("html", page);
}

#[test]
fn limits_hide_and_say_so() {
    let (evidence, diagnosis) = fixture();
    let high = Limits { severity_min: Some(Severity::High), pedantic: false };
    for (name, out) in outputs(&evidence, &diagnosis, high) {
        assert!(!out.contains("a remark"), "{name} leaves out what is below the severity");
        assert!(!out.contains("a guess"), "{name} leaves out what is unsure");
    }
    let view = View::new(&evidence, &diagnosis, high);
    assert_eq!((view.hidden.below_severity, view.hidden.unsure), (1, 1));
    let pedantic = Limits { severity_min: None, pedantic: true };
    for (name, out) in outputs(&evidence, &diagnosis, pedantic) {
        assert!(out.contains("a remark") && out.contains("a guess"), "{name} has all");
    }
}

#[test]
fn groups_follow_their_members() {
    let mut view = view();
    assert_eq!(view.retain(|finding| finding.title.contains("copy")), 2);
    assert!(view.groups.is_empty(), "one member alone is no group");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let (evidence, diagnosis) = fixture();
    let once = outputs(&evidence, &diagnosis, Limits::default());
    assert_eq!(once, outputs(&evidence, &diagnosis, Limits::default()));
}

#[test]
fn fingerprints_survive_moved_lines() {
    let (evidence, diagnosis) = fixture();
    let before = View::new(&evidence, &diagnosis, Limits::default());
    let mut moved = wonin_model::Evidence::default();
    for (_, file) in evidence.sources.iter() {
        let text = format!("# a new line\n{}", file.text());
        moved.sources.add(wonin_text::SourceFile::new(file.path(), text));
    }
    moved.read = evidence.read.clone();
    let mut later = diagnosis;
    let shift = "# a new line\n".len() as u32;
    for because in later.findings.iter_mut().flat_map(|finding| &mut finding.because) {
        if let wonin_model::Origin::Written(place) = &mut because.origin {
            place.span.start += shift;
            place.span.end += shift;
        }
        if let wonin_model::Origin::Interpolated(filled) = &mut because.origin {
            for place in std::iter::once(&mut filled.place).chain(&mut filled.from) {
                place.span.start += shift;
                place.span.end += shift;
            }
        }
    }
    let after = View::new(&moved, &later, Limits::default());
    let names =
        |view: &View| view.findings.iter().map(|f| f.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
}

#[test]
fn fingerprints_survive_logs_that_grow_and_rotate() {
    let name = |path: &str, lines: &[(u64, &str)], title: &str| {
        let mut evidence = wonin_model::Evidence::default();
        let lines: Vec<(u64, String)> =
            lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect();
        let file = evidence.sources.add(wonin_text::SourceFile::excerpt(path, &lines));
        let at = support::place(&evidence, file, "refused");
        let finding = wonin_model::Finding::new(&support::QUORUM, title)
            .service("web")
            .because_at("seen", wonin_model::Origin::Written(at));
        let diagnosis = wonin_model::Diagnosis { findings: vec![finding], ..Default::default() };
        let view = View::new(&evidence, &diagnosis, Limits::default());
        view.findings[0].fingerprint.clone()
    };
    let before = name("app.log", &[(7, "10:00 refused")], "kafka-1 refused 3 times in 2 min");
    let lines = [(2, "09:00 refused"), (9000, "11:00 refused")];
    assert_eq!(before, name("app.log", &lines, "kafka-1 refused 812 times in 1 h"));
    assert_eq!(before, name("app.log.1", &lines[1..], "kafka-1 refused 4 times in 9 s"));
    assert_ne!(before, name("app.log", &lines, "kafka-2 refused 812 times in 1 h"));
}

#[test]
fn comments_take_findings_back() {
    let (_, diagnosis) = fixture();
    let case = |comment: &str| {
        let (old, _) = fixture();
        let mut evidence = wonin_model::Evidence::default();
        for (_, file) in old.sources.iter() {
            // The comment goes behind the voters, so that no place moves.
            let text = file.text().replace("9093\n", &format!("9093 {comment}\n"));
            evidence.sources.add(wonin_text::SourceFile::new(file.path(), text));
        }
        let mut diagnosis = wonin_model::Diagnosis {
            findings: diagnosis.findings[..1].to_vec(),
            ..wonin_model::Diagnosis::default()
        };
        let gone = suppress::apply(&evidence, &mut diagnosis, &mut []);
        let titles: Vec<_> = diagnosis.findings.into_iter().map(|finding| finding.title).collect();
        (gone, titles.join("\n"))
    };
    assert_eq!(case("# wonin: ignore[quorum-without-spare] a test bench"), (1, String::new()));
    assert!(case("# wonin: ignore[quorum-without-spare]").1.contains("gives no reason"));
    assert!(case("# wonin: ignore[single-replica] wrong one").1.contains("takes nothing back"));
    assert_eq!(case("wonin: ignore[quorum-without-spare] no comment").0, 0);
}

#[test]
fn what_logs_said_is_counted_and_what_nobody_explains_is_listed() {
    let (mut evidence, mut diagnosis) = fixture();
    let log = support::add(&mut evidence, "app.log", "log", "ERROR odd\n");
    let share = wonin_model::Share { events: 12, of: 14 };
    diagnosis.findings[0].standing = wonin_model::Standing::Observed;
    diagnosis.findings[0].explains = Some(share);
    diagnosis.findings[0].follows_from = vec!["single-replica"];
    diagnosis.unexplained = vec![wonin_model::Unexplained {
        events: 2,
        template: "odd <*>".to_owned(),
        place: support::place(&evidence, log, "odd"),
    }];
    let view = View::new(&evidence, &diagnosis, Limits::default());
    let document = parsed(&json::render(&view));
    let schema = parsed(include_str!("../../../docs/schema/wonin.diagnosis-1.schema.json"));
    assert_eq!(schema::problems(&schema, &document), [""; 0]);
    assert_eq!(document["findings"][0]["explains"]["events"], 12);
    assert_eq!(document["unexplained"][0]["path"], "app.log");
    let shown = text::render(&view, text::Layout::default());
    for expected in [
        "explains: 12 of 14 events in logs",
        "observed",
        "follows from: single-replica",
        "2 events like app.log:1: odd <*>",
    ] {
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    let page = html::render(&view);
    assert!(page.contains("12 of 14 events in logs") && page.contains("app.log:1: odd &lt;*&gt;"));
}
