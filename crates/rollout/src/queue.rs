//! The event queue: ordered by time, then by rank, then by the order of entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What goes first at equal times (rollout-semantics 0): a check at exactly the startup time
/// passes, and a task that turns healthy exactly when grace ends is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A container starts, the application is up.
    Ready,
    /// The result of a check.
    Check,
    /// A state follows from it.
    State,
    /// Grace, deadlines.
    Expiry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<K> {
    at_ms: u64,
    order: (Rank, u32),
    kind: K,
}

/// Events to come.
#[derive(Clone, Debug)]
pub(crate) struct EventQueue<K> {
    heap: BinaryHeap<Reverse<Entry<K>>>,
    sequence: u32,
}

impl<K: Copy + Ord> EventQueue<K> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(64), sequence: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
        self.sequence = 0;
    }

    pub(crate) fn push(&mut self, at_ms: u64, rank: Rank, kind: K) {
        self.heap.push(Reverse(Entry { at_ms, order: (rank, self.sequence), kind }));
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Time of the next event.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.0.at_ms)
    }

    /// The next event, which stays.
    pub(crate) fn peek(&self) -> Option<K> {
        self.heap.peek().map(|entry| entry.0.kind)
    }

    /// Drops the next event.
    pub(crate) fn discard(&mut self) {
        self.heap.pop();
    }

    /// The next event if it is due at `at_ms`.
    pub(crate) fn pop_at(&mut self, at_ms: u64) -> Option<K> {
        if self.next_ms()? != at_ms {
            return None;
        }
        self.heap.pop().map(|entry| entry.0.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_then_rank_then_entry() {
        let mut queue = EventQueue::new();
        queue.push(5, Rank::Expiry, 'd');
        queue.push(5, Rank::Check, 'b');
        queue.push(5, Rank::Check, 'c');
        queue.push(4, Rank::Expiry, 'a');
        assert_eq!(queue.next_ms(), Some(4));
        assert_eq!(queue.pop_at(5), None);
        assert_eq!(queue.pop_at(4), Some('a'));
        let rest: String = std::iter::from_fn(|| queue.pop_at(5)).collect();
        assert_eq!(rest, "bcd");
    }
}
