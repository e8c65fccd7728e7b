//! `reset_peer`: the connection is reset (RST, not FIN) `timeout` milliseconds after the first
//! bytes that come while the fault is there; with 0 at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start, millis};
use crate::tcp::shape::{Carry, End, Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct ResetPeer {
    /// Milliseconds.
    timeout: i64,
}

impl Settings for ResetPeer {
    const KIND: &'static str = "reset_peer";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        Box::new(Fuse { burns: millis(self.timeout), lit_at: start.carry.free_at })
    }
}

#[derive(Debug)]
struct Fuse {
    burns: Duration,
    lit_at: Option<Instant>,
}

impl Shape for Fuse {
    fn decide(&mut self, front: Front, now: Instant) -> Verdict {
        let lit_at = match (self.lit_at, front) {
            (Some(lit_at), _) => lit_at,
            (None, Front::Nothing) => return Verdict::Stall,
            (None, Front::Bytes { received: at, .. } | Front::End { since: at }) => at,
        };
        self.lit_at = Some(lit_at);
        let due = lit_at + self.burns;
        if now < due { Verdict::Wait(due) } else { Verdict::End(End::Reset) }
    }

    fn touches_bytes(&self) -> bool {
        false
    }

    fn carry(&self) -> Carry {
        Carry { free_at: self.lit_at, ..Carry::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;
    use crate::tcp::shape::End;

    #[test]
    fn the_first_bytes_light_the_fuse() {
        let mut bench = Bench::new("reset_peer", &json!({"timeout": 300}));
        assert_eq!(bench.see(1000), (vec![], None, None));
        bench.push(4, 2000);
        assert_eq!(bench.see(2299), (vec![], None, Some(2300)));
        assert_eq!(bench.see(2300), (vec![], Some(End::Reset), None));
        assert_eq!(bench.hits().connections, 1);
    }

    #[test]
    fn without_a_time_it_is_at_once() {
        let mut bench = Bench::new("reset_peer", &json!({}));
        bench.finish(5);
        assert_eq!(bench.see(5), (vec![], Some(End::Reset), None));
    }

    #[test]
    fn removed_in_time_nothing_is_lost() {
        let mut bench = Bench::new("reset_peer", &json!({"timeout": 300}));
        bench.push(4, 0);
        bench.see(10);
        bench.remove(20);
        assert_eq!(bench.see(20), (vec![4], None, None));
    }
}
