//! What `diagnose` says will happen in a scenario, beside what happened.

use std::time::Duration;

use wonin_model::rehearsal::Prediction;
use wonin_model::{Diagnosis, Role};

use super::knobs::{self, Bound, Knob, Names};
use super::outage::Seen;
use crate::scenario::spoken;
use crate::workload::Temperature;
use crate::workload::kafka::Settled;

/// What a finding predicts of a broker that stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// No controller is left.
    Quorum,
    /// Partitions with one copy go with their broker.
    SingleCopy,
    /// The group's offsets have one copy.
    Offsets,
    /// Every copy must be in sync.
    MinInsync,
    /// A client that starts knows the stopped broker alone.
    Bootstrap,
    /// Brokers tell each other addresses that lead back to themselves: nothing is replicated.
    Loopback,
}

/// One claim of `diagnose` that a rehearsal can hold against what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Id of the failure mode.
    pub mode: String,
    /// The finding's title.
    pub title: String,
    /// What it is about.
    pub about: About,
}

/// The claims of a diagnosis that stopping brokers can show.
pub fn claims(diagnosis: &Diagnosis) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for finding in &diagnosis.findings {
        let is_offsets = finding.title.contains("__consumer_offsets");
        let about = match finding.meta.id {
            "quorum-without-spare" => About::Quorum,
            "single-replica" if is_offsets => About::Offsets,
            "single-replica" => About::SingleCopy,
            "min-isr-equals-replication" => About::MinInsync,
            "single-bootstrap" => About::Bootstrap,
            "advertised-loopback" => About::Loopback,
            _ => continue,
        };
        let is_known = claims.iter().any(|claim| claim.about == about);
        if !is_known && finding.role != Role::Latent {
            let (mode, title) = (finding.meta.id.to_owned(), finding.title.clone());
            claims.push(Claim { mode, title, about });
        }
    }
    claims
}

/// A broker that was gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone<'a> {
    pub(super) node: i32,
    pub(super) temperature: Temperature,
    /// Whether it was gone for the other brokers, too.
    pub(super) is_real: bool,
    /// Ids of the brokers at which the application starts; empty where that is not known.
    pub(super) starts_at: &'a [i32],
}

/// What each claim says of this broker, and what was seen; claims that this says nothing about are
/// left out.
pub(super) fn of_gone(claims: &[Claim], gone: Gone<'_>, seen: &Seen) -> Vec<Prediction> {
    claims.iter().filter_map(|claim| prediction(claim, gone, seen)).collect()
}

fn prediction(claim: &Claim, gone: Gone<'_>, seen: &Seen) -> Option<Prediction> {
    let node = gone.node;
    let led = seen.partitions.iter().filter(|one| one.leader == node);
    let (says, seen_words, came_true) = match claim.about {
        About::Quorum if gone.is_real && seen.asked > 0 => (
            "no topic can be made and no leader elected while it is gone".to_owned(),
            creation(seen),
            seen.would_create == 0,
        ),
        About::SingleCopy if led.clone().any(|one| one.sent > 0) => (
            format!("the partitions that broker {node} leads take nothing until it is back"),
            seen.words(),
            led.filter(|one| one.sent > 0).all(super::outage::Partition::is_out),
        ),
        About::Offsets if seen.taken() > 0 => (
            format!("the group reads nothing, if its offsets lie on broker {node}"),
            format!("{} of {} records taken were read meanwhile", seen.read(), seen.taken()),
            seen.read() * 2 < seen.taken(),
        ),
        About::MinInsync if seen.sent() > 0 => (
            "no partition takes records that all copies must confirm".to_owned(),
            seen.words(),
            seen.taken() * 2 < seen.sent(),
        ),
        About::Bootstrap if gone.temperature == Temperature::Cold && gone.starts_at == [node] => (
            format!("a client that starts now knows broker {node} alone and sends nothing"),
            seen.words(),
            seen.taken() == 0,
        ),
        // Nothing needs to be broken for it: see `of_steady`.
        _ => return None,
    };
    let claim_text = format!("{}: {says}", claim.title);
    Some(Prediction { mode: claim.mode.clone(), claim: claim_text, seen: seen_words, came_true })
}

fn creation(seen: &Seen) -> String {
    let asked = match seen.asked {
        1 => "asked once whether it would make a topic".to_owned(),
        asked => format!("asked {asked} times whether it would make a topic"),
    };
    match (&seen.refused, seen.would_create) {
        (None, _) => format!("{asked}, the controller said yes"),
        (Some(why), 0) => format!("{asked}, no controller said yes: {}", answer(why)),
        (Some(why), yes) => {
            format!("{asked}, the controller said yes {yes} times; else: {}", answer(why))
        }
    }
}

/// A library's words for the same thing, in ours.
fn answer(why: &str) -> &str {
    if why.contains("Local: Timed out") { "no answer came" } else { why }
}

