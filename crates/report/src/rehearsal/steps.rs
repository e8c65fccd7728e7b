//! Repairs that were tried one after the other, for a terminal.

use std::fmt::Write as _;

use wonin_model::rehearsal::{Effect, Rehearsal, Step, Verdict};

use super::text::{BOLD, GREEN, RED, head, list, paint, section};
use crate::text::Layout;
use crate::words::wrap;

/// The verdict, a line for each step, what is confirmed, and all changes.
pub(super) fn render(rehearsal: &Rehearsal, layout: Layout, out: &mut String) {
    head(rehearsal, layout, out);
    // Writing to a string cannot fail, here and below.
    _ = writeln!(out, "\n{}", paint(layout, BOLD, "steps:"));
    for (index, step) in rehearsal.steps.iter().enumerate() {
        one(index, step, layout, out);
    }
    section(out, layout, "confirmed", rehearsal.confirmed.iter().cloned());
    section(out, layout, "remarks", rehearsal.remarks.iter().cloned());
    diff(rehearsal, layout, out);
}

fn one(index: usize, step: &Step, layout: Layout, out: &mut String) {
    let what = match &step.repair {
        None => "the files as they are".to_owned(),
        Some(repair) if repair.places.is_empty() => format!("{} repaired", repair.mode),
        Some(repair) => format!("{} repaired at {}", repair.mode, repair.places.join(", ")),
    };
    let text = match effect(step) {
        Some(effect) => format!("{what}: {effect}"),
        None => what,
    };
    let text = wrap(&text, layout.width.saturating_sub(5).max(30), "     ");
    _ = writeln!(out, "{:>3}. {}", index, paint(layout, BOLD, &text));
    let changes = step.repair.iter().flat_map(|repair| &repair.changes);
    list(out, layout, changes.map(|change| format!("   changed: {change}")));
    list(out, layout, step.seen.iter().map(|seen| format!("   {seen}")));
    let by = match step.failed_by.as_slice() {
        [] => String::new(),
        modes => format!(", as {} said", modes.join(", ")),
    };
    let failed = match (step.verdict, step.failed.as_slice()) {
        (Verdict::Held, _) => paint(layout, GREEN, "holds"),
        (_, []) => paint(layout, RED, step.verdict.name()),
        (_, failed) => paint(layout, RED, &format!("fails: {}{by}", failed.join("; "))),
    };
    list(out, layout, std::iter::once(format!("   {failed}")));
}

/// What a repair changed, in words.
fn effect(step: &Step) -> Option<&'static str> {
    Some(match step.effect? {
        Effect::Gone => "the failure is gone",
        Effect::Moved => "the failure moved on",
        Effect::Unchanged => "nothing changed by this alone",
        Effect::Worse => "more fails than before",
        Effect::Unknown => "nothing can be said of it",
    })
}

fn diff(rehearsal: &Rehearsal, layout: Layout, out: &mut String) {
    if rehearsal.diff.is_empty() {
        return;
    }
    _ = writeln!(out, "\n{}", paint(layout, BOLD, "changes, in a copy:"));
    for line in &rehearsal.diff {
        let colour = match line.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            _ => "",
        };
        let line = if colour.is_empty() { line.clone() } else { paint(layout, colour, line) };
        _ = writeln!(out, "{line}");
    }
}
