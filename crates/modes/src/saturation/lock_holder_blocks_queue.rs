//! # One holds the lock, many wait
//!
//! ## What fails
//!
//! Requests that are quick by themselves take seconds, then all end at the same moment. Pools fill
//! with callers that wait.
//!
//! ## Why
//!
//! A lock is held for as long as a transaction or a synchronized block lasts. Whoever wants the
//! same rows or the same object queues behind it, and what those hold meanwhile blocks others. Two
//! that wait for each other never end: databases break such a circle after a second, virtual
//! machines do not.
//!
//! ## Example
//!
//! ```text logs/db.log
//! 2025-03-02 10:00:02.200 UTC [120] LOG:  process 120 still waiting for ShareLock on transaction 5001 after 1000.120 ms
//! 2025-03-02 10:00:02.200 UTC [120] DETAIL:  Process holding the lock: 101. Wait queue: 120.
//! 2025-03-02 10:00:07.100 UTC [101] LOG:  duration: 6600.500 ms  statement: UPDATE stock SET price = reprice(sku, price) WHERE warehouse = 'ICN'
//! 2025-03-02 10:00:07.101 UTC [120] LOG:  duration: 6300.000 ms  statement: SELECT available FROM stock WHERE sku = 60 FOR UPDATE
//! 2025-03-02 10:00:07.102 UTC [121] LOG:  duration: 5929.500 ms  statement: UPDATE stock SET available = available - 2 WHERE sku = 67
//! 2025-03-02 10:00:07.103 UTC [122] LOG:  duration: 5559.000 ms  statement: SELECT reserved FROM stock WHERE sku = 74 FOR SHARE
//! 2025-03-02 10:00:07.104 UTC [123] LOG:  duration: 5188.500 ms  statement: SELECT available FROM stock WHERE sku = 81 FOR UPDATE
//! ```
//!
//! ## Fix
//!
//! Small transactions: compute first, then write in one short statement; take locks in one order;
//! limit the wait (`lock_timeout`).
//!
//! ```text logs/db.log
//! 2025-03-02 10:00:07.100 UTC [101] LOG:  duration: 310.500 ms  statement: UPDATE stock SET price = 3 WHERE sku = 7
//! ```
//!
//! ## How to rehearse
//!
//! Hold one row in an open transaction and run the others beside it; `pg_blocking_pids` names the
//! holder.
//!
//! ## Evidence
//!
//! - PostgreSQL, "Lock Management" (`log_lock_waits`, `deadlock_timeout`); MySQL, "InnoDB locking".
//! - Seen with PostgreSQL 15: victims of one holder end within a hundredth of a second.
//! - Waits that the server says to have ended within 5 s are a remark: nobody gave up.
//! - Inferred from a slow log alone: that statements which end together waited for the same lock.

use wonin_model::{
    Evidence, Finding, Fix, Load, LockOwner, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
    Signal, Slow, Standing,
};

use crate::shared::pools::{Empty, emptied_by, empty, is_sql, unless_apart};
use crate::shared::seen::{Part, all_of, recognise, signals};
use crate::shared::slow::{ms, of_load, quoted, seconds, waiters};
use crate::shared::words::list;

pub(crate) struct LockHolderBlocksQueue;

static META: ModeMeta = ModeMeta {
    id: "lock-holder-blocks-queue",
    family: "saturation",
    summary: "one holder of a lock keeps many others waiting",
    source: include_str!("lock_holder_blocks_queue.rs"),
};

impl Mode for LockHolderBlocksQueue {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own: Vec<Finding> =
            evidence.loads.iter().filter_map(|load| locked(evidence, load)).collect();
        let mut waits = all_of(
            evidence,
            &[
                ("postgres.waiting-for-lock", "a process waits for a lock that another one holds"),
                ("postgres.lock-timeout", "follows: a statement gave up waiting for its lock"),
                (
                    "mysql.lock-wait-timeout",
                    "a transaction gave up waiting for a row lock (innodb_lock_wait_timeout, 50 s unless it is set)",
                ),
                ("sqlite.locked", "the file is locked by another writer"),
                ("migration.locked", "a migration waits for the lock of another one"),
            ],
        );
        let idle = all_of(
            evidence,
            &[(
                "postgres.idle-in-transaction",
                "a session sat idle in an open transaction, and kept its locks, until the server ended it",
            )],
        );
        if !waits.is_empty() {
            waits.extend(idle);
        }
        recognise(&mut own, &waits, || Some(waiting(evidence)));
        findings.extend(own.into_iter().map(|finding| emptied(evidence, finding)));
        findings.extend(deadlocks(evidence));
        for set in &evidence.threads {
            findings.extend(set.locks.iter().filter_map(held));
        }
    }
}

