//! # Settings that are written and do not count
//!
//! ## What fails
//!
//! Nothing by itself. The value somebody tuned is not in effect, the default is, and tuning it
//! further changes nothing. An observed number that equals a default and stands nowhere in the
//! files is the sign of it.
//!
//! ## Why
//!
//! Spring Boot ignores unknown keys below a known prefix without a word. A dot separates names, so
//! `session.timeout.ms` below `spring.kafka.consumer` is not `sessionTimeout`; names of Kafka's own
//! belong below `properties`. A bean that is built from values in code takes the place of the one
//! that Spring Boot would have made from the file. Kafka images turn only some environment
//! variables into properties, and none when a `server.properties` is mounted.
//!
//! ## Example
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka:9092
//!     producer:
//!       max.block.ms: 20000
//! ```
//!
//! ```java orders/src/main/java/shop/Orders.java
//! package shop;
//!
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.stereotype.Service;
//!
//! @Service
//! public class Orders {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public Orders(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! Kafka's own names go below `properties`.
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka:9092
//!     producer:
//!       properties:
//!         max.block.ms: 20000
//! ```
//!
//! ```java orders/src/main/java/shop/Orders.java
//! package shop;
//!
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.stereotype.Service;
//!
//! @Service
//! public class Orders {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public Orders(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Give the setting a value that nothing else has (`max.block.ms: 7777`), stop the brokers, send,
//! and read the number in the error: the default says that the setting does not count.
//!
//! ## Evidence
//!
//! - Spring Boot 3.4: `ConfigurationProperties.ignoreUnknownFields`, "Relaxed Binding",
//!   "Additional Kafka Properties", `KafkaProperties`, `KafkaAutoConfiguration`
//!   (`@ConditionalOnMissingBean(KafkaTemplate.class)`).
//! - Start scripts of the Kafka images (`libkafka.sh`, `KafkaDockerWrapper`, `configure`).

use std::collections::BTreeSet;

use wonin_model::secret::is_secret_key;
use wonin_model::{
    Evidence, FileEdit, Finding, Fix, KafkaBroker, KafkaClient, Located, Mode, ModeMeta,
    NotApplied, NotChecked, Origin, Role, Settings, Severity, WhyNotApplied,
};
use wonin_text::Place;

use crate::shared::clients::{View, hand_through, owner_name};
use crate::shared::kafka_rules::{MATTERS, literal_harm};
use crate::shared::timeouts::{self, SeenTimeout};
use crate::shared::words::{count, list};

pub(crate) struct SettingNotApplied;

static META: ModeMeta = ModeMeta {
    id: "setting-not-applied",
    family: "client",
    summary: "written settings have no effect; something else counts",
    source: include_str!("setting_not_applied.rs"),
};

impl Mode for SettingNotApplied {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        // Clients of one application share keys; each key is told once.
        let mut told = BTreeSet::new();
        let seen = timeouts::seen(evidence);
        for (index, client) in evidence.stack.kafka_clients.iter().enumerate() {
            let seen: Vec<&SeenTimeout<'_>> =
                seen.iter().filter(|seen| seen.client == Some(index)).collect();
            let ignored = ineffective(&client.not_applied, &client.settings, false, &mut told);
            if !ignored.is_empty() {
                let finding = of_client(evidence, client, &ignored);
                findings.push(observed(client, finding, &seen));
            }
            findings.extend(seen.iter().filter_map(|seen| differs(client, seen)));
        }
        for broker in &evidence.stack.brokers {
            let ignored = ineffective(&broker.not_applied, &broker.settings, true, &mut told);
            if !ignored.is_empty() {
                findings.push(of_broker(broker, &ignored));
            }
        }
    }
}

