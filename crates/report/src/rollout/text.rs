//! A rehearsed rollout for a terminal.

use std::fmt::Write as _;

use annotate_snippets::{Group, Level, Renderer};
use wonin_rollout::Outlook;
use wonin_rollout::solve::Role;

use super::chart::{Chart, Lane, Mark, State, available, chart, ticks};
use super::{RolloutView, ShownProposal, ShownRollout, words};
use crate::frame::{Frame, Mark as Spotted};
use crate::text::{Layout, repair, snippet};
use crate::words::{columns, shorten, wrap};

/// Tasks that are drawn.
const LANES_MAX: usize = 24;
/// Lines of what happened.
const STORY_MAX: usize = 24;
/// Proposals that are shown with their change.
const PROPOSALS_MAX: usize = 5;
/// Shares of the capacity, from none to all.
const BARS: [char; 9] = ['_', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns of a task's name.
const NAME_MAX: usize = 14;

/// The whole report; ends with a line break.
pub fn render(view: &RolloutView, layout: Layout) -> String {
    let mut out = String::new();
    for (index, rollout) in view.services.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        service(view, rollout, layout, &mut out);
    }
    let mut skipped: Vec<String> = view
        .skipped
        .iter()
        .map(|skip| {
            let at = skip.at.map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
            format!("{}{at}: {}", skip.path, skip.why)
        })
        .collect();
    if view.skipped_more > 0 {
        skipped.push(format!("and {} more, see `wonin diagnose`", view.skipped_more));
    }
    section(&mut out, layout, "skipped", skipped.into_iter());
    out
}

fn service(view: &RolloutView, rollout: &ShownRollout, layout: Layout, out: &mut String) {
    let renderer = if layout.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(layout.width);
    let frames = frames(rollout);
    let verdict = words::verdict(rollout);
    let width = layout.width.saturating_sub(verdict.len() + rollout.service.len() + 4).max(30);
    let title = wrap(&words::headline(rollout), width, "");
    let mut main =
        Group::with_title(level(rollout).primary_title(title).id(rollout.service.as_str()));
    for frame in &frames {
        if let Some(snippet) = snippet(&view.files, frame) {
            main = main.element(snippet);
        }
    }
    for (name, text) in words::notes(rollout) {
        let text = wrap(&text, layout.width.saturating_sub(name.len() + 10).max(30), "");
        main = main.element(Level::NOTE.with_name(name).message(text));
    }
    out.push_str(&renderer.render(&[main]));
    out.push_str("\n\n");
    timeline(rollout, layout, out);
    let (shown, more) = shown(&rollout.proposals);
    for proposal in shown {
        out.push_str(&renderer.render(&[change(view, proposal, layout)]));
        out.push_str("\n\n");
    }
    if more > 0 {
        _ = writeln!(out, "more ways in `--format json`: {more}\n");
    }
    section(
        out,
        layout,
        "assumed",
        rollout.assumed.iter().map(|one| format!("{}: {} ({})", one.name, one.value, one.source)),
    );
    section(out, layout, "not checked", rollout.not_checked.iter().cloned());
}

/// The best few and the one with reserve; how many are left out.
fn shown(all: &[ShownProposal]) -> (Vec<&ShownProposal>, usize) {
    let few = all.iter().filter(|one| !one.is_recommended).take(PROPOSALS_MAX);
    let shown: Vec<_> = few.chain(all.iter().filter(|one| one.is_recommended)).collect();
    let more = all.len() - shown.len();
    (shown, more)
}

fn level(rollout: &ShownRollout) -> Level<'static> {
    let level = match rollout.verdict {
        Some(Outlook::Completes) => Level::INFO,
        Some(Outlook::Never | Outlook::Deadlock) => Level::ERROR,
        _ if !rollout.problems.is_empty() => Level::ERROR,
        Some(Outlook::Depends) | None => Level::WARNING,
    };
    level.with_name(words::verdict(rollout))
}

