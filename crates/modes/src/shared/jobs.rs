//! Services that are meant to end.

use wonin_model::{Condition, Origin, Restart, Service, Stack};

/// Jobs that are meant to end: others wait for their end, they start on demand only, or their name
/// says so.
pub(crate) fn runs_once(stack: &Stack, service: &Service) -> bool {
    const JOBS: [&str; 8] = ["init", "migrat", "setup", "seed", "create", "test", "job", "cli"];
    let name = service.name.value.to_ascii_lowercase();
    let awaited =
        stack.services.iter().filter(|other| other.project == service.project).any(|other| {
            let mut dependencies = other.depends_on.iter();
            dependencies.any(|on| {
                on.service.value == service.name.value && on.condition.value == Condition::Completed
            })
        });
    let ends = service.restart.as_ref().is_some_and(|restart| {
        restart.value == Restart::No && matches!(restart.origin, Origin::Written(_))
    });
    awaited || ends || !service.profiles.is_empty() || JOBS.iter().any(|job| name.contains(job))
}
