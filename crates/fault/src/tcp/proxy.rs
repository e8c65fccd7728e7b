//! A listener, where it leads, and the faults in between.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::connection::{self, Origin};
use super::plan::{Plan, Toxic, Traffic};
use super::socket;
use crate::address;
use crate::engine::Shared;
use crate::error::Error;
use crate::limits;
use crate::open::Open;

/// A proxy. All its methods are called by one at a time.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    pub(crate) name: Arc<str>,
    /// As asked for; once bound, the address itself.
    pub(crate) listen: String,
    pub(crate) upstream: Arc<str>,
    pub(crate) enabled: bool,
    plan: watch::Sender<Arc<Plan>>,
    pub(crate) traffic: Arc<Traffic>,
    /// Faults that were removed, and what they did.
    pub(crate) retired: VecDeque<Toxic>,
    accepting: Option<JoinHandle<()>>,
    /// Ends the connections of this start.
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Proxy {
    pub(crate) fn new(shared: Arc<Shared>, name: &str, listen: &str, upstream: &str) -> Self {
        Self {
            shared,
            name: name.into(),
            listen: listen.to_owned(),
            upstream: upstream.into(),
            enabled: false,
            plan: watch::Sender::default(),
            traffic: Arc::default(),
            retired: VecDeque::new(),
            accepting: None,
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        }
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.borrow())
    }

    /// Listens, unless it does already or a fault refuses connections.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        if self.enabled {
            return Ok(());
        }
        self.stop = CancellationToken::new();
        self.connections = TaskTracker::new();
        let refused = self.plan().all().any(Toxic::refuses);
        if !refused {
            self.listen().await?;
        }
        self.enabled = true;
        info!(proxy = ?self.name, listen = %self.listen, upstream = %self.upstream, refused, "proxy started");
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), Error> {
        let wanted = address::listen(&self.listen, self.shared.allow_remote)
            .await
            .map_err(|error| error.within("listen tcp"))?;
        let failed = |error: io::Error| Error::listen(wanted, &error);
        let listener = bind(wanted).await.map_err(failed)?;
        self.listen = listener.local_addr().map_err(failed)?.to_string();
        let origin = Origin {
            shared: Arc::clone(&self.shared),
            proxy: Arc::clone(&self.name),
            upstream: Arc::clone(&self.upstream),
            plan: self.plan.subscribe(),
            stop: self.stop.clone(),
            traffic: Arc::clone(&self.traffic),
            ordinal: 0,
        };
        let connections = self.connections.clone();
        self.accepting = Some(tokio::spawn(accept(listener, origin, connections)));
        Ok(())
    }

    /// Closes the listener; whoever connects from now on is refused.
    async fn stop_listening(&mut self) {
        if let Some(task) = self.accepting.take() {
            task.abort();
            // The listener is closed when the task is gone; that it was aborted is what it says.
            _ = task.await;
        }
    }

    /// Closes the listener and all connections. Wait for what it gives, outside of any lock.
    pub(crate) async fn stop(&mut self) -> TaskTracker {
        if self.enabled {
            self.enabled = false;
            self.stop_listening().await;
            self.stop.cancel();
            info!(proxy = ?self.name, listen = %self.listen, "proxy stopped");
        }
        self.connections.close();
        self.connections.clone()
    }

    /// Takes on other faults. Connections see them before they handle another byte.
    pub(crate) async fn change(&mut self, plan: Plan) -> Result<(), Error> {
        let refused = plan.all().any(Toxic::refuses);
        match (self.enabled, refused, self.accepting.is_some()) {
            (true, true, true) => self.stop_listening().await,
            (true, false, false) => self.listen().await?,
            _ => {}
        }
        let old = self.plan.send_replace(Arc::new(plan));
        let plan = self.plan.borrow();
        for toxic in old.all() {
            if !plan.all().any(|kept| kept.id == toxic.id) {
                if self.retired.len() == limits::RETIRED {
                    self.retired.pop_front();
                }
                self.retired.push_back(toxic.clone());
            }
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.accepting.take() {
            task.abort();
        }
    }
}

/// Waits until the connections are gone, but not for long: dropping a socket takes no time, only
/// the scheduler does.
pub(crate) async fn wait_for(connections: TaskTracker) {
    if tokio::time::timeout(limits::STOP, connections.wait()).await.is_err() {
        debug!(left = connections.len(), "connections are still being closed");
    }
}

/// Binds, also where connections of an earlier listener still fade away.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn accept(listener: TcpListener, mut origin: Origin, connections: TaskTracker) {
    loop {
        let (client, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Either the client gave up meanwhile, or descriptors ran out: then wait for some.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    warn!(proxy = ?origin.proxy, %error, "cannot accept");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        origin.ordinal = origin.traffic.accepted.fetch_add(1, Relaxed) + 1;
        let shared = &origin.shared;
        let open = Open::new(&shared.open, &origin.traffic.open, shared.max_connections);
        let Some(open) = open else {
            origin.traffic.turned_away.fetch_add(1, Relaxed);
            warn!(proxy = ?origin.proxy, %peer, limit = origin.shared.max_connections, "too many connections, reset");
            socket::reset_on_drop(&client);
            continue;
        };
        debug!(proxy = ?origin.proxy, %peer, ordinal = origin.ordinal, "accepted");
        match client.into_std() {
            Ok(client) => {
                let task = connection::serve(client, origin.clone(), open);
                let task = connections.track_future(task);
                origin.shared.workers.next().spawn(task);
            }
            Err(error) => warn!(proxy = ?origin.proxy, %error, "cannot hand a connection over"),
        }
    }
}
