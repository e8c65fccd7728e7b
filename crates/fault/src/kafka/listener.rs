//! Accepts clients of one broker, or refuses them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::{TcpListener, TcpSocket};
use tracing::{debug, warn};

use super::connection;
use super::core::{Core, Edge};
use super::plan::{self, Hit};
use super::words::Act;
use crate::limits;
use crate::open::Open;
use crate::tcp::socket::reset_on_drop;

/// What stands at the address of a listener.
enum State {
    /// Clients are accepted.
    Open(TcpListener),
    /// Nobody listens, so that clients are refused; the port is still taken.
    Refused(TcpSocket),
    /// The port could not be taken back yet.
    Lost,
}

/// Serves a listener until the proxy stops.
pub(crate) async fn serve(core: Arc<Core>, edge: Arc<Edge>, listener: std::net::TcpListener) {
    let mut state = match TcpListener::from_std(listener) {
        Ok(listener) => State::Open(listener),
        Err(error) => {
            warn!(node = %edge.node, %error, "cannot listen");
            return;
        }
    };
    let mut plan = core.plan.subscribe();
    loop {
        let now = Arc::clone(&plan.borrow_and_update());
        let refused = core.refuses(&now, &edge);
        state = follow(state, &edge, refused);
        if refused {
            mark(&now, core.broker(&edge));
        }
        core.apply(&edge, now.revision);
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            is_there = plan::changed(&mut plan) => if !is_there { return },
            () = accept(&core, &edge, &state) => {}
        }
    }
}

/// Opens or closes.
fn follow(state: State, edge: &Edge, refused: bool) -> State {
    let next = match (state, refused) {
        (State::Open(listener), true) => {
            drop(listener);
            bind(edge).map(State::Refused)
        }
        (State::Refused(socket), false) => listen(socket).map(State::Open),
        (State::Lost, false) => bind(edge).and_then(listen).map(State::Open),
        (state, _) => Ok(state),
    };
    next.unwrap_or_else(|error| {
        warn!(node = %edge.node, listen = %edge.listen, %error, "cannot take the port back yet");
        State::Lost
    })
}

fn bind(edge: &Edge) -> io::Result<TcpSocket> {
    let socket = if edge.listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(edge.listen)?;
    Ok(socket)
}

fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(limits::BACKLOG)
}

/// Who was refused is not seen; that the listener was closed counts in its place.
fn mark(plan: &plan::Plan, broker: Option<i32>) {
    let now = tokio::time::Instant::now();
    for rule in &plan.rules {
        if matches!(rule.fault.act, Act::Refuse {}) && rule.is_on(broker) && rule.is_open(now) {
            let is_first = rule.hits.count().connections == 0;
            rule.hits.mark(Hit::Connection, is_first);
        }
    }
}

/// Accepts until something is to be looked at again.
async fn accept(core: &Arc<Core>, edge: &Arc<Edge>, state: &State) {
    let listener = match state {
        State::Open(listener) => listener,
        State::Refused(_) => return std::future::pending().await,
        State::Lost => return tokio::time::sleep(limits::ACCEPT_PAUSE).await,
    };
    loop {
        let (client, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Either the client gave up meanwhile, or descriptors ran out: then wait for some.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    warn!(node = %edge.node, %error, "cannot accept");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let ordinal = edge.accepted.fetch_add(1, Relaxed) + 1;
        let Some(open) = Open::new(&core.open, &edge.open, limits::CONNECTIONS) else {
            warn!(node = %edge.node, %peer, limit = limits::CONNECTIONS, "too many connections, reset");
            reset_on_drop(&client);
            continue;
        };
        debug!(node = %edge.node, %peer, ordinal, "accepted");
        match client.into_std() {
            Ok(client) => {
                let task = connection::serve(Arc::clone(core), Arc::clone(edge), client, open);
                core.workers.next().spawn(core.tasks.track_future(task));
            }
            Err(error) => warn!(node = %edge.node, %error, "cannot hand a connection over"),
        }
    }
}
