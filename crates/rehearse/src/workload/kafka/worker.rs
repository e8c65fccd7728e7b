//! Threads that run librdkafka's blocking calls, and how they are told to end.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Its work.
    Work,
    /// Settle what is open, within bounds, and end.
    Finish,
    /// End at once, as a process that is killed.
    Crash,
}

/// How a worker is told.
#[derive(Clone, Debug)]
pub(super) struct Orders(Arc<AtomicU8>);

impl Orders {
    pub(super) fn now(&self) -> Order {
        match self.0.load(Ordering::Relaxed) {
            0 => Order::Work,
            1 => Order::Finish,
            _ => Order::Crash,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.now() != Order::Work
    }
}

/// A thread with a client. It is never joined: what counts is over when it says so, and throwing
/// its client away may take long while brokers are gone.
#[derive(Debug)]
pub(super) struct Worker {
    orders: Orders,
    /// Behind a lock only so that it may be looked at from several threads.
    over: Mutex<Receiver<()>>,
}

impl Worker {
    /// Starts a thread. What `work` returns is thrown away on the thread, after the worker counts
    /// as over.
    pub(super) fn start<T>(name: &str, work: impl FnOnce(&Orders) -> T + Send + 'static) -> Self {
        let orders = Orders(Arc::new(AtomicU8::new(0)));
        let (done, over): (Sender<()>, Receiver<()>) = channel();
        let own = orders.clone();
        let run = move || {
            let rest = work(&own);
            // Nobody may be waiting any more.
            _ = done.send(());
            drop(rest);
        };
        // Where no thread can be made, the worker is over at once: its channel is closed.
        if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(run) {
            tracing::warn!(%error, "no thread for a client");
        }
        Self { orders, over: Mutex::new(over) }
    }

    pub(super) fn order(&self, order: Order) {
        let order = match order {
            Order::Work => 0,
            Order::Finish => 1,
            Order::Crash => 2,
        };
        self.orders.0.store(order, Ordering::Relaxed);
    }

    /// Waits until it is over, at most so long.
    pub(super) fn wait(&self, at_most: Duration) {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed channel says the same as a message.
        _ = over.recv_timeout(at_most);
    }
}
