//! How well templates are found: `templates FOLDER [corrected]` reads the labelled samples
//! `FOLDER/<set>/<set>_2k.log_structured[_corrected].csv` and prints, for each set and on
//! average, grouping accuracy (share of messages in a group that is exactly a labelled one) and
//! its harmonic mean by group (FGA).

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::Path;

/// Rows of a CSV file with quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match (next, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\n', false) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            ('\r', false) => {}
            _ => field.push(next),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// Grouping accuracy and FGA of found against labelled groups.
fn score(found: &[usize], labels: &[&str]) -> (f64, f64) {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut truth: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (group, label)) in found.iter().zip(labels).enumerate() {
        groups.entry(*group).or_default().push(index);
        truth.entry(label).or_default().push(index);
    }
    let right: Vec<&Vec<usize>> =
        groups.values().filter(|group| truth.get(labels[group[0]]) == Some(group)).collect();
    let messages: usize = right.iter().map(|group| group.len()).sum();
    let (count, all) = (right.len() as f64, (groups.len() + truth.len()) as f64);
    (messages as f64 / labels.len() as f64, 2.0 * count / all)
}

fn evaluate(file: &Path) -> Option<(f64, f64)> {
    let rows = rows(&std::fs::read_to_string(file).ok()?);
    let column = |name: &str| rows.first()?.iter().position(|heading| heading == name);
    let (content, label) = (column("Content")?, column("EventTemplate")?);
    let messages: Vec<&str> = rows[1..].iter().map(|row| row[content].as_str()).collect();
    let labels: Vec<&str> = rows[1..].iter().map(|row| row[label].as_str()).collect();
    Some(score(&wonin_read::group_messages(&messages), &labels))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        println!("usage: templates FOLDER [corrected]");
        return;
    };
    let ending = if arguments.len() > 1 { "_corrected.csv" } else { ".csv" };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let mut scores = Vec::new();
    for name in names {
        let file = Path::new(folder).join(&name).join(format!("{name}_2k.log_structured{ending}"));
        if let Some((accuracy, fga)) = evaluate(&file) {
            println!("{name:12} GA {accuracy:.3} FGA {fga:.3}");
            scores.push((accuracy, fga));
        }
    }
    let mean = |part: fn(&(f64, f64)) -> f64| {
        scores.iter().map(part).sum::<f64>() / scores.len().max(1) as f64
    };
    println!("{} sets     GA {:.3} FGA {:.3}", scores.len(), mean(|s| s.0), mean(|s| s.1));
}
