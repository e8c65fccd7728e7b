//! The keys of one table: typed, each with its place, and none left over.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::places::stand_in;
use super::problem::{Problems, nearest};
use super::units;

/// A table of a scenario file. What is wrong goes to [`Problems`], and gives `None`.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    table: &'a DeTable<'a>,
    /// Where the table is.
    span: Range<usize>,
    /// What a person calls it: `[[fault]]`.
    title: String,
    problems: &'a Problems<'a>,
    /// How many problems there were before this table.
    problems_before: usize,
    /// Names that were asked for.
    known: RefCell<Vec<&'static str>>,
    /// Whether a type of another crate has judged what is left over.
    is_claimed: Cell<bool>,
}

/// A value and its place.
type At<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Fields<'a> {
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        span: Range<usize>,
        title: impl Into<String>,
        problems: &'a Problems<'a>,
    ) -> Self {
        Self {
            table,
            span,
            title: title.into(),
            problems,
            problems_before: problems.count(),
            known: RefCell::default(),
            is_claimed: Cell::new(false),
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn table(&self) -> &'a DeTable<'a> {
        self.table
    }

    /// Where the value of a key is; the table where there is none.
    pub(crate) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span(), Spanned::span)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value, if there is one; from now on the name is known.
    pub(crate) fn get(&self, key: &'static str) -> Option<At<'a>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table.get(key)
    }

    pub(crate) fn wrong(&self, key: &str, what: impl Into<String>) {
        self.problems.add(self.span_of(key), what);
    }

    pub(crate) fn wrong_with_hint(
        &self,
        key: &str,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.add_with_hint(self.span_of(key), what, hint);
    }

    fn read<T>(
        &self,
        key: &'static str,
        kind: &str,
        read: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.wrong(key, format!("`{key}` must be {kind}"));
        }
        read
    }

    /// Says that the key is missing, unless it is there (and wrong, which was said), or seems to be
    /// there misspelt (which will be said).
    pub(crate) fn need<T>(&self, key: &'static str, example: &str, value: Option<T>) -> Option<T> {
        let seems = |written: &str| key.len() > 3 && nearest(written, &[key]).is_some();
        let known = self.known.borrow();
        let unknown = self.table.keys().map(|key| key.get_ref().as_ref());
        let mut unknown = unknown.filter(|name| !known.contains(name));
        if value.is_none() && !self.has(key) && !unknown.any(seems) {
            let what = format!("{} has no `{key}`", self.title);
            self.problems.add_with_hint(self.span(), what, format!("add `{key} = {example}`"));
        }
        value
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, "text in quotes", |value| value.as_str().map(str::to_owned))
    }

    /// A name of a thing: letters, digits, `-`, `_`, `.`; at most 60 characters.
    pub(crate) fn name(&self) -> Option<String> {
        let name = self.need("name", "\"a-name\"", self.text("name"))?;
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        if name.is_empty() || name.chars().count() > 60 || !name.chars().all(fits) {
            let what = "`name` must be 1 to 60 letters, digits, spaces, `-`, `_` or `.`";
            self.wrong("name", what);
            return None;
        }
        Some(name)
    }

    /// An address that can be dialled, whatever its placeholders stand for.
    pub(crate) fn address(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        let address = stand_in(&text);
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && is_port(port)) {
            return Some(text);
        }
        self.wrong(key, format!("`{key}` must be HOST:PORT, as \"127.0.0.1:8080\""));
        None
    }

    pub(crate) fn truth(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", DeValue::as_bool)
    }

    pub(crate) fn whole(&self, key: &'static str) -> Option<u64> {
        self.read(key, "a whole number, 0 or more", |value| integer(value)?.try_into().ok())
    }

    pub(crate) fn number(&self, key: &'static str) -> Option<f64> {
        self.read(key, "a number above 0", number).filter(|number| {
            let fits = *number > 0.0 && number.is_finite();
            if !fits {
                self.wrong(key, format!("`{key}` must be a number above 0"));
            }
            fits
        })
    }

    /// A share, as a number from 0 to 1 or a text with `%`.
    pub(crate) fn share(&self, key: &'static str) -> Option<f64> {
        self.read(key, "a share from 0 to 1, or \"99%\"", |value| match value {
            DeValue::String(text) => units::share(text),
            other => number(other).filter(|share| (0.0..=1.0).contains(share)),
        })
    }

    pub(crate) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.read(key, "a time with its unit in quotes, as \"5s\" or \"300ms\"", |value| {
            units::duration(value.as_str()?)
        })
    }

    /// A time in which something is to happen: longer than nothing.
    pub(crate) fn span_of_time(&self, key: &'static str) -> Option<Duration> {
        self.duration(key).filter(|time| {
            if time.is_zero() {
                self.wrong(key, format!("`{key}` must be longer than nothing"));
            }
            !time.is_zero()
        })
    }

    /// A list of texts; one text alone counts as a list.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "text in quotes, or a list of such", |value| match value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(items) => {
                items.iter().map(|item| Some(item.get_ref().as_str()?.to_owned())).collect()
            }
            _ => None,
        })
    }

    /// Texts or whole numbers, as texts; one alone counts as a list.
    pub(crate) fn words(&self, key: &'static str) -> Option<Vec<String>> {
        let word = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            other => integer(other).map(|integer| integer.to_string()),
        };
        self.read(key, "a text or number, or a list of such", |value| match value {
            DeValue::Array(items) => items.iter().map(|item| word(item.get_ref())).collect(),
            one => word(one).map(|word| vec![word]),
        })
    }

    /// A command and its arguments.
    pub(crate) fn command(&self, key: &'static str) -> Option<Vec<String>> {
        let words = self.read(key, "a list: [\"program\", \"argument\"]", |value| {
            let words = value.as_array()?.iter();
            words.map(|word| Some(word.get_ref().as_str()?.to_owned())).collect::<Option<Vec<_>>>()
        })?;
        if words.first().is_none_or(String::is_empty) {
            self.wrong(key, format!("`{key}` names no program"));
            return None;
        }
        Some(words)
    }

    /// A table of texts.
    pub(crate) fn text_table(&self, key: &'static str) -> Option<Vec<(String, String)>> {
        self.read(key, "a table of texts: { NAME = \"value\" }", |value| {
            let pairs = value.as_table()?.iter();
            pairs
                .map(|(name, value)| {
                    Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
                })
                .collect()
        })
    }

    /// A table of texts, numbers and truths, all as texts.
    pub(crate) fn value_table(&self, key: &'static str) -> Option<Vec<(String, String)>> {
        self.read(key, "a table: { \"a.name\" = \"value\" }", |value| {
            let pairs = value.as_table()?.iter();
            pairs
                .map(|(name, value)| {
                    let value = match json(value.get_ref()) {
                        Value::String(text) => text,
                        Value::Number(number) => number.to_string(),
                        Value::Bool(truth) => truth.to_string(),
                        _ => return None,
                    };
                    Some((name.get_ref().to_string(), value))
                })
                .collect()
        })
    }

    /// One word of several.
    pub(crate) fn one_of<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let word = self.text(key)?;
        self.choose(key, &word, words)
    }

    pub(crate) fn choose<T: Copy>(&self, key: &str, word: &str, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            let hint = nearest(word, &names).map(|name| format!("did you mean `{name}`?"));
            let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            let what = format!("`{word}` is not known as `{key}`; there is {all}");
            match hint {
                Some(hint) => self.wrong_with_hint(key, what, hint),
                None => self.wrong(key, what),
            }
        }
        found
    }

    /// A regular expression.
    pub(crate) fn regex(&self, key: &'static str) -> Option<regex::Regex> {
        let text = self.text(key)?;
        match regex::Regex::new(&text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim();
                let why = why.strip_prefix("error: ").unwrap_or(why);
                self.wrong(key, format!("`{key}` is no regular expression: {why}"));
                None
            }
        }
    }

    /// All keys that nobody asked for, as JSON, for a type of another crate.
    pub(crate) fn rest(&self) -> Map<String, Value> {
        let known = self.known.borrow();
        let rest = self.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref()));
        rest.map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
    }

    /// The given keys alone, as JSON.
    pub(crate) fn only(&self, keys: &[&str]) -> Map<String, Value> {
        let some = self.table.iter().filter(|(key, _)| keys.contains(&key.get_ref().as_ref()));
        some.map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
    }

    /// Says that another crate's type has judged all the keys that are left over.
    pub(crate) fn claim_rest(&self) {
        self.is_claimed.set(true);
    }

    /// Says where an error of another crate's type belongs: at the key that it names, else at the
    /// table.
    pub(crate) fn foreign(&self, error: &str) {
        let names = |word: &str| error.contains(&format!("`{word}`"));
        let key = self.table.keys().find(|key| names(key.get_ref())).map(Spanned::span);
        let value = self.table.values().find(|value| value.get_ref().as_str().is_some_and(names));
        let at = key.or(value.map(Spanned::span)).unwrap_or_else(|| self.span());
        let (what, hint) = match error.split_once(", expected ") {
            Some((what, expected)) if what.starts_with("unknown ") => {
                let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
                let wrong = what.split('`').nth(1).unwrap_or_default();
                let near = nearest(wrong, &known).map(|name| format!("did you mean `{name}`?"));
                (format!("{what} in {}", self.title), near.or(Some(format!("there is {expected}"))))
            }
            _ => (format!("{}: {error}", self.title), None),
        };
        match hint {
            Some(hint) => self.problems.add_with_hint(at, what, hint),
            None => self.problems.add(at, what),
        }
    }

    /// Refuses keys that nobody asked for. Where reading ended early, because something else is
    /// wrong, only a misspelt one is sure to be unknown.
    pub(crate) fn finish(&self) {
        if self.is_claimed.get() {
            return;
        }
        let is_read_whole = self.problems.count() == self.problems_before;
        let known = self.known.borrow();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let what = format!("{} has no key `{name}`", self.title);
            // A key that is there already is not what was meant.
            let free: Vec<&str> = known.iter().copied().filter(|known| !self.has(known)).collect();
            let hint = match nearest(name, &free) {
                Some(near) => format!("did you mean `{near}`?"),
                None if !is_read_whole => continue,
                None => {
                    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                    format!("its keys are {}", names.join(", "))
                }
            };
            self.problems.add_with_hint(key.span(), what, hint);
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        other => integer(other).map(|integer| integer as f64),
    }
}

/// A TOML value as JSON; dates become texts.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(_) => integer(value).into(),
        DeValue::Float(_) => number(value).into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect(),
        ),
    }
}
