//! # More pooled connections than the database accepts
//!
//! ## What fails
//!
//! The last instances to start, or any instance under load, get no connection:
//! `FATAL: sorry, too many clients already`, `Too many connections`. Administrators do not get in
//! either.
//!
//! ## Why
//!
//! Every instance of every application has a pool of its own, and HikariCP fills it at the start
//! unless a smaller `minimum-idle` is set. The database counts all of them:
//! Σ pool × replicas ≤ `max_connections` − reserved. PostgreSQL accepts 100 and reserves 3 for
//! superusers; MySQL and MariaDB accept 151. A rolling deployment needs room for both generations.
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
//!     deploy:
//!       replicas: 4
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! spring:
//!   datasource:
//!     url: jdbc:postgresql://db:5432/shop
//!     hikari:
//!       maximum-pool-size: 30
//! ```
//!
//! ## Fix
//!
//! Smaller pools first: a pool larger than what the database's processors can work on only moves
//! the queue. Then a higher limit, or a pooler in between.
//!
//! ```yaml compose.yaml
//! services:
//!   db:
//!     image: postgres:17
//!     environment:
//!       POSTGRES_PASSWORD: example
//!   shop:
//!     build: shop
//!     deploy:
//!       replicas: 4
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! spring:
//!   datasource:
//!     url: jdbc:postgresql://db:5432/shop
//!     hikari:
//!       maximum-pool-size: 12
//! ```
//!
//! ## How to rehearse
//!
//! Start all instances and count sessions on the database, then let each pool fill.
//!
//! ## Evidence
//!
//! - PostgreSQL documentation, `max_connections`, `superuser_reserved_connections`; the error text.
//! - MySQL reference manual, `max_connections` (151).
//! - HikariCP README: `maximumPoolSize` 10, `minimumIdle` equal to it by default.

use std::collections::BTreeMap;

use wonin_model::{
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Server, ServerProduct,
    Severity, Stack,
};

use crate::shared::deploys::some_of;
use crate::shared::measure::setting_count;
use crate::shared::reach::datasource_of;
use crate::shared::seen::{Part, Shown, all_of, beside, recognise, signals};

pub(crate) struct ConnectionsExceedServerLimit;

static META: ModeMeta = ModeMeta {
    id: "connections-exceed-server-limit",
    family: "saturation",
    summary: "the pools together are larger than the database's limit",
    source: include_str!("connections_exceed_server_limit.rs"),
};

impl Mode for ConnectionsExceedServerLimit {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut by_server: BTreeMap<usize, Vec<Pool>> = BTreeMap::new();
        for app in &stack.apps {
            let Some((index, _)) = datasource_of(stack, app) else { continue };
            if let Some(pool) = pool(stack, app) {
                by_server.entry(index).or_default().push(pool);
            }
        }
        let mut own = Vec::new();
        for (index, pools) in by_server {
            own.extend(exceeded(&stack.servers[index], &together(pools)));
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises servers that take no further client.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    const SERVERS: [(&str, &str, &str, Option<u32>); 5] = [
        ("postgres.too-many-clients", "PostgreSQL", "max_connections", Some(100)),
        ("mysql.too-many-connections", "MySQL", "max_connections", Some(151)),
        ("redis.max-clients", "Redis", "maxclients", Some(10_000)),
        ("pgbouncer.too-many-clients", "PgBouncer", "max_client_conn", Some(100)),
        ("zookeeper.too-many-connections", "ZooKeeper", "maxClientCnxns", Some(60)),
    ];
    for (name, server, setting, default) in SERVERS {
        let mut shown = all_of(evidence, &[(name, "the server takes no further client")]);
        if !shown.is_empty() {
            shown.extend(waiting(evidence, name));
        }
        let mut none = Vec::new();
        let is_database = ["PostgreSQL", "MySQL"].contains(&server);
        let into = if is_database { &mut *own } else { &mut none };
        recognise(into, &shown, || {
            let title = format!("{server} takes no further client: {setting} is reached");
            let mut finding = Finding::new(&META, title)
                .weigh(Role::Cause, Severity::High, 92)
                .leads_to("pool-exhausted");
            if let Some(default) = default {
                let whose = Located::default_of(
                    default,
                    server,
                    format!("{server}'s documentation, {setting}"),
                );
                finding = finding.because(format!("{setting}, unless it is set"), &whose);
            }
            Some(finding.fix(Fix::advice(format!(
                "add up the pools of all instances (instances × pool size, migrations and tools included) and keep the sum below {setting}; count who holds connections before raising it"
            ))))
        });
        own.append(&mut none);
    }
}

/// Pools that cannot grow to their size, since the server gives no further connection: those of
/// clients that say both.
fn waiting<'e>(evidence: &'e Evidence, refused: &str) -> Shown<'e> {
    let pools = signals(evidence, &["hikari.connection-not-available", "dbcp.pool-exhausted"]);
    let pools = pools
        .into_iter()
        .filter(|pool| beside(evidence, refused, pool.service.as_deref()).is_some());
    pools
        .map(|pool| {
            (Part::whole(pool), "follows: the pool cannot grow, and its callers wait".to_owned())
        })
        .collect()
}

