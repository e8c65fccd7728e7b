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
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, PoolPerCall, Role, Service,
    ServiceId, Severity, Stack,
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
    recognise_each(evidence, own, &shown, || {
        let title = "no further thread can be started: a limit on threads or processes is reached";
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::Critical, 92)
            .arithmetic(
                "the limit is the smallest of ulimit -u, pids.max of the cgroup, kernel.threads-max and vm.max_map_count; the heap has no part in it",
            );
        Some(finding.fix(Fix::advice(
            "count threads by name in a thread dump first: where one group grows, end its leak; a higher limit only delays the failure",
        )))
    });
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
