//! One history for each anomaly: exactly that one is named.

use super::story::{Story, VERIFIER, X, Y, polled, sent};
use crate::ledger::{Call, Judgement, Outcome};

#[test]
fn two_records_at_one_offset() {
    let story = Story::new().send(0, 1, 5).send(2, 2, 5);
    let found = story.anomalies();
    assert!(found.contains(&("inconsistent-offsets", 1, true)), "{found:?}");
    assert_eq!(story.check().delivery.anomalies[0].examples, ["x-0 offset 5: p0#1, p0#2"]);
}

#[test]
fn one_record_at_two_offsets() {
    let story = Story::new().send(0, 1, 0).send(0, 2, 1).poll(1, &[(0, 1), (1, 2), (2, 1)]);
    assert_eq!(story.anomalies(), [("duplicate", 1, true)]);
    assert_eq!(story.check().delivery.duplicated, 1);
    let how = Judgement { is_idempotent: false, ..Judgement::default() };
    assert_eq!(story.judged(how).anomalies(), [("duplicate", 1, false)]);
}

#[test]
fn a_record_is_gone_where_later_ones_were_read() {
    let story = Story::new().send(0, 1, 0).send(0, 2, 1).send(0, 3, 2).poll(1, &[(0, 1), (2, 3)]);
    assert!(story.names().contains(&"lost-write"), "{:?}", story.names());
    assert_eq!(story.check().delivery.lost, 1);
}

#[test]
fn the_last_record_is_gone_where_the_whole_log_was_read() {
    let story = Story::new().send(0, 1, 0).send(0, 2, 1).poll(1, &[(0, 1)]).verify(&[(0, 1)]);
    assert_eq!(story.anomalies(), [("lost-write", 1, true)]);
    let delivery = story.check().delivery;
    assert_eq!((delivery.lost, delivery.not_delivered), (1, 0));
    let words = &delivery.anomalies[0].examples[0];
    assert_eq!(words, "x-0: p0#2 acknowledged at offset 1, and it is not in the log");
}

#[test]
fn an_unknown_send_that_somebody_read_must_stay() {
    let step = [sent(X, 1, Some(0)), sent(X, 2, Some(1)), sent(X, 3, Some(2))];
    let story = Story::new().op(0, Call::Send, Outcome::Info, &step).poll(1, &[(0, 1), (2, 3)]);
    assert!(story.names().contains(&"lost-write"), "{:?}", story.names());
}

#[test]
fn a_record_that_nobody_read_at_the_end() {
    let story = Story::new().send(0, 1, 0).send(0, 2, 1).poll(1, &[(0, 1)]);
    assert_eq!(story.anomalies(), [("unseen", 1, true)]);
    assert_eq!(story.check().backlog.last().map(|(_, waiting)| *waiting), Some(1));
}

#[test]
fn a_record_in_the_log_that_no_consumer_was_given() {
    let story =
        Story::new().send(0, 1, 0).send(0, 2, 1).poll(1, &[(0, 1)]).verify(&[(0, 1), (1, 2)]);
    assert_eq!(story.anomalies(), []);
    let delivery = story.check().delivery;
    assert_eq!((delivery.lost, delivery.not_delivered, delivery.read), (0, 1, 1));
}

#[test]
fn a_record_is_read_whose_write_failed() {
    let story = Story::new().try_send(0, 1, Outcome::Fail).poll(1, &[(0, 1)]);
    assert_eq!(story.anomalies(), [("G1a", 1, true)]);
}

#[test]
fn a_transaction_reads_what_it_sent() {
    let steps = [sent(X, 1, Some(0)), polled(X, &[(0, 1)])];
    let story = Story::new().transaction(0, Outcome::Ok, &steps);
    assert_eq!(story.anomalies(), [("precommitted-read", 1, true)]);
}

fn three() -> Story {
    Story::new().send(0, 1, 0).send(0, 2, 1).send(0, 3, 2)
}

#[test]
fn an_assigned_reader_leaves_something_out() {
    let story = three()
        .assign(1)
        .poll(1, &[(0, 1)])
        .poll(1, &[(2, 3)])
        .assign(3)
        .poll(3, &[(0, 1), (1, 2), (2, 3)]);
    assert!(story.anomalies().contains(&("poll-skip", 1, true)), "{:?}", story.anomalies());
}

#[test]
fn an_assigned_reader_goes_back() {
    let story = three().assign(1).poll(1, &[(0, 1), (1, 2)]).poll(1, &[(1, 2), (2, 3)]);
    let found = story.anomalies();
    assert!(found.contains(&("nonmonotonic-poll", 1, true)), "{found:?}");
    assert!(found.contains(&("redelivered", 1, false)), "{found:?}");
}

