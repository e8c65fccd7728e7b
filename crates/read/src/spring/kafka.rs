//! Kafka clients that Spring Boot configures: what of `spring.kafka.*` reaches a client.

use std::collections::BTreeSet;

use wonin_model::{Located, NotApplied, Settings, WhyNotApplied};

use super::kafka_keys::{Section, Unit, dedicated, is_known, meant, spelling};
use super::layers::{Effective, Overruled};
use super::placeholders;
use super::units::{bytes, milliseconds};

/// Settings of a client, and those that are set to something unreadable.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientSettings {
    pub(crate) settings: Settings,
    /// By name, where they are set; `*` stands for any.
    pub(crate) unknown: Vec<Located<String>>,
}

impl ClientSettings {
    /// Sets a property, `None` for an unreadable value set at `at`.
    pub(crate) fn set(&mut self, name: &str, value: Option<Located<String>>, at: &Located<String>) {
        self.unknown.retain(|unknown| unknown.value != name);
        if let Some(value) = value {
            self.settings.set(name, value);
        } else {
            self.settings = without(&self.settings, name);
            self.unknown.push(at.with(name.to_owned()));
        }
    }

    /// Whether any property may be set to anything.
    pub(crate) fn is_open(&self) -> bool {
        self.unknown.iter().any(|unknown| unknown.value == "*")
    }
}

/// Settings without one of them.
fn without(settings: &Settings, name: &str) -> Settings {
    let mut rest = Settings::default();
    for (known, value) in settings.iter().filter(|(known, _)| *known != name) {
        rest.set(known, value.clone());
    }
    rest
}

/// Spring Boot's version as far as it decides: major and minor.
pub(crate) type Boot = Option<(u32, u32)>;

/// What Spring Boot's `KafkaProperties` builds for a section: common keys, common `properties`,
/// the section's keys, the section's `properties`, each over the ones before.
pub(crate) fn settings(effective: &Effective, section: Section, boot: Boot) -> ClientSettings {
    let mut result = ClientSettings::default();
    let parts = if section == Section::Common {
        vec![Section::Common]
    } else {
        vec![Section::Common, section]
    };
    for part in parts {
        let keys = in_section(effective, part);
        for (key, value) in &keys {
            if let Some((kafka, unit)) = dedicated(part, key, boot) {
                put(&mut result, kafka, value, unit);
            }
        }
        for (key, value) in &keys {
            if let Some(kafka) = key.strip_prefix("properties.") {
                put(&mut result, kafka, value, Unit::Plain);
            } else if *key == "security.protocol" {
                put(&mut result, "security.protocol", value, Unit::Plain);
            }
        }
    }
    let name = "bootstrap.servers";
    if !result.unknown.iter().any(|unknown| unknown.value == name) {
        result.settings.set_default(name, || {
            let source = "Spring Boot documentation, spring.kafka.bootstrap-servers";
            Located::default_of("localhost:9092".to_owned(), "Spring Boot", source)
        });
    }
    result
}

/// What follows the section's prefix, with the values.
fn in_section(effective: &Effective, section: Section) -> Vec<(&str, &Located<String>)> {
    let names = effective.properties.iter();
    names
        .filter_map(|(name, value)| match Section::of(name) {
            Some((of, key)) if of == section => Some((key, value)),
            _ => None,
        })
        .collect()
}

fn put(result: &mut ClientSettings, kafka: &str, value: &Located<String>, unit: Unit) {
    let text = value.value.trim();
    let turned = match unit {
        _ if placeholders::has_any(text) || text.contains("#{") => None,
        _ if !value.origin.is_certain() => None,
        Unit::Plain => Some(text.to_owned()),
        Unit::Lower => Some(text.to_ascii_lowercase().replace('-', "_")),
        Unit::Duration => milliseconds(text).map(|ms| ms.to_string()),
        Unit::Size => bytes(text).map(|bytes| bytes.to_string()),
    };
    result.set(kafka, turned.map(|turned| value.with(turned)), value);
}

/// Written `spring.kafka.*` keys that do not count for a client of this section: unknown ones and
/// those that another layer replaced. `used` tells names that the application's own code reads.
pub(crate) fn not_applied(
    effective: &Effective,
    section: Section,
    boot: Boot,
    used: &BTreeSet<String>,
    settings: &Settings,
) -> Vec<NotApplied> {
    let mut found = Vec::new();
    for (name, key) in &effective.keys {
        let Some((part, rest)) = Section::of(name) else { continue };
        let concerns = part == section || part == Section::Common;
        if !concerns || is_known(part, rest, boot) || reads(used, name) {
            continue;
        }
        let means = meant(part, rest);
        // Applications like to keep names of topics and the like beside Spring Boot's own keys.
        if means.is_none() && part == Section::Common {
            continue;
        }
        let Some(value) = effective.properties.get(name) else { continue };
        let by = match boot {
            Some((major, minor)) => format!("Spring Boot {major}.{minor}"),
            None => "Spring Boot".to_owned(),
        };
        let spelling = means.and_then(|kafka| spelling(section, kafka));
        found.push(NotApplied {
            key: key.clone(),
            value: value.clone(),
            means: means.map(str::to_owned),
            why: WhyNotApplied::UnknownKey { by, spelling },
            instead: means.and_then(|kafka| settings.get(kafka)).cloned(),
        });
    }
    let replaced = effective.overruled.iter().filter_map(|overruled| {
        let (part, rest) = Section::of(&overruled.entry.name)?;
        let counts =
            part == section || part == Section::Common && !is_set_by(effective, section, rest);
        (counts && is_known(part, rest, boot))
            .then(|| overruled_by(overruled, part, rest, settings))
    });
    found.extend(replaced);
    found
}

