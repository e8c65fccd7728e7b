//! The one tree for all data formats.

use std::ops::Range;
use std::sync::Arc;

use smol_str::SmolStr;
use wonin_text::Span;

/// What one parse gave: documents (one, but for YAML streams) and what was wrong.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The documents in order; empty documents are left out.
    pub documents: Vec<Node>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
}

/// A mistake in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What, in words for a person.
    pub message: String,
}

/// A value with its place. Children are shared, so an alias costs no copy; a tree with aliases is
/// a graph: small in memory, but a walk over all of it may visit a value many times, so whoever
/// walks must bound the walk. No path through it is longer than [`MAX_DEPTH`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The bytes of the value: for scalars with quotes (or the block's header) included, for an
    /// alias those of the anchor's value. Anchors and tags stand before it.
    pub span: Span,
    /// The value.
    pub content: Content,
    // Rare, therefore behind a pointer: large inputs hold millions of nodes.
    notes: Option<Arc<Notes>>,
}

/// How deeply collections may nest, aliases counted with what they stand for.
pub const MAX_DEPTH: usize = 128;

/// What few nodes have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes {
    via: Option<Span>,
    tag: Option<SmolStr>,
}

/// A way through which many values count, made once.
pub(crate) struct Via(Arc<Notes>);

impl Via {
    pub(crate) fn new(via: Span) -> Self {
        Self(Arc::new(Notes { via: Some(via), tag: None }))
    }

    /// The same value, counting through this way.
    pub(crate) fn on(&self, node: &Node) -> Node {
        let notes = match &node.notes {
            Some(notes) if notes.tag.is_some() => {
                Arc::new(Notes { via: self.0.via, tag: notes.tag.clone() })
            }
            _ => Arc::clone(&self.0),
        };
        Node { span: node.span, content: node.content.clone(), notes: Some(notes) }
    }
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: `~`, `null`, an empty value.
    Null,
    /// A single value.
    Scalar(Scalar),
    /// A list.
    Sequence(Arc<[Node]>),
    /// Keys with values, in the order of the text. Of equal keys only the one that counts is
    /// there, the first in YAML and the last elsewhere, and the others are problems; merged entries
    /// come after the mapping's own.
    Mapping(Arc<[Entry]>),
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The value with escapes and folding resolved.
    pub value: SmolStr,
    // Bytes of the node's span before and after the value's own text: the quotes, or the header
    // of a block.
    lead: u32,
    trail: u8,
    /// How it was written.
    pub style: Style,
    /// Whether the text between the quotes is the value, byte for byte.
    pub verbatim: bool,
}

impl Scalar {
    /// A scalar written in `text` at `span` of it; `lead` and `trail` bytes at its ends are quotes
    /// or a block's header and not part of the value.
    pub(crate) fn new(
        text: &str,
        span: Span,
        (lead, trail): (usize, u8),
        style: Style,
        value: SmolStr,
    ) -> Self {
        let inner = text.get(span.range()).and_then(|written| {
            let end = written.len().checked_sub(usize::from(trail))?;
            written.get(lead..end)
        });
        let verbatim = inner == Some(value.as_str());
        let (lead, trail) = if inner.is_some() { (lead as u32, trail) } else { (0, 0) };
        Self { value, lead, trail, style, verbatim }
    }
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a truth value or text.
    Plain,
    /// In quotes in which only the quote itself can be escaped, if anything: text.
    Single,
    /// In quotes with escapes: text.
    Double,
    /// A block (`|`, `>`) or heredoc: text over several lines.
    Block,
}

impl Style {
    /// Whether the scalar stands in quotes.
    pub fn is_quoted(self) -> bool {
        matches!(self, Self::Single | Self::Double)
    }
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A value at a place.
    pub fn new(span: Span, content: Content) -> Self {
        Self { span, content, notes: None }
    }

    /// The alias (`*x`) or, for what a merge brought, the place of the merge, through which the
    /// value counts here; the nearest one where there are several.
    pub fn via(&self) -> Option<Span> {
        self.notes.as_ref()?.via
    }

    /// A YAML tag such as `!reset` without the leading `!`; `!str` for `!!str`.
    pub fn tag(&self) -> Option<&str> {
        self.notes.as_ref()?.tag.as_deref()
    }

    /// The same value, counting through an alias or merge at `via`.
    #[must_use]
    pub fn with_via(mut self, via: Span) -> Self {
        let notes = self.notes.get_or_insert_default();
        Arc::make_mut(notes).via = Some(via);
        self
    }

    /// The same value with a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<SmolStr>) -> Self {
        let notes = self.notes.get_or_insert_default();
        Arc::make_mut(notes).tag = Some(tag.into());
        self
    }

    /// The scalar's text, whatever its style; `None` for everything else.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// The scalar's text in the form that is cheap to clone.
    pub(crate) fn text(&self) -> Option<&SmolStr> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The items of a list; empty for everything else.
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; empty for everything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Whether it is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.content, Content::Mapping(_))
    }

    /// The entry under a key of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.as_str() == Some(key))
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value under a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The bytes that spell the value: without quotes for scalars, without the header for blocks.
    pub fn value_span(&self) -> Span {
        match &self.content {
            Content::Scalar(scalar) => {
                let end = self.span.len() - usize::from(scalar.trail);
                self.span.part(scalar.lead as usize..end)
            }
            _ => self.span,
        }
    }

    /// The bytes that spell a part of a scalar's value; the whole where escapes or folding make
    /// text and value differ.
    pub fn part(&self, range: Range<usize>) -> Span {
        match &self.content {
            Content::Scalar(scalar) if scalar.verbatim => self.value_span().part(range),
            _ => self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_stay_small() {
        // Memory per line of input is about one entry; see `examples/throughput.rs`.
        assert_eq!(size_of::<Node>(), 48);
        assert_eq!(size_of::<Entry>(), 96);
    }
}
