//! What takes back a finding: comments (`# wonin: ignore[mode-id] reason`), and the rules of a
//! configuration file.
//!
//! A comment stands on the line of the finding's first place or on the line above it. The reason
//! is mandatory; a comment without one, and a comment or rule that takes nothing back, is a remark
//! of its own, so that neither outlives what it was written for.

use std::collections::BTreeMap;
use std::fmt;

use wonin_model::{Diagnosis, Evidence, Finding, ModeMeta, Origin, Role, Severity};
use wonin_text::{FileId, Place, SourceFile, Span};

/// The remark about such a comment itself.
pub static META: ModeMeta = ModeMeta {
    id: "unused-suppression",
    family: "wonin",
    summary: "a comment or a rule takes back a finding that is not there, or gives no reason",
    source: include_str!("unused_suppression.md"),
};

const MARK: &str = "wonin: ignore[";

/// One comment.
struct Comment {
    place: Place,
    line: u32,
    mode: String,
    has_reason: bool,
    used: bool,
}

/// Whether a path is meant.
pub type PathTest<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// Takes back the findings for which all that is given holds.
pub struct Rule<'a> {
    /// Where the rule stands.
    pub place: Place,
    /// The mode's id.
    pub mode: Option<String>,
    /// Whether the path of a finding's first place is meant.
    pub path: Option<PathTest<'a>>,
    /// The service that a finding is about.
    pub service: Option<String>,
    used: bool,
}

impl Rule<'_> {
    /// A rule for all findings.
    pub fn new(place: Place) -> Self {
        Self { place, mode: None, path: None, service: None, used: false }
    }

    fn means(&self, finding: &Finding, path: Option<&str>) -> bool {
        let is_mode = self.mode.as_ref().is_none_or(|mode| mode == finding.meta.id);
        let is_service = self.service.is_none() || self.service == finding.service;
        let is_path = self.path.as_ref().is_none_or(|meant| path.is_some_and(meant));
        is_mode && is_service && is_path
    }
}

impl fmt::Debug for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, mode, service, used, path } = self;
        f.debug_struct("Rule")
            .field("place", place)
            .field("mode", mode)
            .field("path", &path.is_some())
            .field("service", service)
            .field("used", used)
            .finish()
    }
}

/// Takes back what comments and rules say, adds remarks about those that do nothing; says how many
/// findings went.
pub fn apply(evidence: &Evidence, diagnosis: &mut Diagnosis, rules: &mut [Rule<'_>]) -> usize {
    let mut comments: Vec<Comment> = Vec::new();
    for (id, file) in evidence.sources.iter() {
        comments.extend(comments_of(id, file));
    }
    if comments.is_empty() && rules.is_empty() {
        return 0;
    }
    let mut kept = Vec::new();
    let mut moved = BTreeMap::new();
    let before = diagnosis.findings.len();
    for (index, finding) in std::mem::take(&mut diagnosis.findings).into_iter().enumerate() {
        // Both are asked, so that neither seems unused.
        let by_comment = comment_takes_back(evidence, &mut comments, &finding);
        let by_rule = rule_takes_back(evidence, rules, &finding);
        if !by_comment && !by_rule {
            moved.insert(index, kept.len());
            kept.push(finding);
        }
    }
    let gone = before - kept.len();
    kept.extend(comments.iter().filter(|comment| !comment.used).map(remark));
    kept.extend(rules.iter().filter(|rule| !rule.used).map(remark_on_rule));
    diagnosis.findings = kept;
    for group in &mut diagnosis.groups {
        group.members = group.members.iter().filter_map(|old| moved.get(old).copied()).collect();
    }
    diagnosis.groups.retain(|group| group.members.len() > 1);
    gone
}

fn first_place(finding: &Finding) -> Option<Place> {
    finding.because.iter().find_map(|because| because.origin.place())
}

fn rule_takes_back(evidence: &Evidence, rules: &mut [Rule<'_>], finding: &Finding) -> bool {
    let path = first_place(finding).map(|place| evidence.sources.file(place.file).path());
    let mut found = false;
    for rule in rules {
        let here = rule.means(finding, path);
        rule.used |= here;
        found |= here;
    }
    found
}

fn comment_takes_back(evidence: &Evidence, comments: &mut [Comment], finding: &Finding) -> bool {
    let Some(place) = first_place(finding) else { return false };
    let line = evidence.sources.position(place).line;
    let mut found = false;
    for comment in comments {
        let here = comment.place.file == place.file
            && (comment.line == line || comment.line + 1 == line)
            && comment.mode == finding.meta.id
            && comment.has_reason;
        comment.used |= here;
        found |= here;
    }
    found
}

fn comments_of(id: FileId, file: &SourceFile) -> Vec<Comment> {
    let text = file.text();
    let mut comments = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let position = file.position(at);
        let Some(line) = file.line(position.line) else {
            continue;
        };
        let (line_start, line_end) = (line.start as usize, line.end as usize);
        let lead = text.get(line_start..at).unwrap_or("");
        if !["#", "//", "/*", "<!--", "!"].iter().any(|leader| lead.trim_end().ends_with(leader)) {
            continue;
        }
        let rest = text.get(at + MARK.len()..line_end).unwrap_or("");
        let Some((mode, reason)) = rest.split_once(']') else {
            continue;
        };
        let reason = reason.trim().trim_end_matches(['*', '/', '-', '>']).trim();
        comments.push(Comment {
            place: Place { file: id, span: Span::new(at, line_end) },
            line: position.line,
            mode: mode.trim().to_owned(),
            has_reason: !reason.is_empty(),
            used: false,
        });
    }
    comments
}

fn remark_on_rule(rule: &Rule<'_>) -> Finding {
    let mode = rule.mode.as_ref().map_or(String::new(), |mode| format!(" `{mode}`"));
    Finding::new(&META, format!("no finding{mode} is here that this entry takes back"))
        .weigh(Role::Contributing, Severity::Low, 100)
        .because_at("this entry", Origin::Written(rule.place))
}

fn remark(comment: &Comment) -> Finding {
    let title = if comment.has_reason {
        format!("no `{}` is found here: the comment takes nothing back", comment.mode)
    } else {
        format!("`{}` is not taken back: the comment gives no reason", comment.mode)
    };
    Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 100)
        .because_at("this comment", Origin::Written(comment.place))
}
