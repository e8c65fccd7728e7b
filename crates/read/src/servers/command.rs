//! What a container runs, as words with their places.

use wonin_model::{Located, Origin, Service};
use wonin_text::{Place, Sources};

/// The words of entrypoint and command, shell text taken apart. Separators of the shell (`;`,
/// `&&`, `|`, a line break) are words of their own.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<Located<String>>);

impl Words {
    /// The words that a service's container runs, entrypoint first. Variables that the service
    /// defines are filled in, as the shell in the container would do.
    pub(crate) fn of(service: &Service, sources: &Sources) -> Self {
        let mut words = Vec::new();
        for line in [&service.entrypoint, &service.command].into_iter().flatten() {
            let mut finder = Finder::new(line, sources);
            for written in &line.value {
                for word in script_words(written, words.last()) {
                    words.push(expand(finder.locate(word), service));
                }
            }
        }
        Self(words)
    }

    /// Words without a place of their own, for tests and other texts that name a command.
    pub(crate) fn of_text(text: &Located<String>) -> Self {
        Self(shell_words(&text.value).into_iter().map(|word| text.with(word)).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Located<String>> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The programs that are named: last parts of the paths, `.sh` left out.
    pub(crate) fn runs(&self, program: &str) -> bool {
        self.0.iter().any(|word| program_name(&word.value) == program)
    }

    /// Whether some word contains this text.
    pub(crate) fn mention(&self, text: &str) -> bool {
        self.0.iter().any(|word| word.value.contains(text))
    }

    /// The last value of a flag under one of its names: `--name value`, `--name=value`.
    pub(crate) fn flag(&self, names: &[&str]) -> Option<Located<String>> {
        self.flags(names).pop()
    }

    /// Every value of a flag, in order.
    pub(crate) fn flags(&self, names: &[&str]) -> Vec<Located<String>> {
        let mut values = Vec::new();
        for (index, word) in self.0.iter().enumerate() {
            for name in names {
                if word.value == *name {
                    values.extend(self.0.get(index + 1).cloned());
                } else if let Some(value) = after_equals(word, name) {
                    values.push(value);
                }
            }
        }
        values
    }

    /// Whether the flag stands there, with or without value.
    pub(crate) fn has_flag(&self, name: &str) -> Option<&Located<String>> {
        self.0.iter().find(|word| word.value == name)
    }

    /// The commands between the separators.
    pub(crate) fn commands(&self) -> Vec<Words> {
        let pieces = self.0.split(|word| is_separator(&word.value));
        pieces.filter(|piece| !piece.is_empty()).map(|piece| Self(piece.to_vec())).collect()
    }
}

/// `--name=value` gives the value at its place.
fn after_equals(word: &Located<String>, name: &str) -> Option<Located<String>> {
    let rest = word.value.strip_prefix(name)?;
    rest.starts_with('=').then(|| word.part(name.len() + 1..word.value.len()))
}

/// `/opt/kafka/bin/kafka-topics.sh` is `kafka-topics`.
fn program_name(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.strip_suffix(".sh").unwrap_or(name)
}

fn is_separator(word: &str) -> bool {
    matches!(word, ";" | "&" | "&&" | "||" | "|" | "\n")
}

/// Finds the places of words in the text of the line they come from, in order.
struct Finder<'a> {
    line: &'a Located<Vec<String>>,
    /// The line's text, where the words stand in it as such.
    written: Option<(Place, &'a str)>,
    from: usize,
}

impl<'a> Finder<'a> {
    fn new(line: &'a Located<Vec<String>>, sources: &'a Sources) -> Self {
        let written = match line.origin {
            Origin::Written(place) => Some((place, sources.slice(place))),
            _ => None,
        };
        Self { line, written, from: 0 }
    }

    /// How far ahead a word is looked for: words follow one another closely, and a word that was
    /// written with escapes is not found at all.
    const WINDOW: usize = 2_000;

    fn locate(&mut self, word: String) -> Located<String> {
        let found = self.written.and_then(|(place, text)| {
            let end = text.ceil_char_boundary(self.from + word.len() + Self::WINDOW);
            let start = self.from + find_word(text.get(self.from..end)?, &word)?;
            self.from = start + word.len();
            Some(place.part(start..start + word.len()))
        });
        match found {
            Some(place) => Located::written(word, place),
            None => self.line.with(word),
        }
    }
}

/// The first place where `word` stands alone, not as a part of a longer word.
fn find_word(text: &str, word: &str) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    let joins = |character: Option<char>| {
        character.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
    };
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        !joins(text[..at].chars().next_back()) && !joins(text[at + word.len()..].chars().next())
    })
}

