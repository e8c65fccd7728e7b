//! The TCP engine for callers in this program: what the HTTP API offers, without HTTP.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::engine::{Engine, ProxyView};
use crate::error::Error;
use crate::hits::HitCount;
use crate::input::{ProxyInput, ToxicInput};
use crate::tcp::faults::FAULTS;
use crate::tcp::plan::Toxic;

/// What one TCP fault did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHits {
    /// Connections that it did something to.
    pub connections: u64,
    /// Bytes that it delayed, cut or swallowed.
    pub bytes: u64,
    /// Milliseconds since 1970 of the first time.
    pub first_unix_ms: Option<u64>,
    /// Milliseconds since 1970 of the last time.
    pub last_unix_ms: Option<u64>,
}

impl From<HitCount> for TcpHits {
    fn from(count: HitCount) -> Self {
        let HitCount { connections, bytes, first_unix_ms, last_unix_ms } = count;
        Self { connections, bytes, first_unix_ms, last_unix_ms }
    }
}

/// A fault in Toxiproxy's words (`type`, `stream`, `toxicity`, `attributes`), checked and not yet
/// on any proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpFault {
    body: Value,
    /// Its `type`.
    pub kind: String,
    /// In words: `latency 3000 ms downstream`.
    pub what: String,
    /// Milliseconds after which it lets something go on or ends it, by attribute.
    pub delays_ms: Vec<u64>,
    /// Whether nobody is answered while it acts.
    pub is_outage: bool,
    /// Whether nobody can connect while it acts. The system turns clients away before the proxy sees
    /// them, so that such a fault cannot count whom it hit.
    pub refuses: bool,
}

impl TcpFault {
    /// The types there are.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        FAULTS.iter().map(|entry| entry.kind)
    }

    /// Checks `type`, `stream`, `toxicity` and `attributes` of a JSON object. Unlike the API, what
    /// would change nothing is refused: an unknown attribute, one below zero, a delay of nothing,
    /// no share of connections.
    pub fn parse(body: &Value) -> Result<Self, Error> {
        let input = ToxicInput::parse(body)?;
        let known: Value = serde_json::from_str(&input.fault.attributes()).unwrap_or_default();
        let given = body.get("attributes").and_then(Value::as_object);
        for name in given.into_iter().flat_map(|given| given.keys()) {
            if known.get(name).is_none() {
                let names = known.as_object().into_iter().flat_map(|known| known.keys());
                let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                let (kind, names) = (input.fault.kind(), names.join(", "));
                let has = if names.is_empty() { "none".to_owned() } else { names };
                return Err(Error::new(
                    400,
                    format!("`{kind}` has no attribute `{name}`; it has {has}"),
                ));
            }
        }
        check_effect(&input, &known)?;
        let delays = ["latency", "timeout", "delay"].into_iter().filter_map(|name| known.get(name));
        let delays_ms: Vec<u64> = match input.fault.kind() {
            // Its delay is in microseconds.
            "slicer" => Vec::new(),
            _ => delays.filter_map(Value::as_u64).filter(|ms| *ms > 0).collect(),
        };
        let never_ends = input.fault.kind() == "timeout" && delays_ms.is_empty();
        Ok(Self {
            body: body.clone(),
            is_outage: never_ends || input.fault.refuses() || input.fault.holds(),
            delays_ms,
            kind: input.fault.kind().to_owned(),
            what: words(&input, &known),
            refuses: input.fault.refuses(),
        })
    }
}

/// Refuses a fault that could not do anything to anybody.
fn check_effect(input: &ToxicInput, attributes: &Value) -> Result<(), Error> {
    let toxicity = input.toxicity;
    if !(toxicity > 0.0 && toxicity <= 1.0) {
        let what = format!("`toxicity` must be above 0 and at most 1, not {toxicity}");
        return Err(Error::new(400, what));
    }
    let number = |name: &str| attributes.get(name).and_then(Value::as_i64).unwrap_or(0);
    let names = attributes.as_object().into_iter().flat_map(|attributes| attributes.keys());
    if let Some((name, value)) =
        names.map(|name| (name, number(name))).find(|(_, value)| *value < 0)
    {
        let what = format!("`attributes.{name}` must be 0 or more, not {value}");
        return Err(Error::new(400, what));
    }
    let kind = input.fault.kind();
    let lacks = match kind {
        "latency" if number("latency") == 0 && number("jitter") == 0 => "`latency`, or `jitter`,",
        "slow_close" if number("delay") == 0 => "`delay`",
        _ => return Ok(()),
    };
    Err(Error::new(400, format!("`{kind}` does nothing without {lacks} among its `attributes`")))
}

