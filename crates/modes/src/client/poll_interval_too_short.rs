//! # A consumer that may hardly pause between polls
//!
//! ## What fails
//!
//! Each time handling a batch takes longer than `max.poll.interval.ms`, the consumer leaves its
//! group (`consumer poll timeout has expired`), its partitions move, the batch is delivered again,
//! and the next consumer fails in the same way: a loop of rebalances.
//!
//! ## Why
//!
//! One call to `poll()` returns up to `max.poll.records` (500) records, and the next call must come
//! within `max.poll.interval.ms` (300000). So one record may take
//! `max.poll.interval.ms / max.poll.records` on average. A slow query, a retry or a garbage
//! collection of a second or two is ordinary.
//!
//! ## Example
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka:9092
//!     consumer:
//!       group-id: orders
//!       properties:
//!         max.poll.interval.ms: 1000
//! ```
//!
//! ```java orders/src/main/java/shop/Orders.java
//! package shop;
//!
//! import org.springframework.kafka.annotation.KafkaListener;
//! import org.springframework.stereotype.Component;
//!
//! @Component
//! public class Orders {
//!     @KafkaListener(topics = "orders")
//!     public void receive(String order) {}
//! }
//! ```
//!
//! ## Fix
//!
//! Longer than the slowest batch: `max.poll.records` × the slowest record.
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka:9092
//!     consumer:
//!       group-id: orders
//!       max-poll-records: 100
//!       properties:
//!         max.poll.interval.ms: 300000
//! ```
//!
//! ```java orders/src/main/java/shop/Orders.java
//! package shop;
//!
//! import org.springframework.kafka.annotation.KafkaListener;
//! import org.springframework.stereotype.Component;
//!
//! @Component
//! public class Orders {
//!     @KafkaListener(topics = "orders")
//!     public void receive(String order) {}
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Delay the handler by more than the interval for one record and watch the group.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `ConsumerConfig`, `AbstractCoordinator` (text of the warning).
//! - librdkafka `rdkafka_conf.c`: `max.poll.interval.ms` must not be below `session.timeout.ms`.
//! - Inferred: that intervals below 10 s are shorter than ordinary pauses.

use std::collections::BTreeSet;

use wonin_model::{
    ClientKind, ClientLibrary, Evidence, Finding, Fix, KafkaClient, Located, Mode, ModeMeta,
    NotChecked, Role, Severity,
};

use crate::shared::clients::{View, owner_name};
use crate::shared::kafka_rules::SHORT_POLL_INTERVAL_MS;
use crate::shared::seen::{Part, Shown, beside, number, recognise_each, signals};

pub(crate) struct PollIntervalTooShort;

static META: ModeMeta = ModeMeta {
    id: "poll-interval-too-short",
    family: "client",
    summary: "max.poll.interval.ms is shorter than ordinary pauses",
    source: include_str!("poll_interval_too_short.rs"),
};

