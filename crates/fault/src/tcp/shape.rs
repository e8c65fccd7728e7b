//! What a fault does to one direction of one connection, apart from any socket or timer.
//!
//! A [`Shape`] looks at the front of a queue and says what may happen to it now, or when to ask
//! again. It never waits and moves no byte itself: so it can be interrupted at any moment, and what
//! it held is still in the queue.

use std::collections::VecDeque;
use std::fmt::Debug;

use bytes::Bytes;
use tokio::time::Instant;

use crate::hits::Marker;
use crate::limits;

/// Bytes that arrived together.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) received: Instant,
}

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The source said that no more will come; the other direction goes on.
    Finished,
    /// A fault closes the connection, after what was handed on so far.
    Closed,
    /// The connection is reset at once, by a fault or by the source.
    Reset,
}

/// The front of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Front {
    Nothing,
    Bytes { len: usize, received: Instant },
    End { since: Instant },
}

/// What may happen to the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// So many bytes go on, or with 0 the end.
    Pass(usize),
    /// The bytes are gone.
    Swallow,
    /// Ask again then, or when more arrives.
    Wait(Instant),
    /// Ask again when something changes.
    Stall,
    /// The direction ends here; what is held is dropped.
    End(End),
}

impl Verdict {
    /// All of the front goes on.
    pub(crate) fn pass(front: Front) -> Self {
        match front {
            Front::Nothing => Self::Stall,
            Front::Bytes { len, .. } => Self::Pass(len),
            Front::End { .. } => Self::Pass(0),
        }
    }
}

/// What outlives a change of a fault's settings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carry {
    /// Bytes handed on.
    pub(crate) bytes: u64,
    /// Random numbers drawn.
    pub(crate) draws: u64,
    /// When the line is free again.
    pub(crate) free_at: Option<Instant>,
}

/// One fault on one direction of one connection.
pub(crate) trait Shape: Debug + Send {
    /// What may happen to the front of the queue now.
    fn decide(&mut self, front: Front, now: Instant) -> Verdict;

    /// So many bytes were handed on after [`Verdict::Pass`].
    fn passed(&mut self, _len: usize) {}

    /// Bytes that it may hold; with 0 the source is not even read.
    fn capacity_bytes(&self) -> usize {
        limits::HELD_BYTES
    }

    /// Whether handing bytes on counts as a hit.
    fn touches_bytes(&self) -> bool {
        true
    }

    /// Whether the connection cannot go on without it, because bytes are missing.
    fn breaks_stream(&self) -> bool {
        false
    }

    /// What to begin with after a change of settings.
    fn carry(&self) -> Carry {
        Carry::default()
    }
}

/// A queue with the fault in front of it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: u64,
    pub(crate) revision: u64,
    pub(crate) shape: Box<dyn Shape>,
    pub(crate) queue: Queue,
    pub(crate) marker: Marker,
    /// The direction ended here: nothing may follow.
    pub(crate) done: bool,
}

/// What became of one step of a [`Slot`].
#[derive(Debug)]
pub(crate) enum Step {
    Chunk(Chunk),
    End(End),
    Wait(Instant),
    Idle,
}

/// Chunks, and how they end.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) chunks: VecDeque<Chunk>,
    pub(crate) end: Option<(End, Instant)>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.bytes.len();
        self.chunks.push_back(chunk);
    }

    pub(crate) fn finish(&mut self, end: End, now: Instant) {
        self.end.get_or_insert((end, now));
    }

    /// Memory that it stands for.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes + self.chunks.len() * limits::CHUNK_OVERHEAD_BYTES
    }

    /// The first `len` bytes of the front chunk.
    fn take(&mut self, len: usize) -> Option<Chunk> {
        let front = self.chunks.front_mut()?;
        let len = len.min(front.bytes.len());
        let chunk = Chunk { bytes: front.bytes.split_to(len), received: front.received };
        if front.bytes.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= len;
        Some(chunk)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Slot {
    /// Whether more may come in; `scarce` while memory is.
    pub(crate) fn has_room(&self, scarce: bool) -> bool {
        let capacity = self.shape.capacity_bytes();
        let capacity = if scarce { capacity.min(limits::HELD_BYTES_SCARCE) } else { capacity };
        !self.done && self.queue.end.is_none() && self.queue.held_bytes() < capacity
    }

    /// Lets the fault decide once. Without `room` behind it nothing is handed on, but time goes on.
    pub(crate) fn step(&mut self, room: bool, now: Instant) -> Step {
        loop {
            if self.done {
                return Step::Idle;
            }
            let front = match (self.queue.chunks.front(), self.queue.end) {
                (Some(chunk), _) => {
                    Front::Bytes { len: chunk.bytes.len(), received: chunk.received }
                }
                (None, Some((End::Finished, since))) => Front::End { since },
                (None, Some((end, _))) => return self.end(end),
                (None, None) => Front::Nothing,
            };
            match self.shape.decide(front, now) {
                Verdict::Pass(_) if !room => return Step::Idle,
                Verdict::Pass(len) => return self.pass(len, now),
                Verdict::Swallow => {
                    let Some(chunk) = self.queue.take(usize::MAX) else {
                        return Step::Idle;
                    };
                    self.marker.mark(chunk.bytes.len(), now);
                }
                Verdict::Wait(until) => {
                    self.mark_held(front, now);
                    return Step::Wait(until);
                }
                Verdict::Stall => {
                    self.mark_held(front, now);
                    return Step::Idle;
                }
                Verdict::End(end) => {
                    self.marker.mark(0, now);
                    self.queue.clear();
                    return self.end(end);
                }
            }
        }
    }

    /// What is held back is hit already: whoever waits for it may be gone before it goes on.
    fn mark_held(&mut self, front: Front, now: Instant) {
        if !matches!(front, Front::Nothing) {
            self.marker.mark(0, now);
        }
    }

    fn pass(&mut self, len: usize, now: Instant) -> Step {
        let Some(mut chunk) = self.queue.take(len) else {
            return match self.queue.end {
                Some((end, _)) => self.end(end),
                None => Step::Idle,
            };
        };
        // For the next fault the chunk arrives now.
        chunk.received = now;
        self.shape.passed(chunk.bytes.len());
        if self.shape.touches_bytes() {
            self.marker.mark(chunk.bytes.len(), now);
        }
        Step::Chunk(chunk)
    }

    fn end(&mut self, end: End) -> Step {
        self.done = true;
        Step::End(end)
    }
}
