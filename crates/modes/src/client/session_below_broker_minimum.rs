//! # A session timeout that the broker does not accept
//!
//! ## What fails
//!
//! The consumer never joins its group. It logs `JoinGroup failed due to fatal error: The session
//! timeout is not within the range allowed by the broker` and receives nothing.
//!
//! ## Why
//!
//! The group coordinator accepts sessions between `group.min.session.timeout.ms` (6000) and
//! `group.max.session.timeout.ms` (1800000) and answers everything else with error 26. A value that
//! is written where it does not count is harmless until somebody puts it where it does.
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
//!         session.timeout.ms: 3000
//!         heartbeat.interval.ms: 1000
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
//! At least the broker's minimum, and at least three heartbeats. The client's default is 45000.
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka:9092
//!     consumer:
//!       group-id: orders
//!       properties:
//!         session.timeout.ms: 10000
//!         heartbeat.interval.ms: 3000
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
//! Start one consumer as configured and read its first join.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `GroupCoordinatorService`, `Errors` (26), `AbstractCoordinator`.

use std::collections::BTreeSet;

use wonin_model::{
    Evidence, Finding, Fix, KafkaClient, Located, Mode, ModeMeta, NotChecked, Role, Severity, Stack,
};

use crate::shared::clients::{View, owner_name};
use crate::shared::kafka_rules::{broker_of, has_classic_group, minimum_session};
use crate::shared::seen::{all_of, recognise_each};

pub(crate) struct SessionBelowBrokerMinimum;

static META: ModeMeta = ModeMeta {
    id: "session-below-broker-minimum",
    family: "client",
    summary: "session.timeout.ms lies outside what the broker accepts",
    source: include_str!("session_below_broker_minimum.rs"),
};

impl Mode for SessionBelowBrokerMinimum {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut told = BTreeSet::new();
        let mut own = Vec::new();
        for client in stack.kafka_clients.iter().filter(|client| has_classic_group(client)) {
            let Some((session, counts)) = session_of(client) else { continue };
            if session.place().is_none_or(|place| told.insert(place)) {
                own.extend(refused(stack, client, &session, counts));
            }
        }
        let shown = all_of(
            evidence,
            &[
                (
                    "kafka.invalid-session-timeout",
                    "the broker refused the group member for its session timeout",
                ),
                ("kafka.join-failed", "follows: the consumer does not join"),
            ],
        );
        let is_refused =
            shown.iter().any(|(part, _)| part.signal.name == "kafka.invalid-session-timeout");
        if is_refused {
            recognise_each(evidence, &mut own, &shown, || Some(unknown_session()));
        }
        findings.extend(own);
    }
}

/// A refusal in a log, without the client's settings.
fn unknown_session() -> Finding {
    let minimum = Located::default_of(
        6000,
        "Apache Kafka 3.9 broker",
        "Kafka documentation, Broker Configs, group.min.session.timeout.ms",
    );
    let title =
        "session.timeout.ms is outside what the broker accepts: the consumer never joins its group";
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 96)
        .because("group.min.session.timeout.ms, unless the broker sets another", &minimum)
        .leads_to("consumer-never-joins")
        .fix(Fix::advice("ask for 45000, the client's default since Kafka 3.0, and a third of it or less for heartbeat.interval.ms"))
}

/// The written session timeout, and whether it counts.
fn session_of(client: &KafkaClient) -> Option<(Located<i64>, bool)> {
    let name = "session.timeout.ms";
    let ignored = View { client, literal: true };
    if ignored.changes(&[name]) {
        return Some((ignored.written_int(name)?, false));
    }
    Some((View { client, literal: false }.written_int(name)?, true))
}

fn refused(
    stack: &Stack,
    client: &KafkaClient,
    session: &Located<i64>,
    counts: bool,
) -> Option<Finding> {
    let minimum = minimum_session(stack, client);
    let broker = broker_of(stack, client);
    let maximum = broker.and_then(|one| one.settings.int("group.max.session.timeout.ms"));
    let (limit, sign, name) = match maximum {
        _ if session.value < minimum.value => (minimum, '<', "group.min.session.timeout.ms"),
        Some(maximum) if session.value > maximum.value => {
            (maximum, '>', "group.max.session.timeout.ms")
        }
        _ => return None,
    };
    let relation = format!("{} {sign} {}", session.value, limit.value);
    let title = if counts {
        format!(
            "session.timeout.ms {relation}, the broker's limit: the consumer never joins its group"
        )
    } else {
        format!(
            "session.timeout.ms = {} has no effect now; where it counts, the broker refuses it ({relation})",
            session.value
        )
    };
    // Brokers outside these files may have another limit.
    let sure = if broker.is_some() { 97 } else { 85 };
    let (role, severity) =
        if counts { (Role::Cause, Severity::High) } else { (Role::Latent, Severity::Medium) };
    let finding = Finding::new(&META, title)
        .service(owner_name(stack, client))
        .weigh(role, severity, sure)
        .arithmetic(format!("session.timeout.ms {} {sign} {name} {}", session.value, limit.value))
        .because("the session that the consumer asks for", session)
        .because(format!("{name} of the broker"), &limit)
        .leads_to("consumer-never-joins");
    Some(finding.fix(Fix::replace(
        "ask for 45000, the client's default since Kafka 3.0, or anything the broker accepts that is at least three heartbeats",
        session,
        "45000",
    )))
}
