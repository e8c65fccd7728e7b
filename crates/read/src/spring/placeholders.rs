//! `${name:default}` in property values.

use wonin_model::{Interpolated, Located};
use wonin_text::Place;

/// How deep placeholders may stand in one another, or lead to one another.
const MAX_DEPTH: usize = 16;

/// How long a filled-in value may become, in bytes; values that name each other twice double.
const MAX_LENGTH: usize = 64 * 1024;

/// Finds what a placeholder names.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Located<String>>;

/// A text with its placeholders filled in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The text; what could not be found stays as written.
    pub(crate) value: String,
    /// Where the parts came from.
    pub(crate) from: Vec<Place>,
    /// Names that nothing defines, here or in the text of what was filled in.
    pub(crate) missing: Vec<String>,
}

/// Whether a text has anything to fill in.
pub(crate) fn has_any(text: &str) -> bool {
    text.contains("${")
}

/// Fills in a value; one without placeholders is itself.
pub(crate) fn fill(text: &Located<String>, lookup: Lookup<'_>) -> Filled {
    let mut filled = Filled::default();
    filled.text(text, lookup, 0);
    filled
}

/// A value with its placeholders filled in and an origin that tells so.
pub(crate) fn resolved(text: &Located<String>, lookup: Lookup<'_>) -> Located<String> {
    if !has_any(&text.value) {
        return text.clone();
    }
    let filled = fill(text, lookup);
    let origin = match text.place() {
        Some(place) => Interpolated { place, from: filled.from, unset: filled.missing }.into(),
        None => text.origin.clone(),
    };
    Located { value: filled.value, origin }
}

impl Filled {
    fn text(&mut self, text: &Located<String>, lookup: Lookup<'_>, depth: usize) {
        let mut at = 0;
        while let Some(found) = text.value.get(at..).and_then(|rest| rest.find("${")) {
            let start = at + found;
            let Some(end) = closing(&text.value, start + 2) else { break };
            self.push(&text.value[at..start]);
            if depth < MAX_DEPTH {
                self.placeholder(&text.part(start + 2..end), lookup, depth);
            } else {
                self.missing(&text.value[start + 2..end]);
            }
            at = end + 1;
        }
        self.push(&text.value[at..]);
    }

    fn placeholder(&mut self, inside: &Located<String>, lookup: Lookup<'_>, depth: usize) {
        let colon = separator(&inside.value);
        let mut name = Self::default();
        name.text(&inside.part(0..colon.unwrap_or(inside.value.len())), lookup, depth + 1);
        if let Some(value) = lookup(name.value.trim()) {
            self.from.extend(value.place());
            if let Some(filled) = value.origin.interpolated() {
                self.missing.extend(filled.unset.iter().cloned());
            }
            self.text(&value, lookup, depth + 1);
        } else if let Some(colon) = colon {
            let default = inside.part(colon + 1..inside.value.len());
            self.from.extend(default.place());
            self.text(&default, lookup, depth + 1);
        } else {
            self.missing(&inside.value);
        }
    }

    fn missing(&mut self, inside: &str) {
        self.missing.push(inside.to_owned());
        self.push("${");
        self.push(inside);
        self.push("}");
    }

    fn push(&mut self, text: &str) {
        if self.value.len() + text.len() <= MAX_LENGTH {
            self.value.push_str(text);
        }
    }
}

/// The brace that closes what began before `from`.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut open = 0usize;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The first colon outside nested placeholders.
fn separator(inside: &str) -> Option<usize> {
    let mut open = 0usize;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open = open.saturating_sub(1),
            b':' if open == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_text::{FileId, Span};

    fn written(text: &str, at: usize) -> Located<String> {
        let span = Span::new(at, at + text.len());
        Located::written(text.to_owned(), Place { file: FileId(0), span })
    }

    fn lookup(name: &str) -> Option<Located<String>> {
        match name {
            "host" => Some(written("kafka", 100)),
            "address" => Some(written("${host}:${port:9092}", 200)),
            "loop" => Some(written("${loop}${loop}", 300)),
            _ => None,
        }
    }

    #[test]
    fn names_defaults_and_nesting() {
        for (text, expected, missing) in [
            ("plain", "plain", 0),
            ("${host}:1", "kafka:1", 0),
            ("${other:d:e}", "d:e", 0),
            ("${other:${host}}", "kafka", 0),
            ("${address}", "kafka:9092", 0),
            ("${other}", "${other}", 1),
            ("${other:}x", "x", 0),
            ("a${open", "a${open", 0),
        ] {
            let filled = fill(&written(text, 0), &lookup);
            assert_eq!(
                (filled.value.as_str(), filled.missing.len()),
                (expected, missing),
                "{text}"
            );
        }
    }

    #[test]
    fn origins_name_the_definition_or_the_default() {
        let places = |text| resolved(&written(text, 0), &lookup).origin.places();
        assert_eq!(places("${host}")[1].span, Span::new(100, 105));
        assert_eq!(places("${x:ab}")[1].span, Span::new(4, 6));
    }

    #[test]
    fn circles_end() {
        let filled = fill(&written("${loop}", 0), &lookup);
        assert!(!filled.missing.is_empty() && filled.value.len() <= MAX_LENGTH);
    }
}
