//! One page that stands alone: no script, no outside file, readable on paper and in the dark.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wonin_text::{FileId, SourceFile};

use crate::frame::{Frame, Mark, frames};
use crate::junit::summary;
use crate::text::{fix_word, notes, unexplained};
use crate::view::{Shown, ShownFix, View};
use crate::words::{count, severity_name};
use crate::xml::escape;

/// Characters of a source line that are shown.
const LINE_LEN_MAX: usize = 400;

/// The page; ends with a line break.
pub fn render(view: &View) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>wonin diagnosis</title>\n<style>\n",
    );
    out.push_str(include_str!("page.css"));
    // Writing to a string cannot fail, here and below.
    _ = writeln!(
        out,
        "</style>\n</head>\n<body>\n<main>\n<h1>Diagnosis</h1>\n<p class=\"sum\">{} in {} read</p>",
        escape(&summary(view)),
        count(view.files_read(), "file")
    );
    contents(view, &mut out);
    groups(view, &mut out);
    for (index, finding) in view.findings.iter().enumerate() {
        article(view, finding, index, &mut out);
    }
    list(&mut out, "Unexplained", &view.unexplained, |left| prose(&unexplained(left)));
    list(&mut out, "Not checked", &view.not_checked, |open| {
        let service = open.service.as_deref().map_or(String::new(), |name| format!(" ({name})"));
        format!("<code>{}</code>{}: {}", open.mode, escape(&service), prose(&open.why))
    });
    list(&mut out, "Skipped", &view.skipped, |skip| {
        let at = skip.at.map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
        format!("<code>{}{at}</code>: {}", escape(&skip.path), prose(&skip.why))
    });
    list(&mut out, "Read", &view.read, |read| {
        format!("<code>{}</code> as {}", escape(&read.path), read.format)
    });
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn contents(view: &View, out: &mut String) {
    if view.findings.len() < 2 {
        return;
    }
    out.push_str("<nav aria-label=\"Findings\"><ol>\n");
    for (index, finding) in view.findings.iter().enumerate() {
        let severity = severity_name(finding.severity);
        _ = writeln!(
            out,
            "<li><span class=\"{severity}\">{severity}</span> <a href=\"#f{index}\">{}</a></li>",
            prose(&finding.title)
        );
    }
    out.push_str("</ol></nav>\n");
}

fn groups(view: &View, out: &mut String) {
    for group in &view.groups {
        _ = writeln!(
            out,
            "<section><h2>These {} only help together</h2>\n<p>In this order, to reach: {}. Each \
             alone still fails.</p>\n<ol>",
            group.members.len(),
            prose(&group.title)
        );
        for &member in &group.members {
            if let Some(finding) = view.findings.get(member) {
                let title = prose(&finding.title);
                _ = writeln!(out, "<li><a href=\"#f{member}\">{title}</a></li>");
            }
        }
        out.push_str("</ol></section>\n");
    }
}

fn article(view: &View, finding: &Shown, index: usize, out: &mut String) {
    let severity = severity_name(finding.severity);
    _ = writeln!(
        out,
        "<article id=\"f{index}\">\n<h2><span class=\"{severity}\">{severity}</span> {}</h2>\n\
         <p class=\"id\"><code>{}</code></p>",
        prose(&finding.title),
        finding.meta.id
    );
    for frame in frames(finding) {
        if let Some(file) = view.files.get(&frame.file) {
            figure(file, &frame, out);
        }
    }
    out.push_str("<dl>\n");
    for (name, text) in notes(finding) {
        _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", prose(&text));
    }
    out.push_str("</dl>\n");
    for fix in &finding.fixes {
        change(&view.files, fix, out);
    }
    out.push_str("</article>\n");
}

