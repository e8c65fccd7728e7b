//! Text that is YAML only after a template engine ran over it.

/// The first place in `text` where a template stands for structure or a whole value: a line or an
/// unquoted value that begins with `{{` or `{%` (Helm and other Go templates, Jinja). Templates
/// within quotes or in the middle of plain text are ordinary text and do not count, nor do braces
/// that never close.
pub(super) fn find(text: &str) -> Option<usize> {
    let marks = [("{{", "}}"), ("{%", "%}")].map(|(mark, end)| (mark, text.rfind(end)));
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        for (mark, last_end) in marks {
            if let Some(at) = line.find(mark)
                && begins_a_value(&line[..at])
                && last_end.is_some_and(|end| end > line_start + at)
            {
                return Some(line_start + at);
            }
        }
        line_start += line.len();
    }
    None
}

/// Whether a value would begin after this much of a line.
fn begins_a_value(before: &str) -> bool {
    let trimmed = before.trim_end();
    let starts = trimmed.trim_start_matches(['-', ' ', '\t']).is_empty();
    starts || (trimmed.len() < before.len() && trimmed.ends_with([':', '-']))
}

/// Whether text begins with `@name@`, which a build fills in.
pub(super) fn is_placeholder(text: &str) -> bool {
    let name = text.strip_prefix('@').and_then(|rest| rest.split_once('@')).map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_structural_templates_count() {
        assert_eq!(find("a: 1\n  {{- if .x }}\n"), Some(7));
        assert_eq!(find("a: {{ .x }}\n"), Some(3));
        assert_eq!(find("- {% x %}\n"), Some(2));
        assert_eq!(find("a: {{{\n"), None);
        assert_eq!(find("a: \"{{ .x }}\"\nb: n-{{ .y }}\n# {{\n"), None);
    }
}
