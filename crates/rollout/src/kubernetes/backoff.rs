//! When the kubelet starts a container again (rollout-semantics 4.2).

/// First wait.
const FIRST_MS: u64 = 10_000;
/// A container that was quiet for this long starts over.
const FORGET_MS: u64 = 600_000;

/// The back-off entry of one container, and the exited instance that the pod status shows.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "units are part of names")]
pub(crate) struct BackOff {
    max_ms: u64,
    backoff_ms: Option<u64>,
    updated_ms: u64,
    /// End of the newest exited instance in the cached status.
    exited_ms: Option<u64>,
}

impl BackOff {
    pub(crate) fn new(max_ms: u64) -> Self {
        Self { max_ms, backoff_ms: None, updated_ms: 0, exited_ms: None }
    }

    /// When the container that ended at `end_ms` starts again.
    ///
    /// After its own exit the status already shows this instance. After a probe kill the restart
    /// follows in the same sync, when the status still shows the one before; a wait is then
    /// counted from the end of this instance all the same.
    pub(crate) fn restart_ms(&mut self, end_ms: u64, killed: bool) -> u64 {
        let seen_ms = if killed { self.exited_ms } else { Some(end_ms) };
        self.exited_ms = Some(end_ms);
        let Some(seen_ms) = seen_ms else { return end_ms };
        if self.forgets(seen_ms, end_ms) {
            return end_ms;
        }
        let backoff_ms = self.backoff_ms.unwrap_or(0);
        if end_ms - seen_ms >= backoff_ms {
            self.grow(end_ms);
            return end_ms;
        }
        let at_ms = end_ms + backoff_ms;
        self.grow(at_ms);
        at_ms
    }

    fn forgets(&mut self, seen_ms: u64, now_ms: u64) -> bool {
        let old = self.backoff_ms.is_some() && seen_ms.saturating_sub(self.updated_ms) > FORGET_MS;
        if old {
            self.backoff_ms = Some(FIRST_MS.min(self.max_ms));
            self.updated_ms = now_ms;
        }
        old
    }

    fn grow(&mut self, now_ms: u64) {
        let next_ms = self.backoff_ms.map_or(FIRST_MS, |ms| 2 * ms);
        self.backoff_ms = Some(next_ms.min(self.max_ms));
        self.updated_ms = now_ms;
    }
}