/// The fault in one line; attributes that do nothing are left out.
fn words(input: &ToxicInput, attributes: &Value) -> String {
    let mut out = input.fault.kind().replace('_', " ");
    let mut attributes: Vec<_> = attributes.as_object().into_iter().flatten().collect();
    // What gave the fault its name is told first.
    attributes.sort_by_key(|(name, _)| *name != input.fault.kind());
    for (name, value) in attributes {
        if value.as_i64() == Some(0) {
            continue;
        }
        let unit = match name.as_str() {
            "delay" if input.fault.kind() == "slicer" => " µs",
            "latency" | "jitter" | "timeout" | "delay" => " ms",
            "rate" => " kB/s",
            _ => "",
        };
        if *name != input.fault.kind() {
            out.push(' ');
            out.push_str(name);
        }
        // Writing to a string cannot fail, here and below.
        _ = write!(out, " {value}{unit}");
    }
    if !input.fault.refuses() {
        out.push(' ');
        out.push_str(input.direction.name());
    }
    if input.toxicity < 1.0 {
        _ = write!(out, " on {}% of connections", input.toxicity * 100.0);
    }
    out
}

/// Whether a proxy may listen and lead there: both on this machine, unless others are allowed.
pub async fn check_addresses(
    listen: &str,
    upstream: &str,
    allow_remote: bool,
) -> Result<(), Error> {
    crate::address::listen(listen, allow_remote).await?;
    crate::address::check_upstream(upstream, allow_remote)
}

impl Engine {
    /// Creates a proxy and gives the address on which it listens; port 0 takes a free one.
    pub async fn add_proxy(
        &self,
        name: &str,
        listen: &str,
        upstream: &str,
    ) -> Result<String, Error> {
        let body = json!({ "name": name, "listen": listen, "upstream": upstream });
        Ok(self.create(ProxyInput::parse(&body)?).await?.listen)
    }

    /// Adds a fault under a name of its own. Connections meet it before they carry another byte.
    pub async fn add_fault(&self, proxy: &str, name: &str, fault: &TcpFault) -> Result<(), Error> {
        let input = ToxicInput { name: name.to_owned(), ..ToxicInput::parse(&fault.body)? };
        self.add_toxic(proxy, input).await.map(|_| ())
    }

    /// Removes a fault; what it held back goes on.
    pub async fn remove_fault(&self, proxy: &str, name: &str) -> Result<(), Error> {
        self.remove_toxic(proxy, name).await
    }

    /// Whom a fault has hit; also after it was removed. `None` for one that never was.
    pub async fn hits(&self, proxy: &str, name: &str) -> Option<TcpHits> {
        let view = self.get(proxy).await.ok()?;
        let named = |toxic: &&Toxic| toxic.name == name;
        let toxic = view.plan.find(name).or_else(|| view.retired.iter().rev().find(named))?;
        Some(toxic.hits.count().into())
    }

    /// Connections that a proxy has accepted; `None` for a proxy that is not there.
    pub async fn accepted(&self, proxy: &str) -> Option<u64> {
        let view: ProxyView = self.get(proxy).await.ok()?;
        Some(view.traffic.accepted.load(std::sync::atomic::Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_as_words() {
        let what = |body: Value| TcpFault::parse(&body).unwrap().what;
        assert_eq!(
            what(json!({"type": "latency", "attributes": {"latency": 3000}})),
            "latency 3000 ms downstream"
        );
        assert_eq!(
            what(json!({"type": "latency", "stream": "upstream", "toxicity": 0.5,
                "attributes": {"latency": 300, "jitter": 50}})),
            "latency 300 ms jitter 50 ms upstream on 50% of connections"
        );
        assert_eq!(what(json!({"type": "refuse"})), "refuse");
        assert_eq!(
            what(json!({"type": "bandwidth", "attributes": {"rate": 10}})),
            "bandwidth rate 10 kB/s downstream"
        );
    }

    #[test]
    fn what_would_change_nothing_is_refused() {
        let why = |body: Value| TcpFault::parse(&body).unwrap_err().message;
        assert_eq!(
            why(json!({"type": "latency", "attributes": {"latenzy": 3}})),
            "`latency` has no attribute `latenzy`; it has `jitter`, `latency`"
        );
        assert_eq!(why(json!({"type": "slow"})), "invalid toxic type");
        assert_eq!(
            why(json!({"type": "latency", "attributes": {"latency": 0}})),
            "`latency` does nothing without `latency`, or `jitter`, among its `attributes`"
        );
        assert_eq!(
            why(json!({"type": "slow_close"})),
            "`slow_close` does nothing without `delay` among its `attributes`"
        );
        assert_eq!(
            why(json!({"type": "latency", "attributes": {"latency": -3}})),
            "`attributes.latency` must be 0 or more, not -3"
        );
        for toxicity in [0.0, -1.0, 3.0] {
            let why = why(json!({"type": "silence", "toxicity": toxicity}));
            assert!(why.starts_with("`toxicity` must be above 0 and at most 1"), "{why}");
        }
        TcpFault::parse(&json!({"type": "latency", "attributes": {"jitter": 5}})).unwrap();
        TcpFault::parse(&json!({"type": "bandwidth"})).unwrap();
    }
}
