//! JUnit XML: one test case per finding, failed where the finding counts.

use std::fmt::Write as _;

use crate::frame::frames;
use crate::view::{Shown, View};
use crate::words::{severity_name, tally};
use crate::xml::escape;

/// The diagnosis as one test suite; ends with a line break.
pub fn render(view: &View) -> String {
    let failures = view.findings.iter().filter(|finding| view.counts(finding)).count();
    let tests = view.findings.len().max(1);
    let skipped = view.findings.len() - failures;
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites tests=\"{tests}\" failures=\"{failures}\">\n  \
         <testsuite name=\"wonin diagnose\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"0\" skipped=\"{skipped}\">\n"
    );
    if view.findings.is_empty() {
        out.push_str("    <testcase classname=\"wonin\" name=\"no findings\"/>\n");
    }
    for finding in &view.findings {
        case(view, finding, &mut out);
    }
    if !view.skipped.is_empty() {
        out.push_str("    <system-err>");
        for skip in &view.skipped {
            // Writing to a string cannot fail, here and below.
            _ = writeln!(out, "{}: {}", escape(&skip.path), escape(&skip.why));
        }
        out.push_str("</system-err>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(view: &View, finding: &Shown, out: &mut String) {
    let file = finding.primary().map_or(String::new(), |spot| {
        format!(" file=\"{}\" line=\"{}\"", escape(&spot.path), spot.start.line)
    });
    _ = writeln!(
        out,
        "    <testcase classname=\"wonin.{}.{}\" name=\"{}\"{file}>",
        finding.meta.family,
        finding.meta.id,
        escape(&finding.title)
    );
    let tag = if view.counts(finding) { "failure" } else { "skipped" };
    let kind =
        if tag == "failure" { format!(" type=\"{}\"", finding.meta.id) } else { String::new() };
    _ = writeln!(
        out,
        "      <{tag} message=\"{}: {}\"{kind}>{}</{tag}>\n    </testcase>",
        severity_name(finding.severity),
        escape(&finding.title),
        escape(&details(view, finding))
    );
}

/// The evidence as lines of text.
pub(crate) fn details(view: &View, finding: &Shown) -> String {
    let mut out = String::from("\n");
    for frame in frames(finding) {
        let Some(file) = view.files.get(&frame.file) else {
            continue;
        };
        for mark in &frame.marks {
            let at = file.position(mark.span.start as usize);
            let quote = file.slice(mark.span).lines().next().unwrap_or("");
            _ = writeln!(out, "{}:{}:{}: {}: {quote}", frame.path, at.line, at.column, mark.label);
        }
    }
    for (name, text) in crate::text::notes(finding) {
        _ = writeln!(out, "{name}: {text}");
    }
    for fix in &finding.fixes {
        _ = writeln!(out, "fix: {}", fix.title);
    }
    out
}

/// `2 high, 1 low`, or `no findings`.
pub(crate) fn summary(view: &View) -> String {
    if view.findings.is_empty() { "no findings".to_owned() } else { tally(&view.tally()) }
}
