//! Requests: read, numbered, decided upon, queued for the broker.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, FetchRequest};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Ended, Expected, Link, Outgoing, Pending, Watch};
use crate::kafka::core::lock;
use crate::kafka::error;
use crate::kafka::facts::{self, Facts};
use crate::kafka::frame::{Frames, NoFrame, RequestHead};
use crate::kafka::plan::{Hit, Plan, Rule};
use crate::kafka::rewrite;
use crate::kafka::session::Session;
use crate::kafka::wire::{self, Problem};
use crate::kafka::words::{Act, Side, Way};
use crate::limits;

/// What follows a request.
enum Next {
    /// The next one.
    Read,
    /// Nothing that this client says matters any more, but that it leaves. Answers to earlier
    /// requests still come.
    Swallow,
    /// This end.
    End(Ended),
}

/// A request and what is known of it.
struct Request {
    frame: Bytes,
    head: RequestHead,
    arrived: Instant,
    /// False for `acks=0`.
    is_answered: bool,
    /// What it names, once somebody asked.
    facts: Option<Facts>,
}

impl Link {
    /// Reads requests until the client, or a fault, ends it.
    pub(super) async fn requests(&self, frames: &mut Frames<impl AsyncRead + Unpin>) -> Ended {
        let mut plan = self.watch();
        let mut session = Session::default();
        let mut frames_read = 0;
        loop {
            let frame = match frames.next().await {
                Ok(frame) => frame,
                Err(NoFrame::End) => return Ended::Finished,
                Err(NoFrame::BadLength(why)) => {
                    warn!(node = %self.edge.node, why, "a client does not speak Kafka's protocol, closed");
                    return Ended::Broken;
                }
                Err(NoFrame::CutOff | NoFrame::Failed(_)) => return Ended::Failed,
            };
            self.quiet(&mut plan).await;
            frames_read += 1;
            match self.request(frame, frames_read, &mut session, &plan).await {
                Next::Read => {}
                Next::End(ended) => return ended,
                Next::Swallow => {
                    return match frames.swallow().await {
                        NoFrame::End => Ended::Finished,
                        _ => Ended::Failed,
                    };
                }
            }
        }
    }

    async fn request(
        &self,
        frame: Bytes,
        ordinal: u64,
        session: &mut Session,
        plan: &Watch,
    ) -> Next {
        let head = RequestHead::parse(&frame);
        if self.raw.load(Relaxed) && head.as_ref().is_none_or(|head| head.known().is_none()) {
            // A SASL token as it is: none of a known mechanism reads like a known request.
            self.expect(Pending::Raw).await;
            self.forward(frame, Instant::now(), Vec::new()).await;
            return Next::Read;
        }
        self.raw.store(false, Relaxed);
        let Some(head) = head else {
            warn!(node = %self.edge.node, bytes = frame.len(), "a client sent a frame that is no request, closed");
            return Next::End(Ended::Broken);
        };
        self.meet(head.client_id.as_deref());
        let key = head.known();
        if head.key() == Some(ApiKey::ApiVersions) && key.is_none() && head.version > 0 {
            return self.refuse_version(&head).await;
        }
        if key.is_none() {
            let carries = head.key().is_some_and(|key| rewrite::carries_addresses(key, i16::MAX));
            self.core.tell_unknown(head.api, head.version, carries);
        }
        let acks = (head.api == ApiKey::Produce as i16).then(|| facts::acks(&frame, &head));
        let request = Request {
            is_answered: acks.flatten() != Some(0),
            frame,
            head,
            arrived: Instant::now(),
            facts: None,
        };
        if key == Some(ApiKey::Fetch) {
            request.follow(session);
        }
        let plan = Arc::clone(&plan.borrow());
        self.decide(request, ordinal, session, &plan).await
    }

    /// Remembers who the client is.
    fn meet(&self, client_id: Option<&str>) {
        let mut known = lock(&self.client_id);
        if known.as_deref() != client_id {
            *known = client_id.map(ToOwned::to_owned);
            drop(known);
            self.client_told.notify_one();
        }
    }

    /// Answers in the broker's place: its answer could not be understood.
    async fn refuse_version(&self, head: &RequestHead) -> Next {
        match rewrite::unsupported_version(head.correlation) {
            Ok(bytes) => {
                debug!(version = head.version, "ApiVersions is newer than known, refused");
                self.expect(Pending::Own { bytes, holds: Vec::new() }).await;
                Next::Read
            }
            Err(problem) => {
                warn!(%problem, "cannot refuse a version, closed");
                Next::End(Ended::Broken)
            }
        }
    }

    async fn expect(&self, pending: Pending) {
        self.pending.push(pending, 1, limits::PENDING).await;
    }

    async fn forward(&self, bytes: Bytes, arrived: Instant, holds: Vec<(Arc<Rule>, Duration)>) {
        let capacity =
            if holds.is_empty() { limits::QUEUE_BYTES } else { limits::QUEUE_BYTES_DELAYED };
        let weight = bytes.len();
        self.forwarded.fetch_add(1, Relaxed);
        self.up.push(Outgoing { bytes, arrived, holds }, weight, capacity).await;
    }