impl Mode for PollIntervalTooShort {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let consumers = evidence.stack.kafka_clients.iter();
        let mut told = BTreeSet::new();
        let mut own = Vec::new();
        for client in consumers.filter(|client| client.kind == ClientKind::Consumer) {
            let literal = View { client, literal: true };
            let counts = !literal.changes(&["max.poll.interval.ms"]);
            let Some(interval) = literal.written_int("max.poll.interval.ms") else { continue };
            if interval.value >= SHORT_POLL_INTERVAL_MS {
                continue;
            }
            if interval.place().is_none_or(|place| told.insert(place)) {
                let owner = owner_name(&evidence.stack, client);
                own.push(too_short(client, &interval, counts).service(owner));
            }
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises consumers that left their group because a poll came too late.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for signal in
        signals(evidence, &["kafka.poll-interval-exceeded", "librdkafka.poll-interval-exceeded"])
    {
        let service = signal.service.as_deref();
        let hit = signal.hits.first();
        let setting = hit.and_then(|hit| number(&hit.values, "setting_ms"));
        let late = hit.and_then(|hit| number(&hit.values, "ms"));
        let what = match (setting, late) {
            (Some(setting), Some(late)) => {
                format!("the next poll was {late} ms later than {setting} ms allow")
            }
            _ => "the consumer left its group: the time between two polls was too long".to_owned(),
        };
        let mut shown: Shown<'_> = vec![(Part::whole(signal), what)];
        for (name, what) in [
            (
                "kafka.commit-failed",
                "follows: its records go to another member and are handled again",
            ),
            ("kafka.member-removed", "follows: the broker removed it"),
        ] {
            let other = beside(evidence, name, service);
            shown.extend(other.map(|other| (Part::whole(other), what.to_owned())));
        }
        recognise_each(evidence, own, &shown, || Some(left(evidence, setting, late)));
    }
}

/// A consumer that left its group, without its settings or with the default of them.
fn left(evidence: &Evidence, setting: Option<u64>, late: Option<u64>) -> Finding {
    let consumers =
        evidence.stack.kafka_clients.iter().filter(|client| client.kind == ClientKind::Consumer);
    let values: Vec<Located<i64>> = consumers
        .filter_map(|client| View { client, literal: false }.int("max.poll.interval.ms"))
        .map(|chosen| chosen.value)
        .collect();
    let interval = match &values[..] {
        [only] => only.clone(),
        _ => Located::default_of(
            setting.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(300_000),
            "the Apache Kafka client, unless it is set",
            "Kafka documentation, Consumer Configs, max.poll.interval.ms",
        ),
    };
    let title = match setting {
        Some(setting) => format!(
            "handling one poll's records took longer than max.poll.interval.ms = {setting}: the consumer left its group"
        ),
        None => format!(
            "handling one poll's records took longer than max.poll.interval.ms (likely {}): the consumer left its group",
            interval.value
        ),
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 92)
        .because("the longest time between two polls", &interval)
        .leads_to("rebalance-loop");
    if let Some((setting, late)) = setting.zip(late) {
        finding = finding.arithmetic(format!(
            "{setting} ms + {late} ms = {} ms between two polls at least",
            setting.saturating_add(late)
        ));
    }
    finding.fix(Fix::advice(
        "find what makes the slow record slow; else fewer records per poll (max.poll.records, 500 by default), or an interval above max.poll.records × the slowest record",
    ))
}

fn too_short(client: &KafkaClient, interval: &Located<i64>, counts: bool) -> Finding {
    let view = View { client, literal: !counts };
    let records = view.int("max.poll.records").map(|chosen| chosen.value);
    let title = if counts {
        format!(
            "max.poll.interval.ms = {}: any pause of that length makes the consumer leave its group",
            interval.value
        )
    } else {
        format!(
            "max.poll.interval.ms = {} has no effect now; where it counts, any pause of that length makes the consumer leave its group",
            interval.value
        )
    };
    let (role, severity, confidence) = match client.library {
        _ if !counts => (Role::Latent, Severity::Medium, 75),
        ClientLibrary::Librdkafka if below_session(view, interval) => {
            (Role::Cause, Severity::High, 95)
        }
        _ => (Role::Cause, Severity::Medium, 75),
    };
    let mut finding = Finding::new(&META, title)
        .weigh(role, severity, confidence)
        .because("the longest time between two polls", interval)
        .leads_to("rebalance-loop");
    if let Some(records) = records.filter(|records| records.value > 0) {
        let each = interval.value as f64 / records.value as f64;
        finding = finding
            .arithmetic(format!(
                "{} ms / {} records per poll = {each:.1} ms per record",
                interval.value, records.value
            ))
            .because("records that one poll may return", &records);
    }
    finding.fix(Fix::replace(
        "use 300000, the default, or more than max.poll.records × the slowest record",
        interval,
        "300000",
    ))
}

/// librdkafka refuses to start with an interval below the session.
fn below_session(view: View, interval: &Located<i64>) -> bool {
    view.int("session.timeout.ms").is_some_and(|session| interval.value < session.value.value)
}
