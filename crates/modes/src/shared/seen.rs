//! What logs said, as evidence of a failure mode.

use std::collections::BTreeMap;

use wonin_model::{
    Assumed, Because, Evidence, Finding, Hit, Log, Origin, Role, Severity, Signal, Standing,
};
use wonin_text::{FileId, Place};

use super::measure::about;

/// The variable parts of a hit by name.
pub(crate) type Values = BTreeMap<&'static str, String>;

/// Signals of these names, in the order of the evidence.
pub(crate) fn signals<'e>(evidence: &'e Evidence, names: &[&str]) -> Vec<&'e Signal> {
    evidence.signals.iter().filter(|signal| names.contains(&signal.name)).collect()
}

/// The signal of this name that the same service's logs hold.
pub(crate) fn beside<'e>(
    evidence: &'e Evidence,
    name: &str,
    service: Option<&str>,
) -> Option<&'e Signal> {
    let mut named = evidence.signals.iter().filter(|signal| signal.name == name);
    named.find(|signal| signal.service.as_deref() == service)
}

/// The part of a signal whose values satisfy a condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'e> {
    pub(crate) signal: &'e Signal,
    /// The first such hit that was kept.
    pub(crate) hit: Option<&'e Hit>,
    /// How many events.
    pub(crate) events: u64,
    whole: bool,
    /// The logs that it is in, as far as hits were kept; none where they are any.
    files: [Option<FileId>; FILES_MAX],
}

/// Logs of a part that are told apart.
const FILES_MAX: usize = 4;

/// The logs of hits that satisfy a condition; none where they are too many.
fn files_of(signal: &Signal, is_meant: impl Fn(&Hit) -> bool) -> [Option<FileId>; FILES_MAX] {
    let mut files = [None; FILES_MAX];
    for hit in signal.hits.iter().filter(|hit| is_meant(hit)) {
        let file = Some(hit.place.file);
        if files.contains(&file) {
            continue;
        }
        match files.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = file,
            None => return [None; FILES_MAX],
        }
    }
    files
}

impl<'e> Part<'e> {
    /// All of it.
    pub(crate) fn whole(signal: &'e Signal) -> Self {
        let files = [None; FILES_MAX];
        Self { signal, hit: signal.hits.first(), events: signal.count, whole: true, files }
    }

    /// One event.
    pub(crate) fn at(signal: &'e Signal, hit: &'e Hit) -> Self {
        let mut files = [None; FILES_MAX];
        files[0] = Some(hit.place.file);
        Self { signal, hit: Some(hit), events: 1, whole: signal.count == 1, files }
    }

    /// What is in these logs; `None` where nothing is.
    pub(crate) fn within(evidence: &Evidence, signal: &'e Signal, logs: &[FileId]) -> Option<Self> {
        let ours = evidence
            .logs
            .iter()
            .filter(|log| log.service == signal.service && logs.contains(&log.file));
        let templates = ours.flat_map(|log| &log.templates);
        let counts =
            templates.filter(|one| one.signals.contains(&signal.name)).map(|one| one.count);
        let events = counts.sum::<u64>().min(signal.count);
        let is_ours = |hit: &Hit| logs.contains(&hit.place.file);
        let hit = signal.hits.iter().find(|hit| is_ours(hit));
        let files = files_of(signal, is_ours);
        let whole = events >= signal.count;
        (events > 0).then_some(Self { signal, hit, events, whole, files })
    }

    /// What satisfies the condition; `None` where nothing does.
    pub(crate) fn of(signal: &'e Signal, is_meant: impl Fn(&Values) -> bool) -> Option<Self> {
        let counts = signal.values.iter().filter(|(values, _)| is_meant(values));
        let events: u64 = counts.map(|(_, count)| count).sum();
        let hit = signal.hits.iter().find(|hit| is_meant(&hit.values));
        let whole = events == signal.count;
        let files = files_of(signal, |hit| is_meant(&hit.values));
        (events > 0).then_some(Self { signal, hit, events, whole, files })
    }

    /// What came within a time, give or take a slot of the signal; all of it where its times are
    /// not known; `None` where nothing did.
    pub(crate) fn during(signal: &'e Signal, window: Option<(i64, i64)>) -> Option<Self> {
        let Some((from, to)) = window.filter(|_| signal.first_ms.is_some()) else {
            return Some(Self::whole(signal));
        };
        let is_near = |at: i64| at > from.saturating_sub(signal.slot_ms) && at <= to;
        let slots = signal.slots.iter().filter(|(at, _)| is_near(*at));
        let events: u64 = slots.map(|(_, count)| count).sum();
        let hit = signal.hits.iter().find(|hit| hit.at_ms.is_some_and(is_near));
        let whole = events >= signal.count;
        let files = files_of(signal, |hit| hit.at_ms.is_some_and(is_near));
        (events > 0).then_some(Self { signal, hit, events, whole, files })
    }

