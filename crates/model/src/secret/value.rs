//! Where the value behind a telling name begins and ends.

use std::ops::Range;

use super::scan::Syntax;

/// A value's bytes, without its quotes.
pub(super) struct Value {
    pub(super) range: Range<usize>,
}

/// One line of the text with the name that was met in it.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) text: &'a str,
    pub(super) syntax: Syntax,
    /// First byte of the line.
    pub(super) line_start: usize,
    /// One past the last byte of the line.
    pub(super) line_end: usize,
    /// The name.
    pub(super) key_start: usize,
    pub(super) key_end: usize,
}

/// How name and value are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Equals,
    Colon,
    Call,
    Comma,
    Space,
    Tag,
}

impl Named<'_> {
    fn byte(&self, at: usize) -> u8 {
        if at < self.line_end { self.text.as_bytes()[at] } else { b'\n' }
    }

    fn before(&self) -> u8 {
        if self.key_start > self.line_start {
            self.text.as_bytes()[self.key_start - 1]
        } else {
            b'\n'
        }
    }

    fn lead(&self) -> &str {
        self.text.get(self.line_start..self.key_start).unwrap_or("")
    }

    fn skip_blanks(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t') {
            at += 1;
        }
        at
    }

    /// The value that belongs to the name; `None` where there is none, or where it is an
    /// expression of the program and not a text.
    pub(super) fn value(&self) -> Option<Value> {
        let mut at = self.key_end;
        while at < self.key_end + 3 && matches!(self.byte(at), b'"' | b'\'' | b'`' | b'\\' | b']') {
            at += 1;
        }
        let quoted_key = at > self.key_end && self.byte(at - 1) != b']';
        let (joint, at) = self.joint(at, quoted_key)?;
        if let Some(value) = self.quoted(at) {
            return Some(value);
        }
        match joint {
            Joint::Call | Joint::Comma => None,
            Joint::Tag => self.until(at, |byte| byte == b'<'),
            _ if self.syntax == Syntax::Code && !self.inside_string() => None,
            Joint::Space => self.until(at, is_delimiter),
            // The quote in front of the name closes behind the value: `"DB_PASSWORD=a b"`.
            _ if !quoted_key && matches!(self.before(), b'"' | b'\'') => {
                let quote = self.before();
                self.until(at, |byte| byte == quote)
            }
            Joint::Equals | Joint::Colon if self.opens_line() => self.rest_of_line(at),
            Joint::Equals | Joint::Colon => self.until(at, is_delimiter),
        }
    }

    /// What joins name and value, and where the value begins.
    fn joint(&self, at: usize, quoted_key: bool) -> Option<(Joint, usize)> {
        let after = self.skip_blanks(at);
        let joint = match self.byte(after) {
            b'=' if self.byte(after + 1) == b'=' => return None,
            b'=' => Joint::Equals,
            b':' if matches!(self.byte(after + 1), b':' | b'/') => return None,
            // `image: acme/secret:1.2` has a tag, no secret.
            b':' if !quoted_key && !self.opens_line() && !self.blank(after + 1) => return None,
            b':' => Joint::Colon,
            b'(' if after == at => Joint::Call,
            b',' if quoted_key && !self.is_a_value() => Joint::Comma,
            b'>' if self.before() == b'<' => Joint::Tag,
            _ if after > at && self.takes_space() => return Some((Joint::Space, after)),
            _ => return None,
        };
        let mut start = after + 1;
        if matches!((joint, self.byte(start)), (Joint::Equals, b'>') | (Joint::Colon, b'=')) {
            start += 1;
        }
        Some((joint, self.skip_blanks(start)))
    }

    /// Whether the name is itself the value of another one: `"name": "API_KEY", ...`.
    fn is_a_value(&self) -> bool {
        self.lead().trim_end_matches(['"', '\'', '\\', ' ']).ends_with([':', '='])
    }

    fn blank(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'"' | b'\'')
    }

    /// `--requirepass secret`, `requirepass secret` of redis.conf, `ENV DB_PASSWORD secret`.
    fn takes_space(&self) -> bool {
        let key = self.text.get(self.key_start..self.key_end).unwrap_or("");
        let known = ["requirepass", "masterauth", "auth-pass", "primaryauth"];
        key.starts_with("--")
            || known.iter().any(|name| key.eq_ignore_ascii_case(name))
            || self.lead().trim_start().eq_ignore_ascii_case("env ")
    }

    /// Whether the name is the first thing on its line, so that the value reaches to its end.
    fn opens_line(&self) -> bool {
        if self.syntax != Syntax::Data {
            return false;
        }
        let lead = self.lead().trim_start().trim_start_matches("- ").trim_start();
        let lead = lead.strip_prefix("export ").unwrap_or(lead);
        lead.trim_start_matches(['#', ' ']).is_empty()
            || self.text.get(self.line_start..self.key_end).is_some_and(|line| {
                // Dotted names in brackets: `properties[sasl.password]=`.
                !line.contains(['"', '\'', ' ', '=', ':', ',', '{', '&', '?', '/'])
            })
    }

    fn inside_string(&self) -> bool {
        let mut quotes = 0;
        let mut escaped = false;
        for byte in self.lead().bytes() {
            match byte {
                b'\\' if !escaped => escaped = true,
                b'"' if !escaped => quotes += 1,
                _ => escaped = false,
            }
        }
        quotes % 2 == 1
    }

    /// A value in quotes of any kind, also in quotes that are themselves escaped.
    fn quoted(&self, at: usize) -> Option<Value> {
        let escaped = self.byte(at) == b'\\' && matches!(self.byte(at + 1), b'"' | b'\'');
        let open = if escaped { at + 1 } else { at };
        let quote = self.byte(open);
        if !matches!(quote, b'"' | b'\'' | b'`') {
            return None;
        }
        let start = open + 1;
        let mut end = start;
        while end < self.line_end {
            match self.byte(end) {
                b'\\' if escaped && self.byte(end + 1) == quote => break,
                b'\\' if quote == b'"' => end += 2,
                byte if byte == quote => break,
                _ => end += 1,
            }
        }
        Some(Value { range: start..end.min(self.line_end) })
    }

    fn until(&self, start: usize, stop: impl Fn(u8) -> bool) -> Option<Value> {
        let mut end = start;
        while end < self.line_end {
            if let Some(past) = past_reference(self.text, end, self.line_end) {
                end = past;
            } else if stop(self.byte(end)) {
                break;
            } else {
                end += 1;
            }
        }
        (end > start).then_some(Value { range: start..end })
    }

    fn rest_of_line(&self, start: usize) -> Option<Value> {
        let rest = self.text.get(start..self.line_end)?;
        let rest = rest.split(" #").next().unwrap_or(rest);
        let rest = rest.trim_end().trim_end_matches([',', '\\']).trim_end();
        (!rest.is_empty()).then(|| Value { range: start..start + rest.len() })
    }
}

fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b',' | b';' | b'&' | b'}' | b')' | b']' | b'"' | b'\'' | b'`' | b'\\')
}

/// Where a reference that begins at `at` ends: `${NAME}` with anything inside, `$(command)`,
/// `{{ template }}`, `$NAME`.
pub(super) fn past_reference(text: &str, at: usize, limit: usize) -> Option<usize> {
    let rest = text.get(at..limit)?;
    let bytes = rest.as_bytes();
    match (bytes.first()?, bytes.get(1)) {
        (b'$', Some(b'{')) => Some(at + past_bracket(bytes, 1, b'{', b'}')),
        (b'$', Some(b'(')) => Some(at + past_bracket(bytes, 1, b'(', b')')),
        (b'{', Some(b'{')) => Some(at + rest.find("}}").map_or(rest.len(), |end| end + 2)),
        (b'$', Some(byte)) if byte.is_ascii_alphabetic() || *byte == b'_' => {
            let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            Some(at + 1 + bytes[1..].iter().take_while(|b| name(b)).count())
        }
        _ => None,
    }
}

fn past_bracket(bytes: &[u8], open_at: usize, open: u8, close: u8) -> usize {
    let mut depth = 0_u32;
    for (at, &byte) in bytes.iter().enumerate().skip(open_at) {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        }
    }
    bytes.len()
}

/// Values that say nothing: switches, empties, places where the secret is kept.
pub(super) fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    let words = ["true", "false", "null", "nil", "none", "yes", "no", "on", "off", "~", "nopass"];
    value.is_empty()
        || words.iter().any(|word| word.eq_ignore_ascii_case(value))
        || value.starts_with("/run/secrets/")
        || value.starts_with("arn:")
        || (value.starts_with('<') && value.ends_with('>'))
        || value.starts_with(['{', '[', '*', '|', '>'])
}
