//! # Far more threads than database connections
//!
//! ## What fails
//!
//! Under load most request threads wait for a connection, and after the pool's
//! `connection-timeout` they fail: `Connection is not available, request timed out after 30000ms`.
//! Requests that need no database wait as well, because no thread is left for them.
//!
//! ## Why
//!
//! A pool of p connections serves p requests at a time; the other t − p threads queue for
//! p connections. That is intended up to a point (200 threads and 10 connections are the defaults).
//! Where somebody shrank the pool or raised the threads, the queue grows and one slow query takes
//! the whole server.
//!
//! ## Example
//!
//! ```yaml src/main/resources/application.yml
//! server:
//!   tomcat:
//!     threads:
//!       max: 400
//! spring:
//!   datasource:
//!     url: jdbc:postgresql://db:5432/shop
//!     hikari:
//!       maximum-pool-size: 2
//! ```
//!
//! ## Fix
//!
//! Fewer threads, or a pool sized for arrivals × time held.
//!
//! ```yaml src/main/resources/application.yml
//! server:
//!   tomcat:
//!     threads:
//!       max: 50
//! spring:
//!   datasource:
//!     url: jdbc:postgresql://db:5432/shop
//!     hikari:
//!       maximum-pool-size: 20
//! ```
//!
//! ## How to rehearse
//!
//! Hold all connections of the pool (a lock, a slow query) and call an endpoint without database.
//!
//! ## In logs
//!
//! A thread dump in which more threads wait for a connection than the pool has shows it at work.
//!
//! ## Evidence
//!
//! - Spring Boot 3.4: `server.tomcat.threads.max` 200. HikariCP: `maximumPoolSize` 10,
//!   `connectionTimeout` 30000; the error text.
//! - Inferred: that most requests need a connection.

use wonin_model::{
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Severity, ThreadDump,
};

use super::pool_exhausted::waiting_for_pool;
use crate::shared::measure::{setting_count, setting_ms};
use crate::shared::seen::shown_by;
use crate::shared::words::duration_ms;

pub(crate) struct ThreadsExceedPool;

static META: ModeMeta = ModeMeta {
    id: "threads-exceed-pool",
    family: "saturation",
    summary: "a few database connections are shared by very many threads",
    source: include_str!("threads_exceed_pool.rs"),
};

impl Mode for ThreadsExceedPool {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        for app in &evidence.stack.apps {
            if app.properties.get("spring.datasource.url").is_some() {
                let mut own: Vec<Finding> =
                    request_threads(app).into_iter().chain(listener_threads(app)).collect();
                if let Some(first) = own.first_mut() {
                    observe(evidence, app, first);
                }
                findings.extend(own);
            }
        }
    }
}

/// Adds a dump in which more threads wait for a connection than there are, where it is of this
/// application.
fn observe(evidence: &Evidence, app: &App, finding: &mut Finding) {
    let Some(pool) = setting_count(&app.properties, POOL) else { return };
    let only = evidence.stack.apps.len() == 1;
    let is_its = |dump: &&ThreadDump| {
        dump.process.as_deref().map_or(only, |process| process.contains(&app.name) || only)
    };
    for dump in evidence.dumps.iter().filter(is_its) {
        let waiting = waiting_for_pool(dump);
        let Some(first) = waiting.first() else { continue };
        if i64::try_from(waiting.len()).is_ok_and(|waiting| waiting <= pool.value) {
            continue;
        }
        let claim =
            format!("seen: {} threads wait for one of {} connections", waiting.len(), pool.value);
        shown_by(finding, claim, first.place);
        return;
    }
}

const POOL: &str = "spring.datasource.hikari.maximum-pool-size";

/// Request threads per connection from which on the ratio is worth a word. The defaults have 20.
const CROWDED: i64 = 50;

/// A pool of at most this size is emptied by a handful of slow queries.
const TINY_POOL: i64 = 4;

fn request_threads(app: &App) -> Option<Finding> {
    let pool = setting_count(&app.properties, POOL).filter(|pool| pool.value > 0)?;
    let threads = setting_count(&app.properties, "server.tomcat.threads.max")?;
    let virtual_threads = app.properties.bool("spring.threads.virtual.enabled");
    let chosen = !pool.origin.is_default() || !threads.origin.is_default();
    let ratio = threads.value / pool.value;
    if !chosen || virtual_threads.is_some_and(|on| on.value) || ratio < CROWDED {
        return None;
    }
    let shrunk = pool.value <= TINY_POOL && !pool.origin.is_default();
    let severity = if shrunk { Severity::Medium } else { Severity::Low };
    let title = format!(
        "{} request threads share {} database connections: under load the others likely wait and time out",
        threads.value, pool.value
    );
    let mut finding = Finding::new(&META, title)
        .service(&app.name)
        .weigh(Role::Contributing, severity, 65)
        .arithmetic(format!(
            "{} threads - {} connections = {} that wait; {} threads per connection, the defaults have 200 / 10 = 20",
            threads.value,
            pool.value,
            threads.value - pool.value,
            ratio
        ))
        .because("connections of the pool", &pool)
        .because("request threads", &threads);
    let wait = setting_ms(&app.properties, "spring.datasource.hikari.connection-timeout");
    if let Some(wait) = wait {
        let claim = format!("each of them waits up to {}", duration_ms(wait.value));
        finding = finding.because(claim, &wait);
    }
    Some(finding.leads_to("pool-exhausted").fix(repair(&pool)))
}

/// Threads of Kafka listeners, each of which handles records on its own.
fn listener_threads(app: &App) -> Option<Finding> {
    let pool = setting_count(&app.properties, POOL).filter(|pool| pool.value > 0)?;
    let listeners = setting_count(&app.properties, "spring.kafka.listener.concurrency")?;
    if listeners.value <= pool.value {
        return None;
    }
    let title = format!(
        "{} listener threads share {} database connections: likely {} wait",
        listeners.value,
        pool.value,
        listeners.value - pool.value
    );
    Some(
        Finding::new(&META, title)
            .service(&app.name)
            .weigh(Role::Contributing, Severity::Low, 60)
            .arithmetic(format!(
                "{} listener threads > {} connections",
                listeners.value, pool.value
            ))
            .because("threads of each listener", &listeners)
            .because("connections of the pool", &pool)
            .fix(repair(&pool)),
    )
}

fn repair(pool: &Located<i64>) -> Fix {
    Fix::advice(format!(
        "size the pool for arrivals per second × seconds a connection is held (now {}), and lower the number of threads",
        pool.value
    ))
}
