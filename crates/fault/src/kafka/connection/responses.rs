//! Answers: matched with what was asked, changed, queued for the client.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, MetadataResponse, SaslHandshakeResponse};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Ended, Expected, Link, Outgoing, Pending, Watch};
use crate::kafka::frame::{Frames, NoFrame, ResponseHead};
use crate::kafka::node::Node;
use crate::kafka::plan::{Hit, Rule};
use crate::kafka::rewrite;
use crate::kafka::wire::{self, Problem};
use crate::kafka::words::{Act, Then, Way};
use crate::limits;

/// The first version of `Metadata` that tells ids of topics.
const TOPIC_IDS_SINCE: i16 = 10;

impl Link {
    /// Reads answers until the broker, or a fault, ends it.
    pub(super) async fn responses(&self, frames: &mut Frames<impl AsyncRead + Unpin>) -> Ended {
        let mut plan = self.watch();
        let mut frame = None;
        let mut ordinal = 0;
        loop {
            let needs_nothing =
                |pending: &Pending| matches!(pending, Pending::Own { .. } | Pending::Lost { .. });
            match self.pending.take_if(needs_nothing) {
                Some(Pending::Own { bytes, holds }) => {
                    ordinal += 1;
                    self.answer(bytes, holds, ordinal, &plan).await;
                    continue;
                }
                Some(Pending::Lost { rule, then }) => return self.lost(&rule, then, plan).await,
                _ => {}
            }
            let Some(answer) = frame.take() else {
                tokio::select! {
                    biased;
                    () = self.pending.filled() => {}
                    next = frames.next() => {
                        self.quiet(&mut plan).await;
                        match next {
                            Ok(next) => frame = Some(next),
                            Err(end) => return self.end(end),
                        }
                    }
                }
                continue;
            };
            ordinal += 1;
            if let Some(ended) = self.response(answer, ordinal, &plan).await {
                return ended;
            }
        }
    }

    fn end(&self, end: NoFrame) -> Ended {
        match end {
            NoFrame::End => Ended::Finished,
            NoFrame::CutOff | NoFrame::Failed(_) => Ended::Failed,
            NoFrame::BadLength(why) => {
                warn!(node = %self.edge.node, why, "the broker does not speak Kafka's protocol, closed");
                Ended::Broken
            }
        }
    }

    /// The client never hears of it, and of nothing after it.
    async fn lost(&self, rule: &Arc<Rule>, then: Then, mut plan: Watch) -> Ended {
        while then == Then::Silence && plan.borrow_and_update().contains(rule) {
            if plan.changed().await.is_err() {
                break;
            }
        }
        Ended::Closed
    }

    /// Handles one frame of the broker; gives the end if it is one.
    async fn response(&self, frame: Bytes, ordinal: u64, plan: &Watch) -> Option<Ended> {
        let expected = match self.pending.take_if(|_| true) {
            Some(Pending::Broker(expected)) => expected,
            Some(Pending::Raw) => {
                self.answer(frame, Vec::new(), ordinal, plan).await;
                return None;
            }
            _ => {
                warn!(node = %self.edge.node, bytes = frame.len(), "the broker answered what nobody asked, closed");
                return Some(Ended::Broken);
            }
        };
        if ResponseHead::correlation(&frame) != Some(expected.correlation) {
            warn!(node = %self.edge.node, api = expected.api, expected = expected.correlation, got = ?ResponseHead::correlation(&frame), "the broker answered out of order, closed");
            return Some(Ended::Broken);
        }
        if let Some((rule, then)) = &expected.loses {
            self.mark(rule, Hit::Response(frame.len()));
            return Some(self.lost(rule, *then, plan.clone()).await);
        }
        match self.change(&frame, &expected) {
            Ok(changed) => {
                for (rule, _) in &expected.holds {
                    self.mark(rule, Hit::Response(changed.len()));
                }
                self.answer(changed, expected.holds, ordinal, plan).await;
                None
            }
            Err(problem) => {
                warn!(node = %self.edge.node, %problem, "an answer could tell the client where brokers really are, closed");
                Some(Ended::Broken)
            }
        }
    }

    /// The answer as the client is to get it.
    fn change(&self, frame: &Bytes, expected: &Expected) -> Result<Bytes, Problem> {
        let mut frame = frame.clone();
        if let Some((rule, patch)) = &expected.patch {
            match patch.apply(&frame) {
                Ok(patched) => {
                    self.mark(rule, Hit::Response(patched.len()));
                    frame = patched;
                }
                Err(problem) => {
                    warn!(fault = ?rule.name, %problem, "the answer passes without its error");
                }
            }
        }
        let Some(key) = expected.key else { return Ok(frame) };
        self.learn(&frame, key, expected.version);
        let advertised = |listener: SocketAddr| {
            let ip = if listener.ip().is_unspecified() { self.local.ip() } else { listener.ip() };
            SocketAddr::new(canonical(ip), listener.port())
        };
        let mut listeners = |node: Node, host: &str, port: i32| -> io::Result<SocketAddr> {
            self.core.ensure(node, host, port).map(advertised)
        };
        let changed = rewrite::rewrite(&frame, key, expected.version, &mut listeners)?;
        Ok(changed.unwrap_or(frame))
    }

    /// Takes from an answer what later frames are read with.
    fn learn(&self, frame: &Bytes, key: ApiKey, version: i16) {
        match key {
            ApiKey::Metadata if version >= TOPIC_IDS_SINCE => {
                match wire::response::<MetadataResponse>(frame, key, version) {
                    Ok(answer) => {
                        for topic in &answer.topics {
                            if let Some(name) = &topic.name {
                                self.core.ids.learn(topic.topic_id.into_bytes(), &name.0);
                            }
                        }
                    }
                    Err(problem) => debug!(%problem, "no ids of topics learnt"),
                }
            }
            // After the old handshake tokens follow without any header.
            ApiKey::SaslHandshake if version == 0 => {
                let answer = wire::response::<SaslHandshakeResponse>(frame, key, version);
                self.raw.store(answer.is_ok_and(|answer| answer.error_code == 0), Relaxed);
            }
            _ => {}
        }
    }

    /// Queues an answer for the client.
    async fn answer(
        &self,
        bytes: Bytes,
        mut holds: Vec<(Arc<Rule>, std::time::Duration)>,
        ordinal: u64,
        plan: &Watch,
    ) {
        let now = Arc::clone(&plan.borrow());
        let latencies = self
            .edge_rules(&now, |act| matches!(act, Act::Latency { direction: Way::Downstream, .. }));
        for (rule, number) in latencies {
            if let Act::Latency { ms, jitter_ms, .. } = rule.fault.act {
                self.mark(rule, Hit::Response(bytes.len()));
                holds.push((Arc::clone(rule), rule.delay(ms, jitter_ms, number, ordinal)));
            }
        }
        let capacity =
            if holds.is_empty() { limits::QUEUE_BYTES } else { limits::QUEUE_BYTES_DELAYED };
        let weight = bytes.len();
        self.down.push(Outgoing { bytes, arrived: Instant::now(), holds }, weight, capacity).await;
    }
}

/// An IPv4 address that came in by IPv6 as what it is.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}
