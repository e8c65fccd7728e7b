//! Pools of connections that were used up, and what kept their members meanwhile.

use wonin_model::{Evidence, Finding, Load, Signal};

use super::seen::{Part, Values, number, signals};
use super::slow::seconds;

/// Texts of pools of connections to databases of SQL that had nothing left to give, with what they
/// are.
pub(crate) const SQL_POOLS: &[(&str, &str)] = &[
    ("hikari.connection-not-available", "HikariCP's pool"),
    ("dbcp.pool-exhausted", "DBCP's pool"),
    ("tomcat-jdbc.pool-exhausted", "Tomcat's JDBC pool"),
    ("sqlalchemy.pool-exhausted", "SQLAlchemy's pool"),
    ("druid.pool-exhausted", "Druid's pool"),
    ("c3p0.pool-exhausted", "c3p0's pool"),
    ("node-postgres.pool-exhausted", "node-postgres' pool"),
    ("prisma.pool-exhausted", "Prisma's pool"),
    ("knex.pool-exhausted", "Knex' pool"),
    ("activerecord.pool-exhausted", "Active Record's pool"),
    ("npgsql.pool-exhausted", "Npgsql's pool"),
    ("dotnet.pool-exhausted", "the .NET connection pool"),
    ("pgbouncer.wait-timeout", "PgBouncer's pool"),
];

/// A time between two failures of one shortage, besides what the callers wait, in milliseconds.
const PAUSE_MS: i64 = 60_000;

/// A pool that had nothing left to give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Empty<'e> {
    pub(crate) signal: &'e Signal,
    /// What it is: `HikariCP's pool`.
    pub(crate) what: &'static str,
    /// How many members it has, where its text says so.
    pub(crate) size: Option<u64>,
    /// How long its callers waited, in milliseconds.
    waited_ms: i64,
    /// When the first caller began to wait, Unix milliseconds.
    pub(crate) from_ms: i64,
    /// When the last one gave up, of those without a long pause between them.
    pub(crate) to_ms: i64,
}

/// Pools of connections to databases that were used up, as far as times tell when.
pub(crate) fn empty(evidence: &Evidence) -> Vec<Empty<'_>> {
    let mut found = Vec::new();
    for (name, what) in SQL_POOLS {
        found.extend(signals(evidence, &[name]).into_iter().filter_map(|one| of(one, what)));
    }
    found
}

/// How many members a pool may have at most, as one of its texts says: SQLAlchemy's may overflow its
/// size.
pub(crate) fn size_of(values: &Values) -> Option<u64> {
    let value = |name: &str| number(values, name);
    let size = value("total").or(value("size"))?;
    Some(size.saturating_add(value("overflow").unwrap_or(0)))
}

/// Whole seconds or parts of them, in milliseconds: `30.00`.
fn seconds_ms(values: &Values) -> Option<u64> {
    let seconds: f64 = values.get("s")?.parse().ok()?;
    // Numbers that are none, below 0 or too large end at a border.
    Some((seconds * 1000.0) as u64)
}

fn of<'e>(signal: &'e Signal, what: &'static str) -> Option<Empty<'e>> {
    let numbers = |name: &str| {
        signal.values.iter().filter_map(|(values, _)| number(values, name)).collect::<Vec<u64>>()
    };
    let in_use = || ["active", "busy"].iter().flat_map(|name| numbers(name)).max();
    let size = signal.values.iter().filter_map(|(values, _)| size_of(values)).max();
    // One with members to spare waits for its server, not for its members.
    if size.zip(in_use()).is_some_and(|(size, active)| active < size) {
        return None;
    }
    let seconds = signal.values.iter().filter_map(|(values, _)| seconds_ms(values)).max();
    let waited = numbers("ms").into_iter().max().or(seconds).unwrap_or(0);
    let waited_ms = i64::try_from(waited).ok()?;
    let first_ms = signal.first_ms?;
    let mut to_ms = first_ms;
    for (at, _) in &signal.slots {
        if *at - to_ms > waited_ms + PAUSE_MS {
            break;
        }
        to_ms = to_ms.max(*at + signal.slot_ms);
    }
    let to_ms = to_ms.min(signal.last_ms.unwrap_or(to_ms)).max(first_ms);
    Some(Empty { signal, what, size, waited_ms, from_ms: first_ms - waited_ms, to_ms })
}

