//! Which files form a project.

use wonin_read::{MemoryFiles, read};

use crate::{environment, evidence, in_project, service, skipped};

const WEB: &str = "services:\n  web:\n    image: web:1\n    restart: always\n    command: a\n";

#[test]
fn base_names_have_an_order() {
    let evidence = evidence(&[
        ("compose.yaml", "services: {a: {image: a}}"),
        ("compose.override.yml", "services: {a: {image: b}}"),
        ("sub/docker-compose.yaml", "services: {b: {image: b}}"),
        ("other.yml", "services: {c: {image: c}}"),
        ("values.yaml", "services: {c: {replicas: 3}}"),
        (".gitlab-ci.yml", "services:\n  - postgres\n"),
    ]);
    let dirs: Vec<_> = evidence.stack.projects.iter().map(|p| p.dir.as_str()).collect();
    assert_eq!(dirs, ["", "", "sub"]);
    assert_eq!(service(&evidence, "a").image.as_ref().unwrap().value.text, "b");
    let read: Vec<_> = evidence.read.iter().map(|r| evidence.sources.file(r.file).path()).collect();
    assert_eq!(
        read,
        ["compose.override.yml", "compose.yaml", "other.yml", "sub/docker-compose.yaml"]
    );
    assert_eq!(skipped(&evidence), [""; 0]);
}

#[test]
fn a_project_is_named_by_the_file_or_its_directory() {
    let evidence = evidence(&[
        ("My.Shop/compose.yaml", WEB),
        ("x/compose.yaml", "name: shop\nservices: {a: {image: a}}"),
    ]);
    let names: Vec<_> = evidence.stack.projects.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["myshop", "shop"]);
}

#[test]
fn overlays_are_named_and_not_diagnosed_alone() {
    let evidence = evidence(&[
        ("docker-compose.yml", WEB),
        ("docker-compose.prod.yml", "services: {web: {environment: {A: 1}}}"),
        ("docker-compose.dev.yml", "services: {web: {image: dev}}"),
        ("docker-compose.full.yml", "services: {web: {image: f, ports: [80:80], command: x}}"),
    ]);
    assert_eq!(evidence.stack.projects.len(), 2);
    assert_eq!(in_project(&evidence.stack, 0, "web").repository(), "web");
    assert_eq!(in_project(&evidence.stack, 1, "web").repository(), "f");
    let skipped = skipped(&evidence);
    assert_eq!(skipped.len(), 2);
    assert!(skipped[0].starts_with("docker-compose.dev.yml: only counts on top of"));
    assert!(skipped[1].contains("`web` has neither image nor build"));
}

#[test]
fn files_with_more_services_for_the_base_join_it() {
    let evidence = evidence(&[
        (
            "docker-compose.yml",
            "services:\n  zoo: {image: zookeeper, networks: [back]}\nnetworks: {back: }\n",
        ),
        ("docker-compose-metric.yml", "services: {broker: {image: b, depends_on: [zoo]}}"),
        ("docker-compose-web.yml", "services: {web: {image: w, networks: {back: }}}"),
        ("docker-compose-other.yml", "services: {o: {image: o, depends_on: [p]}, p: {image: p}}"),
    ]);
    assert_eq!(evidence.stack.projects.len(), 2);
    assert_eq!(evidence.stack.projects[0].files.len(), 3);
    for name in ["zoo", "broker", "web"] {
        assert!(evidence.stack.resolve(0, name).is_some(), "{name}");
    }
    assert!(evidence.stack.resolve(1, "o").is_some());
}

#[test]
fn a_base_elsewhere_may_be_named_by_the_env_file() {
    let evidence = evidence(&[
        ("prod/.env", "COMPOSE_FILE=../base.yml,compose.prod.yml\nCOMPOSE_PATH_SEPARATOR=,\n"),
        ("prod/compose.prod.yml", "services: {web: {environment: {A: 1}}}"),
        ("base.yml", WEB),
        ("gone/.env", "COMPOSE_FILE=nothing.yml\n"),
        ("gone/x.yml", WEB),
    ]);
    let environments: Vec<_> = evidence.stack.services.iter().map(environment).collect();
    assert_eq!(environments, [vec![], vec![], vec!["A=1".to_owned()]]);
    assert_eq!(skipped(&evidence), ["gone/nothing.yml: no such file"]);
}

