//! # Timeouts in the wrong order
//!
//! ## What fails
//!
//! An outer wait ends before the inner one: the caller gets an error while the work goes on, holds
//! its thread and may still succeed. Kafka clients check some of these orders themselves and refuse
//! to start, or take another number without asking.
//!
//! ## Why
//!
//! Who waits for someone that waits must wait longer: proxy > application > pool > database. For
//! the Java producer `delivery.timeout.ms ≥ linger.ms + request.timeout.ms`: a written delivery
//! timeout below the sum is an error at construction, a default one is raised with a warning. A
//! consumer needs `heartbeat.interval.ms < session.timeout.ms`, an admin client
//! `default.api.timeout.ms ≥ request.timeout.ms`.
//!
//! ## Example
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! delivery.timeout.ms=20000
//! ```
//!
//! ## Fix
//!
//! Order the budget from the outside in.
//!
//! ```properties client/producer.properties
//! bootstrap.servers=kafka-1:9092,kafka-2:9092
//! key.serializer=org.apache.kafka.common.serialization.StringSerializer
//! value.serializer=org.apache.kafka.common.serialization.StringSerializer
//! request.timeout.ms=10000
//! delivery.timeout.ms=20000
//! ```
//!
//! ## How to rehearse
//!
//! Delay the inner side by a time between the two and see which error comes first, and whether the
//! inner work still ends.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `KafkaProducer.configureDeliveryTimeout`, `Heartbeat`, `KafkaAdminClient`,
//!   `KafkaConfig.validateValues`.
//! - librdkafka: `CONFIGURATION.md`, `rdkafka_conf.c`.
//! - nginx: `ngx_http_proxy_module`; HikariCP: `connectionTimeout`.
//! - Inferred: margins, and that a producer with a short `max.block.ms` fails at a cold start.

use std::collections::BTreeSet;

use wonin_model::{
    Evidence, Finding, Fix, KafkaClient, Mode, ModeMeta, NotChecked, Role, Severity,
};
use wonin_text::Place;

use crate::shared::budgets::{Outcome, Violation, broker_violations, violations};
use crate::shared::clients::{View, owner_name};
use crate::shared::seen::{Part, Shown, Values, all_of, recognise, signals};
use crate::shared::waits::{Inversion, inversions};
use crate::shared::words::duration_ms;

pub(crate) struct TimeoutBudgetInverted;

static META: ModeMeta = ModeMeta {
    id: "timeout-budget-inverted",
    family: "client",
    summary: "an outer timeout ends before the inner one",
    source: include_str!("timeout_budget_inverted.rs"),
};

impl Mode for TimeoutBudgetInverted {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut told = BTreeSet::new();
        let mut own = Vec::new();
        for client in &stack.kafka_clients {
            let found = of_client(client, &mut told).into_iter();
            own.extend(found.map(|finding| finding.service(owner_name(stack, client))));
        }
        for broker in &stack.brokers {
            let broken = broker_violations(broker);
            own.extend(broken.iter().map(|one| in_effect(one).service(&broker.name)));
        }
        let refused = all_of(
            evidence,
            &[(
                "kafka.heartbeat-above-session",
                "the client refused its settings: heartbeat.interval.ms is not below session.timeout.ms",
            )],
        );
        recognise(&mut own, &refused, || Some(heartbeat()));
        let mut chains: Vec<Finding> = inversions(stack).iter().map(of_chain).collect();
        observe(evidence, &mut chains);
        findings.extend(own);
        findings.extend(chains);
    }
}

fn heartbeat() -> Finding {
    let title =
        "heartbeat.interval.ms is not below session.timeout.ms: the consumer refuses to start";
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 97)
        .fix(Fix::advice("set heartbeat.interval.ms to a third of session.timeout.ms or less"))
}

