//! Logical lines: continuations joined, comments left out, here-documents taken whole.

use std::ops::Range;

use wonin_text::Span;

use super::Heredoc;
use crate::problems::Problems;

/// Text that was joined from several lines and still knows its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The joined text.
    pub value: String,
    /// From the first to the last byte, with all that stands between.
    pub span: Span,
    /// Where pieces begin: offset in `value`, offset in the file.
    pieces: Vec<(usize, usize)>,
}

impl Text {
    /// The place of a part of the value.
    pub fn part(&self, range: Range<usize>) -> Span {
        let start = self.offset(range.start, false);
        let end = self.offset(range.end, true);
        Span::new(start, end.max(start))
    }

    /// The part as a text of its own.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let first = self.piece(range.start, false);
        let pieces = self.pieces[first..].iter().take_while(|piece| piece.0 <= range.end).map(
            |&(value, file)| {
                let skipped = range.start.saturating_sub(value);
                (value.saturating_sub(range.start), file + skipped)
            },
        );
        Self {
            value: self.value[range.clone()].to_owned(),
            span: self.part(range.clone()),
            pieces: pieces.collect(),
        }
    }

    /// The offset in the file of an offset in the value. Where two pieces meet there are two
    /// answers: the `end` of what precedes or the start of what follows.
    fn offset(&self, at: usize, end: bool) -> usize {
        let piece = self.pieces.get(self.piece(at, end));
        piece.map_or(self.span.start as usize, |&(value, file)| file + at.saturating_sub(value))
    }

    fn piece(&self, at: usize, end: bool) -> usize {
        let after = |&(value, _): &(usize, usize)| if end { value < at } else { value <= at };
        self.pieces.partition_point(after).saturating_sub(1)
    }
}

/// Reads logical lines.
pub(super) struct Lines<'t, 'p> {
    text: &'t str,
    at: usize,
    escape: char,
    problems: &'p mut Problems,
}

impl<'t, 'p> Lines<'t, 'p> {
    /// Reads the parser directives and stands behind them.
    pub(super) fn new(text: &'t str, problems: &'p mut Problems) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut lines = Self { text, at, escape: '\\', problems };
        lines.directives();
        lines
    }

    /// The character that continues lines and escapes: `\` or `` ` ``.
    pub(super) fn escape(&self) -> char {
        self.escape
    }

    pub(super) fn problem(&mut self, span: Span, message: String) {
        self.problems.add(span, || message);
    }

    /// `# name=value` on the first lines (Dockerfile reference, "Parser directives").
    fn directives(&mut self) {
        let mut at = self.at;
        while let Some(line) = physical(self.text, at) {
            let body = &self.text[line.body.clone()];
            let Some((name, value)) =
                body.trim_start().strip_prefix('#').and_then(|body| body.split_once('='))
            else {
                return;
            };
            let name = name.trim().to_ascii_lowercase();
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
            if !is_name {
                return;
            }
            if name == "escape" {
                match value.trim() {
                    "`" => self.escape = '`',
                    "\\" => self.escape = '\\',
                    _ => {
                        let span = Span::new(line.body.start, line.body.end);
                        self.problem(span, "the escape character is `\\` or a backtick".to_owned());
                    }
                }
            }
            at = line.next;
        }
    }

    /// The next logical line that is not empty.
    pub(super) fn next(&mut self) -> Option<Text> {
        let mut joined = Text::default();
        let mut is_open = false;
        while let Some(line) = physical(self.text, self.at) {
            self.at = line.next;
            let body = &self.text[line.body.clone()];
            let trimmed = body.trim_start();
            // Comments and empty lines do not end a continuation.
            if trimmed.trim_end().is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let start = if is_open { line.body.start } else { line.body.end - trimmed.len() };
            if !is_open {
                joined.span = Span::new(start, start);
            }
            let kept = &self.text[start..line.body.end];
            let continued = without_continuation(kept, self.escape);
            let kept = continued.unwrap_or_else(|| kept.trim_end());
            joined.pieces.push((joined.value.len(), start));
            joined.value.push_str(kept);
            joined.span = Span::new(joined.span.start as usize, start + kept.len());
            is_open = true;
            if continued.is_none() {
                break;
            }
        }
        let kept = joined.value.trim_end().len();
        joined.value.truncate(kept);
        (kept > 0).then_some(joined)
    }

    /// The here-document that follows, up to the line that is `name`.
    pub(super) fn heredoc(&mut self, name: String, strips_tabs: bool, expands: bool) -> Heredoc {
        let start = self.at;
        let mut end = start;
        while let Some(line) = physical(self.text, self.at) {
            let body = &self.text[line.body.clone()];
            self.at = line.next;
            let body = if strips_tabs { body.trim_start_matches('\t') } else { body };
            if body == name {
                let span = Span::new(start, end);
                return Heredoc { body: self.text[span.range()].to_owned(), name, span, expands };
            }
            end = line.next;
        }
        let span = Span::new(start, end);
        self.problem(span, format!("no line `{name}` ends this here-document"));
        Heredoc { body: self.text[span.range()].to_owned(), name, span, expands }
    }

    /// One past the last byte read, without the line break.
    pub(super) fn end_of_last(&self) -> usize {
        self.text[..self.at].trim_end_matches(['\n', '\r']).len()
    }
}

struct Physical {
    /// The line without its break.
    body: Range<usize>,
    /// Where the next line begins.
    next: usize,
}

fn physical(text: &str, at: usize) -> Option<Physical> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let length = rest.find('\n').unwrap_or(rest.len());
    let body = rest[..length].strip_suffix('\r').unwrap_or(&rest[..length]);
    Some(Physical { body: at..at + body.len(), next: (at + length + 1).min(text.len()) })
}

/// The line without the escape character at its end, if one is there: the last character that is
/// no blank, and not itself escaped.
fn without_continuation(line: &str, escape: char) -> Option<&str> {
    let kept = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!kept.ends_with(escape)).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_lines_know_their_place() {
        let text = "RUN a \\\n# note\n\n  b\nCMD c";
        let mut problems = Problems::default();
        let mut lines = Lines::new(text, &mut problems);
        let joined = lines.next().unwrap();
        assert_eq!(joined.value, "RUN a   b");
        assert_eq!(&text[joined.part(8..9).range()], "b");
        assert_eq!(&text[joined.part(4..5).range()], "a");
        assert_eq!(&text[joined.slice(4..9).part(4..5).range()], "b");
        assert_eq!(lines.next().unwrap().value, "CMD c");
    }
}
