//! A name for a finding that survives moved lines.

/// Sixteen hexadecimal digits from the mode, the service, the path and the text of the primary
/// place; `nth` tells equal ones apart. FNV-1a: stable over versions and machines, and nothing here
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of(&["ab", "c"], 0), of(&["a", "bc"], 0));
        assert_eq!(of(&["a b"], 0), of(&["a  b"], 0));
        assert_ne!(of(&["a"], 0), of(&["a"], 1));
    }
}
