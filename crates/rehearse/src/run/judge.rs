//! Expectations against what was seen.

use std::fmt::Write as _;
use std::time::Duration;

use wonin_model::rehearsal::{Delivery, Expectation, Phase, Recovery};

use super::stage::Cast;
use crate::scenario::{Check, DeliveryCount, ExpectSpec, Scenario, spoken};
use crate::workload::{Meter, Snapshot};

/// A span of the run, in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// What is known once a run has ended.
pub(crate) struct Ended<'a> {
    pub(crate) delivery: Option<&'a Delivery>,
    pub(crate) recovery: &'a Recovery,
}

/// All expectations of a phase that can be judged by attempts alone.
pub(crate) fn live(scenario: &Scenario, cast: &Cast, phase: Phase, span: Span) -> Vec<Expectation> {
    let judged = scenario.expects.iter().enumerate();
    let judged = judged.filter(|(_, expect)| expect.phases.contains(&phase));
    judged.filter_map(|(index, expect)| attempts(cast, index, expect, phase, span, false)).collect()
}

/// All expectations of a phase, when nothing more will come.
pub(crate) fn finally(
    scenario: &Scenario,
    cast: &Cast,
    phase: Phase,
    span: Span,
    ended: &Ended<'_>,
) -> Vec<Expectation> {
    let judged = scenario.expects.iter().enumerate();
    let judged = judged.filter(|(_, expect)| expect.phases.contains(&phase));
    judged
        .map(|(index, expect)| {
            attempts(cast, index, expect, phase, span, true)
                .unwrap_or_else(|| at_the_end(expect, phase, ended))
        })
        .collect()
}

/// An expectation that attempts decide; `None` for others.
fn attempts(
    cast: &Cast,
    index: usize,
    expect: &ExpectSpec,
    phase: Phase,
    span: Span,
    open_fails: bool,
) -> Option<Expectation> {
    // What was in flight when the fault came belongs to the fault.
    let seen = |meter: &Meter| match phase {
        Phase::Before if open_fails => meter.whole_between(span.from, span.to),
        Phase::Before | Phase::After => meter.between(span.from, span.to),
        Phase::During => meter.touching(span.from, span.to),
    };
    let (held, seen) = match &expect.check {
        Check::Success { workload, at_least } => {
            success(&seen(cast.meters.get(*workload)?), *at_least, open_fails)
        }
        Check::NoFailures { workload } => {
            success(&seen(cast.meters.get(*workload)?), 1.0, open_fails)
        }
        Check::Latency { workload, share, below } => {
            latency(&seen(cast.meters.get(*workload)?), *share, *below)
        }
        Check::Probe(_) => {
            let prober = cast.probes.get(index)?.as_ref()?;
            success(&seen(&prober.meter), 1.0, open_fails)
        }
        Check::Delivery { .. } | Check::Recovered { .. } => return None,
    };
    Some(Expectation { name: expect.name.clone(), phase, held, seen })
}

/// Enough of the attempts succeeded; without a single one nothing holds.
fn success(seen: &Snapshot, at_least: f64, open_fails: bool) -> (bool, String) {
    let judged = seen.successes + seen.failures + if open_fails { seen.open } else { 0 };
    let Some(rate) = seen.success_rate(open_fails) else {
        return (false, "not one attempt ended".to_owned());
    };
    // Writing to a string cannot fail.
    let mut text = format!("{} of {judged} succeeded", seen.successes);
    if seen.successes < judged {
        _ = write!(text, " ({})", percent(rate));
        if at_least < 1.0 {
            _ = write!(text, ", at least {} expected", percent(at_least));
        }
    }
    if let Some((error, count)) = seen.errors.first() {
        _ = write!(text, "; {count} × {error}");
        match seen.errors.len() {
            1 => {}
            2 => _ = write!(text, ", {} × {}", seen.errors[1].1, seen.errors[1].0),
            kinds => _ = write!(text, ", and {} other errors", kinds - 1),
        }
    }
    if open_fails && seen.open > 0 {
        _ = write!(text, "; {} never answered", seen.open);
    }
    (rate >= at_least, text)
}

fn latency(seen: &Snapshot, share: f64, below: Duration) -> (bool, String) {
    let name = format!("p{}", (share * 100.0).round());
    match seen.latency(share) {
        Some(took) => {
            let text = format!(
                "{name} {} of {} successes, below {} expected",
                spoken(took),
                seen.successes,
                spoken(below)
            );
            (took < below, text)
        }
        None => (false, "not one attempt succeeded".to_owned()),
    }
}

