//! Properties that wonin knows by name, with their defaults.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use wonin_model::{Origin, Settings};

use super::names::bare;

/// Properties whose environment variables must be recognised though no file names them, besides
/// Kafka's.
const NAMES: &[&str] = &[
    "eureka.client.registry-fetch-interval-seconds",
    "eureka.client.service-url.default-zone",
    "eureka.instance.hostname",
    "eureka.instance.lease-expiration-duration-in-seconds",
    "eureka.instance.lease-renewal-interval-in-seconds",
    "eureka.instance.prefer-ip-address",
    "eureka.server.enable-self-preservation",
    "eureka.server.eviction-interval-timer-in-ms",
    "eureka.server.renewal-percent-threshold",
    "management.endpoint.health.probes.enabled",
    "management.endpoint.health.show-details",
    "management.endpoints.web.base-path",
    "management.endpoints.web.exposure.include",
    "management.server.port",
    "server.connection-timeout",
    "server.port",
    "server.servlet.context-path",
    "server.shutdown",
    "server.tomcat.accept-count",
    "server.tomcat.connection-timeout",
    "server.tomcat.keep-alive-timeout",
    "server.tomcat.max-connections",
    "server.tomcat.threads.max",
    "server.undertow.threads.worker",
    "spring.application.name",
    "spring.cloud.config.uri",
    "spring.data.mongodb.uri",
    "spring.data.redis.cluster.nodes",
    "spring.data.redis.host",
    "spring.data.redis.port",
    "spring.data.redis.sentinel.nodes",
    "spring.data.redis.timeout",
    "spring.datasource.hikari.connection-timeout",
    "spring.datasource.hikari.idle-timeout",
    "spring.datasource.hikari.leak-detection-threshold",
    "spring.datasource.hikari.max-lifetime",
    "spring.datasource.hikari.maximum-pool-size",
    "spring.datasource.hikari.minimum-idle",
    "spring.datasource.hikari.validation-timeout",
    "spring.datasource.password",
    "spring.datasource.url",
    "spring.datasource.username",
    "spring.elasticsearch.uris",
    "spring.lifecycle.timeout-per-shutdown-phase",
    "spring.mvc.async.request-timeout",
    "spring.profiles.active",
    "spring.profiles.include",
    "spring.rabbitmq.addresses",
    "spring.rabbitmq.host",
    "spring.rabbitmq.port",
    "spring.redis.cluster.nodes",
    "spring.redis.host",
    "spring.redis.port",
    "spring.redis.sentinel.nodes",
    "spring.redis.timeout",
    "spring.task.execution.pool.core-size",
    "spring.task.execution.pool.max-size",
    "spring.task.execution.pool.queue-capacity",
    "spring.task.scheduling.pool.size",
];

/// Every property that is known by name, by what it shares with its environment variable.
pub(crate) static BY_BARE_NAME: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let own = NAMES.iter().map(|name| (*name).to_owned());
    let all = own.chain(super::kafka_keys::dedicated_names());
    all.map(|name| (bare(&name), name)).collect()
});

/// Defaults of the connection pool, for applications with a data source (HikariCP README,
/// "Frequently used").
const POOL: &[(&str, &str)] = &[
    ("spring.datasource.hikari.connection-timeout", "30000"),
    ("spring.datasource.hikari.idle-timeout", "600000"),
    ("spring.datasource.hikari.max-lifetime", "1800000"),
    ("spring.datasource.hikari.maximum-pool-size", "10"),
];

/// Defaults of the embedded web server (Spring Boot, common application properties; the
/// keep-alive timeout is that of connections, which Tomcat sets to 60 s).
const TOMCAT: &[(&str, &str)] =
    &[("server.tomcat.keep-alive-timeout", "60000"), ("server.tomcat.threads.max", "200")];

// Made once: a large stack has thousands of applications.
static OF_POOL: LazyLock<Origin> =
    LazyLock::new(|| Origin::default_of("HikariCP", "HikariCP README, Frequently used"));

static OF_TOMCAT: LazyLock<Origin> = LazyLock::new(|| {
    let source = "Spring Boot documentation, Common Application Properties";
    Origin::default_of("Spring Boot with Tomcat", source)
});

/// Which defaults apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// It has a data source behind a Hikari pool.
    pub(crate) pool: bool,
    /// It serves HTTP with Tomcat.
    pub(crate) tomcat: bool,
}

/// Fills in the defaults that apply.
pub(crate) fn fill(properties: &mut Settings, parts: Parts) {
    if parts.pool {
        properties.set_defaults(POOL, &OF_POOL);
    }
    if parts.tomcat {
        if let Some(written) = properties.written("server.tomcat.connection-timeout").cloned() {
            properties.set_default("server.tomcat.keep-alive-timeout", || written);
        }
        properties.set_defaults(TOMCAT, &OF_TOMCAT);
    }
}
