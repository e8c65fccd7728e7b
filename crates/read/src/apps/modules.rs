//! Which files belong together: one module for each directory that holds `src/main`, a build file
//! or a configuration.

use std::collections::BTreeMap;

use wonin_syntax::java::Unit;
use wonin_text::{FileId, Place};

use crate::build::BuildFile;
use crate::fragment::{Content, Fragment};
use crate::paths::{directory, file_name};
use crate::spring::SpringFile;

/// The files of one module.
#[derive(Clone, Debug, Default)]
pub(super) struct Module<'a> {
    /// Its directory relative to the given path; empty for the top.
    pub(super) dir: String,
    /// Spring's files with their paths, in order.
    pub(super) spring: Vec<(&'a str, FileId, &'a SpringFile)>,
    /// Java files, in the order of paths.
    pub(super) units: Vec<(FileId, &'a Unit)>,
    /// Build files that count: its own, then those of the directories above.
    pub(super) build: Vec<&'a BuildFile>,
    /// Where it begins, if it has no files and only a service tells of it; with that its name.
    pub(super) place: Option<Place>,
    pub(super) title: Option<String>,
}

impl<'a> Module<'a> {
    /// The last part of its directory.
    pub(super) fn name(&self) -> &str {
        if let Some(title) = &self.title {
            return title;
        }
        match file_name(&self.dir) {
            "" => "application",
            name => name,
        }
    }

    /// Spring's files as the layers take them.
    pub(super) fn spring_files(&self) -> Vec<(&'a str, &'a SpringFile)> {
        self.spring.iter().map(|(path, _, file)| (*path, *file)).collect()
    }
}

/// All modules, by directory.
pub(super) fn modules(fragments: &[Fragment]) -> Vec<Module<'_>> {
    let mut homes: BTreeMap<String, Module<'_>> = BTreeMap::new();
    let mut builds: BTreeMap<&str, Vec<&BuildFile>> = BTreeMap::new();
    for fragment in fragments {
        match &fragment.content {
            Content::Build(build) => {
                // Gradle keeps its catalogue one directory down.
                let dir = directory(&fragment.path);
                let dir = if file_name(dir) == "gradle" { directory(dir) } else { dir };
                builds.entry(dir).or_default().push(build);
            }
            Content::Spring(file) => {
                if let Some(home) = home_of_configuration(&fragment.path) {
                    let module = homes.entry(home.to_owned()).or_default();
                    module.spring.push((&fragment.path, fragment.file, file));
                }
            }
            Content::Java(unit) => {
                if let Some(home) = before(&fragment.path, "src/main/") {
                    let module = homes.entry(home.to_owned()).or_default();
                    module.units.push((fragment.file, unit));
                }
            }
            _ => {}
        }
    }
    loose_code(fragments, &mut homes, &builds);
    homes.retain(|_, module| {
        if is_of_another_framework(module) {
            module.spring.clear();
        }
        !module.spring.is_empty() || !module.units.is_empty()
    });
    for (dir, module) in &mut homes {
        module.dir.clone_from(dir);
        module.build = above(dir).filter_map(|dir| builds.get(dir)).flatten().copied().collect();
    }
    homes.into_values().collect()
}

/// Micronaut and Quarkus have files of the same name.
fn is_of_another_framework(module: &Module<'_>) -> bool {
    let documents = module.spring.iter().flat_map(|(_, _, file)| &file.documents);
    let mut entries = documents.flat_map(|document| &document.entries);
    let by_key = entries
        .any(|entry| entry.name.starts_with("micronaut.") || entry.name.starts_with("quarkus."));
    by_key || module.units.iter().any(|(_, unit)| unit.imports_below("io.micronaut"))
}

/// Java files outside `src/main` belong to the nearest module above them, else to the nearest
/// build file, else to their own directory.
fn loose_code<'a>(
    fragments: &'a [Fragment],
    homes: &mut BTreeMap<String, Module<'a>>,
    builds: &BTreeMap<&str, Vec<&'a BuildFile>>,
) {
    for fragment in fragments {
        let Content::Java(unit) = &fragment.content else { continue };
        if before(&fragment.path, "src/main/").is_some() {
            continue;
        }
        let own = directory(&fragment.path);
        let known = above(own).find(|dir| homes.contains_key(*dir) || builds.contains_key(dir));
        let home = known.unwrap_or_else(|| before(&fragment.path, "src/").unwrap_or(own));
        let module = homes.entry(home.to_owned()).or_default();
        module.units.push((fragment.file, unit));
    }
}

/// The module whose configuration a file is: `src/main/resources` and its `config`, or a directory
/// and its `config` where the archive is started. Files deeper in the resources are served to
/// others (as a configuration server does) or not read at all.
fn home_of_configuration(path: &str) -> Option<&str> {
    let dir = directory(path);
    if let Some(home) = before(path, "src/main/resources/") {
        let below = path[home.len()..].trim_start_matches('/');
        let below = directory(below.strip_prefix("src/main/resources/")?);
        return matches!(below, "" | "config").then_some(home);
    }
    let dir = if file_name(dir) == "config" { directory(dir) } else { dir };
    Some(if file_name(dir) == "resources" { directory(dir) } else { dir })
}

/// The directory before `part` of a path.
fn before<'p>(path: &'p str, part: &str) -> Option<&'p str> {
    if path.starts_with(part) {
        return Some("");
    }
    let at = path.find(&format!("/{part}"))?;
    Some(&path[..at])
}

/// A directory and all above it, the nearest first.
pub(super) fn above(dir: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(dir), |dir| (!dir.is_empty()).then(|| directory(dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_of_configuration() {
        for (path, home) in [
            ("app/src/main/resources/application.yml", Some("app")),
            ("src/main/resources/config/application.yml", Some("")),
            ("src/main/resources/shared/application.yml", None),
            ("app/config/application.yml", Some("app")),
            ("application.properties", Some("")),
            ("app/resources/application.yml", Some("app")),
        ] {
            assert_eq!(home_of_configuration(path), home, "{path}");
        }
        assert_eq!(above("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }
}
