//! Which profiles are active, and whether an expression over profiles holds.

use std::collections::BTreeSet;

/// How deep parentheses of an expression may nest.
const MAX_DEPTH: usize = 32;

/// Whether one of the comma-separated expressions holds (Spring Framework documentation of
/// `Profiles.of`: `!`, `&`, `|`, parentheses).
pub(crate) fn holds(expressions: &str, active: &BTreeSet<String>) -> bool {
    expressions.split(',').any(|expression| {
        let mut reader = Reader { text: expression, active, depth: 0 };
        reader.any() && reader.text.trim().is_empty()
    })
}

/// The names of a comma-separated list.
pub(crate) fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

struct Reader<'a> {
    text: &'a str,
    active: &'a BTreeSet<String>,
    depth: usize,
}

impl Reader<'_> {
    fn takes(&mut self, symbol: char) -> bool {
        let rest = self.text.trim_start();
        match rest.strip_prefix(symbol) {
            Some(after) => {
                self.text = after;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> bool {
        let mut result = self.all();
        while self.takes('|') {
            result |= self.all();
        }
        result
    }

    fn all(&mut self) -> bool {
        let mut result = self.one();
        while self.takes('&') {
            result &= self.one();
        }
        result
    }

    fn one(&mut self) -> bool {
        let mut negated = false;
        while self.takes('!') {
            negated = !negated;
        }
        if self.takes('(') {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                self.text = ")";
                return false;
            }
            let inner = self.any();
            self.depth -= 1;
            let closed = self.takes(')');
            return (inner && closed) != negated;
        }
        let rest = self.text.trim_start();
        let end = rest.find(['|', '&', '!', '(', ')']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        self.text = &rest[end..];
        (!name.is_empty() && self.active.contains(name)) != negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let active: BTreeSet<String> = ["prod", "eu"].map(str::to_owned).into();
        for (expression, expected) in [
            ("prod", true),
            ("dev", false),
            ("dev,prod", true),
            ("!dev", true),
            ("prod & eu", true),
            ("prod & !eu", false),
            ("(dev | prod) & eu", true),
            ("!(dev | prod)", false),
            ("", false),
            ("prod )", false),
        ] {
            assert_eq!(holds(expression, &active), expected, "{expression}");
        }
        assert!(!holds(&"(".repeat(10_000), &active));
    }
}
