//! Replacing bytes without touching the rest.

use std::fmt;

use crate::Span;

/// Replace the bytes of `span` by `replacement`; an empty span inserts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// What goes.
    pub span: Span,
    /// What comes.
    pub replacement: String,
}

impl Edit {
    /// Whether not both can be applied as they are meant: one touches bytes that the other
    /// replaces, or both insert at one place. Whole lines may be inserted at one place, in either
    /// order; parts of one line may not.
    pub fn collides_with(&self, other: &Self) -> bool {
        let (own, its) = (self.span, other.span);
        if own == its && own.is_empty() {
            let both = |test: fn(&str) -> bool| test(&self.replacement) && test(&other.replacement);
            let lines_after = both(|text| text.starts_with(['\n', '\r']));
            let lines_before = both(|text| text.trim_end_matches(' ').ends_with('\n'));
            return !lines_after && !lines_before;
        }
        own == its || (own.start < its.end && its.start < own.end)
    }
}

/// Why edits could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// Two edits touch the same bytes.
    Overlap(Span, Span),
    /// An edit lies outside the text or cuts a character in two.
    OutOfText(Span),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap(a, b) => write!(
                f,
                "edits at bytes {}..{} and {}..{} overlap",
                a.start, a.end, b.start, b.end
            ),
            Self::OutOfText(span) => {
                write!(f, "bytes {}..{} are not whole characters of the text", span.start, span.end)
            }
        }
    }
}

impl std::error::Error for EditError {}

/// The text with all edits applied; their order does not matter, two inserts at one place keep
/// the order given.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| edit.span);
    for pair in ordered.windows(2) {
        if pair[1].span.start < pair[0].span.end {
            return Err(EditError::Overlap(pair[0].span, pair[1].span));
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in ordered {
        let range = edit.span.range();
        let (Some(kept), Some(_)) = (text.get(at..range.start), text.get(range.clone())) else {
            return Err(EditError::OutOfText(edit.span));
        };
        out.push_str(kept);
        out.push_str(&edit.replacement);
        at = range.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, replacement: &str) -> Edit {
        Edit { span: Span::new(start, end), replacement: replacement.into() }
    }

    #[test]
    fn edits_apply_in_any_order() {
        let out = apply("a: 1\nb: 2\n", &[edit(8, 9, "20"), edit(3, 4, "10")]);
        assert_eq!(out.as_deref(), Ok("a: 10\nb: 20\n"));
    }

    #[test]
    fn lines_may_be_inserted_at_one_place_and_parts_of_one_may_not() {
        let (a, b) = (edit(4, 4, "\n  a: 1"), edit(4, 4, "\n  b: 2"));
        assert!(!a.collides_with(&b) && !b.collides_with(&a));
        assert_eq!(apply("k: 0\nz", &[a.clone(), b]).as_deref(), Ok("k: 0\n  a: 1\n  b: 2\nz"));
        let (c, d) = (edit(4, 4, "c: 1\n  "), edit(4, 4, "d: 2\n  "));
        assert!(!c.collides_with(&d));
        // One line after and one before the same place would be joined.
        assert!(a.collides_with(&c));
        assert!(edit(4, 4, ",x").collides_with(&edit(4, 4, ",y")));
        assert!(edit(2, 6, "").collides_with(&edit(4, 4, "x")));
        assert!(edit(2, 6, "x").collides_with(&edit(2, 6, "y")));
        assert!(!edit(2, 6, "x").collides_with(&edit(6, 6, "y")));
    }

    #[test]
    fn overlap_and_cut_characters_are_errors() {
        assert!(matches!(
            apply("abcd", &[edit(0, 3, ""), edit(2, 4, "")]),
            Err(EditError::Overlap(..))
        ));
        assert!(matches!(apply("원", &[edit(1, 2, "")]), Err(EditError::OutOfText(_))));
    }
}
