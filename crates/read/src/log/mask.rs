//! Words and values: a message cut into pieces, of which some look like values whatever the
//! program was.
//!
//! One list for all programs: numbers with their units, dates, addresses, paths, identifiers,
//! whatever holds a digit, and nothing at all where a value is due (`user=`).

use super::time::{Base, parse};

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
    /// One character of punctuation.
    Mark,
}

/// Bytes of the longest word that a program says; what is longer is data.
const WORD_BYTES_MAX: usize = 80;

/// Pieces of a message that count; what follows them is one value.
const PIECES_MAX: usize = 96;

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
        if pieces.len() >= PIECES_MAX {
            push(pieces, at..bytes.len(), Kind::Value, spaced);
            return;
        }
        let len = date_len(&bytes[at..]).or_else(|| quantity_len(&bytes[at..]));
        if let Some(len) = len {
            push(pieces, at..at + len, Kind::Value, spaced);
            at += len;
        }
        let start = at;
        at += bytes[at..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        chunk(bytes, start..at, spaced && len.is_none(), pieces);
    }
}

/// Adds a piece. Values with nothing but white space or one mark between them are one: `1 2 3`,
/// `10.0.0.1:80`.
fn push(pieces: &mut Vec<Piece>, range: std::ops::Range<usize>, kind: Kind, spaced: bool) {
    let (start, end) = (range.start as u32, range.end as u32);
    if kind == Kind::Value {
        if !spaced
            && let [.., value, mark] = pieces.as_mut_slice()
            && (value.kind, mark.kind, mark.spaced) == (Kind::Value, Kind::Mark, false)
        {
            value.end = end;
            pieces.pop();
            return;
        }
        if let Some(last) = pieces.last_mut()
            && last.kind == Kind::Value
        {
            last.end = end;
            return;
        }
    }
    pieces.push(Piece { start, end, kind, spaced });
}

/// Cuts what stands between two white spaces.
fn chunk(bytes: &[u8], range: std::ops::Range<usize>, spaced: bool, pieces: &mut Vec<Piece>) {
    let (mut at, end) = (range.start, range.end);
    let mut spaced = spaced;
    while at < end {
        if is_mark(bytes[at]) {
            let is_due = is_empty_value(bytes[at], bytes.get(at + 1).copied(), spaced);
            push(pieces, at..at + 1, Kind::Mark, spaced);
            spaced = false;
            at += 1;
            if is_due {
                pieces.push(Piece {
                    start: at as u32,
                    end: at as u32,
                    kind: Kind::Value,
                    spaced: false,
                });
            }
            continue;
        }
        let looks = Looks::of(&bytes[at..end]);
        let mut len = looks.compound_len(&bytes[at..end]);
        let mut kind = Kind::Value;
        if len == 0 {
            len = looks.word_len;
            let is_said = !looks.has_digit && len <= WORD_BYTES_MAX;
            if is_said && (spaced || !is_assigned(bytes, pieces)) {
                kind = Kind::Word;
            }
        }
        push(pieces, at..at + len, kind, spaced);
        spaced = false;
        at += len;
    }
}

/// Whether `=` stands right before: `state=ready`.
fn is_assigned(bytes: &[u8], pieces: &[Piece]) -> bool {
    pieces.last().is_some_and(|last| last.kind == Kind::Mark && bytes[last.start as usize] == b'=')
}

/// Ends a word.
const MARK: u8 = 1;
/// Ends a path or an address, too.
const END: u8 = 2;
const DIGIT: u8 = 4;
/// Stands in paths or addresses.
const COMPOUND: u8 = 8;

/// What each byte is.
const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let parts: [(&[u8], u8); 5] = [
        (b",;()[]{}<>\"'|`", MARK | END),
        (b"=!?&", MARK),
        (b":", MARK | COMPOUND),
        (b"/\\", COMPOUND),
        (b"0123456789", DIGIT),
    ];
    let mut row = 0;
    while row < parts.len() {
        let (bytes, class) = parts[row];
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] = class;
            at += 1;
        }
        row += 1;
    }
    table
};

