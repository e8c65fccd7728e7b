//! Services that an orchestrator rolls out, and what several modes need to know of them.

use std::collections::BTreeMap;

use wonin_model::{
    Count, Deployment, EcsService, Evidence, Finding, Fix, GivenStartup, KubeContainer,
    KubeStrategy, KubeWorkload, Located, NotChecked, Origin, Probe, TargetGroup, Workload,
};
use wonin_rollout::configured::{Configured, Given, edits, of_deployment};
use wonin_rollout::plan::{self, Amount, EcsPlan, KubernetesPlan, Plan, Strategy};
use wonin_rollout::solve::{Change, Setting};
use wonin_rollout::{Bounds, Startup, validate};
use wonin_text::{Place, Sources};

use super::seen::{Shown, all_of, recognise};
use super::words::list;

/// An ECS service with what declares it.
#[derive(Clone, Copy)]
pub(crate) struct Ecs<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) service: &'a EcsService,
}

/// All ECS services that ECS itself replaces task by task; a daemon runs once per instance and is
/// left out, as is what CodeDeploy or something else replaces.
pub(crate) fn ecs_services(evidence: &Evidence) -> impl Iterator<Item = Ecs<'_>> {
    let is = |value: &Option<Located<String>>, usual: &str| {
        value.as_ref().is_none_or(|value| value.value == usual)
    };
    evidence.stack.deployments.iter().filter_map(move |deployment| match &deployment.workload {
        Workload::Ecs(service) => {
            let rolls =
                is(&service.controller, "ECS") && is(&service.scheduling_strategy, "REPLICA");
            rolls.then_some(Ecs { deployment, service })
        }
        Workload::Kubernetes(_) => None,
    })
}

/// The most tasks or pods of one service that are reckoned with; more are a mistake of writing.
const COUNT_MAX: u32 = 5_000;

/// The numbers that bound a deployment of ECS.
pub(crate) struct Limits<'a> {
    pub(crate) desired: &'a Located<u32>,
    pub(crate) min: &'a Located<u32>,
    pub(crate) max: &'a Located<u32>,
    pub(crate) bounds: Bounds,
}

impl<'a> Ecs<'a> {
    /// Its bounds; `None` where a number is not known or no task is wanted.
    pub(crate) fn limits(&self) -> Option<Limits<'a>> {
        let desired = self.service.desired_count.as_ref()?;
        if !(1..=COUNT_MAX).contains(&desired.value) {
            return None;
        }
        let min = self.service.minimum_healthy_percent.as_ref()?;
        let max = self.service.maximum_percent.as_ref()?;
        let bounds = Bounds::new(desired.value, min.value, max.value);
        Some(Limits { desired, min, max, bounds })
    }

    /// The target group that decides, where requests come through one.
    pub(crate) fn target(&self) -> Option<&'a TargetGroup> {
        self.service.target_groups.first()
    }
}

impl Limits<'_> {
    /// Adds the three numbers with their origins.
    pub(crate) fn because(&self, finding: Finding) -> Finding {
        finding
            .because("at least this share of the tasks stays healthy, in %", self.min)
            .because("at most this share of the tasks exists, in %", self.max)
            .because("tasks", self.desired)
    }
}

/// A Kubernetes workload with what declares it.
#[derive(Clone, Copy)]
pub(crate) struct Kube<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) workload: &'a KubeWorkload,
}

/// All workloads of Kubernetes.
pub(crate) fn workloads(evidence: &Evidence) -> impl Iterator<Item = Kube<'_>> {
    evidence.stack.deployments.iter().filter_map(|deployment| match &deployment.workload {
        Workload::Kubernetes(workload) => {
            let kube = Kube { deployment, workload };
            (kube.replicas().value <= COUNT_MAX).then_some(kube)
        }
        Workload::Ecs(_) => None,
    })
}

impl<'a> Kube<'a> {
    /// Whether it is a `Deployment`, the one kind with surge and progress deadline.
    pub(crate) fn is_deployment(&self) -> bool {
        self.workload.kind == "Deployment"
    }

