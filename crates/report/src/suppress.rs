//! Comments that take back a finding: `# wonin: ignore[mode-id] reason`.
//!
//! The comment stands on the line of the finding's first place or on the line above it. The reason
//! is mandatory; a comment without one, and one that takes nothing back, is a remark of its own,
//! so that comments do not outlive what they were written for.

use std::collections::BTreeMap;

use wonin_model::{Diagnosis, Evidence, Finding, ModeMeta, Origin, Role, Severity};
use wonin_text::{FileId, Place, SourceFile, Span};

/// The remark about such a comment itself.
pub static META: ModeMeta = ModeMeta {
    id: "unused-suppression",
    family: "wonin",
    summary: "a comment takes back a finding that is not there, or gives no reason",
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

/// Takes back what comments say, adds remarks about comments that do nothing; says how many
/// findings went.
pub fn apply(evidence: &Evidence, diagnosis: &mut Diagnosis) -> usize {
    let mut comments: Vec<Comment> = Vec::new();
    for (id, file) in evidence.sources.iter() {
        comments.extend(comments_of(id, file));
    }
    if comments.is_empty() {
        return 0;
    }
    let mut kept = Vec::new();
    let mut moved = BTreeMap::new();
    let before = diagnosis.findings.len();
    for (index, finding) in std::mem::take(&mut diagnosis.findings).into_iter().enumerate() {
        if !takes_back(evidence, &mut comments, &finding) {
            moved.insert(index, kept.len());
            kept.push(finding);
        }
    }
    let gone = before - kept.len();
    kept.extend(comments.iter().filter(|comment| !comment.used).map(remark));
    diagnosis.findings = kept;
    for group in &mut diagnosis.groups {
        group.members = group.members.iter().filter_map(|old| moved.get(old).copied()).collect();
    }
    diagnosis.groups.retain(|group| group.members.len() > 1);
    gone
}

fn takes_back(evidence: &Evidence, comments: &mut [Comment], finding: &Finding) -> bool {
    let Some(place) = finding.because.iter().find_map(|because| because.origin.place()) else {
        return false;
    };
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
