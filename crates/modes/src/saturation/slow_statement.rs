//! # A slow statement keeps the connections of a pool
//!
//! ## What fails
//!
//! Requests end with "Connection is not available, request timed out", also such that have nothing to
//! do with the slow one. A larger pool helps for a while or not at all.
//!
//! ## Why
//!
//! By Little's law a pool has N = X·R busy members: calls per second times the seconds that each keeps
//! its connection. Ten connections serve 1000 calls a second of 10 ms, and half a call a second of
//! 20 s. So a statement that became slow empties a pool that was ample before, and all others wait
//! for what it keeps.
//!
//! ## Example
//!
//! ```text logs/shop.log
//! 2025-03-02 10:05:30.002 ERROR 1 --- [exec-3] shop.Orders : java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30002ms (total=4, active=4, idle=0, waiting=25)
//! 2025-03-02 10:05:35.002 ERROR 1 --- [exec-4] shop.Orders : java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30002ms (total=4, active=4, idle=0, waiting=25)
//! ```
//!
//! ```text logs/postgresql.log
//! 2025-03-02 10:05:20.000 UTC [101] LOG:  duration: 24003.120 ms  statement: SELECT * FROM orders WHERE customer = 17
//! 2025-03-02 10:05:25.000 UTC [102] LOG:  duration: 25003.120 ms  statement: SELECT * FROM orders WHERE customer = 18
//! 2025-03-02 10:05:26.000 UTC [103] LOG:  duration: 27003.120 ms  statement: SELECT * FROM orders WHERE customer = 19
//! 2025-03-02 10:05:30.000 UTC [104] LOG:  duration: 28003.120 ms  statement: SELECT * FROM orders WHERE customer = 20
//! ```
//!
//! ## Fix
//!
//! Make the statement fast (its plan, an index, fewer rows), and bound how long one may run.
//!
//! ```text logs/shop.log
//! 2025-03-02 10:05:30.002  INFO 1 --- [exec-3] shop.Orders : 200 GET /orders
//! ```
//!
//! ```text logs/postgresql.log
//! 2025-03-02 10:05:20.000 UTC [101] LOG:  duration: 203.120 ms  statement: SELECT * FROM orders WHERE customer = 17
//! ```
//!
//! ## How to rehearse
//!
//! `SELECT pg_sleep(20)` through the application, as often as the pool has connections; then call
//! anything else that needs the database.
//!
//! ## Evidence
//!
//! - J. Little, "A Proof for the Queuing Formula: L = λW" (1961).
//! - HikariCP, "About Pool Sizing"; PostgreSQL, `log_min_duration_statement`; MySQL, "The Slow Query
//!   Log". A log has only what is slower than its limit: the busy connections are a lower bound.
//! - Inferred: that the pool's statements are those of the log, by their times. Where the log's keep
//!   less than half of the pool it is likely, and not more.

use wonin_model::{
    Evidence, Finding, Fix, Load, Mode, ModeMeta, NotChecked, Origin, Role, Severity, Slow,
    Standing,
};

use super::{full_scan, lock_holder_blocks_queue};
use crate::shared::pools::{Empty, Kept, empty, is_sql, kept_by};
use crate::shared::seen::{Part, beside};
use crate::shared::slow::{mean_us, ms, of_load, quoted, seconds};

pub(crate) struct SlowStatement;

static META: ModeMeta = ModeMeta {
    id: "slow-statement",
    family: "saturation",
    summary: "a slow statement keeps the connections that others wait for",
    source: include_str!("slow_statement.rs"),
};

impl Mode for SlowStatement {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        for pool in empty(evidence) {
            let loads = evidence.loads.iter().filter(|load| is_sql(load));
            findings.extend(loads.filter_map(|load| keeps(evidence, load, &pool)));
        }
    }
}

/// The statement of a load that keeps a pool. What waits for a lock or reads whole tables is told
/// by the modes about those.
fn keeps(evidence: &Evidence, load: &Load, pool: &Empty<'_>) -> Option<Finding> {
    let kept = kept_by(load, pool)?;
    let slow = of_load(evidence, load);
    let is_other = lock_holder_blocks_queue::keeps(evidence, load, pool);
    if is_other || full_scan::culprit(&slow).is_some() {
        return None;
    }
    let culprit = slow.iter().copied().find(|one| is_statement(one) && is_meanwhile(one, pool))?;
    let mut finding = told(culprit, pool, &kept);
    finding.service.clone_from(&load.service);
    let times =
        if culprit.count == 1 { "once".to_owned() } else { format!("{} times", culprit.count) };
    finding = finding.because_at(
        format!(
            "seen {times}, {} s in all: each keeps its connection so long",
            seconds(culprit.total_us)
        ),
        Origin::Written(culprit.place),
    );
    finding = pool.follows(finding, kept.is_most);
    let own = pool.signal.service.as_deref();
    if let Some(reports) = beside(evidence, "hikari.leak-detected", own) {
        let claim = "follows: a connection was kept for longer than leakDetectionThreshold";
        finding = Part::whole(reports).tell(finding, claim).leads_to("connection-leak");
    }
    Some(
        finding
            .fix(Fix::advice("make it fast: see its plan (`EXPLAIN (ANALYZE, BUFFERS)`), an index that fits its condition, fewer rows at a time"))
            .fix(Fix::advice("bound it (`statement_timeout`, `max_execution_time`, `socketTimeout`) below what callers wait for a connection; give what is slow by nature a pool of its own")),
    )
}

fn told(culprit: &Slow, pool: &Empty<'_>, kept: &Kept) -> Finding {
    let takes = format!("{} takes up to {}", quoted(&culprit.template), ms(culprit.max_us));
    let (title, confidence) = if kept.is_most {
        let of = pool.size.map_or(String::new(), |size| format!(" of the {size}"));
        let title =
            format!("{takes} and keeps {}{of} connections of {}", kept.connections(), pool.name());
        (title, 90)
    } else {
        (format!("{takes}: likely it keeps the connections of {}", pool.name()), 70)
    };
    let mut finding =
        Finding::new(&META, title).weigh(Role::Cause, Severity::High, confidence).arithmetic(
            format!("{}; {} × {} on average", kept.shown(), culprit.count, ms(mean_us(culprit))),
        );
    finding.standing = Standing::Observed;
    finding
}

/// Whether it is a statement of SQL: applications call requests slow as well.
fn is_statement(slow: &Slow) -> bool {
    const VERBS: [&str; 8] =
        ["select", "insert", "update", "delete", "with", "call", "merge", "replace"];
    let first =
        slow.template.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
    first.is_some_and(|word| VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word)))
}

/// Whether it ran while callers of the pool waited.
fn is_meanwhile(slow: &Slow, pool: &Empty<'_>) -> bool {
    let longest_ms = i64::try_from(slow.max_us / 1000).unwrap_or(i64::MAX);
    slow.first_ms.zip(slow.last_ms).is_some_and(|(first, last)| {
        first.saturating_sub(longest_ms) <= pool.to_ms && last >= pool.from_ms
    })
}
