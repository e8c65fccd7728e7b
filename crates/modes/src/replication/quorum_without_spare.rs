//! # A quorum without a spare vote
//!
//! ## What fails
//!
//! One member stops, and the rest can decide nothing any more: no leader is elected, no topic or
//! key is created, no failover happens, although the other members run.
//!
//! ## Why
//!
//! Members decide by majority: of n configured votes floor(n/2)+1 must agree, whether the others
//! are alive or not. So n − (floor(n/2)+1) members may stop: of 1 none, of 2 none, of 3 one, of 4
//! one, of 5 two. Two members are worse than one, because the loss of either stops both. In Kafka,
//! partitions whose leader lives go on from cached metadata; leader election, changes of the
//! in-sync set, topic creation, registration of brokers and new producer ids stop.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   zoo1:
//!     image: zookeeper:3.9
//!     environment:
//!       ZOO_MY_ID: 1
//!       ZOO_SERVERS: server.1=zoo1:2888:3888;2181 server.2=zoo2:2888:3888;2181
//!   zoo2:
//!     image: zookeeper:3.9
//!     environment:
//!       ZOO_MY_ID: 2
//!       ZOO_SERVERS: server.1=zoo1:2888:3888;2181 server.2=zoo2:2888:3888;2181
//! ```
//!
//! ## Fix
//!
//! A third member, on another machine where there is one. In Kafka it may be a controller without
//! a broker.
//!
//! ```yaml docker-compose.yml
//! x-servers: &servers
//!   ZOO_SERVERS: server.1=zoo1:2888:3888;2181 server.2=zoo2:2888:3888;2181 server.3=zoo3:2888:3888;2181
//!
//! services:
//!   zoo1:
//!     image: zookeeper:3.9
//!     environment:
//!       <<: *servers
//!       ZOO_MY_ID: 1
//!   zoo2:
//!     image: zookeeper:3.9
//!     environment:
//!       <<: *servers
//!       ZOO_MY_ID: 2
//!   zoo3:
//!     image: zookeeper:3.9
//!     environment:
//!       <<: *servers
//!       ZOO_MY_ID: 3
//! ```
//!
//! ## How to rehearse
//!
//! Stop one voter (`docker stop`), ask for the state of the quorum, create a topic. On a copy of a
//! Compose project of Kafka `wonin rehearse kafka . --up --stop ID` does that, and `--prove` shows
//! which causes are real by repairing them one after the other.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `CandidateState.majoritySize`; operations guide, "Controllers" (3 tolerate
//!   1, 5 tolerate 2). Seen with 3.9.1: after one of two voters stopped, the other stands for
//!   election without end and creating a topic times out after 60 s.
//! - etcd, "Runtime reconfiguration", and RabbitMQ, "Clustering Guide": both advise against two
//!   members.
//! - Redis, "High availability with Redis Sentinel": at least three Sentinels.
//! - Elasticsearch, "Resilience in small clusters": of two nodes that may be master only one votes,
//!   and the loss of that one is not survived.
//! - Strimzi, "Deploying and Managing": every node with the role controller votes; the operator
//!   itself advises against two.
//! - Inferred: that containers with one Erlang cookie or one replica set name form one cluster;
//!   that a dynamic Kafka quorum has as many voters as there are controllers.

use std::collections::BTreeMap;

mod described;
mod more_voters;

use wonin_model::{
    Because, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, Role, Server,
    ServerProduct, Severity, Signal, Stack,
};
use wonin_text::FileId;

use crate::shared::kafka::{Cluster, clusters};
use crate::shared::seen::{Part, Shown, is_sustained, recognise, signals};
use crate::shared::words::{count, list};

pub(crate) struct QuorumWithoutSpare;

static META: ModeMeta = ModeMeta {
    id: "quorum-without-spare",
    family: "replication",
    summary: "the number of votes leaves no member that may stop",
    source: include_str!("quorum_without_spare.rs"),
};

