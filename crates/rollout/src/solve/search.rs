//! Smallest changes of one setting and of two.

use super::setting::{Setting, Shape};
use super::works::{target_ms, with, works};
use crate::plan::Plan;

/// The most values of one setting that are tried one by one.
const SCAN_MAX: u64 = 2_000;

/// The value nearest to the present one with which the plan works; `None` when there is none or it
/// works already.
pub(super) fn smallest(plan: &Plan, setting: Setting) -> Option<u64> {
    smallest_that(plan, setting, works)
}

fn smallest_that(plan: &Plan, setting: Setting, works: impl Fn(&Plan) -> bool) -> Option<u64> {
    let now = setting.get(plan)?;
    let (min, max) = setting.range(plan)?;
    let fits = |value: u64| works(&with(plan, setting, value));
    match setting.shape() {
        Shape::Fixed => None,
        Shape::MoreHelps => {
            let max = max.min(sensible_max(plan, setting));
            (now < max && fits(max)).then(|| bisect(now, max, fits))
        }
        Shape::LessHelps => {
            // Mirrored, so that the same search serves.
            let mirrored = |value: u64| fits(now - value);
            (min < now && fits(min)).then(|| now - bisect(0, now - min, mirrored))
        }
        Shape::Uneven => nearest(now, min, max, fits),
    }
}

/// The smallest value in `low+1..=high` that fits, when more never hurts and `high` fits.
fn bisect(mut low: u64, mut high: u64, fits: impl Fn(u64) -> bool) -> u64 {
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if fits(middle) { high = middle } else { low = middle }
    }
    high
}

fn nearest(now: u64, min: u64, max: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
    for distance in 1..=SCAN_MAX {
        let (up, down) = (now.saturating_add(distance), now.checked_sub(distance));
        if up <= max && fits(up) {
            return Some(up);
        }
        if let Some(down) = down.filter(|&down| down >= min)
            && fits(down)
        {
            return Some(down);
        }
        if up > max && down.is_none_or(|down| down < min) {
            return None;
        }
    }
    None
}

/// Beyond several times the startup time a wait only hides failures; the search need not go there.
fn sensible_max(plan: &Plan, setting: Setting) -> u64 {
    match setting {
        Setting::Grace | Setting::ProgressDeadline => {
            let startup_s = target_ms(plan).div_ceil(1000);
            (16 * startup_s).saturating_add(86_400)
        }
        _ => u64::MAX,
    }
}

/// The pair of values that works with the smallest relative change, when neither value works
/// alone.
pub(super) fn smallest_pair(plan: &Plan, first: Setting, second: Setting) -> Option<(u64, u64)> {
    let (a, b) = (first.get(plan)?, second.get(plan)?);
    let mut best: Option<(f64, (u64, u64))> = None;
    for value in candidates(plan, first) {
        let base = with(plan, first, value);
        // Alone it is no pair.
        if works(&base) {
            continue;
        }
        let Some(other) = smallest(&base, second) else { continue };
        if works(&with(plan, second, other)) {
            continue;
        }
        let cost = relative(a, value) + relative(b, other);
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, (value, other)));
        }
    }
    best.map(|(_, pair)| pair)
}

/// Values of the outer setting of a pair: all of a short range, the sensible ends of a long one.
fn candidates(plan: &Plan, setting: Setting) -> Vec<u64> {
    let (Some(now), Some((min, max))) = (setting.get(plan), setting.range(plan)) else {
        return Vec::new();
    };
    if max - min <= 300 {
        return (min..=max).filter(|&value| value != now).collect();
    }
    // A long range: powers of the present value, fine enough to start from.
    let mut values = Vec::new();
    let mut value = now.max(1);
    while value < max && values.len() < 40 {
        value = (value + value.div_ceil(4)).min(max);
        values.push(value);
    }
    values
}

/// `|to − from| / from`, with 1 in place of 0.
pub(super) fn relative(from: u64, to: u64) -> f64 {
    from.abs_diff(to) as f64 / from.max(1) as f64
}
