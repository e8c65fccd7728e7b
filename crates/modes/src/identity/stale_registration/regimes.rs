//! How answers change with time while a registration is stale: errors, then silence; or the same
//! wait for ever.

use wonin_model::{
    AnswerOutcome, AnswerRun, Evidence, Finding, Fix, Origin, Role, Severity, Standing,
};

use super::META;
use crate::shared::seen::{between, moment, signals, span};
use crate::shared::stale::endpoint;

/// ZooKeeper's session of a Pinot instance, in milliseconds: Helix' default.
const SESSION_MS: i64 = 30_000;
/// A registration that is alive for longer than this will not end by itself.
const FOR_GOOD_MS: i64 = 2 * SESSION_MS;
/// How long a Pinot broker waits for its servers, about, in milliseconds.
const WAIT_MS: u64 = 9_000;

/// Recognises both.
pub(super) fn observe(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let silent = silence(&evidence.answers);
    let Some((run, finding)) = silent.or_else(|| endless(&evidence.answers)) else { return };
    let finding = session(evidence, finding);
    // With an address that is told already it is one matter.
    let addresses: Vec<String> =
        run.servers.iter().filter_map(|server| Some(endpoint(server)?.0.to_string())).collect();
    let known = findings.iter_mut().find(|one| {
        one.meta.id == META.id
            && addresses.iter().any(|address| one.title.contains(address.as_str()))
    });
    match known {
        Some(known) => {
            known.because.extend(finding.because);
            known.signals.extend(finding.signals);
            known.arithmetic = match (known.arithmetic.take(), finding.arithmetic) {
                (Some(one), Some(other)) => Some(format!("{one}; {other}")),
                (one, other) => one.or(other),
            };
            known.confidence = known.confidence.max(finding.confidence);
        }
        None => findings.push(finding),
    }
}

/// Errors that end in answers without error, without rows and without any server. Runs of several
/// files are brought into the order of time, where their times are known.
fn silence(runs: &[AnswerRun]) -> Option<(&AnswerRun, Finding)> {
    let mut ordered: Vec<&AnswerRun> = runs.iter().collect();
    if runs.iter().all(|run| run.first_ms.is_some()) {
        ordered.sort_by_key(|run| run.first_ms);
    }
    let found = ordered.iter().enumerate().filter(|(_, run)| is_failing(run));
    let mut found: Vec<(&AnswerRun, &AnswerRun)> = found
        .filter_map(|(index, failing)| {
            let same = |run: &&&AnswerRun| {
                failing.table.is_none() || run.table.is_none() || run.table == failing.table
            };
            let mut later = ordered[index + 1..].iter().filter(same);
            let quiet = later.find(|run| !is_failing(run))?;
            (quiet.outcome == AnswerOutcome::NobodyAsked).then_some((*failing, *quiet))
        })
        .collect();
    // What names the server tells most.
    found.sort_by_key(|(failing, _)| failing.servers.is_empty());
    found.first().map(|(failing, quiet)| (*failing, silent(failing, quiet)))
}

fn silent(failing: &AnswerRun, quiet: &AnswerRun) -> Finding {
    let title = format!(
        "queries answer without error and without rows, and no server is asked: the session of {} has ended, and the table is still assigned to it",
        server(failing)
    );
    let finding = start(title, 88)
        .because_at(
            format!("first: {}, {}", what(failing), counted(failing)),
            Origin::Written(failing.place),
        )
        .because_at(
            format!("then: no error, no rows, numServersQueried 0, {}", counted(quiet)),
            Origin::Written(quiet.place),
        );
    let Some((from, to)) = failing.first_ms.zip(quiet.first_ms) else { return finding };
    finding.arithmetic(format!(
        "errors from {} on, silence from {} on: {} later; a session ends {} s after the last sign of life. Silence after errors is no recovery",
        moment(from),
        moment(to),
        span(to.saturating_sub(from)),
        SESSION_MS / 1000
    ))
}

/// The same wait for longer than a session lives without its process.
fn endless(runs: &[AnswerRun]) -> Option<(&AnswerRun, Finding)> {
    let lasted = |run: &AnswerRun| Some(run.last_ms?.saturating_sub(run.first_ms?));
    let run = runs.iter().find(|run| {
        run.outcome == AnswerOutcome::Unanswered
            && run.longest_ms.is_some_and(|ms| ms >= WAIT_MS)
            && lasted(run).is_some_and(|ms| ms > FOR_GOOD_MS)
    })?;
    let title = format!(
        "every query waits {} and ends without {}: its registration is alive, and its address is dead",
        span(i64::try_from(run.longest_ms?).unwrap_or(i64::MAX)),
        server(run)
    );
    let finding = start(title, 85)
        .because_at(format!("{}, {}", what(run), counted(run)), Origin::Written(run.place))
        .arithmetic(format!(
            "{} of waits > session of {} s: a process that was gone would be out of the registry by now; one whose address changed keeps its session",
            span(lasted(run)?),
            SESSION_MS / 1000
        ));
    Some((run, finding))
}

/// What the log of the server itself tells: it noticed, and came back with the session it had.
fn session(evidence: &Evidence, mut finding: Finding) -> Finding {
    for signal in signals(evidence, &["zookeeper.session-timed-out"]) {
        let ended = signals(evidence, &["zookeeper.session-expired"])
            .iter()
            .any(|other| other.service == signal.service);
        let Some(hit) = signal.hits.first().filter(|_| !ended) else { continue };
        let claim = "its connection to the registry broke and its session did not end: the registration stays";
        finding = finding.seen(claim, signal, Some(hit), signal.count);
    }
    finding
}

fn start(title: String, confidence: u8) -> Finding {
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, confidence);
    finding.standing = Standing::Observed;
    finding
        .fix(Fix::advice(
            "free the table of the dead server in this order: untag it (`PUT /instances/ID/updateTags?tags=server_untagged`), rebalance the table, then `DELETE /instances/ID`; every other order is refused or does nothing",
        ))
        .fix(Fix::advice(
            "restart a process whose address changed, so that it registers anew; let it register under a name",
        ))
}

fn is_failing(run: &AnswerRun) -> bool {
    matches!(run.outcome, AnswerOutcome::Refused | AnswerOutcome::Unanswered)
}

fn what(run: &AnswerRun) -> &'static str {
    match run.outcome {
        AnswerOutcome::Refused => "errors 425 and 427, connection refused",
        _ => "error 427, a server does not answer",
    }
}

fn server(run: &AnswerRun) -> &str {
    let named = run.servers.iter().find(|server| server.contains('_'));
    named.or(run.servers.first()).map_or("a server", String::as_str)
}

/// `12 answers, 2025-03-02 10:00:01 to 10:04:22`.
fn counted(run: &AnswerRun) -> String {
    let answers =
        if run.count == 1 { "1 answer".to_owned() } else { format!("{} answers", run.count) };
    match run.first_ms.zip(run.last_ms) {
        Some((first, last)) if last > first => format!("{answers}, {}", between(first, last)),
        Some((first, _)) => format!("{answers}, {}", moment(first)),
        None => answers,
    }
}