impl Mode for QuorumWithoutSpare {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let kraft = clusters(stack);
        let mut own: Vec<Finding> =
            kraft.iter().filter_map(|cluster| controllers(evidence, cluster)).collect();
        observe(evidence, &kraft, &mut own);
        described::described(evidence, &mut own);
        findings.extend(own);
        findings.extend(ensembles(stack).iter().filter_map(Ensemble::finding));
    }
}

/// Elections that go on for longer than a change of leader takes, in milliseconds.
const ELECTIONS_MS: i64 = 8000;

/// How long a client may wait before it says what it waited for, in milliseconds.
const WAITS_MS: i64 = 130_000;

/// Recognises a Kafka quorum that has lost its majority. A short election is the ordinary way from
/// one leader to the next.
fn observe(evidence: &Evidence, clusters: &[Cluster<'_>], own: &mut Vec<Finding>) {
    let lost = signals(evidence, &["kafka.raft-majority-lost"]);
    let standing: Vec<_> = signals(evidence, &["kafka.raft-candidate", "kafka.raft-no-leader"])
        .into_iter()
        .filter(|signal| is_sustained(signal, 3, ELECTIONS_MS))
        .collect();
    let refused = signals(evidence, &["kafka.not-registered"]);
    let is_short = lost.iter().all(|signal| signal.count < 2) && standing.is_empty();
    let voters = voters_of(evidence);
    let listed = voters.as_ref().is_some_and(|voters| voters.split(',').count() % 2 == 1);
    let has_spare = own.is_empty() && (listed || !clusters.is_empty());
    if (is_short && refused.is_empty()) || has_spare {
        return;
    }
    let mut shown: Shown<'_> = Vec::new();
    for signal in standing {
        let nodes = match words_of(signal, "node") {
            none if none.is_empty() => "a node".to_owned(),
            nodes => format!("node {nodes}"),
        };
        shown.push((
            Part::whole(signal),
            format!("{nodes} finds no majority and stands for election again and again"),
        ));
    }
    for signal in lost {
        let voters = words_of(signal, "voters");
        let what = format!("the leader resigned: of the other voters {voters} still fetched");
        shown.push((Part::whole(signal), what));
    }
    // What follows comes while the quorum is lost, or in the minutes that its clients wait.
    let begin = shown.iter().filter_map(|(part, _)| part.signal.first_ms).min();
    let end = shown.iter().filter_map(|(part, _)| part.signal.last_ms).max();
    let window = begin.zip(end).map(|(begin, end)| (begin, end.saturating_add(WAITS_MS)));
    for (name, what) in [
        ("kafka.not-registered", "a broker could not register with the quorum and shut down"),
        ("kafka.heartbeat-not-sent", "a broker reaches no active controller"),
        (
            "kafka.producer-ids-not-allocated",
            "no new producer ids, so new idempotent producers wait",
        ),
        ("kafka.raft-votes-rejected", "an election was lost"),
        ("kafka.call-not-sent", "follows: what only a controller can do is not done"),
        (
            "kafka.not-present-in-metadata",
            "follows: a topic without a leader is not in the metadata, and a new one cannot be made",
        ),
    ] {
        for signal in signals(evidence, &[name]) {
            let part = Part::during(signal, window);
            shown.extend(part.map(|part| (part, what.to_owned())));
        }
    }
    let hits = shown.iter().filter(|(part, _)| part.signal.name.starts_with("kafka.raft-"));
    let logs: Vec<FileId> =
        hits.flat_map(|(part, _)| part.signal.hits.iter().map(|hit| hit.place.file)).collect();
    for signal in signals(evidence, &["kafka.connection-not-established"]) {
        let part = Part::within(evidence, signal, &logs);
        shown.extend(part.map(|part| (part, "it does not reach the other node".to_owned())));
    }
    for signal in signals(evidence, &["kafka.metadata-error"]) {
        let part = Part::of(signal, |values| {
            values
                .get("error")
                .is_some_and(|error| error.contains("LEADER") || error.contains("UNKNOWN_TOPIC"))
        });
        shown.extend(part.map(|part| (part, "follows: nobody elects a leader".to_owned())));
    }
    recognise(own, &shown, || {
        let (title, sum, sure) = match voters.as_ref().map(|list| list.split(',').count()) {
            Some(n) => (kafka_title(n, n, true), arithmetic(n), 93),
            None => (
                "the controllers have no majority: likely as few voters as cannot spare one"
                    .to_owned(),
                "majority of n = floor(n/2)+1 of the configured voters; of 2 voters 2".to_owned(),
                75,
            ),
        };
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::Critical, sure)
            .arithmetic(sum)
            .leads_to("leader-election-stops")
            .leads_to("topic-creation-stops");
        Some(finding.fix(Fix::advice(
            "bring the stopped voters back; configure 3 voters, the same list on every node: majority of 3 = 2, spare = 1",
        )))
    });
}

