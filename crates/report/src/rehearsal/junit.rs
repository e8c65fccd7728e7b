//! JUnit XML: a test suite for each run, a test case for each expectation of a phase.

use std::fmt::Write as _;

use wonin_model::rehearsal::{Rehearsal, Verdict};

use super::RehearsalView;
use crate::xml::escape;

/// The rehearsal as test suites; ends with a line break.
pub fn render(view: &RehearsalView) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Of repairs tried one after the other the last one counts.
    let last = view.shown.steps.last().map(|step| step.scenarios.as_slice());
    match last.unwrap_or(&view.shown.scenarios) {
        [] => suite(&view.shown, &mut out),
        runs => runs.iter().for_each(|run| suite(run, &mut out)),
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(run: &Rehearsal, out: &mut String) {
    let failures = run.expectations.iter().filter(|expectation| !expectation.held).count();
    // A run that proves nothing is an error, whatever its expectations say.
    let is_error = matches!(run.verdict, Verdict::Invalid | Verdict::Aborted);
    let tests = run.expectations.len() + usize::from(is_error);
    let errors = usize::from(is_error);
    let name = escape(&run.name);
    // Writing to a string cannot fail, here and below.
    _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
    );
    for expectation in &run.expectations {
        let case = format!("{} ({})", expectation.name, expectation.phase.name());
        _ = write!(out, "    <testcase classname=\"{name}\" name=\"{}\"", escape(&case));
        let seen = escape(&expectation.seen);
        _ = if expectation.held {
            writeln!(out, "/>")
        } else {
            writeln!(out, ">\n      <failure message=\"{seen}\"/>\n    </testcase>")
        };
    }
    if is_error {
        let (verdict, why) = (run.verdict.name(), escape(&run.why));
        _ = writeln!(
            out,
            "    <testcase classname=\"{name}\" name=\"verdict\">\n      \
             <error type=\"{verdict}\" message=\"{why}\"/>\n    </testcase>"
        );
    }
    out.push_str("  </testsuite>\n");
}
