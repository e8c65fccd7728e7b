//! Type constraints of variables, as far as they give values: `optional(number, 66)`.

use wonin_syntax::hcl::{Expr, ExprKind};

use super::eval::{Scope, World};
use super::value::{Data, Value};

/// A value with the attributes that its type makes optional filled in.
pub(super) fn complete(world: &World<'_>, value: Value, of: &Expr, scope: &Scope) -> Value {
    typed(world, value, of, scope, 0)
}

/// Types that are nested deeper are not followed.
const DEPTH_MAX: u32 = 32;

fn typed(world: &World<'_>, mut value: Value, of: &Expr, scope: &Scope, depth: u32) -> Value {
    if depth > DEPTH_MAX {
        return value;
    }
    let ExprKind::Call(name, arguments, _) = &of.kind else { return value };
    let Some(inner) = arguments.first() else { return value };
    match name.as_str() {
        "optional" => typed(world, value, inner, scope, depth + 1),
        "list" | "set" => {
            if let Data::List(items) = &mut value.data {
                for item in items {
                    *item = typed(world, item.clone(), inner, scope, depth + 1);
                }
            }
            value
        }
        "map" => {
            if let Data::Map(entries) = &mut value.data {
                for (_, item) in entries {
                    *item = typed(world, item.clone(), inner, scope, depth + 1);
                }
            }
            value
        }
        "object" => object(world, value, inner, scope, depth + 1),
        _ => value,
    }
}

fn object(world: &World<'_>, mut value: Value, fields: &Expr, scope: &Scope, depth: u32) -> Value {
    let ExprKind::Object(fields) = &fields.kind else { return value };
    let place = value.place();
    let Data::Map(entries) = &mut value.data else { return value };
    for (key, of) in fields {
        let ExprKind::Text(key, _) = &key.kind else { continue };
        let known = entries.iter_mut().find(|(name, inner)| name == key && !inner.is_null());
        if let Some((_, inner)) = known {
            *inner = typed(world, inner.clone(), of, scope, depth);
            continue;
        }
        let ExprKind::Call(name, arguments, _) = &of.kind else { continue };
        if name != "optional" {
            continue;
        }
        let missing = match (arguments.get(1), place) {
            (Some(default), _) => world.eval(default, scope),
            (None, Some(place)) => Value::new(Data::Null, place),
            (None, None) => continue,
        };
        entries.retain(|(name, _)| name != key);
        entries.push((key.clone(), missing));
    }
    value
}
