//! What a program wrote, or as much of its end as is kept.

/// A text whose beginning goes when it grows too long. What is left begins with a whole line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Written {
    /// Bytes that are kept: the last ones.
    pub const KEPT_BYTES: usize = 8 << 20;

    /// Adds what was written next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Not each time: what is kept is moved.
        if self.bytes.len() > 2 * Self::KEPT_BYTES {
            self.cut();
        }
    }

    /// Adds what another one wrote under the same name.
    pub fn append(&mut self, other: &Self) {
        self.push(&other.bytes);
        self.is_cut |= other.is_cut;
    }

    /// Notes that more was written before than was ever here.
    pub fn begin_is_missing(&mut self) {
        self.is_cut = true;
    }

    /// Whether a beginning is missing.
    pub fn is_cut(&self) -> bool {
        self.is_cut || self.bytes.len() > Self::KEPT_BYTES
    }

    /// What is kept; what is no UTF-8 is replaced.
    pub fn into_text(mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn cut(&mut self) {
        let Some(from @ 1..) = self.bytes.len().checked_sub(Self::KEPT_BYTES) else { return };
        // The line that goes on here began before; where it is all there is, its end is kept.
        let end = self.bytes[from - 1..].iter().position(|byte| *byte == b'\n');
        let line = end.map(|end| from + end).filter(|line| *line < self.bytes.len());
        self.bytes.drain(..line.unwrap_or(from));
        self.is_cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Written;

    const KEPT: usize = Written::KEPT_BYTES;

    fn written(parts: &[&[u8]]) -> (bool, String) {
        let mut written = Written::default();
        for part in parts {
            written.push(part);
        }
        (written.is_cut(), written.into_text())
    }

    #[test]
    fn of_too_much_whole_lines_of_the_end_are_kept() {
        let line = |number: u32| format!("{number} {}\n", "x".repeat(1 << 20));
        let lines: Vec<String> = (0..40).map(line).collect();
        let parts: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        let (is_cut, text) = written(&parts);
        assert!(is_cut);
        assert_eq!(text, lines[33..].concat());
    }

    #[test]
    fn what_fits_is_whole_and_one_byte_more_costs_a_line() {
        let rest = "y".repeat(KEPT - 5) + "\n";
        let whole = (false, format!("one\n{rest}"));
        assert_eq!(written(&[b"one\n", rest.as_bytes()]), whole);
        assert_eq!(written(&[b"none\n", rest.as_bytes()]), (true, rest.clone()));
        // Cut where a line begins, nothing more goes.
        assert_eq!(written(&[b"0\none\n", rest.as_bytes()]), (true, whole.1));
    }

    #[test]
    fn a_line_that_is_too_long_keeps_its_end() {
        let line = "z".repeat(KEPT) + "end\n";
        let (is_cut, text) = written(&[line.as_bytes()]);
        assert!(is_cut && text.len() == KEPT && text.ends_with("zend\n"));
    }

    #[test]
    fn a_beginning_that_is_missing_is_not_forgotten() {
        let (mut all, mut one) = (Written::default(), Written::default());
        one.push(b"late\n");
        one.begin_is_missing();
        all.push(b"early\n");
        assert!(!all.is_cut());
        all.append(&one);
        assert!(all.is_cut());
        assert_eq!(all.into_text(), "early\nlate\n");
    }
}
