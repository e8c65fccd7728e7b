//! `wonin.rehearsal/1`: the contract for machines (docs/schema).

use serde::Serialize;
use wonin_model::rehearsal::{Delivery, Effect, Recovery, Rehearsal, Step};

use super::RehearsalView;
use crate::json::pretty;

/// The name of the contract.
pub const SCHEMA: &str = "wonin.rehearsal/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    name: &'a str,
    verdict: &'static str,
    why: &'a str,
    seed: u64,
    faults: Vec<Fault<'a>>,
    expectations: Vec<Expected<'a>>,
    delivery: Option<Delivered<'a>>,
    recovery: Recovered,
    confirmed: &'a [String],
    predictions: Vec<Predicted<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnosed: Vec<Found<'a>>,
    not_possible: &'a [String],
    remarks: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scenarios: Vec<Document<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Tried<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    diff: &'a [String],
}

/// A trial of the stack after a repair, or as its files are.
#[derive(Serialize)]
struct Tried<'a> {
    repair: Option<Repaired<'a>>,
    effect: Option<&'static str>,
    verdict: &'static str,
    seen: &'a [String],
    failed: &'a [String],
    failed_by: &'a [String],
    scenarios: Vec<Document<'a>>,
}

#[derive(Serialize)]
struct Repaired<'a> {
    mode: &'a str,
    changes: &'a [String],
    places: &'a [String],
}

#[derive(Serialize)]
struct Fault<'a> {
    name: &'a str,
    target: &'a str,
    what: &'a str,
    from_s: f64,
    to_s: Option<f64>,
    hits: u64,
}

#[derive(Serialize)]
struct Expected<'a> {
    name: &'a str,
    phase: &'static str,
    held: bool,
    seen: &'a str,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Delivered<'a> {
    sent: u64,
    acknowledged: u64,
    read: u64,
    lost: u64,
    not_delivered: u64,
    duplicated: u64,
    reordered: u64,
    anomalies: Vec<Anomaly<'a>>,
}

#[derive(Serialize)]
struct Anomaly<'a> {
    name: &'static str,
    count: u64,
    bad: bool,
    examples: &'a [String],
}

#[derive(Serialize)]
struct Recovered {
    first_success_s: Option<f64>,
    steady_s: Option<f64>,
    backlog_drain_s: Option<f64>,
    duplicates: u64,
}

#[derive(Serialize)]
struct Predicted<'a> {
    mode: &'a str,
    claim: &'a str,
    seen: &'a str,
    came_true: bool,
}

#[derive(Serialize)]
struct Found<'a> {
    mode: &'a str,
    service: Option<&'a str>,
    title: &'a str,
    names: &'a [String],
}

/// The rehearsal as one JSON document, indented, with a line break at its end.
pub fn render(view: &RehearsalView) -> String {
    pretty(&document(&view.shown))
}

fn document(rehearsal: &Rehearsal) -> Document<'_> {
    Document {
        schema: SCHEMA,
        name: &rehearsal.name,
        verdict: rehearsal.verdict.name(),
        why: &rehearsal.why,
        seed: rehearsal.seed,
        faults: rehearsal
            .faults
            .iter()
            .map(|fault| Fault {
                name: &fault.name,
                target: &fault.target,
                what: &fault.what,
                from_s: millis(fault.from_s),
                to_s: fault.to_s.map(millis),
                hits: fault.hits,
            })
            .collect(),
        expectations: rehearsal
            .expectations
            .iter()
            .map(|expectation| Expected {
                name: &expectation.name,
                phase: expectation.phase.name(),
                held: expectation.held,
                seen: &expectation.seen,
            })
            .collect(),
        delivery: rehearsal.delivery.as_ref().map(delivered),
        recovery: recovered(&rehearsal.recovery),
        confirmed: &rehearsal.confirmed,
        predictions: rehearsal
            .predictions
            .iter()
            .map(|prediction| Predicted {
                mode: &prediction.mode,
                claim: &prediction.claim,
                seen: &prediction.seen,
                came_true: prediction.came_true,
            })
            .collect(),
        diagnosed: rehearsal
            .diagnosed
            .iter()
            .map(|one| Found {
                mode: &one.mode,
                service: one.service.as_deref(),
                title: &one.title,
                names: &one.names,
            })
            .collect(),
        not_possible: &rehearsal.not_possible,
        remarks: &rehearsal.remarks,
        scenarios: rehearsal.scenarios.iter().map(document).collect(),
        steps: rehearsal.steps.iter().map(tried).collect(),
        diff: &rehearsal.diff,
    }
}

fn tried(step: &Step) -> Tried<'_> {
    let repair = step.repair.as_ref().map(|repair| Repaired {
        mode: &repair.mode,
        changes: &repair.changes,
        places: &repair.places,
    });
    Tried {
        repair,
        effect: step.effect.map(Effect::name),
        verdict: step.verdict.name(),
        seen: &step.seen,
        failed: &step.failed,
        failed_by: &step.failed_by,
        scenarios: step.scenarios.iter().map(document).collect(),
    }
}

fn delivered(delivery: &Delivery) -> Delivered<'_> {
    Delivered {
        sent: delivery.sent,
        acknowledged: delivery.acknowledged,
        read: delivery.read,
        lost: delivery.lost,
        not_delivered: delivery.not_delivered,
        duplicated: delivery.duplicated,
        reordered: delivery.reordered,
        anomalies: delivery
            .anomalies
            .iter()
            .map(|anomaly| Anomaly {
                name: anomaly.name,
                count: anomaly.count,
                bad: anomaly.is_bad,
                examples: &anomaly.examples,
            })
            .collect(),
    }
}

fn recovered(recovery: &Recovery) -> Recovered {
    Recovered {
        first_success_s: recovery.first_success_s.map(millis),
        steady_s: recovery.steady_s.map(millis),
        backlog_drain_s: recovery.backlog_drain_s.map(millis),
        duplicates: recovery.duplicates,
    }
}

/// More digits than milliseconds only look exact.
fn millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
