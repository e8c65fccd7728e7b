//! The engines that break more than TCP, as a run needs them.

use std::time::Duration;

use wonin_fault::inject::{Active, Error, Injection, Injector};
use wonin_fault::kafka::{KafkaFault, KafkaOptions, KafkaProxy};

use super::faults::Refused;
use super::stage::Stage;
use super::{CannotRun, RunOptions};
use crate::scenario::{FaultAct, KafkaSpec, Run, Scenario, WorkloadKind, WorkloadSpec};

/// The Kafka-aware proxy of a scenario.
pub(super) async fn kafka(
    spec: &KafkaSpec,
    seed: u64,
    allow_remote: bool,
) -> Result<KafkaProxy, CannotRun> {
    let options = KafkaOptions {
        bootstrap: spec.bootstrap.clone(),
        listen_host: spec.listen_host.clone(),
        first_port: spec.first_port,
        seed,
        allow_remote,
    };
    KafkaProxy::start(options)
        .await
        .map_err(|error| CannotRun::new(format!("cannot stand before Kafka: {error}")))
}

/// An injector, where a run needs one: to break processes or containers, or to end what it has
/// started if it is killed.
pub(super) async fn injector(
    scenario: &Scenario,
    run: &Run,
    options: &RunOptions,
) -> Result<Option<Injector>, CannotRun> {
    let is_needed = |act: &FaultAct| matches!(act, FaultAct::Inject(_) | FaultAct::Own { .. });
    let is_program = |spec: &WorkloadSpec| match &spec.kind {
        WorkloadKind::Command(_) => true,
        WorkloadKind::Kafka(records) => !records.external.is_empty(),
        WorkloadKind::Http(_) => false,
    };
    let starts = !scenario.processes.is_empty() || scenario.workloads.iter().any(is_program);
    if !starts && !run.acts.iter().any(is_needed) {
        return Ok(None);
    }
    let opened = Injector::open(options.injector.clone()).await;
    opened.map(Some).map_err(|error| CannotRun::new(error.to_string()))
}

impl Stage {
    pub(super) fn add_kafka(&self, name: &str, fault: KafkaFault) -> Result<(), Refused> {
        let Some(kafka) = &self.kafka else {
            return Err(Refused::failed("there is no Kafka-aware proxy"));
        };
        kafka.add(name, fault).map_err(Refused::failed)
    }

    pub(super) fn remove_kafka(&self, name: &str) {
        if let Some(kafka) = &self.kafka {
            kafka.remove(name);
        }
    }

    /// Requests that a fault hit; for one on connections, those.
    pub(super) fn kafka_hits(&self, name: &str) -> Option<u64> {
        let hits = self.kafka.as_ref()?.hits(name)?;
        Some(hits.requests.max(hits.responses).max(hits.connections))
    }

    /// What cannot be seen of clients that go around the Kafka proxy.
    pub(super) fn unseen(&self) -> Vec<String> {
        let unseen = self.kafka.as_ref().map(KafkaProxy::unseen).unwrap_or_default();
        let told = |what| format!("not looked at for clients that go around the proxy: {what}");
        unseen.into_iter().map(told).collect()
    }

    /// Clients that went around the Kafka proxy.
    pub(super) fn escapes(&self) -> Vec<String> {
        let Some(kafka) = &self.kafka else { return Vec::new() };
        let escapes = kafka.escapes();
        // The reader that checks the log goes there on purpose.
        let theirs = escapes.iter().filter(|escape| !escape.own_process);
        theirs
            .map(|escape| {
                format!(
                    "a client went around the proxy: {} (pid {}) is connected to broker {} at {}",
                    escape.program, escape.pid, escape.broker, escape.remote
                )
            })
            .collect()
    }

    pub(super) async fn inject(
        &self,
        injection: &Injection,
        at_most: Duration,
    ) -> Result<Active, Refused> {
        let Some(injector) = &self.injector else {
            return Err(Refused::failed("nothing here breaks processes or containers"));
        };
        injector.inject(injection, at_most).await.map_err(|error| Refused {
            is_impossible: matches!(error, Error::CannotDo(_)),
            why: error.to_string(),
        })
    }

    pub(super) async fn heal(&self, active: Active) -> Result<(), String> {
        let Some(injector) = &self.injector else { return Ok(()) };
        injector.heal(active).await.map_err(|error| error.to_string())
    }

    /// Why a fault on a proxy may have hit nothing.
    pub(super) async fn passed_by(&self, proxy: &str) -> String {
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
pub(super) fn kafka_words(fault: &KafkaFault) -> (String, String) {
    let on = serde_json::to_value(&fault.on).unwrap_or_default();
    let mut on: Vec<String> = on
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    if on.is_empty() {
        let all = if fault.act.is_edge() { "every broker" } else { "all requests" };
        on.push(all.to_owned());
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
#[derive(Debug)]
pub(super) struct Resolver(Option<Injector>);

impl Resolver {
    pub(super) async fn open(scenario: &Scenario, options: &RunOptions) -> Result<Self, CannotRun> {
        let runs = scenario.runs();
        for run in &runs {
            if let Some(injector) = injector(scenario, run, options).await? {
                return Ok(Self(Some(injector)));
            }
        }
        Ok(Self(None))
    }

    pub(super) async fn resolve(&self, injection: &Injection) -> Result<Vec<String>, String> {
        let Some(injector) = &self.0 else { return Ok(Vec::new()) };
        let found = injector.resolve(injection).await.map_err(|cannot| cannot.to_string())?;
        Ok(found
            .into_iter()
            .map(|target| match target.detail.as_str() {
                "" => target.name,
                detail => format!("{} ({detail})", target.name),
            })
            .collect())
    }
}
