//! Which delays are tried on the edge to a slow broker: on both sides of what the settings bound,
//! never as long as one of them (failure-knowledge 17).

use std::time::Duration;

use super::knobs::Bound;

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
        let is_apart = delays.last().is_none_or(|last| delay >= last.mul_f64(APART));
        if is_apart && delay >= SMALL / 2 {
            delays.push(delay);
        }
    }
    // The smallest one shows that the path works; the largest ones reach furthest.
    while delays.len() > reach.count.max(1) {
        delays.remove(1);
    }
    (delays, beyond)
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

/// How long a run with this delay is watched: long enough for a first acknowledgement, which takes
/// about six answers, and for the bounds to show themselves.
pub(super) fn watched(delay: Duration, longest: Duration) -> Duration {
    let wanted = (delay * 7).max(Duration::from_secs(8)).min(longest.max(Duration::from_secs(8)));
    // Not as long as a timeout either.
    wanted + Duration::from_millis(700)
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
