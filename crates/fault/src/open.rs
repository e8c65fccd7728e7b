//! Which connections are open.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Counts a connection as open while it lives: among all of them, and among those of its listener.
#[derive(Debug)]
pub(crate) struct Open {
    all: Arc<AtomicUsize>,
    own: Arc<AtomicUsize>,
}

impl Open {
    /// None when there are `most` of all.
    pub(crate) fn new(all: &Arc<AtomicUsize>, own: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        if all.fetch_add(1, Relaxed) >= most {
            all.fetch_sub(1, Relaxed);
            return None;
        }
        own.fetch_add(1, Relaxed);
        Some(Self { all: Arc::clone(all), own: Arc::clone(own) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Relaxed);
        self.own.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_count_while_they_live_and_no_more_than_the_most_do() {
        let [all, one, other] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let counts = || [&all, &one, &other].map(|count| count.load(Relaxed));
        let first = Open::new(&all, &one, 2);
        let second = Open::new(&all, &other, 2);
        assert!(first.is_some() && second.is_some());
        assert!(Open::new(&all, &one, 2).is_none());
        assert_eq!(counts(), [2, 1, 1]);
        drop(first);
        assert_eq!(counts(), [1, 0, 1]);
        let again = Open::new(&all, &other, 2);
        assert!(again.is_some());
        assert_eq!(counts(), [2, 0, 2]);
    }
}
