//! # A connection that is taken and not given back
//!
//! ## What fails
//!
//! "Connection is not available, request timed out", minutes to days after a start, and for good: only
//! a restart helps. The database has as many sessions as ever, and they do nothing.
//!
//! ## Why
//!
//! A path of the code takes a connection and does not close it: an early return, an exception before
//! `close()`, a stream of rows that nobody closes. Each pass costs the pool one member, until none is
//! left. HikariCP reports a connection that is out for longer than `leakDetectionThreshold` with the
//! trace of who took it, and reports as well when it comes back after all: then it was no leak, but
//! something slow.
//!
//! ## Example
//!
//! ```text logs/shop.log
//! 2025-03-02 10:00:10.001  WARN 1 --- [eper] com.zaxxer.hikari.pool.ProxyLeakTask : Connection leak detection triggered for org.postgresql.jdbc.PgConnection@3101587f on thread exec-5, stack trace follows
//! java.lang.Exception: Apparent connection leak detected
//!     at com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)
//!     at shop.OrderExport.rows(OrderExport.java:42)
//!     at shop.OrderController.export(OrderController.java:19)
//! ```
//!
//! ## Fix
//!
//! `try (Connection connection = source.getConnection())`, for statements and results as well.
//!
//! ```text logs/shop.log
//! 2025-03-02 10:00:10.001  INFO 1 --- [exec-5] shop.OrderController : exported
//! ```
//!
//! ## How to rehearse
//!
//! Set `leakDetectionThreshold` to 2 s, let the calls of a test run pass, and look for reports.
//!
//! ## Evidence
//!
//! - HikariCP 5: `ProxyLeakTask` (report at the threshold, and when the connection is returned).
//! - Inferred: that what was not reported as returned does not come back.

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Severity, Signal,
};
use wonin_text::Place;

use crate::shared::pools::{Empty, empty};
use crate::shared::seen::{Part, beside, signals};
use crate::shared::words::count;

pub(crate) struct ConnectionLeak;

static META: ModeMeta = ModeMeta {
    id: "connection-leak",
    family: "leak",
    summary: "connections of a pool are taken and not given back",
    source: include_str!("connection_leak.rs"),
};

impl Mode for ConnectionLeak {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let reports = signals(evidence, &["hikari.leak-detected"]);
        findings.extend(reports.into_iter().map(|reports| reported(evidence, reports)));
        let reports = signals(evidence, &["tomcat-jdbc.abandoned"]);
        findings.extend(reports.into_iter().map(|reports| abandoned(evidence, reports)));
    }
}

/// Connections that Tomcat's JDBC pool took away from who kept them. It has them back then, so that
/// those of one time count, and how many that were is not in the log.
fn abandoned(evidence: &Evidence, reports: &Signal) -> Finding {
    let who = taker(reports).map_or(String::new(), |frame| format!(", taken by {}", short(frame)));
    let title = format!(
        "{} of Tomcat's JDBC pool not given back in time{who}: likely a leak",
        count(usize::try_from(reports.count).unwrap_or(usize::MAX), "connection")
    );
    let pools = empty(evidence);
    let is_its = |pool: &&Empty<'_>| {
        pool.signal.service == reports.service && pool.signal.name == "tomcat-jdbc.pool-exhausted"
    };
    let pool = pools.iter().find(is_its);
    let (role, severity) = match pool {
        Some(_) => (Role::Cause, Severity::High),
        None => (Role::Contributing, Severity::Medium),
    };
    let mut finding = Finding::new(&META, title).weigh(role, severity, 75);
    finding.service.clone_from(&reports.service);
    let claim = "a connection was out for longer than removeAbandonedTimeout or suspectTimeout";
    finding = Part::whole(reports).tell(finding, claim);
    finding = at_taker(evidence, reports, finding).fix(close_it());
    match pool {
        Some(pool) => pool.follows(finding, false),
        None => finding,
    }
}

/// Points at the line that takes the connections, where it is among the files.
fn at_taker(evidence: &Evidence, reports: &Signal, finding: Finding) -> Finding {
    let Some(frame) = taker(reports) else { return finding };
    match written(evidence, frame) {
        Some(place) => {
            finding.because_at(format!("{} takes it", short(frame)), Origin::Written(place))
        }
        None => finding,
    }
}

fn close_it() -> Fix {
    Fix::advice(
        "close the connection in every path where it is taken (`try (Connection c = …)`), and streams of rows as well",
    )
}

