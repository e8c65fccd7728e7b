//! Stack traces: which lines go on with an event, and what its deepest exception is.

use memchr::memrchr2;

/// Why a line without a time of its own belongs to the event before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing special.
    #[default]
    Plain,
    /// In a trace of the JVM or of .NET.
    Frames,
    /// In a Python traceback, before its last line.
    Python,
    /// Behind a Python traceback's last line.
    AfterPython,
    /// In a panic of Go, which ends with the process.
    Go,
}

/// Whether a line begins a trace, whatever stands before it.
pub(super) fn begins(line: &str) -> Option<State> {
    match line.as_bytes().first()? {
        b'T' if line.starts_with("Traceback (most recent call last)") => Some(State::Python),
        b'p' if line.starts_with("panic: ") => Some(State::Go),
        b'f' if line.starts_with("fatal error: ") => Some(State::Go),
        b'g' if line.starts_with("goroutine ") && line.ends_with("]:") => Some(State::Go),
        b'E' if line.starts_with("Exception in thread ") => Some(State::Frames),
        b'U' if line.starts_with("Unhandled exception. ") => Some(State::Frames),
        _ => None,
    }
}

/// Whether a line without a time goes on with the event before it, and the state after it.
pub(super) fn goes_on(line: &str, state: State) -> Option<State> {
    let first = *line.as_bytes().first()?;
    if state == State::Go {
        return Some(State::Go);
    }
    if state == State::Python {
        let is_frame = matches!(first, b' ' | b'\t');
        return Some(if is_frame { State::Python } else { State::AfterPython });
    }
    if matches!(first, b' ' | b'\t') {
        let trimmed = line.trim_start();
        let is_frame = trimmed.starts_with("at ") || trimmed.starts_with("... ");
        return Some(if is_frame { State::Frames } else { state });
    }
    if state == State::AfterPython
        && (line.starts_with("During handling of the above")
            || line.starts_with("The above exception was"))
    {
        return Some(State::AfterPython);
    }
    if state == State::AfterPython && line.starts_with("Traceback (most") {
        return Some(State::Python);
    }
    let is_part = match first {
        b'a' => line.starts_with("at "),
        b'C' => line.starts_with("Caused by: "),
        b'W' => line.starts_with("Wrapped by: "),
        b'S' => line.starts_with("Suppressed: "),
        b'.' => line.starts_with("... "),
        b'-' => line.starts_with("--- ") || line.starts_with("---> "),
        _ => false,
    };
    is_part.then_some(State::Frames)
}

/// Whether a line is an exception's own: `java.io.IOException: text`.
pub(super) fn is_exception_line(line: &str) -> bool {
    let end = line.find([':', ' ']).unwrap_or(line.len());
    let follows = line.as_bytes().get(end).copied().unwrap_or(b':');
    follows == b':' && line[..end].contains('.') && is_class(&line[..end])
}

/// Whether a line is part of a trace whatever stands in it: an exception's own line, or one that
/// goes on with it.
pub(super) fn is_trace_line(line: &str) -> bool {
    match line.as_bytes().first() {
        Some(b'C') if line.starts_with("Caused by: ") => true,
        Some(b'S') if line.starts_with("Suppressed: ") => true,
        Some(b'W') if line.starts_with("Wrapped by: ") => true,
        Some(first) => first.is_ascii_alphabetic() && is_exception_line(line),
        None => false,
    }
}

/// Whether a word is the name of an exception's class.
fn is_class(word: &str) -> bool {
    // What most words fail stands first.
    if !ends_like_class(word) {
        return false;
    }
    let simple = memrchr2(b'.', b'$', word.as_bytes()).map_or(word, |at| &word[at + 1..]);
    simple.len() > 4
        && simple.as_bytes()[0].is_ascii_uppercase()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
}

fn ends_like_class(word: &str) -> bool {
    match word.as_bytes() {
        [.., b'o', b'n'] => word.ends_with("Exception"),
        [.., b'o', b'r'] => word.ends_with("Error"),
        [.., b'l', b'e'] => word.ends_with("Throwable"),
        [.., b'r', b'e'] => word.ends_with("Failure"),
        [.., b'p', b't'] => word.ends_with("Interrupt"),
        [.., b'i', b't'] => word.ends_with("Exit"),
        _ => false,
    }
}

