//! Files to evidence.
//!
//! One module per format turns text into a `fragment::Fragment`; then the joiners put fragments together
//! into the stack: Compose projects first, the programs that their services run next, applications
//! and clients last. Nothing here touches a disk: the caller hands in [`Files`].

mod apps;
mod build;
mod compose;
mod dockerfile;
mod fragment;
mod java;
mod kafka;
mod kubernetes;
mod live;
mod log;
mod memory;
mod nginx;
mod paths;
mod pipeline;
mod scripts;
mod servers;
mod spring;
mod streams;
mod terraform;
mod words;

pub use log::{group_messages, is_log_head, signal_names};
pub use memory::MemoryFiles;
pub use pipeline::{Files, read};
