//! Words and variables: a message cut into pieces, of which some look like values whatever the
//! program was.

/// One piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    /// Whether white space stands before it.
    pub(super) spaced: bool,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters: said by the program.
    Word,
    /// A value by its looks: number, address, path, identifier, or several of them.
    Value,
    /// Punctuation.
    Mark,
}

/// Pieces of a message that count; what follows them is one value.
pub(super) const PIECES_MAX: usize = 128;

/// Cuts a message into pieces.
pub(super) fn cut(message: &str, pieces: &mut Vec<Piece>) {
    pieces.clear();
    let bytes = message.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let spaced = at > 0;
        let start = at;
        if let Some(len) = date_len(&bytes[at..]) {
            push(pieces, at, at + len, Kind::Value, spaced);
            at += len;
            continue;
        }
        if let Some(len) = size_len(&bytes[at..]) {
            push(pieces, at, at + len, Kind::Value, spaced);
            at += len;
            if bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace()) {
                let start = at;
                while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
                    at += 1;
                }
                chunk(bytes, start, at, false, pieces);
            }
            continue;
        }
        while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        if pieces.len() >= PIECES_MAX {
            push(pieces, start, bytes.len(), Kind::Value, spaced);
            return;
        }
        chunk(bytes, start, at, spaced, pieces);
    }
}

fn push(pieces: &mut Vec<Piece>, start: usize, end: usize, kind: Kind, spaced: bool) {
    // Values with nothing but punctuation between them are one: `1,2,3`, `10.0.0.1:80`, `a=1;2`.
    if kind == Kind::Value && !spaced {
        if let [.., value, mark] = pieces.as_mut_slice()
            && mark.kind == Kind::Mark
            && !mark.spaced
            && value.kind == Kind::Value
        {
            value.end = end as u32;
            pieces.pop();
            return;
        }
        if let Some(last) = pieces.last_mut()
            && last.kind == Kind::Value
        {
            last.end = end as u32;
            return;
        }
    }
    pieces.push(Piece { start: start as u32, end: end as u32, kind, spaced });
}

/// What stands between two white spaces.
fn chunk(bytes: &[u8], start: usize, end: usize, mut spaced: bool, pieces: &mut Vec<Piece>) {
    let mut at = start;
    while at < end {
        if matches!(bytes[at], b'<' | b'>')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
            && at == start
        {
            let len = size_len(&bytes[at + 1..]).unwrap_or(0);
            if len == 0 {}
        }
        if is_mark(bytes[at]) {
            push(pieces, at, at + 1, Kind::Mark, spaced);
            spaced = false;
            at += 1;
            // An empty value is a value: `user=`, `host ()`.
            let next = bytes.get(at).copied().unwrap_or(b' ');
            if (bytes[at - 1] == b'(' && next == b')')
                || (bytes[at - 1] == b'='
                    && matches!(next, b' ' | b',' | b';' | b')' | b']' | b'}'))
            {
                pieces.push(Piece {
                    start: at as u32,
                    end: at as u32,
                    kind: Kind::Value,
                    spaced: false,
                });
            }
            continue;
        }
        let len = value_len(&bytes[at..end], at == start || bytes[at - 1] != b'.');
        if len > 0 {
            push(pieces, at, at + len, Kind::Value, spaced);
            spaced = false;
            at += len;
            continue;
        }
        let word = at;
        let mut has_digit = false;
        while at < end && !is_mark(bytes[at]) {
            has_digit |= bytes[at].is_ascii_digit();
            at += 1;
        }
        let kind = if has_digit { Kind::Value } else { Kind::Word };
        push(pieces, word, at, kind, spaced);
        spaced = false;
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'=' | b':'
            | b','
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'"'
            | b'\''
            | b'|'
            | b'!'
            | b'?'
            | b'&'
            | b'`'
    )
}

/// Date and time within a message.
fn date_len(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if first.is_ascii_digit() {
        // Only what is longer than a number.
        if !matches!(bytes.get(4), Some(b'-' | b'/')) && bytes.get(2) != Some(&b'/') {
            return None;
        }
    } else if !first.is_ascii_uppercase()
        || !bytes.get(1..3)?.iter().all(u8::is_ascii_lowercase)
        || !matches!(bytes.get(3), Some(b' ' | b','))
    {
        return None;
    }
    super::time::parse(bytes, super::time::Base::default()).map(|s| s.len)
}

