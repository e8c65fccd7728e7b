//! Words and predicates that several modes need.

pub(crate) mod addresses;
pub(crate) mod edits;
pub(crate) mod hosts;
pub(crate) mod kafka;
pub(crate) mod words;
