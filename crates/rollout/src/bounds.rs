//! How many tasks may run during a deployment (rollout-semantics 2.1).

/// Lower bound of healthy tasks and upper bound of all tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `m`: healthy tasks that must stay.
    pub healthy_min: u32,
    /// `M`: tasks that may exist.
    pub total_max: u32,
    /// `N`: tasks that are wanted.
    pub desired: u32,
}

impl Bounds {
    /// `m = ceil(N·min/100)`, `M = floor(N·max/100)`; percentages 0 and above.
    pub fn new(desired: u32, min_percent: u32, max_percent: u32) -> Self {
        let n = u64::from(desired);
        let healthy_min = (n * u64::from(min_percent)).div_ceil(100);
        let total_max = n * u64::from(max_percent) / 100;
        Self {
            healthy_min: u32::try_from(healthy_min).unwrap_or(u32::MAX).min(desired),
            total_max: u32::try_from(total_max).unwrap_or(u32::MAX),
            desired,
        }
    }

    /// Old tasks that may be stopped before a new one is healthy: `N − m`.
    pub fn stop_room(&self) -> u32 {
        self.desired - self.healthy_min
    }

    /// New tasks that may be started before an old one stops: `M − N`.
    pub fn start_room(&self) -> u32 {
        self.total_max.saturating_sub(self.desired)
    }

    /// Neither a stop nor a start is allowed, so that the deployment cannot move.
    pub fn is_deadlock(&self) -> bool {
        self.desired > 0 && self.stop_room() == 0 && self.start_room() == 0
    }

    /// All old tasks may go before a new one is there.
    pub fn allows_zero_capacity(&self) -> bool {
        self.desired > 0 && self.healthy_min == 0
    }
}

/// Smallest maximum percentage that leaves room to start one task: `ceil(100(N+1)/N)`.
pub fn smallest_max_percent(desired: u32) -> u32 {
    (100 * (desired + 1)).div_ceil(desired.max(1))
}

/// Largest minimum percentage that leaves room to stop one task: `floor(100(N−1)/N)`.
pub fn largest_min_percent(desired: u32) -> u32 {
    100 * desired.saturating_sub(1) / desired.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        // (min, max, [(m, M) for N = 1, 2, 3, 10])
        let rows = [
            (100, 200, [(1, 2), (2, 4), (3, 6), (10, 20)]),
            (50, 200, [(1, 2), (1, 4), (2, 6), (5, 20)]),
            (50, 150, [(1, 1), (1, 3), (2, 4), (5, 15)]),
            (100, 150, [(1, 1), (2, 3), (3, 4), (10, 15)]),
            (100, 125, [(1, 1), (2, 2), (3, 3), (10, 12)]),
            (100, 110, [(1, 1), (2, 2), (3, 3), (10, 11)]),
            (75, 125, [(1, 1), (2, 2), (3, 3), (8, 12)]),
            (66, 133, [(1, 1), (2, 2), (2, 3), (7, 13)]),
            (50, 100, [(1, 1), (1, 2), (2, 3), (5, 10)]),
            (0, 100, [(0, 1), (0, 2), (0, 3), (0, 10)]),
            (100, 100, [(1, 1), (2, 2), (3, 3), (10, 10)]),
        ];
        for (min, max, cells) in rows {
            for (desired, (m, total)) in [1, 2, 3, 10].into_iter().zip(cells) {
                let bounds = Bounds::new(desired, min, max);
                let found = (bounds.healthy_min, bounds.total_max);
                assert_eq!(found, (m, total), "N={desired} {min}/{max}");
                let dead = m == desired && total == desired;
                assert_eq!(bounds.is_deadlock(), dead, "N={desired} {min}/{max}");
                assert_eq!(bounds.allows_zero_capacity(), min == 0);
            }
        }
    }

    #[test]
    fn smallest_fix_of_a_deadlock() {
        for desired in 1..=60 {
            let max = smallest_max_percent(desired);
            assert!(!Bounds::new(desired, 100, max).is_deadlock());
            assert!(Bounds::new(desired, 100, max - 1).is_deadlock());
            let min = largest_min_percent(desired);
            assert!(!Bounds::new(desired, min, 100).is_deadlock());
            assert!(Bounds::new(desired, min + 1, 100).is_deadlock());
        }
    }
}
