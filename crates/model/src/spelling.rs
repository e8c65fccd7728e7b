//! How alike two words are, for whoever guesses what was meant.

/// How many letters must be changed, added or taken away to turn one word into the other
/// (Levenshtein). Takes as many steps as the product of their lengths.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (index, b) in other.iter().enumerate() {
            let changed = before + usize::from(a != *b);
            before = row[index + 1];
            row[index + 1] = changed.min(before + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn letters_are_counted() {
        for (one, other, expected) in [
            ("quorum", "quorum", 0),
            ("qorum", "quorum", 1),
            ("orders-db", "order-db", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("원인", "원", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
