//! # A thread pool that is made on every run
//!
//! ## What fails
//!
//! The number of threads rises with every run of a job or request and never falls. Memory goes with
//! it, and in the end `OutOfMemoryError: unable to create native thread`; until a restart, which
//! hides the cause.
//!
//! ## Why
//!
//! Core threads of a pool wait for work for ever; only `shutdown()` ends them. A pool that is a
//! local of a method, or a field of a class that is instantiated for every run (Quartz makes a new
//! job object for every firing), is a new pool each time.
//!
//! ## Example
//!
//! ```java src/main/java/shop/ReportJob.java
//! package shop;
//!
//! import java.util.concurrent.ExecutorService;
//! import java.util.concurrent.Executors;
//! import org.quartz.Job;
//! import org.quartz.JobExecutionContext;
//!
//! public class ReportJob implements Job {
//!     private final ExecutorService pool = Executors.newFixedThreadPool(4);
//!
//!     @Override
//!     public void execute(JobExecutionContext context) {
//!         pool.submit(() -> System.getenv());
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! One bounded pool for all runs, or one that is shut down when the run ends.
//!
//! ```java src/main/java/shop/ReportJob.java
//! package shop;
//!
//! import java.util.concurrent.ExecutorService;
//! import org.quartz.Job;
//! import org.quartz.JobExecutionContext;
//!
//! public class ReportJob implements Job {
//!     private final ExecutorService pool;
//!
//!     public ReportJob(ExecutorService pool) {
//!         this.pool = pool;
//!     }
//!
//!     @Override
//!     public void execute(JobExecutionContext context) {
//!         pool.submit(() -> System.getenv());
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Run the job k times and count threads by name: `pool-1-thread-1`, `pool-2-thread-1`, …; the
//! first number grows. Three dumps show it, and so do metrics of threads that rise from scrape to
//! scrape and never fall.
//!
//! ## Evidence
//!
//! - JDK: `ThreadPoolExecutor` (core threads do not time out), `Executors`.
//! - Quartz: `SimpleJobFactory` calls the job class's constructor for every firing.

mod metrics;

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, PoolPerCall, Role, Scope, Severity,
    Standing, ThreadGroup, ThreadSet,
};

use crate::shared::reach::code_owner;
use crate::shared::seen::{Part, all_of, signals, span};
use crate::shared::words::{count, duration_ms};

pub(crate) struct ThreadLeak;

static META: ModeMeta = ModeMeta {
    id: "thread-leak",
    family: "leak",
    summary: "threads are started on every run and never ended",
    source: include_str!("thread_leak.rs"),
};

impl Mode for ThreadLeak {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let pools = evidence.stack.code.pools_per_call.iter();
        let mut own: Vec<Finding> = pools.filter_map(|pool| leak(evidence, pool)).collect();
        for set in &evidence.threads {
            for group in set.groups.iter().filter(|group| group.is_virtual && is_leaking(group)) {
                findings.push(piling_up(group));
            }
            for group in set.groups.iter().filter(|group| !group.is_virtual && is_leaking(group)) {
                observe(evidence, set, group, &mut own);
            }
        }
        for finding in own.iter_mut().filter(|one| one.standing == Standing::Observed) {
            *finding = exhausted(evidence, finding.clone());
        }
        if !own.iter().any(|one| one.standing == Standing::Observed) {
            own.extend(metrics::grown(evidence));
        }
        findings.extend(own);
    }
}

/// Threads by which a group must grow from the first dump to the last.
const GROWTH_MIN: i64 = 4;

/// Whether a group only ever grows, over three dumps or more: a pool that fills up to its size
/// stops, and one of which threads end falls.
fn is_leaking(group: &ThreadGroup) -> bool {
    let counts: Vec<u32> = group.counts.iter().map(|count| count.threads).collect();
    counts.len() >= 3
        && group.growth() >= GROWTH_MIN
        && counts.windows(2).all(|pair| pair[0] < pair[1])
}

