//! Applying repairs: all edits are checked, the outcome is diagnosed, then files are written.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use wonin_model::{Diagnosis, Evidence, FileEdit, Fix};
use wonin_read::Files as _;
use wonin_report::View;
use wonin_text::{Edit, FileId};

use crate::disk::DiskFiles;
use crate::failure::Failure;

/// What is going to be changed.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    edits: BTreeMap<FileId, Vec<Edit>>,
    /// What is done, in words, with the files.
    pub(crate) done: Vec<String>,
    /// What is left out because it touches bytes that another repair changes.
    pub(crate) left_out: Vec<String>,
    /// Whether others are to be looked for in what this one makes.
    pub(crate) goes_on: bool,
}

/// Takes the first fitting repair of each finding shown, the root's first; one that is to be
/// applied alone goes before all others.
pub(crate) fn plan(evidence: &Evidence, diagnosis: &Diagnosis, view: &View, risky: bool) -> Plan {
    let mut plan = Plan::default();
    for shown in &view.findings {
        let Some(finding) = diagnosis.findings.get(shown.index) else {
            continue;
        };
        let fits = |fix: &&Fix| !fix.edits.is_empty() && (fix.safe || risky);
        let Some((at, fix)) = finding.fixes.iter().enumerate().find(|(_, fix)| fits(fix)) else {
            continue;
        };
        // The shown title has its secrets hidden.
        let title = shown.fixes.get(at).map_or("", |fix| fix.title.as_str());
        if fix.alone {
            plan = Plan { goes_on: true, ..Plan::default() };
            plan.take(evidence, fix, title);
            return plan;
        }
        plan.take(evidence, fix, title);
    }
    plan
}

impl Plan {
    /// Takes a repair under a title, unless it touches what is taken already.
    pub(crate) fn take(&mut self, evidence: &Evidence, fix: &Fix, title: &str) {
        let has = |plan: &Self, edit: &FileEdit| {
            plan.edits.get(&edit.file).is_some_and(|list| list.contains(&edit.edit))
        };
        let fresh: Vec<&FileEdit> = fix.edits.iter().filter(|edit| !has(self, edit)).collect();
        if fresh.is_empty() {
            return;
        }
        let mut paths: Vec<&str> =
            fix.edits.iter().map(|edit| evidence.sources.file(edit.file).path()).collect();
        paths.dedup();
        let words = format!("{}: {title}", paths.join(", "));
        if fresh.iter().any(|edit| self.collides(edit)) {
            self.left_out.push(words);
            return;
        }
        for edit in fresh {
            self.edits.entry(edit.file).or_default().push(edit.edit.clone());
        }
        self.done.push(words);
    }

    /// Whether an edit touches bytes that another one changes, or inserts where another inserts.
    fn collides(&self, edit: &FileEdit) -> bool {
        let others = self.edits.get(&edit.file).into_iter().flatten();
        others.into_iter().any(|other| edit.edit.collides_with(other))
    }

    /// Whether nothing is to be changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The texts after the edits, by path.
    pub(crate) fn texts(&self, evidence: &Evidence) -> Result<BTreeMap<String, String>, Failure> {
        let mut texts = BTreeMap::new();
        for (file, edits) in &self.edits {
            let source = evidence.sources.file(*file);
            let text = wonin_text::apply(source.text(), edits).map_err(|error| {
                Failure::new(format!("the edits of `{}` do not fit: {error}", source.path()))
                    .hint("this is a mistake in wonin, nothing was written")
            })?;
            texts.insert(source.path().to_owned(), text);
        }
        Ok(texts)
    }
}

/// Refuses edits after which a file is no longer understood.
pub(crate) fn check(before: &Evidence, after: &Evidence) -> Result<(), Failure> {
    let new = after.skipped.iter().find(|skip| {
        !before.skipped.iter().any(|old| old.path == skip.path && old.why == skip.why)
    });
    match new {
        Some(skip) => Err(Failure::new(format!(
            "after the edits `{}` would not be understood: {}",
            skip.path, skip.why
        ))
        .hint("this is a mistake in wonin, nothing was written")),
        None => Ok(()),
    }
}

/// Writes the texts, each file at once or not at all.
pub(crate) fn write(
    files: &DiskFiles,
    before: &Evidence,
    texts: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    for path in texts.keys() {
        let read = before.sources.by_path(path).map(|id| before.sources.file(id).text());
        if files.load(path).ok().as_deref() != read {
            return Err(Failure::new(format!("`{path}` changed while it was diagnosed"))
                .hint("nothing was written; run the command again"));
        }
    }
    for (path, text) in texts {
        replace(&files.on_disk(path), text)
            .map_err(|cause| Failure::new(format!("cannot write `{path}`")).because(cause))?;
    }
    Ok(())
}

/// Puts a new file in the place of the old one; a crash leaves one of the two, whole.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".wonin-{}", std::process::id()));
    let new = path.with_file_name(name);
    let outcome = (|| {
        let mut file = fs::File::create_new(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    })();
    if outcome.is_err() {
        // The failure to tell is the first one.
        _ = fs::remove_file(&new);
    }
    outcome
}
