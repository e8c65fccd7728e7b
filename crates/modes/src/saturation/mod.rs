//! What is too small for what is asked of it.

pub(crate) mod connections_exceed_server_limit;
pub(crate) mod heap_exceeds_memory;
pub(crate) mod pool_exhausted;
pub(crate) mod threads_exceed_pool;
