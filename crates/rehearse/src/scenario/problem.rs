//! What is wrong with a scenario file, where, and what to do.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use wonin_model::distance;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was given.
    pub path: String,
    /// Line of the place, from 1.
    pub line: usize,
    /// Column of the place in characters, from 1.
    pub column: usize,
    /// What is wrong; lowercase, without a period.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.what)
    }
}

/// Collects all that is wrong with one file, so that a person can mend it in one go.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    path: &'a str,
    text: &'a str,
    found: RefCell<Vec<Problem>>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, found: RefCell::default() }
    }

    pub(crate) fn add(&self, at: Range<usize>, what: impl Into<String>) {
        self.push(at, what.into(), None);
    }

    pub(crate) fn add_with_hint(
        &self,
        at: Range<usize>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(at, what.into(), Some(hint.into()));
    }

    fn push(&self, at: Range<usize>, what: String, hint: Option<String>) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        self.found.borrow_mut().push(Problem {
            path: self.path.to_owned(),
            line,
            column,
            what,
            hint,
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All of them in the order of the file.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| (problem.line, problem.column));
        found.dedup();
        found
    }
}

/// The name that is most like `wrong`, if any is like it at all.
pub(crate) fn nearest<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    let with_distance = names.iter().map(|name| (distance(wrong, name), *name));
    let (distance, name) = with_distance.min()?;
    (distance <= 1 + wrong.chars().count() / 3).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant() {
        let names = ["name", "upstream", "listen"];
        assert_eq!(nearest("upsteam", &names), Some("upstream"));
        assert_eq!(nearest("lisen", &names), Some("listen"));
        assert_eq!(nearest("colour", &names), None);
    }

    #[test]
    fn places_are_lines_and_columns() {
        let problems = Problems::new("s.toml", "a = 1\nü = 2\n");
        problems.add(9..10, "second");
        problems.add(0..1, "first");
        let shown: Vec<String> = problems.into_sorted().iter().map(Problem::to_string).collect();
        assert_eq!(shown, ["s.toml:1:1: first", "s.toml:2:3: second"]);
    }
}
