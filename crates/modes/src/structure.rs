//! Findings in order, and those that only help together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use wonin_model::{Diagnosis, Evidence, Finding, Goal, Group, Role, Severity, Standing};
use wonin_text::{Place, Sources};

use crate::explain;

/// Counts what findings explain, sorts them root first and groups those that share a goal.
pub(crate) fn arrange(evidence: &Evidence, diagnosis: &mut Diagnosis) {
    let sources = &evidence.sources;
    let none = BTreeMap::new();
    diagnosis.findings.sort_by_cached_key(|finding| order(sources, finding, &none));
    diagnosis.findings.dedup_by(|later, earlier| is_same(later, earlier));
    explain::tell_details(&mut diagnosis.findings);
    explain::account(evidence, diagnosis);
    let roots = roots(&diagnosis.findings);
    diagnosis.findings.sort_by_cached_key(|finding| order(sources, finding, &roots));
    diagnosis.groups = groups(&diagnosis.findings);
    diagnosis.not_checked.sort();
    diagnosis.not_checked.dedup();
}

/// Whether two findings say the same of the same places, as when two projects share a file.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let places = |finding: &Finding| -> Vec<Place> {
        finding.because.iter().flat_map(|because| because.origin.places()).collect()
    };
    one.meta.id == other.meta.id
        && one.title == other.title
        && one.service == other.service
        && places(one) == places(other)
}

/// The worst observed finding of each mode that is no effect of another one.
fn roots(findings: &[Finding]) -> BTreeMap<&'static str, Severity> {
    let mut roots = BTreeMap::new();
    for finding in findings {
        if finding.standing > Standing::Predicted && finding.role != Role::Symptom {
            let worst = roots.entry(finding.meta.id).or_insert(finding.severity);
            *worst = finding.severity.max(*worst);
        }
    }
    roots
}

/// What was seen comes first; then the worst, causes, those that explain most, and the surest.
/// What follows from something else counts as no worse than that, so that roots come first. Equal
/// ones by place, so that the order never depends on anything else.
fn order(
    sources: &Sources,
    finding: &Finding,
    roots: &BTreeMap<&'static str, Severity>,
) -> impl Ord + use<> {
    let place = finding.because.iter().find_map(|because| because.origin.place());
    let at = place.map(|Place { file, span }| (sources.file(file).path().to_owned(), span));
    let root = finding.follows_from.iter().filter_map(|id| roots.get(id)).max();
    let severity = match root {
        Some(root) if finding.role == Role::Symptom => finding.severity.min(*root),
        _ => finding.severity,
    };
    (
        Reverse(finding.standing),
        Reverse(severity),
        finding.role,
        Reverse(finding.explains.map(|share| share.events)),
        Reverse(finding.confidence),
        finding.meta.id,
        at,
        finding.title.clone(),
    )
}

/// One group per goal that at least two findings stand in the way of, the one with the first
/// finding in front.
fn groups(findings: &[Finding]) -> Vec<Group> {
    let mut by_title: BTreeMap<&str, Vec<(u8, usize)>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if let Some(Goal { title, step }) = &finding.goal {
            by_title.entry(title).or_default().push((*step, index));
        }
    }
    let several = by_title.into_iter().filter(|(_, members)| members.len() > 1);
    let mut groups: Vec<Group> = several
        .map(|(title, mut members)| {
            members.sort_unstable();
            let members = members.into_iter().map(|(_, index)| index).collect();
            Group { title: title.to_owned(), members }
        })
        .collect();
    groups.sort_by_key(|group| group.members.iter().min().copied());
    groups
}

#[cfg(test)]
mod tests {
    use wonin_model::ModeMeta;

    use super::*;

    static META: ModeMeta = ModeMeta { id: "a", family: "f", summary: "s", source: "" };

    fn finding(title: &str, role: Role, severity: Severity) -> Finding {
        Finding::new(&META, title).weigh(role, severity, 90)
    }

    fn arranged(findings: Vec<Finding>) -> Diagnosis {
        let mut diagnosis = Diagnosis { findings, ..Diagnosis::default() };
        arrange(&Evidence::default(), &mut diagnosis);
        diagnosis
    }

    #[test]
    fn the_worst_and_its_cause_come_first_and_each_once() {
        let diagnosis = arranged(vec![
            finding("low", Role::Cause, Severity::Low),
            finding("symptom", Role::Symptom, Severity::High),
            finding("cause", Role::Cause, Severity::High),
            finding("low", Role::Cause, Severity::Low),
        ]);
        let titles: Vec<&str> = diagnosis.findings.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["cause", "symptom", "low"]);
    }

    #[test]
    fn a_goal_with_several_findings_is_a_group_in_the_order_of_repair() {
        let diagnosis = arranged(vec![
            finding("third", Role::Cause, Severity::High).towards("goal", 3),
            finding("first", Role::Cause, Severity::Low).towards("goal", 1),
            finding("alone", Role::Cause, Severity::Low).towards("other", 1),
        ]);
        let titles = |group: &Group| -> Vec<String> {
            group.members.iter().map(|at| diagnosis.findings[*at].title.clone()).collect()
        };
        assert_eq!(diagnosis.groups.len(), 1);
        assert_eq!(titles(&diagnosis.groups[0]), ["first", "third"]);
    }
}
