//! `wonin.rollout/1`: the contract for machines (docs/schema).

use serde::Serialize;
use serde_json::Number;
use wonin_rollout::solve::Switch;

use super::{RolloutView, ShownRollout, ShownSetting, ShownValue};
use crate::json::{Edit, pretty};
use crate::view::Spot;

/// The name of the contract.
pub const SCHEMA: &str = "wonin.rollout/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    service: &'a str,
    platform: &'static str,
    path: &'a str,
    line: u32,
    desired: u32,
    verdict: Option<&'static str>,
    task_success: Option<f64>,
    rollout_success: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_success: Option<f64>,
    ends: Option<Ends>,
    lowest_capacity: Option<u32>,
    longest_startup_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    capacity: Vec<Capacity>,
    timeline: Vec<Happening<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
    blame: Vec<Blame<'a>>,
    proposals: Vec<Proposal<'a>>,
    depends_on_switch: Vec<&'static str>,
    assumed: Vec<Assumed<'a>>,
    refused: Vec<Refused<'a>>,
    remarks: Vec<Remark<'a>>,
    not_checked: &'a [String],
}

#[derive(Serialize)]
struct Ends {
    how: &'static str,
    at_s: Times,
}

#[derive(Serialize)]
struct Times {
    p50: Number,
    p99: Number,
}

#[derive(Serialize)]
struct Capacity {
    t_s: Number,
    available: u32,
}

#[derive(Serialize)]
struct Happening<'a> {
    t_s: Number,
    task: &'a str,
    event: &'static str,
    why: &'a str,
}

#[derive(Serialize)]
struct Before {
    verdict: &'static str,
    task_success: f64,
    rollout_success: f64,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Setting<'a> {
    setting: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<&'static str>,
    from: Option<Number>,
    to: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
struct Blame<'a> {
    role: &'static str,
    #[serde(flatten)]
    setting: Setting<'a>,
}

#[derive(Serialize)]
struct Proposal<'a> {
    changes: Vec<Setting<'a>>,
    task_success: Option<f64>,
    rollout_success: Option<f64>,
    costs: &'a str,
    holds_at_125_percent: bool,
    in_place: bool,
    recommended: bool,
    depends_on_switch: Vec<&'static str>,
    edits: Vec<Edit<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_edit: Option<&'a str>,
}

#[derive(Serialize)]
struct Assumed<'a> {
    name: &'static str,
    value: &'a str,
    source: &'static str,
}

#[derive(Serialize)]
struct Remark<'a> {
    about: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Refused<'a> {
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

/// One object for one service, an array for several; indented, with a line break at its end.
pub fn render(view: &RolloutView) -> String {
    match view.services.as_slice() {
        [only] => pretty(&document(only)),
        all => pretty(&all.iter().map(document).collect::<Vec<_>>()),
    }
}

fn document(rollout: &ShownRollout) -> Document<'_> {
    let outcome = rollout.outcome.as_ref();
    let weighed = outcome.filter(|_| rollout.is_weighed);
    Document {
        schema: SCHEMA,
        service: &rollout.service,
        platform: rollout.platform,
        path: &rollout.at.path,
        line: rollout.at.start.line,
        desired: rollout.desired,
        verdict: rollout.verdict.map(wonin_rollout::Outlook::id),
        task_success: weighed.map(|outcome| share(outcome.task_success)),
        rollout_success: weighed.map(|outcome| share(outcome.rollout_success)),
        rollback_success: weighed.and_then(|outcome| outcome.rollback_success).map(share),
        ends: outcome.map(|outcome| Ends {
            how: outcome.ends.how.id(),
            at_s: Times { p50: seconds(outcome.ends.p50_ms), p99: seconds(outcome.ends.p99_ms) },
        }),
        lowest_capacity: rollout.lowest_capacity,
        longest_startup_s: rollout.longest_startup_s,
        runs: weighed.map(|outcome| outcome.runs),
        seed: weighed.map(|outcome| outcome.seed),
        capacity: weighed
            .into_iter()
            .flat_map(|outcome| &outcome.capacity)
            .map(|point| Capacity { t_s: seconds(point.t_ms), available: point.available })
            .collect(),
        timeline: outcome
            .into_iter()
            .flat_map(|outcome| &outcome.timeline)
            .map(|event| Happening {
                t_s: seconds(event.t_ms),
                task: &event.task,
                event: event.kind.id(),
                why: &event.why,
            })
            .collect(),
        before: rollout.before.map(|(verdict, task_success, rollout_success)| Before {
            verdict: verdict.id(),
            task_success: share(task_success),
            rollout_success: share(rollout_success),
        }),
        blame: rollout
            .blame
            .iter()
            .map(|blame| Blame { role: blame.role.id(), setting: setting(&blame.setting) })
            .collect(),
        proposals: rollout.proposals.iter().map(proposal).collect(),
        depends_on_switch: ids(&rollout.depends_on_switch),
        assumed: rollout
            .assumed
            .iter()
            .map(|one| Assumed { name: one.name, value: &one.value, source: one.source })
            .collect(),
        refused: rollout
            .problems
            .iter()
            .map(|one| Refused {
                why: &one.why,
                path: path(one.at.as_ref()),
                line: line(one.at.as_ref()),
            })
            .collect(),
        remarks: rollout.remarks.iter().map(|(about, text)| Remark { about, text }).collect(),
        not_checked: &rollout.not_checked,
    }
}

fn proposal(made: &super::ShownProposal) -> Proposal<'_> {
    Proposal {
        changes: made.changes.iter().map(setting).collect(),
        task_success: made.task_success.map(share),
        rollout_success: made.rollout_success.map(share),
        costs: &made.costs,
        holds_at_125_percent: made.holds_at_125_percent,
        in_place: made.in_place,
        recommended: made.is_recommended,
        depends_on_switch: ids(&made.depends_on_switch),
        edits: Edit::all(&made.fix),
        no_edit: made.no_edit.as_deref(),
    }
}

fn ids(switches: &[Switch]) -> Vec<&'static str> {
    switches.iter().map(|switch| switch.id()).collect()
}

fn setting(shown: &ShownSetting) -> Setting<'_> {
    Setting {
        setting: &shown.name,
        within: shown.within,
        from: shown.from.as_ref().map(number),
        to: number(&shown.to),
        path: path(shown.at.as_ref()),
        line: line(shown.at.as_ref()),
    }
}

fn path(at: Option<&Spot>) -> Option<&str> {
    at.map(|spot| spot.path.as_str())
}

fn line(at: Option<&Spot>) -> Option<u32> {
    at.map(|spot| spot.start.line)
}

/// Whole numbers stay whole.
fn number(value: &ShownValue) -> Number {
    if value.number.fract() == 0.0 {
        return Number::from(value.number as u64);
    }
    Number::from_f64(value.number).unwrap_or_else(|| Number::from(0))
}

fn seconds(ms: u64) -> Number {
    number(&ShownValue { number: ms as f64 / 1000.0, text: String::new() })
}

/// More digits than a simulation can know only look exact; what is not certain stays so.
fn share(share: f64) -> f64 {
    let rounded = (share * 10_000.0).round() / 10_000.0;
    if share > 1e-9 && share < 1.0 - 1e-9 { rounded.clamp(0.0001, 0.9999) } else { rounded }
}
