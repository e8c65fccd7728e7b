//! Slow statements and the load that they are.

use wonin_model::{Evidence, Load, Slow};

/// Bytes of a statement that are quoted.
const QUOTE_BYTES_MAX: usize = 60;

/// The templates of a load, those that took most in all first.
pub(crate) fn of_load<'e>(evidence: &'e Evidence, load: &Load) -> Vec<&'e Slow> {
    let same = |slow: &&Slow| slow.source == load.source && slow.service == load.service;
    let mut found: Vec<&Slow> = evidence.slow.iter().filter(same).collect();
    found.sort_by_key(|slow| std::cmp::Reverse(slow.total_us));
    found
}

/// Statements that spent four fifths of their time waiting for locks, by their server's own account.
pub(crate) fn waiters<'e>(slow: &[&'e Slow]) -> Vec<&'e Slow> {
    let waits = |one: &&&Slow| {
        one.lock_us.is_some_and(|lock| lock.saturating_mul(5) >= one.total_us.saturating_mul(4))
    };
    slow.iter().filter(waits).copied().collect()
}

/// Mean duration as logged, in microseconds.
pub(crate) fn mean_us(slow: &Slow) -> u64 {
    slow.total_us / slow.count.max(1)
}

/// A statement as it is quoted in a sentence.
pub(crate) fn quoted(template: &str) -> String {
    let mut end = template.len().min(QUOTE_BYTES_MAX);
    while !template.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < template.len() { "…" } else { "" };
    format!("`{}{more}`", template[..end].replace('`', "'"))
}

/// `1 ms`, `3040 ms`, `0.4 ms`.
pub(crate) fn ms(us: u64) -> String {
    if us >= 10_000 || us.is_multiple_of(1000) {
        format!("{} ms", us / 1000)
    } else {
        format!("{:.1} ms", us as f64 / 1000.0)
    }
}

/// Seconds with one decimal.
pub(crate) fn seconds(us: u64) -> String {
    format!("{:.1}", us as f64 / 1e6)
}
