//! The values of a Compose file after interpolation, each with its origin, in one shape whatever
//! form they were written in.

use std::collections::BTreeMap;
use std::ops::Range;

use indexmap::IndexMap;
use wonin_model::{Inheritance, Inherited, Interpolated, Located, Origin};
use wonin_syntax::{Content, Node, Scalar};
use wonin_text::{FileId, Place};

use super::interpolate::{Filled, Growth, Variables, fill};

/// How deep a known key nests at most (`networks.NAME.ipam.config[].subnet`), with room to spare.
const MOST_NESTED: usize = 8;

/// How many values of one project may count in more than one place. Aliases of aliases double with
/// every line; nobody writes this many by hand.
const MOST_SHARED: usize = 500_000;

/// A value with the place of its text.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// The bytes of the value.
    pub(crate) place: Place,
    /// What the merge rules are told to do with it.
    pub(crate) tag: MergeTag,
    /// The value.
    pub(crate) data: Data,
}

/// `!reset` and `!override`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeTag {
    /// Merge by the rules of the key.
    Merge,
    /// Remove what is below, and this too.
    Reset,
    /// Replace what is below as a whole.
    Override,
}

/// What a value holds.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Nothing.
    Null,
    /// A single value.
    Text(Located<String>),
    /// A list.
    List(Vec<Value>),
    /// Keys with values in the order of the text.
    Map(Map),
}

/// Entries by key.
pub(crate) type Map = IndexMap<String, Field>;

/// An entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The bytes of the key.
    pub(crate) key: Place,
    /// The value.
    pub(crate) value: Value,
}

impl Value {
    /// The single value.
    pub(crate) fn text(&self) -> Option<&Located<String>> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; empty for everything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The map, where it is one.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entries of a map; nothing for everything else.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, &Field)> {
        self.map().into_iter().flatten()
    }

    /// The value under a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| Some(&value.map()?.get(*key)?.value))
    }

    /// The single value under a path of keys.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&Located<String>> {
        self.at(path)?.text()
    }

    /// Whether the single value under a path of keys is `true`.
    pub(crate) fn is_true(&self, path: &[&str]) -> bool {
        self.text_at(path).is_some_and(|text| {
            matches!(text.value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1")
        })
    }

    /// A single value, or each of a list.
    pub(crate) fn texts(&self) -> Vec<Located<String>> {
        match &self.data {
            Data::Text(text) => vec![text.clone()],
            _ => self.items().iter().filter_map(Self::text).cloned().collect(),
        }
    }

    /// Where the value as a whole came from: like its single values, with its own place.
    pub(crate) fn origin(&self) -> Origin {
        let mut origin = Origin::Written(self.place);
        for text in self.items().iter().filter_map(Self::text).chain(self.text()) {
            match (&mut origin, &text.origin) {
                (Origin::Interpolated(filled), Origin::Interpolated(more)) => {
                    filled.from.extend(&more.from);
                    filled.unset.extend(more.unset.iter().cloned());
                }
                (_, Origin::Interpolated(filled)) => {
                    let mut filled = filled.clone();
                    filled.place = self.place;
                    origin = Origin::Interpolated(filled);
                }
                (Origin::Written(place), Origin::Inherited(inherited)) => {
                    let mut inherited = inherited.clone();
                    inherited.place = *place;
                    origin = Origin::Inherited(inherited);
                }
                _ => {}
            }
        }
        origin
    }

    /// Says of everything written in this value that it counts through `via`.
    pub(crate) fn inherit(&mut self, via: Place, how: Inheritance) {
        match &mut self.data {
            Data::Null => {}
            Data::Text(text) => inherit(&mut text.origin, via, how),
            Data::List(items) => items.iter_mut().for_each(|item| item.inherit(via, how)),
            Data::Map(map) => {
                map.values_mut().for_each(|field| field.value.inherit(via, how));
            }
        }
    }

    /// How many values it holds, itself included.
    pub(crate) fn count(&self) -> usize {
        1 + match &self.data {
            Data::Null | Data::Text(_) => 0,
            Data::List(items) => items.iter().map(Self::count).sum(),
            Data::Map(map) => map.values().map(|field| field.value.count()).sum(),
        }
    }
}

/// Says of a value that it counts through `via`; interpolated text keeps its origin.
pub(crate) fn inherit(origin: &mut Origin, via: Place, how: Inheritance) {
    match origin {
        Origin::Written(place) => {
            *origin = Inherited { place: *place, via: vec![via], how }.into();
        }
        Origin::Inherited(inherited) => {
            inherited.via.insert(0, via);
            inherited.how = how;
        }
        Origin::Interpolated(_) | Origin::Default(_) => {}
    }
}

