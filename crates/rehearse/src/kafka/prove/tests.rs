//! Series of trials with invented outcomes.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::kafka::predict::About;

/// A stack whose repairs are words.
#[derive(Default)]
struct Words {
    causes: Vec<Cause>,
    claims: Vec<Claim>,
    repaired: Vec<String>,
}

impl Words {
    fn with(modes: &[(&str, About)]) -> Self {
        let cause = |(mode, _): &(&str, About)| Cause {
            mode: (*mode).to_owned(),
            title: String::new(),
            has_edits: true,
            advice: String::new(),
        };
        let claim = |(mode, about): &(&str, About)| Claim {
            mode: (*mode).to_owned(),
            title: String::new(),
            about: *about,
        };
        Self {
            causes: modes.iter().map(cause).collect(),
            claims: modes.iter().map(claim).collect(),
            repaired: Vec::new(),
        }
    }
}

impl Repairable for Words {
    fn now(&self) -> Result<Now, CannotRun> {
        let is_left = |mode: &str| !self.repaired.iter().any(|done| done == mode);
        let causes = self.causes.iter().filter(|cause| is_left(&cause.mode)).cloned().collect();
        let claims = self.claims.iter().filter(|claim| is_left(&claim.mode)).cloned().collect();
        Ok(Now { claims, causes, ..Now::default() })
    }

    fn repair(&mut self, mode: &str) -> Result<Repair, CannotRun> {
        self.repaired.push(mode.to_owned());
        Ok(Repair { mode: mode.to_owned(), ..Repair::default() })
    }

    fn diff(&self) -> Vec<String> {
        self.repaired.iter().map(|mode| format!("+{mode}")).collect()
    }
}

/// A lab with canned outcomes; `Err` is not tried out.
struct Canned(VecDeque<Result<Vec<Symptom>, Blame>>);

impl Lab for Canned {
    async fn try_out(
        &mut self,
        _: &Now,
        _: &Status,
        _: &CancellationToken,
    ) -> Result<Tried, CannotRun> {
        let symptoms = self.0.pop_front().expect("no more trials than planned");
        let symptoms =
            symptoms.map_err(|blame| CannotRun::new("it does not start").blame(blame))?;
        let verdict = if symptoms.is_empty() { Verdict::Held } else { Verdict::Broke };
        let trial = Trial {
            verdict,
            predicted_by: symptoms.iter().map(|one| format!("{one:?}")).collect(),
            symptoms: symptoms.into_iter().collect(),
        };
        Ok(Tried { trial, ..Tried::default() })
    }
}

/// Something that a lab is to answer.
type Outcome = Result<&'static [Symptom], Blame>;

fn try_prove(
    stack: &mut Words,
    outcomes: &[Outcome],
    stop: &CancellationToken,
) -> (Result<Rehearsal, CannotRun>, usize) {
    let outcomes = outcomes.iter().map(|one| one.map(<[Symptom]>::to_vec)).collect();
    let status = Status::default();
    let told = Mutex::new(0);
    let tell = |_: usize, _: &Step| *told.lock().expect("no test panics in it") += 1;
    let mut lab = Canned(outcomes);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let done = runtime.block_on(series(stack, &mut lab, &status, stop, tell));
    let told = *told.lock().expect("no test panics in it");
    (done, told)
}

fn prove(stack: &mut Words, outcomes: &[Outcome]) -> (Rehearsal, usize) {
    let (done, told) = try_prove(stack, outcomes, &CancellationToken::new());
    (done.expect("the files as they are start"), told)
}

use Symptom::{ColdStart, LeaderGone, NotReady};

const COPIES: (&str, About) = ("single-replica", About::SingleCopy);
const BOOTSTRAP: (&str, About) = ("single-bootstrap", About::Bootstrap);

#[test]
fn repairs_are_added_until_it_holds() {
    let mut stack = Words::with(&[COPIES, BOOTSTRAP]);
    let outcomes: [Outcome; 3] = [Ok(&[LeaderGone, ColdStart]), Ok(&[ColdStart]), Ok(&[])];
    let (done, told) = prove(&mut stack, &outcomes);
    assert_eq!((done.verdict, done.steps.len(), told), (Verdict::Held, 3, 3));
    assert_eq!(done.confirmed, ["single-replica", "single-bootstrap"]);
    assert_eq!(done.diff, ["+single-replica", "+single-bootstrap"]);
    let effects: Vec<_> = done.steps.iter().map(|step| step.effect).collect();
    assert_eq!(effects, [None, Some(Effect::Moved), Some(Effect::Gone)]);
    assert!(done.why.contains("single-replica, single-bootstrap"), "{}", done.why);
}

#[test]
fn it_ends_as_soon_as_it_holds() {
    let mut stack = Words::with(&[COPIES, BOOTSTRAP]);
    let (done, _) = prove(&mut stack, &[Ok(&[LeaderGone]), Ok(&[])]);
    assert_eq!(done.confirmed, ["single-replica"]);
    assert_eq!(stack.repaired, ["single-replica"]);
}

#[test]
fn what_holds_already_is_left_alone() {
    let mut stack = Words::with(&[COPIES]);
    let (done, _) = prove(&mut stack, &[Ok(&[])]);
    assert_eq!((done.verdict, done.steps.len()), (Verdict::Held, 1));
    assert!(stack.repaired.is_empty() && done.confirmed.is_empty());
    assert!(done.why.ends_with("nothing to prove"), "{}", done.why);
}

#[test]
fn a_repair_after_which_nothing_starts_ends_the_series() {
    let mut stack = Words::with(&[COPIES, BOOTSTRAP]);
    let (done, _) = prove(&mut stack, &[Ok(&[LeaderGone]), Err(Blame::Stack)]);
    assert_eq!(done.verdict, Verdict::Broke);
    assert_eq!(done.steps[1].effect, Some(Effect::Worse));
    assert_eq!(done.steps[1].seen, ["it does not start"]);
    assert!(done.confirmed.is_empty());
}

#[test]
fn what_is_repaired_by_hand_is_said() {
    let mut stack = Words::with(&[COPIES]);
    stack.causes[0].has_edits = false;
    stack.causes[0].advice = "add a third node".to_owned();
    let (done, _) = prove(&mut stack, &[Ok(&[NotReady])]);
    assert_eq!(done.verdict, Verdict::Broke);
    assert_eq!(done.remarks, ["single-replica is repaired by hand: add a third node"]);
}

#[test]
fn what_surrounds_the_stack_is_no_finding_about_it() {
    let mut stack = Words::with(&[COPIES]);
    let go_on = CancellationToken::new();
    let outcomes = [Ok(&[LeaderGone][..]), Err(Blame::Surroundings)];
    let (done, told) = try_prove(&mut stack, &outcomes, &go_on);
    assert_eq!((done.expect_err("no verdict").what.as_str(), told), ("it does not start", 1));
}

#[test]
fn what_is_left_of_a_trial_is_said_even_to_whoever_stops_it() {
    let stop = CancellationToken::new();
    stop.cancel();
    let (done, _) = try_prove(&mut Words::with(&[COPIES]), &[Err(Blame::Stack)], &stop);
    assert_eq!(done.expect("stopped").verdict, Verdict::Aborted);
    let (done, _) = try_prove(&mut Words::with(&[COPIES]), &[Err(Blame::Remains)], &stop);
    assert_eq!(done.expect_err("something is left").blame, Blame::Remains);
}
