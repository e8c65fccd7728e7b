//! Waits that ended in a log, with the setting that ended them and the client that has it.

use wonin_model::{Evidence, Finding, KafkaClient, ServerProduct, Signal};

use wonin_text::Place;

use super::clients::{View, owner_name};
use super::knobs::{self, Knob};
use super::measure::parse_ms;
use super::seen::Part;

/// Distinct numbers of one signal that are looked at.
const NUMBERS_MAX: usize = 4;

/// One number of one signal.
#[derive(Debug)]
pub(crate) struct SeenTimeout<'e> {
    pub(crate) knob: &'static Knob,
    part: Part<'e>,
    signal: &'e Signal,
    /// The number in milliseconds, where the text has one.
    pub(crate) ms: Option<u64>,
    /// Index in `Stack::kafka_clients` of the client whose wait it is, where one is known.
    pub(crate) client: Option<usize>,
}

impl SeenTimeout<'_> {
    /// `the log says 60000 ms`.
    pub(crate) fn what(&self) -> String {
        match self.ms {
            Some(ms) => format!("the wait ended after {ms} ms"),
            None => "the wait ended".to_owned(),
        }
    }

    /// Adds it to a finding.
    pub(crate) fn tell(&self, finding: Finding, what: &str) -> Finding {
        self.part.tell(finding, what)
    }

    /// Whether the text leaves open whose timeout it is.
    fn is_unnamed(&self) -> bool {
        self.knob.of == "the client"
    }

    fn place(&self) -> Option<Place> {
        self.part.hit.map(|hit| hit.place)
    }

    /// Whether a call of gRPC ended before there was a connection.
    pub(crate) fn never_connected(&self) -> bool {
        let hits = self.signal.hits.iter();
        hits.into_iter().any(|hit| hit.values.contains_key("waiting_for_connection"))
    }

    /// The service of the log.
    pub(crate) fn signal_service(&self) -> Option<&str> {
        self.signal.service.as_deref()
    }

    /// Who waited.
    pub(crate) fn service(&self, evidence: &Evidence) -> Option<String> {
        let client = self.client.and_then(|index| evidence.stack.kafka_clients.get(index));
        client.map(|client| owner_name(&evidence.stack, client)).or(self.signal.service.clone())
    }
}

/// Every wait that logs show and that no other mode tells of.
pub(crate) fn seen(evidence: &Evidence) -> Vec<SeenTimeout<'_>> {
    let mut found: Vec<SeenTimeout<'_>> = Vec::new();
    for signal in &evidence.signals {
        let Some(first) = knobs::of(signal.name).find(|knob| knob.told_by.is_none()) else {
            continue;
        };
        for (ms, part) in numbers(signal, first) {
            let Some(knob) = choose(evidence, signal, ms, &part) else { continue };
            let client = client_of(evidence, signal, knob, ms);
            found.push(SeenTimeout { knob, part, signal, ms, client });
        }
    }
    // What a text says with the client's name need not be said again without.
    let named: Vec<Place> =
        found.iter().filter(|seen| !seen.is_unnamed()).filter_map(SeenTimeout::place).collect();
    found.retain(|seen| {
        let near = |at: Place| {
            let meets = |other: &Place| {
                other.file == at.file
                    && other.span.start < at.span.end
                    && at.span.start < other.span.end
            };
            named.iter().any(meets)
        };
        !(seen.is_unnamed() && seen.place().is_some_and(near))
    });
    found
}

/// The distinct numbers of a signal, the most frequent first; one part without a number where the
/// text has none.
fn numbers<'e>(signal: &'e Signal, knob: &Knob) -> Vec<(Option<u64>, Part<'e>)> {
    let mut counted: Vec<(u64, u64)> = Vec::new();
    for (values, count) in &signal.values {
        let Some(ms) = knob.read(values) else { continue };
        match counted.iter_mut().find(|(known, _)| *known == ms) {
            Some((_, sum)) => *sum += count,
            None => counted.push((ms, *count)),
        }
    }
    counted.sort_by_key(|&(ms, count)| (std::cmp::Reverse(count), ms));
    // Numbers that vary around a setting say one thing, not many.
    if !matches!(knob.number, knobs::Number::Exact(_)) {
        let least = counted.iter().map(|(ms, _)| *ms).min();
        return vec![(least, Part::whole(signal))];
    }
    if counted.is_empty() {
        return vec![(None, Part::whole(signal))];
    }
    counted.truncate(NUMBERS_MAX);
    counted
        .into_iter()
        .filter_map(|(ms, _)| {
            Some((Some(ms), Part::of(signal, |values| knob.read(values) == Some(ms))?))
        })
        .collect()
}

