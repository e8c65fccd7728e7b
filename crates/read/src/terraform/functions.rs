//! Terraform's functions, as far as they are needed to follow settings. An unknown function gives
//! an unknown value, never a guess.

use wonin_syntax::hcl::{self, Expr};
use wonin_text::Place;

use super::eval::{Scope, World};
use super::json;
use super::value::{Data, Value, number_text};
use crate::paths;

/// The value of `name(arguments…)`.
pub(crate) fn call(
    world: &World<'_>,
    name: &str,
    arguments: &[Expr],
    spread: bool,
    scope: &Scope,
    place: Place,
) -> Value {
    match name {
        // These look at their arguments one by one and stop at the first that is usable.
        "try" | "coalesce" => return first_usable(world, name, arguments, scope, place),
        "can" => {
            let known = arguments
                .first()
                .is_some_and(|argument| world.eval(argument, scope).why_unknown().is_none());
            return Value::new(Data::Bool(known), place);
        }
        _ => {}
    }
    let mut values: Vec<Value> =
        arguments.iter().map(|argument| world.eval(argument, scope)).collect();
    // `f(list...)` passes the elements of a known list; an unknown one stays what it is.
    if spread && let Some(Value { data: Data::List(items), .. }) = values.last() {
        let items = items.clone();
        values.pop();
        values.extend(items);
    }
    match name {
        "jsonencode" => match values.into_iter().next() {
            Some(value) => Value::new(Data::Json(Box::new(value)), place),
            None => Value::unknown("jsonencode without a value", place),
        },
        "jsondecode" => match values.into_iter().next() {
            Some(value) => json::of(&value).unwrap_or_else(|why| Value::unknown(why, place)),
            None => Value::unknown("jsondecode without a value", place),
        },
        // Conversions and sets keep the value; places survive.
        "tostring" | "tonumber" | "tobool" | "tolist" | "toset" | "tomap" | "sensitive"
        | "nonsensitive" | "trimspace" | "chomp" => {
            values.into_iter().next().unwrap_or_else(|| Value::unknown(name, place))
        }
        "file" => file(world, &values, place),
        "templatefile" => template_file(world, &values, scope, place),
        "lookup" => lookup(&values, place),
        "element" => element(&values, place),
        "one" => match values.first().map(Value::items) {
            Some([only]) => only.clone(),
            Some([]) => Value::new(Data::Null, place),
            _ => Value::unknown("one() of several", place),
        },
        _ => match plain(name, &values) {
            Some(data) => {
                let from: Vec<&Value> = values.iter().collect();
                Value::computed(data, place, &from)
            }
            None => {
                let why = values.iter().find_map(Value::why_unknown);
                Value::unknown(
                    why.unwrap_or_else(|| format!("function {name}() is not followed")),
                    place,
                )
            }
        },
    }
}

fn first_usable(
    world: &World<'_>,
    name: &str,
    arguments: &[Expr],
    scope: &Scope,
    place: Place,
) -> Value {
    let mut last = Value::unknown(format!("{name}() without a usable value"), place);
    for argument in arguments {
        let value = world.eval(argument, scope);
        let empty = name == "coalesce"
            && (value.is_null() || value.text().is_some_and(|text| text.is_empty()));
        // A value that is known only after apply may win at apply; it must not be passed over.
        if matches!(value.data, Data::Resource { .. }) {
            return value;
        }
        match value.why_unknown() {
            // `try` goes on only where the expression itself is wrong (no such attribute).
            Some(why) if name == "try" && is_wrong(&why) => last = value,
            Some(_) => return value,
            None if empty => {}
            None => return value.used_at(place),
        }
    }
    last
}

fn is_wrong(why: &str) -> bool {
    why.starts_with("no attribute") || why.starts_with("no element")
}

fn lookup(values: &[Value], place: Place) -> Value {
    let [map, key, rest @ ..] = values else { return Value::unknown("lookup()", place) };
    if let Some(why) = map.why_unknown().or_else(|| key.why_unknown()) {
        return Value::unknown(why, place);
    }
    let found = key.text().and_then(|key| map.get(&key).cloned());
    found.or_else(|| rest.first().cloned()).map_or_else(
        || Value::unknown("lookup() finds no such key", place),
        |value| value.used_at(place),
    )
}