/// The deepest exception of an event: class and message.
pub(super) fn cause(event: &str) -> Option<(&str, &str)> {
    let mut own = None;
    let mut deepest = None;
    let mut last_of_python = None;
    let mut root_first = false;
    for (index, line) in event.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("Caused by: ") {
            deepest = split_class(rest, true).or(deepest);
        } else if line.starts_with("Wrapped by: ") {
            root_first = true;
        } else if line.contains('>')
            && let Some((_, rest)) = line.rsplit_once("---> ")
        {
            deepest = split_class(rest, false).or(deepest);
        } else if let Some(rest) = line.strip_prefix("panic: ") {
            own = own.or(Some(("panic", rest)));
        } else if line.starts_with([' ', '\t']) {
            // A frame.
        } else if index > 0 && is_python_end(line) {
            last_of_python = split_class(line, false);
        } else if own.is_none() {
            own = within(line);
        }
    }
    if root_first {
        return own.or(last_of_python).or(deepest);
    }
    deepest.or(last_of_python).or(own)
}

fn is_python_end(line: &str) -> bool {
    let end = line.find([':', ' ']).unwrap_or(line.len());
    is_class(&line[..end])
}

/// The exception that a line names anywhere; of several the last, which is the innermost.
fn within(line: &str) -> Option<(&str, &str)> {
    let is_gap = |byte: &u8| matches!(byte, b' ' | b'[' | b'(' | b'"' | b'\'' | b'=');
    let is_around =
        |byte: &u8| matches!(byte, b':' | b',' | b')' | b']' | b'"' | b'\'' | b'.' | b';');
    let mut best = None;
    let mut at = 0;
    for word in line.as_bytes().split(is_gap) {
        let start = at;
        at += word.len() + 1;
        let around = word.iter().rev().take_while(|byte| is_around(byte)).count();
        let name = &line[start..start + word.len() - around];
        if name.len() > 5 && is_class(name) && (name.contains('.') || word.ends_with(b":")) {
            let message = line[start + name.len()..].trim_start_matches(':').trim();
            best = Some((name, message));
        }
    }
    best
}

/// `a.b.Class: message`.
fn split_class(text: &str, is_sure: bool) -> Option<(&str, &str)> {
    let end = text.find([':', ' ']).unwrap_or(text.len());
    let class = text[..end].trim_end_matches(',');
    if class.is_empty() || !(is_sure || is_class(class)) {
        return None;
    }
    Some((class, text[end..].trim_start_matches(':').trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_exception_is_the_cause() {
        for (event, expected) in [
            (
                "Servlet failed\norg.a.SendException: Send failed\n\tat a.b(C.java:1)\nCaused by: x.TimeoutException: Topic t not present\n\t... 3 more\nCaused by: x.y.Deep: no",
                ("x.y.Deep", "no"),
            ),
            (
                "java.lang.OutOfMemoryError: Java heap space",
                ("java.lang.OutOfMemoryError", "Java heap space"),
            ),
            (
                "Root\nx.RootException: first\n\tat a\nWrapped by: x.OuterException: second",
                ("x.RootException", "first"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1\nConnectionRefusedError: [Errno 111] Connection refused",
                ("ConnectionRefusedError", "[Errno 111] Connection refused"),
            ),
            (
                "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()",
                ("panic", "runtime error: index out of range"),
            ),
            (
                "Unhandled exception. System.AggregateException: One (x)\n ---> System.Net.Sockets.SocketException (111): Connection refused\n   at a",
                ("System.Net.Sockets.SocketException", "(111): Connection refused"),
            ),
            (
                "failed: java.net.ConnectException: Connection refused",
                ("java.net.ConnectException", "Connection refused"),
            ),
        ] {
            assert_eq!(cause(event), Some(expected), "{event}");
        }
        assert_eq!(cause("All is well: no error"), None);
    }
}
