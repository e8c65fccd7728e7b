//! Where a line's own text begins: its time, level, thread and logger are found and passed over.

use wonin_model::Level;

use super::time::{Base, Date, Stamp, parse};

/// What a line's beginning looks like; tells what wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    Plain,
    SpringBoot,
    Kafka,
    ZooKeeper,
    Log4j,
    Postgres,
    MySql,
    Redis,
    NginxError,
    Access,
    Klog,
    Syslog,
    DotNet,
    Logfmt,
    Json,
    Mongo,
}

impl Style {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SpringBoot => "spring-boot",
            Self::Kafka => "kafka",
            Self::ZooKeeper => "zookeeper",
            Self::Log4j => "log4j",
            Self::Postgres => "postgresql",
            Self::MySql => "mysql",
            Self::Redis => "redis",
            Self::NginxError => "nginx-error",
            Self::Access => "access-log",
            Self::Klog => "klog",
            Self::Syslog => "syslog",
            Self::DotNet => "dotnet",
            Self::Logfmt => "logfmt",
            Self::Json => "json",
            Self::Mongo => "mongodb",
        }
    }
}

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
        if self.words & (1 << self.last) != 0
            && let Some(found) = self.stamp_at_word(line, self.last)
        {
            return Some(found);
        }
        let others = (0..=WORDS_MAX).filter(|&word| word != self.last);
        for word in others.filter(|&word| self.words & (1 << word) != 0) {
            if let Some(found) = self.stamp_at_word(line, word) {
                self.last = word;
                return Some(found);
            }
        }
        None
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

/// Syslog's severity: 0 is an emergency, 7 is debug.
pub(super) fn severity(number: i64) -> Level {
    match number {
        ..=3 => Level::Error,
        4 => Level::Warning,
        _ => Level::Info,
    }
}

/// The fields between the time and the text.
struct Fields<'a> {
    line: &'a str,
    at: usize,
    /// Whether the line begins with `[`.
    is_bracketed: bool,
}

