//! `silence`: connections are accepted and nothing else happens, as with a process that was
//! stopped. The upstream is not called, no byte is read in the fault's direction; all goes on where
//! it stood when the fault is removed.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start};
use crate::tcp::shape::{Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Silence {}

impl Settings for Silence {
    const KIND: &'static str = "silence";

    fn shape(&self, _start: Start) -> Box<dyn Shape> {
        Box::new(Frozen)
    }

    fn holds(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Frozen;

impl Shape for Frozen {
    fn decide(&mut self, _front: Front, _now: Instant) -> Verdict {
        Verdict::Stall
    }

    fn capacity_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tcp::faults::tests::Bench;

    #[test]
    fn nothing_is_read_and_nothing_is_lost() {
        let mut bench = Bench::new("silence", &json!({}));
        assert!(!bench.chain.has_room(false));
        bench.push(7, 0);
        assert_eq!(bench.see(1_000_000), (vec![], None, None));
        bench.remove(1_000_000);
        assert_eq!(bench.see(1_000_000).0, [7]);
    }
}
