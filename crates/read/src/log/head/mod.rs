//! Where a line's own text begins: its time, level, thread and logger are found and passed over.

mod fields;
mod forms;
mod level;
mod style;
#[cfg(test)]
mod tests;

use wonin_model::Level;

use super::time::{Base, Date, Stamp, parse};
use fields::Fields;
use forms::{dotnet, klog};
pub(super) use level::{level_of, severity};
pub(super) use style::Style;

/// What stands before a line's own text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) at: Option<Stamp>,
    pub(super) level: Option<Level>,
    pub(super) style: Style,
    /// Where the text begins.
    pub(super) message: usize,
    /// Whether the line belongs to the one before, though it has a time (PostgreSQL's `DETAIL:`).
    pub(super) continues: bool,
}

/// Finds the heads of one file's lines: where times stand was learned from its first lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) base: Base,
    /// Bit n: a time may be the n-th word (from 0).
    words: u8,
    /// The word where the last one was.
    last: u8,
}

/// Words before a time: `- 1117838570`, `1.2.3.4 - - [`, `nova.log 2024-`.
const WORDS_MAX: u8 = 6;

impl Heads {
    /// Learns from the first lines.
    pub(super) fn learn<'a>(lines: impl Iterator<Item = &'a str>, base: Base) -> Self {
        let mut all = Self { base, words: u8::MAX, last: 0 };
        let mut seen = [0u32; WORDS_MAX as usize + 1];
        let mut total = 0;
        for line in lines {
            if all.stamp(line).is_some() {
                seen[usize::from(all.last)] += 1;
                total += 1;
            }
            all.last = 0;
        }
        let enough = if total < 8 { 1 } else { (total / 20).max(2) };
        let words = (0..=WORDS_MAX).filter(|&word| seen[usize::from(word)] >= enough);
        let words = words.fold(0, |bits, word| bits | 1 << word);
        Self { base, words, last: 0 }
    }

    /// The time of a line: where it begins and what it says.
    pub(super) fn stamp(&mut self, line: &str) -> Option<(usize, Stamp)> {
        let known = (self.words & (1 << self.last) != 0)
            .then(|| self.stamp_at_word(line, self.last))
            .flatten();
        // A clock without a date may have its date at another word.
        if known.is_some_and(|(_, stamp)| stamp.date != Date::None) {
            return known;
        }
        let others = (0..=WORDS_MAX).filter(|&word| word != self.last);
        for word in others.filter(|&word| self.words & (1 << word) != 0) {
            if let Some(found) = self.stamp_at_word(line, word)
                && (known.is_none() || found.1.date != Date::None)
            {
                self.last = word;
                return Some(found);
            }
        }
        known
    }

    fn stamp_at_word(&self, line: &str, word: u8) -> Option<(usize, Stamp)> {
        let bytes = line.as_bytes();
        let mut at = 0;
        for _ in 0..word {
            while !matches!(bytes.get(at)?, b' ' | b'\t' | b'|' | b'=') {
                at += 1;
            }
            while matches!(bytes.get(at)?, b' ' | b'\t' | b'|' | b'=') {
                at += 1;
            }
        }
        while matches!(bytes.get(at)?, b'[' | b'(' | b'"' | b'\'') {
            at += 1;
        }
        parse(&bytes[at..], self.base).map(|stamp| (at, stamp))
    }

    /// The head of a line.
    pub(super) fn head(&mut self, line: &str) -> Head {
        if let Some(head) = klog(line, self.base).or_else(|| dotnet(line)) {
            return head;
        }
        let Some((start, stamp)) = self.stamp(line) else {
            return bare(line);
        };
        let bytes = line.as_bytes();
        let mut end = start + stamp.len;
        let mut stamp = stamp;
        while matches!(bytes.get(end), Some(b']' | b')' | b'"' | b'\'' | b' ' | b',' | b'|')) {
            end += 1;
        }
        // A second time follows where an engine put its own before the program's.
        if bytes.get(end).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'[') {
            let at = end + usize::from(bytes[end] == b'[');
            if let Some(second) = parse(&bytes[at..], self.base)
                && second.len >= 19
                && second.date == Date::Full
            {
                end = at + second.len;
                stamp = Stamp { has_zone: second.has_zone, ..second };
                while matches!(bytes.get(end), Some(b']' | b' ')) {
                    end += 1;
                }
            }
        }
        let mut head = Head {
            at: Some(stamp),
            level: None,
            style: Style::Plain,
            message: end,
            continues: false,
        };
        // .NET's console with a format of its own for times.
        if let Some(inner) = dotnet(&line[end..]) {
            return Head { at: Some(stamp), message: end + inner.message, ..inner };
        }
        before(&line[..start], &mut head);
        Fields { line, at: end, is_bracketed: bytes.first() == Some(&b'[') }.read(&mut head, stamp);
        if head.message >= line.len() {
            head.message = end.min(line.len());
        }
        head
    }
}

/// A line without a time.
fn bare(line: &str) -> Head {
    let mut head =
        Head { at: None, level: None, style: Style::Plain, message: 0, continues: false };
    let mut rest = line;
    // `[error] text`, `ERROR: text`, `ERROR text`, `WARN  - text`.
    for _ in 0..2 {
        let (word, after) = match rest.strip_prefix('[') {
            Some(inner) => match inner.split_once(']') {
                Some((word, after)) if word.len() <= 40 => (word, after),
                _ => break,
            },
            None => {
                let end = rest.find([' ', ':']).unwrap_or(rest.len());
                (&rest[..end], rest[end..].trim_start_matches(':'))
            }
        };
        if let Some(level) = level_of(word.trim()) {
            let is_sure = rest.starts_with('[')
                || word.bytes().all(|byte| byte.is_ascii_uppercase())
                || rest[word.len()..].starts_with(':');
            if is_sure {
                head.level = Some(level);
                head.message = line.len() - after.trim_start_matches([' ', '-', ':']).len();
            }
            break;
        }
        if !rest.starts_with('[') {
            break;
        }
        rest = after.trim_start();
    }
    head
}

/// What stands before the time: `INFO 2024-…`, `<34>1 2024-…`, `1:M 01 Jan …`.
fn before(prefix: &str, head: &mut Head) {
    let word = prefix.split([' ', '|']).next().unwrap_or("");
    if word.is_empty() {
        return;
    }
    if let Some(priority) = word.strip_prefix('<').and_then(|rest| rest.split('>').next())
        && let Ok(priority) = priority.parse::<u16>()
    {
        head.style = Style::Syslog;
        head.level = Some(severity(i64::from(priority & 7)));
        return;
    }
    let is_redis = word.split_once(':').is_some_and(|(pid, role)| {
        pid.bytes().all(|byte| byte.is_ascii_digit()) && matches!(role, "M" | "C" | "S" | "X")
    });
    if is_redis {
        head.style = Style::Redis;
    } else {
        head.level = level_of(word.trim_matches(['[', ']', ':']));
    }
}
