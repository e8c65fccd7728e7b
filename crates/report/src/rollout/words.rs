//! The sentences about a rollout.

use wonin_rollout::solve::{Role, Switch};
use wonin_rollout::{Ending, Event, EventKind, Outcome, Outlook};

use super::{ShownProposal, ShownRollout};
use crate::words::count;

/// A start that may take so long, a day, may take any time.
const UNLIMITED_S: u64 = 86_400;

/// `165`, `7.5`: milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whole seconds for what is a median of many.
fn about(ms: u64) -> u64 {
    (ms + 500) / 1000
}

/// `67 %`; what is not quite nothing or everything says so.
pub(crate) fn percent(share: f64) -> String {
    match share {
        // No line breaks between the number and its sign.
        s if s > 0.0 && s < 0.005 => "<1\u{a0}%".to_owned(),
        s if (0.995..1.0 - 1e-9).contains(&s) => ">99\u{a0}%".to_owned(),
        s => format!("{:.0}\u{a0}%", s * 100.0),
    }
}

/// The verdict as one word.
pub(crate) fn verdict(rollout: &ShownRollout) -> &'static str {
    match rollout.verdict {
        _ if !rollout.problems.is_empty() => "refused",
        Some(verdict) => verdict.id(),
        None => "unknown",
    }
}

/// The verdict in one sentence.
pub(crate) fn headline(rollout: &ShownRollout) -> String {
    let name = &rollout.service;
    if !rollout.problems.is_empty() {
        return format!("{name} has settings that the platform refuses");
    }
    let Some(verdict) = rollout.verdict else {
        let why = rollout.not_checked.first().filter(|why| !why.contains("startup time"));
        if let Some(why) = why {
            return format!("{name}: no verdict, since {why}");
        }
        return match rollout.longest_startup_s {
            Some(longest) => {
                format!("{name}: no verdict without a startup time; up to {longest} s always works")
            }
            None => format!("{name}: no verdict without a startup time"),
        };
    };
    let outcome = rollout.outcome.as_ref();
    match (verdict, outcome) {
        (Outlook::Deadlock, _) => {
            format!("{name} is stuck: the bounds let nothing start and nothing stop")
        }
        (Outlook::Completes, Some(outcome)) => {
            format!("{name} always completes, after {}", span(outcome))
        }
        (Outlook::Depends, Some(outcome)) if outcome.rollout_success >= 1.0 - 1e-9 => format!(
            "{name} completes by luck: a new task survives with {}, others are started until enough \
             have",
            percent(outcome.task_success)
        ),
        (Outlook::Depends, Some(outcome)) => format!(
            "luck decides whether {name} completes: a new task survives with {}, the rollout \
             with {}",
            percent(outcome.task_success),
            percent(outcome.rollout_success)
        ),
        (Outlook::Never, Some(outcome)) => {
            format!("{name} never completes: {}", ending(rollout.platform, outcome))
        }
        (verdict, None) => format!("{name}: {verdict}"),
    }
}

/// `110 s`, or `110 s to 129 s` for median and the slowest in a hundred.
fn span(outcome: &Outcome) -> String {
    let (p50, p99) = (about(outcome.ends.p50_ms), about(outcome.ends.p99_ms));
    if p50 == p99 { format!("{p50} s") } else { format!("{p50} s (1 in 100 after {p99} s)") }
}

fn ending(platform: &str, outcome: &Outcome) -> String {
    let after = span(outcome);
    match (outcome.ends.how, platform) {
        (Ending::CircuitBreaker, "ecs") => {
            let back = match outcome.rollback_success {
                Some(share) if share >= 1.0 - 1e-9 => " and the old revision comes back",
                Some(_) => " and the rollback may fail, too",
                None => "",
            };
            format!("the circuit breaker gives up after {after}{back}")
        }
        (Ending::CircuitBreaker, "compose") => format!("a dependency fails after {after}"),
        (Ending::CircuitBreaker, _) => format!("the update stops after {after}"),
        (Ending::Alarm, _) => format!("an alarm fails it after {after}"),
        (Ending::Deadline, _) => format!("the deadline passes after {after}"),
        _ => "tasks are killed and replaced without end".to_owned(),
    }
}

