//! Runs the scenarios one after the other, and holds predictions against what happened.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wonin_model::rehearsal::{Expectation, Phase, Rehearsal, Verdict};

use super::outage::{Seen, Window};
use super::plan::KafkaRehearsal;
use super::predict::{self, Gone, Slow, Tried};
use super::processes::Processes;
use super::scenarios::{Deed, Going, Node, Planned, breaks_at};
use super::sweep::Waits;
use super::symptom::{self, Symptom, Symptoms};
use crate::run::{Blame, CannotRun, RunOptions, Status, connects, rehearse as rehearse_scenario};
use crate::workload::kafka::{Admin, Records, RecordsSpec, Report, Settled};
use crate::workload::{Context, Meter, Workload as _};

/// Until an address takes a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Brokers by id with the addresses that they tell clients.
pub async fn brokers(bootstrap: &[String]) -> Result<Vec<(i32, String)>, CannotRun> {
    let admin = Admin::new(bootstrap).map_err(|error| CannotRun::new(error.to_string()))?;
    admin.brokers().await.map_err(|error| {
        CannotRun::new(error.to_string())
            .hint(format!("is it Kafka, without TLS, that listens on {}?", bootstrap.join(" or ")))
    })
}

/// Whether one of the addresses takes a connection; otherwise says of each why it does not. A client
/// would go on trying for many seconds, as if brokers were only starting.
pub async fn one_listens(bootstrap: &[String], allow_remote: bool) -> Result<(), CannotRun> {
    let looks: Vec<_> = bootstrap
        .iter()
        .map(|address| {
            let at = address.clone();
            let look = tokio::spawn(async move { connects(&at, CONNECT, allow_remote).await });
            (address, look)
        })
        .collect();
    let mut refusals = Vec::new();
    for (address, look) in looks {
        match look.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(()) => return Ok(()),
            Err(why) => refusals.push(format!("{address}: {why}")),
        }
    }
    Err(CannotRun::new(format!("no broker can be reached: {}", refusals.join("; ")))
        .hint("start one, or give an address at which one listens"))
}

/// Runs all that is planned. `stop` ends it early: what is broken is healed.
pub async fn rehearse(
    what: &KafkaRehearsal,
    options: &RunOptions,
    seed: u64,
    status: &Status,
    stop: &CancellationToken,
) -> Result<Rehearsal, CannotRun> {
    let runs = run(what, options, seed, status, stop, |_| false).await?;
    Ok(together(what, runs.done, &runs.notes.tried, seed))
}

/// Scenarios that were run, and what else is known of them.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) done: Vec<Rehearsal>,
    pub(super) notes: Notes,
}

/// What is known of scenarios beyond what is told of each.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Delays that were tried.
    tried: Vec<Tried>,
    /// All that went wrong.
    pub(super) symptoms: Symptoms,
    /// What became of records, by scenario.
    pub(super) seen: Vec<String>,
}

/// Runs the scenarios one after the other, until what is known is `enough`.
pub(super) async fn run(
    what: &KafkaRehearsal,
    options: &RunOptions,
    seed: u64,
    status: &Status,
    stop: &CancellationToken,
    enough: fn(&Notes) -> bool,
) -> Result<Runs, CannotRun> {
    let mut runs = Runs::default();
    let processes = Processes::of(&what.nodes);
    for (index, planned) in what.planned.iter().enumerate() {
        if stop.is_cancelled() || enough(&runs.notes) {
            break;
        }
        let mut options = options.clone();
        options.run_id = format!("{}-{index}", options.run_id);
        let nodes = processes.found_again(&what.nodes);
        let one = Scene { what, nodes: &nodes, planned, options: &options, seed };
        let place = format!("{} of {}: {}", index + 1, what.planned.len(), planned.name);
        status.say(place);
        runs.done.push(one.run(status, stop, &mut runs.notes).await?);
    }
    Ok(runs)
}

fn together(what: &KafkaRehearsal, done: Vec<Rehearsal>, tried: &[Tried], seed: u64) -> Rehearsal {
    let is_whole = done.len() == what.planned.len();
    let verdict = done.iter().map(|one| one.verdict).max().filter(|_| is_whole);
    let verdict = verdict.unwrap_or(Verdict::Aborted);
    let of_it: Vec<&Rehearsal> = done.iter().filter(|one| one.verdict == verdict).collect();
    let why = match (is_whole, of_it.first()) {
        (false, _) => format!("stopped after {} of {} scenarios", done.len(), what.planned.len()),
        (true, Some(first)) if verdict != Verdict::Held => {
            format!("{} of {} scenarios; `{}`: {}", of_it.len(), done.len(), first.name, first.why)
        }
        _ => format!("all {} scenarios held", done.len()),
    };
    let mut remarks = what.remarks.clone();
    remarks.extend(predict::steps(tried));
    let name = "kafka".to_owned();
    Rehearsal { name, verdict, why, seed, scenarios: done, remarks, ..Rehearsal::default() }
}

