//! A rehearsal for a terminal.

use std::fmt::Write as _;

use wonin_model::rehearsal::{Delivery, Expectation, Phase, Recovery, Rehearsal, Verdict};

use super::{RehearsalView, steps};
use crate::text::Layout;
use crate::words::{columns, shorten, wrap};

/// Columns of a fault's name beside its bar.
const NAME_MAX: usize = 20;
/// Examples of an anomaly that are shown.
const EXAMPLES_MAX: usize = 3;
pub(super) const GREEN: &str = "\u{1b}[1;32m";
pub(super) const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
pub(super) const BOLD: &str = "\u{1b}[1m";

/// The whole report; ends with a line break.
pub fn render(view: &RehearsalView, layout: Layout) -> String {
    let mut out = String::new();
    let rehearsal = &view.shown;
    if !rehearsal.steps.is_empty() {
        steps::render(rehearsal, layout, &mut out);
        return out;
    }
    for scenario in &rehearsal.scenarios {
        one(scenario, layout, &mut out);
        out.push('\n');
    }
    if rehearsal.scenarios.is_empty() {
        one(rehearsal, layout, &mut out);
    } else {
        head(rehearsal, layout, &mut out);
        section(&mut out, layout, "confirmed", rehearsal.confirmed.iter().cloned());
        section(&mut out, layout, "remarks", rehearsal.remarks.iter().cloned());
    }
    out
}

/// The verdict in one sentence, then what proves it.
fn one(run: &Rehearsal, layout: Layout, out: &mut String) {
    head(run, layout, out);
    timeline(run, layout, out);
    expectations(run, layout, out);
    if let Some(delivery) = &run.delivery {
        section(out, layout, "delivery", delivered(delivery).into_iter());
    }
    section(out, layout, "recovery", recovered(&run.recovery).into_iter());
    let predictions = run.predictions.iter().map(|prediction| {
        let mark = if prediction.came_true { "came true" } else { "did not come true" };
        format!("{} {mark}: {}; seen: {}", prediction.mode, prediction.claim, prediction.seen)
    });
    section(out, layout, "predicted", predictions);
    let diagnosed = run.diagnosed.iter().map(|one| {
        let names = match one.names.as_slice() {
            [] => "names nothing that was broken".to_owned(),
            names => format!("names what `{}` broke", names.join("` and `")),
        };
        format!("{} {names}: {}", one.mode, one.title)
    });
    section(out, layout, "diagnosed from what programs wrote", diagnosed);
    section(out, layout, "confirmed", run.confirmed.iter().cloned());
    section(out, layout, "not possible", run.not_possible.iter().cloned());
    section(out, layout, "remarks", run.remarks.iter().cloned());
}

pub(super) fn head(run: &Rehearsal, layout: Layout, out: &mut String) {
    let colour = match run.verdict {
        Verdict::Held => GREEN,
        Verdict::Broke => RED,
        Verdict::Invalid | Verdict::Aborted => YELLOW,
    };
    let verdict = run.verdict.name();
    let indent = " ".repeat(verdict.len() + 2);
    let why = wrap(&run.why, layout.width.saturating_sub(indent.len()).max(30), &indent);
    // Writing to a string cannot fail, here and below.
    _ = writeln!(out, "{}: {why}", paint(layout, colour, verdict));
    _ = writeln!(out, "{indent}{}, seed {}", run.name, run.seed);
}

