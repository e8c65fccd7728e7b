//! Which files form a project.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wonin_syntax::Node;

use super::documents::{Document, Documents, services};
use super::project::Plan;
use super::value::Notes;
use crate::paths;

/// Base files in the order in which Compose looks for them.
const BASES: &[&str] =
    &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Files that Compose lays over the base unasked; the first that exists is taken.
const OVERRIDES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Whether a file name says Compose by itself.
pub(crate) fn is_compose_name(path: &str) -> bool {
    let name = paths::file_name(path);
    let rest = name.strip_prefix("docker-compose").or(name.strip_prefix("compose"));
    paths::is_yaml(path) && rest.is_some_and(|rest| rest.starts_with(['.', '-', '_']))
}

/// Whether a document describes Compose services. Under a name of its own `services` may be
/// anything (a values file of a chart, a configuration of one's own).
pub(crate) fn is_compose(document: &Document) -> bool {
    if is_compose_name(&document.path) {
        return true;
    }
    let mut all = document.roots.iter().flat_map(services).map(|entry| &entry.value);
    all.any(|service| {
        service.get("image").is_some_and(|image| image.as_str().is_some())
            || service.get("build").is_some()
            || service.get("extends").is_some()
    })
}

/// The outcome of looking at all Compose files.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// Projects, in the order of directory and file.
    pub(crate) projects: Vec<Plan>,
    /// Files that only count on top of another, and why.
    pub(crate) overlays: Vec<(String, String)>,
    /// Files that others include; projects of their own where nobody reaches them.
    pub(crate) included: Vec<String>,
}

/// Sorts the Compose files into projects.
pub(crate) fn plan(documents: &mut Documents<'_, '_>, files: &[Rc<Document>]) -> Plans {
    let (included, extended) = named(files);
    let mut by_dir: BTreeMap<&str, Vec<&Rc<Document>>> = BTreeMap::new();
    for file in files {
        by_dir.entry(paths::directory(&file.path)).or_default().push(file);
    }
    let mut plans = Plans::default();
    for (dir, files) in by_dir {
        let mut project = Plan { dir: dir.to_owned(), files: chosen(documents, dir, &files) };
        project.files.retain(|path| !included.contains(path));
        let base = project.files.first().and_then(|path| documents.compose(path).ok());
        let before = plans.projects.len();
        for file in &files {
            let path = &file.path;
            if included.contains(path) {
                plans.included.push(path.clone());
            } else if !project.files.contains(path) && !extended.contains(path) {
                match role(file, base.as_deref()) {
                    Role::Nothing => {}
                    Role::Alone => plans.projects.push(alone(path)),
                    Role::Addition => project.files.push(path.clone()),
                    Role::Overlay(why) => plans.overlays.push((path.clone(), why)),
                }
            }
        }
        if !project.files.is_empty() {
            plans.projects.insert(before, project);
        }
    }
    plans
}

/// What a file is that Compose takes only when asked to.
enum Role {
    /// It has no services.
    Nothing,
    /// A stack of its own.
    Alone,
    /// More services for the base, to which its own services refer.
    Addition,
    /// Other values for services of another file, and why.
    Overlay(String),
}

fn role(file: &Document, base: Option<&Document>) -> Role {
    if file.roots.iter().all(|root| services(root).is_empty()) {
        Role::Nothing
    } else if let Some(why) = overlay(file, base) {
        Role::Overlay(why)
    } else if base.is_some_and(|base| adds_to(file, base)) {
        Role::Addition
    } else {
        Role::Alone
    }
}

