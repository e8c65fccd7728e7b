//! The fields between a line's time and its text: level, thread, logger, process, tag.

use wonin_model::Level;

use super::forms::postgres;
use super::{Head, Style, bare, level_of};
use crate::log::time::{Date, Stamp};

/// The fields between the time and the text.
pub(super) struct Fields<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
    /// Whether the line begins with `[`.
    pub(super) is_bracketed: bool,
}

impl Fields<'_> {
    pub(super) fn read(&mut self, head: &mut Head, stamp: Stamp) {
        let bytes = self.line.as_bytes();
        if bytes.get(self.at.wrapping_sub(1)) == Some(&b'"') || bytes.get(self.at) == Some(&b'"') {
            self.request(head);
            return;
        }
        if head.style == Style::Redis {
            self.redis(head);
            return;
        }
        let is_syslog = stamp.date == Date::NoYear && self.line.as_bytes()[0].is_ascii_uppercase();
        if is_syslog {
            head.style = Style::Syslog;
            self.word();
            self.skip();
            self.tag();
            head.message = self.at;
            head.level = head.level.or_else(|| bare(&self.line[self.at..]).level);
            return;
        }
        for _ in 0..12 {
            self.skip();
            head.message = self.at;
            let goes_on = match bytes.get(self.at) {
                None => false,
                Some(b'[') => self.bracket(head),
                Some(_) => self.plain(head),
            };
            if !goes_on {
                break;
            }
        }
        self.skip();
        head.message = head.message.max(self.at);
    }

    /// Passes over space and what separates fields.
    fn skip(&mut self) {
        let bytes = self.line.as_bytes();
        loop {
            let rest = &bytes[self.at..];
            match rest {
                [b' ' | b'\t' | b'|', ..] => self.at += 1,
                [b'-' | b':', b' ', ..] => self.at += 2,
                [b'-', b'-', b'-', b' ', ..] => self.at += 4,
                [b'-', b'-', b' ', ..] => self.at += 3,
                _ => return,
            }
        }
    }

    /// The next word; it is passed over.
    fn word(&mut self) -> &str {
        let start = self.at;
        let rest = &self.line.as_bytes()[start..];
        let len = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'|'));
        self.at += len.unwrap_or(rest.len());
        &self.line[start..self.at]
    }

    /// `[…]`; says whether the text is still to come.
    fn bracket(&mut self, head: &mut Head) -> bool {
        let bytes = self.line.as_bytes();
        let start = self.at + 1;
        let mut depth = 1;
        let bound = bytes.len().min(start + 200);
        let mut end = start;
        while end < bound && depth > 0 {
            match bytes[end] {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            end += 1;
        }
        if depth > 0 {
            return false;
        }
        let inner = self.line[start..end - 1].trim();
        let level = level_of(inner.rsplit(':').next().unwrap_or(inner));
        // Kafka puts what writes at the front of the text itself.
        if level.is_none()
            && self.is_bracketed
            && head.level.is_some()
            && head.style == Style::Kafka
        {
            return false;
        }
        if head.level.is_none() {
            head.level = level;
        }
        if inner.starts_with("MY-") || inner == "Note" || inner == "System" {
            head.style = Style::MySql;
        }
        if inner.starts_with("myid") || inner.contains('@') && head.style == Style::Plain {
            head.style = Style::ZooKeeper;
        }
        self.at = end;
        if bytes.get(self.at) == Some(&b':') {
            self.at += 1;
        }
        true
    }

    /// A word outside brackets; says whether the text is still to come.
    fn plain(&mut self, head: &mut Head) -> bool {
        let start = self.at;
        let (had_level, is_bracketed) = (head.level.is_some(), self.is_bracketed);
        let word = self.word();
        let bare = word.trim_end_matches(':');
        // Celery: `[2024-06-01 12:00:00,123: ERROR/MainProcess] text`.
        let of_process = bare.strip_suffix(']').and_then(|inner| inner.split_once('/'));
        let bare = of_process.map_or(bare, |(level, _)| level);
        if !had_level && let Some(level) = level_of(bare) {
            let ends_with_colon = word.ends_with(':');
            head.level = Some(level);
            if let Some(continues) = postgres(word) {
                head.style = Style::Postgres;
                head.continues = continues;
                return false;
            }
            if is_bracketed && !ends_with_colon && of_process.is_none() {
                head.style = Style::Kafka;
            }
            // PostgreSQL with a prefix of its own: `app@shop ERROR:  text`.
            if ends_with_colon && self.line[self.at..].starts_with("  ") {
                head.style = Style::Postgres;
                return false;
            }
            return true;
        }
        if let Some(continues) = postgres(word) {
            head.style = Style::Postgres;
            head.continues = continues;
            return false;
        }
        let word = &self.line[start..self.at];
        if word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'#' | b':')) {
            if word.contains('#') {
                head.style = Style::NginxError;
                return false;
            }
            let spring = self.line.as_bytes()[self.at..].starts_with(b" --- ");
            if spring {
                head.style = Style::SpringBoot;
            }
            return true;
        }
        self.logger(word.len(), head, start)
    }

    /// `org.example.Class:`, `o.e.Class   :`, `o.e.Class -`.
    fn logger(&mut self, len: usize, head: &mut Head, start: usize) -> bool {
        let word = &self.line[start..start + len];
        let is_name = word.len() > 1
            && word.bytes().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'.' | b'_' | b'$' | b'@' | b'-' | b':' | b'[' | b']' | b'/')
            });
        let rest = &self.line[self.at..];
        let separated = rest.trim_start_matches(' ');
        let is_followed = separated.starts_with(": ")
            || separated.starts_with("- ")
            || separated.starts_with("-- ");
        let ends = word.ends_with(':') || (is_followed && word.contains('.'));
        // A pid and its user, PostgreSQL's `user@db`, stand before the level.
        let is_user = head.level.is_none() && word.contains('@') && !word.ends_with(':');
        if is_name && (ends || is_user || (word.contains('.') && word.contains('$'))) {
            if head.style == Style::Plain && ends && word.contains('.') && head.level.is_some() {
                head.style = Style::Log4j;
            }
            if !ends {
                return true;
            }
            return false;
        }
        self.at = start;
        false
    }

    /// `sshd(pam_unix)[19937]:`.
    fn tag(&mut self) {
        let start = self.at;
        let word = self.word();
        if !word.ends_with(':') {
            self.at = start;
        }
        self.skip();
    }

    /// `1:M 01 Jan 2024 12:00:00.000 # text`.
    fn redis(&mut self, head: &mut Head) {
        self.at = self.at.min(self.line.len());
        let sign = self.line.as_bytes().get(self.at).copied();
        if matches!(sign, Some(b'.' | b'-' | b'*' | b'#')) {
            head.level = Some(if sign == Some(b'#') { Level::Warning } else { Level::Info });
            self.at += 1;
        }
        self.skip();
        head.message = self.at;
    }

    /// `"GET /path HTTP/1.1" 502 157 …`.
    fn request(&mut self, head: &mut Head) {
        let line = self.line.as_bytes();
        let start = if line.get(self.at) == Some(&b'"') { self.at + 1 } else { self.at };
        head.message = start.min(line.len());
        let Some(len) = self.line[head.message..].find('"') else {
            return;
        };
        let status = self.line[head.message + len + 1..].trim_start();
        let code: &str = status.get(..3).unwrap_or("");
        let is_code = code.bytes().all(|byte| byte.is_ascii_digit()) && code.len() == 3;
        if is_code && self.line[head.message..head.message + len].contains("HTTP/") {
            head.style = Style::Access;
            head.level = Some(match code.as_bytes() {
                [b'5', ..] => Level::Error,
                b"499" | b"460" | b"429" => Level::Warning,
                _ => Level::Info,
            });
        }
    }
}
