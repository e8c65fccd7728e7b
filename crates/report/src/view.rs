//! What may be shown of a diagnosis.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wonin_model::secret::Masker;
use wonin_model::{
    Because, Diagnosis, Evidence, Finding, Fix, ModeMeta, Origin, Role, Severity, Share, Standing,
};
use wonin_text::{FileId, Place, Position, SourceFile, Span};

use crate::fingerprint;
use crate::words::{plain, same_size, shorten};

/// The severity from which on findings count, where the user says nothing.
pub const THRESHOLD_DEFAULT: Severity = Severity::Medium;

/// Confidence in hundredths below which a finding is shown only on demand.
const CONFIDENCE_MIN: u8 = 50;

/// Characters of a quoted text that are shown.
const QUOTE_LEN_MAX: usize = 300;

/// What the user wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Findings below are left out everywhere; `None` keeps them, though only those from
    /// [`THRESHOLD_DEFAULT`] on count.
    pub severity_min: Option<Severity>,
    /// Findings of low confidence, too.
    pub pedantic: bool,
}

impl Limits {
    /// The severity from which on a finding counts.
    pub fn threshold(self) -> Severity {
        self.severity_min.unwrap_or(THRESHOLD_DEFAULT)
    }
}

/// How many findings are not shown, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Below the severity asked for.
    pub below_severity: usize,
    /// Below half confidence.
    pub unsure: usize,
    /// Suppressed by a comment.
    pub suppressed: usize,
    /// Known from the baseline.
    pub known: usize,
}

/// A place with line and column, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: FileId,
    /// Its path as shown.
    pub path: String,
    /// The bytes.
    pub span: Span,
    /// First character.
    pub start: Position,
    /// One past the last character.
    pub end: Position,
    /// The text there, secrets hidden, its first line alone.
    pub text: String,
    /// Whether only some lines of the file are known.
    pub is_excerpt: bool,
}

/// Where a claim comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Written in a file; `through` are the places by which it came to count.
    At {
        /// The place to show.
        spot: Box<Spot>,
        /// Other places that had a part, with their relation.
        through: Vec<(Spot, &'static str)>,
    },
    /// Nobody wrote it.
    Default {
        /// Whose default.
        of: String,
        /// Where that is documented.
        source: String,
    },
}

/// One claim, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownBecause {
    /// The claim.
    pub claim: String,
    /// The value, where the finding carries one.
    pub value: Option<String>,
    /// Where it comes from.
    pub at: Where,
}

impl ShownBecause {
    /// The place, where there is one.
    pub fn spot(&self) -> Option<&Spot> {
        match &self.at {
            Where::At { spot, .. } => Some(spot),
            Where::Default { .. } => None,
        }
    }
}

/// One edit, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownEdit {
    /// What is replaced.
    pub spot: Spot,
    /// By what.
    pub replacement: String,
}

/// One repair, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownFix {
    /// The change in one sentence.
    pub title: String,
    /// Whether it may be applied unasked.
    pub safe: bool,
    /// Whether it is to be applied by itself, before others are looked for again.
    pub alone: bool,
    /// The edits; left out as a whole where one of them would carry a secret.
    pub edits: Vec<ShownEdit>,
}

/// One finding, ready to print.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which mode.
    pub meta: &'static ModeMeta,
    /// Its index in the diagnosis, before anything was left out.
    pub index: usize,
    /// Stable name of this finding; see `wonin diagnose --baseline`.
    pub fingerprint: String,
    /// The service it is about.
    pub service: Option<String>,
    /// How it is known.
    pub standing: Standing,
    /// The part it plays.
    pub role: Role,
    /// How bad.
    pub severity: Severity,
    /// How sure, in hundredths.
    pub confidence: u8,
    /// The sentence.
    pub title: String,
    /// The calculation.
    pub arithmetic: Option<String>,
    /// The evidence, the most telling first.
    pub because: Vec<ShownBecause>,
    /// How many of the events in logs it accounts for.
    pub explains: Option<Share>,
    /// What follows.
    pub leads_to: Vec<String>,
    /// Modes of findings from which it follows.
    pub follows_from: Vec<&'static str>,
    /// The repairs.
    pub fixes: Vec<ShownFix>,
    /// How to see it happen.
    pub rehearse: Option<String>,
}

