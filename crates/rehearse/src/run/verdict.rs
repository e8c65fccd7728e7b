//! The verdict of a run, and its reason in one sentence.

use wonin_model::rehearsal::{Expectation, FaultRun, Phase, Rehearsal, Verdict};

/// What may stand in the way of a conclusion.
#[derive(Debug, Default)]
pub(crate) struct Obstacles {
    /// Why it was stopped.
    pub(crate) aborted: Option<String>,
    /// Why nothing can be concluded.
    pub(crate) invalid: Vec<String>,
}

/// The verdict and its reason.
pub(crate) fn of(
    obstacles: &Obstacles,
    expectations: &[Expectation],
    faults: &[FaultRun],
) -> (Verdict, String) {
    if let Some(why) = &obstacles.aborted {
        return (Verdict::Aborted, why.clone());
    }
    if let Some((first, rest)) = obstacles.invalid.split_first() {
        return (Verdict::Invalid, format!("{first}{}", more(rest.len())));
    }
    let broken = || expectations.iter().filter(|expectation| !expectation.held);
    if let Some(first) = broken().min_by_key(|expectation| expectation.phase) {
        let why = format!("`{}` did not hold {}: {}", first.name, when(first.phase), first.seen);
        return (Verdict::Broke, format!("{why}{}", more(broken().count() - 1)));
    }
    let names: Vec<String> = faults.iter().map(|fault| format!("`{}`", fault.name)).collect();
    let checks = match expectations.len() {
        1 => "the expectation".to_owned(),
        all => format!("all {all} expectations"),
    };
    (Verdict::Held, format!("{checks} held while {} acted", names.join(" and ")))
}

fn more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}

fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Before => "before anything was broken",
        Phase::During => "during the fault",
        Phase::After => "after healing",
    }
}

/// The reason of the verdict over several runs.
pub(crate) fn of_several(verdict: Verdict, done: &[Rehearsal], planned: usize) -> String {
    if done.len() < planned {
        let last = done.last().filter(|run| run.verdict == Verdict::Aborted);
        let why = last.map(|run| format!("; `{}`: {}", run.name, run.why)).unwrap_or_default();
        return format!("stopped after {} of {planned} runs{why}", done.len());
    }
    let such: Vec<&Rehearsal> = done.iter().filter(|run| run.verdict == verdict).collect();
    if verdict == Verdict::Held {
        return format!("all {planned} runs held");
    }
    let first = such.first().map(|run| format!("`{}`: {}", run.name, run.why)).unwrap_or_default();
    let word = verdict.name();
    format!("{} of {planned} runs {word}; {first}", such.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(name: &str, phase: Phase, held: bool) -> Expectation {
        Expectation { name: name.to_owned(), phase, held, seen: "3 of 9 succeeded".to_owned() }
    }

    #[test]
    fn the_earliest_that_did_not_hold_is_the_reason() {
        let fault = FaultRun { name: "slow".to_owned(), ..FaultRun::default() };
        let mut all = vec![
            expectation("a", Phase::Before, true),
            expectation("a", Phase::After, true),
            expectation("b", Phase::During, true),
        ];
        let faults = [fault];
        let held = (Verdict::Held, "all 3 expectations held while `slow` acted".to_owned());
        assert_eq!(of(&Obstacles::default(), &all, &faults), held);
        (all[1].held, all[2].held) = (false, false);
        let why = "`b` did not hold during the fault: 3 of 9 succeeded (and 1 more)";
        let broke = (Verdict::Broke, why.to_owned());
        assert_eq!(of(&Obstacles::default(), &all, &faults), broke);
        let invalid = Obstacles { aborted: None, invalid: vec!["x".to_owned(), "y".to_owned()] };
        assert_eq!(of(&invalid, &all, &faults), (Verdict::Invalid, "x (and 1 more)".to_owned()));
        let both = Obstacles { aborted: Some("z".to_owned()), ..invalid };
        assert_eq!(of(&both, &all, &faults), (Verdict::Aborted, "z".to_owned()));
    }
}
