//! The bodies of answers, member by member in Toxiproxy's order.

use serde_json::{Value, json};

use crate::engine::ProxyView;
use crate::error::Error;
use crate::tcp::plan::{Plan, Toxic};

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// A number as short as it can be: `1`, not `1.0`.
fn number(value: f32) -> String {
    if value.is_finite() { format!("{value}") } else { "0".to_owned() }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

pub(super) fn error(error: &Error) -> String {
    format!("{{{}}}", error_members(error))
}

fn error_members(error: &Error) -> String {
    format!("\"error\":{},\"status\":{}", text(&error.message), error.status)
}

pub(super) fn toxic(toxic: &Toxic) -> String {
    format!(
        "{{\"attributes\":{},\"name\":{},\"type\":{},\"stream\":{},\"toxicity\":{}}}",
        toxic.fault.attributes(),
        text(&toxic.name),
        text(toxic.fault.kind()),
        text(&toxic.stream),
        number(toxic.toxicity),
    )
}

pub(super) fn toxics(plan: &Plan) -> String {
    list(plan.all().map(toxic))
}

pub(super) fn proxy(view: &ProxyView) -> String {
    format!(
        "{{\"name\":{},\"listen\":{},\"upstream\":{},\"enabled\":{},\"toxics\":{}}}",
        text(&view.name),
        text(&view.listen),
        text(&view.upstream),
        view.enabled,
        toxics(&view.plan),
    )
}

/// All proxies by name.
pub(super) fn index(views: &[ProxyView]) -> String {
    let members = views.iter().map(|view| format!("{}:{}", text(&view.name), proxy(view)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// What `POST /populate` made. None at all is `null`, as in Toxiproxy.
pub(super) fn populated(error: Option<&Error>, views: &[ProxyView]) -> String {
    let error = error.map(|error| error_members(error) + ",").unwrap_or_default();
    let proxies = if views.is_empty() { "null".to_owned() } else { list(views.iter().map(proxy)) };
    format!("{{{error}\"proxies\":{proxies}}}")
}

/// Whom the faults hit, also those that are gone; `kafka` beside it where there is such a proxy.
pub(super) fn hits(seed: u64, views: &[ProxyView], kafka: Option<Value>) -> String {
    let fault = |toxic: &Toxic, removed: bool| {
        let count = toxic.hits.count();
        json!({
            "name": toxic.name, "type": toxic.fault.kind(), "stream": toxic.direction.name(),
            "removed": removed, "connections": count.connections, "bytes": count.bytes,
            "first_unix_ms": count.first_unix_ms, "last_unix_ms": count.last_unix_ms,
        })
    };
    let proxies: Vec<_> = views
        .iter()
        .map(|view| {
            use std::sync::atomic::Ordering::Relaxed;
            let gone = view.retired.iter().map(|toxic| fault(toxic, true));
            let faults: Vec<_> = gone.chain(view.plan.all().map(|t| fault(t, false))).collect();
            json!({
                "name": view.name, "faults": faults,
                "connections": {
                    "accepted": view.traffic.accepted.load(Relaxed),
                    "open": view.traffic.open.load(Relaxed),
                    "without_upstream": view.traffic.dials_failed.load(Relaxed),
                    "turned_away": view.traffic.turned_away.load(Relaxed),
                },
            })
        })
        .collect();
    // The seed as text: JSON numbers of 64 bits lose digits in many readers.
    let mut body = json!({"schema": "wonin.hits/1", "seed": seed.to_string(), "proxies": proxies});
    if let Some(kafka) = kafka {
        body["kafka"] = kafka;
    }
    format!("{body}\n")
}
