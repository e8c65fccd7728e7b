//! Names and ports that continue a row: `kafka2` after `kafka`, 9094 after 9092 and 9093.

use std::ops::Range;

/// A name that continues a row, and its number: `kafka3` and 3 after `kafka2`. `members` is how
/// many the row has, for names without a number.
pub(super) fn sequel(name: &str, members: usize, is_taken: impl Fn(&str) -> bool) -> (String, u64) {
    let run = last_number(name);
    let mut number = match &run {
        Some(run) => name[run.clone()].parse().unwrap_or(0),
        None => members as u64,
    };
    loop {
        number += 1;
        let next = match &run {
            Some(run) => with_number(name, run, number),
            None => format!("{name}{}{number}", joint(name)),
        };
        if !is_taken(&next) {
            return (next, number);
        }
    }
}

/// How a text that belongs to `old` reads for `new`: with the new name where the old one is in it,
/// else with the next number.
pub(super) fn renamed(
    text: &str,
    (old, new): (&str, &str),
    number: u64,
    is_taken: impl Fn(&str) -> bool,
) -> String {
    if let Some(at) = find_name(text, old) {
        let next = format!("{}{new}{}", &text[..at.start], &text[at.end..]);
        if !is_taken(&next) {
            return next;
        }
    }
    let direct = match last_number(text) {
        Some(run) => with_number(text, &run, number),
        None => format!("{text}{}{number}", joint(text)),
    };
    if is_taken(&direct) { sequel(text, 1, is_taken).0 } else { direct }
}

/// Where a name stands in a text that joins names: not within a longer word or number.
pub(super) fn find_name(text: &str, name: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find(name) {
        let range = from + at..from + at + name.len();
        let before = text[..range.start].chars().next_back();
        let after = text[range.end..].chars().next();
        if !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric) {
            return Some(range);
        }
        from = range.end;
    }
    None
}

/// A text in which hosts that are dialled (`//kafka2:9092`, `=kafka2:9092`, `nc -z kafka2 9092`,
/// `/dev/tcp/kafka2/9092`) have other names; `None` where it has none of them.
pub(super) fn reworded(text: &str, words: &[(String, String)]) -> Option<String> {
    let mut out = text.to_owned();
    for (old, new) in words {
        let mut from = 0;
        while let Some(at) = out.get(from..).and_then(|rest| rest.find(old.as_str())) {
            let range = from + at..from + at + old.len();
            from = range.end;
            if is_host(&out, &range) {
                from = range.start + new.len();
                out.replace_range(range, new);
            }
        }
    }
    (out != text).then_some(out)
}

/// Whether the bytes are the host of something to dial.
fn is_host(text: &str, range: &Range<usize>) -> bool {
    let (before, after) = (&text[..range.start], &text[range.end..]);
    if before.ends_with("/dev/tcp/") {
        return after.strip_prefix('/').is_some_and(begins_with_port);
    }
    let begins = before.is_empty()
        || before.ends_with("//")
        || before.ends_with([' ', '"', '\'', ',', '=', '[', '(', '@']);
    // As words of their own: `kafka2 9092`, `"kafka2", "9092"`, and as the lines of a list.
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '-');
    let next = after.trim_start_matches(is_gap);
    let gap = &after[..after.len() - next.len()];
    let is_pair = gap.contains(char::is_whitespace) && !gap.starts_with('-');
    begins
        && (after.strip_prefix(':').is_some_and(begins_with_port)
            || (is_pair && begins_with_port(next)))
}

/// A port, or a variable that holds one.
fn begins_with_port(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !text[digits..].starts_with(|c: char| c.is_alphanumeric() || c == '.');
    text.starts_with('$') || ((2..=5).contains(&digits) && ends)
}

