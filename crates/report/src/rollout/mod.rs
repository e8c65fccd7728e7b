//! A rehearsed rollout for people and for machines.
//!
//! [`RolloutView::new`] resolves places and hides secrets once; [`text`], [`json`] and [`html`]
//! see nothing else.

mod chart;
pub mod html;
pub mod json;
pub mod text;
mod words;

use std::collections::BTreeMap;

use wonin_model::{Evidence, Fix, Origin};
use wonin_rollout::configured::{Configured, Written};
use wonin_rollout::rehearsal::{Proposed, Rehearsal};
use wonin_rollout::solve::{Blame, Role, Setting, Switch};
use wonin_rollout::{Outcome, Outlook, Problem};
use wonin_text::{FileId, SourceFile};

use crate::view::{Showing, ShownFix, ShownSkip, Spot};
use crate::words::plain;

/// Files and parts that were not understood and are listed; most have nothing to do with rollouts.
const SKIPPED_MAX: usize = 10;

/// All that the renderers see.
#[derive(Debug)]
pub struct RolloutView {
    /// One entry per service.
    pub services: Vec<ShownRollout>,
    /// Files and parts that were not understood.
    pub skipped: Vec<ShownSkip>,
    /// How many more there are; `wonin diagnose` lists them all.
    pub skipped_more: usize,
    /// Files that are cited, secrets hidden, byte offsets as in the original.
    pub files: BTreeMap<FileId, SourceFile>,
}

/// One service.
#[derive(Debug)]
pub struct ShownRollout {
    /// Name.
    pub service: String,
    /// What runs it, as the contract calls it.
    pub platform: &'static str,
    /// Where it is declared.
    pub at: Spot,
    /// Tasks wanted.
    pub desired: u32,
    /// The verdict; `None` where it could not be computed.
    pub verdict: Option<Outlook>,
    /// Many rollouts summed up; the names of tasks are ready to print.
    pub outcome: Option<Outcome>,
    /// The probabilities and times of the outcome hold; without a startup time they do not.
    pub is_weighed: bool,
    /// Fewest tasks that serve.
    pub lowest_capacity: Option<u32>,
    /// The longest startup time that always works, in seconds.
    pub longest_startup_s: Option<u64>,
    /// Verdict, survival of a task and of the rollout with the settings before.
    pub before: Option<(Outlook, f64, f64)>,
    /// Settings to blame.
    pub blame: Vec<ShownBlame>,
    /// What would let it complete.
    pub proposals: Vec<ShownProposal>,
    /// What was assumed.
    pub assumed: Vec<ShownAssumption>,
    /// What else is worth knowing: a word and a sentence each.
    pub remarks: Vec<(&'static str, String)>,
    /// What could not be told.
    pub not_checked: Vec<String>,
    /// Numbers that the platform refuses.
    pub problems: Vec<ShownProblem>,
    /// Points that no document settles and on which the verdict depends.
    pub depends_on_switch: Vec<Switch>,
}

/// A setting under the name of its file, with two values.
#[derive(Clone, Debug)]
pub struct ShownSetting {
    /// The name that the file uses.
    pub name: String,
    /// Its block, where the name alone says too little.
    pub within: Option<&'static str>,
    /// Where it is written; `None` for a default.
    pub at: Option<Spot>,
    /// First value as the file would spell it; `None` where there was none.
    pub from: Option<ShownValue>,
    /// Second value.
    pub to: ShownValue,
}

/// A number of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownValue {
    /// The number.
    pub number: f64,
    /// Its spelling.
    pub text: String,
}

impl ShownSetting {
    /// The name with its block.
    pub fn full_name(&self) -> String {
        self.within.map_or_else(|| self.name.clone(), |block| format!("{block}.{}", self.name))
    }

    /// `15 → 180`, or `180 (new)`.
    pub fn change(&self) -> String {
        match &self.from {
            Some(from) => format!("{} → {}", from.text, self.to.text),
            None => format!("{} (new)", self.to.text),
        }
    }
}

/// A setting to blame.
#[derive(Clone, Debug)]
pub struct ShownBlame {
    /// Cause or enabler.
    pub role: Role,
    /// Cause: before and after. Enabler: now and the smallest value that works.
    pub setting: ShownSetting,
}