/// The origin of a value that is only a part of the text at `place`.
fn computed(origin: &Origin, place: Place) -> Origin {
    match origin {
        Origin::Written(_) => Interpolated { place, from: Vec::new(), unset: Vec::new() }.into(),
        other => other.clone(),
    }
}

/// What turning nodes into values has to say, over all files of a project.
#[derive(Debug)]
pub(crate) struct Notes {
    /// Parts that were not understood.
    pub(crate) skipped: Vec<(Place, String)>,
    /// Variables that nothing defines, with their first use.
    unset: BTreeMap<String, Place>,
    /// How many more values may count in more than one place.
    shared_left: usize,
    /// Whether it was said that there are too many.
    shared_out: bool,
    /// Whether it was said that something is nested too deeply.
    nested_out: bool,
    /// How much more interpolated text may grow.
    pub(crate) growth: Growth,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self {
            skipped: Vec::new(),
            unset: BTreeMap::new(),
            shared_left: MOST_SHARED,
            shared_out: false,
            nested_out: false,
            growth: Growth::new(),
        }
    }

    /// Notes a part that was not understood.
    pub(crate) fn skip(&mut self, place: Place, why: impl Into<String>) {
        self.skipped.push((place, why.into()));
    }

    /// Notes that a value is nested too deeply, the first one for all.
    fn skip_nested(&mut self, place: Place) {
        if !std::mem::replace(&mut self.nested_out, true) {
            let why = format!("nested more than {MOST_NESTED} levels below a key");
            self.skip(place, format!("{why}: not read, nor is anything else that deep"));
        }
    }

    /// Takes `count` values that count in one more place; says whether that is allowed.
    pub(crate) fn share(&mut self, count: usize, place: Place) -> bool {
        if self.shared_left < count {
            self.shared_left = 0;
            if !std::mem::replace(&mut self.shared_out, true) {
                let why = format!("more than {MOST_SHARED} values through aliases and `extends`");
                self.skip(place, format!("{why}: the rest of them is left out"));
            }
            return false;
        }
        self.shared_left -= count;
        true
    }

    /// Notes what an interpolation could not do.
    fn note(&mut self, filled: &Filled, at: Place, part: impl Fn(Range<usize>) -> Place) {
        let is_required = |name: &String| filled.required.iter().any(|(known, _)| known == name);
        for name in filled.unset.iter().filter(|name| !is_required(name)) {
            self.unset.entry(name.clone()).or_insert(at);
        }
        for (name, message) in &filled.required {
            let message = if message.is_empty() { "it is required" } else { message.as_str() };
            self.skip(at, format!("`${{{name}}}` is not set, Compose refuses to start: {message}"));
        }
        for range in &filled.invalid {
            self.skip(
                part(range.clone()),
                "not a valid variable, or too much text: read as written",
            );
        }
    }

    /// All notes, one line for each variable that nothing defines.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Place, String)> {
        let unset = self
            .unset
            .into_iter()
            .map(|(name, place)| (place, format!("`${{{name}}}` is not set: read as empty")));
        self.skipped.into_iter().chain(unset)
    }
}

/// Fills in the variables of a text at `place`. `exact` says that the text at the place is the
/// text itself, byte for byte.
pub(crate) fn located(
    text: &str,
    place: Place,
    exact: bool,
    variables: &dyn Variables,
    notes: &mut Notes,
) -> Located<String> {
    let Some(filled) = fill(text, variables, &notes.growth) else {
        return Located::written(text.to_owned(), place);
    };
    let part = |range: Range<usize>| if exact { place.part(range) } else { place };
    notes.note(&filled, place, part);
    let definitions = filled.used.iter().filter_map(|name| variables.variable(name)?.place());
    let from = definitions.chain(filled.inside.iter().cloned().map(part)).collect();
    let origin = Interpolated { place, from, unset: filled.unset }.into();
    Located { value: filled.value, origin }
}

/// Turns nodes of one file into values.
pub(crate) struct Converter<'a> {
    pub(crate) file: FileId,
    pub(crate) variables: &'a dyn Variables,
    pub(crate) notes: &'a mut Notes,
}

