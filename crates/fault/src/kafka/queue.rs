//! What waits between two tasks of one connection, bounded by its weight.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// First in, first out; one side puts in, one takes out.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    /// Something was put in, or the end was told.
    filled: Notify,
    /// Something was taken out.
    emptied: Notify,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(T, usize)>,
    weight: usize,
    finished: bool,
    /// Whatever is put in from now on is dropped.
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                weight: 0,
                finished: false,
                closed: false,
            }),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Never held across a wait.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in as soon as what waits weighs less than `capacity`.
    pub(crate) async fn push(&self, item: T, weight: usize, capacity: usize) {
        let mut item = Some(item);
        loop {
            {
                let mut inner = self.lock();
                if inner.closed {
                    return;
                }
                if inner.weight < capacity
                    && let Some(item) = item.take()
                {
                    inner.weight += weight;
                    inner.items.push_back((item, weight));
                    drop(inner);
                    self.filled.notify_one();
                    return;
                }
            }
            self.emptied.notified().await;
        }
    }

    /// Takes out the front, if it is to be taken.
    pub(crate) fn take_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut inner = self.lock();
        if !inner.items.front().is_some_and(|(item, _)| wanted(item)) {
            return None;
        }
        let (item, weight) = inner.items.pop_front()?;
        inner.weight -= weight;
        drop(inner);
        self.emptied.notify_one();
        Some(item)
    }

    /// The front, once there is one; none when nothing more will come.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            if let Some(item) = self.take_if(|_| true) {
                return Some(item);
            }
            if self.lock().finished {
                return None;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until something was put in since the last wait.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Nothing more will come.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.filled.notify_one();
    }

    /// Nobody takes out any more: what waits and what follows is dropped.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.finished = true;
        inner.items.clear();
        inner.weight = 0;
        drop(inner);
        self.emptied.notify_one();
        self.filled.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_too_heavy_waits_and_order_stays() {
        let queue = Queue::new();
        queue.push(1, 10, 10).await;
        let second = queue.push(2, 10, 10);
        tokio::pin!(second);
        tokio::select! {
            biased;
            () = &mut second => panic!("there is no room"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(queue.next().await, Some(1));
        second.await;
        queue.finish();
        assert_eq!(queue.next().await, Some(2));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_closed_queue_lets_go() {
        let queue = Queue::new();
        queue.push(1, 10, 10).await;
        let (pushed, ()) = tokio::join!(queue.push(2, 10, 10), async { queue.close() });
        assert_eq!(pushed, ());
        assert_eq!(queue.next().await, None);
    }
}