/// Whether a file brings new services that need services or networks of `base`: Compose refuses
/// it without that, so it is meant to be given along with it (`-f base -f file`).
fn adds_to(file: &Document, base: &Document) -> bool {
    let all = || file.roots.iter().flat_map(services);
    let is_new = |name: &str| base.last_service(name).is_none();
    if !all().filter_map(|entry| entry.key.as_str()).all(is_new) {
        return false;
    }
    let has_network = |document: &Document, name: &str| {
        let mut networks = document.roots.iter().filter_map(|root| root.get("networks"));
        networks.any(|networks| networks.get(name).is_some())
    };
    let needs_service = |name: &str| file.last_service(name).is_none() && !is_new(name);
    let needs_network = |name: &str| !has_network(file, name) && has_network(base, name);
    all().any(|entry| {
        let names = |key| entry.value.get(key).into_iter().flat_map(names_in);
        names("depends_on").any(needs_service)
            || names("links").any(|link| needs_service(link.split(':').next().unwrap_or(link)))
            || names("networks").any(needs_network)
    })
}

/// The names in a list, or the keys of a mapping.
fn names_in(node: &Node) -> impl Iterator<Item = &str> {
    let keys = node.entries().iter().map(|entry| &entry.key);
    node.items().iter().chain(keys).filter_map(Node::as_str)
}

/// The project of one file.
pub(crate) fn alone(path: &str) -> Plan {
    Plan { dir: paths::directory(path).to_owned(), files: vec![path.to_owned()] }
}

/// The files that Compose takes in a directory when nothing is asked for: `COMPOSE_FILE` of
/// `.env`, else the base with its override.
fn chosen(documents: &mut Documents<'_, '_>, dir: &str, files: &[&Rc<Document>]) -> Vec<String> {
    // What is wrong in `.env` is noted when the project is loaded.
    let environment = documents.environment(dir, &mut Notes::new());
    let separator = environment.list("COMPOSE_PATH_SEPARATOR", "\n").pop();
    let given = environment.list("COMPOSE_FILE", separator.as_deref().unwrap_or(":"));
    if !given.is_empty() {
        return given.iter().map(|path| paths::join(dir, path)).collect();
    }
    let first_of = |names: &[&str]| {
        let mut paths = names.iter().map(|name| paths::join(dir, name));
        paths.find(|path| files.iter().any(|file| file.path == *path))
    };
    match first_of(BASES) {
        Some(base) => std::iter::once(base).chain(first_of(OVERRIDES)).collect(),
        None => Vec::new(),
    }
}

/// Files that others name under `include`, and under `extends`.
fn named(files: &[Rc<Document>]) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut included = BTreeSet::new();
    let mut extended = BTreeSet::new();
    for document in files {
        let dir = paths::directory(&document.path);
        let path_of = |node: &Node| Some(paths::join(dir, node.as_str()?));
        let is_other = |path: &String| *path != document.path;
        for root in &document.roots {
            for item in root.get("include").map(Node::items).unwrap_or_default() {
                let path = item.get("path").unwrap_or(item);
                let all = path.items().iter().chain([path]).filter_map(path_of);
                included.extend(all.filter(is_other));
            }
            for entry in services(root) {
                let file = entry.value.at(&["extends", "file"]).and_then(path_of);
                extended.extend(file.filter(is_other));
            }
        }
    }
    (included, extended)
}

/// Why a file only counts on top of another: Compose would refuse it alone, or it merely adds to
/// services that the base of its directory already describes.
fn overlay(file: &Document, base: Option<&Document>) -> Option<String> {
    let all = || file.roots.iter().flat_map(services);
    let what = base.map_or("another file".to_owned(), |base| format!("`{}`", base.path));
    let has = |node: &Node, key| node.get(key).is_some();
    let incomplete = all().find(|entry| {
        let node = &entry.value;
        !has(node, "image")
            && !has(node, "build")
            && !has(node, "extends")
            && !has(node, "provider")
    });
    if let Some(entry) = incomplete {
        let name = entry.key.as_str().unwrap_or_default();
        return Some(format!(
            "only counts on top of {what}: `{name}` has neither image nor build; not diagnosed"
        ));
    }
    let base = base?;
    let (mut here, mut below) = (0, 0);
    for entry in all() {
        here += entry.value.entries().len();
        below += base.last_service(entry.key.as_str()?)?.value.entries().len();
    }
    (here > 0 && here * 2 <= below).then(|| {
        format!("only counts on top of {what}: adds to services described there; not diagnosed")
    })
}