fn is_mark(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & MARK != 0
}

/// Whether nothing stands where a value is due: `user= tty=`, `host ()`.
fn is_empty_value(mark: u8, next: Option<u8>, spaced: bool) -> bool {
    let next = next.unwrap_or(b' ');
    match mark {
        b'(' => next == b')',
        b'=' if !spaced => {
            next.is_ascii_whitespace() || matches!(next, b',' | b';' | b')' | b']' | b'}')
        }
        _ => false,
    }
}

/// Any year will do where only the length counts.
const YEARLESS: Base = Base { day: 0, year: 2000 };

/// A date with its time.
fn date_len(bytes: &[u8]) -> Option<usize> {
    let may_be = matches!(
        bytes,
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ' | b',', ..]
            | [b'0'..=b'9', _, _, _, b'-' | b'/', ..]
            | [b'0'..=b'9', _, b'/' | b'-', ..]
    );
    if !may_be {
        return None;
    }
    Some(parse(bytes, YEARLESS)?.len)
}

const UNITS: &[&str] = &[
    "B",
    "GB",
    "GiB",
    "KB",
    "KiB",
    "MB",
    "MiB",
    "TB",
    "byte",
    "bytes",
    "h",
    "hour",
    "hours",
    "kB",
    "m",
    "millis",
    "milliseconds",
    "min",
    "mins",
    "minute",
    "minutes",
    "ms",
    "ns",
    "s",
    "sec",
    "second",
    "seconds",
    "secs",
    "us",
];

/// A number with its unit, perhaps the same again in parentheses: `1190 bytes (1.16 KB)`, `<1 s`.
fn quantity_len(bytes: &[u8]) -> Option<usize> {
    let len = number_with_unit(bytes)?;
    if let Some(again) = bytes[len..].strip_prefix(b" (")
        && let Some(inner) = number_with_unit(again)
        && again.get(inner) == Some(&b')')
    {
        return Some(len + inner + 3);
    }
    Some(len)
}

fn number_with_unit(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(bytes.first()?, b'<' | b'>' | b'-' | b'~' | b'+'));
    let is_part = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
    if !bytes.get(sign)?.is_ascii_digit() {
        return None;
    }
    let mut at = sign + bytes[sign..].iter().take_while(is_part).count();
    at += usize::from(bytes.get(at) == Some(&b' '));
    let end = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if end == at {
        return None;
    }
    let goes_on =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b':' | b'=' | b'_');
    let is_unit = UNITS.iter().any(|unit| unit.as_bytes() == &bytes[at..end]);
    (is_unit && !bytes.get(end).is_some_and(goes_on)).then_some(end)
}

/// What one pass over bytes tells, up to where a path or an address ends at the latest.
#[derive(Debug)]
struct Looks {
    /// Bytes up to the first mark.
    word_len: usize,
    /// Whether a digit is among them.
    has_digit: bool,
    /// Bytes up to the first mark that no path or address holds.
    len: usize,
    /// Whether those hold what makes a path or an address; most words do not.
    may_be_compound: bool,
}

impl Looks {
    fn of(bytes: &[u8]) -> Self {
        let mut seen = 0;
        let is_word = |class: u8| class & MARK == 0;
        let classes = || bytes.iter().map(|byte| CLASSES[usize::from(*byte)]);
        let word_len =
            classes().take_while(|&class| is_word(class)).map(|class| seen |= class).count();
        let has_digit = seen & DIGIT != 0;
        let rest = classes().skip(word_len).take_while(|class| class & END == 0);
        let len = word_len + rest.map(|class| seen |= class).count();
        Self { word_len, has_digit, len, may_be_compound: seen & COMPOUND != 0 }
    }

