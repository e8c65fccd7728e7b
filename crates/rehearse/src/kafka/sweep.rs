//! Which delays are tried on the edge to a slow broker: on both sides of what the settings bound,
//! never as long as one of them (failure-knowledge 17).

use std::time::Duration;

use super::knobs::Bound;
use crate::workload::Temperature;

/// How far a sweep goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// No longer delay is tried.
    pub(super) longest: Duration,
    /// No more delays are tried.
    pub(super) count: usize,
}

/// A delay that says something even where no bound is near.
const SMALL: Duration = Duration::from_millis(300);

/// Two delays that differ by less than a quarter say the same.
const APART: f64 = 1.25;

/// Nearer than this to a timeout, or to a part of it that several answers share, luck decides.
const TIE: f64 = 0.06;

/// Delays in ascending order, and the bounds that lie beyond them.
pub(super) fn delays(bounds: &[Bound], reach: Reach) -> (Vec<Duration>, Vec<&'static str>) {
    let mut wanted = vec![SMALL];
    let mut beyond = Vec::new();
    for bound in bounds {
        let at = bound.lasts / bound.answers.max(1);
        let (below, above) = (at / 2, at * 2);
        if above > reach.longest {
            beyond.push(bound.name);
        }
        wanted.extend([below, above].into_iter().filter(|delay| *delay <= reach.longest));
    }
    wanted.sort_unstable();
    let mut delays: Vec<Duration> = Vec::new();
    for delay in wanted {
        let delay = untie(delay, bounds);
        let Some(last) = delays.last_mut() else {
            delays.push(delay);
            continue;
        };
        // Between two bounds nothing changes: nearest to the first bound from below, and then just
        // beyond each is enough.
        match (passed(*last, bounds), passed(delay, bounds)) {
            (0, 0) => *last = delay,
            (before, now) if now > before && delay >= last.mul_f64(APART) => delays.push(delay),
            _ => {}
        }
    }
    // The smallest one shows that the path works; the largest ones reach furthest.
    while delays.len() > reach.count.max(1) {
        delays.remove(delays.len().min(2) - 1);
    }
    (delays, beyond)
}

/// How many bounds a delay is beyond.
fn passed(delay: Duration, bounds: &[Bound]) -> usize {
    bounds.iter().filter(|bound| delay * bound.answers.max(1) > bound.lasts).count()
}

/// The delay, a little longer where it equals a timeout or an even share of one.
fn untie(delay: Duration, bounds: &[Bound]) -> Duration {
    let mut delay = delay;
    for _ in 0..10 {
        let ties = |bound: &Bound| {
            (1..=6_u32).any(|answers| {
                let at = (bound.lasts / answers).as_secs_f64();
                at > 0.0 && (delay.as_secs_f64() / at - 1.0).abs() < TIE
            })
        };
        if !bounds.iter().any(ties) {
            break;
        }
        delay = delay.mul_f64(1.0 + TIE * 1.3);
    }
    Duration::from_millis(delay.as_millis() as u64)
}

/// What a run with a delay has to wait for until it says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// Until clients can have handed over their first record: one that starts connects, asks for
    /// versions and metadata, and does the same again where the leader is.
    pub(super) lead: Duration,
    /// Until a record that was handed over can have been confirmed: it may have to wait for those
    /// before it, which are confirmed one answer earlier.
    pub(super) tail: Duration,
}

impl Waits {
    pub(super) fn of(delay: Duration, temperature: Temperature) -> Self {
        let lead = match temperature {
            Temperature::Warm => Duration::ZERO,
            Temperature::Cold => delay * 5 + Duration::from_secs(1),
        };
        Self { lead, tail: delay * 2 + Duration::from_secs(1) }
    }

    /// How long a run is watched: so that records of some seconds count. Never as long as a
    /// timeout.
    pub(super) fn watched(self) -> Duration {
        let least = Duration::from_secs(8);
        (self.lead + self.tail + Duration::from_secs(4)).max(least) + Duration::from_millis(700)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(name: &'static str, seconds: u64, answers: u32) -> Bound {
        Bound { name, lasts: Duration::from_secs(seconds), answers, is_cold: false }
    }

    #[test]
    fn both_sides_of_every_bound_are_tried_and_none_is_tied() {
        let bounds = [
            bound("socket.connection.setup.timeout.ms", 10, 1),
            bound("request.timeout.ms", 30, 1),
            bound("max.block.ms", 60, 2),
        ];
        let reach = Reach { longest: Duration::from_secs(25), count: 6 };
        let (delays, beyond) = delays(&bounds, reach);
        assert_eq!(beyond, ["request.timeout.ms", "max.block.ms"]);
        assert!(delays.iter().any(|d| *d < Duration::from_secs(10)));
        assert!(delays.iter().any(|d| *d > Duration::from_secs(10)));
        for delay in &delays {
            for bound in &bounds {
                for answers in 1..=6_u32 {
                    let share = delay.as_secs_f64() / (bound.lasts / answers).as_secs_f64();
                    assert!((share - 1.0).abs() >= TIE, "{delay:?} and {}/{answers}", bound.name);
                }
            }
        }
    }

    #[test]
    fn between_two_bounds_one_delay_is_enough() {
        let bounds = [bound("setup", 10, 1), bound("request", 30, 1)];
        let reach = Reach { longest: Duration::from_secs(70), count: 9 };
        let (delays, _) = delays(&bounds, reach);
        let passed: Vec<usize> =
            delays.iter().map(|delay| super::passed(*delay, &bounds)).collect();
        assert_eq!(passed, [0, 1, 2], "{delays:?}");
        // The nearest to the first bound from below.
        assert!(delays[0] >= Duration::from_secs(5), "{delays:?}");
    }

    #[test]
    fn a_run_is_watched_until_it_can_say_something() {
        for seconds in [1, 16] {
            let delay = Duration::from_secs(seconds);
            let cold = Waits::of(delay, Temperature::Cold);
            assert!(cold.watched() > cold.lead + cold.tail + Duration::from_secs(3));
            assert!(Waits::of(delay, Temperature::Warm).watched() < cold.watched());
        }
    }

    #[test]
    fn a_sweep_is_bounded() {
        let bounds: Vec<Bound> = (1..40).map(|n| bound("x", n, 1)).collect();
        let reach = Reach { longest: Duration::from_secs(3), count: 3 };
        let (delays, _) = delays(&bounds, reach);
        assert!(delays.len() <= 3, "{delays:?}");
        assert!(delays.is_sorted());
        let (none, beyond) = super::delays(&[], reach);
        assert_eq!((none.len(), beyond.len()), (1, 0));
    }
}
