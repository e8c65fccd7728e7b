//! Metrics as Prometheus and OpenMetrics write them: a scrape saved as a file. Several scrapes are
//! several files, or one file after another in one file; samples without times get none.

use std::collections::BTreeMap;

use wonin_model::Series;

use super::LineReader;
use super::found::Found;

/// Series of one file.
const SERIES_MAX: usize = 50_000;
/// Points of one series.
const POINTS_MAX: usize = 10_000;

/// Whether a text begins like a scrape.
pub(super) fn accepts(head: &str) -> bool {
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let is_comment = |line: &str| line.starts_with("# HELP ") || line.starts_with("# TYPE ");
    is_comment(first) || (sample(first).is_some() && lines.take(20).any(is_comment))
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// Where each series is in what was found.
    known: BTreeMap<(String, BTreeMap<String, String>), usize>,
    is_full: bool,
}

impl LineReader for Metrics {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        if text.starts_with('#') {
            return;
        }
        let Some(sample) = sample(text) else {
            return;
        };
        let at_ms = sample.at_ms.unwrap_or(Series::NO_TIME);
        let key = (sample.name.to_owned(), sample.labels);
        if let Some(&index) = self.known.get(&key) {
            let points = &mut found.series[index].points;
            if points.len() < POINTS_MAX {
                points.push((at_ms, sample.value));
            }
            return;
        }
        if self.known.len() >= SERIES_MAX {
            self.is_full = true;
            return;
        }
        if found.formats.is_empty() {
            found.formats.push("metrics");
        }
        let place = found.kept.keep(number, text, 0..text.trim_end().len());
        let (name, labels) = key.clone();
        self.known.insert(key, found.series.len());
        found.series.push(Series { name, labels, points: vec![(at_ms, sample.value)], place });
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        if self.is_full {
            found.problems.push(format!("more than {SERIES_MAX} series; the rest was left out"));
        }
    }
}

/// One line: `name{label="value",…} value [time] [# exemplar]`.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<String, String>,
    value: f64,
    at_ms: Option<i64>,
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let line = line.trim();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (BTreeMap::new(), rest),
    };
    rest.starts_with([' ', '\t']).then_some(())?;
    let mut words = rest.split_whitespace();
    let value = number(words.next()?)?;
    let at = words.next().filter(|word| *word != "#").and_then(|word| word.parse::<f64>().ok());
    // Prometheus writes milliseconds, OpenMetrics seconds: those are below 10 to the 11th for the
    // next thousand years.
    let at_ms = at.map(|at| if at.abs() < 1e11 { (at * 1000.0) as i64 } else { at as i64 });
    Some(Sample { name, labels, value, at_ms })
}

fn number(word: &str) -> Option<f64> {
    match word {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => word.parse().ok(),
    }
}

/// Labels up to their closing brace, and the rest.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = quoted(behind.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = behind;
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            _ => value.push(char),
        }
    }
    None
}

/// Puts the points of equal series of several files together: by time, or where they have none in
/// the order of the files.
pub(super) fn join(series: &mut Vec<Series>) {
    let mut known: BTreeMap<(String, BTreeMap<String, String>), usize> = BTreeMap::new();
    let mut joined: Vec<Series> = Vec::new();
    for one in series.drain(..) {
        let key = (one.name.clone(), one.labels.clone());
        match known.get(&key) {
            Some(&index) => joined[index].points.extend(one.points),
            None => {
                known.insert(key, joined.len());
                joined.push(one);
            }
        }
    }
    for one in &mut joined {
        one.points.sort_by_key(|(at, _)| *at);
    }
    *series = joined;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_have_names_labels_values_and_perhaps_times() {
        let one =
            sample(r#"jvm_threads_states_threads{state="timed-waiting",x="a\"b\\"} 12.0"#).unwrap();
        assert_eq!((one.name, one.value as u64), ("jvm_threads_states_threads", 12));
        assert_eq!(one.labels["x"], "a\"b\\");
        let timed = sample("up 1 1717243200123").unwrap();
        assert_eq!(timed.at_ms, Some(1_717_243_200_123));
        let open = sample("foo_total 17 1717243200.5 # {id=\"1\"} 1").unwrap();
        assert_eq!(open.at_ms, Some(1_717_243_200_500));
        assert!(sample("x +Inf").unwrap().value.is_infinite());
        for text in ["", "# HELP x y", "hello world", "1x 2", "a{b=\"c} 1", "a{} b", "key: value"] {
            assert_eq!(sample(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(text in ".{0,60}", metric in "[a-z]{1,3}\\{[a-z=\"\\\\,]{0,12}\\}? [0-9.e+-]{0,6}") {
            sample(&text);
            sample(&metric);
        }
    }
}
