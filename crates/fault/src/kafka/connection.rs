//! One client and its broker: four tasks in one, a reader and a writer for each direction.
//!
//! Requests are numbered, decided upon and queued when they are read; answers when they arrive.
//! What a request is to get (its broker's answer, one of our own, none) waits in `pending` in the
//! order of the requests, because answers must come in that order.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::core::{Core, Edge, lock};
use super::error::Patch;
use super::frame::Frames;
use super::plan::{self, Hit, Membership, Plan, Rule};
use super::queue::Queue;
use super::words::{Act, Then, Way};
use crate::open::Open;
use crate::tcp::socket;
use crate::{address, limits};

mod requests;
mod responses;
mod writer;

/// A plan that may change under way.
pub(super) type Watch = watch::Receiver<Arc<Plan>>;

/// A frame that waits to be written.
#[derive(Debug)]
struct Outgoing {
    bytes: Bytes,
    arrived: Instant,
    /// Faults that hold it back, each for so long.
    holds: Vec<(Arc<Rule>, Duration)>,
}

/// What a request is to get.
#[derive(Debug)]
enum Pending {
    /// The answer of the broker.
    Broker(Expected),
    /// The broker's next frame, whatever it is (SASL without headers).
    Raw,
    /// An answer of our own.
    Own { bytes: Bytes, holds: Vec<(Arc<Rule>, Duration)> },
    /// Nothing: the request was not forwarded.
    Lost { rule: Arc<Rule>, then: Then },
}

/// An answer that the broker owes.
#[derive(Debug)]
struct Expected {
    api: i16,
    key: Option<ApiKey>,
    version: i16,
    correlation: i32,
    patch: Option<(Arc<Rule>, Patch)>,
    holds: Vec<(Arc<Rule>, Duration)>,
    /// The answer is to be lost.
    loses: Option<(Arc<Rule>, Then)>,
}

/// How one of the four came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The peer has nothing more to say.
    Finished,
    /// The peer reset the connection.
    Failed,
    /// A fault closes the connection, after what was sent so far.
    Closed,
    /// A fault resets the connection at once.
    Reset,
    /// What was read makes no sense.
    Broken,
}

/// What a connection knows.
#[derive(Debug)]
struct Link {
    core: Arc<Core>,
    edge: Arc<Edge>,
    /// Where the client connected to.
    local: SocketAddr,
    membership: Membership,
    client_id: Mutex<Option<String>>,
    /// The client id has become known, or another one.
    client_told: Notify,
    /// Faults that have counted this connection.
    counted: Mutex<BTreeSet<u64>>,
    pending: Queue<Pending>,
    up: Queue<Outgoing>,
    down: Queue<Outgoing>,
    /// Requests that were queued for the broker, and those that its socket has taken.
    forwarded: AtomicU64,
    written: AtomicU64,
    /// Frames without headers may come, because an old SASL handshake succeeded.
    raw: AtomicBool,
}

/// Serves a client until both directions have ended or the proxy stops.
pub(crate) async fn serve(
    core: Arc<Core>,
    edge: Arc<Edge>,
    client: std::net::TcpStream,
    open: Open,
) {
    let stop = core.stop.clone();
    let work = async {
        let client = TcpStream::from_std(client)?;
        let local = client.local_addr()?;
        let link = Link {
            core,
            edge,
            local,
            membership: Membership::default(),
            client_id: Mutex::default(),
            client_told: Notify::new(),
            counted: Mutex::default(),
            pending: Queue::new(),
            up: Queue::new(),
            down: Queue::new(),
            forwarded: AtomicU64::new(0),
            written: AtomicU64::new(0),
            raw: AtomicBool::new(false),
        };
        link.run(client).await
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        outcome = work => if let Err(error) = outcome {
            debug!(%error, "connection given up");
        }
    }
    drop(open);
}

/// The proxy's own end of a connection to a broker.
struct Own<'a>(&'a Core, SocketAddr);

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.0.remove_own(self.1);
    }
}

impl Link {
    fn watch(&self) -> Watch {
        self.core.plan.subscribe()
    }

