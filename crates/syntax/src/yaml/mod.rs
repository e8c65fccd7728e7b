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

/// Reads all documents of `text`.
pub fn parse(text: &str) -> Tree {
    if u32::try_from(text.len()).is_err() {
        let mut problems = Problems::default();
        problems.add(Span::default(), || "larger than 4 GiB, not read".to_owned());
        return Tree { documents: Vec::new(), problems: problems.into_list() };
    }
    let mut options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: SCANNER_DEPTH,
        block_nesting_limit: SCANNER_DEPTH,
        simple_key_max_lookahead: LONGEST_KEY_CHARS,
    };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::new(text);
    while let Some(next) = parser.next_event() {
        let go_on = match next {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or_default();
                if is_template(&event, text, range.start) {
                    builder.give_up_templated(range.start);
                    parser.proceed_next_document()
                } else {
                    builder.event(event, range);
                    Ok(true)
                }
            }
            Err(error) => {
                give_up_broken(&mut builder, text, &error);
                parser.proceed_next_document()
            }
        };
        match go_on {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                give_up_broken(&mut builder, text, &error);
                break;
            }
        }
    }
    builder.finish()
}

/// Whether a node begins as only a template would: `{{` outside quotes.
fn is_template(event: &Event<'_>, text: &str, start: usize) -> bool {
    matches!(event, Event::MappingStart(..)) && text[start..].starts_with("{{")
}

fn give_up_broken(builder: &mut Builder<'_>, text: &str, error: &ScanError) {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    builder.give_up_broken(at, &error.info());
}
