//! Diagnoses made by hand.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod schema;

use wonin_model::{
    Diagnosis, Evidence, FileEdit, Finding, Fix, Group, Interpolated, Located, ModeMeta,
    NotChecked, Origin, ReadFile, Role, Severity, Skipped,
};
use wonin_report::{Limits, View, github, html, json, junit, sarif, text};
use wonin_text::{Edit, FileId, Place, SourceFile, Span};

pub(crate) static QUORUM: ModeMeta = ModeMeta {
    id: "quorum-without-spare",
    family: "replication",
    summary: "the quorum has no voter to spare",
    source: "//! Losing one voter stops the quorum.\n",
};

pub(crate) static REPLICA: ModeMeta = ModeMeta {
    id: "single-replica",
    family: "replication",
    summary: "a topic has one copy",
    source: "//! One copy.\n",
};

/// The place of the first `needle` in a file.
pub(crate) fn place(evidence: &Evidence, file: FileId, needle: &str) -> Place {
    let start = evidence.sources.file(file).text().find(needle).expect("the needle is there");
    Place { file, span: Span::new(start, start + needle.len()) }
}

pub(crate) fn add(evidence: &mut Evidence, path: &str, format: &'static str, text: &str) -> FileId {
    let file = evidence.sources.add(SourceFile::new(path, text));
    evidence.read.push(ReadFile { file, format });
    file
}

/// Two files, three findings (one low, one unsure), a group, a default, edits, a skipped file.
pub(crate) fn fixture() -> (Evidence, Diagnosis) {
    let mut evidence = Evidence::default();
    let compose = add(
        &mut evidence,
        "docker-compose.yml",
        "compose",
        "services:\n  kafka:\n    image: bitnami/kafka:3.9\n    environment:\n      VOTERS: 0@kafka:9093,1@kafka2:9093\n      REPLICAS: ${N}\n",
    );
    let env = add(&mut evidence, ".env", "env", "# how many\nN=1\n");
    evidence.skipped.push(Skipped {
        path: "x.yml".into(),
        place: None,
        why: "not UTF-8: byte 7".into(),
    });
    let voters = place(&evidence, compose, "0@kafka:9093,1@kafka2:9093");
    let replicas = Origin::from(Interpolated {
        place: place(&evidence, compose, "${N}"),
        from: vec![place(&evidence, env, "1\n").part(0..1)],
        unset: Vec::new(),
    });
    let list = Located::written("0@kafka:9093,1@kafka2:9093".to_owned(), voters);
    let quorum = Finding::new(&QUORUM, "2 controller voters: losing either one stops the cluster")
        .service("kafka")
        .weigh(Role::Cause, Severity::Critical, 97)
        .arithmetic("majority of 2 = 2, spare = 2 - 2 = 0")
        .because("two voters", &list)
        .because_at("this image", Origin::Written(place(&evidence, compose, "bitnami/kafka:3.9")))
        .leads_to("topic-creation-stops")
        .fix(Fix::advice("give each role its own containers"))
        .fix(Fix::replace("add a third voter", &list, "0@kafka:9093,1@kafka2:9093,2@kafka3:9093"))
        .rehearse("wonin rehearse kafka --stop 1");
    let number = Located { value: 1, origin: replicas };
    let default = Located::default_of(1, "Apache Kafka 3.9 broker", "broker configuration");
    let replica = Finding::new(&REPLICA, "topics have 1 copy: each lives and dies with one broker")
        .weigh(Role::Cause, Severity::High, 90)
        .because("one copy", &number)
        .because("`min.insync.replicas`", &default)
        .fix(Fix {
            title: "ask for three copies".into(),
            safe: true,
            edits: vec![FileEdit {
                file: env,
                edit: Edit { span: Span::new(13, 14), replacement: "3".into() },
            }],
            alone: false,
        });
    let low = Finding::new(&REPLICA, "a remark").weigh(Role::Contributing, Severity::Low, 80);
    let unsure = Finding::new(&REPLICA, "a guess").weigh(Role::Cause, Severity::High, 40);
    let diagnosis = Diagnosis {
        findings: vec![quorum, replica, unsure, low],
        groups: vec![Group {
            title: "kafka keeps working when one broker stops".into(),
            members: vec![0, 1],
        }],
        not_checked: vec![NotChecked {
            mode: "health-check-outpaces-startup",
            service: Some("web".into()),
            why: "no startup time known: give --startup or a log".into(),
        }],
        ..Diagnosis::default()
    };
    (evidence, diagnosis)
}

/// Every output of a view, by name.
pub(crate) fn outputs(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
    limits: Limits,
) -> Vec<(&'static str, String)> {
    let view = View::new(evidence, diagnosis, limits);
    vec![
        ("text", text::render(&view, text::Layout::default())),
        ("colour", text::render(&view, text::Layout { width: 60, colour: true })),
        ("json", json::render(&view)),
        ("sarif", sarif::render(&view, "0.0.0")),
        ("junit", junit::render(&view)),
        ("github", github::render(&view)),
        ("html", html::render(&view)),
    ]
}
