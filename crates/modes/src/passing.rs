//! Failures that passed: seen once or twice, and the program went on for long without them. They
//! happened, and are worth a line; they are not why somebody looks for a cause.

use wonin_model::{Evidence, Finding, Origin, Role, Severity, Standing};

use crate::shared::seen::{beside, logs_with, span};

/// What comes and goes by itself: calls, pools, locks, limits, refusals. Whole names, or families
/// up to their dot.
const COMES_AND_GOES: &[&str] = &[
    "activerecord.pool-exhausted",
    "aws.access-denied",
    "aws.expired-token",
    "aws.no-credentials",
    "aws.throttled",
    "c3p0.",
    "client.",
    "dbcp.",
    "dns.",
    "dotnet.pool-exhausted",
    "druid.pool-exhausted",
    "elasticsearch.rejected",
    "envoy.",
    "go-redis.",
    "haproxy.",
    "hikari.connection-not-available",
    "hikari.leak-detected",
    "hikari.leak-returned",
    "hikari.thread-starvation",
    "http-client.",
    "http.",
    "jedis.",
    "jvm.task-rejected",
    "kafka.authentication-failed",
    "kafka.commit-failed",
    "kafka.poll-interval-exceeded",
    "knex.",
    "lettuce.",
    "librdkafka.",
    "mongo.pool-exhausted",
    "mysql.access-denied",
    "mysql.deadlock",
    "mysql.link-failure",
    "mysql.lock-wait-timeout",
    "mysql.too-many-connections",
    "nginx.",
    "node-postgres.",
    "npgsql.",
    "oracle.deadlock",
    "pgbouncer.",
    "pgjdbc.",
    "postgres.authentication-failed",
    "postgres.deadlock",
    "postgres.idle-in-transaction",
    "postgres.lock-timeout",
    "postgres.too-many-clients",
    "postgres.waiting-for-lock",
    "prisma.",
    "reactor.",
    "redis.authentication-failed",
    "spring.task-rejected",
    "sql-server.deadlock",
    "sqlalchemy.",
    "sqlite.locked",
    "tls.",
    "tomcat-jdbc.",
    "vertx.blocked-thread",
];

/// More than these did not just happen once.
const EVENTS_MAX: u64 = 2;
/// How long the program must have gone on without, in milliseconds.
const AFTER_MS: i64 = 10 * 60 * 1000;
/// How much it must have said, so that it can be told that it went on.
const LOG_EVENTS_MIN: u64 = 50;

/// Takes the weight from failures that passed and that nothing but logs tells of.
pub(crate) fn weigh(evidence: &Evidence, findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|one| one.standing == Standing::Observed) {
        let Some(after_ms) = went_on(evidence, finding) else { continue };
        finding.severity = Severity::Low;
        finding.role = Role::Contributing;
        let passed = format!("not seen again in the {} that the log goes on", span(after_ms));
        finding.arithmetic = Some(match finding.arithmetic.take() {
            Some(before) => format!("{before}; {passed}"),
            None => passed,
        });
    }
}

/// How long the logs go on after the last of it, where it is of the kind that passes.
fn went_on(evidence: &Evidence, finding: &Finding) -> Option<i64> {
    let is_log = |origin: &Origin| match origin {
        Origin::Written(place) => evidence.logs.iter().any(|log| log.file == place.file),
        _ => true,
    };
    let is_passing = |name: &str| {
        COMES_AND_GOES
            .iter()
            .any(|kind| *kind == name || kind.ends_with('.') && name.starts_with(kind))
    };
    let few = finding.signals.iter().all(|one| one.events <= EVENTS_MAX && is_passing(one.signal));
    if finding.signals.is_empty() || !few || !finding.because.iter().all(|one| is_log(&one.origin))
    {
        return None;
    }
    let mut shortest = i64::MAX;
    for one in &finding.signals {
        let signal = beside(evidence, one.signal, one.service.as_deref())?;
        let logs = logs_with(evidence, one.signal, one.service.as_deref())
            .filter(|log| log.events >= LOG_EVENTS_MIN);
        let end = logs.filter_map(|log| log.last_ms).min()?;
        shortest = shortest.min(end.saturating_sub(signal.last_ms?));
    }
    (shortest >= AFTER_MS).then_some(shortest)
}
