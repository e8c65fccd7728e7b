//! Startup time, and how it follows from CPU (rollout-semantics 3).

use crate::draw::Draw;

/// CPU units per virtual CPU in ECS.
const UNITS_PER_CPU: f64 = 1024.0;

/// Startup time of a task, with the law that ties it to CPU if one is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Startup {
    /// Time from the start of the container until a check would first pass.
    pub time: Draw,
    /// What the time would be with another amount of CPU.
    pub cpu: Option<Cpu>,
}

impl Startup {
    /// A startup time that is known exactly, with no law for CPU.
    pub const fn constant(ms: u64) -> Self {
        Self { time: Draw::constant(ms), cpu: None }
    }

    /// The time that `law` gives for `units` CPU units, exactly.
    pub fn from_law(law: CpuLaw, units: u32) -> Self {
        Self { time: Draw::constant(law.startup_ms(units)), cpu: Some(Cpu { units, law }) }
    }

    /// A release that never comes up: what a broken image looks like to the scheduler.
    pub const fn never() -> Self {
        Self { time: Draw::Never, cpu: None }
    }

    /// The same startup with another amount of CPU; unchanged when no law is known.
    #[must_use]
    pub fn with_units(&self, units: u32) -> Self {
        let Some(cpu) = self.cpu else { return *self };
        let now_ms = cpu.law.startup_ms(cpu.units).max(1) as f64;
        let factor = cpu.law.startup_ms(units) as f64 / now_ms;
        Self { time: self.time.scaled(factor), cpu: Some(Cpu { units, law: cpu.law }) }
    }
}

/// An amount of CPU and the law that holds for the application.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpu {
    /// CPU units now, 1024 per virtual CPU.
    pub units: u32,
    /// Startup time for other amounts.
    pub law: CpuLaw,
}

/// CPU units that a Fargate task can have.
const FARGATE_UNITS: [u32; 7] = [256, 512, 1024, 2048, 4096, 8192, 16_384];

/// The smallest size of a Fargate task with at least `units`; `None` above the largest.
pub fn fargate_units(units: u32) -> Option<u32> {
    FARGATE_UNITS.into_iter().find(|&size| size >= units)
}

/// Startup time as a function of CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CpuLaw {
    /// `S = a + b/c` with `c` in virtual CPUs: a fixed part and a part that CPU pays for.
    Linear {
        /// Fixed part in milliseconds, not negative.
        fixed_ms: f64,
        /// CPU work in milliseconds times virtual CPUs.
        work_ms: f64,
    },
    /// `S = S1·(c1/c)^γ`, for a slowdown steeper than CPU alone explains.
    Power {
        /// Startup time at `units`, in milliseconds.
        startup_ms: f64,
        /// CPU units of that measurement.
        units: u32,
        /// Exponent `γ`.
        exponent: f64,
    },
}

impl CpuLaw {
    /// Fits the law through two measured pairs of (CPU units, startup in milliseconds).
    ///
    /// The linear form is taken when its fixed part is not negative, the power law otherwise
    /// (rollout-semantics 3). `None` when the pairs have the same CPU or a zero.
    pub fn fit(first: (u32, u64), second: (u32, u64)) -> Option<Self> {
        if first.0 == second.0 || first.0.min(second.0) == 0 || first.1.min(second.1) == 0 {
            return None;
        }
        let (c1, s1) = (f64::from(first.0) / UNITS_PER_CPU, first.1 as f64);
        let (c2, s2) = (f64::from(second.0) / UNITS_PER_CPU, second.1 as f64);
        let work_ms = (s2 - s1) / (1.0 / c2 - 1.0 / c1);
        let fixed_ms = s1 - work_ms / c1;
        if fixed_ms >= 0.0 && work_ms >= 0.0 {
            return Some(Self::Linear { fixed_ms, work_ms });
        }
        let exponent = (s2 / s1).ln() / (c1 / c2).ln();
        Some(Self::Power { startup_ms: s1, units: first.0, exponent })
    }

    /// Startup time for an amount of CPU, in milliseconds.
    pub fn startup_ms(&self, units: u32) -> u64 {
        let units = units.max(1);
        let ms = match *self {
            Self::Linear { fixed_ms, work_ms } => {
                fixed_ms + work_ms * UNITS_PER_CPU / f64::from(units)
            }
            Self::Power { startup_ms, units: measured, exponent } => {
                startup_ms * (f64::from(measured) / f64::from(units)).powf(exponent)
            }
        };
        ms.round().clamp(0.0, crate::NEVER_MS as f64) as u64
    }

    /// The fewest CPU units with which the application is up within `limit_ms`.
    /// `None` when no amount up to 16 virtual CPUs does it.
    pub fn units_for(&self, limit_ms: u64) -> Option<u32> {
        let (mut low, mut high) = (1_u32, 16 * 1024);
        if self.startup_ms(high) > limit_ms {
            return None;
        }
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.startup_ms(middle) <= limit_ms { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_pairs_give_the_power_law() {
        let law = CpuLaw::fit((1024, 35_000), (256, 150_000)).expect("two pairs");
        let CpuLaw::Power { exponent, .. } = law else { panic!("negative fixed part: {law:?}") };
        assert!((exponent - 1.050).abs() < 0.001, "{exponent}");
        assert!(law.startup_ms(512).abs_diff(72_456) < 100, "{}", law.startup_ms(512));
        assert_eq!(law.startup_ms(1024), 35_000);
        assert_eq!(law.startup_ms(256), 150_000);
        assert_eq!(law.units_for(30_000), Some(1186));
        assert_eq!(fargate_units(1186), Some(2048));
    }

    #[test]
    fn linear_form_when_the_fixed_part_is_real() {
        // 10 s fixed plus 20 vCPU·s of work.
        let law = CpuLaw::fit((1024, 30_000), (512, 50_000)).expect("two pairs");
        assert!(matches!(law, CpuLaw::Linear { .. }), "{law:?}");
        assert_eq!(law.startup_ms(256), 90_000);
        assert_eq!(law.startup_ms(2048), 20_000);
        assert_eq!(law.units_for(9_000), None);
    }

    #[test]
    fn unusable_pairs_give_no_law() {
        assert_eq!(CpuLaw::fit((512, 1000), (512, 2000)), None);
        assert_eq!(CpuLaw::fit((0, 1000), (512, 2000)), None);
        assert_eq!(CpuLaw::fit((256, 0), (512, 2000)), None);
    }

    #[test]
    fn more_cpu_shortens_a_distribution() {
        let law = CpuLaw::fit((1024, 35_000), (256, 150_000)).expect("two pairs");
        let slow = Startup {
            time: Draw::Range { min_ms: 140_000, max_ms: 160_000 },
            cpu: Some(Cpu { units: 256, law }),
        };
        let fast = slow.with_units(1024);
        assert_eq!(fast.time, Draw::Range { min_ms: 32_667, max_ms: 37_333 });
    }
}
