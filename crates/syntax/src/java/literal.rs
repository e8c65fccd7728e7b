//! Values of Java literals.

use wonin_text::Span;

/// The value of a string literal or text block and the bytes inside its quotes; `None` for text
/// that is neither (Java Language Specification 3.10.5 to 3.10.7).
pub(crate) fn string(text: &str, span: Span) -> Option<(String, Span)> {
    let start = span.start as usize;
    if let Some(inside) = text.strip_prefix("\"\"\"") {
        let inside = inside.strip_suffix("\"\"\"").unwrap_or(inside);
        let inner = Span::new(start + 3, start + 3 + inside.len());
        return Some((unescape(&strip_indentation(inside)), inner));
    }
    let inside = text.strip_prefix('"')?;
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    Some((unescape(inside), Span::new(start + 1, start + 1 + inside.len())))
}

/// The value of an integer literal of any base.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let digits = digits.trim_end_matches(['l', 'L']);
    let lower = digits.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(binary) = lower.strip_prefix("0b") {
        return i64::from_str_radix(binary, 2).ok();
    }
    if lower.len() > 1 && lower.starts_with('0') {
        return i64::from_str_radix(&lower[1..], 8).ok();
    }
    lower.parse().ok()
}

/// Takes away what the lines of a text block have in common at their start, and blanks at their
/// end.
fn strip_indentation(inside: &str) -> String {
    let body = inside.split_once('\n').map_or("", |(_, body)| body).replace("\r\n", "\n");
    let lines: Vec<&str> = body.split('\n').collect();
    let last = lines.len() - 1;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let counted = lines.iter().enumerate();
    let common = counted
        .filter(|(at, line)| *at == last || !line.trim().is_empty())
        .map(|(_, line)| indent(line))
        .min()
        .unwrap_or(0);
    let stripped: Vec<&str> =
        lines.iter().map(|line| line.get(common..).unwrap_or("").trim_end()).collect();
    stripped.join("\n")
}

/// Escapes resolved; an unknown one keeps its character.
fn unescape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        let after = rest.as_str();
        match rest.next() {
            Some('n') => value.push('\n'),
            Some('t') => value.push('\t'),
            Some('r') => value.push('\r'),
            Some('b') => value.push('\u{8}'),
            Some('f') => value.push('\u{c}'),
            Some('s') => value.push(' '),
            Some('\n') | None => {}
            Some('u') => {
                let digits = rest.as_str().trim_start_matches('u');
                let code = digits.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                if let Some(code) = code {
                    value.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    rest = digits[4..].chars();
                }
            }
            Some('0'..='7') => {
                let longest = if after.starts_with(['0', '1', '2', '3']) { 3 } else { 2 };
                let length = after.bytes().take(longest).take_while(|b| (b'0'..=b'7').contains(b));
                let length = length.count();
                let code = u32::from_str_radix(&after[..length], 8).unwrap_or(0);
                value.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                rest = after[length..].chars();
            }
            Some(other) => value.push(other),
        }
    }
    value
}
