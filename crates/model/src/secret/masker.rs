//! The secrets of a run, and how they are hidden.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wonin_text::{FileId, Place, Sources, Span};

use super::scan::{Syntax, spans};

/// The text with every character of `spans` (ordered, apart) replaced by a mark that takes the same
/// number of bytes and one column.
pub fn cover<'a>(text: &'a str, spans: &[Span]) -> Cow<'a, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        let range = span.range();
        let (Some(open), Some(secret)) = (text.get(at..range.start), text.get(range.clone()))
        else {
            continue;
        };
        out.push_str(open);
        out.extend(secret.chars().map(mark));
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    Cow::Owned(out)
}

fn mark(c: char) -> char {
    match (c, c.len_utf8()) {
        ('\n' | '\r', _) => c,
        (_, 1) => '*',
        (_, 2) => '·',
        (_, 3) => '•',
        _ => '🞄',
    }
}

/// Shortest secret that is recognised away from its place.
const KNOWN_LEN_MIN: usize = 7;

/// Knows the secrets of all files and hides them in files and in sentences.
#[derive(Debug, Default)]
pub struct Masker {
    files: BTreeMap<FileId, Vec<Span>>,
    /// Secrets that are unmistakable, by their first bytes.
    known: BTreeMap<[u8; 4], Vec<String>>,
}

impl Masker {
    /// Finds the secrets of all files.
    pub fn new(sources: &Sources) -> Self {
        let mut masker = Self::default();
        for (id, file) in sources.iter() {
            let found = spans(file.text(), Syntax::of_path(file.path()));
            for span in &found {
                masker.learn(file.slice(*span));
            }
            if !found.is_empty() {
                masker.files.insert(id, found);
            }
        }
        masker
    }

    /// Remembers a secret that cannot be mistaken for a word of the language: `postgres` as a
    /// password is hidden where it is one, and stays readable as the name of the product.
    fn learn(&mut self, secret: &str) {
        let any = |class: fn(&char) -> bool| u8::from(secret.chars().any(|c| class(&c)));
        let classes = any(char::is_ascii_lowercase)
            + any(char::is_ascii_uppercase)
            + any(char::is_ascii_digit)
            + any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | '/' | ':'));
        let Some(start) = secret.as_bytes().first_chunk::<4>() else {
            return;
        };
        if secret.len() >= KNOWN_LEN_MIN && classes >= 2 {
            let list = self.known.entry(*start).or_default();
            if !list.iter().any(|known| known == secret) {
                list.push(secret.to_owned());
            }
        }
    }

    /// Whether a place touches a secret.
    pub fn hides(&self, place: Place) -> bool {
        !self.touching(place).is_empty()
    }

    /// Whether a place is secret as a whole: no letter and no digit of it is in the open.
    pub fn hides_all(&self, sources: &Sources, place: Place) -> bool {
        let found = self.touching(place);
        let start = place.span.start as usize;
        let in_open = |(at, c): (usize, char)| {
            c.is_alphanumeric() && !found.iter().any(|span| span.contains(start + at))
        };
        !found.is_empty() && !sources.slice(place).char_indices().any(in_open)
    }

    fn touching(&self, place: Place) -> &[Span] {
        let found = self.files.get(&place.file).map_or(&[][..], Vec::as_slice);
        let first = found.partition_point(|span| span.end <= place.span.start);
        let count = found[first..].partition_point(|span| span.start < place.span.end);
        &found[first..first + count]
    }

    /// A file's text with its secrets hidden; every byte offset stays right.
    pub fn file<'a>(&self, sources: &'a Sources, id: FileId) -> Cow<'a, str> {
        let text = sources.file(id).text();
        let mut found = self.files.get(&id).cloned().unwrap_or_default();
        found.extend(self.known_in(text));
        cover(text, &apart(found))
    }

    /// A sentence, a value or a replacement with its secrets hidden.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found = spans(text, Syntax::Prose);
        found.extend(self.known_in(text));
        cover(text, &apart(found))
    }

    /// A value all of whose characters are secret.
    pub fn whole(text: &str) -> String {
        cover(text, &[Span::new(0, text.len())]).into_owned()
    }

    fn known_in(&self, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        if self.known.is_empty() {
            return found;
        }
        for (at, window) in text.as_bytes().windows(4).enumerate() {
            let Some(list) = window.first_chunk::<4>().and_then(|start| self.known.get(start))
            else {
                continue;
            };
            let here = |known: &&String| text.as_bytes()[at..].starts_with(known.as_bytes());
            if let Some(longest) = list.iter().filter(here).map(String::len).max() {
                found.push(Span::new(at, at + longest));
            }
        }
        found
    }
}

/// Ordered and without overlaps.
fn apart(mut found: Vec<Span>) -> Vec<Span> {
    found.sort_unstable();
    let mut end = 0;
    for span in &mut found {
        span.start = span.start.max(end).min(span.end.max(end));
        span.end = span.end.max(span.start);
        end = span.end;
    }
    found
}
