//! Helpers for tests of applications.

use wonin_model::{Evidence, KafkaClient};

use crate::{MemoryFiles, read};

/// What is read from files.
pub(crate) fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

/// A client by name.
pub(crate) fn client<'e>(evidence: &'e Evidence, name: &str) -> &'e KafkaClient {
    let all = &evidence.stack.kafka_clients;
    all.iter().find(|client| client.name == name).unwrap_or_else(|| {
        panic!("no {name} among {:?}", all.iter().map(|client| &client.name).collect::<Vec<_>>())
    })
}

/// The value of a client's setting.
pub(crate) fn setting<'c>(client: &'c KafkaClient, name: &str) -> Option<&'c str> {
    client.settings.get(name).map(|value| value.value.as_str())
}
