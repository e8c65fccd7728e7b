//! Request bodies, as leniently as Toxiproxy reads them: names in any case, `null` as if absent,
//! unknown names ignored, whatever follows the first value ignored.

use serde_json::{Map, Value};

use crate::engine::ProxyView;
use crate::error::Error;
use crate::limits;
use crate::tcp::faults::{FAULTS, Fault};
use crate::tcp::plan::{Direction, Toxic};
use std::sync::Arc;

/// The first JSON value of a body.
pub(crate) fn json(body: &[u8]) -> Result<Value, Error> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    match values.next() {
        None => Err(Error::bad_body("EOF")),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err(Error::bad_body("unexpected EOF")),
        Some(Err(error)) => Err(Error::bad_body(error)),
    }
}

/// The members of an object by their names in lower case.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Object(map) => {
                let lower = |(name, value): (&String, &Value)| (name.to_lowercase(), value.clone());
                Ok(Self(map.iter().filter(|(_, value)| !value.is_null()).map(lower).collect()))
            }
            Value::Null => Ok(Self(Map::new())),
            _ => Err(Error::bad_body("it must be a JSON object")),
        }
    }

    fn get<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let wrong = |value| Error::bad_body(format!("`{name}` must be {kind}, not {value}"));
        self.0.get(name).map(|value| read(value).ok_or_else(|| wrong(value))).transpose()
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn truth(&self, name: &str) -> Result<Option<bool>, Error> {
        self.get(name, "true or false", Value::as_bool)
    }

    fn toxicity(&self) -> Result<Option<f32>, Error> {
        self.get("toxicity", "a number", |value| value.as_f64().map(|number| number as f32))
    }

    fn attributes(&self) -> Result<Map<String, Value>, Error> {
        let read = |value: &Value| value.as_object().cloned();
        Ok(self.get("attributes", "an object", read)?.unwrap_or_default())
    }
}

/// A proxy to create.
#[derive(Clone, Debug)]
pub(crate) struct ProxyInput {
    pub(crate) name: String,
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) enabled: bool,
}

impl ProxyInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value)?;
        Ok(Self {
            name: fields.text("name")?.unwrap_or_default(),
            listen: fields.text("listen")?.unwrap_or_default(),
            upstream: fields.text("upstream")?.unwrap_or_default(),
            enabled: fields.truth("enabled")?.unwrap_or(true),
        })
    }

    fn check(self, place: &str) -> Result<Self, Error> {
        for (field, value) in [("name", &self.name), ("upstream", &self.upstream)] {
            if value.is_empty() {
                return Err(Error::missing(format!("{field}{place}")));
            }
        }
        Ok(self)
    }

    pub(crate) fn parse(value: &Value) -> Result<Self, Error> {
        Self::read(value)?.check("")
    }

    /// What is not said stays as it is.
    pub(crate) fn over(value: &Value, existing: &ProxyView) -> Result<Self, Error> {
        let fields = Fields::of(value)?;
        Ok(Self {
            name: existing.name.clone(),
            listen: fields.text("listen")?.unwrap_or_else(|| existing.listen.clone()),
            upstream: fields.text("upstream")?.unwrap_or_else(|| existing.upstream.clone()),
            enabled: fields.truth("enabled")?.unwrap_or(existing.enabled),
        })
    }
}

/// A list of proxies, all checked before any is made.
pub(crate) fn proxies(value: &Value) -> Result<Vec<ProxyInput>, Error> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        _ => return Err(Error::bad_body("it must be a JSON list of proxies")),
    };
    let read: Vec<_> = items.iter().map(ProxyInput::read).collect::<Result<_, _>>()?;
    let check = |(n, input): (usize, ProxyInput)| input.check(&format!(" at proxy {}", n + 1));
    read.into_iter().enumerate().map(check).collect()
}

/// A fault to add.
#[derive(Debug)]
pub(crate) struct ToxicInput {
    pub(crate) name: String,
    pub(crate) direction: Direction,
    pub(crate) stream: String,
    pub(crate) toxicity: f32,
    pub(crate) fault: Arc<dyn Fault>,
}

impl ToxicInput {
    pub(crate) fn parse(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value)?;
        let kind = fields.text("type")?.unwrap_or_default();
        let stream = fields.text("stream")?.unwrap_or_else(|| "downstream".to_owned());
        let toxicity = fields.toxicity()?.unwrap_or(1.0);
        let attributes = fields.attributes()?;
        let name = fields.text("name")?.unwrap_or_default();
        let lower = stream.to_lowercase();
        let direction =
            Direction::ALL.into_iter().find(|direction| direction.name() == lower).ok_or_else(
                || Error::new(400, "stream was invalid, can be either upstream or downstream"),
            )?;
        let name = if name.is_empty() { format!("{kind}_{stream}") } else { name };
        let entry = FAULTS
            .iter()
            .find(|entry| entry.kind == kind)
            .ok_or_else(|| Error::new(400, Error::UNKNOWN_TYPE))?;
        if name.len() > limits::NAME_BYTES {
            let max = limits::NAME_BYTES;
            return Err(Error::bad_body(format!("`name` is longer than {max} bytes")));
        }
        let fault: Arc<dyn Fault> =
            (entry.new)().with(&attributes).map_err(Error::bad_body)?.into();
        check_share(fault.as_ref(), toxicity)?;
        Ok(Self { name, direction, stream, toxicity, fault })
    }
}

/// Other settings for a fault.
#[derive(Debug)]
pub(crate) struct ToxicChange {
    pub(crate) toxicity: f32,
    pub(crate) fault: Arc<dyn Fault>,
}

impl ToxicChange {
    /// What is not said stays as it is.
    pub(crate) fn parse(value: &Value, existing: &Toxic) -> Result<Self, Error> {
        let fields = Fields::of(value)?;
        let toxicity = fields.toxicity()?.unwrap_or(existing.toxicity);
        let attributes = fields.attributes()?;
        let fault: Arc<dyn Fault> =
            existing.fault.with(&attributes).map_err(Error::bad_body)?.into();
        check_share(fault.as_ref(), toxicity)?;
        Ok(Self { toxicity, fault })
    }
}

/// A closed listener cannot be closed for some.
fn check_share(fault: &dyn Fault, toxicity: f32) -> Result<(), Error> {
    if fault.refuses() && toxicity > 0.0 && toxicity < 1.0 {
        let kind = fault.kind();
        return Err(Error::bad_body(format!(
            "`{kind}` closes the listener for all: `toxicity` must be 1, or 0 to pause it"
        )));
    }
    Ok(())
}
