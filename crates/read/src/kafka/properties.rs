//! Java `.properties` files of Kafka's brokers and clients.

use wonin_model::{Located, Settings};
use wonin_syntax::{Entry, Node, properties};
use wonin_text::{FileId, Place, SourceFile, Span};

use crate::fragment::{Content, Format};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "properties",
    claims,
    accepts,
    parse: |id, file, _| Content::Kafka(parse(id, file)),
};

/// What a file of properties is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A broker or controller.
    Broker,
    /// A client.
    Client,
}

/// A file of properties that Kafka reads.
#[derive(Debug)]
pub(crate) struct KafkaProperties {
    pub(crate) used_as: Use,
    pub(crate) settings: Settings,
}

/// Keys that only a broker or controller has.
const BROKER_KEYS: &[&str] = &["broker.id", "node.id", "process.roles", "zookeeper.connect"];

/// Keys that name the brokers of a client.
const CLIENT_KEYS: &[&str] = &["bootstrap.servers", "metadata.broker.list"];

/// Whether a file of this path may be one: Spring's, logging's and build's files are not.
fn claims(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let others = ["application", "bootstrap.", "bootstrap-", "gradle", "log4j", "messages"];
    name.ends_with(".properties") && !others.iter().any(|other| name.starts_with(other))
}

/// Whether the text is one of Kafka's.
fn accepts(_path: &str, text: &str) -> bool {
    let named = |keys: &[&str]| keys.iter().any(|key| text.contains(key));
    if !named(BROKER_KEYS) && !named(CLIENT_KEYS) {
        return false;
    }
    let documents = properties::parse(text).documents;
    let mut keys = documents.iter().flat_map(Node::entries).filter_map(|entry| entry.key.as_str());
    keys.any(|key| BROKER_KEYS.contains(&key) || CLIENT_KEYS.contains(&key))
}

/// Understands the text.
fn parse(id: FileId, file: &SourceFile) -> KafkaProperties {
    let settings = settings(id, file.text());
    KafkaProperties { used_as: use_of(&settings).unwrap_or(Use::Client), settings }
}

fn use_of(settings: &Settings) -> Option<Use> {
    let has = |keys: &[&str]| keys.iter().any(|key| settings.get(key).is_some());
    if has(CLIENT_KEYS) {
        Some(Use::Client)
    } else if has(BROKER_KEYS) {
        Some(Use::Broker)
    } else {
        None
    }
}

/// All properties of the text; of equal keys the last one counts, as in Java.
pub(crate) fn settings(file: FileId, text: &str) -> Settings {
    settings_from(file, text, 0)
}

/// The same for a text that begins at an offset of its file.
pub(crate) fn settings_from(file: FileId, text: &str, start: usize) -> Settings {
    let documents = properties::parse(text).documents;
    let located = |entry: &Entry| {
        let (key, value) = (entry.key.as_str()?, entry.value.as_str()?);
        let span = entry.value.value_span().range();
        let place = Place { file, span: Span::new(start + span.start, start + span.end) };
        Some((key.into(), Located::written(value.trim_end().to_owned(), place)))
    };
    documents.iter().flat_map(Node::entries).filter_map(located).collect()
}
