//! What README.md shows is what the program prints.
//!
//! In a block marked `console`, lines beginning with `$ ` are commands; those that run this
//! program are run here, and what follows must be their output. `| head -n N` and `| tail -n N`
//! are understood. `cargo xtask docs` writes the blocks anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn consoles_show_real_output() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("README.md");
    let found = fs::read_to_string(&path).unwrap();
    let expected = with_output(&root, &found);
    if found == expected {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "the switch between checking and writing")]
    if std::env::var("WONIN_WRITE_README").is_ok() {
        fs::write(&path, expected).unwrap();
        return;
    }
    let differ = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    panic!("README.md is out of date, run `cargo xtask docs`; first difference: {differ:#?}");
}

/// The text with the output of every console block as it is today.
fn with_output(root: &Path, text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line != "```console" {
            continue;
        }
        while let Some(line) = lines.next_if(|line| *line != "```") {
            let Some(command) = line.strip_prefix("$ ") else {
                continue;
            };
            out.push_str(line);
            out.push('\n');
            out.push_str(&output(root, command));
        }
    }
    out
}

/// What a command prints; nothing for commands of other programs.
fn output(root: &Path, command: &str) -> String {
    let (command, filter) = command.split_once(" | ").unwrap_or((command, ""));
    let words: Vec<&str> = command.split_whitespace().collect();
    let (["wonin", args @ ..] | ["cargo", "run", "--release", "--", args @ ..]) = &words[..] else {
        return String::new();
    };
    let answer = support::run(root, args);
    let text = answer.out + &answer.err;
    let lines: Vec<&str> = text.lines().collect();
    let range = match filter.split_once(" -n ") {
        Some(("head", n)) => 0..lines.len().min(n.parse().unwrap()),
        Some(("tail", n)) => lines.len().saturating_sub(n.parse().unwrap())..lines.len(),
        _ => 0..lines.len(),
    };
    lines[range].iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}
