//! `timeout`: nothing arrives any more, and after `timeout` milliseconds the connection is closed;
//! with 0 it stays open until the fault is removed. Removal closes it too: bytes are missing.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start, millis};
use crate::tcp::shape::{End, Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Timeout {
    /// Milliseconds; 0 for never.
    timeout: i64,
}

impl Settings for Timeout {
    const KIND: &'static str = "timeout";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        let timeout = millis(self.timeout);
        let closes_at = (!timeout.is_zero()).then(|| start.now + timeout);
        Box::new(BlackHole { closes_at })
    }
}

#[derive(Debug)]
struct BlackHole {
    closes_at: Option<Instant>,
}

impl Shape for BlackHole {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        match (front, self.closes_at) {
            (_, Some(closes_at)) if closes_at <= now => Verdict::End(End::Closed),
            (Front::Bytes { .. }, _) => Verdict::Swallow,
            (Front::End { .. }, _) => Verdict::pass(front),
            (Front::Nothing, Some(closes_at)) => Verdict::Wait(closes_at),
            (Front::Nothing, None) => Verdict::Stall,
        }
    }

    fn breaks_stream(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;
    use crate::tcp::shape::End;

    #[test]
    fn bytes_vanish_then_the_connection_closes() {
        let mut bench = Bench::new("timeout", &json!({"timeout": 500}));
        bench.push(100, 10);
        assert_eq!(bench.see(10), (vec![], None, Some(500)));
        bench.push(50, 400);
        assert_eq!(bench.see(499), (vec![], None, Some(500)));
        assert_eq!(bench.see(500), (vec![], Some(End::Closed), None));
        assert_eq!((bench.hits().connections, bench.hits().bytes), (1, 150));
    }

    #[test]
    fn without_a_time_only_removal_closes() {
        let mut bench = Bench::new("timeout", &json!({"timeout": 0}));
        bench.push(100, 0);
        assert_eq!(bench.see(1_000_000), (vec![], None, None));
        bench.remove(1_000_001);
        assert_eq!(bench.see(1_000_001), (vec![], Some(End::Closed), None));
    }
}
