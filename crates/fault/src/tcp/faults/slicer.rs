//! `slicer`: bytes arrive in slices of `average_size` ± `size_variation` bytes, `delay`
//! microseconds apart.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start};
use crate::draw::Draws;
use crate::tcp::shape::{Carry, Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Slicer {
    /// Bytes.
    average_size: i64,
    /// Bytes more or less; should be below the average.
    size_variation: i64,
    /// Microseconds after each slice.
    delay: i64,
}

impl Settings for Slicer {
    const KIND: &'static str = "slicer";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        let size = |of: i64| usize::try_from(of).unwrap_or(0);
        Box::new(Knife {
            average: size(self.average_size).max(1),
            variation: size(self.size_variation),
            delay: Duration::from_micros(u64::try_from(self.delay).unwrap_or(0).min(1 << 50)),
            draws: start.draws.at_ordinal(start.carry.draws),
            slices: VecDeque::new(),
            free_at: start.carry.free_at,
        })
    }
}

#[derive(Debug)]
struct Knife {
    average: usize,
    variation: usize,
    delay: Duration,
    draws: Draws,
    /// What is left of the front chunk.
    slices: VecDeque<usize>,
    /// When the next slice may go.
    free_at: Option<Instant>,
}

impl Knife {
    /// Halves, a little beside the middle, until the pieces are small enough.
    fn cut(&mut self, len: usize) {
        if len <= self.average.saturating_add(self.variation) || len < 2 {
            self.slices.push_back(len);
            return;
        }
        let drawn = self.draws.below(self.variation as u64 * 2) as usize;
        // Never to the edge, or the pieces would not get smaller.
        let middle = (len / 2 + drawn).saturating_sub(self.variation).clamp(1, len - 1);
        self.cut(middle);
        self.cut(len - middle);
    }
}

impl Shape for Knife {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        let Front::Bytes { len, received } = front else {
            return Verdict::pass(front);
        };
        if self.slices.is_empty() {
            self.cut(len);
        }
        let due = self.free_at.map_or(received, |free_at| free_at.max(received));
        self.free_at = Some(due);
        if now < due {
            return Verdict::Wait(due);
        }
        Verdict::Pass(self.slices.front().copied().unwrap_or(len))
    }

    fn passed(&mut self, _len: usize) {
        self.slices.pop_front();
        self.free_at = self.free_at.map(|at| at + self.delay);
    }

    fn carry(&self) -> Carry {
        Carry { draws: self.draws.ordinal(), free_at: self.free_at, ..Carry::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;

    #[test]
    fn slices_are_about_as_large_as_asked_and_apart() {
        let settings = json!({"average_size": 100, "size_variation": 20, "delay": 10_000});
        let mut bench = Bench::new("slicer", &settings);
        bench.push(1000, 0);
        let seen = bench.run(0, 100);
        assert_eq!(seen.iter().map(|(_, len)| len).sum::<usize>(), 1000);
        assert!(seen.len() >= 8, "{seen:?}");
        assert!(seen.iter().all(|(_, len)| (1..=120).contains(len)), "{seen:?}");
        assert!(seen.iter().map(|(at, _)| *at).eq((0..).step_by(10).take(seen.len())), "{seen:?}");
    }

    #[test]
    fn looking_late_catches_up() {
        let mut bench = Bench::new("slicer", &json!({"average_size": 10, "delay": 1000}));
        bench.push(160, 0);
        assert_eq!(bench.see(0).0, [10]);
        assert_eq!(bench.see(7).0, [10; 7]);
    }

    #[test]
    fn removal_hands_on_the_rest() {
        let mut bench = Bench::new("slicer", &json!({"average_size": 10, "delay": 1_000_000}));
        bench.push(160, 0);
        assert_eq!(bench.see(0).0, [10]);
        bench.remove(1);
        assert_eq!(bench.see(1).0, [150]);
    }
}
