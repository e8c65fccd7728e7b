//! Numbers that code computes from numbers.

use wonin_model::Located;
use wonin_syntax::java::{Call, Expr, ExprKind};
use wonin_text::Place;

use super::Values;
use crate::java::codebase::{MAX_CALLS, Named, Scope, assigned};

/// A number and the places of the literals in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: i64,
    pub(crate) from: Vec<Place>,
}

/// Units of time by the names that `TimeUnit` and `Duration` use, in milliseconds.
const UNITS: &[(&str, i64)] = &[
    ("DAYS", 86_400_000),
    ("HOURS", 3_600_000),
    ("MILLIS", 1),
    ("MILLISECONDS", 1),
    ("MINUTES", 60_000),
    ("SECONDS", 1000),
];

/// Milliseconds of a unit, in any case (`SECONDS`, `ofSeconds` without its `of`).
fn unit_ms(name: &str) -> Option<i64> {
    UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, ms)| *ms)
}

/// Milliseconds of the unit that an argument names, as `TimeUnit.SECONDS`; of an argument that is
/// not there, or is no name, those of a millisecond.
pub(crate) fn time_unit_ms(unit: Option<&Expr>) -> Option<i64> {
    match unit.map(|unit| &unit.kind) {
        Some(ExprKind::Member(_, unit)) => unit_ms(&unit.text),
        Some(ExprKind::Name(unit)) => unit_ms(unit),
        _ => Some(1),
    }
}

impl<'a> Values<'_, 'a> {
    /// The time that an expression gives in a unit, at its place.
    pub(crate) fn milliseconds(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        unit_ms: i64,
    ) -> Option<Located<u64>> {
        let ms = self.number(scope, expr)?.value.checked_mul(unit_ms)?;
        Some(Located::written(ms.try_into().ok()?, self.code.place(scope.class, expr.span)))
    }

    /// The number that an expression gives.
    pub(crate) fn number(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<Number> {
        self.number_within(scope, expr, 0)
    }

    pub(super) fn number_within(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        depth: usize,
    ) -> Option<Number> {
        if depth > 2 * MAX_CALLS {
            return None;
        }
        let place = self.code.place(scope.class, expr.span);
        match &expr.kind {
            ExprKind::Int(value) => Some(Number { value: *value, from: vec![place] }),
            ExprKind::Cast(_, inner) => self.number_within(scope, inner, depth + 1),
            ExprKind::Binary(operator, left, right) => {
                let left = self.number_within(scope, left, depth + 1)?;
                let right = self.number_within(scope, right, depth + 1)?;
                let value = match *operator {
                    "+" => left.value.checked_add(right.value)?,
                    "-" => left.value.checked_sub(right.value)?,
                    "*" => left.value.checked_mul(right.value)?,
                    "/" => left.value.checked_div(right.value)?,
                    _ => return None,
                };
                Some(Number { value, from: [left.from, right.from].concat() })
            }
            ExprKind::Member(object, name) if !object.is_this() => {
                let value = match (object.as_name()?, name.text.as_str()) {
                    ("Integer", "MAX_VALUE") => i64::from(i32::MAX),
                    ("Long", "MAX_VALUE") => i64::MAX,
                    (owner, name) => {
                        let class = self.code.find(owner, scope.class)?;
                        return self.field_number(class, name, depth + 1);
                    }
                };
                Some(Number { value, from: vec![place] })
            }
            ExprKind::Call(call) => self.time(scope, call, depth),
            _ => self.named_number(scope, expr.as_name()?, depth),
        }
    }

    fn named_number(&self, scope: &Scope<'a>, name: &str, depth: usize) -> Option<Number> {
        match self.code.named(scope, name)? {
            Named::Local(_, Some(value)) if assigned(scope.body(), name).is_empty() => {
                self.number_within(scope, value, depth + 1)
            }
            Named::Param(_, index) => {
                let (caller, given) = scope.argument(index)?;
                self.number_within(caller, given, depth + 1)
            }
            Named::Field(class, _) => self.field_number(class, name, depth + 1),
            Named::Local(..) => None,
        }
    }

    /// A field that never changes.
    fn field_number(&self, class: usize, name: &str, depth: usize) -> Option<Number> {
        let (class, field) = self.code.field(class, name)?;
        let methods = &self.code.class(class).decl.methods;
        if methods.iter().any(|method| !assigned(method.statements(), name).is_empty()) {
            return None;
        }
        self.number_within(&Scope::class(class), field.value.as_ref()?, depth + 1)
    }

    /// `Duration.ofSeconds(30).toMillis()`, `TimeUnit.MINUTES.toMillis(5)`.
    fn time(&self, scope: &Scope<'a>, call: &'a Call, depth: usize) -> Option<Number> {
        let object = call.object.as_deref()?;
        match (&object.kind, call.name.text.as_str(), &call.args[..]) {
            (ExprKind::Call(of), "toMillis" | "toSeconds" | "getSeconds", []) => {
                let unit = of.name.text.strip_prefix("of").and_then(unit_ms)?;
                if of.object.as_deref().and_then(Expr::as_name) != Some("Duration") {
                    return None;
                }
                let amount = self.number_within(scope, of.args.first()?, depth + 1)?;
                let divisor = if call.name.text == "toMillis" { 1 } else { 1000 };
                let value = amount.value.checked_mul(unit)? / divisor;
                Some(Number { value, from: amount.from })
            }
            (_, "toMillis" | "toSeconds", [amount]) => {
                let unit = match &object.kind {
                    ExprKind::Member(_, unit) => unit_ms(&unit.text)?,
                    ExprKind::Name(unit) => unit_ms(unit)?,
                    _ => return None,
                };
                let amount = self.number_within(scope, amount, depth + 1)?;
                let divisor = if call.name.text == "toMillis" { 1 } else { 1000 };
                let value = amount.value.checked_mul(unit)? / divisor;
                Some(Number { value, from: amount.from })
            }
            _ => None,
        }
    }
}
