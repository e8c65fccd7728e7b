//! A rehearsed rollout as one page that stands alone; the timeline is a drawing inside it.

use std::fmt::Write as _;

use super::chart::{Chart, Lane, Mark, State, available, chart, ticks};
use super::{RolloutView, ShownBlame, ShownProposal, ShownRollout, words};
use crate::html::{change, list, prose};
use crate::words::count;
use crate::xml::escape;

/// Tasks that are drawn.
const LANES_MAX: usize = 40;
/// Events that are told.
const STORY_MAX: usize = 60;
/// Left edge of the lanes.
const LEFT: f64 = 90.0;
/// Right edge of the lanes.
const RIGHT: f64 = 885.0;
/// Height of a lane.
const ROW: f64 = 24.0;

/// The page; ends with a line break.
pub fn render(view: &RolloutView) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>wonin rollout</title>\n<style>\n",
    );
    out.push_str(include_str!("../page.css"));
    out.push_str(include_str!("page.css"));
    // Writing to a string cannot fail, here and below.
    _ = writeln!(
        out,
        "</style>\n</head>\n<body>\n<main>\n<h1>Rollout</h1>\n<p class=\"sum\">{} rehearsed</p>",
        count(view.services.len(), "service")
    );
    contents(view, &mut out);
    for (index, rollout) in view.services.iter().enumerate() {
        article(view, rollout, index, &mut out);
    }
    list(&mut out, "Skipped", &view.skipped, |skip| {
        let at = skip.at.map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
        format!("<code>{}{at}</code>: {}", escape(&skip.path), prose(&skip.why))
    });
    if view.skipped_more > 0 {
        _ = writeln!(out, "<p>and {} more, see <code>wonin diagnose</code></p>", view.skipped_more);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn contents(view: &RolloutView, out: &mut String) {
    if view.services.len() < 2 {
        return;
    }
    out.push_str("<nav aria-label=\"Services\"><ol>\n");
    for (index, rollout) in view.services.iter().enumerate() {
        let verdict = words::verdict(rollout);
        _ = writeln!(
            out,
            "<li><span class=\"verdict {verdict}\">{verdict}</span> <a href=\"#s{index}\">{}</a></li>",
            prose(&words::headline(rollout))
        );
    }
    out.push_str("</ol></nav>\n");
}

fn article(view: &RolloutView, rollout: &ShownRollout, index: usize, out: &mut String) {
    let verdict = words::verdict(rollout);
    _ = writeln!(
        out,
        "<article id=\"s{index}\">\n<h2><span class=\"verdict {verdict}\">{verdict}</span> {}</h2>\n\
         <p class=\"id\"><code>{}:{}</code> on {}</p>",
        prose(&words::headline(rollout)),
        escape(&rollout.at.path),
        rollout.at.start.line,
        rollout.platform
    );
    for problem in &rollout.problems {
        let at = problem.at.as_ref().map_or(String::new(), |spot| {
            format!("<code>{}:{}</code>: ", escape(&spot.path), spot.start.line)
        });
        _ = writeln!(out, "<p>{at}{}</p>", prose(&problem.why));
    }
    timeline(rollout, index, out);
    out.push_str("<dl>\n");
    for (name, text) in words::notes(rollout) {
        _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", prose(&text));
    }
    out.push_str("</dl>\n");
    story(rollout, out);
    list(out, "To blame", &rollout.blame, blamed);
    for proposal in &rollout.proposals {
        proposed(view, proposal, out);
    }
    list(out, "Assumed", &rollout.assumed, |one| {
        format!("{}: {} ({})", one.name, escape(&one.value), one.source)
    });
    list(out, "Not checked", &rollout.not_checked, |why| prose(why));
    out.push_str("</article>\n");
}

fn blamed(blame: &ShownBlame) -> String {
    let at = blame.setting.at.as_ref().map_or_else(
        || " (a default)".to_owned(),
        |spot| format!(" at <code>{}:{}</code>", escape(&spot.path), spot.start.line),
    );
    format!(
        "<code>{}</code>{at}: {}",
        escape(&blame.setting.full_name()),
        escape(&words::blame(blame))
    )
}

fn proposed(view: &RolloutView, proposal: &ShownProposal, out: &mut String) {
    change(&view.files, &proposal.fix, out);
    out.push_str("<ul class=\"merits\">\n");
    for text in words::merits(proposal) {
        _ = writeln!(out, "<li>{}</li>", prose(&text));
    }
    out.push_str("</ul>\n");
}

/// The events as a table: what the drawing shows, for those who cannot see it.
fn story(rollout: &ShownRollout, out: &mut String) {
    let Some(outcome) = rollout.outcome.as_ref().filter(|_| rollout.is_weighed) else { return };
    let (story, left_out) = words::story(outcome, STORY_MAX);
    if story.len() < 2 {
        return;
    }
    out.push_str("<details open><summary>What happens</summary>\n<table>\n");
    for (t_ms, text) in story {
        _ = writeln!(out, "<tr><td>{} s</td><td>{}</td></tr>", words::seconds(t_ms), prose(&text));
    }
    out.push_str("</table>\n");
    if left_out > 0 {
        _ = writeln!(out, "<p>and {left_out} more events</p>");
    }
    out.push_str("</details>\n");
}

fn timeline(rollout: &ShownRollout, index: usize, out: &mut String) {
    let Some(outcome) = rollout.outcome.as_ref().filter(|_| rollout.is_weighed) else { return };
    let Some(chart) = chart(outcome, rollout.platform, rollout.desired, LANES_MAX) else { return };
    let drawing = Drawing::new(&chart);
    let name = escape(&rollout.service);
    _ = writeln!(
        out,
        "<div class=\"chart\">\n<svg viewBox=\"0 0 900 {:.0}\" role=\"img\" \
         aria-labelledby=\"t{index} d{index}\">\n<title id=\"t{index}\">One rollout of {name} \
         (seed {})</title>\n<desc id=\"d{index}\">{}</desc>",
        drawing.height,
        outcome.seed,
        escape(&format!("Tasks serving: {}.", words::capacity(outcome)))
    );
    drawing.draw(out);
    out.push_str("</svg>\n</div>\n");
    if chart.left_out > 0 {
        _ = writeln!(out, "<p>{} more tasks are not drawn.</p>", chart.left_out);
    }
}

struct Drawing<'a> {
    chart: &'a Chart<'a>,
    /// Top of the capacity curve.
    curve_top: f64,
    /// Bottom of it, where the axis is.
    axis: f64,
    height: f64,
}

