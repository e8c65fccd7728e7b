//! A rehearsal with real faults, for people and for machines.

pub mod json;
pub mod junit;
pub mod plan;
mod steps;
pub mod text;

use wonin_model::rehearsal::{Delivery, Plan, Rehearsal};
use wonin_model::secret::Masker;
use wonin_text::Sources;

use crate::words::plain;

/// What may be shown of a rehearsal: secrets hidden, control characters visible. The renderers see
/// nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct RehearsalView {
    pub(crate) shown: Rehearsal,
}

impl RehearsalView {
    /// `sources` hold the scenario file, whose secrets are hidden wherever they come up.
    pub fn new(rehearsal: &Rehearsal, sources: &Sources) -> Self {
        let mut shown = rehearsal.clone();
        hide(&mut shown, &Masker::new(sources));
        Self { shown }
    }
}

/// What may be shown of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanView {
    pub(crate) shown: Plan,
}

impl PlanView {
    /// As for [`RehearsalView::new`].
    pub fn new(plan: &Plan, sources: &Sources) -> Self {
        let masker = Masker::new(sources);
        let mut shown = plan.clone();
        let mut texts: Vec<&mut String> = vec![&mut shown.name];
        texts.extend(&mut shown.runs);
        texts.extend(&mut shown.starts);
        texts.extend(&mut shown.aborts);
        texts.extend(&mut shown.not_possible);
        texts.extend(shown.timeline.iter_mut().map(|(_, what)| what));
        texts.extend(shown.expectations.iter_mut().map(|(_, what)| what));
        for (fault, found) in &mut shown.targets {
            texts.push(fault);
            texts.extend(found);
        }
        for text in texts {
            mask(text, &masker);
        }
        Self { shown }
    }
}

fn hide(rehearsal: &mut Rehearsal, masker: &Masker) {
    let Rehearsal {
        name,
        verdict: _,
        why,
        seed: _,
        scenarios,
        faults,
        expectations,
        delivery,
        recovery: _,
        predictions,
        diagnosed,
        confirmed,
        steps,
        diff,
        not_possible,
        remarks,
    } = rehearsal;
    let mut texts: Vec<&mut String> = vec![name, why];
    texts.extend(confirmed);
    texts.extend(not_possible);
    texts.extend(remarks);
    texts.extend(diff);
    for step in steps.iter_mut() {
        texts.extend(step.seen.iter_mut().chain(&mut step.failed).chain(&mut step.failed_by));
        if let Some(repair) = &mut step.repair {
            texts.push(&mut repair.mode);
            texts.extend(repair.changes.iter_mut().chain(&mut repair.places));
        }
    }
    for fault in faults {
        texts.extend([&mut fault.name, &mut fault.target, &mut fault.what]);
    }
    for expectation in expectations {
        texts.extend([&mut expectation.name, &mut expectation.seen]);
    }
    for prediction in predictions {
        texts.extend([&mut prediction.mode, &mut prediction.claim, &mut prediction.seen]);
    }
    for one in diagnosed {
        texts.extend([&mut one.mode, &mut one.title]);
        texts.extend(one.service.iter_mut().chain(&mut one.names));
    }
    if let Some(Delivery { anomalies, .. }) = delivery {
        texts.extend(anomalies.iter_mut().flat_map(|anomaly| &mut anomaly.examples));
    }
    for text in texts {
        mask(text, masker);
    }
    let scenarios = scenarios.iter_mut();
    for scenario in scenarios.chain(steps.iter_mut().flat_map(|step| &mut step.scenarios)) {
        hide(scenario, masker);
    }
}

fn mask(text: &mut String, masker: &Masker) {
    *text = plain(&masker.text(text));
}