/// The connections that one application may hold.
struct Pool<'a> {
    app: &'a App,
    size: Located<i64>,
    replicas: Option<&'a Located<u32>>,
    /// Whether the pool is filled at the start.
    fills: bool,
}

impl Pool<'_> {
    fn copies(&self) -> i64 {
        self.replicas.map_or(1, |replicas| i64::from(replicas.value))
    }

    fn connections(&self) -> i64 {
        self.size.value.saturating_mul(self.copies())
    }
}

fn pool<'a>(stack: &'a Stack, app: &'a App) -> Option<Pool<'a>> {
    let size = setting_count(&app.properties, "spring.datasource.hikari.maximum-pool-size")?;
    let replicas = app.service.and_then(|id| stack.service(id).replicas.as_ref());
    let fills = app.properties.written("spring.datasource.hikari.minimum-idle").is_none();
    Some(Pool { app, size, replicas, fills })
}

/// The pools that surely are open at the same time. Applications that no deployment starts may be
/// started one after the other, as the samples of a tutorial are: of them the largest alone counts.
fn together(pools: Vec<Pool>) -> Vec<Pool> {
    let (mut together, alone): (Vec<_>, Vec<_>) =
        pools.into_iter().partition(|pool| pool.app.service.is_some());
    together.extend(alone.into_iter().max_by_key(Pool::connections));
    together
}

/// `30 × 4 + 10 × 1`; what is equal stands once, `10 × 1 × 19 applications`.
fn sum(pools: &[Pool]) -> String {
    let mut terms: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for pool in pools {
        *terms.entry((pool.size.value, pool.copies())).or_default() += 1;
    }
    let term = |((size, copies), applications): (&(i64, i64), &usize)| match applications {
        1 => format!("{size} × {copies}"),
        _ => format!("{size} × {copies} × {applications} applications"),
    };
    terms.iter().rev().map(term).collect::<Vec<_>>().join(" + ")
}

/// The pools' sizes, each where it is written, with the applications that have it; those that have
/// the default share one line.
fn sizes<'a>(pools: &'a [Pool]) -> Vec<(&'a Located<i64>, Vec<&'a str>)> {
    let mut sizes: Vec<(&Located<i64>, Vec<&str>)> = Vec::new();
    for pool in pools {
        match sizes.iter_mut().find(|(size, _)| **size == pool.size) {
            Some((_, names)) => names.push(&pool.app.name),
            None => sizes.push((&pool.size, vec![&pool.app.name])),
        }
    }
    sizes
}

fn exceeded(server: &Server, pools: &[Pool]) -> Option<Finding> {
    let most = setting_count(&server.settings, "max_connections")?;
    let reserved = match server.product {
        ServerProduct::Postgres => {
            setting_count(&server.settings, "superuser_reserved_connections")
        }
        _ => None,
    };
    let usable = most.value - reserved.as_ref().map_or(0, |reserved| reserved.value);
    let wanted = pools.iter().map(Pool::connections).fold(0, i64::saturating_add);
    if wanted <= usable {
        return None;
    }
    let title = format!(
        "pools of up to {wanted} connections, and {} accepts {usable}: the last {} get none",
        server.name,
        wanted - usable
    );
    let fills = pools.iter().all(|pool| pool.fills);
    let (severity, confidence) = if fills { (Severity::High, 90) } else { (Severity::Medium, 75) };
    let limit = match &reserved {
        Some(reserved) => format!("{} - {} reserved = {usable}", most.value, reserved.value),
        None => most.value.to_string(),
    };
    let mut finding = Finding::new(&META, title)
        .service(&server.name)
        .weigh(Role::Cause, severity, confidence)
        .arithmetic(format!("{} = {wanted} > {limit}", sum(pools)));
    for (size, names) in sizes(pools) {
        finding = finding.because(format!("pool of each instance of {}", some_of(&names)), size);
    }
    for pool in pools {
        if let Some(replicas) = pool.replicas {
            finding = finding.because(format!("instances of {}", pool.app.name), replicas);
        }
    }
    finding = finding.because(format!("{} accepts this many", server.name), &most);
    if let Some(reserved) = &reserved {
        finding = finding.because("kept for superusers", reserved);
    }
    let copies: i64 = pools.iter().map(Pool::copies).sum();
    let each = usable * 4 / 5 / copies.max(1);
    let mut finding = finding.leads_to("too-many-connections").leads_to("pool-exhausted");
    if each > 0 {
        finding = finding.fix(Fix::advice(format!(
            "pools of {each} leave a fifth free: {each} × {copies} = {} ≤ {usable}",
            each * copies
        )));
    }
    Some(finding.fix(Fix::advice("raise max_connections, or put a pooler between")))
}