    /// Bytes of a value that may hold marks: a path, a web address, a name with a port, pairs of
    /// hexadecimal digits; 0 for none.
    fn compound_len(&self, bytes: &[u8]) -> usize {
        if !self.may_be_compound {
            return 0;
        }
        let pairs = pairs_len(bytes);
        if pairs > 0 {
            return pairs;
        }
        let mut len = self.len;
        while len > 0 && matches!(bytes[len - 1], b':' | b'.' | b'!' | b'?') {
            len -= 1;
        }
        let part = &bytes[..len];
        path_len(part).or_else(|| host_port_len(part)).unwrap_or(0)
    }
}

fn path_len(part: &[u8]) -> Option<usize> {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let slash = part.iter().position(is_slash)?;
    let before = &part[..slash];
    let is_rooted = matches!(before, b"" | b"." | b".." | b"~") && part.len() > 1;
    let is_web = before.ends_with(b":") && part[slash..].starts_with(b"//");
    let is_drive = matches!(before, [b'A'..=b'Z' | b'a'..=b'z', b':']);
    // Keys before a value stay words: `path:/a/b`.
    let is_relative = !before.iter().any(|byte| matches!(byte, b'=' | b':'))
        && part.iter().filter(|byte| is_slash(byte)).count() >= 2;
    (is_rooted || is_web || is_drive || is_relative).then_some(part.len())
}

/// `host.name:8080`.
fn host_port_len(part: &[u8]) -> Option<usize> {
    let colon = part.iter().position(|byte| *byte == b':')?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let digits = part[colon + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = colon + 1 + digits;
    let is_whole = part.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let name = &part[..colon];
    let is_host = name.contains(&b'.') && name.iter().all(is_name);
    (is_host && is_whole && (2..=5).contains(&digits)).then_some(end)
}

/// Six and more pairs of hexadecimal digits with colons: a hardware address, a fingerprint.
fn pairs_len(bytes: &[u8]) -> usize {
    if bytes.get(2) != Some(&b':') {
        return 0;
    }
    let is_pair = |at: usize| {
        bytes.get(at..at + 2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    let mut at = 0;
    while is_pair(at) && bytes.get(at + 2) == Some(&b':') && is_pair(at + 3) {
        at += 3;
    }
    if at >= 15 { at + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(message: &str) -> String {
        let mut pieces = Vec::new();
        cut(message, &mut pieces);
        let mut out = String::new();
        for piece in pieces {
            if piece.spaced {
                out.push(' ');
            }
            out.push_str(match piece.kind {
                Kind::Value => "<*>",
                _ => &message[piece.start as usize..piece.end as usize],
            });
        }
        out
    }

    #[test]
    fn what_looks_like_a_value_is_one() {
        for (message, expected) in [
            ("Took 12.5 seconds to read /var/log/a.log", "Took <*> to read <*>"),
            ("from 10.0.0.1:8080 and db.example.com:5432", "from <*> and <*>"),
            ("id=550e8400-e29b-41d4-a716-446655440000, n=0x1f", "id=<*>, n=<*>"),
            ("user= host () at Sun Jul  3 10:05:25 2005", "user=<*> host (<*>) at <*>"),
            ("850 bytes (0.8 KB) sent, lifetime <1 sec", "<*> sent, lifetime <*>"),
            ("[1, 2,3] of {a: b} 4 5", "[<*>, <*>] of {a: b} <*>"),
            ("state=ready, a = b", "state=<*>, a = b"),
            ("GET https://a.example/x?y=z HTTP/1.1", "GET <*>"),
            ("chip FF:F2:9F:16:E2:23:00:0D up", "chip <*> up"),
            ("read/write of C:\\Users\\x.", "read/write of <*>."),
        ] {
            assert_eq!(masked(message), expected, "{message}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_in_order_and_within(message in r#"[a-z0-9A-F=:,()/\\. <>"원]{0,80}"#) {
            let mut pieces = Vec::new();
            cut(&message, &mut pieces);
            let mut last = 0;
            for piece in pieces {
                prop_assert!(piece.start >= last && piece.end >= piece.start);
                prop_assert!(message.get(piece.start as usize..piece.end as usize).is_some());
                last = piece.end;
            }
        }
    }
}
