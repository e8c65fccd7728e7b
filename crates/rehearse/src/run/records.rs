//! The Kafka workload of a scenario, once addresses are known.

use super::stage::Stage;
use crate::scenario::Scenario;
use crate::workload::kafka::{Records, RecordsSpec};

/// Where there is a Kafka-aware proxy, the reader that checks the log goes around it.
pub(super) fn workload(spec: &RecordsSpec, scenario: &Scenario, stage: &Stage) -> Records {
    let mut spec = spec.clone();
    let filled = spec.bootstrap.iter().map(|address| stage.places.fill(address));
    spec.bootstrap = filled.flat_map(|text| split(&text)).collect();
    // So that what they start ends with the run, whatever becomes of it.
    spec.env = stage.places.environment(&[]);
    if let Some(kafka) = &scenario.kafka {
        spec.direct.clone_from(&kafka.bootstrap);
    }
    Records::new(spec)
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|address| address.trim().to_owned()).collect()
}