/// The marked lines of one file with a line of context on both sides.
fn figure(file: &SourceFile, frame: &Frame<'_>, out: &mut String) {
    let line_of = |mark: &Mark| file.position(mark.span.start as usize).line;
    let first = frame.marks.iter().find(|mark| mark.primary).or(frame.marks.first());
    let first = first.map_or(1, line_of);
    _ = writeln!(out, "<figure><figcaption>{}:{first}</figcaption><pre>", escape(frame.path));
    let mut lines: Vec<u32> = frame
        .marks
        .iter()
        .flat_map(|mark| line_of(mark).saturating_sub(1)..=line_of(mark) + 1)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let mut before = None;
    for line in lines {
        let Some(span) = file.line(line) else {
            continue;
        };
        if before.is_some_and(|before| before + 1 < line) {
            out.push_str("<span class=\"n\">  …</span>\n");
        }
        before = Some(line);
        let marks: Vec<&Mark> = frame.marks.iter().filter(|mark| line_of(mark) == line).collect();
        _ = writeln!(
            out,
            "<span class=\"n\">{line:>5}</span> {}",
            marked(file, span.range(), &marks)
        );
        for mark in marks {
            _ = writeln!(out, "      <em>{}</em>", prose(&mark.label));
        }
    }
    out.push_str("</pre></figure>\n");
}

/// A line with its marked parts; marks that overlap an earlier one are not drawn again.
fn marked(file: &SourceFile, line: std::ops::Range<usize>, marks: &[&Mark]) -> String {
    let text = file.text();
    let end = text[line.clone()]
        .char_indices()
        .nth(LINE_LEN_MAX)
        .map_or(line.end, |(n, _)| line.start + n);
    let piece = |range: std::ops::Range<usize>| escape(text.get(range).unwrap_or(""));
    let mut out = String::new();
    let mut at = line.start;
    for mark in marks {
        let (from, to) = (mark.span.start as usize, (mark.span.end as usize).min(end));
        if from < at || to <= from {
            continue;
        }
        let class = if mark.primary { " class=\"p\"" } else { "" };
        _ = write!(out, "{}<mark{class}>{}</mark>", piece(at..from), piece(from..to));
        at = to;
    }
    out.push_str(&piece(at.min(end)..end));
    if end < line.end {
        out.push('…');
    }
    out
}

/// A repair: advice, or the lines before and the lines after.
pub(crate) fn change(files: &BTreeMap<FileId, SourceFile>, fix: &ShownFix, out: &mut String) {
    _ = writeln!(out, "<h3>{}: {}</h3>", fix_word(fix), prose(&fix.title));
    for edit in &fix.edits {
        let spot = &edit.spot;
        let Some(file) = files.get(&spot.file) else {
            continue;
        };
        let (Some(first), Some(last)) = (file.line(spot.start.line), file.line(spot.end.line))
        else {
            continue;
        };
        let text = file.text();
        let head = text.get(first.start as usize..spot.span.start as usize).unwrap_or("");
        let tail = text.get(spot.span.end as usize..last.end as usize).unwrap_or("");
        let old = text.get(first.start as usize..last.end as usize).unwrap_or("");
        _ = writeln!(
            out,
            "<figure><figcaption>{}:{}</figcaption><pre>",
            escape(&spot.path),
            spot.start.line
        );
        for line in old.lines() {
            _ = writeln!(out, "<del>- {}</del>", escape(line));
        }
        for line in format!("{head}{}{tail}", edit.replacement).lines() {
            _ = writeln!(out, "<ins>+ {}</ins>", escape(line));
        }
        out.push_str("</pre></figure>\n");
    }
}

/// A sentence with what stands in backticks as code.
pub(crate) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, code, after)) = rest
        .split_once('`')
        .and_then(|(before, rest)| rest.split_once('`').map(|(code, after)| (before, code, after)))
    {
        // Writing to a string cannot fail.
        _ = write!(out, "{}<code>{}</code>", escape(before), escape(code));
        rest = after;
    }
    out.push_str(&escape(rest));
    out
}

pub(crate) fn list<T>(out: &mut String, title: &str, items: &[T], line: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    _ = writeln!(out, "<section><h2>{title}</h2>\n<ul>");
    for item in items {
        _ = writeln!(out, "<li>{}</li>", line(item));
    }
    out.push_str("</ul></section>\n");
}
