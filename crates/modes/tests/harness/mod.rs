//! Documents as tests.
//!
//! A document is Markdown. Each heading begins a scenario; below it, fences whose info string names
//! a path (```` ```yaml docker-compose.yml ````) are the files that are read. `# error: [mode-id]`
//! (`//` where that begins a comment) at the end of a line, or alone on the line above, says that a
//! finding of that mode has its primary or a related place on that line. A line without a mark must
//! not be the primary place of a finding of the mode under test. A line `# seen: [mode-id]` alone
//! above one means the same of a finding that is observed; such lines are taken out before the
//! file is read, so that logs and dumps stay as they are. The rest is prose. What follows the path
//! (`--startup 150s`) is what the caller says beside the files.

use std::collections::BTreeSet;

use wonin_model::{Diagnosis, Evidence, Finding, Fix, GivenStartup, Standing};
use wonin_read::MemoryFiles;
use wonin_text::Place;

/// One heading with its files.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) heading: String,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) startup: Option<GivenStartup>,
}

/// A line (from 1) of a file on which a finding is expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    path: String,
    line: usize,
    mode: String,
    /// Whether the finding is to be observed.
    observed: bool,
}

/// The scenarios of a document; headings without files are left out.
pub(crate) fn scenarios(document: &str) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in document.lines() {
        if let Some((path, text)) = &mut open {
            if line.trim_end() == "```" {
                let (path, text) = (path.clone(), text.clone());
                open = None;
                if let Some(scenario) = found.last_mut().filter(|_| !path.is_empty()) {
                    scenario.files.push((path, text));
                }
            } else {
                text.push_str(line);
                text.push('\n');
            }
        } else if let Some(info) = line.strip_prefix("```") {
            let path = info.split_whitespace().nth(1).unwrap_or("").to_owned();
            let given: Vec<&str> =
                info.split_whitespace().skip(2).filter(|word| *word != "--startup").collect();
            if let Some(scenario) = found.last_mut().filter(|_| !given.is_empty()) {
                scenario.startup = Some(GivenStartup::parse(&given).unwrap());
            }
            open = Some((path, String::new()));
        } else if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_owned();
            found.push(Scenario { heading, files: Vec::new(), startup: None });
        }
    }
    found.retain(|scenario| !scenario.files.is_empty());
    found
}

impl Scenario {
    /// Reads the files and examines what they hold.
    pub(crate) fn diagnose(&self) -> (Evidence, Diagnosis) {
        let files = self.files.iter().map(|(path, text)| (path.clone(), unmarked(text)));
        let mut evidence = wonin_read::read(&MemoryFiles::new(files));
        evidence.startup.clone_from(&self.startup);
        let diagnosis = wonin_modes::examine(&evidence);
        (evidence, diagnosis)
    }

    /// What the findings and the marks disagree about, for people.
    pub(crate) fn disagreements(&self, mode: &str) -> Vec<String> {
        let (evidence, diagnosis) = self.diagnose();
        let marks: Vec<Mark> =
            self.files.iter().flat_map(|(path, text)| marks(path, text)).collect();
        let mut seen: BTreeSet<Mark> = BTreeSet::new();
        let mut wrong = Vec::new();
        for finding in &diagnosis.findings {
            let lines = lines(&evidence, finding);
            let is_marked = |line: &Mark| marks.iter().any(|mark| mark.is_at(line));
            if finding.meta.id == mode && !lines.first().is_some_and(is_marked) {
                let at = lines.first().map_or("no place".to_owned(), Mark::at);
                wrong.push(format!("{at}: not marked: {}", finding.title));
            }
            seen.extend(lines);
        }
        for mark in marks.iter().filter(|mark| !seen.iter().any(|seen| mark.is_met_by(seen))) {
            wrong.push(format!("{}: marked, but nothing found: {}", mark.at(), mark.mode));
        }
        for skipped in &evidence.skipped {
            wrong.push(format!("{}: not read: {}", skipped.path, skipped.why));
        }
        self.unrepaired(mode, &evidence, &diagnosis, &mut wrong);
        wrong
    }