/// What is known only when all is over.
fn at_the_end(expect: &ExpectSpec, phase: Phase, ended: &Ended<'_>) -> Expectation {
    let (held, seen) = match &expect.check {
        Check::Delivery { count, at_most } => match ended.delivery {
            Some(delivery) => {
                let (number, what) = counted(delivery, *count);
                (number <= *at_most, format!("{number} {what}, at most {at_most} expected"))
            }
            None => (false, "no workload counts records".to_owned()),
        },
        Check::Recovered { within } => match ended.recovery.steady_s {
            Some(steady_s) => {
                let took = format!("steady again after {steady_s:.1} s");
                let expected = format!("{took}, within {} expected", spoken(*within));
                (steady_s <= within.as_secs_f64(), expected)
            }
            None => (false, format!("not steady again, within {} expected", spoken(*within))),
        },
        _ => (false, "not one attempt ended".to_owned()),
    };
    Expectation { name: expect.name.clone(), phase, held, seen }
}

fn counted(delivery: &Delivery, count: DeliveryCount) -> (u64, &'static str) {
    match count {
        DeliveryCount::Lost => (delivery.lost, "lost"),
        DeliveryCount::NotDelivered => (delivery.not_delivered, "not delivered in time"),
        DeliveryCount::Duplicated => (delivery.duplicated, "duplicated"),
        DeliveryCount::Reordered => (delivery.reordered, "reordered"),
        DeliveryCount::Anomalies => {
            let bad = delivery.anomalies.iter().filter(|anomaly| anomaly.is_bad);
            (bad.map(|anomaly| anomaly.count).sum(), "anomalies")
        }
    }
}

/// Never 100% where something failed, never 0% where something succeeded.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let rounded = (percent * 10.0).round() / 10.0;
    let rounded = if percent > 0.0 && percent < 100.0 { rounded.clamp(0.1, 99.9) } else { rounded };
    format!("{rounded}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Attempts of 10 ms each with these outcomes, one after the other.
    async fn seen(outcomes: &[Result<(), &str>]) -> Snapshot {
        let meter = Meter::new(tokio::time::Instant::now());
        for outcome in outcomes {
            let attempt = meter.begin();
            tokio::time::advance(ms(10)).await;
            meter.end(attempt, *outcome);
        }
        meter.between(ms(0), ms(1_000_000))
    }

    #[tokio::test(start_paused = true)]
    async fn success_is_told_with_its_numbers() {
        let good = vec![Ok(()); 99];
        let all = seen(&good).await;
        assert_eq!(success(&all, 0.99, true), (true, "99 of 99 succeeded".to_owned()));
        let mixed = seen(&[&good[..], &[Err("connection refused")]].concat()).await;
        let text = "99 of 100 succeeded (99%), at least 99% expected; 1 × connection refused";
        assert_eq!(success(&mixed, 0.99, true), (true, text.to_owned()));
        assert!(!success(&mixed, 0.995, true).0);
        let text = "99 of 100 succeeded (99%); 1 × connection refused";
        assert_eq!(success(&mixed, 1.0, true), (false, text.to_owned()));
        let none = (false, "not one attempt ended".to_owned());
        assert_eq!(success(&seen(&[]).await, 0.0, true), none);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_no_success() {
        let meter = Meter::new(tokio::time::Instant::now());
        let (done, _open) = (meter.begin(), meter.begin());
        tokio::time::advance(ms(10)).await;
        meter.end(done, Ok(()));
        let seen = meter.between(ms(0), ms(100));
        assert_eq!(success(&seen, 1.0, false), (true, "1 of 1 succeeded".to_owned()));
        let text = "1 of 2 succeeded (50%); 1 never answered";
        assert_eq!(success(&seen, 1.0, true), (false, text.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn latency_is_told_with_its_numbers() {
        let all = seen(&[Ok(()), Ok(())]).await;
        let text = "p99 10 ms of 2 successes, below 20 ms expected";
        assert_eq!(latency(&all, 0.99, ms(20)), (true, text.to_owned()));
        assert!(!latency(&all, 0.99, ms(10)).0);
        let none = (false, "not one attempt succeeded".to_owned());
        assert_eq!(latency(&seen(&[Err("no")]).await, 0.99, ms(20)), none);
    }

    #[test]
    fn a_rate_is_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(0.9999), "99.9%");
        assert_eq!(percent(0.0001), "0.1%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(percent(0.358), "35.8%");
    }
}
