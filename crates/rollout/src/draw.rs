//! Seeded streams and the few distributions that the plans need.

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;

/// A time that is never reached. Far below `u64::MAX`, so that sums of a few of them cannot wrap.
pub const NEVER_MS: u64 = u64::MAX / 1024;

/// How far into the tails of the normal distribution a draw may go: one in a thousand on each
/// side. A bounded support lets a verdict say "for every drawn startup time".
const TAIL: f64 = 3.090_232_306_167_813;

/// A length of time that is fixed or drawn anew for each task, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draw {
    /// Always this long.
    Constant {
        /// Length in milliseconds.
        ms: u64,
    },
    /// Uniform between two ends, both included.
    Range {
        /// Shortest, in milliseconds.
        min_ms: u64,
        /// Longest, in milliseconds; below `min_ms` it counts as `min_ms`.
        max_ms: u64,
    },
    /// Log-normal around a median, cut at the 0.1 % and the 99.9 % quantile
    /// (rollout-semantics 10: sigma 0.15 around a measured value).
    LogNormal {
        /// Median in milliseconds.
        median_ms: u64,
        /// Standard deviation of the logarithm, 0 to 2.
        sigma: f64,
    },
    /// Never ends: an application that does not come up.
    Never,
}

impl Draw {
    /// Always `ms` milliseconds.
    pub const fn constant(ms: u64) -> Self {
        Self::Constant { ms }
    }

    /// Draws once.
    pub fn sample(&self, stream: &mut Stream) -> u64 {
        match *self {
            Self::Constant { ms } => ms,
            Self::Range { min_ms, max_ms } => {
                min_ms + stream.below(max_ms.saturating_sub(min_ms).saturating_add(1))
            }
            Self::LogNormal { median_ms, sigma } => {
                scale_log(median_ms, sigma, stream.normal().clamp(-TAIL, TAIL))
            }
            Self::Never => NEVER_MS,
        }
    }

    /// The value below which a share `p` of all draws lies, `p` in 0..=1.
    pub fn quantile_ms(&self, p: f64) -> u64 {
        match *self {
            Self::Constant { ms } => ms,
            Self::Range { min_ms, max_ms } => {
                let width = max_ms.saturating_sub(min_ms) as f64;
                min_ms + (width * p.clamp(0.0, 1.0)).round() as u64
            }
            Self::LogNormal { median_ms, sigma } => {
                scale_log(median_ms, sigma, normal_quantile(p).clamp(-TAIL, TAIL))
            }
            Self::Never => NEVER_MS,
        }
    }

    /// The shortest time that can be drawn.
    pub fn min_ms(&self) -> u64 {
        match *self {
            Self::LogNormal { median_ms, sigma } => scale_log(median_ms, sigma, -TAIL),
            _ => self.quantile_ms(0.0),
        }
    }

    /// The longest time that can be drawn.
    pub fn max_ms(&self) -> u64 {
        match *self {
            Self::LogNormal { median_ms, sigma } => scale_log(median_ms, sigma, TAIL),
            _ => self.quantile_ms(1.0),
        }
    }

    /// The same shape, `factor` times as long. `Never` stays `Never`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |ms: u64| ((ms as f64 * factor).round().max(0.0) as u64).min(NEVER_MS);
        match *self {
            Self::Constant { ms } => Self::Constant { ms: scale(ms) },
            Self::Range { min_ms, max_ms } => {
                Self::Range { min_ms: scale(min_ms), max_ms: scale(max_ms) }
            }
            Self::LogNormal { median_ms, sigma } => {
                Self::LogNormal { median_ms: scale(median_ms), sigma }
            }
            Self::Never => Self::Never,
        }
    }
}

fn scale_log(median_ms: u64, sigma: f64, z: f64) -> u64 {
    ((median_ms as f64 * (sigma * z).exp()).round() as u64).min(NEVER_MS)
}

/// Where in its interval the first load balancer check of a task falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Uniform over one interval (rollout-semantics 0, `φ`).
    #[default]
    Uniform,
    /// The same for every task; taken modulo the interval.
    Fixed {
        /// Offset in milliseconds.
        ms: u64,
    },
}

impl Phase {
    /// Draws an offset in `0..interval_ms`.
    pub fn sample(self, interval_ms: u64, stream: &mut Stream) -> u64 {
        match self {
            Self::Uniform => stream.below(interval_ms),
            Self::Fixed { ms } => ms % interval_ms.max(1),
        }
    }
}

/// A stream of random numbers, one per task, so that a change of one task's history leaves the
/// draws of all others as they were.
#[derive(Clone, Debug)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    /// The stream number `ordinal` of the run `seed`.
    pub fn new(seed: u64, ordinal: u64) -> Self {
        let low = mix(seed ^ mix(ordinal.wrapping_add(1)));
        let high = mix(low ^ 0xA5A5_5A5A_C3C3_3C3C);
        Self(Pcg64Mcg::new((u128::from(high) << 64) | u128::from(low)))
    }

    /// A whole number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in (0, 1].
    pub fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// The finaliser of SplitMix64: spreads neighbouring seeds over all bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Quantile of the standard normal distribution, by bisection of a series for its integral.
/// Accurate to about 1e-7, which is far below a millisecond for any startup time.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0_f64, 8.0_f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_share_below(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Share of the standard normal distribution below `z`: half plus the density times the series
/// z + z³/3 + z⁵/15 + …
fn normal_share_below(z: f64) -> f64 {
    let mut term = z;
    let mut sum = z;
    for i in 1..200 {
        term *= z * z / f64::from(2 * i + 1);
        sum += term;
    }
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    (0.5 + sum * density).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_log_normal() {
        let draw = Draw::LogNormal { median_ms: 150_000, sigma: 0.15 };
        assert_eq!(draw.quantile_ms(0.5), 150_000);
        // exp(0.15 * 2.326348) = 1.41759
        assert!(draw.quantile_ms(0.99).abs_diff(212_638) < 5, "{}", draw.quantile_ms(0.99));
        assert!(draw.min_ms() < 95_000 && draw.max_ms() > 238_000);
    }

    #[test]
    fn draws_stay_in_their_support_and_repeat() {
        let draw = Draw::LogNormal { median_ms: 1000, sigma: 0.3 };
        let range = Draw::Range { min_ms: 5, max_ms: 7 };
        let mut seen = [false; 3];
        for ordinal in 0..2000 {
            let ms = draw.sample(&mut Stream::new(7, ordinal));
            assert!(ms >= draw.min_ms() && ms <= draw.max_ms());
            assert_eq!(ms, draw.sample(&mut Stream::new(7, ordinal)));
            seen[range.sample(&mut Stream::new(7, ordinal)) as usize - 5] = true;
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn median_of_many_draws_is_the_median() {
        let draw = Draw::LogNormal { median_ms: 100_000, sigma: 0.15 };
        let below = (0..20_000).filter(|&o| draw.sample(&mut Stream::new(1, o)) < 100_000).count();
        assert!(below.abs_diff(10_000) < 300, "{below}");
    }
}
