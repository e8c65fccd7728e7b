//! # A shared pool whose threads wait for something slow
//!
//! ## What fails
//!
//! While one dependency is down, requests that have nothing to do with it stall as well: the pool
//! that runs all asynchronous work has no free thread.
//!
//! ## Why
//!
//! `CompletableFuture.supplyAsync` and parallel streams share the common pool of the JVM, which has
//! one thread fewer than there are processors. A task that blocks there (`future.get()` inside
//! `supplyAsync`) keeps its thread until its own timeout. With two processors or fewer Java starts
//! one thread per task instead, and nothing is shared.
//!
//! ## Example
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import java.util.concurrent.CompletableFuture;
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.GetMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @GetMapping("/orders")
//!     public String order() {
//!         CompletableFuture.supplyAsync(() -> {
//!             try {
//!                 return template.send("orders", "one").get();
//!             } catch (Exception cause) {
//!                 throw new IllegalStateException(cause);
//!             }
//!         });
//!         return "ordered";
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! Chain the future that the client already returns, or give the work a bounded pool of its own.
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import java.util.concurrent.CompletableFuture;
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.GetMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @GetMapping("/orders")
//!     public CompletableFuture<String> order() {
//!         return template.send("orders", "one").thenApply(sent -> "ordered");
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Stop the dependency, call the endpoint as often as there are processors, then call something
//! else that runs asynchronously.
//!
//! ## Evidence
//!
//! - JDK: `ForkJoinPool.commonPool` (parallelism = processors - 1), `CompletableFuture` (a thread
//!   per task when that parallelism is below 2).
//! - Inferred: how long each task waits.

use wonin_model::{
    ClientKind, EarlyAnswer, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin,
    Role, Severity, Signal, Standing, Thread, ThreadDump, ThreadSet,
};
use wonin_text::Place;

use crate::shared::knobs;
use crate::shared::measure::setting_ms;
use crate::shared::pools::{SQL_POOLS, size_of};
use crate::shared::reach::{app_index, code_owner};
use crate::shared::seen::{Part, beside, number, signals};
use crate::shared::words::duration_ms;

pub(crate) struct PoolExhausted;

static META: ModeMeta = ModeMeta {
    id: "pool-exhausted",
    family: "saturation",
    summary: "every member of a pool that others share is in use",
    source: include_str!("pool_exhausted.rs"),
};

impl Mode for PoolExhausted {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut told = Vec::new();
        for early in &evidence.stack.code.early_answers {
            let Some(place) = early.blocks_common_pool.filter(|at| !told.contains(at)) else {
                continue;
            };
            told.push(place);
            findings.extend(blocked(evidence, early, place));
        }
        findings.extend(observed(evidence));
        findings.extend(evidence.threads.iter().filter_map(|set| waiting(evidence, set)));
    }
}

/// Texts of other pools that had nothing left to give, with what they are.
const OTHER_POOLS: &[(&str, &str)] = &[
    ("jedis.pool-exhausted", "Jedis' pool"),
    ("http-client.pool-exhausted", "the HTTP client's pool"),
    ("reactor.pool-exhausted", "Reactor's pool"),
    ("go-redis.pool-exhausted", "go-redis' pool"),
    ("mongo.pool-exhausted", "the MongoDB driver's pool"),
    ("jvm.task-rejected", "a thread pool"),
    ("spring.task-rejected", "a task executor"),
    ("elasticsearch.rejected", "Elasticsearch's thread pool"),
];

/// Signs that the server behind a pool does not answer: then the pool is empty, not used up.
const DOWN: &[&str] = &[
    "client.refused",
    "client.no-route",
    "client.name-unknown",
    "jedis.connect-failed",
    "pgjdbc.refused",
    "pgjdbc.connect-failed",
    "mysql.link-failure",
    "postgres.starting",
];

/// Recognises pools of which every member is in use.
fn observed(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, what) in SQL_POOLS.iter().chain(OTHER_POOLS) {
        for signal in signals(evidence, &[name]) {
            let parts = by_pool(signal).into_iter();
            found.extend(parts.filter_map(|part| of_pool(evidence, &part, what)));
        }
    }
    found
}

