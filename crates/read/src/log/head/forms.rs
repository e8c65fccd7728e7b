//! Beginnings of a fixed form that say all by themselves.

use wonin_model::Level;

use super::{Head, Style};
use crate::log::time::{self, Base, Date, Stamp, parse};

/// Whether a word is a severity of PostgreSQL, and of the kind that goes on with the line before.
pub(super) fn postgres(word: &str) -> Option<bool> {
    match word {
        "LOG:" | "FATAL:" | "PANIC:" => Some(false),
        "DETAIL:" | "HINT:" | "STATEMENT:" | "CONTEXT:" | "QUERY:" => Some(true),
        _ => None,
    }
}

/// `E0601 12:00:00.123456       1 file.go:12] text`.
pub(super) fn klog(line: &str, base: Base) -> Option<Head> {
    let bytes = line.as_bytes();
    let level = match bytes.first()? {
        b'I' => Level::Info,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    if bytes.get(5) != Some(&b' ') || !bytes[1..5].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |at: usize| i64::from(bytes[at] - b'0') * 10 + i64::from(bytes[at + 1] - b'0');
    let (month, day) = (number(1), number(3));
    let clock = parse(&bytes[6..], base).filter(|stamp| stamp.date == Date::None)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let ms = clock.ms - base.day * time::DAY_MS + time::days(base.year, month, day) * time::DAY_MS;
    let message = line.find("] ").map_or(6 + clock.len, |at| at + 2);
    let at = Stamp { ms, len: 6 + clock.len, has_zone: false, date: Date::NoYear };
    Some(Head { at: Some(at), level: Some(level), style: Style::Klog, message, continues: false })
}

/// `fail: Category[0]`, whose text is on the next line.
pub(super) fn dotnet(line: &str) -> Option<Head> {
    let level = match line.get(..6)? {
        "info: " | "dbug: " | "trce: " => Level::Info,
        "warn: " => Level::Warning,
        "fail: " | "crit: " => Level::Error,
        _ => return None,
    };
    let is_category = line.ends_with(']') && !line[6..].contains(' ');
    is_category.then_some(Head {
        at: None,
        level: Some(level),
        style: Style::DotNet,
        message: 6,
        continues: false,
    })
}
