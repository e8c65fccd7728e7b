//! What breaks things, on purpose and provably: the TCP fault proxy, and the one that knows Kafka;
//! faults on processes and containers.
//!
//! An [`Engine`] owns proxies. Each listens, connects every client to its upstream, and holds
//! faults that connections meet in order: delays, limits, black holes, resets, refusals. Faults are
//! added, changed and removed while bytes flow; [`api::serve`] offers that over Toxiproxy's HTTP
//! API. Every fault counts whom it hit, and one seed fixes all that is left to chance.
//!
//! An [`inject::Injector`] breaks processes and containers; [`undo`] puts them back, whatever happens
//! to who broke them.
//!
//! This crate touches the world and knows nothing of failure modes.

mod address;
pub mod api;
#[cfg(target_os = "linux")]
mod container;
mod direct;
mod draw;
mod engine;
mod error;
mod hits;
pub mod inject;
mod input;
pub mod kafka;
mod limits;
mod open;
#[cfg(target_os = "linux")]
mod process;
mod tcp;
pub mod undo;
mod written;

pub use direct::{TcpFault, TcpHits, check_addresses};
pub use engine::{Engine, Options};
pub use error::Error;
pub use limits::CONNECTIONS as CONNECTIONS_DEFAULT;
pub use tcp::workers::workers_for;
pub use written::Written;

/// Lets the process have as many descriptors as it may; two are needed for each connection. Gives
/// their number where the system tells.
pub fn raise_descriptor_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current }
    }
    #[cfg(not(unix))]
    None
}
