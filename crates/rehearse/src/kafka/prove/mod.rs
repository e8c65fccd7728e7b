//! Shows which causes are real: in a copy of the stack they are repaired one after the other, and
//! after each repair the same broker is stopped again.

mod decide;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wonin_model::rehearsal::{Effect, Rehearsal, Repair, Step, Verdict};

use super::application::Application;
use super::cluster::{Cluster, ComposeCluster, Layout};
use super::plan::{KafkaRehearsal, Wanted, starts_at, target};
use super::predict::Claim;
use super::run::{Notes, Runs, run};
use super::scenarios::{Node, is_near};
use super::symptom::{Symptom, Symptoms};
use crate::run::{Blame, CannotRun, RunOptions, Status};

pub use decide::Cause;
use decide::{Repaired, Trial, confirmed, effect, goes_on, next};

/// The name of a series.
const NAME: &str = "kafka, repairs tried";

/// How often is looked whether a stack really does not work to begin with, and after which pause.
const ATTEMPTS: u32 = 3;
const SETTLING: Duration = Duration::from_secs(3);

/// Starting a cluster, and removing it.
const UP_AND_DOWN: Duration = Duration::from_secs(20);

/// A copy of a stack as it is now.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// The application whose clients are played.
    pub application: Application,
    /// What `diagnose` says.
    pub claims: Vec<Claim>,
    /// Causes in the order of repair.
    pub causes: Vec<Cause>,
    /// What is to be started.
    pub layout: Layout,
}

/// A copy of a stack that can be repaired.
pub trait Repairable {
    /// What the copy says now.
    fn now(&self) -> Result<Now, CannotRun>;

    /// Repairs all that one mode finds in the copy.
    fn repair(&mut self, mode: &str) -> Result<Repair, CannotRun>;

    /// All changes so far, as the lines of a unified diff.
    fn diff(&self) -> Vec<String>;
}

/// How it is proved.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What is asked for: which broker is stopped, and how thoroughly.
    pub wanted: Wanted,
    /// How scenarios are run.
    pub options: RunOptions,
    /// Fixes every random decision.
    pub seed: u64,
}

impl Proof {
    /// About how long it takes: the files as they are, and once more for each cause that
    /// can be repaired.
    pub fn takes(&self, now: &Now) -> Duration {
        let mut modes: Vec<&str> = Vec::new();
        for cause in now.causes.iter().filter(|cause| cause.has_edits) {
            if !modes.contains(&cause.mode.as_str()) {
                modes.push(&cause.mode);
            }
        }
        let id = now.layout.brokers.keys().next().copied().unwrap_or_default();
        let reach = super::Reach::Container { project: String::new(), service: String::new() };
        let node = Node { id, address: String::new(), reach };
        let wanted = Wanted { stop: Some(id), ..self.wanted };
        let once = KafkaRehearsal::new(vec![node], Application::default(), Vec::new(), wanted);
        let once = once.map_or(Duration::ZERO, |plan| plan.takes());
        (once + UP_AND_DOWN) * u32::try_from(modes.len() + 1).unwrap_or(u32::MAX)
    }
}

/// Tries the files as they are, then one repair more each time, until the broker is missed by
/// nobody or no repair is left. `tell` gets each step as it ends.
pub async fn prove(
    stack: &mut impl Repairable,
    proof: &Proof,
    status: &Status,
    stop: &CancellationToken,
    tell: impl Fn(usize, &Step),
) -> Result<Rehearsal, CannotRun> {
    let mut lab = Compose { proof, broken: proof.wanted.stop, count: 0 };
    series(stack, &mut lab, status, stop, tell).await.map(|mut rehearsal| {
        rehearsal.seed = proof.seed;
        rehearsal
    })
}

/// Where a stack is tried.
trait Lab {
    /// Starts it, breaks it, removes it.
    async fn try_out(
        &mut self,
        now: &Now,
        status: &Status,
        stop: &CancellationToken,
    ) -> Result<Tried, CannotRun>;
}

/// What came of one trial.
#[derive(Debug, Default)]
struct Tried {
    trial: Trial,
    seen: Vec<String>,
    scenarios: Vec<Rehearsal>,
    /// In words, where there is more to say than symptoms do.
    why: Option<String>,
}

/// Trials on clusters by Compose.
struct Compose<'a> {
    proof: &'a Proof,
    /// The broker that is broken, the same in all trials.
    broken: Option<i32>,
    count: usize,
}

impl Lab for Compose<'_> {
    async fn try_out(
        &mut self,
        now: &Now,
        status: &Status,
        stop: &CancellationToken,
    ) -> Result<Tried, CannotRun> {
        self.count += 1;
        let Proof { options, .. } = self.proof;
        let project = format!("wonin-prove-{}-{}", options.run_id, self.count);
        let mut cluster =
            ComposeCluster::new(now.layout.clone(), project, &options.injector).await?;
        let tried = match cluster.up(status, stop).await {
            Ok(nodes) => self.scenarios(now, nodes, cluster.project(), status, stop).await,
            Err(error) => Err(error),
        };
        status.say("removing the cluster".to_owned());
        cluster.down().await?;
        tried
    }
}

