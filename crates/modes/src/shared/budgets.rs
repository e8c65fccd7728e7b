//! Inequalities between the timeouts of one Kafka client or broker (failure-knowledge 2.2, 2.3).

use wonin_model::{ClientKind, ClientLibrary, KafkaBroker, Located};

use super::clients::View;

/// What breaking a rule leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The program refuses to start with these numbers.
    Refused,
    /// It starts and takes another number without asking.
    Changed,
    /// It starts and fails in some situations; inferred.
    Fragile,
}

/// A broken rule with the numbers in it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) outcome: Outcome,
    /// One sentence with the numbers.
    pub(crate) title: String,
    /// `20000 < 5 + 30000 = 30005`.
    pub(crate) arithmetic: String,
    /// The settings of the rule, the one to change first.
    pub(crate) numbers: Vec<(&'static str, Located<i64>)>,
    /// What to do.
    pub(crate) advice: String,
}

impl Violation {
    /// The names of its settings.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.numbers.iter().map(|(name, _)| *name).collect()
    }
}

/// All rules that these settings break.
pub(crate) fn violations(view: View) -> Vec<Violation> {
    let rules: &[fn(View) -> Option<Violation>] = match (view.client.library, view.client.kind) {
        (ClientLibrary::Java, ClientKind::Producer) => &[delivery, cold_start],
        (ClientLibrary::Java, ClientKind::Consumer) => &[heartbeat],
        (ClientLibrary::Java, ClientKind::Admin) => &[admin],
        (ClientLibrary::Librdkafka, _) => &[linger, backoff, fetch_wait, transaction],
        _ => &[],
    };
    rules.iter().filter_map(|rule| rule(view)).collect()
}

/// `delivery.timeout.ms ≥ linger.ms + request.timeout.ms`.
fn delivery(view: View) -> Option<Violation> {
    let delivery = view.int("delivery.timeout.ms")?;
    let linger = view.int("linger.ms")?.value;
    let request = view.int("request.timeout.ms")?.value;
    let sum = linger.value.checked_add(request.value)?;
    let given = delivery.value.value;
    if given >= sum {
        return None;
    }
    let (outcome, title) = if delivery.written {
        let title = format!(
            "delivery.timeout.ms = {given} is below linger.ms + request.timeout.ms = {sum}: the producer refuses to start"
        );
        (Outcome::Refused, title)
    } else {
        let title = format!(
            "delivery.timeout.ms is raised from {given} to {sum} without being asked, because request.timeout.ms is {}",
            request.value
        );
        (Outcome::Changed, title)
    };
    Some(Violation {
        outcome,
        title,
        arithmetic: format!("{given} < {} + {} = {sum}", linger.value, request.value),
        numbers: vec![
            ("delivery.timeout.ms", delivery.value),
            ("request.timeout.ms", request),
            ("linger.ms", linger),
        ],
        advice: format!("set delivery.timeout.ms to at least {sum}, or request.timeout.ms lower"),
    })
}

/// `max.block.ms ≥ socket.connection.setup.timeout.ms`: else a broker that does not answer uses up
/// all the time before the next one is tried.
fn cold_start(view: View) -> Option<Violation> {
    let block = view.written_int("max.block.ms")?;
    let setup = view.int("socket.connection.setup.timeout.ms")?.value;
    if block.value >= setup.value {
        return None;
    }
    let title = format!(
        "max.block.ms = {} ends a send() before a connection to a silent broker is given up ({} ms): likely to fail at a cold start",
        block.value, setup.value
    );
    let advice =
        "set max.block.ms above socket.connection.setup.timeout.ms, or lower that one as well";
    Some(pair(
        Outcome::Fragile,
        title,
        ("max.block.ms", block),
        '<',
        ("socket.connection.setup.timeout.ms", setup),
        advice,
    ))
}

/// `heartbeat.interval.ms < session.timeout.ms`, better at most a third.
fn heartbeat(view: View) -> Option<Violation> {
    let heartbeat = view.int("heartbeat.interval.ms")?.value;
    let session = view.int("session.timeout.ms")?.value;
    if view.client.settings.get("group.protocol").is_some_and(|p| p.value == "consumer") {
        return None;
    }
    let (outcome, title) = if heartbeat.value >= session.value {
        let title = format!(
            "heartbeat.interval.ms = {} is not below session.timeout.ms = {}: the consumer refuses to start",
            heartbeat.value, session.value
        );
        (Outcome::Refused, title)
    } else if heartbeat.value.checked_mul(3)? > session.value {
        let title = format!(
            "session.timeout.ms = {} holds fewer than 3 heartbeats of {} ms: one lost heartbeat is likely to cost the membership",
            session.value, heartbeat.value
        );
        (Outcome::Fragile, title)
    } else {
        return None;
    };
    let sign = if outcome == Outcome::Refused { '≥' } else { '<' };
    let advice = "keep heartbeat.interval.ms at a third of session.timeout.ms or below";
    let numbers = (("heartbeat.interval.ms", heartbeat), ("session.timeout.ms", session));
    let mut violation = pair(outcome, title, numbers.0, sign, numbers.1, advice);
    if outcome == Outcome::Fragile {
        let [(_, heartbeat), (_, session)] = &violation.numbers[..] else { return None };
        violation.arithmetic =
            format!("3 × {} = {} > {}", heartbeat.value, 3 * heartbeat.value, session.value);
    }
    Some(violation)
}

