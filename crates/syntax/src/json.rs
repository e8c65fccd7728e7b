//! JSON (RFC 8259), and what people make of it.
//!
//! Several values after each other (JSON lines) are several documents. Comments, missing and
//! superfluous commas, unclosed brackets are problems, and reading goes on. Numbers and truth values
//! are [`Style::Plain`] text. The last of equal names counts.

use smol_str::SmolStr;
use wonin_text::Span;

use crate::keys::last_wins;
use crate::problems::Problems;
use crate::{Content, Entry, MAX_DEPTH, Node, Scalar, Style, Tree};

/// Reads all values of `text`.
pub fn parse(text: &str) -> Tree {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { text, at: start, problems: Problems::default() };
    let mut documents = Vec::new();
    while reader.next_token().is_some() {
        documents.extend(reader.value(0).filter(|node| !node.is_null()));
    }
    Tree { documents, problems: reader.problems.into_list() }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    problems: Problems,
}

impl<'t> Reader<'t> {
    /// Reads a value; where none begins, tells it and takes what stands there. Brackets that close
    /// and commas are taken only on the outermost level, elsewhere the caller wants them.
    fn value(&mut self, depth: usize) -> Option<Node> {
        let start = self.at;
        match self.peek()? {
            b'{' | b'[' if depth == MAX_DEPTH => Some(self.skip_too_deep()),
            b'{' => Some(self.object(depth)),
            b'[' => Some(self.array(depth)),
            b'"' => Some(self.string()),
            b'}' | b']' | b',' | b':' => {
                self.problem(start, start + 1, "no value begins here");
                self.at += usize::from(depth == 0);
                None
            }
            _ => Some(self.word()),
        }
    }

