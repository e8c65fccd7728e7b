//! What became of records while something was broken: by partition, once failover has had its time.

use std::collections::BTreeMap;

use crate::ledger::{Call, Outcome, Step};
use crate::workload::kafka::{Observation, Settled};

/// A span of the history's clock, in microseconds: what began in it, and what came of that until
/// it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: u64,
    /// The end of what is looked at.
    pub(super) to: u64,
    /// The end of what counts as an answer.
    pub(super) answered_by: u64,
}

impl Window {
    /// Whether a question was asked and answered in it: a late answer may be from after healing.
    fn has_all_of(self, one: &Observation) -> bool {
        self.has(one.at_us) && one.answered_us < self.answered_by
    }

    fn has(self, at_us: u64) -> bool {
        self.from <= at_us && at_us < self.to
    }
}

/// One partition in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Partition {
    /// Its leader before anything was broken.
    pub(super) leader: i32,
    /// Records handed over.
    pub(super) sent: u64,
    /// Of those, acknowledged before the window ended.
    pub(super) taken: u64,
    /// Of those, given to a consumer before the window ended.
    pub(super) read: u64,
}

impl Partition {
    /// Whether it took next to nothing.
    pub(super) fn is_out(&self) -> bool {
        self.sent > 0 && self.taken * 2 < self.sent
    }
}

/// What was seen in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// By number.
    pub(super) partitions: Vec<Partition>,
    /// How often the controller was asked for a topic, and how often it would have made one.
    pub(super) asked: u64,
    pub(super) would_create: u64,
    /// Why it would not, the last time.
    pub(super) refused: Option<String>,
    /// The slowest acknowledgement, in microseconds.
    pub(super) slowest_us: u64,
}

impl Seen {
    pub(super) fn of(settled: &Settled, window: Window) -> Self {
        let led =
            |(leader, _): &(i32, Vec<i32>)| Partition { leader: *leader, ..Partition::default() };
        let partitions = settled.placement.iter().map(led).collect();
        let mut seen = Self { partitions, ..Self::default() };
        seen.count_sends(settled, window);
        for one in settled.observed.iter().filter(|one| window.has_all_of(one)) {
            match &one.can_create {
                None => continue,
                Some(Ok(())) => seen.would_create += 1,
                Some(Err(why)) => seen.refused = Some(why.clone()),
            }
            seen.asked += 1;
        }
        seen
    }

