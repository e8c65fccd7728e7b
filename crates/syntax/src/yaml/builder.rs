//! From the parser's events to nodes.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};
use smol_str::SmolStr;
use wonin_text::Span;

use super::merge::{Merge, merge};
use super::{place, template};
use crate::keys::repeated;
use crate::problems::Problems;
use crate::{Content, Entry, MAX_DEPTH, Node, Scalar, Style, Tree};

/// How many entries merges may look at, at least, whatever the size of the text.
const MERGED_ENTRIES: usize = 1 << 16;

/// Bytes of text that pay for one more.
const BYTES_PER_MERGED_ENTRY: usize = 16;

/// A collection that is still open.
#[derive(Debug)]
struct Frame {
    is_mapping: bool,
    is_flow: bool,
    start: usize,
    /// One past the last byte seen of it.
    end: usize,
    /// Where its children begin among `nodes` or `entries`.
    first: usize,
    /// The key that waits for its value.
    key: Option<Node>,
    merges: Vec<Merge>,
    anchor: usize,
    tag: Option<SmolStr>,
    /// How many levels are below it.
    height: usize,
}

/// A value that aliases can stand for.
#[derive(Clone, Debug)]
struct Anchored {
    node: Node,
    height: usize,
}

/// What is known of an anchor.
#[derive(Clone, Debug, Default)]
enum Anchor {
    /// Not seen, or left out with something too deep.
    #[default]
    Missing,
    /// Its value has begun: an alias to it would contain itself.
    Open,
    Known(Anchored),
}

