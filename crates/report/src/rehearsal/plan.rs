//! What a rehearsal will do, before it does anything.

use std::fmt::Write as _;

use super::PlanView;
use super::text::{list, seconds};
use crate::text::Layout;
use crate::words::wrap;

/// The plan for a person; ends with a line break.
pub fn render(view: &PlanView, layout: Layout) -> String {
    let plan = &view.shown;
    let mut out = String::new();
    // Writing to a string cannot fail, here and below.
    _ = writeln!(out, "{}, seed {}", plan.name, plan.seed);
    if let [_, _, ..] = plan.runs.as_slice() {
        _ = writeln!(out, "\n{} runs, one after the other:", plan.runs.len());
        list(&mut out, layout, plan.runs.iter().cloned());
    }
    section(&mut out, layout, "starts", plan.starts.iter().cloned());
    let targets = plan.targets.iter().map(|(fault, found)| match found.as_slice() {
        [] => format!("`{fault}`: nothing was found"),
        found => format!("`{fault}`: {}", found.join(", ")),
    });
    section(&mut out, layout, "breaks", targets);
    out.push_str("\ntimeline:\n");
    for (at_s, what) in &plan.timeline {
        let what = wrap(what, layout.width.saturating_sub(14).max(30), &" ".repeat(13));
        _ = writeln!(out, "  {:>7} s  {what}", seconds(*at_s));
    }
    let expectations = plan.expectations.iter().map(|(phases, what)| {
        let phases: Vec<&str> = phases.iter().map(|phase| phase.name()).collect();
        format!("{what} ({})", phases.join(", "))
    });
    section(&mut out, layout, "expects", expectations);
    section(&mut out, layout, "aborts", plan.aborts.iter().cloned());
    section(&mut out, layout, "not possible", plan.not_possible.iter().cloned());
    out
}

fn section(
    out: &mut String,
    layout: Layout,
    title: &str,
    items: impl ExactSizeIterator<Item = String>,
) {
    if items.len() > 0 {
        _ = writeln!(out, "\n{title}:");
        list(out, layout, items);
    }
}
