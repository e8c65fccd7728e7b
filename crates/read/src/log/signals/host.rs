//! The machine: memory, disks, files, ports, its network and its clock.

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    text(
        "host.out-of-memory",
        "Out of memory: Kill",
        r"Out of memory: Kill(?:ed)? process (?P<pid>\d+) \((?P<process>[^)]+)\)",
    ),
    text(
        "host.out-of-memory",
        "Memory cgroup out of memory",
        r"Memory cgroup out of memory: Kill(?:ed)? process (?P<pid>\d+) \((?P<process>[^)]+)\)",
    ),
    text("host.out-of-memory", "invoked oom-killer", r"(?P<process>\S+) invoked oom-killer"),
    text("host.cannot-allocate", "Cannot allocate memory", r"Cannot allocate memory"),
    text("host.disk-full", "No space left on device", r"No space left on device"),
    text("host.disk-full", "no space left on device", r"no space left on device"),
    text(
        "host.disk-full",
        "ENOSPC",
        r#"ENOSPC(?::? (?:no space|write|open|mkdir|copyfile|rename|close|fsync)|['"),;]|$)"#,
    ),
    text("host.disk-full", "Disk quota exceeded", r"Disk quota exceeded"),
    text("host.read-only", "Read-only file system", r"Read-only file system"),
    text("host.io-error", "Input/output error", r"Input/output error"),
    text("host.io-error", "I/O error, dev ", r"I/O error, dev (?P<device>\S+), sector"),
    text("host.too-many-files", "oo many open files", r"[Tt]oo many open files"),
    text("host.too-many-files", "EMFILE", r"EMFILE"),
    text(
        "host.too-many-watches",
        "System limit for number of file watchers reached",
        r"System limit for number of file watchers reached",
    ),
    text(
        "host.permission-denied",
        "ermission denied",
        r"(?:(?P<path>/\S+?)[:\s'\x22]+(?:\([^)]*\)\s*)?)?[Pp]ermission denied",
    ),
    text(
        "host.port-in-use",
        "Address already in use",
        r"(?:(?P<sshd>Bind to port \d+ on 0\.0\.0\.0 failed: )|(?:0\.0\.0\.0|127\.0\.0\.1|\[?::\]?|\*)?:(?P<port>\d+)[^\n]{0,40})?Address already in use",
    ),
    text(
        "host.port-in-use",
        "address already in use",
        r"(?:listen \w+ )?(?:\S*:(?P<port>\d+)[^\n]{0,20})?address already in use",
    ),
    text("host.port-in-use", "EADDRINUSE", r"EADDRINUSE(?:[^\n]*?:(?P<port>\d+))?"),
    text("host.port-in-use", "was already in use", r"Port (?P<port>\d+) was already in use"),
    text(
        "host.no-ports-left",
        "Cannot assign requested address",
        r"Cannot assign requested address",
    ),
    text(
        "host.no-processes-left",
        "Resource temporarily unavailable",
        r"(?:fork|clone|pthread_create|can't start new thread|Thread|spawn thread)[^\n]*Resource temporarily unavailable",
    ),
    text("host.no-processes-left", "can't start new thread", r"can't start new thread"),
    text(
        "host.no-processes-left",
        "failed to create new OS thread",
        r"runtime: failed to create new OS thread \(have (?P<threads>\d+) already; errno=(?P<errno>\d+)\)",
    ),
    text(
        "host.hung-task",
        "blocked for more than",
        r"task (?P<task>\S+) blocked for more than (?P<s>\d+) seconds",
    ),
    text(
        "host.conntrack-full",
        "nf_conntrack: table full",
        r"nf_conntrack: table full, dropping packet",
    ),
    text(
        "host.syn-flood",
        "Possible SYN flooding on port",
        r"Possible SYN flooding on port (?P<port>\S+?)\.",
    ),
    text("host.segfault", "segfault at", r"(?P<process>[\w.\-]+)\[(?P<pid>\d+)\]: segfault at"),
    text("host.segfault", "Segmentation fault", r"Segmentation fault"),
    text("host.killed", "received signal SIGTERM", r"received signal SIGTERM"),
    text("host.clock-jumped", "Time has been changed", r"Time has been changed"),
    text("host.clock-jumped", "time jumped", r"time jumped"),
    text("host.clock-jumped", "time jump detected!", r"(?:Forward|Backward) time jump detected!"),
    text(
        "host.clock-off",
        "System clock wrong by",
        r"System clock wrong by (?P<s>-?(?:[1-9]\d+|[2-9])\.\d+) seconds",
    ),
    text("auth.failed", "uthentication failure", r"[Aa]uthentication failure"),
    text("auth.failed", "Bad credentials", r"Bad credentials"),
    text("auth.failed", "401 Unauthorized", r"401 Unauthorized"),
    text("auth.token-expired", "ExpiredJwtException", r"ExpiredJwtException: (?P<why>[^\n]+)"),
];
