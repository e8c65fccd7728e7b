//! # A limit on threads that is reached
//!
//! ## What fails
//!
//! `OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource
//! limits reached`, and with it whatever needed the thread: a request, a reconnect, a shutdown hook.
//!
//! ## Why
//!
//! A container's `pids_limit` and `ulimits.nproc` count threads, not processes. A Java server has
//! about 30 of its own (collector, compiler, signal handling), and then as many as its pools allow.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//!   shop:
//!     build: shop
//!     pids_limit: 150
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! server:
//!   tomcat:
//!     threads:
//!       max: 200
//! ```
//!
//! ## Fix
//!
//! A limit above the sum of all pools with room to spare; a leak has to be repaired first.
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//!   shop:
//!     build: shop
//!     pids_limit: 1024
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! server:
//!   tomcat:
//!     threads:
//!       max: 200
//! ```
//!
//! ## How to rehearse
//!
//! Lower the limit on a copy to just above what it uses, and send as many requests at once as there
//! are request threads.
//!
//! ## Evidence
//!
//! - Linux: process number controller documentation, `pids.max`; `getrlimit(2)`, `RLIMIT_NPROC`.
//! - JDK 17: text of the error, and `pthread_create failed (EAGAIN)` before it.
//! - Inferred: threads of the JVM itself.

use wonin_model::{
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, PoolPerCall, Role,
    Service, ServiceId, Severity, Stack,
};

use crate::shared::measure::{about, setting_count};
use crate::shared::reach::app_of;
use crate::shared::seen::{Part, all_of, recognise_each, signals};

pub(crate) struct NativeThreadLimit;

static META: ModeMeta = ModeMeta {
    id: "native-thread-limit",
    family: "leak",
    summary: "a limit on threads is below what the pools may start",
    source: include_str!("native_thread_limit.rs"),
};

/// Threads that a JVM has of its own; inferred.
const JVM_THREADS: i64 = 30;

