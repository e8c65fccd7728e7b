//! Type constraints of variables, as far as they give values: `optional(number, 66)`.

use wonin_syntax::hcl::{Expr, ExprKind};

use super::eval::{Scope, World};
use super::value::{Data, Value};

/// A value with the attributes that its type makes optional filled in.
pub(super) fn complete(world: &World<'_>, mut value: Value, of: &Expr, scope: &Scope) -> Value {
    let ExprKind::Call(name, arguments, _) = &of.kind else { return value };
    let Some(inner) = arguments.first() else { return value };
    match name.as_str() {
        "optional" => complete(world, value, inner, scope),
        "list" | "set" => {
            if let Data::List(items) = &mut value.data {
                for item in items {
                    *item = complete(world, item.clone(), inner, scope);
                }
            }
            value
        }
        "map" => {
            if let Data::Map(entries) = &mut value.data {
                for (_, item) in entries {
                    *item = complete(world, item.clone(), inner, scope);
                }
            }
            value
        }
        "object" => object(world, value, inner, scope),
        _ => value,
    }
}

fn object(world: &World<'_>, mut value: Value, fields: &Expr, scope: &Scope) -> Value {
    let ExprKind::Object(fields) = &fields.kind else { return value };
    let place = value.place();
    let Data::Map(entries) = &mut value.data else { return value };
    for (key, of) in fields {
        let ExprKind::Text(key, _) = &key.kind else { continue };
        let known = entries.iter_mut().find(|(name, inner)| name == key && !inner.is_null());
        if let Some((_, inner)) = known {
            *inner = complete(world, inner.clone(), of, scope);
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
