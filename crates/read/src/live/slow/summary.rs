//! Events summed over their templates, and the single-server identity.
//!
//! One server that takes requests in the order of their arrival works on the i-th from
//! `max(start_i, finish_{i-1})` to `finish_i`. What lies between is the request's own; the rest of
//! its duration it spent behind others. Summed over templates, this parts those that keep the
//! server busy from those that merely wait.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{Burst, Load, LoadSlot, Slow};

use super::{Event, TimeIs};
use crate::live::found::{Found, beginning};

/// Templates told apart within one file; events of more count together.
const TEMPLATES_MAX: usize = 2_000;
/// Clients told apart within one template.
const CLIENTS_MAX: usize = 256;
/// Pairs of template and client whose runs are followed at once.
const RUNS_MAX: usize = 10_000;
/// Requests of a run from which on it is worth telling.
const BURST_MIN: u64 = 5;
/// Idle time after which a run is over.
const GAP_US: i64 = 1_000_000;
/// Parameters of a run that are counted apart.
const DISTINCT_MAX: usize = 10_000;
/// Bytes of a line that is kept until it is known whether somebody points to it.
const LINE_BYTES_MAX: usize = 512;

const OTHERS: &str = "(all other statements)";

/// Everything about one server.
#[derive(Debug)]
pub(super) struct Summary {
    source: &'static str,
    time_is: TimeIs,
    templates: BTreeMap<String, Sum>,
    runs: BTreeMap<(String, String), Run>,
    all: Sum,
    has_fractions: bool,
    /// The server's clock under the two readings of times: begins and ends.
    clocks: [Clock; 2],
    slots: [Slots; 2],
}

/// Sums over some events.
#[derive(Clone, Debug, Default)]
struct Sum {
    count: u64,
    total_us: u64,
    max_us: u64,
    lock_us: Option<u64>,
    /// Rows that were looked at, and rows that were given back.
    rows: Option<(u64, u64)>,
    /// Own service under the two readings of times.
    service_us: [u64; 2],
    first_us: Option<i64>,
    last_us: Option<i64>,
    line: (u64, String),
    clients: BTreeMap<String, u64>,
    burst: Option<Run>,
}

/// When the server was last done, and how often the order of arrival was broken.
#[derive(Debug, Default)]
struct Clock {
    done_us: Option<i64>,
    last_us: Option<i64>,
    out_of_order: u64,
}

/// Like requests of one client, one after the other.
#[derive(Clone, Debug, Default)]
struct Run {
    client: String,
    count: u64,
    first_us: i64,
    last_us: i64,
    last_duration_us: i64,
    distinct: BTreeSet<u64>,
    literals: Vec<u64>,
    varying: u32,
    line: (u64, String),
}

const BEGIN: usize = 0;
const END: usize = 1;

impl Summary {
    pub(super) fn new(source: &'static str, time_is: TimeIs) -> Self {
        Self {
            source,
            time_is,
            templates: BTreeMap::new(),
            runs: BTreeMap::new(),
            all: Sum::default(),
            has_fractions: false,
            clocks: Default::default(),
            slots: Default::default(),
        }
    }

    /// Says what times are, once it is known.
    pub(super) fn set_time_is(&mut self, time_is: TimeIs) {
        self.time_is = time_is;
    }

    /// Counts an event.
    pub(super) fn add(&mut self, event: &Event<'_>) {
        let service = self.service(event);
        self.has_fractions |= event.at_us.is_some_and(|at| at % 1_000_000 != 0);
        self.all.add(event, service);
        // A slot holds what ends in it: a queue is worked off long after it came.
        let duration = i64::try_from(event.duration_us).unwrap_or(i64::MAX);
        let ends = [event.at_us.map(|at| at.saturating_add(duration)), event.at_us];
        for ((slots, service), end) in self.slots.iter_mut().zip(service).zip(ends) {
            slots.add(event, service, end);
        }
        let known = self.templates.contains_key(&event.template.text);
        let key = if known || self.templates.len() < TEMPLATES_MAX {
            event.template.text.as_str()
        } else {
            OTHERS
        };
        let sum = match self.templates.get_mut(key) {
            Some(sum) => sum,
            None => self.templates.entry(key.to_owned()).or_default(),
        };
        sum.add(event, service);
        if let Some(client) = event.client {
            let is_kept = sum.clients.contains_key(client) || sum.clients.len() < CLIENTS_MAX;
            let name = if is_kept { client } else { "(others)" };
            match sum.clients.get_mut(name) {
                Some(count) => *count += 1,
                None => {
                    sum.clients.insert(name.to_owned(), 1);
                }
            }
            self.follow(event, client);
        }
    }

