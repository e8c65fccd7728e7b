//! What is to be broken: the faults of a proxy as its connections see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::faults::Fault;
use crate::hits::Hits;

/// The way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Direction {
    pub(crate) const ALL: [Self; 2] = [Self::Upstream, Self::Downstream];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Upstream => 0,
            Self::Downstream => 1,
        }
    }
}

/// A fault on a proxy. Changed settings make a new one with the same `id`.
#[derive(Clone, Debug)]
pub(crate) struct Toxic {
    /// Unique in the process.
    pub(crate) id: u64,
    /// Grows with each change of settings.
    pub(crate) revision: u64,
    pub(crate) name: String,
    pub(crate) direction: Direction,
    /// The direction as the client wrote it.
    pub(crate) stream: String,
    /// The share of connections that have it, from 0 to 1.
    pub(crate) toxicity: f32,
    pub(crate) fault: Arc<dyn Fault>,
    pub(crate) hits: Arc<Hits>,
}

impl Toxic {
    /// Whether new connections are to be refused.
    pub(crate) fn refuses(&self) -> bool {
        self.fault.refuses() && self.toxicity > 0.0
    }
}

/// All faults of a proxy, in the order in which bytes meet them, by [`Direction::index`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) toxics: [Vec<Toxic>; 2],
}

impl Plan {
    /// All of them, upstream first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Toxic> {
        self.toxics.iter().flatten()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Toxic> {
        self.all().find(|toxic| toxic.name == name)
    }
}

/// What went through a proxy.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) accepted: AtomicU64,
    pub(crate) open: Arc<AtomicUsize>,
    /// Connections that found no upstream.
    pub(crate) dials_failed: AtomicU64,
    /// Connections turned away because there were too many.
    pub(crate) turned_away: AtomicU64,
    /// Bytes read from the source, by [`Direction::index`].
    pub(crate) received_bytes: [AtomicU64; 2],
    /// Bytes written to the destination, by [`Direction::index`].
    pub(crate) sent_bytes: [AtomicU64; 2],
}
