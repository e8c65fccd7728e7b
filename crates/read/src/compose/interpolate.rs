//! Variables in values: `$A`, `${A}`, `${A:-b}`, `${A-b}`, `${A:?e}`, `${A?e}`, `${A:+b}`,
//! `${A+b}` and `$$` (Compose specification, "Interpolation").

use std::cell::Cell;
use std::ops::Range;

use wonin_model::Located;

/// How deep defaults may nest; deeper ones stay as written.
const MOST_NESTED: usize = 16;

/// How many bytes variables may bring into one text: no process can be given a longer string
/// (Linux `MAX_ARG_STRLEN`), while variables made of variables double with every line.
const MOST_BYTES: usize = 128 << 10;

/// How many variables of one text are named.
const MOST_NAMED: usize = 64;

/// How many bytes all texts of a project, or of a Dockerfile, may grow by.
#[derive(Debug)]
pub(crate) struct Growth(Cell<usize>);

impl Growth {
    pub(crate) fn new() -> Self {
        Self(Cell::new(256 << 20))
    }
}

/// Where variables are looked up.
pub(crate) trait Variables {
    /// The value of a variable and where it was defined.
    fn variable(&self, name: &str) -> Option<&Located<String>>;
}

/// What became of a text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Filled {
    /// The text with variables filled in.
    pub(crate) value: String,
    /// Byte ranges of the text that gave something: defaults and alternatives.
    pub(crate) inside: Vec<Range<usize>>,
    /// Variables with a definition that gave something, in order.
    pub(crate) used: Vec<String>,
    /// Variables without a definition, in order.
    pub(crate) unset: Vec<String>,
    /// Variables without a definition that the text requires, with its message.
    pub(crate) required: Vec<(String, String)>,
    /// Where the text cannot be understood; it stays as written.
    pub(crate) invalid: Vec<Range<usize>>,
}

/// Fills in the variables of `text`; `None` where it has none. Text that would grow too much stays
/// as written.
pub(crate) fn fill(text: &str, variables: &dyn Variables, growth: &Growth) -> Option<Filled> {
    if !text.contains('$') {
        return None;
    }
    let left = growth.0.get().min(MOST_BYTES);
    let mut filling =
        Filling { variables, out: Filled::default(), special: false, left: Some(left) };
    filling.text(text, 0, 0);
    let Some(left_over) = filling.left else {
        let invalid = std::iter::once(0..text.len()).collect();
        return Some(Filled { value: text.to_owned(), invalid, ..Filled::default() });
    };
    growth.0.set(growth.0.get() - (left - left_over));
    filling.special.then_some(filling.out)
}

struct Filling<'a> {
    variables: &'a dyn Variables,
    out: Filled,
    /// Whether anything but plain text was met.
    special: bool,
    /// How many more bytes variables may bring; `None` once they brought too many.
    left: Option<usize>,
}

impl Filling<'_> {
    /// Fills in `text`, which begins at byte `base` of the whole.
    fn text(&mut self, text: &str, base: usize, depth: usize) {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            self.out.value.push_str(&rest[..at]);
            let here = base + (text.len() - rest.len()) + at;
            let after = &rest[at + 1..];
            let consumed = self.after_dollar(after, here, depth);
            rest = &after[consumed..];
        }
        self.out.value.push_str(rest);
    }

    /// Handles what follows a `$` that stands at `here`; says how many bytes it took.
    fn after_dollar(&mut self, after: &str, here: usize, depth: usize) -> usize {
        if after.starts_with('$') {
            self.special = true;
            self.out.value.push('$');
            return 1;
        }
        let name = name_at(after);
        if !name.is_empty() {
            self.special = true;
            self.put(name);
            return name.len();
        }
        if after.starts_with('{') {
            self.special = true;
            let end = closing_brace(after);
            if end.is_some_and(|end| self.braced(&after[1..end], here + 2, depth)) {
                return end.map_or(0, |end| end + 1);
            }
            // The whole stays as written: looking into it again would take time without bound.
            let length = end.map_or(after.len(), |end| end + 1);
            self.out.invalid.push(here..here + 1 + length);
            self.out.value.push('$');
            self.out.value.push_str(&after[..length]);
            return length;
        }
        self.out.value.push('$');
        0
    }

    /// Handles the inside of `${…}`, which begins at `base`; says whether it is one.
    fn braced(&mut self, inner: &str, base: usize, depth: usize) -> bool {
        let name = name_at(inner);
        let operator = &inner[name.len()..];
        if name.is_empty() || depth >= MOST_NESTED {
            return false;
        }
        if operator.is_empty() {
            self.put(name);
            return true;
        }
        let colon = operator.starts_with(':');
        let sign = operator[usize::from(colon)..].chars().next();
        let start = name.len() + usize::from(colon) + 1;
        let value = self.variables.variable(name);
        let counts = value.is_some_and(|found| !(colon && found.value.is_empty()));
        match sign {
            Some('-' | '?') if counts => self.put(name),
            Some('+') if !counts => {}
            Some('-' | '+') => {
                let word = &inner[start..];
                self.out.inside.push(base + start..base + inner.len());
                self.text(word, base + start, depth + 1);
            }
            Some('?') => {
                self.out.required.push((name.to_owned(), inner[start..].to_owned()));
                note(&mut self.out.unset, name);
            }
            _ => return false,
        }
        true
    }

    fn put(&mut self, name: &str) {
        match self.variables.variable(name) {
            Some(found) => {
                self.left = self.left.and_then(|left| left.checked_sub(found.value.len()));
                if self.left.is_some() {
                    self.out.value.push_str(&found.value);
                }
                note(&mut self.out.used, name);
            }
            None => note(&mut self.out.unset, name),
        }
    }
}