    fn array(&mut self, depth: usize) -> Node {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            match self.next_token() {
                Some(b',') => self.superfluous_comma(),
                Some(b']' | b'}') | None => break,
                Some(_) => {
                    let before = self.at;
                    items.extend(self.value(depth + 1));
                    // A colon: nothing that an array could hold.
                    self.at += usize::from(self.at == before);
                    self.comma(b']');
                }
            }
        }
        self.close(start, b']');
        Node::new(Span::new(start, self.at), Content::Sequence(items.into()))
    }

    fn object(&mut self, depth: usize) -> Node {
        let start = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            match self.next_token() {
                Some(b',') => self.superfluous_comma(),
                Some(b'}' | b']') | None => break,
                Some(byte) => {
                    if let Some(key) = self.name(byte, depth) {
                        let value = self.member_value(&key, depth);
                        entries.push(Entry { key, value });
                    }
                    self.comma(b'}');
                }
            }
        }
        self.close(start, b'}');
        last_wins(Span::new(start, self.at), entries, &mut self.problems)
    }

    /// The name of a member; one without quotes is told and taken.
    fn name(&mut self, first: u8, depth: usize) -> Option<Node> {
        let start = self.at;
        if first == b'"' {
            return Some(self.string());
        }
        self.problem(start, start, "a name in double quotes is missing");
        if matches!(first, b'{' | b'[' | b':') {
            // Takes what stands there, so that the next member can be read.
            self.at += usize::from(first == b':');
            if self.next_token().is_some() {
                self.value(depth + 1);
            }
            return None;
        }
        let span = self.take_word();
        Some(self.plain(span))
    }

    /// The value behind a name; nothing where it is missing.
    fn member_value(&mut self, key: &Node, depth: usize) -> Node {
        let end = key.span.end as usize;
        let nothing = || Node::new(Span::new(end, end), Content::Null);
        if self.next_token() != Some(b':') {
            self.problems.add(key.span, || "no `:` and value behind this name".to_owned());
            return nothing();
        }
        self.at += 1;
        let value = if self.next_token().is_some() { self.value(depth + 1) } else { None };
        value.unwrap_or_else(nothing)
    }

    /// Takes the comma between two items.
    fn comma(&mut self, closing: u8) {
        let at = self.at;
        match self.next_token() {
            Some(b',') => {
                let comma = self.at;
                self.at += 1;
                if self.next_token() == Some(closing) {
                    self.problem(comma, comma + 1, "nothing behind this comma");
                }
            }
            Some(b']' | b'}') | None => {}
            Some(_) => self.problem(at, at, "a comma is missing"),
        }
    }

    fn superfluous_comma(&mut self) {
        self.problem(self.at, self.at + 1, "nothing before this comma");
        self.at += 1;
    }

    /// Takes the bracket that closes; a wrong one is left for whoever opened it, if anybody did.
    fn close(&mut self, start: usize, closing: u8) {
        match self.peek() {
            Some(byte) if byte == closing => self.at += 1,
            _ => self.problem(start, start + 1, "this bracket is never closed"),
        }
    }

    /// Takes brackets with all they hold.
    fn skip_too_deep(&mut self) -> Node {
        let start = self.at;
        self.problems.add(Span::new(start, start), || {
            format!("nested more than {MAX_DEPTH} levels deep, not read")
        });
        let mut open = 0_usize;
        while let Some(byte) = self.next_token() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += self.text[self.at..].chars().next().map_or(1, char::len_utf8);
            if open == 0 {
                break;
            }
        }
        Node::new(Span::new(start, self.at), Content::Null)
    }

    /// A number, a truth value, `null`; anything else is told and kept as text.
    fn word(&mut self) -> Node {
        let span = self.take_word();
        let word = &self.text[span.range()];
        if word == "null" {
            return Node::new(span, Content::Null);
        }
        if !matches!(word, "true" | "false") && !is_number(word) {
            self.problems.add(span, || "neither number, `true`, `false` nor `null`".to_owned());
        }
        self.plain(span)
    }

    /// Takes what stands up to a blank, a bracket, a separator or a quote, at least one character.
    fn take_word(&mut self) -> Span {
        let start = self.at;
        let rest = &self.text[start..];
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '[' | ']' | ',' | ':' | '"');
        // Whitespace that JSON does not know is one wrong character.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        self.at += rest.find(ends).unwrap_or(rest.len()).max(first);
        Span::new(start, self.at)
    }

    fn plain(&self, span: Span) -> Node {
        let value = SmolStr::new(&self.text[span.range()]);
        let scalar = Scalar::new(self.text, span, (0, 0), Style::Plain, value);
        Node::new(span, Content::Scalar(scalar))
    }

    fn string(&mut self) -> Node {
        let start = self.at;
        self.at += 1;
        let run = self.unescaped_run();
        let value = if self.peek() == Some(b'\\') {
            let mut value = run.to_owned();
            while self.peek() == Some(b'\\') {
                self.escape(&mut value);
                value.push_str(self.unescaped_run());
            }
            SmolStr::from(value)
        } else {
            SmolStr::new(run)
        };
        let closes = self.peek() == Some(b'"');
        self.at += usize::from(closes);
        let span = Span::new(start, self.at);
        if !closes {
            self.problems.add(span, || "the quote is not closed on its line".to_owned());
        }
        let scalar = Scalar::new(self.text, span, (1, u8::from(closes)), Style::Double, value);
        Node::new(span, Content::Scalar(scalar))
    }

    /// Takes text up to a quote, an escape or the end of the line.
    fn unescaped_run(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let ends = |&byte: &u8| matches!(byte, b'"' | b'\\' | b'\n' | b'\r');
        let length = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Takes one escape.
    fn escape(&mut self, value: &mut String) {
        let start = self.at;
        let rest = &self.text[start + 1..];
        let Some(c) = rest.chars().next().filter(|&c| !matches!(c, '\n' | '\r')) else {
            self.at += 1;
            self.problem(start, start + 1, "a backslash that escapes nothing");
            return;
        };
        self.at += 1 + c.len_utf8();
        match c {
            '"' | '\\' | '/' => value.push(c),
            'b' => value.push('\x08'),
            'f' => value.push('\x0c'),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            other => {
                if other == 'u'
                    && let Some((unicode, length)) = utf16_escape(&rest[1..])
                {
                    value.push(unicode);
                    self.at += length;
                    return;
                }
                self.problem(start, self.at, "no escape that JSON knows");
                value.push('\\');
                value.push(other);
            }
        }
    }

    /// Skips blanks and comments and looks at the next byte.
    fn next_token(&mut self) -> Option<u8> {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blanks;
            let rest = &rest[blanks..];
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                return self.peek();
            };
            self.problem(self.at, self.at + 2, "JSON has no comments");
            self.at += length;
        }
    }

    fn problem(&mut self, start: usize, end: usize, message: &str) {
        self.problems.add(Span::new(start, end), || message.to_owned());
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The character that four hexadecimal digits, or a surrogate pair of two escapes, stand for behind
/// `\u`; with the number of bytes taken.
pub(crate) fn utf16_escape(digits: &str) -> Option<(char, usize)> {
    let hex = |digits: Option<&str>| {
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = hex(digits.get(..4))?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, 4));
    }
    if digits.get(4..6)? != "\\u" {
        return None;
    }
    let pair = [first, hex(digits.get(6..10))?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    Some((c, 10))
}

/// Whether a word is a number as JSON writes them.
fn is_number(word: &str) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|part| digits(part.strip_prefix(['+', '-']).unwrap_or(part)))
}
