//! What is asked of the proxy before a Kafka cluster.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::route::{Answer, JSON, no_content};
use crate::error::Error;
use crate::input;
use crate::kafka::{KafkaFault, KafkaFaultView, KafkaProxy};

/// The methods of a path below `/kafka`; none if there is no such path.
pub(super) fn allowed(path: &[&str]) -> &'static [Method] {
    match path {
        ["brokers" | "escapes"] => &[Method::GET],
        ["faults"] => &[Method::GET, Method::POST],
        ["faults", _] => &[Method::GET, Method::DELETE],
        _ => &[],
    }
}

pub(super) fn route(
    proxy: Option<&KafkaProxy>,
    method: &Method,
    path: &[&str],
    body: &Bytes,
) -> Answer {
    let proxy = proxy.ok_or_else(|| {
        Error::new(404, "no Kafka cluster is proxied: start with `--kafka HOST:PORT`")
    })?;
    match path {
        ["brokers"] => Ok(ok(&brokers(proxy))),
        ["escapes"] => Ok(ok(&escapes(proxy))),
        ["faults"] if method == Method::GET => Ok(ok(&json!({"faults": active(proxy)}))),
        ["faults"] => {
            let (name, fault) = named(&input::json(body)?)?;
            proxy.add(&name, fault)?;
            Ok((201, JSON, format!("{}\n", find(proxy, &name)?)))
        }
        ["faults", name] if method == Method::GET => Ok(ok(&find(proxy, name)?)),
        ["faults", name] if proxy.remove(name) => Ok(no_content()),
        ["faults", _] => Err(not_found()),
        _ => Err(Error::new(404, "not found")),
    }
}

/// Removes all faults.
pub(super) fn reset(proxy: Option<&KafkaProxy>) {
    if let Some(proxy) = proxy {
        for fault in proxy.faults().into_iter().filter(|fault| !fault.removed) {
            proxy.remove(&fault.name);
        }
    }
}

/// What each fault did, also those that are gone.
pub(super) fn hits(proxy: &KafkaProxy) -> Value {
    let fault = |view: &KafkaFaultView| {
        let mut fault = json!({
            "name": view.name, "type": view.fault.act.name(), "removed": view.removed,
        });
        merge(&mut fault, &view.hits);
        fault
    };
    json!({
        "seed": proxy.seed().to_string(),
        "faults": proxy.faults().iter().map(fault).collect::<Vec<_>>(),
        "brokers": proxy.brokers(),
    })
}

fn merge(into: &mut Value, from: &impl serde::Serialize) {
    if let (Value::Object(into), Ok(Value::Object(from))) = (into, serde_json::to_value(from)) {
        into.extend(from);
    }
}

fn ok(value: &Value) -> (u16, &'static str, String) {
    (200, JSON, format!("{value}\n"))
}

fn not_found() -> Error {
    Error::new(404, "fault not found")
}

fn brokers(proxy: &KafkaProxy) -> Value {
    json!({
        "bootstrap": proxy.bootstrap(),
        "seed": proxy.seed().to_string(),
        "brokers": proxy.brokers(),
    })
}

fn escapes(proxy: &KafkaProxy) -> Value {
    json!({"escapes": proxy.escapes(), "unseen": proxy.unseen()})
}

fn active(proxy: &KafkaProxy) -> Vec<KafkaFaultView> {
    proxy.faults().into_iter().filter(|fault| !fault.removed).collect()
}

fn find(proxy: &KafkaProxy, name: &str) -> Result<Value, Error> {
    let found = active(proxy).into_iter().find(|fault| fault.name == name);
    let found = found.ok_or_else(not_found)?;
    serde_json::to_value(found).map_err(|error| Error::new(500, error.to_string()))
}

/// A fault with its name, from one object.
fn named(value: &Value) -> Result<(String, KafkaFault), Error> {
    let Value::Object(members) = value else {
        return Err(Error::bad_body("it must be a JSON object"));
    };
    let mut members: Map<String, Value> = members.clone();
    let name = match members.remove("name") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(Error::bad_body("`name` must be a string")),
        None => return Err(Error::missing("name")),
    };
    let fault = serde_json::from_value(Value::Object(members))
        .map_err(|error| Error::bad_body(format!("fault `{name}`: {error}")))?;
    Ok((name, fault))
}
