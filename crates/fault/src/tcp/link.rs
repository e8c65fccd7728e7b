//! One direction of one connection: from a socket through the faults to the other socket.
//!
//! Nothing here waits. [`Link::poll`] does what can be done now and registers for the rest, so a
//! change of faults finds the link between two steps, always.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::chain::{Chain, Outlet};
use super::plan::{Direction, Traffic};
use super::shape::End;
use super::socket::{self, Pipe};
use crate::limits;

/// Fills of a pipe below this many bytes are cheaper copied.
const SPLICE_WORTH_BYTES: usize = 16 << 10;
/// So many of them in a row, and bytes are copied again.
const SPLICE_SMALL_MAX: u8 = 8;

/// How a link stands after a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It goes on, and wants to be polled then at the latest.
    Open(Option<Instant>),
    /// All has been handed on, and the end too.
    Done,
    /// The whole connection is to be closed.
    Closed,
    /// The whole connection is to be reset.
    Reset,
}

/// How bytes go while there is no fault.
#[derive(Debug)]
enum Fast {
    /// Through the thread's buffer.
    Copy,
    /// Through a pipe, which is held only while bytes are inside or keep coming.
    Splice { pipe: Option<Pipe>, small: u8 },
    /// Copying, and nothing else: the system does not splice these sockets.
    CopyOnly,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Link {
    direction: Direction,
    pub(crate) chain: Chain,
    pub(crate) out: Outlet,
    fast: Fast,
    /// The source has ended.
    ended: bool,
    /// The end has been handed on.
    done: bool,
    /// The source or the sink was reset by its peer.
    pub(crate) peer_reset: bool,
    traffic: Arc<Traffic>,
    held: Held,
}

/// This link's share of all bytes held back.
#[derive(Debug)]
struct Held {
    all: Arc<AtomicUsize>,
    mine: usize,
}

impl Held {
    fn set(&mut self, bytes: usize) {
        if bytes >= self.mine {
            self.all.fetch_add(bytes - self.mine, Relaxed);
        } else {
            self.all.fetch_sub(self.mine - bytes, Relaxed);
        }
        self.mine = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Link {
    pub(crate) fn new(
        direction: Direction,
        traffic: Arc<Traffic>,
        held_by_all: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            direction,
            chain: Chain::default(),
            out: Outlet::default(),
            fast: Fast::Copy,
            ended: false,
            done: false,
            peer_reset: false,
            traffic,
            held: Held { all: held_by_all, mine: 0 },
        }
    }

    /// Does what can be done now. Ends early when `interrupted` says that the faults changed.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        [source, sink]: [&TcpStream; 2],
        interrupted: &dyn Fn() -> bool,
    ) -> State {
        for _ in 0..limits::TURNS {
            if self.done {
                return State::Done;
            }
            if interrupted() {
                break;
            }
            let mut moved = self.flush(cx, sink);
            let again = self.pump();
            moved |= !self.out.is_empty() && self.flush(cx, sink);
            if let Some(state) = self.at_end(sink) {
                return state;
            }
            moved |= self.read(cx, source, sink);
            if !moved {
                return State::Open(again);
            }
        }
        // Others have their turn, then this link goes on.
        cx.waker().wake_by_ref();
        State::Open(None)
    }

    fn pump(&mut self) -> Option<Instant> {
        if self.chain.is_empty() {
            return None;
        }
        let scarce = self.is_scarce();
        let again = self.chain.pump(&mut self.out, scarce, Instant::now());
        self.held.set(self.chain.held_bytes());
        again
    }

    fn is_scarce(&self) -> bool {
        self.held.all.load(Relaxed) > limits::HELD_BYTES_ALL
    }

    /// Bytes that were held have gone elsewhere, after a change of faults.
    pub(crate) fn recount(&mut self) {
        self.held.set(self.chain.held_bytes());
    }

    fn piped(&self) -> usize {
        match &self.fast {
            Fast::Splice { pipe: Some(pipe), .. } => pipe.held(),
            _ => 0,
        }
    }

    /// What to do once all is written, and at a reset already before.
    fn at_end(&mut self, sink: &TcpStream) -> Option<State> {
        let end = self.out.end?;
        if end == End::Reset {
            return Some(State::Reset);
        }
        if !self.out.is_empty() || self.piped() > 0 {
            return None;
        }
        if end == End::Closed {
            return Some(State::Closed);
        }
        socket::finish(sink);
        self.done = true;
        Some(State::Done)
    }

    /// Writes what waits: first what is in the pipe, it came first. True if anything moved.
    fn flush(&mut self, cx: &mut Context<'_>, sink: &TcpStream) -> bool {
        let mut moved = false;
        while self.piped() > 0 || !self.out.is_empty() {
            match self.write(cx, sink) {
                Poll::Ready(Ok(len)) => {
                    self.traffic.sent_bytes[self.direction.index()].fetch_add(len as u64, Relaxed);
                    moved = true;
                }
                Poll::Ready(Err(error)) => {
                    self.sink_is_gone(&error);
                    return true;
                }
                Poll::Pending => break,
            }
        }
        moved
    }

