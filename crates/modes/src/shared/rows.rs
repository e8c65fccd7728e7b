//! Failures that a text says outright: one row per text, one finding per thing that it names.

use wonin_model::{Evidence, Finding, Fix, ModeMeta, Role, Severity, Signal};

use super::seen::{Part, Values, signals};

/// One text that says what failed.
pub(crate) struct Row {
    /// The signal.
    pub(crate) signal: &'static str,
    /// What it shows: `the disk took nothing more`.
    pub(crate) shows: &'static str,
    /// The finding's title, made of what the text names, empty where it is none; of two texts with one title both are told
    /// in one finding.
    pub(crate) title: fn(&Values) -> String,
    pub(crate) severity: Severity,
    pub(crate) confidence: u8,
    /// What to do, the best first.
    pub(crate) advice: &'static [&'static str],
    /// Fewer events are no finding.
    pub(crate) events_min: u64,
}

/// A row with its own title.
pub(crate) const fn row(
    signal: &'static str,
    shows: &'static str,
    title: fn(&Values) -> String,
    advice: &'static [&'static str],
) -> Row {
    let (severity, confidence) = (Severity::High, 90);
    Row { signal, shows, title, severity, confidence, advice, events_min: 0 }
}

impl Row {
    pub(crate) const fn weigh(self, severity: Severity, confidence: u8) -> Self {
        Self { severity, confidence, ..self }
    }

    /// Only so many events are a finding.
    pub(crate) const fn at_least(self, events_min: u64) -> Self {
        Self { events_min, ..self }
    }

    /// Whether a finding rests on too few events of this text.
    fn is_too_little(&self, finding: &Finding) -> bool {
        let mut own = finding.signals.iter().filter(|one| one.signal == self.signal).peekable();
        own.peek().is_some() && own.map(|one| one.events).sum::<u64>() < self.events_min
    }
}

/// What the rows recognise.
pub(crate) fn recognised(
    meta: &'static ModeMeta,
    evidence: &Evidence,
    rows: &[Row],
) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for row in rows {
        for signal in signals(evidence, &[row.signal]) {
            for (title, part) in by_title(signal, row.title) {
                tell(meta, row, title, &part, &mut found);
            }
        }
    }
    found.retain(|finding| !rows.iter().any(|row| row.is_too_little(finding)));
    found
}

/// The titles that a signal's values make, each with its part of the events. What names nothing
/// goes with the first that does.
fn by_title(signal: &Signal, title: fn(&Values) -> String) -> Vec<(String, Part<'_>)> {
    let mut titles: Vec<String> = Vec::new();
    for (values, _) in &signal.values {
        let one = title(values);
        if !one.is_empty() && !titles.contains(&one) {
            titles.push(one);
        }
    }
    let unnamed = title(&Values::new());
    if titles.len() > 1 {
        titles.retain(|one| *one != unnamed);
    }
    let first = titles.first().cloned();
    let parts = titles.into_iter().filter_map(|one| {
        let is_meant = |values: &Values| {
            let own = title(values);
            own == one || own == unnamed && first.as_deref() == Some(one.as_str())
        };
        let part = Part::of(signal, is_meant)?;
        Some((one, part))
    });
    parts.collect()
}

fn tell(
    meta: &'static ModeMeta,
    row: &Row,
    title: String,
    part: &Part<'_>,
    found: &mut Vec<Finding>,
) {
    if let Some(known) = found.iter_mut().find(|known| known.title == title) {
        *known = part.tell(known.clone(), row.shows);
        return;
    }
    let mut finding = Finding::new(meta, title).weigh(Role::Cause, row.severity, row.confidence);
    finding.service.clone_from(&part.signal.service);
    finding = part.tell(finding, row.shows);
    for advice in row.advice {
        finding = finding.fix(Fix::advice(*advice));
    }
    found.push(finding);
}
