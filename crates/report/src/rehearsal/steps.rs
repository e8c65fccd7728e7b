//! Repairs that were tried one after the other, for a terminal.

use std::fmt::Write as _;

use wonin_model::rehearsal::{Effect, Rehearsal, Step, Verdict};

use super::text::{BOLD, GREEN, RED, head, paint, section};
use crate::text::Layout;
use crate::words::wrap;

/// What stands below the line of a step.
const INDENT: &str = "     ";

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
        Some(repair) => format!("{} repaired at {}", repair.mode, places(&repair.places)),
    };
    let text = match effect(step) {
        Some(effect) => format!("{what}: {effect}"),
        None => what,
    };
    let width = layout.width.saturating_sub(7).max(30);
    let text = wrap(&text, width, INDENT);
    _ = writeln!(out, "{index:>3}. {}", paint(layout, BOLD, &text));
    let changes = step.repair.iter().flat_map(|repair| &repair.changes);
    let changes = changes.map(|change| format!("changed: {change}"));
    for line in changes.chain(step.seen.iter().cloned()) {
        _ = writeln!(out, "{INDENT}{}", wrap(&line, width, &format!("{INDENT}  ")));
    }
    let by = match step.failed_by.as_slice() {
        [] => String::new(),
        modes => format!(", as {} said", modes.join(", ")),
    };
    let (colour, failed) = match (step.verdict, step.failed.as_slice()) {
        (Verdict::Held, _) => (GREEN, "holds".to_owned()),
        (verdict, []) => (RED, verdict.name().to_owned()),
        (_, failed) => (RED, format!("fails: {}{by}", failed.join("; "))),
    };
    let failed = wrap(&failed, width, &format!("{INDENT}  "));
    _ = writeln!(out, "{INDENT}{}", paint(layout, colour, &failed));
}

/// The lines of each file: `compose.yml:12, 29`.
fn places(places: &[String]) -> String {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for place in places {
        let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
        match files.last_mut().filter(|(known, _)| *known == file) {
            Some((_, lines)) => lines.push(line),
            None => files.push((file, vec![line])),
        }
    }
    let files = files.into_iter().map(|(file, lines)| format!("{file}:{}", lines.join(", ")));
    files.collect::<Vec<_>>().join("; ")
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
