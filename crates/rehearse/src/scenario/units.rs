//! Times and shares as people write them.

use std::time::Duration;

/// Units of time by their sign, and their microseconds.
const UNITS: [(&str, f64); 6] = [
    ("us", 1.0),
    ("µs", 1.0),
    ("ms", 1_000.0),
    ("s", 1_000_000.0),
    ("m", 60_000_000.0),
    ("h", 3_600_000_000.0),
];

/// The longest time that a scenario may name: a day.
const LONGEST: Duration = Duration::from_hours(24);

/// `5s`, `300ms`, `1.5s`, `2m`, `1m30s`; `None` where it is something else or longer than a day.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total_us = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest[..letters].trim();
        total_us += number * UNITS.iter().find(|(sign, _)| *sign == unit)?.1;
        rest = &rest[letters..];
    }
    let duration = Duration::from_micros(total_us as u64);
    (duration <= LONGEST).then_some(duration)
}

/// `0.99` or `99%`, from 0 to 1.
pub(crate) fn share(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().ok()? / whole;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// A time as a person says it: `300 ms`, `5 s`, `1.25 s`.
pub(crate) fn spoken(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{} ms", rounded(ms, 10.0))
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{} s", rounded(ms / 1000.0, 100.0))
    }
}

fn rounded(number: f64, to: f64) -> f64 {
    (number * to).round() / to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_said() {
        for (text, ms) in
            [("5s", 5000), ("300ms", 300), ("1.5s", 1500), ("1m30s", 90_000), ("2 m", 120_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "5 parsecs", "-1s", "25h", "1..5s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for (ms, said) in [(5000, "5 s"), (300, "300 ms"), (1250, "1.25 s"), (90_000, "90 s")] {
            assert_eq!(spoken(Duration::from_millis(ms)), said);
        }
        assert_eq!(spoken(Duration::from_micros(1240)), "1.2 ms");
    }

    #[test]
    fn shares_are_read() {
        assert_eq!(share("99%"), Some(0.99));
        assert_eq!(share("0.5"), Some(0.5));
        assert_eq!(share("1.5"), None);
        assert_eq!(share("most"), None);
    }
}
