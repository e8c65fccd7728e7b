//! Properties: what is right is never called wrong, what is broken is always found, and the time
//! grows with the length.

use proptest::prelude::*;

use super::story::VERIFIER;
use crate::ledger::{
    Call, Checked, History, Judgement, Key, KeyId, LogFacts, Op, Outcome, RecordId, Step, check,
};

/// What happens next in a correct cluster.
#[derive(Clone, Debug)]
enum Event {
    Send { process: u32, key: u32, gap: u64, told: bool, outcome: u8 },
    Poll { process: u32, key: u32, max: usize },
    Rebalance { process: u32, key: u32 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_u32, 0..2_u32, 0..3_u64, any::<bool>(), 0..10_u8).prop_map(
            |(process, key, gap, told, outcome)| Event::Send { process, key, gap, told, outcome }
        ),
        3 => (10..13_u32, 0..2_u32, 1..5_usize)
            .prop_map(|(process, key, max)| Event::Poll { process, key, max }),
        1 => (10..13_u32, 0..2_u32).prop_map(|(process, key)| Event::Rebalance { process, key }),
    ]
}

/// A cluster that does everything right: it appends in order, never loses what it stored, may or
/// may not have stored what it could not confirm, and lets readers go on where they were.
#[derive(Debug, Default)]
struct Cluster {
    history: History,
    logs: [Vec<(u64, RecordId)>; 2],
    next: [u64; 2],
    sequence: u64,
    positions: std::collections::BTreeMap<(u32, u32), usize>,
    now: u64,
}

impl Cluster {
    fn new() -> Self {
        let keys = ["x", "y"].map(|topic| Key::new(topic, 0)).to_vec();
        let history = History { keys, verifier: Some(VERIFIER), ..History::default() };
        let mut cluster = Self { history, ..Self::default() };
        for process in 10..13 {
            let mut op = Op::new(process, Call::Subscribe, 0, 1);
            op.keys = vec![KeyId(0), KeyId(1)];
            cluster.history.ops.push(op);
        }
        cluster
    }

    fn push(&mut self, process: u32, call: Call, outcome: Outcome, step: Step) {
        self.now += 10;
        let mut op = Op::new(process, call, self.now, self.now + 5);
        op.outcome = outcome;
        op.steps.push(step);
        self.history.ops.push(op);
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Send { process, key, gap, told, outcome } => {
                let value = RecordId { producer: process, sequence: self.sequence };
                self.sequence += 1;
                let outcome = [Outcome::Fail, Outcome::Info, Outcome::Info]
                    .get(usize::from(outcome))
                    .copied()
                    .unwrap_or(Outcome::Ok);
                let is_stored = outcome == Outcome::Ok || outcome == Outcome::Info && told;
                let offset = self.next[key as usize] + gap;
                if is_stored {
                    self.next[key as usize] = offset + 1;
                    self.logs[key as usize].push((offset, value));
                }
                let offset = (told && outcome == Outcome::Ok).then_some(offset);
                let key = KeyId(key);
                self.push(process, Call::Send, outcome, Step::Send { key, value, offset });
            }
            Event::Poll { process, key, max } => {
                let log = &self.logs[key as usize];
                let from = *self.positions.get(&(process, key)).unwrap_or(&0);
                let to = (from + max).min(log.len());
                let records = log[from..to].to_vec();
                self.positions.insert((process, key), to);
                let step = Step::Poll { key: KeyId(key), records };
                self.push(process, Call::Poll, Outcome::Ok, step);
            }
            Event::Rebalance { process, key } => {
                let back = self.positions.entry((process, key)).or_default();
                *back /= 2;
                let step = Step::Poll { key: KeyId(key), records: Vec::new() };
                self.push(process, Call::Poll, Outcome::Ok, step);
                if let Some(op) = self.history.ops.last_mut() {
                    op.rebalanced = vec![KeyId(key)];
                }
            }
        }
    }

    fn verify(&mut self) {
        for key in 0..2_u32 {
            let records = self.logs[key as usize].clone();
            self.history.keys[key as usize].log =
                LogFacts { start: 0, is_read_whole: true, is_compacted: false };
            let step = Step::Poll { key: KeyId(key), records };
            self.push(VERIFIER, Call::Poll, Outcome::Ok, step);
        }
    }
}