#[test]
fn included_files_join_the_project() {
    let evidence = evidence(&[
        (
            "compose.yaml",
            "include:\n  - infra/compose.yaml\n  - path: [x/a.yml, x/b.yml]\n    project_directory: y\nservices:\n  web: {image: web}\n",
        ),
        (
            "infra/compose.yaml",
            "services:\n  db: {image: 'db:${TAG}', volumes: ['./d:/d']}\nnetworks: {back: }\n",
        ),
        ("infra/.env", "TAG=5\n"),
        ("x/a.yml", "services: {c: {image: a}}"),
        ("x/b.yml", "services: {c: {image: b, volumes: ['./d:/d']}}"),
    ]);
    assert_eq!(evidence.stack.projects.len(), 1);
    let names: Vec<_> = evidence.stack.services.iter().map(|s| s.name.value.as_str()).collect();
    assert_eq!(names, ["web", "db", "c"]);
    let db = service(&evidence, "db");
    assert_eq!(db.image.as_ref().unwrap().value.tag.as_deref(), Some("5"));
    assert_eq!(db.mounts[0].value.source, "infra/d");
    assert_eq!(service(&evidence, "c").repository(), "b");
    assert_eq!(service(&evidence, "c").mounts[0].value.source, "y/d");
    assert!(evidence.stack.projects[0].networks.contains_key("back"));
    assert_eq!(skipped(&evidence), [""; 0]);
}

#[test]
fn endless_includes_end() {
    let evidence = evidence(&[
        ("a/compose.yaml", "include: [../b/compose.yaml]\nservices: {a: {image: a}}\n"),
        ("b/compose.yaml", "include: [../a/compose.yaml]\nservices: {b: {image: b}}\n"),
        ("c/compose.yaml", "include: [gone.yml]\nservices: {c: {image: c}}\n"),
    ]);
    assert_eq!(evidence.stack.services.len(), 3);
    assert_eq!(
        skipped(&evidence),
        [
            "b/compose.yaml:1: `a/compose.yaml` includes itself: left out here",
            "c/compose.yaml:1: `c/gone.yml` cannot be read: no such file",
        ]
    );
}

#[test]
fn a_service_of_an_included_file_cannot_be_defined_again() {
    let evidence = evidence(&[
        ("compose.yaml", "include: [b.yml]\nservices:\n  a: {image: own}\n"),
        ("b.yml", "services: {a: {image: other}, b: {image: b}}\n"),
    ]);
    assert_eq!(service(&evidence, "a").repository(), "own");
    assert_eq!(skipped(&evidence).len(), 1);
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let files = MemoryFiles::new([
        ("a/compose.yaml", "services:\n  a: {image: a}\n  b: {image: 'b\n"),
        ("b/compose.yaml", WEB),
    ])
    .unreadable("c/compose.yaml", "not UTF-8 from byte 3");
    let evidence = read(&files);
    let skipped = skipped(&evidence);
    assert!(skipped[0].starts_with("a/compose.yaml:"), "{skipped:?}");
    assert_eq!(skipped.last().unwrap(), "c/compose.yaml: not UTF-8 from byte 3");
    let names: Vec<_> = evidence.stack.services.iter().map(|s| s.name.value.as_str()).collect();
    assert!(names.contains(&"web"), "{names:?}");
}

#[test]
fn later_documents_of_a_file_are_laid_over_earlier_ones() {
    let evidence = evidence(&[(
        "compose.yaml",
        "services: {a: {image: a, restart: always}}\n---\nservices: {a: {image: b}}\n",
    )]);
    assert_eq!(service(&evidence, "a").repository(), "b");
    assert!(service(&evidence, "a").restart.is_some());
}
