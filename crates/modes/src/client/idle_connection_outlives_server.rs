//! # A pooled connection that the server has closed
//!
//! ## What fails
//!
//! The first query after a quiet time is slow or fails: `Communications link failure`,
//! `Failed to validate connection`, `An I/O error occurred while sending to the backend`.
//!
//! ## Why
//!
//! The server ends sessions that are idle for longer than a limit of its own (MySQL
//! `wait_timeout`, 28800 s; PostgreSQL `idle_session_timeout`, off). A pool that keeps connections
//! for longer hands out dead ones, or spends time on finding out. HikariCP keeps a connection for
//! `maxLifetime` (1800 s).
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: mysql:8.4
//!     command: --wait-timeout=300
//!     environment:
//!       MYSQL_ROOT_PASSWORD: example
//!   shop:
//!     build: shop
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! spring:
//!   datasource:
//!     url: jdbc:mysql://db:3306/shop
//! ```
//!
//! ## Fix
//!
//! The pool ends connections before the server does.
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: mysql:8.4
//!     command: --wait-timeout=300
//!     environment:
//!       MYSQL_ROOT_PASSWORD: example
//!   shop:
//!     build: shop
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! spring:
//!   datasource:
//!     url: jdbc:mysql://db:3306/shop
//!     hikari:
//!       max-lifetime: 240000
//! ```
//!
//! ## How to rehearse
//!
//! Open the pool, wait for the server's limit, send one query and time it.
//!
//! ## Evidence
//!
//! - MySQL reference manual, `wait_timeout`; PostgreSQL, `idle_session_timeout`.
//! - HikariCP: `maxLifetime` 1800000 ms, `idleTimeout` 600000 ms (only with a smaller
//!   `minimumIdle`), `keepaliveTime`.

use wonin_model::{
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Server, ServerProduct,
    Settings, Severity,
};

use crate::shared::measure::{about, parse_ms, setting_ms};
use crate::shared::reach::datasource_of;
use crate::shared::seen::{Part, Shown, Values, all_of, number, recognise_each, signals};
use crate::shared::words::duration_ms;

pub(crate) struct IdleConnectionOutlivesServer;

static META: ModeMeta = ModeMeta {
    id: "idle-connection-outlives-server",
    family: "client",
    summary: "a pool keeps connections for longer than the server does",
    source: include_str!("idle_connection_outlives_server.rs"),
};

impl Mode for IdleConnectionOutlivesServer {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own = Vec::new();
        for app in &evidence.stack.apps {
            let Some((_, server)) = datasource_of(&evidence.stack, app) else { continue };
            own.extend(outlived(app, server));
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Shorter than this no server closes an idle connection, in milliseconds.
const IDLE_MS: u64 = 30_000;

/// Recognises connections that the server had closed while they were idle. An age of 0 means a
/// connection that never was.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut shown: Shown<'_> = Vec::new();
    let mut age = None;
    for signal in signals(evidence, &["mysql.link-failure"]) {
        let idle = |values: &Values| number(values, "ms").is_some_and(|ms| ms >= IDLE_MS);
        let Some(part) = Part::of(signal, idle) else { continue };
        let ages = signal.values.iter().filter_map(|(values, _)| number(values, "ms"));
        age = ages.filter(|ms| *ms >= IDLE_MS).min();
        let words = age.map_or(String::new(), |age| format!("{} before", about(age)));
        shown.push((part, format!("the connection was last used {words}")));
    }
    shown.extend(all_of(
        evidence,
        &[("hikari.connection-dead", "a pooled connection was found closed")],
    ));
    if age.is_some() {
        shown.extend(all_of(
            evidence,
            &[("mysql.no-driver-connection", "follows: the closed connection was used again")],
        ));
    }
    recognise_each(evidence, own, &shown, || {
        let title = match age {
            Some(age) => format!("connections that had been idle for {} were closed by the server or something between: the pool kept them for longer", about(age)),
            None => "the pool hands out connections that the server has closed: it keeps them for longer".to_owned(),
        };
        let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::Medium, 85);
        if let Some(age) = age {
            let default =
                Located::default_of(28_800_000, "MySQL", "Server System Variables, wait_timeout");
            finding = finding
                .arithmetic(format!("idle {age} ms ≥ the limit that closed it; wait_timeout is 28800000 ms unless it is set"))
                .because("wait_timeout, unless it is set, in ms", &default);
        }
        Some(finding.fix(Fix::advice(
            "let the pool renew connections earlier than anybody closes them: maxLifetime below wait_timeout and below every firewall's idle limit",
        )))
    });
}

/// The server's own limit for idle sessions, in milliseconds, with its name.
fn idle_limit(server: &Server) -> Option<(&'static str, Located<u64>)> {
    let (name, unit_ms) = match server.product {
        ServerProduct::MySql | ServerProduct::MariaDb => ("wait_timeout", 1000),
        ServerProduct::Postgres => ("idle_session_timeout", 1),
        _ => return None,
    };
    let value = server.settings.get(name)?;
    let ms = value.and_then(|text| u64::try_from(parse_ms(text)?).ok()?.checked_mul(unit_ms))?;
    (ms.value > 0).then_some((name, ms))
}

/// How long the pool keeps an idle connection, in milliseconds, with the setting that ends it.
fn kept(app: &App) -> Option<(&'static str, Located<u64>)> {
    const HIKARI: &str = "spring.datasource.hikari";
    let of = |name: &str, default: u64| hikari_ms(&app.properties, HIKARI, name, default);
    if app.properties.get("spring.datasource.hikari.keepalive-time").is_some_and(|v| v.value != "0")
    {
        return None;
    }
    let lifetime = of("max-lifetime", 1_800_000)?;
    let shrinks = app.properties.written("spring.datasource.hikari.minimum-idle").is_some();
    let idle = of("idle-timeout", 600_000).filter(|idle| shrinks && idle.value > 0);
    match idle {
        Some(idle) if lifetime.value == 0 || idle.value < lifetime.value => {
            Some(("spring.datasource.hikari.idle-timeout", idle))
        }
        _ => Some(("spring.datasource.hikari.max-lifetime", lifetime)),
    }
}

fn hikari_ms(settings: &Settings, prefix: &str, name: &str, default: u64) -> Option<Located<u64>> {
    let full = format!("{prefix}.{name}");
    if settings.get(&full).is_some() {
        return setting_ms(settings, &full);
    }
    Some(Located::default_of(default, "HikariCP", "HikariCP README, Configuration"))
}

fn outlived(app: &App, server: &Server) -> Option<Finding> {
    let (limit_name, limit) = idle_limit(server)?;
    let (setting, kept) = kept(app)?;
    // 0 means for ever.
    if kept.value != 0 && kept.value < limit.value {
        return None;
    }
    let length = if kept.value == 0 { "for ever".to_owned() } else { duration_ms(kept.value) };
    let title = format!(
        "{} keeps database connections for {length}, {} closes idle ones after {}",
        app.name,
        server.name,
        duration_ms(limit.value)
    );
    Some(
        Finding::new(&META, title)
            .service(&app.name)
            .weigh(Role::Contributing, Severity::Medium, 80)
            .arithmetic(format!(
                "pool {} ms ≥ server {} ms; needed: pool < server",
                kept.value, limit.value
            ))
            .because(format!("{limit_name} of {}, in ms", server.name), &limit)
            .because(format!("{setting}, in ms"), &kept)
            .fix(Fix::advice(format!(
                "set {setting} to {} or less, or {limit_name} higher",
                limit.value / 5 * 4
            ))),
    )
}
