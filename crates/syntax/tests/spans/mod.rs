//! What must hold for every tree of every text; shared by the tests and the fuzz targets.

#![allow(dead_code, reason = "each user needs a part")]

use wonin_syntax::dockerfile::{Dockerfile, Instruction, Word};
use wonin_syntax::{Content, Entry, MAX_DEPTH, Node, Problem, Scalar, Style, Tree};
use wonin_text::Span;

/// Nodes looked at in one tree: aliases can make a small text a very large walk.
const MOST_NODES: usize = 20_000;

/// What the text of a scalar gives alone.
pub(crate) enum Alone {
    Value(Node),
    /// It cannot stand alone.
    CannotTell,
    /// It has a problem.
    Broken(String),
}

/// Parses the text of a scalar alone; `is_key` says that it was a key.
pub(crate) type Again = fn(written: &str, scalar: &Scalar, is_key: bool) -> Alone;

/// Checks all spans of a tree, and that each scalar's text alone gives its value again.
pub(crate) fn check(text: &str, tree: &Tree, again: Again) {
    check_problems(text, &tree.problems);
    let mut walk = Walk { text, again, is_clean: tree.problems.is_empty(), left: MOST_NODES };
    for document in &tree.documents {
        walk.node(document, false, 0);
    }
}

/// Checks the places of problems.
pub(crate) fn check_problems(text: &str, problems: &[Problem]) {
    for problem in problems {
        assert!(!problem.message.is_empty());
        slice(text, problem.span);
    }
}

/// The text of a span, which must lie within the text and not cut a character.
pub(crate) fn slice(text: &str, span: Span) -> &str {
    let Some(slice) = text.get(span.range()) else { panic!("{span:?} of {text:?}") };
    slice
}

/// Checks one place.
pub(crate) fn check_span(text: &str, span: Span) {
    slice(text, span);
}

struct Walk<'t> {
    text: &'t str,
    again: Again,
    /// Whether the whole has no problem; else what stands next to one may not stand alone.
    is_clean: bool,
    left: usize,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, is_key: bool, depth: usize) {
        assert!(depth <= MAX_DEPTH);
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        slice(self.text, node.span);
        if let Some(via) = node.via() {
            assert!(!slice(self.text, via).is_empty());
        }
        match &node.content {
            Content::Null => {}
            Content::Scalar(scalar) => self.scalar(node, scalar, is_key),
            Content::Sequence(items) => {
                in_order(node, items.iter());
                for item in items.iter() {
                    self.node(item, false, depth + 1);
                }
            }
            Content::Mapping(entries) => {
                in_order(node, entries.iter().flat_map(|entry| [&entry.key, &entry.value]));
                for Entry { key, value } in entries.iter() {
                    self.node(key, true, depth + 1);
                    self.node(value, false, depth + 1);
                }
            }
        }
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, is_key: bool) {
        let written = slice(self.text, node.span);
        let inner = slice(self.text, node.value_span());
        match scalar.style {
            Style::Plain => assert_eq!(written, inner),
            Style::Single => assert!(written.starts_with('\'') && written.ends_with('\'')),
            Style::Double => assert!(written.starts_with('"')),
            Style::Block => assert!(written.starts_with(['|', '>']) && written.ends_with(inner)),
        }
        if scalar.verbatim {
            assert_eq!(inner, scalar.value);
            for (at, c) in scalar.value.char_indices().take(20) {
                assert_eq!(slice(self.text, node.part(at..at + c.len_utf8())), c.to_string());
            }
        }
        if node.tag().is_some() {
            return; // A tag changes what plain text means.
        }
        if written.starts_with('\u{feff}') {
            return; // Alone, it would be a byte order mark.
        }
        match (self.again)(written, scalar, is_key) {
            Alone::Value(alone) => {
                let value = Some(scalar.value.as_str());
                assert_eq!(alone.as_str(), value, "{written:?} in {:?}", self.text);
            }
            Alone::Broken(why) if self.is_clean => panic!("{written:?} {why} {:?}", self.text),
            Alone::Broken(_) | Alone::CannotTell => {}
        }
    }
}

/// Children stand one after the other within their parent; those that came through an alias or a
/// merge stand elsewhere.
fn in_order<'n>(parent: &Node, children: impl Iterator<Item = &'n Node>) {
    let mut at = parent.span.start;
    for child in children.filter(|child| child.via().is_none()) {
        assert!(child.span.start >= at, "{child:?} begins before {at} in {parent:?}");
        at = child.span.end;
    }
    assert!(at <= parent.span.end, "{parent:?} ends before its last child");
}

