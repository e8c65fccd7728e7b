//! # A timeout that does not bound the wait it was written for
//!
//! ## What fails
//!
//! Somebody raises or lowers a timeout and the wait stays as it was: the log goes on naming
//! another number.
//!
//! ## Why
//!
//! In the Java producer `request.timeout.ms` bounds one request on an open connection.
//! `send()` without metadata is bounded by `max.block.ms` (60000), and the whole delivery by
//! `delivery.timeout.ms` (120000). In librdkafka `request.timeout.ms` is no timeout of the client
//! at all: it is how long the broker may wait for acknowledgements; the client's own is
//! `socket.timeout.ms` (60000).
//!
//! A log that names such a number shows what ended the wait, and no more: a timeout was tuned in
//! vain only where the files, or the settings that the client printed, show that somebody changed
//! one that is taken for it, or that what was set does not reach the client. Else the number is
//! told within the finding that explains the wait.
//!
//! ## Example
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! request.timeout.ms=90000
//! delivery.timeout.ms=180000
//! ```
//!
//! ## Fix
//!
//! Set the one that bounds the wait in question.
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! request.timeout.ms=90000
//! max.block.ms=120000
//! delivery.timeout.ms=180000
//! ```
//!
//! ## How to rehearse
//!
//! Stop all brokers, send once and read the number in
//! `Topic … not present in metadata after N ms`: it is `max.block.ms`.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `KafkaProducer.waitOnMetadata`, `ProducerConfig`.
//! - librdkafka: `CONFIGURATION.md`, `request.timeout.ms` and `socket.timeout.ms`.
//! - Inferred: what the person who wrote the value wanted it for.

use wonin_model::{
    ClientKind, ClientLibrary, Evidence, Finding, Fix, KafkaClient, Located, Mode, ModeMeta,
    NotChecked, Origin, Role, Severity,
};
use wonin_text::Place;

use crate::shared::clients::{View, owner_name};
use crate::shared::measure::setting_ms;
use crate::shared::seen::{beside, number};
use crate::shared::timeouts::{self, SeenTimeout};
use crate::shared::words::duration_ms;

pub(crate) struct WrongKnob;

static META: ModeMeta = ModeMeta {
    id: "wrong-knob",
    family: "client",
    summary: "a timeout was tuned that does not bound the wait in question",
    source: include_str!("wrong_knob.rs"),
};

impl Mode for WrongKnob {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own: Vec<(usize, Finding)> = Vec::new();
        for (index, client) in evidence.stack.kafka_clients.iter().enumerate() {
            let finding = match client.library {
                ClientLibrary::Java => java_producer(client),
                ClientLibrary::Librdkafka => librdkafka(client),
                ClientLibrary::Other => None,
            };
            let owner = || owner_name(&evidence.stack, client);
            own.extend(finding.map(|finding| (index, finding.service(owner()))));
        }
        observe(evidence, &mut own);
        findings.extend(own.into_iter().map(|(_, finding)| finding));
    }
}

/// Names the setting behind each number that logs show, unless it is the one that was meant.
fn observe(evidence: &Evidence, own: &mut Vec<(usize, Finding)>) {
    for seen in timeouts::seen(evidence) {
        let Some(client) = seen.client else {
            own.push((usize::MAX, named(evidence, &seen)));
            continue;
        };
        if let Some((_, finding)) = own.iter_mut().find(|(index, _)| *index == client) {
            let what = format!("{}, as {} says", seen.what(), seen.knob.setting);
            *finding = seen.tell(finding.clone(), &what);
        } else if !timeouts::is_told_elsewhere(evidence, &seen, client) {
            own.push((usize::MAX, named(evidence, &seen)));
        }
    }
}