/// Whether the application's code reads a property, itself or through a prefix.
fn reads(used: &BTreeSet<String>, name: &str) -> bool {
    let shared = super::names::uniform(name);
    used.iter().any(|read| {
        shared
            .strip_prefix(read.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

fn is_set_by(effective: &Effective, section: Section, key: &str) -> bool {
    effective.properties.get(&format!("{}{key}", section.prefix())).is_some()
}

fn overruled_by(
    overruled: &Overruled,
    part: Section,
    rest: &str,
    settings: &Settings,
) -> NotApplied {
    let means = kafka_name(part, rest);
    NotApplied {
        key: overruled.entry.key.clone(),
        value: overruled.entry.value.clone(),
        why: WhyNotApplied::Overruled { place: overruled.by, rule: overruled.rule.to_owned() },
        instead: means.as_deref().and_then(|kafka| settings.get(kafka)).cloned(),
        means,
    }
}

/// The Kafka setting that a known key sets.
pub(crate) fn kafka_name(section: Section, key: &str) -> Option<String> {
    match key.strip_prefix("properties.") {
        Some(kafka) => Some(kafka.to_owned()),
        None => dedicated(section, key, None).map(|(kafka, _)| kafka.to_owned()),
    }
}

/// Known written keys that would set something for a client of this section, with the Kafka names
/// that they set: what a bean built from code replaces.
pub(crate) fn applied_keys(
    effective: &Effective,
    section: Section,
    boot: Boot,
) -> Vec<(Located<String>, Located<String>, String)> {
    let mut found = Vec::new();
    for (name, key) in &effective.keys {
        let Some((part, rest)) = Section::of(name) else { continue };
        if part != section && part != Section::Common || !is_known(part, rest, boot) {
            continue;
        }
        let value = effective.properties.get(name);
        if let (Some(kafka), Some(value)) = (kafka_name(part, rest), value) {
            found.push((key.clone(), value.clone(), kafka));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spring::documents::understand;
    use crate::spring::layers::{Surroundings, effective};
    use wonin_text::FileId;

    const PATH: &str = "src/main/resources/application.yml";

    fn read(text: &str) -> Effective {
        let tree = wonin_syntax::yaml::parse(text);
        let file = understand(FileId(0), PATH, &tree);
        effective(&[(PATH, &file)], &Surroundings::default())
    }

    #[test]
    fn sections_lie_over_common_settings() {
        let effective = read(
            "spring.kafka:\n  bootstrap-servers: a:1\n  properties:\n    request.timeout.ms: 1\n    \
             retry.backoff.ms: 2\n  consumer:\n    bootstrap-servers: ${NOWHERE}\n    \
             heartbeat-interval: 2s\n    fetch-min-size: 1KB\n    properties:\n      \
             \"[request.timeout.ms]\": 3\n",
        );
        let found = settings(&effective, Section::Consumer, None);
        let value = |name| found.settings.get(name).map(|value| value.value.as_str());
        assert_eq!(value("request.timeout.ms"), Some("3"));
        assert_eq!(value("retry.backoff.ms"), Some("2"));
        assert_eq!(value("heartbeat.interval.ms"), Some("2000"));
        assert_eq!(value("fetch.min.bytes"), Some("1024"));
        assert_eq!(value("bootstrap.servers"), None);
        assert_eq!(found.unknown[0].value, "bootstrap.servers");
    }

    #[test]
    fn unknown_keys_are_told_unless_code_reads_them() {
        let effective = read(
            "spring.kafka:\n  topic: x\n  request-timeout-ms: 5\n  consumer:\n    group-id: g\n    \
             session.timeout.ms: 1000\n    topic: mine\n    max-poll-interval: 1s\n",
        );
        let found = |used: &[&str], boot| {
            let used = used.iter().map(|name| (*name).to_owned()).collect();
            let all = not_applied(&effective, Section::Consumer, boot, &used, &Settings::default());
            all.into_iter().map(|one| (one.key.value, one.means)).collect::<Vec<_>>()
        };
        let all = found(&[], Some((3, 4)));
        assert_eq!(
            all.iter().map(|(key, _)| key.rsplit("kafka.").next().unwrap()).collect::<Vec<_>>(),
            [
                "consumer.max-poll-interval",
                "consumer.session.timeout.ms",
                "consumer.topic",
                "request-timeout-ms"
            ]
        );
        assert_eq!(all[1].1.as_deref(), Some("session.timeout.ms"));
        assert_eq!(found(&["spring.kafka.consumer.topic"], Some((3, 5))).len(), 2);
        assert_eq!(found(&["spring.kafka"], None).len(), 0);
    }
}
