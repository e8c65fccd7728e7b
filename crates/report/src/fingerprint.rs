//! A name for a finding that survives moved lines, and logs that grow and rotate.

/// Sixteen hexadecimal digits from the mode, the service, the path and the text of the primary
/// place, or where that is in a log the title [`without_amounts`]; `nth` tells equal ones apart. FNV-1a: stable over versions and machines, and nothing here
/// needs to resist an attacker.
pub(crate) fn of(parts: &[&str], nth: usize) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        // Blanks do not count, so that a reformatted file keeps its findings.
        part.bytes().filter(|byte| !byte.is_ascii_whitespace()).for_each(&mut eat);
        eat(0);
    }
    nth.to_le_bytes().into_iter().for_each(&mut eat);
    format!("{hash:016x}")
}

/// A title without how many and how long: `480 times within 3 min` is `times within`. Names and
/// addresses keep their digits.
pub(crate) fn without_amounts(title: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut after_amount = false;
    for word in title.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_unit = after_amount && UNITS.contains(&bare);
        after_amount = is_amount(bare);
        if !after_amount && !is_unit && !bare.is_empty() {
            kept.push(bare);
        }
    }
    kept.join(" ")
}

/// Words that may follow an amount and change with it.
const UNITS: &[&str] = &[
    "ms", "s", "min", "h", "d", "second", "seconds", "minute", "minutes", "hour", "hours", "day",
    "days", "bytes", "KiB", "MiB", "GiB", "kB", "MB", "GB", "time", "times", "event", "events",
    "thread", "threads",
];

/// `480`, `1.5`, `30000`, `96`, `12ms`: digits with at most one point, and perhaps a unit.
fn is_amount(word: &str) -> bool {
    let end =
        word.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(word.len());
    let (number, unit) = word.split_at(end);
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.matches('.').count() <= 1
        && (unit.is_empty() || UNITS.contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_do_not_count_and_names_do() {
        let short = without_amounts("10.0.9.20 asks 480 times within 3 min: 95 % of its time");
        assert_eq!(short, "10.0.9.20 asks within of its time");
        assert_eq!(short, without_amounts("10.0.9.20 asks 9 times within 2 h: 7 % of its time"));
        assert_ne!(without_amounts("kafka-1 is down"), without_amounts("kafka-2 is down"));
        assert_eq!(without_amounts("pool web-3: 10 of 10 in use"), "pool web-3 of in use");
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of(&["ab", "c"], 0), of(&["a", "bc"], 0));
        assert_eq!(of(&["a b"], 0), of(&["a  b"], 0));
        assert_ne!(of(&["a"], 0), of(&["a"], 1));
    }
}
