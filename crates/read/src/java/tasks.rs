//! Tasks that code hands to a scheduler: `scheduleAtFixedRate(() -> …, 0, 1, SECONDS)`.

use wonin_model::Located;
use wonin_syntax::java::{Call, Expr, ExprKind, Method};
use wonin_text::Span;

use super::codebase::{Codebase, Scope, calls_in};
use super::values::{Values, time_unit_ms};

/// A piece of code that a scheduler runs again and again.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The class and the method in which it is scheduled.
    pub(crate) class: usize,
    pub(crate) method: &'a Method,
    /// The bytes of the task as it was handed over.
    pub(crate) span: Span,
    /// What a person would call it, where it is scheduled.
    pub(crate) name: Located<String>,
    /// The period where it is a number, in milliseconds.
    pub(crate) period_ms: Option<Located<u64>>,
    /// A method that is the task: by reference, or of an object of the code.
    pub(crate) body: Option<(usize, &'a Method)>,
}

/// All tasks that a method schedules.
pub(crate) fn of_method<'a>(
    values: &Values<'_, 'a>,
    class: usize,
    method: &'a Method,
) -> Vec<Task<'a>> {
    let scope = Scope::of(class, method);
    let code = values.code;
    let task = |call: &'a Call| {
        let (task, period_ms) = repeated(values, &scope, call)?;
        let name = format!("the task that {} schedules", method.name.text);
        Some(Task {
            class,
            method,
            span: task.span,
            name: Located::written(name, code.place(class, call.name.span)),
            period_ms,
            body: body(code, &scope, task),
        })
    };
    calls_in(method.statements()).into_iter().filter_map(task).collect()
}

/// The task of a call that makes a scheduler repeat it, and its period: methods of
/// `ScheduledExecutorService`, `java.util.Timer`, Spring's `TaskScheduler` and Vert.x.
fn repeated<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    call: &'a Call,
) -> Option<(&'a Expr, Option<Located<u64>>)> {
    call.object.as_ref()?;
    let args = &call.args;
    let ms = |at: usize, unit| values.milliseconds(scope, args.get(at)?, time_unit_ms(unit)?);
    match (call.name.text.as_str(), args.len()) {
        ("scheduleAtFixedRate" | "scheduleWithFixedDelay", 4) => {
            Some((&args[0], ms(2, args.get(3))))
        }
        ("scheduleAtFixedRate" | "scheduleWithFixedDelay", 3) => Some((&args[0], ms(2, None))),
        ("scheduleAtFixedRate" | "scheduleWithFixedDelay", 2) => Some((&args[0], ms(1, None))),
        // A timer's third number is its period; its second is the delay before the only run.
        ("schedule", 3) if is_timer(values, scope, call) => Some((&args[0], ms(2, None))),
        ("setPeriodic", 2) => Some((&args[1], ms(0, None))),
        _ => None,
    }
}

fn is_timer(values: &Values<'_, '_>, scope: &Scope<'_>, call: &Call) -> bool {
    let Some(object) = call.object.as_deref() else { return false };
    match &object.kind {
        ExprKind::New(new) => new.of.name == "Timer",
        _ => object.as_name().is_some_and(|name| {
            values.code.named(scope, name).is_some_and(|named| named.of().name == "Timer")
        }),
    }
}

/// The method that is run, where the task is not written out on the spot.
fn body<'a>(code: &Codebase<'a>, scope: &Scope<'a>, task: &'a Expr) -> Option<(usize, &'a Method)> {
    match &task.kind {
        ExprKind::MethodRef(object, name) => code.referred(scope, object, &name.text),
        ExprKind::New(new) if new.body.is_empty() => code.of_name(&new.of.name, "run", scope.class),
        ExprKind::Name(_) => code.of_name(&code.type_of(scope, task)?, "run", scope.class),
        _ => None,
    }
}