impl<'a> Drawing<'a> {
    fn new(chart: &'a Chart<'a>) -> Self {
        let curve_top = 14.0 + chart.lanes.len() as f64 * ROW + 12.0;
        let axis = curve_top + 44.0;
        Self { chart, curve_top, axis, height: axis + 72.0 }
    }

    fn x(&self, at_ms: u64) -> f64 {
        let share = at_ms as f64 / self.chart.end_ms as f64;
        LEFT + (RIGHT - LEFT) * share.min(1.0)
    }

    fn draw(&self, out: &mut String) {
        for at_ms in ticks(self.chart.end_ms, 10) {
            let x = self.x(at_ms);
            _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"8\" y2=\"{:.1}\"/>\
                 <text class=\"dim\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                self.axis,
                self.axis + 16.0,
                words::seconds(at_ms)
            );
        }
        _ = writeln!(
            out,
            "<text class=\"dim\" x=\"{LEFT}\" y=\"{:.1}\" text-anchor=\"end\" dx=\"-14\">seconds</text>",
            self.axis + 16.0
        );
        for (index, lane) in self.chart.lanes.iter().enumerate() {
            self.lane(lane, 14.0 + index as f64 * ROW, out);
        }
        self.curve(out);
        self.legend(out);
    }

    fn lane(&self, lane: &Lane, top: f64, out: &mut String) {
        let middle = top + ROW / 2.0;
        let name = escape(&crate::words::shorten(&lane.task, 12));
        _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 8.0,
            middle + 4.0
        );
        for &(from_ms, to_ms, state) in &lane.spans {
            let (from, to) = (self.x(from_ms), self.x(to_ms));
            _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}: {}, {} s to {} s</title></rect>",
                class(state),
                top + 4.0,
                (to - from).max(1.0),
                ROW - 8.0,
                escape(&lane.task),
                state.name(),
                words::seconds(from_ms),
                words::seconds(to_ms)
            );
        }
        for &(at_ms, mark) in &lane.marks {
            let what = match mark {
                Mark::Passed => "check passed",
                Mark::Failed => "check failed",
                Mark::Killed => "SIGTERM",
            };
            sign(
                self.x(at_ms),
                middle,
                mark,
                &format!("{what} at {} s", words::seconds(at_ms)),
                out,
            );
        }
    }

    /// How many serve, as an area with its numbers.
    fn curve(&self, out: &mut String) {
        let most = self.chart.capacity.iter().map(|point| point.available).max().unwrap_or(0);
        if most == 0 {
            return;
        }
        let y = |n: u32| {
            self.axis - (self.axis - self.curve_top - 10.0) * f64::from(n) / f64::from(most)
        };
        let first = available(self.chart.capacity, 0);
        let mut path = format!("M{LEFT:.1} {:.1}V{:.1}", self.axis, y(first));
        let mut labels = String::new();
        let mut last_x = f64::MIN;
        for point in self.chart.capacity.iter().filter(|point| point.t_ms <= self.chart.end_ms) {
            let x = self.x(point.t_ms);
            _ = write!(path, "H{x:.1}V{:.1}", y(point.available));
            if x - last_x > 16.0 && x < RIGHT - 4.0 {
                _ = write!(
                    labels,
                    "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    x + 4.0,
                    y(point.available) - 3.0,
                    point.available
                );
                last_x = x;
            }
        }
        _ = writeln!(out, "<path class=\"curve\" d=\"{path}H{RIGHT}V{:.1}Z\"/>{labels}", self.axis);
        _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">serving</text>",
            LEFT - 8.0,
            self.axis - 8.0
        );
    }

    fn legend(&self, out: &mut String) {
        let lanes = &self.chart.lanes;
        let seen = |state| lanes.iter().any(|lane| lane.spans.iter().any(|span| span.2 == state));
        let met = |mark| lanes.iter().any(|lane| lane.marks.iter().any(|found| found.1 == mark));
        let mut at = (LEFT, self.axis + 38.0);
        // Text has no width before it is drawn: a guess that is rather too wide.
        let step = |at: &mut (f64, f64), name: &str| {
            let width = 36.0 + 6.6 * name.len() as f64;
            if at.0 > LEFT && at.0 + width > RIGHT {
                *at = (LEFT, at.1 + 20.0);
            }
            let here = *at;
            at.0 += width;
            here
        };
        for state in State::ALL.into_iter().filter(|&state| seen(state)) {
            let (x, y) = step(&mut at, state.name());
            _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"13\" height=\"12\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                class(state),
                y - 6.0,
                x + 18.0,
                y + 4.0,
                state.name()
            );
        }
        for (mark, name) in [
            (Mark::Passed, "check passed"),
            (Mark::Failed, "check failed"),
            (Mark::Killed, "SIGTERM"),
        ] {
            if met(mark) {
                let (x, y) = step(&mut at, name);
                sign(x + 6.0, y, mark, name, out);
                _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{name}</text>", x + 18.0, y + 4.0);
            }
        }
    }
}

/// A tick, a cross or a wedge; shapes differ, so that colour alone says nothing.
fn sign(x: f64, y: f64, mark: Mark, title: &str, out: &mut String) {
    let (class, path) = match mark {
        Mark::Passed => ("passed", format!("M{:.1} {y:.1}l3 4l5 -8", x - 4.0)),
        Mark::Failed => ("failed", format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0)),
        Mark::Killed => ("killed", format!("M{:.1} {:.1}h10l-5 9z", x - 5.0, y - 5.0)),
    };
    _ = writeln!(out, "<path class=\"{class}\" d=\"{path}\"><title>{title}</title></path>");
}

fn class(state: State) -> &'static str {
    match state {
        State::Launching => "launching",
        State::Starting => "starting",
        State::Serving => "serving",
        State::Unhealthy => "unhealthy",
        State::Draining => "draining",
        State::Stopping => "stopping",
    }
}
