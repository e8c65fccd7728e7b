//! A diagnosis for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use wonin_model::{Severity, Share};
use wonin_text::{FileId, SourceFile, Span};

use crate::frame::{Frame, frames};
use crate::view::{Shown, ShownEdit, ShownFix, ShownSkip, ShownUnexplained, View, Where};
use crate::words::{count, role_name, severity_name, standing_name, tally, wrap};

/// Lines shown around a marked one.
const CONTEXT_LINES: u32 = 1;

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns to stay within, where words allow it.
    pub width: usize,
    /// Whether to use ANSI colours.
    pub colour: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self { width: 100, colour: false }
    }
}

/// The whole report; ends with a line break.
pub fn render(view: &View, layout: Layout) -> String {
    let mut out = String::new();
    let brief = |finding: &Shown| view.limits.severity_min.is_none() && !view.counts(finding);
    for finding in view.findings.iter().filter(|finding| !brief(finding)) {
        out.push_str(&full(view, finding, layout));
        out.push_str("\n\n");
    }
    groups(view, layout.width, &mut out);
    let width = layout.width;
    let remarks: Vec<&Shown> = view.findings.iter().filter(|finding| brief(finding)).collect();
    section(&mut out, width, "remarks", &remarks, |finding| {
        format!(
            "{}[{}]{}: {}",
            severity_name(finding.severity),
            finding.meta.id,
            place(finding),
            finding.title
        )
    });
    section(&mut out, width, "unexplained", &view.unexplained, unexplained);
    section(&mut out, width, "not checked", &view.not_checked, |open| {
        let service = open.service.as_deref().map_or(String::new(), |name| format!(" ({name})"));
        format!("{}{service}: {}", open.mode, open.why)
    });
    section(&mut out, width, "skipped", &skipped(&view.skipped), String::clone);
    footer(view, &mut out);
    out
}

/// What was not read, the first few for each reason: a directory of templates has hundreds.
fn skipped(all: &[ShownSkip]) -> Vec<String> {
    const EACH_MAX: usize = 3;
    // Reasons differ in what they name only, which stands between backquotes.
    let reason = |why: &str| why.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let mut reasons: Vec<(String, Vec<&ShownSkip>)> = Vec::new();
    for skip in all {
        let reason = reason(&skip.why);
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, same)) => same.push(skip),
            None => reasons.push((reason, vec![skip])),
        }
    }
    let mut lines = Vec::new();
    for (_, same) in &reasons {
        // A line that stands for one other is no shorter than that one.
        let shown = if same.len() > EACH_MAX + 1 { EACH_MAX } else { same.len() };
        for skip in &same[..shown] {
            let at = skip.at.map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
            lines.push(format!("{}{at}: {}", skip.path, skip.why));
        }
        if shown < same.len() {
            let others = same.len() - shown;
            lines.push(format!("{others} others for the same reason, see `--format json`"));
        }
    }
    lines
}

/// `3 events like app.log:812: the words`.
pub(crate) fn unexplained(left: &ShownUnexplained) -> String {
    let ShownUnexplained { events, template, spot } = left;
    let like = if *events == 1 { "1 event".to_owned() } else { format!("{events} events like") };
    format!("{like} {}:{}: {template}", spot.path, spot.start.line)
}

/// One finding with its frames, notes and repairs.
fn full(view: &View, finding: &Shown, layout: Layout) -> String {
    let shown = frames(finding);
    let width = layout.width.saturating_sub(8).max(30);
    let name_len = severity_name(finding.severity).len() + finding.meta.id.len() + 4;
    let title = wrap(&finding.title, layout.width.saturating_sub(name_len).max(30), "");
    let title = level(finding.severity).primary_title(title).id(finding.meta.id);
    let mut main = Group::with_title(title);
    for frame in &shown {
        if let Some(snippet) = snippet(&view.files, frame) {
            main = main.element(snippet);
        }
    }
    for (name, text) in notes(finding) {
        let text = wrap(&text, width.saturating_sub(name.len()), "");
        main = main.element(Level::NOTE.with_name(name).message(text));
    }
    let mut report = vec![main];
    report.extend(finding.fixes.iter().map(|fix| repair(&view.files, fix, layout.width)));
    let renderer = if layout.colour { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(layout.width).render(&report)
}

fn level(severity: Severity) -> Level<'static> {
    let level = match severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::NOTE,
    };
    level.with_name(severity_name(severity))
}

