//! Findings that are known and accepted: only new ones count.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wonin_report::View;

use crate::failure::Failure;

/// The name of the contract.
const SCHEMA: &str = "wonin.baseline/1";

const HOW: &str = "`--write-baseline FILE` makes one from today's findings";

#[derive(Deserialize, Serialize)]
struct Baseline {
    schema: String,
    findings: Vec<Known>,
}

/// One accepted finding; all but the fingerprint is for the person who reads the file.
#[derive(Deserialize, Serialize)]
struct Known {
    fingerprint: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    title: String,
}

/// Writes the findings of a view.
pub(crate) fn write(file: &Path, view: &View) -> Result<(), Failure> {
    let findings = view.findings.iter().map(|finding| Known {
        fingerprint: finding.fingerprint.clone(),
        mode: finding.meta.id.to_owned(),
        path: finding.primary().map_or_else(String::new, |spot| spot.path.clone()),
        title: finding.title.clone(),
    });
    let baseline = Baseline { schema: SCHEMA.to_owned(), findings: findings.collect() };
    let mut text = serde_json::to_string_pretty(&baseline).unwrap_or_default();
    text.push('\n');
    fs::write(file, text).map_err(|cause| {
        Failure::new(format!("cannot write the baseline `{}`", file.display())).because(cause)
    })
}

/// The fingerprints of a baseline.
pub(crate) fn read(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|cause| {
        Failure::new(format!("cannot read the baseline `{name}`")).because(cause).hint(HOW)
    })?;
    let baseline: Baseline = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("`{name}` is not a baseline: {error}")).hint(HOW))?;
    if baseline.schema != SCHEMA {
        let found = baseline.schema;
        let what = format!("`{name}` is of `{found}`, and `{SCHEMA}` is understood");
        return Err(Failure::new(what).hint(HOW));
    }
    Ok(baseline.findings.into_iter().map(|known| known.fingerprint).collect())
}
