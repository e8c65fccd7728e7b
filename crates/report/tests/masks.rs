//! No output prints a secret.

mod support;

use support::{QUORUM, add, outputs, place};
use wonin_model::{
    Diagnosis, Evidence, FileEdit, Finding, Fix, Inherited, Located, Origin, Role, Severity,
    Skipped,
};
use wonin_report::Limits;
use wonin_text::{Edit, FileId, Place, Span};

/// What must never be seen, and the files it stands in.
const SECRET: &str = "Tr0ub4dor-and-3";

fn files() -> Vec<(&'static str, String)> {
    vec![
        (".env", format!("DB_PASSWORD={SECRET}\n")),
        (
            "compose.yml",
            format!(
                "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: {SECRET}\n      URL: postgres://app:{SECRET}@db/app\n      J: ${{DB_PASSWORD:-{SECRET}}}\n    command: redis-server --requirepass {SECRET}\n"
            ),
        ),
        ("list.yml", format!("services:\n  db:\n    environment:\n      - \"API_KEY={SECRET}\"\n")),
        ("application.yml", format!("spring:\n  datasource:\n    password: '{SECRET}'\n")),
        (
            "client.properties",
            format!(
                "sasl.jaas.config=x.PlainLoginModule required username=\"u\" password=\"{SECRET}\";\n"
            ),
        ),
        ("Client.java", format!("class C {{ void c() {{ c.setPassword(\"{SECRET}\"); }} }}\n")),
        ("Dockerfile", format!("FROM x\nENV DB_PASSWORD={SECRET}\nENV API_TOKEN {SECRET}\n")),
        (
            "key.yml",
            format!(
                "k: |\n  -----BEGIN PRIVATE KEY-----\n  {SECRET}\n  -----END PRIVATE KEY-----\n"
            ),
        ),
        ("state.json", format!("{{\"accessToken\": \"{SECRET}\", \"x\": 1}}\n")),
    ]
}

/// Findings that mark every line, quote the secret in every sentence and put it into an edit.
fn careless() -> (Evidence, Diagnosis) {
    let mut evidence = Evidence::default();
    let mut diagnosis = Diagnosis::default();
    for (path, text) in files() {
        let file = add(&mut evidence, path, "test", &text);
        let mut at = 0;
        for line in text.lines() {
            let whole = Place { file, span: Span::new(at, at + line.len()) };
            at += line.len() + 1;
            diagnosis.findings.push(finding(&evidence, file, line, whole));
        }
        evidence.skipped.push(Skipped {
            path: path.into(),
            place: None,
            why: format!("bad value {SECRET}"),
        });
    }
    (evidence, diagnosis)
}

fn finding(evidence: &Evidence, file: FileId, line: &str, whole: Place) -> Finding {
    let exact = line.contains(SECRET).then(|| place(evidence, file, SECRET));
    let exact = Located::written(SECRET.to_owned(), exact.unwrap_or(whole));
    let edit = Edit { span: whole.span, replacement: format!("password: {SECRET}") };
    Finding::new(&QUORUM, format!("the title quotes {SECRET}"))
        .service(format!("db-{SECRET}"))
        .weigh(Role::Cause, Severity::High, 90)
        .arithmetic(format!("{SECRET} + 1"))
        .because_at(format!("claims {SECRET}"), Origin::Written(whole))
        .because("a value", &exact)
        .because(
            "filled in",
            &Located {
                value: SECRET.to_owned(),
                origin: Origin::from(Inherited {
                    place: exact.place().unwrap_or(whole),
                    via: vec![whole],
                    how: wonin_model::Inheritance::EnvFile,
                }),
            },
        )
        .because("a default", &Located::default_of(SECRET.to_owned(), "x", "y"))
        .leads_to(format!("effect-{SECRET}"))
        .fix(Fix {
            title: format!("use {SECRET}"),
            safe: true,
            edits: vec![FileEdit { file, edit }],
            alone: false,
        })
        .fix(Fix::replace("replace it", &exact, format!("{SECRET}2")))
        .rehearse(format!("run --password={SECRET}"))
}

#[test]
fn no_output_prints_a_secret() {
    let (evidence, diagnosis) = careless();
    assert!(diagnosis.findings.len() > 15);
    for (name, out) in outputs(&evidence, &diagnosis, Limits::default()) {
        assert!(out.contains("claims"), "{name} has the findings");
        if let Some(at) = out.find(SECRET).or_else(|| out.find("Tr0ub4")) {
            let around: String = out[..at + 10].chars().rev().take(300).collect();
            panic!("{name} prints a secret: {}", around.chars().rev().collect::<String>());
        }
    }
}

#[test]
fn a_weak_password_is_hidden_where_it_stands_only() {
    let mut evidence = Evidence::default();
    let file =
        add(&mut evidence, "c.yml", "compose", "image: postgres\nPOSTGRES_PASSWORD: postgres\n");
    let at = Place { file, span: Span::new(35, 43) };
    let password = Located::written("postgres".to_owned(), at);
    let finding = Finding::new(&QUORUM, "one postgres, alone").because("its password", &password);
    let diagnosis = Diagnosis { findings: vec![finding], ..Diagnosis::default() };
    for (name, out) in outputs(&evidence, &diagnosis, Limits::default()) {
        assert!(out.contains("one postgres, alone"), "{name} keeps the name of the product");
        assert!(!out.contains("PASSWORD: postgres"), "{name} hides the password");
    }
}

#[test]
fn an_escape_sequence_in_a_file_does_not_reach_the_terminal() {
    let mut evidence = Evidence::default();
    let file = add(&mut evidence, "c\u{1b}[2J.yml", "compose", "a: \u{1b}]0;x\u{7}b\n");
    let at = Located::written("\u{1b}[31m".to_owned(), Place { file, span: Span::new(3, 9) });
    let finding = Finding::new(&QUORUM, "title \u{1b}[31m").because("claim \u{1b}[0m", &at);
    let diagnosis = Diagnosis { findings: vec![finding], ..Diagnosis::default() };
    for (name, out) in outputs(&evidence, &diagnosis, Limits::default()) {
        if name != "colour" {
            assert!(!out.contains('\u{1b}'), "{name}: {out:?}");
        }
    }
}