fn run(events: &[Event]) -> Cluster {
    let mut cluster = Cluster::new();
    for event in events {
        cluster.happen(event);
    }
    cluster
}

fn judged(cluster: &Cluster) -> Checked {
    check(&cluster.history, &Judgement::default())
}

proptest! {
    #[test]
    fn what_is_right_is_never_called_wrong(events in prop::collection::vec(event(), 0..200)) {
        let mut cluster = run(&events);
        cluster.verify();
        let checked = judged(&cluster);
        let bad: Vec<_> = checked.delivery.anomalies.iter().filter(|found| found.is_bad).collect();
        prop_assert!(bad.is_empty(), "{bad:?}");
        prop_assert_eq!(checked.delivery.lost, 0);
        prop_assert_eq!(checked.delivery.reordered, 0);
    }

    #[test]
    fn a_record_that_vanishes_is_always_found(
        events in prop::collection::vec(event(), 0..100),
        which in any::<prop::sample::Index>(),
    ) {
        let mut cluster = run(&events);
        let is_read = |id: &RecordId| cluster.history.ops.iter().flat_map(|op| &op.steps).any(
            |step| matches!(step, Step::Poll { records, .. } if records.iter().any(|r| r.1 == *id)),
        );
        let acked = cluster.history.ops.iter().filter(|op| op.outcome == Outcome::Ok);
        let acked: Vec<RecordId> = acked.flat_map(|op| &op.steps).filter_map(|step| match step {
            Step::Send { value, .. } => Some(*value),
            Step::Poll { .. } => None,
        }).filter(|id| !is_read(id)).collect();
        prop_assume!(!acked.is_empty());
        let gone = acked[which.index(acked.len())];
        cluster.logs.iter_mut().for_each(|log| log.retain(|(_, id)| *id != gone));
        cluster.verify();
        prop_assert_eq!(judged(&cluster).delivery.lost, 1);
    }

    #[test]
    fn a_record_that_is_stored_twice_is_always_found(
        events in prop::collection::vec(event(), 1..100),
        which in any::<prop::sample::Index>(),
    ) {
        let mut cluster = run(&events);
        prop_assume!(!cluster.logs[0].is_empty());
        let (_, again) = cluster.logs[0][which.index(cluster.logs[0].len())];
        let end = cluster.next[0] + 1;
        cluster.logs[0].push((end, again));
        cluster.verify();
        prop_assert_eq!(judged(&cluster).delivery.duplicated, 1);
    }

    #[test]
    fn the_same_history_gives_the_same_words(events in prop::collection::vec(event(), 0..60)) {
        let cluster = run(&events);
        prop_assert_eq!(judged(&cluster), judged(&cluster));
    }
}

/// `cargo test --release -p wonin-rehearse a_million -- --ignored --nocapture`
#[test]
#[ignore = "prints figures; run it with --release"]
#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "measures and prints")]
fn a_million_operations() {
    for count in [125_000_u64, 250_000, 500_000, 1_000_000] {
        let mut cluster = Cluster::new();
        for number in 0..count {
            let (process, key) = (number as u32 % 3, number as u32 % 2);
            let event = if number % 4 == 3 {
                Event::Poll { process: process + 10, key, max: 4 }
            } else {
                Event::Send { process, key, gap: number % 2, told: true, outcome: 9 }
            };
            cluster.happen(&event);
        }
        cluster.verify();
        let start = std::time::Instant::now();
        let checked = judged(&cluster);
        let took = start.elapsed();
        println!(
            "{count} operations, {} records acknowledged: {:.0} ms, {:.2} µs each",
            checked.delivery.acknowledged,
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e6 / count as f64
        );
        assert!(!checked.is_bad(), "{:?}", checked.delivery.anomalies);
    }
}
