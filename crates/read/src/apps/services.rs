//! Which service runs which module.

use std::collections::BTreeMap;

use wonin_model::{ServiceId, Stack};

use super::modules::{Module, above};
use crate::paths::file_name;

/// How a module was found to belong to a service, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// The service is built from the module's directory.
    Built,
    /// The service is built from a directory above or below.
    BuiltAround,
    /// Service, container or image bear the module's or the application's name.
    Named,
}

/// The service of each module; none where several could be meant, and no service twice unless its
/// build names the directory itself.
pub(super) fn attach(modules: &[Module<'_>], stack: &Stack) -> Vec<Option<ServiceId>> {
    let ties: Vec<Option<(Tie, ServiceId)>> =
        modules.iter().map(|module| tie(module, stack)).collect();
    let mut claims: BTreeMap<ServiceId, (Tie, usize)> = BTreeMap::new();
    for (tie, id) in ties.iter().flatten() {
        let claim = claims.entry(*id).or_insert((*tie, 0));
        if *tie < claim.0 {
            *claim = (*tie, 0);
        }
        claim.1 += usize::from(*tie == claim.0);
    }
    let holds = |(tie, id): (Tie, ServiceId)| {
        claims.get(&id).is_some_and(|claim| *claim == (tie, 1)).then_some(id)
    };
    ties.into_iter().map(|tie| tie.and_then(holds)).collect()
}

fn tie(module: &Module<'_>, stack: &Stack) -> Option<(Tie, ServiceId)> {
    let names = names(module);
    for dir in above(&module.dir) {
        let built = services(stack, |context| context == dir);
        if let Some(id) = chosen(&built, &names, stack) {
            let tie = if dir == module.dir { Tie::Built } else { Tie::BuiltAround };
            return Some((tie, id));
        }
        if !built.is_empty() {
            break;
        }
    }
    if !module.dir.is_empty() {
        let inside = format!("{}/", module.dir);
        let below = services(stack, |context| context.starts_with(&inside));
        if let [id] = below[..] {
            return Some((Tie::BuiltAround, id));
        }
    }
    let all: Vec<ServiceId> = stack.services().map(|(id, _)| id).collect();
    named(&all, &names, stack).map(|id| (Tie::Named, id))
}

/// Services whose build context fits; one path, two spellings: the top is empty.
fn services(stack: &Stack, fits: impl Fn(&str) -> bool) -> Vec<ServiceId> {
    let built = stack.services().filter(|(_, service)| {
        service.build_context.as_ref().is_some_and(|context| {
            let context = context.value.trim_start_matches("./").trim_end_matches('/');
            fits(if context == "." { "" } else { context })
        })
    });
    built.map(|(id, _)| id).collect()
}

fn chosen(built: &[ServiceId], names: &[String], stack: &Stack) -> Option<ServiceId> {
    match built {
        [id] => Some(*id),
        _ => named(built, names, stack),
    }
}

/// The only service that bears one of the names.
fn named(services: &[ServiceId], names: &[String], stack: &Stack) -> Option<ServiceId> {
    let bears = |id: &ServiceId| {
        let service = stack.service(*id);
        let container = service.container_name.as_ref().map_or("", |name| name.value.as_str());
        let image = file_name(service.repository());
        names
            .iter()
            .any(|name| [service.name.value.as_str(), container, image].contains(&name.as_str()))
    };
    let mut found = services.iter().copied().filter(bears);
    found.next().filter(|_| found.next().is_none())
}

/// Names by which a module may be known.
fn names(module: &Module<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if !module.dir.is_empty() {
        names.push(module.name().to_owned());
    }
    let entries = module.spring.iter().flat_map(|(_, _, file)| &file.documents);
    for entry in entries.flat_map(|document| &document.entries) {
        if entry.name == "spring.application.name" {
            names.push(entry.value.value.clone());
        }
    }
    names
}