fn reported(evidence: &Evidence, reports: &Signal) -> Finding {
    let returned = beside(evidence, "hikari.leak-returned", reports.service.as_deref());
    let back = returned.map_or(0, |signal| signal.count).min(reports.count);
    let gone = reports.count - back;
    let pools = empty(evidence);
    let pool = pools.iter().find(|pool| {
        pool.signal.service == reports.service && pool.signal.name.starts_with("hikari.")
    });
    let mut finding = if gone == 0 { kept(reports, pool) } else { lost(reports, gone, pool) };
    finding.service.clone_from(&reports.service);
    finding = Part::whole(reports)
        .tell(finding, "a connection was out for longer than leakDetectionThreshold");
    finding = at_taker(evidence, reports, finding);
    if let Some(returned) = returned {
        finding = Part::whole(returned).tell(finding, "one came back after all");
    }
    finding.arithmetic =
        Some(format!("{} reported - {back} that came back = {gone} gone", reports.count));
    match pool {
        Some(pool) => {
            let is_most = gone > 0 && pool.size.is_some_and(|size| gone * 2 >= size);
            pool.follows(finding, is_most)
        }
        None => finding,
    }
}

/// Connections that nobody has given back so far.
fn lost(reports: &Signal, gone: u64, pool: Option<&Empty<'_>>) -> Finding {
    let who = taker(reports).map_or(String::new(), |frame| format!(", taken by {}", short(frame)));
    let what = count(usize::try_from(gone).unwrap_or(usize::MAX), "connection");
    let finding = match pool {
        Some(pool) if pool.size.is_some_and(|size| gone * 2 >= size) => {
            let size = pool.size.unwrap_or(0);
            let title = format!("{what} of {} are not given back{who}: it has {size}", pool.name());
            Finding::new(&META, title).weigh(Role::Cause, Severity::High, 92)
        }
        Some(pool) => {
            let title =
                format!("{what} of {} not given back in time{who}: likely a leak", pool.name());
            Finding::new(&META, title).weigh(Role::Cause, Severity::High, 75)
        }
        None => {
            let title = format!(
                "{what} not given back in time{who}: likely a leak; the pool still has others"
            );
            Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 75)
        }
    };
    finding.fix(close_it())
}

/// Connections that were out for long and came back.
fn kept(reports: &Signal, pool: Option<&Empty<'_>>) -> Finding {
    let who = taker(reports).map_or("something".to_owned(), short);
    let title = format!(
        "{who} keeps connections for longer than leakDetectionThreshold and gives them back: likely slow, no leak"
    );
    let finding = match pool {
        Some(_) => Finding::new(&META, title).weigh(Role::Cause, Severity::High, 70),
        None => Finding::new(&META, title).weigh(Role::Contributing, Severity::Low, 75),
    };
    finding.fix(Fix::advice(
        "make shorter what happens between taking and giving back: no calls to others and no waiting inside a transaction, faster statements",
    ))
}

/// Who took most of them: the first frame that is of no known library.
fn taker(reports: &Signal) -> Option<&str> {
    reports.all("frame").into_iter().next()
}

/// `OrderExport.rows (OrderExport.java:42)` of a frame; what frameworks add to names is left out.
fn short(frame: &str) -> String {
    let (method, place) = frame.split_once('(').unwrap_or((frame, ""));
    let (class, method) = method.rsplit_once('.').unwrap_or(("", method));
    let class = class.split("$$").next().unwrap_or(class);
    let class = class.rsplit('.').next().unwrap_or(class);
    match place.trim_end_matches(')') {
        "" | "<generated>" | "Unknown Source" | "Native Method" => format!("{class}.{method}"),
        place => format!("{class}.{method} ({place})"),
    }
}

/// The line that a frame names, where the file is among those that were read.
fn written(evidence: &Evidence, frame: &str) -> Option<Place> {
    let (method, place) = frame.split_once('(')?;
    let (file_name, line) = place.trim_end_matches(')').split_once(':')?;
    let class = method.rsplit_once('.')?.0;
    let package =
        class.rsplit_once('.').map_or(String::new(), |(package, _)| package.replace('.', "/"));
    let ending = format!("{package}/{file_name}");
    let ends = |path: &str| {
        path.strip_suffix(ending.trim_start_matches('/'))
            .is_some_and(|dir| dir.is_empty() || dir.ends_with('/'))
    };
    let (file, source) = evidence.sources.iter().find(|(_, source)| ends(source.path()))?;
    let span = source.line(line.parse().ok()?)?;
    let text = source.slice(span);
    let start = text.len() - text.trim_start().len();
    Some(Place { file, span }.part(start..text.trim_end().len().max(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_named_without_what_frameworks_add() {
        for (frame, shown) in [
            (
                "shop.OrderExport.rows(OrderExport.java:42)",
                "OrderExport.rows (OrderExport.java:42)",
            ),
            ("shop.Orders$$SpringCGLIB$$0.load(<generated>)", "Orders.load"),
            ("shop.Orders$Inner.load(Unknown Source)", "Orders$Inner.load"),
        ] {
            assert_eq!(short(frame), shown);
        }
    }
}
