//! Services that are meant to end.

use wonin_model::{Condition, Origin, Restart, Service, Stack};

/// Jobs that are meant to end: others wait for their end, they start on demand only, or their name
/// says so.
pub(crate) fn runs_once(stack: &Stack, service: &Service) -> bool {
    const JOBS: [&str; 8] = ["init", "migrat", "setup", "seed", "create", "test", "job", "cli"];
    let name = service.name.value.to_ascii_lowercase();
    let awaited = || {
        stack.services_of(service.project).any(|(_, other)| {
            let mut dependencies = other.depends_on.iter();
            dependencies.any(|on| {
                on.condition.value == Condition::Completed && on.service.value == service.name.value
            })
        })
    };
    let ends = service.restart.as_ref().is_some_and(|restart| {
        restart.value == Restart::No && matches!(restart.origin, Origin::Written(_))
    });
    ends || !service.profiles.is_empty() || JOBS.iter().any(|job| name.contains(job)) || awaited()
}
