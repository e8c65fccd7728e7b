//! Keys that stand twice.

use std::collections::HashSet;

use crate::problems::Problems;
use crate::{Content, Entry, Node};
use wonin_text::Span;

/// Up to this many keys, comparing each with each is faster than a set.
const FEW: usize = 16;

/// Indices of entries whose key stood earlier already. Keys that are not text are not compared.
pub(crate) fn repeated(entries: &[Entry]) -> Vec<usize> {
    if entries.len() <= FEW {
        let earlier = |at: usize| {
            let key = entries[at].key.as_str();
            key.is_some() && entries[..at].iter().any(|entry| entry.key.as_str() == key)
        };
        (1..entries.len()).filter(|&at| earlier(at)).collect()
    } else {
        let mut seen = HashSet::with_capacity(entries.len());
        let keys = entries.iter().map(|entry| entry.key.as_str()).enumerate();
        keys.filter(|(_, key)| key.is_some_and(|key| !seen.insert(key))).map(|(at, _)| at).collect()
    }
}

/// A mapping in which the last of several equal keys counts, as in properties, environment files
/// and JSON.
pub(crate) fn last_wins(span: Span, mut entries: Vec<Entry>, problems: &mut Problems) -> Node {
    let again = repeated(&entries);
    for &at in &again {
        let key = &entries[at].key;
        let name = key.as_str().unwrap_or_default();
        problems.add(key.span, || format!("`{name}` stands twice, the last one counts"));
    }
    if !again.is_empty() {
        entries.reverse();
        let mut index = 0;
        let mut earlier = repeated(&entries).into_iter().peekable();
        entries.retain(|_| {
            let is_earlier = earlier.next_if_eq(&index).is_some();
            index += 1;
            !is_earlier
        });
        entries.reverse();
    }
    Node::new(span, Content::Mapping(entries.into()))
}
