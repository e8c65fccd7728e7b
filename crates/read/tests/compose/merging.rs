//! Overrides, `extends`, anchors.

use wonin_model::{Inheritance, Inherited, Origin};

use crate::{at, environment, evidence, of_compose, service, skipped, written};

const BASE: &str = "\
services:
  web:
    image: web:1
    command: serve --slow
    environment:
      - A=1
      - B=1
    ports: ['80:80', '81:81']
    volumes: ['data:/data', './a:/a']
    depends_on: [db]
    healthcheck: {test: [CMD, old], interval: 5s}
    expose: ['1']
  db:
    image: db
";

#[test]
fn an_override_is_laid_over_the_base() {
    let over = "\
services:
  web:
    image: web:2
    command: [serve]
    environment: {B: 2, C: 3}
    ports: ['80:80', '82:82']
    volumes: ['./b:/data']
    depends_on: {cache: {condition: service_healthy}}
    healthcheck: {test: new}
    expose: !override ['2']
  db: {image: !reset null, build: .}
  cache: {image: redis}
";
    let evidence = evidence(&[("docker-compose.yml", BASE), ("docker-compose.override.yml", over)]);
    let web = service(&evidence, "web");
    let image = web.image.as_ref().unwrap();
    assert_eq!(image.value.text, "web:2");
    let Some(Inherited { place, via, how }) = image.origin.inherited() else { panic!() };
    assert_eq!(at(&evidence, *place), "docker-compose.override.yml: web:2");
    assert_eq!(at(&evidence, via[0]), "docker-compose.yml: web:1");
    assert_eq!(*how, Inheritance::Override);
    assert_eq!(web.command.as_ref().unwrap().value, ["serve"]);
    assert_eq!(environment(web), ["A=1", "B=2", "C=3"]);
    let ports: Vec<_> = web.ports.iter().map(|port| port.value.target).collect();
    assert_eq!(ports, [80, 81, 82]);
    let mounts: Vec<_> =
        web.mounts.iter().map(|m| (m.value.source.as_str(), m.value.target.as_str())).collect();
    assert_eq!(mounts, [("b", "/data"), ("a", "/a")]);
    let waits: Vec<_> = web.depends_on.iter().map(|d| d.service.value.as_str()).collect();
    assert_eq!(waits, ["db", "cache"]);
    let health = web.healthcheck.as_ref().unwrap();
    assert_eq!(health.test.value, wonin_model::HealthTest::Shell("new".into()));
    assert_eq!(health.interval_ms.as_ref().unwrap().value, 5_000);
    assert_eq!(web.expose.iter().map(|p| p.value).collect::<Vec<_>>(), [2]);
    let db = service(&evidence, "db");
    assert!(db.image.is_none());
    assert_eq!(db.build_context.as_ref().unwrap().value, "");
    assert_eq!(evidence.stack.services.len(), 3);
    assert_eq!(evidence.stack.projects[0].files.len(), 2);
}

#[test]
fn a_service_extends_others() {
    let evidence = evidence(&[
        (
            "app/compose.yaml",
            "\
services:
  web:
    extends: {file: ../common/base.yml, service: base}
    image: web
    environment: {B: web}
  worker:
    extends: web
    command: work
",
        ),
        (
            "common/base.yml",
            "\
services:
  base:
    extends: {service: root}
    environment: {A: base, B: base}
    env_file: base.env
    volumes: ['./conf:/conf']
  root: {restart: always}
",
        ),
        ("common/base.env", "FROM_FILE=1\n"),
    ]);
    assert_eq!(evidence.stack.projects.len(), 1);
    let web = service(&evidence, "web");
    assert_eq!(environment(web), ["A=base", "B=web", "FROM_FILE=1"]);
    assert_eq!(written(&evidence, &web.environment["B"]), "web");
    let Some(Inherited { place, via, how }) = web.environment["A"].origin.inherited() else {
        panic!()
    };
    assert_eq!(at(&evidence, *place), "common/base.yml: base");
    assert_eq!(at(&evidence, via[0]), "app/compose.yaml: extends");
    assert_eq!(*how, Inheritance::Extends);
    assert_eq!(web.mounts[0].value.source, "common/conf");
    let worker = service(&evidence, "worker");
    assert_eq!(environment(worker), ["A=base", "B=web", "FROM_FILE=1"]);
    assert_eq!(worker.restart.as_ref().unwrap().origin.places().len(), 4);
    assert_eq!(skipped(&evidence), [""; 0]);
}

#[test]
fn what_cannot_be_extended_is_said_and_the_rest_goes_on() {
    let evidence = of_compose(
        "\
services:
  a: {extends: b, image: a}
  b: {extends: {service: c}, image: b, restart: always}
  c: {extends: a, image: c}
  self: {extends: self, image: s}
  lost: {extends: nobody, image: l}
  gone: {extends: {file: gone.yml, service: x}, image: g}
",
    );
    assert_eq!(evidence.stack.services.len(), 6);
    assert!(service(&evidence, "a").restart.is_some());
    assert_eq!(
        skipped(&evidence),
        [
            "docker-compose.yml:4: `extends` goes in a circle: a → b → c → a",
            "docker-compose.yml:5: `extends` goes in a circle: self → self",
            "docker-compose.yml:6: cannot extend `nobody`: no such service in `docker-compose.yml`",
            "docker-compose.yml:7: `gone.yml` cannot be read: no such file",
        ]
    );
}

#[test]
fn anchors_and_merge_keys_are_inherited() {
    let evidence = of_compose(
        "\
x-env: &env
  A: 1
  B: 1
x-common: &common
  restart: always
  environment: &more {Z: z}
services:
  one:
    <<: *common
    image: a
    environment:
      <<: *env
      B: own
  two:
    <<: *common
    image: a
",
    );
    let one = service(&evidence, "one");
    assert_eq!(environment(one), ["A=1", "B=own"]);
    assert_eq!(written(&evidence, &one.environment["B"]), "own");
    let Some(Inherited { place, how, .. }) = one.environment["A"].origin.inherited() else {
        panic!()
    };
    assert_eq!(evidence.sources.position(*place).line, 2);
    assert_eq!(*how, Inheritance::Alias);
    assert_eq!(environment(service(&evidence, "two")), ["Z=z"]);
    assert!(matches!(one.restart.as_ref().unwrap().origin, Origin::Inherited(_)));
    assert_eq!(at(&evidence, one.body.unwrap()), "docker-compose.yml: image");
}

#[test]
fn aliases_of_aliases_do_not_multiply_without_bound() {
    use std::fmt::Write as _;
    let mut text = String::from("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}", level - 1);
        let list = vec![below; 10].join(", ");
        writeln!(text, "x-{level}: &a{level} [{list}]").unwrap();
    }
    text.push_str("services:\n  a: {image: a, volumes: *a8}\n  b: {image: b, restart: always}\n");
    let evidence = of_compose(&text);
    assert!(service(&evidence, "b").restart.is_some());
}

#[test]
fn what_is_nested_too_deeply_is_said() {
    let deep = format!("{}x{}", "{a: ".repeat(9), "}".repeat(9));
    let text = format!("services:\n  a:\n    image: a\n    deploy: {deep}\n    ulimits: {deep}\n");
    let evidence = of_compose(&text);
    assert_eq!(
        skipped(&evidence),
        [
            "docker-compose.yml:4: nested more than 8 levels below a key: not read, nor is anything else that deep"
        ]
    );
    assert!(service(&evidence, "a").image.is_some());
}
