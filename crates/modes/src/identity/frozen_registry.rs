//! # A registry that stops forgetting
//!
//! ## What fails
//!
//! An instance dies and callers are still sent to it, minutes and hours later, although leases last
//! only 90 seconds.
//!
//! ## Why
//!
//! Eureka evicts expired leases only while enough of them are renewed. With n instances it expects
//! 2·n renewals a minute and stops evicting once no more than floor(2·n·0.85) arrive: it takes the
//! loss for its own network failure. In a fleet of up to 6 instances a single dead one is enough,
//! because 2·(n−1) ≤ floor(2·n·0.85).
//!
//! ## Example
//!
//! ```yaml registry/src/main/resources/application.yml
//! spring:
//!   application:
//!     name: registry
//! eureka:
//!   client:
//!     register-with-eureka: false
//!     fetch-registry: false
//!   server:
//!     enable-self-preservation: true
//! ```
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   application:
//!     name: orders
//! eureka:
//!   client:
//!     service-url:
//!       defaultZone: http://registry:8761/eureka/
//! ```
//!
//! ## Fix
//!
//! ```yaml registry/src/main/resources/application.yml
//! spring:
//!   application:
//!     name: registry
//! eureka:
//!   client:
//!     register-with-eureka: false
//!     fetch-registry: false
//!   server:
//!     enable-self-preservation: false
//! ```
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   application:
//!     name: orders
//! eureka:
//!   client:
//!     service-url:
//!       defaultZone: http://registry:8761/eureka/
//! ```
//!
//! ## How to rehearse
//!
//! Kill one instance, ask `/eureka/apps` after three minutes.
//!
//! ## Evidence
//!
//! - Netflix Eureka 1.10: `DefaultEurekaServerConfig` (self-preservation on, 0.85, 30 s),
//!   `AbstractInstanceRegistry.updateRenewsPerMinThreshold`,
//!   `PeerAwareInstanceRegistryImpl.isLeaseExpirationEnabled`, `LeaseInfo` (90 s).

use wonin_model::{
    App, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, Role, ServerProduct,
    Severity, Stack,
};
use wonin_text::Place;

use crate::shared::seen::{all_of, recognise};
use crate::shared::words::count;

pub(crate) struct FrozenRegistry;

static META: ModeMeta = ModeMeta {
    id: "frozen-registry",
    family: "identity",
    summary: "the registry stops evicting dead instances of a small fleet",
    source: include_str!("frozen_registry.rs"),
};

const SWITCH: &str = "eureka.server.enable-self-preservation";
const SHARE: &str = "eureka.server.renewal-percent-threshold";

impl Mode for FrozenRegistry {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let registries = registries(stack);
        let clients: Vec<&App> =
            stack.apps.iter().filter(|app| registers(app) && !is_registry(stack, app)).collect();
        let mut own = Vec::new();
        // With several registries it cannot be told who registers where.
        if let [registry] = registries.as_slice() {
            own.extend(finding(stack, registry, &clients));
        }
        let shown = all_of(
            evidence,
            &[("eureka.emergency", "the registry keeps instances whose leases have run out")],
        );
        recognise(&mut own, &shown, || {
            let title = "the registry is in self-preservation: it evicts nobody and goes on naming dead instances";
            let finding = Finding::new(&META, title)
                .weigh(Role::Cause, Severity::High, 92)
                .arithmetic("renewals in the last minute < 85 % of those expected")
                .leads_to("stale-registration");
            Some(finding.fix(Fix::advice("in a small fleet set eureka.server.enable-self-preservation=false; find out why renewals are missing")))
        });
        findings.extend(own);
    }
}

/// A Eureka server: an application with its settings, or a container alone.
struct Registry<'a> {
    name: &'a str,
    place: Place,
    app: Option<&'a App>,
}

fn registries(stack: &Stack) -> Vec<Registry<'_>> {
    let mut found: Vec<Registry<'_>> = stack
        .apps
        .iter()
        .filter(|app| is_registry(stack, app))
        .map(|app| Registry { name: &app.name, place: app.place, app: Some(app) })
        .collect();
    let known: Vec<_> = stack
        .apps
        .iter()
        .filter(|app| is_registry(stack, app))
        .filter_map(|app| app.service)
        .collect();
    for server in stack.servers.iter().filter(|one| one.product == ServerProduct::Eureka) {
        if !server.service.is_some_and(|service| known.contains(&service)) {
            found.push(Registry { name: &server.name, place: server.place, app: None });
        }
    }
    found
}