fn element(values: &[Value], place: Place) -> Value {
    let [list, index] = values else { return Value::unknown("element()", place) };
    let items = list.items();
    match index.number() {
        Some(index) if index >= 0.0 && !items.is_empty() => {
            items[index as usize % items.len()].clone()
        }
        _ => Value::unknown(list.why_unknown().unwrap_or_else(|| "element()".into()), place),
    }
}

fn path_of(values: &[Value]) -> Option<String> {
    let path = values.first()?.text()?;
    Some(paths::join("", &path))
}

fn load(world: &World<'_>, path: &str, dir: &str) -> Result<(wonin_text::FileId, String), String> {
    let mut load = world.load.borrow_mut();
    load(path).or_else(|why| {
        // Paths are relative to where terraform runs: the root module.
        if dir.is_empty() || path.starts_with(dir) {
            Err(why)
        } else {
            load(&format!("{dir}/{path}"))
        }
    })
}

fn file(world: &World<'_>, values: &[Value], place: Place) -> Value {
    let Some(path) = path_of(values) else {
        return Value::unknown("file() of an unknown path", place);
    };
    match load(world, &path, &world.instance(0).dir) {
        Ok((file, text)) => {
            let span = wonin_text::Span::new(0, text.len());
            Value::new(Data::Text(text), Place { file, span })
        }
        Err(why) => Value::unknown(format!("{path}: {why}"), place),
    }
}

fn template_file(world: &World<'_>, values: &[Value], scope: &Scope, place: Place) -> Value {
    let Some(path) = path_of(values) else {
        return Value::unknown("templatefile() of an unknown path", place);
    };
    let (file, text) = match load(world, &path, &world.instance(0).dir) {
        Ok(loaded) => loaded,
        Err(why) => return Value::unknown(format!("{path}: {why}"), place),
    };
    let Some(template) = hcl::parse_template(&text) else {
        return Value::unknown(format!("{path} is not a valid template"), place);
    };
    let mut inner = Scope { instance: scope.instance, file, bound: Vec::new() };
    if let Some(Value { data: Data::Map(entries), .. }) = values.get(1) {
        inner.bound.clone_from(entries);
    }
    world.eval(&template, &inner)
}

/// Functions of known values alone.
fn plain(name: &str, values: &[Value]) -> Option<Data> {
    let first = values.first();
    let text = |index: usize| values.get(index).and_then(Value::text);
    let number = |index: usize| values.get(index).and_then(Value::number);
    let data = match name {
        "max" | "min" => {
            let numbers: Option<Vec<f64>> = values.iter().map(Value::number).collect();
            let pick = if name == "max" { f64::max } else { f64::min };
            Data::Number(numbers?.into_iter().reduce(pick)?)
        }
        "ceil" => Data::Number(number(0)?.ceil()),
        "floor" => Data::Number(number(0)?.floor()),
        "abs" => Data::Number(number(0)?.abs()),
        "parseint" => {
            let radix = u32::try_from(number(1)? as i64).ok().filter(|r| (2..=36).contains(r))?;
            Data::Number(i64::from_str_radix(&text(0)?, radix).ok()? as f64)
        }
        "sum" => {
            let numbers: Option<Vec<f64>> = first?.items().iter().map(Value::number).collect();
            Data::Number(numbers?.into_iter().sum())
        }
        "length" => match &first?.data {
            Data::List(items) => Data::Number(items.len() as f64),
            Data::Map(entries) => Data::Number(entries.len() as f64),
            Data::Text(text) => Data::Number(text.chars().count() as f64),
            _ => return None,
        },
        "lower" => Data::Text(text(0)?.to_lowercase()),
        "upper" => Data::Text(text(0)?.to_uppercase()),
        "replace" if !text(1)?.starts_with('/') => {
            Data::Text(text(0)?.replace(&text(1)?, &text(2)?))
        }
        "trimprefix" => {
            let (whole, part) = (text(0)?, text(1)?);
            Data::Text(whole.strip_prefix(&part).unwrap_or(&whole).to_owned())
        }
        "trimsuffix" => {
            let (whole, part) = (text(0)?, text(1)?);
            Data::Text(whole.strip_suffix(&part).unwrap_or(&whole).to_owned())
        }
        "startswith" => Data::Bool(text(0)?.starts_with(&text(1)?)),
        "endswith" => Data::Bool(text(0)?.ends_with(&text(1)?)),
        "format" => Data::Text(format(&text(0)?, &values[1..])?),
        "join" => {
            let pieces: Option<Vec<String>> =
                values.get(1)?.items().iter().map(Value::text).collect();
            Data::Text(pieces?.join(&text(0)?))
        }
        "split" => {
            let (separator, whole) = (text(0)?, text(1)?);
            let place = first?.place()?;
            let piece = |piece: &str| Value::new(Data::Text(piece.to_owned()), place);
            Data::List(whole.split(separator.as_str()).map(piece).collect())
        }
        "contains" => {
            let wanted = text(1)?;
            Data::Bool(first?.items().iter().any(|item| item.text().as_deref() == Some(&wanted)))
        }
        "keys" | "values" => entries_of(name, first?)?,
        "merge" => merge(values)?,
        "concat" | "flatten" | "compact" | "distinct" | "setunion" => lists(name, values)?,
        _ => return None,
    };
    Some(data)
}

