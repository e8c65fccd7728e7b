//! # One worker for everybody, and it is busy
//!
//! ## What fails
//!
//! A server answers nothing for seconds, then all at once. The process lives, takes connections
//! and logs nothing; requests that need milliseconds take as long as the longest ones.
//!
//! ## Why
//!
//! It serves one request at a time: kdb+ with a positive port, a script with one worker, a job
//! runner with one thread. The kernel takes connections on its behalf meanwhile, so a connect
//! check stays green. What arrives waits for all that came before: at utilisation ρ = λS a stranger
//! waits about ρS(1+C²)/(2(1−ρ)). The time that each request kept the server busy is
//! `finish − max(start, finish of the one before)`; it tells culprits from victims. Redis runs one
//! command at a time as well: its slow log names those of 200 ms and more, for which all others wait.
//!
//! ## Example
//!
//! ```text logs/requests.log
//! 2025-03-02T03:00:00.300+00:00 10.0.1.11 select last from latest where site=`S00 20ms
//! 2025-03-02T03:00:04.300+00:00 10.0.1.11 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:08.300+00:00 10.0.1.11 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:12.300+00:00 10.0.1.11 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:16.300+00:00 10.0.1.11 select last from latest where site=`S04 20ms
//! 2025-03-02T03:00:20.300+00:00 10.0.1.11 select last from latest where site=`S05 20ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M000 500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M001 1000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M002 1500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M003 2000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M004 2500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M005 3000ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M006 3500ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter=`M007 4000ms
//! 2025-03-02T03:00:31.100+00:00 10.0.1.12 select last from latest where site=`S00 2920ms
//! 2025-03-02T03:00:32.000+00:00 10.0.0.5 1+1 2021ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M008 500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M009 1000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M010 1500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M011 2000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M012 2500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M013 3000ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M014 3500ms
//! 2025-03-02T03:00:34.200+00:00 10.0.9.20 select from readings where month=`03, meter=`M015 4000ms
//! 2025-03-02T03:00:35.100+00:00 10.0.1.12 select last from latest where site=`S01 3120ms
//! 2025-03-02T03:00:37.000+00:00 10.0.0.5 1+1 1221ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M016 500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M017 1000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M018 1500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M019 2000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M020 2500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M021 3000ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M022 3500ms
//! 2025-03-02T03:00:38.400+00:00 10.0.9.20 select from readings where month=`03, meter=`M023 4000ms
//! 2025-03-02T03:00:39.100+00:00 10.0.1.12 select last from latest where site=`S02 3320ms
//! 2025-03-02T03:00:42.000+00:00 10.0.0.5 1+1 421ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M024 500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M025 1000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M026 1500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M027 2000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M028 2500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M029 3000ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M030 3500ms
//! 2025-03-02T03:00:42.600+00:00 10.0.9.20 select from readings where month=`03, meter=`M031 4000ms
//! 2025-03-02T03:00:43.100+00:00 10.0.1.12 select last from latest where site=`S03 3520ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M032 500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M033 1000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M034 1500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M035 2000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M036 2500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M037 3000ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M038 3500ms
//! 2025-03-02T03:00:46.800+00:00 10.0.9.20 select from readings where month=`03, meter=`M039 4000ms
//! 2025-03-02T03:00:47.000+00:00 10.0.0.5 1+1 3801ms
//! 2025-03-02T03:00:47.100+00:00 10.0.1.12 select last from latest where site=`S04 3721ms
//! 2025-03-02T03:01:00.700+00:00 10.0.1.12 select last from latest where site=`S00 20ms
//! 2025-03-02T03:01:04.700+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:01:08.700+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:01:12.700+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:01:16.700+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:20.700+00:00 10.0.1.12 select last from latest where site=`S05 20ms
//! ```
//!
//! ## Fix
//!
//! Ask for many things at once, make the long request cheaper, let several processes or threads
//! listen, and limit one request's time (kdb+ `-T`).
//!
//! ```text logs/requests.log
//! 2025-03-02T03:00:00.300+00:00 10.0.1.11 select last from latest where site=`S00 20ms
//! 2025-03-02T03:00:04.300+00:00 10.0.1.11 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:08.300+00:00 10.0.1.11 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:12.300+00:00 10.0.1.11 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:16.300+00:00 10.0.1.11 select last from latest where site=`S04 20ms
//! 2025-03-02T03:00:20.300+00:00 10.0.1.11 select last from latest where site=`S05 20ms
//! 2025-03-02T03:00:30.000+00:00 10.0.9.20 select from readings where month=`03, meter in 40 meters 1200ms
//! 2025-03-02T03:00:31.100+00:00 10.0.1.12 select last from latest where site=`S00 120ms
//! 2025-03-02T03:00:32.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:35.100+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:00:37.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:39.100+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:00:42.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:43.100+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:00:47.000+00:00 10.0.0.5 1+1 1ms
//! 2025-03-02T03:00:47.100+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:00.700+00:00 10.0.1.12 select last from latest where site=`S00 20ms
//! 2025-03-02T03:01:04.700+00:00 10.0.1.12 select last from latest where site=`S01 20ms
//! 2025-03-02T03:01:08.700+00:00 10.0.1.12 select last from latest where site=`S02 20ms
//! 2025-03-02T03:01:12.700+00:00 10.0.1.12 select last from latest where site=`S03 20ms
//! 2025-03-02T03:01:16.700+00:00 10.0.1.12 select last from latest where site=`S04 20ms
//! 2025-03-02T03:01:20.700+00:00 10.0.1.12 select last from latest where site=`S05 20ms
//! ```
//!
//! ## How to rehearse
//!
//! One long query and a small probe beside it: the probe connects at once and is answered when the
//! long one ends.
//!
//! ## Evidence
//!
//! - Kx, "Listening port" and "Command line" (`-p`, `-T`); Pollaczek and Khinchine's formula.
//! - Checked by simulation: the identity gives back the service times of a single server.
//! - Inferred: that the server has one worker, from cheap requests that take as long as the longest
//!   while it is busy, and never otherwise.

