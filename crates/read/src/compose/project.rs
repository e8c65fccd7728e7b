//! One project: its files with what they include and extend, merged.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use indexmap::IndexMap;
use wonin_model::{Inheritance, Located, Project, Service};
use wonin_syntax::{Entry, Node};
use wonin_text::{FileId, Place};

use super::documents::{Document, Documents, services};
use super::env::{Chain, Environment};
use super::interpolate::{Growth, Variables, fill};
use super::merge::{Layer, canonical, merge};
use super::mounts::HostPaths;
use super::networks::{drop_replaced_pools, networks, volumes};
use super::service::{Handed, Surroundings, is_known, service};
use super::value::{Converter, Data, Field, Map, Notes, Value, inherit};
use crate::paths;

/// How many files may include one another in a row, and how many services may extend one another.
const MOST_IN_A_ROW: usize = 100;

/// What makes up a project: its directory and its files in the order of merging.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) dir: String,
    pub(crate) files: Vec<String>,
}

/// A service with what its Dockerfile is found by.
pub(crate) struct Built {
    pub(crate) service: Service,
    pub(crate) build: Option<Value>,
}

/// A project with its services.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    pub(crate) services: Vec<Built>,
    /// Paths of all files that had a part in it.
    pub(crate) used: BTreeSet<String>,
}

/// One root of one file, with the variables that count in it.
struct FileLayer {
    document: Rc<Document>,
    root: usize,
    scope: Rc<Environment>,
    /// The files that include this one, outermost first.
    included_by: Vec<FileId>,
}

/// Loads what `plan` names; `project` is the index it will have.
pub(crate) fn load(documents: &mut Documents<'_, '_>, plan: &Plan, project: usize) -> Loaded {
    let mut notes = Notes::new();
    let mut scope = documents.environment(&plan.dir, &mut notes);
    let name = name(documents, plan, &scope, &notes.growth);
    scope.add_given(&name);
    let scope = Rc::new(scope);
    let mut loader = Loader {
        documents,
        notes,
        layers: Vec::new(),
        dirs: HashMap::new(),
        bases: HashMap::new(),
        used: BTreeSet::new(),
    };
    for path in &plan.files {
        match loader.documents.compose(path) {
            Ok(document) => loader.add(&document, &plan.dir, &scope, &mut Vec::new()),
            Err(why) => loader.documents.joining.skip_file(path, why),
        }
    }
    let (outcome, notes) = loader.project(plan, name, &scope, project);
    for (place, why) in notes.finish() {
        documents.joining.skip(place, why);
    }
    outcome
}

/// The project's name: `COMPOSE_PROJECT_NAME`, the last `name:`, the directory.
fn name(
    documents: &mut Documents<'_, '_>,
    plan: &Plan,
    scope: &Environment,
    growth: &Growth,
) -> String {
    if let Some(name) = scope.variable("COMPOSE_PROJECT_NAME") {
        return name.value.clone();
    }
    for path in plan.files.iter().rev() {
        let Ok(document) = documents.compose(path) else { continue };
        let written = document.roots.iter().rev().find_map(|root| root.get("name")?.as_str());
        if let Some(written) = written {
            let filled = fill(written, scope, growth).map(|filled| filled.value);
            return filled.unwrap_or_else(|| written.to_owned());
        }
    }
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let dir = paths::file_name(&plan.dir).to_lowercase();
    dir.chars().filter(is_part).collect()
}

struct Loader<'d, 'j, 'a> {
    documents: &'d mut Documents<'j, 'a>,
    notes: Notes,
    layers: Vec<FileLayer>,
    /// The directory that relative paths of a file start from.
    dirs: HashMap<FileId, String>,
    /// Services that others extend, resolved.
    bases: HashMap<(FileId, String), Rc<Map>>,
    used: BTreeSet<String>,
}

