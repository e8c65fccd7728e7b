//! # What serves requests is held up
//!
//! ## What fails
//!
//! Requests wait although the processor is idle; a watchdog complains of a thread that does not
//! come back, or kills a worker in the middle of its work.
//!
//! ## Why
//!
//! An event loop or a pool of workers serves all callers. Somebody waits on it: a call without a
//! time limit, a query that takes minutes, a lock, a computation. With n workers, n such calls stop
//! everything. Whoever hangs writes no error: its log just ends, and others complain. gunicorn kills
//! a worker that was silent for `--timeout` (30 s): its request is lost, and the next one meets the
//! same.
//!
//! ## Example
//!
//! ```text logs/api.log
//! [2025-03-02 10:31:30 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:9)
//! ```
//!
//! ## Fix
//!
//! Find what it waits for and bound that wait; then choose the number of workers.
//!
//! ```text logs/api.log
//! [2025-03-02 10:31:30 +0000] [1] [INFO] Booting worker with pid: 9
//! ```
//!
//! ## How to rehearse
//!
//! Let the proxy delay the answers of what is called by twice the watchdog's limit.
//!
//! ## Evidence
//!
//! - Inferred: that a program which wrote steadily, and no more from the moment on at which another
//!   one begins to complain, hangs and was not ended.
//! - gunicorn, "Settings", `timeout` (30 s). Vert.x, `BlockedThreadChecker` (2 s for an event loop).
//!   Tomcat, `StuckThreadDetectionValve`. .NET, `ThreadPool`.

use wonin_model::{
    Evidence, Finding, Fix, Level, Log, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
    Standing, Template,
};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::{moment, span};

pub(crate) struct WorkersBlocked;

static META: ModeMeta = ModeMeta {
    id: "workers-blocked",
    family: "saturation",
    summary: "the threads that serve requests wait for something",
    source: include_str!("workers_blocked.rs"),
};

const FIND: &[&str] = &[
    "the trace beside it, or a thread dump of that moment, names the call that waits: give it a time limit, or move it off these threads",
];

const ROWS: &[Row] = &[
    row(
        "gunicorn.worker-timeout",
        "a worker was silent for its whole time and was killed",
        |_| {
            "gunicorn kills workers in the middle of a request: one took longer than --timeout, 30 s unless it is set".to_owned()
        },
        &[
            "find the request (`--log-level debug`, `py-spy dump --pid PID`) and bound what it waits for; a longer --timeout only makes callers wait longer",
            "\"Perhaps out of memory?\" is what gunicorn writes whenever a worker was killed: only the kernel's log says that it was memory",
        ],
    ),
    row(
        "gunicorn.worker-killed",
        "follows: the worker was killed",
        |_| "gunicorn kills workers in the middle of a request: one took longer than --timeout, 30 s unless it is set".to_owned(),
        &[],
    )
    .weigh(Severity::Medium, 70),
    row(
        "vertx.blocked-thread",
        "an event loop was blocked",
        |_| "an event loop is blocked: everything that it serves waits".to_owned(),
        FIND,
    ),
    row(
        "tomcat.stuck-thread",
        "a request thread did not come back",
        |_| "request threads of Tomcat are stuck".to_owned(),
        FIND,
    ),
    row(
        "tomcat.max-threads",
        "all request threads were in use",
        |_| "all request threads of Tomcat are in use: further requests wait".to_owned(),
        FIND,
    ),
    row(
        "hikari.thread-starvation",
        "a thread that wakes every 30 s woke late",
        |values| {
            let delta = values.get("delta").map_or("long", String::as_str);
            format!("the process stood still: a thread that wakes every 30 s was away for {delta}")
        },
        &["look at that moment for a collector's pause (-Xlog:gc), a processor quota that is used up (cpu.stat, nr_throttled), or a host that was suspended"],
    )
    .weigh(Severity::Medium, 80),
    row(
        "dotnet.pool-starved",
        "no thread was free for work that was ready",
        |_| {
            ".NET's thread pool is starved: likely threads wait for tasks (`.Result`, `.Wait()`)"
                .to_owned()
        },
        &[
            "await instead of waiting; a dump (`dotnet-dump`, `clrstack -all`) shows where the threads stand",
        ],
    ),
];

