//! Brokers behind container services and in `server.properties`.

use wonin_model::{
    KafkaBroker, KafkaDistribution, Located, NotApplied, Service, Settings, WhyNotApplied,
};
use wonin_text::{FileId, Place, Span};

use super::defaults::{fill_broker, fill_shipped, is_before};
use super::image::{Convention, from_environment, meant, missing};
use crate::pipeline::Joining;
use crate::servers::{Container, Words, repository, tag};

/// Programs of Kafka's distribution that a container may run beside or in place of a broker.
const OTHER_PROGRAMS: &[&str] = &[
    "connect-distributed",
    "connect-mirror-maker",
    "connect-standalone",
    "cub",
    "kafka-acls",
    "kafka-broker-api-versions",
    "kafka-configs",
    "kafka-console-consumer",
    "kafka-console-producer",
    "kafka-consumer-groups",
    "kafka-get-offsets",
    "kafka-mirror-maker",
    "kafka-producer-perf-test",
    "kafka-topics",
    "zookeeper-server-start",
];

/// Variables that only a broker's container has.
const BROKER_VARIABLES: &[&str] = &[
    "ADVERTISED_HOST_NAME",
    "ADVERTISED_LISTENERS",
    "BROKER_ID",
    "CONTROLLER_QUORUM_VOTERS",
    "LISTENERS",
    "NODE_ID",
    "PROCESS_ROLES",
    "ZOOKEEPER_CONNECT",
];

/// The convention of a service's image where the service runs a broker.
pub(crate) fn runs_broker(service: &Service, words: &Words) -> Option<Convention> {
    let repository = repository(service);
    let known = Convention::of_repository(repository);
    let has = |prefix: &str| {
        let names = BROKER_VARIABLES.iter().map(|name| format!("{prefix}{name}"));
        names.filter(|name| service.environment.contains_key(name)).count()
    };
    let convention = match known {
        Some(Convention::Unknown) if has("KAFKA_CFG_") > 0 => Convention::Bitnami,
        Some(convention) => convention,
        // A mirror under another name, or an image of one's own; clients do not have two of these.
        None if has("KAFKA_CFG_") > 1 => Convention::Bitnami,
        None if has("KAFKA_") > 1 && may_be_broker(repository) => Convention::Unknown,
        None if words.runs("kafka-server-start") => Convention::Nothing,
        None => return None,
    };
    let starts_server = words.runs("kafka-server-start") || runs_start_script(words);
    let does_another_thing = OTHER_PROGRAMS.iter().any(|program| words.runs(program));
    if (does_another_thing || is_client_of_another(service, words)) && !starts_server {
        return None;
    }
    // A command of its own and nothing that a broker needs: a shell, a tool, a waiting container.
    let has_own_command = !words.is_empty() && service.build_context.is_none();
    let configured =
        has("KAFKA_") + has("KAFKA_CFG_") > 0 || !words.flags(&["--override"]).is_empty();
    (starts_server || configured || !has_own_command).then_some(convention)
}

/// Whether a service with a command of its own is told where the brokers are and nothing that a
/// broker says of itself: a script that makes topics, in an image made from the broker's.
fn is_client_of_another(service: &Service, words: &Words) -> bool {
    const SAYS_NOTHING: &str = "ZOOKEEPER_CONNECT";
    let names = || service.environment.keys();
    let told = names().any(|name| {
        ["BOOTSTRAP_SERVER", "BOOTSTRAP_SERVERS"].iter().any(|end| name.ends_with(end))
    });
    let mut own = BROKER_VARIABLES.iter().filter(|variable| **variable != SAYS_NOTHING);
    let is_broker = own.any(|variable| {
        names().any(|name| name.strip_prefix("KAFKA_").is_some_and(|rest| rest.ends_with(variable)))
    });
    told && !is_broker && !words.is_empty()
}

/// Whether an image that is not known may be a broker by its name.
fn may_be_broker(repository: &str) -> bool {
    let others = ["connect", "rest", "ui", "registry", "manager", "exporter", "zookeeper", "ksql"];
    !others.iter().any(|other| repository.contains(other))
}

