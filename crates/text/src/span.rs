//! Byte ranges, alone and within a file.

use std::ops::Range;

use crate::FileId;

/// A half-open range of bytes in one file. Offsets count bytes from 0; files are below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from byte offsets; `end` below `start` gives an empty span at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = u32::try_from(end).unwrap_or(u32::MAX).max(start);
        Self { start, end }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// As a range for indexing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The part of this span that `within` names, counted from this span's start and cut to it.
    #[must_use]
    pub fn part(self, within: Range<usize>) -> Self {
        let start = (self.start as usize + within.start).min(self.end as usize);
        let end = (self.start as usize + within.end).clamp(start, self.end as usize);
        Self::new(start, end)
    }

    /// Whether `offset` lies inside.
    pub fn contains(self, offset: usize) -> bool {
        self.range().contains(&offset)
    }
}

/// A span in a known file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The bytes within it.
    pub span: Span,
}

impl Place {
    /// The part of this place that `within` names, counted from its start.
    #[must_use]
    pub fn part(self, within: Range<usize>) -> Self {
        Self { file: self.file, span: self.span.part(within) }
    }
}