impl Mode for NativeThreadLimit {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own = Vec::new();
        for (id, service) in stack.services() {
            let Some((setting, limit)) = limit(service) else { continue };
            let app = app_of(stack, id);
            let sum = app.and_then(|app| pools_over(app, service, setting, &limit));
            own.extend(sum.or_else(|| leak_under(stack, id, setting, &limit, app)));
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises programs that could start no further thread.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut shown = all_of(
        evidence,
        &[
            ("jvm.no-native-thread", "no further thread could be started"),
            ("jvm.thread-not-started", "no further thread could be started"),
            ("host.no-processes-left", "no further thread or process could be started"),
        ],
    );
    if shown.is_empty() {
        return;
    }
    for signal in signals(evidence, &["jvm.out-of-memory"]) {
        let part = Part::of(signal, |values| {
            values.get("why").is_some_and(|why| why.contains("native thread"))
        });
        shown.extend(part.map(|part| (part, "this is no matter of the heap".to_owned())));
    }
    let services: Vec<Option<&str>> =
        shown.iter().map(|(part, _)| part.signal.service.as_deref()).collect();
    let set = evidence.stack.services.iter().filter(|service| {
        services.contains(&Some(service.name.value.as_str())) || services.contains(&None)
    });
    let set: Option<(&'static str, Located<i64>)> =
        set.filter_map(limit).min_by_key(|(_, limit)| limit.value);
    recognise_each(evidence, own, &shown, || {
        let title = match &set {
            Some((setting, limit)) => format!(
                "no further thread can be started: likely {setting} = {} is reached",
                limit.value
            ),
            None => "no further thread can be started: a limit on threads or processes is reached"
                .to_owned(),
        };
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::Critical, 92)
            .arithmetic(
                "the limit is the smallest of ulimit -u, pids.max of the cgroup, kernel.threads-max and vm.max_map_count; the heap has no part in it",
            );
        let mut finding = finding;
        if let Some((setting, limit)) = &set {
            finding = finding.because(format!("{setting} of the container"), limit);
        }
        if let Some((pool, of)) = highest_pool(evidence) {
            finding = finding.because_at(
                format!("it is pool number {pool}: a pool is made again and again, and nobody shuts it down"),
                of,
            );
        }
        Some(finding.fix(Fix::advice(
            "count threads by name in a thread dump first: where one group grows, end its leak; a higher limit only delays the failure",
        )))
    });
}

/// Pools of fewer numbers than this may all be meant.
const POOLS_MIN: u64 = 50;

/// The highest number of a pool whose thread could not be started: Java numbers the pools that
/// nobody names one after the other.
fn highest_pool(evidence: &Evidence) -> Option<(u64, Origin)> {
    let hits = signals(evidence, &["jvm.thread-not-started"]).into_iter().flat_map(|one| &one.hits);
    let numbered = hits.filter_map(|hit| {
        let rest = hit.values.get("thread")?.strip_prefix("pool-")?;
        let number: u64 = rest.split_once("-thread-")?.0.parse().ok()?;
        Some((number, Origin::Written(hit.place)))
    });
    numbered.max_by_key(|(number, _)| *number).filter(|(number, _)| *number >= POOLS_MIN)
}

/// The smaller of the limits that a service has.
fn limit(service: &Service) -> Option<(&'static str, Located<i64>)> {
    let as_int = |limit: &Located<u32>| limit.with(i64::from(limit.value));
    let pids = service.pids_limit.as_ref().map(|limit| ("pids_limit", as_int(limit)));
    let nproc = service.nproc_limit.as_ref().map(|limit| ("ulimits.nproc", as_int(limit)));
    [pids, nproc].into_iter().flatten().min_by_key(|(_, limit)| limit.value)
}

/// Pools of the application that together may start more threads than the limit allows.
fn pools_over(
    app: &App,
    service: &Service,
    setting: &'static str,
    limit: &Located<i64>,
) -> Option<Finding> {
    let pools: Vec<(&str, Located<i64>)> = POOLS
        .iter()
        .filter_map(|&(name, what)| Some((what, setting_count(&app.properties, name)?)))
        .collect();
    let sum: i64 = pools.iter().map(|(_, size)| size.value).sum();
    let all = sum + JVM_THREADS;
    if all <= limit.value {
        return None;
    }
    let sure = sum > limit.value;
    let title = format!(
        "{setting} = {} and pools of up to {sum} threads: {}thread creation fails under load",
        limit.value,
        if sure { "" } else { "likely " }
    );
    let terms: Vec<String> =
        pools.iter().map(|(what, size)| format!("{} {what}", size.value)).collect();
    let mut finding = Finding::new(&META, title)
        .service(&service.name.value)
        .weigh(Role::Cause, Severity::Medium, if sure { 80 } else { 60 })
        .arithmetic(format!(
            "{} + likely {JVM_THREADS} of the JVM = {} > {}",
            terms.join(" + "),
            all,
            limit.value
        ))
        .because("threads and processes that the container may have", limit);
    for (what, size) in &pools {
        finding = finding.because(*what, size);
    }
    let enough = all * 2;
    Some(finding.fix(Fix::replace(
        format!("raise {setting} to {enough}"),
        limit,
        enough.to_string(),
    )))
}

/// Settings that bound a pool of threads.
const POOLS: [(&str, &str); 2] = [
    ("server.tomcat.threads.max", "request threads"),
    ("spring.kafka.listener.concurrency", "listener threads"),
];

/// A leak of threads that ends at the limit.
fn leak_under(
    stack: &Stack,
    id: ServiceId,
    setting: &'static str,
    limit: &Located<i64>,
    app: Option<&App>,
) -> Option<Finding> {
    let leak: &PoolPerCall = stack.code.pools_per_call.iter().find(|pool| {
        pool.service == Some(id)
            && pool.sure >= 0.7
            && pool.size.as_ref().is_some_and(|s| s.value > 0)
    })?;
    let threads = i64::from(leak.size.as_ref()?.value);
    let used = app.and_then(|app| setting_count(&app.properties, "server.tomcat.threads.max"));
    let base = JVM_THREADS + used.as_ref().map_or(0, |used| used.value);
    let runs = (limit.value - base).max(0) / threads;
    let after = leak.period_ms.as_ref().map(|period| {
        let ms = period.value.saturating_mul(u64::try_from(runs).unwrap_or(0));
        format!(", about {} after a start", about(ms))
    });
    let after = after.unwrap_or_default();
    let title = format!(
        "{} reaches {setting} = {} after likely {runs} runs{after}",
        leak.runs_in.value, limit.value
    );
    let mut finding = Finding::new(&META, title)
        .service(&stack.service(id).name.value)
        .weigh(Role::Contributing, Severity::Medium, 65)
        .arithmetic(format!(
            "({} - likely {base} in use) / {threads} per run = {runs} runs",
            limit.value
        ))
        .because("threads and processes that the container may have", limit)
        .because("leaves threads behind on every run", &leak.made);
    if let Some(used) = &used {
        finding = finding.because("request threads", used);
    }
    if let Some(period) = &leak.period_ms {
        finding = finding.because("it runs this often, in ms", period);
    }
    Some(finding.fix(Fix::advice("repair the leak; a higher limit only delays the failure")))
}