    /// The event's own service under both readings of its time.
    fn service(&mut self, event: &Event<'_>) -> [u64; 2] {
        let duration = i64::try_from(event.duration_us).unwrap_or(i64::MAX);
        if self.time_is == TimeIs::Service {
            return [event.duration_us; 2];
        }
        let Some(at) = event.at_us else {
            return [0; 2];
        };
        [
            self.clocks[BEGIN].pass(at, at.saturating_add(duration), at.saturating_add(duration)),
            self.clocks[END].pass(at.saturating_sub(duration), at, at.saturating_sub(duration)),
        ]
    }

    /// Counts an event to its client's run, or begins a new one.
    fn follow(&mut self, event: &Event<'_>, client: &str) {
        let Some(at) = event.at_us else {
            return;
        };
        let duration = i64::try_from(event.duration_us).unwrap_or(i64::MAX);
        let key = (event.template.text.clone(), client.to_owned());
        if self.runs.len() >= RUNS_MAX && !self.runs.contains_key(&key) {
            return;
        }
        let run = self.runs.entry(key).or_default();
        let longest = duration.max(run.last_duration_us);
        let idle = at.saturating_sub(run.last_us).saturating_sub(longest);
        if run.count > 0 && idle > GAP_US {
            let ended = std::mem::take(run);
            if let Some(sum) = self.templates.get_mut(&event.template.text) {
                sum.keep_longest(ended);
            }
        }
        run.add(event, client, at, duration);
    }

    /// Puts the sums into what was found.
    pub(super) fn finish(mut self, found: &mut Found) {
        if self.all.count == 0 {
            return;
        }
        for ((template, _), run) in std::mem::take(&mut self.runs) {
            if let Some(sum) = self.templates.get_mut(&template) {
                sum.keep_longest(run);
            }
        }
        let reading = self.reading();
        found.formats.push(self.source);
        let templates = self.templates.len() as u64;
        let mut slow: Vec<Slow> = std::mem::take(&mut self.templates)
            .into_iter()
            .map(|(template, sum)| sum.slow(self.source, template, reading, found))
            .collect();
        slow.sort_by(|a, b| (b.total_us, &a.template).cmp(&(a.total_us, &b.template)));
        found.slow.extend(slow);
        let load = self.load(reading, templates, found);
        found.loads.push(load);
    }

    fn load(self, reading: Option<usize>, templates: u64, found: &mut Found) -> Load {
        let slots = self.slots.into_iter().nth(reading.unwrap_or(END)).unwrap_or_default();
        let (number, text) = &self.all.line;
        Load {
            source: self.source,
            service: None,
            place: found.kept.keep(*number, text, 0..usize::MAX),
            events: self.all.count,
            templates,
            total_us: self.all.total_us,
            service_us: reading.map(|reading| self.all.service_us[reading]),
            whole_seconds: !self.has_fractions && self.all.first_us.is_some(),
            first_ms: self.all.first_us.map(|us| us.div_euclid(1000)),
            last_ms: self.all.last_us.map(|us| us.div_euclid(1000)),
            slot_ms: slots.width_ms,
            slots: slots.into_list(reading.is_some()),
        }
    }

    /// Which reading of times holds; `None` where there are none.
    fn reading(&self) -> Option<usize> {
        match self.time_is {
            TimeIs::Begin => Some(BEGIN),
            TimeIs::End | TimeIs::Service => Some(END),
            TimeIs::Unknown => {
                // Both may be in order; lines are mostly written at the end.
                let [begin, end] = &self.clocks;
                Some(if begin.out_of_order < end.out_of_order { BEGIN } else { END })
            }
        }
        .filter(|_| self.all.first_us.is_some() || self.time_is == TimeIs::Service)
    }
}

impl Clock {
    /// Lets the server work from `start` to `finish`; `ordered` must not go back. Returns the
    /// event's own service.
    fn pass(&mut self, start: i64, finish: i64, ordered: i64) -> u64 {
        self.out_of_order += u64::from(self.last_us.is_some_and(|last| ordered < last));
        self.last_us = Some(ordered);
        let from = self.done_us.map_or(start, |done| start.max(done));
        self.done_us = Some(self.done_us.map_or(finish, |done| done.max(finish)));
        u64::try_from(finish.saturating_sub(from)).unwrap_or(0)
    }
}

