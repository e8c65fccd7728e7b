//! Java properties, as `java.util.Properties.load` and Spring Boot read them.
//!
//! Each document is one flat mapping with keys as written (`spring.datasource.url`). A line `#---`
//! or `!---` separates documents (Spring Boot reference, "Working With Multi-Document Files"). The
//! last of equal keys counts.

use smol_str::SmolStr;
use wonin_text::Span;

use crate::json::utf16_escape;
use crate::keys::last_wins;
use crate::problems::Problems;
use crate::{Content, Entry, Node, Scalar, Style, Tree};

/// Reads all documents of `text`. A value that is missing is empty text.
pub fn parse(text: &str) -> Tree {
    let body_start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { text, at: body_start, problems: Problems::default() };
    let mut documents = Vec::new();
    let mut entries = Vec::new();
    while reader.at < text.len() {
        match reader.line() {
            Line::Nothing => {}
            Line::Separator => reader.end_document(&mut entries, &mut documents),
            Line::Entry(entry) => entries.push(entry),
        }
    }
    reader.end_document(&mut entries, &mut documents);
    Tree { documents, problems: reader.problems.into_list() }
}

enum Line {
    Nothing,
    Separator,
    Entry(Entry),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    problems: Problems,
}

impl Reader<'_> {
    fn end_document(&mut self, entries: &mut Vec<Entry>, documents: &mut Vec<Node>) {
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            let span = Span::new(first.key.span.start as usize, last.value.span.end as usize);
            documents.push(last_wins(span, std::mem::take(entries), &mut self.problems));
        }
    }

    /// Reads one logical line and stands behind its line break.
    fn line(&mut self) -> Line {
        let line_start = self.at;
        self.skip_blanks();
        match self.peek() {
            None => Line::Nothing,
            Some(b'\n' | b'\r') => {
                self.at += 1;
                Line::Nothing
            }
            Some(b'#' | b'!') => {
                let comment = self.rest_of_line();
                let is_separator = self.at == line_start && comment[1..].trim_end() == "---";
                self.at += comment.len();
                if is_separator { Line::Separator } else { Line::Nothing }
            }
            Some(_) => Line::Entry(self.entry()),
        }
    }

    fn entry(&mut self) -> Entry {
        let key = self.piece(|byte| matches!(byte, b'=' | b':' | b' ' | b'\t' | b'\x0c'));
        self.skip_blanks_and_continuations();
        if matches!(self.peek(), Some(b'=' | b':')) {
            self.at += 1;
            self.skip_blanks_and_continuations();
        }
        let value = self.piece(|_| false);
        Entry { key, value }
    }

    /// A key or value: up to an unescaped byte that `ends` it, or the end of the logical line.
    fn piece(&mut self, ends: impl Fn(u8) -> bool) -> Node {
        let start = self.at;
        // Most pieces hold no escape: look before building.
        let plain = self.text.as_bytes()[start..]
            .iter()
            .position(|&byte| matches!(byte, b'\\' | b'\n' | b'\r') || ends(byte))
            .map_or(self.text.len(), |length| start + length);
        self.at = plain;
        let value = if self.peek() == Some(b'\\') {
            let mut value = self.text[start..plain].to_owned();
            self.escaped(&ends, &mut value);
            SmolStr::from(value)
        } else {
            SmolStr::new(&self.text[start..plain])
        };
        let span = Span::new(start, self.at);
        let scalar = Scalar::new(self.text, span, (0, 0), Style::Plain, value);
        Node::new(span, Content::Scalar(scalar))
    }

    /// Goes on with a piece that holds escapes.
    fn escaped(&mut self, ends: &impl Fn(u8) -> bool, value: &mut String) {
        while let Some(c) = self.text[self.at..].chars().next() {
            if matches!(c, '\n' | '\r') || u8::try_from(c).is_ok_and(ends) {
                return;
            }
            if c != '\\' {
                value.push(c);
                self.at += c.len_utf8();
            } else if !self.continuation() {
                self.escape(value);
            }
        }
    }

    /// Takes `\` and what follows it.
    fn escape(&mut self, value: &mut String) {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.text[self.at..].chars().next() else { return };
        self.at += c.len_utf8();
        match c {
            't' => value.push('\t'),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            'f' => value.push('\x0c'),
            'u' => {
                // Java writes UTF-16: two escapes may make one character.
                if let Some((unicode, length)) = utf16_escape(&self.text[self.at..]) {
                    value.push(unicode);
                    self.at += length;
                } else {
                    value.push_str("\\u");
                    let message = || "`\\u` without the four digits of a character".to_owned();
                    self.problems.add(Span::new(start, self.at), message);
                }
            }
            other => value.push(other),
        }
    }

    /// Takes `\`, the line break behind it and the blanks that begin the next line.
    fn continuation(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let taken = match rest {
            [b'\\', b'\r', b'\n', ..] => 3,
            [b'\\', b'\n' | b'\r', ..] => 2,
            [b'\\'] => 1,
            _ => return false,
        };
        self.at += taken;
        self.skip_blanks();
        true
    }

    fn skip_blanks_and_continuations(&mut self) {
        self.skip_blanks();
        while self.continuation() {}
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\x0c')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest_of_line(&self) -> &str {
        let rest = &self.text[self.at..];
        &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
    }
}
