//! Kafka clients that an application makes: beans, listeners, raw clients, and the ones that
//! Spring Boot configures by itself.

mod beans;
mod listeners;
mod raw;
mod topics;

use std::collections::BTreeSet;

use wonin_model::{
    ClientKind, ClientLibrary, KafkaClient, Located, NotApplied, ServiceId, Settings, WhyNotApplied,
};
use wonin_text::Place;

pub(crate) use topics::created;

use super::codebase::{Class, Scope};
use super::values::{Built, Values};
use crate::kafka::fill_java;
use crate::spring::kafka::{ClientSettings, applied_keys, not_applied, settings};
use crate::spring::kafka_keys::Section;
use beans::Beans;

/// The application whose clients are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Application<'x> {
    /// Its index in `Stack::apps`, if it is one of Spring Boot's.
    pub(crate) app: Option<usize>,
    /// The service that runs it.
    pub(crate) service: Option<ServiceId>,
    /// Its module.
    pub(crate) module: usize,
    /// Its name.
    pub(crate) name: &'x str,
    /// Property names, in their shared form, that its code reads.
    pub(crate) used: &'x BTreeSet<String>,
    /// Kafka's version as far as the build files tell.
    pub(crate) kafka_version: Option<(u32, u32)>,
    /// Whether Java source of the module was read.
    pub(crate) has_code: bool,
}

/// A bean that makes clients: its name for people, and where it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Where the settings of a client come from.
#[derive(Clone, Debug)]
pub(crate) struct Supply {
    pub(crate) built: Built,
    /// The bean that builds them; `None` where Spring Boot does.
    pub(crate) maker: Option<Maker>,
}

/// All clients of an application, in the order of their places.
pub(crate) fn clients(values: &Values<'_, '_>, application: &Application<'_>) -> Vec<KafkaClient> {
    let finder = Finder { values, application, beans: Beans::of(values.code, application.module) };
    let mut clients = finder.producers();
    clients.extend(finder.listeners());
    clients.extend(finder.raw());
    clients.extend(finder.configured_alone(&clients));
    let topics = finder.sent_topics();
    for client in clients.iter_mut().filter(|client| client.kind == ClientKind::Producer) {
        client.topics.clone_from(&topics);
    }
    clients.sort_by_key(|client| client.place);
    clients
}

/// Looks for the clients of one application.
pub(crate) struct Finder<'f, 'a> {
    pub(crate) values: &'f Values<'f, 'a>,
    pub(crate) application: &'f Application<'f>,
    pub(crate) beans: Beans<'a>,
}

impl<'a> Finder<'_, 'a> {
    /// Classes of the application's module.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (usize, &Class<'a>)> {
        self.values.code.of_module(self.application.module)
    }

    /// What Spring Boot builds for this kind of client.
    pub(crate) fn auto(&self, kind: ClientKind) -> Supply {
        let section = Section::of_kind(kind);
        let values = settings(self.values.config, section, self.values.boot);
        Supply { built: Built { values, from_spring: true }, maker: None }
    }

    /// A client with its defaults, and the written keys that do not reach it.
    pub(crate) fn client(
        &self,
        name: String,
        kind: ClientKind,
        place: Place,
        supply: Supply,
    ) -> KafkaClient {
        let settings = self.with_defaults(&supply.built.values, kind);
        let not_applied = self.not_applied(kind, &supply, &settings);
        KafkaClient {
            name,
            kind,
            library: ClientLibrary::Java,
            service: self.application.service,
            pods: None,
            app: self.application.app,
            place,
            settings,
            unknown: supply.built.values.unknown,
            not_applied,
            topics: Vec::new(),
        }
    }

    /// Defaults for what is neither set nor unknown.
    fn with_defaults(&self, values: &ClientSettings, kind: ClientKind) -> Settings {
        let mut settings = values.settings.clone();
        if values.is_open() {
            return settings;
        }
        let changed = changed_defaults(self.application.kafka_version);
        let mut defaults = Settings::default();
        fill_java(&mut defaults, kind);
        for (name, value) in defaults.iter() {
            let unknown = values.unknown.iter().any(|unknown| unknown.value == name);
            if !unknown && !changed.contains(&name) {
                settings.set_default(name, || value.clone());
            }
        }
        settings
    }

    fn not_applied(
        &self,
        kind: ClientKind,
        supply: &Supply,
        settings: &Settings,
    ) -> Vec<NotApplied> {
        let Values { config, boot, .. } = *self.values;
        let section = Section::of_kind(kind);
        let mut found = not_applied(config, section, boot, self.application.used, settings);
        let Some(maker) = &supply.maker else { return found };
        for (key, value, kafka) in applied_keys(config, section, boot) {
            let counts = settings.get(&kafka);
            let reaches = |counts: &Located<String>| {
                value.origin.places().iter().any(|place| counts.origin.places().contains(place))
            };
            let unknown = &supply.built.values.unknown;
            let may_reach = unknown.iter().any(|name| name.value == kafka || name.value == "*");
            if may_reach || counts.is_some_and(reaches) {
                continue;
            }
            let why =
                WhyNotApplied::ReplacedByBean { bean: maker.name.clone(), place: maker.place };
            found.push(NotApplied {
                key,
                value,
                means: Some(kafka),
                why,
                instead: counts.cloned(),
            });
        }
        found
    }

    /// Clients that only the configuration tells of: of sections that are written though no code
    /// of that kind was seen (another language, a library).
    fn configured_alone(&self, found: &[KafkaClient]) -> Vec<KafkaClient> {
        let mut clients = Vec::new();
        for (kind, section) in
            [(ClientKind::Producer, Section::Producer), (ClientKind::Consumer, Section::Consumer)]
        {
            if found.iter().any(|client| client.kind == kind) {
                continue;
            }
            let keys = &self.values.config.keys;
            let written = keys.iter().filter(|(name, _)| name.starts_with(section.prefix()));
            let Some(place) = written.filter_map(|(_, key)| key.place()).min() else { continue };
            let word = if kind == ClientKind::Producer { "producer" } else { "consumer" };
            let name = format!("{word} of {}", self.application.name);
            clients.push(self.client(name, kind, place, self.auto(kind)));
        }
        if !clients.is_empty() || !found.is_empty() || self.application.has_code {
            return clients;
        }
        let name = "spring.kafka.bootstrap-servers";
        if let Some(place) = self.values.config.keys.get(name).and_then(Located::place) {
            let client = format!("Kafka client of {}", self.application.name);
            clients.push(self.client(
                client,
                ClientKind::Unknown,
                place,
                self.auto(ClientKind::Unknown),
            ));
        }
        clients
    }

    /// `Class.method` at the place of the method's name.
    pub(crate) fn maker(&self, scope: &Scope<'a>) -> Option<Maker> {
        let class = self.values.code.class(scope.class);
        let method = scope.method?;
        Some(Maker {
            name: format!("{}.{}", class.decl.name.text, method.name.text),
            place: self.values.code.place(scope.class, method.name.span),
        })
    }
}

/// Settings whose default differs from Kafka 3.9's in the version that runs: before 3.0 and from
/// 4.0 on (Apache Kafka documentation, "Notable changes").
fn changed_defaults(version: Option<(u32, u32)>) -> &'static [&'static str] {
    match version {
        Some((major, _)) if major < 3 => &[
            "acks",
            "enable.idempotence",
            "session.timeout.ms",
            "socket.connection.setup.timeout.max.ms",
            "socket.connection.setup.timeout.ms",
        ],
        Some((major, _)) if major > 3 => &["linger.ms", "metadata.recovery.strategy"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