impl Sum {
    fn add(&mut self, event: &Event<'_>, service: [u64; 2]) {
        if self.count == 0 {
            self.line = kept_line(event);
        }
        self.count += 1;
        self.total_us = self.total_us.saturating_add(event.duration_us);
        self.max_us = self.max_us.max(event.duration_us);
        for (sum, service) in self.service_us.iter_mut().zip(service) {
            *sum = sum.saturating_add(service);
        }
        if let Some(lock) = event.lock_us {
            self.lock_us = Some(self.lock_us.unwrap_or(0).saturating_add(lock));
        }
        if let Some((examined, returned)) = event.rows {
            let (all_examined, all_returned) = self.rows.unwrap_or_default();
            self.rows = Some((
                all_examined.saturating_add(examined),
                all_returned.saturating_add(returned),
            ));
        }
        if let Some(at) = event.at_us {
            self.first_us = Some(self.first_us.map_or(at, |first| first.min(at)));
            self.last_us = Some(self.last_us.map_or(at, |last| last.max(at)));
        }
    }

    fn keep_longest(&mut self, run: Run) {
        if self.burst.as_ref().is_none_or(|known| known.count < run.count) {
            self.burst = Some(run);
        }
    }

    fn slow(
        self,
        source: &'static str,
        template: String,
        reading: Option<usize>,
        found: &mut Found,
    ) -> Slow {
        let mut clients: Vec<(String, u64)> = self.clients.into_iter().collect();
        clients.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        clients.truncate(Slow::CLIENTS_MAX);
        let (number, text) = &self.line;
        let burst = self.burst.filter(|run| run.count >= BURST_MIN);
        Slow {
            source,
            service: None,
            template,
            place: found.kept.keep(*number, text, 0..usize::MAX),
            count: self.count,
            total_us: self.total_us,
            max_us: self.max_us,
            service_us: reading.map(|reading| self.service_us[reading]),
            first_ms: self.first_us.map(|us| us.div_euclid(1000)),
            last_ms: self.last_us.map(|us| us.div_euclid(1000)),
            lock_us: self.lock_us,
            rows: self.rows,
            clients,
            burst: burst.map(|run| run.burst(found)),
        }
    }
}

impl Run {
    fn add(&mut self, event: &Event<'_>, client: &str, at: i64, duration: i64) {
        let literals = &event.template.literals;
        if self.count == 0 {
            client.clone_into(&mut self.client);
            self.first_us = at;
            self.literals.clone_from(literals);
            self.line = kept_line(event);
        }
        for (index, (one, first)) in literals.iter().zip(&self.literals).enumerate() {
            if one != first {
                self.varying |= 1 << index.min(31);
            }
        }
        if self.distinct.len() < DISTINCT_MAX {
            let mixed = literals.iter().fold(0_u64, |mixed, one| mixed.rotate_left(7) ^ one);
            self.distinct.insert(mixed);
        }
        self.count += 1;
        self.last_us = at;
        self.last_duration_us = duration;
    }

    fn burst(self, found: &mut Found) -> Burst {
        let (number, text) = &self.line;
        let span = self.last_us.saturating_sub(self.first_us).saturating_add(self.last_duration_us);
        Burst {
            client: self.client,
            count: self.count,
            span_ms: u64::try_from(span.div_euclid(1000)).unwrap_or(0),
            at_ms: self.first_us.div_euclid(1000),
            distinct: self.distinct.len() as u64,
            varying: self.varying.count_ones(),
            place: found.kept.keep(*number, text, 0..usize::MAX),
        }
    }
}

fn kept_line(event: &Event<'_>) -> (u64, String) {
    (event.line, beginning(event.text, LINE_BYTES_MAX).to_owned())
}

/// Sums per time slot; slots widen when there are too many.
#[derive(Debug)]
struct Slots {
    width_ms: i64,
    by_start: BTreeMap<i64, LoadSlot>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { width_ms: 1000, by_start: BTreeMap::new() }
    }
}

impl Slots {
    fn add(&mut self, event: &Event<'_>, service_us: u64, end_us: Option<i64>) {
        let Some(at) = end_us else {
            return;
        };
        let one = LoadSlot {
            at_ms: at.div_euclid(1000).div_euclid(self.width_ms) * self.width_ms,
            events: 1,
            total_us: event.duration_us,
            service_us,
            max_us: event.duration_us,
        };
        self.join(one);
        while self.by_start.len() > Load::SLOTS_MAX {
            self.width_ms *= 2;
            for (_, mut slot) in std::mem::take(&mut self.by_start) {
                slot.at_ms = slot.at_ms.div_euclid(self.width_ms) * self.width_ms;
                self.join(slot);
            }
        }
    }