/// What the claims say of the stack while nothing is broken, beside what was seen of it.
pub(super) fn of_steady(claims: &[Claim], is_steady: bool, seen: &str) -> Vec<Prediction> {
    let of = claims.iter().filter(|claim| claim.about == About::Loopback);
    of.map(|claim| Prediction {
        mode: claim.mode.clone(),
        claim: format!(
            "{}: copies cannot follow, and nothing is taken that all of them must confirm, even \
             while nothing is broken",
            claim.title
        ),
        seen: seen.to_owned(),
        came_true: !is_steady,
    })
    .collect()
}

/// A broker that was slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slow<'a> {
    pub(super) node: i32,
    pub(super) delay: Duration,
    pub(super) temperature: Temperature,
    pub(super) bounds: &'a [Bound],
}

impl Slow<'_> {
    /// Settings that end a wait at this delay, within the time that is watched.
    fn ended_by(&self) -> impl Iterator<Item = &Bound> {
        let is_cold = self.temperature == Temperature::Cold;
        self.bounds.iter().filter(move |bound| {
            (is_cold || !bound.is_cold) && self.delay * bound.answers > bound.lasts
        })
    }

    /// Whether the partitions of the slow broker went on.
    pub(super) fn works(&self, seen: &Seen) -> bool {
        let mut led = seen.partitions.iter().filter(|one| one.leader == self.node).peekable();
        if led.peek().is_none() {
            seen.goes_on()
        } else {
            led.all(|one| one.sent > 0 && !one.is_out())
        }
    }

    /// What the settings say of this delay, beside what happened.
    pub(super) fn prediction(&self, seen: &Seen, knob: Option<&Knob>) -> Prediction {
        let (node, delay) = (self.node, spoken(self.delay));
        let ended: Vec<&Bound> = self.ended_by().collect();
        let works = self.works(seen);
        let mut seen_words = seen.words();
        if works {
            let slowest = spoken(Duration::from_micros(seen.slowest_us));
            seen_words = format!("{seen_words}, the slowest after {slowest}");
        } else if let Some(knob) = knob {
            seen_words = format!("{seen_words}; ended by {}", said(knob));
        }
        let (mode, says) = match ended.first() {
            None => ("wrong-knob", "no timeout is reached: records are taken, late".to_owned()),
            Some(first) => (
                if first.is_cold { "delay-beyond-connect-cap" } else { "wrong-knob" },
                format!(
                    "{} = {} ms ends the wait: its partitions take nothing",
                    first.name,
                    first.lasts.as_millis()
                ),
            ),
        };
        let start = match self.temperature {
            Temperature::Warm => "clients that are connected",
            Temperature::Cold => "clients that start meanwhile",
        };
        Prediction {
            mode: mode.to_owned(),
            claim: format!("answers of broker {node} {delay} late, {start}: {says}"),
            seen: seen_words,
            came_true: works == ended.is_empty(),
        }
    }
}

/// A setting with the number that its text named.
pub(super) fn said(knob: &Knob) -> String {
    match knob.said_ms {
        Some(ms) => format!("`{}` (its text says {ms} ms)", knob.name),
        None => format!("`{}`", knob.name),
    }
}

/// The setting that ended what did not succeed, by what clients said.
///
/// A client that was connected connects again once a request has ended it, and waits for what ends
/// connecting, too: the request was first.
pub(super) fn knob(
    settled: &Settled,
    bounds: &[Bound],
    names: Names,
    temperature: Temperature,
) -> Option<Knob> {
    let texts = settled.errors.iter().chain(&settled.lines).map(|(text, _)| text.as_str());
    let knobs = knobs::named(&texts, bounds, names);
    let is_later = |knob: &Knob| {
        let bound = bounds.iter().find(|bound| bound.name == knob.name);
        temperature == Temperature::Warm && bound.is_some_and(|bound| bound.is_cold)
    };
    knobs.iter().find(|knob| !is_later(knob)).or(knobs.first()).cloned()
}

/// One run of a sweep.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) delay: Duration,
    pub(super) temperature: Temperature,
    pub(super) works: bool,
    pub(super) knob: Option<Knob>,
}

