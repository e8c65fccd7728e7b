//! Where values really begin and end. The parser's spans of block scalars begin behind the first
//! line's indentation and run on over trailing blank lines; empty values stand before the colon.

use std::ops::Range;

/// The place of a block scalar: all of it, and where its header ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// From the `|` or `>` to the end of the last line that holds text; with `+` to the very end.
    pub(super) whole: Range<usize>,
    /// Length of the header with its line break, in bytes.
    pub(super) header: usize,
}

/// Finds the header of a block scalar whose content the parser saw at `content`, and its true end.
/// Nothing before `floor` belongs to it. The parser may take an empty one to begin with its header.
pub(super) fn block(
    text: &str,
    content: Range<usize>,
    floor: usize,
    is_empty: bool,
) -> Option<Block> {
    let before = text.get(floor..content.start)?;
    // The header is on the last line with text before the content.
    let starts_with_header =
        is_empty && !content.is_empty() && text[content.start..].starts_with(['|', '>']);
    let head_end = if starts_with_header { content.start } else { floor + before.trim_end().len() };
    let line_start = floor + text.get(floor..head_end)?.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let line = text.get(line_start..)?;
    let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
    let head = header_in(line)?;
    let start = line_start + head;
    let after_line = line_start + line.len();
    let line_break = match text.as_bytes().get(after_line..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([_, ..]) => 1,
        _ => 0,
    };
    let body = after_line + line_break;
    let keeps = line[head..].chars().take(3).any(|c| c == '+');
    let full = text.get(body..content.end.max(body))?;
    // Lines of blanks alone belong to the text where they are longer than its indentation.
    let column = before.len() - before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let end = body
        + match keeps {
            false => trim_blank_lines(full, column).len(),
            true if content.end == text.len() => full.len(),
            // The blanks that indent what follows do not belong to it.
            true => full.trim_end_matches(' ').len(),
        };
    Some(Block { whole: start..end, header: body - start })
}

/// Where in a line a block header (`|`, `>-`, `|2+  # note`) begins.
fn header_in(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    (0..bytes.len()).find(|&at| {
        let starts = matches!(bytes[at], b'|' | b'>')
            && (at == 0 || line[..at].ends_with([' ', '\t', '\u{feff}']));
        starts && {
            let indicators = |c: char| matches!(c, '+' | '-' | '0'..='9');
            let rest = line[at + 1..].trim_start_matches(indicators).trim_start();
            rest.is_empty() || rest.starts_with('#')
        }
    })
}

/// Without the line breaks and the lines of at most `indent` blanks at the end.
fn trim_blank_lines(mut body: &str, indent: usize) -> &str {
    loop {
        let line_start = body.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let line = &body[line_start..];
        if line.len() > indent || line.bytes().any(|byte| byte != b' ') || body.is_empty() {
            return body;
        }
        body = body[..line_start].strip_suffix('\n').unwrap_or(&body[..line_start]);
        body = body.strip_suffix('\r').unwrap_or(body);
    }
}

/// Where the value of a key would stand that has none: after the colon.
pub(super) fn missing_value(text: &str, parser_says: usize, is_flow: bool) -> usize {
    let rest = text.get(parser_says..).unwrap_or("");
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let Some(behind) = rest[blanks..].strip_prefix(':') else { return parser_says };
    // In blocks `:,` begins plain text.
    let is_colon = behind.is_empty()
        || behind.starts_with([' ', '\t', '\n', '\r'])
        || (is_flow && behind.starts_with([',', ']', '}']));
    if is_colon { parser_says + blanks + 1 } else { parser_says }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_behind_keys_anchors_and_before_comments() {
        assert_eq!(header_in("a: |"), Some(3));
        assert_eq!(header_in("  - &x|y >2-  # why | so"), Some(9));
        assert_eq!(header_in("a|b: c"), None);
    }

    #[test]
    fn an_empty_value_stands_after_the_colon() {
        assert_eq!(missing_value("a:\nb: 1", 1, false), 2);
        assert_eq!(missing_value("a :\n", 1, false), 3);
        assert_eq!(missing_value("- \n", 1, false), 1);
        assert_eq!(missing_value("{a:}", 2, true), 3);
        assert_eq!(missing_value("? a\n:, x: 1", 4, false), 4);
    }
}
