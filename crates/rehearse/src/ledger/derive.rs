//! What follows from a history (faults 4.2): who wrote a record, where it stands, who read it.

use std::collections::HashMap;

use super::history::{History, KeyId, Outcome, RecordId};

/// Index into [`Derived::values`].
pub(super) type ValueId = u32;

/// All that is known of one record of one partition.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) key: KeyId,
    pub(super) id: RecordId,
    /// The operation that sent it.
    pub(super) writer: Option<u32>,
    /// Where its sender was told that it is.
    pub(super) acked_offset: Option<u64>,
    /// Earliest and latest position in the partition's order.
    pub(super) span: Option<(u32, u32)>,
    /// At how many offsets it stands.
    pub(super) copies: u32,
    /// Whether an operation that is known to have happened read it.
    pub(super) is_read: bool,
    /// Whether a consumer of the application did.
    pub(super) is_delivered: bool,
}

/// The order of one partition: offsets that were seen, each with the records seen there. Positions
/// leave out offsets that nobody saw: control records, what was compacted away.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Ascending.
    pub(super) offsets: Vec<u64>,
    /// One record of each offset.
    pub(super) values: Vec<ValueId>,
    /// Offsets at which several records were seen, with all of them.
    pub(super) conflicts: Vec<(u64, Vec<ValueId>)>,
}

impl Log {
    /// Position of an offset.
    pub(super) fn index(&self, offset: u64) -> Option<u32> {
        self.offsets.binary_search(&offset).ok().map(|index| index as u32)
    }

    /// How many positions lie before the offset.
    pub(super) fn before(&self, offset: u64) -> usize {
        self.offsets.partition_point(|known| *known < offset)
    }
}

/// A history with everything that its checks share.
#[derive(Debug)]
pub(super) struct Derived<'h> {
    pub(super) history: &'h History,
    /// By operation: whether it must have happened. It was confirmed, or somebody read from it.
    pub(super) must_have_committed: Vec<bool>,
    /// By key.
    pub(super) logs: Vec<Log>,
    /// In the order in which they first appear.
    pub(super) values: Vec<Value>,
    ids: HashMap<(KeyId, RecordId), ValueId>,
}

impl<'h> Derived<'h> {
    pub(super) fn of(history: &'h History) -> Self {
        let mut derived = Self {
            history,
            must_have_committed: Vec::new(),
            logs: Vec::new(),
            values: Vec::new(),
            ids: HashMap::new(),
        };
        derived.note_values();
        derived.must_have_committed = derived.committed();
        derived.logs = derived.build_logs();
        derived.place();
        derived
    }

    /// The record's number, if it appears in an operation.
    pub(super) fn id(&self, key: KeyId, value: RecordId) -> Option<ValueId> {
        self.ids.get(&(key, value)).copied()
    }

    pub(super) fn value(&self, key: KeyId, value: RecordId) -> Option<&Value> {
        self.id(key, value).map(|id| &self.values[id as usize])
    }

    /// Whether the record must be in its log.
    pub(super) fn is_committed(&self, value: &Value) -> bool {
        value.writer.is_some_and(|writer| self.must_have_committed[writer as usize])
    }

    /// Whether the record's send was confirmed.
    pub(super) fn is_acked(&self, value: &Value) -> bool {
        let writer = value.writer.map(|writer| &self.history.ops[writer as usize]);
        writer.is_some_and(|writer| writer.outcome == Outcome::Ok)
    }

    /// Whether the record may have left its log in an orderly way: too old, or compacted.
    pub(super) fn may_be_cleaned(&self, value: &Value) -> bool {
        let facts = self.history.facts(value.key);
        facts.is_compacted || facts.start > value.acked_offset.unwrap_or(0)
    }

    fn intern(&mut self, key: KeyId, id: RecordId) -> &mut Value {
        let next = self.values.len() as ValueId;
        let at = *self.ids.entry((key, id)).or_insert(next);
        if at == next {
            self.values.push(Value {
                key,
                id,
                writer: None,
                acked_offset: None,
                span: None,
                copies: 0,
                is_read: false,
                is_delivered: false,
            });
        }
        &mut self.values[at as usize]
    }

    fn note_values(&mut self) {
        let history = self.history;
        for (at, op) in history.ops.iter().enumerate() {
            let is_ok = op.outcome == Outcome::Ok;
            for (key, id, offset) in op.sends() {
                let value = self.intern(key, id);
                // A record that was sent twice under one name: the confirmed send counts.
                if value.writer.is_none() || is_ok {
                    value.writer = Some(at as u32);
                    value.acked_offset = offset;
                }
            }
            for (key, records) in op.polls() {
                for (_, id) in records {
                    let value = self.intern(key, *id);
                    value.is_read |= is_ok;
                    value.is_delivered |= is_ok && history.verifier != Some(op.process);
                }
            }
        }
    }

    fn committed(&self) -> Vec<bool> {
        let was_read = |key, id| self.value(key, id).is_some_and(|value| value.is_read);
        let happened = |op: &super::history::Op| match op.outcome {
            Outcome::Ok => true,
            Outcome::Fail => false,
            Outcome::Info => op.sends().any(|(key, id, _)| was_read(key, id)),
        };
        self.history.ops.iter().map(happened).collect()
    }

    /// Offsets from all polls, also of failed ones, since a broker must never show what is not
    /// safe; from sends only where they must have happened.
    fn build_logs(&self) -> Vec<Log> {
        let mut seen: Vec<Vec<(u64, ValueId)>> = vec![Vec::new(); self.history.key_count()];
        for (at, op) in self.history.ops.iter().enumerate() {
            for (key, records) in op.polls() {
                let ids = records.iter().filter_map(|(at, id)| Some((*at, self.id(key, *id)?)));
                seen[key.at()].extend(ids);
            }
            if !self.must_have_committed[at] {
                continue;
            }
            for (key, id, offset) in op.sends() {
                if let (Some(offset), Some(id)) = (offset, self.id(key, id)) {
                    seen[key.at()].push((offset, id));
                }
            }
        }
        seen.into_iter().map(log_of).collect()
    }

    fn place(&mut self) {
        for log in &self.logs {
            let mut conflicts = log.conflicts.iter().peekable();
            for (index, (offset, value)) in log.offsets.iter().zip(&log.values).enumerate() {
                let several = conflicts.next_if(|(at, _)| at == offset);
                let all = several.map_or(std::slice::from_ref(value), |(_, all)| all.as_slice());
                for id in all {
                    let value = &mut self.values[*id as usize];
                    let first = value.span.map_or(index as u32, |(first, _)| first);
                    value.span = Some((first, index as u32));
                    value.copies += 1;
                }
            }
        }
    }
}

fn log_of(mut seen: Vec<(u64, ValueId)>) -> Log {
    seen.sort_unstable();
    seen.dedup();
    let mut log = Log::default();
    for same in seen.chunk_by(|a, b| a.0 == b.0) {
        let (offset, value) = same[0];
        log.offsets.push(offset);
        log.values.push(value);
        if same.len() > 1 {
            log.conflicts.push((offset, same.iter().map(|(_, value)| *value).collect()));
        }
    }
    log
}
