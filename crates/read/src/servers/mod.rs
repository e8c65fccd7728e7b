//! Programs behind container services, and the settings that decide how they fail.

mod command;
mod container;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use command::{Words, expand_text};
pub(crate) use container::Container;
