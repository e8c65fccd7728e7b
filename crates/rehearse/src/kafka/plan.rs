//! Which scenarios are run, in which order, and how long all of them take.

use std::time::Duration;

use super::application::Application;
use super::predict::Claim;
use super::scenarios::{Deed, Going, Node, Planned, Reach};
use super::sweep::{self, Reach as SweepReach, Waits};
use super::{GONE, GONE_QUICK};
use crate::run::CannotRun;
use crate::workload::Temperature;
use crate::workload::kafka::ExternalSpec;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Stop this broker and do nothing else.
    pub stop: Option<i32>,
    /// Do nothing but this.
    pub only: Option<Only>,
    /// Fewer and shorter runs.
    pub is_quick: bool,
    /// The longest delay that is tried; a default that keeps all of it within minutes.
    pub delay_max: Option<Duration>,
}

/// One kind of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// A broker ends in order.
    Stop,
    /// A broker is gone at once.
    Kill,
    /// A broker's answers are late.
    Slow,
}

/// Everything that a rehearsal needs to know.
#[derive(Clone, Debug)]
pub struct KafkaRehearsal {
    /// The brokers, by id.
    pub nodes: Vec<Node>,
    /// The application whose clients are played.
    pub application: Application,
    /// Ids of the brokers at which the application starts; empty where that is not known.
    pub starts_at: Vec<i32>,
    /// What `diagnose` says.
    pub claims: Vec<Claim>,
    /// A program that sends and reads beside the clients that are played, or in their place.
    pub external: Option<ExternalSpec>,
    /// Records each second.
    pub per_second: f64,
    /// What is run.
    pub planned: Vec<Planned>,
    /// What else a reader of the plan should know.
    pub remarks: Vec<String>,
}

impl KafkaRehearsal {
    /// Plans the scenarios for these brokers.
    pub fn new(
        mut nodes: Vec<Node>,
        application: Application,
        claims: Vec<Claim>,
        wanted: Wanted,
    ) -> Result<Self, CannotRun> {
        nodes.sort_by_key(|node| node.id);
        let starts_at = starts_at(&nodes, &application);
        let node = target(&nodes, &starts_at, wanted.stop)?;
        let mut remarks = Vec::new();
        let mut planned = Vec::new();
        if wanted.stop.is_none() && wanted.only.is_none() {
            let lasts = Duration::from_secs(if wanted.is_quick { 6 } else { 10 });
            planned.push(Planned::new(Deed::Nothing, Temperature::Warm, lasts));
        }
        if wanted.only != Some(Only::Slow) {
            gone(node, wanted, &mut planned, &mut remarks);
        }
        if wanted.only == Some(Only::Slow) || wanted.only.is_none() && wanted.stop.is_none() {
            slow(node, &application, wanted, &mut planned, &mut remarks);
        }
        Ok(Self {
            nodes,
            application,
            starts_at,
            claims,
            external: None,
            per_second: 40.0,
            planned,
            remarks,
        })
    }

    /// About how long all of it takes.
    pub fn takes(&self) -> Duration {
        self.planned.iter().map(Planned::takes).sum()
    }
}

/// The brokers at which the application starts.
pub(super) fn starts_at(nodes: &[Node], application: &Application) -> Vec<i32> {
    let given = |node: &&Node| application.bootstrap.contains(&node.address);
    nodes.iter().filter(given).map(|node| node.id).collect()
}

/// The broker that is broken: the one that was asked for, the one that the application cannot start
/// without, or the first.
pub(super) fn target<'n>(
    nodes: &'n [Node],
    starts_at: &[i32],
    asked: Option<i32>,
) -> Result<&'n Node, CannotRun> {
    let wanted = asked.or(match starts_at {
        [only] => Some(*only),
        _ => None,
    });
    let found = match wanted {
        Some(id) => nodes.iter().find(|node| node.id == id),
        None => nodes.first(),
    };
    found.ok_or_else(|| {
        let ids: Vec<String> = nodes.iter().map(|node| node.id.to_string()).collect();
        match asked {
            Some(id) => CannotRun::new(format!("there is no broker {id}"))
                .hint(format!("the cluster has {}", ids.join(", "))),
            None => CannotRun::new("the cluster names no broker"),
        }
    })
}

