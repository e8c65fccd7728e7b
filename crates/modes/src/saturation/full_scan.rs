//! # A statement reads everything to find little
//!
//! ## What fails
//!
//! The database is slow for everybody; its log is full of statements that are usually fast. One
//! kind of them looks at millions of rows to give back a few.
//!
//! ## Why
//!
//! Without an index that fits, the server reads the whole table, and with it crowds memory, disks
//! and processors that all others need. Those are logged as slow, too, and are only its victims.
//!
//! ## Example
//!
//! ```text logs/mongod.log
//! {"t":{"$date":"2025-03-02T10:00:05.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn7","msg":"Slow query","attr":{"type":"command","ns":"shop.events","command":{"find":"events","filter":{"reference":"R1"},"$db":"shop"},"planSummary":"COLLSCAN","keysExamined":0,"docsExamined":8400000,"nreturned":1,"reslen":300,"durationMillis":6100}}
//! {"t":{"$date":"2025-03-02T10:00:15.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn7","msg":"Slow query","attr":{"type":"command","ns":"shop.events","command":{"find":"events","filter":{"reference":"R2"},"$db":"shop"},"planSummary":"COLLSCAN","keysExamined":0,"docsExamined":8400000,"nreturned":1,"reslen":300,"durationMillis":6300}}
//! {"t":{"$date":"2025-03-02T10:00:25.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn7","msg":"Slow query","attr":{"type":"command","ns":"shop.events","command":{"find":"events","filter":{"reference":"R3"},"$db":"shop"},"planSummary":"COLLSCAN","keysExamined":0,"docsExamined":8400000,"nreturned":0,"reslen":300,"durationMillis":6000}}
//! ```
//!
//! ## Fix
//!
//! Make an index that leads with the columns of the condition; see the plan before and after.
//!
//! ```text logs/mongod.log
//! {"t":{"$date":"2025-03-02T10:00:05.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn7","msg":"Slow query","attr":{"type":"command","ns":"shop.events","command":{"find":"events","filter":{"reference":"R1"},"$db":"shop"},"planSummary":"IXSCAN { reference: 1 }","keysExamined":1,"docsExamined":1,"nreturned":1,"reslen":300,"durationMillis":110}}
//! ```
//!
//! ## How to rehearse
//!
//! Run the statement once on a copy of the data and look at its plan.
//!
//! ## Evidence
//!
//! - MongoDB, "Slow operations" (`planSummary`, `docsExamined`, `nreturned`); MySQL, "The Slow Query
//!   Log" (`Rows_examined`, `Rows_sent`).
//! - Inferred: that an index is missing; a sum over a whole table reads it for good reason.

use wonin_model::{
    Evidence, Finding, Fix, Load, Mode, ModeMeta, NotChecked, Origin, Role, Severity, Slow,
    Standing,
};

use crate::shared::pools::{emptied_by, is_sql, unless_apart};
use crate::shared::slow::{mean_us, ms, of_load, quoted, seconds};

pub(crate) struct FullScan;

static META: ModeMeta = ModeMeta {
    id: "full-scan",
    family: "saturation",
    summary: "a statement reads everything to find little",
    source: include_str!("full_scan.rs"),
};

impl Mode for FullScan {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(evidence.loads.iter().filter_map(|load| scan(evidence, load)));
    }
}

/// Rows that one call looks at, from which on it is felt.
const EXAMINED_MIN: u64 = 100_000;
/// Rows looked at for each that is given back, from which on an index would help.
const EACH_MIN: u64 = 1_000;
/// Fewer calls are somebody who looks something up by hand.
const CALLS_MIN: u64 = 3;
/// The shortest mean that is told, in microseconds.
const MEAN_MIN_US: u64 = 500_000;

/// Looked at and given back by one call on average.
fn per_call(slow: &Slow) -> Option<(u64, u64)> {
    let (examined, returned) = slow.rows?;
    Some((examined / slow.count.max(1), returned / slow.count.max(1)))
}

/// Functions that read many rows for one answer, for good reason.
const SUMS: &[&str] = &["count(", "sum(", "avg(", "min(", "max(", "group by"];

/// How likely an index is missing: a statement without a condition wants all rows, and a sum may
/// want as many.
fn confidence(template: &str) -> u8 {
    let text = template.to_lowercase();
    let has_condition = !text.starts_with("select") || text.contains("where");
    match (has_condition, SUMS.iter().any(|sum| text.contains(sum))) {
        (false, _) => 40,
        (true, true) => 60,
        (true, false) => 80,
    }
}

/// The statement of a load that reads everything to find little, if one does.
pub(super) fn culprit<'e>(slow: &[&'e Slow]) -> Option<&'e Slow> {
    let scans = |one: &&Slow| {
        one.count >= CALLS_MIN
            && mean_us(one) >= MEAN_MIN_US
            && per_call(one).is_some_and(|(examined, returned)| {
                examined >= EXAMINED_MIN && examined / returned.max(1) >= EACH_MIN
            })
    };
    slow.iter().copied().find(scans)
}

fn scan(evidence: &Evidence, load: &Load) -> Option<Finding> {
    let slow = of_load(evidence, load);
    let culprit = culprit(&slow)?;
    let (examined, returned) = per_call(culprit)?;
    let percent = culprit.total_us.saturating_mul(100) / load.total_us.max(1);
    let title = format!(
        "{} looks at {examined} rows to give back {returned}, {} times, up to {} each: likely an index is missing",
        quoted(&culprit.template),
        culprit.count,
        ms(culprit.max_us)
    );
    let confidence = confidence(&culprit.template);
    let is_sure = percent >= 25 && confidence >= 80;
    let severity = if is_sure { Severity::High } else { Severity::Medium };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, severity, confidence)
        .arithmetic(format!(
            "{} × {} = {} s of the {} s logged = {percent} %; {examined} rows looked at / {} given back per call",
            culprit.count,
            ms(mean_us(culprit)),
            seconds(culprit.total_us),
            seconds(load.total_us),
            returned
        ))
        .because_at(
            format!("seen {} times: it reads far more than it gives", culprit.count),
            Origin::Written(culprit.place),
        )
        .leads_to("alert-flood")
        .leads_to("pool-exhausted")
        .leads_to("lock-holder-blocks-queue");
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    for other in slow.iter().filter(|one| !std::ptr::eq(**one, culprit)).take(2) {
        let claim = format!(
            "beside it: {} {}, up to {}",
            other.count,
            quoted(&other.template),
            ms(other.max_us)
        );
        finding = finding.because_at(claim, Origin::Written(other.place));
    }
    if is_sql(load) {
        finding = unless_apart(evidence, emptied_by(evidence, load, finding));
    }
    Some(
        finding
            .fix(Fix::advice("see its plan (`explain`), and make an index that leads with the columns of its condition; a condition on a function of a column needs an index on that function"))
            .fix(Fix::advice("until then let it run less often, or on a replica")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wants_all_rows_misses_no_index() {
        for (template, sure) in [
            ("SELECT count(*) FROM orders", 40),
            ("SELECT country, sum(total) FROM orders GROUP BY country", 40),
            ("SELECT count(*) FROM orders WHERE day = ?", 60),
            ("SELECT id FROM guest WHERE UPPER(mail) = ?", 80),
            ("find shop.events", 80),
        ] {
            assert_eq!(confidence(template), sure, "{template}");
        }
    }
}