fn note(names: &mut Vec<String>, name: &str) {
    if names.len() < MOST_NAMED && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// The variable name that `text` begins with.
fn name_at(text: &str) -> &str {
    let is_part = |(at, byte): (usize, u8)| {
        byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit())
    };
    let end = text.bytes().enumerate().take_while(|&pair| is_part(pair)).count();
    &text[..end]
}

/// The `}` that closes the `{` at the start of `text`; inner braces are counted.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wonin_text::{FileId, Place, Span};

    use super::*;

    impl Variables for BTreeMap<&str, Located<String>> {
        fn variable(&self, name: &str) -> Option<&Located<String>> {
            self.get(name)
        }
    }

    fn filled(text: &str) -> Filled {
        let place = Place { file: FileId(0), span: Span::default() };
        let set = |value: &str| Located::written(value.to_owned(), place);
        let variables = BTreeMap::from([("A", set("a")), ("EMPTY", set("")), ("B_2", set("b"))]);
        fill(text, &variables, &Growth::new()).unwrap_or_default()
    }

    #[test]
    fn every_form_gives_what_compose_gives() {
        for (text, expected) in [
            ("$A/${A}", "a/a"),
            ("$B_2x", ""),
            ("${B_2}x", "bx"),
            ("$$A $${A}", "$A ${A}"),
            ("${EMPTY:-d}|${EMPTY-d}|${GONE:-d}|${GONE-d}|${A:-d}", "d||d|d|a"),
            ("${EMPTY:+d}|${EMPTY+d}|${GONE+d}|${A:+d}", "|d||d"),
            ("${GONE:-${ALSO_GONE:-${A}}}!", "a!"),
            ("${GONE:-{x}}", "{x}"),
            ("${GONE:-http://h:1/p?q=1}", "http://h:1/p?q=1"),
            ("${A:?needed}", "a"),
            ("cost $5, $(date) $A", "cost $5, $(date) a"),
        ] {
            assert_eq!(filled(text).value, expected, "{text}");
        }
        assert_eq!(fill("cost $5", &BTreeMap::new(), &Growth::new()), None);
    }

    #[test]
    fn variables_without_a_definition_are_named_once() {
        let filled = filled("$GONE ${GONE} ${MISSING:?set it} ${A-x}");
        assert_eq!(filled.unset, ["GONE", "MISSING"]);
        assert_eq!(filled.required, [("MISSING".to_owned(), "set it".to_owned())]);
        assert_eq!(filled.used, ["A"]);
    }

    #[test]
    fn defaults_are_located_in_the_text() {
        let text = "x${GONE:-8080}";
        let inside = filled(text).inside;
        assert_eq!(&text[inside[0].clone()], "8080");
    }

    #[test]
    fn what_is_not_a_variable_stays_as_written() {
        let text = "${a.b} ${ ${A";
        let filled = filled(text);
        assert_eq!(filled.value, text);
        assert!(!filled.invalid.is_empty());
    }

    #[test]
    fn growth_is_bounded() {
        let place = Place { file: FileId(0), span: Span::default() };
        let long = Located::written("x".repeat(100), place);
        let variables = BTreeMap::from([("A", long)]);
        let text = "$A".repeat(MOST_BYTES / 100 + 1);
        let filled = fill(&text, &variables, &Growth::new()).unwrap();
        assert_eq!((filled.value, filled.invalid.len()), (text, 1));
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("{}x{}", "${G:-".repeat(100_000), "}".repeat(100_000));
        assert!(!filled(&text).invalid.is_empty());
    }
}