/// Adds what logs show of settings that do not count: the wait ended after the default and not
/// after what was written.
fn observed(client: &KafkaClient, mut finding: Finding, seen: &[&SeenTimeout<'_>]) -> Finding {
    for one in seen {
        let setting = one.knob.setting;
        let wished = client.not_applied.iter().find(|ignored| {
            ignored.means.as_deref() == Some(setting)
                && !matches!(ignored.why, WhyNotApplied::Overruled { .. })
        });
        let Some((ms, wished)) = one.ms.zip(wished) else { continue };
        let Some(value) = timeouts::wished_ms(&wished.value.value) else { continue };
        if one.knob.fits(ms, value) {
            continue;
        }
        let default = one.knob.default_ms.is_some_and(|default| one.knob.fits(ms, default));
        let whose = if default { format!(", the default of {setting}") } else { String::new() };
        finding = one.tell(
            finding,
            &format!(
                "the wait ended after {ms} ms{whose}; the {value} that is written never counted"
            ),
        );
        finding.title = format!(
            "the log shows {ms} ms{whose}: the {value} that is written for the {} never counted; {}",
            client.name, finding.title
        );
        finding.confidence = 98;
    }
    finding
}

/// A wait that ended after another time than the setting that counts, as far as files tell.
fn differs(client: &KafkaClient, seen: &SeenTimeout<'_>) -> Option<Finding> {
    let setting = seen.knob.setting;
    let ms = seen.ms?;
    let counts = client.settings.get(setting).filter(|value| value.origin.is_certain())?;
    let value = timeouts::wished_ms(&counts.value)?;
    if seen.knob.fits(ms, value) || counts.origin.is_default() {
        return None;
    }
    let title = format!(
        "{setting} = {value} is written for the {}, but the log shows {ms}: likely another \
         configuration ran",
        client.name
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 70)
        .because("the value in these files", counts);
    let finding = seen.tell(finding, &seen.what());
    Some(finding.fix(Fix::advice(
        "compare with the values that the client logs at its start (`ProducerConfig values`, `ConsumerConfig values`)",
    )))
}

/// A written setting that does not count, and what counts instead.
struct Ineffective<'a> {
    written: &'a NotApplied,
    /// The setting's own name: what was meant, else the key.
    name: &'a str,
    instead: Option<&'a Located<String>>,
}

impl Ineffective<'_> {
    /// `max.block.ms is 60000, not 1500`.
    fn difference(&self) -> String {
        let Self { written, name, instead } = self;
        match instead {
            _ if is_secret_key(name) => format!("{name} is another"),
            Some(counts) => format!("{name} is {}, not {}", counts.value, written.value.value),
            None => format!("{name} is not read"),
        }
    }

    /// Rank by how much the setting matters for failing; lower is more.
    fn rank(&self) -> usize {
        MATTERS.iter().position(|known| *known == self.name).unwrap_or(MATTERS.len())
    }

    fn is_unknown_key(&self) -> bool {
        !matches!(self.written.why, WhyNotApplied::ReplacedByBean { .. })
    }
}

/// What is left after taking out values that count anyway, what another layer overrules on
/// purpose, and keys that were told before.
fn ineffective<'a>(
    all: &'a [NotApplied],
    settings: &'a Settings,
    with_unused_files: bool,
    told: &mut BTreeSet<(Place, &'a str)>,
) -> Vec<Ineffective<'a>> {
    let mut left = Vec::new();
    for written in all {
        let reported = match written.why {
            WhyNotApplied::UnknownKey { .. } | WhyNotApplied::ReplacedByBean { .. } => true,
            WhyNotApplied::FileNotUsed { .. } => with_unused_files,
            WhyNotApplied::Overruled { .. } => false,
        };
        let name = written.means.as_deref().unwrap_or(&written.key.value);
        let instead = written.instead.as_ref().or_else(|| settings.get(name));
        let same = instead.is_some_and(|counts| is_same(&counts.value, &written.value.value));
        let new = written.key.place().is_none_or(|place| !told.contains(&(place, name)));
        if reported && !same && new {
            left.push(Ineffective { written, name, instead });
        }
    }
    told.extend(left.iter().filter_map(|one| Some((one.written.key.place()?, one.name))));
    left.sort_by_key(|one| (!one.is_unknown_key(), one.rank()));
    left
}

/// Equal texts, and a class once with and once without its package.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.trim().trim_end_matches(".class").to_owned();
    let (one, other) = (bare(one), bare(other));
    let within = |short: &str, long: &str| {
        long.strip_suffix(short).is_some_and(|package| package.ends_with('.'))
    };
    one == other || within(&one, &other) || within(&other, &one)
}

fn of_client(evidence: &Evidence, client: &KafkaClient, ignored: &[Ineffective]) -> Finding {
    let matters = |one: &&Ineffective| one.is_unknown_key() && one.rank() < MATTERS.len();
    // Keys that nobody knows mislead whoever tunes them; keys that a bean replaces are at least
    // known, and what counts stands in the code.
    let (role, severity) = match ignored.iter().find(matters) {
        Some(_) => (Role::Cause, Severity::Medium),
        None => (Role::Contributing, Severity::Low),
    };
    let finding = described(&client.name, ignored).service(owner_name(&evidence.stack, client));
    let finding = finding.weigh(role, severity, 97);
    repairs(evidence, client, ignored, finding)
}

fn of_broker(broker: &KafkaBroker, ignored: &[Ineffective]) -> Finding {
    let unused = ignored.iter().find_map(|one| match &one.written.why {
        WhyNotApplied::FileNotUsed { reason } => Some(reason),
        _ => None,
    });
    let advice = match unused {
        Some(reason) => format!("set them where they are read: {reason}"),
        None => "use the names that this image turns into properties".to_owned(),
    };
    described(&broker.name, ignored)
        .service(&broker.name)
        .weigh(Role::Contributing, Severity::Medium, 90)
        .fix(Fix::advice(advice))
}