    /// Lets the broker have what was asked before, if it takes it soon.
    async fn wait_until_written(&self) {
        let written = async {
            while self.written.load(Relaxed) < self.forwarded.load(Relaxed) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        _ = tokio::time::timeout(limits::SETTLE, written).await;
    }

    /// Lets all faults decide, then forwards what is to be forwarded.
    async fn decide(
        &self,
        mut request: Request,
        ordinal: u64,
        session: &Session,
        plan: &Plan,
    ) -> Next {
        let size = request.frame.len();
        let mut holds = Vec::new();
        let latencies = self
            .edge_rules(plan, |act| matches!(act, Act::Latency { direction: Way::Upstream, .. }));
        for (rule, number) in latencies {
            if let Act::Latency { ms, jitter_ms, .. } = rule.fault.act {
                self.mark(rule, Hit::Request(size));
                holds.push((Arc::clone(rule), rule.delay(ms, jitter_ms, number, ordinal)));
            }
        }
        let mut expected = Expected::of(&request);
        for rule in &plan.rules {
            let Some(number) = self.hits(rule, &mut request, session) else { continue };
            self.mark(rule, Hit::Request(size));
            match rule.fault.act {
                Act::Delay { ms, jitter_ms, side } => {
                    let delay = rule.delay(ms, jitter_ms, number, 0);
                    let held = match side {
                        Side::Request => &mut holds,
                        Side::Response => &mut expected.holds,
                    };
                    held.push((Arc::clone(rule), delay));
                }
                Act::Disconnect {} => {
                    self.wait_until_written().await;
                    return Next::End(Ended::Reset);
                }
                Act::LoseRequest { then } => {
                    self.expect(Pending::Lost { rule: Arc::clone(rule), then }).await;
                    return Next::Swallow;
                }
                Act::LoseResponse { then } => {
                    expected.loses = Some((Arc::clone(rule), then));
                    self.expect(Pending::Broker(expected)).await;
                    self.forward(request.frame, request.arrived, holds).await;
                    return Next::Swallow;
                }
                Act::Error { code, side } => {
                    match self.plan_error(rule, &mut request, session, (code, side)) {
                        Ok(error::Plan::Answer(bytes)) => {
                            self.mark(rule, Hit::Response(bytes.len()));
                            let holds = expected.holds;
                            self.expect(Pending::Own { bytes, holds }).await;
                            return Next::Read;
                        }
                        Ok(error::Plan::Patch { patch, reduced }) => {
                            expected.patch = Some((Arc::clone(rule), patch));
                            request.frame = reduced.unwrap_or(request.frame);
                            break;
                        }
                        Err(problem) => {
                            warn!(fault = ?rule.name, %problem, "the request passes without its error");
                        }
                    }
                }
                _ => {}
            }
        }
        if request.is_answered {
            self.expect(Pending::Broker(expected)).await;
        }
        self.forward(request.frame, request.arrived, holds).await;
        Next::Read
    }

    /// Whether a fault hits this request; gives its number.
    fn hits(&self, rule: &Rule, request: &mut Request, session: &Session) -> Option<u64> {
        if rule.fault.act.is_edge() || !rule.is_open(request.arrived) {
            return None;
        }
        let needs_answer = match rule.fault.act {
            Act::Error { .. } | Act::LoseResponse { .. } => true,
            Act::Delay { side, .. } => side == Side::Response,
            _ => false,
        };
        let broker = self.core.broker(&self.edge);
        if (needs_answer && !request.is_answered) || !rule.fits_head(broker, &request.head) {
            return None;
        }
        if rule.asks_for_facts() {
            let facts = request.facts(session)?;
            if !rule.fits_facts(facts, &self.core.ids) {
                return None;
            }
        }
        rule.take()
    }

    fn plan_error(
        &self,
        rule: &Arc<Rule>,
        request: &mut Request,
        session: &Session,
        what: (crate::kafka::ErrorCode, Side),
    ) -> Result<error::Plan, Problem> {
        let facts = request.facts(session).cloned().unwrap_or_default();
        error::plan(&request.frame, &request.head, &facts, rule, &self.core.ids, what)
    }
}

impl Expected {
    fn of(request: &Request) -> Self {
        let head = &request.head;
        Self {
            api: head.api,
            key: head.known(),
            version: head.version,
            correlation: head.correlation,
            patch: None,
            holds: Vec::new(),
            loses: None,
        }
    }
}

impl Request {
    /// Lets a fetch session know what it has.
    fn follow(&self, session: &mut Session) {
        match wire::request::<FetchRequest>(&self.frame, &self.head) {
            Ok(fetch) => session.follow(&fetch),
            Err(problem) => debug!(%problem, "a fetch session is not followed"),
        }
    }

    /// What it names; none where it cannot be understood.
    fn facts(&mut self, session: &Session) -> Option<&Facts> {
        if self.facts.is_none() {
            self.facts = if self.head.known() == Some(ApiKey::Fetch) {
                Some(session.facts())
            } else {
                facts::facts(&self.frame, &self.head)
                    .inspect_err(|problem| debug!(%problem, "no fault by what it names hits it"))
                    .ok()
            };
        }
        self.facts.as_ref()
    }
}