/// The words of one word of the line, scripts in quotes taken apart once more.
fn script_words(written: &str, before: Option<&Located<String>>) -> Vec<String> {
    let is_script =
        |before: Option<&str>| matches!(before, Some("-c" | "-ec" | "-lc" | "-ce" | "-cl"));
    let mut words: Vec<String> = Vec::new();
    for word in shell_words(written) {
        let last = words.last().map(String::as_str);
        let inner = last.or(before.map(|word| word.value.as_str()).filter(|_| words.is_empty()));
        if is_script(inner) && word.contains(char::is_whitespace) {
            words.extend(shell_words(&word));
        } else {
            words.push(word);
        }
    }
    words
}

/// Takes text apart as a shell would: words in quotes are one, quotes are dropped.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, '\\') => match rest.next() {
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (None, '\n' | ';' | '&' | '|') => {
                words.extend(word.take());
                let mut separator = String::from(character);
                if matches!(character, '&' | '|') && rest.peek() == Some(&character) {
                    separator.extend(rest.next());
                }
                words.push(separator);
            }
            (None, '#') if word.is_none() => while rest.next_if(|&c| c != '\n').is_some() {},
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (Some(_) | None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Fills in variables that the service defines; the value of a word that is one variable keeps the
/// place of the variable's value.
fn expand(word: Located<String>, service: &Service) -> Located<String> {
    if !word.value.contains('$') {
        return word;
    }
    let whole = word
        .value
        .strip_prefix('$')
        .map(|name| name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name));
    if let Some(value) = whole.and_then(|name| service.environment.get(name)) {
        return value.clone();
    }
    let filled = expand_text(&word.value, |name| {
        service.environment.get(name).map(|value| value.value.clone())
    });
    word.with(filled)
}

/// Replaces `$NAME` and `${NAME}`; unknown names stay as they are.
pub(crate) fn expand_text(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        let plain = (&after[..end], end + 1);
        let (name, length) = braced.map_or(plain, |(name, _)| (name, name.len() + 3));
        match lookup(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..at + length]),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::service;
    use proptest::prelude::*;
    use wonin_text::{FileId, SourceFile, Span};

    proptest! {
        #[test]
        fn words_stand_where_their_places_say(text in "([a-z=$-]|[ \n;&'\"\\\\#{}]|원){0,40}") {
            let mut sources = Sources::default();
            sources.add(SourceFile::new("compose.yaml", text.as_str()));
            let place = Place { file: FileId(0), span: Span::new(0, text.len()) };
            let mut service = service("it", &[]);
            service.command = Some(Located::written(vec![text.clone()], place));
            for word in Words::of(&service, &sources).iter() {
                let at = word.place().map(|place| sources.slice(place));
                prop_assert!(at == Some(word.value.as_str()) || at == Some(text.as_str()));
            }
        }
    }

    #[test]
    fn shell_text_is_taken_apart() {
        let words = shell_words("sh -c 'a b' && x --y=\"1 2\"\nz\\\n w|v");
        assert_eq!(words, ["sh", "-c", "a b", "&&", "x", "--y=1 2", "\n", "z", "w", "|", "v"]);
    }

    #[test]
    fn scripts_are_taken_apart_and_comments_dropped() {
        let words = script_words("sh -c 'a b'", None);
        assert_eq!(words, ["sh", "-c", "a", "b"]);
        assert_eq!(shell_words("a # b c\nd#e"), ["a", "\n", "d#e"]);
    }

    #[test]
    fn variables_are_filled_in_where_known() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        assert_eq!(expand_text("$A-${A}-${B}-$C-$", known), "1-1-${B}-$C-$");
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(find_word("bash -c a --ab a", "a"), Some(8));
        assert_eq!(find_word("원 a", "a"), Some(4));
        assert_eq!(find_word("ab", "a"), None);
    }
}
