//! `refuse`: the listener is closed, so that connecting fails with `ECONNREFUSED`. Connections that
//! exist go on. It is for all or for none: its toxicity is 1 or 0.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Settings, Start};
use crate::tcp::shape::{Front, Shape, Verdict};

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Refuse {}

impl Settings for Refuse {
    const KIND: &'static str = "refuse";

    fn shape(&self, _start: Start) -> Box<dyn Shape> {
        Box::new(Open)
    }

    fn refuses(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Open;

impl Shape for Open {
    fn decide(&mut self, front: Front, _now: Instant) -> Verdict {
        Verdict::pass(front)
    }

    fn touches_bytes(&self) -> bool {
        false
    }
}
