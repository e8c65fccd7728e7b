//! Terraform values with their places.

use wonin_model::{Inheritance, Inherited, Interpolated, Located, Origin};
use wonin_text::Place;

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) data: Data,
    pub(crate) origin: Origin,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// The result of `jsonencode`, kept as a value so that places survive.
    Json(Box<Value>),
    /// A resource, or an attribute of it that is known only after apply.
    Resource {
        address: String,
        attribute: String,
    },
    /// Not known from these files, and why.
    Unknown(String),
}

impl Value {
    pub(crate) fn new(data: Data, place: Place) -> Self {
        Self { data, origin: Origin::Written(place) }
    }

    pub(crate) fn unknown(why: impl Into<String>, place: Place) -> Self {
        Self::new(Data::Unknown(why.into()), place)
    }

    /// The same value, used at `at`: written values become inherited ones.
    pub(crate) fn used_at(mut self, at: Place) -> Self {
        self.origin = match self.origin {
            Origin::Written(place) => {
                Inherited { place, via: vec![at], how: Inheritance::Reference }.into()
            }
            Origin::Inherited(mut inherited) => {
                // Long chains of references say no more than their ends.
                inherited.via.truncate(7);
                inherited.via.insert(0, at);
                Origin::Inherited(inherited)
            }
            other => other,
        };
        self
    }

    /// A value computed at `at` from others.
    pub(crate) fn computed(data: Data, at: Place, from: &[&Value]) -> Self {
        let mut places: Vec<Place> =
            from.iter().filter_map(|value| value.origin.place()).filter(|&p| p != at).collect();
        places.dedup();
        places.truncate(8);
        let origin = if places.is_empty() {
            Origin::Written(at)
        } else {
            Interpolated { place: at, from: places, unset: Vec::new() }.into()
        };
        Self { data, origin }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.origin.place()
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    pub(crate) fn why_unknown(&self) -> Option<String> {
        match &self.data {
            Data::Unknown(why) => Some(why.clone()),
            Data::Resource { address, attribute } if attribute.is_empty() => {
                Some(format!("{address} is known only after apply"))
            }
            Data::Resource { address, attribute } => {
                Some(format!("{address}.{attribute} is known only after apply"))
            }
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Value] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// As text: numbers and truth values are converted as Terraform converts them.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.data {
            Data::Text(text) => Some(text.clone()),
            Data::Number(number) => Some(number_text(*number)),
            Data::Bool(value) => Some(value.to_string()),
            Data::Json(inner) => Some(inner.json()),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match &self.data {
            Data::Number(number) => Some(*number),
            Data::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match &self.data {
            Data::Bool(value) => Some(*value),
            Data::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn located<T>(&self, value: T) -> Located<T> {
        Located { value, origin: self.origin.clone() }
    }

    pub(crate) fn located_text(&self) -> Option<Located<String>> {
        self.text().map(|text| self.located(text))
    }

    /// A whole number that fits `T`; fractions and negative values give `None`.
    pub(crate) fn located_int<T: TryFrom<u64>>(&self) -> Option<Located<T>> {
        let number = self.number()?;
        if number < 0.0 || number.fract() != 0.0 || number > 9e15 {
            return None;
        }
        T::try_from(number as u64).ok().map(|value| self.located(value))
    }

    pub(crate) fn located_bool(&self) -> Option<Located<bool>> {
        self.bool().map(|value| self.located(value))
    }

    /// As JSON text; unknown parts become `null`.
    pub(crate) fn json(&self) -> String {
        let mut out = String::new();
        write_json(self, &mut out);
        out
    }
}

pub(crate) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        format!("{}", number as i64)
    } else {
        format!("{number}")
    }
}

fn write_json(value: &Value, out: &mut String) {
    match &value.data {
        Data::Null | Data::Unknown(_) | Data::Resource { .. } => out.push_str("null"),
        Data::Bool(truth) => {
            out.push_str(if *truth { "true" } else { "false" });
        }
        Data::Number(number) => out.push_str(&number_text(*number)),
        Data::Text(text) => write_json_text(text, out),
        Data::Json(inner) => write_json_text(&inner.json(), out),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Data::Map(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json_text(key, out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let code = control as u32;
                out.push_str(if code < 16 { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(code % 16, 16));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
