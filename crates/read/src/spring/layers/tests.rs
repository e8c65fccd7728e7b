//! Which value wins.

use wonin_syntax::Tree;
use wonin_text::{FileId, Span};

use super::*;
use crate::spring::documents::understand;

fn tree(path: &str, text: &str) -> Tree {
    if path.ends_with(".properties") {
        wonin_syntax::properties::parse(text)
    } else {
        wonin_syntax::yaml::parse(text)
    }
}

fn located(text: &str, file: u32) -> Located<String> {
    let span = Span::new(0, text.len());
    Located::written(text.to_owned(), Place { file: FileId(file), span })
}

/// What counts, from files and environment.
fn read(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Effective {
    let read: Vec<(&str, SpringFile)> = files
        .iter()
        .enumerate()
        .map(|(id, (path, text))| (*path, understand(FileId(id as u32), path, &tree(path, text))))
        .collect();
    let files: Vec<(&str, &SpringFile)> = read.iter().map(|(path, file)| (*path, file)).collect();
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), located(value, 99))).collect();
    effective(&files, &Surroundings { environment: Some(&environment), arguments: Vec::new() })
}

fn value<'a>(effective: &'a Effective, name: &str) -> Option<&'a str> {
    effective.get(name).map(|value| value.value.as_str())
}

const MAIN: &str = "src/main/resources/application.yml";

#[test]
fn layers_in_their_order() {
    let files = [
        ("src/main/resources/application-prod.yml", "a: profile"),
        ("src/main/resources/application.properties", "b=properties\nc=properties"),
        (MAIN, "a: yml\nb: yml\nc: yml\nspring.profiles.active: prod"),
        ("config/application.yml", "c: outside"),
    ];
    let found = read(&files, &[]);
    assert_eq!(value(&found, "a"), Some("profile"));
    assert_eq!(value(&found, "b"), Some("properties"));
    assert_eq!(value(&found, "c"), Some("outside"));
    let dev = read(&files, &[("SPRING_PROFILES_ACTIVE", "dev")]);
    assert_eq!(value(&dev, "a"), Some("yml"));
}

#[test]
fn documents_of_other_profiles_do_not_count() {
    let text = "a: 1\n---\nspring.config.activate.on-profile: prod\na: 2\n---\nspring:\n  profiles: old\na: 3\n";
    assert_eq!(value(&read(&[(MAIN, text)], &[]), "a"), Some("1"));
    for (profile, expected) in [("prod", "2"), ("old", "3"), ("prod,old", "3")] {
        let found = read(&[(MAIN, text)], &[("SPRING_PROFILES_ACTIVE", profile)]);
        assert_eq!(value(&found, "a"), Some(expected), "{profile}");
    }
}

#[test]
fn groups_bring_their_members() {
    let text = "spring.profiles:\n  active: ${P:all}\n  group.all: x,y\n---\n\
                spring.config.activate.on-profile: y\na: from-y\n";
    assert_eq!(value(&read(&[(MAIN, text)], &[]), "a"), Some("from-y"));
}

#[test]
fn environment_wins_and_the_loser_is_told() {
    let text = "spring:\n  kafka:\n    bootstrap-servers: a:1\n    consumer.groupId: g\n";
    let found = read(
        &[(MAIN, text)],
        &[
            ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "b:2"),
            ("SPRING_KAFKA_CONSUMER_GROUPID", "h"),
            ("SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE", "3"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(value(&found, "spring.kafka.bootstrap-servers"), Some("b:2"));
    assert_eq!(value(&found, "spring.kafka.consumer.group-id"), Some("h"));
    assert_eq!(value(&found, "spring.datasource.hikari.maximum-pool-size"), Some("3"));
    assert_eq!(value(&found, "path"), None);
    assert_eq!(found.overruled.len(), 2);
    assert_eq!(found.overruled[0].by.file, FileId(99));
}

#[test]
fn placeholders_see_properties_and_environment() {
    let text = "host: kafka\na: ${host}:${PORT:9092}\nb: ${app.bootstrap-servers}\nc: ${NOWHERE}\n";
    let found = read(&[(MAIN, text)], &[("APP_BOOTSTRAP_SERVERS", "x:1"), ("PORT", "19092")]);
    assert_eq!(value(&found, "a"), Some("kafka:19092"));
    assert_eq!(value(&found, "b"), Some("x:1"));
    assert_eq!(value(&found, "c"), Some("${NOWHERE}"));
    assert_eq!(found.get("a").unwrap().origin.places().len(), 3);
}

#[test]
fn lists_replace_lists() {
    let files = [
        (MAIN, "spring.kafka.bootstrap-servers: [a:1, b:2]\nspring.profiles.active: x\n"),
        ("src/main/resources/application-x.properties", "spring.kafka.bootstrap-servers[0]=c:3\n"),
    ];
    let found = read(&files, &[]);
    assert_eq!(value(&found, "spring.kafka.bootstrap-servers[1]"), None);
    assert_eq!(value(&found, "spring.kafka.bootstrap-servers"), Some("c:3"));
}