fn entries_of(name: &str, map: &Value) -> Option<Data> {
    let Data::Map(entries) = &map.data else { return None };
    let place = map.place()?;
    let mut sorted: Vec<&(String, Value)> = entries.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let pick = |(key, value): &(String, Value)| match name {
        "keys" => Value::new(Data::Text(key.clone()), place),
        _ => value.clone(),
    };
    Some(Data::List(sorted.into_iter().map(pick).collect()))
}

fn merge(values: &[Value]) -> Option<Data> {
    let mut out: Vec<(String, Value)> = Vec::new();
    for value in values {
        let entries = match &value.data {
            Data::Map(entries) => entries,
            Data::Null => continue,
            _ => return None,
        };
        for (key, value) in entries {
            match out.iter_mut().find(|(known, _)| known == key) {
                Some(known) => known.1 = value.clone(),
                None => out.push((key.clone(), value.clone())),
            }
        }
    }
    Some(Data::Map(out))
}

fn lists(name: &str, values: &[Value]) -> Option<Data> {
    let mut out: Vec<Value> = Vec::new();
    for value in values {
        match &value.data {
            Data::List(items) if name == "flatten" => {
                for item in items {
                    match &item.data {
                        Data::List(inner) => out.extend(inner.iter().cloned()),
                        Data::Unknown(_) | Data::Resource { .. } => return None,
                        _ => out.push(item.clone()),
                    }
                }
            }
            Data::List(items) => out.extend(items.iter().cloned()),
            _ => return None,
        }
    }
    match name {
        "compact" => out.retain(|item| item.text().is_some_and(|text| !text.is_empty())),
        "distinct" | "setunion" => {
            let mut seen: Vec<String> = Vec::new();
            out.retain(|item| {
                let key = item.json();
                let new = !seen.contains(&key);
                seen.push(key);
                new
            });
        }
        _ => {}
    }
    Some(Data::List(out))
}

/// `format` with the verbs `%s`, `%d`, `%v`, `%q`, `%%` and zero padding; others are unknown.
fn format(pattern: &str, values: &[Value]) -> Option<String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut width = String::new();
        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
            width.push(digit);
        }
        match characters.next()? {
            '%' => out.push('%'),
            's' | 'v' => out.push_str(&values.next()?.text()?),
            'q' => out.push_str(&values.next()?.json()),
            'd' => {
                let number = values.next()?.number()?;
                let wide: usize = width.parse().unwrap_or(0).min(64);
                let digits = number_text(number);
                out.extend(std::iter::repeat_n('0', wide.saturating_sub(digits.len())));
                out.push_str(&digits);
            }
            _ => return None,
        }
    }
    Some(out)
}