    /// Replicas at least wanted: of the autoscaler where there is one.
    pub(crate) fn replicas(&self) -> &'a Located<u32> {
        self.workload.autoscaler_minimum.as_ref().unwrap_or(&self.workload.replicas)
    }

    /// Containers, each with the deployment.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a KubeContainer> + use<'a> {
        self.workload.containers.iter()
    }
}

/// How long a start takes, and where that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) given: GivenStartup,
    /// The line of a log that says it; `None` where the caller said it.
    pub(crate) seen: Option<Place>,
}

impl Start {
    /// How sure a claim that rests on it can be.
    pub(crate) fn confidence(&self) -> u8 {
        if self.seen.is_some() { 85 } else { 95 }
    }

    /// Adds the line of the log.
    pub(crate) fn because(&self, finding: Finding) -> Finding {
        match self.seen {
            Some(place) => finding.because_at("a start took this long", Origin::Written(place)),
            None => finding,
        }
    }
}

/// The signal of a log line such as `Started ShopApplication in 35.2 seconds`.
const STARTED: &str = "app.started";

/// How long a start takes: as given, else as a log says.
pub(crate) fn start_of(evidence: &Evidence, name: &str) -> Option<Start> {
    match &evidence.startup {
        Some(given) => Some(Start { given: given.clone(), seen: None }),
        None => logged_start(evidence, name),
    }
}

/// The longest start of a service's log. A log whose service is not known counts where only one
/// service is configured.
pub(crate) fn logged_start(evidence: &Evidence, name: &str) -> Option<Start> {
    let alone = evidence.stack.deployments.len() + evidence.stack.services.len() == 1;
    let hits = evidence
        .signals
        .iter()
        .filter(|signal| signal.name == STARTED)
        .filter(|signal| signal.service.as_deref().map_or(alone, |service| service == name))
        .flat_map(|signal| &signal.hits);
    let times = hits.filter_map(|hit| {
        let seconds: f64 = hit.values.get("s")?.parse().ok()?;
        let possible = (0.0..100_000.0).contains(&seconds);
        possible.then_some(((seconds * 1000.0).round() as u64, hit.place))
    });
    let (ms, place) = times.max_by_key(|(ms, place)| (*ms, std::cmp::Reverse(*place)))?;
    Some(Start { given: GivenStartup::Exact(ms), seen: Some(place) })
}

/// A deployment whose startup time is known, as numbers that its platform takes.
pub(crate) struct Started {
    pub(crate) start: Start,
    pub(crate) configured: Configured,
}

impl Started {
    /// The numbers of an ECS service.
    pub(crate) fn ecs(&self) -> Option<&EcsPlan> {
        match &self.configured.plan {
            Plan::Ecs(plan) => Some(plan),
            _ => None,
        }
    }

    /// A repair that gives a setting another value (in the setting's own unit): with an edit where
    /// the place is known, also where nobody wrote the setting yet.
    pub(crate) fn repair(
        &self,
        sources: &Sources,
        title: impl Into<String>,
        setting: Setting,
        to: u64,
    ) -> Fix {
        let from = setting.get(&self.configured.plan).unwrap_or(0);
        let mut fix = Fix::advice(title);
        fix.edits = edits(&self.configured, sources, &[Change { setting, from, to }]);
        fix
    }
}

/// Puts a deployment and its startup time together; or says what is missing. `None` for kinds
/// that are not modelled.
pub(crate) fn started(
    evidence: &Evidence,
    deployment: &Deployment,
) -> Option<Result<Started, String>> {
    let start = start_of(evidence, &deployment.name);
    let startup = start.as_ref().map(|start| start.given.clone());
    let configured = of_deployment(deployment, &Given { startup, ..Given::default() })?;
    Some(match (start, configured) {
        (Some(start), Ok(configured)) => match validate(&configured.plan).first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(Started { start, configured }),
        },
        (_, Err(unready)) => Err(unready.why),
        (None, Ok(_)) => Err("no startup time known: give --startup or a log".to_owned()),
    })
}

