//! The parsed files that projects are made of: those of the walk, and those that others name.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use wonin_syntax::dockerfile::{self, Dockerfile};
use wonin_syntax::{Entry, Node, Tree, dotenv, yaml};
use wonin_text::{FileId, Place};

use super::env::Environment;
use super::value::Notes;
use crate::fragment::{Content, Fragment};
use crate::paths;
use crate::pipeline::Joining;

/// One Compose file.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its number.
    pub(crate) file: FileId,
    /// Its path.
    pub(crate) path: String,
    /// Its YAML documents; a later one is laid over an earlier one.
    pub(crate) roots: Vec<Node>,
    /// For each root the services by name.
    services: Vec<HashMap<String, usize>>,
}

impl Document {
    fn new(file: FileId, path: &str, roots: Vec<Node>) -> Self {
        let services = roots
            .iter()
            .map(|root| {
                let entries = services(root).iter().enumerate();
                entries
                    .filter_map(|(at, entry)| Some((entry.key.as_str()?.to_owned(), at)))
                    .collect()
            })
            .collect();
        Self { file, path: path.to_owned(), roots, services }
    }

    /// The entry of a service in one of the roots.
    pub(crate) fn service(&self, root: usize, name: &str) -> Option<&Entry> {
        let at = *self.services.get(root)?.get(name)?;
        services(&self.roots[root]).get(at)
    }

    /// The entry of a service in the last root that has it.
    pub(crate) fn last_service(&self, name: &str) -> Option<&Entry> {
        (0..self.roots.len()).rev().find_map(|root| self.service(root, name))
    }

    /// The first byte.
    pub(crate) fn place(&self) -> Place {
        Place { file: self.file, span: wonin_text::Span::default() }
    }
}

/// The entries under `services`.
pub(crate) fn services(root: &Node) -> &[Entry] {
    root.get("services").map(Node::entries).unwrap_or_default()
}

/// All files, each parsed once.
pub(crate) struct Documents<'j, 'a> {
    pub(crate) joining: &'j mut Joining<'a>,
    compose: HashMap<String, Rc<Document>>,
    environments: HashMap<String, Option<(FileId, Node)>>,
    dockerfiles: HashMap<String, (FileId, Arc<Dockerfile>)>,
    instructions_left: usize,
}

/// How many instructions of Dockerfiles are carried out, over all services of all projects: a
/// thousand services may be built from one long file.
const MOST_INSTRUCTIONS: usize = 2_000_000;

impl<'j, 'a> Documents<'j, 'a> {
    pub(crate) fn new(joining: &'j mut Joining<'a>) -> Self {
        let mut compose = HashMap::new();
        let mut dockerfiles = HashMap::new();
        for Fragment { file, path, content, .. } in &mut joining.fragments {
            match content {
                // Taken, so that the trees are gone once the projects are joined.
                Content::Compose(tree) => {
                    let roots = std::mem::take(&mut tree.documents);
                    let document = Document::new(*file, path, roots);
                    compose.insert(path.clone(), Rc::new(document));
                }
                Content::Dockerfile(parsed) => {
                    dockerfiles.insert(path.clone(), (*file, Arc::clone(parsed)));
                }
                _ => {}
            }
        }
        Self {
            joining,
            compose,
            environments: HashMap::new(),
            dockerfiles,
            instructions_left: MOST_INSTRUCTIONS,
        }
    }

    /// A Compose file by path; or why it cannot be had.
    pub(crate) fn compose(&mut self, path: &str) -> Result<Rc<Document>, String> {
        if let Some(known) = self.compose.get(path) {
            return Ok(Rc::clone(known));
        }
        let file = self.joining.load(path)?;
        let tree = yaml::parse(self.joining.text(file));
        self.note_problems(file, &tree);
        self.joining.note_read(file, super::NAME);
        let document = Rc::new(Document::new(file, path, tree.documents));
        self.compose.insert(path.to_owned(), Rc::clone(&document));
        Ok(document)
    }

    /// An environment file by path, empty files as `None`; or why it cannot be had.
    pub(crate) fn environment_file(
        &mut self,
        path: &str,
    ) -> Result<Option<(FileId, Node)>, String> {
        if let Some(known) = self.environments.get(path) {
            return Ok(known.clone());
        }
        let file = self.joining.load(path)?;
        let mut tree = dotenv::parse(self.joining.text(file));
        self.note_problems(file, &tree);
        self.joining.note_read(file, "env");
        let parsed = tree.documents.pop().map(|root| (file, root));
        self.environments.insert(path.to_owned(), parsed.clone());
        Ok(parsed)
    }

    /// A Dockerfile by path; or why it cannot be had.
    pub(crate) fn dockerfile(&mut self, path: &str) -> Result<(FileId, Arc<Dockerfile>), String> {
        let (file, dockerfile) = self.parsed_dockerfile(path)?;
        let count = dockerfile.stages.iter().map(|stage| 1 + stage.instructions.len()).sum();
        match self.instructions_left.checked_sub(count) {
            Some(left) => self.instructions_left = left,
            None => return Err(format!("more than {MOST_INSTRUCTIONS} instructions in all")),
        }
        Ok((file, dockerfile))
    }

    fn parsed_dockerfile(&mut self, path: &str) -> Result<(FileId, Arc<Dockerfile>), String> {
        if let Some((file, known)) = self.dockerfiles.get(path) {
            return Ok((*file, Arc::clone(known)));
        }
        let file = self.joining.load(path)?;
        let mut parsed = dockerfile::parse(self.joining.text(file));
        for problem in parsed.problems.drain(..) {
            self.joining.skip(Place { file, span: problem.span }, problem.message);
        }
        self.joining.note_read(file, crate::dockerfile::NAME);
        let parsed = Arc::new(parsed);
        self.dockerfiles.insert(path.to_owned(), (file, Arc::clone(&parsed)));
        Ok((file, parsed))
    }

    /// The variables of a project directory: its `.env`, where there is one. The environment of
    /// the process is not consulted, so that equal files give equal results.
    pub(crate) fn environment(&mut self, dir: &str, notes: &mut Notes) -> Environment {
        let path = paths::join(dir, ".env");
        let mut environment = Environment::default();
        match self.environment_file(&path) {
            Ok(Some((file, root))) => {
                environment.add(file, &root, &Environment::default(), notes);
            }
            Ok(None) => {}
            Err(why) => {
                if self.joining.exists(&path) {
                    self.joining.skip_file(&path, why);
                }
            }
        }
        environment
    }

    fn note_problems(&mut self, file: FileId, tree: &Tree) {
        for problem in &tree.problems {
            self.joining.skip(Place { file, span: problem.span }, problem.message.clone());
        }
    }
}
