//! Compose projects: files, variables, merging, services (Compose specification).

mod documents;
mod env;
mod files;
mod health;
pub(crate) mod image;
pub(crate) mod interpolate;
mod merge;
mod mounts;
mod networks;
pub(crate) mod ports;
mod project;
mod service;
pub(crate) mod units;
mod value;

use std::collections::BTreeSet;
use std::rc::Rc;

use wonin_model::{Located, Service, Skipped};
use wonin_syntax::{Node, Tree, yaml};
use wonin_text::{FileId, Place, SourceFile};

use crate::dockerfile::{self, Build};
use crate::fragment::{Content, Format};
use crate::paths;
use crate::pipeline::Joining;
use documents::{Document, Documents};
use project::{Built, Loaded, Plan};
use value::Value;

/// The format's name under `read`.
pub(crate) const NAME: &str = "compose";

/// Compose files, by name or by a top-level mapping `services`.
pub(crate) const FORMAT: Format = Format { name: NAME, claims, accepts, parse };

fn claims(path: &str) -> bool {
    paths::is_yaml(path)
}

fn accepts(path: &str, text: &str) -> bool {
    files::is_compose_name(path) && !text.trim().is_empty() || has_services(text)
}

/// Whether nothing came out of a broken text: no services, and no files that may have some.
pub(crate) fn is_hollow(tree: &Tree) -> bool {
    let has = |key| tree.documents.iter().any(|document| document.get(key).is_some_and(has_any));
    !has("services") && !has("include")
}

fn has_any(node: &Node) -> bool {
    !node.entries().is_empty() || !node.items().is_empty()
}

/// Whether a line begins with `services:` and an indented mapping follows.
fn has_services(text: &str) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].find("services:") {
        let start = from + at;
        from = start + "services:".len();
        let begins_line = start == 0 || text.as_bytes()[start - 1] == b'\n';
        if !begins_line {
            continue;
        }
        let mut lines = text[from..].lines().map(str::trim_end);
        let same_line = lines.next().unwrap_or_default().trim_start();
        let next = lines.find(|line| !line.is_empty() && !line.trim_start().starts_with('#'));
        return match same_line.chars().next() {
            None | Some('#' | '&') => next.is_some_and(|line| {
                line.starts_with([' ', '\t']) && !line.trim_start().starts_with("- ")
            }),
            Some(first) => first == '{',
        };
    }
    false
}

fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let mut tree = yaml::parse(file.text());
    skipped.extend(tree.problems.drain(..).map(|problem| Skipped {
        path: file.path().to_owned(),
        place: Some(Place { file: id, span: problem.span }),
        why: problem.message,
    }));
    Content::Compose(tree)
}

/// Puts the Compose projects and their services into the stack.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let paths: Vec<String> = joining
        .fragments
        .iter()
        .filter(|fragment| matches!(fragment.content, Content::Compose(_)))
        .map(|fragment| fragment.path.clone())
        .collect();
    let mut documents = Documents::new(joining);
    let all = paths.iter().filter_map(|path| documents.compose(path).ok());
    let (files, others): (Vec<Rc<Document>>, _) = all.partition(|file| files::is_compose(file));
    forget(documents.joining, &others);

    let plans = files::plan(&mut documents, &files);
    for (path, why) in plans.overlays {
        documents.joining.skip_file(&path, why);
    }
    let mut used = BTreeSet::new();
    for plan in &plans.projects {
        used.append(&mut add(&mut documents, plan));
    }
    // Files that only include one another are reached by no project: the first begins one.
    for path in plans.included {
        if !used.contains(&path) {
            used.append(&mut add(&mut documents, &files::alone(&path)));
        }
    }
    joining.evidence.stack.services.shrink_to_fit();
}

/// Takes files that turned out to be something else out of what was read.
fn forget(joining: &mut Joining<'_>, others: &[Rc<Document>]) {
    let others: BTreeSet<FileId> = others.iter().map(|other| other.file).collect();
    let is_other = |file: FileId| others.contains(&file);
    joining.evidence.read.retain(|read| !is_other(read.file));
    joining.fragments.retain(|fragment| !is_other(fragment.file));
}

/// Loads a project into the stack; says which files had a part in it.
fn add(documents: &mut Documents<'_, '_>, plan: &Plan) -> BTreeSet<String> {
    let index = documents.joining.evidence.stack.projects.len();
    let Loaded { project, services, used } = project::load(documents, plan, index);
    let stack = &mut documents.joining.evidence.stack;
    stack.projects.push(project);
    for Built { mut service, build } in services {
        if let Some(build) = build {
            complete(documents, &mut service, &build);
        }
        fit(&mut service);
        documents.joining.evidence.stack.services.push(service);
    }
    used
}

/// Gives back what lists have reserved: most hold one entry in the room of four, and a stack may
/// have thousands of services.
fn fit(service: &mut Service) {
    service.depends_on.shrink_to_fit();
    service.mounts.shrink_to_fit();
    service.networks.shrink_to_fit();
    service.ports.shrink_to_fit();
}

/// Completes a service by its Dockerfile, where that is among the files.
fn complete(documents: &mut Documents<'_, '_>, service: &mut Service, keys: &Value) {
    let Some(context) = &service.build_context else { return };
    if service::is_foreign(&context.value) || keys.at(&["dockerfile_inline"]).is_some() {
        return;
    }
    let given = keys.text_at(&["dockerfile"]).filter(|name| !name.value.is_empty());
    let name = given.map_or("Dockerfile", |name| name.value.as_str());
    let path = paths::join(&context.value, name);
    let at = given.or(keys.text_at(&["context"])).and_then(Located::place).unwrap_or(keys.place);
    match documents.dockerfile(&path) {
        Ok((file, dockerfile)) => {
            let args = keys.at(&["args"]).into_iter().flat_map(Value::fields);
            let build = Build {
                place: Some(at),
                target: keys.text_at(&["target"]).map(|target| target.value.clone()),
                args: args
                    .filter_map(|(name, field)| Some((name.clone(), field.value.text()?.clone())))
                    .collect(),
            };
            service.dockerfile = Some(path);
            dockerfile::complete(service, &build, file, &dockerfile);
        }
        Err(why) => documents.joining.skip(at, format!("`{path}` cannot be read: {why}")),
    }
}
