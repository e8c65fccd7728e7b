//! How long a start takes, as the caller knows it.

/// What `--startup` gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenStartup {
    /// Exactly, in milliseconds.
    Exact(u64),
    /// Somewhere between two times, in milliseconds.
    Range(u64, u64),
    /// Measured for amounts of CPU: units of 1/1024 CPU with milliseconds.
    Measured(Vec<(u32, u64)>),
}

impl GivenStartup {
    /// Reads one or several `--startup` values: `150s`, `120s..180s`, `35s@1024`.
    ///
    /// Errors say what is wrong and what is allowed.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, String> {
        let mut measured = Vec::new();
        let mut plain = None;
        for text in texts {
            let text = text.as_ref();
            if let Some((time, units)) = text.split_once('@') {
                let units = units.trim().parse().ok().filter(|&units: &u32| units > 0);
                let Some(units) = units else {
                    return Err(format!(
                        "`{text}`: CPU units are a whole number above 0: `35s@1024`"
                    ));
                };
                measured.push((units, duration_ms(time)?));
            } else if let Some((from, to)) = text.split_once("..") {
                let (from, to) = (duration_ms(from)?, duration_ms(to)?);
                if from > to {
                    return Err(format!("`{text}`: the range ends before it begins"));
                }
                plain = Some(Self::Range(from, to));
            } else {
                plain = Some(Self::Exact(duration_ms(text)?));
            }
        }
        match (plain, measured.len()) {
            (Some(plain), 0) if texts.len() == 1 => Ok(plain),
            (None, 1..) => Ok(Self::Measured(measured)),
            _ => Err("give one time, one range, or measured pairs such as `35s@1024`".to_owned()),
        }
    }

    /// The arguments that say the same: `--startup 35s@1024 --startup 150s@256`.
    pub fn arguments(&self) -> String {
        let time = |ms: u64| {
            if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
        };
        let values = match self {
            Self::Exact(ms) => vec![time(*ms)],
            Self::Range(from, to) => vec![format!("{}..{}", time(*from), time(*to))],
            Self::Measured(pairs) => {
                pairs.iter().map(|(units, ms)| format!("{}@{units}", time(*ms))).collect()
            }
        };
        let flags: Vec<String> = values.iter().map(|value| format!("--startup {value}")).collect();
        flags.join(" ")
    }
}

/// `150s`, `2m30s`, `1500ms`, `1h`; a number alone is seconds.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a length of time: write `150s`, `2m30s` or `1500ms`");
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(wrong());
    }
    let mut total: f64 = 0.0;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match &rest[..letters] {
            "ms" => 1.0,
            "s" | "" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return Err(wrong()),
        };
        rest = &rest[letters..];
        total += number * factor;
    }
    // A day and a half: longer times are mistakes of unit.
    if total > 130_000_000.0 {
        return Err(format!("`{text}` is longer than 36 hours"));
    }
    Ok(total.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ranges_and_measurements() {
        assert_eq!(GivenStartup::parse(&["150s"]), Ok(GivenStartup::Exact(150_000)));
        assert_eq!(GivenStartup::parse(&["2m..3m"]), Ok(GivenStartup::Range(120_000, 180_000)));
        let pairs = GivenStartup::Measured(vec![(1024, 35_000), (256, 150_000)]);
        assert_eq!(GivenStartup::parse(&["35s@1024", "150s@256"]), Ok(pairs.clone()));
        assert_eq!(pairs.arguments(), "--startup 35s@1024 --startup 150s@256");
        for wrong in [&["150x"][..], &["3m..2m"], &["1s", "2s"], &["35s@0"], &[""], &["1s", "2s@3"]]
        {
            assert!(GivenStartup::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
