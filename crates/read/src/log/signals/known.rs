//! What texts of late said, for texts that are like them.
//!
//! A program that fails says the same thing again and again, with other numbers. Texts of one
//! length that differ in nothing but their digits hold the same signals at the same places, unless
//! a row of the table asks for certain digits; so most of them need not be searched at all.

use super::{Matcher, Scan};
use crate::log::hash::hash_bytes;

/// Texts remembered; a new one takes the place of another with the same hash.
const TEXTS: usize = 1024;
/// Bytes of the longest text that is remembered.
const TEXT_BYTES_MAX: usize = 2 << 10;

/// Finds signals in the events of one file.
#[derive(Debug)]
pub(in crate::log) struct Known {
    matcher: &'static Matcher,
    texts: Vec<Text>,
    /// The text at hand, masked.
    masked: Vec<u8>,
    /// What a text says that is too long to be remembered.
    other: Scan,
}

#[derive(Debug, Default)]
struct Text {
    hash: u64,
    masked: Vec<u8>,
    scan: Scan,
    state: State,
}

/// What is known of a masked text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Seen once. Most such texts never come back, and remembering costs.
    #[default]
    Seen,
    /// What was found holds for all texts that look like this when masked.
    Known,
    /// What is found depends on the digits.
    Varying,
}

impl Known {
    pub(in crate::log) fn new(matcher: &'static Matcher) -> Self {
        let texts = std::iter::repeat_with(Text::default).take(TEXTS).collect();
        Self { matcher, texts, masked: Vec::new(), other: Scan::default() }
    }

    /// What an event says.
    pub(in crate::log) fn scan(&mut self, event: &str) -> &Scan {
        if event.len() > TEXT_BYTES_MAX {
            self.matcher.scan(event, &mut self.other);
            return &self.other;
        }
        mask_into(event, &mut self.masked);
        let hash = hash_bytes(0, &self.masked);
        let text = &mut self.texts[(hash % TEXTS as u64) as usize];
        if text.state == State::Known && text.masked == self.masked {
            return &text.scan;
        }
        self.matcher.scan(event, &mut text.scan);
        text.state = match text.state {
            State::Seen if text.hash == hash => {
                let depends = text.scan.depends_on_digits
                    || self.matcher.masked_literals.is_match(&self.masked);
                text.masked.clone_from(&self.masked);
                if depends { State::Varying } else { State::Known }
            }
            State::Varying if text.hash == hash => State::Varying,
            _ => State::Seen,
        };
        text.hash = hash;
        &text.scan
    }
}

/// A text with every digit turned into a nought.
pub(super) fn mask(text: &str) -> Vec<u8> {
    let mut masked = Vec::new();
    mask_into(text, &mut masked);
    masked
}

fn mask_into(text: &str, masked: &mut Vec<u8>) {
    masked.clear();
    masked.extend(text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::matcher;
    use super::super::tests::samples;
    use super::*;

    fn said(scan: &Scan) -> String {
        format!("{:?} {}", scan.found, scan.may_have_exception)
    }

    /// Every sample with other digits, as often as to be remembered, says what a search finds.
    #[test]
    fn other_digits_say_what_a_search_finds() {
        let matcher = matcher().unwrap();
        let mut known = Known::new(matcher);
        let mut searched = Scan::default();
        for add in 0..10 {
            for (_, text) in samples() {
                let other: String = text
                    .chars()
                    .map(|c| {
                        c.to_digit(10)
                            .map_or(c, |digit| char::from_digit((digit + add) % 10, 10).unwrap())
                    })
                    .collect();
                matcher.scan(&other, &mut searched);
                assert_eq!(said(known.scan(&other)), said(&searched), "{other}");
            }
        }
    }

    proptest! {
        #[test]
        fn texts_of_digits_and_literals_say_what_a_search_finds(
            parts in proptest::collection::vec("[0-9]{1,3}|\" 50[0-9] |[a-c ]{1,3}", 1..6),
            digits in "[0-9]{30}",
        ) {
            let matcher = matcher().unwrap();
            let mut known = Known::new(matcher);
            let mut searched = Scan::default();
            let text = format!("10.0.0.1 - \"GET /a HTTP/1.1{}", parts.concat());
            let mut digits = digits.chars().cycle();
            let other: String =
                text.chars().map(|c| if c.is_ascii_digit() { digits.next().unwrap() } else { c }).collect();
            for text in [text, other] {
                matcher.scan(&text, &mut searched);
                prop_assert_eq!(said(known.scan(&text)), said(&searched));
            }
        }
    }
}
