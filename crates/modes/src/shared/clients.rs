//! Kafka clients: whose they are, and what their settings would be if all that is written counted.

use wonin_model::{
    Evidence, FileEdit, Fix, KafkaClient, Located, NotApplied, Origin, Stack, WhyNotApplied,
};
use wonin_text::{Edit, FileId, Place};

use super::measure::parse_ms;

/// Who runs a client: the application, the service, or else the file that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// Index in `Stack::apps`.
    App(usize),
    /// Index in `Stack::services`.
    Service(usize),
    /// Pods of Kubernetes, by the place where they are declared.
    Pods(Place),
    /// A file alone.
    File(FileId),
}

/// Who runs this client.
pub(crate) fn owner(client: &KafkaClient) -> Owner {
    match (client.app, client.service, &client.pods) {
        (Some(app), _, _) => Owner::App(app),
        (None, Some(service), _) => Owner::Service(service.0),
        (None, None, Some(pods)) => Owner::Pods(pods.place),
        (None, None, None) => Owner::File(client.place.file),
    }
}

/// The owner's name for people.
pub(crate) fn owner_name(stack: &Stack, client: &KafkaClient) -> String {
    let app = client.app.and_then(|index| stack.apps.get(index)).map(|app| app.name.clone());
    let service = client.service.map(|id| stack.service(id).name.value.clone());
    let pods = client.pods.as_ref().map(|pods| pods.name.clone());
    app.or(service).or(pods).unwrap_or_else(|| client.name.clone())
}

/// A number that a client's settings hold, and whether somebody chose it.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) value: Located<i64>,
    pub(crate) written: bool,
}

/// A client's settings, either as they count or as they would if what is written without effect
/// were put right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) client: &'a KafkaClient,
    /// Whether settings without effect are taken as if they had one.
    pub(crate) literal: bool,
}

impl View<'_> {
    /// A number; `None` where absent, uncertain or not a number.
    pub(crate) fn int(&self, name: &str) -> Option<Chosen> {
        if self.literal
            && let Some(ignored) = self.ignored(name)
        {
            let value = ignored.value.and_then(|text| parse_ms(text))?;
            return Some(Chosen { value, written: true });
        }
        let value = self.client.settings.get(name).filter(|value| value.origin.is_certain())?;
        let written = !value.origin.is_default();
        Some(Chosen { value: value.and_then(|text| text.trim().parse().ok())?, written })
    }

    /// A number that somebody wrote.
    pub(crate) fn written_int(&self, name: &str) -> Option<Located<i64>> {
        self.int(name).filter(|chosen| chosen.written).map(|chosen| chosen.value)
    }

    /// Whether reading literally changes any of these settings.
    pub(crate) fn changes(&self, names: &[&str]) -> bool {
        self.literal && names.iter().any(|name| self.ignored(name).is_some())
    }

    fn ignored(&self, name: &str) -> Option<&NotApplied> {
        let meant = |ignored: &&NotApplied| {
            ignored.means.as_deref() == Some(name)
                && !matches!(
                    ignored.why,
                    WhyNotApplied::Overruled { .. } | WhyNotApplied::FileNotUsed { .. }
                )
        };
        self.client.not_applied.iter().find(meant)
    }
}

/// A repair that replaces a written text, where the text at its place is the value itself.
pub(crate) fn replace_text(
    evidence: &Evidence,
    title: impl Into<String>,
    value: &Located<String>,
    by: impl Into<String>,
) -> Fix {
    match value.origin {
        Origin::Written(place) if evidence.sources.slice(place) == value.value => {
            Fix::replace(title, value, by)
        }
        _ => Fix::advice(title),
    }
}

/// The edit that writes `name` as one of Kafka's own names below `properties`, where Spring Boot
/// hands it through; `None` where the key does not stand alone in an `application` file.
pub(crate) fn hand_through(
    evidence: &Evidence,
    key: &Located<String>,
    name: &str,
) -> Option<FileEdit> {
    let Origin::Written(place) = key.origin else { return None };
    let path = evidence.sources.file(place.file).path();
    if ![".yml", ".yaml", ".properties"].iter().any(|ending| path.ends_with(ending)) {
        return None;
    }
    let text = evidence.sources.slice(place);
    let leaf_at = PREFIXES.iter().find(|prefix| text.starts_with(*prefix)).map_or(0, |p| p.len());
    if letters(text.get(leaf_at..)?) != letters(name) {
        return None;
    }
    let replacement = format!("properties.{name}");
    let span = place.part(leaf_at..text.len()).span;
    Some(FileEdit { file: place.file, edit: Edit { span, replacement } })
}

/// Where Spring Boot keeps Kafka settings, for keys that are written in full.
const PREFIXES: [&str; 5] = [
    "spring.kafka.producer.",
    "spring.kafka.consumer.",
    "spring.kafka.admin.",
    "spring.kafka.streams.",
    "spring.kafka.",
];

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}
