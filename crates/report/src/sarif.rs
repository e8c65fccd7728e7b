//! SARIF 2.1.0, as code-scanning services and editors read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use wonin_model::{ModeMeta, Severity};

use crate::json::pretty;
use crate::view::{Shown, ShownBecause, ShownFix, Spot, View, Where};
use crate::words::{role_name, severity_name, standing_name};

/// The diagnosis as a SARIF log with one run.
pub fn render(view: &View, version: &str) -> String {
    let mut modes: BTreeMap<&str, &ModeMeta> = BTreeMap::new();
    for finding in &view.findings {
        modes.insert(finding.meta.id, finding.meta);
    }
    let index: BTreeMap<&str, usize> = modes.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let notifications: Vec<Value> = view
        .skipped
        .iter()
        .map(|skip| {
            let mut place = json!({"artifactLocation": {"uri": uri(&skip.path)}});
            if let Some(at) = skip.at {
                place["region"] = json!({"startLine": at.line, "startColumn": at.column});
            }
            json!({
                "level": "warning",
                "message": {"text": skip.why},
                "locations": [{"physicalLocation": place}],
            })
        })
        .collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "wonin",
                "semanticVersion": version,
                "rules": modes.values().map(|meta| rule(meta)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "results": view.findings.iter().map(|f| result(f, index[f.meta.id])).collect::<Vec<_>>(),
        }],
    }))
}

fn rule(meta: &ModeMeta) -> Value {
    let page = meta.page();
    json!({
        "id": meta.id,
        "shortDescription": {"text": meta.summary},
        "help": {"text": page, "markdown": page},
        "properties": {"family": meta.family},
    })
}

fn result(finding: &Shown, rule_index: usize) -> Value {
    let mut out = json!({
        "ruleId": finding.meta.id,
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": {"text": message(finding)},
        "locations": [],
        "partialFingerprints": {"wonin/v1": finding.fingerprint},
        "properties": {
            "severity": severity_name(finding.severity),
            "confidence": f64::from(finding.confidence) / 100.0,
            "role": role_name(finding.role),
            "standing": standing_name(finding.standing),
            "leadsTo": finding.leads_to,
        },
    });
    if let Some(service) = &finding.service {
        out["properties"]["service"] = json!(service);
    }
    let mut places = finding.because.iter().filter_map(|b| Some((b, b.spot()?)));
    if let Some((because, spot)) = places.next() {
        out["locations"] = json!([location(spot, &because.claim, None)]);
    }
    let related: Vec<Value> =
        places.enumerate().map(|(id, (b, spot))| location(spot, &b.claim, Some(id))).collect();
    if !related.is_empty() {
        out["relatedLocations"] = json!(related);
    }
    let fixes: Vec<Value> = finding.fixes.iter().filter(|f| !f.edits.is_empty()).map(fix).collect();
    if !fixes.is_empty() {
        out["fixes"] = json!(fixes);
    }
    out
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The sentence, the calculation, the defaults and the advice, for viewers that show text alone.
fn message(finding: &Shown) -> String {
    let mut text = finding.title.clone();
    if let Some(arithmetic) = &finding.arithmetic {
        text.push_str("\narithmetic: ");
        text.push_str(arithmetic);
    }
    for because in &finding.because {
        if let ShownBecause { claim, value, at: Where::Default { of, source } } = because {
            text.push_str("\ndefault: ");
            text.push_str(&crate::text::default_note(claim, value.as_deref(), of, source));
        }
    }
    for fix in &finding.fixes {
        text.push_str("\nfix: ");
        text.push_str(&fix.title);
    }
    text
}

fn region(spot: &Spot) -> Value {
    json!({
        "startLine": spot.start.line,
        "startColumn": spot.start.column,
        "endLine": spot.end.line,
        "endColumn": spot.end.column,
        "byteOffset": spot.span.start,
        "byteLength": spot.span.len(),
    })
}

fn location(spot: &Spot, claim: &str, id: Option<usize>) -> Value {
    let mut region = region(spot);
    region["snippet"] = json!({"text": spot.text});
    let mut out = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&spot.path)},
            "region": region,
        },
        "message": {"text": claim},
    });
    if let Some(id) = id {
        out["id"] = json!(id);
    }
    out
}

fn fix(fix: &ShownFix) -> Value {
    let mut files: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for edit in &fix.edits {
        files.entry(&edit.spot.path).or_default().push(json!({
            "deletedRegion": region(&edit.spot),
            "insertedContent": {"text": edit.replacement},
        }));
    }
    let changes: Vec<Value> = files
        .into_iter()
        .map(|(path, edits)| json!({"artifactLocation": {"uri": uri(path)}, "replacements": edits}))
        .collect();
    json!({"description": {"text": fix.title}, "artifactChanges": changes})
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_become_uri_references() {
        assert_eq!(super::uri("a b/원.yml"), "a%20b/%EC%9B%90.yml");
    }
}
