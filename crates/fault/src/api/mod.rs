//! The control API: Toxiproxy's, so that its clients work unchanged, and `GET /hits` and `/kafka/…`
//! beside it.
//!
//! Statuses, bodies and their quirks are those of Toxiproxy 2.12 (`api.go`). Differences are only
//! where it would crash, or let other machines in.

mod json;
mod kafka;
mod metrics;
mod route;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use crate::engine::Engine;
use crate::kafka::KafkaProxy;
use crate::limits;

/// The version of Toxiproxy whose API this is.
pub const VERSION: &str = "2.12.0";

/// What is steered.
#[derive(Clone, Debug)]
pub struct Control {
    /// The TCP proxies.
    pub engine: Arc<Engine>,
    /// The proxy before a Kafka cluster.
    pub kafka: Option<KafkaProxy>,
    /// Whether `GET /metrics` is offered.
    pub with_metrics: bool,
}

/// Answers requests until the future is dropped.
pub async fn serve(control: Control, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(limits::API_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept a request");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers must not wait for the peer's acknowledgement.
        _ = stream.set_nodelay(true);
        let control = control.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let control = control.clone();
                async move {
                    let line = format!("{} {}", request.method(), request.uri().path());
                    let response = route::answer(&control, request).await;
                    debug!(%peer, status = response.status().as_u16(), request = line, "answered");
                    Ok::<Response<Full<Bytes>>, Infallible>(response)
                }
            });
            let outcome = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits::API_READ)
                .max_buf_size(limits::HEAD_BYTES)
                .max_headers(limits::HEADERS)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = outcome {
                debug!(%peer, %error, "request given up");
            }
            drop(slot);
        });
    }
}

/// Binds the address of the control API: loopback only, unless others are allowed.
pub async fn bind(address: &str, allow_remote: bool) -> io::Result<TcpListener> {
    let address = crate::address::listen(address, allow_remote)
        .await
        .map_err(|error| io::Error::other(error.message))?;
    TcpListener::bind(address).await
}
