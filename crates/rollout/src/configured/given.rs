//! What the caller knows beside the files.

use crate::draw::Draw;
use crate::startup::{Cpu, CpuLaw, Startup};

/// What the caller gives, each `None` when not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// `--startup`.
    pub startup: Option<GivenStartup>,
    /// `--launch`: from the decision to start a task until its container runs, milliseconds.
    pub launch_ms: Option<u64>,
    /// `--stop`: from SIGTERM to exit, milliseconds.
    pub stop_ms: Option<u64>,
    /// `--phase`: offset of the first load balancer check, milliseconds.
    pub phase_ms: Option<u64>,
}

/// How the startup time is known.
#[derive(Clone, Debug, PartialEq)]
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
    pub fn parse(texts: &[&str]) -> Result<Self, String> {
        let mut measured = Vec::new();
        let mut plain = None;
        for text in texts {
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

    /// The startup time with this amount of CPU; or why it cannot be told.
    pub(super) fn startup(&self, units: Option<u32>) -> Result<Startup, String> {
        let pairs = match self {
            Self::Exact(ms) => return Ok(Startup::constant(*ms)),
            Self::Range(min_ms, max_ms) => {
                let time = Draw::Range { min_ms: *min_ms, max_ms: *max_ms };
                return Ok(Startup { time, cpu: None });
            }
            Self::Measured(pairs) => pairs,
        };
        let Some(units) = units else {
            return Err("the startup time is given per CPU units, but no CPU is configured".into());
        };
        let law = match pairs.as_slice() {
            [first, second, ..] => CpuLaw::fit(*first, *second),
            _ => None,
        };
        // A measurement at this very amount beats any law.
        let exact = pairs.iter().find(|(known, _)| *known == units).map(|&(_, ms)| ms);
        match (law, exact) {
            (Some(law), Some(ms)) => {
                Ok(Startup { time: Draw::constant(ms), cpu: Some(Cpu { units, law }) })
            }
            (Some(law), None) => Ok(Startup::from_law(law, units)),
            (None, Some(ms)) => Ok(Startup::constant(ms)),
            (None, None) => Err(format!(
                "{units} CPU units are configured and the startup time is known for others only: \
                 give a second pair such as `--startup 35s@1024`"
            )),
        }
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
        assert_eq!(
            GivenStartup::parse(&["35s@1024", "150s@256"]),
            Ok(GivenStartup::Measured(vec![(1024, 35_000), (256, 150_000)]))
        );
        for wrong in [&["150x"][..], &["3m..2m"], &["1s", "2s"], &["35s@0"], &[""], &["1s", "2s@3"]]
        {
            assert!(GivenStartup::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_measurement_at_the_configured_cpu_is_taken_as_it_is() {
        let given = GivenStartup::Measured(vec![(1024, 35_000), (256, 150_000)]);
        assert_eq!(given.startup(Some(256)).unwrap().time, Draw::constant(150_000));
        let between = given.startup(Some(512)).unwrap().time.quantile_ms(0.5);
        assert!((72_000..73_000).contains(&between), "{between}");
        assert!(given.startup(None).is_err());
        assert!(GivenStartup::Measured(vec![(1024, 35_000)]).startup(Some(256)).is_err());
    }
}
