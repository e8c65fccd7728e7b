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
    fn overlap_and_cut_characters_are_errors() {
        assert!(matches!(
            apply("abcd", &[edit(0, 3, ""), edit(2, 4, "")]),
            Err(EditError::Overlap(..))
        ));
        assert!(matches!(apply("원", &[edit(1, 2, "")]), Err(EditError::OutOfText(_))));
    }
}
