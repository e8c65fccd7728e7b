//! What a series of trials proves: pure.
//!
//! A cause is confirmed only if repairing it alone ends the failure, or, where several only help
//! together, if repairing one after the other moves the failure on until it is gone
//! (failure-knowledge 17). So nothing is confirmed by a series that does not end well, and a repair
//! after which the same things fail confirms nothing by itself.

use std::collections::BTreeSet;

use wonin_model::rehearsal::{Effect, Verdict};

use super::super::symptom::{Symptom, Symptoms};

/// A cause that `diagnose` names, in the order of repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Id of the failure mode.
    pub mode: String,
    /// What is wrong.
    pub title: String,
    /// Whether there is an edit that repairs it.
    pub has_edits: bool,
    /// What to do, in words.
    pub advice: String,
}

/// What one trial showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) verdict: Verdict,
    /// What went wrong.
    pub(super) symptoms: Symptoms,
    /// Modes that said that something of it would go wrong.
    pub(super) predicted_by: BTreeSet<String>,
}

impl Trial {
    pub(super) fn held(&self) -> bool {
        self.verdict == Verdict::Held
    }

    /// Whether it says anything of the stack.
    fn is_telling(&self) -> bool {
        self.held() || !self.symptoms.is_empty()
    }
}

/// A trial after the repair of one mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repaired {
    pub(super) mode: String,
    /// What the mode says will go wrong; empty where it says nothing that can be seen.
    pub(super) own: Symptoms,
    pub(super) trial: Trial,
}

/// What a repair changed.
pub(super) fn effect(before: &Trial, after: &Trial) -> Effect {
    if !before.is_telling() || !after.is_telling() {
        return Effect::Unknown;
    }
    match (before.held(), after.held()) {
        (true, true) => return Effect::Unchanged,
        (false, true) => return Effect::Gone,
        (true, false) => return Effect::Worse,
        (false, false) => {}
    }
    let is_ruined = after.symptoms.contains(&Symptom::NotReady)
        && !before.symptoms.contains(&Symptom::NotReady);
    // Where nothing works any more, that is progress only if a cause that is left says so.
    if is_ruined && after.predicted_by.is_empty() {
        return Effect::Worse;
    }
    let mut gone = before.symptoms.difference(&after.symptoms);
    match gone.next() {
        Some(_) => Effect::Moved,
        None if after.symptoms == before.symptoms => Effect::Unchanged,
        None => Effect::Worse,
    }
}

/// The next cause to repair: the first that can be and was not yet.
pub(super) fn next<'c>(causes: &'c [Cause], repaired: &[Repaired]) -> Option<&'c Cause> {
    let is_done = |cause: &&Cause| repaired.iter().any(|one| one.mode == cause.mode);
    causes.iter().filter(|cause| cause.has_edits).find(|cause| !is_done(cause))
}

/// Whether going on makes sense after a repair.
pub(super) fn goes_on(effect: Effect) -> bool {
    matches!(effect, Effect::Moved | Effect::Unchanged)
}

/// Modes that the series confirms, in the order of repair.
pub(super) fn confirmed(first: &Trial, repaired: &[Repaired]) -> Vec<String> {
    let ends_well = repaired.last().is_some_and(|last| last.trial.held());
    if first.held() || !ends_well {
        return Vec::new();
    }
    let befores = std::iter::once(first).chain(repaired.iter().map(|one| &one.trial));
    let mut modes = Vec::new();
    for (index, (one, before)) in repaired.iter().zip(befores).enumerate() {
        if !goes_on_or_ends(effect(before, &one.trial)) {
            continue;
        }
        let seen_again: Symptoms =
            repaired[index..].iter().flat_map(|later| later.trial.symptoms.clone()).collect();
        let gone: Symptoms = before.symptoms.difference(&seen_again).copied().collect();
        let is_own_gone = !gone.is_disjoint(&one.own) || one.own.is_empty();
        if !gone.is_empty() && is_own_gone {
            modes.push(one.mode.clone());
        }
    }
    modes
}