impl Compose<'_> {
    async fn scenarios(
        &mut self,
        now: &Now,
        nodes: Vec<Node>,
        project: &str,
        status: &Status,
        stop: &CancellationToken,
    ) -> Result<Tried, CannotRun> {
        let Proof { wanted, options, seed } = self.proof;
        if let Some(far) =
            nodes.iter().find(|node| !is_near(&node.address) && !options.allow_remote)
        {
            return Err(CannotRun::new(format!(
                "broker {} tells clients `{}`, which is not on this machine",
                far.id, far.address
            ))
            .hint("clients run on this machine: a listener is to be advertised as `localhost`"));
        }
        if self.broken.is_none() {
            let starts = starts_at(&nodes, &now.application);
            self.broken = Some(target(&nodes, &starts, None)?.id);
        }
        let wanted = Wanted { stop: self.broken, ..*wanted };
        let (application, claims) = (now.application.clone(), now.claims.clone());
        let plan = KafkaRehearsal::new(nodes, application, claims, wanted)?;
        let mut options = options.clone();
        options.injector.project = Some(project.to_owned());
        let id = format!("{}-{}", options.run_id, self.count);
        // A stack that does not work to begin with does not work in the next scenario either.
        let is_never_ready = |notes: &Notes| notes.symptoms.contains(&Symptom::NotReady);
        let mut attempt = 1;
        loop {
            options.run_id = format!("{id}-{attempt}");
            let tried = match run(&plan, &options, *seed, status, stop, is_never_ready).await {
                Ok(runs) => told(runs, plan.planned.len()),
                // The cluster is up, and not one record's topic can be made.
                Err(error) if error.blame == Blame::Stack => never_ready(now, &error.what),
                Err(error) => return Err(error),
            };
            if !tried.is_doubtful() || attempt == ATTEMPTS || stop.is_cancelled() {
                return Ok(tried);
            }
            attempt += 1;
            tokio::time::sleep(SETTLING).await;
        }
    }
}

impl Tried {
    /// Whether nothing worked to begin with and nobody said so: brokers that have just started may
    /// not have been ready yet, so it is looked again.
    fn is_doubtful(&self) -> bool {
        self.trial.symptoms.contains(&Symptom::NotReady) && self.trial.predicted_by.is_empty()
    }
}

fn told(runs: Runs, planned: usize) -> Tried {
    let is_never_ready = runs.notes.symptoms.contains(&Symptom::NotReady);
    let is_whole = runs.done.len() == planned || is_never_ready;
    let verdict = runs.done.iter().map(|one| one.verdict).max().filter(|_| is_whole);
    let mut verdict = verdict.unwrap_or(Verdict::Aborted);
    // A stack that does not work to begin with is an answer here, and not an accident.
    if verdict == Verdict::Invalid && is_never_ready {
        verdict = Verdict::Broke;
    }
    let predictions = runs.done.iter().flat_map(|one| &one.predictions);
    let predicted_by =
        predictions.filter(|one| one.came_true).map(|one| one.mode.clone()).collect();
    let unlike = runs.done.iter().find(|one| one.verdict != Verdict::Held);
    // Where all went on, a question that was not answered is no failure.
    let symptoms = if verdict == Verdict::Held { Symptoms::new() } else { runs.notes.symptoms };
    let trial = Trial { verdict, symptoms, predicted_by };
    let why = unlike.map(|one| one.why.clone());
    Tried { trial, seen: runs.notes.seen, scenarios: runs.done, why }
}

fn never_ready(now: &Now, why: &str) -> Tried {
    let predictions = super::predict::of_steady(&now.claims, false, why);
    let trial = Trial {
        verdict: Verdict::Broke,
        symptoms: Symptoms::from([Symptom::NotReady]),
        predicted_by: predictions.into_iter().map(|one| one.mode).collect(),
    };
    Tried { trial, seen: vec![why.to_owned()], ..Tried::default() }
}

