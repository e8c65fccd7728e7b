//! Every bound of the proxy in one place, with the reason for its size.

use std::time::Duration;

/// Proxies in one process: each owns a listener, a person owns dozens.
pub(crate) const PROXIES: usize = 1000;
/// Faults on one proxy: each costs a pass over the bytes.
pub(crate) const TOXICS: usize = 64;
/// Removed faults whose hits a proxy still tells.
pub(crate) const RETIRED: usize = 256;
/// Bytes of a name.
pub(crate) const NAME_BYTES: usize = 256;

/// Connections in all, unless the caller says otherwise; two descriptors each.
pub const CONNECTIONS: usize = 16_384;

/// Bytes that most faults hold back for one direction of one connection.
pub(crate) const HELD_BYTES: usize = 64 << 10;
/// Bytes that a delay may hold, so that it delays without throttling: 640 MB/s at 50 ms. Toxiproxy
/// allows the same (1024 chunks of 32 KiB).
pub(crate) const HELD_BYTES_DELAYED: usize = 32 << 20;
/// What a delay may hold once all connections together hold [`HELD_BYTES_ALL`].
pub(crate) const HELD_BYTES_SCARCE: usize = 256 << 10;
/// Bytes held back by all connections together before they must do with less.
pub(crate) const HELD_BYTES_ALL: usize = 256 << 20;
/// What a chunk costs besides its bytes, so that tiny ones do not escape the bounds.
pub(crate) const CHUNK_OVERHEAD_BYTES: usize = 96;

/// Bytes read at a time.
pub(crate) const READ_BYTES: usize = 64 << 10;
/// Bytes that wait to be written before reading pauses.
pub(crate) const OUT_BYTES: usize = 64 << 10;
/// Rounds of reading and writing before other connections have their turn.
pub(crate) const TURNS: usize = 16;

/// How long connecting to the upstream may take.
pub(crate) const DIAL: Duration = Duration::from_mins(1);
/// How long a name may take to resolve while a request waits for it.
pub(crate) const RESOLVE: Duration = Duration::from_secs(5);
/// How long a request waits for the connections of a stopped proxy to be gone.
pub(crate) const STOP: Duration = Duration::from_millis(50);
/// How long accepting pauses when descriptors ran out.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes of a request body.
pub(crate) const BODY_BYTES: usize = 1 << 20;
/// Bytes of a request's head.
pub(crate) const HEAD_BYTES: usize = 16 << 10;
/// Headers of a request.
pub(crate) const HEADERS: usize = 64;
/// Connections to the control API at a time.
pub(crate) const API_CONNECTIONS: usize = 256;
/// How long a request may take to arrive, as Toxiproxy's `read_timeout`.
pub(crate) const API_READ: Duration = Duration::from_secs(15);