/// What is worth knowing beside the verdict: a name and a text each.
pub(crate) fn notes(rollout: &ShownRollout) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let (Some(outcome), true) = (&rollout.outcome, rollout.is_weighed) {
        let (task, whole) = match rollout.platform {
            "compose" => ("the container becomes healthy before it is found unhealthy", "`up`"),
            _ => ("a new task becomes healthy before it is killed", "the rollout"),
        };
        notes.push((
            "probability",
            format!(
                "{task}: {}; {whole} completes: {} ({} simulated, seed {})",
                percent(outcome.task_success),
                percent(outcome.rollout_success),
                count(outcome.runs as usize, "rollout"),
                outcome.seed
            ),
        ));
        if let Some(share) = outcome.rollback_success {
            notes.push(("rollback", format!("completes: {}", percent(share))));
        }
        if let Some(late) = outcome.late_for_pipeline.filter(|&late| late > 0.0) {
            notes.push(("pipeline", format!("gives up before the end: {}", percent(late))));
        }
        if outcome.dropped_ms > 0 {
            notes.push((
                "outage",
                format!(
                    "no task can answer for up to {} s{}",
                    seconds(outcome.dropped_ms),
                    if rollout.platform == "ecs" { misses(outcome) } else { "" }
                ),
            ));
        }
    }
    if let Some(lowest) = rollout.lowest_capacity {
        let curve = rollout.outcome.as_ref().filter(|_| rollout.is_weighed).map(capacity);
        let curve = curve.filter(|curve| !curve.is_empty());
        let curve = curve.map_or(String::new(), |curve| format!("; one rollout: {curve}"));
        notes.push(("capacity", format!("at least {lowest} of {}{curve}", rollout.desired)));
    }
    match rollout.longest_startup_s {
        // As far as it is looked for: nothing ends a start that takes longer.
        Some(UNLIMITED_S..) => {
            notes.push(("startup", "however long it takes, nothing ends it".to_owned()));
        }
        Some(longest) => {
            notes.push(("startup", format!("up to {longest} s always works with these settings")));
        }
        None => {}
    }
    notes.extend(rollout.remarks.iter().cloned());
    let defaults: Vec<String> = rollout
        .blame
        .iter()
        .filter(|one| one.setting.at.is_none())
        .map(|one| format!("`{}` {}", one.setting.full_name(), blame(one)))
        .collect();
    if !defaults.is_empty() {
        notes.push(("not written", defaults.join("; ")));
    }
    if let Some((verdict, task, whole)) = rollout.before {
        notes.push((
            "before",
            format!(
                "{verdict}: a new task survived with {}, the rollout with {}",
                percent(task),
                percent(whole)
            ),
        ));
    }
    for switch in &rollout.depends_on_switch {
        let text = format!(
            "{} ({}): with the other reading the verdict differs",
            switch.id(),
            switch.reading()
        );
        notes.push(("rests on", text));
    }
    notes
}

/// What becomes of requests meanwhile, in the rollout that is shown.
fn misses(outcome: &Outcome) -> &'static str {
    match (outcome.example.fail_open_ms > 0, outcome.example.no_target_ms > 0) {
        (true, false) => ": requests go to tasks that are not up (fail-open), and end with errors",
        (false, true) => ": no target is registered, the answer is 503",
        (true, true) => ": requests go to tasks that are not up (fail-open), or end with 503",
        (false, false) => "",
    }
}

/// `1 from 0 s, 2 from 165 s`.
pub(crate) fn capacity(outcome: &Outcome) -> String {
    const STEPS_MAX: usize = 8;
    let steps: Vec<String> = outcome
        .capacity
        .iter()
        .take(STEPS_MAX)
        .map(|point| format!("{} from {} s", point.available, seconds(point.t_ms)))
        .collect();
    let more = outcome.capacity.len().saturating_sub(STEPS_MAX);
    let more = if more > 0 { format!(", {more} more steps") } else { String::new() };
    format!("{}{more}", steps.join(", "))
}

