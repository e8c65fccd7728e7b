//! Names of Spring properties: many spellings, one canonical form.
//!
//! Spring Boot documentation, "Relaxed Binding": `maximum-pool-size`, `maximumPoolSize`,
//! `maximum_pool_size` and, in the environment, `MAXIMUMPOOLSIZE` name the same thing. A dot
//! separates elements, so `session.timeout.ms` is never `session-timeout-ms`.

/// Prefixes below which the text of a key is kept as it is: they bind to maps.
const MAPS: &[&str] = &[
    "eureka.instance.metadata-map.",
    "logging.level.",
    "spring.cloud.stream.kafka.binder.configuration.",
    "spring.cloud.stream.kafka.binder.consumer-properties.",
    "spring.cloud.stream.kafka.binder.producer-properties.",
    "spring.datasource.hikari.data-source-properties.",
    "spring.jpa.properties.",
    "spring.kafka.admin.properties.",
    "spring.kafka.consumer.properties.",
    "spring.kafka.jaas.options.",
    "spring.kafka.producer.properties.",
    "spring.kafka.properties.",
    "spring.kafka.streams.properties.",
    "spring.quartz.properties.",
];

/// First elements that Spring's own properties have: an environment variable that begins so is a
/// property even where no file mentions it.
const OWN: &[&str] = &["SPRING_", "SERVER_", "EUREKA_", "MANAGEMENT_"];

/// The canonical form of a key: elements in kebab-case joined by dots, list indices in brackets,
/// map keys as they are.
pub(crate) fn canonical(written: &str) -> String {
    let mut name = String::with_capacity(written.len() + 4);
    let mut rest = written;
    while !rest.is_empty() {
        if in_map(&name) {
            name.push_str(&plain_map_key(rest));
            break;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']').unwrap_or((inside, ""));
            if key.bytes().all(|b| b.is_ascii_digit()) {
                name.push('[');
                name.push_str(key);
                name.push(']');
            } else {
                dot(&mut name);
                name.push_str(key);
            }
            rest = after.strip_prefix('.').unwrap_or(after);
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        dot(&mut name);
        kebab(&rest[..end], &mut name);
        rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
    }
    name
}

/// Whether what follows this name is the key of a map.
fn in_map(name: &str) -> bool {
    MAPS.iter().any(|map| map.strip_suffix('.') == Some(name))
}

/// A map key without brackets: `[session.timeout.ms]` is `.session.timeout.ms`.
fn plain_map_key(rest: &str) -> String {
    let bare = rest.trim_start_matches('.');
    let inside = bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')).unwrap_or(bare);
    format!(".{inside}")
}

fn dot(name: &mut String) {
    if !name.is_empty() {
        name.push('.');
    }
}

fn kebab(element: &str, name: &mut String) {
    let mut before: Option<char> = None;
    for c in element.chars() {
        if c == '_' {
            name.push('-');
        } else {
            let humped = before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit());
            if c.is_uppercase() && humped {
                name.push('-');
            }
            name.extend(c.to_lowercase());
        }
        before = Some(c);
    }
}

/// A canonical name without what spellings differ in, dots kept: what two names must share to be
/// the same property.
pub(crate) fn uniform(canonical: &str) -> String {
    let map = MAPS.iter().find(|map| canonical.starts_with(**map)).map_or(0, |map| map.len());
    let (key, kept) = if map == 0 { (canonical, "") } else { canonical.split_at(map) };
    let mut uniform: String = key.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    uniform.make_ascii_lowercase();
    uniform.push_str(kept);
    uniform
}

/// What a property and its environment variable share: letters and digits alone.
pub(crate) fn bare(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '.' | '-' | '_' | '[' | ']'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// The canonical name of an environment variable that nothing but its form tells to be a
/// property: `SPRING_KAFKA_CONSUMER_PROPERTIES_SESSION_TIMEOUT_MS`.
pub(crate) fn of_variable(variable: &str) -> Option<String> {
    OWN.iter().find(|prefix| variable.starts_with(**prefix))?;
    Some(canonical(&variable.to_ascii_lowercase().replace('_', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet_in_kebab_case() {
        for written in [
            "spring.datasource.hikari.maximumPoolSize",
            "spring.datasource.hikari.maximum_pool_size",
        ] {
            assert_eq!(canonical(written), "spring.datasource.hikari.maximum-pool-size");
        }
        assert_eq!(uniform("a.maximum-pool-size"), uniform("a.maximumpoolsize"));
        assert_eq!(bare("spring.kafka.bootstrap-servers"), bare("SPRING_KAFKA_BOOTSTRAP_SERVERS"));
        assert_eq!(canonical("a.servers[0].hostName"), "a.servers[0].host-name");
    }

    #[test]
    fn dots_separate_and_brackets_join() {
        assert_eq!(
            canonical("spring.kafka.consumer.session.timeout.ms"),
            "spring.kafka.consumer.session.timeout.ms"
        );
        for written in [
            "spring.kafka.consumer.properties[session.timeout.ms]",
            "spring.kafka.consumer.properties.session.timeout.ms",
            "spring.kafka.consumer.properties.[session.timeout.ms]",
        ] {
            assert_eq!(canonical(written), "spring.kafka.consumer.properties.session.timeout.ms");
        }
        assert_eq!(canonical("logging.level.org.Foo_Bar"), "logging.level.org.Foo_Bar");
    }

    #[test]
    fn variables_of_springs_own_prefixes_are_properties() {
        assert_eq!(
            of_variable("SPRING_KAFKA_CONSUMER_PROPERTIES_SESSION_TIMEOUT_MS").as_deref(),
            Some("spring.kafka.consumer.properties.session.timeout.ms")
        );
        assert_eq!(of_variable("JAVA_HOME"), None);
    }
}
