//! YAML 1.2 as Compose, Spring and Kubernetes read it.
//!
//! What follows the core schema: plain `~`, `null` and empty values are nothing; numbers and truth
//! values stay text, the reader knows which it wants. Aliases share what they stand for, merge keys
//! (`<<`) are flattened: a mapping's own keys win, then earlier merges. A mistake ends its document;
//! what was complete before it is kept, and later documents are read.

mod builder;
mod merge;
mod place;
mod template;

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScanError, options};
use wonin_text::Span;

use crate::problems::Problems;
use crate::{MAX_DEPTH, Tree};
use builder::Builder;

/// Beyond this the scanner itself gives up. Higher than [`MAX_DEPTH`], so that what is somewhat too
/// deep is left out and the rest goes on.
const SCANNER_DEPTH: usize = 4 * MAX_DEPTH;

/// A simple key may be this long in characters; YAML says 1024, generated files exceed it.
const LONGEST_KEY_CHARS: usize = 4096;

/// How many placeholders at the start of a value are accepted: each costs one more pass.
const MOST_PLACEHOLDERS: usize = 50;

/// How much may be read again for placeholders; they are a habit of small files.
const MOST_REREAD_BYTES: usize = 32 << 20;

/// Reads all documents of `text`.
///
/// `@name@` at the start of a value is no YAML, but Maven fills it in when it copies Spring's
/// files (Spring Boot reference, "Automatic Property Expansion Using Maven"): it is plain text.
pub fn parse(text: &str) -> Tree {
    if u32::try_from(text.len()).is_err() {
        let mut problems = Problems::default();
        problems.add(Span::default(), || "larger than 4 GiB, not read".to_owned());
        return Tree { documents: Vec::new(), problems: problems.into_list() };
    }
    let mut scanned = Cow::Borrowed(text);
    for _ in 0..MOST_PLACEHOLDERS.min(MOST_REREAD_BYTES / text.len().max(1)) {
        match read(text, &scanned, true) {
            Ok(tree) => return tree,
            Err(at) => scanned.to_mut().replace_range(at..=at, "x"),
        }
    }
    read(text, &scanned, false).unwrap_or_default()
}

/// Reads `scanned`, which is `text` but for the `@` of placeholders. Asked to `seek` them, gives
/// the offset of the first one that stands in the way.
fn read(text: &str, scanned: &str, seek: bool) -> Result<Tree, usize> {
    let mut options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: SCANNER_DEPTH,
        block_nesting_limit: SCANNER_DEPTH,
        simple_key_max_lookahead: LONGEST_KEY_CHARS,
    };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(scanned, options);
    let mut builder = Builder::new(text);
    while let Some(next) = parser.next_event() {
        let mistake = match next {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or_default();
                if !is_template(&event, text, range.start) {
                    builder.event(event, range);
                    continue;
                }
                builder.give_up_templated(range.start);
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = mistake {
            let at = offset(&error, text);
            if seek && template::is_placeholder(&text[at..]) {
                return Err(at);
            }
            builder.give_up_broken(at, &error.info());
        }
        match parser.proceed_next_document() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                builder.give_up_broken(offset(&error, text), &error.info());
                break;
            }
        }
    }
    Ok(builder.finish())
}

/// Whether a node begins as only a template would: `{{` outside quotes, which closes soon. (Braces
/// without end are looked at one by one: the look ahead must be bounded.)
fn is_template(event: &Event<'_>, text: &str, start: usize) -> bool {
    const SOON: usize = 4096;
    let rest = &text.as_bytes()[start..];
    matches!(event, Event::MappingStart(..))
        && rest.starts_with(b"{{")
        && rest[..rest.len().min(SOON)].windows(2).any(|pair| pair == b"}}")
}

/// Where in the text an error is.
fn offset(error: &ScanError, text: &str) -> usize {
    error.marker().byte_offset().unwrap_or(text.len()).min(text.len())
}