/// The host port after the last of a row: the row's step on, or the next free one.
pub(super) fn next_port(last: u16, row: &[u16], is_taken: impl Fn(u16) -> bool) -> Option<u16> {
    let before = row.iter().filter(|&&port| port < last).max();
    let step = before.map_or(1, |before| last - before);
    let stepped = last.checked_add(step).filter(|&port| !is_taken(port));
    stepped.or_else(|| (last..u16::MAX).map(|port| port + 1).find(|&port| !is_taken(port)))
}

/// The last run of digits.
fn last_number(text: &str) -> Option<Range<usize>> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = text[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    // A number that is too long is none of a row.
    (end - start <= 6).then_some(start..end)
}

fn with_number(text: &str, run: &Range<usize>, number: u64) -> String {
    let width = if text[run.clone()].starts_with('0') { run.len() } else { 0 };
    format!("{}{number:0width$}{}", &text[..run.start], &text[run.end..])
}

/// What stands between words of the name: `-`, `_` or nothing.
fn joint(name: &str) -> &'static str {
    if name.contains('-') {
        "-"
    } else if name.contains('_') {
        "_"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_on() {
        let free = |_: &str| false;
        assert_eq!(sequel("kafka2", 2, free), ("kafka3".to_owned(), 3));
        assert_eq!(sequel("kafka", 2, free), ("kafka3".to_owned(), 3));
        assert_eq!(sequel("my-controller", 1, free), ("my-controller-2".to_owned(), 2));
        assert_eq!(sequel("broker-09", 2, free), ("broker-10".to_owned(), 10));
        assert_eq!(sequel("kafka2", 2, |name| name == "kafka3"), ("kafka4".to_owned(), 4));
        let names = ("kafka2", "kafka3");
        assert_eq!(renamed("kafka_data2", names, 3, free), "kafka_data3");
        assert_eq!(renamed("kafka2_data", names, 3, free), "kafka3_data");
        assert_eq!(renamed("second", names, 3, free), "second3");
        assert_eq!(renamed("kafka20", names, 3, free), "kafka3");
        assert_eq!(renamed("./data/kafka2", names, 3, free), "./data/kafka3");
    }

    #[test]
    fn only_hosts_that_are_dialled_get_another_name() {
        let words = [("kafka".to_owned(), "kafka2".to_owned())];
        let reworded = |text| reworded(text, &words);
        let listeners = reworded("PLAINTEXT://kafka:9092,CONTROLLER://kafka:9093");
        let expected = "PLAINTEXT://kafka2:9092,CONTROLLER://kafka2:9093";
        assert_eq!(listeners.as_deref(), Some(expected));
        assert_eq!(reworded("/opt/kafka/bin/kafka-topics.sh --version"), None);
        assert_eq!(reworded("my-kafka:9092"), None);
        let check = reworded(r#"["CMD", "nc", "-z", "kafka", "9092"]"#);
        assert_eq!(check.as_deref(), Some(r#"["CMD", "nc", "-z", "kafka2", "9092"]"#));
        let list = reworded("- nc\n  - kafka\n  - '9092'");
        assert_eq!(list.as_deref(), Some("- nc\n  - kafka2\n  - '9092'"));
        let shell = reworded("nc -z kafka 9092 && echo > /dev/tcp/kafka/9092");
        let expected = "nc -z kafka2 9092 && echo > /dev/tcp/kafka2/9092";
        assert_eq!(shell.as_deref(), Some(expected));
        assert_eq!(reworded("user kafka 10.0.0.1, and kafka 3.9"), None);
        assert_eq!(reworded("kafka"), None);
    }

    #[test]
    fn ports_go_on_in_their_step() {
        assert_eq!(next_port(9093, &[9092, 9093], |_| false), Some(9094));
        assert_eq!(next_port(29092, &[19092, 29092], |_| false), Some(39092));
        assert_eq!(next_port(9093, &[9092, 9093], |port| port < 9100), Some(9100));
        assert_eq!(next_port(60000, &[10000, 60000], |_| false), Some(60001));
    }
}
