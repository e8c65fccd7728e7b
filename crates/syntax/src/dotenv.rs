//! Environment files as Compose reads them (Docker documentation, ".env file syntax").
//!
//! One flat mapping in one document. Variables are not filled in: [`Style::Single`] says that a
//! value holds none, all other values are ready for it (`\$` in double quotes is `$$`, which stands
//! for a dollar sign). A name without `=` takes its value from outside and is
//! [`Content::Null`]. The last of equal names counts.

use smol_str::SmolStr;
use wonin_text::Span;

use crate::keys::last_wins;
use crate::problems::Problems;
use crate::{Content, Entry, Node, Scalar, Style, Tree};

/// Reads `text`.
pub fn parse(text: &str) -> Tree {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { text, at: start, problems: Problems::default() };
    let mut entries = Vec::new();
    while reader.at < text.len() {
        entries.extend(reader.statement());
    }
    let mut documents = Vec::new();
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let span = Span::new(first.key.span.start as usize, last.value.span.end as usize);
        documents.push(last_wins(span, entries, &mut reader.problems));
    }
    Tree { documents, problems: reader.problems.into_list() }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    problems: Problems,
}

impl Reader<'_> {
    /// Reads one line, or more where quotes span several, and stands behind its line break.
    fn statement(&mut self) -> Option<Entry> {
        self.skip_blanks();
        let line = self.rest_of_line();
        if line.trim().is_empty() || line.starts_with('#') {
            self.next_line();
            return None;
        }
        if let Some(rest) = line.strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let line = self.rest_of_line();
        let name_end = line.find(['=', ':']);
        let name = line[..name_end.unwrap_or(line.len())].trim_end();
        let span = Span::new(self.at, self.at + name.len());
        if let Some(wrong) = name.chars().find(|&c| !belongs_to_name(c)) {
            self.problem(span, &format!("{wrong:?} cannot be part of a variable's name"));
            return None;
        }
        if name.is_empty() {
            self.problem(Span::new(self.at, self.at + line.len()), "a value without a name");
            return None;
        }
        let key = self.node(span, (0, 0), Style::Plain, SmolStr::new(name));
        let Some(name_end) = name_end else {
            let end = span.end as usize;
            self.next_line();
            return Some(Entry { key, value: Node::new(Span::new(end, end), Content::Null) });
        };
        self.at += name_end + 1;
        self.skip_blanks();
        let value = match self.text.as_bytes().get(self.at) {
            Some(b'\'' | b'"') => self.quoted()?,
            _ => self.plain(),
        };
        Some(Entry { key, value })
    }

    /// A value without quotes: to the end of the line or to ` #`.
    fn plain(&mut self) -> Node {
        let line = self.rest_of_line();
        let value = line[..line.find(" #").unwrap_or(line.len())].trim_end();
        let span = Span::new(self.at, self.at + value.len());
        let node = self.node(span, (0, 0), Style::Plain, SmolStr::new(value));
        self.next_line();
        node
    }

    /// A value in quotes, which may span lines; nothing but a comment may follow.
    fn quoted(&mut self) -> Option<Node> {
        let start = self.at;
        let rest = &self.text[start..];
        let quote = rest.as_bytes()[0];
        let Some(length) = closing_quote(rest.as_bytes(), quote) else {
            let line = Span::new(start, start + self.rest_of_line().trim_end().len());
            self.problem(line, "the quote is never closed");
            return None;
        };
        let inner = &rest[1..length];
        let (style, value) = if quote == b'"' {
            (Style::Double, unescape_double(inner))
        } else {
            (Style::Single, inner.replace("\\'", "'"))
        };
        self.at = start + length + 1;
        let node = self.node(Span::new(start, self.at), (1, 1), style, SmolStr::from(value));
        let after = self.rest_of_line().trim();
        if after.is_empty() || after.starts_with('#') {
            self.next_line();
        } else {
            let span = Span::new(self.at, self.at + self.rest_of_line().trim_end().len());
            self.problem(span, "text behind the closing quote");
        }
        Some(node)
    }

    fn node(&self, span: Span, quotes: (usize, u8), style: Style, value: SmolStr) -> Node {
        let scalar = Scalar::new(self.text, span, quotes, style, value);
        Node::new(span, Content::Scalar(scalar))
    }

    /// Tells a problem and skips the rest of the line.
    fn problem(&mut self, span: Span, message: &str) {
        self.problems.add(span, || message.to_owned());
        self.next_line();
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        let is_blank = |c: char| c.is_whitespace() && c != '\n';
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    fn rest_of_line(&self) -> &str {
        let rest = &self.text[self.at..];
        &rest[..rest.find('\n').unwrap_or(rest.len())]
    }

    fn next_line(&mut self) {
        self.at = (self.at + self.rest_of_line().len() + 1).min(self.text.len());
    }
}

fn belongs_to_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')
}

/// Where the quote that opens `text` closes again; a backslash protects what follows it.
fn closing_quote(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        if byte == quote {
            return Some(at);
        }
        at += if byte == b'\\' { 2 } else { 1 };
    }
    None
}

/// The escapes of double quotes; a backslash before anything else stays.
fn unescape_double(inner: &str) -> String {
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let escape = &rest[at..];
        let Some(c) = escape[1..].chars().next() else {
            rest = escape;
            break;
        };
        let mut taken = 1 + c.len_utf8();
        match c {
            'a' => value.push('\x07'),
            'b' => value.push('\x08'),
            'f' => value.push('\x0c'),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            'v' => value.push('\x0b'),
            '\\' | '"' => value.push(c),
            '$' => value.push_str("$$"),
            '0' => match octal(&escape[2..]) {
                Some(c) => {
                    value.push(c);
                    taken += 3;
                }
                None => value.push_str("\\0"),
            },
            other => {
                value.push('\\');
                value.push(other);
            }
        }
        rest = &escape[taken..];
    }
    value.push_str(rest);
    value
}

/// The character of three octal digits, below 128: above, one byte would be no character.
fn octal(digits: &str) -> Option<char> {
    let digits = digits.get(..3)?;
    let all = digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let code = all.then(|| u8::from_str_radix(digits, 8).ok()).flatten()?;
    code.is_ascii().then_some(char::from(code))
}
