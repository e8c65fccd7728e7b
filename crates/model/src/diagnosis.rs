//! The outcome: findings in order, groups, and what stayed open.

use crate::Finding;

/// What was found, root first.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// In order: severity, role, confidence, then place.
    pub findings: Vec<Finding>,
    /// Findings that only help together.
    pub groups: Vec<Group>,
    /// Modes that could not be checked.
    pub not_checked: Vec<NotChecked>,
}

/// Findings of which each alone, repaired, still leaves the failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What all of them together reach.
    pub title: String,
    /// Indexes into [`Diagnosis::findings`], in the order of repair.
    pub members: Vec<usize>,
}

/// A mode that could not be checked, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotChecked {
    /// Mode id.
    pub mode: &'static str,
    /// The service it is about.
    pub service: Option<String>,
    /// What is missing and how to give it.
    pub why: String,
}