impl Converter<'_> {
    /// A span of this file.
    pub(crate) fn place(&self, span: wonin_text::Span) -> Place {
        Place { file: self.file, span }
    }

    /// The entries of a mapping for which `known` says yes; all others are not looked into.
    pub(crate) fn map_of(&mut self, node: &Node, known: impl Fn(&str) -> bool) -> Map {
        let mut map = Map::new();
        let via = self.via(node, &[]);
        for entry in node.entries() {
            let Some(key) = entry.key.as_str().filter(|key| known(key)) else { continue };
            let Some(value) = self.under(key, &entry.value, &via, 1) else { break };
            map.entry(key.to_owned())
                .or_insert(Field { key: self.place(entry.key.value_span()), value });
        }
        map
    }

    /// The value under a key.
    fn under(&mut self, key: &str, node: &Node, via: &[Place], depth: usize) -> Option<Value> {
        if is_pairs(key) { self.pairs(node, via, depth) } else { self.value(node, via, depth) }
    }

    /// Any value; `None` where too many values are shared.
    pub(crate) fn value(&mut self, node: &Node, via: &[Place], depth: usize) -> Option<Value> {
        let via = self.via(node, via);
        let place = self.place(node.value_span());
        if !via.is_empty() && !self.notes.share(1, place) {
            return None;
        }
        let data = match &node.content {
            Content::Null => Data::Null,
            Content::Scalar(scalar) => {
                Data::Text(self.text(&scalar.value, place, scalar.verbatim, &via))
            }
            _ if depth > MOST_NESTED => {
                self.notes.skip_nested(place);
                Data::Null
            }
            Content::Sequence(items) => {
                let values = items.iter().map_while(|item| self.value(item, &via, depth + 1));
                Data::List(values.collect())
            }
            Content::Mapping(entries) => {
                let mut map = Map::new();
                for entry in entries.iter() {
                    let Some(key) = entry.key.as_str() else { continue };
                    let value = self.under(key, &entry.value, &via, depth + 1);
                    let Some(value) = value else { break };
                    map.entry(key.to_owned())
                        .or_insert(Field { key: self.place(entry.key.value_span()), value });
                }
                Data::Map(map)
            }
        };
        Some(Value { place, tag: merge_tag(node), data })
    }

    /// `environment`, `labels` and the like: a mapping, or a list of `KEY=value`, as a mapping. The
    /// place of a value in the list form is that of the bytes after the `=`.
    fn pairs(&mut self, node: &Node, via: &[Place], depth: usize) -> Option<Value> {
        let Content::Sequence(items) = &node.content else {
            return self.value(node, via, depth);
        };
        let via = self.via(node, via);
        let mut map = Map::new();
        for item in items.iter() {
            let Content::Scalar(scalar) = &item.content else { continue };
            let via = self.via(item, &via);
            let place = self.place(item.value_span());
            if !via.is_empty() && !self.notes.share(1, place) {
                break;
            }
            let (key, field) = self.pair(scalar, place, &via);
            // The later of two equal keys counts, in the place of the first.
            map.insert(key, field);
        }
        let place = self.place(node.value_span());
        Some(Value { place, tag: merge_tag(node), data: Data::Map(map) })
    }

    fn pair(&mut self, scalar: &Scalar, place: Place, via: &[Place]) -> (String, Field) {
        let text: &str = &scalar.value;
        let exact = scalar.verbatim;
        let part = |range: Range<usize>| if exact { place.part(range) } else { place };
        let written = text.find('=').filter(|&equals| !text[..equals].contains('$'));
        let (key, key_place, data) = if let Some(equals) = written {
            let at = part(equals + 1..text.len());
            let mut value = self.text(&text[equals + 1..], at, exact, via);
            if !exact {
                // Escapes or folding: the text at the place holds the key as well.
                value.origin = computed(&value.origin, place);
            }
            (text[..equals].to_owned(), part(0..equals), Data::Text(value))
        } else {
            let whole = self.text(text, place, exact, via);
            match whole.value.clone().split_once('=') {
                Some((key, value)) => {
                    let origin = computed(&whole.origin, place);
                    let value = Located { value: value.to_owned(), origin };
                    (key.to_owned(), place, Data::Text(value))
                }
                None => (whole.value, place, Data::Null),
            }
        };
        let at = match &data {
            Data::Text(value) => value.place().unwrap_or(place),
            _ => place,
        };
        let value = Value { place: at, tag: MergeTag::Merge, data };
        (key, Field { key: key_place, value })
    }

    fn text(&mut self, text: &str, place: Place, exact: bool, via: &[Place]) -> Located<String> {
        let mut located = located(text, place, exact, self.variables, self.notes);
        for &through in via {
            inherit(&mut located.origin, through, Inheritance::Alias);
        }
        located
    }

    fn via(&self, node: &Node, via: &[Place]) -> Vec<Place> {
        via.iter().copied().chain(node.via().map(|span| self.place(span))).collect()
    }
}

fn merge_tag(node: &Node) -> MergeTag {
    match node.tag() {
        Some("reset") => MergeTag::Reset,
        Some("override") => MergeTag::Override,
        _ => MergeTag::Merge,
    }
}

/// Keys whose value may be a mapping or a list of `KEY=value`.
fn is_pairs(key: &str) -> bool {
    matches!(key, "environment" | "labels" | "args")
}