/// The start scripts that turn environment into properties.
fn runs_start_script(words: &Words) -> bool {
    ["/etc/confluent/docker/run", "/etc/kafka/docker/run", "scripts/kafka/", "start-kafka"]
        .iter()
        .any(|script| words.mention(script))
}

/// What a container sees under the path of a properties file.
pub(crate) enum Seen {
    /// A file that is there to be read: its properties, and where it is mounted.
    Here(Settings, Option<Place>),
    /// What the image holds.
    OfImage,
    /// Something puts a file there that is not there to be read.
    Unknown,
}

/// The broker that a container runs; whose it is and its cluster are not yet known. `None` where
/// its settings are in a file that cannot be read.
pub(crate) fn broker_of(
    service: &Service,
    convention: Convention,
    words: &Words,
    files: &mut dyn FnMut(&str) -> Seen,
) -> Option<KafkaBroker> {
    let own_command = words.runs("kafka-server-start") && !runs_start_script(words);
    let version = version_of(service, convention);
    let mut made = if own_command {
        by_command(service, words, files)?
    } else {
        by_image(service, convention, files)?
    };
    for flag in words.flags(&["--override"]) {
        if let Some(at) = flag.value.find('=') {
            let value = flag.part(at + 1..flag.value.len());
            made.settings.set(flag.value[..at].trim().to_owned(), value);
        }
    }
    let distribution = convention.distribution();
    let cluster_id = cluster_id(service, convention, version.as_deref());
    match made.base {
        Base::Image => fill_image(&mut made.settings, convention, version.as_deref()),
        Base::Shipped => {
            let of = "Apache Kafka config/server.properties";
            fill_shipped(&mut made.settings, of, version.as_deref());
        }
        Base::File => {
            let of_file = KafkaDistribution::Properties;
            fill_broker(&mut made.settings, of_file, version.as_deref());
        }
    }
    let uses_environment = !own_command && made.base == Base::Image;
    Some(KafkaBroker {
        name: service.name.value.clone(),
        service: None,
        pods: None,
        cluster: 0,
        distribution,
        version,
        place: service.name.place()?,
        settings: made.settings,
        not_applied: made.not_applied,
        cluster_id,
        missing: if uses_environment { missing(service, convention) } else { Vec::new() },
    })
}

/// What a broker's own settings are laid over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// What the image starts from.
    Image,
    /// A file that Kafka ships.
    Shipped,
    /// A file of the tree: Kafka's own defaults count.
    File,
}

struct Made {
    settings: Settings,
    not_applied: Vec<NotApplied>,
    base: Base,
}

/// A broker that the image's start script configures.
fn by_image(
    service: &Service,
    convention: Convention,
    files: &mut dyn FnMut(&str) -> Seen,
) -> Option<Made> {
    let from = from_environment(service, convention);
    let mut made =
        Made { settings: from.settings, not_applied: from.not_applied, base: Base::Image };
    let paths: &[&str] = match convention {
        Convention::Bitnami => &[
            "/bitnami/kafka/config/server.properties",
            "/opt/bitnami/kafka/config/server.properties",
        ],
        Convention::Apache => &["/mnt/shared/config/server.properties"],
        Convention::Wurstmeister | Convention::Unknown => {
            &["/opt/kafka/config/server.properties", "/kafka/config/server.properties"]
        }
        Convention::Confluent | Convention::Nothing => &[],
    };
    let seen = paths.iter().map(|path| files(path)).find(|seen| !matches!(seen, Seen::OfImage));
    let (mut settings, mount) = match seen {
        Some(Seen::Here(settings, mount)) => (settings, mount),
        Some(Seen::Unknown) => return None,
        Some(Seen::OfImage) | None => return Some(made),
    };
    if convention == Convention::Bitnami {
        let rule = "bitnami/kafka skips the environment when server.properties is mounted";
        made.not_applied = ignored(service, mount, rule, &settings);
    } else {
        for (name, value) in made.settings.iter().filter(|(_, value)| !value.origin.is_default()) {
            settings.set(name, value.clone());
        }
    }
    Some(Made { settings, not_applied: made.not_applied, base: Base::File })
}