/// A wait in a log with the setting that ends it.
fn named(evidence: &Evidence, seen: &SeenTimeout<'_>) -> Finding {
    let knob = seen.knob;
    let client = seen.client.and_then(|index| evidence.stack.kafka_clients.get(index));
    let tuned = client.map(|client| tuned_instead(client, knob.setting)).unwrap_or_default();
    let printed = printed_instead(evidence, seen);
    let set = set_by_property(evidence, seen);
    let reaches =
        set.as_ref().is_none_or(|(_, set)| seen.ms.is_none_or(|ms| knob.fits(ms, set.value)));
    let title = title(seen, set.is_some() && reaches, tuned.first(), printed.first());
    // A number alone is what ended the wait, and tells nothing of what somebody turned.
    let mut finding = if tuned.is_empty() && printed.is_empty() && reaches {
        Finding::new(&META, title).weigh(Role::Symptom, Severity::Low, 90).detail()
    } else {
        Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 90)
    };
    finding.service = seen.service(evidence);
    finding = seen.tell(finding, &seen.what());
    if knob.signal == "grpc.deadline-exceeded" && seen.never_connected() {
        finding = finding.arithmetic("waiting_for_connection: the call never had a connection; what it calls is down, or its name leads nowhere");
    }
    if let Some(who) = answered(evidence, knob.signal) {
        finding = finding.arithmetic(who);
    }
    if let Some(default) = knob.default_ms {
        let whose = Located::default_of(default, knob.of, knob.source);
        finding =
            finding.because(format!("{} bounds how long {}", knob.setting, knob.bounds), &whose);
    } else if finding.arithmetic.is_none() {
        finding = finding
            .arithmetic(format!("{} of {} bounds how long {}", knob.setting, knob.of, knob.bounds));
    }
    if let Some((property, value)) = &set {
        let what = match seen.ms {
            Some(ms) if !knob.fits(ms, value.value) => {
                format!("{property} is set to something else, in ms: it is not applied there")
            }
            _ => format!("{property} sets it, in ms"),
        };
        finding = finding.because(what, value);
    }
    for (name, value) in &tuned {
        finding = finding.because(format!("{name} bounds something else"), value);
    }
    for (name, value, place) in &printed {
        let claim = format!("{name} is changed to {value}, and bounds something else");
        finding = finding.because_at(claim, Origin::Written(*place));
    }
    finding.fix(Fix::advice(format!(
        "find out why the wait is needed first; to make it longer or shorter, set {}",
        knob.setting
    )))
}

/// The number with the setting that it is of, and what was changed in its stead.
fn title(
    seen: &SeenTimeout<'_>,
    as_set: bool,
    tuned: Option<&(&'static str, Located<i64>)>,
    printed: Option<&Printed>,
) -> String {
    let knob = seen.knob;
    let default = knob.default_ms.filter(|default| match seen.ms {
        Some(ms) => knob.fits(ms, *default),
        None => true,
    });
    let other = tuned.map(|(name, value)| (*name, value.value.to_string()));
    let other = other.or(printed.map(|(name, value, _)| (*name, value.to_string())));
    let other = other
        .map_or(String::new(), |(name, value)| format!("; {name} = {value} does not bound it"));
    match (seen.ms, default) {
        (Some(ms), _) if as_set => {
            format!("{} ends this wait after {ms} ms, as it is set", knob.setting)
        }
        (Some(ms), Some(default)) if ms == default => {
            format!("{ms} ms is the default of {}, which ends this wait{other}", knob.setting)
        }
        (Some(ms), Some(default)) => format!(
            "{} ends this wait after {ms} ms: it is at its default of {default}{other}",
            knob.setting
        ),
        (Some(ms), None) => {
            format!("{} ends this wait: somebody set it to {ms} ms{other}", knob.setting)
        }
        (None, Some(default)) => {
            format!("{} ends this wait (default {}){other}", knob.setting, duration_ms(default))
        }
        (None, None) => format!("{} ends this wait{other}", knob.setting),
    }
}

/// A setting that a client printed at its start, its value, and where.
type Printed = (&'static str, u64, Place);

/// Settings taken for this one that the client of the log printed with another value than their
/// default, where it did not print the one itself with another.
fn printed_instead(evidence: &Evidence, seen: &SeenTimeout<'_>) -> Vec<Printed> {
    /// The settings that a producer prints, as the signal names them, with their defaults.
    const PRINTED: [(&str, &str, u64); 3] = [
        ("request.timeout.ms", "request_timeout_ms", 30_000),
        ("max.block.ms", "max_block_ms", 60_000),
        ("delivery.timeout.ms", "delivery_timeout_ms", 120_000),
    ];
    let service = seen.signal_service();
    let Some(signal) = beside(evidence, "kafka.producer-config", service) else {
        return Vec::new();
    };
    let changed = |name: &str| {
        let (setting, key, default) = PRINTED.into_iter().find(|(known, ..)| *known == name)?;
        signal.hits.iter().find_map(|hit| {
            let value = number(&hit.values, key).filter(|value| *value != default)?;
            Some((setting, value, hit.place))
        })
    };
    if changed(seen.knob.setting).is_some() {
        return Vec::new();
    }
    taken_for(seen.knob.setting).iter().filter_map(|name| changed(name)).collect()
}

/// The property that sets what ended the wait, where the application of the log has it.
fn set_by_property(
    evidence: &Evidence,
    seen: &SeenTimeout<'_>,
) -> Option<(&'static str, Located<u64>)> {
    let property = seen.knob.property?;
    let service = seen.service(evidence);
    let apps = &evidence.stack.apps;
    let own = apps.iter().find(|app| Some(&app.name) == service.as_ref());
    let app = own.or(apps.first().filter(|_| apps.len() == 1))?;
    Some((property, setting_ms(&app.properties, property)?))
}

/// What the cause below a wait for metadata tells: with one, brokers answered; without, nobody did.
fn answered(evidence: &Evidence, signal: &str) -> Option<&'static str> {
    if signal != "kafka.not-present-in-metadata" {
        return None;
    }
    let logs = evidence.logs.iter();
    let templates = logs.flat_map(|log| &log.templates).filter(|one| one.signals.contains(&signal));
    let mut causes = templates.filter_map(|template| template.cause.as_deref());
    let first = causes.clone().next()?;
    if causes.any(|cause| cause.contains("UnknownTopicOrPartition")) {
        return Some(
            "caused by UnknownTopicOrPartition: brokers answered, and the topic could not be made",
        );
    }
    first
        .contains("TimeoutException")
        .then_some("no cause below the timeout: no broker answered at all")
}

/// Other timeouts that are taken for this one, and that somebody wrote for the client, with effect
/// or without.
fn tuned_instead(client: &KafkaClient, setting: &str) -> Vec<(&'static str, Located<i64>)> {
    let view = View { client, literal: true };
    let others = taken_for(setting).iter();
    others.filter_map(|name| Some((*name, view.written_int(name)?))).collect()
}

/// The settings that are turned by whoever wants to change this wait and does not know its name:
/// those of the same call. What limits a connection's set-up has no such relative: whoever sets how
/// long a request may take has said nothing of nodes that are gone.
fn taken_for(setting: &str) -> &'static [&'static str] {
    match setting {
        "max.block.ms" => &["request.timeout.ms", "delivery.timeout.ms", "default.api.timeout.ms"],
        "delivery.timeout.ms" => &["request.timeout.ms", "max.block.ms"],
        "request.timeout.ms" => &["default.api.timeout.ms", "max.block.ms", "delivery.timeout.ms"],
        "default.api.timeout.ms" | "socket.timeout.ms" => &["request.timeout.ms"],
        "message.timeout.ms" => &["request.timeout.ms", "socket.timeout.ms"],
        "socket.connection.setup.timeout.ms" => &["socket.connection.setup.timeout.max.ms"],
        _ => &[],
    }
}