impl Shown {
    /// The place to name first; `None` where everything is a default.
    pub fn primary(&self) -> Option<&Spot> {
        self.because.iter().find_map(ShownBecause::spot)
    }
}

/// Findings that help only together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownGroup {
    /// What they reach together.
    pub title: String,
    /// Indexes into [`View::findings`], in the order of repair.
    pub members: Vec<usize>,
}

/// A file that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRead {
    /// Its path.
    pub path: String,
    /// As what.
    pub format: &'static str,
}

/// Something that was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSkip {
    /// Its path.
    pub path: String,
    /// Where in it.
    pub at: Option<Position>,
    /// Why.
    pub why: String,
}

/// A mode that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its id.
    pub mode: &'static str,
    /// The service.
    pub service: Option<String>,
    /// What is missing.
    pub why: String,
}

/// Events of one kind that no finding accounts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownUnexplained {
    /// Events.
    pub events: u64,
    /// Their words.
    pub template: String,
    /// The first one.
    pub spot: Spot,
}

/// All that the renderers see.
#[derive(Debug)]
pub struct View {
    /// Files understood, by path; a file that is a log and a slow log is there twice.
    pub read: Vec<ShownRead>,
    /// Files and parts that were not.
    pub skipped: Vec<ShownSkip>,
    /// Findings, root first.
    pub findings: Vec<Shown>,
    /// Findings that help only together.
    pub groups: Vec<ShownGroup>,
    /// Events that no finding accounts for.
    pub unexplained: Vec<ShownUnexplained>,
    /// Modes that could not be checked.
    pub not_checked: Vec<Open>,
    /// What is left out.
    pub hidden: Hidden,
    /// The limits in force.
    pub limits: Limits,
    /// Files that findings cite, secrets hidden, byte offsets as in the original.
    pub files: BTreeMap<FileId, SourceFile>,
}

impl View {
    /// How many files were understood.
    pub(crate) fn files_read(&self) -> usize {
        self.read.chunk_by(|a, b| a.path == b.path).count()
    }

    /// Resolves and masks everything, then leaves out what the limits say.
    pub fn new(evidence: &Evidence, diagnosis: &Diagnosis, limits: Limits) -> Self {
        let cites = !diagnosis.findings.is_empty()
            || !diagnosis.unexplained.is_empty()
            || !evidence.skipped.is_empty();
        let masker = if cites { Masker::new(&evidence.sources) } else { Masker::default() };
        let mut showing = Showing { evidence, masker, files: BTreeMap::new() };
        let findings: Vec<Shown> = diagnosis
            .findings
            .iter()
            .enumerate()
            .map(|(index, f)| showing.finding(index, f))
            .collect();
        let skipped = evidence.skipped.iter().map(|skip| showing.skip(skip)).collect();
        let unexplained = diagnosis.unexplained.iter().map(|left| ShownUnexplained {
            events: left.events,
            template: shorten(&showing.words(&left.template), QUOTE_LEN_MAX),
            spot: showing.spot(left.place),
        });
        let unexplained = unexplained.collect();
        let not_checked = diagnosis.not_checked.iter().map(|open| Open {
            mode: open.mode,
            service: open.service.as_deref().map(|service| showing.words(service)),
            why: showing.words(&open.why),
        });
        let groups = diagnosis.groups.iter().map(|group| ShownGroup {
            title: showing.words(&group.title),
            members: group.members.clone(),
        });
        let read = evidence.read.iter().map(|read| ShownRead {
            path: plain(evidence.sources.file(read.file).path()),
            format: read.format,
        });
        let mut view = Self {
            read: read.collect(),
            skipped,
            groups: groups.collect(),
            unexplained,
            not_checked: not_checked.collect(),
            findings,
            hidden: Hidden::default(),
            limits,
            files: showing.files,
        };
        view.name_findings();
        view.apply_limits();
        view
    }

