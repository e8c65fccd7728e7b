//! Ready-made scenarios: what is done to which broker, for how long, and what is expected.

use std::time::Duration;

use wonin_fault::inject::{ContainerAct, ContainerFault, ContainerTarget, Injection, ProcessFault};
use wonin_fault::kafka::{Act, KafkaFault, Select, Way as Direction};
use wonin_model::rehearsal::Phase;

use crate::scenario::{
    Check, DeliveryCount, ExpectSpec, FaultAct, FaultSpec, KafkaSpec, Limits, Scenario,
    WorkloadKind, WorkloadSpec,
};
use crate::workload::Temperature;
use crate::workload::kafka::RecordsSpec;

/// How a broker is reached to be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At the proxy alone: clients lose it, the other brokers do not.
    Proxy,
    /// A process of this machine.
    Process {
        /// Its id.
        pid: u32,
    },
    /// A container of a Compose project.
    Container {
        /// The project.
        project: String,
        /// The service.
        service: String,
    },
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Where clients find it, `host:port`.
    pub address: String,
    /// How it is broken.
    pub reach: Reach,
}

/// Whether an address leads to this machine: loopback, or the name for it.
pub fn is_near(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// How a broker goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// It is told to end, and hands over what it leads.
    Stop,
    /// It is gone at once.
    Kill,
    /// The proxy cuts it off.
    CutOff,
}

impl Going {
    fn word(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Kill => "killed",
            Self::CutOff => "cut off",
        }
    }

    /// How long the others may take to take over: a broker that says goodbye hands over at once,
    /// one that vanishes is missed after `broker.session.timeout.ms` (9 s), and its partitions
    /// have new leaders 12 s after it went (seen with Kafka 3.9.1).
    pub(super) fn failover(self) -> Duration {
        match self {
            Self::Stop => Duration::from_secs(8),
            Self::Kill => Duration::from_millis(13_500),
            Self::CutOff => Duration::from_secs(4),
        }
    }
}

/// What is done in one run.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Nothing: the clients alone.
    Nothing,
    /// A broker is gone and comes back.
    Gone {
        /// Which.
        node: i32,
        /// How it goes.
        how: Going,
    },
    /// Everything that a broker answers is late.
    Slow {
        /// Which.
        node: i32,
        /// By how much.
        delay: Duration,
    },
}

/// A scenario before it is run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// What is done.
    pub deed: Deed,
    /// Whether clients are warm when it begins.
    pub temperature: Temperature,
    /// How long it is watched while it is done.
    pub lasts: Duration,
}

/// From the start of a run until something is broken.
const STEADY: Duration = Duration::from_secs(4);

/// Until the clients count.
const WARM_UP: Duration = Duration::from_millis(1500);

/// Watched after recovery.
const AFTER: Duration = Duration::from_secs(3);

impl Planned {
    pub(super) fn new(deed: Deed, temperature: Temperature, lasts: Duration) -> Self {
        let what = match &deed {
            Deed::Nothing => "normal".to_owned(),
            Deed::Gone { node, how } => format!("broker {node} {}", how.word()),
            Deed::Slow { node, delay } => {
                format!("broker {node} slow by {}", crate::scenario::spoken(*delay))
            }
        };
        let name = match deed {
            Deed::Nothing => what,
            _ => format!("{what}, {} clients", temperature.name()),
        };
        Self { name, deed, temperature, lasts }
    }

    /// About how long it takes, with starting, recovery and reading all that is in the log.
    pub fn takes(&self) -> Duration {
        match self.deed {
            Deed::Nothing => self.lasts + Duration::from_secs(4),
            Deed::Gone { .. } => self.lasts + Duration::from_secs(25),
            Deed::Slow { .. } => self.lasts + Duration::from_secs(16),
        }
    }

    /// Whether clients go through the proxy.
    pub(super) fn is_at_proxy(&self) -> bool {
        matches!(self.deed, Deed::Slow { .. } | Deed::Gone { how: Going::CutOff, .. })
    }

    /// The scenario for the engine. `records` is the workload without its addresses where it goes
    /// through the proxy.
    pub(super) fn scenario(
        &self,
        nodes: &[Node],
        records: RecordsSpec,
        first_port: Option<u16>,
        seed: u64,
    ) -> Option<Scenario> {
        let act = self.act(nodes)?;
        let kafka = self.is_at_proxy().then(|| KafkaSpec {
            bootstrap: nodes.iter().map(|node| node.address.clone()).collect(),
            listen_host: "127.0.0.1".to_owned(),
            first_port,
        });
        let fault = FaultSpec {
            name: self.fault_name(),
            at: STEADY,
            lasts: self.lasts,
            stands_for: None,
            acts: vec![(None, act)],
        };
        let workload = WorkloadSpec {
            name: "records".to_owned(),
            kind: WorkloadKind::Kafka(Box::new(records)),
        };
        Some(Scenario {
            name: self.name.clone(),
            seed,
            stack: None,
            clients: vec![self.temperature],
            warm_up: WARM_UP,
            steady: Duration::from_secs(2),
            after: AFTER,
            proxies: Vec::new(),
            kafka,
            processes: Vec::new(),
            workloads: vec![workload],
            faults: vec![fault],
            expects: expects(),
            aborts: Vec::new(),
            limits: Limits {
                total: self.lasts + Duration::from_mins(4),
                recovery: Duration::from_secs(70),
            },
        })
    }

