//! `bandwidth`: at most `rate` kilobytes (1000 bytes) each second. A rate of 0 lets nothing pass.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start};
use crate::limits;
use crate::tcp::shape::{Carry, Front, Shape, Verdict};

/// How much of the line's time goes out as one piece.
const PIECE_MS: u64 = 10;
/// The queue must not run dry before a timer of a millisecond comes back.
const QUEUE_MS: u64 = 8;

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Bandwidth {
    /// Kilobytes each second, which is bytes each millisecond.
    rate: i64,
}

impl Settings for Bandwidth {
    const KIND: &'static str = "bandwidth";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        let rate = u64::try_from(self.rate).unwrap_or(0);
        Box::new(Line { rate, free_at: start.carry.free_at, piece: None })
    }
}

/// A line that sends one byte after the other.
#[derive(Debug)]
struct Line {
    /// Bytes each millisecond.
    rate: u64,
    /// When it has sent all so far.
    free_at: Option<Instant>,
    /// Length of the piece that is being sent, and when it is through.
    piece: Option<(usize, Instant)>,
}

impl Shape for Line {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        let Front::Bytes { len, received } = front else {
            return Verdict::pass(front);
        };
        if self.rate == 0 {
            return Verdict::Stall;
        }
        let (len, due) = *self.piece.get_or_insert_with(|| {
            let piece = usize::try_from(self.rate.saturating_mul(PIECE_MS)).unwrap_or(usize::MAX);
            let len = len.min(piece);
            let takes = Duration::from_nanos(len as u64 * 1_000_000 / self.rate);
            // From when the bytes came in, not from when this was looked at: a late timer must not
            // make the line slower.
            let begins = self.free_at.map_or(received, |free_at| free_at.max(received));
            (len, begins + takes)
        });
        if now < due { Verdict::Wait(due) } else { Verdict::Pass(len) }
    }

    fn passed(&mut self, _len: usize) {
        if let Some((_, due)) = self.piece.take() {
            self.free_at = Some(due);
        }
    }

    fn capacity_bytes(&self) -> usize {
        let queue = usize::try_from(self.rate.saturating_mul(QUEUE_MS)).unwrap_or(usize::MAX);
        queue.clamp(limits::HELD_BYTES, limits::HELD_BYTES_DELAYED)
    }

    fn carry(&self) -> Carry {
        Carry { free_at: self.free_at, ..Carry::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;

    #[test]
    fn what_is_held_back_is_hit_though_it_never_goes_on() {
        for (kind, settings) in
            [("bandwidth", json!({"rate": 0})), ("latency", json!({"latency": 60_000}))]
        {
            let mut bench = Bench::new(kind, &settings);
            bench.see(0);
            assert_eq!(bench.hits().connections, 0, "{kind}: nothing came yet");
            bench.push(100, 1);
            assert_eq!(bench.see(1).0, [0; 0]);
            assert_eq!((bench.hits().connections, bench.hits().bytes), (1, 0), "{kind}");
        }
    }

    #[test]
    fn bytes_take_their_time_on_the_line() {
        // 100 bytes each ms: 5000 bytes take 50 ms, in pieces of 10 ms.
        let mut bench = Bench::new("bandwidth", &json!({"rate": 100}));
        bench.push(5000, 0);
        let seen = bench.run(0, 100);
        assert_eq!(seen, [(10, 1000), (20, 1000), (30, 1000), (40, 1000), (50, 1000)]);
        assert_eq!(bench.hits().bytes, 5000);
    }

    #[test]
    fn looking_late_does_not_make_it_slower() {
        let mut bench = Bench::new("bandwidth", &json!({"rate": 100}));
        bench.push(5000, 0);
        assert_eq!(bench.see(37), (vec![1000; 3], None, Some(40)));
        assert_eq!(bench.see(55), (vec![1000; 2], None, None));
        // An idle line saves nothing up.
        bench.push(1000, 500);
        assert_eq!(bench.see(500), (vec![], None, Some(510)));
    }

    #[test]
    fn no_rate_stalls_until_changed() {
        let mut bench = Bench::new("bandwidth", &json!({"rate": 0}));
        bench.push(10, 0);
        assert_eq!(bench.see(1_000_000), (vec![], None, None));
        bench.set("bandwidth", &json!({"rate": 10}), 1_000_000);
        assert_eq!(bench.see(1_000_000).0, [10]);
    }
}