const UNITS: &[&[u8]] = &[
    b"bytes",
    b"byte",
    b"KB",
    b"MB",
    b"GB",
    b"TB",
    b"B",
    b"KiB",
    b"MiB",
    b"GiB",
    b"kB",
    b"ms",
    b"s",
    b"us",
    b"ns",
    b"sec",
    b"secs",
    b"seconds",
    b"second",
    b"min",
    b"minutes",
    b"minute",
    b"hours",
    b"hour",
    b"milliseconds",
];

fn number_unit(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(bytes.first(), Some(b'<' | b'>' | b'-' | b'~')));
    let digits =
        bytes[sign..].iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    if digits == 0 || !bytes[sign].is_ascii_digit() {
        return None;
    }
    let mut at = sign + digits;
    if bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    let unit = bytes[at..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let end = at + unit;
    if UNITS.contains(&&bytes[at..end])
        && !bytes
            .get(end)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b':' | b'=' | b'_'))
    {
        Some(end)
    } else {
        None
    }
}

/// A number with its unit, and the same again in parentheses: `1190 bytes (1.16 KB)`.
fn size_len(bytes: &[u8]) -> Option<usize> {
    let len = number_unit(bytes)?;
    if bytes[len..].starts_with(b" (")
        && let Some(inner) = number_unit(&bytes[len + 2..])
        && bytes.get(len + 2 + inner) == Some(&b')')
    {
        return Some(len + inner + 3);
    }
    Some(len)
}

/// Six and more pairs of hexadecimal digits with colons.
fn pairs_len(bytes: &[u8]) -> usize {
    let mut pairs = 0;
    let mut at = 0;
    while bytes.get(at).is_some_and(u8::is_ascii_hexdigit)
        && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
    {
        pairs += 1;
        at += 2;
        if bytes.get(at) == Some(&b':') && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit) {
            at += 1;
        } else {
            break;
        }
    }
    if pairs >= 6 { at } else { 0 }
}

/// Bytes of a value that may hold marks: a path, an address of the web, a name with a port.
fn value_len(bytes: &[u8], _is_start: bool) -> usize {
    let pairs = pairs_len(bytes);
    if pairs > 0 {
        return pairs;
    }
    let ends = |byte: u8| {
        matches!(
            byte,
            b',' | b';'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'<'
                | b'>'
                | b'"'
                | b'\''
                | b'|'
                | b'`'
        )
    };
    let len = bytes.iter().position(|byte| ends(*byte)).unwrap_or(bytes.len());
    let part = &bytes[..len];
    let trimmed = part.len()
        - part.iter().rev().take_while(|byte| matches!(byte, b':' | b'.' | b'!' | b'?')).count();
    let part = &part[..trimmed];
    // Keys before a value stay words: `path=/a/b`, `at:/a`.
    if let Some(slash) = part.iter().position(|byte| matches!(byte, b'/' | b'\\')) {
        let before = &part[..slash];
        if before.is_empty() || before == b"." || before == b".." || before == b"~" {
            return if part.len() > 1 { part.len() } else { 0 };
        }
        let is_scheme = before.ends_with(b":") && part[slash..].starts_with(b"//");
        let is_drive = before.len() == 2 && before[1] == b':' && before[0].is_ascii_alphabetic();
        if is_scheme || is_drive {
            return part.len();
        }
        if !before.iter().any(|byte| matches!(byte, b'=' | b':'))
            && part.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count() >= 2
        {
            return part.len();
        }
    }
    // `host.name:8080`.
    if let Some(colon) = part.iter().position(|byte| *byte == b':')
        && colon > 0
    {
        let port = part[colon + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let name = &part[..colon];
        let is_name = name.contains(&b'.')
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        let follows = part.get(colon + 1 + port);
        if is_name
            && (2..=5).contains(&port)
            && follows.is_none_or(|byte| !byte.is_ascii_alphanumeric())
        {
            return colon + 1 + port;
        }
    }
    0
}