/// Adds the pools that were used up while callers waited for the lock.
fn emptied(evidence: &Evidence, finding: Finding) -> Finding {
    let loads = evidence.loads.iter().filter(|load| is_sql(load));
    let mut finding = loads.fold(finding, |finding, load| emptied_by(evidence, load, finding));
    for pool in empty(evidence) {
        let is_told = finding.signals.iter().any(|one| one.signal == pool.signal.name);
        let Some(queue) = queue_beside(evidence, &pool).filter(|_| !is_told) else { continue };
        // The holder keeps a connection as well.
        let (kept, size) = (queue + 1, pool.size.unwrap_or(0));
        if size > 0 && kept * 5 >= size {
            let before =
                finding.arithmetic.take().map_or(String::new(), |text| format!("{text}; "));
            finding.arithmetic = Some(format!(
                "{before}1 that holds + {queue} in the queue = {kept} connections of {size} kept at one time"
            ));
            finding = pool.follows(finding, kept * 2 >= size);
        }
    }
    unless_apart(evidence, finding)
}

/// The longest queue for a lock that the server tells of while a pool was used up.
fn queue_beside(evidence: &Evidence, pool: &Empty<'_>) -> Option<u64> {
    let waits = signals(evidence, &["postgres.waiting-for-lock"]);
    let beside = waits.into_iter().filter(|signal| is_beside(signal, pool));
    let queues = beside.flat_map(|signal| signal.all("queue"));
    queues.map(|queue| queue.split(',').count() as u64).max()
}

/// Whether a text was said while callers of a pool waited. What waits for a lock says so once.
fn is_beside(signal: &Signal, pool: &Empty<'_>) -> bool {
    let (first, last) = (signal.first_ms, signal.last_ms);
    first.zip(last).is_some_and(|(first, last)| {
        first <= pool.to_ms && last.saturating_add(SAID_BEFORE_MS) >= pool.from_ms
    })
}

/// How long before the callers of a pool begin to wait a queue for a lock may have been told of.
const SAID_BEFORE_MS: i64 = 30_000;

/// Texts of servers about locks that somebody waits for.
const WAITS: &[&str] =
    &["postgres.waiting-for-lock", "postgres.lock-timeout", "mysql.lock-wait-timeout"];

/// Whether what keeps the statements of a load is a lock.
pub(super) fn keeps(evidence: &Evidence, load: &Load, pool: &Empty<'_>) -> bool {
    let waits = signals(evidence, WAITS);
    locked(evidence, load).is_some() || waits.into_iter().any(|one| is_beside(one, pool))
}

/// Callers that wait for a lock of a database.
fn waiting(evidence: &Evidence) -> Finding {
    let holders =
        |signal: &&Signal| signal.hits.iter().any(|hit| hit.values.contains_key("holder"));
    let signal = signals(evidence, &["postgres.waiting-for-lock"]).into_iter().find(holders);
    let hit =
        signal.and_then(|signal| signal.hits.iter().find(|hit| hit.values.contains_key("holder")));
    let value = |name: &str| hit.and_then(|hit| hit.values.get(name)).map(String::as_str);
    let title = match value("holder").zip(value("queue")) {
        Some((holder, queue)) => {
            let queues = signal.map(|signal| signal.all("queue")).unwrap_or_default();
            let longest = queues.iter().map(|queue| queue.split(',').count()).max();
            let waiting = longest.unwrap_or(0).max(queue.split(',').count());
            let idle = !signals(evidence, &["postgres.idle-in-transaction"]).is_empty();
            let how = if idle { ", likely idle in an open transaction," } else { "" };
            let verb = if waiting == 1 { "waits" } else { "wait" };
            format!("process {}{how} holds a lock, and {waiting} {verb} for it", holder.trim())
        }
        None => "transactions wait for a lock that another one holds for long".to_owned(),
    };
    let severity = if was_brief(evidence) { Severity::Low } else { Severity::High };
    repaired(Finding::new(&META, title).weigh(Role::Cause, severity, 92))
}