    /// `seen 12 times, 2025-03-02 10:00:01 to 10:04:22`.
    pub(crate) fn when(&self) -> String {
        let times =
            if self.events == 1 { "once".to_owned() } else { format!("{} times", self.events) };
        let (first, last) = if self.whole {
            (self.signal.first_ms, self.signal.last_ms)
        } else {
            (self.hit.and_then(|hit| hit.at_ms), None)
        };
        match (first, last) {
            (Some(first), Some(last)) if self.events > 1 && last > first => {
                format!("seen {times}, {}", between_as(first, last, self.signal.assumed))
            }
            (Some(first), _) if self.events == 1 => {
                format!("seen {times}, {}", moment_of(self.signal, first))
            }
            (Some(first), _) => format!("seen {times}, first {}", moment_of(self.signal, first)),
            _ => format!("seen {times}"),
        }
    }

    /// Adds what was seen to a finding, with what it shows.
    pub(crate) fn tell(&self, finding: Finding, what: &str) -> Finding {
        let claim = format!("{}: {what}", self.when());
        let mut finding = finding.seen(claim, self.signal, self.hit, self.events);
        if let Some(last) = finding.signals.last_mut().filter(|_| !self.whole) {
            last.files = self.files.into_iter().flatten().collect();
        }
        finding
    }
}

/// How long a signal lasted: from its first event to its last, in milliseconds.
pub(crate) fn lasted_ms(signal: &Signal) -> Option<i64> {
    Some(signal.last_ms?.saturating_sub(signal.first_ms?))
}

/// What was seen, each with what it shows.
pub(crate) type Shown<'e> = Vec<(Part<'e>, String)>;

/// Adds what was seen to the finding that was predicted, of the same service where that tells; as
/// a finding of its own where nothing was. For what several programs together show, such as a
/// cluster and its clients.
pub(crate) fn recognise(
    own: &mut Vec<Finding>,
    shown: &Shown<'_>,
    otherwise: impl FnOnce() -> Option<Finding>,
) {
    let Some((first, _)) = shown.first() else { return };
    let index = predicted(own, first.signal.service.as_deref());
    put(own, index, shown, otherwise);
}

/// The same for what each program shows of itself: what one service logs is no evidence of what
/// was predicted for another.
pub(crate) fn recognise_each(
    evidence: &Evidence,
    own: &mut Vec<Finding>,
    shown: &Shown<'_>,
    otherwise: impl Fn() -> Option<Finding>,
) {
    let mut services: Vec<&Option<String>> = Vec::new();
    for (part, _) in shown {
        if !services.contains(&&part.signal.service) {
            services.push(&part.signal.service);
        }
    }
    for service in services {
        let ours: Shown<'_> = shown
            .iter()
            .filter(|(part, _)| part.signal.service == *service)
            .map(|(part, what)| (*part, what.clone()))
            .collect();
        let index = of_service(evidence, own, service.as_deref());
        put(own, index, &ours, &otherwise);
    }
}

fn put(
    own: &mut Vec<Finding>,
    index: Option<usize>,
    shown: &Shown<'_>,
    otherwise: impl FnOnce() -> Option<Finding>,
) {
    let tell =
        |finding| shown.iter().fold(finding, |finding, (part, what)| part.tell(finding, what));
    match index {
        Some(index) => own[index] = happened(tell(own[index].clone())),
        None => own.extend(otherwise().map(|finding| {
            // What was seen stands in front of what follows from it.
            let Finding { because, .. } = finding.clone();
            let mut told = tell(Finding { because: Vec::new(), ..finding });
            told.because.extend(because);
            let service = shown.first().and_then(|(part, _)| part.signal.service.clone());
            told.service = told.service.or(service);
            told
        })),
    }
}

/// The predicted finding that what a service's log shows belongs to.
fn predicted(own: &[Finding], service: Option<&str>) -> Option<usize> {
    let of_service =
        own.iter().position(|one| service.is_some() && one.service.as_deref() == service);
    let cause = || own.iter().position(|one| one.role == Role::Cause);
    of_service.or_else(cause).or(if own.is_empty() { None } else { Some(0) })
}

/// The same, where the names of other services rule a finding out.
fn of_service(evidence: &Evidence, own: &[Finding], service: Option<&str>) -> Option<usize> {
    let stack = &evidence.stack;
    let is_known = stack.services.iter().any(|one| Some(one.name.value.as_str()) == service);
    let apps = stack.apps.iter().filter(|app| {
        let runs = app.service.map(|id| stack.service(id).name.value.as_str());
        runs.is_some() && runs == service
    });
    let names: Vec<&str> = apps.map(|app| app.name.as_str()).chain(service).collect();
    let same = own.iter().position(|one| {
        one.service.as_deref().map_or(service.is_none(), |name| names.contains(&name))
    });
    let open =
        |one: &Finding| one.standing == Standing::Predicted && (!is_known || one.service.is_none());
    let cause = || own.iter().position(|one| open(one) && one.role == Role::Cause);
    same.or_else(cause).or_else(|| own.iter().position(open))
}

