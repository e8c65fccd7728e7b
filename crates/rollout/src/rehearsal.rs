//! Everything that can be said about the rollout of one configured service.

use wonin_model::{FileEdit, Stack};
use wonin_text::{Place, Sources};

use crate::closed::mean_checks_until_unhealthy;
use crate::configured::{self, Assumption, Configured, Given, GivenStartup, Platform};
use crate::draw::{Draw, Phase};
use crate::monte_carlo::{Sampling, Simulator, is_deadlock, startup};
use crate::outcome::{Outcome, Outlook};
use crate::plan::{Plan, Problem, validate};
use crate::solve::{self, Blame, Change, Proposal, Role, Setting, Switch, assumed_spread};
use crate::startup::{Startup, fargate_units};

/// A service and what is known beside its files.
#[derive(Debug)]
pub struct Candidate {
    /// The service; with a startup time of 0 where none is known.
    pub configured: Option<Configured>,
    /// Name for people.
    pub name: String,
    /// Directory of its declaration.
    pub dir: String,
    /// What runs it.
    pub platform: Platform,
    /// Where it is declared.
    pub place: Place,
    /// What is missing for a whole answer, and how to give it.
    pub missing: Option<String>,
    /// Where the setting stands that could not be told.
    pub missing_at: Option<Place>,
}

/// A startup time that a log shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The service that wrote it; `None` where the log does not tell.
    pub service: Option<String>,
    /// How long.
    pub startup: GivenStartup,
    /// Its value and place in words: `150s, app.log:12`.
    pub words: String,
}

/// All services that an orchestrator rolls out. What is given counts first, then what logs show. A
/// service without a startup time is there too: some things can be said without one.
pub fn candidates(stack: &Stack, given: &Given, seen: &[Seen]) -> Vec<Candidate> {
    let whole = configured::configured(stack, given);
    if whole.iter().all(Result::is_ok) {
        return whole.into_iter().map(|found| candidate(found, None)).collect();
    }
    let with = |startup: GivenStartup| {
        configured::configured(stack, &Given { startup: Some(startup), ..given.clone() })
    };
    let up_at_once = with(GivenStartup::Exact(0));
    let is_one = whole.len() == 1;
    let both = whole.into_iter().zip(up_at_once).enumerate();
    both.map(|(index, (whole, part))| {
        let unready = match whole {
            Ok(found) => return candidate(Ok(found), None),
            Err(unready) => unready,
        };
        let usable = given.startup.is_none();
        let log = seen.iter().filter(|_| usable).find(|log| match &log.service {
            Some(service) => *service == unready.name || is_one,
            None => is_one,
        });
        if let Some(log) = log
            && let Some(Ok(mut found)) = with(log.startup.clone()).into_iter().nth(index)
        {
            let value = log.words.clone();
            found.assumed.insert(0, Assumption { name: "startup time", value, source: "log" });
            return candidate(Ok(found), None);
        }
        candidate(part, Some(unready.why))
    })
    .collect()
}

fn candidate(found: Result<Configured, configured::Unready>, missing: Option<String>) -> Candidate {
    match found {
        Ok(found) => Candidate {
            name: found.name.clone(),
            dir: found.dir.clone(),
            platform: found.platform,
            place: found.place,
            configured: Some(found),
            missing,
            missing_at: None,
        },
        Err(unready) => Candidate {
            configured: None,
            name: unready.name,
            dir: unready.dir,
            platform: unready.platform,
            place: unready.place,
            missing: Some(unready.why),
            missing_at: unready.at,
        },
    }
}

impl Candidate {
    /// What is missing, with the place where it stands.
    fn told_missing(&self, sources: &Sources) -> Option<String> {
        let missing = self.missing.as_ref()?;
        let Some(at) = self.missing_at else { return Some(missing.clone()) };
        let position = sources.position(at);
        let path = sources.file(at.file).path();
        Some(format!("{path}:{}:{}: {missing}", position.line, position.column))
    }
}

/// The services that a person means by a path: those of its own directory where it holds some,
/// else all below it.
pub fn nearest(candidates: Vec<Candidate>) -> Vec<Candidate> {
    if candidates.iter().any(|found| found.dir.is_empty()) {
        candidates.into_iter().filter(|found| found.dir.is_empty()).collect()
    } else {
        candidates
    }
}

