//! The timeouts of the stack that a scenario rehearses: a fault is not to be exactly as long.

use std::time::Duration;

use wonin_model::{Evidence, Located, Origin, Settings};
use wonin_rehearse::scenario::KnownTimeout;

/// Names that bound a wait for somebody else.
const ENDINGS: [&str; 4] = ["timeout", "timeout.ms", "timeout-ms", "max.block.ms"];
/// Names that end like that and bound something else.
const OTHERS: [&str; 2] = ["keep-alive-timeout", "idle-timeout"];

/// All timeouts of Kafka clients, applications and gateways of a stack, defaults included.
pub(super) fn of(evidence: &Evidence) -> Vec<KnownTimeout> {
    let mut known: Vec<KnownTimeout> = Vec::new();
    let mut add = |name: &str, lasts: Duration, origin: &Origin| {
        let source = match origin {
            Origin::Default(standard) => format!("default of {}", standard.of),
            other => other.place().map_or_else(String::new, |place| {
                let path = evidence.sources.file(place.file).path();
                format!("{path}:{}", evidence.sources.position(place).line)
            }),
        };
        let timeout = KnownTimeout { name: name.to_owned(), lasts, source };
        if !lasts.is_zero() && !known.contains(&timeout) {
            known.push(timeout);
        }
    };
    let stack = &evidence.stack;
    let clients = stack.kafka_clients.iter().map(|client| &client.settings);
    let apps = stack.apps.iter().map(|app| &app.properties);
    for (name, value) in clients.chain(apps).flat_map(Settings::iter) {
        let is_wait = ENDINGS.iter().any(|ending| name.ends_with(ending));
        if is_wait
            && !OTHERS.iter().any(|other| name.ends_with(other))
            && let Some(lasts) = duration(&value.value)
        {
            add(name, lasts, &value.origin);
        }
    }
    let mut add_ms = |name: &str, value: &Located<u64>| {
        add(name, Duration::from_millis(value.value), &value.origin);
    };
    for route in stack.gateways.iter().flat_map(|gateway| &gateway.upstreams) {
        add_ms("proxy_connect_timeout", &route.connect_timeout_ms);
        add_ms("proxy_read_timeout", &route.read_timeout_ms);
    }
    known
}

/// Milliseconds, or a time with its unit as Spring writes it: `30000`, `30s`, `5m`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let ms = match text[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(ms)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(duration("30000"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Some(Duration::from_mins(5)));
        assert_eq!(duration("${TIMEOUT}"), None);
        assert_eq!(duration("-1"), None);
    }
}
