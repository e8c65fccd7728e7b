//! The outcome: findings in order, groups, and what stayed open.

use wonin_text::Place;

use crate::Finding;

/// What was found, root first.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// In order: what was seen before what is predicted, roots before what follows from them,
    /// then severity, role, confidence and place.
    pub findings: Vec<Finding>,
    /// Findings that only help together.
    pub groups: Vec<Group>,
    /// Modes that could not be checked.
    pub not_checked: Vec<NotChecked>,
    /// Events that no finding accounts for, the most frequent first; at most
    /// [`Unexplained::SHOWN`].
    pub unexplained: Vec<Unexplained>,
}

/// Events of one kind that no finding accounts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// Events.
    pub events: u64,
    /// The words, `<*>` for a variable.
    pub template: String,
    /// The first one.
    pub place: Place,
}

impl Unexplained {
    /// How many kinds are kept.
    pub const SHOWN: usize = 20;
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