/// A signal pool by pool, where its texts name several.
fn by_pool(signal: &Signal) -> Vec<Part<'_>> {
    let names = signal.all("pool").into_iter().filter(|name| is_name(name));
    let parts: Vec<Part<'_>> = names
        .filter_map(|name| {
            Part::of(signal, |values| values.get("pool").is_some_and(|pool| pool == name))
        })
        .collect();
    if parts.len() > 1 { parts } else { vec![Part::whole(signal)] }
}

fn of_pool(evidence: &Evidence, part: &Part<'_>, what: &str) -> Option<Finding> {
    let signal = part.signal;
    let service = signal.service.as_deref();
    let pool = part.hit.and_then(|hit| hit.values.get("pool"));
    let mut hits = signal.hits.iter().filter(|hit| hit.values.get("pool") == pool);
    let hit = hits.find(|hit| hit.values.len() > 1).or(part.hit)?;
    let value = |name: &str| number(&hit.values, name);
    let size = size_of(&hit.values);
    let active = value("active").or(value("busy"));
    if size.zip(active).is_some_and(|(size, active)| active < size || size == 0) {
        return None;
    }
    let counted = active.is_some();
    let is_down = DOWN.iter().any(|name| beside(evidence, name, service).is_some());
    if is_down && !counted {
        return None;
    }
    let pool = hit.values.get("pool").filter(|name| is_name(name));
    let pool = pool.map_or(what.to_owned(), |pool| format!("{what} {pool}"));
    let title = match (size, value("waiting").or(value("queued"))) {
        (Some(size), Some(waiting)) => {
            format!("{pool} is used up: {size} of {size} in use, {waiting} waiting")
        }
        (Some(size), None) => format!("{pool} is used up: {size} of {size} in use"),
        _ => format!("{pool} has nothing left to give: likely all of it is in use"),
    };
    let mut finding = Finding::new(&META, title).weigh(
        Role::Cause,
        Severity::High,
        if counted { 95 } else { 75 },
    );
    finding.service.clone_from(&signal.service);
    finding = part.tell(finding, "a caller got nothing in time");
    if let Some(other) = beside(evidence, "hikari.thread-starvation", service) {
        finding = Part::whole(other).tell(finding, "the pool's own thread was starved");
    }
    finding = bound(evidence, signal, size, finding);
    Some(finding.fix(Fix::advice(
        "find what keeps members so long (slow statements, calls to others inside a transaction); \
         then size = arrivals per second × seconds held",
    )))
}

/// Whether a text is the name of a pool, and not more of the line.
fn is_name(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
}

/// The setting that ended the wait, and how large the pool is set to be.
fn bound(evidence: &Evidence, signal: &Signal, size: Option<u64>, mut finding: Finding) -> Finding {
    let Some(knob) = knobs::of(signal.name).next() else { return finding };
    let seen = signal.values.iter().filter_map(|(values, _)| knob.read(values)).min();
    let apps = evidence.stack.apps.iter();
    let set =
        apps.filter_map(|app| knob.property.and_then(|name| setting_ms(&app.properties, name)));
    let fitting = set.into_iter().find(|set| seen.is_some_and(|seen| knob.fits(seen, set.value)));
    if let Some(set) = fitting {
        finding = finding.because(format!("{} ended the wait, in ms", knob.setting), &set);
    } else if let Some(default) = knob.default_ms.filter(|d| seen.is_some_and(|s| knob.fits(s, *d)))
    {
        let whose = Located::default_of(default, knob.of, knob.source);
        finding = finding.because(format!("{} ended the wait, in ms", knob.setting), &whose);
    }
    if signal.name == "hikari.connection-not-available" && size == Some(10) {
        let whose = Located::default_of(10, "HikariCP", "HikariConfig");
        finding = finding.because("maximumPoolSize is at its default", &whose);
    }
    if size.is_none() && knob.default_ms.is_none() {
        return finding.arithmetic(format!("{} of {}: {}", knob.setting, knob.of, knob.bounds));
    }
    match size {
        Some(size) => finding.arithmetic(format!(
            "{size} in use of {size} = 0 free; each that is held for t seconds allows {size}/t calls per second"
        )),
        None => finding,
    }
}