    /// The faults of a whole edge that hit this connection now, with its number for each.
    fn edge_rules<'a>(
        &self,
        plan: &'a Plan,
        wanted: impl Fn(&Act) -> bool,
    ) -> Vec<(&'a Arc<Rule>, u64)> {
        if plan.rules.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let broker = self.core.broker(&self.edge);
        let client_id = lock(&self.client_id).clone();
        let rules = plan.rules.iter().filter(|rule| wanted(&rule.fault.act) && rule.is_open(now));
        rules
            .filter_map(|rule| {
                let number = self.membership.number(rule, broker, client_id.as_deref())?;
                Some((rule, number))
            })
            .collect()
    }

    fn mark(&self, rule: &Rule, hit: Hit) {
        let is_first = lock(&self.counted).insert(rule.id);
        rule.hits.mark(hit, is_first);
    }

    /// Waits while a fault keeps this connection silent.
    async fn quiet(&self, plan: &mut Watch) {
        loop {
            let now = Arc::clone(&plan.borrow_and_update());
            let silent = self.edge_rules(&now, |act| matches!(act, Act::Silence {}));
            let Some((rule, _)) = silent.first() else { return };
            self.mark(rule, Hit::Connection);
            if !plan::changed(plan).await {
                return;
            }
        }
    }

    /// Waits until a fault resets this connection.
    async fn reset(&self, mut plan: Watch) {
        loop {
            let now = Arc::clone(&plan.borrow_and_update());
            let resets = self.edge_rules(&now, |act| matches!(act, Act::Reset {}));
            if let Some((rule, _)) = resets.first() {
                self.mark(rule, Hit::Connection);
                return;
            }
            tokio::select! {
                is_there = plan::changed(&mut plan) => if !is_there { return },
                () = self.client_told.notified() => {}
            }
        }
    }

    async fn run(&self, mut client: TcpStream) -> io::Result<()> {
        let begin = async {
            self.quiet(&mut self.watch()).await;
            self.dial().await
        };
        let dialled = tokio::select! {
            biased;
            () = self.reset(self.watch()) => None,
            dialled = begin => Some(dialled),
        };
        let mut upstream = match dialled {
            None => {
                socket::reset_on_drop(&client);
                return Ok(());
            }
            Some(Ok(upstream)) => {
                if self.edge.is_gone.swap(false, Relaxed) {
                    info!(node = %self.edge.node, "the broker can be reached again");
                }
                upstream
            }
            Some(Err(error)) => {
                // A broker that is not there resets, it does not say goodbye.
                socket::reset_on_drop(&client);
                // Clients try again and again; once is enough to tell.
                if !self.edge.is_gone.swap(true, Relaxed) {
                    warn!(node = %self.edge.node, upstream = %self.edge.upstream(), %error, "cannot reach the broker");
                }
                return Ok(());
            }
        };
        let own = upstream.local_addr()?;
        self.core.add_own(own);
        let _own = Own(&self.core, own);
        for stream in [&client, &upstream] {
            stream.set_nodelay(true)?;
        }
        let ended = self.carry(&mut client, &mut upstream).await;
        match ended {
            Ended::Reset | Ended::Failed => socket::reset_on_drop(&client),
            _ => socket::close(&client),
        }
        // What the broker was given it is to have, so it is never reset.
        socket::close(&upstream);
        Ok(())
    }

    /// Carries frames until both directions are through.
    async fn carry(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Ended {
        let (from_client, mut to_client) = client.split();
        let (from_broker, mut to_broker) = upstream.split();
        let (mut asked, mut said) = (Frames::new(from_client), Frames::new(from_broker));
        let mut requests = pin!(self.requests(&mut asked));
        let mut forward = pin!(self.write(&self.up, &mut to_broker, Way::Upstream));
        let mut responses = pin!(self.responses(&mut said));
        let mut answer = pin!(self.write(&self.down, &mut to_client, Way::Downstream));
        let mut reset = pin!(self.reset(self.watch()));
        // Whether the client has nothing more to say and the broker has it all; how the broker ended.
        let (mut is_asked, mut forwarded, mut sayer) = (false, false, None);
        let mut deadline = pin!(tokio::time::sleep(limits::DRAIN));
        loop {
            tokio::select! {
                biased;
                () = &mut reset => return Ended::Reset,
                ended = &mut requests, if !is_asked => {
                    match ended {
                        Ended::Reset | Ended::Broken => return ended,
                        // A client that cannot hear needs no answers, but what it asked goes on.
                        Ended::Failed => self.down.close(),
                        _ => {}
                    }
                    self.up.finish();
                    deadline.as_mut().reset(Instant::now() + limits::DRAIN);
                    is_asked = true;
                }
                ended = &mut responses, if sayer.is_none() => {
                    if matches!(ended, Ended::Reset | Ended::Broken) {
                        return ended;
                    }
                    self.down.finish();
                    sayer = Some(ended);
                }
                outcome = &mut forward, if !forwarded => {
                    // If the broker does not take it, what the broker says will tell why.
                    forwarded = true;
                    if outcome.is_ok() {
                        deadline.as_mut().reset(Instant::now() + limits::LINGER);
                    }
                }
                outcome = &mut answer => {
                    if let Some(sayer) = sayer {
                        return if outcome.is_err() { Ended::Failed } else { sayer };
                    }
                    // The client is gone; its requests may still be under way.
                    self.down.close();
                    return self.drain(requests, forward, responses, (is_asked, forwarded)).await;
                }
                () = &mut deadline, if is_asked => {
                    return Ended::Closed;
                }
            }
        }
    }

    /// Lets the broker have what a client that is gone asked of it.
    async fn drain(
        &self,
        mut requests: impl Future<Output = Ended> + Unpin,
        mut forward: impl Future<Output = io::Result<()>> + Unpin,
        mut responses: impl Future<Output = Ended> + Unpin,
        (mut asked, mut forwarded): (bool, bool),
    ) -> Ended {
        let mut deadline = pin!(tokio::time::sleep(limits::DRAIN));
        if asked && forwarded {
            deadline.as_mut().reset(Instant::now() + limits::LINGER);
        }
        loop {
            tokio::select! {
                ended = &mut requests, if !asked => {
                    if matches!(ended, Ended::Reset | Ended::Broken) {
                        return ended;
                    }
                    asked = true;
                    self.up.finish();
                }
                _ = &mut forward, if !forwarded => {
                    forwarded = true;
                    deadline.as_mut().reset(Instant::now() + limits::LINGER);
                }
                _ = &mut responses => return Ended::Closed,
                () = &mut deadline => return Ended::Closed,
            }
        }
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
        let connect = async {
            let upstream = self.edge.upstream();
            let addresses = address::upstream(&upstream, self.core.allow_remote).await?;
            TcpStream::connect(&addresses[..] as &[SocketAddr]).await
        };
        tokio::time::timeout(limits::DIAL, connect).await.map_err(|_| timed_out())?
    }
}