/// The lines between the first and the last mark of a frame; those without a mark are folded.
pub(crate) fn snippet<'a>(
    files: &'a BTreeMap<FileId, SourceFile>,
    frame: &'a Frame<'a>,
) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let window = Window::new(files, frame.file, frame.marks.iter().map(|mark| mark.span))?;
    let marks = frame.marks.iter().map(|mark| {
        let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(window.inside(first_line(window.file, mark.span))).label(mark.label.as_str())
    });
    let snippet = Snippet::source(window.text).line_start(window.line_start).path(frame.path);
    Some(snippet.annotations(marks))
}

/// A mark over several lines hides more than it shows: its first line is enough.
fn first_line(file: &SourceFile, span: Span) -> Span {
    let text = file.slice(span);
    let line = text.lines().next().unwrap_or("").trim_end();
    span.part(0..line.len())
}

/// The part of a file that is handed to the renderer.
struct Window<'a> {
    file: &'a SourceFile,
    text: &'a str,
    start: usize,
    line_start: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn new(
        files: &'a BTreeMap<FileId, SourceFile>,
        id: FileId,
        spans: impl Iterator<Item = Span>,
    ) -> Option<Self> {
        let file = files.get(&id)?;
        let (mut first, mut last) = (u32::MAX, 1);
        for span in spans {
            first = first.min(file.position(span.start as usize).line);
            last = last.max(file.position(span.end as usize).line);
        }
        // The neighbours of an excerpt's line are other lines of the file.
        let context = if file.is_excerpt() { 0 } else { CONTEXT_LINES };
        let first = first.min(last).saturating_sub(context).max(1);
        let last = last + context;
        let last = if file.is_excerpt() { last } else { last.min(file.line_count() as u32) };
        let (start, end) = (file.line(first)?.start as usize, file.line(last)?.end as usize);
        let text = file.text().get(start..end)?;
        Some(Self { file, text, start, line_start: first as usize })
    }

    fn inside(&self, span: Span) -> std::ops::Range<usize> {
        let clip = |at: u32| (at as usize).saturating_sub(self.start).min(self.text.len());
        clip(span.start)..clip(span.end)
    }
}

/// What stands below the frames, each with the word in front of it.
pub(crate) fn notes(finding: &Shown) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    for because in &finding.because {
        if let Where::Default { of, source } = &because.at {
            notes.push((
                "default",
                default_note(&because.claim, because.value.as_deref(), of, source),
            ));
        }
    }
    if let Some(arithmetic) = &finding.arithmetic {
        notes.push(("arithmetic", arithmetic.clone()));
    }
    let service = finding.service.as_deref().map_or(String::new(), |name| format!(" of `{name}`"));
    let (role, standing) = (role_name(finding.role), standing_name(finding.standing));
    notes.push((
        "role",
        format!("{role}{service}, {standing}, confidence {} %", finding.confidence),
    ));
    if let Some(Share { events, of }) = finding.explains {
        notes.push(("explains", format!("{events} of {of} events in logs")));
    }
    if !finding.follows_from.is_empty() {
        notes.push(("follows from", finding.follows_from.join(", ")));
    }
    if !finding.leads_to.is_empty() {
        notes.push(("leads to", finding.leads_to.join(", ")));
    }
    if let Some(command) = &finding.rehearse {
        notes.push(("rehearse", format!("`{command}`")));
    }
    notes
}

/// `default.replication.factor = 1 is the default of Apache Kafka 3.9 broker (source)`.
pub(crate) fn default_note(claim: &str, value: Option<&str>, of: &str, source: &str) -> String {
    let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
    match value {
        _ if claim.contains("default") && claim.contains(of) => format!("{claim}{source}"),
        // A claim may be a setting's name or a sentence.
        Some(value) if claim.contains(' ') => {
            format!("{claim}: {value} is the default of {of}{source}")
        }
        Some(value) => format!("{claim} = {value} is the default of {of}{source}"),
        None => format!("{claim}, the default of {of}{source}"),
    }
}

/// The word in front of a repair: advice is nothing that could be applied.
pub(crate) fn fix_word(fix: &ShownFix) -> &'static str {
    if fix.safe || fix.edits.is_empty() { "fix" } else { "fix (unsafe)" }
}

