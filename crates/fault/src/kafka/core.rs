//! What all listeners and connections of one proxy share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::listener;
use super::node::Node;
use super::plan::{Plan, Rule, TopicIds, refuses};
use crate::hits::Clock;
use crate::limits;
use crate::tcp::workers::Workers;

/// A listener and the node behind it.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) node: Node,
    /// Where it listens, always.
    pub(crate) listen: SocketAddr,
    /// Where the node says that it is; changes when it moves.
    upstream: Mutex<Arc<str>>,
    pub(crate) accepted: AtomicU64,
    pub(crate) open: Arc<AtomicUsize>,
    /// The last connection to the node failed.
    pub(crate) is_gone: AtomicBool,
    /// Revision of the plan that the listener follows.
    pub(crate) applied: AtomicU64,
}

impl Edge {
    pub(crate) fn upstream(&self) -> Arc<str> {
        Arc::clone(&lock(&self.upstream))
    }
}

/// What all listeners and connections of one proxy share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) allow_remote: bool,
    pub(crate) listen_ip: IpAddr,
    pub(crate) first_port: Option<u16>,
    pub(crate) plan: watch::Sender<Arc<Plan>>,
    /// Faults that were removed, and what they did.
    pub(crate) retired: Mutex<VecDeque<Arc<Rule>>>,
    pub(crate) rule_ids: AtomicU64,
    pub(crate) ids: Arc<TopicIds>,
    pub(crate) workers: Workers,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Open connections.
    pub(crate) open: Arc<AtomicUsize>,
    edges: Mutex<BTreeMap<Node, Arc<Edge>>>,
    /// Told when a listener follows another plan.
    applied: (Mutex<()>, Condvar),
    /// The proxy's own ends of connections to brokers.
    own: Mutex<BTreeSet<SocketAddr>>,
    /// Unknown APIs and versions that were told of.
    told: Mutex<BTreeSet<(i16, i16)>>,
}

/// A lock that is never held across a wait, so that a panic elsewhere leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(
        seed: u64,
        allow_remote: bool,
        (listen_ip, first_port): (IpAddr, Option<u16>),
        workers: Workers,
    ) -> Self {
        Self {
            seed,
            clock: Clock::new(),
            allow_remote,
            listen_ip,
            first_port,
            plan: watch::Sender::default(),
            retired: Mutex::default(),
            rule_ids: AtomicU64::new(1),
            ids: Arc::default(),
            workers,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            open: Arc::default(),
            edges: Mutex::default(),
            applied: (Mutex::new(()), Condvar::new()),
            own: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// The listener of a node. A node that is new gets one; one that moved keeps its own.
    pub(crate) fn ensure(
        self: &Arc<Self>,
        node: Node,
        host: &str,
        port: i32,
    ) -> io::Result<SocketAddr> {
        let upstream =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut edges = lock(&self.edges);
        if let Some(edge) = edges.get(&node) {
            let mut known = lock(&edge.upstream);
            if **known != *upstream {
                info!(%node, from = %known, to = %upstream, "moved");
                *known = upstream.into();
            }
            return Ok(edge.listen);
        }
        if edges.len() >= limits::EDGES {
            return Err(io::Error::other(format!(
                "there are {} listeners, the limit",
                edges.len()
            )));
        }
        let listener = self.bind(edges.len())?;
        let edge = Arc::new(Edge {
            node,
            listen: listener.local_addr()?,
            upstream: Mutex::new(upstream.into()),
            accepted: AtomicU64::new(0),
            open: Arc::default(),
            is_gone: AtomicBool::new(false),
            applied: AtomicU64::new(self.plan.borrow().revision),
        });
        info!(%node, listen = %edge.listen, upstream = %edge.upstream(), "listening");
        let listen = edge.listen;
        edges.insert(node, Arc::clone(&edge));
        drop(edges);
        let serve = listener::serve(Arc::clone(self), edge, listener);
        self.workers.next().spawn(self.tasks.track_future(serve));
        Ok(listen)
    }

    /// Binds the so manieth listener.
    fn bind(&self, ordinal: usize) -> io::Result<TcpListener> {
        let port = match self.first_port {
            None => 0,
            Some(first) => u16::try_from(ordinal)
                .ok()
                .and_then(|ordinal| first.checked_add(ordinal))
                .ok_or_else(|| io::Error::other("there are no more ports"))?,
        };
        let address = SocketAddr::new(self.listen_ip, port);
        let listener = TcpListener::bind(address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    pub(crate) fn edges(&self) -> Vec<Arc<Edge>> {
        lock(&self.edges).values().cloned().collect()
    }

    /// The node id of the broker behind a listener, if it is known.
    pub(crate) fn broker(&self, edge: &Edge) -> Option<i32> {
        match edge.node {
            Node::Broker(id) => Some(id),
            Node::Controller(_) => None,
            Node::Bootstrap(_) => {
                let upstream = edge.upstream();
                lock(&self.edges).values().find_map(|other| match other.node {
                    Node::Broker(id) if other.upstream() == upstream => Some(id),
                    _ => None,
                })
            }
        }
    }

    /// Whether connections to a listener are to be refused.
    pub(crate) fn refuses(&self, plan: &Plan, edge: &Edge) -> bool {
        refuses(plan, self.broker(edge), Instant::now())
    }

    /// A listener follows this revision now.
    pub(crate) fn apply(&self, edge: &Edge, revision: u64) {
        edge.applied.store(revision, Relaxed);
        let _guard = lock(&self.applied.0);
        self.applied.1.notify_all();
    }

    /// Waits until all listeners follow this revision, but not for long.
    pub(crate) fn wait_until_applied(&self, revision: u64) {
        let behind = || self.edges().iter().any(|edge| edge.applied.load(Relaxed) < revision);
        let guard = lock(&self.applied.0);
        // A listener that takes longer does so by itself; who waits for it has waited enough.
        _ = self.applied.1.wait_timeout_while(guard, limits::SETTLE, |()| behind());
    }

    pub(crate) fn add_own(&self, local: SocketAddr) {
        lock(&self.own).insert(local);
    }

    pub(crate) fn remove_own(&self, local: SocketAddr) {
        lock(&self.own).remove(&local);
    }

    pub(crate) fn is_own(&self, local: SocketAddr) -> bool {
        lock(&self.own).contains(&local)
    }

    /// Warns once of an API and version that passes without being understood.
    pub(crate) fn tell_unknown(&self, api: i16, version: i16, carries_addresses: bool) {
        let mut told = lock(&self.told);
        if told.len() < 1000 && told.insert((api, version)) {
            let effect = if carries_addresses {
                "its answers may name real brokers"
            } else {
                "no fault by topic, group or error hits it"
            };
            warn!(
                api,
                version, effect, "a request of a version that is not known passes unchanged"
            );
        }
    }
}
