//! Java `.properties` files of Kafka's brokers and clients.

use wonin_model::{Located, Settings};
use wonin_text::{FileId, Place, SourceFile, Span};

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
pub(crate) fn claims(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let others = ["application", "bootstrap.", "bootstrap-", "gradle", "log4j", "messages"];
    name.ends_with(".properties") && !others.iter().any(|other| name.starts_with(other))
}

/// Whether the text is one of Kafka's.
pub(crate) fn accepts(_path: &str, text: &str) -> bool {
    let named = |keys: &[&str]| keys.iter().any(|key| text.contains(key));
    (named(BROKER_KEYS) || named(CLIENT_KEYS)) && use_of(&settings(FileId(0), text)).is_some()
}

/// Understands the text.
pub(crate) fn parse(id: FileId, file: &SourceFile) -> KafkaProperties {
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
    let mut settings = Settings::default();
    for (start, line) in lines(text) {
        if let Some((key, value)) = property(line) {
            let span = Span::new(start + value.start, start + value.end);
            let value = Located::written(line[value].to_owned(), Place { file, span });
            settings.set(line[key].to_owned(), value);
        }
    }
    settings
}

/// Lines with the offsets of their starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split('\n').map(move |line| {
        let at = start;
        start += line.len() + 1;
        (at, line.trim_end_matches('\r'))
    })
}

/// The bytes of key and value of a line; `None` for comments and empty lines.
fn property(line: &str) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let key_start = line.len() - line.trim_start().len();
    let rest = &line[key_start..];
    if rest.is_empty() || rest.starts_with(['#', '!']) {
        return None;
    }
    let is_end = |c: char| c == '=' || c == ':' || c.is_whitespace();
    let key_end = key_start + rest.find(is_end).unwrap_or(rest.len());
    let after = line[key_end..].trim_start();
    let after = after.strip_prefix(['=', ':']).unwrap_or(after).trim_start();
    let value_start = line.len() - after.len();
    Some((key_start..key_end, value_start..value_start + after.trim_end().len()))
}
