//! Thread dumps in all their forms.

pub(super) mod json;
pub(super) mod plain;
mod stacks;
pub(super) mod text;

/// Threads of one file that are read; a process cannot have more.
pub(super) const THREADS_MAX: usize = 400_000;

/// What virtual threads are called that have no name, which are most of them.
const VIRTUAL: &str = "virtual thread";
