//! # No further file or connection can be opened
//!
//! ## What fails
//!
//! `Too many open files`: accepting, connecting, opening and even starting programs fail at once,
//! mostly after days without trouble, and heal with a restart.
//!
//! ## Why
//!
//! A process may hold a number of descriptors (`ulimit -n`, often 1024 or 65536), and each open
//! file, connection, pipe and watch is one. Mostly something opens them and does not close them: a
//! client made per request, a response body that nobody reads to its end, a stream without
//! `close`. Less often the limit is just small for the load.
//!
//! ## Example
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120 ERROR api.Http - java.net.SocketException: Too many open files
//! ```
//!
//! ## Fix
//!
//! Close what is opened; raise the limit where the load needs it.
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120  INFO api.Http - 200 GET /
//! ```
//!
//! ## How to rehearse
//!
//! `prlimit --nofile=128` on a copy, and the ordinary load: a leak ends there in minutes.
//!
//! ## Evidence
//!
//! - Linux: `getrlimit(2)`, `RLIMIT_NOFILE`; errors `EMFILE` and `ENFILE`.
//! - Inferred: that it is a leak and not a small limit, until somebody has counted.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked};

use crate::shared::rows::{Row, recognised, row};

pub(crate) struct OpenFilesLimit;

static META: ModeMeta = ModeMeta {
    id: "open-files-limit",
    family: "leak",
    summary: "the process holds as many files and connections as it may",
    source: include_str!("open_files_limit.rs"),
};

const ROWS: &[Row] = &[row(
    "host.too-many-files",
    "no further file or connection could be opened",
    |_| {
        "no further file or connection can be opened: the limit on open files (ulimit -n) is reached".to_owned()
    },
    &[
        "count before the restart: `ls -l /proc/PID/fd | awk '{print $NF}' | sort | uniq -c | sort -n` names what is held; many of one kind are a leak",
        "where it is no leak, raise ulimits.nofile (Compose), LimitNOFILE (systemd) or worker_rlimit_nofile (nginx)",
    ],
)];

impl Mode for OpenFilesLimit {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(recognised(&META, evidence, ROWS));
    }
}
