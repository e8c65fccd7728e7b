//! Every value says truly where it stands, and no text makes the reader fall over.

use std::fmt::Write as _;

use proptest::prelude::*;
use wonin_model::{Evidence, Located, Origin, Service};
use wonin_syntax::yaml;

use crate::{evidence, of_compose, service};

const COMPOSE: &str = r#"name: shop
x-base: &base
  restart: always
  environment: &env {A: "1", B: two}
services:
  web:
    <<: *base
    image: "registry:5000/web:${TAG:-1.0}"
    build: {context: ., target: final, args: [V=1]}
    command: ["run", '--port', "8080"]
    environment:
      - PLAIN=a b
      - "QUOTED=x=y"
      - 'SINGLE=it''s'
      - ESCAPED="in\"side"
      - FILLED=$TAG-${NONE:-${TAG}}-$$
    ports: ["80:80", 90, {target: 100, published: 101}]
    volumes: [data:/d, "./a.conf:/a.conf:ro"]
    healthcheck: {test: [CMD, x, y], interval: 1m30s, retries: 3}
    depends_on: {db: {condition: service_healthy}}
    networks: {back: {ipv4_address: 10.0.0.5, aliases: [w]}}
    deploy: {replicas: 2, resources: {limits: {memory: 1g, cpus: '0.5'}}}
  db:
    extends: {service: web}
    env_file: [db.env]
    environment:
      BLOCK: |
        line one
        line two
      FOLDED: >-
        line one
        line two
networks:
  back: {ipam: {config: [{subnet: 10.0.0.0/24}]}}
volumes: {data: }
"#;

const DOCKERFILE: &str = "FROM base AS final\nARG V\nENV D=\"d d\" E=$V\nEXPOSE 1\nHEALTHCHECK CMD [\"a\"]\nCMD run it\n";

fn all(compose: &str) -> Evidence {
    evidence(&[
        ("docker-compose.yml", compose),
        (".env", "TAG=7\n"),
        ("db.env", "F=1\nG=\"q q\"\nH=${TAG}\n"),
        ("Dockerfile", DOCKERFILE),
    ])
}

fn texts(service: &Service) -> Vec<&Located<String>> {
    let mut all: Vec<&Located<String>> = vec![&service.name];
    all.extend(service.environment.values());
    all.extend(service.labels.values());
    all.extend(service.depends_on.iter().map(|dependency| &dependency.service));
    for network in &service.networks {
        all.extend(network.ipv4_address.iter().chain(&network.aliases));
    }
    all.extend(service.container_name.iter().chain(&service.hostname));
    all.extend(service.cap_add.iter().chain(&service.profiles));
    all
}

/// Whether the text at the place is the value, or says the value in YAML.
fn says(evidence: &Evidence, value: &Located<String>) -> bool {
    let place = match &value.origin {
        Origin::Written(place) => *place,
        Origin::Inherited(inherited) => inherited.place,
        Origin::Interpolated(_) | Origin::Default(_) => return true,
    };
    let source = evidence.sources.file(place.file).text();
    let text = &source[place.span.range()];
    // A block loses its indentation, an escape its backslash: asking YAML about the text with
    // its surroundings gives the value again.
    let again = ["\"", "'", ""].into_iter().any(|quote| {
        let tree = yaml::parse(&format!("{quote}{text}{quote}"));
        tree.documents.first().and_then(|node| node.as_str()) == Some(&value.value)
    });
    let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    text == value.value || again || lines(text) == lines(&value.value)
}

fn check(evidence: &Evidence) {
    for service in &evidence.stack.services {
        for value in texts(service) {
            assert!(says(evidence, value), "{value:?}");
        }
    }
    for skipped in &evidence.skipped {
        if let Some(place) = skipped.place {
            evidence.sources.position(place);
        }
    }
}

#[test]
fn the_text_at_a_place_is_the_value() {
    let evidence = all(COMPOSE);
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
    check(&evidence);
    let db = service(&evidence, "db");
    assert_eq!(db.environment["BLOCK"].value, "line one\nline two\n");
    assert_eq!(db.environment["FOLDED"].value, "line one line two");
    assert_eq!(db.environment["FILLED"].value, "7-7-$");
    assert_eq!(db.environment["E"].value, "1");
    assert_eq!(db.environment["ESCAPED"].value, "\"in\\\"side\"");
}

#[test]
fn equal_files_give_equal_evidence() {
    let shown = || format!("{:?}", all(COMPOSE).stack.services);
    assert_eq!(shown(), shown());
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 _./:,=원-]{0,12}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn environment_is_read_in_whatever_form(values in prop::collection::vec((word(), 0..5_u8), 1..8)) {
        let mut text = String::from("services:\n  a:\n    image: a\n    environment:\n");
        let as_list = values[0].1 % 2 == 0;
        for (index, (value, form)) in values.iter().enumerate() {
            let escaped = value.replace('원', "\\uC6D0");
            let (head, value, tail) = match (as_list, form) {
                (true, 0..=2) => (format!("- \"K{index}="), value, "\""),
                (true, 3) => (format!("- 'K{index}="), value, "'"),
                (true, _) => (format!("- \"K{index}="), &escaped, "\""),
                (false, 0..=2) => (format!("K{index}: '"), value, "'"),
                (false, 3) => (format!("K{index}: \""), value, "\""),
                (false, _) => (format!("\"K{index}\": \""), &escaped, "\""),
            };
            writeln!(text, "      {head}{value}{tail}").unwrap();
        }
        let evidence = of_compose(&text);
        check(&evidence);
        let environment = &service(&evidence, "a").environment;
        for (index, (value, _)) in values.iter().enumerate() {
            let read = &environment[&format!("K{index}")];
            prop_assert_eq!(&read.value, value);
            let place = read.place().unwrap();
            if !value.contains('원') {
                prop_assert_eq!(evidence.sources.slice(place), value);
            }
        }
    }

    #[test]
    fn damaged_files_are_read_as_far_as_they_go(
        at in 0..COMPOSE.len(), cut in 0..40_usize, put in "[\\[\\]{}:'\"$&*<>|!\n a-]{0,6}",
    ) {
        let end = (at + cut).min(COMPOSE.len());
        let damaged = format!("{}{put}{}", &COMPOSE[..at], &COMPOSE[end..]);
        let evidence = all(&damaged);
        for skipped in &evidence.skipped {
            if let Some(place) = skipped.place {
                evidence.sources.position(place);
            }
        }
    }
}
