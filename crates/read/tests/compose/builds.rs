//! What Dockerfiles bring into services.

use wonin_model::{HealthTest, Inheritance, Inherited, Interpolated};

use crate::{at, environment, evidence, of_compose, service, skipped};

const COMPOSE: &str = "\
services:
  api:
    build:
      context: ./api
      dockerfile: docker/Dockerfile.prod
      args: [VERSION=21]
    environment: {A: compose}
    healthcheck: {retries: 9}
  tool:
    build: {context: api, dockerfile: docker/Dockerfile.prod, target: build}
    entrypoint: [tool]
  lost: {build: ./lost}
  remote: {build: 'https://example.org/a.git'}
";

const DOCKERFILE: &str = r#"ARG VERSION=17
FROM eclipse-temurin:${VERSION} AS runtime
ENV A=image B="b b" HOME_DIR=/srv
CMD ["idle"]
FROM runtime AS build
ENTRYPOINT make
CMD all
FROM runtime
ARG HEAP=512m
ENV JAVA_OPTS=-Xmx$HEAP DATA=$HOME_DIR/data
EXPOSE 8080 9000/udp
VOLUME $DATA
HEALTHCHECK --interval=10s --retries=3 CMD curl -f localhost:8080
ENTRYPOINT ["java", "-jar", "app.jar"]
"#;

#[test]
fn the_image_lies_below_the_service() {
    let evidence =
        evidence(&[("docker-compose.yml", COMPOSE), ("api/docker/Dockerfile.prod", DOCKERFILE)]);
    let api = service(&evidence, "api");
    assert_eq!(api.dockerfile.as_deref(), Some("api/docker/Dockerfile.prod"));
    let base = api.base_image.as_ref().unwrap();
    assert_eq!(base.value.text, "eclipse-temurin:21");
    let Some(Interpolated { place, from, .. }) = base.origin.interpolated() else { panic!() };
    assert_eq!(at(&evidence, *place), "api/docker/Dockerfile.prod: eclipse-temurin:${VERSION}");
    assert_eq!(at(&evidence, from[0]), "docker-compose.yml: 21");
    assert_eq!(
        environment(api),
        ["A=compose", "B=b b", "DATA=/srv/data", "HOME_DIR=/srv", "JAVA_OPTS=-Xmx512m"]
    );
    let Some(Inherited { place, via, how }) = api.environment["B"].origin.inherited() else {
        panic!()
    };
    assert_eq!(at(&evidence, *place), "api/docker/Dockerfile.prod: b b");
    assert_eq!(at(&evidence, via[0]), "docker-compose.yml: docker/Dockerfile.prod");
    assert_eq!(*how, Inheritance::Image);
    assert_eq!(api.expose.iter().map(|port| port.value).collect::<Vec<_>>(), [8080, 9000]);
    assert_eq!(api.mounts[0].value.target, "/srv/data");
    assert_eq!(api.entrypoint.as_ref().unwrap().value, ["java", "-jar", "app.jar"]);
    assert_eq!(api.command, None);
    let health = api.healthcheck.as_ref().unwrap();
    assert_eq!(health.test.value, HealthTest::Shell("curl -f localhost:8080".into()));
    assert_eq!(health.interval_ms.as_ref().unwrap().value, 10_000);
    assert_eq!(health.retries.as_ref().unwrap().value, 9);
}

#[test]
fn a_target_and_an_own_entry_point() {
    let evidence =
        evidence(&[("docker-compose.yml", COMPOSE), ("api/docker/Dockerfile.prod", DOCKERFILE)]);
    let tool = service(&evidence, "tool");
    assert_eq!(tool.base_image.as_ref().unwrap().value.tag.as_deref(), Some("17"));
    assert_eq!(tool.entrypoint.as_ref().unwrap().value, ["tool"]);
    assert_eq!((&tool.command, &tool.healthcheck.is_some()), (&None, &false));
    assert_eq!(
        skipped(&evidence),
        ["docker-compose.yml:12: `lost/Dockerfile` cannot be read: no such file"]
    );
}

#[test]
fn shell_forms_run_in_a_shell_and_checks_can_be_switched_off() {
    let evidence = evidence(&[
        ("compose.yaml", "services: {a: {build: .}}"),
        ("Dockerfile", "FROM a\nHEALTHCHECK NONE\nENTRYPOINT exec run --fast\nCMD x\n"),
    ]);
    let a = service(&evidence, "a");
    let words = &a.entrypoint.as_ref().unwrap().value;
    assert_eq!(*words, ["/bin/sh", "-c", "exec run --fast"]);
    assert_eq!(a.command.as_ref().unwrap().value, ["/bin/sh", "-c", "x"]);
    assert_eq!(a.healthcheck.as_ref().unwrap().test.value, HealthTest::Disabled);
}

#[test]
fn a_dockerfile_that_is_not_one_does_no_harm() {
    let evidence = evidence(&[
        ("compose.yaml", "services: {a: {build: .}}"),
        ("Dockerfile", "FROM a AS a\nFROM b AS a\nFROM a\nENV X\nENV\nEXPOSE $NOTHING x\nCMD [\n"),
    ]);
    assert_eq!(service(&evidence, "a").base_image.as_ref().unwrap().value.text, "b");
    assert!(of_compose("services: {a: {build: {target: x}}}").stack.services.len() == 1);
}
