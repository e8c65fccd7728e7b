//! Command lines to words.

/// The words of a command line as a POSIX shell would split them: quotes and backslashes group and
/// vanish, nothing else is expanded. An open quote ends with the text.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|&c| c != '\''));
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default()),
            '\\' => match chars.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return,
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group() {
        for (text, expected) in [
            ("redis-server --appendonly yes", vec!["redis-server", "--appendonly", "yes"]),
            ("sh -c 'a b' \"c $X\"", vec!["sh", "-c", "a b", "c $X"]),
            ("a\\ b \"q\\\"x\\n\" ''", vec!["a b", "q\"x\\n", ""]),
            ("a \\\n  b", vec!["a", "b"]),
            ("  ", vec![]),
            ("'open", vec!["open"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
