//! # A delay that no connection can outlive
//!
//! ## What fails
//!
//! With an added delay of 30 s or more no Kafka client connects any more, whatever its request
//! timeout is: `Disconnecting from node 1 due to socket connection setup timeout. The timeout value
//! is 30000 ms`, again and again.
//!
//! ## Why
//!
//! The Java client gives the n-th connection attempt
//! `socket.connection.setup.timeout.ms` × 2ⁿ ± 20 %, but never more than
//! `socket.connection.setup.timeout.max.ms` (30000). `request.timeout.ms` begins to count only when
//! the connection is up. And a cold producer needs three answers (connection, versions, metadata)
//! within `max.block.ms` (60000), so a delay of 20 s already uses it up.
//!
//! ## Example
//!
//! A test that adds 30 s, as a container that runs along.
//!
//! ```yaml compose.yaml
//! services:
//!   kafka:
//!     image: apache/kafka:3.9.0
//!   delay:
//!     image: gaiaadm/pumba
//!     command: netem --duration 10m delay --time 30000 kafka
//! ```
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! ```
//!
//! ## Fix
//!
//! A delay well below the limits, or limits well above the delay; never one equal to the other.
//!
//! ```yaml compose.yaml
//! services:
//!   kafka:
//!     image: apache/kafka:3.9.0
//!   delay:
//!     image: gaiaadm/pumba
//!     command: netem --duration 10m delay --time 3000 kafka
//! ```
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! ```
//!
//! ## How to rehearse
//!
//! A proxy that delays what the broker sends by d, for d = 5, 10, 20, 40 s; note at which step a
//! cold and a warm client fail.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `ClusterConnectionStates`, `ExponentialBackoff`, `NetworkClient`.
//! - Inferred: the sum of three delays for a cold producer.

use wonin_model::{
    ClientKind, ClientLibrary, Evidence, Finding, Fix, KafkaClient, Located, Mode, ModeMeta,
    NotChecked, Role, ServiceId, Severity, Stack,
};

use crate::shared::clients::owner_name;
use crate::shared::measure::{parse_ms, setting_ms};
use crate::shared::reach::command_words;
use crate::shared::seen::{Part, Values, beside, signals};
use crate::shared::words::duration_ms;

pub(crate) struct DelayBeyondConnectCap;

static META: ModeMeta = ModeMeta {
    id: "delay-beyond-connect-cap",
    family: "client",
    summary: "a delay is longer than a Kafka client may take to connect or to start",
    source: include_str!("delay_beyond_connect_cap.rs"),
};

impl Mode for DelayBeyondConnectCap {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let stack = &evidence.stack;
        let own = observed(evidence);
        findings.extend(own.iter().cloned());
        let mut clients = stack.kafka_clients.iter();
        let Some(client) = clients.find(|one| one.library == ClientLibrary::Java) else { return };
        let delays: Vec<_> = stack.services().filter_map(|(id, _)| delay(stack, id)).collect();
        if delays.is_empty() && own.is_empty() {
            open.push(NotChecked {
                mode: META.id,
                service: None,
                why: "no delay between clients and brokers is known from files; it is a matter of the network".to_owned(),
            });
        }
        let found = delays.iter().filter_map(|(id, delay)| too_long(stack, client, *id, delay));
        findings.extend(found);
    }
}

/// Recognises first contacts that answer too late: connections given up for their set-up time, or
/// opened (by a proxy in between) without an answer within request.timeout.ms.
fn observed(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for signal in signals(evidence, &["kafka.connection-setup-timeout", "kafka.request-timeout"]) {
        let service = signal.service.as_deref();
        let is_first =
            |values: &Values| values.get("node").is_some_and(|node| node.starts_with('-'));
        let is_setup = signal.name == "kafka.connection-setup-timeout";
        let Some(part) = Part::of(signal, is_first) else { continue };
        // A wait of max.block.ms ends within that time of the contact that did not answer.
        let times: Vec<i64> = signal
            .hits
            .iter()
            .filter(|hit| is_first(&hit.values))
            .filter_map(|hit| hit.at_ms)
            .collect();
        let window = times.iter().min().zip(times.iter().max());
        let window = window
            .map(|(first, last)| (first.saturating_sub(NEAR_MS), last.saturating_add(NEAR_MS)));
        let near = |name: &str| Part::during(beside(evidence, name, service)?, window);
        let ended = near("kafka.not-present-in-metadata");
        if ended.is_none() && (!is_setup || part.events < 2) {
            continue;
        }
        let longest = signal.all("ms").iter().filter_map(|ms| ms.parse::<u64>().ok()).max();
        let waited = longest.unwrap_or(REQUEST_TIMEOUT_MS);
        let what = if is_setup {
            format!("a connection was not set up within up to {waited} ms")
        } else {
            format!("a first contact took the connection and gave no answer within {waited} ms")
        };
        let title =
            format!("{what}: a client that starts now needs three answers in a row and gets none");
        let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 80);
        finding.service.clone_from(&signal.service);
        finding = part.tell(finding, &what);
        let mut arithmetic = format!(
            "connect + ApiVersions + Metadata = 3 answers, each later than {waited} ms: 3 × {waited} = {} ms at least",
            waited.saturating_mul(3)
        );
        if let Some(ended) = ended {
            let bound = ended
                .signal
                .all("ms")
                .first()
                .map_or("max.block.ms".to_owned(), |ms| format!("max.block.ms {ms}"));
            arithmetic = format!("{arithmetic} > {bound}");
            finding =
                ended.tell(finding, "follows: no metadata before max.block.ms ended the wait");
        }
        for (name, what) in [
            ("kafka.request-cancelled", "follows: the request on it was cancelled"),
            ("kafka.bootstrap-disconnected", "the same contact"),
        ] {
            if let Some(other) = near(name) {
                finding = other.tell(finding, what);
            }
        }
        found.push(finding.arithmetic(arithmetic).leads_to("wrong-knob").fix(Fix::advice(
            "find what delays the answers; raising request.timeout.ms alone does not help a client that starts: max.block.ms and socket.connection.setup.timeout.max.ms bound it too",
        )));
    }
    found
}

/// How far apart a contact and the wait that it lengthened may lie in a log, in milliseconds.
const NEAR_MS: i64 = 60_000;

/// The Java client's default of `request.timeout.ms`; the text does not hold the number.
const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// A delay that a service's command adds to packets (`tc … netem delay 30s`,
/// `pumba netem delay --time 30000`), in milliseconds.
fn delay(stack: &Stack, id: ServiceId) -> Option<(ServiceId, Located<u64>)> {
    let words = command_words(stack, id);
    let netem = words.iter().position(|word| word.value.trim_matches(QUOTES) == "netem")?;
    let rest = &words[netem..];
    let at = rest.iter().position(|word| word.value == "delay")?;
    let amount = rest[at + 1..].iter().find_map(|word| {
        let text = word.value.trim_matches(QUOTES).trim_start_matches("--time=");
        word.and_then(|_| u64::try_from(parse_ms(text)?).ok())
    });
    Some((id, amount?))
}

const QUOTES: [char; 3] = ['"', '\'', ';'];

fn too_long(
    stack: &Stack,
    client: &KafkaClient,
    id: ServiceId,
    delay: &Located<u64>,
) -> Option<Finding> {
    let cap = setting_ms(&client.settings, "socket.connection.setup.timeout.max.ms")?;
    let block = setting_ms(&client.settings, "max.block.ms");
    let block = block.filter(|_| client.kind == ClientKind::Producer);
    let start = delay.value.checked_mul(3)?;
    let connects = delay.value < cap.value;
    let starts = block.as_ref().is_none_or(|block| start < block.value);
    if connects && starts {
        return None;
    }
    let by = duration_ms(delay.value);
    let title = if connects {
        format!(
            "a delay of {by} uses up what a producer may take to start: 3 answers need {}",
            duration_ms(start)
        )
    } else {
        format!(
            "a delay of {by} reaches the cap of {} for connections: no Kafka client that has to connect ever does",
            duration_ms(cap.value)
        )
    };
    let mut finding = Finding::new(&META, title)
        .service(owner_name(stack, client))
        .weigh(Role::Cause, Severity::Medium, 75)
        .because(format!("`{}` delays by this much, in ms", stack.service(id).name.value), delay)
        .because("the longest time for one connection attempt, in ms", &cap);
    let mut arithmetic = format!("delay {} ms against cap {} ms", delay.value, cap.value);
    if let Some(block) = block {
        arithmetic = format!(
            "{arithmetic}; 3 × {} = {start} ms against max.block.ms {}",
            delay.value, block.value
        );
        finding = finding.because("the longest wait of send() for metadata, in ms", &block);
    }
    Some(finding.arithmetic(arithmetic).fix(Fix::advice(
        "delay by at most half or at least twice a known limit; to bear more, raise socket.connection.setup.timeout.max.ms and max.block.ms together",
    )))
}
