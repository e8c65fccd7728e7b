//! Breaking and healing, whatever the kind of fault; and whom each fault hit.

use std::time::Duration;

use wonin_fault::inject::{Active, Injection};
use wonin_model::rehearsal::FaultRun;

use super::stage::{Cast, Stage};
use crate::scenario::{FaultAct, FaultSpec, Run, Scenario};

/// How much longer than planned a fault may act before it heals itself.
const SPARE: Duration = Duration::from_secs(15);

/// A fault that acts.
#[derive(Debug)]
enum Acting {
    /// On a proxy; `refuses` where the system turns clients away before the proxy sees them.
    Tcp { proxy: String, refuses: bool },
    /// On the Kafka-aware proxy.
    Kafka,
    /// On a process or container.
    Inject(Box<Active>),
    /// On a process of the scenario, which has ended by it and is started again to heal.
    Ended(String),
}

/// One fault of the run.
#[derive(Debug)]
struct State {
    acting: Option<Acting>,
    /// From then on it may act.
    asked_at: Duration,
    /// What will be told of it.
    told: FaultRun,
    was_injected: bool,
}

/// All faults of a run.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    stage: &'a Stage,
    acts: &'a [FaultAct],
    /// The run's moment 0.
    zero: Duration,
    states: Vec<State>,
}

/// What stands in the way of a fault.
#[derive(Debug)]
pub(crate) struct Refused {
    /// In words.
    pub(crate) why: String,
    /// Whether such a fault cannot be done here at all.
    pub(crate) is_impossible: bool,
}

impl Refused {
    pub(super) fn failed(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), is_impossible: false }
    }
}

impl<'a> Faults<'a> {
    pub(crate) fn new(scenario: &Scenario, run: &'a Run, stage: &'a Stage, zero: Duration) -> Self {
        let new = |(spec, act): (&FaultSpec, &FaultAct)| {
            let (target, what) = words(act);
            let told = FaultRun { name: spec.name.clone(), target, what, ..FaultRun::default() };
            State { acting: None, asked_at: Duration::ZERO, told, was_injected: false }
        };
        let states = scenario.faults.iter().zip(&run.acts).map(new).collect();
        Self { stage, acts: &run.acts, zero, states }
    }

    /// Breaks it. Processes and containers heal by themselves after `lasts` and some spare time.
    pub(crate) async fn inject(
        &mut self,
        index: usize,
        lasts: Duration,
        cast: &Cast,
    ) -> Result<(), Refused> {
        let name = self.states[index].told.name.clone();
        let asked_at = cast.now();
        let mut seen = None;
        let acting = match &self.acts[index] {
            FaultAct::Tcp { proxy, fault } => {
                let added = self.stage.engine.add_fault(proxy, &name, fault).await;
                added.map_err(Refused::failed)?;
                Acting::Tcp { proxy: proxy.clone(), refuses: fault.refuses }
            }
            FaultAct::Kafka(fault) => {
                self.stage.add_kafka(&name, fault.clone())?;
                Acting::Kafka
            }
            FaultAct::Inject(injection) => {
                let active = self.stage.inject(injection, lasts + SPARE).await?;
                seen = Some(active.clone());
                Acting::Inject(Box::new(active))
            }
            FaultAct::Own { process, words } => {
                let injection = self.own(process, words).await?;
                let active = self.stage.inject(&injection, lasts + SPARE).await?;
                seen = Some(active.clone());
                match words["act"].as_str() {
                    Some("terminate" | "kill") => Acting::Ended(process.clone()),
                    _ => Acting::Inject(Box::new(active)),
                }
            }
        };
        let state = &mut self.states[index];
        if let Some(active) = seen {
            let names: Vec<&str> = active.targets.iter().map(|one| one.name.as_str()).collect();
            state.told.target = match &self.acts[index] {
                FaultAct::Own { process, .. } => {
                    format!("process {process} ({})", names.join(", "))
                }
                _ => names.join(", "),
            };
            state.told.hits = active.hits;
        }
        // It may act before who was asked for it has answered, and surely does from then on.
        state.asked_at = asked_at;
        state.told.from_s = cast.now().saturating_sub(self.zero).as_secs_f64();
        state.was_injected = true;
        state.acting = Some(acting);
        Ok(())
    }

