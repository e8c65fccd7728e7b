//! The faults of one direction of one connection, in order, and how they change under way.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::shape::{Carry, Chunk, End, Shape, Slot, Step};
use crate::hits::Marker;
use crate::limits;

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    pub(crate) chunks: VecDeque<Bytes>,
    pub(crate) end: Option<End>,
    bytes: usize,
}

impl Outlet {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if self.end.is_none() && !bytes.is_empty() {
            self.bytes += bytes.len();
            self.chunks.push_back(bytes);
        }
    }

    /// So many bytes of the front were written.
    pub(crate) fn advance(&mut self, len: usize) {
        self.bytes -= len;
        if let Some(front) = self.chunks.front_mut() {
            if len < front.len() {
                _ = front.split_to(len);
            } else {
                self.chunks.pop_front();
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    fn has_room(&self) -> bool {
        self.end.is_none() && self.bytes < limits::OUT_BYTES
    }
}

/// A fault that a connection is to have.
pub(crate) struct Wanted<'a> {
    pub(crate) id: u64,
    pub(crate) revision: u64,
    pub(crate) shape: &'a dyn Fn(Carry) -> Box<dyn Shape>,
    pub(crate) marker: &'a dyn Fn() -> Marker,
}

/// The faults, first to last.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    slots: Vec<Slot>,
}

impl Chain {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether the source may be read.
    pub(crate) fn has_room(&self, scarce: bool) -> bool {
        self.slots.first().is_none_or(|slot| slot.has_room(scarce))
    }

    /// Memory held back.
    pub(crate) fn held_bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.queue.held_bytes()).sum()
    }

    /// Bytes from the source.
    pub(crate) fn push(&mut self, bytes: Bytes, out: &mut Outlet, now: Instant) {
        match self.slots.first_mut() {
            Some(slot) => slot.queue.push(Chunk { bytes, received: now }),
            None => out.push(bytes),
        }
    }

    /// The source ended.
    pub(crate) fn finish(&mut self, end: End, out: &mut Outlet, now: Instant) {
        hand_end(self.slots.first_mut(), end, out, now);
    }

    /// Moves on what may move now. Gives the moment to come again.
    pub(crate) fn pump(&mut self, out: &mut Outlet, scarce: bool, now: Instant) -> Option<Instant> {
        loop {
            let mut moved = false;
            let mut again: Option<Instant> = None;
            for at in (0..self.slots.len()).rev() {
                loop {
                    let room = match self.slots.get(at + 1) {
                        Some(next) => next.has_room(scarce),
                        None => out.has_room(),
                    };
                    match self.slots[at].step(room, now) {
                        Step::Chunk(chunk) => {
                            hand_chunk(self.slots.get_mut(at + 1), chunk, out);
                            moved = true;
                        }
                        Step::End(end) => {
                            hand_end(self.slots.get_mut(at + 1), end, out, now);
                            moved = true;
                            break;
                        }
                        Step::Wait(until) => {
                            again = Some(again.map_or(until, |again| again.min(until)));
                            break;
                        }
                        Step::Idle => break,
                    }
                }
            }
            if !moved {
                return again;
            }
        }
    }

    /// Takes on other faults or other settings. What a removed fault held goes on in order; a fault
    /// that swallowed bytes takes the connection with it.
    pub(crate) fn change(&mut self, wanted: &[Wanted<'_>], out: &mut Outlet, now: Instant) {
        let mut kept: VecDeque<Slot> = VecDeque::new();
        // From last to first, so that whoever takes over the bytes of a slot is already settled.
        for mut slot in std::mem::take(&mut self.slots).into_iter().rev() {
            match wanted.iter().find(|wanted| wanted.id == slot.id) {
                Some(wanted) => {
                    if wanted.revision != slot.revision {
                        slot.revision = wanted.revision;
                        slot.shape = (wanted.shape)(slot.shape.carry());
                    }
                    kept.push_front(slot);
                }
                None => release(slot, kept.front_mut(), out, now),
            }
        }
        for wanted in wanted {
            let slot = match kept.front() {
                Some(slot) if slot.id == wanted.id => kept.pop_front(),
                _ => None,
            };
            self.slots.push(slot.unwrap_or_else(|| Slot {
                id: wanted.id,
                revision: wanted.revision,
                shape: (wanted.shape)(Carry::default()),
                queue: super::shape::Queue::default(),
                marker: (wanted.marker)(),
                done: false,
            }));
        }
    }
}

fn hand_chunk(next: Option<&mut Slot>, chunk: Chunk, out: &mut Outlet) {
    match next {
        Some(slot) if slot.queue.end.is_none() => slot.queue.push(chunk),
        // The direction has already ended there.
        Some(_) => {}
        None => out.push(chunk.bytes),
    }
}

fn hand_end(next: Option<&mut Slot>, end: End, out: &mut Outlet, now: Instant) {
    match next {
        Some(slot) => slot.queue.finish(end, now),
        None => _ = out.end.get_or_insert(end),
    }
}

/// Hands on all that a removed slot held.
fn release(slot: Slot, mut next: Option<&mut Slot>, out: &mut Outlet, now: Instant) {
    if slot.done {
        return;
    }
    if slot.shape.breaks_stream() {
        hand_end(next, End::Closed, out, now);
        return;
    }
    for chunk in slot.queue.chunks {
        hand_chunk(next.as_deref_mut(), chunk, out);
    }
    if let Some((end, _)) = slot.queue.end {
        hand_end(next, end, out, now);
    }
}
