//! Who depends on whom.

use std::collections::BTreeMap;

use wonin_model::{Dependency, Service, Stack};

/// The dependencies of a stack by the service that they name.
#[derive(Debug)]
pub(crate) struct Dependents<'a> {
    by_project: BTreeMap<usize, BTreeMap<&'a str, Vec<&'a Dependency>>>,
}

impl<'a> Dependents<'a> {
    /// Of all services.
    pub(crate) fn of(stack: &'a Stack) -> Self {
        let mut by_project: BTreeMap<usize, BTreeMap<&str, Vec<&Dependency>>> = BTreeMap::new();
        for service in &stack.services {
            let by_name = by_project.entry(service.project).or_default();
            for dependency in &service.depends_on {
                by_name.entry(&dependency.service.value).or_default().push(dependency);
            }
        }
        Self { by_project }
    }

    /// What names this service.
    pub(crate) fn on(&self, service: &Service) -> &[&'a Dependency] {
        let by_name = self.by_project.get(&service.project);
        let named = by_name.and_then(|names| names.get(service.name.value.as_str()));
        named.map_or(&[], Vec::as_slice)
    }
}