/// `default.api.timeout.ms ≥ request.timeout.ms` (admin client).
fn admin(view: View) -> Option<Violation> {
    let api = view.int("default.api.timeout.ms")?;
    let request = view.int("request.timeout.ms")?.value;
    if api.value.value >= request.value {
        return None;
    }
    let (outcome, title) = if api.written {
        let title = format!(
            "default.api.timeout.ms = {} is below request.timeout.ms = {}: the admin client refuses to start",
            api.value.value, request.value
        );
        (Outcome::Refused, title)
    } else {
        let title = format!(
            "default.api.timeout.ms is raised from {} to {} without being asked",
            api.value.value, request.value
        );
        (Outcome::Changed, title)
    };
    let advice = "set default.api.timeout.ms to at least request.timeout.ms";
    let (api, request) = (("default.api.timeout.ms", api.value), ("request.timeout.ms", request));
    Some(pair(outcome, title, api, '<', request, advice))
}

/// librdkafka: `message.timeout.ms > linger.ms`.
fn linger(view: View) -> Option<Violation> {
    let default = || view.int("message.timeout.ms").map(|chosen| chosen.value);
    let message = message_timeout(view).or_else(default)?;
    let linger = view.int("linger.ms")?.value;
    // 0 means that messages never expire.
    if message.value == 0 || message.value > linger.value {
        return None;
    }
    let title = format!(
        "message.timeout.ms = {} is not above linger.ms = {}: the client refuses to start",
        message.value, linger.value
    );
    let numbers = (("message.timeout.ms", message), ("linger.ms", linger));
    let advice = "set message.timeout.ms above linger.ms";
    Some(pair(Outcome::Refused, title, numbers.0, '≤', numbers.1, advice))
}

/// librdkafka: `reconnect.backoff.max.ms ≥ reconnect.backoff.ms`.
fn backoff(view: View) -> Option<Violation> {
    let most = view.int("reconnect.backoff.max.ms")?.value;
    let least = view.int("reconnect.backoff.ms")?.value;
    if most.value >= least.value {
        return None;
    }
    let title = format!(
        "reconnect.backoff.max.ms = {} is below reconnect.backoff.ms = {}: the client refuses to start",
        most.value, least.value
    );
    let numbers = (("reconnect.backoff.max.ms", most), ("reconnect.backoff.ms", least));
    let advice = "set reconnect.backoff.max.ms to at least reconnect.backoff.ms";
    Some(pair(Outcome::Refused, title, numbers.0, '<', numbers.1, advice))
}

/// librdkafka: `fetch.wait.max.ms + 1000 ≤ socket.timeout.ms`.
fn fetch_wait(view: View) -> Option<Violation> {
    let socket = view.int("socket.timeout.ms")?.value;
    let wait = view.int("fetch.wait.max.ms")?.value;
    let sum = wait.value.checked_add(1000)?;
    if sum <= socket.value {
        return None;
    }
    let title = format!(
        "socket.timeout.ms = {} leaves no room for a fetch that the broker holds for {} ms: idle fetches are likely to time out",
        socket.value, wait.value
    );
    let arithmetic = format!("{} + 1000 = {sum} > {}", wait.value, socket.value);
    let numbers = (("socket.timeout.ms", socket), ("fetch.wait.max.ms", wait));
    let advice = "set socket.timeout.ms to at least fetch.wait.max.ms + 1000";
    let violation = pair(Outcome::Fragile, title, numbers.0, '<', numbers.1, advice);
    Some(Violation { arithmetic, ..violation })
}

/// `message.timeout.ms`, written under either of its names.
fn message_timeout(view: View) -> Option<Located<i64>> {
    let names = ["message.timeout.ms", "delivery.timeout.ms"];
    names.iter().find_map(|name| view.written_int(name))
}

/// librdkafka, transactional producer: `message.timeout.ms ≤ transaction.timeout.ms`, where the
/// first is written (a default is lowered by the library).
fn transaction(view: View) -> Option<Violation> {
    view.client.settings.written("transactional.id")?;
    let message = message_timeout(view)?;
    let transaction = view.int("transaction.timeout.ms")?.value;
    if message.value <= transaction.value {
        return None;
    }
    let title = format!(
        "message.timeout.ms = {} is above transaction.timeout.ms = {}: the client refuses to start",
        message.value, transaction.value
    );
    let numbers = (("message.timeout.ms", message), ("transaction.timeout.ms", transaction));
    let advice = "set message.timeout.ms to at most transaction.timeout.ms";
    Some(pair(Outcome::Refused, title, numbers.0, '>', numbers.1, advice))
}

/// Rules between settings of one broker: `replica.fetch.wait.max.ms` must not be above
/// `replica.socket.timeout.ms` and `replica.lag.time.max.ms`.
pub(crate) fn broker_violations(broker: &KafkaBroker) -> Vec<Violation> {
    let Some(wait) = broker.settings.int("replica.fetch.wait.max.ms") else { return Vec::new() };
    let limits = ["replica.socket.timeout.ms", "replica.lag.time.max.ms"];
    let found = limits.iter().filter_map(|&name| {
        let limit = broker.settings.int(name)?;
        if wait.value <= limit.value {
            return None;
        }
        let title = format!(
            "replica.fetch.wait.max.ms = {} is above {name} = {}: the broker refuses to start",
            wait.value, limit.value
        );
        let advice = "keep replica.fetch.wait.max.ms below both";
        let wait = ("replica.fetch.wait.max.ms", wait.clone());
        Some(pair(Outcome::Refused, title, wait, '>', (name, limit), advice))
    });
    found.collect()
}

/// A rule of two numbers.
fn pair(
    outcome: Outcome,
    title: String,
    first: (&'static str, Located<i64>),
    sign: char,
    second: (&'static str, Located<i64>),
    advice: &str,
) -> Violation {
    let arithmetic =
        format!("{} {} {sign} {} {}", first.0, first.1.value, second.0, second.1.value);
    let numbers = vec![first, second];
    Violation { outcome, title, arithmetic, numbers, advice: advice.to_owned() }
}