    fn name_findings(&mut self) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for finding in &mut self.findings {
            let primary = finding.primary();
            let service = finding.service.as_deref().unwrap_or("");
            let is_excerpt = |spot: &&Spot| {
                self.files.get(&spot.file).is_some_and(wonin_text::SourceFile::is_excerpt)
            };
            // Lines of logs come and go, and counts grow; what was found stays what it is.
            let (path, what) = match primary {
                Some(spot) if !is_excerpt(&spot) => {
                    (spot.path.as_str(), line_text(&self.files, spot))
                }
                Some(_) => ("", fingerprint::without_amounts(&finding.title)),
                None => ("", String::new()),
            };
            let parts = [finding.meta.id, service, path, &what];
            let base = fingerprint::of(&parts, 0);
            let nth = seen.entry(base.clone()).or_default();
            let name = if *nth == 0 { base } else { fingerprint::of(&parts, *nth) };
            *nth += 1;
            finding.fingerprint = name;
        }
    }

    fn apply_limits(&mut self) {
        let Limits { severity_min, pedantic } = self.limits;
        if !pedantic {
            self.hidden.unsure = self.retain(|finding| finding.confidence >= CONFIDENCE_MIN);
        }
        if let Some(min) = severity_min {
            self.hidden.below_severity = self.retain(|finding| finding.severity >= min);
        }
    }

    /// Keeps some of the findings; says how many went. Groups lose the members that went, and go
    /// when fewer than two are left.
    pub fn retain(&mut self, mut keep: impl FnMut(&Shown) -> bool) -> usize {
        let before = self.findings.len();
        let mut moved = Vec::with_capacity(before);
        let mut next = 0;
        for finding in &self.findings {
            let kept = keep(finding);
            moved.push(kept.then_some(next));
            next += usize::from(kept);
        }
        let mut index = 0;
        self.findings.retain(|_| {
            index += 1;
            moved[index - 1].is_some()
        });
        for group in &mut self.groups {
            group.members =
                group.members.iter().filter_map(|&old| moved.get(old).copied().flatten()).collect();
        }
        self.groups.retain(|group| group.members.len() > 1);
        before - self.findings.len()
    }

    /// Whether some finding counts.
    pub fn has_findings(&self) -> bool {
        self.findings.iter().any(|finding| self.counts(finding))
    }

    /// Whether this finding counts.
    pub fn counts(&self, finding: &Shown) -> bool {
        finding.severity >= self.limits.threshold()
    }

    /// How many findings there are of each severity, the worst first.
    pub fn tally(&self) -> [(Severity, usize); 4] {
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(|severity| {
            (severity, self.findings.iter().filter(|f| f.severity == severity).count())
        })
    }
}

/// The whole line on which a spot begins.
fn line_text(files: &BTreeMap<FileId, SourceFile>, spot: &Spot) -> String {
    let file = files.get(&spot.file);
    let line = file.and_then(|file| Some(file.slice(file.line(spot.start.line)?)));
    line.unwrap_or("").to_owned()
}

/// Resolves places and hides secrets.
pub(crate) struct Showing<'a> {
    evidence: &'a Evidence,
    masker: Masker,
    /// Files that were cited so far.
    pub(crate) files: BTreeMap<FileId, SourceFile>,
}

impl<'a> Showing<'a> {
    /// Knows the secrets of all files.
    pub(crate) fn new(evidence: &'a Evidence) -> Self {
        Self { evidence, masker: Masker::new(&evidence.sources), files: BTreeMap::new() }
    }

    /// A sentence of a mode or a reader.
    pub(crate) fn words(&self, text: &str) -> String {
        plain(&self.masker.text(text))
    }

