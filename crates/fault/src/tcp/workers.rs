//! The threads that carry bytes. Each has its own poller, and a connection stays on one of them: no
//! byte crosses threads, and the control API, which lives elsewhere, never waits for bytes.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// How many threads carry bytes best on so many processors, at most 16.
///
/// One for each: a second one takes the processor from the first in the middle of its round, which
/// helps the median a little and costs the slowest hundredth much (`--example bench threads`).
pub fn workers_for(processors: usize) -> usize {
    processors.clamp(2, 16)
}

/// The threads; ended when dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// Starts so many threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        for n in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            handles.push(runtime.handle().clone());
            let stop = stop.clone();
            let name = format!("wonin-fault-{n}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || {
                settle(n, count);
                runtime.block_on(stop.cancelled());
            })?);
        }
        Ok(Self { handles, next: AtomicUsize::new(0), stop, threads: Mutex::new(threads) })
    }

    /// The thread whose turn it is.
    pub(crate) fn next(&self) -> &Handle {
        &self.handles[self.next.fetch_add(1, Relaxed) % self.handles.len()]
    }
}

/// Keeps this thread, one of so many, on a processor of its own if there is one for each. Left to
/// the scheduler, two of them share one processor now and then, and their connections wait twice.
#[cfg(target_os = "linux")]
fn settle(n: usize, count: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut own = CpuSet::new();
    if allowed.count() as usize == count
        && let Some(processor) = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).nth(n)
    {
        own.set(processor);
        // Where that is forbidden it goes on without.
        _ = sched_setaffinity(None, &own);
    }
}

/// Other systems place threads by themselves.
#[cfg(not(target_os = "linux"))]
fn settle(_n: usize, _count: usize) {}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
        let threads = self.threads.get_mut().map(std::mem::take).unwrap_or_default();
        for thread in threads {
            // A worker that drops the last connection must not wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                // It has told of its panic already.
                _ = thread.join();
            }
        }
    }
}