/// A proposal.
#[derive(Clone, Debug)]
pub struct ShownProposal {
    /// What to change.
    pub changes: Vec<ShownSetting>,
    /// P(one new task survives) afterwards; `None` where no startup time is known.
    pub task_success: Option<f64>,
    /// P(the rollout completes) afterwards.
    pub rollout_success: Option<f64>,
    /// What it costs; may be empty.
    pub costs: String,
    /// Also holds with a startup a quarter longer.
    pub holds_at_125_percent: bool,
    /// Needs no deployment.
    pub in_place: bool,
    /// Points that no document settles and on which completion depends.
    pub depends_on_switch: Vec<Switch>,
    /// Not the smallest change but one with reserve.
    pub is_recommended: bool,
    /// Why it has no edits, and where the change belongs.
    pub no_edit: Option<String>,
    /// Title and edits.
    pub fix: ShownFix,
}

/// Something assumed or given.
#[derive(Clone, Debug)]
pub struct ShownAssumption {
    /// What.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where the value comes from.
    pub source: &'static str,
}

/// A number that the platform refuses.
#[derive(Clone, Debug)]
pub struct ShownProblem {
    /// What is wrong, with what is allowed.
    pub why: String,
    /// Where it is written; `None` for a default.
    pub at: Option<Spot>,
}

impl RolloutView {
    /// Resolves and masks everything.
    pub fn new(evidence: &Evidence, rehearsals: &[Rehearsal]) -> Self {
        let mut showing = Showing::new(evidence);
        let services = rehearsals.iter().map(|found| shown(&mut showing, found)).collect();
        let all = evidence.skipped.len();
        let few = evidence.skipped.iter().take(SKIPPED_MAX);
        let skipped = few.map(|skip| showing.skip(skip)).collect();
        let skipped_more = all.saturating_sub(SKIPPED_MAX);
        Self { services, skipped, skipped_more, files: showing.files }
    }
}

fn shown(showing: &mut Showing<'_>, found: &Rehearsal) -> ShownRollout {
    let is_weighed = found.outcome.is_some() && found.has_startup;
    let mut outcome = found.outcome.clone();
    for event in outcome.iter_mut().flat_map(|outcome| &mut outcome.timeline) {
        event.task = showing.words(&event.task);
        event.why = showing.words(&event.why);
    }
    let configured = found.configured.as_ref();
    let blame = found.blame.iter().map(|blame| shown_blame(showing, configured, blame)).collect();
    let proposals =
        found.proposals.iter().map(|made| shown_proposal(showing, configured, made)).collect();
    let assumed = configured.map(|configured| configured.assumed.as_slice()).unwrap_or_default();
    ShownRollout {
        service: showing.words(&found.name),
        platform: found.platform.id(),
        at: showing.spot(found.place),
        desired: found.desired(),
        verdict: found.verdict,
        is_weighed,
        lowest_capacity: found.lowest_capacity,
        longest_startup_s: found.longest_startup_s,
        before: found.before.as_ref().map(|o| (o.verdict, o.task_success, o.rollout_success)),
        blame,
        proposals,
        assumed: assumed
            .iter()
            .map(|one| ShownAssumption {
                name: one.name,
                value: one.value.clone(),
                source: one.source,
            })
            .collect(),
        remarks: found.remarks.clone(),
        not_checked: found.not_checked.iter().map(|why| showing.words(why)).collect(),
        problems: found.problems.iter().map(|one| problem(showing, configured, one)).collect(),
        depends_on_switch: found.depends_on_switch.clone(),
        outcome,
    }
}

fn shown_blame(
    showing: &mut Showing<'_>,
    configured: Option<&Configured>,
    blame: &Blame,
) -> ShownBlame {
    let setting = setting(showing, configured, blame.setting, blame.from, blame.to);
    ShownBlame { role: blame.role, setting }
}