impl Empty<'_> {
    /// Its own name, else what it is: `HikariPool-1`.
    pub(crate) fn name(&self) -> &str {
        let is_name = |name: &&str| name.len() <= 40 && !name.contains(' ');
        self.signal.all("pool").into_iter().find(is_name).unwrap_or(self.what)
    }

    /// Adds what follows from a cause that kept the members: all of them, or likely so.
    pub(crate) fn follows(&self, finding: Finding, is_most: bool) -> Finding {
        let sure = if is_most { "follows" } else { "likely follows" };
        let claim = format!("{sure}: {} gave a caller nothing in time", self.name());
        let finding = Part::whole(self.signal).tell(finding, &claim);
        let is_told = finding.leads_to.iter().any(|id| id == "pool-exhausted");
        if is_told { finding } else { finding.leads_to("pool-exhausted") }
    }
}

/// Takes back that empty pools follow, where all of them were empty at other times or had more
/// members than the cause kept.
pub(crate) fn unless_apart(evidence: &Evidence, mut finding: Finding) -> Finding {
    let pools = empty(evidence);
    let is_told =
        |pool: &Empty<'_>| finding.signals.iter().any(|one| one.signal == pool.signal.name);
    if !pools.is_empty() && !pools.iter().any(is_told) {
        finding.leads_to.retain(|id| id != "pool-exhausted");
    }
    finding
}

/// Adds the pools that a load's statements kept, with the calculation.
pub(crate) fn emptied_by(evidence: &Evidence, load: &Load, mut finding: Finding) -> Finding {
    for pool in empty(evidence) {
        let Some(kept) = kept_by(load, &pool) else { continue };
        let before = finding.arithmetic.take().map_or(String::new(), |text| format!("{text}; "));
        finding.arithmetic = Some(format!("{before}{}", kept.shown()));
        finding = pool.follows(finding, kept.is_most);
    }
    finding
}

/// How many connections of a pool a cause kept, by Little's law: N = held time / time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    held_us: u64,
    window_us: u64,
    size: Option<u64>,
    /// Whether that is most of the pool, so that nothing else need have kept it.
    pub(crate) is_most: bool,
}

impl Kept {
    /// `held 290.0 s within 35.0 s = 8.3 connections busy on average, of 10`.
    pub(crate) fn shown(&self) -> String {
        let of = self.size.map_or(String::new(), |size| format!(", of {size}"));
        format!(
            "N = X·R: held {} s within {} s = {} connections busy on average{of}",
            seconds(self.held_us),
            seconds(self.window_us),
            self.connections()
        )
    }

    /// `8.3`.
    pub(crate) fn connections(&self) -> String {
        format!("{:.1}", self.held_us as f64 / self.window_us.max(1) as f64)
    }
}

/// Statements of a database's log that the log's server ran while callers of a pool waited; `None`
/// where they did not keep even a part of it that counts.
pub(crate) fn kept_by(load: &Load, pool: &Empty<'_>) -> Option<Kept> {
    let lasts_ms = (pool.to_ms - pool.from_ms).max(1000);
    let window_us = u64::try_from(lasts_ms).ok()?.saturating_mul(1000);
    let (mut held_us, mut longest_us, mut events) = (0_u64, 0, 0);
    for slot in load.slots.iter().filter(|slot| slot.events > 0) {
        let end = slot.at_ms.saturating_add(load.slot_ms);
        let mean_us = slot.total_us / slot.events;
        let begin = end.saturating_sub(i64::try_from(mean_us / 1000).ok()?);
        let inside = end.min(pool.to_ms).saturating_sub(begin.max(pool.from_ms));
        if inside <= 0 {
            continue;
        }
        let inside_us = u64::try_from(inside).ok()?.saturating_mul(1000).min(mean_us);
        held_us = held_us.saturating_add(inside_us.saturating_mul(slot.events));
        longest_us = longest_us.max(slot.max_us);
        events += slot.events;
    }
    let busy = |part: u64| {
        pool.size.is_some_and(|size| {
            held_us.saturating_mul(part) >= window_us.saturating_mul(size.max(1))
        })
    };
    // One that runs for half as long as callers wait keeps its connection from a whole queue, and a
    // log seldom has all.
    let waited_us = u64::try_from(pool.waited_ms).ok()?.saturating_mul(1000);
    let is_long =
        events >= LONG_MIN && held_us >= window_us && waited_us > 0 && longest_us >= waited_us / 2;
    let counts = busy(5) || is_long || pool.size.is_none() && held_us >= 2 * window_us;
    counts.then(|| Kept { held_us, window_us, size: pool.size, is_most: busy(2) })
}

/// So many statements that are long enough keep a pool, though a log may not have all.
const LONG_MIN: u64 = 3;

/// Whether a load is that of a database of SQL: a server's own log, or what an application says of
/// its statements.
pub(crate) fn is_sql(load: &Load) -> bool {
    matches!(load.source, "postgresql" | "mysql" | "p6spy" | "application")
}
