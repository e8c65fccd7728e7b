//! Statements and requests without their literals.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::live::found::beginning;

/// Bytes of a template that are kept.
const TEMPLATE_BYTES_MAX: usize = 1 << 10;
/// Literals of a statement that are told apart.
const LITERALS_MAX: usize = 16;

/// A statement without its literals, and what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    /// The text, `?` for a literal.
    pub(super) text: String,
    /// A number for each of the first literals: equal literals have equal numbers.
    pub(super) literals: Vec<u64>,
}

impl Template {
    fn push(&mut self, literal: &str) {
        if self.literals.len() < LITERALS_MAX {
            self.literals.push(number_of(literal));
        }
    }

    fn cut(mut self) -> Self {
        let end = beginning(&self.text, TEMPLATE_BYTES_MAX).len();
        self.text.truncate(end);
        self
    }
}

/// A number that stands for a text; collisions merely make two literals look alike.
pub(super) fn number_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A statement of SQL, q or something like them: strings, numbers, symbols and bound parameters
/// are literals, lists of literals have one length, comments and line breaks do not count.
pub(super) fn statement(text: &str) -> Template {
    let mut out = Template::default();
    let mut rest = text.trim().trim_end_matches(';');
    while let Some(first) = rest.chars().next() {
        if out.text.len() > TEMPLATE_BYTES_MAX {
            break;
        }
        let len = token_len(rest, out.text.chars().next_back());
        let token = &rest[..len];
        rest = &rest[len..];
        match Kind::of(token, first) {
            Kind::Space => {
                if !out.text.is_empty() && !out.text.ends_with(' ') {
                    out.text.push(' ');
                }
            }
            Kind::Literal => {
                out.push(token);
                out.text.push('?');
            }
            Kind::Other => out.text.push_str(token),
        }
    }
    out.text = fold_lists(out.text.trim_end());
    out.cut()
}

/// Lists of literals, and lists of such lists, in one length: `?, …` for `?, ?, ?`.
fn fold_lists(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('?') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let folded = after_equal(rest, "?");
        if folded.len() < rest.len() {
            out.push_str(", …");
            rest = folded;
        }
        // The list that ends here may itself be one of many like it.
        let group = out.rfind('(').filter(|_| rest.starts_with(')'));
        if let Some(open) = group {
            let group = format!("{})", &out[open..]);
            out.push(')');
            rest = skip_groups(&rest[1..], &group);
        }
    }
    out.push_str(rest);
    out
}

/// What remains behind any number of `, item`.
fn after_equal<'a>(mut rest: &'a str, item: &str) -> &'a str {
    loop {
        let next = rest.trim_start().strip_prefix(',').map(str::trim_start);
        match next.and_then(|next| next.strip_prefix(item)) {
            Some(next) => rest = next,
            None => return rest,
        }
    }
}

/// What remains behind lists that fold into `group`.
fn skip_groups<'a>(mut rest: &'a str, group: &str) -> &'a str {
    loop {
        let Some(next) = rest.trim_start().strip_prefix(',').map(str::trim_start) else {
            return rest;
        };
        let Some(inner) = next.strip_prefix("(?") else {
            return rest;
        };
        let behind = after_equal(inner, "?");
        let is_list = behind.len() < inner.len();
        let Some(behind) = behind.strip_prefix(')') else {
            return rest;
        };
        if group != if is_list { "(?, …)" } else { "(?)" } {
            return rest;
        }
        rest = behind;
    }
}

enum Kind {
    Space,
    Literal,
    Other,
}

impl Kind {
    fn of(token: &str, first: char) -> Self {
        let second = token.as_bytes().get(1).copied().unwrap_or(0);
        match first {
            _ if first.is_whitespace() => Self::Space,
            '-' if second == b'-' => Self::Space,
            '/' if second == b'*' => Self::Space,
            '\'' | '?' => Self::Literal,
            '"' if !is_word(token.trim_matches('"')) => Self::Literal,
            '`' if !token[1..].ends_with('`') && token.len() > 1 => Self::Literal,
            '$' if second.is_ascii_digit() => Self::Literal,
            ':' if token.len() > 1 && second != b':' => Self::Literal,
            _ if first.is_ascii_digit() => Self::Literal,
            _ => Self::Other,
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Bytes of the token that a text begins with; at least one character.
fn token_len(text: &str, before: Option<char>) -> usize {
    let bytes = text.as_bytes();
    let while_word = |from: usize| {
        text[from..]
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '$')))
            .map_or(text.len(), |at| from + at)
    };
    let first = text.chars().next().map_or(1, char::len_utf8);
    match bytes[0] {
        b'\'' | b'"' => quoted_len(bytes, bytes[0]),
        b'`' => {
            let end = while_word(1);
            end + usize::from(bytes.get(end) == Some(&b'`'))
        }
        b'-' if bytes.get(1) == Some(&b'-') => text.find('\n').unwrap_or(text.len()),
        b'/' if bytes.get(1) == Some(&b'*') => text[2..].find("*/").map_or(text.len(), |at| at + 4),
        b'$' if bytes.get(1).is_some_and(u8::is_ascii_digit) => while_word(1),
        b':' if bytes.get(1) == Some(&b':') => 2,
        b':' if bytes.get(1).is_some_and(u8::is_ascii_alphabetic) => while_word(1),
        b'0'..=b'9' if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') => {
            number_len(bytes)
        }
        _ if text.starts_with(|c: char| c.is_alphanumeric() || c == '_') => while_word(first),
        _ => first,
    }
}

