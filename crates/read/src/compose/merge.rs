//! One layer over another (Compose specification, "Merge"): single values replace, maps merge,
//! lists append, `command`, `entrypoint` and `healthcheck.test` replace as a whole, `!reset`
//! removes and `!override` replaces. Lists whose entries have a key of their own (ports, mounts)
//! are freed of the earlier of two equal entries where they are decoded.

use wonin_model::{Inheritance, Located};

use super::value::{Data, Field, Map, MergeTag, Value};

/// Why the upper layer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A later Compose file: what replaces a value says where that one stood.
    Override,
    /// The service that `extends` another: its own values are simply written.
    Extending,
}

/// Lays the keys of `over` on those of `base`.
pub(crate) fn merge(base: &mut Map, over: Map, layer: Layer) {
    for (key, field) in over {
        merge_field(base, key, field, layer, Rule::Map);
    }
}

/// What becomes of a key that both layers have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// By its kind.
    Map,
    /// By its kind, and nothing replaces something: `environment`, where a key without value means
    /// the value of the environment.
    Pairs,
}

fn merge_field(base: &mut Map, key: String, mut field: Field, layer: Layer, rule: Rule) {
    match field.value.tag {
        MergeTag::Reset => {
            base.shift_remove(&key);
            return;
        }
        MergeTag::Override => {
            drop_resets(&mut field.value);
            base.insert(key, field);
            return;
        }
        MergeTag::Merge => {}
    }
    let Some(known) = base.get_mut(&key) else {
        drop_resets(&mut field.value);
        base.insert(key, field);
        return;
    };
    let replaces = matches!(key.as_str(), "command" | "entrypoint" | "test");
    let nested = match key.as_str() {
        "environment" | "labels" | "args" => Rule::Pairs,
        _ => Rule::Map,
    };
    match (&mut known.value.data, field.value.data) {
        (_, Data::Null) if !replaces && rule == Rule::Map => {}
        (Data::Map(below), Data::Map(above)) => {
            for (key, field) in above {
                merge_field(below, key, field, layer, nested);
            }
        }
        (Data::List(below), Data::List(above)) if !replaces => below.extend(above),
        (_, data) => {
            let mut value = Value { data, ..field.value };
            if layer == Layer::Override {
                value.inherit(known.value.place, Inheritance::Override);
            }
            drop_resets(&mut value);
            *known = Field { key: field.key, value };
        }
    }
}

/// Removes what is reset though nothing lies below.
fn drop_resets(value: &mut Value) {
    if let Data::Map(map) = &mut value.data {
        map.retain(|_, field| field.value.tag != MergeTag::Reset);
        map.values_mut().for_each(|field| drop_resets(&mut field.value));
    }
}

/// The one form of a service's keys that may be written in several, so that they can be merged.
pub(crate) fn canonical(service: &mut Map) {
    for (key, field) in service.iter_mut() {
        let value = &mut field.value;
        match (key.as_str(), &mut value.data) {
            ("build", Data::Text(_)) => wrap(value, "context"),
            ("extends", Data::Text(_)) => wrap(value, "service"),
            ("env_file" | "tmpfs" | "profiles" | "expose" | "dns", Data::Text(_)) => {
                let item = Value { data: value.data.clone(), ..*value };
                value.data = Data::List(vec![item]);
            }
            ("depends_on", Data::List(items)) => {
                let started = |name: &Located<String>| {
                    let condition = name.with("service_started".to_owned());
                    Data::Map(one("condition", name, Data::Text(condition)))
                };
                value.data = Data::Map(by_name(items, started));
            }
            ("networks", Data::List(items)) => {
                value.data = Data::Map(by_name(items, |_| Data::Null));
            }
            _ => {}
        }
    }
}

/// A single value as the value of `key` in a map.
fn wrap(value: &mut Value, key: &str) {
    let inner = Value { data: value.data.clone(), tag: MergeTag::Merge, place: value.place };
    let field = Field { key: value.place, value: inner };
    value.data = Data::Map(Map::from_iter([(key.to_owned(), field)]));
}

/// A list of names as a map.
fn by_name(items: &[Value], data: impl Fn(&Located<String>) -> Data) -> Map {
    let names = items.iter().filter_map(|item| Some((item, item.text()?)));
    names
        .map(|(item, name)| {
            let value = Value { place: item.place, tag: MergeTag::Merge, data: data(name) };
            (name.value.clone(), Field { key: item.place, value })
        })
        .collect()
}

fn one(key: &str, at: &Located<String>, data: Data) -> Map {
    at.place()
        .map(|place| {
            let value = Value { place, tag: MergeTag::Merge, data };
            (key.to_owned(), Field { key: place, value })
        })
        .into_iter()
        .collect()
}
