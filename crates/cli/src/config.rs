//! `wonin.toml`: how a team wants its tree diagnosed, and which findings it accepts.
//!
//! It lies in the directory that shown paths are relative to, or is given with `--config`. What the
//! command line says goes before it. A word that is not understood ends the run: a threshold or an
//! entry that silently does nothing would be worse.

use std::fs;
use std::path::Path;

use clap::ValueEnum;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::Deserialize;
use toml::Spanned;
use wonin_model::Severity;
use wonin_modes::MODES;
use wonin_read::Files as _;
use wonin_report::suppress::Rule;
use wonin_text::{Place, SourceFile, Sources, Span};

use crate::disk::DiskFiles;
use crate::failure::Failure;

/// The name under which it is found.
const NAME: &str = "wonin.toml";

/// What the file says; everything at rest where there is none.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) severity_min: Option<Severity>,
    pub(crate) pedantic: bool,
    pub(crate) startup: Vec<String>,
    ignored: Vec<Ignored>,
    path: String,
    text: String,
}

#[derive(Debug)]
struct Ignored {
    span: Span,
    mode: Option<String>,
    path: Option<Gitignore>,
    service: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    min_severity: Option<Floor>,
    #[serde(default)]
    pedantic: bool,
    #[serde(default)]
    startup: Vec<String>,
    #[serde(default)]
    ignore: Vec<Spanned<Entry>>,
}

/// The least severe finding that is shown, as files and the command line name it.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Floor {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mode: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    service: Option<String>,
    reason: String,
}

impl Config {
    /// The file given, else the one beside the files, else nothing.
    pub(crate) fn find(given: Option<&Path>, files: &DiskFiles) -> Result<Self, Failure> {
        if let Some(file) = given {
            let name = file.display().to_string();
            let text = fs::read_to_string(file)
                .map_err(|cause| Failure::new(format!("cannot read `{name}`")).because(cause))?;
            return Self::parse(name, text);
        }
        if !files.exists(NAME) {
            return Ok(Self::default());
        }
        let text = files.load(NAME);
        let text = text.map_err(|why| Failure::new(format!("cannot read `{NAME}`: {why}")))?;
        Self::parse(NAME.to_owned(), text)
    }

    fn parse(path: String, text: String) -> Result<Self, Failure> {
        let refuse = |at: usize, why: &str| {
            let line = text.get(..at).unwrap_or("").matches('\n').count() + 1;
            Failure::new(format!("`{path}`, line {line}: {why}"))
        };
        let written: Written = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refuse(at, &error.message().replace('\n', ", "))
        })?;
        let mut ignored = Vec::new();
        for entry in written.ignore {
            ignored.push(ignore(entry).map_err(|(at, why)| refuse(at, &why))?);
        }
        Ok(Self {
            severity_min: written.min_severity.map(Severity::from),
            pedantic: written.pedantic,
            startup: written.startup,
            ignored,
            path,
            text,
        })
    }

    /// What is to be taken back, the file itself added to what places point into.
    pub(crate) fn rules(&self, sources: &mut Sources) -> Vec<Rule<'_>> {
        if self.ignored.is_empty() {
            return Vec::new();
        }
        let file = sources.add(SourceFile::new(self.path.as_str(), self.text.as_str()));
        let rule = |entry: &'_ Ignored| {
            let mut rule = Rule::new(Place { file, span: entry.span });
            rule.mode.clone_from(&entry.mode);
            rule.service.clone_from(&entry.service);
            rule
        };
        self.ignored
            .iter()
            .map(|entry| {
                let mut rule = rule(entry);
                if let Some(paths) = &entry.path {
                    rule.path = Some(Box::new(move |path| {
                        paths
                            .matched_path_or_any_parents(path.trim_start_matches('/'), false)
                            .is_ignore()
                    }));
                }
                rule
            })
            .collect()
    }
}

/// Checks one entry; says where and why it cannot be used.
fn ignore(entry: Spanned<Entry>) -> Result<Ignored, (usize, String)> {
    let range = entry.span();
    let entry = entry.into_inner();
    if entry.reason.trim().is_empty() {
        return Err((range.start, "`reason` is empty".to_owned()));
    }
    if entry.mode.is_none() && entry.path.is_none() && entry.service.is_none() {
        return Err((range.start, "one of `mode`, `path` and `service` must be given".to_owned()));
    }
    if let Some(mode) = &entry.mode
        && !MODES.iter().any(|known| known.meta().id == mode.get_ref())
    {
        let why = format!("there is no mode `{}`; `wonin modes` lists them", mode.get_ref());
        return Err((mode.span().start, why));
    }
    let path = entry.path.map(|path| paths(path.get_ref()).map_err(|why| (path.span().start, why)));
    Ok(Ignored {
        span: Span::new(range.start, range.end),
        mode: entry.mode.map(Spanned::into_inner),
        path: path.transpose()?,
        service: entry.service,
    })
}

/// A pattern as in `.gitignore`.
fn paths(pattern: &str) -> Result<Gitignore, String> {
    let unusable = |error: ignore::Error| format!("`{pattern}` is not a pattern: {error}");
    if pattern.trim().is_empty() || pattern.starts_with(['!', '#']) {
        return Err(format!("`{pattern}` names no path"));
    }
    let mut builder = GitignoreBuilder::new("");
    builder.add_line(None, pattern).map_err(unusable)?;
    builder.build().map_err(unusable)
}

impl From<Floor> for Severity {
    fn from(floor: Floor) -> Self {
        match floor {
            Floor::Low => Self::Low,
            Floor::Medium => Self::Medium,
            Floor::High => Self::High,
            Floor::Critical => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        let failure = Config::parse(NAME.to_owned(), text.to_owned()).err();
        failure.map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn words_that_are_not_understood_are_named_with_their_line() {
        let cases = [
            ("min-severity = 'high'\nseverity = 'low'\n", "line 2: unknown field `severity`"),
            ("min-severity = 'worst'\n", "line 1: unknown variant `worst`"),
            ("\n[[ignore]]\nmodes = 'x'\nreason = 'r'\n", "line 3: unknown field `modes`"),
            ("[[ignore]]\nmode = 'no-such'\nreason = 'r'\n", "line 2: there is no mode `no-such`"),
            ("[[ignore]]\nmode = 'quorum-without-spare'\n", "line 1: missing field `reason`"),
            ("[[ignore]]\nreason = 'r'\n", "line 1: one of `mode`, `path` and `service`"),
            ("[[ignore]]\npath = 'a'\nreason = ' '\n", "line 1: `reason` is empty"),
            ("[[ignore]]\npath = '!a'\nreason = 'r'\n", "line 2: `!a` names no path"),
            ("[[ignore]]\npath = '[z-a]'\nreason = 'r'\n", "line 2: `[z-a]` is not a pattern"),
            ("a = = 1\n", "line 1: "),
        ];
        for (text, expected) in cases {
            assert!(why(text).contains(expected), "{expected}: {}", why(text));
        }
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        let matches = |pattern: &str, path: &str| {
            paths(pattern).unwrap().matched_path_or_any_parents(path, false).is_ignore()
        };
        assert!(matches("examples/", "examples/a/compose.yml"));
        assert!(matches("*.yml", "deep/in/a.yml"));
        assert!(matches("deploy/**/db.yml", "deploy/x/y/db.yml"));
        assert!(!matches("/a.yml", "b/a.yml"));
    }
}
