//! Workflow commands that a continuous-integration run turns into annotations on the change.

use std::fmt::Write as _;

use wonin_model::Severity;

use crate::junit::{details, summary};
use crate::view::View;

/// One command per finding, then a notice with the counts; ends with a line break.
pub fn render(view: &View) -> String {
    let mut out = String::new();
    for finding in &view.findings {
        let command = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let place = finding.primary().map_or(String::new(), |spot| {
            let (start, end) = (spot.start, spot.end);
            let path = property(&spot.path);
            // Columns are understood only within one line.
            let columns = if start.line == end.line {
                format!(",col={},endColumn={}", start.column, end.column)
            } else {
                String::new()
            };
            format!("file={path},line={},endLine={}{columns},", start.line, end.line)
        });
        // Writing to a string cannot fail, here and below.
        _ = writeln!(
            out,
            "::{command} {place}title={}::{}{}",
            property(&format!("wonin {}", finding.meta.id)),
            data(&finding.title),
            data(details(view, finding).trim_end()),
        );
    }
    for skip in &view.skipped {
        let line = skip.at.map_or(String::new(), |at| format!(",line={}", at.line));
        let path = property(&skip.path);
        _ = writeln!(out, "::warning file={path}{line},title=wonin skipped::{}", data(&skip.why));
    }
    _ = writeln!(out, "::notice title=wonin::{}", data(&summary(view)));
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn separators_are_escaped() {
        assert_eq!(super::property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
