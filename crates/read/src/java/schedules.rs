//! How often scheduled code runs.

use wonin_model::Located;
use wonin_syntax::java::{Annotation, Expr, ExprKind, Method, Visit, walk};

use super::codebase::{Scope, calls_in};
use super::values::{Values, time_unit_ms};
use crate::spring::milliseconds;

const DAY_MS: u64 = 86_400_000;

/// The period of an entry: of its `@Scheduled`, or of the trigger of its Quartz job.
pub(crate) fn of_entry(
    values: &Values<'_, '_>,
    class: usize,
    method: &Method,
) -> Option<Located<u64>> {
    if let Some(annotation) = method.annotation("Scheduled") {
        return scheduled(values, class, annotation);
    }
    if super::callers::is_job(values.code, class) {
        return of_job(values, class);
    }
    None
}

/// `@Scheduled(fixedRate = …)` and its relatives. A fixed delay adds the time of the run itself,
/// which is not known here.
fn scheduled<'a>(
    values: &Values<'_, 'a>,
    class: usize,
    annotation: &'a Annotation,
) -> Option<Located<u64>> {
    let scope = Scope::class(class);
    let unit = time_unit_ms(annotation.arg("timeUnit"))?;
    for name in ["fixedRate", "fixedDelay"] {
        if let Some(expr) = annotation.arg(name) {
            return values.milliseconds(&scope, expr, unit);
        }
    }
    let text = |name: &str| {
        annotation.arg(name).and_then(|expr| values.filled(&values.text(&scope, expr)?))
    };
    if let Some(text) = text("fixedRateString").or_else(|| text("fixedDelayString")) {
        let factor = if text.value.bytes().all(|b| b.is_ascii_digit()) { unit } else { 1 };
        return text.and_then(|text| milliseconds(text)?.checked_mul(factor.try_into().ok()?));
    }
    text("cron")?.and_then(|cron| cron_ms(cron))
}

/// The trigger of a job: in the method that builds the job, or in another of the same class that
/// mentions that method, or the only one of the class.
fn of_job(values: &Values<'_, '_>, job: usize) -> Option<Located<u64>> {
    let name = &values.code.class(job).decl.name.text;
    for (class, of) in values.code.classes() {
        let methods = &of.decl.methods;
        let builds = |method: &Method| mentions_class(method, name);
        let Some(builder) = methods.iter().find(|method| builds(method)) else { continue };
        let own = trigger(values, class, builder);
        if own.is_some() {
            return own;
        }
        let mentioning = methods.iter().filter(|method| mentions(method, &builder.name.text));
        let mut mentioning = mentioning;
        let found = mentioning.find_map(|method| trigger(values, class, method));
        if found.is_some() {
            return found;
        }
        let mut all = methods.iter().filter_map(|method| trigger(values, class, method));
        if let (Some(only), None) = (all.next(), all.next()) {
            return Some(only);
        }
    }
    None
}

/// Whether a body hands over `Name.class`.
fn mentions_class(method: &Method, name: &str) -> bool {
    let mut found = false;
    walk(method.statements(), &mut |visit, _| {
        if let Visit::Expr(Expr { kind: ExprKind::Class(of), .. }) = visit {
            found |= of.name == name;
        }
        !found
    });
    found
}

/// Whether a method calls another, or takes a parameter of its name.
fn mentions(method: &Method, other: &str) -> bool {
    let mut found = method.params.iter().any(|param| param.name.text == other);
    walk(method.statements(), &mut |visit, _| {
        if let Visit::Expr(expr) = visit {
            found |= expr.as_call().is_some_and(|call| call.name.text == other);
        }
        !found
    });
    found
}

/// The period that a body gives a trigger.
fn trigger<'a>(values: &Values<'_, 'a>, class: usize, method: &'a Method) -> Option<Located<u64>> {
    let scope = Scope::of(class, method);
    calls_in(method.statements()).into_iter().find_map(|call| {
        let name = call.name.text.as_str();
        let arg = call.args.first();
        if matches!(name, "cronSchedule" | "setCronExpression") {
            let text = values.filled(&values.text(&scope, arg?)?)?;
            return text.and_then(|cron| cron_ms(cron));
        }
        let unit = match name {
            "withIntervalInMilliseconds" | "setRepeatInterval" => 1,
            "withIntervalInSeconds" | "repeatSecondlyForever" => 1000,
            "withIntervalInMinutes" | "repeatMinutelyForever" => 60_000,
            "withIntervalInHours" | "repeatHourlyForever" => 3_600_000,
            _ => return None,
        };
        let (number, span) = match arg {
            Some(arg) => (values.number(&scope, arg)?.value, arg.span),
            None => (1, call.name.span),
        };
        let ms = u64::try_from(number.checked_mul(unit)?).ok()?;
        Some(Located::written(ms, values.code.place(class, span)))
    })
}

/// The mean period of a cron expression with seconds (Spring, Quartz) or without (Unix); `None`
/// where it does not run every day or is not understood.
fn cron_ms(cron: &str) -> Option<u64> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let (seconds, minutes, hours, days) = match fields[..] {
        [minutes, hours, ref days @ ..] if days.len() == 3 => ("0", minutes, hours, days),
        [seconds, minutes, hours, ref days @ ..] if days.len() == 3 || days.len() == 4 => {
            (seconds, minutes, hours, days)
        }
        _ => return None,
    };
    if days.iter().any(|field| !matches!(*field, "*" | "?")) {
        return None;
    }
    let firings = count(seconds, 60)? * count(minutes, 60)? * count(hours, 24)?;
    (firings > 0).then(|| DAY_MS / firings)
}

/// How many of `0..size` a field of a cron expression names.
fn count(field: &str, size: u64) -> Option<u64> {
    let mut named = vec![false; size as usize];
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: usize = step.parse().ok().filter(|step| *step > 0)?;
        let (from, to) = match range {
            "*" | "?" => (0, size - 1),
            _ => match range.split_once('-') {
                Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
                None if part.contains('/') => (range.parse().ok()?, size - 1),
                None => (range.parse().ok()?, range.parse().ok()?),
            },
        };
        if from >= size || to >= size {
            return None;
        }
        for at in (from as usize..=to as usize).step_by(step) {
            named[at] = true;
        }
    }
    Some(named.into_iter().filter(|one| *one).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_periods_of_cron_expressions() {
        for (cron, expected) in [
            ("0 */5 * * * *", Some(300_000)),
            ("*/10 * * * * *", Some(10_000)),
            ("0 0/1 * * * ?", Some(60_000)),
            ("0 0 3 * * *", Some(DAY_MS)),
            ("*/15 * * * *", Some(900_000)),
            ("0 0 9-17 * * *", Some(9_600_000)),
            ("0 0 3 * * MON", None),
            ("0 99 * * * *", None),
            ("@daily", None),
        ] {
            assert_eq!(cron_ms(cron), expected, "{cron}");
        }
    }
}