/// `67 %`; never 0 or 100 where luck has a part.
pub(crate) fn percent(probability: f64) -> String {
    if probability > 0.0 && probability < 0.01 {
        return "less than 1 %".to_owned();
    }
    if probability < 1.0 && probability > 0.99 {
        return "99 %".to_owned();
    }
    format!("{:.0} %", probability * 100.0)
}

/// The command that shows the rollout.
pub(crate) fn rehearsal(evidence: &Evidence, deployment: &Deployment) -> String {
    let dir = if deployment.dir.is_empty() { "." } else { &deployment.dir };
    let start = start_of(evidence, &deployment.name);
    let flags = start.map_or(String::new(), |start| format!(" {}", start.given.arguments()));
    format!("wonin rehearse rollout {dir} --service {}{flags}", deployment.name)
}

/// What a mode says about deployments. The same said of several in one directory becomes one
/// finding.
#[derive(Default)]
pub(crate) struct Telling<'a> {
    told: Vec<(&'a Deployment, Finding)>,
    open: Vec<(&'a Deployment, String)>,
}

impl<'a> Telling<'a> {
    /// Says something of a deployment; the title goes on after its name and a colon.
    pub(crate) fn say(&mut self, of: &'a Deployment, finding: Finding) {
        self.told.push((of, finding));
    }

    /// Says something where there is something to say.
    pub(crate) fn say_some(&mut self, of: &'a Deployment, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.say(of, finding);
        }
    }

    /// Says that something could not be checked, and why.
    pub(crate) fn leave_open(&mut self, of: &'a Deployment, why: impl Into<String>) {
        self.open.push((of, why.into()));
    }

    /// Hands everything over.
    pub(crate) fn finish(
        self,
        mode: &'static str,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let mut groups: Vec<(Vec<&Deployment>, Finding)> = Vec::new();
        let mut known: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for (of, finding) in self.told {
            let key = (of.dir.as_str(), finding.title.clone());
            match known.get(&key) {
                Some(&at) => {
                    let (members, group) = &mut groups[at];
                    if !members.iter().any(|one| std::ptr::eq(*one, of)) {
                        members.push(of);
                    }
                    absorb(group, finding);
                }
                None => {
                    known.insert(key, groups.len());
                    groups.push((vec![of], finding));
                }
            }
        }
        findings.extend(groups.into_iter().map(|(of, mut finding)| {
            finding.title = format!("{}: {}", names(&of), finding.title);
            finding.service = (of.len() == 1).then(|| of[0].name.clone());
            finding
        }));
        let mut waiting: BTreeMap<(&str, String), Vec<&Deployment>> = BTreeMap::new();
        for (of, why) in self.open {
            waiting.entry((of.dir.as_str(), why)).or_default().push(of);
        }
        open.extend(waiting.into_iter().map(|((_, why), of)| NotChecked {
            mode,
            service: Some(names(&of)),
            why,
        }));
    }
}

/// What logs said that shows a mode at work.
pub(crate) struct Seen<'a> {
    pub(crate) evidence: &'a Evidence,
    /// Names of signals, each with what it shows.
    pub(crate) signals: &'a [(&'a str, &'a str)],
}

impl Telling<'_> {
    /// Hands everything over, with what was seen added to the finding of the same service; where
    /// nothing was predicted, as the finding that `otherwise` makes.
    pub(crate) fn finish_seen(
        self,
        mode: &'static str,
        seen: &Seen<'_>,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
        otherwise: impl FnOnce() -> Option<Finding>,
    ) {
        let shown = all_of(seen.evidence, seen.signals);
        self.finish_shown(mode, &shown, findings, open, otherwise);
    }

    /// The same with what the caller made of logs.
    pub(crate) fn finish_shown(
        self,
        mode: &'static str,
        shown: &Shown<'_>,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
        otherwise: impl FnOnce() -> Option<Finding>,
    ) {
        let mut told = Vec::new();
        self.finish(mode, &mut told, open);
        let named: Vec<&str> =
            shown.iter().flat_map(|(part, _)| part.signal.all("service")).collect();
        // Events of ECS name their service; those of another one prove nothing here.
        let fits = |one: &Finding| {
            named.is_empty() || one.service.as_deref().is_none_or(|own| named.contains(&own))
        };
        let (mut own, rest): (Vec<Finding>, Vec<Finding>) = told.into_iter().partition(fits);
        recognise(&mut own, shown, otherwise);
        findings.extend(own);
        findings.extend(rest);
    }
}

