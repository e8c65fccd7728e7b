//! One run from its steady state to its verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wonin_fault::Written;
use wonin_fault::kafka::{Act, KafkaFault};
use wonin_model::rehearsal::{Expectation, Phase, Rehearsal};

use super::faults::Faults;
use super::judge::{self, Ended, Span};
use super::recovery;
use super::stage::{Cast, Stage};
use super::verdict::{self, Obstacles};
use super::{CannotRun, RunOptions, Traces, Watch, predict};
use crate::scenario::{Condition, FaultAct, Run, Scenario, spoken};
use crate::workload::{Outcome, Temperature};

/// How often conditions are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long throwing away all clients may take.
const CHILL_MAX: Duration = Duration::from_secs(30);

/// A fault comes or goes. At one moment, what goes makes room for what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Duration,
    comes: bool,
    index: usize,
}

/// Why a run ended early.
enum Cut {
    /// A person, or a condition.
    Aborted(String),
    /// Nothing can be concluded from going on.
    Invalid(String),
}

/// Does one run. Whatever was broken is healed when it returns.
pub(crate) async fn drive(
    scenario: &Scenario,
    run: &Run,
    options: &RunOptions,
    watch: &Watch<'_>,
) -> Result<(Rehearsal, Traces), CannotRun> {
    watch.say("starting");
    let stage = Stage::raise(scenario, run, options).await?;
    let mut cast = match Cast::start(scenario, &stage, options).await {
        Ok(cast) => cast,
        Err(error) => {
            stage.strike().await;
            return Err(error);
        }
    };
    let zero = cast.now();
    let mut story = Story::new(scenario, run, watch, zero);
    let mut faults = Faults::new(scenario, run, &stage, zero);
    let cut = story.tell(&mut cast, &mut faults).await;
    story.obstacles.invalid.extend(stage.escapes());
    story.remarks.extend(stage.unseen());
    // Nothing stays broken, however it ended.
    story.obstacles.invalid.extend(faults.heal_all(&cast).await);
    story.healed = story.healed.or(faults.began().map(|_| cast.now()));
    match cut {
        Ok(()) => story.see_recovery(&cast).await,
        Err(Cut::Aborted(why)) => story.obstacles.aborted = Some(why),
        Err(Cut::Invalid(why)) => story.obstacles.invalid.push(why),
    }
    let end = cast.now();
    watch.say("stopping the workloads");
    let outcome = cast.stop().await;
    let mut rehearsal = story.judge(&cast, faults, outcome, end, options).await;
    let (mut targets, said) = (predict::targets(scenario, run, &stage), stage.said.clone());
    // What never came cannot be the cause of anything.
    targets.retain(|target| rehearsal.faults.iter().any(|fault| fault.name == target.fault));
    let mut written = stage.written(run).await;
    stage.strike().await;
    written.extend(said.all().await);
    rehearsal.remarks.extend(cut_words(&written));
    let texts = written.into_iter().map(|(who, written)| (who, written.into_text())).collect();
    Ok((rehearsal, Traces { texts, targets }))
}

/// Tells of texts whose beginning is missing.
fn cut_words(written: &BTreeMap<String, Written>) -> Option<String> {
    let cut = written.iter().filter(|(_, text)| text.is_cut());
    let names: Vec<&str> = cut.map(|(who, _)| who.as_str()).collect();
    let words =
        |names| format!("of what {names} wrote, the beginning was not kept: the end is diagnosed");
    (!names.is_empty()).then(|| words(names.join(" and ")))
}

/// A run in progress.
struct Story<'a> {
    scenario: &'a Scenario,
    run: &'a Run,
    watch: &'a Watch<'a>,
    /// The run's moment 0, in the time of the meters, as all that follow.
    zero: Duration,
    healed: Option<Duration>,
    steady: Option<Duration>,
    obstacles: Obstacles,
    not_possible: Vec<String>,
    remarks: Vec<String>,
}

