//! What two known values come to.

use super::value::{Data, Value};

/// The result of an operator; unknown where a side is.
pub(super) fn binary(operator: &str, left: &Value, right: &Value) -> Data {
    let numbers = left.number().zip(right.number());
    let truths = left.bool().zip(right.bool());
    match (operator, numbers, truths) {
        ("+", Some((a, b)), _) => Data::Number(a + b),
        ("-", Some((a, b)), _) => Data::Number(a - b),
        ("*", Some((a, b)), _) => Data::Number(a * b),
        ("/", Some((a, b)), _) if b != 0.0 => Data::Number(a / b),
        ("%", Some((a, b)), _) if b != 0.0 => Data::Number(a % b),
        ("<", Some((a, b)), _) => Data::Bool(a < b),
        ("<=", Some((a, b)), _) => Data::Bool(a <= b),
        (">", Some((a, b)), _) => Data::Bool(a > b),
        (">=", Some((a, b)), _) => Data::Bool(a >= b),
        ("&&", _, Some((a, b))) => Data::Bool(a && b),
        ("||", _, Some((a, b))) => Data::Bool(a || b),
        ("&&", ..) if left.bool() == Some(false) || right.bool() == Some(false) => {
            Data::Bool(false)
        }
        ("||", ..) if left.bool() == Some(true) || right.bool() == Some(true) => Data::Bool(true),
        ("==" | "!=", ..) => match equal(left, right) {
            Some(same) => Data::Bool(same == (operator == "==")),
            None => Data::Unknown("comparison with an unknown value".to_owned()),
        },
        _ => Data::Unknown(
            left.why_unknown()
                .or_else(|| right.why_unknown())
                .unwrap_or_else(|| format!("operands of `{operator}`")),
        ),
    }
}

fn equal(left: &Value, right: &Value) -> Option<bool> {
    if left.why_unknown().is_some() || right.why_unknown().is_some() {
        return None;
    }
    if left.is_null() || right.is_null() {
        return Some(left.is_null() && right.is_null());
    }
    match (left.text(), right.text()) {
        (Some(a), Some(b)) => Some(a == b),
        _ => Some(left.json() == right.json()),
    }
}