/// How many calculations one finding shows.
const SUMS_MAX: usize = 3;

/// Takes over the evidence and the edits of a finding that says the same.
fn absorb(into: &mut Finding, other: Finding) {
    match (&mut into.arithmetic, other.arithmetic) {
        (Some(sum), Some(more)) => {
            let known: Vec<&str> = sum.split("; ").collect();
            if known.len() < SUMS_MAX && !known.contains(&more.as_str()) {
                sum.push_str("; ");
                sum.push_str(&more);
            }
        }
        (sum @ None, more) => *sum = more,
        (Some(_), None) => {}
    }
    for because in other.because {
        let known = into
            .because
            .iter()
            .any(|one| one.claim == because.claim && one.origin == because.origin);
        if !known {
            into.because.push(because);
        }
    }
    for fix in other.fixes {
        match into.fixes.iter_mut().find(|one| one.title == fix.title) {
            Some(same) => {
                same.edits.extend(fix.edits);
                same.edits.sort();
                same.edits.dedup();
            }
            None => into.fixes.push(fix),
        }
    }
    into.confidence = into.confidence.min(other.confidence);
}

fn names(of: &[&Deployment]) -> String {
    let mut names: Vec<&str> = of.iter().map(|one| one.name.as_str()).collect();
    names.dedup();
    some_of(&names)
}

/// `web`, `web and api`, `web, api, auth and 4 others`.
pub(crate) fn some_of(names: &[&str]) -> String {
    if names.len() <= 4 {
        return list(names);
    }
    format!("{} and {} others", names[..3].join(", "), names.len() - 3)
}

/// Pods that may be added and pods that may be missing, of `replicas` (rollout-semantics 4.3).
pub(crate) fn steps(workload: &KubeWorkload, replicas: u32) -> (u32, u32) {
    let amount = |count: Count| match count {
        Count::Pods(pods) => Amount::Pods(pods),
        Count::Percent(percent) => Amount::Percent(percent),
    };
    let mut plan = KubernetesPlan::new(replicas, Startup::constant(0));
    plan.strategy = match workload.strategy.value {
        KubeStrategy::Recreate => Strategy::Recreate,
        KubeStrategy::RollingUpdate => Strategy::RollingUpdate {
            max_surge: amount(workload.max_surge.value),
            max_unavailable: amount(workload.max_unavailable.value),
        },
    };
    plan.steps()
}

/// Whether a target group is checked by HTTP, as behind an Application Load Balancer.
pub(crate) fn is_http(group: &TargetGroup) -> bool {
    let is = |protocol: &Located<String>| {
        ["HTTP", "HTTPS"].contains(&protocol.value.to_ascii_uppercase().as_str())
    };
    group.protocol.as_ref().is_none_or(is)
}

/// A probe as plain numbers; `None` where one of them is no number that a probe can have.
pub(crate) fn numbers_of(probe: &Probe) -> Option<plan::Probe> {
    /// A day and a half, as for every other time: longer ones are mistakes of unit.
    const TIME_MAX_S: u64 = 130_000;
    let ms = |seconds: u64| (seconds <= TIME_MAX_S).then(|| seconds * 1000);
    let possible = |count: u32| (1..=10_000).contains(&count).then_some(count);
    Some(plan::Probe {
        initial_delay_ms: ms(probe.initial_delay_s.value)?,
        period_ms: ms(probe.period_s.value.max(1))?,
        timeout_ms: ms(probe.timeout_s.value)?,
        success_threshold: possible(probe.success_threshold.value)?,
        failure_threshold: possible(probe.failure_threshold.value)?,
        ..plan::Probe::default()
    })
}