/// The voters that a node counts, as its log shows them: `0, 1`.
fn voters_of(evidence: &Evidence) -> Option<String> {
    let signal = *signals(evidence, &["kafka.raft-voters"]).first()?;
    let lists = signal.all("voters");
    lists.into_iter().max_by_key(|list| list.len()).map(str::to_owned)
}

/// The values of one name, as a list.
fn words_of(signal: &Signal, name: &str) -> String {
    let mut values = signal.all(name);
    values.sort_unstable();
    values.truncate(4);
    list(&values)
}

/// Votes that must agree.
fn majority(members: usize) -> usize {
    members / 2 + 1
}

/// `majority of 2 = floor(2/2)+1 = 2, spare = 2 - 2 = 0`.
fn arithmetic(members: usize) -> String {
    let needed = majority(members);
    let spare = members - needed;
    format!(
        "majority of {members} = floor({members}/2)+1 = {needed}, spare = {members} - {needed} = {spare}"
    )
}

/// The voters of a Kafka cluster.
fn controllers(evidence: &Evidence, cluster: &Cluster<'_>) -> Option<Finding> {
    let listed = cluster.voters();
    let votes = match listed {
        Some(voters) => voters.split(',').len(),
        None => cluster.controllers().count(),
    };
    let brokers = cluster.broker_count();
    let several = brokers > 1 || votes > 1;
    if votes == 0 || !several || (votes > 1 && votes % 2 == 1) {
        return None;
    }
    let sure = match listed {
        Some(list) if list.origin.is_certain() => 97,
        Some(_) => 80,
        None => 60,
    };
    let title = kafka_title(votes, brokers, listed.is_some());
    let finding = Finding::new(&META, title).service(&cluster.name).arithmetic(arithmetic(votes));
    let finding = votes_of(cluster, votes, listed.is_some(), finding);
    let mut fix = more_voters::fix(&evidence.sources, &evidence.stack, cluster, votes);
    if votes > 2 {
        fix.title = format!("use {} voters, or {}", votes - 1, fix.title);
        return Some(finding.weigh(Role::Contributing, Severity::Low, sure).fix(fix));
    }
    let severity = if votes == 2 { Severity::Critical } else { Severity::High };
    let mut finding = finding
        .weigh(Role::Cause, severity, sure)
        .leads_to("leader-election-stops")
        .leads_to("topic-creation-stops")
        .fix(fix);
    finding.rehearse = cluster.rehearsal(&evidence.stack);
    Some(finding.towards(cluster.survives_one_broker(), 1))
}

fn kafka_title(votes: usize, brokers: usize, listed: bool) -> String {
    let likely = if listed { "" } else { "likely " };
    match votes {
        1 => {
            format!("{likely}1 controller voter for {brokers} brokers: losing it stops the cluster")
        }
        2 => format!("{likely}2 controller voters: losing either one stops the cluster"),
        _ => format!(
            "{likely}{votes} controller voters survive the loss of {}, as {} would",
            votes - majority(votes),
            votes - 1
        ),
    }
}