/// The settings to blame where they stand; where there are none, the service itself.
fn frames(rollout: &ShownRollout) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    let mut add = |spot: &crate::view::Spot, label: String, primary: bool, path| {
        let mark = Spotted { span: spot.span, label, primary };
        match frames.iter_mut().find(|frame: &&mut Frame<'_>| frame.file == spot.file) {
            Some(frame) => frame.marks.push(mark),
            None => frames.push(Frame { file: spot.file, path, marks: vec![mark] }),
        }
    };
    for problem in &rollout.problems {
        if let Some(spot) = &problem.at {
            add(spot, problem.why.clone(), true, spot.path.as_str());
        }
    }
    let has_cause = rollout.blame.iter().any(|blame| blame.role == Role::Cause);
    for (index, blame) in rollout.blame.iter().enumerate() {
        if let Some(spot) = &blame.setting.at {
            let primary = if has_cause { blame.role == Role::Cause } else { index == 0 };
            add(spot, words::blame(blame), primary, spot.path.as_str());
        }
    }
    if frames.is_empty() {
        let spot = &rollout.at;
        let mark = Spotted { span: spot.span, label: String::new(), primary: true };
        frames.push(Frame { file: spot.file, path: spot.path.as_str(), marks: vec![mark] });
    }
    for frame in &mut frames {
        frame.marks.sort_by_key(|mark| mark.span);
    }
    frames
}

fn change<'a>(view: &'a RolloutView, proposal: &'a ShownProposal, layout: Layout) -> Group<'a> {
    let mut group = repair(&view.files, &proposal.fix, layout.width);
    for text in words::merits(proposal) {
        let text = wrap(&text, layout.width.saturating_sub(10).max(30), "");
        group = group.element(Level::NOTE.no_name().message(text));
    }
    group
}

fn section(
    out: &mut String,
    layout: Layout,
    title: &str,
    items: impl ExactSizeIterator<Item = String>,
) {
    if items.len() == 0 {
        return;
    }
    _ = writeln!(out, "{title}:");
    for item in items {
        _ = writeln!(out, "  {}", wrap(&item, layout.width.saturating_sub(4).max(30), "    "));
    }
    out.push('\n');
}

/// Lanes, axis, capacity and what happened.
fn timeline(rollout: &ShownRollout, layout: Layout, out: &mut String) {
    let Some(outcome) = rollout.outcome.as_ref().filter(|_| rollout.is_weighed) else { return };
    let Some(chart) = chart(outcome, rollout.platform, rollout.desired, LANES_MAX) else { return };
    let drawing = Drawing::new(&chart, layout);
    _ = writeln!(out, "one rollout (seed {}), a column is {}:", outcome.seed, drawing.step());
    drawing.draw(out);
    if chart.left_out > 0 {
        _ = writeln!(out, "  {} more tasks are not drawn", chart.left_out);
    }
    out.push('\n');
    let (story, left_out) = words::story(outcome, STORY_MAX);
    _ = writeln!(out, "what happens:");
    for (t_ms, text) in story {
        let width = layout.width.saturating_sub(14).max(30);
        let text = wrap(&text, width, &" ".repeat(13));
        _ = writeln!(out, "  {:>7} s  {text}", words::seconds(t_ms));
    }
    if left_out > 0 {
        _ = writeln!(out, "             and {left_out} more events, see `--format json`");
    }
    out.push('\n');
}

struct Drawing<'a> {
    chart: &'a Chart<'a>,
    layout: Layout,
    /// Columns in front of the lanes.
    head: usize,
    /// Columns of the lanes.
    cells: usize,
}

impl<'a> Drawing<'a> {
    fn new(chart: &'a Chart<'a>, layout: Layout) -> Self {
        let names = chart.lanes.iter().map(|lane| columns(&shorten(&lane.task, NAME_MAX)));
        let head = names.max().unwrap_or(0).max("serving".len()) + 4;
        // Room for the last label of the axis.
        let cells = layout.width.saturating_sub(head + 6).max(20);
        Self { chart, layout, head, cells }
    }

    fn step(&self) -> String {
        let step_ms = self.chart.end_ms as f64 / self.cells as f64;
        format!("{:.1} s", step_ms / 1000.0)
    }

    fn cell(&self, at_ms: u64) -> usize {
        let cell = u128::from(at_ms) * self.cells as u128 / u128::from(self.chart.end_ms);
        (cell as usize).min(self.cells - 1)
    }

    fn middle(&self, cell: usize) -> u64 {
        self.chart.end_ms * (2 * cell as u64 + 1) / (2 * self.cells as u64)
    }

    fn draw(&self, out: &mut String) {
        for lane in &self.chart.lanes {
            let name = shorten(&lane.task, NAME_MAX);
            let pad = " ".repeat(self.head.saturating_sub(columns(&name) + 3));
            _ = writeln!(out, "  {name}{pad} {}", self.lane(lane));
        }
        self.serving(out);
        self.axis(out);
        self.legend(out);
    }