    /// Applies each repair that has edits: the finding must go, and everything must still parse.
    fn unrepaired(
        &self,
        mode: &str,
        evidence: &Evidence,
        diagnosis: &Diagnosis,
        wrong: &mut Vec<String>,
    ) {
        for finding in diagnosis.findings.iter().filter(|finding| finding.meta.id == mode) {
            for fix in finding.fixes.iter().filter(|fix| !fix.edits.is_empty()) {
                let repaired = match self.repaired(evidence, fix) {
                    Ok(repaired) => repaired,
                    Err(why) => {
                        wrong.push(format!("`{}` cannot be applied: {why}", fix.title));
                        continue;
                    }
                };
                let (after, diagnosis) = repaired.diagnose();
                let same = |other: &&Finding| {
                    other.meta.id == mode
                        && other.service == finding.service
                        && other.title == finding.title
                };
                if let Some(left) = diagnosis.findings.iter().find(same) {
                    wrong.push(format!("`{}` leaves: {}", fix.title, left.title));
                }
                for skipped in after.skipped.iter().filter(|one| !evidence.skipped.contains(one)) {
                    wrong.push(format!("`{}` breaks {}: {}", fix.title, skipped.path, skipped.why));
                }
            }
        }
    }

    /// The scenario with the edits of a repair applied.
    pub(crate) fn repaired(&self, evidence: &Evidence, fix: &Fix) -> Result<Self, String> {
        let mut repaired = self.clone();
        for (path, text) in &mut repaired.files {
            let edits: Vec<_> = fix
                .edits
                .iter()
                .filter(|edit| evidence.sources.file(edit.file).path() == path)
                .map(|edit| edit.edit.clone())
                .collect();
            *text =
                wonin_text::apply(&unmarked(text), &edits).map_err(|error| error.to_string())?;
        }
        Ok(repaired)
    }
}

impl Mark {
    fn is_at(&self, line: &Self) -> bool {
        (&self.path, self.line, &self.mode) == (&line.path, line.line, &line.mode)
    }

    fn is_met_by(&self, seen: &Self) -> bool {
        self.is_at(seen) && (seen.observed || !self.observed)
    }

    fn at(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// The expected findings of a file.
fn marks(path: &str, text: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut index = 0;
    for line in text.lines() {
        if let Some(modes) = seen_mark(line) {
            found.extend(modes.split(',').map(|mode| Mark {
                path: path.to_owned(),
                line: index + 1,
                mode: mode.trim().to_owned(),
                observed: true,
            }));
        } else {
            index += 1;
        }
    }
    let text = unmarked(text);
    for (index, line) in text.lines().enumerate() {
        let Some((before, modes)) = mark(line) else { continue };
        let alone = before.trim().is_empty();
        // Several marks one below the other all mean the line after them.
        let skipped = text.lines().skip(index + 1).take_while(|next| {
            alone && mark(next).is_some_and(|(before, _)| before.trim().is_empty())
        });
        let line = index + 1 + usize::from(alone) + skipped.count();
        for mode in modes.split(',') {
            let mode = mode.trim().to_owned();
            found.push(Mark { path: path.to_owned(), line, mode, observed: false });
        }
    }
    found
}

/// The modes that a line alone names as seen on the next one.
fn seen_mark(line: &str) -> Option<&str> {
    line.trim().strip_prefix("# seen: [")?.strip_suffix(']')
}

/// A file without its `seen` marks.
fn unmarked(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| seen_mark(line).is_none()).collect()
}

/// What stands before a mark, and the modes it names.
fn mark(line: &str) -> Option<(&str, &str)> {
    let at = line.find("error: [")?;
    let before = line[..at].trim_end();
    let before = before.strip_suffix('#').or_else(|| before.strip_suffix("//"))?;
    let modes = &line[at + "error: [".len()..];
    Some((before, &modes[..modes.find(']')?]))
}

/// The lines that a finding points at, the primary one first, each under the finding's mode.
fn lines(evidence: &Evidence, finding: &Finding) -> Vec<Mark> {
    let places = finding.because.iter().flat_map(|because| because.origin.places());
    let line = |place: Place| Mark {
        path: evidence.sources.file(place.file).path().to_owned(),
        line: evidence.sources.position(place).line as usize,
        mode: finding.meta.id.to_owned(),
        observed: finding.standing >= Standing::Observed,
    };
    places.map(line).collect()
}

/// The fences with a path below one heading of a mode's page, as a scenario.
pub(crate) fn section(page: &str, heading: &str) -> Scenario {
    let found = scenarios(page).into_iter().find(|scenario| scenario.heading == heading);
    found.unwrap_or(Scenario { heading: heading.to_owned(), files: Vec::new(), startup: None })
}