fn gone(node: &Node, wanted: Wanted, planned: &mut Vec<Planned>, remarks: &mut Vec<String>) {
    let ways: &[Going] = match (&node.reach, wanted.only, wanted.is_quick) {
        (Reach::Proxy, ..) => &[Going::CutOff],
        (_, Some(Only::Kill), _) => &[Going::Kill],
        (_, Some(Only::Stop), _) | (_, None, true) => &[Going::Stop],
        (_, _, _) => &[Going::Stop, Going::Kill],
    };
    if node.reach == Reach::Proxy {
        remarks.push(format!(
            "broker {} is cut off at the proxy: clients lose it, the brokers among themselves still \
             see it, so the loss of a quorum or of replicas is not rehearsed; give its process with \
             `--pid {}=PID`, or `--compose`",
            node.id, node.id
        ));
    }
    let lasts = if wanted.is_quick { GONE_QUICK } else { GONE };
    for how in ways {
        for temperature in [Temperature::Warm, Temperature::Cold] {
            let deed = Deed::Gone { node: node.id, how: *how };
            planned.push(Planned::new(deed, temperature, lasts));
        }
    }
}

fn slow(
    node: &Node,
    application: &Application,
    wanted: Wanted,
    planned: &mut Vec<Planned>,
    remarks: &mut Vec<String>,
) {
    let longest = Duration::from_secs(if wanted.is_quick { 3 } else { 22 });
    let longest = wanted.delay_max.unwrap_or(longest);
    let count = if wanted.is_quick { 2 } else { 4 };
    let bounds = application.bounds();
    let (delays, beyond) = sweep::delays(&bounds, SweepReach { longest, count });
    if !beyond.is_empty() {
        remarks.push(format!(
            "delays stay at or below {}: not far enough for {}; `--delay-up-to` goes further",
            crate::scenario::spoken(longest),
            beyond.join(", ")
        ));
    }
    for delay in delays {
        for temperature in [Temperature::Warm, Temperature::Cold] {
            let deed = Deed::Slow { node: node.id, delay };
            let lasts = Waits::of(delay, temperature).watched();
            planned.push(Planned::new(deed, temperature, lasts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(reach: &Reach) -> Vec<Node> {
        let node = |id: i32| Node { id, address: format!("a:{id}"), reach: reach.clone() };
        vec![node(2), node(1)]
    }

    fn plan(
        reach: &Reach,
        bootstrap: &[&str],
        wanted: Wanted,
    ) -> Result<KafkaRehearsal, CannotRun> {
        let bootstrap = bootstrap.iter().map(|one| (*one).to_owned()).collect();
        let application = Application { bootstrap, ..Application::default() };
        KafkaRehearsal::new(nodes(reach), application, Vec::new(), wanted)
    }

    fn names(plan: &KafkaRehearsal) -> Vec<&str> {
        plan.planned.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn stopping_one_broker_is_all_that_is_done_where_that_is_asked() {
        let wanted = Wanted { stop: Some(1), ..Wanted::default() };
        let plan = plan(&Reach::Process { pid: 7 }, &[], wanted).expect("broker 1 is there");
        assert_eq!(
            names(&plan),
            [
                "broker 1 stopped, warm clients",
                "broker 1 stopped, cold clients",
                "broker 1 killed, warm clients",
                "broker 1 killed, cold clients",
            ]
        );
        assert!(plan.remarks.is_empty());
    }

    #[test]
    fn the_broker_without_which_the_application_cannot_start_is_broken() {
        let plan = plan(&Reach::Proxy, &["a:2"], Wanted { is_quick: true, ..Wanted::default() });
        let plan = plan.expect("two brokers");
        let names = names(&plan);
        assert_eq!(names[..2], ["normal", "broker 2 cut off, warm clients"]);
        assert!(names.iter().any(|name| name.starts_with("broker 2 slow by")));
        assert!(plan.remarks[0].contains("--pid 2=PID"), "{:?}", plan.remarks);
        assert!(plan.takes() < Duration::from_mins(4), "{:?}", plan.takes());
    }

    #[test]
    fn a_broker_that_is_not_there_is_refused() {
        let wanted = Wanted { stop: Some(9), ..Wanted::default() };
        let error = plan(&Reach::Proxy, &[], wanted).expect_err("there is no broker 9");
        assert_eq!(error.what, "there is no broker 9");
        assert_eq!(error.hint.as_deref(), Some("the cluster has 1, 2"));
    }
}
