//! # One request for each of many things
//!
//! ## What fails
//!
//! A server that has enough to spare all day is busy for minutes, and everybody else waits: one
//! client asks the same thing again and again, each time about another item.
//!
//! ## Why
//!
//! Each request has a fixed cost c₀ beside the cost c₁ of its item; k requests cost k(c₀ + c₁),
//! one request for k items c₀ + k·c₁. Loops over a list of ids (N + 1 queries), exports and
//! synchronisations of partners do it, often at night.
//!
//! ## Example
//!
//! ```text logs/requests.log
//! 2025-03-02T03:00:00.300+00:00 10.0.1.11 select last from latest where site=`S00 20ms
//! 2025-03-02T03:00:04.300+00:00 10.0.1.11 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:08.300+00:00 10.0.1.11 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:12.300+00:00 10.0.1.11 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:16.300+00:00 10.0.1.11 select last from latest where site=`S04 20ms
//! 2025-03-02T03:00:20.300+00:00 10.0.1.11 select last from latest where site=`S05 20ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M000 500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M001 1000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M002 1500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M003 2000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M004 2500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M005 3000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M006 3500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M007 4000ms
//! 2025-03-02T03:00:31.100+00:00 10.0.1.12 select last from latest where site=`S00 2920ms
//! 2025-03-02T03:00:32.000+00:00 10.0.0.5 1+1 2021ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M008 500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M009 1000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M010 1500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M011 2000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M012 2500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M013 3000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M014 3500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M015 4000ms
//! 2025-03-02T03:00:35.100+00:00 10.0.1.12 select last from latest where site=`S01 3120ms
//! 2025-03-02T03:00:37.000+00:00 10.0.0.5 1+1 1221ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M016 500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M017 1000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M018 1500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M019 2000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M020 2500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M021 3000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M022 3500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M023 4000ms
//! 2025-03-02T03:00:39.100+00:00 10.0.1.12 select last from latest where site=`S02 3320ms
//! 2025-03-02T03:00:42.000+00:00 10.0.0.5 1+1 421ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M024 500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M025 1000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M026 1500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M027 2000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M028 2500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M029 3000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M030 3500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M031 4000ms
//! 2025-03-02T03:00:43.100+00:00 10.0.1.12 select last from latest where site=`S03 3520ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M032 500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M033 1000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M034 1500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M035 2000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M036 2500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M037 3000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M038 3500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M039 4000ms
//! 2025-03-02T03:00:47.000+00:00 10.0.0.5 1+1 3801ms
//! 2025-03-02T03:00:47.100+00:00 10.0.1.12 select last from latest where site=`S04 3721ms
//! 2025-03-02T03:01:00.700+00:00 10.0.1.12 select last from latest where site=`S00 20ms
//! 2025-03-02T03:01:04.700+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:01:08.700+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:01:12.700+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:01:16.700+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:20.700+00:00 10.0.1.12 select last from latest where site=`S05 20ms
//! ```
//!
//! ## Fix
//!
//! One request for the whole list, or at most a few at a time with a pause.
//!
//! ```text logs/requests.log
//! 2025-03-02T03:00:00.300+00:00 10.0.1.11 select last from latest where site=`S00 20ms
//! 2025-03-02T03:00:04.300+00:00 10.0.1.11 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:08.300+00:00 10.0.1.11 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:12.300+00:00 10.0.1.11 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:16.300+00:00 10.0.1.11 select last from latest where site=`S04 20ms
//! 2025-03-02T03:00:20.300+00:00 10.0.1.11 select last from latest where site=`S05 20ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter in 40 meters 1200ms
//! 2025-03-02T03:00:31.100+00:00 10.0.1.12 select last from latest where site=`S00 120ms
//! 2025-03-02T03:00:32.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:35.100+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:37.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:39.100+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:42.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:43.100+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:47.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:47.100+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:00.700+00:00 10.0.1.12 select last from latest where site=`S00 20ms
//! 2025-03-02T03:01:04.700+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:01:08.700+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:01:12.700+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:01:16.700+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:20.700+00:00 10.0.1.12 select last from latest where site=`S05 20ms
//! ```
//!
//! ## How to rehearse
//!
//! Replay k single requests against one for the list of k and compare the time that the server was
//! busy.
//!
//! ## Evidence
//!
//! - Little's law; arithmetic of fixed and variable costs.
//! - Statements of PostgreSQL and MySQL that take a second or more each are slow by themselves, and
//!   not told of here.
//! - Inferred: that the interface takes, or could take, a list.

use wonin_model::{
    Burst, Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Severity, Slow,
    Standing,
};

use crate::shared::seen::{moment, span};
use crate::shared::slow::{mean_us, ms, quoted};

pub(crate) struct PerItemBurst;

static META: ModeMeta = ModeMeta {
    id: "per-item-burst",
    family: "saturation",
    summary: "a client asks for many things one by one",
    source: include_str!("per_item_burst.rs"),
};

impl Mode for PerItemBurst {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        for slow in &evidence.slow {
            findings.extend(slow.burst.as_ref().and_then(|burst| in_a_loop(slow, burst)));
        }
    }
}

/// Requests of a run below which nobody notices.
const COUNT_MIN: u64 = 20;

/// What one statement may take, in microseconds, for its fixed cost to be what counts.
const EACH_US_MAX: u64 = 1_000_000;

/// Whether each takes long by itself: a database answers many at a time, so that its durations are
/// no wait behind one another, and one request for all of the items would be as slow.
fn is_slow_itself(slow: &Slow) -> bool {
    ["postgresql", "mysql"].contains(&slow.source) && mean_us(slow) >= EACH_US_MAX
}

fn in_a_loop(slow: &Slow, burst: &Burst) -> Option<Finding> {
    let is_loop = burst.count >= COUNT_MIN
        && burst.varying == 1
        && burst.distinct.saturating_mul(10) >= burst.count.saturating_mul(8)
        && burst.span_ms > 0
        && !is_slow_itself(slow);
    if !is_loop {
        return None;
    }
    // The server's own time, where it can be told from waiting.
    let each_us = slow.service_us.map_or_else(|| mean_us(slow), |own| own / slow.count.max(1));
    let busy_ms = each_us.saturating_mul(burst.count) / 1000;
    let percent = (busy_ms.saturating_mul(100) / burst.span_ms).min(100);
    let severity = match percent {
        50.. => Severity::High,
        10..50 => Severity::Medium,
        _ => Severity::Low,
    };
    let length = span(i64::try_from(burst.span_ms).unwrap_or(i64::MAX));
    let title = format!(
        "{} asks {} times within {length} for one item each: {percent} % of the server's time",
        burst.client, burst.count,
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, severity, 88)
        .arithmetic(format!(
            "{} × {} = {} ms of {} ms = {percent} %; {} different items",
            burst.count,
            ms(each_us),
            busy_ms,
            burst.span_ms,
            burst.distinct
        ))
        .because_at(
            format!("seen from {} on: {}", moment(burst.at_ms), quoted(&slow.template)),
            Origin::Written(burst.place),
        )
        .leads_to("serial-server-saturated")
        .leads_to("alert-flood");
    finding.standing = Standing::Observed;
    finding.service.clone_from(&slow.service);
    Some(
        finding
            .fix(Fix::advice("let the client ask for a list of items at once, where the interface takes one; else give it one"))
            .fix(Fix::advice("limit how many requests one client may have in flight")),
    )
}
