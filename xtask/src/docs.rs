//! Files that are made from the code, so that they cannot say anything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use wonin_modes::MODES;

/// Said at the head of each page, so that nobody edits it.
const MADE: &str = "<!-- Made by `cargo xtask docs` from the mode's own file. -->\n";

/// The pages of the catalogue and their index, by path below the root.
pub fn pages() -> BTreeMap<PathBuf, String> {
    let dir = Path::new("docs/modes");
    let mut pages = BTreeMap::new();
    let mut families: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for mode in MODES {
        let meta = mode.meta();
        pages.insert(dir.join(format!("{}.md", meta.id)), format!("{MADE}\n{}\n", meta.page()));
        families.entry(meta.family).or_default().push((meta.id, meta.summary));
    }
    let mut index = format!("{MADE}\n# Failure modes\n");
    for (family, modes) in families {
        // Writing to a string cannot fail, here and below.
        _ = write!(index, "\n## {family}\n\n| mode | what is wrong |\n|---|---|\n");
        for (id, summary) in modes {
            _ = writeln!(index, "| [`{id}`]({id}.md) | {} |", summary.replace('|', "\\|"));
        }
    }
    pages.insert(dir.join("README.md"), index);
    pages
}

/// Writes all of them, and the console blocks of the README.
pub fn write() -> io::Result<()> {
    let root = crate::root();
    let pages = pages();
    for stale in stale(&root, &pages)? {
        fs::remove_file(&stale)?;
        println!("removed {}", stale.display());
    }
    for (path, text) in pages {
        let path = root.join(path);
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::create_dir_all(path.parent().unwrap_or(&root))?;
            fs::write(&path, text)?;
            println!("wrote {}", path.display());
        }
    }
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--package", "wonin", "--test", "readme"])
        .env("WONIN_WRITE_README", "1")
        .current_dir(&root)
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("README.md could not be written")) }
}

/// Pages of modes that are gone.
pub fn stale(root: &Path, pages: &BTreeMap<PathBuf, String>) -> io::Result<Vec<PathBuf>> {
    let dir = root.join("docs/modes");
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).into_iter().flatten() {
        let name = entry?.file_name();
        if !pages.contains_key(&Path::new("docs/modes").join(&name)) {
            found.push(dir.join(name));
        }
    }
    found.sort();
    Ok(found)
}
