//! How long it took to come back, as numbers.

use std::time::Duration;

use wonin_model::rehearsal::{Phase, Recovery};

use super::judge::{self, Span};
use super::stage::Cast;
use crate::scenario::Scenario;

/// Whether everything that held before holds in a span: all that is expected of the steady state.
pub(crate) fn is_steady(scenario: &Scenario, cast: &Cast, span: Span) -> bool {
    judge::live(scenario, cast, Phase::Before, span).iter().all(|expectation| expectation.held)
}

/// The numbers, where `broken` is the time in which something was broken and `steady` the moment
/// from which the steady state held again.
pub(crate) fn recovery(
    cast: &Cast,
    broken: Span,
    steady: Option<Duration>,
    duplicates: Option<u64>,
) -> Recovery {
    let since_healing = |at: Duration| at.as_secs_f64() - broken.to.as_secs_f64();
    // Of several the last to come back counts.
    let first = cast.books().filter_map(|meter| {
        let last_failure = meter.last_failure_began(broken.from, broken.to)?;
        let later = last_failure + Duration::from_micros(1);
        let early = meter.first_success(later, broken.from).filter(|at| *at < broken.to);
        early.or_else(|| meter.first_success(broken.from, broken.to))
    });
    let drained = cast.meters.iter().filter_map(|meter| meter.drained(broken.to));
    Recovery {
        first_success_s: first.max().map(since_healing),
        steady_s: steady.map(since_healing),
        backlog_drain_s: drained.max().map(since_healing),
        duplicates: duplicates.unwrap_or(0),
    }
}