/// What a setting has done, for a mark in its file.
pub(crate) fn blame(blame: &super::ShownBlame) -> String {
    let change = blame.setting.change();
    match blame.role {
        Role::Cause => format!("cause: {change}"),
        Role::Enabler => format!("lets it happen: {change} alone would prevent it"),
    }
}

/// What a proposal brings and costs, one sentence each.
pub(crate) fn merits(proposal: &ShownProposal) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(task), Some(rollout)) = (proposal.task_success, proposal.rollout_success) {
        out.push(format!(
            "a new task survives with {}, the rollout with {}",
            percent(task),
            percent(rollout)
        ));
        if !proposal.holds_at_125_percent {
            out.push("no reserve: a startup a quarter longer fails again".to_owned());
        }
    }
    if !proposal.costs.is_empty() {
        out.push(format!("price: {}", proposal.costs));
    }
    if !proposal.depends_on_switch.is_empty() {
        out.push(format!(
            "rests on {}, which no document settles",
            list(&proposal.depends_on_switch)
        ));
    }
    if proposal.fix.edits.is_empty() {
        let why = proposal.no_edit.as_deref().unwrap_or("the place must be found by hand");
        out.push(format!("by hand: {why}"));
    }
    out
}

fn list(switches: &[Switch]) -> String {
    switches.iter().map(|switch| switch.id()).collect::<Vec<_>>().join(", ")
}

/// What happened, without the ticks of checks: time, tasks, what. Equal things at one moment are
/// one entry.
pub(crate) fn story(outcome: &Outcome, most: usize) -> (Vec<(u64, String)>, usize) {
    let tells = |event: &&Event| {
        !matches!(
            event.kind,
            EventKind::CheckPassed
                | EventKind::CheckFailed
                | EventKind::Up
                | EventKind::Counted
                | EventKind::Signalled
                | EventKind::GraceOver
                | EventKind::Ready
        )
    };
    let mut groups: Vec<(u64, EventKind, &str, Vec<&str>)> = Vec::new();
    for event in outcome.timeline.iter().filter(tells) {
        let same = groups
            .iter_mut()
            .rev()
            .take_while(|group| group.0 == event.t_ms)
            .find(|group| group.1 == event.kind && group.2 == event.why);
        match same {
            Some(group) => group.3.push(&event.task),
            None => groups.push((event.t_ms, event.kind, &event.why, vec![&event.task])),
        }
    }
    let back = outcome.timeline.iter().find(|event| event.kind == EventKind::RollsBack);
    let back_ms = back.map_or(u64::MAX, |event| event.t_ms);
    let left_out = groups.len().saturating_sub(most);
    let lines = groups.into_iter().take(most).map(|(t_ms, kind, why, tasks)| {
        let who = names(&tasks);
        let who = if who.is_empty() { String::new() } else { format!("{who} ") };
        let back = if kind == EventKind::Completed && t_ms > back_ms { "rollback " } else { "" };
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        (t_ms, format!("{who}{back}{kind}{why}"))
    });
    (lines.collect(), left_out)
}

/// All of a few names; of many the first, the last, and how many.
fn names(tasks: &[&str]) -> String {
    match tasks {
        [first, second, .., last] if tasks.len() > 6 => {
            format!("{first}, {second} … {last} ({} tasks)", tasks.len())
        }
        few => few.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tasks_are_counted() {
        assert_eq!(names(&["N1", "N2"]), "N1, N2");
        let many = ["N1", "N2", "N3", "N4", "N5", "N6", "N7"];
        assert_eq!(names(&many), "N1, N2 … N7 (7 tasks)");
    }

    #[test]
    fn shares_are_never_rounded_to_certainty() {
        let words = [0.0, 0.001, 2.0 / 3.0, 0.998, 1.0].map(percent);
        assert_eq!(
            words,
            ["0 %", "<1 %", "67 %", ">99 %", "100 %"].map(|text| text.replace(' ', "\u{a0}"))
        );
    }
}