/// Which of the settings behind a signal its number and its words fit.
fn choose(
    evidence: &Evidence,
    signal: &Signal,
    ms: Option<u64>,
    part: &Part<'_>,
) -> Option<&'static Knob> {
    let values = part.hit.map(|hit| &hit.values);
    let rows: Vec<&'static Knob> =
        knobs::of(signal.name).filter(|knob| knob.is_meant(values)).collect();
    let mut rows = rows.into_iter();
    match signal.name {
        "netty.connect-timeout" => {
            let is_default = |knob: &&Knob| {
                let fits = ms.is_some() && knob.default_ms == ms;
                fits && (knob.of != "the Pinot client" || is_pinot(evidence, part))
            };
            // A number that is nobody's default was set; older texts have none.
            rows.clone().find(is_default).or_else(|| rows.last())
        }
        "nginx.upstream-timed-out" => {
            let doing = part.hit.and_then(|hit| hit.values.get("doing"));
            let connecting = doing.is_some_and(|doing| doing.starts_with("connecting"));
            rows.find(|knob| (knob.setting == "proxy_connect_timeout") == connecting)
        }
        _ => rows.next(),
    }
}

/// Whether a connection led to a Pinot broker's port, or Pinot is part of the stack.
pub(crate) fn is_pinot(evidence: &Evidence, part: &Part<'_>) -> bool {
    let address = part.hit.and_then(|hit| hit.values.get("address"));
    address.is_some_and(|address| address.ends_with(":8099"))
        || evidence.stack.servers.iter().any(|server| {
            use ServerProduct::{PinotBroker, PinotController, PinotServer};
            matches!(server.product, PinotBroker | PinotController | PinotServer)
        })
}

/// The client whose setting the number is: of the log's service, where that tells, and one with
/// that value, where several have it.
fn client_of(evidence: &Evidence, signal: &Signal, knob: &Knob, ms: Option<u64>) -> Option<usize> {
    let (library, kind) = knob.kafka?;
    let stack = &evidence.stack;
    let fitting = |client: &KafkaClient| {
        client.library == library && kind.is_none_or(|kind| kind == client.kind)
    };
    let all: Vec<usize> = (0..stack.kafka_clients.len())
        .filter(|&index| fitting(&stack.kafka_clients[index]))
        .collect();
    let ours: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&index| {
            signal.service.as_ref() == Some(&owner_name(stack, &stack.kafka_clients[index]))
        })
        .collect();
    let candidates = if ours.is_empty() { all } else { ours };
    let has = |index: &&usize| {
        let view = View { client: &stack.kafka_clients[**index], literal: false };
        let value = view.int(knob.setting).and_then(|one| u64::try_from(one.value.value).ok());
        ms.zip(value).is_some_and(|(ms, value)| knob.fits(ms, value))
    };
    candidates.iter().find(has).or(candidates.first()).copied()
}

/// Whether the number is what the client is set to, or was to be set to and `setting-not-applied`
/// tells why it is not.
pub(crate) fn is_told_elsewhere(
    evidence: &Evidence,
    seen: &SeenTimeout<'_>,
    client: usize,
) -> bool {
    let Some(client) = evidence.stack.kafka_clients.get(client) else { return false };
    let name = seen.knob.setting;
    let written = View { client, literal: false }.written_int(name);
    let ignored = client.not_applied.iter().any(|one| one.means.as_deref() == Some(name));
    let as_set = written.is_some_and(|value| match (seen.ms, u64::try_from(value.value)) {
        (Some(ms), Ok(value)) => seen.knob.fits(ms, value),
        _ => true,
    });
    as_set || (ignored && seen.ms.is_some())
}

/// A value that a setting was to have, in milliseconds.
pub(crate) fn wished_ms(text: &str) -> Option<u64> {
    u64::try_from(parse_ms(text)?).ok()
}
