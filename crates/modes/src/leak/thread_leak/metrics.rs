//! Threads that metrics count: they grow from scrape to scrape, and never fall.

use wonin_model::{Evidence, Finding, Fix, Origin, Role, Series, Severity, Standing};

use super::META;
use crate::shared::seen::span;

/// Gauges of threads, with what they count.
const COUNTS: &[(&str, &str)] = &[
    ("jvm_threads_live_threads", "threads"),
    ("jvm_threads_live", "threads"),
    ("jvm_threads_current", "threads"),
    ("process_threads", "threads"),
    ("go_goroutines", "goroutines"),
];

/// Counters of threads that were ever started.
const STARTED: &[&str] = &["jvm_threads_started_threads_total", "jvm_threads_started_total"];

/// Points from which on a growth is none of a start.
const POINTS_MIN: usize = 4;
/// The least growth that is told.
const GROWN_MIN: f64 = 50.0;

/// Series of threads that grow without end.
pub(super) fn grown(evidence: &Evidence) -> Vec<Finding> {
    evidence.series.iter().filter_map(|series| one(evidence, series)).collect()
}

fn one(evidence: &Evidence, series: &Series) -> Option<Finding> {
    let (_, what) = COUNTS.iter().find(|(name, _)| *name == series.name)?;
    let values: Vec<f64> = series.values().collect();
    let (first, last) = (*values.first()?, *values.last()?);
    let rises = values.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let falls = values.windows(2).any(|pair| pair[1] < pair[0] * 0.95);
    let is_growth = values.len() >= POINTS_MIN
        && !falls
        && rises * 4 >= (values.len() - 1) * 3
        && last - first >= GROWN_MIN
        && last >= first * 1.5;
    if !is_growth {
        return None;
    }
    let points = values.len();
    let title = format!(
        "{what} grow from {first} to {last} and never fall: they are started again and again and do not end"
    );
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 80).because_at(
        format!("seen in {points} scrapes: {} rises", series.name),
        Origin::Written(series.place),
    );
    finding.standing = Standing::Observed;
    let lasted = times(series).map_or(String::new(), |ms| format!(" in {}", span(ms)));
    let mut arithmetic = format!("{last} - {first} = {} more{lasted}", last - first);
    if let Some((begun, ended)) = started(evidence, series) {
        arithmetic = format!(
            "{arithmetic}; started {ended} - {begun} = {}, of which {} stayed",
            ended - begun,
            last - first
        );
    }
    finding = finding.arithmetic(arithmetic).leads_to("native-thread-limit");
    Some(finding.fix(Fix::advice(
        "take two thread dumps some minutes apart: the group of names that grows names the code that starts them (jcmd PID Thread.print, /debug/pprof/goroutine)",
    )))
}

fn times(series: &Series) -> Option<i64> {
    let (first, last) = (series.points.first()?.0, series.points.last()?.0);
    let known = first != Series::NO_TIME && last != Series::NO_TIME;
    known.then(|| last.saturating_sub(first)).filter(|ms| *ms > 0)
}

/// How many were started in all, at the first scrape and at the last, of the same process.
fn started(evidence: &Evidence, series: &Series) -> Option<(f64, f64)> {
    let mut counters = evidence.series.iter().filter(|one| STARTED.contains(&one.name.as_str()));
    let counter = counters.find(|one| one.labels == series.labels)?;
    let values: Vec<f64> = counter.values().collect();
    let (first, last) = (*values.first()?, *values.last()?);
    (last > first && values.len() == series.points.len()).then_some((first, last))
}
