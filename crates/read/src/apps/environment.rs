//! What the environment of services alone tells: applications whose files are not here, and
//! session tokens.

use std::collections::BTreeSet;

use wonin_model::{Condition, FrozenCredentials, Located, Service, ServiceId, Stack};

use super::modules::Module;

/// Prefixes of variables that only an application of Spring Boot reads.
const SPRING: &[&str] = &[
    "SPRING_APPLICATION_",
    "SPRING_CLOUD_",
    "SPRING_DATA_",
    "SPRING_DATASOURCE_",
    "SPRING_JPA_",
    "SPRING_KAFKA_",
    "SPRING_PROFILES_",
    "SPRING_RABBITMQ_",
    "SPRING_REDIS_",
];

/// Services that run an application of Spring Boot none of whose files were found: as modules
/// without files.
pub(super) fn alone<'a>(
    stack: &Stack,
    attached: &[Option<ServiceId>],
) -> Vec<(Module<'a>, ServiceId)> {
    let mut found = Vec::new();
    for (id, service) in stack.services().filter(|(id, _)| !attached.contains(&Some(*id))) {
        let mut variables = service.environment.iter();
        let first = variables.find(|(name, _)| SPRING.iter().any(|p| name.starts_with(p)));
        if let Some(place) = first.and_then(|(_, value)| value.place()) {
            let module = Module {
                dir: stack.project_of(id).dir.clone(),
                place: Some(place),
                title: Some(service.name.value.clone()),
                ..Module::default()
            };
            found.push((module, id));
        }
    }
    found
}

/// Session tokens in the environment of services that go on running: they are read once and
/// expire, and they come before the role of the machine (failure-knowledge 10).
pub(super) fn session_tokens(stack: &Stack) -> Vec<FrozenCredentials> {
    let name = "AWS_SESSION_TOKEN";
    let once = run_once(stack);
    let mut found = Vec::new();
    for (id, service) in stack.services().filter(|(id, _)| !once.contains(id)) {
        let token = service.environment.get(name).filter(|token| holds_something(token));
        if let Some(token) = token {
            found.push(FrozenCredentials {
                frozen: token.with(name.to_owned()),
                client: None,
                provider: None,
                kept_by: Some(service.name.clone()),
                temporary: true,
                service: Some(id),
            });
        }
    }
    found
}

/// Whether a variable has a value, or takes one from whoever starts the stack.
fn holds_something(token: &Located<String>) -> bool {
    !token.value.trim().is_empty() || !token.origin.is_certain()
}

/// Services that others wait to see completed.
fn run_once(stack: &Stack) -> BTreeSet<ServiceId> {
    let waited = |service: &Service| {
        let dependencies = service.depends_on.iter();
        let completed = dependencies.filter(|d| d.condition.value == Condition::Completed);
        let names = completed.filter_map(|d| stack.resolve(service.project, &d.service.value));
        names.collect::<Vec<_>>()
    };
    stack.services.iter().flat_map(waited).collect()
}