    pub(crate) fn skip(&mut self, skip: &wonin_model::Skipped) -> ShownSkip {
        let sources = &self.evidence.sources;
        ShownSkip {
            path: plain(&skip.path),
            at: skip.place.map(|place| sources.position(place)),
            why: self.words(&skip.why),
        }
    }

    fn finding(&mut self, index: usize, finding: &Finding) -> Shown {
        Shown {
            index,
            meta: finding.meta,
            fingerprint: String::new(),
            service: finding.service.as_deref().map(|service| self.words(service)),
            standing: finding.standing,
            role: finding.role,
            severity: finding.severity,
            confidence: finding.confidence.min(100),
            title: self.words(&finding.title),
            arithmetic: finding.arithmetic.as_deref().map(|text| self.words(text)),
            because: finding.because.iter().map(|because| self.because(because)).collect(),
            explains: finding.explains,
            leads_to: finding.leads_to.iter().map(|id| self.words(id)).collect(),
            follows_from: finding.follows_from.clone(),
            fixes: finding.fixes.iter().map(|fix| self.fix(fix)).collect(),
            rehearse: finding.rehearse.as_deref().map(|text| self.words(text)),
        }
    }

    fn because(&mut self, because: &Because) -> ShownBecause {
        let at = match &because.origin {
            Origin::Default(standard) => Where::Default {
                of: self.words(&standard.of),
                source: self.words(&standard.source),
            },
            origin => self.at(origin),
        };
        let value = because.value.as_deref().map(|value| self.value(value, &because.origin));
        ShownBecause { claim: self.words(&because.claim), value, at }
    }

    fn at(&mut self, origin: &Origin) -> Where {
        let relation = match origin {
            Origin::Interpolated(_) => "filled in from here",
            _ => "counts through this",
        };
        let mut spots = origin.places().into_iter().map(|place| self.spot(place));
        let Some(spot) = spots.next() else {
            return Where::Default { of: String::new(), source: String::new() };
        };
        let through = spots.filter(|other| *other != spot).map(|other| (other, relation));
        Where::At { through: through.collect(), spot: Box::new(spot) }
    }

    /// A value is hidden as a whole where it comes from a place that is secret as a whole.
    fn value(&self, value: &str, origin: &Origin) -> String {
        let sources = &self.evidence.sources;
        let secret = origin.places().into_iter().any(|place| self.masker.hides_all(sources, place));
        if secret { Masker::whole(value) } else { self.words(value) }
    }

    pub(crate) fn spot(&mut self, place: Place) -> Spot {
        let sources = &self.evidence.sources;
        let file = self.files.entry(place.file).or_insert_with(|| {
            let file = sources.file(place.file);
            let text = self.masker.file(sources, place.file);
            match (&text, same_size(&text)) {
                // Most texts are shown as they are.
                (Cow::Borrowed(_), Cow::Borrowed(_)) => file.share(),
                (_, shown) => file.with_text(shown),
            }
        });
        let text = file.slice(place.span).lines().next().unwrap_or("");
        Spot {
            file: place.file,
            path: plain(file.path()),
            span: place.span,
            start: file.position(place.span.start as usize),
            end: file.position(place.span.end as usize),
            is_excerpt: file.is_excerpt(),
            text: shorten(&plain(text), QUOTE_LEN_MAX),
        }
    }

    pub(crate) fn fix(&mut self, fix: &Fix) -> ShownFix {
        let carries_secret = fix.edits.iter().any(|edit| {
            let text = &edit.edit.replacement;
            let place = Place { file: edit.file, span: edit.edit.span };
            self.masker.hides(place) || *self.masker.text(text) != **text
        });
        let edits = if carries_secret { &[][..] } else { &fix.edits };
        let edits = edits.iter().map(|edit| ShownEdit {
            spot: self.spot(Place { file: edit.file, span: edit.edit.span }),
            replacement: edit.edit.replacement.clone(),
        });
        ShownFix {
            edits: edits.collect(),
            title: self.words(&fix.title),
            safe: fix.safe,
            alone: fix.alone,
        }
    }
}