/// Bytes of a number, also of a date, a time, or a number with an exponent or a type: `1e3`,
/// `2022.04.01D03:00`, but not of the cast in `42::int`.
fn number_len(bytes: &[u8]) -> usize {
    let is_part = |at: usize| match bytes[at] {
        b'.' | b'_' => true,
        b':' => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        byte => byte.is_ascii_alphanumeric(),
    };
    (0..bytes.len()).find(|&at| !is_part(at)).unwrap_or(bytes.len())
}

fn quoted_len(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'\\' && bytes.get(at).is_some() {
            at += 1;
        } else if byte == quote {
            if bytes.get(at) != Some(&quote) {
                break;
            }
            at += 1;
        }
    }
    // A cut statement ends within its string; the end must not cut a character.
    while at < bytes.len() && bytes[at] & 0xc0 == 0x80 {
        at += 1;
    }
    at
}

/// A request: `GET /devices/{}/usage?from=*` for `GET /devices/1042/usage?from=2022-03-01`. Parts
/// of the path with digits in them that look like identifiers, and all values of parameters, are
/// literals.
pub(super) fn request(text: &str) -> Template {
    let mut out = Template::default();
    let text = text.trim();
    let text = text.strip_suffix(" HTTP/1.1").or_else(|| text.strip_suffix(" HTTP/1.0")).unwrap_or(
        text.strip_suffix(" HTTP/2.0").or_else(|| text.strip_suffix(" HTTP/2")).unwrap_or(text),
    );
    let (path, query) = text.split_once('?').map_or((text, None), |(a, b)| (a, Some(b)));
    for (index, part) in path.split('/').enumerate() {
        if index > 0 {
            out.text.push('/');
        }
        if index > 0 && is_identifier(part) {
            out.push(part);
            out.text.push_str("{}");
        } else {
            out.text.push_str(part);
        }
    }
    for (index, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        out.text.push(if index == 0 { '?' } else { '&' });
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.text.push_str(name);
        if pair.contains('=') {
            out.push(value);
            out.text.push_str("=*");
        }
    }
    out.cut()
}

/// Whether a part of a path names one of many things: a number, a long hexadecimal word, a UUID, a
/// date, a word with more digits than letters.
fn is_identifier(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
    let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    digits > 0 && (digits > letters || (is_hex && part.len() >= 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_go_and_lists_have_one_length() {
        for (text, template) in [
            (
                "SELECT * FROM t1 WHERE id = 7 AND name='it''s'",
                "SELECT * FROM t1 WHERE id = ? AND name=?",
            ),
            ("select a\n  from b where c in (1, 2,3)", "select a from b where c in (?, …)"),
            ("select 1 where x in (1)", "select ? where x in (?)"),
            ("insert into t values ('a', 2)", "insert into t values (?, …)"),
            ("insert into t values (1,'a'), (2,'b'), (3,'c') on", "insert into t values (?, …) on"),
            (
                "update `orders` set n = n + 1 where id = $1;",
                "update `orders` set n = n + ? where id = ?",
            ),
            ("select /* c */ \"userId\" from u -- why\n", "select \"userId\" from u"),
            (
                "select from trade where date within 2022.04.01 2022.04.30,sym=`AAPL",
                "select from trade where date within ? ?,sym=?",
            ),
            ("select x where y = \"a b\"", "select x where y = ?"),
            ("select id::text from t where a = :name", "select id::text from t where a = ?"),
        ] {
            assert_eq!(statement(text).text, template);
        }
    }

    #[test]
    fn requests_keep_their_names() {
        for (text, template) in [
            (
                "GET /api/v1/devices/1042/usage?from=2022-03-01&to=x HTTP/1.1",
                "GET /api/v1/devices/{}/usage?from=*&to=*",
            ),
            ("GET /orders/3f2b9c1e-0000-4000-8000-1234567890ab", "GET /orders/{}"),
            ("POST /login", "POST /login"),
            (
                "GET /v2/brokers/tenants/DefaultTenant?state=ONLINE",
                "GET /v2/brokers/tenants/DefaultTenant?state=*",
            ),
        ] {
            assert_eq!(request(text).text, template);
        }
    }

    #[test]
    fn literals_are_told_apart() {
        let [a, b] = ["select 1, 'x'", "select 2, 'x'"].map(statement);
        assert_eq!(a.text, b.text);
        assert_ne!(a.literals[0], b.literals[0]);
        assert_eq!(a.literals[1], b.literals[1]);
    }

    proptest! {
        #[test]
        fn any_text_has_a_template(text in ".{0,80}", sql in "[a-z0-9'\"`$:?, ();=*/-]{0,60}") {
            for text in [text, sql] {
                statement(&text);
                request(&text);
            }
        }
    }
}