fn goes_on_or_ends(effect: Effect) -> bool {
    matches!(effect, Effect::Gone | Effect::Moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(symptoms: &[Symptom], predicted_by: &[&str]) -> Trial {
        Trial {
            verdict: if symptoms.is_empty() { Verdict::Held } else { Verdict::Broke },
            symptoms: symptoms.iter().copied().collect(),
            predicted_by: predicted_by.iter().map(|mode| (*mode).to_owned()).collect(),
        }
    }

    fn repaired(mode: &str, own: &[Symptom], after: &[Symptom], predicted: &[&str]) -> Repaired {
        let own = own.iter().copied().collect();
        Repaired { mode: mode.to_owned(), own, trial: trial(after, predicted) }
    }

    use Symptom::{ColdStart, LeaderGone, NoController, NotReady};

    #[test]
    fn a_conjunction_is_confirmed_when_the_failure_moves_on_until_it_is_gone() {
        let first = trial(&[NoController, LeaderGone, ColdStart], &["quorum"]);
        let series = [
            repaired("quorum", &[NoController], &[LeaderGone, ColdStart], &["copies"]),
            // Replication is asked for now, and the brokers do not find each other.
            repaired("copies", &[LeaderGone], &[NotReady], &["loopback"]),
            repaired("loopback", &[NotReady], &[ColdStart], &["bootstrap"]),
            repaired("bootstrap", &[ColdStart], &[], &[]),
        ];
        let effects: Vec<Effect> = [
            effect(&first, &series[0].trial),
            effect(&series[0].trial, &series[1].trial),
            effect(&series[1].trial, &series[2].trial),
            effect(&series[2].trial, &series[3].trial),
        ]
        .to_vec();
        assert_eq!(effects, [Effect::Moved, Effect::Moved, Effect::Moved, Effect::Gone]);
        assert_eq!(confirmed(&first, &series), ["quorum", "copies", "loopback", "bootstrap"]);
        // The same series cut short proves nothing: it still fails.
        assert!(confirmed(&first, &series[..3]).is_empty());
    }

    #[test]
    fn one_repair_that_ends_the_failure_is_enough() {
        let first = trial(&[ColdStart], &["bootstrap"]);
        let series = [repaired("bootstrap", &[ColdStart], &[], &[])];
        assert_eq!(confirmed(&first, &series), ["bootstrap"]);
    }

    #[test]
    fn a_repair_that_changes_nothing_is_not_confirmed_by_what_follows() {
        let first = trial(&[ColdStart], &["bootstrap"]);
        let series = [
            repaired("other", &[], &[ColdStart], &["bootstrap"]),
            repaired("bootstrap", &[ColdStart], &[], &[]),
        ];
        assert_eq!(effect(&first, &series[0].trial), Effect::Unchanged);
        assert!(goes_on(Effect::Unchanged));
        assert_eq!(confirmed(&first, &series), ["bootstrap"]);
    }

    #[test]
    fn what_comes_back_later_was_not_repaired() {
        let first = trial(&[LeaderGone, ColdStart], &["copies"]);
        let series = [
            // Hidden, not gone: it is seen again as soon as the stack works.
            repaired("copies", &[LeaderGone], &[NotReady], &["loopback"]),
            repaired("loopback", &[NotReady], &[LeaderGone, ColdStart], &["bootstrap"]),
            repaired("bootstrap", &[ColdStart, LeaderGone], &[], &[]),
        ];
        assert_eq!(confirmed(&first, &series), ["loopback", "bootstrap"]);
    }

    #[test]
    fn another_s_symptom_confirms_nobody() {
        let first = trial(&[LeaderGone], &[]);
        let series = [repaired("bootstrap", &[ColdStart], &[], &[])];
        assert!(confirmed(&first, &series).is_empty());
    }

    #[test]
    fn getting_worse_is_no_progress() {
        let first = trial(&[ColdStart], &["bootstrap"]);
        let ruined = trial(&[NotReady], &[]);
        assert_eq!(effect(&first, &ruined), Effect::Worse);
        assert_eq!(effect(&first, &trial(&[ColdStart, LeaderGone], &["x"])), Effect::Worse);
        assert!(!goes_on(Effect::Worse));
        // A run that says nothing is no outcome.
        let silent = Trial { verdict: Verdict::Invalid, ..Trial::default() };
        assert_eq!(effect(&first, &silent), Effect::Unknown);
        assert_eq!(effect(&silent, &first), Effect::Unknown);
    }

    #[test]
    fn where_all_holds_there_is_nothing_to_prove() {
        let first = trial(&[], &[]);
        assert!(confirmed(&first, &[repaired("x", &[], &[], &[])]).is_empty());
        assert_eq!(effect(&first, &trial(&[], &[])), Effect::Unchanged);
        assert_eq!(effect(&first, &trial(&[ColdStart], &[])), Effect::Worse);
    }

    #[test]
    fn causes_are_repaired_in_their_order_and_once() {
        let cause = |mode: &str, has_edits| Cause {
            mode: mode.to_owned(),
            title: String::new(),
            has_edits,
            advice: String::new(),
        };
        let causes = [cause("by-hand", false), cause("a", true), cause("b", true)];
        let mode = |found: Option<&Cause>| found.map(|cause| cause.mode.clone());
        assert_eq!(mode(next(&causes, &[])).as_deref(), Some("a"));
        let done = [repaired("a", &[], &[], &[])];
        assert_eq!(mode(next(&causes, &done)).as_deref(), Some("b"));
        assert_eq!(next(&causes[..2], &done), None);
    }
}