/// What was latent and is seen now is a cause; and it is as sure as it gets.
fn happened(mut finding: Finding) -> Finding {
    let least = if finding.role == Role::Latent { Severity::High } else { Severity::Medium };
    if finding.role == Role::Latent {
        finding.role = Role::Cause;
    }
    finding.severity = finding.severity.max(least);
    finding.confidence = finding.confidence.max(90);
    finding
}

/// All of each signal of these names, with what it shows.
pub(crate) fn all_of<'e>(evidence: &'e Evidence, names: &[(&str, &str)]) -> Shown<'e> {
    let mut shown = Vec::new();
    for (name, what) in names {
        for signal in signals(evidence, &[name]) {
            shown.push((Part::whole(signal), (*what).to_owned()));
        }
    }
    shown
}

/// Makes a prediction an observation: what shows it comes first. What it weighs as a cause stays.
pub(crate) fn shown_by(finding: &mut Finding, claim: String, place: Place) {
    let origin = Origin::Written(place);
    finding.because.insert(0, Because { claim, origin, value: None });
    finding.standing = Standing::Observed;
    finding.severity = finding.severity.max(Severity::Medium);
    finding.confidence = finding.confidence.max(90);
}

/// The logs of a service that hold a signal.
pub(crate) fn logs_with<'e>(
    evidence: &'e Evidence,
    signal: &'e str,
    service: Option<&'e str>,
) -> impl Iterator<Item = &'e Log> {
    evidence.logs.iter().filter(move |log| {
        log.service.as_deref() == service
            && log.templates.iter().any(|template| template.signals.contains(&signal))
    })
}

/// Whether a signal comes again and again: at least `count` events over at least `ms`.
pub(crate) fn is_sustained(signal: &Signal, count: u64, ms: i64) -> bool {
    signal.count >= count && lasted_ms(signal).is_none_or(|lasted| lasted >= ms)
}

/// A number that a value holds: `1,234`, `30000`.
pub(crate) fn number(values: &Values, name: &str) -> Option<u64> {
    values.get(name)?.chars().filter(|c| *c != ',').collect::<String>().parse().ok()
}

/// A moment, UTC: `2025-03-02 10:00:01`.
pub(crate) fn moment(at_ms: i64) -> String {
    let (day, second) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000) / 1000);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// A moment of a signal, without what its log does not say: a year, or the day.
pub(crate) fn moment_of(signal: &Signal, at_ms: i64) -> String {
    moment_as(at_ms, signal.assumed)
}

fn moment_as(at_ms: i64, assumed: Assumed) -> String {
    let whole = moment(at_ms);
    let left_out = match assumed {
        Assumed::Nothing => None,
        Assumed::Year => whole.rfind('-').and_then(|at| whole[..at].rfind('-')),
        Assumed::Day => whole.find(' '),
    };
    left_out.map_or(whole.as_str(), |at| &whole[at + 1..]).to_owned()
}

/// Two moments; the day is said once where it is the same.
pub(crate) fn between(first_ms: i64, last_ms: i64) -> String {
    between_as(first_ms, last_ms, Assumed::Nothing)
}

fn between_as(first_ms: i64, last_ms: i64, assumed: Assumed) -> String {
    let (first, last) = (moment_as(first_ms, assumed), moment_as(last_ms, assumed));
    match (first.split_once(' '), last.split_once(' ')) {
        (Some((day, _)), Some((other, time))) if day == other => format!("{first} to {time}"),
        _ => format!("{first} to {last}"),
    }
}

/// A span of time as people say it.
pub(crate) fn span(ms: i64) -> String {
    about(ms.unsigned_abs())
}

/// The date of a day since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms").
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(951_782_399_000), "2000-02-28 23:59:59");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(moment(-1000), "1969-12-31 23:59:59");
        assert_eq!(
            between(1_740_909_601_000, 1_740_909_862_000),
            "2025-03-02 10:00:01 to 10:04:22"
        );
        let year = |assumed| between_as(1_740_909_601_000, 1_740_909_862_000, assumed);
        assert_eq!(year(Assumed::Year), "03-02 10:00:01 to 10:04:22");
        assert_eq!(year(Assumed::Day), "10:00:01 to 10:04:22");
        let (first, last) = (moment(i64::MIN), moment(i64::MAX));
        assert!(first.starts_with('-') && last.len() > 10);
    }
}
