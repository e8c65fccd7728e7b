//! # Idempotence that is switched off by another setting
//!
//! ## What fails
//!
//! After a retry a record is stored twice or out of order, and with `acks` below `all` a record
//! that was acknowledged is lost when its leader fails. Nobody chose that: it came along with
//! another setting, and only an INFO line says so.
//!
//! ## Why
//!
//! Since Kafka 3.0 the Java producer is idempotent by default, as long as `acks=all`, `retries` is
//! above 0 and at most 5 requests are in flight. Where one of them is set otherwise and
//! `enable.idempotence` is not written, the producer drops idempotence quietly. Where it is
//! written, the producer refuses to start.
//!
//! ## Example
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! acks=1
//! ```
//!
//! ## Fix
//!
//! Leave `acks` at `all`, or write that idempotence is not wanted.
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! acks=all
//! ```
//!
//! ## How to rehearse
//!
//! Cut the connection after a record was stored and before its acknowledgement arrives; count what
//! is read.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `ProducerConfig.postProcessAndValidateIdempotenceConfigs`.

use wonin_model::{
    ClientKind, ClientLibrary, Evidence, Finding, Fix, KafkaClient, Located, Mode, ModeMeta,
    NotChecked, Role, Severity, Stack,
};

use crate::shared::clients::{owner_name, replace_text};
use crate::shared::kafka_rules::broker_of;
use crate::shared::seen::{all_of, recognise_each};

pub(crate) struct IdempotenceDropped;

static META: ModeMeta = ModeMeta {
    id: "idempotence-dropped",
    family: "client",
    summary: "acks, retries or requests in flight switch the producer's idempotence off",
    source: include_str!("idempotence_dropped.rs"),
};

impl Mode for IdempotenceDropped {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let producers = evidence.stack.kafka_clients.iter().filter(|client| {
            client.kind == ClientKind::Producer && client.library == ClientLibrary::Java
        });
        let mut own = Vec::new();
        for client in producers {
            let owner = owner_name(&evidence.stack, client);
            own.extend(dropped(evidence, client).map(|finding| finding.service(owner)));
        }
        let shown =
            all_of(evidence, &[("kafka.idempotence-dropped", "the producer says so at its start")]);
        recognise_each(evidence, &mut own, &shown, || {
            let title = "the producer switched its idempotence off: a retry may store a record twice or out of order";
            let finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Low, 95);
            Some(finding.fix(Fix::advice("keep acks=all, retries and at most 5 requests in flight, and set enable.idempotence=true so that a conflict is refused")))
        });
        findings.extend(own);
    }
}

/// A setting that does not go with idempotence, and the value that does.
struct Conflict {
    name: &'static str,
    value: Located<String>,
    right: &'static str,
    rule: String,
}

fn conflict(client: &KafkaClient) -> Option<Conflict> {
    let written = |name: &str| {
        client.settings.written(name).filter(|value| value.origin.is_certain()).cloned()
    };
    let number = |value: &Located<String>| value.value.trim().parse::<i64>().ok();
    if let Some(value) = written("acks").filter(|acks| !matches!(acks.value.trim(), "all" | "-1")) {
        let rule = format!("acks = {}, needed: all", value.value);
        return Some(Conflict { name: "acks", value, right: "all", rule });
    }
    if let Some(value) = written("retries").filter(|retries| number(retries) == Some(0)) {
        let rule = "retries = 0, needed: more than 0".to_owned();
        return Some(Conflict { name: "retries", value, right: "2147483647", rule });
    }
    let name = "max.in.flight.requests.per.connection";
    let value = written(name).filter(|flight| number(flight).is_some_and(|n| n > 5))?;
    let rule = format!("{name} = {} > 5", value.value);
    Some(Conflict { name, value, right: "5", rule })
}

fn dropped(evidence: &Evidence, client: &KafkaClient) -> Option<Finding> {
    let idempotence = client.settings.get("enable.idempotence")?;
    let wanted = idempotence.value.trim().eq_ignore_ascii_case("true");
    let chosen = !idempotence.origin.is_default();
    let transactional = client.settings.written("transactional.id");
    if !wanted {
        return transactional.map(|id| without_idempotence(id, idempotence));
    }
    let Conflict { name, value, right, rule } = conflict(client)?;
    let refused = chosen || transactional.is_some();
    let acks = &value.value;
    let title = if refused {
        format!(
            "{name} = {acks} contradicts the idempotence that is asked for: the producer refuses to start"
        )
    } else {
        format!(
            "{name} = {acks} switches the producer's idempotence off; only an INFO line says so"
        )
    };
    let mut finding = Finding::new(&META, title)
        .arithmetic(rule)
        .because(format!("{name} of the producer"), &value)
        .because("idempotence", idempotence);
    if let Some(id) = transactional {
        finding = finding.because("transactions need idempotence", id);
    }
    let durable = (name == "acks").then(|| durability(&evidence.stack, client)).flatten();
    finding = match (refused, durable) {
        (true, _) => finding.weigh(Role::Cause, Severity::High, 96),
        (false, Some((setting, wish))) => finding
            .because(
                format!("{setting} of the broker promises more than acks = {acks} waits for"),
                &wish,
            )
            .weigh(Role::Contributing, Severity::Medium, 90)
            .leads_to("acknowledged-records-lost"),
        (false, None) => finding.weigh(Role::Contributing, Severity::Low, 95),
    };
    let fix = replace_text(evidence, format!("set {name} to {right}"), &value, right);
    let finding = finding.fix(fix);
    Some(if refused {
        finding
    } else {
        finding.fix(Fix::advice("write enable.idempotence=false if duplicates do not matter"))
    })
}

fn without_idempotence(id: &Located<String>, idempotence: &Located<String>) -> Finding {
    let title = "transactional.id is set and idempotence is off: the producer refuses to start";
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 96)
        .because("idempotence", idempotence)
        .because("transactions need idempotence", id)
        .fix(Fix::advice("remove enable.idempotence=false"))
}

/// What the brokers are set to keep, if that is more than one copy.
fn durability(stack: &Stack, client: &KafkaClient) -> Option<(&'static str, Located<i64>)> {
    let broker = broker_of(stack, client)?;
    let names = ["min.insync.replicas", "default.replication.factor"];
    names.iter().find_map(|&name| {
        let value = broker.settings.int(name).filter(|copies| copies.value > 1)?;
        Some((name, value))
    })
}