impl Mode for WorkersBlocked {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(recognised(&META, evidence, ROWS));
        findings.extend(evidence.logs.iter().filter_map(|log| silent(evidence, log)));
    }
}

/// A log that wrote steadily and says nothing any more.
const STEADY_EVENTS_MIN: u64 = 60;
/// Complaints of another program that are no accident.
const COMPLAINTS_MIN: u64 = 5;
/// The shortest silence that is told, in milliseconds.
const SILENCE_MS: i64 = 10 * 60 * 1000;

/// A program that wrote line after line, stops in the middle and says nothing to the end, while
/// another one begins to complain: whatever it waits for, it does not come back.
fn silent(evidence: &Evidence, log: &Log) -> Option<Finding> {
    let (begin, end) = log.silence_ms?;
    let (first, last) = (log.first_ms?, log.last_ms?);
    let mean = last.saturating_sub(first) / i64::try_from(log.events.max(1)).ok()?;
    let is_steady = log.events >= STEADY_EVENTS_MIN
        && last.saturating_sub(first) >= SILENCE_MS
        && !log.date_assumed
        && begin == last;
    let lasts = end.saturating_sub(begin);
    if !is_steady || lasts < SILENCE_MS.max(mean.saturating_mul(60)) {
        return None;
    }
    let final_one = log.templates.iter().max_by_key(|template| template.last_ms)?;
    // A program that says why it ends, or something that it does not say all the time, is another
    // matter.
    if log.errors > 0
        || final_one.count < 3
        || final_one.level > Level::Info
        || says_goodbye(final_one)
    {
        return None;
    }
    let complaint = complaint(evidence, log, begin)?;
    let name = evidence.sources.file(log.file).path().to_owned();
    let who = log.service.clone().unwrap_or_else(|| name.clone());
    let title = format!(
        "{who} wrote a line every {} and is silent since {}, while others wait for it: likely it hangs",
        span(mean.max(1)),
        moment(begin)
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::Medium, 65)
        .arithmetic(format!(
            "silent for {} = {} times its usual pause",
            span(lasts),
            lasts / mean.max(1)
        ))
        .because_at(format!("the last that {who} said"), Origin::Written(final_one.example))
        .because_at(
            format!("seen {} times since then: another program complains", complaint.count),
            Origin::Written(complaint.example),
        );
    finding.standing = Standing::Observed;
    finding.service.clone_from(&log.service);
    Some(finding.fix(Fix::advice(
        "look at the process before it is started anew: a dump of its threads (jstack, py-spy dump, gdb), its connections (`ss -tnp`), its processor time; then bound what it waits for",
    )))
}

/// Whether a last line tells of an orderly end.
fn says_goodbye(last: &Template) -> bool {
    let text = last.text.to_ascii_lowercase();
    ["shut", "stop", "exit", "bye", "terminat", "finished", "completed all", "done", "signal"]
        .iter()
        .any(|word| text.contains(word))
}

/// What another log complains of since a moment, and not before.
fn complaint<'e>(evidence: &'e Evidence, silent: &Log, since: i64) -> Option<&'e Template> {
    let others = evidence
        .logs
        .iter()
        .filter(|log| log.file != silent.file && !["events", "access-log"].contains(&log.format));
    let templates = others.flat_map(|log| &log.templates);
    templates
        .filter(|one| one.level >= Level::Warning && one.count >= COMPLAINTS_MIN)
        .filter(|one| one.first_ms.is_some_and(|first| first >= since))
        .max_by_key(|one| one.count)
}