    fn join(&mut self, other: LoadSlot) {
        let slot = self.by_start.entry(other.at_ms).or_default();
        slot.at_ms = other.at_ms;
        slot.events += other.events;
        slot.total_us = slot.total_us.saturating_add(other.total_us);
        slot.service_us = slot.service_us.saturating_add(other.service_us);
        slot.max_us = slot.max_us.max(other.max_us);
    }

    fn into_list(self, has_service: bool) -> Vec<LoadSlot> {
        let service = |slot: LoadSlot| {
            let service_us = if has_service { slot.service_us } else { 0 };
            LoadSlot { service_us, ..slot }
        };
        self.by_start.into_values().map(service).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::slow::template;

    const START_US: i64 = 1_717_243_200_000_000;

    /// Sums of events: seconds, template, duration in seconds.
    fn sums(time_is: TimeIs, events: &[(f64, &str, f64)]) -> Found {
        let mut summary = Summary::new("request-log", time_is);
        for (line, (at, text, duration)) in events.iter().enumerate() {
            summary.add(&Event {
                template: template::request(text),
                client: Some("10.0.0.7"),
                at_us: Some(START_US + (at * 1e6) as i64),
                duration_us: (duration * 1e6) as u64,
                lock_us: None,
                rows: None,
                line: line as u64 + 1,
                text,
            });
        }
        let mut found = Found::default();
        summary.finish(&mut found);
        found
    }

    fn service_s(found: &Found, template: &str) -> f64 {
        let slow = found.slow.iter().find(|slow| slow.template == template).unwrap();
        slow.service_us.unwrap() as f64 / 1e6
    }

    /// One report of 9 s, and ten small requests that come in meanwhile and take 0.1 s each.
    fn queue() -> Vec<(f64, &'static str, f64)> {
        let mut events = vec![(0.0, "GET /report", 9.0)];
        events.extend((1..=10).map(|i| {
            let (start, end) = (f64::from(i) * 0.5, 9.0 + f64::from(i) * 0.1);
            (start, "GET /ping", end - start)
        }));
        events
    }

    #[test]
    fn the_culprit_is_told_from_its_victims() {
        let begins = sums(TimeIs::Begin, &queue());
        let ends: Vec<_> = queue().into_iter().map(|(at, text, d)| (at + d, text, d)).collect();
        let ends = sums(TimeIs::Unknown, &ends);
        for found in [begins, ends] {
            assert!((service_s(&found, "GET /report") - 9.0).abs() < 0.01);
            assert!((service_s(&found, "GET /ping") - 1.0).abs() < 0.01);
            // By what the log says, the victims look nine times as bad.
            assert_eq!(found.slow[0].template, "GET /ping");
            assert_eq!(found.loads[0].service_us, Some(10_000_000));
        }
    }

    #[test]
    fn requests_that_begin_together_tell_that_times_are_begins() {
        let events: Vec<_> = (1..=5).map(|i| (0.0, "GET /a", f64::from(i) * 0.2)).collect();
        let found = sums(TimeIs::Unknown, &events);
        assert!((service_s(&found, "GET /a") - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_loop_over_one_parameter_is_a_burst() {
        let texts: Vec<String> =
            (0..40).map(|i| format!("GET /usage?device={i}&from=2022")).collect();
        let mut events: Vec<(f64, &str, f64)> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| (i as f64 * 0.2, text.as_str(), 0.2))
            .collect();
        events.push((60.0, &texts[0], 0.2));
        let found = sums(TimeIs::Begin, &events);
        let burst = found.slow[0].burst.as_ref().unwrap();
        assert_eq!((burst.count, burst.distinct, burst.varying), (40, 40, 1));
        assert_eq!(burst.span_ms, 8_000);
        assert_eq!(found.slow[0].clients, [("10.0.0.7".to_owned(), 41)]);
    }

    #[test]
    fn templates_and_slots_are_bounded() {
        let texts: Vec<String> = (0..3000)
            .map(|i| format!("GET /{}", "a".repeat(i % 50) + &"b".repeat(i / 50)))
            .collect();
        let events: Vec<(f64, &str, f64)> =
            texts.iter().enumerate().map(|(i, text)| (i as f64, text.as_str(), 0.1)).collect();
        let found = sums(TimeIs::End, &events);
        assert!(found.slow.len() <= TEMPLATES_MAX + 1);
        assert_eq!(found.slow.iter().map(|slow| slow.count).sum::<u64>(), 3000);
        let load = &found.loads[0];
        assert_eq!((load.slots.len() <= Load::SLOTS_MAX, load.slot_ms), (true, 16_000));
        assert_eq!(load.slots.iter().map(|slot| slot.events).sum::<u64>(), 3000);
    }
}