    /// A fault on a process of the scenario, now that its id is known.
    async fn own(&self, process: &str, words: &serde_json::Value) -> Result<Injection, Refused> {
        let pid = self.stage.pid(process).await;
        let pid = pid.ok_or_else(|| Refused::failed(format!("process `{process}` has ended")))?;
        let mut words = words.clone();
        words["pid"] = pid.into();
        serde_json::from_value(words).map_err(Refused::failed)
    }

    /// Heals it, if it acts; in words what stands in the way.
    pub(crate) async fn heal(&mut self, index: usize, cast: &Cast) -> Result<(), String> {
        let Some(acting) = self.states[index].acting.take() else { return Ok(()) };
        let name = self.states[index].told.name.clone();
        let mut hits = None;
        let healed = match acting {
            Acting::Tcp { proxy, refuses } => {
                let removed = self.stage.engine.remove_fault(&proxy, &name).await;
                let counted = self.stage.engine.hits(&proxy, &name).await;
                hits = counted.map(|count| count.connections);
                if refuses {
                    hits = Some(cast.refused_since(self.states[index].asked_at));
                }
                removed.map_err(|error| error.to_string())
            }
            Acting::Kafka => {
                hits = self.stage.kafka_hits(&name);
                self.stage.remove_kafka(&name);
                hits = self.stage.kafka_hits(&name).or(hits);
                Ok(())
            }
            Acting::Inject(active) => self.stage.heal(*active).await,
            Acting::Ended(process) => self.stage.restart(&process).await,
        };
        let told = &mut self.states[index].told;
        told.to_s = healed.is_ok().then(|| cast.now().saturating_sub(self.zero).as_secs_f64());
        told.hits = hits.unwrap_or(told.hits);
        healed.map_err(|why| format!("fault `{name}` could not be healed: {why}"))
    }

    /// Heals all that act, the youngest first; in words what stands in the way.
    pub(crate) async fn heal_all(&mut self, cast: &Cast) -> Vec<String> {
        let mut failed = Vec::new();
        for index in (0..self.states.len()).rev() {
            if let Err(why) = self.heal(index, cast).await {
                failed.push(why);
            }
        }
        failed
    }

    /// From when on the first of them may have acted.
    pub(crate) fn began(&self) -> Option<Duration> {
        self.states.iter().filter(|state| state.was_injected).map(|state| state.asked_at).min()
    }

    /// Those that hit nobody, with a hint.
    pub(crate) async fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for (state, act) in self.states.iter().zip(self.acts) {
            if !state.was_injected || state.told.hits > 0 {
                continue;
            }
            let why = match act {
                FaultAct::Tcp { proxy, .. } => self.stage.passed_by(proxy).await,
                FaultAct::Kafka(_) => "no request matched it".to_owned(),
                FaultAct::Inject(_) | FaultAct::Own { .. } => "it was not seen to act".to_owned(),
            };
            missed.push(format!("fault `{}` hit nothing: {why}", state.told.name));
        }
        missed
    }

    /// What is told of those that came, in the order of time.
    pub(crate) fn told(self) -> Vec<FaultRun> {
        let came = self.states.into_iter().filter(|state| state.was_injected);
        let mut told: Vec<FaultRun> = came.map(|state| state.told).collect();
        told.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        told
    }
}

/// Target and deed of a fault, as far as they are known before it acts.
pub(crate) fn words(act: &FaultAct) -> (String, String) {
    match act {
        FaultAct::Tcp { proxy, fault } => (format!("proxy {proxy}"), fault.what.clone()),
        FaultAct::Kafka(fault) => super::reach::kafka_words(fault),
        FaultAct::Inject(Injection::Process(fault)) => {
            (format!("pid {}", fault.pid()), fault.to_string())
        }
        FaultAct::Inject(Injection::Container(fault)) => {
            (fault.on.to_string(), fault.act.to_string())
        }
        FaultAct::Own { process, words } => {
            let what = words["act"].as_str().unwrap_or_default().replace('-', " ");
            (format!("process {process}"), what)
        }
    }
}
