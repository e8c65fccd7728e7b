//! What goes wrong in a scenario, as something that a repair can make go away.

use std::collections::BTreeSet;

use wonin_model::rehearsal::{Delivery, Expectation, Phase, Rehearsal, Verdict};

use super::outage::Seen;
use super::predict::About;
use crate::workload::Temperature;

/// One thing that goes wrong, from the most to the least fundamental.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symptom {
    /// Records are not taken although nothing is broken.
    NotReady,
    /// No controller answers while the broker is gone.
    NoController,
    /// No partition takes records while the broker is gone.
    AllOut,
    /// The partitions that the broker led take nothing while it is gone.
    LeaderGone,
    /// Clients that start while the broker is gone send nothing at all.
    ColdStart,
    /// Records that are taken while the broker is gone are not read.
    GroupStalls,
    /// Some records are not taken while the broker is gone.
    Falters,
    /// Acknowledged records are lost, or the log is wrong otherwise.
    Lost,
    /// It does not come back when the broker is back.
    NotBack,
}

/// All that goes wrong.
pub(super) type Symptoms = BTreeSet<Symptom>;

impl Symptom {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NotReady => "records are not taken even before a broker is gone",
            Self::ColdStart => "clients that start while the broker is gone send nothing",
            Self::NoController => {
                "no controller: no topic can be made, no leader elected while the broker is gone"
            }
            Self::AllOut => "no partition takes records while the broker is gone",
            Self::LeaderGone => "partitions that the broker led take nothing while it is gone",
            Self::GroupStalls => "what is taken while the broker is gone is not read",
            Self::Falters => "not all records are taken while the broker is gone",
            Self::Lost => "acknowledged records are lost, or the log is wrong",
            Self::NotBack => "it does not come back when the broker is back",
        }
    }

    /// What a claim says that can be seen.
    pub(super) fn of(about: About) -> Self {
        match about {
            About::Quorum => Self::NoController,
            About::SingleCopy => Self::LeaderGone,
            About::Offsets => Self::GroupStalls,
            About::MinInsync => Self::AllOut,
            About::Bootstrap => Self::ColdStart,
            About::Loopback => Self::NotReady,
        }
    }
}

/// Whether a run ended because the stack does not work even while nothing is broken.
pub(super) fn is_never_ready(run: &Rehearsal) -> bool {
    let failed = |one: &Expectation| one.phase == Phase::Before && !one.held;
    run.verdict == Verdict::Invalid && run.faults.is_empty() && run.expectations.iter().any(failed)
}

/// What went wrong while a broker was gone, and after it.
pub(super) fn of_gone(
    run: &Rehearsal,
    seen: &Seen,
    node: i32,
    temperature: Temperature,
    is_real: bool,
) -> Symptoms {
    let mut found = Symptoms::new();
    let led = seen.partitions.iter().filter(|one| one.leader == node && one.sent > 0);
    let nothing = seen.taken() == 0;
    if is_real && seen.asked > 0 && seen.would_create == 0 {
        found.insert(Symptom::NoController);
    }
    if temperature == Temperature::Cold && nothing {
        found.insert(Symptom::ColdStart);
    } else if seen.taken() * 4 < seen.sent() || seen.sent() == 0 {
        found.insert(Symptom::AllOut);
    } else if led.clone().any(super::outage::Partition::is_out) {
        found.insert(Symptom::LeaderGone);
    } else if !seen.goes_on() {
        found.insert(Symptom::Falters);
    }
    if seen.taken() > 0 && seen.read() * 2 < seen.taken() {
        found.insert(Symptom::GroupStalls);
    }
    let is_bad = |delivery: &Delivery| {
        delivery.lost > 0 || delivery.anomalies.iter().any(|anomaly| anomaly.is_bad)
    };
    if run.delivery.as_ref().is_some_and(is_bad) {
        found.insert(Symptom::Lost);
    }
    // What is lost is judged at the end, too.
    let is_back = |one: &Expectation| one.held || one.phase != Phase::After;
    if !found.contains(&Symptom::Lost) && !run.expectations.iter().all(is_back) {
        found.insert(Symptom::NotBack);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::outage::tests::{half_out, window};
    use super::*;

    fn found(from_s: u64, to_s: u64, node: i32, temperature: Temperature) -> Vec<Symptom> {
        let seen = Seen::of(&half_out(), window(from_s, to_s));
        of_gone(&Rehearsal::default(), &seen, node, temperature, true).into_iter().collect()
    }

    #[test]
    fn what_goes_wrong_has_a_name() {
        let expected = [Symptom::NoController, Symptom::LeaderGone];
        assert_eq!(found(12, 20, 1, Temperature::Warm), expected);
        assert_eq!(found(0, 10, 1, Temperature::Warm), []);
        // Nobody could hand anything over.
        assert_eq!(found(40, 41, 1, Temperature::Cold), [Symptom::ColdStart]);
        assert_eq!(found(40, 41, 1, Temperature::Warm), [Symptom::AllOut]);
    }

    #[test]
    fn a_stack_that_never_worked_is_told_from_a_fault_that_missed() {
        let before = |held| Expectation {
            name: "records are taken".to_owned(),
            phase: Phase::Before,
            held,
            seen: "0 of 9".to_owned(),
        };
        let run = |held| Rehearsal {
            verdict: Verdict::Invalid,
            expectations: vec![before(held)],
            ..Rehearsal::default()
        };
        assert!(is_never_ready(&run(false)));
        assert!(!is_never_ready(&run(true)));
    }

    #[test]
    fn losing_records_is_not_the_same_as_staying_away() {
        let seen = Seen::of(&half_out(), window(0, 10));
        let after = Expectation {
            name: "x".to_owned(),
            phase: Phase::After,
            held: false,
            seen: "y".to_owned(),
        };
        let mut run = Rehearsal { expectations: vec![after], ..Rehearsal::default() };
        let of = |run: &Rehearsal| of_gone(run, &seen, 1, Temperature::Warm, true);
        assert_eq!(of(&run), Symptoms::from([Symptom::NotBack]));
        run.delivery = Some(Delivery { lost: 1, ..Delivery::default() });
        assert_eq!(of(&run), Symptoms::from([Symptom::Lost]));
    }
}
