//! Reading and writing sockets without waiting, and without touching bytes where the system can
//! move them by itself.

use std::cell::RefCell;
use std::io;

use tokio::net::TcpStream;

use crate::limits;

thread_local! {
    /// Where bytes pass that need not be kept: one buffer for all connections of a thread.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; limits::READ_BYTES]);
}

/// Lends the thread's buffer.
pub(crate) fn with_scratch<T>(action: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| action(scratch))
}

/// Reads once; `WouldBlock` if there is nothing.
///
/// A buffer that was not filled shows that the socket is drained. Saying so at once spares the call
/// that would find nothing.
#[cfg(unix)]
pub(crate) fn read(source: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    use tokio::io::Interest;

    let mut short = None;
    let outcome = source.try_io(Interest::READABLE, || {
        let len = rustix::net::recv(source, &mut *buffer, rustix::net::RecvFlags::empty())?.0;
        if 0 < len && len < buffer.len() {
            short = Some(len);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(len)
    });
    short.map_or(outcome, Ok)
}

/// Reads once; `WouldBlock` if there is nothing.
#[cfg(not(unix))]
pub(crate) fn read(source: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    source.try_read(buffer)
}

/// Makes dropping the socket reset the connection.
pub(crate) fn reset_on_drop(stream: &TcpStream) {
    // On a socket that is already gone there is nothing to reset.
    _ = stream.set_zero_linger();
}

/// Says that nothing more will be written.
pub(crate) fn finish(stream: &TcpStream) {
    // A peer that has reset the connection needs no notice.
    #[cfg(unix)]
    {
        _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    }
    #[cfg(not(unix))]
    {
        _ = stream;
    }
}

/// Ends a connection with a FIN: bytes that lie unread would turn it into a reset.
pub(crate) fn close(stream: &TcpStream) {
    finish(stream);
    with_scratch(|scratch| {
        for _ in 0..limits::TURNS {
            if !matches!(read(stream, scratch), Ok(1..)) {
                break;
            }
        }
    });
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::pipe::{PipeFlags, SpliceFlags};
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    /// Bytes that one pipe holds. Unprivileged users have 64 MiB in all; beyond it pipes are small,
    /// which costs speed alone.
    const PIPE_BYTES: usize = 512 << 10;
    /// Empty pipes that a thread keeps.
    const POOL: usize = 32;

    thread_local! {
        static PIPES: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    }

    /// Moves bytes from socket to socket inside the kernel.
    #[derive(Debug)]
    pub(crate) struct Pipe {
        read: OwnedFd,
        write: OwnedFd,
        held: usize,
    }

    impl Pipe {
        /// An empty pipe, if the process may have one more.
        pub(crate) fn take() -> Option<Self> {
            if let Some(pipe) = PIPES.with_borrow_mut(Vec::pop) {
                return Some(pipe);
            }
            let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
            let (read, write) = rustix::pipe::pipe_with(flags).ok()?;
            // Without leave to grow, the default size does.
            _ = rustix::pipe::fcntl_setpipe_size(&write, PIPE_BYTES);
            Some(Self { read, write, held: 0 })
        }

        /// Bytes inside.
        pub(crate) fn held(&self) -> usize {
            self.held
        }

        /// Gives it back for others.
        pub(crate) fn give_back(self) {
            if self.held == 0 {
                PIPES.with_borrow_mut(|pipes| {
                    if pipes.len() < POOL {
                        pipes.push(self);
                    }
                });
            }
        }

        /// From the socket into the pipe; `WouldBlock` if there is nothing.
        pub(crate) fn fill(&mut self, source: &TcpStream) -> io::Result<usize> {
            let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
            let len = source.try_io(Interest::READABLE, || {
                Ok(rustix::pipe::splice(source, None, &self.write, None, PIPE_BYTES, flags)?)
            })?;
            self.held += len;
            Ok(len)
        }

        /// From the pipe into the socket; `WouldBlock` if it is full.
        pub(crate) fn drain(&mut self, sink: &TcpStream) -> io::Result<usize> {
            let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
            let len = sink.try_io(Interest::WRITABLE, || {
                Ok(rustix::pipe::splice(&self.read, None, sink, None, self.held, flags)?)
            })?;
            self.held -= len;
            Ok(len)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;

    use tokio::net::TcpStream;

    /// Other systems copy.
    #[derive(Debug)]
    pub(crate) enum Pipe {}

    impl Pipe {
        pub(crate) fn take() -> Option<Self> {
            None
        }

        pub(crate) fn held(&self) -> usize {
            match *self {}
        }

        pub(crate) fn give_back(self) {
            match self {}
        }

        pub(crate) fn fill(&mut self, _source: &TcpStream) -> io::Result<usize> {
            match *self {}
        }

        pub(crate) fn drain(&mut self, _sink: &TcpStream) -> io::Result<usize> {
            match *self {}
        }
    }
}
