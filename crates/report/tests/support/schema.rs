//! The part of JSON Schema that the contracts use. An unknown word in a schema is a failure, so no
//! rule of a schema goes unchecked.

use serde_json::Value;

/// What in `value` breaks the schema; empty where nothing does.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(schema, schema, value, "$", &mut out);
    out
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    for (word, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match word.as_str() {
            // Looked at in `structure`, or words for people.
            "$schema"
            | "$defs"
            | "title"
            | "description"
            | "required"
            | "items"
            | "additionalProperties"
            | "properties"
            | "$ref"
            | "oneOf" => true,
            "type" => is_type(rule.as_str().expect("one type"), value),
            "const" => rule == value,
            "enum" => rule.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64() >= rule.as_f64(),
            "maximum" => value.as_f64() <= rule.as_f64(),
            "minLength" => length(value) >= rule.as_u64(),
            "maxLength" => length(value) <= rule.as_u64(),
            "minItems" => value.as_array().map(|list| list.len() as u64) >= rule.as_u64(),
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            out.push(format!("{at}: {value} breaks `{word}`: {rule}"));
        }
    }
    structure(root, schema, value, at, out);
}

fn structure(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        let target = root.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        check(root, target, value, at, out);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut inner = Vec::new();
            check(root, choice, value, at, &mut inner);
            inner.is_empty()
        };
        let n = choices.iter().filter(fits).count();
        if n != 1 {
            out.push(format!("{at}: {value} fits {n} of `oneOf`"));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().expect("a name")).is_none() {
            out.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(rule) => check(root, rule, inner, &format!("{at}.{name}"), out),
            None if schema["additionalProperties"] == Value::Bool(false) => {
                out.push(format!("{at}: `{name}` is not in the contract"));
            }
            None => {}
        }
    }
    if schema.get("items").is_some() {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            check(root, &schema["items"], item, &format!("{at}[{index}]"), out);
        }
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the schema uses type `{other}`, which this test does not know"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}