/// Where the votes stand: the list of every node, or the nodes that may vote; and the containers
/// that are a vote and a broker at once.
fn votes_of(cluster: &Cluster<'_>, votes: usize, listed: bool, mut finding: Finding) -> Finding {
    if let Some(voters) = cluster.voters().filter(|_| cluster.operated_as().is_some()) {
        let claim = format!("{}: every node with the role controller", count(votes, "voter"));
        return finding.because(claim, voters);
    }
    for node in &cluster.nodes {
        if let Some(voters) = node.settings.get("controller.quorum.voters").filter(|_| listed) {
            let claim = format!("{} counts {}", node.name, count(votes, "voter"));
            finding = finding.because(claim, voters);
        }
    }
    for node in cluster.controllers() {
        let Some(roles) = node.settings.get("process.roles") else { continue };
        if node.has_role("broker") {
            let claim = format!("{} is a broker and a vote: one stop takes both", node.name);
            finding = finding.because(claim, roles);
        } else if !listed {
            finding = finding.because(format!("{} may vote", node.name), roles);
        }
    }
    finding
}

/// Members of something else that decides by majority.
struct Ensemble {
    /// The kind: `ZooKeeper`.
    what: &'static str,
    /// Name for people.
    name: String,
    /// How many vote.
    members: usize,
    because: Vec<Because>,
    /// What stops with the majority.
    stops: &'static str,
    severity: Severity,
    confidence: u8,
}

impl Ensemble {
    fn finding(&self) -> Option<Finding> {
        let Self { what, members, .. } = self;
        if *members < 2 || members % 2 == 1 {
            return None;
        }
        let likely = if self.confidence < 70 { "likely " } else { "" };
        let two = *members == 2;
        let title = if two {
            format!("{likely}2 {what} members: losing either one {}", self.stops)
        } else {
            let spare = members - majority(*members);
            format!(
                "{members} {what} members survive the loss of {spare}, as {} would",
                members - 1
            )
        };
        let (role, severity) =
            if two { (Role::Cause, self.severity) } else { (Role::Contributing, Severity::Low) };
        let mut finding = Finding::new(&META, title)
            .service(&self.name)
            .weigh(role, severity, self.confidence)
            .arithmetic(arithmetic(*members))
            .fix(Fix::advice(format!("use {} members, or {}", members + 1, members - 1)));
        finding.because.clone_from(&self.because);
        Some(finding)
    }
}

/// How to count the members of a product.
struct Rule {
    product: ServerProduct,
    what: &'static str,
    /// The setting that lists the members, or that equal members have in common.
    setting: &'static str,
    counted: Counted,
    stops: &'static str,
    severity: Severity,
    confidence: u8,
}

enum Counted {
    /// The setting lists all members, separated by commas.
    Listed,
    /// The setting is their number.
    Number,
    /// Servers with one value are members of one cluster.
    Sharing,
    /// The same, and the value is nobody else's business.
    SharingSecret,
}

const RULES: &[Rule] = &[
    Rule {
        product: ServerProduct::ZooKeeper,
        what: "ZooKeeper",
        setting: "servers",
        counted: Counted::Listed,
        stops: "stops the ensemble",
        severity: Severity::Critical,
        confidence: 95,
    },
    Rule {
        product: ServerProduct::Etcd,
        what: "etcd",
        setting: "initial-cluster",
        counted: Counted::Listed,
        stops: "stops all writes",
        severity: Severity::Critical,
        confidence: 95,
    },
    Rule {
        product: ServerProduct::Consul,
        what: "Consul",
        setting: "bootstrap-expect",
        counted: Counted::Number,
        stops: "leaves no leader",
        severity: Severity::High,
        confidence: 90,
    },
    Rule {
        product: ServerProduct::Nacos,
        what: "Nacos",
        setting: "cluster.nodes",
        counted: Counted::Listed,
        stops: "leaves no leader",
        severity: Severity::High,
        confidence: 65,
    },
    Rule {
        product: ServerProduct::RedisSentinel,
        what: "Redis Sentinel",
        setting: "sentinel.monitor",
        counted: Counted::Sharing,
        stops: "ends failover",
        severity: Severity::High,
        confidence: 85,
    },
    Rule {
        product: ServerProduct::Elasticsearch,
        what: "Elasticsearch master",
        setting: "cluster.initial_master_nodes",
        counted: Counted::Listed,
        stops: "may leave no master",
        severity: Severity::High,
        confidence: 65,
    },
    Rule {
        product: ServerProduct::OpenSearch,
        what: "OpenSearch master",
        setting: "cluster.initial_master_nodes",
        counted: Counted::Listed,
        stops: "may leave no master",
        severity: Severity::High,
        confidence: 65,
    },
    Rule {
        product: ServerProduct::Mongo,
        what: "MongoDB replica set",
        setting: "replSet",
        counted: Counted::Sharing,
        stops: "leaves no primary",
        severity: Severity::High,
        confidence: 65,
    },
    Rule {
        product: ServerProduct::RabbitMq,
        what: "RabbitMQ",
        setting: "RABBITMQ_ERLANG_COOKIE",
        counted: Counted::SharingSecret,
        stops: "leaves quorum queues without a majority",
        severity: Severity::Medium,
        confidence: 60,
    },
];