/// Title, arithmetic and evidence, the same for clients and brokers.
fn described(of: &str, ignored: &[Ineffective]) -> Finding {
    let differences: Vec<String> = ignored.iter().map(Ineffective::difference).collect();
    let shown = &differences[..differences.len().min(2)];
    let more = differences.len() - shown.len();
    let rest = if more > 0 { format!("; {more} more") } else { String::new() };
    let title = format!(
        "{} written for the {of} {} no effect: {}{rest}",
        count(ignored.len(), "setting"),
        if ignored.len() == 1 { "has" } else { "have" },
        shown.join("; ")
    );
    let mut finding = Finding::new(&META, title).arithmetic(differences.join("; "));
    for one in ignored {
        finding = finding.because_at(reason(one), one.written.key.origin.clone());
        if let Some(instead) = one.instead.filter(|_| !is_secret_key(one.name)) {
            finding = finding.because(format!("{} counts instead", one.name), instead);
        }
    }
    for place in beans(ignored) {
        finding = finding.because_at("the bean that takes their place", Origin::Written(place));
    }
    finding
}

fn reason(one: &Ineffective) -> String {
    let value = if is_secret_key(one.name) { "…" } else { one.written.value.value.as_str() };
    let written = format!("{}: {value}", one.written.key.value);
    match &one.written.why {
        WhyNotApplied::UnknownKey { by, .. } => {
            format!("`{written}` is no key that {by} knows: ignored without a word")
        }
        WhyNotApplied::ReplacedByBean { bean, .. } => {
            format!("`{written}` does not reach `{bean}`, which is built from values in code")
        }
        WhyNotApplied::FileNotUsed { reason } => format!("`{written}` is not read: {reason}"),
        WhyNotApplied::Overruled { rule, .. } => format!("`{written}` is overruled: {rule}"),
    }
}

fn beans(ignored: &[Ineffective]) -> BTreeSet<Place> {
    let places = ignored.iter().filter_map(|one| match one.written.why {
        WhyNotApplied::ReplacedByBean { place, .. } => Some(place),
        _ => None,
    });
    places.collect()
}

/// Moves keys below `properties` where their values may count as they stand; says what else is
/// needed.
fn repairs(
    evidence: &Evidence,
    client: &KafkaClient,
    ignored: &[Ineffective],
    mut finding: Finding,
) -> Finding {
    let literal = View { client, literal: true };
    let mut edits: Vec<FileEdit> = Vec::new();
    let mut harmful = Vec::new();
    for one in ignored.iter().filter(|one| one.is_unknown_key()) {
        if let Some(mode) = literal_harm(literal, one.name) {
            harmful.push(format!("{}: {}", one.name, one.written.value.value));
            if !finding.leads_to.iter().any(|known| known == mode) {
                finding = finding.leads_to(mode);
            }
        } else if one.written.means.is_some() {
            edits.extend(hand_through(evidence, &one.written.key, one.name));
        }
    }
    let bean = bean_name(client);
    if let Some(bean) = bean {
        finding = finding.fix(Fix::advice(format!(
            "let `{bean}` take its values from `spring.kafka` (inject `KafkaProperties`), or remove it so that Spring Boot makes it"
        )));
    }
    if !edits.is_empty() {
        let title = format!(
            "{}write {} below `properties`, where Spring Boot hands Kafka's own names through",
            if bean.is_some() { "then " } else { "" },
            count(edits.len(), "key")
        );
        finding = finding.fix(Fix { edits, ..Fix::advice(title) });
    } else if let Some(spelling) = ignored.iter().find_map(spelling) {
        finding = finding.fix(Fix::advice(format!("use the spelling that is read: `{spelling}`")));
    }
    if !harmful.is_empty() {
        let advice = format!("choose other values before letting these count: {}", list(&harmful));
        finding = finding.fix(Fix::advice(advice));
    }
    finding
}

fn spelling<'a>(one: &Ineffective<'a>) -> Option<&'a str> {
    match &one.written.why {
        WhyNotApplied::UnknownKey { spelling, .. } => spelling.as_deref(),
        _ => None,
    }
}

/// The bean that takes the place of what the file says, for this client.
fn bean_name(client: &KafkaClient) -> Option<&str> {
    client.not_applied.iter().find_map(|ignored| match &ignored.why {
        WhyNotApplied::ReplacedByBean { bean, .. } => Some(bean.as_str()),
        _ => None,
    })
}