async fn series(
    stack: &mut impl Repairable,
    lab: &mut impl Lab,
    status: &Status,
    stop: &CancellationToken,
    tell: impl Fn(usize, &Step),
) -> Result<Rehearsal, CannotRun> {
    let mut now = stack.now()?;
    let first = match lab.try_out(&now, status, stop).await {
        Err(error) if is_stopped(&error, stop) => return Ok(aborted()),
        tried => tried?,
    };
    let mut steps = vec![step(&first, &now.causes, None, None)];
    tell(0, &steps[0]);
    let first = first.trial;
    let mut repaired: Vec<Repaired> = Vec::new();
    let mut last = first.clone();
    let mut effect_of_last = Effect::Moved;
    while !last.held() && goes_on(effect_of_last) && !stop.is_cancelled() {
        let Some(cause) = next(&now.causes, &repaired) else { break };
        let mode = cause.mode.clone();
        let own = of_mode(&now.claims, &mode);
        let repair = stack.repair(&mode)?;
        now = stack.now()?;
        let tried = match lab.try_out(&now, status, stop).await {
            Ok(tried) => tried,
            Err(error) if is_stopped(&error, stop) => break,
            // What was started before the repair does not start after it: that is an outcome.
            Err(error) if error.blame == Blame::Stack => never_ready(&Now::default(), &error.what),
            Err(error) => return Err(error),
        };
        effect_of_last = effect(&last, &tried.trial);
        steps.push(step(&tried, &now.causes, Some(repair), Some(effect_of_last)));
        tell(steps.len() - 1, &steps[steps.len() - 1]);
        last = tried.trial.clone();
        // What it says may only be known after a repair before it.
        let own = if own.is_empty() { of_mode(&now.claims, &mode) } else { own };
        repaired.push(Repaired { mode, own, trial: tried.trial });
    }
    let confirmed = confirmed(&first, &repaired);
    let verdict = if stop.is_cancelled() { Verdict::Aborted } else { last.verdict };
    let mut rehearsal = Rehearsal {
        name: NAME.to_owned(),
        verdict,
        why: why(verdict, &first, &repaired, &last),
        remarks: remarks(&now.causes, &repaired, &confirmed, &last),
        confirmed,
        diff: stack.diff(),
        ..Rehearsal::default()
    };
    rehearsal.steps = steps;
    Ok(rehearsal)
}

/// Whether it ended because a person stopped it, and nothing is left of it.
fn is_stopped(error: &CannotRun, stop: &CancellationToken) -> bool {
    stop.is_cancelled() && error.blame != Blame::Remains
}

/// Modes in the order of repair; what has no place in it comes last.
fn in_order(modes: &BTreeSet<String>, causes: &[Cause]) -> Vec<String> {
    let place = |mode: &String| causes.iter().position(|cause| cause.mode == *mode);
    let mut modes: Vec<String> = modes.iter().cloned().collect();
    modes.sort_by_key(|mode| place(mode).unwrap_or(usize::MAX));
    modes
}

/// What the claims of a mode say will be seen.
fn of_mode(claims: &[Claim], mode: &str) -> Symptoms {
    let of = claims.iter().filter(|claim| claim.mode == mode);
    of.map(|claim| Symptom::of(claim.about)).collect()
}

/// What is told of a series that ended before its first outcome.
fn aborted() -> Rehearsal {
    Rehearsal {
        name: NAME.to_owned(),
        verdict: Verdict::Aborted,
        why: "stopped by a person before anything was broken".to_owned(),
        ..Rehearsal::default()
    }
}

fn step(tried: &Tried, causes: &[Cause], repair: Option<Repair>, effect: Option<Effect>) -> Step {
    let Tried { trial, seen, scenarios, why } = tried;
    let mut failed: Vec<String> =
        trial.symptoms.iter().map(|symptom| symptom.words().to_owned()).collect();
    if !trial.held() && failed.is_empty() {
        failed.extend(why.clone());
    }
    Step {
        repair,
        verdict: trial.verdict,
        seen: seen.clone(),
        failed,
        failed_by: if trial.held() { Vec::new() } else { in_order(&trial.predicted_by, causes) },
        effect,
        scenarios: scenarios.clone(),
    }
}

fn why(verdict: Verdict, first: &Trial, repaired: &[Repaired], last: &Trial) -> String {
    let modes: Vec<&str> = repaired.iter().map(|one| one.mode.as_str()).collect();
    match (verdict, modes.len()) {
        (Verdict::Aborted, 1) => "stopped by a person after one repair".to_owned(),
        (Verdict::Aborted, count) => format!("stopped by a person after {count} repairs"),
        (Verdict::Held, 0) if first.held() => {
            "a broker that is gone is missed by nobody as the files are: nothing to prove"
                .to_owned()
        }
        (Verdict::Held, 1) => format!("records go on once {} is repaired", modes[0]),
        (Verdict::Held, count) => {
            format!("records go on once these {count} are repaired: {}", modes.join(", "))
        }
        (_, count) => {
            let symptom = last.symptoms.first().map_or("nothing can be said", |one| one.words());
            match count {
                0 => format!("no cause here can be repaired by an edit: {symptom}"),
                1 => format!("it still fails after one repair: {symptom}"),
                count => format!("it still fails after {count} repairs: {symptom}"),
            }
        }
    }
}

fn remarks(
    causes: &[Cause],
    repaired: &[Repaired],
    confirmed: &[String],
    last: &Trial,
) -> Vec<String> {
    let mut remarks = Vec::new();
    for one in repaired {
        let is_confirmed = confirmed.contains(&one.mode);
        if !is_confirmed && last.held() {
            remarks.push(format!(
                "{}: its repair by itself ended nothing that was seen, so it is not confirmed",
                one.mode
            ));
        }
    }
    if !last.held() {
        for cause in causes.iter().filter(|cause| !cause.has_edits) {
            remarks.push(format!("{} is repaired by hand: {}", cause.mode, cause.advice));
        }
        if !repaired.is_empty() {
            remarks.push("a series that does not end well confirms nothing".to_owned());
        }
    }
    remarks
}

#[cfg(test)]
mod tests;