/// A YAML scalar alone.
pub(crate) fn yaml(written: &str, scalar: &Scalar, is_key: bool) -> Alone {
    let is_single_line = !written.contains(['\n', '\r']);
    // At the first column these would be markers or begin something else.
    let could_be_a_marker = written.split(['\n', '\r']).any(|line| {
        ["---", "...", "%", ":", "?", "-"].iter().any(|mark| line.trim_start().starts_with(mark))
    });
    let (before, after) = match scalar.style {
        // Text within brackets, a mistake outside of them.
        Style::Plain if matches!(written.trim(), "?" | "-" | ":") => return Alone::CannotTell,
        Style::Plain if is_single_line && !is_key => ("k: ", ""),
        Style::Plain if could_be_a_marker => return Alone::CannotTell,
        Style::Plain if is_single_line => ("", ": v"),
        // The indentation that the header gives counts from what stood around it.
        Style::Block if header(written).contains(|c: char| c.is_ascii_digit()) => {
            return Alone::CannotTell;
        }
        _ => ("", ""),
    };
    let text = format!("{before}{written}{after}");
    let tree = wonin_syntax::yaml::parse(&text);
    if before.len() + after.len() == 0 {
        first(&tree, |document| Some(document.clone()))
    } else {
        first_entry(&tree, is_key)
    }
}

fn header(block: &str) -> &str {
    block.split(['\n', '\r', '#']).next().unwrap_or("")
}

/// A key or value of properties alone.
pub(crate) fn properties(written: &str, _: &Scalar, is_key: bool) -> Alone {
    let escapes = written.len() - written.trim_end_matches('\\').len();
    if is_key && escapes % 2 == 1 {
        return Alone::CannotTell; // The text ended here; more text would be escaped.
    }
    let text = if is_key { format!("{written}=v") } else { format!("k={written}") };
    first_entry(&wonin_syntax::properties::parse(&text), is_key)
}

/// A name or value of an environment file alone.
pub(crate) fn dotenv(written: &str, _: &Scalar, is_key: bool) -> Alone {
    let text = if is_key { format!("{written}=v") } else { format!("k={written}") };
    first_entry(&wonin_syntax::dotenv::parse(&text), is_key)
}

/// A JSON scalar alone.
pub(crate) fn json(written: &str, scalar: &Scalar, is_key: bool) -> Alone {
    if is_key && scalar.style == Style::Plain {
        return Alone::CannotTell; // Told as a problem: `null` may be a name here.
    }
    first(&wonin_syntax::json::parse(written), |document| Some(document.clone()))
}

fn first_entry(tree: &Tree, is_key: bool) -> Alone {
    first(tree, |document| {
        let entry = document.entries().first()?;
        Some(if is_key { entry.key.clone() } else { entry.value.clone() })
    })
}

fn first(tree: &Tree, part: impl Fn(&Node) -> Option<Node>) -> Alone {
    match tree.documents.first().and_then(part) {
        Some(node) if tree.problems.is_empty() => Alone::Value(node),
        other => Alone::Broken(format!("gives {other:?} and {:?}", tree.problems)),
    }
}

/// Checks all places of a Dockerfile.
pub(crate) fn check_dockerfile(text: &str, file: &Dockerfile) {
    check_problems(text, &file.problems);
    for stage in &file.stages {
        instruction(text, &stage.from);
        slice(text, stage.base.span);
        stage.instructions.iter().for_each(|one| instruction(text, one));
    }
    file.globals.iter().for_each(|one| instruction(text, one));
}

fn instruction(text: &str, one: &Instruction) {
    let whole = slice(text, one.span);
    let keyword = slice(text, one.keyword_span);
    // A continuation may part the keyword, with comments and empty lines between.
    assert!(keyword.eq_ignore_ascii_case(&one.keyword) || keyword.contains('\n'));
    assert!(whole.starts_with(keyword), "{one:?}");
    slice(text, one.text.span);
    for flag in &one.flags {
        assert!(slice(text, flag.span).starts_with('-'));
        flag.value.iter().for_each(|value| word(text, value, one));
    }
    one.args
        .iter()
        .for_each(|arg| if one.is_exec { item(text, arg) } else { word(text, arg, one) });
    for pair in &one.pairs {
        word(text, &pair.name, one);
        pair.value.iter().for_each(|value| word(text, value, one));
    }
    for heredoc in &one.heredocs {
        assert_eq!(slice(text, heredoc.span), heredoc.body);
    }
    if let Some(inner) = &one.inner {
        instruction(text, inner);
    }
}

fn word(text: &str, word: &Word, one: &Instruction) {
    let written = slice(text, word.span);
    assert!(word.span.start >= one.span.start && word.span.end <= one.span.end, "{one:?}");
    if written.contains('\n') {
        return; // Parted by a continuation.
    }
    if word.style != Style::Plain {
        assert!(written.starts_with(['"', '\'']) && written.ends_with(['"', '\'']), "{one:?}");
    } else if !written.contains(['\\', '`', '"', '\'']) {
        assert_eq!(written, word.value, "{one:?}");
    }
}

fn item(text: &str, item: &Word) {
    let written = slice(text, item.span);
    if !written.contains('\n') {
        let tree = wonin_syntax::json::parse(written);
        assert_eq!(tree.documents[0].as_str(), Some(item.value.as_str()), "{item:?}");
    }
}