fn ensembles(stack: &Stack) -> Vec<Ensemble> {
    RULES.iter().flat_map(|rule| by_rule(stack, rule)).collect()
}

/// A server with what it says about its ensemble.
type Member<'a> = (&'a Server, Located<String>);

fn by_rule(stack: &Stack, rule: &Rule) -> Vec<Ensemble> {
    let mut together: BTreeMap<(Option<usize>, String), Vec<Member<'_>>> = BTreeMap::new();
    for server in stack.servers.iter().filter(|server| server.product == rule.product) {
        let Some(value) = setting(stack, server, rule.setting) else { continue };
        let project = server.service.map(|id| stack.service(id).project);
        // Each member of an ensemble may write itself as 0.0.0.0, so lists are compared by length.
        let alike = match rule.counted {
            Counted::Listed => members(rule, &[(server, value.clone())], stack).to_string(),
            Counted::Number | Counted::Sharing | Counted::SharingSecret => value.value.clone(),
        };
        together.entry((project, alike)).or_default().push((server, value));
    }
    together.into_values().map(|servers| ensemble(stack, rule, &servers)).collect()
}

fn members(rule: &Rule, servers: &[Member<'_>], stack: &Stack) -> usize {
    let (_, value) = &servers[0];
    match rule.counted {
        Counted::Listed => {
            value.split(',').iter().filter(|member| !member.value.contains("observer")).count()
        }
        Counted::Number => value.value.trim().parse().unwrap_or(0),
        Counted::Sharing | Counted::SharingSecret => {
            servers.iter().map(|(server, _)| instances(stack, server)).sum()
        }
    }
}

fn ensemble(stack: &Stack, rule: &Rule, servers: &[Member<'_>]) -> Ensemble {
    let members = members(rule, servers, stack);
    let names: Vec<&str> = servers.iter().map(|(server, _)| server.name.as_str()).collect();
    let because = servers
        .iter()
        .map(|(server, value)| {
            let (claim, origin) = match rule.counted {
                Counted::Listed | Counted::Number => {
                    let claim = format!("{} counts {}", server.name, count(members, "member"));
                    (claim, value.origin.clone())
                }
                Counted::Sharing => (format!("{} is a member", server.name), value.origin.clone()),
                Counted::SharingSecret => {
                    (format!("{} is a member", server.name), Origin::Written(server.place))
                }
            };
            Because { claim, origin, value: None }
        })
        .collect();
    let certain = servers.iter().all(|(_, value)| value.origin.is_certain());
    Ensemble {
        what: rule.what,
        name: list(&names),
        members,
        because,
        stops: rule.stops,
        severity: rule.severity,
        confidence: if certain { rule.confidence } else { rule.confidence.min(65) },
    }
}

/// The server's own setting, else the environment of its service under that name.
fn setting(stack: &Stack, server: &Server, name: &str) -> Option<Located<String>> {
    let own = server.settings.get(name);
    let environment = || stack.service(server.service?).environment.get(name);
    own.or_else(environment).filter(|value| !value.value.trim().is_empty()).cloned()
}

fn instances(stack: &Stack, server: &Server) -> usize {
    let replicas = server.service.and_then(|id| stack.service(id).replicas.as_ref());
    replicas.map_or(1, |replicas| replicas.value as usize)
}
