//! What happened when something was broken on purpose.

/// A rehearsal with real faults: what was broken, what was expected, what was lost, how it came
/// back (DESIGN 5, `wonin.rehearsal/1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsal {
    /// Name of the scenario.
    pub name: String,
    /// What is to be said of the stack; the worst one of the scenarios, where there are several.
    pub verdict: Verdict,
    /// The verdict in one sentence, with its reason.
    pub why: String,
    /// Fixes every random decision; printed so that the run can be repeated.
    pub seed: u64,
    /// Scenarios that were run one after the other, or nothing for a single one.
    pub scenarios: Vec<Rehearsal>,
    /// What was broken, in the order of time.
    pub faults: Vec<FaultRun>,
    /// What was expected and what was seen.
    pub expectations: Vec<Expectation>,
    /// What became of the records, where the workload counted them.
    pub delivery: Option<Delivery>,
    /// How long it took to come back.
    pub recovery: Recovery,
    /// What `diagnose` says will happen in this scenario, beside what happened.
    pub predictions: Vec<Prediction>,
    /// What `diagnose` sees in the texts that programs wrote during the run.
    pub diagnosed: Vec<Diagnosed>,
    /// Ids of failure modes that this rehearsal confirms.
    pub confirmed: Vec<String>,
    /// Where repairs were tried one after the other: what came of each, the files as they are
    /// first. The verdict is then that of the last one.
    pub steps: Vec<Step>,
    /// All changes of those steps, as the lines of a unified diff.
    pub diff: Vec<String>,
    /// Faults that could not be injected here, and why; never skipped silently.
    pub not_possible: Vec<String>,
    /// What else a reader should know.
    pub remarks: Vec<String>,
}

/// One trial of a copy of the stack: what was repaired in it before, and what happened then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What was repaired since the step before; `None` for the files as they are.
    pub repair: Option<Repair>,
    /// What is to be said of the stack as it is now.
    pub verdict: Verdict,
    /// What became of records, by scenario and in numbers.
    pub seen: Vec<String>,
    /// What went wrong, in the words of what was looked at; empty where all held.
    pub failed: Vec<String>,
    /// Ids of failure modes that predicted it.
    pub failed_by: Vec<String>,
    /// What the repair changed; `None` for the files as they are.
    pub effect: Option<Effect>,
    /// The scenarios, each with its proof.
    pub scenarios: Vec<Rehearsal>,
}

/// A repair of one failure mode in a copy of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// Id of the failure mode.
    pub mode: String,
    /// What was changed, in words.
    pub changes: Vec<String>,
    /// Where, as `path:line` of the text before the change.
    pub places: Vec<String>,
}

/// What a repair changed of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing fails any more.
    Gone,
    /// Something that failed does so no more; something else fails.
    Moved,
    /// The same fails as before.
    Unchanged,
    /// More fails than before.
    Worse,
    /// Nothing can be said.
    Unknown,
}

impl Effect {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Moved => "moved",
            Self::Unchanged => "unchanged",
            Self::Worse => "worse",
            Self::Unknown => "unknown",
        }
    }
}

/// What a rehearsal says of the stack. From best to worst, so that the greatest of several is
/// the verdict of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Every expectation held.
    #[default]
    Held,
    /// An expectation did not hold.
    Broke,
    /// Nothing can be concluded: a fault never hit, a client went around the proxy, the steady
    /// state was not reached before anything was broken.
    Invalid,
    /// Stopped before its end: by a person, or by an abort condition.
    Aborted,
}

impl Verdict {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broke => "broke",
            Self::Invalid => "invalid",
            Self::Aborted => "aborted",
        }
    }
}

/// One fault while it acted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultRun {
    /// Its name in the scenario.
    pub name: String,
    /// What was hit, as a person would name it: `broker 1`, `container shop-kafka-1`, `pid 4711`.
    pub target: String,
    /// What was done: `stop`, `latency 3000 ms downstream`.
    pub what: String,
    /// Seconds from the start of the run to its beginning.
    pub from_s: f64,
    /// Seconds from the start of the run to its end; `None` where it was not healed in the run.
    pub to_s: Option<f64>,
    /// Connections, requests or processes that it did something to; 0 proves nothing.
    pub hits: u64,
}

/// When an expectation is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before anything is broken: the steady state.
    Before,
    /// While something is broken.
    During,
    /// After everything was healed.
    After,
}

impl Phase {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// One expectation in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Its name in the scenario.
    pub name: String,
    /// When.
    pub phase: Phase,
    /// Whether it held.
    pub held: bool,
    /// What was seen, with numbers.
    pub seen: String,
}

/// What became of the records of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Records handed to the producer.
    pub sent: u64,
    /// Records that a broker acknowledged.
    pub acknowledged: u64,
    /// Distinct records that the consumer saw.
    pub read: u64,
    /// Acknowledged records that are not in the log: gone.
    pub lost: u64,
    /// Acknowledged records that are in the log and were not given to the consumer in time.
    pub not_delivered: u64,
    /// Records that stand in the log more than once.
    pub duplicated: u64,
    /// Records of one producer that stand before an earlier one of its own.
    pub reordered: u64,
    /// Anomalies by name, as a Kafka checker calls them (faults 4.3).
    pub anomalies: Vec<Anomaly>,
}

/// One kind of anomaly in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// `lost-write`, `duplicate`, `poll-skip`, ….
    pub name: &'static str,
    /// How many.
    pub count: u64,
    /// Whether it is an error for this client; otherwise it is only reported.
    pub is_bad: bool,
    /// A few of them, ready to print.
    pub examples: Vec<String>,
}

/// Recovery as numbers, from the moment of healing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// Seconds to the first success; negative where it came back while the fault still acted.
    pub first_success_s: Option<f64>,
    /// Seconds until the steady state held again.
    pub steady_s: Option<f64>,
    /// Seconds until no record was waiting any more.
    pub backlog_drain_s: Option<f64>,
    /// Records that the fault made appear twice.
    pub duplicates: u64,
}

/// What was predicted for a scenario, and whether it came true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Id of the failure mode that predicts it.
    pub mode: String,
    /// What will happen, with its arithmetic.
    pub claim: String,
    /// What happened.
    pub seen: String,
    /// Whether that is what was predicted.
    pub came_true: bool,
}

/// A finding of `diagnose` from the texts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosed {
    /// Id of the failure mode.
    pub mode: String,
    /// The service, application or cluster it is about.
    pub service: Option<String>,
    /// The finding's title.
    pub title: String,
    /// The faults whose target it names: the cause that was put there is found.
    pub names: Vec<String>,
}

/// What a rehearsal will do, before it does anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Name of the scenario.
    pub name: String,
    /// Fixes every random decision.
    pub seed: u64,
    /// What tells the runs apart, one for each; a single empty text where there is one run.
    pub runs: Vec<String>,
    /// What is started: proxies with their addresses, processes, workloads; ready to print.
    pub starts: Vec<String>,
    /// What each fault will hit: the fault's name, and its targets as they are found now.
    pub targets: Vec<(String, Vec<String>)>,
    /// When what happens: seconds from the start of a run, and what.
    pub timeline: Vec<(f64, String)>,
    /// What is expected: the phases, and what.
    pub expectations: Vec<(Vec<Phase>, String)>,
    /// What ends a run early.
    pub aborts: Vec<String>,
    /// Faults that cannot be injected here, and why.
    pub not_possible: Vec<String>,
}
