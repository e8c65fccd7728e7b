//! The environment of a container in a pod: what is written, what ConfigMaps beside it hold, and
//! what is known of the pod itself (Kubernetes documentation, "Define Environment Variables for a
//! Container", "Define Dependent Environment Variables").

use std::collections::BTreeMap;

use wonin_model::{Interpolated, Located};
use wonin_syntax::Node;
use wonin_text::{FileId, Place};

use super::{Object, same_namespace};

/// Variables in effect, and whether all that could set one is there to be read.
pub(super) struct Environment {
    pub(super) values: BTreeMap<String, Located<String>>,
    pub(super) is_whole: bool,
}

/// The environment of a container. `pod` is the name of its pod, where one is sure to have it.
pub(super) fn environment(
    container: &Node,
    object: &Object<'_>,
    group: &[Object<'_>],
    pod: Option<&str>,
) -> Environment {
    let mut made = Environment { values: BTreeMap::new(), is_whole: true };
    for source in container.get("envFrom").map(Node::items).unwrap_or_default() {
        made.add_all_of(source, object, group);
    }
    for variable in container.get("env").map(Node::items).unwrap_or_default() {
        let Some(name) = variable.get("name").and_then(Node::as_str) else { continue };
        let value = match variable.get("value") {
            Some(value) => text(object.file, value).map(|text| expanded(&text, &made.values)),
            None => variable.get("valueFrom").map(|from| referred(from, object, group, pod)),
        };
        if let Some(value) = value {
            made.values.insert(name.to_owned(), value);
        }
    }
    made
}

impl Environment {
    /// `envFrom`: every key of a ConfigMap. A Secret holds what nobody writes into a manifest.
    fn add_all_of(&mut self, source: &Node, object: &Object<'_>, group: &[Object<'_>]) {
        let Some(reference) = source.get("configMapRef") else { return };
        let prefix = source.get("prefix").and_then(Node::as_str).unwrap_or_default();
        let map = reference.get("name").and_then(Node::as_str);
        let Some(map) = map.and_then(|name| config_map(name, object, group)) else {
            self.is_whole = false;
            return;
        };
        for entry in map.node.get("data").map(Node::entries).unwrap_or_default() {
            let Some((key, value)) = entry.key.as_str().zip(text(map.file, &entry.value)) else {
                continue;
            };
            self.values.insert(format!("{prefix}{key}"), value);
        }
    }
}

/// A ConfigMap of the same directory and namespace; of several of one name that of the same file.
pub(super) fn config_map<'g, 'o>(
    name: &str,
    object: &Object<'_>,
    group: &'g [Object<'o>],
) -> Option<&'g Object<'o>> {
    let named = same_namespace(object, group, "ConfigMap")
        .filter(|map| map.text(&["metadata", "name"]) == Some(name));
    named.min_by_key(|map| map.file != object.file)
}

fn text(file: FileId, node: &Node) -> Option<Located<String>> {
    let place = Place { file, span: node.value_span() };
    node.as_str().map(|text| Located::written(text.to_owned(), place))
}

/// A value that is taken from elsewhere: a key of a ConfigMap, or a field of the pod.
fn referred(
    from: &Node,
    object: &Object<'_>,
    group: &[Object<'_>],
    pod: Option<&str>,
) -> Located<String> {
    let place = Place { file: object.file, span: from.span };
    if let Some(reference) = from.get("configMapKeyRef") {
        let part = |key: &str| reference.get(key).and_then(Node::as_str);
        let map = part("name").and_then(|name| config_map(name, object, group));
        let key = part("key");
        let value = map.zip(key).and_then(|(map, key)| {
            let value = map.node.get("data")?.get(key)?;
            text(map.file, value)
        });
        return value.unwrap_or_else(|| not_known(place, key.unwrap_or("configMapKeyRef")));
    }
    let field = from.at(&["fieldRef", "fieldPath"]).and_then(Node::as_str);
    let known = match field {
        Some("metadata.name") => pod,
        Some("metadata.namespace") => Some(object.namespace()).filter(|name| !name.is_empty()),
        _ => None,
    };
    match known {
        Some(value) => filled(value.to_owned(), place, Vec::new(), Vec::new()),
        None => not_known(place, field.unwrap_or("valueFrom")),
    }
}

/// A value that no manifest tells; its text says what it is of.
fn not_known(place: Place, what: &str) -> Located<String> {
    filled(format!("$({what})"), place, Vec::new(), vec![what.to_owned()])
}

pub(super) fn filled(
    value: String,
    place: Place,
    from: Vec<Place>,
    unset: Vec<String>,
) -> Located<String> {
    Located { value, origin: Interpolated { place, from, unset }.into() }
}

/// `$(NAME)` filled in with the variables before it; what is not known stays as it is, and
/// `$$(NAME)` is `$(NAME)`.
fn expanded(text: &Located<String>, known: &BTreeMap<String, Located<String>>) -> Located<String> {
    let Some(place) = text.place().filter(|_| text.value.contains("$(")) else {
        return text.clone();
    };
    let (mut value, mut from, mut unset) = (String::new(), Vec::new(), Vec::new());
    let mut rest = text.value.as_str();
    while let Some(at) = rest.find("$(") {
        let Some(length) = rest[at..].find(')') else { break };
        let reference = &rest[at..=at + length];
        let is_escaped = rest[..at].ends_with('$');
        value.push_str(&rest[..at - usize::from(is_escaped)]);
        rest = &rest[at + length + 1..];
        let name = &reference[2..length];
        match known.get(name).filter(|_| !is_escaped) {
            Some(found) => {
                value.push_str(&found.value);
                from.extend(found.place());
                let open = found.origin.interpolated().map(|filled| filled.unset.as_slice());
                unset.extend(open.unwrap_or_default().iter().cloned());
            }
            None => value.push_str(reference),
        }
    }
    value.push_str(rest);
    filled(value, place, from, unset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::at;

    #[test]
    fn variables_before_are_filled_in() {
        let known = BTreeMap::from([("A".to_owned(), at("1"))]);
        let value = |text: &str| expanded(&at(text), &known).value;
        assert_eq!(value("$(A)-$(B)-$$(A)-$A"), "1-$(B)-$(A)-$A");
        assert_eq!(value("$(A"), "$(A");
        assert_eq!(value("plain"), "plain");
    }
}