pub(super) fn paint(layout: Layout, colour: &str, text: &str) -> String {
    if layout.colour { format!("{colour}{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Each fault as a bar over time, and in words.
fn timeline(run: &Rehearsal, layout: Layout, out: &mut String) {
    let end_s = end_s(run);
    if run.faults.is_empty() || end_s <= 0.0 {
        return;
    }
    _ = writeln!(out, "\n{}", paint(layout, BOLD, "faults:"));
    let names = run.faults.iter().map(|fault| columns(&shorten(&fault.name, NAME_MAX)));
    let head = names.max().unwrap_or(0);
    let cells = layout.width.saturating_sub(head + 8).clamp(20, 100);
    let cell = |at_s: f64| ((at_s / end_s * cells as f64) as usize).min(cells - 1);
    for fault in &run.faults {
        let name = shorten(&fault.name, NAME_MAX);
        let pad = " ".repeat(head - columns(&name));
        let (from, to) = (cell(fault.from_s), fault.to_s.map_or(cells - 1, cell));
        let bar: String = "█".repeat((to - from).max(1));
        let bar = paint(layout, RED, &bar);
        _ = writeln!(out, "  {name}{pad}  {}{bar}", " ".repeat(from));
    }
    axis(run, head, cells, cell, out);
    for fault in &run.faults {
        let to = match fault.to_s {
            Some(to_s) => format!("{} to {} s", seconds(fault.from_s), seconds(to_s)),
            None => format!("{} s on, not healed", seconds(fault.from_s)),
        };
        let hits = match fault.hits {
            1 => "1 hit".to_owned(),
            hits => format!("{hits} hits"),
        };
        let text = format!("{}: {} on {}, from {to}, {hits}", fault.name, fault.what, fault.target);
        list(out, layout, std::iter::once(text));
    }
}

/// Until the last fault was healed and the steady state was back.
fn end_s(run: &Rehearsal) -> f64 {
    let ends = run.faults.iter().map(|fault| fault.to_s.unwrap_or(fault.from_s + 1.0));
    let healed = ends.fold(0.0_f64, f64::max);
    healed * 1.1 + run.recovery.steady_s.unwrap_or(0.0).max(0.0)
}

/// A line with a tick and a label wherever something began or ended.
fn axis(run: &Rehearsal, head: usize, cells: usize, cell: impl Fn(f64) -> usize, out: &mut String) {
    let ends = run.faults.iter().flat_map(|fault| [Some(fault.from_s), fault.to_s]);
    let mut moments: Vec<f64> = ends.flatten().chain([0.0]).collect();
    let healed = run.faults.iter().filter_map(|fault| fault.to_s).fold(0.0, f64::max);
    moments.extend(run.recovery.steady_s.map(|steady_s| healed + steady_s));
    moments.sort_by(f64::total_cmp);
    let mut ruler = vec!['─'; cells];
    let mut labels = String::new();
    for at_s in moments {
        let at = cell(at_s);
        let label = seconds(at_s);
        if labels.is_empty() || labels.len() < at {
            ruler[at] = '┬';
            labels.push_str(&" ".repeat(at - labels.len()));
            labels.push_str(&label);
        }
    }
    let pad = " ".repeat(head + 4);
    _ = writeln!(out, "{pad}{}", ruler.iter().collect::<String>());
    _ = writeln!(out, "{pad}{labels} s");
}

/// A table of phases, then what was seen.
fn expectations(run: &Rehearsal, layout: Layout, out: &mut String) {
    if run.expectations.is_empty() {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for expectation in &run.expectations {
        if !names.contains(&expectation.name.as_str()) {
            names.push(&expectation.name);
        }
    }
    // Wide enough for the title, too.
    let least = "expectations:".len() - 2;
    let widest = names.iter().map(|name| columns(name)).fold(least, usize::max);
    let phases = [Phase::Before, Phase::During, Phase::After];
    let title = paint(layout, BOLD, "expectations:");
    let gap = " ".repeat((widest + 4).saturating_sub("expectations:".len()));
    _ = writeln!(out, "\n{title}{gap}before  during  after");
    let width = layout.width.saturating_sub(16).max(30);
    for name in names {
        let of = |phase| find(run, name, phase);
        let marks = phases.map(|phase| mark(of(phase), layout));
        let pad = " ".repeat(widest - columns(name));
        let line = format!("  {name}{pad}  {}   {}   {}", marks[0], marks[1], marks[2]);
        _ = writeln!(out, "{}", line.trim_end());
        for phase in phases {
            let Some(expectation) = of(phase) else { continue };
            let seen = wrap(&expectation.seen, width, &" ".repeat(14));
            _ = writeln!(out, "      {:<7} {seen}", format!("{}:", phase.name()));
        }
    }
}

fn find<'a>(run: &'a Rehearsal, name: &str, phase: Phase) -> Option<&'a Expectation> {
    run.expectations.iter().find(|one| one.name == name && one.phase == phase)
}

fn mark(expectation: Option<&Expectation>, layout: Layout) -> String {
    match expectation {
        Some(one) if one.held => paint(layout, GREEN, "held "),
        Some(_) => paint(layout, RED, "broke"),
        None => "–    ".to_owned(),
    }
}

fn delivered(delivery: &Delivery) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{} sent, {} acknowledged, {} read",
            delivery.sent, delivery.acknowledged, delivery.read
        ),
        format!(
            "{} lost, {} not delivered, {} duplicated, {} reordered",
            delivery.lost, delivery.not_delivered, delivery.duplicated, delivery.reordered
        ),
    ];
    for anomaly in &delivery.anomalies {
        let kind = if anomaly.is_bad { "" } else { " (no error for this client)" };
        let examples: Vec<&str> =
            anomaly.examples.iter().take(EXAMPLES_MAX).map(String::as_str).collect();
        let examples =
            if examples.is_empty() { String::new() } else { format!(": {}", examples.join("; ")) };
        lines.push(format!("{} × {}{kind}{examples}", anomaly.count, anomaly.name));
    }
    lines
}

fn recovered(recovery: &Recovery) -> Vec<String> {
    let mut lines = Vec::new();
    match recovery.first_success_s {
        Some(first_s) if first_s < 0.0 => lines.push(format!(
            "the first success came {} s before healing, while the fault still acted",
            seconds(-first_s)
        )),
        Some(first_s) => {
            lines.push(format!("the first success came {} s after healing", seconds(first_s)));
        }
        None => {}
    }
    if let Some(steady_s) = recovery.steady_s {
        lines.push(format!("the steady state was back {} s after healing", seconds(steady_s)));
    }
    if let Some(drain_s) = recovery.backlog_drain_s {
        lines.push(format!("nothing was waiting any more {} s after healing", seconds(drain_s)));
    }
    if recovery.duplicates > 0 {
        lines.push(format!("records that the fault doubled: {}", recovery.duplicates));
    }
    lines
}

pub(super) fn section(
    out: &mut String,
    layout: Layout,
    title: &str,
    items: impl ExactSizeIterator<Item = String>,
) {
    if items.len() > 0 {
        _ = writeln!(out, "\n{}", paint(layout, BOLD, &format!("{title}:")));
        list(out, layout, items);
    }
}

/// Items with an indent, long ones broken.
pub(super) fn list(out: &mut String, layout: Layout, items: impl Iterator<Item = String>) {
    for item in items {
        _ = writeln!(out, "  {}", wrap(&item, layout.width.saturating_sub(4).max(30), "    "));
    }
}

/// Tenths of a second; hundredths below one.
pub(super) fn seconds(seconds: f64) -> String {
    let to = if seconds.abs() < 1.0 { 100.0 } else { 10.0 };
    format!("{}", (seconds * to).round() / to)
}