impl Fields<'_> {
    fn read(&mut self, head: &mut Head, stamp: Stamp) {
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
        let had_level = head.level.is_some();
        let word = self.word();
        let bare = word.trim_end_matches(':');
        if !had_level && let Some(level) = level_of(bare) {
            let ends_with_colon = word.len() > bare.len();
            head.level = Some(level);
            if let Some(continues) = postgres(word) {
                head.style = Style::Postgres;
                head.continues = continues;
                return false;
            }
            if self.is_bracketed && !ends_with_colon {
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

/// Whether a word is a severity of PostgreSQL, and of the kind that goes on with the line before.
fn postgres(word: &str) -> Option<bool> {
    match word {
        "LOG:" | "FATAL:" | "PANIC:" => Some(false),
        "DETAIL:" | "HINT:" | "STATEMENT:" | "CONTEXT:" | "QUERY:" => Some(true),
        _ => None,
    }
}

/// `E0601 12:00:00.123456       1 file.go:12] text`.
fn klog(line: &str, base: Base) -> Option<Head> {
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
    let ms = clock.ms - base.day * super::time::DAY_MS
        + super::time::days(base.year, month, day) * super::time::DAY_MS;
    let message = line.find("] ").map_or(6 + clock.len, |at| at + 2);
    let at = Stamp { ms, len: 6 + clock.len, has_zone: false, date: Date::NoYear };
    Some(Head { at: Some(at), level: Some(level), style: Style::Klog, message, continues: false })
}

/// `fail: Category[0]`, whose text is on the next line.
fn dotnet(line: &str) -> Option<Head> {
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

/// A level's name, in any case and of any logger.
pub(super) fn level_of(word: &str) -> Option<Level> {
    let bytes = word.as_bytes();
    if bytes.len() > 11 || bytes.is_empty() || !bytes[0].is_ascii_alphabetic() {
        return None;
    }
    let mut upper = [0u8; 11];
    for (into, byte) in upper.iter_mut().zip(bytes) {
        *into = byte.to_ascii_uppercase();
    }
    match &upper[..bytes.len()] {
        b"TRACE" | b"DEBUG" | b"INFO" | b"NOTICE" | b"LOG" | b"NOTE" | b"SYSTEM" | b"FINE"
        | b"FINER" | b"FINEST" | b"CONFIG" | b"VERBOSE" | b"INFORMATION" | b"DEBUG1"
        | b"DETAIL" | b"HINT" | b"STATEMENT" | b"CONTEXT" | b"QUERY" | b"I" | b"D" | b"V"
        | b"DBG" | b"INF" | b"TRC" | b"VRB" => Some(Level::Info),
        b"WARN" | b"WARNING" | b"W" | b"WRN" => Some(Level::Warning),
        b"ERROR" | b"ERR" | b"SEVERE" | b"FATAL" | b"CRITICAL" | b"CRIT" | b"ALERT" | b"EMERG"
        | b"EMERGENCY" | b"PANIC" | b"DPANIC" | b"E" | b"F" | b"FTL" | b"FAILURE" => {
            Some(Level::Error)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(line: &str) -> (Style, Option<Level>, String, bool) {
        let base = Base::of(1_717_200_000_000);
        let mut heads = Heads::learn(std::iter::once(line), base);
        let head = heads.head(line);
        (head.style, head.level, line[head.message..].to_owned(), head.at.is_some())
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn the_text_begins_behind_time_level_and_logger() {
        let (info, warning, error) = (Level::Info, Level::Warning, Level::Error);
        for (line, style, level, message) in [
            (
                "2024-06-01T12:00:00.123+09:00  INFO 1 --- [shop] [main] c.e.ShopApplication                  : Started ShopApplication in 5.2 seconds",
                Style::SpringBoot,
                info,
                "Started ShopApplication in 5.2 seconds",
            ),
            (
                "2024-06-01 12:00:00.123  WARN 1 --- [nio-8080-exec-1] o.a.k.c.NetworkClient : [Producer clientId=p] Bootstrap",
                Style::SpringBoot,
                warning,
                "[Producer clientId=p] Bootstrap",
            ),
            (
                "[2024-06-01 12:00:00,123] INFO [RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)",
                Style::Kafka,
                info,
                "[RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)",
            ),
            (
                "2015-07-29 19:04:29,071 - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker@688] - Send worker leaving thread",
                Style::ZooKeeper,
                warning,
                "Send worker leaving thread",
            ),
            (
                "2024-06-01 12:00:00,123 [myid:1] - INFO  [main:QuorumPeerConfig@135] - Reading",
                Style::ZooKeeper,
                info,
                "Reading",
            ),
            (
                "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Executing with tokens:",
                Style::Log4j,
                info,
                "Executing with tokens:",
            ),
            ("12:00:00.123 [main] ERROR com.example.App -- boom", Style::Log4j, error, "boom"),
            (
                "2024-06-01 12:00:00.123 UTC [42] FATAL:  sorry, too many clients already",
                Style::Postgres,
                error,
                "sorry, too many clients already",
            ),
            (
                "2024-06-01 12:00:00.123 UTC [42] app@shop ERROR:  deadlock detected",
                Style::Postgres,
                error,
                "deadlock detected",
            ),
            (
                "2024-06-01T12:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate",
                Style::MySql,
                warning,
                "CA certificate",
            ),
            (
                "2024-06-01 12:00:00 0 [Note] mariadbd: ready for connections.",
                Style::MySql,
                info,
                "ready for connections.",
            ),
            (
                "1:M 01 Jun 2024 12:00:00.123 # Server initialized",
                Style::Redis,
                warning,
                "Server initialized",
            ),
            (
                "2024/06/01 12:00:00 [error] 29#29: *1 connect() failed (111: Connection refused)",
                Style::NginxError,
                error,
                "*1 connect() failed (111: Connection refused)",
            ),
            (
                "10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a HTTP/1.1\" 502 157",
                Style::Access,
                error,
                "GET /a HTTP/1.1\" 502 157",
            ),
            (
                "[2024-06-01T12:00:00.123Z] \"GET /a HTTP/1.1\" 503 UF 0 91 10 -",
                Style::Access,
                error,
                "GET /a HTTP/1.1\" 503 UF 0 91 10 -",
            ),
            (
                "E0601 12:00:00.123456       1 reflector.go:138] Failed to watch",
                Style::Klog,
                error,
                "Failed to watch",
            ),
            (
                "Jun 14 15:16:02 combo sshd(pam_unix)[19937]: check pass; user unknown",
                Style::Syslog,
                info,
                "check pass; user unknown",
            ),
            (
                "[Sun Dec 04 04:51:08 2005] [notice] jk2_init() Found child",
                Style::Plain,
                info,
                "jk2_init() Found child",
            ),
            ("ERROR: something", Style::Plain, error, "something"),
            (
                "2024-06-01T12:00:00.1Z 2024-06-01 12:00:00 INFO plain text here",
                Style::Plain,
                info,
                "plain text here",
            ),
        ] {
            let seen = head(line);
            assert_eq!(
                (seen.0, seen.1.unwrap_or(info), seen.2.as_str()),
                (style, level, message),
                "{line}"
            );
        }
    }

    #[test]
    fn details_of_postgresql_go_on() {
        let mut heads =
            Heads::learn(std::iter::once("2024-06-01 12:00:00 UTC [1] LOG:  a"), Base::default());
        assert!(
            heads
                .head("2024-06-01 12:00:00 UTC [1] DETAIL:  Process holding the lock: 2.")
                .continues
        );
    }

    #[test]
    fn words_of_the_text_are_no_level() {
        let plain = head("Errors are fine");
        assert_eq!((plain.1, plain.2.as_str()), (None, "Errors are fine"));
        assert_eq!(head("error handling is good").1, None);
    }
}
