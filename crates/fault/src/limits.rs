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

/// Bytes of one Kafka frame: more than brokers take (`socket.request.max.bytes`, 100 MiB) and than
/// clients usually ask for (`fetch.max.bytes`, 50 MiB).
pub(crate) const FRAME_BYTES: usize = 256 << 20;
/// Bytes of Kafka frames that one direction of a connection holds before it reads no more.
pub(crate) const QUEUE_BYTES: usize = 1 << 20;
/// The same while frames are delayed, so that a delay does not throttle.
pub(crate) const QUEUE_BYTES_DELAYED: usize = 16 << 20;
/// Requests of one connection that wait for their answers; clients keep some five.
pub(crate) const PENDING: usize = 4096;
/// Connections that wait to be accepted.
pub(crate) const BACKLOG: u32 = 1024;
/// Faults of a Kafka proxy at a time.
pub(crate) const KAFKA_FAULTS: usize = 256;
/// Listeners of a Kafka proxy; each is a broker.
pub(crate) const EDGES: usize = 1000;
/// How long a broker may take to tell of the others.
pub(crate) const LEARN: Duration = Duration::from_secs(5);
/// How long a connection outlives its client, so that requests under way still reach the broker.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// How long requests that are held back may outlive their client.
pub(crate) const DRAIN: Duration = Duration::from_mins(10);
/// How long adding or removing a fault waits for listeners to open or close.
pub(crate) const SETTLE: Duration = Duration::from_millis(60);
/// Partitions that a fetch session may have before it is no longer followed.
pub(crate) const SESSION_PARTITIONS: usize = 100_000;
/// Topic ids whose names are known.
pub(crate) const TOPIC_IDS: usize = 100_000;