/// The Java client's default of `request.timeout.ms`.
const REQUEST_TIMEOUT_MS: i64 = 30_000;

/// `request.timeout.ms` was raised above what ends the wait for metadata, or lowered alone.
fn java_producer(client: &KafkaClient) -> Option<Finding> {
    if client.kind != ClientKind::Producer {
        return None;
    }
    let wished = View { client, literal: true };
    let request = wished.written_int("request.timeout.ms")?;
    let block = View { client, literal: false }.int("max.block.ms")?.value;
    let block_wished = wished.written_int("max.block.ms");
    // Who sets max.block.ms with effect knows that it is another wait.
    let knows = block_wished.as_ref().is_some_and(|wished| wished.value == block.value);
    let raised = request.value > REQUEST_TIMEOUT_MS && request.value > block.value && !knows;
    let lowered = request.value < REQUEST_TIMEOUT_MS && block_wished.is_none();
    if !raised && !lowered {
        return None;
    }
    let (relation, severity, confidence) =
        if raised { (">", Severity::Medium, 75) } else { ("<", Severity::Low, 70) };
    let title = format!(
        "request.timeout.ms = {} does not bound a send() that waits for metadata: max.block.ms ends it after {}",
        request.value,
        duration_ms(block.value.unsigned_abs())
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, severity, confidence)
        .arithmetic(format!(
            "request.timeout.ms {} {relation} max.block.ms {}; the wait for metadata = {} ms either way",
            request.value, block.value, block.value
        ))
        .because("bounds one request on an open connection", &request)
        .because("bounds the wait of send() for metadata and buffer space", &block)
        .fix(Fix::advice(
            "set max.block.ms to how long send() may wait for metadata, delivery.timeout.ms to how long the whole delivery may take",
        ));
    Some(finding)
}

/// `request.timeout.ms` taken for the client's request timeout.
fn librdkafka(client: &KafkaClient) -> Option<Finding> {
    let view = View { client, literal: false };
    let request = view.written_int("request.timeout.ms")?;
    let socket = view.int("socket.timeout.ms").filter(|socket| !socket.written)?.value;
    let title = format!(
        "request.timeout.ms = {} does not bound the client's wait: in librdkafka socket.timeout.ms = {} does",
        request.value, socket.value
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 85)
        .because("how long the broker may wait for acknowledgements", &request)
        .because("how long the client waits for an answer", &socket)
        .fix(Fix::advice("set socket.timeout.ms to how long the client may wait for an answer"));
    Some(finding)
}
