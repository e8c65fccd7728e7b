//! What is made again and again and never given back.

pub(crate) mod connection_leak;
pub(crate) mod native_thread_limit;
pub(crate) mod open_files_limit;
pub(crate) mod thread_leak;