/// Threads of a dump that wait for a connection of a pool.
pub(super) fn waiting_for_pool(dump: &ThreadDump) -> Vec<&Thread> {
    const TAKES: [&str; 4] = [
        "com.zaxxer.hikari.pool.HikariPool.getConnection",
        "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject",
        "org.apache.tomcat.jdbc.pool.ConnectionPool.borrowConnection",
        "org.apache.http.impl.conn.PoolingHttpClientConnectionManager.leaseConnection",
    ];
    let takes = |frame: &String| TAKES.iter().any(|take| frame.starts_with(take));
    let waits = |thread: &&Thread| {
        thread.state.as_deref() != Some("RUNNABLE") && thread.stack.iter().any(takes)
    };
    dump.threads.iter().filter(waits).collect()
}

/// Such threads in the last dump of a process.
fn waiting(evidence: &Evidence, set: &ThreadSet) -> Option<Finding> {
    let waiting = waiting_for_pool(evidence.dumps.get(*set.dumps.last()?)?);
    let first = waiting.first().filter(|_| waiting.len() >= 3)?;
    let title =
        format!("{} threads wait for a connection of a pool that is used up", waiting.len());
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 88).because_at(
        format!("{} waits, as {} others do", first.name, waiting.len() - 1),
        Origin::Written(first.place),
    );
    finding.standing = Standing::Observed;
    Some(finding.fix(Fix::advice(
        "look in the same dump at the threads that hold connections: what are they waiting for",
    )))
}

fn blocked(evidence: &Evidence, early: &EarlyAnswer, place: Place) -> Option<Finding> {
    let service = early.service.map(|id| evidence.stack.service(id));
    let cpus = service.and_then(|service| service.cpu_limit_millis.as_ref());
    // The JVM rounds a share of a processor up.
    let processors = cpus.map(|limit| limit.value.div_ceil(1000));
    if processors.is_some_and(|number| number <= 2) {
        return None;
    }
    let workers = match processors {
        Some(number) => format!("{number} - 1 = {}", number - 1),
        None => "processors - 1".to_owned(),
    };
    let title = format!(
        "{} likely stalls all asynchronous work of the JVM while its dependency is down: it blocks the common pool",
        early.endpoint.value
    );
    let wait = longest_wait(evidence, early);
    let arithmetic = match &wait {
        Some((_, wait)) => format!(
            "{workers} threads, each held for up to {}: that many calls within {} stop everything else in the pool",
            duration_ms(wait.value),
            duration_ms(wait.value)
        ),
        None => {
            format!("{workers} threads: that many waiting calls stop everything else in the pool")
        }
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 65)
        .arithmetic(arithmetic)
        .because_at("waits inside the common pool", Origin::Written(place))
        .because("the endpoint that starts it", &early.endpoint);
    if let Some((name, wait)) = &wait {
        finding = finding.because(format!("{name}: ends the wait, in ms"), wait);
    }
    if let Some(cpus) = cpus {
        finding = finding.because("thousandths of a processor for the container", cpus);
    }
    if let Some(name) = code_owner(evidence, early.service, early.endpoint.place()) {
        finding = finding.service(name);
    }
    Some(finding.fix(Fix::advice(
        "chain the future that the client returns, or pass supplyAsync a bounded executor of its own",
    )))
}

/// How long the application's Kafka producer may keep a task, where that is what it waits for.
fn longest_wait(evidence: &Evidence, early: &EarlyAnswer) -> Option<(&'static str, Located<u64>)> {
    let waits = early.blocks_common_pool?;
    let file = evidence.sources.file(waits.file);
    let line = file.line(evidence.sources.position(waits).line)?;
    if !file.slice(line).contains("send") {
        return None;
    }
    let app = app_index(evidence, early.endpoint.place()?.file)?;
    let mut clients = evidence.stack.kafka_clients.iter();
    let producer = clients.find(|one| one.kind == ClientKind::Producer && one.app == Some(app))?;
    let wait = setting_ms(&producer.settings, "delivery.timeout.ms")?;
    Some(("delivery.timeout.ms", wait))
}
