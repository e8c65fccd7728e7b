//! Cases of one anomaly: all are counted, the most extreme are kept to be shown.

use wonin_model::rehearsal::Anomaly;

/// How many cases of most kinds are shown.
pub(super) const SHOWN: usize = 8;

/// How many duplicates and offsets with several records are shown.
pub(super) const SHOWN_IN_LOG: usize = 32;

#[derive(Debug)]
pub(super) struct Cases {
    max: usize,
    count: u64,
    /// How extreme, and the words; in the order of arrival.
    kept: Vec<(u64, String)>,
}

impl Cases {
    pub(super) fn new(max: usize) -> Self {
        Self { max, count: 0, kept: Vec::new() }
    }

    /// Counts a case; its words are made only where it is kept.
    pub(super) fn push(&mut self, extreme: u64, words: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < self.max {
            self.kept.push((extreme, words()));
            return;
        }
        let least =
            self.kept.iter().enumerate().min_by_key(|(at, (kept, _))| (*kept, usize::MAX - at));
        if let Some((at, (kept, _))) = least
            && *kept < extreme
        {
            self.kept.remove(at);
            self.kept.push((extreme, words()));
        }
    }

    /// The anomaly, the most extreme case first; nothing where there is none.
    pub(super) fn into_anomaly(mut self, name: &'static str, is_bad: bool) -> Option<Anomaly> {
        self.kept.sort_by_key(|(extreme, _)| u64::MAX - *extreme);
        let examples = self.kept.into_iter().map(|(_, words)| words).collect();
        (self.count > 0).then_some(Anomaly { name, count: self.count, is_bad, examples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_most_extreme_are_shown() {
        let mut cases = Cases::new(2);
        for extreme in [1, 5, 3, 5, 2] {
            cases.push(extreme, || extreme.to_string());
        }
        let anomaly = cases.into_anomaly("poll-skip", true).expect("there are cases");
        assert_eq!((anomaly.count, anomaly.examples), (5, vec!["5".to_owned(), "5".to_owned()]));
        assert_eq!(Cases::new(2).into_anomaly("poll-skip", true), None);
    }
}
