//! # A store is full and refuses writes
//!
//! ## What fails
//!
//! Writes fail, reads go on. Restarts help for minutes or not at all, and the program that fails is
//! seldom the one that filled the store.
//!
//! ## Why
//!
//! Every store has an end: Redis its `maxmemory` (with `noeviction`, its default, it refuses
//! writes instead of dropping keys), a disk its bytes and its inodes, Elasticsearch its watermarks
//! (at 95 % indices become read-only), RabbitMQ its alarms (publishers are held up). What fills a
//! disk is mostly logs, images and volumes that nobody removes.
//!
//! ## Example
//!
//! ```text logs/cart.log
//! 2025-03-02 10:12:31.120 ERROR cart.Add - ReplyError: OOM command not allowed when used memory > 'maxmemory'.
//! ```
//!
//! ## Fix
//!
//! Make room first; then bound what grows.
//!
//! ```text logs/cart.log
//! 2025-03-02 10:12:31.120  INFO cart.Add - added
//! ```
//!
//! ## How to rehearse
//!
//! Give a copy a small limit (`maxmemory 2mb`, a small volume) and write until it is full.
//!
//! ## Evidence
//!
//! - Redis 7: `redis.conf` (`maxmemory-policy noeviction`), text of the error.
//! - Linux: `ENOSPC`. Elasticsearch documentation, "Disk-based shard allocation settings" (flood
//!   stage 95 %). RabbitMQ documentation, "Memory and Disk Alarms".
//! - Inferred: what it is that fills a disk.

use wonin_model::{
    Evidence, Finding, Located, Mode, ModeMeta, NotChecked, ServerProduct, Severity,
};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::Values;

pub(crate) struct StoreFull;

static META: ModeMeta = ModeMeta {
    id: "store-full",
    family: "saturation",
    summary: "a store is at its limit and refuses writes",
    source: include_str!("store_full.rs"),
};

const DISK: &[&str] = &[
    "make room: `df -h`, `df -i` (inodes end, too), `du -xsh /*`, `docker system df`; rotate logs (Docker: `max-size`, `max-file`), remove old images",
    "alarm at 80 %, and keep data and logs on disks of their own",
];

const ROWS: &[Row] = &[
    row(
        "redis.out-of-memory",
        "Redis refused a write",
        |_| "Redis is at its maxmemory and refuses writes".to_owned(),
        &[
            "for a cache: maxmemory-policy allkeys-lru, so that old keys make room; else raise maxmemory",
            "give keys a time to live; `redis-cli --bigkeys` and `INFO memory` show what fills it",
        ],
    ),
    row(
        "host.disk-full",
        "nothing more could be written",
        |_| "a disk is full: writes fail".to_owned(),
        DISK,
    ),
    row(
        "kubernetes.no-ephemeral-storage",
        "the node had too little disk left",
        |_| {
            "a node has too little disk left and evicts pods: their logs, writable layers and emptyDir count".to_owned()
        },
        &[
            "see what fills it (images, logs, emptyDir); set requests and limits of ephemeral-storage, so that the one who writes is evicted and not others",
        ],
    ),
    row(
        "redis.misconf",
        "Redis refused writes since it cannot save",
        |_| {
            "Redis cannot save its snapshot and refuses writes: the disk is full, or fork got no memory".to_owned()
        },
        &[
            "its own log says why it cannot save: make room, or vm.overcommit_memory=1; stop-writes-on-bgsave-error only hides it",
        ],
    ),
    row(
        "elasticsearch.watermark",
        "a disk watermark was passed",
        watermark,
        &[
            "make room or add a node; from 7.4 on the block goes by itself once the disk is below the high watermark, before that set index.blocks.read_only_allow_delete to null",
            "delete old indices by a lifecycle policy",
        ],
    ),
    row(
        "elasticsearch.read-only",
        "a write was refused: the index is read-only",
        |_| {
            "Elasticsearch made indices read-only: the disk passed the flood stage watermark, 95 % unless it is set".to_owned()
        },
        &[
            "make room or add a node; from 7.4 on the block goes by itself, before that set index.blocks.read_only_allow_delete to null",
        ],
    ),
    row(
        "rabbitmq.alarm",
        "RabbitMQ raised an alarm",
        |values| {
            let resource = values.get("resource").map_or("memory or disk", String::as_str);
            format!("RabbitMQ is at its {resource} limit and holds up all publishers")
        },
        &[
            "let consumers catch up, or make room; vm_memory_high_watermark and disk_free_limit say where the limits are",
        ],
    ),
    row(
        "mysql.table-full",
        "a table took no further row",
        |_| {
            "a table of MySQL is full: its disk, its tmp_table_size or its table space has ended"
                .to_owned()
        },
        DISK,
    ),
    row(
        "host.too-many-watches",
        "no further file watch was given",
        |_| "the limit on file watches is reached (fs.inotify.max_user_watches)".to_owned(),
        &["raise fs.inotify.max_user_watches, or watch fewer files"],
    )
    .weigh(Severity::Medium, 90),
];

fn watermark(values: &Values) -> String {
    let level = values.get("level").map_or("a", String::as_str);
    let limit = values.get("limit").map_or(String::new(), |limit| format!(" of {limit}"));
    let then = if level.starts_with("flood") { ": its indices become read-only" } else { "" };
    format!("Elasticsearch passed its {level} disk watermark{limit}{then}")
}

impl Mode for StoreFull {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own = recognised(&META, evidence, ROWS);
        for finding in own
            .iter_mut()
            .filter(|one| one.signals.iter().any(|s| s.signal == "redis.out-of-memory"))
        {
            *finding = limits(evidence, finding.clone());
        }
        findings.extend(own);
    }
}

/// The limit of the one Redis in the files, and what it does there.
fn limits(evidence: &Evidence, mut finding: Finding) -> Finding {
    let mut all = evidence.stack.servers.iter().filter(|one| one.product == ServerProduct::Redis);
    let (Some(redis), None) = (all.next(), all.next()) else { return finding };
    if let Some(limit) = redis.settings.get("maxmemory") {
        finding = finding.because(format!("maxmemory of {}", redis.name), limit);
    }
    match redis.settings.get("maxmemory-policy") {
        Some(policy) => finding.because("what it does at the limit", policy),
        None => {
            let policy = Located::default_of(
                "noeviction".to_owned(),
                "Redis",
                "redis.conf, maxmemory-policy",
            );
            finding.because("maxmemory-policy, unless it is set: writes are refused", &policy)
        }
    }
}
