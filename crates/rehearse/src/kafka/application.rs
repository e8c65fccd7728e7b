//! The application whose clients are played: its settings, and where it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::knobs::{Bound, Names};
use crate::workload::kafka::{RecordsSpec, from_java};

/// An application as it is known from its files, or as librdkafka's defaults make it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// What a person would call it: `the producer of KafkaConfig.kafkaTemplate`; empty for none.
    pub name: String,
    /// Whose names its settings have.
    pub names: Names,
    /// Settings of its producer, in its own names.
    pub producer: BTreeMap<String, String>,
    /// Settings of its consumer.
    pub consumer: BTreeMap<String, String>,
    /// Where its producer starts, `host:port`, if that is known.
    pub bootstrap: Vec<String>,
}

/// What is played where no application is known.
const DEFAULTS_OF_LIBRDKAFKA: &[(&str, u64)] = &[
    ("message.timeout.ms", 300_000),
    ("socket.connection.setup.timeout.ms", 30_000),
    ("socket.timeout.ms", 60_000),
];

impl Application {
    /// A workload that behaves like it; the settings that could not be taken over.
    pub(super) fn workload(&self, bootstrap: Vec<String>) -> (RecordsSpec, Vec<String>) {
        let mut spec = RecordsSpec::at(bootstrap);
        let mut left_out = Vec::new();
        match self.names {
            Names::Java => {
                let producer = from_java(pairs(&self.producer));
                let consumer = from_java(pairs(&self.consumer));
                spec.producer = producer.settings;
                spec.max_block = producer.max_block;
                spec.consumer = consumer.settings;
                left_out.extend(producer.left_out);
                left_out.extend(consumer.left_out);
            }
            Names::Librdkafka => {
                spec.producer.clone_from(&self.producer);
                spec.consumer.clone_from(&self.consumer);
            }
        }
        let idempotence = spec.producer.get("enable.idempotence");
        spec.judgement.is_idempotent = idempotence.is_some_and(|value| value == "true");
        (spec, left_out)
    }

    /// What bounds its waiting, by its own settings.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        let given = |name: &str| -> Option<u64> {
            let value = self.producer.get(name).and_then(|value| value.trim().parse().ok());
            let default = || {
                let known = DEFAULTS_OF_LIBRDKAFKA.iter().find(|(known, _)| *known == name);
                known.filter(|_| self.names == Names::Librdkafka).map(|(_, ms)| *ms)
            };
            value.or_else(default)
        };
        // Through a proxy the connection itself is never late: a first contact waits for two
        // answers (versions, metadata), its set-up for the first of them.
        let wanted: &[(&'static str, u32, bool)] = match self.names {
            Names::Java => &[
                ("socket.connection.setup.timeout.ms", 1, true),
                ("request.timeout.ms", 1, false),
                ("max.block.ms", 2, true),
                ("delivery.timeout.ms", 1, false),
            ],
            Names::Librdkafka => &[
                ("socket.connection.setup.timeout.ms", 1, true),
                ("socket.timeout.ms", 1, false),
                ("message.timeout.ms", 1, false),
            ],
        };
        let bound = |(name, answers, is_cold): &(&'static str, u32, bool)| {
            let lasts = Duration::from_millis(given(name)?);
            Some(Bound { name, lasts, answers: *answers, is_cold: *is_cold })
        };
        wanted.iter().filter_map(bound).collect()
    }
}

fn pairs(settings: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_application_is_played_with_its_settings() {
        let settings = [
            ("max.block.ms", "60000"),
            ("request.timeout.ms", "30000"),
            ("enable.idempotence", "true"),
        ];
        let producer = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let application = Application { producer, ..Application::default() };
        let (spec, left_out) = application.workload(vec!["a:1".to_owned()]);
        assert_eq!(spec.producer["socket.timeout.ms"], "30000");
        assert_eq!(spec.max_block, Some(Duration::from_mins(1)));
        assert!(spec.judgement.is_idempotent && left_out.is_empty());
        let bounds: Vec<_> = application.bounds().iter().map(|bound| bound.name).collect();
        assert_eq!(bounds, ["request.timeout.ms", "max.block.ms"]);
    }

    #[test]
    fn without_an_application_the_library_s_defaults_count() {
        let application = Application { names: Names::Librdkafka, ..Application::default() };
        let bounds: Vec<_> =
            application.bounds().iter().map(|bound| (bound.name, bound.lasts.as_secs())).collect();
        let expected = [
            ("socket.connection.setup.timeout.ms", 30),
            ("socket.timeout.ms", 60),
            ("message.timeout.ms", 300),
        ];
        assert_eq!(bounds, expected);
    }
}
