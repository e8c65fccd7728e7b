//! Entries of YAML as whole lines: for repairs that copy one beside another.

use wonin_text::{SourceFile, Span};

/// The lines of the entry of a mapping whose key begins at `key`, laid out over lines of its own;
/// without blank lines and comments that follow it. `None` where something else stands before the
/// key.
pub(crate) fn entry(file: &SourceFile, key: usize) -> Option<Span> {
    let first = file.line(file.position(key).line)?;
    let start = first.start as usize;
    let indent = key.checked_sub(start)?;
    if !file.text().get(start..key)?.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let mut end = first.end as usize;
    for line in lines(file.text().get(start..)?).skip(1) {
        let (at, text) = line;
        let body = text.trim();
        let depth = text.len() - text.trim_start().len();
        if body.is_empty() || (body.starts_with('#') && depth <= indent) {
            continue;
        }
        if depth <= indent {
            break;
        }
        end = start + at + text.trim_end().len();
    }
    Some(Span::new(start, end))
}

/// Lines without their breaks, each with its offset.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}

/// What belongs between an entry that begins at `start` and one that is put after it: a line
/// break, and a blank line where entries are set apart that way.
pub(crate) fn separator(file: &SourceFile, start: usize) -> &'static str {
    let before = file.text().get(..start).unwrap_or("");
    let mut above = before.lines().rev().skip_while(|line| line.trim_start().starts_with('#'));
    let apart = above.next().is_some_and(|line| line.trim().is_empty());
    match (before.contains("\r\n"), apart) {
        (false, false) => "\n",
        (false, true) => "\n\n",
        (true, false) => "\r\n",
        (true, true) => "\r\n\r\n",
    }
}

/// A copied text without the comments that tell of the original, and without anchors, which would
/// be given twice. Texts of several lines may hold lines that only look like comments.
pub(crate) fn bare(text: &str) -> String {
    let is_literal = text.lines().any(|line| {
        let end = line.trim_end().trim_end_matches(['-', '+']);
        end.ends_with(": |") || end.ends_with(": >") || end.ends_with("- |")
    });
    let kept =
        text.split_inclusive('\n').filter(|line| is_literal || !line.trim_start().starts_with('#'));
    let mut out: String = kept.map(without_anchor).collect();
    out.truncate(out.trim_end().len());
    out
}

/// `environment: &first` as `environment:`.
fn without_anchor(line: &str) -> String {
    let Some(at) = line.find(": &") else { return line.to_owned() };
    let name = &line[at + 3..];
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    let end = end.unwrap_or(name.len());
    let rest = &name[end..];
    let is_anchor = end > 0 && (rest.is_empty() || rest.starts_with([' ', '\n', '\r']));
    if is_anchor { format!("{}:{rest}", &line[..at]) } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "services:\n  a:\n    image: x\n\n  # The second.\n  b:\n    image: y # two\n    # of b\n    env: &b\n      K: 1\n  # of nothing\n\nvolumes:\n  v:\n";

    fn of(key: &str) -> Option<String> {
        let file = SourceFile::new("f", TEXT);
        let span = entry(&file, TEXT.rfind(key)?)?;
        Some(file.slice(span).to_owned())
    }

    #[test]
    fn entries_end_where_the_next_one_begins() {
        assert_eq!(of("a:").as_deref(), Some("  a:\n    image: x"));
        let b = "  b:\n    image: y # two\n    # of b\n    env: &b\n      K: 1";
        assert_eq!(of("b:").as_deref(), Some(b));
        assert_eq!(of("v:").as_deref(), Some("  v:"));
        assert_eq!(of("x\n\n"), None);
        assert_eq!(bare(b), "  b:\n    image: y # two\n    env:\n      K: 1");
    }

    #[test]
    fn entries_are_set_apart_as_before() {
        let file = SourceFile::new("f", TEXT);
        assert_eq!(separator(&file, TEXT.find("  b:").unwrap_or(0)), "\n\n");
        assert_eq!(separator(&file, TEXT.find("  a:").unwrap_or(0)), "\n");
    }
}