/// Adds a group that grows to the leak that was found in code, else says it as a finding.
fn observe(evidence: &Evidence, set: &ThreadSet, group: &ThreadGroup, own: &mut Vec<Finding>) {
    let growth = group.growth();
    let counts: Vec<String> = group.counts.iter().map(|count| count.threads.to_string()).collect();
    let last = group.counts.last().cloned().unwrap_or_default();
    let names_pool =
        group.pattern.starts_with("pool-#-thread-#") || group.pattern.starts_with("Timer-#");
    let claim = format!(
        "seen in {} dumps: {} threads named {}",
        counts.len(),
        counts.join(", "),
        group.pattern
    );
    let minutes = span_ms(evidence, set);
    let rate = minutes.filter(|ms| *ms > 0).map(|ms| {
        let hour = growth.saturating_mul(3_600_000) / ms;
        format!("; +{growth} in {}, about {hour} an hour", span(ms))
    });
    let idle = if last.idle * 10 >= last.threads * 9 { ", all but a few without work" } else { "" };
    let pools = last.pools;
    let arithmetic = format!(
        "{} → {} = {growth} more{}; {} threads in {pools} pools{idle}",
        counts[0],
        last.threads,
        rate.unwrap_or_default(),
        last.threads,
    );
    let known = own.iter().position(|finding| {
        finding.role == Role::Cause && names_pool && finding.standing == Standing::Predicted
    });
    if let Some(index) = known {
        let finding = &mut own[index];
        finding.standing = Standing::Observed;
        finding.confidence = finding.confidence.max(96);
        let text = finding.arithmetic.take().map_or(String::new(), |text| format!("; {text}"));
        finding.arithmetic = Some(format!("{arithmetic}{text}"));
        *finding = finding.clone().because_at(claim, Origin::Written(group.place));
        return;
    }
    let what = if pools > 1 && u32::try_from(growth).is_ok_and(|growth| growth >= pools / 4) {
        "new pools are made again and again and nobody shuts them down"
    } else {
        "threads are started again and again and do not end"
    };
    let title =
        format!("{} grows from {} to {} threads: {what}", group.pattern, counts[0], last.threads);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, if idle.is_empty() { 80 } else { 92 })
        .arithmetic(arithmetic)
        .because_at(claim, Origin::Written(group.place))
        .leads_to("native-thread-limit");
    finding.standing = Standing::Observed;
    let place = group.frames.iter().find(|frame| !is_library(frame));
    if let Some(frame) = place {
        finding = finding
            .because_at(format!("all of them stand in {frame}"), Origin::Written(group.place));
    }
    own.push(
        finding
            .fix(Fix::advice("search the code for what makes a pool, a thread or a client where a job or a request runs; share one bounded pool, or shut it down in `finally`")),
    );
}

/// Virtual threads of which there are ever more: each is a task, so tasks wait for something.
fn piling_up(group: &ThreadGroup) -> Finding {
    let counts: Vec<String> = group.counts.iter().map(|count| count.threads.to_string()).collect();
    let frame = group.frames.iter().find(|frame| !is_library(frame));
    let stand = frame.map_or(String::new(), |frame| format!(", all of them in {frame}"));
    let title = format!(
        "virtual threads pile up, {} in {} dumps{stand}: what they wait for does not keep up",
        counts.join(", "),
        counts.len()
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 75)
        .arithmetic(format!(
            "{} more from the first dump to the last; each costs heap, and no limit of the system ends it",
            group.growth()
        ))
        .because_at("one of them", Origin::Written(group.place));
    finding.standing = Standing::Observed;
    finding.fix(Fix::advice(
        "bound how many tasks may be in flight (a semaphore before what is scarce), give each wait a time limit, and look at what they wait for",
    ))
}

/// Adds what a leak ends in.
fn exhausted(evidence: &Evidence, finding: Finding) -> Finding {
    let ends = all_of(
        evidence,
        &[
            ("jvm.no-native-thread", "follows: no further thread could be started"),
            ("jvm.thread-not-started", "follows: no further thread could be started"),
        ],
    );
    let errors = signals(evidence, &["jvm.out-of-memory"]).into_iter().filter_map(|signal| {
        let native = |why: &String| why.contains("native thread");
        Part::of(signal, |values| values.get("why").is_some_and(native))
    });
    let errors = errors.map(|part| (part, "follows: this is no matter of the heap".to_owned()));
    ends.into_iter().chain(errors).fold(finding, |finding, (part, what)| part.tell(finding, &what))
}

/// From the first dump of a set to its last, in milliseconds.
fn span_ms(evidence: &Evidence, set: &ThreadSet) -> Option<i64> {
    let at = |index: Option<&usize>| evidence.dumps.get(*index?)?.at_ms;
    at(set.dumps.last())?.checked_sub(at(set.dumps.first())?)
}

