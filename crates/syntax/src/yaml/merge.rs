//! Merge keys of one mapping.

use std::collections::BTreeSet;

use smol_str::SmolStr;
use wonin_text::Span;

use crate::node::Via;
use crate::problems::Problems;
use crate::{Content, Entry, Node};

/// What stands under one `<<`.
#[derive(Debug)]
pub(super) struct Merge {
    /// The key itself.
    pub(super) key: Span,
    /// A mapping or a list of mappings.
    pub(super) value: Node,
}

/// Appends to `own` what the merges bring: keys that are there already win, whether own or from an
/// earlier merge (<https://yaml.org/type/merge.html>). `budget` bounds how many entries all merges
/// of a text may look at, since merges of merges multiply.
pub(super) fn merge(
    own: &mut Vec<Entry>,
    first: usize,
    merges: &[Merge],
    budget: &mut usize,
    problems: &mut Problems,
) {
    let mut seen: BTreeSet<SmolStr> =
        own[first..].iter().filter_map(|entry| entry.key.text().cloned()).collect();
    for merge in merges {
        let sources = match &merge.value.content {
            Content::Sequence(items) => &items[..],
            _ => std::slice::from_ref(&merge.value),
        };
        for source in sources {
            let Content::Mapping(entries) = &source.content else {
                let span = source.via().unwrap_or(source.span);
                problems.add(span, || "only mappings can be merged with `<<`".to_owned());
                continue;
            };
            let via = Via::new(source.via().or(merge.value.via()).unwrap_or(merge.key));
            for entry in entries.iter() {
                if *budget == 0 {
                    problems.add(merge.key, || "too much is merged, the rest left out".to_owned());
                    return;
                }
                *budget -= 1;
                if entry.key.text().is_some_and(|key| !seen.insert(key.clone())) {
                    continue;
                }
                own.push(Entry { key: via.on(&entry.key), value: via.on(&entry.value) });
            }
        }
    }
}
