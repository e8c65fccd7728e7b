//! Large input: every step is linear, so this ends in a moment or not at all.

use std::fmt::Write as _;

use crate::{evidence, of_compose, service, skipped};

#[test]
fn many_services_of_one_file() {
    let mut text = String::from(
        "x-env: &env {A: 1, B: 2}\nservices:\n  base: {image: base, restart: always}\n",
    );
    let count = 10_000;
    for index in 0..count {
        let below = index / 2;
        write!(
            text,
            "  s{index}:\n    extends: base\n    environment:\n      <<: *env\n      N: {index}\n    depends_on: [s{below}]\n    ports: ['{}:80']\n",
            index % 60_000 + 1
        )
        .unwrap();
    }
    let evidence = of_compose(&text);
    assert_eq!(evidence.stack.services.len(), count + 1);
    for (_, service) in evidence.stack.services() {
        for dependency in &service.depends_on {
            assert!(evidence.stack.resolve(0, &dependency.service.value).is_some());
        }
    }
    assert_eq!(service(&evidence, "s7").environment["B"].value, "2");
}

#[test]
fn many_projects_and_long_rows() {
    let mut files: Vec<(String, String)> = (0..3_000)
        .map(|index| {
            (format!("p{index}/compose.yaml"), "services: {a: {image: 'a:${TAG}'}}".to_owned())
        })
        .collect();
    let mut row = String::from("services:\n  s0: {image: a}\n");
    for index in 1..5_000 {
        writeln!(row, "  s{index}: {{extends: s{}}}", index - 1).unwrap();
    }
    files.push(("row/compose.yaml".to_owned(), row));
    let pairs: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let evidence = evidence(&pairs);
    assert_eq!(evidence.stack.projects.len(), 3_001);
    let last = evidence.stack.services.last().unwrap();
    assert_eq!(last.name.value, "s4999");
    assert!(last.image.is_some());
}

#[test]
fn variables_of_variables_do_not_grow_without_bound() {
    let mut env = String::from("V0=xxxxxxxxxx\n");
    let mut dockerfile = String::from("FROM a\nENV V0=xxxxxxxxxx\n");
    for level in 1..40 {
        let tenfold = format!("${{V{}}}", level - 1).repeat(10);
        writeln!(env, "V{level}={tenfold}").unwrap();
        writeln!(dockerfile, "ENV V{level}={tenfold}").unwrap();
    }
    let compose = "services: {a: {build: ., hostname: '$V2', container_name: $V39}}";
    let evidence =
        evidence(&[("compose.yaml", compose), (".env", &env), ("Dockerfile", &dockerfile)]);
    let a = service(&evidence, "a");
    assert_eq!(a.hostname.as_ref().unwrap().value.len(), 1_000);
    assert!(a.environment.values().all(|value| value.value.len() < 1 << 20));
}

#[test]
fn aliases_that_multiply_are_cut_off_and_that_is_said() {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..7 {
        let items = vec![format!("*x{}", level - 1); 10].join(", ");
        writeln!(text, "x{level}: &x{level} [{items}]").unwrap();
    }
    text.push_str("services:\n  a:\n    image: a\n    volumes: *x6\n");
    let evidence = evidence(&[("compose.yaml", &text)]);
    let said = skipped(&evidence);
    let [why] = &said[..] else { panic!("one complaint: {said:?}") };
    assert!(why.contains("more than 500000 values through aliases"), "{why}");
}
