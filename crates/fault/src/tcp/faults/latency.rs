//! `latency`: every chunk arrives `latency` ± `jitter` milliseconds later, in order. Bytes keep
//! flowing in meanwhile, so that the delay does not throttle.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start, millis};
use crate::draw::Draws;
use crate::limits;
use crate::tcp::shape::{Carry, Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Latency {
    /// Milliseconds.
    latency: i64,
    /// Milliseconds to either side, every one as likely.
    jitter: i64,
}

impl Settings for Latency {
    const KIND: &'static str = "latency";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        Box::new(Delayed {
            latency: millis(self.latency),
            jitter: millis(self.jitter),
            draws: start.draws.at_ordinal(start.carry.draws),
            due: None,
        })
    }
}

#[derive(Debug)]
struct Delayed {
    latency: Duration,
    jitter: Duration,
    draws: Draws,
    /// Of the front chunk, once drawn.
    due: Option<Instant>,
}

impl Delayed {
    fn delay(&mut self) -> Duration {
        if self.jitter.is_zero() {
            return self.latency;
        }
        let spread_us = self.jitter.as_micros() as u64 * 2;
        let drawn = Duration::from_micros(self.draws.below(spread_us));
        (self.latency + drawn).saturating_sub(self.jitter)
    }
}

impl Shape for Delayed {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        let Front::Bytes { received, .. } = front else {
            return Verdict::pass(front);
        };
        let due = match self.due {
            Some(due) => due,
            None => received + self.delay(),
        };
        self.due = Some(due);
        if now < due { Verdict::Wait(due) } else { Verdict::pass(front) }
    }

    fn passed(&mut self, _len: usize) {
        self.due = None;
    }

    fn capacity_bytes(&self) -> usize {
        limits::HELD_BYTES_DELAYED
    }

    fn touches_bytes(&self) -> bool {
        !(self.latency.is_zero() && self.jitter.is_zero())
    }

    fn carry(&self) -> Carry {
        // A chunk whose delay was drawn but not served draws the same one again.
        let draws = self.draws.ordinal() - u64::from(self.due.is_some() && !self.jitter.is_zero());
        Carry { draws, ..Carry::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;
    use crate::tcp::shape::End;

    #[test]
    fn each_chunk_comes_late_by_as_much() {
        let mut bench = Bench::new("latency", &json!({"latency": 100}));
        bench.push(10, 0);
        bench.push(20, 30);
        bench.finish(30);
        assert_eq!(bench.see(99), (vec![], None, Some(100)));
        assert_eq!(bench.see(100), (vec![10], None, Some(130)));
        assert_eq!(bench.see(130), (vec![20], Some(End::Finished), None));
        assert_eq!((bench.hits().connections, bench.hits().bytes), (1, 30));
    }

    #[test]
    fn jitter_stays_within_bounds_in_order_and_repeats() {
        let run = || {
            let mut bench = Bench::new("latency", &json!({"latency": 100, "jitter": 50}));
            (1..=200).for_each(|len| bench.push(len, 0));
            bench.run(0, 1000)
        };
        let seen = run();
        assert_eq!(seen.len(), 200);
        assert!(seen.iter().map(|(_, len)| *len).eq(1..=200));
        assert!(seen.iter().all(|(at, _)| (50..=150).contains(at)), "{seen:?}");
        assert_eq!(seen, run());
    }

    #[test]
    fn no_delay_is_no_hit() {
        for latency in [0, -300] {
            let mut bench = Bench::new("latency", &json!({"latency": latency}));
            bench.push(10, 0);
            assert_eq!(bench.see(0), (vec![10], None, None));
            assert_eq!(bench.hits().connections, 0);
        }
    }

    #[test]
    fn removal_hands_on_what_waits() {
        let mut bench = Bench::new("latency", &json!({"latency": 60_000}));
        bench.push(1, 0);
        bench.push(2, 0);
        bench.finish(0);
        assert_eq!(bench.see(10), (vec![], None, Some(60_000)));
        bench.remove(20);
        assert_eq!(bench.see(20), (vec![1, 2], Some(End::Finished), None));
    }

    #[test]
    fn a_change_counts_from_the_arrival() {
        let mut bench = Bench::new("latency", &json!({"latency": 60_000}));
        bench.push(1, 0);
        bench.see(10);
        bench.set("latency", &json!({"latency": 50}), 20);
        assert_eq!(bench.see(20), (vec![], None, Some(50)));
        assert_eq!(bench.see(50).0, [1]);
    }
}