/// Builds nodes with explicit stacks, so that no input can exhaust the thread's own.
#[derive(Debug)]
pub(super) struct Builder<'t> {
    text: &'t str,
    frames: Vec<Frame>,
    /// Children of all open lists, the innermost last.
    nodes: Vec<Node>,
    /// Entries of all open mappings, the innermost last.
    entries: Vec<Entry>,
    anchors: Vec<Anchor>,
    /// Levels below a collection that is too deep and left out.
    too_deep: usize,
    /// One past the last token.
    at: usize,
    document_start: usize,
    merge_budget: usize,
    documents: Vec<Node>,
    problems: Problems,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            frames: Vec::new(),
            nodes: Vec::new(),
            entries: Vec::new(),
            anchors: Vec::new(),
            too_deep: 0,
            at: 0,
            document_start: 0,
            merge_budget: MERGED_ENTRIES + text.len() / BYTES_PER_MERGED_ENTRY,
            documents: Vec::new(),
            problems: Problems::default(),
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::DocumentStart(is_explicit, _) => {
                self.document_start = if is_explicit { range.start } else { self.at };
                if !is_explicit {
                    return; // Its range is that of what follows.
                }
            }
            Event::Scalar(value, style, anchor, tag) if self.too_deep == 0 => {
                self.scalar(&value, style, anchor, tag.as_deref(), range.clone());
            }
            Event::Alias(id) if self.too_deep == 0 => self.alias(id, range.clone()),
            Event::UnresolvedAlias(name) if self.too_deep == 0 => {
                let span = Span::new(range.start, range.end);
                self.problems.add(span, || format!("no anchor `&{name}` before this alias"));
                self.place(Node::new(span, Content::Null), range.end, 0);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(false, style, anchor, tag.as_deref(), range.clone());
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(true, style, anchor, tag.as_deref(), range.clone());
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.clone()),
            _ => {}
        }
        self.at = self.at.max(range.end);
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range<usize>,
    ) {
        let tag = tag.and_then(tag_name);
        let is_text = tag.as_deref() == Some("!str");
        let mut end = range.end;
        let mut node = if style == ScalarStyle::Plain {
            let is_null = range.is_empty() || matches!(value, "~" | "null" | "Null" | "NULL");
            let span = if range.is_empty() {
                let is_flow = self.frames.last().is_some_and(|frame| frame.is_flow);
                end = place::missing_value(self.text, range.end, is_flow);
                Span::new(end, end)
            } else {
                Span::new(range.start, range.end)
            };
            if is_null && !is_text {
                Node::new(span, Content::Null)
            } else {
                let value = if range.is_empty() { "" } else { value };
                // The scanner saw another letter in place of a placeholder's `@`.
                let value = match value.get(1..) {
                    Some(rest) if self.text[range].starts_with('@') => format!("@{rest}").into(),
                    _ => Cow::Borrowed(value),
                };
                self.written(span, (0, 0), Style::Plain, &value)
            }
        } else if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            let floor = self.at.min(range.start);
            let found = place::block(self.text, range.clone(), floor, value.is_empty());
            let (whole, header) = found.map_or((range, 0), |block| (block.whole, block.header));
            end = whole.end;
            self.written(Span::new(whole.start, whole.end), (header, 0), Style::Block, value)
        } else {
            let style =
                if style == ScalarStyle::DoubleQuoted { Style::Double } else { Style::Single };
            self.written(Span::new(range.start, range.end), (1, 1), style, value)
        };
        if let Some(tag) = tag {
            node = node.with_tag(tag);
        }
        self.remember(anchor, &node, 0);
        self.place(node, end, 0);
    }

    fn written(&self, span: Span, quotes: (usize, u8), style: Style, value: &str) -> Node {
        let scalar = Scalar::new(self.text, span, quotes, style, SmolStr::new(value));
        Node::new(span, Content::Scalar(scalar))
    }

    fn alias(&mut self, id: usize, range: Range<usize>) {
        let span = Span::new(range.start, range.end);
        let name = &self.text[range.clone()];
        let known = match self.anchors.get(id) {
            Some(Anchor::Known(known)) if self.frames.len() + known.height <= MAX_DEPTH => {
                Ok(known.clone())
            }
            Some(Anchor::Known(_)) => Err("nests too deeply"),
            Some(Anchor::Open) => Err("contains itself"),
            _ => Err("stands for something that was left out"),
        };
        match known {
            Ok(known) => self.place(known.node.with_via(span), range.end, known.height),
            Err(why) => {
                self.problems.add(span, || format!("alias `{name}` {why}"));
                self.place(Node::new(span, Content::Null), range.end, 0);
            }
        }
    }

    fn open(
        &mut self,
        is_mapping: bool,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: Range<usize>,
    ) {
        if self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        let start = range.start;
        if self.frames.len() == MAX_DEPTH {
            self.too_deep = 1;
            let span = Span::new(start, start);
            let message = || format!("nested more than {MAX_DEPTH} levels deep, not read");
            self.problems.add(span, message);
            return self.place(Node::new(span, Content::Null), start, 0);
        }
        self.set_anchor(anchor, Anchor::Open);
        self.frames.push(Frame {
            is_mapping,
            is_flow: style == StructureStyle::Flow,
            start,
            end: range.end,
            first: if is_mapping { self.entries.len() } else { self.nodes.len() },
            key: None,
            merges: Vec::new(),
            anchor,
            tag: tag.and_then(tag_name),
            height: 0,
        });
    }

    fn close(&mut self, range: Range<usize>) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(mut frame) = self.frames.pop() else { return };
        if frame.is_flow {
            frame.end = frame.end.max(range.end);
        }
        let (node, anchor, end, height) = self.collection(frame);
        self.remember(anchor, &node, height);
        self.place(node, end, height);
    }

    /// The node of a collection whose children are all there: with its anchor, its end and its
    /// height.
    fn collection(&mut self, frame: Frame) -> (Node, usize, usize, usize) {
        let content = if frame.is_mapping {
            self.drop_duplicates(frame.first);
            if !frame.merges.is_empty() {
                merge(
                    &mut self.entries,
                    frame.first,
                    &frame.merges,
                    &mut self.merge_budget,
                    &mut self.problems,
                );
            }
            Content::Mapping(self.entries.drain(frame.first..).collect::<Arc<[_]>>())
        } else {
            Content::Sequence(self.nodes.drain(frame.first..).collect::<Arc<[_]>>())
        };
        let mut node = Node::new(Span::new(frame.start, frame.end), content);
        if let Some(tag) = frame.tag {
            node = node.with_tag(tag);
        }
        (node, frame.anchor, frame.end, frame.height)
    }

    fn drop_duplicates(&mut self, first: usize) {
        let again = repeated(&self.entries[first..]);
        if again.is_empty() {
            return;
        }
        let mut index = 0;
        let mut again = again.into_iter().peekable();
        let mut own = self.entries.split_off(first);
        own.retain(|entry| {
            let is_again = again.next_if_eq(&index).is_some();
            index += 1;
            if is_again {
                let key = entry.key.as_str().unwrap_or_default();
                self.problems
                    .add(entry.key.span, || format!("`{key}` stands twice, the first one counts"));
            }
            !is_again
        });
        self.entries.append(&mut own);
    }

    /// Puts a node where the next one belongs; `end` is one past its last byte in the text here.
    fn place(&mut self, node: Node, end: usize, height: usize) {
        let Some(frame) = self.frames.last_mut() else {
            if !node.is_null() || node.tag().is_some() {
                self.documents.push(node);
            }
            return;
        };
        frame.end = frame.end.max(end);
        frame.height = frame.height.max(height + 1);
        if !frame.is_mapping {
            self.nodes.push(node);
        } else if let Some(key) = frame.key.take() {
            if is_merge(&key) {
                frame.merges.push(Merge { key: key.span, value: node });
            } else {
                self.entries.push(Entry { key, value: node });
            }
        } else {
            frame.key = Some(node);
        }
    }

    fn remember(&mut self, anchor: usize, node: &Node, height: usize) {
        if anchor > 0 {
            self.set_anchor(anchor, Anchor::Known(Anchored { node: node.clone(), height }));
        }
    }

    fn set_anchor(&mut self, id: usize, anchor: Anchor) {
        if id == 0 {
            return;
        }
        if self.anchors.len() <= id {
            self.anchors.resize(id + 1, Anchor::Missing);
        }
        self.anchors[id] = anchor;
    }

    /// Ends the document at a mistake. Complete children are kept, and so are the block collections
    /// around the mistake; a flow collection that never closed may have swallowed anything, so it
    /// is left out.
    pub(super) fn give_up_broken(&mut self, at: usize, why: &str) {
        let line_end = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end);
        let document = self.text.get(self.document_start..line_end).unwrap_or("");
        if let Some(found) = template::find(document) {
            return self.give_up_templated(self.document_start + found);
        }
        let line_end = at + self.text[at..line_end].trim_end().len();
        self.problems.add(Span::new(at, line_end), || format!("not valid YAML: {why}"));
        self.too_deep = 0;
        while let Some(frame) = self.frames.pop() {
            if frame.is_flow {
                self.forget(&frame);
                continue;
            }
            let is_empty = frame.first
                == if frame.is_mapping { self.entries.len() } else { self.nodes.len() }
                && frame.merges.is_empty();
            let (node, anchor, end, height) = self.collection(frame);
            if !is_empty {
                self.remember(anchor, &node, height);
                self.place(node, end, height);
            }
        }
    }

    /// Leaves the document out that has a template at `at`.
    pub(super) fn give_up_templated(&mut self, at: usize) {
        let line_end = self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |end| at + end);
        self.problems.add(Span::new(at, line_end), || {
            "templated, not read: this is YAML only after a template engine ran".to_owned()
        });
        self.too_deep = 0;
        while let Some(frame) = self.frames.pop() {
            self.forget(&frame);
        }
    }

    fn forget(&mut self, frame: &Frame) {
        if frame.is_mapping {
            self.entries.truncate(frame.first);
        } else {
            self.nodes.truncate(frame.first);
        }
    }

    pub(super) fn finish(mut self) -> Tree {
        if let Some(at) = self.text.find('\0') {
            // The scanner takes this character for the end of the text.
            self.problems.add(Span::new(at, at + 1), || "NUL character in the text".to_owned());
        }
        Tree { documents: self.documents, problems: self.problems.into_list() }
    }
}

/// Whether a key merges: `<<` outside quotes.
fn is_merge(key: &Node) -> bool {
    matches!(&key.content, Content::Scalar(scalar) if scalar.value == "<<" && scalar.style == Style::Plain)
}

/// A tag as [`Node::tag`] tells it; `None` for the tag `!` that says nothing.
fn tag_name(tag: &Tag) -> Option<SmolStr> {
    if let Some(core) = tag.core_suffix() {
        return Some(SmolStr::from(format!("!{core}")));
    }
    let name: Cow<'_, str> = match tag.handle() {
        "!" => Cow::Borrowed(tag.suffix()),
        handle => Cow::Owned(format!("{handle}{}", tag.suffix())),
    };
    let name = name.strip_prefix('!').unwrap_or(&name);
    (!name.is_empty()).then(|| SmolStr::new(name))
}