#[test]
fn a_reader_leaves_something_out_within_a_poll() {
    let story = three().poll(1, &[(0, 1), (2, 3)]).poll(3, &[(1, 2)]);
    assert_eq!(story.anomalies(), [("int-poll-skip", 1, true)]);
}

#[test]
fn a_reader_goes_back_within_a_poll() {
    let story = three().poll(1, &[(0, 1), (1, 2), (0, 1)]).poll(3, &[(2, 3)]);
    assert!(story.names().contains(&"int-nonmonotonic-poll"), "{:?}", story.names());
}

#[test]
fn a_sender_s_second_record_stands_before_its_first() {
    let story = Story::new().send(0, 1, 5).send(0, 2, 3).verify(&[(3, 2), (5, 1)]);
    assert_eq!(story.anomalies(), [("nonmonotonic-send", 1, true), ("G0-process", 1, false)]);
    assert_eq!(story.check().delivery.reordered, 1);
}

#[test]
fn records_of_one_operation_stand_the_wrong_way_round() {
    let steps = [sent(X, 1, Some(1)), sent(X, 2, Some(0))];
    let story = Story::new().transaction(0, Outcome::Ok, &steps).poll(1, &[(0, 2), (1, 1)]);
    assert_eq!(story.anomalies(), [("int-nonmonotonic-send", 1, true)]);
}

#[test]
fn somebody_writes_between_the_records_of_one_operation() {
    let steps = [sent(X, 1, Some(0)), sent(X, 3, Some(2))];
    let story = Story::new()
        .transaction(0, Outcome::Ok, &steps)
        .send(2, 2, 1)
        .poll(1, &[(0, 1), (1, 2), (2, 3)]);
    let found = story.anomalies();
    assert!(found.contains(&("int-send-skip", 1, false)), "{found:?}");
    // The two writers are also in a cycle of writes, which Kafka does not exclude.
    assert!(found.contains(&("G0", 1, false)), "{found:?}");
    assert!(!story.check().is_bad());
}

#[test]
fn two_writers_are_before_each_other() {
    let story = Story::new()
        .transaction(0, Outcome::Ok, &[sent(X, 1, Some(0)), sent(Y, 2, Some(1))])
        .transaction(2, Outcome::Ok, &[sent(X, 3, Some(1)), sent(Y, 4, Some(0))])
        .transaction(1, Outcome::Ok, &[polled(X, &[(0, 1), (1, 3)]), polled(Y, &[(0, 4), (1, 2)])]);
    assert_eq!(story.anomalies(), [("G0", 1, false)]);
}

#[test]
fn writes_against_the_order_of_a_process() {
    let story = Story::new()
        .send(0, 1, 1)
        .transaction(0, Outcome::Ok, &[sent(Y, 2, Some(0))])
        .transaction(2, Outcome::Ok, &[sent(Y, 3, Some(1)), sent(X, 4, Some(0))])
        .verify(&[(0, 4), (1, 1)])
        .transaction(VERIFIER, Outcome::Ok, &[polled(Y, &[(0, 2), (1, 3)])]);
    assert_eq!(story.anomalies(), [("G0-process", 1, false)]);
}

#[test]
fn writes_against_real_time() {
    let story = Story::new().send(0, 1, 1).send(2, 2, 0).poll(1, &[(0, 2), (1, 1)]);
    assert_eq!(story.anomalies(), [("G0-realtime", 1, false)]);
}

#[test]
fn two_transactions_read_from_each_other() {
    let story = Story::new()
        .transaction(0, Outcome::Ok, &[sent(X, 1, Some(0)), polled(Y, &[(0, 2)])])
        .transaction(1, Outcome::Ok, &[sent(Y, 2, Some(0)), polled(X, &[(0, 1)])]);
    assert_eq!(story.anomalies(), [("G1c", 1, true)]);
}

#[test]
fn a_read_from_the_own_future() {
    let story = Story::new()
        .poll(0, &[(0, 1)])
        .transaction(0, Outcome::Ok, &[sent(Y, 2, Some(0))])
        .transaction(1, Outcome::Ok, &[polled(Y, &[(0, 2)]), sent(X, 1, Some(0))]);
    assert_eq!(story.anomalies(), [("G1c-process", 1, true)]);
}