/// A broker that the command starts with a file of its own, past the image's start script.
fn by_command(
    service: &Service,
    words: &Words,
    files: &mut dyn FnMut(&str) -> Seen,
) -> Option<Made> {
    let file = words.iter().find(|word| word.value.ends_with(".properties"));
    let inside = file.map(|word| word.value.as_str()).unwrap_or_default();
    let place = file.and_then(Located::place);
    let command = service.command.as_ref().or(service.entrypoint.as_ref());
    let place = place.or(command.and_then(Located::place));
    let (settings, base) = match files(inside) {
        Seen::Here(settings, _) => (settings, Base::File),
        Seen::OfImage => (Settings::default(), Base::Shipped),
        Seen::Unknown => return None,
    };
    let rule = "the command starts the broker past the image's start script, which alone turns \
                environment into properties";
    let not_applied = match place {
        Some(place) => ignored(service, Some(place), rule, &settings),
        None => Vec::new(),
    };
    Some(Made { settings, not_applied, base })
}

/// The file that a container of Compose sees under a path.
pub(super) fn seen(container: &Container, inside: &str, joining: &mut Joining<'_>) -> Seen {
    let found = container.file(inside).filter(|found| joining.exists(&found.path));
    let loaded = found.and_then(|found| Some((joining.load(&found.path).ok()?, found.mount)));
    let Some((file, mount)) = loaded else { return Seen::OfImage };
    joining.note_read(file, "properties");
    Seen::Here(super::properties::settings(file, joining.text(file)), mount)
}

/// The variables that would have been properties.
fn ignored(
    service: &Service,
    place: Option<Place>,
    rule: &str,
    instead: &Settings,
) -> Vec<NotApplied> {
    let telling = service.environment.iter().filter_map(|(variable, value)| {
        let property = meant(variable)?;
        let why = match place {
            Some(place) => WhyNotApplied::Overruled { place, rule: rule.to_owned() },
            None => WhyNotApplied::FileNotUsed { reason: rule.to_owned() },
        };
        Some(NotApplied {
            key: value.with(variable.clone()),
            value: value.clone(),
            instead: instead.get(&property).cloned(),
            means: Some(property),
            why,
        })
    });
    telling.collect()
}

fn fill_image(settings: &mut Settings, convention: Convention, version: Option<&str>) {
    match convention {
        Convention::Wurstmeister => fill_shipped(settings, "wurstmeister/kafka image", version),
        Convention::Nothing => {
            fill_shipped(settings, "Apache Kafka config/server.properties", version);
        }
        _ => fill_broker(settings, convention.distribution(), version),
    }
}

/// The cluster id that a start script takes. Bitnami's image has a new name for it since Kafka 4.0
/// and takes the old one where that is not given (`kafka-env.sh`).
fn cluster_id(
    service: &Service,
    convention: Convention,
    version: Option<&str>,
) -> Option<Located<String>> {
    let is_old = version.and_then(|version| is_before(version, (4, 0))) == Some(true);
    let names: &[&str] = match convention {
        Convention::Bitnami if is_old => &["KAFKA_KRAFT_CLUSTER_ID"],
        Convention::Bitnami => &["KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"],
        _ => &["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"],
    };
    names.iter().find_map(|name| service.environment.get(*name)).cloned()
}

/// Kafka's version as far as the tag tells: `3.9.0-debian-12-r1`, `2.13-2.8.1` (Scala first),
/// `0.45.0-kafka-3.9.0`, and behind Confluent's own count.
fn version_of(service: &Service, convention: Convention) -> Option<String> {
    // The tag of a base image that is not Kafka's counts something else.
    Convention::of_repository(repository(service))?;
    let tag = tag(service)?;
    let tag = tag.rsplit_once("kafka-").map_or(tag, |(_, version)| version);
    let tag = match tag.split_once('-') {
        Some(("2.11" | "2.12" | "2.13", rest)) if is_version(rest) => rest,
        _ => tag,
    };
    let version = tag.trim_start_matches('v').split('-').next().unwrap_or(tag);
    match convention {
        Convention::Confluent => confluent_version(version),
        _ => is_version(version).then(|| version.to_owned()),
    }
}

