//! Writes what waits, when it is due and as fast as it may.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::{Link, Outgoing, Watch};
use crate::kafka::plan::{self, Hit};
use crate::kafka::queue::Queue;
use crate::kafka::words::{Act, Way};

/// Bytes written before faults are looked at again.
const SLICE_BYTES: usize = 256 << 10;
/// With a limited rate, slices take so long.
const SLICE_TIME: Duration = Duration::from_millis(50);

impl Link {
    /// Writes until nothing more will come, and says so to the peer.
    pub(super) async fn write(
        &self,
        queue: &Queue<Outgoing>,
        sink: &mut (impl AsyncWrite + Unpin),
        way: Way,
    ) -> io::Result<()> {
        let mut plan = self.watch();
        let mut rate = Rate::default();
        while let Some(frame) = queue.next().await {
            wait_until_due(&frame, &mut plan).await;
            self.write_frame(&frame, sink, way, &mut plan, &mut rate).await?;
            if way == Way::Upstream {
                self.written.fetch_add(1, Relaxed);
            }
        }
        self.quiet(&mut plan).await;
        sink.shutdown().await
    }

    async fn write_frame(
        &self,
        frame: &Outgoing,
        sink: &mut (impl AsyncWrite + Unpin),
        way: Way,
        plan: &mut Watch,
        rate: &mut Rate,
    ) -> io::Result<()> {
        let mut rest = &frame.bytes[..];
        let mut marked = Vec::new();
        while !rest.is_empty() {
            self.quiet(plan).await;
            let now = Arc::clone(&plan.borrow());
            let limits = self.edge_rules(
                &now,
                |act| matches!(act, Act::Bandwidth { direction, .. } if *direction == way),
            );
            for (rule, _) in &limits {
                if !marked.contains(&rule.id) {
                    marked.push(rule.id);
                    self.mark(rule, way.hit(frame.bytes.len()));
                }
            }
            let slowest = limits.iter().filter_map(|(rule, _)| match rule.fault.act {
                Act::Bandwidth { bytes_per_s, .. } => Some((bytes_per_s.max(1), rule.id)),
                _ => None,
            });
            let length = match slowest.min() {
                None => rest.len().min(SLICE_BYTES),
                Some((bytes_per_s, rule)) => {
                    let length = Rate::slice(rest.len(), bytes_per_s);
                    if !rate.wait(rule, length, bytes_per_s, plan).await {
                        // Other faults act now.
                        continue;
                    }
                    length
                }
            };
            sink.write_all(&rest[..length]).await?;
            rest = &rest[length..];
        }
        Ok(())
    }
}

impl Way {
    /// What is hit by what goes this way.
    pub(super) fn hit(self, bytes: usize) -> Hit {
        match self {
            Self::Upstream => Hit::Request(bytes),
            Self::Downstream => Hit::Response(bytes),
        }
    }
}

/// Waits while faults that still act hold a frame back.
async fn wait_until_due(frame: &Outgoing, plan: &mut Watch) {
    while !frame.holds.is_empty() {
        let now = Arc::clone(&plan.borrow_and_update());
        let held = frame.holds.iter().filter(|(rule, _)| now.contains(rule));
        let delay: Duration = held.map(|(_, delay)| *delay).sum();
        let due = frame.arrived.checked_add(delay);
        if due.is_some_and(|due| due <= Instant::now()) {
            return;
        }
        let passed = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = passed => return,
            changed = plan.changed() => if changed.is_err() { return },
        }
    }
}

/// When the line is free again, for each fault that limits it.
#[derive(Debug, Default)]
struct Rate {
    free_at: BTreeMap<u64, Instant>,
}

impl Rate {
    fn slice(rest: usize, bytes_per_s: u64) -> usize {
        let most = u128::from(bytes_per_s) * SLICE_TIME.as_millis() / 1000;
        rest.min(usize::try_from(most).unwrap_or(usize::MAX).clamp(1, SLICE_BYTES))
    }

    /// Waits until a slice is through. False if other faults act before.
    async fn wait(&mut self, rule: u64, length: usize, bytes_per_s: u64, plan: &mut Watch) -> bool {
        let now = Instant::now();
        let from = self.free_at.get(&rule).copied().unwrap_or(now).max(now);
        let takes = Duration::from_secs_f64(length as f64 / bytes_per_s as f64);
        let until = from + takes;
        tokio::select! {
            () = tokio::time::sleep_until(until) => {
                self.free_at.insert(rule, until);
                true
            }
            _ = plan::changed(plan) => false,
        }
    }
}
