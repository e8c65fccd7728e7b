//! What is too small for what is asked of it.

pub(crate) mod connections_exceed_server_limit;
pub(crate) mod full_scan;
pub(crate) mod heap_exceeds_memory;
pub(crate) mod lock_holder_blocks_queue;
pub(crate) mod per_item_burst;
pub(crate) mod pool_exhausted;
pub(crate) mod rate_limited;
pub(crate) mod serial_server_saturated;
pub(crate) mod slow_statement;
pub(crate) mod store_full;
pub(crate) mod threads_exceed_pool;
pub(crate) mod workers_blocked;