/// An application with settings of the server, or behind a service that is known to be one.
fn is_registry(stack: &Stack, app: &App) -> bool {
    let server = app
        .properties
        .iter()
        .any(|(name, value)| name.starts_with("eureka.server.") && !value.origin.is_default());
    let runs =
        |service| stack.servers_of(service).any(|(_, one)| one.product == ServerProduct::Eureka);
    server || app.service.is_some_and(runs)
}

/// An application with settings of the client that does not keep itself out.
fn registers(app: &App) -> bool {
    let own = app.properties.bool("eureka.client.register-with-eureka");
    let enabled = app.properties.bool("eureka.client.enabled");
    let client = app.properties.iter().any(|(name, value)| {
        (name.starts_with("eureka.client.") || name.starts_with("eureka.instance."))
            && !value.origin.is_default()
    });
    client && own.is_none_or(|own| own.value) && enabled.is_none_or(|enabled| enabled.value)
}

fn finding(stack: &Stack, registry: &Registry<'_>, clients: &[&App]) -> Option<Finding> {
    let settings = registry.app.map(|app| &app.properties);
    let switch =
        settings.and_then(|settings| settings.written(SWITCH)).cloned().unwrap_or_else(|| {
            let of = "Netflix Eureka 1.10 server";
            Located::default_of("true".to_owned(), of, "DefaultEurekaServerConfig")
        });
    if switch.value.trim() == "false" || !switch.origin.is_certain() {
        return None;
    }
    let share =
        settings.and_then(|settings| settings.written(SHARE)).cloned().unwrap_or_else(|| {
            let of = "Netflix Eureka 1.10 server";
            Located::default_of("0.85".to_owned(), of, "DefaultEurekaServerConfig")
        });
    let threshold_share: f64 = share.value.trim().parse().ok()?;
    let own = registry.app.is_some_and(registers);
    let instances: usize =
        clients.iter().map(|app| instances(stack, app)).sum::<usize>() + usize::from(own);
    if clients.is_empty() || !stays_frozen(instances, threshold_share) {
        return None;
    }
    let expected = 2 * instances;
    let threshold = (expected as f64 * threshold_share).floor() as usize;
    let title = format!(
        "{} registered in {}: once 1 of them dies, nothing is evicted any more",
        count(instances, "instance"),
        registry.name
    );
    let mut finding = Finding::new(&META, title)
        .service(registry.name)
        .weigh(Role::Contributing, Severity::Medium, 85)
        .arithmetic(format!(
            "expected 2 x {instances} = {expected} renewals/min, threshold floor({expected} x {}) = \
             {threshold}; without 1 instance 2 x {} = {} <= {threshold}",
            share.value.trim(),
            instances - 1,
            expected - 2
        ))
        .because("self-preservation", &switch)
        .because_at("the registry", Origin::Written(registry.place))
        .because("threshold", &share)
        .leads_to("calls-to-dead-instances");
    for app in clients {
        let claim = format!("{} registers", app.name);
        finding = finding.because_at(claim, Origin::Written(app.place));
    }
    let how = format!("set {SWITCH}=false in a fleet this small");
    Some(finding.fix(Fix::replace(how, &switch, "false")))
}

fn instances(stack: &Stack, app: &App) -> usize {
    let replicas = app.service.and_then(|id| stack.service(id).replicas.as_ref());
    replicas.map_or(1, |replicas| replicas.value as usize)
}

/// Whether the renewals of all but one stay at or below the threshold.
fn stays_frozen(instances: usize, share: f64) -> bool {
    let expected = 2.0 * instances as f64;
    instances > 0 && share > 0.0 && expected - 2.0 <= (expected * share).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_six_instances_freeze_the_registry() {
        let frozen: Vec<usize> = (0..12).filter(|n| stays_frozen(*n, 0.85)).collect();
        assert_eq!(frozen, [1, 2, 3, 4, 5, 6]);
        assert!(!stays_frozen(3, 0.49) && !stays_frozen(3, 0.0));
    }
}