/// One scenario.
struct Scene<'a> {
    what: &'a KafkaRehearsal,
    nodes: &'a [Node],
    planned: &'a Planned,
    options: &'a RunOptions,
    seed: u64,
}

impl Scene<'_> {
    async fn run(
        &self,
        status: &Status,
        stop: &CancellationToken,
        notes: &mut Notes,
    ) -> Result<Rehearsal, CannotRun> {
        let report = Report::wanted();
        let (records, first_port) = self.records(report.clone());
        let Some(scenario) =
            self.planned.scenario(self.nodes, records.clone(), first_port, self.seed)
        else {
            return self.normal(records, stop).await;
        };
        let (mut rehearsal, _) = rehearse_scenario(&scenario, self.options, status, stop).await?;
        rehearsal.name.clone_from(&self.planned.name);
        if matches!(rehearsal.verdict, Verdict::Held | Verdict::Broke) {
            self.judge(&mut rehearsal, &report.take(), notes);
        } else if symptom::is_never_ready(&rehearsal) {
            rehearsal.predictions = predict::of_steady(&self.what.claims, false, &rehearsal.why);
            notes.symptoms.insert(Symptom::NotReady);
            notes.seen.push(format!("{}: {}", rehearsal.name, rehearsal.why));
        }
        Ok(rehearsal)
    }

    /// The workload, and the first port of the proxy where it needs one of its own.
    fn records(&self, report: Report) -> (RecordsSpec, Option<u16>) {
        let what = self.what;
        let is_start = |id: i32| what.starts_at.is_empty() || what.starts_at.contains(&id);
        let starts = what.nodes.iter().enumerate().filter(|(_, node)| is_start(node.id));
        let first_port = self.planned.is_at_proxy().then(|| free_ports(what.nodes.len())).flatten();
        let bootstrap = match (self.planned.is_at_proxy(), first_port) {
            (true, Some(first)) => starts
                .map(|(index, _)| format!("127.0.0.1:{}", u64::from(first) + index as u64))
                .collect(),
            // The engine fills in all listeners of the proxy.
            (true, None) => Vec::new(),
            (false, _) => starts.map(|(_, node)| node.address.clone()).collect(),
        };
        let (mut records, _) = what.application.workload(bootstrap);
        records.direct = what.nodes.iter().map(|node| node.address.clone()).collect();
        records.per_second = what.per_second;
        // Several for each broker, so that each leads some whatever the placement.
        records.partitions = u32::try_from(what.nodes.len() * 2).ok();
        records.external.extend(what.external.clone());
        if what.external.is_some() {
            records.producers = 0;
            records.consumers = 0;
        }
        records.report = report;
        (records, first_port)
    }

    /// The clients alone, while nothing is broken.
    async fn normal(
        &self,
        spec: RecordsSpec,
        stop: &CancellationToken,
    ) -> Result<Rehearsal, CannotRun> {
        let mut records = Records::new(spec);
        let meter = Arc::new(Meter::new(Instant::now()));
        let context = Context {
            meter: Arc::clone(&meter),
            seed: self.seed,
            run_id: self.options.run_id.clone(),
            allow_remote: self.options.allow_remote,
        };
        let started = records.start(context).await;
        started.map_err(|error| CannotRun::new(error.to_string()).blame(Blame::Stack))?;
        let began = meter.now();
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.planned.lasts) => {}
        }
        let ended = meter.now();
        let outcome = records.stop().await;
        let settled = records.settled();
        let window =
            window(&settled, Duration::from_secs(1), ended.saturating_sub(began), Duration::ZERO);
        let seen = Seen::of(&settled, window);
        let held = seen.goes_on() && !settled.checked.is_bad();
        let expectation = Expectation {
            name: "records are taken and read".to_owned(),
            phase: Phase::Before,
            held,
            seen: seen.words(),
        };
        let verdict = match (stop.is_cancelled(), held) {
            (true, _) => Verdict::Aborted,
            (_, true) => Verdict::Held,
            _ => Verdict::Broke,
        };
        Ok(Rehearsal {
            name: self.planned.name.clone(),
            verdict,
            why: seen.words(),
            seed: self.seed,
            expectations: vec![expectation],
            delivery: outcome.delivery,
            remarks: outcome.remarks,
            ..Rehearsal::default()
        })
    }

    fn judge(&self, rehearsal: &mut Rehearsal, settled: &Settled, notes: &mut Notes) {
        let Some(fault) = rehearsal.faults.first() else { return };
        let from = Duration::from_secs_f64(fault.from_s);
        // Healing begins then, and may take a while: a broker that is starting is half back.
        let planned = breaks_at() + self.planned.lasts;
        let to = fault.to_s.map_or(planned, |to_s| Duration::from_secs_f64(to_s).min(planned));
        match self.planned.deed {
            Deed::Nothing => {}
            Deed::Gone { node, how } => {
                self.judge_gone(rehearsal, settled, (node, how), (from, to), notes);
            }
            Deed::Slow { node, delay } => {
                notes.tried.push(self.judge_slow(rehearsal, settled, node, delay, (from, to)));
            }
        }
    }

    fn judge_gone(
        &self,
        rehearsal: &mut Rehearsal,
        settled: &Settled,
        (node, how): (i32, Going),
        (from, to): (Duration, Duration),
        notes: &mut Notes,
    ) {
        let window = window(settled, from + how.failover(), to, Duration::from_millis(700));
        let seen = Seen::of(settled, window);
        let gone = Gone {
            node,
            temperature: self.planned.temperature,
            is_real: how != Going::CutOff,
            starts_at: &self.what.starts_at,
        };
        rehearsal.predictions = predict::of_gone(&self.what.claims, gone, &seen);
        rehearsal.predictions.extend(predict::of_steady(
            &self.what.claims,
            true,
            "records were taken",
        ));
        let found = symptom::of_gone(rehearsal, &seen, node, gone.temperature, gone.is_real);
        notes.symptoms.extend(found);
        let lost = rehearsal.delivery.as_ref().map_or(0, |delivery| delivery.lost);
        let (taken, sent, read) = (seen.taken(), seen.sent(), seen.read());
        let what = match sent {
            0 => format!("not one record could be handed over, {lost} lost"),
            _ => format!("{taken} of {sent} records taken, {read} read, {lost} lost"),
        };
        notes.seen.push(format!("{}: {what}", rehearsal.name));
        let waited = crate::scenario::spoken(how.failover());
        let expectation = Expectation {
            name: format!("records go on {waited} after broker {node} is gone"),
            phase: Phase::During,
            held: seen.goes_on(),
            seen: seen.words(),
        };
        add(rehearsal, expectation);
    }

    fn judge_slow(
        &self,
        rehearsal: &mut Rehearsal,
        settled: &Settled,
        node: i32,
        delay: Duration,
        (from, to): (Duration, Duration),
    ) -> Tried {
        let waits = Waits::of(delay, self.planned.temperature);
        let seen = Seen::of(settled, window(settled, from + waits.lead, to, waits.tail));
        for fault in &mut rehearsal.faults {
            fault.what = format!("every answer {} late", crate::scenario::spoken(delay));
        }
        let names = self.what.application.names;
        let bounds = self.what.application.bounds();
        let slow = Slow { node, delay, temperature: self.planned.temperature, bounds: &bounds };
        let works = slow.works(&seen);
        let knob = if works {
            None
        } else {
            predict::knob(settled, &bounds, names, self.planned.temperature)
        };
        rehearsal.predictions = vec![slow.prediction(&seen, knob.as_ref())];
        Tried { delay, temperature: self.planned.temperature, works, knob }
    }
}