/// Between which delays a client stops working, and what made it stop.
pub(super) fn steps(tried: &[Tried]) -> Vec<String> {
    let mut steps = Vec::new();
    for temperature in [Temperature::Warm, Temperature::Cold] {
        let mut own: Vec<&Tried> =
            tried.iter().filter(|one| one.temperature == temperature).collect();
        own.sort_by_key(|one| one.delay);
        let who = format!("{} clients", temperature.name());
        let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
        let step = own.windows(2).find(|pair| pair[0].works && !pair[1].works);
        match step {
            Some(pair) => {
                let by = pair[1]
                    .knob
                    .as_ref()
                    .map_or_else(String::new, |knob| format!(": {}", said(knob)));
                steps.push(format!(
                    "{who} work with answers {} late and not with {}{by}",
                    spoken(pair[0].delay),
                    spoken(pair[1].delay)
                ));
            }
            None if last.works => {
                steps.push(format!("{who} work with answers up to {} late", spoken(last.delay)));
            }
            None => steps.push(format!(
                "{who} work at none of these delays, from {} on",
                spoken(first.delay)
            )),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::outage::tests::{half_out, window};
    use super::*;

    fn claim(mode: &str, about: About) -> Claim {
        Claim { mode: mode.to_owned(), title: mode.to_owned(), about }
    }

    fn all() -> Vec<Claim> {
        vec![
            claim("quorum-without-spare", About::Quorum),
            claim("single-replica", About::SingleCopy),
            claim("single-replica", About::Offsets),
            claim("min-isr-equals-replication", About::MinInsync),
            claim("single-bootstrap", About::Bootstrap),
        ]
    }

    #[test]
    fn claims_are_held_against_what_was_seen() {
        let seen = Seen::of(&half_out(), window(12, 20));
        let gone = Gone { node: 1, temperature: Temperature::Warm, is_real: true, starts_at: &[1] };
        let found = of_gone(&all(), gone, &seen);
        let came: Vec<(&str, bool)> =
            found.iter().map(|p| (p.mode.as_str(), p.came_true)).collect();
        let expected = [
            ("quorum-without-spare", true),
            ("single-replica", true),
            ("single-replica", false),
            ("min-isr-equals-replication", false),
        ];
        assert_eq!(came, expected);
    }

    #[test]
    fn what_a_scenario_cannot_show_is_not_claimed() {
        let seen = Seen::of(&half_out(), window(12, 20));
        // At the proxy alone the brokers still see each other.
        let gone = Gone { node: 1, temperature: Temperature::Warm, is_real: false, starts_at: &[] };
        assert!(of_gone(&all(), gone, &seen).iter().all(|p| p.mode != "quorum-without-spare"));
        // A client that starts elsewhere is not stopped by it.
        let cold =
            Gone { node: 1, temperature: Temperature::Cold, is_real: true, starts_at: &[1, 2] };
        assert!(of_gone(&all(), cold, &seen).iter().all(|p| p.mode != "single-bootstrap"));
        let alone = Gone { starts_at: &[1], ..cold };
        let found = of_gone(&all(), alone, &seen);
        let found = found.iter().find(|p| p.mode == "single-bootstrap");
        assert_eq!(found.map(|p| p.came_true), Some(false));
    }

    #[test]
    fn steps_name_the_setting_between_two_delays() {
        let knob = Knob { name: "max.block.ms", said_ms: Some(60_000) };
        let one = |s, temperature, works| Tried {
            delay: Duration::from_secs(s),
            temperature,
            works,
            knob: (!works).then(|| knob.clone()),
        };
        let tried = [
            one(20, Temperature::Cold, false),
            one(5, Temperature::Cold, true),
            one(5, Temperature::Warm, true),
        ];
        assert_eq!(
            steps(&tried),
            [
                "warm clients work with answers up to 5 s late",
                "cold clients work with answers 5 s late and not with 20 s: `max.block.ms` (its text \
                 says 60000 ms)"
            ]
        );
    }

    #[test]
    fn of_a_connected_client_the_request_ended_first() {
        let bound =
            |name, is_cold| Bound { name, lasts: Duration::from_secs(1), answers: 1, is_cold };
        let (setup, request) = ("socket.connection.setup.timeout.ms", "request.timeout.ms");
        let bounds = [bound(setup, true), bound(request, false)];
        let lines = [
            "Connection setup timed out in state CONNECT (after 1003ms in state CONNECT)",
            "Timed out ProduceRequest in flight (after 1009ms, timeout #0)",
        ];
        let lines = lines.map(|line| (line.to_owned(), 1)).to_vec();
        let settled = Settled { lines, ..Settled::default() };
        let name =
            |temperature| knob(&settled, &bounds, Names::Java, temperature).map(|knob| knob.name);
        assert_eq!(name(Temperature::Warm), Some(request));
        assert_eq!(name(Temperature::Cold), Some(setup));
    }

    #[test]
    fn a_slow_broker_is_predicted_by_its_bounds() {
        let bounds = [Bound {
            name: "socket.connection.setup.timeout.ms",
            lasts: Duration::from_secs(10),
            answers: 1,
            is_cold: true,
        }];
        let slow = Slow {
            node: 1,
            delay: Duration::from_secs(20),
            temperature: Temperature::Cold,
            bounds: &bounds,
        };
        let out = Seen::of(&half_out(), window(12, 20));
        let knob = Knob { name: "socket.connection.setup.timeout.ms", said_ms: Some(10_003) };
        let prediction = slow.prediction(&out, Some(&knob));
        assert!(prediction.came_true, "{prediction:?}");
        assert_eq!(prediction.mode, "delay-beyond-connect-cap");
        let warm = Slow { temperature: Temperature::Warm, ..slow };
        let fine = Seen::of(&half_out(), window(0, 10));
        assert!(warm.prediction(&fine, None).came_true);
        assert!(!slow.prediction(&fine, None).came_true);
    }
}
