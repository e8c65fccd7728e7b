//! The engines that break more than TCP, as a run needs them.

use std::time::Duration;

use wonin_fault::inject::{Active, Injection};
use wonin_fault::kafka::KafkaFault;

use super::faults::Refused;
use super::stage::Stage;
use super::{CannotRun, RunOptions};

impl Stage {
    pub(crate) fn add_kafka(&self, _name: &str, _fault: KafkaFault) -> Result<(), Refused> {
        Err(Refused {
            why: "faults on Kafka traffic are not built in".to_owned(),
            is_impossible: true,
        })
    }

    pub(crate) fn remove_kafka(&self, _name: &str) {}

    pub(crate) fn kafka_hits(&self, _name: &str) -> Option<u64> {
        None
    }

    pub(crate) async fn inject(
        &self,
        injection: &Injection,
        _at_most: Duration,
    ) -> Result<Active, Refused> {
        Err(Refused { why: format!("{injection} is not built in"), is_impossible: true })
    }

    pub(crate) async fn heal(&self, _active: Active) -> Result<(), String> {
        Ok(())
    }

    /// Why a fault on a proxy may have hit nothing.
    pub(crate) async fn passed_by(&self, proxy: &str) -> String {
        let address = self.places.fill(&format!("${{proxy.{proxy}}}"));
        match self.engine.accepted(proxy).await {
            Some(0) | None => {
                format!("nobody ever connected to the proxy `{proxy}`; clients must use {address}")
            }
            Some(count) => format!(
                "of {count} connections through the proxy `{proxy}` none met it while it acted"
            ),
        }
    }
}

/// Target and deed of a fault on Kafka traffic.
pub(crate) fn kafka_words(fault: &KafkaFault) -> (String, String) {
    let on = serde_json::to_value(&fault.on).unwrap_or_default();
    let mut on: Vec<String> = on
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    if on.is_empty() {
        on.push("all requests".to_owned());
    }
    let act = serde_json::to_value(&fault.act).unwrap_or_default();
    let details = act.as_object().into_iter().flatten();
    let details = details.filter(|(name, value)| *name != "type" && !value.is_null());
    let details: Vec<String> =
        details.map(|(name, value)| format!(" {name} {}", plain(value))).collect();
    (on.join(", "), format!("{}{}", fault.act.name().replace('_', " "), details.concat()))
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("+"),
        other => other.to_string(),
    }
}

/// Finds targets without touching them.
pub(crate) struct Resolver;

impl Resolver {
    pub(crate) async fn open(
        _injections: &[&Injection],
        _options: &RunOptions,
    ) -> Result<Self, CannotRun> {
        Ok(Self)
    }

    pub(crate) async fn resolve(&mut self, injection: &Injection) -> Result<Vec<String>, String> {
        Err(format!("{injection} is not built in"))
    }
}
