//! Which files are logs: by name first, then by their first bytes.

use super::head::Heads;
use super::structured::{is_whole, json, logfmt};
use super::time::Base;

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A log unless its bytes say no.
    Log,
    /// A log if its bytes say so.
    Perhaps,
    /// None of ours.
    Other,
}

const LOG_NAMES: &[&str] = &[
    "access_log",
    "error_log",
    "syslog",
    "messages",
    "catalina.out",
    "nohup.out",
    "kern",
    "dmesg",
    "stdout",
    "stderr",
    "console",
];
const OTHER_NAMES: &[&str] = &[
    "changelog",
    "license",
    "licence",
    "copying",
    "notice",
    "authors",
    "contributors",
    "readme",
    "makefile",
    "gemfile",
    "rakefile",
    "procfile",
    "jenkinsfile",
    "vagrantfile",
    "version",
    "requirements.txt",
    "robots.txt",
    "cmakelists.txt",
    "constraints.txt",
    "codeowners",
    "gradlew",
    "mvnw",
    "install",
    "todo",
    "news",
    "history",
];

/// What the name of a file says.
pub(crate) fn by_name(path: &str) -> Name {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let mut bare = name.as_str();
    for packed in [".gz", ".zst", ".zstd"] {
        bare = bare.strip_suffix(packed).unwrap_or(bare);
    }
    let is_packed = bare.len() < name.len();
    if OTHER_NAMES.iter().any(|other| bare == *other || bare.strip_suffix(".md") == Some(*other)) {
        return Name::Other;
    }
    if LOG_NAMES.contains(&without_rotation(bare)) || is_log_name(bare) {
        return Name::Log;
    }
    match bare.rsplit_once('.') {
        Some(("", _)) => Name::Other,
        Some((_, "txt" | "json" | "jsonl" | "ndjson" | "text" | "logs")) => Name::Perhaps,
        Some((_, extension))
            if extension.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            Name::Perhaps
        }
        Some(_) if !is_packed => Name::Other,
        _ => Name::Perhaps,
    }
}

/// `.log`, `.out` or `.err` at the end or before what rotation adds.
fn is_log_name(name: &str) -> bool {
    let name = without_rotation(name);
    let extension = name.rsplit('.').next().unwrap_or("");
    let ends = [".log", ".out", ".err", "_log", "-log", ".trace"];
    ends.iter().any(|end| name.ends_with(end) && name.len() > end.len())
        || name == "log"
        || name.contains(".log.") && !matches!(extension, "yml" | "yaml" | "md" | "xml" | "json")
}

/// A name without `.1`, `.2024-06-01`, `-20240601`.
fn without_rotation(name: &str) -> &str {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '_'));
    if bare.is_empty() { name } else { bare }
}

/// Whether the first bytes are those of a log.
pub(crate) fn by_head(name: Name, head: &[u8]) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(head);
    if is_binary(head) {
        return Err("not text");
    }
    let other = ["Full thread dump ", "<?xml", "<!DOCTYPE", "# HELP ", "# TYPE ", "-----BEGIN "];
    let start = text.trim_start();
    if start.starts_with('[') && serde_like_list(start)
        || other.iter().any(|other| start.starts_with(other))
        || text.get(..512.min(text.len())).is_some_and(|text| text.contains("\nFull thread dump "))
        || text.contains("\n# Query_time: ")
    {
        return Err("no log");
    }
    match name {
        Name::Log => Ok(()),
        _ if looks_like_log(&text, head.len() >= super::lines::LINE_BYTES_MAX) => Ok(()),
        _ => Err("no log"),
    }
}

/// Whether a list of JSON begins: `[{`, `[\n`, `["`.
fn serde_like_list(text: &str) -> bool {
    let rest = text[1..].trim_start_matches([' ', '\t']);
    rest.starts_with('{')
        || rest.starts_with('\n')
        || rest.starts_with('"')
        || rest.starts_with(']')
}

