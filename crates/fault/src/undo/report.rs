//! What became of faults that were undone.

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoverReport {
    /// Faults that were undone.
    pub healed: Vec<Recovered>,
    /// Faults of which nothing was left.
    pub whole: Vec<Recovered>,
    /// Faults that could not be undone; their records stay.
    pub failed: Vec<Recovered>,
    /// Runs that are alive, or whose watchdog is at it, with how many faults: left alone.
    pub alive: Vec<(String, usize)>,
}

/// One fault that a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The run that did it.
    pub run: String,
    /// What was done to whom; the file where its record cannot be understood.
    pub fault: String,
    /// What was found or done, or what stands in the way.
    pub why: String,
}

/// How an undo ended well.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something was undone.
    Healed(String),
    /// Nothing had to be done.
    Whole(String),
}

#[cfg(target_os = "linux")]
impl Outcome {
    pub(crate) fn healed(what: impl Into<String>) -> Self {
        Self::Healed(what.into())
    }

    pub(crate) fn whole(why: impl Into<String>) -> Self {
        Self::Whole(why.into())
    }
}