    fn count_sends(&mut self, settled: &Settled, window: Window) {
        let history = &settled.history;
        let mut read: BTreeMap<crate::ledger::RecordId, u64> = BTreeMap::new();
        for op in history.ops.iter().filter(|op| history.verifier != Some(op.process)) {
            for step in &op.steps {
                if let Step::Poll { records, .. } = step {
                    for (_, id) in records {
                        read.entry(*id).or_insert(op.completed_us);
                    }
                }
            }
        }
        let sends = history.ops.iter().filter(|op| op.call == Call::Send);
        for op in sends.filter(|op| window.has(op.invoked_us)) {
            for step in &op.steps {
                let Step::Send { key, value, .. } = step else { continue };
                let number = history.keys.get(key.0 as usize).map(|key| key.partition);
                let number = number.and_then(|number| usize::try_from(number).ok());
                let Some(partition) = number.and_then(|n| self.partitions.get_mut(n)) else {
                    continue;
                };
                partition.sent += 1;
                if op.outcome == Outcome::Ok && op.completed_us < window.answered_by {
                    partition.taken += 1;
                    self.slowest_us = self.slowest_us.max(op.completed_us - op.invoked_us);
                }
                let is_read = read.get(value).is_some_and(|at| *at < window.answered_by);
                partition.read += u64::from(is_read);
            }
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.partitions.iter().map(|one| one.sent).sum()
    }

    pub(super) fn taken(&self) -> u64 {
        self.partitions.iter().map(|one| one.taken).sum()
    }

    pub(super) fn read(&self) -> u64 {
        self.partitions.iter().map(|one| one.read).sum()
    }

    /// Whether records went on as if nothing had happened.
    pub(super) fn goes_on(&self) -> bool {
        // What was handed over last may still be on its way.
        self.sent() > 0
            && self.taken() * 20 >= self.sent() * 19
            && self.partitions.iter().all(|one| !one.is_out())
    }

    /// Numbers of the partitions that took next to nothing.
    pub(super) fn out(&self) -> Vec<usize> {
        let numbered = self.partitions.iter().enumerate();
        numbered.filter(|(_, one)| one.is_out()).map(|(number, _)| number).collect()
    }

    /// In one sentence.
    pub(super) fn words(&self) -> String {
        let (sent, taken) = (self.sent(), self.taken());
        if sent == 0 {
            return "not one record could be handed over".to_owned();
        }
        let out = self.out();
        if out.is_empty() {
            return format!("{taken} of {sent} records taken, on all partitions");
        }
        let all = self.partitions.len();
        if taken == 0 {
            return format!("0 of {sent} records taken, on none of {all} partitions");
        }
        let leaders: std::collections::BTreeSet<i32> =
            out.iter().map(|number| self.partitions[*number].leader).collect();
        let leaders: Vec<String> = leaders.iter().map(i32::to_string).collect();
        format!(
            "{taken} of {sent} records taken; {} of {all} partitions took next to nothing, all led \
             before by broker {}",
            out.len(),
            leaders.join(" or ")
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::{History, Key, KeyId, Op, RecordId};

    /// Two partitions, led by 1 and 2; partition 0 is out from 10 to 20.
    pub(in crate::kafka) fn half_out() -> Settled {
        let mut history =
            History { keys: vec![Key::new("t", 0), Key::new("t", 1)], ..History::default() };
        for number in 0..30_u64 {
            for key in 0..2_u32 {
                let at = number * 1_000_000;
                let value = RecordId { producer: 0, sequence: number * 2 + u64::from(key) };
                let is_out = key == 0 && (10..20).contains(&number);
                let end = if is_out { 20_500_000 } else { at + 10_000 };
                let mut op = Op::new(0, Call::Send, at, end);
                op.steps.push(Step::Send { key: KeyId(key), value, offset: None });
                history.ops.push(op);
                let mut op = Op::new(1, Call::Poll, end, end + 1000);
                op.steps.push(Step::Poll { key: KeyId(key), records: vec![(number, value)] });
                history.ops.push(op);
            }
        }
        let observed = (0..30).map(|at| Observation {
            at_us: at * 1_000_000,
            answered_us: at * 1_000_000 + 1000,
            leaders: vec![if (10..20).contains(&at) { -1 } else { 1 }, 2],
            can_create: Some(if (10..20).contains(&at) {
                Err("no answer within 4 s".to_owned())
            } else {
                Ok(())
            }),
        });
        Settled {
            history,
            placement: vec![(1, vec![1]), (2, vec![2])],
            observed: observed.collect(),
            ..Settled::default()
        }
    }

    pub(in crate::kafka) fn window(from_s: u64, to_s: u64) -> Window {
        let [from, to] = [from_s, to_s].map(|s| s * 1_000_000);
        Window { from, to, answered_by: to }
    }

    #[test]
    fn a_partition_without_its_leader_is_out() {
        let settled = half_out();
        let seen = Seen::of(&settled, window(12, 20));
        assert_eq!((seen.sent(), seen.taken(), seen.read(), seen.out()), (16, 8, 8, vec![0]));
        assert_eq!((seen.asked, seen.would_create), (8, 0));
        assert!(!seen.goes_on());
        assert_eq!(
            seen.words(),
            "8 of 16 records taken; 1 of 2 partitions took next to nothing, all led before by broker 1"
        );
    }

    #[test]
    fn what_goes_on_is_said_so() {
        let settled = half_out();
        let seen = Seen::of(&settled, window(0, 10));
        assert!(seen.goes_on());
        assert_eq!((seen.asked, seen.would_create), (10, 10));
        let nothing = Seen::of(&settled, window(40, 41));
        assert!(!nothing.goes_on());
        assert_eq!(nothing.words(), "not one record could be handed over");
    }
}