use wonin_model::{
    Evidence, Finding, Fix, Load, LoadSlot, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
    Slow, Standing,
};

use crate::shared::seen::{Part, Values, between, signals, span};
use crate::shared::slow::{mean_us, ms, of_load, quoted, seconds};

pub(crate) struct SerialServerSaturated;

static META: ModeMeta = ModeMeta {
    id: "serial-server-saturated",
    family: "saturation",
    summary: "a server that serves one request at a time is busy without a pause",
    source: include_str!("serial_server_saturated.rs"),
};

impl Mode for SerialServerSaturated {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(evidence.loads.iter().filter_map(|load| match load.source {
            "redis" => held(evidence, load),
            _ => saturated(evidence, load),
        }));
    }
}

/// A command of Redis that runs for longer is felt by everybody, in microseconds.
const HELD_US: u64 = 200_000;

/// What callers say that got no answer in time.
const UNANSWERED: &[&str] =
    &["client.read-timeout", "lettuce.command-timeout", "jedis.connect-failed"];

/// A command that keeps Redis, which runs one at a time, from all others.
fn held(evidence: &Evidence, load: &Load) -> Option<Finding> {
    let slow = of_load(evidence, load);
    let culprit = *slow.first().filter(|one| one.max_us >= HELD_US)?;
    let title = format!(
        "{} takes Redis up to {} each time, and Redis runs one command at a time: all others wait meanwhile",
        quoted(&culprit.template),
        ms(culprit.max_us)
    );
    let window = culprit.first_ms.zip(culprit.last_ms).filter(|(first, last)| last > first);
    let arithmetic = match window {
        Some((first, last)) => {
            let window_us = last.abs_diff(first).saturating_mul(1000);
            let percent = (culprit.total_us.saturating_mul(100) / window_us.max(1)).min(100);
            format!(
                "{} × {} = {} s of {} s in which nobody else was served = {percent} %",
                culprit.count,
                ms(mean_us(culprit)),
                seconds(culprit.total_us),
                seconds(window_us)
            )
        }
        None => format!("{} × {}", culprit.count, ms(mean_us(culprit))),
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 92)
        .arithmetic(arithmetic)
        .leads_to("pool-exhausted");
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    let who = culprit.clients.first().map_or(String::new(), |(who, _)| format!(", sent by {who}"));
    finding = finding.because_at(
        format!("seen {} times{who}: durations here leave out all waiting", culprit.count),
        Origin::Written(culprit.place),
    );
    for signal in signals(evidence, UNANSWERED) {
        let asks_redis = |values: &Values| {
            let address = values.get("address").or(values.get("library"));
            signal.name == "lettuce.command-timeout"
                || address.is_some_and(|it| it.ends_with(":6379") || it.contains("jedis"))
        };
        if let Some(part) = Part::of(signal, asks_redis) {
            finding = part.tell(finding, "follows: a caller got no answer of Redis in time");
        }
    }
    Some(
        finding
            .fix(Fix::advice("replace what looks at everything by what goes in steps or is kept ready: SCAN for KEYS, a set or index of one's own, UNLINK for DEL of large values, shorter ranges"))
            .fix(Fix::advice("until then forbid it to clients (ACL `-@dangerous`, `rename-command`), or send it to a replica")),
    )
}