    fn fault_name(&self) -> String {
        match &self.deed {
            Deed::Nothing => "nothing".to_owned(),
            Deed::Gone { node, how } => format!("broker {node} {}", how.word()),
            Deed::Slow { node, .. } => format!("broker {node} slow"),
        }
    }

    fn act(&self, nodes: &[Node]) -> Option<FaultAct> {
        match &self.deed {
            Deed::Nothing => None,
            Deed::Slow { node, delay } => {
                let on = Select { broker: Some(*node), ..Select::default() };
                let ms = delay.as_millis() as u64;
                let act = Act::Latency { ms, jitter_ms: 0, direction: Direction::Downstream };
                Some(FaultAct::Kafka(KafkaFault { on, act }))
            }
            Deed::Gone { node, how: Going::CutOff } => {
                let on = Select { broker: Some(*node), ..Select::default() };
                Some(FaultAct::Kafka(KafkaFault { on, act: Act::Reset {} }))
            }
            Deed::Gone { node, how } => {
                let node = nodes.iter().find(|one| one.id == *node)?;
                match &node.reach {
                    Reach::Proxy => None,
                    Reach::Process { pid } => {
                        Some(FaultAct::Inject(Injection::Process(match how {
                            Going::Kill => ProcessFault::Kill { pid: *pid, comes_back: true },
                            _ => ProcessFault::Terminate { pid: *pid, comes_back: true },
                        })))
                    }
                    Reach::Container { project, service } => {
                        let on = ContainerTarget::Service {
                            project: project.clone(),
                            service: service.clone(),
                            number: None,
                        };
                        let act = match how {
                            Going::Kill => ContainerAct::Kill,
                            _ => ContainerAct::Stop { grace_s: None },
                        };
                        Some(FaultAct::Inject(Injection::Container(ContainerFault { on, act })))
                    }
                }
            }
        }
    }
}

fn expects() -> Vec<ExpectSpec> {
    let expect = |name: &str, phases: &[Phase], check| ExpectSpec {
        name: name.to_owned(),
        phases: phases.to_vec(),
        check,
    };
    vec![
        expect(
            "records are taken",
            &[Phase::Before, Phase::After],
            Check::Success { workload: 0, at_least: 0.99 },
        ),
        expect(
            "the steady state is back",
            &[Phase::After],
            Check::Recovered { within: Duration::from_mins(1) },
        ),
        expect(
            "nothing is lost",
            &[Phase::After],
            Check::Delivery { count: DeliveryCount::Lost, at_most: 0 },
        ),
        expect(
            "nothing else is wrong in the log",
            &[Phase::After],
            Check::Delivery { count: DeliveryCount::Anomalies, at_most: 0 },
        ),
    ]
}

/// From the start of a run until something is broken.
pub(super) fn breaks_at() -> Duration {
    STEADY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(reach: Reach) -> Vec<Node> {
        vec![Node { id: 1, address: "127.0.0.1:9092".to_owned(), reach }]
    }

    fn planned(how: Going) -> Planned {
        let deed = Deed::Gone { node: 1, how };
        Planned::new(deed, Temperature::Cold, Duration::from_secs(26))
    }

    fn act(planned: &Planned, reach: Reach) -> Option<FaultAct> {
        let records = RecordsSpec::at(Vec::new());
        let scenario = planned.scenario(&nodes(reach), records, None, 7)?;
        Some(scenario.faults[0].acts[0].1.clone())
    }

    #[test]
    fn each_reach_has_its_own_way_to_go() {
        let kill = planned(Going::Kill);
        assert_eq!(kill.name, "broker 1 killed, cold clients");
        let expected = ProcessFault::Kill { pid: 4711, comes_back: true };
        assert_eq!(
            act(&kill, Reach::Process { pid: 4711 }),
            Some(FaultAct::Inject(Injection::Process(expected)))
        );
        let (project, service) = ("shop".to_owned(), "kafka".to_owned());
        let found = act(&planned(Going::Stop), Reach::Container { project, service });
        let Some(FaultAct::Inject(Injection::Container(fault))) = found else {
            panic!("{found:?}");
        };
        assert_eq!(fault.act, ContainerAct::Stop { grace_s: None });
        let found = act(&planned(Going::CutOff), Reach::Proxy);
        assert!(matches!(found, Some(FaultAct::Kafka(_))), "{found:?}");
        assert_eq!(act(&kill, Reach::Proxy), None);
    }

    #[test]
    fn other_machines_are_told_apart() {
        for near in ["localhost:9092", "127.0.5.1:9092", "[::1]:9092"] {
            assert!(is_near(near), "{near}");
        }
        for far in ["kafka:9092", "10.0.0.1:9092", "kafka.example.com:9092"] {
            assert!(!is_near(far), "{far}");
        }
    }

    #[test]
    fn failover_has_ended_long_before_the_broker_is_back() {
        for how in [Going::Stop, Going::Kill, Going::CutOff] {
            assert!(how.failover() + Duration::from_secs(3) < super::super::GONE_QUICK);
        }
    }
}
