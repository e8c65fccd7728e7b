//! `wonin.diagnosis/1`: the contract for machines (docs/schema).

use serde::Serialize;

use crate::view::{Shown, ShownBecause, ShownEdit, ShownFix, View, Where};
use crate::words::{role_name, severity_name, standing_name};

/// The name of the contract.
pub const SCHEMA: &str = "wonin.diagnosis/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    read: Vec<Read<'a>>,
    skipped: Vec<Skip<'a>>,
    findings: Vec<Found<'a>>,
    groups: Vec<Together<'a>>,
    unexplained: Vec<Left<'a>>,
    not_checked: Vec<NotChecked<'a>>,
}

#[derive(Serialize)]
struct Read<'a> {
    path: &'a str,
    r#as: &'static str,
}

#[derive(Serialize)]
struct Skip<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    why: &'a str,
}

#[derive(Serialize)]
struct Found<'a> {
    mode: &'static str,
    family: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    standing: &'static str,
    role: &'static str,
    severity: &'static str,
    confidence: f64,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arithmetic: Option<&'a str>,
    because: Vec<Claim<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explains: Option<Explains>,
    leads_to: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    follows_from: &'a [&'static str],
    fixes: Vec<Repair<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rehearse: Option<&'a str>,
    fingerprint: &'a str,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Claim<'a> {
    claim: &'a str,
    #[serde(flatten)]
    from: From<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    through: Vec<Position<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum From<'a> {
    File(Position<'a>),
    Default { default_of: &'a str, source: &'a str },
}

#[derive(Serialize)]
struct Position<'a> {
    path: &'a str,
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct Repair<'a> {
    title: &'a str,
    safe: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
    edits: Vec<Edit<'a>>,
}

/// An edit as every contract writes it: bytes `start..end` of a file go, `replacement` comes.
#[derive(Serialize)]
pub(crate) struct Edit<'a> {
    path: &'a str,
    start: u32,
    end: u32,
    replacement: &'a str,
}

impl<'a> Edit<'a> {
    /// The edits of a repair.
    pub(crate) fn all(fix: &'a ShownFix) -> Vec<Self> {
        let edit = |edit: &'a ShownEdit| Self {
            path: &edit.spot.path,
            start: edit.spot.span.start,
            end: edit.spot.span.end,
            replacement: &edit.replacement,
        };
        fix.edits.iter().map(edit).collect()
    }
}

#[derive(Serialize)]
struct Together<'a> {
    title: &'a str,
    members: &'a [usize],
}

#[derive(Serialize)]
struct Explains {
    events: u64,
    of: u64,
}

#[derive(Serialize)]
struct Left<'a> {
    events: u64,
    template: &'a str,
    path: &'a str,
    line: u32,
}

#[derive(Serialize)]
struct NotChecked<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    why: &'a str,
}

/// The diagnosis as one JSON document, indented, with a line break at its end.
pub fn render(view: &View) -> String {
    let document = Document {
        schema: SCHEMA,
        read: view.read.iter().map(|r| Read { path: &r.path, r#as: r.format }).collect(),
        skipped: view
            .skipped
            .iter()
            .map(|skip| Skip {
                path: &skip.path,
                line: skip.at.map(|at| at.line),
                column: skip.at.map(|at| at.column),
                why: &skip.why,
            })
            .collect(),
        findings: view.findings.iter().map(found).collect(),
        groups: view
            .groups
            .iter()
            .map(|group| Together { title: &group.title, members: &group.members })
            .collect(),
        unexplained: view
            .unexplained
            .iter()
            .map(|left| Left {
                events: left.events,
                template: &left.template,
                path: &left.spot.path,
                line: left.spot.start.line,
            })
            .collect(),
        not_checked: view
            .not_checked
            .iter()
            .map(|open| NotChecked {
                mode: open.mode,
                service: open.service.as_deref(),
                why: &open.why,
            })
            .collect(),
    };
    pretty(&document)
}

/// Any document as indented JSON with a line break at its end.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document)
        .expect("strings, numbers and lists with string keys always serialise");
    text.push('\n');
    text
}

fn found(finding: &Shown) -> Found<'_> {
    Found {
        mode: finding.meta.id,
        family: finding.meta.family,
        service: finding.service.as_deref(),
        standing: standing_name(finding.standing),
        role: role_name(finding.role),
        severity: severity_name(finding.severity),
        confidence: f64::from(finding.confidence) / 100.0,
        title: &finding.title,
        arithmetic: finding.arithmetic.as_deref(),
        because: finding.because.iter().map(claim).collect(),
        explains: finding.explains.map(|share| Explains { events: share.events, of: share.of }),
        leads_to: &finding.leads_to,
        follows_from: &finding.follows_from,
        fixes: finding
            .fixes
            .iter()
            .map(|fix| Repair {
                title: &fix.title,
                safe: fix.safe,
                alone: fix.alone,
                edits: Edit::all(fix),
            })
            .collect(),
        rehearse: finding.rehearse.as_deref(),
        fingerprint: &finding.fingerprint,
    }
}

fn claim(because: &ShownBecause) -> Claim<'_> {
    let value = because.value.as_deref();
    let (from, text, through) = match &because.at {
        Where::At { spot, through } => {
            let through = through.iter().map(|(spot, _)| position(spot)).collect();
            (From::File(position(spot)), Some(spot.text.as_str()), through)
        }
        Where::Default { of, source } => {
            (From::Default { default_of: of, source }, None, Vec::new())
        }
    };
    Claim { claim: &because.claim, from, text, value: value.filter(|v| Some(*v) != text), through }
}

fn position(spot: &crate::view::Spot) -> Position<'_> {
    Position { path: &spot.path, line: spot.start.line, column: spot.start.column }
}
