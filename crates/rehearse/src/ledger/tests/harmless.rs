//! Histories that only look wrong: nothing bad may be said of them.

use super::story::{Story, VERIFIER, X, polled, sent};
use crate::ledger::{Call, Judgement, LogFacts, Outcome};

#[track_caller]
fn nothing_bad(story: &Story) {
    let bad: Vec<_> = story.anomalies().into_iter().filter(|(_, _, is_bad)| *is_bad).collect();
    assert_eq!(bad, []);
}

#[test]
fn nothing_at_all() {
    assert_eq!(Story::new().anomalies(), []);
}

#[test]
fn gaps_of_control_records_are_no_gaps() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 4)
        .send(0, 3, 9)
        .assign(1)
        .poll(1, &[(0, 1)])
        .poll(1, &[(4, 2), (9, 3)]);
    assert_eq!(story.anomalies(), []);
}

#[test]
fn a_group_may_move_and_repeat() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .subscribe(1)
        .subscribe(2)
        .poll(1, &[(0, 1)])
        .poll(2, &[(1, 2)])
        .poll(1, &[(2, 3)])
        .poll(1, &[(0, 1), (1, 2), (2, 3)]);
    nothing_bad(&story);
}

#[test]
fn reading_again_after_a_rebalance_is_no_step_back() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .subscribe(1)
        .poll(1, &[(0, 1), (1, 2)])
        .poll(1, &[(0, 1), (1, 2)])
        .rebalanced();
    let names = story.names();
    assert!(!names.contains(&"nonmonotonic-poll"), "{names:?}");
    nothing_bad(&story);
}

#[test]
fn a_rebalance_within_an_operation_excuses_its_jumps() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .subscribe(1)
        .poll(1, &[(0, 1), (2, 3), (0, 1), (1, 2)])
        .rebalanced();
    nothing_bad(&story);
}

#[test]
fn a_new_assignment_begins_anew() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .assign(1)
        .poll(1, &[(0, 1), (1, 2)])
        .take(1, Call::Assign, &[])
        .assign(1)
        .poll(1, &[(0, 1), (1, 2)]);
    nothing_bad(&story);
}

#[test]
fn a_fresh_client_begins_anew() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .assign(1)
        .poll(1, &[(0, 1), (1, 2)])
        .op(1, Call::Crash, Outcome::Ok, &[])
        .assign(1)
        .poll(1, &[(0, 1), (1, 2)]);
    nothing_bad(&story);
}

#[test]
fn an_unknown_send_may_have_happened_or_not() {
    for read in [&[(0, 1), (1, 2)][..], &[(0, 1)][..]] {
        let story = Story::new().send(0, 1, 0).try_send(0, 2, Outcome::Info).verify(read);
        assert_eq!(story.anomalies(), []);
    }
}

#[test]
fn an_unknown_send_that_turns_up_late_is_not_out_of_order() {
    let story = Story::new()
        .try_send(0, 1, Outcome::Info)
        .send(2, 2, 0)
        .assign(1)
        .poll(1, &[(0, 2)])
        .poll(1, &[(1, 1)]);
    nothing_bad(&story);
}

#[test]
fn sends_without_an_offset_are_not_judged_by_it() {
    let story = Story::new()
        .op(0, Call::Send, Outcome::Ok, &[sent(X, 1, None)])
        .op(0, Call::Send, Outcome::Ok, &[sent(X, 2, None)])
        .verify(&[(3, 1), (7, 2)]);
    assert_eq!(story.anomalies(), []);
}

#[test]
fn retention_removes_old_records() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .log(LogFacts { start: 2, is_read_whole: true, is_compacted: false })
        .assign(1)
        .poll(1, &[(2, 3)]);
    nothing_bad(&story);
    assert_eq!(story.check().delivery.lost, 0);
}

#[test]
fn retention_does_not_excuse_what_is_missing_behind_it() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .log(LogFacts { start: 1, is_read_whole: true, is_compacted: false })
        .poll(1, &[(2, 3)]);
    assert_eq!(story.check().delivery.lost, 1);
}

#[test]
fn compaction_removes_records_in_between() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .log(LogFacts { start: 0, is_read_whole: true, is_compacted: true })
        .assign(1)
        .poll(1, &[(0, 1)])
        .poll(1, &[(2, 3)]);
    nothing_bad(&story);
}

#[test]
fn what_failed_is_not_missed() {
    // A careless reader saw the record of a write that failed; a careful one rightly did not.
    let story = Story::new()
        .send(0, 1, 0)
        .try_send(0, 2, Outcome::Fail)
        .send(0, 3, 2)
        .op(5, Call::Poll, Outcome::Info, &[polled(X, &[(1, 2)])])
        .assign(1)
        .poll(1, &[(0, 1)])
        .poll(1, &[(2, 3)]);
    nothing_bad(&story);
}

#[test]
fn a_failed_poll_does_not_move_the_reader() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .assign(1)
        .poll(1, &[(0, 1)])
        .op(1, Call::Poll, Outcome::Fail, &[polled(X, &[(1, 2)])])
        .poll(1, &[(1, 2)]);
    nothing_bad(&story);
}

#[test]
fn records_in_flight_together_may_change_places() {
    let mut story = Story::new().send(0, 1, 1).send(0, 2, 0).verify(&[(0, 2), (1, 1)]);
    story.history.ops[0].completed_us = 5_000_000;
    let how = Judgement { is_idempotent: false, ..Judgement::default() };
    let story = story.judged(how);
    assert_eq!(story.anomalies(), [("nonmonotonic-send", 1, false)]);
}

#[test]
fn the_independent_reader_is_no_consumer() {
    let story = Story::new()
        .send(0, 1, 0)
        .subscribe(1)
        .poll(1, &[(0, 1)])
        .verify(&[(0, 1)])
        .poll(VERIFIER, &[]);
    assert_eq!(story.anomalies(), []);
    assert_eq!(story.check().delivery.read, 1);
}

#[test]
fn a_position_behind_what_was_done_is_right() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .subscribe(1)
        .poll(1, &[(0, 1), (1, 2)])
        .effect(1)
        .commit(1, false)
        .effect(2)
        .commit(2, false)
        .whole_sink();
    assert_eq!(story.anomalies(), []);
}

#[test]
fn a_position_for_the_batch_before_is_right() {
    let story = Story::new()
        .send(0, 1, 0)
        .send(0, 2, 1)
        .send(0, 3, 2)
        .subscribe(1)
        .poll(1, &[(0, 1)])
        .poll(1, &[(1, 2), (2, 3)])
        .commit(1, true);
    assert_eq!(story.anomalies(), []);
}

#[test]
fn a_sink_that_was_not_read_to_its_end_proves_no_loss() {
    let story = Story::new().send(0, 1, 0).send(0, 2, 1).poll(1, &[(0, 1), (1, 2)]).effect(1);
    assert_eq!(story.anomalies(), []);
}

#[test]
fn keys_that_nobody_named_do_not_disturb() {
    let mut story = Story::new().send(0, 1, 0).poll(1, &[(0, 1)]);
    story.history.keys.clear();
    assert_eq!(story.anomalies(), []);
}
