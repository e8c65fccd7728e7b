//! The proof that a fault was injected: whom it hit, how much, when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Turns moments of the running process into times of day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_unix_ms: u64,
}

impl Clock {
    /// Looks at both clocks once.
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "when a fault hit is what is to be told")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_unix_ms: wall.as_millis() as u64 }
    }

    pub(crate) fn unix_ms(self, now: Instant) -> u64 {
        self.start_unix_ms + now.saturating_duration_since(self.start).as_millis() as u64
    }
}

/// What one fault did so far.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    connections: AtomicU64,
    bytes: AtomicU64,
    /// 0 for never.
    first_unix_ms: AtomicU64,
    last_unix_ms: AtomicU64,
}

/// [`Hits`] at one moment, as the API tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HitCount {
    /// Connections that the fault did something to.
    pub(crate) connections: u64,
    /// Bytes that it delayed, cut or swallowed.
    pub(crate) bytes: u64,
    /// Milliseconds since 1970 of the first time.
    pub(crate) first_unix_ms: Option<u64>,
    /// Milliseconds since 1970 of the last time.
    pub(crate) last_unix_ms: Option<u64>,
}

impl Hits {
    pub(crate) fn count(&self) -> HitCount {
        let time = |of: &AtomicU64| Some(of.load(Relaxed)).filter(|ms| *ms != 0);
        HitCount {
            connections: self.connections.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            first_unix_ms: time(&self.first_unix_ms),
            last_unix_ms: time(&self.last_unix_ms),
        }
    }
}

/// Counts the hits of one fault on one connection.
#[derive(Debug)]
pub(crate) struct Marker {
    hits: Arc<Hits>,
    clock: Clock,
    counted: bool,
}

impl Marker {
    pub(crate) fn new(hits: Arc<Hits>, clock: Clock) -> Self {
        Self { hits, clock, counted: false }
    }

    /// The fault did something to this many bytes, or with 0 to the connection.
    pub(crate) fn mark(&mut self, bytes: usize, now: Instant) {
        let ms = self.clock.unix_ms(now).max(1);
        if !self.counted {
            self.counted = true;
            self.hits.connections.fetch_add(1, Relaxed);
            // Whoever lost this race was not first.
            _ = self.hits.first_unix_ms.compare_exchange(0, ms, Relaxed, Relaxed);
        }
        self.hits.bytes.fetch_add(bytes as u64, Relaxed);
        self.hits.last_unix_ms.fetch_max(ms, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_counts_once_its_bytes_add_up() {
        let hits = Arc::new(Hits::default());
        assert_eq!(hits.count(), HitCount::default());
        let clock = Clock::new();
        let now = Instant::now();
        let mut one = Marker::new(Arc::clone(&hits), clock);
        let mut two = Marker::new(Arc::clone(&hits), clock);
        one.mark(10, now);
        one.mark(5, now + std::time::Duration::from_secs(1));
        two.mark(0, now);
        let count = hits.count();
        assert_eq!((count.connections, count.bytes), (2, 15));
        assert!(count.last_unix_ms.unwrap() >= count.first_unix_ms.unwrap() + 999);
    }
}
