//! # Many alerts, one cause
//!
//! ## What fails
//!
//! Dozens of messages come within seconds, about statements of all kinds. Each is quick when tried
//! by hand. Nobody can tell which one matters, and after some weeks nobody looks.
//!
//! ## Why
//!
//! A limit per statement fires for whoever waits, and one that waits is as slow as the one it waits
//! for. By logged duration the victims come first. By the time that was a statement's own,
//! `finish − max(start, finish of the one before)`, the culprit does.
//!
//! ## Example
//!
//! ```text logs/db.log
//! 2025-03-02 10:00:07.100 UTC [101] LOG:  duration: 6600.500 ms  statement: UPDATE stock SET price = reprice(sku, price) WHERE warehouse = 'ICN'
//! 2025-03-02 10:00:07.101 UTC [120] LOG:  duration: 6300.000 ms  statement: SELECT available FROM stock WHERE sku = 60 FOR UPDATE
//! 2025-03-02 10:00:07.102 UTC [121] LOG:  duration: 5929.500 ms  statement: UPDATE stock SET available = available - 2 WHERE sku = 67
//! 2025-03-02 10:00:07.103 UTC [122] LOG:  duration: 5559.000 ms  statement: SELECT reserved FROM stock WHERE sku = 74 FOR SHARE
//! 2025-03-02 10:00:07.104 UTC [123] LOG:  duration: 5188.500 ms  statement: SELECT available FROM stock WHERE sku = 81 FOR UPDATE
//! 2025-03-02 10:00:07.105 UTC [124] LOG:  duration: 4818.000 ms  statement: UPDATE stock SET available = available - 2 WHERE sku = 88
//! 2025-03-02 10:00:07.106 UTC [125] LOG:  duration: 4447.500 ms  statement: SELECT reserved FROM stock WHERE sku = 95 FOR SHARE
//! 2025-03-02 10:00:07.107 UTC [126] LOG:  duration: 4077.000 ms  statement: SELECT available FROM stock WHERE sku = 102 FOR UPDATE
//! 2025-03-02 10:00:07.108 UTC [127] LOG:  duration: 3706.500 ms  statement: UPDATE stock SET available = available - 2 WHERE sku = 109
//! 2025-03-02 10:00:07.109 UTC [128] LOG:  duration: 3336.000 ms  statement: SELECT reserved FROM stock WHERE sku = 116 FOR SHARE
//! 2025-03-02 10:00:07.110 UTC [129] LOG:  duration: 2965.500 ms  statement: SELECT available FROM stock WHERE sku = 123 FOR UPDATE
//! 2025-03-02 10:00:07.111 UTC [130] LOG:  duration: 2595.000 ms  statement: UPDATE stock SET available = available - 2 WHERE sku = 130
//! ```
//!
//! ## Fix
//!
//! Group what ends together into one incident and rank it by own time; alert on the share of slow
//! requests or on the queue, not per statement.
//!
//! ```text logs/db.log
//! 2025-03-02 10:00:07.100 UTC [101] LOG:  duration: 6600.500 ms  statement: UPDATE stock SET price = reprice(sku, price) WHERE warehouse = 'ICN'
//! ```
//!
//! ## How to rehearse
//!
//! Run the culprit once and count the messages.
//!
//! ## Evidence
//!
//! - PostgreSQL, `log_min_duration_statement`: durations include waiting for locks.
//! - Checked by simulation: the identity separates culprits from victims of a single server.
//! - Inferred: that somebody alerts on what the log holds.

use wonin_model::{
    Evidence, Finding, Fix, Load, Mode, ModeMeta, NotChecked, Origin, Role, Severity, Standing,
};

use crate::shared::slow::{ms, of_load, quoted, seconds, waiters};

pub(crate) struct AlertFlood;

static META: ModeMeta = ModeMeta {
    id: "alert-flood",
    family: "signal",
    summary: "one cause makes many slow statements, and each is reported",
    source: include_str!("alert_flood.rs"),
};

impl Mode for AlertFlood {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(evidence.loads.iter().filter_map(|load| flood(evidence, load)));
    }
}

/// Logs that hold slow statements only.
const SLOW_LOGS: &[&str] =
    &["postgresql", "mysql", "mongodb", "redis", "p6spy", "hibernate", "application"];

/// Statements of one moment that make a flood.
const EVENTS_MIN: u64 = 10;

fn flood(evidence: &Evidence, load: &Load) -> Option<Finding> {
    if !SLOW_LOGS.contains(&load.source) {
        return None;
    }
    let whole = load.service_us.filter(|own| *own > 0)?;
    let peak = load.slots.iter().max_by_key(|slot| slot.events)?;
    let slow = of_load(evidence, load);
    // Where the server says itself who waited for locks, the queue for the lock is the incident.
    if waiters(&slow).iter().map(|one| one.count).sum::<u64>() >= EVENTS_MIN {
        return None;
    }
    let culprit = slow.iter().copied().max_by_key(|one| one.service_us)?;
    let own = culprit.service_us?;
    let others: u64 = load.total_us.saturating_sub(culprit.total_us);
    let is_one = own.saturating_mul(2) >= whole && others >= culprit.total_us;
    if peak.events < EVENTS_MIN || load.templates < 3 || !is_one {
        return None;
    }
    let percent = own.saturating_mul(100) / whole;
    let title = format!(
        "{} slow statements of {} kinds are one incident: {} has {percent} % of the time that was anybody's own",
        load.events,
        load.templates,
        quoted(&culprit.template)
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 85)
        .arithmetic(format!(
            "logged: {} s, of which the culprit {} s; own time by finish - max(start, finish before): {} s, of which the culprit {} s = {percent} %; up to {} messages within {}",
            seconds(load.total_us),
            seconds(culprit.total_us),
            seconds(whole),
            seconds(own),
            peak.events,
            ms(u64::try_from(load.slot_ms).unwrap_or(0).saturating_mul(1000)),
        ))
        .because_at(
            format!("seen {} times, up to {}: the culprit", culprit.count, ms(culprit.max_us)),
            Origin::Written(culprit.place),
        );
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    for victim in slow.iter().filter(|one| !std::ptr::eq(**one, culprit)).take(3) {
        let claim = format!(
            "a victim: {}, {} s logged, {} of its own",
            quoted(&victim.template),
            seconds(victim.total_us),
            ms(victim.service_us.unwrap_or(0))
        );
        finding = finding.because_at(claim, Origin::Written(victim.place));
    }
    Some(
        finding
            .fix(Fix::advice("send one message per incident: group what ends together and rank it by own time"))
            .fix(Fix::advice("alert on what users feel (share of slow requests, length of the queue), not on each statement")),
    )
}