/// A span of a run, in the history's clock. What began within `margin` of its end is not looked at.
fn window(settled: &Settled, from: Duration, to: Duration, margin: Duration) -> Window {
    let at = |time: Duration| settled.began_us + time.as_micros() as u64;
    let last = to.saturating_sub(margin).max(from + Duration::from_millis(300));
    Window { from: at(from), to: at(last), answered_by: at(to) }
}

/// Adds an expectation of our own to what the engine judged.
fn add(rehearsal: &mut Rehearsal, expectation: Expectation) {
    if !expectation.held && rehearsal.verdict < Verdict::Invalid {
        rehearsal.verdict = Verdict::Broke;
        rehearsal.why = format!("{}: {}", expectation.name, expectation.seen);
    }
    let after = rehearsal.expectations.iter().position(|one| one.phase == Phase::After);
    let at = after.unwrap_or(rehearsal.expectations.len());
    rehearsal.expectations.insert(at, expectation);
}

/// The first of so many free ports in a row; others may take them before we do.
fn free_ports(count: usize) -> Option<u16> {
    (0..20).find_map(|_| {
        let first = TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
        let last = first.checked_add(u16::try_from(count).ok()?)?;
        let all: Option<Vec<TcpListener>> =
            (first..last).map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).collect();
        all.map(|_| first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let open = listener.local_addr().expect("it has one").to_string();
        let closed = "127.0.0.1:1".to_owned();
        let both = [closed.clone(), open];
        assert_eq!(one_listens(&both, false).await, Ok(()));
        let refused = one_listens(&both[..1], false).await.expect_err("nobody is there");
        assert_eq!(refused.what, format!("no broker can be reached: {closed}: connection refused"));
    }
}
