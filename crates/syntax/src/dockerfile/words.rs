//! Words, flags, pairs and JSON lists of one instruction.

use std::ops::Range;

use super::{Flag, Instruction, Pair, Text, Word};
use crate::{Content, Style, json};

/// The first word from `at` on, and where the next one begins.
pub(super) fn first(text: &Text, at: usize) -> (Range<usize>, usize) {
    let rest = &text.value[at..];
    let start = at + (rest.len() - rest.trim_start().len());
    let length = text.value[start..].find(char::is_whitespace);
    let end = length.map_or(text.value.len(), |length| start + length);
    let gap = &text.value[end..];
    (start..end, end + (gap.len() - gap.trim_start().len()))
}

/// The flags from `at` on, and where the arguments begin.
pub(super) fn flags(text: &Text, mut at: usize, escape: char) -> (Vec<Flag>, usize) {
    let mut flags = Vec::new();
    while text.value[at..].starts_with("--") {
        let range = raw(&text.value, at, escape);
        let gap = &text.value[range.end..];
        at = range.end + (gap.len() - gap.trim_start().len());
        let span = text.part(range.clone());
        let whole = &text.value[range.clone()];
        if whole == "--" {
            break;
        }
        let (name, value) = match whole.find('=') {
            Some(equals) => {
                let start = range.start + equals + 1;
                (&whole[2..equals.max(2)], Some(word(text, start..range.end, escape)))
            }
            None => (&whole[2..], None),
        };
        flags.push(Flag { name: name.to_owned(), value, span });
    }
    (flags, at)
}

/// All words, as a shell would split them.
pub(super) fn shell(text: &Text, escape: char) -> Vec<Word> {
    ranges(&text.value, escape).into_iter().map(|range| word(text, range, escape)).collect()
}

/// The items where the text is a JSON list of strings.
pub(super) fn exec(text: &Text) -> Option<Vec<Word>> {
    if !text.value.starts_with('[') {
        return None;
    }
    let tree = json::parse(&text.value);
    let [list] = &tree.documents[..] else { return None };
    let Content::Sequence(items) = &list.content else { return None };
    if !tree.problems.is_empty() {
        return None;
    }
    let string = |node: &crate::Node| match &node.content {
        Content::Scalar(scalar) if scalar.style == Style::Double => Some(Word {
            value: scalar.value.to_string(),
            span: text.part(node.span.range()),
            style: Style::Double,
        }),
        _ => None,
    };
    items.iter().map(string).collect()
}

/// Names with values: `name=value …`, or for `ENV` and `LABEL` the old form `name value`.
pub(super) fn pairs(text: &Text, escape: char, has_old_form: bool) -> Vec<Pair> {
    let ranges = ranges(&text.value, escape);
    let Some(first) = ranges.first().cloned() else { return Vec::new() };
    if has_old_form && !text.value[first.clone()].contains('=') {
        let start = ranges.get(1).map(|second| second.start);
        let value = start.map(|start| word(text, start..text.value.len(), escape));
        return vec![Pair { name: word(text, first, escape), value }];
    }
    ranges
        .into_iter()
        .map(|range| match text.value[range.clone()].find('=') {
            Some(equals) => {
                let middle = range.start + equals;
                Pair {
                    name: word(text, range.start..middle, escape),
                    value: Some(word(text, middle + 1..range.end, escape)),
                }
            }
            None => Pair { name: word(text, range, escape), value: None },
        })
        .collect()
}

/// The here-documents that an instruction announces: name, whether leading tabs go, whether
/// variables are filled in.
pub(super) fn heredocs(instruction: &Instruction) -> Vec<(String, bool, bool)> {
    if !matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") || instruction.is_exec {
        return Vec::new();
    }
    ranges(&instruction.text.value, '\\')
        .into_iter()
        .filter_map(|range| {
            let word =
                instruction.text.value[range].trim_start_matches(|c: char| c.is_ascii_digit());
            let name = word.strip_prefix("<<")?;
            let (name, strips_tabs) = match name.strip_prefix('-') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let bare: String = name.chars().filter(|&c| !matches!(c, '"' | '\'')).collect();
            let is_name = !bare.is_empty() && !bare.contains(['<', '>', '(', '$', '|', ';', '&']);
            is_name.then(|| (bare.clone(), strips_tabs, bare == name))
        })
        .collect()
}

/// Where all words stand.
fn ranges(value: &str, escape: char) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    loop {
        let rest = &value[at..];
        at += rest.len() - rest.trim_start().len();
        if at == value.len() {
            return ranges;
        }
        let range = raw(value, at, escape);
        at = range.end;
        ranges.push(range);
    }
}

/// The word that begins at `start`: to the next blank outside quotes.
fn raw(value: &str, start: usize, escape: char) -> Range<usize> {
    let mut quote = None;
    let mut chars = value[start..].char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return start..start + at,
            None | Some('"') if c == escape => {
                chars.next();
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    start..value.len()
}

/// A word without its quotes and escapes.
fn word(text: &Text, range: Range<usize>, escape: char) -> Word {
    let written = &text.value[range.clone()];
    let mut value = String::with_capacity(written.len());
    let mut quote = None;
    let mut closed_at = None;
    let mut chars = written.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            Some('\'') if c == '$' => value.push_str("$$"),
            Some(open) if c == open => {
                quote = None;
                closed_at = closed_at.or(Some(at));
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None | Some('"') if c == escape => match chars.next().map(|(_, c)| c) {
                Some('$') => value.push_str("$$"),
                Some(next) => {
                    if quote.is_some() && next != '"' && next != escape {
                        value.push(escape);
                    }
                    value.push(next);
                }
                None => value.push(escape),
            },
            _ => value.push(c),
        }
    }
    let is_all_quoted = closed_at == Some(written.len().wrapping_sub(1));
    let style = match written.as_bytes().first() {
        Some(b'"') if is_all_quoted => Style::Double,
        Some(b'\'') if is_all_quoted => Style::Single,
        _ => Style::Plain,
    };
    Word { value, span: text.part(range), style }
}
