//! `limit_data`: the connection is closed after `bytes` bytes.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start};
use crate::tcp::shape::{Carry, End, Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct LimitData {
    /// Bytes that still pass.
    bytes: i64,
}

impl Settings for LimitData {
    const KIND: &'static str = "limit_data";

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        let limit = u64::try_from(self.bytes).unwrap_or(0);
        Box::new(Quota { limit, passed: start.carry.bytes })
    }
}

#[derive(Debug)]
struct Quota {
    limit: u64,
    /// Also counts what passed before a change of settings.
    passed: u64,
}

impl Shape for Quota {
    fn decide(&mut self, front: Front, _now: Instant) -> Verdict {
        let left = self.limit.saturating_sub(self.passed);
        match front {
            Front::Bytes { len, .. } if left > 0 => {
                Verdict::Pass(usize::try_from(left).unwrap_or(usize::MAX).min(len))
            }
            Front::Bytes { .. } => Verdict::End(End::Closed),
            Front::Nothing if left == 0 && self.passed > 0 => Verdict::End(End::Closed),
            Front::Nothing | Front::End { .. } => Verdict::pass(front),
        }
    }

    fn passed(&mut self, len: usize) {
        self.passed += len as u64;
    }

    fn touches_bytes(&self) -> bool {
        false
    }

    fn carry(&self) -> Carry {
        Carry { bytes: self.passed, ..Carry::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;
    use crate::tcp::shape::End;

    #[test]
    fn the_quota_passes_to_the_byte() {
        let mut bench = Bench::new("limit_data", &json!({"bytes": 100}));
        bench.push(60, 0);
        assert_eq!(bench.see(0), (vec![60], None, None));
        bench.push(60, 0);
        assert_eq!(bench.see(0), (vec![40], Some(End::Closed), None));
        assert_eq!(bench.hits().connections, 1);
    }

    #[test]
    fn a_raised_quota_counts_what_passed() {
        let mut bench = Bench::new("limit_data", &json!({"bytes": 100}));
        bench.push(60, 0);
        bench.see(0);
        bench.set("limit_data", &json!({"bytes": 150}), 0);
        bench.push(100, 0);
        assert_eq!(bench.see(0), (vec![90], Some(End::Closed), None));
    }

    #[test]
    fn no_quota_closes_at_the_first_byte() {
        let mut bench = Bench::new("limit_data", &json!({"bytes": 0}));
        assert_eq!(bench.see(0), (vec![], None, None));
        bench.push(1, 0);
        assert_eq!(bench.see(0), (vec![], Some(End::Closed), None));
    }
}
