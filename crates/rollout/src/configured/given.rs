//! What the caller knows beside the files.

use wonin_model::GivenStartup;

use super::Reading;
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
    /// `--memory`: what the start uses at its peak, in MiB.
    pub memory_mib: Option<u32>,
    /// `--slow-answers`: share of the health checks that a started application answers too late,
    /// in millionths.
    pub slow_ppm: Option<u32>,
    /// `--slots`: tasks or pods that fit in the cluster at once.
    pub slots: Option<u32>,
    /// `--lose`: when one old task dies, milliseconds after the deployment began.
    pub lost_ms: Option<u64>,
    /// `--assume`: points that no document settles.
    pub assumed: Vec<Reading>,
}

/// The startup time with this amount of CPU; or why it cannot be told.
pub(super) fn startup(given: &GivenStartup, units: Option<u32>) -> Result<Startup, String> {
    let pairs = match given {
        GivenStartup::Exact(ms) => return Ok(Startup::constant(*ms)),
        GivenStartup::Range(min_ms, max_ms) => {
            let time = Draw::Range { min_ms: *min_ms, max_ms: *max_ms };
            return Ok(Startup { time, cpu: None });
        }
        GivenStartup::Measured(pairs) => pairs,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_at_the_configured_cpu_is_taken_as_it_is() {
        let given = GivenStartup::Measured(vec![(1024, 35_000), (256, 150_000)]);
        assert_eq!(startup(&given, Some(256)).unwrap().time, Draw::constant(150_000));
        let between = startup(&given, Some(512)).unwrap().time.quantile_ms(0.5);
        assert!((72_000..73_000).contains(&between), "{between}");
        assert!(startup(&given, None).is_err());
        assert!(startup(&GivenStartup::Measured(vec![(1024, 35_000)]), Some(256)).is_err());
    }
}
