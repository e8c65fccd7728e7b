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
//! everything. gunicorn kills a worker that was silent for `--timeout` (30 s): its request is lost,
//! and the next one meets the same.
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
//! - gunicorn, "Settings", `timeout` (30 s). Vert.x, `BlockedThreadChecker` (2 s for an event loop).
//!   Tomcat, `StuckThreadDetectionValve`. .NET, `ThreadPool`.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked, Severity};

use crate::shared::rows::{Row, recognised, row};

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
    }
}