/// A repair: advice, or a difference file by file.
pub(crate) fn repair<'a>(
    files: &'a BTreeMap<FileId, SourceFile>,
    fix: &'a ShownFix,
    width: usize,
) -> Group<'a> {
    let word = fix_word(fix);
    let title = wrap(&fix.title, width.saturating_sub(word.len() + 2).max(30), "");
    let mut group = Group::with_title(Level::HELP.with_name(word).secondary_title(title));
    let mut by_file: Vec<(FileId, Vec<&ShownEdit>)> = Vec::new();
    for edit in &fix.edits {
        match by_file.iter_mut().find(|(file, _)| *file == edit.spot.file) {
            Some((_, edits)) => edits.push(edit),
            None => by_file.push((edit.spot.file, vec![edit])),
        }
    }
    for (file, mut edits) in by_file {
        edits.sort_by_key(|edit| edit.spot.span);
        let Some(window) = Window::new(files, file, edits.iter().map(|edit| edit.spot.span)) else {
            continue;
        };
        let patches =
            edits.iter().map(|e| Patch::new(window.inside(e.spot.span), e.replacement.as_str()));
        let path = edits.first().map(|edit| edit.spot.path.as_str());
        let snippet = Snippet::source(window.text).line_start(window.line_start).path(path);
        group = group.element(snippet.patches(patches));
    }
    group
}

/// ` docker-compose.yml:12`, or nothing.
fn place(finding: &Shown) -> String {
    finding.primary().map_or(String::new(), |spot| format!(" {}:{}", spot.path, spot.start.line))
}

fn groups(view: &View, width: usize, out: &mut String) {
    for group in &view.groups {
        let n = group.members.len();
        _ = writeln!(out, "these {n} only help together, in this order: each alone still fails");
        item(out, width, &format!("to reach: {}", group.title));
        for (step, &member) in group.members.iter().enumerate() {
            let Some(finding) = view.findings.get(member) else {
                continue;
            };
            let (id, at, title) = (finding.meta.id, place(finding), &finding.title);
            item(out, width, &format!("{}. {id}{at}: {title}", step + 1));
        }
        out.push('\n');
    }
}

fn section<T>(
    out: &mut String,
    width: usize,
    title: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) {
    if items.is_empty() {
        return;
    }
    _ = writeln!(out, "{title}:");
    for entry in items {
        item(out, width, &line(entry));
    }
    out.push('\n');
}

/// An entry of a list; its further lines are indented deeper.
fn item(out: &mut String, width: usize, text: &str) {
    _ = writeln!(out, "  {}", wrap(text, width.saturating_sub(4).max(30), "    "));
}

fn footer(view: &View, out: &mut String) {
    let read = count(view.files_read(), "file");
    if view.findings.is_empty() {
        _ = writeln!(out, "no findings in {read} read");
    } else {
        let findings = count(view.findings.len(), "finding");
        _ = writeln!(out, "{findings} in {read} read: {}", tally(&view.tally()));
    }
    let hidden = view.hidden;
    for (n, why) in [
        (hidden.below_severity, "below `--min-severity`"),
        (hidden.unsure, "below 50 % confidence, shown with `--pedantic`"),
        (hidden.suppressed, "suppressed by a comment or a configuration file"),
        (hidden.known, "known from the baseline"),
    ] {
        if n > 0 {
            _ = writeln!(out, "hidden: {n} {why}");
        }
    }
    let fixable = |safe: bool| {
        let has = |f: &&Shown| f.fixes.iter().any(|x| x.safe == safe && !x.edits.is_empty());
        view.findings.iter().filter(has).count()
    };
    let (safe, risky) = (fixable(true), fixable(false));
    match (safe, risky) {
        (0, 0) => {}
        (0, _) => _ = writeln!(out, "{risky} can be changed with `--unsafe-fixes`"),
        (_, 0) => _ = writeln!(out, "{safe} can be changed with `--fix`"),
        _ => _ = writeln!(out, "{safe} can be changed with `--fix`, {risky} with `--unsafe-fixes`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_reason_the_first_are_shown() {
        let skip = |path: &str, why: &str| ShownSkip {
            path: path.to_owned(),
            at: None,
            why: why.to_owned(),
        };
        let unset = |path: &str, name: &str| skip(path, &format!("`{name}` is not set"));
        let mut all: Vec<_> = ["A", "B", "C", "D"].map(|name| unset("a.yml", name)).into();
        all.insert(1, skip("b.txt", "not UTF-8: byte 7"));
        let lines = skipped(&all);
        assert_eq!(lines.len(), 5, "four are no more than three and a line for one");
        all.push(unset("c.yml", "E"));
        let lines = skipped(&all);
        let last =
            ["2 others for the same reason, see `--format json`", "b.txt: not UTF-8: byte 7"];
        assert_eq!(lines[0], "a.yml: `A` is not set");
        assert_eq!(lines[3..], last);
    }
}
