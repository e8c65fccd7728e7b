//! Variables: `.env` of a project, and the files of `env_file`.

use std::collections::BTreeMap;

use wonin_model::Located;
use wonin_syntax::{Content, Node, Style};
use wonin_text::{FileId, Place};

use super::interpolate::Variables;
use super::value::{Notes, located};

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(pub(crate) BTreeMap<String, Located<String>>);

impl Variables for Environment {
    fn variable(&self, name: &str) -> Option<&Located<String>> {
        self.0.get(name)
    }
}

/// Several places to look a variable up, the first that has it wins.
pub(crate) struct Chain<'a>(pub(crate) &'a [&'a dyn Variables]);

impl Variables for Chain<'_> {
    fn variable(&self, name: &str) -> Option<&Located<String>> {
        self.0.iter().find_map(|variables| variables.variable(name))
    }
}

impl Environment {
    /// Adds the variables of an environment file; its own override what is known. Values may use
    /// variables of `outer` and those that stand before them; a name alone takes the variable of
    /// `outer`.
    pub(crate) fn add(
        &mut self,
        file: FileId,
        root: &Node,
        outer: &dyn Variables,
        notes: &mut Notes,
    ) {
        for entry in root.entries() {
            let Some(name) = entry.key.as_str() else { continue };
            let place = Place { file, span: entry.value.value_span() };
            let value = match &entry.value.content {
                Content::Scalar(scalar) if scalar.style == Style::Single => {
                    Some(Located::written(scalar.value.to_string(), place))
                }
                Content::Scalar(scalar) => {
                    let variables = Chain(&[outer, &*self]);
                    Some(located(&scalar.value, place, scalar.verbatim, &variables, notes))
                }
                _ => outer.variable(name).cloned(),
            };
            self.0.extend(value.map(|value| (name.to_owned(), value)));
        }
    }

    /// Adds what every shell and Compose itself define: the directory in which Compose is started,
    /// the home directory, and the name of the project.
    pub(crate) fn add_given(&mut self, project: &str) {
        let given = [("PWD", "."), ("HOME", "~"), ("COMPOSE_PROJECT_NAME", project)];
        for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
            self.0.entry(name.to_owned()).or_insert_with(|| {
                let source = "Docker documentation, \"Pre-defined environment variables\"";
                Located::default_of(value.to_owned(), "shell and Compose", source)
            });
        }
    }

    /// A variable that holds a list.
    pub(crate) fn list(&self, name: &str, separator: &str) -> Vec<String> {
        let parts = self.0.get(name).into_iter().flat_map(|found| found.value.split(separator));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}
