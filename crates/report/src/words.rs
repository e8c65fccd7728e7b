//! The words of the contract for the terms of the model.

use std::borrow::Cow;
use std::fmt::Write as _;

use wonin_model::{Role, Severity, Standing};

/// `critical`, `high`, `medium`, `low`.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

/// `cause`, `contributing`, `latent`, `symptom`.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Cause => "cause",
        Role::Contributing => "contributing",
        Role::Latent => "latent",
        Role::Symptom => "symptom",
    }
}

/// `predicted`, `observed`, `confirmed`.
pub fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Predicted => "predicted",
        Standing::Observed => "observed",
        Standing::Confirmed => "confirmed",
    }
}

/// `1 finding`, `3 findings`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Control characters (an escape sequence in a file must not reach a terminal) as visible signs;
/// line breaks become spaces.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() || is_direction_mark(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The text of a file with its control characters as visible signs of the same number of bytes, so
/// that offsets stay right.
pub(crate) fn same_size(text: &str) -> Cow<'_, str> {
    let sign = |c: char| match (c, c.len_utf8()) {
        ('\n' | '\r' | '\t', _) => c,
        (c, 1) if c.is_control() => '?',
        (c, 2) if c.is_control() => '·',
        (c, 3) if is_direction_mark(c) => '•',
        _ => c,
    };
    if text.chars().all(|c| sign(c) == c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(sign).collect())
}

/// Marks that make text read in another order than it is written.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `limit` characters, with an ellipsis where something was cut.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Breaks a sentence at spaces so that no line is wider than `width` columns; lines after the
/// first begin with `indent`. A word wider than a line stands alone.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let size = columns(word);
        if used > 0 && used + 1 + size > width {
            out.push('\n');
            out.push_str(indent);
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += size;
    }
    out
}

/// Columns on a terminal: wide East Asian characters take two.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x20000..=0x3fffd)
}

/// `3 critical, 1 low`, the worst first, without those that are none.
pub(crate) fn tally(counts: &[(Severity, usize)]) -> String {
    let mut out = String::new();
    for (severity, n) in counts.iter().filter(|(_, n)| *n > 0) {
        let comma = if out.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        _ = write!(out, "{comma}{n} {}", severity_name(*severity));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_at_spaces() {
        assert_eq!(wrap("one two three", 7, "  "), "one two\n  three");
        assert_eq!(wrap("원인 원인", 6, ""), "원인\n원인");
        assert_eq!(wrap("", 6, ""), "");
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb c");
    }
}
