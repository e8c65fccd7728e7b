//! One client and its upstream, from the first packet to the last.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::chain::Wanted;
use super::faults::Start;
use super::link::{Link, State};
use super::plan::{Direction, Plan, Toxic, Traffic};
use super::shape::{Carry, Shape};
use super::socket;
use crate::address;
use crate::draw::Draws;
use crate::engine::Shared;
use crate::hits::Marker;
use crate::limits;
use crate::open::Open;

/// What a connection knows of its proxy.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) proxy: Arc<str>,
    pub(crate) upstream: Arc<str>,
    pub(crate) plan: watch::Receiver<Arc<Plan>>,
    pub(crate) stop: CancellationToken,
    pub(crate) traffic: Arc<Traffic>,
    /// The how manieth connection of the proxy it is, from 1.
    pub(crate) ordinal: u64,
}

/// Serves a client until both directions have ended or the proxy stops.
pub(crate) async fn serve(client: std::net::TcpStream, mut origin: Origin, open: Open) {
    let stop = origin.stop.clone();
    let work = async {
        let client = TcpStream::from_std(client)?;
        hold(&mut origin).await;
        let upstream = match dial(&origin).await {
            Ok(upstream) => upstream,
            Err(error) => {
                origin.traffic.dials_failed.fetch_add(1, Relaxed);
                warn!(proxy = ?origin.proxy, upstream = %origin.upstream, %error, "cannot reach the upstream");
                return Ok(());
            }
        };
        for stream in [&client, &upstream] {
            stream.set_nodelay(true)?;
        }
        // Boxed, so that connections that wait for their upstream are small.
        Box::pin(Connection::new([client, upstream], origin).run()).await;
        std::io::Result::Ok(())
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

/// Waits while a fault forbids to call the upstream.
async fn hold(origin: &mut Origin) {
    let mut markers = Vec::new();
    loop {
        let plan = Arc::clone(&origin.plan.borrow_and_update());
        let Some(toxic) = plan.all().find(|toxic| toxic.fault.holds() && origin.is_hit_by(toxic))
        else {
            return;
        };
        if !markers.contains(&toxic.id) {
            markers.push(toxic.id);
            origin.marker(toxic).mark(0, Instant::now());
        }
        if origin.plan.changed().await.is_err() {
            return;
        }
    }
}

async fn dial(origin: &Origin) -> std::io::Result<TcpStream> {
    let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let connect = async {
        let addresses = address::upstream(&origin.upstream, origin.shared.allow_remote).await?;
        TcpStream::connect(&addresses[..] as &[SocketAddr]).await
    };
    tokio::time::timeout(limits::DIAL, connect).await.map_err(|_| timed_out())?
}

impl Origin {
    /// Whether chance gives the fault to this connection. It stays so, whatever changes.
    fn is_hit_by(&self, toxic: &Toxic) -> bool {
        let purpose = format!("{} toxicity", toxic.name);
        let mut draws = Draws::new(self.shared.seed, &self.proxy, &purpose, self.ordinal);
        draws.unit() < f64::from(toxic.toxicity)
    }

    fn marker(&self, toxic: &Toxic) -> Marker {
        Marker::new(Arc::clone(&toxic.hits), self.shared.clock)
    }
}

/// Two sockets and what is between them.
struct Connection {
    /// Client, upstream.
    streams: [TcpStream; 2],
    /// By [`Direction::index`].
    links: [Link; 2],
    origin: Origin,
    timer: Option<Pin<Box<Sleep>>>,
}

/// How a connection ended.
enum Ended {
    Closed,
    Reset,
}

impl Connection {
    fn new(streams: [TcpStream; 2], origin: Origin) -> Self {
        let link = |direction| {
            let (traffic, held) = (Arc::clone(&origin.traffic), Arc::clone(&origin.shared.held));
            Link::new(direction, traffic, held)
        };
        Self { links: Direction::ALL.map(link), streams, origin, timer: None }
    }

    async fn run(mut self) {
        let mut plan = self.origin.plan.clone();
        self.change(&plan.borrow_and_update());
        let ended = loop {
            if let Some(ended) = self.carry(&mut plan).await {
                break ended;
            }
            let now = Arc::clone(&plan.borrow_and_update());
            self.change(&now);
        };
        for stream in &self.streams {
            match ended {
                Ended::Closed => socket::close(stream),
                Ended::Reset => socket::reset_on_drop(stream),
            }
        }
    }

    /// Carries bytes until the connection ends, or the faults change.
    async fn carry(&mut self, plan: &mut watch::Receiver<Arc<Plan>>) -> Option<Ended> {
        let newest = plan.clone();
        let interrupted = || newest.has_changed().unwrap_or(true);
        let mut changed = std::pin::pin!(plan.changed());
        tokio::select! {
            biased;
            // Nobody can change the plan any more when the proxy is gone.
            changed = &mut changed => changed.is_err().then_some(Ended::Closed),
            ended = poll_fn(|cx| self.poll(cx, &interrupted)) => Some(ended),
        }
    }

    /// Takes on the faults of the plan.
    fn change(&mut self, plan: &Plan) {
        let now = Instant::now();
        for (toxics, link) in plan.toxics.iter().zip(&mut self.links) {
            let origin = &self.origin;
            let hit =
                toxics.iter().filter(|toxic| !toxic.fault.refuses() && origin.is_hit_by(toxic));
            let hit: Vec<_> = hit.map(|toxic| Maker { toxic, origin, now }).collect();
            let shapes: Vec<_> = hit.iter().map(|maker| |carry| maker.shape(carry)).collect();
            let markers: Vec<_> = hit.iter().map(|maker| || origin.marker(maker.toxic)).collect();
            let wanted: Vec<_> = hit
                .iter()
                .zip(&shapes)
                .zip(&markers)
                .map(|((maker, shape), marker)| {
                    let (id, revision) = (maker.toxic.id, maker.toxic.revision);
                    Wanted { id, revision, shape, marker }
                })
                .collect();
            link.chain.change(&wanted, &mut link.out, now);
            link.recount();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, interrupted: &dyn Fn() -> bool) -> Poll<Ended> {
        loop {
            let [client, upstream] = &self.streams;
            let [up, down] = &mut self.links;
            let states = [
                up.poll(cx, [client, upstream], interrupted),
                down.poll(cx, [upstream, client], interrupted),
            ];
            if states.contains(&State::Reset) {
                return Poll::Ready(Ended::Reset);
            }
            if states.contains(&State::Closed) {
                return Poll::Ready(Ended::Closed);
            }
            if states == [State::Done; 2] {
                let reset = self.links.iter().any(|link| link.peer_reset);
                return Poll::Ready(if reset { Ended::Reset } else { Ended::Closed });
            }
            let dues = states.iter().filter_map(|state| match state {
                State::Open(due) => *due,
                _ => None,
            });
            let Some(due) = dues.min() else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Makes the shape of a fault for one connection.
struct Maker<'a> {
    toxic: &'a Toxic,
    origin: &'a Origin,
    now: Instant,
}

impl Maker<'_> {
    fn shape(&self, carry: Carry) -> Box<dyn Shape> {
        let Origin { shared, proxy, ordinal, .. } = self.origin;
        let draws = Draws::new(shared.seed, proxy, &self.toxic.name, *ordinal);
        self.toxic.fault.shape(Start { now: self.now, draws, carry })
    }
}