#[test]
fn a_read_from_the_future() {
    let story = Story::new().poll(1, &[(0, 1)]).send(0, 1, 0);
    assert_eq!(story.anomalies(), [("G1c-realtime", 1, true)]);
}

#[test]
fn reads_and_writes_in_a_circle_are_only_told() {
    let mut story = Story::new()
        .transaction(0, Outcome::Ok, &[sent(X, 1, Some(0)), polled(Y, &[(0, 3)])])
        .transaction(2, Outcome::Ok, &[sent(X, 2, Some(1)), sent(Y, 3, Some(0))])
        .verify(&[(0, 1), (1, 2)]);
    story.history.ops[1].invoked_us = 0;
    assert_eq!(story.anomalies(), [("G1c", 1, false)]);
}

#[test]
fn a_subscriber_is_given_a_record_twice() {
    let story = three().subscribe(1).poll(1, &[(0, 1), (1, 2), (2, 3)]).poll(1, &[(2, 3)]);
    let expected =
        [("redelivered", 1, false), ("consume-counts", 1, false), ("nonmonotonic-poll", 1, false)];
    assert_eq!(story.anomalies(), expected);
    let how = Judgement { is_exactly_once: true, ..Judgement::default() };
    assert_eq!(story.judged(how).anomalies()[0], ("redelivered", 1, true));
}

#[test]
fn a_reader_learns_late_of_a_record() {
    let story = three().poll(1, &[(0, 1)]).poll(2, &[]).poll(1, &[(1, 2), (2, 3)]);
    let checked = story.check();
    // Known at 1.5 s, the second poll began at 5 s.
    assert_eq!(checked.lag_us_max, 3_500_000);
    let lag = checked.delivery.anomalies.iter().find(|anomaly| anomaly.name == "realtime-lag");
    assert!(lag.is_some_and(|lag| lag.examples[0].contains("3.500 s")), "{lag:?}");
}

#[test]
fn a_stored_position_is_ahead_of_the_batch_at_work() {
    let story = three().subscribe(1).poll(1, &[(0, 1), (1, 2), (2, 3)]).commit(3, true);
    assert_eq!(story.anomalies(), [("committed-too-far", 1, true)]);
}

#[test]
fn a_stored_position_is_ahead_of_the_effects() {
    let story = three()
        .subscribe(1)
        .poll(1, &[(0, 1), (1, 2), (2, 3)])
        .effect(1)
        .commit(2, false)
        .effect(2)
        .effect(3)
        .whole_sink();
    assert_eq!(story.anomalies(), [("committed-too-far", 1, true)]);
}

#[test]
fn a_record_has_no_effect() {
    let story = three().poll(1, &[(0, 1), (1, 2), (2, 3)]).effect(1).effect(3).whole_sink();
    assert_eq!(story.anomalies(), [("effect-lost", 1, true)]);
}

#[test]
fn a_record_has_its_effect_twice() {
    let story = three().poll(1, &[(0, 1), (1, 2), (2, 3)]).effect(1).effect(2).effect(2).effect(3);
    assert_eq!(story.anomalies(), [("effect-duplicate", 1, true)]);
    let how = Judgement { has_single_effects: false, ..Judgement::default() };
    assert_eq!(story.judged(how).anomalies(), [("effect-duplicate", 1, false)]);
}

#[test]
fn where_a_consumer_goes_on_after_a_rollback() {
    for (next, name) in [
        ([(1, 2)], "abort-rewind"),
        ([(0, 1)], "abort-rewind-further"),
        ([(2, 3)], "abort-unchanged"),
    ] {
        let story = three()
            .subscribe(1)
            .transaction(1, Outcome::Ok, &[polled(X, &[(0, 1)])])
            .transaction(1, Outcome::Fail, &[polled(X, &[(1, 2)])])
            .transaction(1, Outcome::Ok, &[polled(X, &next)]);
        assert!(story.anomalies().contains(&(name, 1, false)), "{name}: {:?}", story.anomalies());
    }
}

#[test]
fn few_of_many_cases_are_shown() {
    let mut story = Story::new();
    for number in 0..100 {
        story = story.send(0, number, number * 2).send(2, 1000 + number, number * 2);
    }
    let found = story.check().delivery.anomalies;
    let offsets = found.iter().find(|found| found.name == "inconsistent-offsets");
    let offsets = offsets.expect("every offset holds two records");
    assert_eq!((offsets.count, offsets.examples.len()), (100, 32));
    let unseen = found.iter().find(|found| found.name == "unseen").expect("nobody reads");
    assert_eq!((unseen.count, unseen.examples.len()), (200, 8));
}
