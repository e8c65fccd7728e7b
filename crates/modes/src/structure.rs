//! Findings in order, and those that only help together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use wonin_model::{Diagnosis, Evidence, Finding, Goal, Group};
use wonin_text::{Place, Sources};

/// Sorts findings root first and groups those that share a goal.
pub(crate) fn arrange(evidence: &Evidence, diagnosis: &mut Diagnosis) {
    let sources = &evidence.sources;
    diagnosis.findings.sort_by_cached_key(|finding| order(sources, finding));
    diagnosis.groups = groups(&diagnosis.findings);
    diagnosis.not_checked.sort();
    diagnosis.not_checked.dedup();
}

/// What was seen comes first, then the worst and surest, causes before what follows from them;
/// equal ones by place, so that the order never depends on anything else.
fn order(sources: &Sources, finding: &Finding) -> impl Ord + use<> {
    let place = finding.because.iter().find_map(|because| because.origin.place());
    let at = place.map(|Place { file, span }| (sources.file(file).path().to_owned(), span));
    (
        Reverse(finding.standing),
        Reverse(finding.severity),
        finding.role,
        Reverse(finding.confidence),
        finding.meta.id,
        at,
        finding.title.clone(),
    )
}

/// One group per goal that at least two findings stand in the way of.
fn groups(findings: &[Finding]) -> Vec<Group> {
    let mut by_title: BTreeMap<&str, Vec<(u8, usize)>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if let Some(Goal { title, step }) = &finding.goal {
            by_title.entry(title).or_default().push((*step, index));
        }
    }
    let several = by_title.into_iter().filter(|(_, members)| members.len() > 1);
    several
        .map(|(title, mut members)| {
            members.sort_unstable();
            let members = members.into_iter().map(|(_, index)| index).collect();
            Group { title: title.to_owned(), members }
        })
        .collect()
}
