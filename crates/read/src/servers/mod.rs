//! Programs behind container services, and the settings that decide how they fail.

mod command;
mod mounts;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use command::Words;
pub(crate) use mounts::{mounted, mounted_below};