    fn write(&mut self, cx: &mut Context<'_>, sink: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(sink.poll_write_ready(cx))?;
            let outcome = match (&mut self.fast, self.out.chunks.front()) {
                (Fast::Splice { pipe: Some(pipe), .. }, _) if pipe.held() > 0 => pipe.drain(sink),
                (_, Some(front)) => sink.try_write(front).inspect(|len| self.out.advance(*len)),
                (_, None) => Ok(0),
            };
            match outcome {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Nobody is there to take bytes. The other direction may still have some for its sink.
    fn sink_is_gone(&mut self, error: &io::Error) {
        self.peer_reset |= is_reset(error);
        self.out.clear();
        self.fast = Fast::CopyOnly;
        self.ended = true;
        self.done = true;
    }

    /// Reads once. True if anything moved.
    fn read(&mut self, cx: &mut Context<'_>, source: &TcpStream, sink: &TcpStream) -> bool {
        if self.ended || self.out.end.is_some() {
            return false;
        }
        let fast = self.chain.is_empty();
        if fast && (!self.out.is_empty() || self.piped() > 0) {
            return false;
        }
        if !self.chain.has_room(self.is_scarce()) {
            return false;
        }
        loop {
            match source.poll_read_ready(cx) {
                Poll::Pending => {
                    self.rest();
                    return false;
                }
                Poll::Ready(Err(error)) => {
                    self.source_ended(End::Reset, Some(&error));
                    return true;
                }
                Poll::Ready(Ok(())) => {}
            }
            let outcome = if fast { self.read_fast(source, sink) } else { self.read_chunk(source) };
            match outcome {
                Ok(0) => self.source_ended(End::Finished, None),
                Ok(len) => {
                    self.traffic.received_bytes[self.direction.index()]
                        .fetch_add(len as u64, Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.source_ended(End::Reset, Some(&error)),
            }
            return true;
        }
    }

    /// While there is nothing to do, no pipe is held.
    fn rest(&mut self) {
        if let Fast::Splice { pipe, .. } = &mut self.fast
            && pipe.as_ref().is_some_and(|pipe| pipe.held() == 0)
            && let Some(pipe) = pipe.take()
        {
            pipe.give_back();
        }
    }

    fn source_ended(&mut self, end: End, error: Option<&io::Error>) {
        self.peer_reset |= error.is_some_and(is_reset);
        self.ended = true;
        self.rest();
        self.chain.finish(end, &mut self.out, Instant::now());
    }

    /// Reads into the chain.
    fn read_chunk(&mut self, source: &TcpStream) -> io::Result<usize> {
        socket::with_scratch(|scratch| {
            let len = socket::read(source, scratch)?;
            if len > 0 {
                let bytes = Bytes::copy_from_slice(&scratch[..len]);
                self.chain.push(bytes, &mut self.out, Instant::now());
            }
            Ok(len)
        })
    }

    /// Reads and writes at once, through a pipe when there is much.
    fn read_fast(&mut self, source: &TcpStream, sink: &TcpStream) -> io::Result<usize> {
        if let Fast::Splice { small, .. } = self.fast
            && small > SPLICE_SMALL_MAX
        {
            self.rest();
            self.fast = Fast::Copy;
        }
        if let Fast::Splice { pipe, small } = &mut self.fast {
            if pipe.is_none() {
                *pipe = Pipe::take();
            }
            let Some(some) = pipe else {
                self.fast = Fast::CopyOnly;
                return self.read_copy(source, sink);
            };
            return match some.fill(source) {
                Ok(len) => {
                    *small = if len < SPLICE_WORTH_BYTES { *small + 1 } else { 0 };
                    Ok(len)
                }
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    self.fast = Fast::CopyOnly;
                    self.read_copy(source, sink)
                }
                Err(error) => Err(error),
            };
        }
        self.read_copy(source, sink)
    }

    fn read_copy(&mut self, source: &TcpStream, sink: &TcpStream) -> io::Result<usize> {
        let (len, full) = socket::with_scratch(|scratch| {
            let len = socket::read(source, scratch)?;
            let bytes = &scratch[..len];
            // Errors are seen by the flush that follows.
            let written = sink.try_write(bytes).unwrap_or(0);
            self.traffic.sent_bytes[self.direction.index()].fetch_add(written as u64, Relaxed);
            self.out.push(Bytes::copy_from_slice(&bytes[written..]));
            io::Result::Ok((len, len == scratch.len()))
        })?;
        if full && matches!(self.fast, Fast::Copy) {
            self.fast = Fast::Splice { pipe: None, small: 0 };
        }
        Ok(len)
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}