/// Recognises callers that gave up before what they called did: where the files say so, by a
/// proxy's own words; from a log alone, where requests that the caller gave up (499) are followed
/// by the program's own success.
fn observe(evidence: &Evidence, chains: &mut Vec<Finding>) {
    if chains.is_empty() {
        return;
    }
    let mut shown: Shown<'_> = Vec::new();
    for signal in signals(evidence, &["nginx.upstream-timed-out"]) {
        let reading =
            |values: &Values| values.get("doing").is_some_and(|doing| doing.starts_with("reading"));
        let part = Part::of(signal, reading);
        shown.extend(part.map(|part| {
            (part, "the proxy gave up while the program was still at work".to_owned())
        }));
    }
    shown.extend(all_of(
        evidence,
        &[
            ("http.status-504", "the caller got 504"),
            ("http.status-499", "the caller gave up before the proxy did"),
        ],
    ));
    recognise(chains, &shown, || None);
}

/// What the settings in effect break, and what they would if those without effect had one.
fn of_client(client: &KafkaClient, told: &mut BTreeSet<Vec<Option<Place>>>) -> Vec<Finding> {
    let now = violations(View { client, literal: false });
    let literal = View { client, literal: true };
    let later = violations(literal);
    let mut new = |violation: &&Violation| {
        let places = violation.numbers.iter().map(|(_, number)| number.place());
        told.insert(places.collect())
    };
    let mut findings: Vec<Finding> = now.iter().filter(&mut new).map(in_effect).collect();
    let later = later.iter().filter(|one| literal.changes(&one.names()) && is_grave(one));
    findings.extend(later.filter(&mut new).map(if_applied));
    findings
}

/// Of what is not in effect only the refusals, the silent changes and failing starts are worth a
/// word.
fn is_grave(violation: &Violation) -> bool {
    violation.outcome != Outcome::Fragile || violation.names().contains(&"max.block.ms")
}

fn in_effect(violation: &Violation) -> Finding {
    let (role, severity, confidence) = match violation.outcome {
        Outcome::Refused => (Role::Cause, Severity::High, 96),
        Outcome::Changed => (Role::Contributing, Severity::Low, 95),
        Outcome::Fragile => (Role::Contributing, Severity::Low, 65),
    };
    described(violation, violation.title.clone()).weigh(role, severity, confidence)
}

fn if_applied(violation: &Violation) -> Finding {
    let (severity, confidence) = match violation.outcome {
        Outcome::Refused => (Severity::Medium, 90),
        Outcome::Changed => (Severity::Low, 90),
        Outcome::Fragile => (Severity::Low, 65),
    };
    let title = format!("not in effect now, but if it were: {}", violation.title);
    described(violation, title).weigh(Role::Latent, severity, confidence)
}

fn described(violation: &Violation, title: String) -> Finding {
    let mut finding = Finding::new(&META, title).arithmetic(&violation.arithmetic);
    for (name, number) in &violation.numbers {
        finding = finding.because(*name, number);
    }
    finding.fix(Fix::advice(&violation.advice))
}

/// A proxy that gives up before what stands behind it.
fn of_chain(inversion: &Inversion) -> Finding {
    let Inversion { outer, inner, outer_name, inner_name, inner_what, .. } = inversion;
    let title = format!(
        "{outer_name} gives up after {}, {inner_name} waits {} for {inner_what}: the caller gets a 504 while the work goes on",
        duration_ms(outer.value),
        duration_ms(inner.value)
    );
    // With equal times luck decides who gives up first.
    let severity = if outer.value < inner.value { Severity::Medium } else { Severity::Low };
    let margin = inner.value.saturating_add(inner.value / 10).saturating_add(1000);
    Finding::new(&META, title)
        .service(inner_name)
        .weigh(Role::Contributing, severity, inversion.confidence)
        .arithmetic(format!("outer {} ms ≤ inner {} ms", outer.value, inner.value))
        .because("the proxy waits this long for the answer, in ms", outer)
        .because(format!("{inner_name} waits this long for {inner_what}, in ms"), inner)
        .fix(Fix::advice(format!(
            "lower `{}` below {}, or raise the proxy's timeout to {} or more",
            inversion.inner_setting,
            duration_ms(outer.value),
            duration_ms(margin / 1000 * 1000)
        )))
}
