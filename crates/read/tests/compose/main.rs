//! Compose projects as Compose itself reads them.

mod builds;
mod files;
mod merging;
mod places;
mod scale;
mod services;
mod variables;

use wonin_model::{Evidence, Located, Origin, Service, Stack};
use wonin_read::{MemoryFiles, read};
use wonin_text::Place;

/// Evidence of files given as pairs of path and text.
fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

/// Evidence of one `docker-compose.yml`.
fn of_compose(text: &str) -> Evidence {
    evidence(&[("docker-compose.yml", text)])
}

/// The service of this name in the first project.
fn service<'e>(evidence: &'e Evidence, name: &str) -> &'e Service {
    in_project(&evidence.stack, 0, name)
}

fn in_project<'e>(stack: &'e Stack, project: usize, name: &str) -> &'e Service {
    let mut all = stack.services.iter();
    all.find(|service| service.project == project && service.name.value == name)
        .unwrap_or_else(|| panic!("no service {name}"))
}

/// The text at a place, with its file.
fn at(evidence: &Evidence, place: Place) -> String {
    let path = evidence.sources.file(place.file).path();
    format!("{path}: {}", evidence.sources.slice(place))
}

/// Value and text at the place of a written value, which must be equal.
fn written(evidence: &Evidence, value: &Located<String>) -> String {
    let Origin::Written(place) = value.origin else { panic!("not written: {:?}", value.origin) };
    assert_eq!(evidence.sources.slice(place), value.value);
    value.value.clone()
}

/// The complaints as `path:line: why`.
fn skipped(evidence: &Evidence) -> Vec<String> {
    let line = |place: Place| evidence.sources.position(place).line;
    let shown = |skipped: &wonin_model::Skipped| match skipped.place {
        Some(place) => format!("{}:{}: {}", skipped.path, line(place), skipped.why),
        None => format!("{}: {}", skipped.path, skipped.why),
    };
    evidence.skipped.iter().map(shown).collect()
}

/// The environment of a service as `KEY=value`.
fn environment(service: &Service) -> Vec<String> {
    service.environment.iter().map(|(key, value)| format!("{key}={}", value.value)).collect()
}
