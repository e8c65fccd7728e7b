//! What `diagnose` says of what is broken, beside what happened; and whether it names what was
//! broken from what was written meanwhile.

use wonin_fault::inject::{ContainerAct, ContainerTarget, Injection, ProcessFault};
use wonin_fault::kafka::Act;
use wonin_model::rehearsal::{Diagnosed, Expectation, Phase, Prediction, Rehearsal, Verdict};
use wonin_model::{Diagnosis, Finding, Role, Standing};

use super::stage::Stage;
use crate::scenario::{FaultAct, FaultSpec, Run, Scenario};

/// What a fault takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Something is not there, or does not answer.
    Outage,
    /// Answers are late.
    Delay,
    /// Something is at another address.
    Address,
    /// Anything else.
    Other,
}

/// Whom a fault was aimed at, by all names that files and logs may have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The fault's name.
    pub fault: String,
    /// What it took away.
    pub nature: Nature,
    /// Service, proxy, process, container; addresses.
    pub names: Vec<String>,
}

/// The targets of all faults of a run.
pub(super) fn targets(scenario: &Scenario, run: &Run, stage: &Stage) -> Vec<Target> {
    let of = |(spec, act): (&FaultSpec, &FaultAct)| {
        let mut names: Vec<String> = spec.stands_for.iter().cloned().collect();
        names.extend(names_of(act, scenario, stage));
        Target { fault: spec.name.clone(), nature: nature(act), names }
    };
    scenario.faults.iter().zip(&run.acts).map(of).collect()
}

fn names_of(act: &FaultAct, scenario: &Scenario, stage: &Stage) -> Vec<String> {
    let fill = |text: &str| stage.places.fill(text);
    match act {
        FaultAct::Tcp { proxy, .. } => {
            let spec = scenario.proxies.iter().find(|spec| spec.name == *proxy);
            let upstream = spec.map(|spec| spec.upstream.clone());
            let listen = fill(&format!("${{proxy.{proxy}}}"));
            [Some(proxy.clone()), upstream, Some(listen)].into_iter().flatten().collect()
        }
        FaultAct::Kafka(_) => {
            let proxies = fill("${kafka.bootstrap}");
            let brokers = scenario.kafka.iter().flat_map(|kafka| kafka.bootstrap.clone());
            proxies.split(',').map(str::to_owned).chain(brokers).collect()
        }
        FaultAct::Own { process, .. } => {
            let spec = scenario.processes.iter().find(|spec| spec.name == *process);
            let ready = spec.and_then(|spec| spec.ready.as_deref()).map(fill);
            std::iter::once(process.clone()).chain(ready).collect()
        }
        FaultAct::Inject(Injection::Container(fault)) => match &fault.on {
            ContainerTarget::Name(name) => vec![name.clone()],
            ContainerTarget::Service { service, .. } => vec![service.clone()],
        },
        FaultAct::Inject(Injection::Process(_)) => Vec::new(),
    }
}

fn nature(act: &FaultAct) -> Nature {
    match act {
        FaultAct::Tcp { fault, .. } if fault.is_outage || fault.refuses => Nature::Outage,
        FaultAct::Tcp { fault, .. } if !fault.delays_ms.is_empty() => Nature::Delay,
        FaultAct::Kafka(fault) => match fault.act {
            Act::Refuse { .. } | Act::Silence { .. } => Nature::Outage,
            Act::Delay { .. } | Act::Latency { .. } => Nature::Delay,
            _ => Nature::Other,
        },
        FaultAct::Own { words, .. } => match words["act"].as_str() {
            Some("cpu-quota") => Nature::Other,
            _ => Nature::Outage,
        },
        FaultAct::Inject(Injection::Container(fault)) => match fault.act {
            ContainerAct::NewAddress { .. } => Nature::Address,
            ContainerAct::CpuLimit { .. } => Nature::Other,
            _ => Nature::Outage,
        },
        FaultAct::Inject(Injection::Process(ProcessFault::CpuQuota { .. }))
        | FaultAct::Tcp { .. } => Nature::Other,
        FaultAct::Inject(Injection::Process(_)) => Nature::Outage,
    }
}

/// Whether what a finding predicts comes of such a fault.
fn is_about(finding: &Finding, nature: Nature) -> bool {
    let (family, mode) = (finding.meta.family, finding.meta.id);
    match nature {
        // Healing a fault starts again what it stopped: who restarts things is not seen.
        Nature::Outage if mode.contains("restart") => false,
        Nature::Outage => {
            matches!(family, "redundancy" | "replication") || mode == "single-bootstrap"
        }
        Nature::Delay => family == "client",
        Nature::Address => family == "identity",
        Nature::Other => false,
    }
}

/// The findings of the stack that are about what was broken, each beside what happened. Came true
/// is what something did not hold for; that it was the reason is not shown by it.
pub fn predictions(diagnosis: &Diagnosis, targets: &[Target], run: &Rehearsal) -> Vec<Prediction> {
    if !matches!(run.verdict, Verdict::Held | Verdict::Broke) {
        return Vec::new();
    }
    let broken = run.expectations.iter().find(|one| !one.held && one.phase != Phase::Before);
    let seen = broken.map_or_else(|| run.why.clone(), words);
    let is_hit = |finding: &Finding| {
        let service = finding.service.as_ref();
        targets.iter().any(|target| {
            let is_it = service.is_some_and(|service| target.names.contains(service));
            is_it && is_about(finding, target.nature)
        })
    };
    let says = |finding: &&Finding| finding.role != Role::Latent && is_hit(finding);
    let predicted = diagnosis.findings.iter().filter(says).map(|finding| Prediction {
        mode: finding.meta.id.to_owned(),
        claim: finding.title.clone(),
        seen: seen.clone(),
        came_true: broken.is_some(),
    });
    predicted.collect()
}

fn words(broken: &Expectation) -> String {
    let when = if broken.phase == Phase::During { "while it acted" } else { "after healing" };
    format!("`{}` did not hold {when}: {}", broken.name, broken.seen)
}

/// What a diagnosis of the run's texts has seen, and which faults it names.
pub fn diagnosed(diagnosis: &Diagnosis, targets: &[Target]) -> Vec<Diagnosed> {
    let seen = diagnosis.findings.iter().filter(|finding| finding.standing != Standing::Predicted);
    let named = seen.map(|finding| {
        let because = finding.because.iter().map(|because| because.claim.as_str());
        let texts: Vec<&str> = because.chain([finding.title.as_str()]).collect();
        let is_named = |name: &String| {
            finding.service.as_ref() == Some(name) || texts.iter().any(|text| has(text, name))
        };
        let hit = targets.iter().filter(|target| target.names.iter().any(is_named));
        Diagnosed {
            mode: finding.meta.id.to_owned(),
            service: finding.service.clone(),
            title: finding.title.clone(),
            names: hit.map(|target| target.fault.clone()).collect(),
        }
    });
    named.collect()
}

/// Whether a name stands in a text as a word of its own.
fn has(text: &str, name: &str) -> bool {
    let is_part =
        |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + name.len()..]);
            !is_part(before.chars().next_back()) && !is_part(after.chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn names_are_words_of_their_own() {
        assert!(has("db:5432 refuses", "db") && has("at 127.0.0.1:5432", "127.0.0.1:5432"));
        assert!(!has("mydb is gone", "db") && !has("db-2 is gone", "db"));
        assert!(!has("at 127.0.0.1:54321", "127.0.0.1:5432") && !has("x", ""));
    }
}