impl<'a> Story<'a> {
    fn new(scenario: &'a Scenario, run: &'a Run, watch: &'a Watch<'a>, zero: Duration) -> Self {
        Self {
            scenario,
            run,
            watch,
            zero,
            healed: None,
            steady: None,
            obstacles: Obstacles::default(),
            not_possible: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The steady state, then the timeline of faults until the last one is healed.
    async fn tell(&mut self, cast: &mut Cast, faults: &mut Faults<'_>) -> Result<(), Cut> {
        let breaks_at = self.zero + self.scenario.breaks_at();
        self.wait(cast, breaks_at, "steady state", false).await?;
        let before = Span { from: self.zero + self.scenario.warm_up, to: cast.now() };
        let seen = judge::live(self.scenario, cast, Phase::Before, before);
        if let Some(failed) = seen.iter().find(|expectation| !expectation.held) {
            let why =
                format!("the steady state was not reached: `{}`: {}", failed.name, failed.seen);
            return Err(Cut::Invalid(why));
        }
        let mut events = self.arrivals();
        let mut is_first = true;
        while let Some(next) = events.pop_first() {
            let Event { at, comes, index } = next;
            self.wait(cast, at, "broken", true).await?;
            if !comes {
                faults.heal(index, cast).await.map_err(Cut::Invalid)?;
                continue;
            }
            let lasts = self.scenario.faults[index].lasts;
            if let Err(refused) = faults.inject(index, lasts, cast).await {
                let name = &self.scenario.faults[index].name;
                let why = format!("fault `{name}` was not injected: {}", refused.why);
                if refused.is_impossible {
                    self.not_possible.push(format!("{name}: {}", refused.why));
                }
                return Err(Cut::Invalid(why));
            }
            // Stopping a container takes its time: a fault lasts from when it acts.
            events.insert(Event { at: cast.now() + lasts, comes: false, index });
            if std::mem::take(&mut is_first) && self.run.temperature == Temperature::Cold {
                chill(cast).await.map_err(Cut::Invalid)?;
            }
        }
        self.healed = Some(cast.now());
        Ok(())
    }

    /// When which fault comes, in the time of the meters.
    fn arrivals(&self) -> BTreeSet<Event> {
        let faults = self.scenario.faults.iter().enumerate();
        faults
            .map(|(index, fault)| Event { at: self.zero + fault.at, comes: true, index })
            .collect()
    }

    /// Waits, watches over the conditions, and tells what is going on, unless that is told already.
    async fn wait(
        &self,
        cast: &Cast,
        until: Duration,
        what: &str,
        is_broken: bool,
    ) -> Result<(), Cut> {
        loop {
            let now = cast.now();
            if !what.is_empty() {
                self.tell_status(cast, what, until);
            }
            if self.watch.stop.is_cancelled() {
                let after = spoken(now.saturating_sub(self.zero));
                return Err(Cut::Aborted(format!("stopped by a person after {after}")));
            }
            if is_broken && let Some(why) = self.abort(cast) {
                return Err(Cut::Aborted(why));
            }
            if now.saturating_sub(self.zero) > self.scenario.limits.total {
                let limit = spoken(self.scenario.limits.total);
                return Err(Cut::Aborted(format!("the run took longer than its limit, {limit}")));
            }
            if now >= until {
                return Ok(());
            }
            let pause = TICK.min(until.saturating_sub(now));
            tokio::select! {
                () = self.watch.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn tell_status(&self, cast: &Cast, what: &str, until: Duration) {
        let now = cast.now();
        let recent = now.saturating_sub(Duration::from_secs(2));
        let seen = cast.meters.iter().map(|meter| meter.between(recent, now));
        let (attempts, failures) = seen.fold((0, 0), |(attempts, failures), seen| {
            (attempts + seen.attempts, failures + seen.failures)
        });
        let left = until.saturating_sub(now).as_secs_f64();
        self.watch
            .say(&format!("{what}, {left:.0} s left; last 2 s: {failures} of {attempts} failed"));
    }

    /// The first condition that says to stop.
    fn abort(&self, cast: &Cast) -> Option<String> {
        let now = cast.now();
        self.scenario.aborts.iter().enumerate().find_map(|(index, abort)| {
            let from = now.checked_sub(abort.lasts)?;
            if from < self.zero + self.scenario.warm_up {
                return None;
            }
            let (meter, share, whose) = match &abort.condition {
                Condition::SuccessBelow { workload, share } => {
                    let whose = format!("workload `{}`", self.scenario.workloads[*workload].name);
                    (cast.meters.get(*workload)?, *share, whose)
                }
                Condition::Probe(_) => {
                    let prober = cast.guards.get(index)?.as_ref()?;
                    // Any good answer is enough.
                    (&prober.meter, f64::MIN_POSITIVE, "the probe of `[abort]`".to_owned())
                }
            };
            let seen = meter.touching(from, now);
            // Where nothing ends at all, waiting for as long is as good as failing.
            let is_stuck = seen.oldest_open.is_some_and(|waiting| waiting >= abort.lasts);
            let rate = seen.success_rate(false).or(is_stuck.then_some(0.0))?;
            (rate < share).then(|| {
                let percent = (rate * 1000.0).round() / 10.0;
                format!("{whose} had {percent}% success for {}", spoken(abort.lasts))
            })
        })
    }

    /// Waits until the steady state is back, then watches for a while.
    async fn see_recovery(&mut self, cast: &Cast) {
        let healed = self.healed.unwrap_or_else(|| cast.now());
        let limit = (self.zero + self.scenario.limits.total).saturating_sub(self.scenario.after);
        let deadline = (healed + self.scenario.limits.recovery).min(limit);
        let window = self.scenario.steady;
        let until = loop {
            let now = cast.now();
            let from = now.saturating_sub(window);
            let span = Span { from, to: now };
            if from >= healed && recovery::is_steady(self.scenario, cast, span) {
                self.steady = Some(from);
                break from.max(healed) + self.scenario.after;
            }
            if now >= deadline {
                break now + self.scenario.after;
            }
            self.tell_status(cast, "healed, waiting for the steady state", deadline);
            if let Err(Cut::Aborted(why)) = self.wait(cast, now + TICK, "", false).await {
                self.obstacles.aborted = Some(why);
                return;
            }
        };
        if let Err(Cut::Aborted(why)) = self.wait(cast, until, "watching", false).await {
            self.obstacles.aborted = Some(why);
        }
    }

    /// What is told of the run, now that nothing more will come.
    async fn judge(
        mut self,
        cast: &Cast,
        faults: Faults<'_>,
        outcome: Outcome,
        end: Duration,
        options: &RunOptions,
    ) -> Rehearsal {
        let began = faults.began();
        let broken = began.map(|from| Span { from, to: self.healed.unwrap_or(end) });
        let recovery = broken.map_or_else(Default::default, |broken| {
            recovery::recovery(cast, broken, self.steady, outcome.duplicates)
        });
        let ended = Ended { delivery: outcome.delivery.as_ref(), recovery: &recovery };
        let expectations = self.expectations(cast, broken, end, &ended);
        if self.obstacles.aborted.is_none() && self.obstacles.invalid.is_empty() {
            self.obstacles.invalid.extend(faults.missed().await);
        }
        let told = faults.told();
        let (verdict, why) = verdict::of(&self.obstacles, &expectations, &told);
        let mut remarks = outcome.remarks;
        remarks.append(&mut self.remarks);
        remarks.extend(self.remarks(cast));
        Rehearsal {
            name: match self.run.label.as_str() {
                "" => self.scenario.name.clone(),
                label => format!("{}: {label}", self.scenario.name),
            },
            verdict,
            why,
            seed: options.seed.unwrap_or(self.scenario.seed),
            faults: told,
            expectations,
            delivery: outcome.delivery,
            recovery,
            not_possible: self.not_possible,
            remarks,
            ..Rehearsal::default()
        }
    }

    /// Every expectation of every phase that took place.
    fn expectations(
        &self,
        cast: &Cast,
        broken: Option<Span>,
        end: Duration,
        ended: &Ended<'_>,
    ) -> Vec<Expectation> {
        let from = self.zero + self.scenario.warm_up;
        let before = Span { from, to: broken.map_or(end, |broken| broken.from) };
        let mut all = judge::finally(self.scenario, cast, Phase::Before, before, ended);
        let Some(broken) = broken else { return all };
        all.extend(judge::finally(self.scenario, cast, Phase::During, broken, ended));
        // Where the run was cut off nobody saw what came after.
        let is_whole = self.obstacles.aborted.is_none();
        if is_whole && end > broken.to {
            let from = match self.steady {
                Some(steady) => steady,
                None => end.saturating_sub(self.scenario.after).max(broken.to),
            };
            let after = Span { from, to: end };
            all.extend(judge::finally(self.scenario, cast, Phase::After, after, ended));
        }
        // As the scenario has them, each with its phases.
        let order = |name: &str| self.scenario.expects.iter().position(|one| one.name == name);
        all.sort_by_key(|one| (order(&one.name), one.phase));
        all
    }

    fn remarks(&self, cast: &Cast) -> Vec<String> {
        let mut remarks = Vec::new();
        for (spec, meter) in self.scenario.workloads.iter().zip(&cast.meters) {
            if meter.is_full() {
                remarks.push(format!(
                    "workload `{}` made more attempts than can be remembered: the last ones do not count",
                    spec.name
                ));
            }
        }
        let acts = &self.run.acts;
        if acts.iter().any(|act| matches!(act, FaultAct::Tcp { fault, .. } if fault.refuses)) {
            remarks.push(
                "a refused connection is turned away by the system before the proxy sees it: its \
                 hits are the attempts of workloads and probes that failed meanwhile"
                    .to_owned(),
            );
        }
        let closes = |fault: &KafkaFault| matches!(fault.act, Act::Refuse { .. });
        if acts.iter().any(|act| matches!(act, FaultAct::Kafka(fault) if closes(fault))) {
            remarks.push(
                "a refused connection is turned away by the system before the proxy sees it: that a \
                 broker's listener was closed counts as its hit"
                    .to_owned(),
            );
        }
        remarks
    }
}

/// All clients start anew.
async fn chill(cast: &mut Cast) -> Result<(), String> {
    for workload in &mut cast.workloads {
        match tokio::time::timeout(CHILL_MAX, workload.chill()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("clients could not start anew: {error}")),
            Err(_) => {
                return Err(format!("clients did not start anew within {}", spoken(CHILL_MAX)));
            }
        }
    }
    Ok(())
}