/// Whether bytes are no text.
pub(crate) fn is_binary(head: &[u8]) -> bool {
    let strange =
        head.iter().filter(|byte| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f));
    let zeros = memchr::memchr_iter(0, head).count();
    head.starts_with(b"\x7fELF")
        || strange.count() * 50 > head.len()
        || (zeros * 10 > head.len() && head.first() != Some(&0))
}

/// Whether most lines begin like those of a log. A last line that may be cut does not count.
pub(crate) fn looks_like_log(text: &str, is_cut: bool) -> bool {
    let mut lines: Vec<&str> = text.lines().collect();
    if is_cut && lines.len() > 1 {
        lines.pop();
    }
    lines.retain(|line| !line.is_empty() && !line.starts_with([' ', '\t', '}', ')']));
    lines.truncate(500);
    if lines.is_empty() || is_table(&lines) {
        return false;
    }
    let mut scratch = String::new();
    let envelope = super::envelope::Envelope::of(lines.iter().copied());
    let mut heads = Heads::learn(lines.iter().copied(), Base::default());
    let mut count = 0;
    for line in &lines {
        let inner = envelope.open(line, &mut scratch).map_or(*line, |inner| inner.text);
        let is_head = if inner.starts_with('{') {
            is_whole(inner)
                && json(inner)
                    .is_some_and(|f| f.message.is_some() && (f.time.is_some() || f.level.is_some()))
        } else {
            envelope != super::envelope::Envelope::None
                || heads.stamp(inner).is_some()
                || logfmt(inner).is_some()
                || super::trace::goes_on(inner, super::trace::State::Plain).is_some()
                || super::trace::is_exception_line(inner)
                || heads.head(inner).level.is_some()
        };
        count += usize::from(is_head);
    }
    count * 10 >= lines.len() * 6
}

/// Whether every line has the same number of commas: a table, times in its first column or not.
fn is_table(lines: &[&str]) -> bool {
    let commas = |line: &str| memchr::memchr_iter(b',', line.as_bytes()).count();
    let first = commas(lines[0]);
    let is_heading = !lines[0].contains(": ") && !lines[0].as_bytes()[0].is_ascii_digit();
    lines.len() > 2
        && first > 0
        && is_heading
        && !lines[0].starts_with('{')
        && lines.iter().all(|line| commas(line) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_logs() {
        for name in [
            "app.log",
            "logs/app.log.1",
            "app.log.gz",
            "app.2024-06-01.log",
            "app.log.2024-06-01.gz",
            "catalina.out",
            "catalina.out-20240601",
            "access_log",
            "error_log",
            "syslog",
            "syslog.1",
            "x.err",
        ] {
            assert_eq!(by_name(name), Name::Log, "{name}");
        }
        for name in ["notes.txt", "output", "lines.jsonl", "dump.gz"] {
            assert_eq!(by_name(name), Name::Perhaps, "{name}");
        }
        for name in [
            "README.md",
            "a.csv",
            "Main.java",
            "LICENSE",
            ".gitignore",
            "compose.yml",
            "logback.xml",
        ] {
            assert_eq!(by_name(name), Name::Other, "{name}");
        }
    }

    #[test]
    fn first_lines_of_logs() {
        let log = |text: &str| by_head(Name::Perhaps, text.as_bytes()).is_ok();
        assert!(log("2024-06-01 12:00:00 INFO a\n2024-06-01 12:00:01 INFO b\n\tmore\n"));
        assert!(log("{\"level\":\"info\",\"msg\":\"a\",\"time\":1}\n"));
        assert!(log("kafka-1  | hello\nkafka-1  | world\n"));
        assert!(log("10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a HTTP/1.1\" 502 157\n"));
        assert!(!log("# Title\n\nSome prose, and more.\n"));
        assert!(!log("time,value\n2024-06-01 12:00:00,1\n2024-06-01 12:00:01,2\n"));
        assert!(!log("{\n  \"name\": \"x\"\n}\n"));
        assert!(!log("{\"name\":\"x\",\"version\":\"1\"}\n"));
        assert!(!log("spring-core==1\nrequests==2\n"));
        assert!(by_head(Name::Log, b"\x7fELF\x02\x01").is_err());
    }
}
