//! From a list of files to evidence: load and parse on all cores, join in order.

use rayon::prelude::*;
use wonin_model::{Evidence, ReadFile, Skipped};
use wonin_text::{FileId, SourceFile};

use crate::fragment::{FORMATS, Format, Fragment};

/// The files that may be read. Implemented over a disk by the command line and in memory by tests.
pub trait Files: Sync {
    /// Paths that a walk found: relative, `/` between parts, sorted, without duplicates.
    fn paths(&self) -> &[String];

    /// The text of a file, which need not be among [`Files::paths`] (an `extends` may point
    /// elsewhere); or why it cannot be had, in words for a person.
    fn load(&self, path: &str) -> Result<String, String>;
}

/// Reads everything that some format claims.
pub fn read(files: &dyn Files) -> Evidence {
    let claimed: Vec<&String> = files
        .paths()
        .iter()
        .filter(|path| FORMATS.iter().any(|format| (format.claims)(path)))
        .collect();
    let parsed: Vec<Parsed> = claimed
        .par_iter()
        .enumerate()
        .map(|(index, path)| parse_one(files, FileId(index as u32), path))
        .collect();

    let mut evidence = Evidence::default();
    let mut fragments = Vec::new();
    for parsed in parsed {
        let file = evidence.sources.add(parsed.source);
        evidence.skipped.extend(parsed.skipped);
        if let Some(fragment) = parsed.fragment {
            evidence.read.push(ReadFile { file, format: fragment.format });
            fragments.push(fragment);
        }
    }
    evidence
}

/// One loaded file; a file that is of no interest keeps its number but not its text.
struct Parsed {
    source: SourceFile,
    fragment: Option<Fragment>,
    skipped: Vec<Skipped>,
}

fn parse_one(files: &dyn Files, id: FileId, path: &str) -> Parsed {
    let nothing = |skipped| Parsed { source: SourceFile::new(path, ""), fragment: None, skipped };
    let text = match files.load(path) {
        Ok(text) => text,
        Err(why) => return nothing(vec![Skipped { path: path.to_owned(), place: None, why }]),
    };
    let is_right = |format: &&Format| (format.claims)(path) && (format.accepts)(path, &text);
    let Some(format) = FORMATS.iter().find(is_right) else {
        return nothing(Vec::new());
    };
    let source = SourceFile::new(path, text);
    let mut skipped = Vec::new();
    let content = (format.parse)(id, &source, &mut skipped);
    let fragment = Fragment { file: id, path: path.to_owned(), format: format.name, content };
    Parsed { source, fragment: Some(fragment), skipped }
}
