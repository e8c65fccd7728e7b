//! Operations that cannot be put in any order: `G0` and `G1c`, also with the order of each
//! process and of real time.
//!
//! Kafka isolates no writes, so a cycle in which writes follow writes is only reported. A cycle
//! of reads from writes alone is an error.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::graph::Graph;
use super::history::Outcome;

/// Cycles by name, the errors first.
pub(super) fn anomalies(derived: &Derived<'_>) -> Vec<Anomaly> {
    let edges = Edges::of(derived);
    let (ww, wr) = (&edges.ww, &edges.wr);
    let none = &Vec::new();
    let mut found = Vec::new();
    let names = ["G1c", "G1c-process", "G1c-realtime"];
    found.extend(edges.family(derived, none, wr, names, true, &mut BTreeSet::new()));
    // A cycle of writes is one with reads, too: each is named by the strictest rule it breaks.
    let mut known = BTreeSet::new();
    let names_of_writes = ["G0", "G0-process", "G0-realtime"];
    found.extend(edges.family(derived, ww, none, names_of_writes, false, &mut known));
    for component in edges.graph(none, wr, true, true).components() {
        known.extend(component);
    }
    found.extend(edges.family(derived, ww, wr, names, false, &mut known));
    found
}

/// What comes before what. Nodes are operations; behind them stand the moments at which one was
/// completed, which carry the order of real time without an edge for every pair.
struct Edges {
    nodes: usize,
    ops: usize,
    ww: Vec<(u32, u32)>,
    wr: Vec<(u32, u32)>,
    process: Vec<(u32, u32)>,
    realtime: Vec<(u32, u32)>,
}

impl Edges {
    fn of(derived: &Derived<'_>) -> Self {
        let ops = derived.history.ops.len();
        let (realtime, moments) = realtime(derived);
        Self {
            nodes: ops + moments,
            ops,
            ww: ww(derived),
            wr: wr(derived),
            process: process(derived),
            realtime,
        }
    }

    fn graph(&self, ww: &[(u32, u32)], wr: &[(u32, u32)], process: bool, time: bool) -> Graph {
        let of = |wanted: bool, edges| if wanted { edges } else { &[] as &[(u32, u32)] };
        let process = of(process, self.process.as_slice());
        let time = of(time, self.realtime.as_slice());
        let all = ww.iter().chain(wr).chain(process).chain(time).copied();
        Graph::new(self.nodes, all)
    }

    /// Cycles of these edges: alone, with the order of processes, with that of real time. One that
    /// holds a cycle that is `known` already is not told again.
    fn family(
        &self,
        derived: &Derived<'_>,
        ww: &[(u32, u32)],
        wr: &[(u32, u32)],
        names: [&'static str; 3],
        is_bad: bool,
        known: &mut BTreeSet<u32>,
    ) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for (name, process, time) in
            [(names[0], false, false), (names[1], true, false), (names[2], true, true)]
        {
            let graph = self.graph(ww, wr, process, time);
            let mut cases = Cases::new(SHOWN);
            for component in graph.components() {
                if component.iter().any(|node| known.contains(node)) {
                    continue;
                }
                cases.push(0, || self.words(derived, &graph.cycle(&component)));
                known.extend(component);
            }
            found.extend(cases.into_anomaly(name, is_bad));
        }
        found
    }

    fn words(&self, derived: &Derived<'_>, cycle: &[u32]) -> String {
        let ops: Vec<String> = cycle
            .iter()
            .filter(|node| (**node as usize) < self.ops)
            .map(|node| {
                let op = &derived.history.ops[*node as usize];
                format!("operation {node} of process {}", op.process)
            })
            .collect();
        format!("{} → back", ops.join(" → "))
    }
}

/// Whether the operation must have happened and so has a place in the order.
fn counts(derived: &Derived<'_>, op: u32) -> bool {
    derived.must_have_committed[op as usize]
}

/// The writer of a record to the writer of the record right behind it; of a record that stands
/// several times, the first one counts.
fn ww(derived: &Derived<'_>) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    for log in &derived.logs {
        let mut before = None;
        for (index, id) in log.values.iter().enumerate() {
            let value = &derived.values[*id as usize];
            if value.span.is_some_and(|(first, _)| first as usize != index) {
                continue;
            }
            let writer = value.writer.filter(|at| counts(derived, *at));
            if let (Some(a), Some(b)) = (before, writer)
                && a != b
            {
                edges.push((a, b));
            }
            before = writer;
        }
    }
    edges
}

/// The writer of a record to every other operation that read it.
fn wr(derived: &Derived<'_>) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    for (at, op) in derived.history.ops.iter().enumerate() {
        let at = at as u32;
        if !counts(derived, at) {
            continue;
        }
        let ids = op.polls().flat_map(|(key, all)| all.iter().map(move |(_, id)| (key, *id)));
        let writers = ids.filter_map(|(key, id)| derived.value(key, id)?.writer);
        let own = edges.len();
        edges.extend(writers.filter(|w| *w != at && counts(derived, *w)).map(|w| (w, at)));
        let mut new = edges.split_off(own);
        new.sort_unstable();
        new.dedup();
        edges.append(&mut new);
    }
    edges
}

/// Each operation of a process to its next one.
fn process(derived: &Derived<'_>) -> Vec<(u32, u32)> {
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    let mut edges = Vec::new();
    for (at, op) in derived.history.ops.iter().enumerate() {
        let at = at as u32;
        if counts(derived, at)
            && let Some(before) = last.insert(op.process, at)
            // Several in flight at a time have no order.
            && derived.history.ops[before as usize].completed_us <= op.invoked_us
        {
            edges.push((before, at));
        }
    }
    edges
}

/// What was complete before something else began, through a chain of moments; and how many those
/// are. An operation whose outcome nobody knows may have happened at any later time.
fn realtime(derived: &Derived<'_>) -> (Vec<(u32, u32)>, usize) {
    let ops = &derived.history.ops;
    let complete = |at: &u32| ops[*at as usize].outcome == Outcome::Ok;
    let time = |at: &u32| ops[*at as usize].completed_us;
    let mut ends: Vec<u32> = (0..ops.len() as u32).filter(complete).collect();
    ends.sort_by_key(|at| (time(at), *at));
    let moment = |index: usize| (ops.len() + index) as u32;
    let mut edges = Vec::with_capacity(ops.len() * 3);
    for (index, at) in ends.iter().enumerate() {
        edges.push((*at, moment(index)));
        if index > 0 {
            edges.push((moment(index - 1), moment(index)));
        }
    }
    for (at, op) in ops.iter().enumerate().filter(|(at, _)| counts(derived, *at as u32)) {
        let before = ends.partition_point(|end| time(end) < op.invoked_us);
        if let Some(last) = before.checked_sub(1) {
            edges.push((moment(last), at as u32));
        }
    }
    (edges, ends.len())
}
