//! Which service of the stack an address leads to.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use wonin_model::{App, Evidence, Located, Server, ServerProduct, Service, ServiceId, Stack};
use wonin_text::{FileId, Place};

use super::hosts::{Endpoint, endpoint, is_loopback};

/// The first host of a JDBC URL (`jdbc:postgresql://db:5432/shop?ssl=true`); `None` for drivers
/// without a host.
pub(crate) fn jdbc_endpoint(url: &Located<String>) -> Option<Endpoint> {
    let text = url.value.as_str();
    let after_scheme = text.starts_with("jdbc:").then(|| text.find("://"))?? + 3;
    let rest = text.get(after_scheme..)?;
    let length = rest.find(['/', '?', ';', ',']).unwrap_or(rest.len());
    let found = endpoint(&url.part(after_scheme..after_scheme + length));
    (!found.host.value.is_empty()).then_some(found)
}

/// The service that an address leads to, seen from a service or, without one, from the host.
pub(crate) fn service_at(
    stack: &Stack,
    from: Option<ServiceId>,
    to: &Endpoint,
) -> Option<ServiceId> {
    let host = to.host.value.as_str();
    match from.filter(|&id| !uses_host_network(stack, id)) {
        Some(from) if is_loopback(host) => Some(from),
        Some(from) => stack.resolve(stack.service(from).project, host),
        None if is_loopback(host) => published_by(stack, to.port?),
        None => only_holder(stack, host),
    }
}

/// How many containers answer to a name: several with a shared alias or replicas.
pub(crate) fn holders(stack: &Stack, from: Option<ServiceId>, host: &str) -> usize {
    let instances = |service: &Service| {
        let count = service.replicas.as_ref().map_or(1, |replicas| replicas.value as usize);
        if service.answers_to(host) { count } else { 0 }
    };
    if let Some(id) = from {
        let neighbours = stack.services_of(stack.service(id).project);
        return neighbours.map(|(_, service)| instances(service)).sum();
    }
    // Which project is meant is not known: the one with the most has the last word.
    let mut by_project: BTreeMap<usize, usize> = BTreeMap::new();
    for service in &stack.services {
        *by_project.entry(service.project).or_default() += instances(service);
    }
    by_project.into_values().max().unwrap_or(0)
}

/// The application that a service runs.
pub(crate) fn app_of(stack: &Stack, service: ServiceId) -> Option<&App> {
    stack.app_of(service)
}

/// Index of the application that a source file belongs to: the one with the deepest directory
/// above it.
pub(crate) fn app_index(evidence: &Evidence, file: FileId) -> Option<usize> {
    let path = evidence.sources.file(file).path();
    let above = |dir: &str| {
        dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
    };
    let apps = evidence.stack.apps.iter().enumerate().filter(|(_, app)| above(&app.dir));
    apps.max_by_key(|(index, app)| (app.dir.len(), Reverse(*index))).map(|(index, _)| index)
}

/// Who runs a piece of code, for people: the service, else the application its file belongs to.
pub(crate) fn code_owner(
    evidence: &Evidence,
    service: Option<ServiceId>,
    place: Option<Place>,
) -> Option<String> {
    let stack = &evidence.stack;
    if let Some(id) = service {
        return Some(stack.service(id).name.value.clone());
    }
    Some(stack.apps[app_index(evidence, place?.file)?].name.clone())
}

/// The relational database that a service runs, with its position among the servers.
pub(crate) fn database_of(stack: &Stack, service: ServiceId) -> Option<(usize, &Server)> {
    let is_database = |product| {
        matches!(product, ServerProduct::Postgres | ServerProduct::MySql | ServerProduct::MariaDb)
    };
    stack.servers_of(service).find(|(_, server)| is_database(server.product))
}

/// The database that an application's `spring.datasource.url` leads to, with its position among the
/// servers.
pub(crate) fn datasource_of<'s>(stack: &'s Stack, app: &App) -> Option<(usize, &'s Server)> {
    let url = app.properties.get("spring.datasource.url").filter(|url| url.origin.is_certain())?;
    let to = jdbc_endpoint(url)?;
    database_of(stack, service_at(stack, app.service, &to)?)
}

/// Entrypoint and command as one list of words, shell strings taken apart at blanks.
pub(crate) fn command_words(stack: &Stack, service: ServiceId) -> Vec<Located<String>> {
    let service = stack.service(service);
    let parts = [service.entrypoint.as_ref(), service.command.as_ref()];
    let mut words = Vec::new();
    for part in parts.into_iter().flatten().filter(|part| part.origin.is_certain()) {
        let pieces = part.value.iter().flat_map(|word| word.split_whitespace());
        words.extend(pieces.map(|piece| part.with(piece.to_owned())));
    }
    words
}

fn uses_host_network(stack: &Stack, id: ServiceId) -> bool {
    stack.service(id).network_mode.as_ref().is_some_and(|mode| mode.value == "host")
}

fn published_by(stack: &Stack, port: u16) -> Option<ServiceId> {
    let publishes = |id: &ServiceId| {
        stack.service(*id).ports.iter().any(|given| given.value.published == Some(port))
    };
    stack.services().map(|(id, _)| id).find(publishes)
}

/// From the host a service's name resolves only by an entry of its own, which then means the
/// project that has it.
fn only_holder(stack: &Stack, host: &str) -> Option<ServiceId> {
    let mut known = (0..stack.projects.len()).filter_map(|project| stack.resolve(project, host));
    let first = known.next()?;
    known.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_text::{FileId, Place, Span};

    fn target(url: &str) -> Option<String> {
        let place = Place { file: FileId(0), span: Span::new(0, url.len()) };
        jdbc_endpoint(&Located::written(url.to_owned(), place)).map(|to| to.address())
    }

    #[test]
    fn jdbc_urls_lead_to_their_first_host() {
        assert_eq!(target("jdbc:postgresql://db:5432/shop?a=b").as_deref(), Some("db:5432"));
        assert_eq!(target("jdbc:mysql://db/shop").as_deref(), Some("db"));
        assert_eq!(target("jdbc:mysql://a:1,b:2/shop").as_deref(), Some("a:1"));
        assert_eq!(target("jdbc:h2:mem:shop"), None);
        assert_eq!(target("http://db"), None);
        assert_eq!(target("jdbc:x://"), None);
    }
}
