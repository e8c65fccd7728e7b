//! The one tree for all data formats.

use std::ops::Range;
use std::sync::Arc;

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
/// a graph, and whoever walks all of it must bound the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The bytes of the value: for scalars with quotes included, for an alias those of the anchor's
    /// value.
    pub span: Span,
    /// The alias (`*x`) or merge key through which the value counts here.
    pub via: Option<Span>,
    /// A YAML tag such as `!reset`, without the leading `!`.
    pub tag: Option<Arc<str>>,
    /// The value.
    pub content: Content,
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
    /// Keys with values, in the order of the text. Later duplicates are problems and left out;
    /// merged entries come after the mapping's own.
    Mapping(Arc<[Entry]>),
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The value with escapes and folding resolved.
    pub value: Arc<str>,
    /// The bytes inside the quotes; equal to the node's span for plain text.
    pub inner: Span,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a truth value or text.
    Plain,
    /// In quotes: text.
    Quoted,
    /// A block (`|`, `>`) or heredoc: text over several lines.
    Block,
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
    /// The scalar's text, whatever its style; `None` for everything else.
    pub fn as_str(&self) -> Option<&str> {
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

    /// The bytes that spell the value: without quotes for scalars.
    pub fn value_span(&self) -> Span {
        match &self.content {
            Content::Scalar(scalar) => scalar.inner,
            _ => self.span,
        }
    }

    /// The bytes that spell a part of a scalar's value; the whole where escapes or folding make
    /// text and value differ.
    pub fn part(&self, range: Range<usize>) -> Span {
        match &self.content {
            Content::Scalar(scalar) if scalar.inner.len() == scalar.value.len() => {
                scalar.inner.part(range)
            }
            _ => self.span,
        }
    }
}