fn is_library(frame: &str) -> bool {
    ["java.", "jdk.", "sun.", "javax."].iter().any(|prefix| frame.starts_with(prefix))
}

/// What becomes of the threads when nobody shuts the pool down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They wait for ever.
    Stay,
    /// They end after a minute without work.
    TimeOut,
    /// They end when the pool's wrapper is collected.
    Collected,
    /// Virtual threads hold no thread of the system.
    Virtual,
}

fn fate(pool: &PoolPerCall) -> Fate {
    let made = pool.made.value.as_str();
    let any = |names: &[&str]| names.iter().any(|name| made.contains(name));
    match () {
        () if any(&["Virtual"]) => Fate::Virtual,
        () if any(&["newCachedThreadPool", "newWorkStealingPool"]) => Fate::TimeOut,
        () if any(&["newSingleThreadExecutor", "new Timer("]) => Fate::Collected,
        () => Fate::Stay,
    }
}

fn leak(evidence: &Evidence, pool: &PoolPerCall) -> Option<Finding> {
    let fate = fate(pool);
    if fate == Fate::Virtual {
        return None;
    }
    let threads = pool.size.as_ref().map(|size| size.value);
    let each =
        threads.map_or("threads".to_owned(), |n| format!("up to {}", count(n as usize, "thread")));
    let run = match pool.scope {
        Scope::JobInstance | Scope::JobRun => "run",
        Scope::Request => "request",
        Scope::Call => "call",
    };
    let title = match fate {
        Fate::Stay => format!("{} leaves {each} behind on every {run}", pool.runs_in.value),
        Fate::TimeOut => format!(
            "{} starts a new pool on every {run}; its {each} end a minute later",
            pool.runs_in.value
        ),
        _ => format!(
            "{} leaves {each} behind on every {run}, likely until a collection",
            pool.runs_in.value
        ),
    };
    let sure = (pool.sure.clamp(0.0, 0.97) * 100.0).round() as u8;
    let (role, severity, confidence) = match (fate, pool.scope) {
        (Fate::Stay, Scope::Call) => (Role::Cause, Severity::Medium, sure),
        (Fate::Stay, _) => (Role::Cause, Severity::High, sure),
        (Fate::TimeOut, _) => (Role::Contributing, Severity::Low, sure),
        _ => (Role::Contributing, Severity::Medium, sure.min(65)),
    };
    let mut finding = Finding::new(&META, title)
        .weigh(role, severity, confidence)
        .because("a new pool that nothing here shuts down", &pool.made)
        .because(made_again(pool.scope), &pool.runs_in);
    if let Some(size) = &pool.size {
        finding = finding.because("threads that one pool may start", size);
    }
    if let (Fate::Stay, Some(period), Some(threads)) = (fate, &pool.period_ms, threads) {
        let arithmetic = growth(u64::from(threads), period.value);
        finding = finding.because("it runs this often, in ms", period).arithmetic(arithmetic);
    }
    if let Some(name) = code_owner(evidence, pool.service, pool.made.place()) {
        finding = finding.service(name);
    }
    Some(repaired(finding, pool.scope))
}

fn made_again(scope: Scope) -> &'static str {
    match scope {
        Scope::JobInstance => "the scheduler makes a new object of this class for every firing",
        Scope::JobRun => "runs again and again",
        Scope::Request => "runs for every request or message",
        Scope::Call => "runs whenever it is called",
    }
}

/// `4 threads per run, a run each 60 s: 4 × 60 = 240 threads an hour`.
fn growth(threads: u64, period_ms: u64) -> String {
    let runs = 3_600_000 / period_ms.max(1);
    format!(
        "up to {threads} threads per run, a run each {}: {threads} × {runs} = {} threads an hour",
        duration_ms(period_ms),
        threads.saturating_mul(runs)
    )
}

fn repaired(finding: Finding, scope: Scope) -> Finding {
    let finding = finding
        .leads_to("native-thread-limit")
        .fix(Fix::advice("share one bounded pool between runs (a bean that is injected)"))
        .fix(Fix::advice("or shut it down in `finally`; since Java 19 `try (var pool = …)` does"));
    match scope {
        Scope::JobInstance => finding.fix(Fix::advice(
            "add @DisallowConcurrentExecution, so that a slow run does not overlap the next",
        )),
        _ => finding,
    }
}