/// A setting under the name that the file uses, else under its own.
fn setting(
    showing: &mut Showing<'_>,
    configured: Option<&Configured>,
    setting: Setting,
    from: u64,
    to: u64,
) -> ShownSetting {
    let written = configured.and_then(|configured| configured.settings.get(&setting));
    let Some(Written { name, origin, spelling, within, .. }) = written else {
        let value = |value: u64| ShownValue {
            number: value as f64,
            text: format!("{value}{}", setting.unit()),
        };
        let (from, to) = (Some(value(from)), value(to));
        return ShownSetting { name: setting.id().to_owned(), within: None, at: None, from, to };
    };
    let value =
        |value: u64| ShownValue { number: spelling.number(value), text: spelling.text(value) };
    // A threshold of 0 stands for no startup probe at all.
    let is_new = setting == Setting::StartupFailureThreshold && from == 0;
    ShownSetting {
        name: (*name).to_owned(),
        within: *within,
        at: definition(origin).map(|place| showing.spot(place)),
        from: (!is_new).then(|| value(from)),
        to: value(to),
    }
}

/// Where the number itself stands: the definition of a variable rather than its use.
fn definition(origin: &Origin) -> Option<wonin_text::Place> {
    match origin {
        Origin::Interpolated(filled) => match filled.from.as_slice() {
            [only] => Some(*only),
            _ => Some(filled.place),
        },
        origin => origin.place(),
    }
}

fn shown_proposal(
    showing: &mut Showing<'_>,
    configured: Option<&Configured>,
    made: &Proposed,
) -> ShownProposal {
    let proposal = &made.proposal;
    let changes: Vec<ShownSetting> = proposal
        .changes
        .iter()
        .map(|change| setting(showing, configured, change.setting, change.from, change.to))
        .collect();
    let words: Vec<String> =
        changes.iter().map(|one| format!("`{}` {}", one.full_name(), one.change())).collect();
    let mut title = words.join(" and ");
    if made.is_recommended {
        title.push_str(", with reserve");
    }
    let fix = Fix { edits: made.edits.clone(), ..Fix::advice(title) };
    let weighed = |share: f64| made.is_weighed.then_some(share);
    ShownProposal {
        changes,
        task_success: weighed(proposal.task_success),
        rollout_success: weighed(proposal.rollout_success),
        costs: if made.is_weighed { proposal.costs() } else { String::new() },
        holds_at_125_percent: made.is_weighed && proposal.holds_at_125_percent,
        in_place: proposal.in_place,
        depends_on_switch: proposal.depends_on_switch.clone(),
        is_recommended: made.is_recommended,
        no_edit: made.no_edit.as_ref().map(|why| showing.words(why)),
        fix: showing.fix(&fix),
    }
}

fn problem(
    showing: &mut Showing<'_>,
    configured: Option<&Configured>,
    problem: &Problem,
) -> ShownProblem {
    let setting = match problem {
        Problem::OutOfRange { setting, .. } => Some(*setting),
        Problem::IntervalNotAboveTimeout { .. } => Some(Setting::Interval),
        Problem::DeadlineNotAboveMinReady { .. } => Some(Setting::ProgressDeadline),
        Problem::NoStepAllowed => Some(Setting::MaxSurge),
        _ => None,
    };
    let written =
        setting.and_then(|setting| configured.and_then(|known| known.settings.get(&setting)));
    let name = written.map(Written::full_name);
    let why = match (problem, name) {
        (Problem::OutOfRange { value, min, max, .. }, Some(name)) => {
            format!("`{name}` is {value}, allowed is {min} to {max}")
        }
        (Problem::IntervalNotAboveTimeout { interval_ms, timeout_ms }, Some(name)) => format!(
            "`{name}` is {} s and must be above the timeout of {} s: allowed is {} to 300 s",
            interval_ms / 1000,
            timeout_ms / 1000,
            timeout_ms / 1000 + 1
        ),
        (Problem::DeadlineNotAboveMinReady { deadline_ms, min_ready_ms }, Some(name)) => format!(
            "`{name}` is {} s and must be above the {} s that a pod has to be ready",
            deadline_ms / 1000,
            min_ready_ms / 1000
        ),
        (other, _) => plain(&other.to_string()),
    };
    let at = written.and_then(|written| definition(&written.origin));
    ShownProblem { why: showing.words(&why), at: at.map(|place| showing.spot(place)) }
}