impl Loader<'_, '_, '_> {
    /// Adds a file as layers, those that it includes first.
    fn add(
        &mut self,
        document: &Rc<Document>,
        dir: &str,
        scope: &Rc<Environment>,
        included_by: &mut Vec<FileId>,
    ) {
        self.used.insert(document.path.clone());
        self.dirs.entry(document.file).or_insert_with(|| dir.to_owned());
        for root in 0..document.roots.len() {
            included_by.push(document.file);
            self.includes(document, root, dir, scope, included_by);
            included_by.pop();
            self.layers.push(FileLayer {
                document: Rc::clone(document),
                root,
                scope: Rc::clone(scope),
                included_by: included_by.clone(),
            });
        }
    }

    fn includes(
        &mut self,
        document: &Rc<Document>,
        root: usize,
        dir: &str,
        scope: &Rc<Environment>,
        included_by: &mut Vec<FileId>,
    ) {
        let Some(node) = document.roots[root].get("include") else { return };
        let list = self.converter(document.file, scope.as_ref()).value(node, &[], 1);
        for item in list.as_ref().map(Value::items).unwrap_or_default() {
            let given = match &item.data {
                Data::Map(_) => item.at(&["path"]).map(Value::texts).unwrap_or_default(),
                _ => item.texts(),
            };
            let Some(first) = given.first() else { continue };
            let inner_dir = match item.text_at(&["project_directory"]) {
                Some(given) => paths::join(dir, &given.value),
                None => paths::directory(&paths::join(dir, &first.value)).to_owned(),
            };
            let inner = self.inner_scope(item, dir, &inner_dir, scope);
            for path in &given {
                self.include(path, dir, &inner_dir, &inner, included_by);
            }
        }
    }

    /// The variables of an included project: its own below those of the project that includes it.
    fn inner_scope(
        &mut self,
        item: &Value,
        dir: &str,
        inner_dir: &str,
        outer: &Rc<Environment>,
    ) -> Rc<Environment> {
        let mut inner = Environment::default();
        let given = item.at(&["env_file"]).map(Value::texts).unwrap_or_default();
        if given.is_empty() {
            inner = self.documents.environment(inner_dir, &mut self.notes);
        }
        for path in given {
            let Some(place) = path.place() else { continue };
            let from = paths::join(dir, &path.value);
            match self.documents.environment_file(&from) {
                Ok(Some((file, root))) => {
                    inner.add(file, &root, outer.as_ref(), &mut self.notes);
                }
                Ok(None) => {}
                Err(why) => self.notes.skip(place, format!("`{from}` cannot be read: {why}")),
            }
        }
        if !self.notes.share(outer.0.len(), item.place) {
            return Rc::clone(outer);
        }
        inner.0.extend(outer.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        Rc::new(inner)
    }

    fn include(
        &mut self,
        given: &Located<String>,
        dir: &str,
        inner_dir: &str,
        scope: &Rc<Environment>,
        included_by: &mut Vec<FileId>,
    ) {
        let Some(place) = given.place() else { return };
        let path = paths::join(dir, &given.value);
        match self.documents.compose(&path) {
            Err(why) => self.notes.skip(place, format!("`{path}` cannot be read: {why}")),
            Ok(document) if included_by.contains(&document.file) => {
                self.notes.skip(place, format!("`{path}` includes itself: left out here"));
            }
            Ok(_) if included_by.len() >= MOST_IN_A_ROW => {
                let why = format!("more than {MOST_IN_A_ROW} files include one another in a row");
                self.notes.skip(place, why);
            }
            // Included twice it is the same thing still.
            Ok(_) if self.used.contains(&path) => {}
            Ok(document) => self.add(&document, inner_dir, scope, included_by),
        }
    }

    /// Services by name with the layers that have them, in the order of merging. Names come in the
    /// order of the project's own files, included ones last.
    fn names(&mut self) -> IndexMap<String, Vec<usize>> {
        let mut names: IndexMap<String, Vec<usize>> = IndexMap::new();
        let (own, included): (Vec<&FileLayer>, Vec<&FileLayer>) =
            self.layers.iter().partition(|layer| layer.included_by.is_empty());
        for layer in own.into_iter().chain(included) {
            let entries = services(&layer.document.roots[layer.root]);
            for name in entries.iter().filter_map(|entry| entry.key.as_str()) {
                if !names.contains_key(name) {
                    names.insert(name.to_owned(), Vec::new());
                }
            }
        }
        for (index, layer) in self.layers.iter().enumerate() {
            for entry in services(&layer.document.roots[layer.root]) {
                let Some(name) = entry.key.as_str() else { continue };
                let Some(having) = names.get_mut(name) else { continue };
                let before = having.len();
                let layers = &self.layers;
                having.retain(|&other| !layers[other].included_by.contains(&layer.document.file));
                if having.len() < before {
                    let file = layer.document.file;
                    let place = Place { file, span: entry.key.value_span() };
                    let why = format!("`{name}` is also in an included file: Compose refuses both");
                    self.notes.skip(place, why);
                }
                having.push(index);
            }
        }
        names
    }

    fn project(
        mut self,
        plan: &Plan,
        name: String,
        scope: &Rc<Environment>,
        project: usize,
    ) -> (Loaded, Notes) {
        let networks_map = self.top_level("networks");
        let volumes_map = self.top_level("volumes");
        let handed =
            Handed { configs: self.top_level("configs"), secrets: self.top_level("secrets") };
        let active = scope.list("COMPOSE_PROFILES", ",");
        let mut services = Vec::new();
        for (name, layers) in self.names() {
            services.extend(self.service(&name, &layers, project, &handed, &active));
        }
        let own = self.layers.iter().filter(|layer| layer.included_by.is_empty());
        let mut files: Vec<Place> = own.map(|layer| layer.document.place()).collect();
        files.dedup();
        let project = Project {
            dir: plan.dir.clone(),
            name,
            files,
            networks: networks(&networks_map),
            volumes: volumes(&volumes_map),
        };
        (Loaded { project, services, used: self.used }, self.notes)
    }

    /// A top-level mapping, all layers merged.
    fn top_level(&mut self, key: &str) -> Map {
        let mut merged = Map::new();
        for index in 0..self.layers.len() {
            let layer = &self.layers[index];
            let Some(node) = layer.document.roots[layer.root].get(key).cloned() else { continue };
            let (file, scope) = (layer.document.file, Rc::clone(&layer.scope));
            let map = self.converter(file, scope.as_ref()).map_of(&node, |_| true);
            merge(&mut merged, map, Layer::Override);
        }
        drop_replaced_pools(&mut merged);
        merged
    }

    fn service(
        &mut self,
        name: &str,
        layers: &[usize],
        project: usize,
        handed: &Handed,
        active: &[String],
    ) -> Option<Built> {
        let mut merged = Map::new();
        let first = &self.layers[*layers.first()?];
        let (document, scope) = (Rc::clone(&first.document), Rc::clone(&first.scope));
        let entry = document.service(first.root, name)?;
        for &index in layers {
            let layer = &self.layers[index];
            let (document, root) = (Rc::clone(&layer.document), layer.root);
            let scope = Rc::clone(&layer.scope);
            let Some(entry) = document.service(root, name) else { continue };
            let map = self.resolved(&document, name, entry, &scope, &mut Vec::new());
            merge(&mut merged, map, Layer::Override);
        }
        let env_file = self.env_files(&merged, &scope);
        let place = |node: &Node| Place { file: document.file, span: node.value_span() };
        let dirs = &self.dirs;
        let base = |at: &Located<String>| {
            let dir = at.place().and_then(|place| dirs.get(&place.file));
            dir.cloned().unwrap_or_default()
        };
        let host = HostPaths { known: self.documents.joining.paths(), base: &base };
        let variables: &Environment = &scope;
        let around = Surroundings { project, variables, host: &host, handed, active, env_file };
        let build = merged.get("build").map(|field| field.value.clone());
        let body = body(&document, entry, self.documents.joining.text(document.file));
        let key = Located::written(name.to_owned(), place(&entry.key));
        let service = service(key, body, merged, &around, &mut self.notes);
        Some(Built { service, build })
    }

    /// The keys of a service in one file, with those that it extends below them.
    fn resolved(
        &mut self,
        document: &Rc<Document>,
        name: &str,
        entry: &Entry,
        scope: &Rc<Environment>,
        chain: &mut Vec<(FileId, String)>,
    ) -> Map {
        let id = (document.file, name.to_owned());
        let is_last =
            document.last_service(name).is_some_and(|last| last.key.span == entry.key.span);
        if let Some(known) = self.bases.get(&id).filter(|_| is_last) {
            return known.as_ref().clone();
        }
        let mut map = self.converter(document.file, scope.as_ref()).map_of(&entry.value, is_known);
        canonical(&mut map);
        let Some(extends) = map.shift_remove("extends") else { return map };
        chain.push(id);
        let base = self.base(document, &extends, scope, chain);
        chain.pop();
        match base {
            Some(mut base) => {
                merge(&mut base, map, Layer::Extending);
                base
            }
            None => map,
        }
    }

    /// What `extends` names, marked as inherited.
    fn base(
        &mut self,
        document: &Rc<Document>,
        extends: &Field,
        scope: &Rc<Environment>,
        chain: &mut Vec<(FileId, String)>,
    ) -> Option<Map> {
        let name = &extends.value.text_at(&["service"])?.value;
        let (document, place) = match extends.value.text_at(&["file"]) {
            Some(file) => {
                let dir = self.dirs.get(&document.file).cloned().unwrap_or_default();
                let path = paths::join(&dir, &file.value);
                match self.documents.compose(&path) {
                    Ok(other) => (other, file.place()?),
                    Err(why) => {
                        self.notes.skip(file.place()?, format!("`{path}` cannot be read: {why}"));
                        return None;
                    }
                }
            }
            None => (Rc::clone(document), extends.value.place),
        };
        let Some(entry) = document.last_service(name) else {
            let why = format!("cannot extend `{name}`: no such service in `{}`", document.path);
            self.notes.skip(place, why);
            return None;
        };
        self.used.insert(document.path.clone());
        let home = || paths::directory(&document.path).to_owned();
        self.dirs.entry(document.file).or_insert_with(home);
        let id = (document.file, name.clone());
        if let Some(why) = endless(chain, &id) {
            self.notes.skip(place, why);
            return None;
        }
        let resolved = if let Some(known) = self.bases.get(&id) {
            Rc::clone(known)
        } else {
            let map = Rc::new(self.resolved(&document, name, entry, scope, chain));
            self.bases.insert(id, Rc::clone(&map));
            map
        };
        let count = resolved.values().map(|field| field.value.count()).sum();
        if !self.notes.share(count, place) {
            return None;
        }
        let mut base = resolved.as_ref().clone();
        for field in base.values_mut() {
            field.value.inherit(extends.key, Inheritance::Extends);
        }
        Some(base)
    }

    /// The values of all files under `env_file`, a later file over an earlier one.
    fn env_files(
        &mut self,
        keys: &Map,
        scope: &Rc<Environment>,
    ) -> std::collections::BTreeMap<String, Located<String>> {
        let mut all = Environment::default();
        let files = keys.get("env_file").map(|field| field.value.items()).unwrap_or_default();
        if files.is_empty() {
            return all.0;
        }
        let mut own = Environment::default();
        if let Some(environment) = keys.get("environment") {
            for (name, field) in environment.value.fields() {
                own.0.extend(field.value.text().map(|text| (name.clone(), text.clone())));
            }
        }
        let mut unique: IndexMap<&str, (&Located<String>, bool)> = IndexMap::new();
        for item in files {
            let Some(path) = item.text().or(item.text_at(&["path"])) else { continue };
            let required = item.text_at(&["required"]).is_none_or(|text| text.value != "false");
            unique.insert(&path.value, (path, required));
        }
        for (path, required) in unique.into_values() {
            let Some(place) = path.place() else { continue };
            let dir = self.dirs.get(&place.file).cloned().unwrap_or_default();
            let from = paths::join(&dir, &path.value);
            match self.documents.environment_file(&from) {
                Ok(Some((file, root))) if self.notes.share(root.entries().len(), place) => {
                    let mut values = Environment::default();
                    let outer = Chain(&[scope.as_ref(), &own, &all]);
                    values.add(file, &root, &outer, &mut self.notes);
                    for (name, mut value) in values.0 {
                        inherit(&mut value.origin, place, Inheritance::EnvFile);
                        all.0.insert(name, value);
                    }
                }
                Err(why) if required => {
                    self.notes.skip(place, format!("`{from}` cannot be read: {why}"));
                }
                Ok(_) | Err(_) => {}
            }
        }
        all.0
    }

    fn converter<'s>(&'s mut self, file: FileId, variables: &'s dyn Variables) -> Converter<'s> {
        Converter { file, variables, notes: &mut self.notes }
    }
}

/// Why a service cannot be extended from within `chain`.
fn endless(chain: &[(FileId, String)], next: &(FileId, String)) -> Option<String> {
    if let Some(from) = chain.iter().position(|known| known == next) {
        let names = chain[from..].iter().chain([next]).map(|(_, name)| name.as_str());
        let circle: Vec<&str> = names.collect();
        return Some(format!("`extends` goes in a circle: {}", circle.join(" → ")));
    }
    (chain.len() >= MOST_IN_A_ROW)
        .then(|| format!("more than {MOST_IN_A_ROW} services extend one another in a row"))
}

/// The first key under a service that stands there itself, in block form: where a key can be
/// inserted.
fn body(document: &Document, entry: &Entry, text: &str) -> Option<Place> {
    let value = &entry.value;
    let first = value.entries().iter().find(|entry| entry.key.via().is_none())?;
    let is_flow = text.as_bytes().get(value.span.start as usize) == Some(&b'{');
    (value.via().is_none() && !is_flow)
        .then_some(Place { file: document.file, span: first.key.span })
}