/// A wait for a lock that ended sooner is over before callers give up.
const BRIEF_MS: f64 = 5_000.0;

/// Whether all that waited got their locks soon, by the server's own account, and no pool was used
/// up meanwhile.
fn was_brief(evidence: &Evidence) -> bool {
    let count = |name: &str| signals(evidence, &[name]).iter().map(|one| one.count).sum::<u64>();
    let got = signals(evidence, &["postgres.lock-acquired"]);
    let mut lasted = got.iter().flat_map(|signal| signal.all("ms"));
    let all_got = count("postgres.lock-acquired") >= count("postgres.waiting-for-lock");
    all_got
        && lasted.all(|ms| ms.parse::<f64>().is_ok_and(|ms| ms < BRIEF_MS))
        && count("postgres.lock-timeout") + count("mysql.lock-wait-timeout") == 0
        && empty(evidence).is_empty()
}

fn repaired(finding: Finding) -> Finding {
    finding
        .leads_to("pool-exhausted")
        .leads_to("alert-flood")
        .fix(Fix::advice("shorten what the holder does while it holds the lock: compute first, write in small transactions, call nobody inside"))
        .fix(Fix::advice("limit the wait (lock_timeout, idle_in_transaction_session_timeout) and log it (log_lock_waits)"))
}

/// Statements that the server itself says to have waited for locks, and who ran for that long
/// until they could go on; else those that ended together.
fn locked(evidence: &Evidence, load: &Load) -> Option<Finding> {
    let slow = of_load(evidence, load);
    let victims = waiters(&slow);
    let count: u64 = victims.iter().map(|one| one.count).sum();
    if count < VICTIMS_MIN {
        return convoy(evidence, load);
    }
    let waited: u64 = victims.iter().filter_map(|one| one.lock_us).sum();
    let total: u64 = victims.iter().map(|one| one.total_us).sum();
    let longest = victims.iter().map(|one| one.max_us).max()?;
    let begin = victims.iter().filter_map(|one| one.first_ms).min();
    let end = victims.iter().filter_map(|one| one.last_ms).max();
    let is_then = |at: Option<i64>| {
        at.zip(begin.zip(end)).is_some_and(|(at, (begin, end))| {
            at >= begin.saturating_sub(SECOND_MS) && at <= end.saturating_add(SECOND_MS)
        })
    };
    let runs = |one: &&&Slow| {
        one.lock_us.is_some_and(|lock| lock.saturating_mul(5) < one.total_us)
            && one.max_us.saturating_mul(2) >= longest
            && (is_then(one.first_ms) || is_then(one.last_ms))
    };
    let holder = slow.iter().filter(runs).max_by_key(|one| one.max_us).copied();
    let title = match holder {
        Some(holder) => format!(
            "{} took {}, and {count} others waited for locks up to {}: likely for those that it held",
            quoted(&holder.template),
            ms(holder.max_us),
            ms(longest)
        ),
        None => format!(
            "{count} statements waited for locks, up to {}, and did little else; who held them is not in this log",
            ms(longest)
        ),
    };
    let percent = waited.saturating_mul(100) / total.max(1);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, if holder.is_some() { 88 } else { 85 })
        .arithmetic(format!(
            "waiting for locks {} s of {} s = {percent} % of the time of these {count}",
            seconds(waited),
            seconds(total)
        ));
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    if let Some(holder) = holder {
        finding = finding.because_at(
            "seen: it ran that long, waited for no lock, and ended when the others went on",
            Origin::Written(holder.place),
        );
    }
    for victim in victims.iter().take(3) {
        let claim = format!(
            "seen: {} {} waited up to {}",
            victim.count,
            quoted(&victim.template),
            ms(victim.max_us)
        );
        finding = finding.because_at(claim, Origin::Written(victim.place));
    }
    Some(repaired(finding))
}

/// Fewer statements that wait are no queue.
const VICTIMS_MIN: u64 = 5;

/// Logs of whole seconds put an end into the second before or behind.
const SECOND_MS: i64 = 1000;

/// Milliseconds within which the statements of one queue end.
const TOGETHER_MS: u64 = 250;

