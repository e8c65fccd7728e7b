//! Numbers and lists as a person would write them.

/// `1 voter`, `2 voters`; for nouns whose plural ends in a plain `s`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// Milliseconds in the largest unit that keeps the number whole: `1500 ms`, `30 s`, `5 min`, `2 h`.
pub(crate) fn duration_ms(ms: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let whole = UNITS.iter().find(|(size, _)| ms >= *size && ms.is_multiple_of(*size));
    whole.map_or_else(|| format!("{ms} ms"), |(size, unit)| format!("{} {unit}", ms / size))
}

/// Bytes in the largest binary unit with at most one decimal: `512 B`, `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| bytes >= *size) else {
        return format!("{bytes} B");
    };
    let tenths = bytes / (size / 10);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "voter"), "1 voter");
        assert_eq!(count(0, "voter"), "0 voters");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(duration_ms(1500), "1500 ms");
        assert_eq!(duration_ms(90_000), "90 s");
        assert_eq!(duration_ms(300_000), "5 min");
        assert_eq!(duration_ms(0), "0 ms");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        assert_eq!(bytes(256 << 20), "256 MiB");
    }
}
