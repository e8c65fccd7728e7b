//! Durations as settings write them, and long ones as people say them.

use wonin_model::{Located, Settings};

/// Milliseconds from a number (of milliseconds) or a number with `ms`, `s`, `m`, `h`, as Spring
/// writes durations; `None` for anything else.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

/// A setting as milliseconds; `None` where it is absent, uncertain, negative or not a duration.
pub(crate) fn setting_ms(settings: &Settings, name: &str) -> Option<Located<u64>> {
    let value = settings.get(name).filter(|value| value.origin.is_certain())?;
    value.and_then(|text| u64::try_from(parse_ms(text)?).ok())
}

/// A setting that counts things (threads, connections): 0 to 2³² - 1, so that sums of several
/// cannot overflow; `None` where it is absent, uncertain or not such a number.
pub(crate) fn setting_count(settings: &Settings, name: &str) -> Option<Located<i64>> {
    let value = settings.get(name).filter(|value| value.origin.is_certain())?;
    value.and_then(|text| text.trim().parse::<u32>().ok().map(i64::from))
}

/// A longer time in the unit that keeps it below three digits: `90 s`, `19 min`, `2.5 h`, `3 days`.
pub(crate) fn about(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_with_and_without_unit() {
        assert_eq!(parse_ms("1500"), Some(1500));
        assert_eq!(parse_ms(" 30s "), Some(30_000));
        assert_eq!(parse_ms("soon"), None);
        assert_eq!(parse_ms(""), None);
        assert_eq!(parse_ms("9223372036854775807h"), None);
    }

    #[test]
    fn long_times_read_well() {
        assert_eq!(about(90_000), "90 s");
        assert_eq!(about(9_000_000), "2.5 h");
        assert_eq!(about(300_000_000), "3 days");
    }
}