/// Statements of several kinds that end together with one that took longest.
fn convoy(evidence: &Evidence, load: &Load) -> Option<Finding> {
    if !["postgresql", "mysql"].contains(&load.source) {
        return None;
    }
    let slow = of_load(evidence, load);
    let holder = slow.iter().copied().max_by_key(|one| one.service_us)?;
    let near = |one: Option<i64>, other: Option<i64>| {
        one.zip(other).is_some_and(|(one, other)| one.abs_diff(other) <= TOGETHER_MS)
    };
    let victims: Vec<&Slow> = slow
        .iter()
        .copied()
        .filter(|one| !std::ptr::eq(*one, holder))
        .filter(|one| near(one.first_ms, holder.first_ms) && one.max_us <= holder.max_us)
        .filter(|one| one.service_us.is_some_and(|own| own.saturating_mul(20) < one.total_us))
        .collect();
    let count: u64 = victims.iter().map(|one| one.count).sum();
    if victims.len() < 2 || count < 6 {
        return None;
    }
    let waited: u64 = victims.iter().map(|one| one.total_us).sum();
    let title = format!(
        "{} took {}, and {count} others of {} kinds ended in the same moment: likely they waited for its lock",
        quoted(&holder.template),
        ms(holder.max_us),
        victims.len()
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 78)
        .arithmetic(format!(
            "own time of the others by finish - max(start, finish before) = {} of {} s waited; of the holder {} of {} s",
            ms(victims.iter().filter_map(|one| one.service_us).sum()),
            seconds(waited),
            seconds(holder.service_us.unwrap_or(0)),
            seconds(holder.total_us)
        ))
        .because_at("seen: it holds, or keeps the server busy, until it ends", Origin::Written(holder.place));
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    for victim in victims.iter().take(3) {
        let claim =
            format!("likely waited: {} up to {}", quoted(&victim.template), ms(victim.max_us));
        finding = finding.because_at(claim, Origin::Written(victim.place));
    }
    Some(repaired(finding))
}

/// Circles of waiting.
fn deadlocks(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for dump in &evidence.dumps {
        if let Some(circle) = dump.deadlocks.first() {
            let title = format!("{} wait for each other and never end", list(circle));
            let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::Critical, 98);
            finding.standing = Standing::Observed;
            let place = dump.threads.iter().find(|thread| circle.contains(&thread.name));
            let place = place.map_or(dump.place, |thread| thread.place);
            found.push(
                finding
                    .because_at("seen: the virtual machine names the circle itself", Origin::Written(place))
                    .fix(Fix::advice("take the locks in one order everywhere; a restart ends this one circle only")),
            );
        }
    }
    found.truncate(1);
    for (name, who) in [
        ("postgres.deadlock", "PostgreSQL"),
        ("mysql.deadlock", "MySQL"),
        ("oracle.deadlock", "Oracle"),
        ("sql-server.deadlock", "SQL Server"),
    ] {
        for signal in signals(evidence, &[name]) {
            let title = format!("transactions locked each other out; {who} ended one of them");
            let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::Medium, 95);
            finding.service.clone_from(&signal.service);
            finding = Part::whole(signal).tell(finding, "a deadlock was found");
            found.push(finding.fix(Fix::advice(
                "touch rows in one order in all transactions, and repeat the one that was ended",
            )));
        }
    }
    found
}

/// Threads of a dump that wait for one lock.
fn held(lock: &LockOwner) -> Option<Finding> {
    if lock.behind.max(lock.waiting) < 3 || lock.owner_waits_for.is_some() {
        return None;
    }
    let owner = lock.owner.as_deref().unwrap_or("a thread");
    let title = format!("{owner} holds {}, and {} threads wait for it", lock.lock, lock.waiting);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, if lock.dumps > 1 { 92 } else { 80 })
        .arithmetic(format!(
            "{} wait for it, {} for it or for what they hold; in {} dumps",
            lock.waiting, lock.behind, lock.dumps
        ));
    finding.standing = Standing::Observed;
    if let Some(place) = lock.owner_place {
        let frame =
            lock.owner_frames.first().map_or(String::new(), |frame| format!(", in {frame}"));
        finding =
            finding.because_at(format!("seen: it holds the lock{frame}"), Origin::Written(place));
    }
    let patterns: Vec<&str> =
        lock.patterns.iter().take(3).map(|(pattern, _)| pattern.as_str()).collect();
    finding = finding
        .because_at(format!("seen: waiting, {}", list(&patterns)), Origin::Written(lock.place));
    Some(
        finding
            .fix(Fix::advice("do less while the lock is held; call nobody outside from within it")),
    )
}