/// Servers that are known to serve many connections at once.
const PARALLEL: &[&str] = &["postgresql", "mysql", "mongodb"];

/// Share of a slot from which on it counts as busy throughout, in hundredths.
const BUSY_PERCENT: u64 = 80;

fn saturated(evidence: &Evidence, load: &Load) -> Option<Finding> {
    if PARALLEL.contains(&load.source) || load.service_us.is_none() {
        return None;
    }
    let slot_us = u64::try_from(load.slot_ms).ok()?.checked_mul(1000)?;
    let is_busy = |slot: &&LoadSlot| {
        slot.service_us.saturating_mul(100) >= slot_us.saturating_mul(BUSY_PERCENT)
    };
    let busy: Vec<&LoadSlot> = load.slots.iter().filter(is_busy).collect();
    let (first, last) = (busy.first()?, busy.last()?);
    let window_us = slot_us.saturating_mul(busy.len() as u64);
    if window_us < 5_000_000 {
        return None;
    }
    let slow = of_load(evidence, load);
    let culprit = slow.iter().copied().max_by_key(|one| one.service_us)?;
    let victims: Vec<&Slow> = slow
        .iter()
        .copied()
        .filter(|one| !std::ptr::eq(*one, culprit) && one.count >= 3)
        .filter(|one| {
            one.max_us.saturating_mul(2) >= culprit.max_us && mean_us(one) < culprit.max_us / 3
        })
        .collect();
    let victim = victims.first()?;
    let events: u64 = busy.iter().map(|slot| slot.events).sum();
    let service: u64 = busy.iter().map(|slot| slot.service_us).sum();
    let waited: u64 = busy.iter().map(|slot| slot.total_us).sum();
    let percent = (service.saturating_mul(100) / window_us).min(100);
    let title = format!(
        "one request at a time, and busy {percent} % of {}: {} takes up to {} instead of {}",
        span(i64::try_from(window_us / 1000).unwrap_or(i64::MAX)),
        quoted(&victim.template),
        ms(victim.max_us),
        ms(victim.service_us.unwrap_or(0) / victim.count.max(1)),
    );
    let arithmetic = format!(
        "ρ = λS = {events} requests × {} / {} s = {percent} %; in flight N = X·R = {} s / {} s = {:.1}",
        ms(service / events.max(1)),
        seconds(window_us),
        seconds(waited),
        seconds(window_us),
        waited as f64 / window_us as f64,
    );
    let mut finding = Finding::new(&META, title)
        .weigh(
            Role::Contributing,
            Severity::High,
            if load.source == "access-log" { 65 } else { 85 },
        )
        .arithmetic(arithmetic)
        .leads_to("alert-flood");
    finding.standing = Standing::Observed;
    finding.service.clone_from(&load.service);
    let when = between(first.at_ms, last.at_ms.saturating_add(load.slot_ms));
    let own = culprit.service_us.unwrap_or(0);
    finding = finding.because_at(
        format!(
            "seen {when}: {} keeps it busy, {} s of its own in {} requests",
            quoted(&culprit.template),
            seconds(own),
            culprit.count
        ),
        Origin::Written(culprit.place),
    );
    for victim in victims.iter().take(3) {
        let claim = format!(
            "waits: {} took up to {}, {} of its own on average",
            quoted(&victim.template),
            ms(victim.max_us),
            ms(victim.service_us.unwrap_or(0) / victim.count.max(1)),
        );
        finding = finding.because_at(claim, Origin::Written(victim.place));
    }
    Some(
        finding
            .fix(Fix::advice("let the long requests come less often or cost less first: ask for lists, cache, move them out of the way"))
            .fix(Fix::advice("then let more than one worker listen (kdb+: a gateway over several processes, or a negative port where its restrictions allow) and limit one request (`-T`)")),
    )
}
