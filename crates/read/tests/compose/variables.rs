//! Interpolation, `.env` and `env_file`.

use wonin_model::{Inheritance, Inherited, Interpolated};

use crate::{at, environment, evidence, of_compose, service, skipped};

#[test]
fn variables_come_from_the_env_file_of_the_project_directory() {
    let evidence = evidence(&[
        (".env", "TAG=0\n"),
        ("deploy/.env", "# versions\nTAG=3.9\nFULL=bitnami/kafka:${TAG}\nLITERAL='$TAG'\n"),
        (
            "deploy/compose.yaml",
            concat!(
                "services:\n",
                "  a:\n",
                "    image: ${FULL}\n",
                "    environment:\n",
                "      - PORT=${PORT:-8080}\n",
                "      - LITERAL\n",
                "      - DOLLAR=$$TAG\n",
                "    ports: ['${PORT:-8080}:80']\n",
            ),
        ),
    ]);
    let a = service(&evidence, "a");
    let image = a.image.as_ref().unwrap();
    assert_eq!(image.value.tag.as_deref(), Some("3.9"));
    let Some(Interpolated { place, from, unset }) = image.origin.interpolated() else { panic!() };
    assert_eq!(at(&evidence, *place), "deploy/compose.yaml: ${FULL}");
    assert_eq!(at(&evidence, from[0]), "deploy/.env: bitnami/kafka:${TAG}");
    assert!(unset.is_empty());
    assert_eq!(environment(a), ["DOLLAR=$TAG", "LITERAL=$TAG", "PORT=8080"]);
    let Some(Interpolated { place, from, .. }) = a.environment["PORT"].origin.interpolated() else {
        panic!()
    };
    assert_eq!(at(&evidence, *place), "deploy/compose.yaml: ${PORT:-8080}");
    assert_eq!(at(&evidence, from[0]), "deploy/compose.yaml: 8080");
    assert_eq!(a.ports[0].value.published, Some(8080));
    assert_eq!(skipped(&evidence), [""; 0]);
}

#[test]
fn a_variable_without_definition_is_empty_and_says_so_once() {
    let evidence = of_compose(concat!(
        "services:\n",
        "  a:\n",
        "    image: app:${TAG}\n",
        "    ports: ['${PORT}:80']\n",
        "    volumes: ['${DATA}:/data']\n",
        "    environment: {URL: 'http://${HOST}:80', AGAIN: $TAG}\n",
        "  b: {image: 'x:${NEEDED:?give a tag}'}\n",
    ));
    let a = service(&evidence, "a");
    let image = a.image.as_ref().unwrap();
    assert_eq!((image.value.repository.as_str(), &image.value.tag), ("app", &None));
    assert!(!image.origin.is_certain());
    assert_eq!(a.environment["URL"].value, "http://:80");
    assert!(!a.environment["URL"].origin.is_certain());
    assert_eq!(a.ports[0].value.published, None);
    assert!(a.keeps_data());
    assert_eq!(
        skipped(&evidence),
        [
            "docker-compose.yml:3: `${TAG}` is not set: read as empty",
            "docker-compose.yml:4: `${PORT}` is not set: read as empty",
            "docker-compose.yml:5: `${DATA}` is not set: read as empty",
            "docker-compose.yml:6: `${HOST}` is not set: read as empty",
            "docker-compose.yml:7: `${NEEDED}` is not set, Compose refuses to start: give a tag",
        ]
    );
}

#[test]
fn env_files_lie_below_environment() {
    let evidence = evidence(&[
        (
            "docker-compose.yml",
            concat!(
                "services:\n",
                "  a:\n",
                "    image: a\n",
                "    env_file:\n",
                "      - one.env\n",
                "      - {path: conf/two.env, required: true}\n",
                "      - {path: gone.env, required: false}\n",
                "    environment: {OWN: o, OVER: top, UNSET: }\n",
                "  b: {image: a, env_file: missing.env}\n",
            ),
        ),
        (".env", "TAG=5\n"),
        ("one.env", "A=1\nB=1\nOVER=below\nUNSET=x\nexport USES=${TAG}-${A}-${OWN}\n"),
        ("conf/two.env", "B=2\nTAG\n"),
    ]);
    let a = service(&evidence, "a");
    assert_eq!(environment(a), ["A=1", "B=2", "OVER=top", "OWN=o", "TAG=5", "USES=5-1-o"]);
    let Some(Inherited { place, via, how }) = a.environment["B"].origin.inherited() else {
        panic!()
    };
    assert_eq!(at(&evidence, *place), "conf/two.env: 2");
    assert_eq!(at(&evidence, via[0]), "docker-compose.yml: conf/two.env");
    assert_eq!(*how, Inheritance::EnvFile);
    assert_eq!(
        skipped(&evidence),
        ["docker-compose.yml:9: `missing.env` cannot be read: no such file"]
    );
    let read: Vec<_> =
        evidence.read.iter().map(|r| (evidence.sources.file(r.file).path(), r.format)).collect();
    assert_eq!(
        read,
        [
            (".env", "env"),
            ("conf/two.env", "env"),
            ("docker-compose.yml", "compose"),
            ("one.env", "env")
        ]
    );
}

#[test]
fn the_env_file_names_files_project_and_profiles() {
    let evidence = evidence(&[
        (".env", "COMPOSE_FILE=a.yml:b.yml\nCOMPOSE_PROJECT_NAME=shop\nCOMPOSE_PROFILES=x,y\n"),
        ("a.yml", "services: {web: {image: a, profiles: [x]}, dbg: {image: a, profiles: [z]}}\n"),
        ("b.yml", "services: {web: {image: b}}\n"),
    ]);
    assert_eq!(evidence.stack.projects.len(), 1);
    assert_eq!(evidence.stack.projects[0].name, "shop");
    assert_eq!(evidence.stack.projects[0].files.len(), 2);
    let web = service(&evidence, "web");
    assert_eq!(web.image.as_ref().unwrap().value.text, "b");
    assert!(web.profiles.is_empty());
    assert_eq!(service(&evidence, "dbg").profiles.len(), 1);
}

#[test]
fn shell_and_compose_define_some_themselves() {
    let evidence = evidence(&[(
        "shop/compose.yaml",
        "services: {a: {image: a, volumes: ['$PWD/d:/d', '${HOME}/.aws:/w'], hostname: $COMPOSE_PROJECT_NAME}}",
    )]);
    let a = service(&evidence, "a");
    let sources: Vec<_> = a.mounts.iter().map(|mount| mount.value.source.as_str()).collect();
    assert_eq!(sources, ["shop/d", "~/.aws"]);
    assert_eq!(a.hostname.as_ref().unwrap().value, "shop");
    assert_eq!(skipped(&evidence), [""; 0]);
}
