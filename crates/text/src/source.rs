//! Source files and their line index.

use std::sync::{Arc, OnceLock};

use crate::{Place, Span};

/// A file's number within [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// Line and column, both from 1. Columns count characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One text file: its path as the user will see it, and its text.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    text: Arc<str>,
    line_starts: Arc<OnceLock<Vec<u32>>>,
    /// For an excerpt: the number in the real file of each line kept.
    line_numbers: Option<Vec<u64>>,
}

impl SourceFile {
    /// A file with `path` (relative, `/` between parts) and `text`.
    pub fn new(path: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let (path, text) = (path.into(), text.into());
        Self { path, text, line_starts: Arc::default(), line_numbers: None }
    }

    /// Some lines of a file too long to keep: their real numbers, ascending, with their texts
    /// (without line breaks). Spans count within the excerpt, positions are those of the file.
    pub fn excerpt(path: impl Into<String>, lines: &[(u64, String)]) -> Self {
        let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        let numbers = lines.iter().map(|(number, _)| *number).collect();
        Self { line_numbers: Some(numbers), ..Self::new(path, texts.join("\n")) }
    }

    /// The same file with another text, whose lines are as many: an excerpt stays one.
    #[must_use]
    pub fn with_text(&self, text: impl Into<Arc<str>>) -> Self {
        Self { line_numbers: self.line_numbers.clone(), ..Self::new(self.path.clone(), text) }
    }

    /// The same file, its text and index held once.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            path: self.path.clone(),
            text: Arc::clone(&self.text),
            line_starts: Arc::clone(&self.line_starts),
            line_numbers: self.line_numbers.clone(),
        }
    }

    /// Whether only some lines of the file are here.
    pub fn is_excerpt(&self) -> bool {
        self.line_numbers.is_some()
    }

    /// The path as shown.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty where the span lies outside the text or cuts a character.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Line and column of a byte offset; offsets past the end give the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let starts = self.line_starts();
        let line = starts.partition_point(|&start| start as usize <= offset);
        let start = starts[line - 1] as usize;
        let column = self.text.get(start..offset).map_or(offset - start, |s| s.chars().count());
        Position { line: self.real_number(line), column: column as u32 + 1 }
    }

    fn real_number(&self, line: usize) -> u32 {
        let real = self.line_numbers.as_ref().and_then(|numbers| numbers.get(line - 1));
        real.map_or(line as u32, |&number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The span of a line (from 1) without its line break; `None` where there is no such line, or
    /// the excerpt leaves it out.
    pub fn line(&self, line: u32) -> Option<Span> {
        let starts = self.line_starts();
        let index = match &self.line_numbers {
            Some(numbers) => numbers.binary_search(&u64::from(line)).ok()?,
            None => (line as usize).checked_sub(1)?,
        };
        let start = *starts.get(index)? as usize;
        let end = starts.get(index + 1).map_or(self.text.len(), |&next| next as usize);
        let trimmed = self.text[start..end].trim_end_matches(['\n', '\r']);
        Some(Span::new(start, start + trimmed.len()))
    }

    /// How many lines the file has; an empty file has one.
    pub fn line_count(&self) -> usize {
        self.line_starts().len()
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1)).collect()
        })
    }
}

/// All files of a run, by number. Numbers follow the order of insertion.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and says its number.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        self.files.push(file);
        FileId(self.files.len() as u32 - 1)
    }

    /// A file by number.
    ///
    /// # Panics
    /// When the number was not given out by this collection.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// The file with exactly this path.
    pub fn by_path(&self, path: &str) -> Option<FileId> {
        self.iter().find(|(_, file)| file.path() == path).map(|(id, _)| id)
    }

    /// The text at a place.
    pub fn slice(&self, place: Place) -> &str {
        self.file(place.file).slice(place.span)
    }

    /// Line and column of a place's first byte.
    pub fn position(&self, place: Place) -> Position {
        self.file(place.file).position(place.span.start as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let file = SourceFile::new("a", "ab\n원인x\n");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(2), Position { line: 1, column: 3 });
        assert_eq!(file.position(9), Position { line: 2, column: 3 });
        assert_eq!(file.position(999), Position { line: 3, column: 1 });
        assert_eq!(file.slice(file.line(2).unwrap()), "원인x");
        assert_eq!(file.line(4), None);
    }

    #[test]
    fn an_excerpt_keeps_the_numbers_of_the_file() {
        let file = SourceFile::excerpt("app.log", &[(7, "first".into()), (90, "second".into())]);
        assert_eq!(file.position(6), Position { line: 90, column: 1 });
        assert_eq!(file.slice(file.line(90).unwrap()), "second");
        assert_eq!(file.line(8), None);
        assert_eq!(file.with_text("FIRST\nSECOND").position(6), Position { line: 90, column: 1 });
    }
}