    fn lane(&self, lane: &Lane) -> String {
        let mut cells: Vec<(char, &str)> = vec![(' ', ""); self.cells];
        for (cell, glyph) in cells.iter_mut().enumerate() {
            let at_ms = self.middle(cell);
            let span = lane.spans.iter().find(|span| span.0 <= at_ms && at_ms < span.1);
            if let Some(span) = span {
                *glyph = look(span.2);
            }
        }
        let mut marks = lane.marks.clone();
        // The weightiest of one column comes last and stays.
        marks.sort_by_key(|&(at_ms, mark)| (mark, at_ms));
        for (at_ms, mark) in marks {
            cells[self.cell(at_ms)] = sign(mark);
        }
        self.paint(&cells)
    }

    fn paint(&self, cells: &[(char, &str)]) -> String {
        let mut out = String::with_capacity(cells.len() * 3);
        let mut style = "";
        for &(glyph, wanted) in cells {
            if self.layout.colour && wanted != style {
                _ = write!(out, "\u{1b}[0m{wanted}");
                style = wanted;
            }
            out.push(glyph);
        }
        if !style.is_empty() {
            out.push_str("\u{1b}[0m");
        }
        out.trim_end().to_owned()
    }

    /// How many serve, column by column: the fewest of each column.
    fn serving(&self, out: &mut String) {
        if self.chart.capacity.is_empty() {
            return;
        }
        let most = self.chart.capacity.iter().map(|point| point.available).max().unwrap_or(0);
        let glyph = |cell: usize| {
            let begin_ms = self.chart.end_ms * cell as u64 / self.cells as u64;
            let n = available(self.chart.capacity, begin_ms)
                .min(available(self.chart.capacity, self.middle(cell)));
            if most <= 9 {
                return char::from_digit(n, 10).unwrap_or('?');
            }
            BARS[(n as usize * 8).div_ceil(most as usize).min(8)]
        };
        let line: String = (0..self.cells).map(glyph).collect();
        let pad = " ".repeat(self.head.saturating_sub("serving".len() + 3));
        _ = writeln!(out, "  serving{pad} {line}");
    }

    fn axis(&self, out: &mut String) {
        let mut ruler = vec!['─'; self.cells];
        let mut labels = String::new();
        for at_ms in ticks(self.chart.end_ms, (self.cells / 10) as u64) {
            let cell = self.cell(at_ms);
            ruler[cell] = '┬';
            if labels.len() <= cell {
                labels.push_str(&" ".repeat(cell - labels.len()));
                labels.push_str(&words::seconds(at_ms));
            }
        }
        let pad = " ".repeat(self.head);
        _ = writeln!(out, "{pad}{}", ruler.iter().collect::<String>());
        _ = writeln!(out, "{pad}{labels} s");
    }

    /// What the signs mean, of those that occur.
    fn legend(&self, out: &mut String) {
        let lanes = &self.chart.lanes;
        let seen = |state| lanes.iter().any(|lane| lane.spans.iter().any(|span| span.2 == state));
        let met = |mark| lanes.iter().any(|lane| lane.marks.iter().any(|found| found.1 == mark));
        let states = State::ALL.into_iter().filter(|&state| seen(state));
        let states = states.map(|state| unbroken(look(state).0, state.name()));
        let marks = [
            (Mark::Passed, "check passed"),
            (Mark::Failed, "check failed"),
            (Mark::Killed, "SIGTERM"),
        ];
        let marks = marks.into_iter().filter(|(mark, _)| met(*mark));
        let marks = marks.map(|(mark, name)| unbroken(sign(mark).0, name));
        let legend: Vec<String> = states.chain(marks).collect();
        let width = self.layout.width.saturating_sub(4).max(30);
        _ = writeln!(out, "  {}", wrap(&legend.join(", "), width, "  "));
    }
}

/// A sign and what it means, which no line break divides.
fn unbroken(sign: char, name: &str) -> String {
    format!("{sign} {name}").replace(' ', "\u{a0}")
}

const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const RED: &str = "\u{1b}[31m";
const DIM: &str = "\u{1b}[2m";

fn look(state: State) -> (char, &'static str) {
    match state {
        State::Launching => ('·', DIM),
        State::Starting => ('─', YELLOW),
        State::Serving => ('█', GREEN),
        State::Unhealthy => ('▚', RED),
        State::Draining => ('▒', DIM),
        State::Stopping => ('░', DIM),
    }
}

fn sign(mark: Mark) -> (char, &'static str) {
    match mark {
        Mark::Passed => ('+', GREEN),
        Mark::Failed => ('×', RED),
        Mark::Killed => ('▼', RED),
    }
}
