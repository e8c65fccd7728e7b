//! `slow_close`: the end arrives `delay` milliseconds later than the bytes before it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start, millis};
use crate::tcp::shape::{Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct SlowClose {
    /// Milliseconds.
    delay: i64,
}

impl Settings for SlowClose {
    const KIND: &'static str = "slow_close";

    fn shape(&self, _start: Start) -> Box<dyn Shape> {
        Box::new(Lingering { delay: millis(self.delay) })
    }
}

#[derive(Debug)]
struct Lingering {
    delay: Duration,
}

impl Shape for Lingering {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        match front {
            Front::End { since } if now < since + self.delay => Verdict::Wait(since + self.delay),
            _ => Verdict::pass(front),
        }
    }

    fn touches_bytes(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;
    use crate::tcp::shape::End;

    #[test]
    fn only_the_end_waits() {
        let mut bench = Bench::new("slow_close", &json!({"delay": 200}));
        bench.push(5, 0);
        assert_eq!(bench.see(0), (vec![5], None, None));
        assert_eq!(bench.hits().connections, 0);
        bench.finish(100);
        assert_eq!(bench.see(299), (vec![], None, Some(300)));
        assert_eq!(bench.see(300), (vec![], Some(End::Finished), None));
        assert_eq!((bench.hits().connections, bench.hits().bytes), (1, 0));
    }

    #[test]
    fn removal_lets_the_end_go() {
        let mut bench = Bench::new("slow_close", &json!({"delay": 200_000}));
        bench.finish(0);
        bench.see(0);
        bench.remove(1);
        assert_eq!(bench.see(1), (vec![], Some(End::Finished), None));
    }
}