/// What came out for one service.
#[derive(Debug)]
pub struct Rehearsal {
    /// The service; `None` where its numbers are not known.
    pub configured: Option<Configured>,
    /// Name for people.
    pub name: String,
    /// What runs it.
    pub platform: Platform,
    /// Where it is declared.
    pub place: Place,
    /// The verdict; `None` where it cannot be computed.
    pub verdict: Option<Outlook>,
    /// Many rollouts summed up; `None` without a startup time, or with numbers that the platform
    /// refuses.
    pub outcome: Option<Outcome>,
    /// A startup time is known, so that probabilities and times hold.
    pub has_startup: bool,
    /// Numbers that the platform refuses.
    pub problems: Vec<Problem>,
    /// Fewest tasks that serve, whatever the startup time; `None` where nothing is known.
    pub lowest_capacity: Option<u32>,
    /// The longest startup time, in seconds, that always works with these settings; `None` when
    /// none does or nothing is known.
    pub longest_startup_s: Option<u64>,
    /// The settings before, summed up in the same way.
    pub before: Option<Outcome>,
    /// Settings to blame: causes, then enablers.
    pub blame: Vec<Blame>,
    /// What would let it complete.
    pub proposals: Vec<Proposed>,
    /// Points on which the documentation is silent and on which the verdict depends.
    pub depends_on_switch: Vec<Switch>,
    /// What else is worth knowing: a word and a sentence each.
    pub remarks: Vec<(&'static str, String)>,
    /// What could not be told, and what to do about it.
    pub not_checked: Vec<String>,
}

/// A proposal with the edits that make it.
#[derive(Debug)]
pub struct Proposed {
    /// What to change and what it brings.
    pub proposal: Proposal,
    /// The edits; empty where a person must make them.
    pub edits: Vec<FileEdit>,
    /// Why there are none, and where the change belongs.
    pub no_edit: Option<String>,
    /// Its probabilities hold: the startup time is known.
    pub is_weighed: bool,
    /// Not the smallest change but one with reserve, which keeps the capacity as well.
    pub is_recommended: bool,
}

impl Proposed {
    fn new(proposal: Proposal, is_weighed: bool) -> Self {
        Self { proposal, edits: Vec::new(), no_edit: None, is_weighed, is_recommended: false }
    }
}

/// Rehearses one service. `before` is the same service as it was when it last worked.
pub fn rehearse(
    simulator: &mut Simulator,
    candidate: Candidate,
    before: Option<&Configured>,
    sources: &Sources,
    sampling: Sampling,
) -> Rehearsal {
    let told = candidate.told_missing(sources);
    let mut rehearsal = Rehearsal {
        configured: None,
        name: candidate.name,
        platform: candidate.platform,
        place: candidate.place,
        verdict: None,
        outcome: None,
        has_startup: candidate.missing.is_none(),
        problems: Vec::new(),
        lowest_capacity: None,
        longest_startup_s: None,
        before: None,
        blame: Vec::new(),
        proposals: Vec::new(),
        depends_on_switch: Vec::new(),
        remarks: Vec::new(),
        not_checked: told.into_iter().collect(),
    };
    let Some(mut configured) = candidate.configured else { return rehearsal };
    rehearsal.problems = validate(&configured.plan);
    if rehearsal.problems.is_empty() {
        if candidate.missing.is_none() {
            whole(simulator, &mut configured, before, sampling, &mut rehearsal);
        } else {
            without_startup(simulator, &configured, sampling, &mut rehearsal);
        }
        for proposed in &mut rehearsal.proposals {
            let changes = &proposed.proposal.changes;
            match configured::edits_or_why(&configured, sources, changes) {
                Ok(edits) => proposed.edits = edits,
                Err(why) => proposed.no_edit = Some(why),
            }
        }
    }
    rehearsal.configured = Some(configured);
    rehearsal
}

fn whole(
    simulator: &mut Simulator,
    configured: &mut Configured,
    before: Option<&Configured>,
    sampling: Sampling,
    rehearsal: &mut Rehearsal,
) {
    let before = before.filter(|before| {
        let usable = validate(&before.plan).is_empty();
        if !usable {
            let why = "the settings before are none that the platform takes: no blame".to_owned();
            rehearsal.not_checked.push(why);
        }
        usable
    });
    remember_previous(configured, before);
    let plan = &configured.plan;
    let outcome = simulator.outcome(plan, sampling);
    // The phase of a check is nobody's choice: what is proposed must hold for each.
    let any_phase = with_any_phase(plan);
    rehearsal.longest_startup_s = solve::longest_startup_s(&any_phase);
    rehearsal.depends_on_switch = simulator.verdict_rests_on(&any_phase, sampling);
    let proposals = simulator.propose(&any_phase, sampling);
    let proposals = in_sizes(simulator, &any_phase, configured.fargate, proposals, sampling);
    if let Some(before) = before {
        let was = with_any_phase(&before.plan);
        rehearsal.before = Some(simulator.outcome(&was, sampling));
        rehearsal.blame = simulator.blame(&was, &any_phase, sampling);
        let nothing_changed = why_nothing_is_to_blame(&was, &any_phase, &proposals, rehearsal);
        rehearsal.not_checked.extend(nothing_changed);
    } else {
        rehearsal.blame = enablers(&proposals);
    }
    rehearsal.remarks = remarks(plan, &outcome);
    let recommended = recommended(simulator, &any_phase, sampling);
    let recommended = recommended.filter(|_| !proposals.is_empty());
    rehearsal.verdict = Some(outcome.verdict);
    rehearsal.lowest_capacity = Some(outcome.lowest_capacity);
    rehearsal.outcome = Some(outcome);
    rehearsal.proposals = proposals
        .into_iter()
        .map(|proposal| Proposed::new(proposal, true))
        .chain(recommended)
        .collect();
}

/// What the numbers of the verdict do not say.
fn remarks(plan: &Plan, outcome: &Outcome) -> Vec<(&'static str, String)> {
    let Plan::Ecs(plan) = plan else { return Vec::new() };
    let mut remarks = Vec::new();
    if let Some(check) = plan.target.filter(|check| check.slow_ppm > 0) {
        let failures = check.unhealthy_threshold;
        if let Some(checks) = mean_checks_until_unhealthy(check.slow_share(), failures) {
            let hours = checks * check.interval_ms as f64 / 3_600_000.0;
            let text = format!(
                "a task that serves is killed after {checks:.0} checks on average, {}: {failures} \
                 slow answers in a row; a longer `timeout`, and an `interval` above it, or a higher \
                 `unhealthy_threshold` help",
                if hours < 1.0 {
                    format!("{:.0} min", hours * 60.0)
                } else {
                    format!("{hours:.0} h")
                }
            );
            remarks.push(("slow answers", text));
        }
    }
    if let Some(zones) = plan.zones.filter(|zones| zones.served < zones.all) {
        let text = format!(
            "the load balancer serves {} of {} zones: tasks in the others never become healthy",
            zones.served, zones.all
        );
        remarks.push(("zones", text));
    }
    if plan.alarms.is_some_and(|alarms| alarms.in_alarm_at_start) {
        let text = "one is in ALARM already: all of them are ignored for this deployment";
        remarks.push(("alarms", text.to_owned()));
    }
    let run = &outcome.example;
    if run.lowest_weight_milli < u64::from(run.lowest_capacity) * 1000 {
        let text = format!(
            "new tasks take their share of requests late: {} serve at the lowest, with the weight of \
             {:.1}",
            run.lowest_capacity,
            run.lowest_weight_milli as f64 / 1000.0
        );
        remarks.push(("slow start", text));
    }
    remarks
}

/// What holds for every startup time: the bounds.
fn without_startup(
    simulator: &mut Simulator,
    configured: &Configured,
    sampling: Sampling,
    rehearsal: &mut Rehearsal,
) {
    let plan = with_any_phase(&configured.plan);
    rehearsal.longest_startup_s = solve::longest_startup_s(&plan);
    let outcome = simulator.outcome(&plan, Sampling { runs: 1, ..sampling });
    rehearsal.lowest_capacity = Some(outcome.lowest_capacity);
    if !is_deadlock(&plan) {
        return;
    }
    rehearsal.verdict = Some(Outlook::Deadlock);
    let proposals = simulator.propose(&plan, Sampling { runs: 100, ..sampling });
    rehearsal.proposals =
        proposals.into_iter().map(|proposal| Proposed::new(proposal, false)).collect();
    rehearsal.outcome = Some(outcome);
}

/// The startup time of the tasks that a rollback starts: as it was before; where that is not known,
/// the old revision is taken to start within what the checks allow, since it once completed.
fn remember_previous(configured: &mut Configured, before: Option<&Configured>) {
    let mut old = with_any_phase(&configured.plan);
    if let Plan::Ecs(old) = &mut old {
        // What the new revision needs says nothing of the one before.
        old.memory = None;
        old.zones = None;
    }
    let longest_s = solve::longest_startup_s(&old);
    let Plan::Ecs(plan) = &mut configured.plan else { return };
    let before = before.and_then(|before| startup(&before.plan));
    // One time given for both says nothing of the revision before.
    if let Some(before) = before.filter(|before| before.time != plan.startup.time) {
        plan.previous_startup = Some(*before);
        return;
    }
    if plan.breaker.is_none_or(|breaker| !breaker.rollback) {
        return;
    }
    let Some(longest_s) = longest_s.filter(|&s| s * 1000 < plan.startup.time.max_ms()) else {
        return;
    };
    plan.previous_startup = Some(Startup::constant(longest_s * 1000));
    configured.assumed.push(Assumption {
        name: "startup of the last good revision",
        value: format!("{longest_s}s, the longest that these checks allow"),
        source: "rollout-semantics 7.5",
    });
}

fn with_any_phase(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    if let Plan::Ecs(ecs) = &mut plan
        && let Some(check) = &mut ecs.target
    {
        check.phase = Phase::Uniform;
    }
    plan
}

/// On Fargate more CPU comes in sizes: a proposal takes the next one, or falls away above all.
fn in_sizes(
    simulator: &mut Simulator,
    plan: &Plan,
    fargate: bool,
    proposals: Vec<Proposal>,
    sampling: Sampling,
) -> Vec<Proposal> {
    if !fargate {
        return proposals;
    }
    let sized = |change: &Change| match change.setting {
        Setting::Cpu => {
            let units = fargate_units(u32::try_from(change.to).ok()?)?;
            Some(Change { to: units.into(), ..*change })
        }
        _ => Some(*change),
    };
    proposals
        .into_iter()
        .filter_map(|proposal| {
            let changes: Vec<Change> =
                proposal.changes.iter().map(sized).collect::<Option<Vec<_>>>()?;
            if changes == proposal.changes {
                return Some(proposal);
            }
            Some(simulator.weigh(plan, changes, proposal.detection_ms_before, sampling))
        })
        .collect()
}

/// What the documentation recommends, for a startup time that spreads around the one measured
/// (rollout-semantics 7.5, 10).
fn recommended(simulator: &mut Simulator, plan: &Plan, sampling: Sampling) -> Option<Proposed> {
    let Plan::Ecs(ecs) = plan else { return None };
    let mut spread = ecs.clone();
    if let Draw::Constant { ms } = ecs.startup.time {
        spread.startup.time = assumed_spread(ms);
    }
    let changes = simulator.recommended(&Plan::Ecs(spread), sampling)?.changes;
    let before = simulator.detection_ms(plan, sampling);
    let proposal = simulator.weigh(plan, changes, before, sampling);
    // Where something else is wrong, it is no way out.
    let works = proposal.holds_at_q99 && proposal.task_success >= 1.0 - 1e-9;
    works.then(|| Proposed { is_recommended: true, ..Proposed::new(proposal, true) })
}

/// Without the settings before, every setting whose change alone suffices lets the failure happen.
fn enablers(proposals: &[Proposal]) -> Vec<Blame> {
    let alone = proposals.iter().filter_map(|proposal| match proposal.changes.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    alone
        .map(|Change { setting, from, to }| Blame { setting, role: Role::Enabler, from, to })
        .collect()
}

/// Why no cause was found. What was before is then not told where it is the same as now.
fn why_nothing_is_to_blame(
    before: &Plan,
    after: &Plan,
    proposals: &[Proposal],
    rehearsal: &mut Rehearsal,
) -> Option<String> {
    let has_cause = rehearsal.blame.iter().any(|blame| blame.role == Role::Cause);
    if has_cause || proposals.is_empty() {
        return None;
    }
    let changed = Setting::ALL.iter().any(|setting| setting.get(before) != setting.get(after));
    let same_startup = startup(before).map(|s| s.time) == startup(after).map(|s| s.time);
    if !same_startup || changed {
        return Some("the settings before fare no better: no cause among the changes".to_owned());
    }
    rehearsal.before = None;
    Some(
        "no setting that counts here changed: where CPU did, give the startup time for both \
         amounts, as in `--startup 35s@1024 --startup 150s@256`"
            .to_owned(),
    )
}

impl Rehearsal {
    /// Tasks wanted; for Compose the services of the project.
    pub fn desired(&self) -> u32 {
        match self.configured.as_ref().map(|configured| &configured.plan) {
            Some(Plan::Ecs(plan)) => plan.desired,
            Some(Plan::Kubernetes(plan)) => plan.replicas,
            Some(Plan::Compose(plan)) => u32::try_from(plan.services.len()).unwrap_or(u32::MAX),
            Some(Plan::Swarm(plan)) => plan.replicas,
            None => 0,
        }
    }
}
