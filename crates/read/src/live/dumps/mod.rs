//! Thread dumps in all their forms.

pub(super) mod json;
mod stacks;
pub(super) mod text;

/// Threads of one file that are read; a process cannot have more.
pub(super) const THREADS_MAX: usize = 400_000;