/// The Kafka that a version of Confluent's platform holds (Confluent documentation, "Supported
/// Versions and Interoperability"): 7.6 has 3.6, 6.2 has 2.8, 5.5 has 2.5.
fn confluent_version(platform: &str) -> Option<String> {
    let mut parts = platform.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().flatten()?, parts.next().flatten()?);
    match major {
        8 => Some(format!("4.{minor}")),
        7 => Some(format!("3.{minor}")),
        6 => Some(format!("2.{}", minor + 6)),
        5 => Some(format!("2.{minor}")),
        _ => None,
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// A broker of a properties file that no service mounts.
pub(super) fn broker_of_file(file: FileId, path: &str, mut settings: Settings) -> KafkaBroker {
    fill_broker(&mut settings, KafkaDistribution::Properties, None);
    let cluster_id = settings.get("cluster.id").cloned();
    KafkaBroker {
        name: path.to_owned(),
        service: None,
        pods: None,
        cluster: 0,
        distribution: KafkaDistribution::Properties,
        version: None,
        place: Place { file, span: Span::default() },
        settings,
        not_applied: Vec::new(),
        cluster_id,
        missing: Vec::new(),
    }
}

/// One broker for each replica of a service that gives them no fixed id: with a fixed id only one
/// of them can run.
pub(super) fn replicated(broker: KafkaBroker, replicas: u32) -> Vec<KafkaBroker> {
    let fixed = ["node.id", "broker.id"].iter().any(|name| {
        let id = broker.settings.int(name);
        id.is_some_and(|id| id.value >= 0 && id.origin.is_certain())
    });
    if fixed || replicas < 2 {
        return vec![broker];
    }
    // More than this many replicas of one service say no more than this many.
    let count = replicas.min(16);
    (1..=count).map(|index| copy(&broker, index, count)).collect()
}

fn copy(broker: &KafkaBroker, index: u32, count: u32) -> KafkaBroker {
    KafkaBroker {
        name: format!("{} ({index} of {count})", broker.name),
        service: broker.service,
        pods: broker.pods.clone(),
        cluster: broker.cluster,
        distribution: broker.distribution,
        version: broker.version.clone(),
        place: broker.place,
        settings: broker.settings.clone(),
        not_applied: if index == 1 { broker.not_applied.clone() } else { Vec::new() },
        cluster_id: broker.cluster_id.clone(),
        missing: broker.missing.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{of_image, service};

    #[test]
    fn a_cluster_id_has_a_new_name_since_the_fourth_version() {
        let service = service("kafka", &[("KAFKA_CLUSTER_ID", "a")]);
        let given = |version| cluster_id(&service, Convention::Bitnami, version).is_some();
        assert_eq!([given(Some("3.9.0")), given(Some("4.0.0")), given(None)], [false, true, true]);
    }

    #[test]
    fn versions_are_kafkas() {
        let version = |image: &str| {
            let service = of_image(service("kafka", &[]), image);
            let convention = Convention::of_repository(repository(&service));
            version_of(&service, convention.unwrap_or(Convention::Unknown))
        };
        let cases = [
            ("bitnami/kafka:3.9.0-debian-12-r1", Some("3.9.0")),
            ("wurstmeister/kafka:2.13-2.8.1", Some("2.8.1")),
            ("strimzi/kafka:0.45.0-kafka-3.9.0", Some("3.9.0")),
            ("confluentinc/cp-kafka:7.6.1", Some("3.6")),
            ("confluentinc/cp-kafka:6.2.0", Some("2.8")),
            ("apache/kafka:latest", None),
            ("openjdk:11", None),
        ];
        for (image, expected) in cases {
            assert_eq!(version(image).as_deref(), expected, "{image}");
        }
    }
}
