//! Which program a service runs, by image and command.

use wonin_model::{ServerProduct, Service};

use super::command::Words;

/// Names of images: the first part of the repository's last name (`postgres` of
/// `postgres-repmgr`), or all of it.
const IMAGES: &[(&str, ServerProduct)] = &[
    ("cassandra", ServerProduct::Cassandra),
    ("clickhouse", ServerProduct::ClickHouse),
    ("consul", ServerProduct::Consul),
    ("druid", ServerProduct::Druid),
    ("elasticsearch", ServerProduct::Elasticsearch),
    ("etcd", ServerProduct::Etcd),
    ("eureka", ServerProduct::Eureka),
    ("flink", ServerProduct::Flink),
    ("hbase", ServerProduct::HBase),
    ("mariadb", ServerProduct::MariaDb),
    ("memcached", ServerProduct::Memcached),
    ("mongo", ServerProduct::Mongo),
    ("mongodb", ServerProduct::Mongo),
    ("mysql", ServerProduct::MySql),
    ("nacos", ServerProduct::Nacos),
    ("nginx", ServerProduct::Nginx),
    ("openresty", ServerProduct::Nginx),
    ("opensearch", ServerProduct::OpenSearch),
    ("percona", ServerProduct::MySql),
    ("pgvector", ServerProduct::Postgres),
    ("postgis", ServerProduct::Postgres),
    ("postgres", ServerProduct::Postgres),
    ("postgresql", ServerProduct::Postgres),
    ("rabbitmq", ServerProduct::RabbitMq),
    ("redis", ServerProduct::Redis),
    ("redismod", ServerProduct::Redis),
    ("timescaledb", ServerProduct::Postgres),
    ("valkey", ServerProduct::Redis),
    ("zookeeper", ServerProduct::ZooKeeper),
];

/// Products whose images often carry another name in front (`pinpoint-hbase`, `cp-zookeeper`).
const LAST: &[ServerProduct] =
    &[ServerProduct::Eureka, ServerProduct::HBase, ServerProduct::Nacos, ServerProduct::ZooKeeper];

/// Parts of names of tools around a server.
const TOOLS: &[&str] = &[
    "admin",
    "agent",
    "backup",
    "browser",
    "cli",
    "client",
    "commander",
    "curator",
    "dashboards",
    "exporter",
    "express",
    "gui",
    "head",
    "hq",
    "init",
    "insight",
    "k8s",
    "keeper",
    "manager",
    "migrate",
    "operator",
    "proxy",
    "replicator",
    "sidecar",
    "template",
    "tools",
    "ui",
    "web",
];

/// Programs that are the servers themselves, whatever the image.
const PROGRAMS: &[(&str, ServerProduct)] = &[
    ("clickhouse-server", ServerProduct::ClickHouse),
    ("etcd", ServerProduct::Etcd),
    ("mariadbd", ServerProduct::MariaDb),
    ("memcached", ServerProduct::Memcached),
    ("mongod", ServerProduct::Mongo),
    ("mysqld", ServerProduct::MySql),
    ("rabbitmq-server", ServerProduct::RabbitMq),
    ("redis-sentinel", ServerProduct::RedisSentinel),
    ("redis-server", ServerProduct::Redis),
    ("valkey-server", ServerProduct::Redis),
    ("zookeeper-server-start", ServerProduct::ZooKeeper),
];

/// Programs with which a container is a client or waits, when no server runs beside.
const CLIENTS: &[&str] = &[
    "cqlsh",
    "curl",
    "etcdctl",
    "mongo",
    "mongodump",
    "mongoimport",
    "mongosh",
    "mysql",
    "mysqladmin",
    "mysqldump",
    "pg_basebackup",
    "pg_dump",
    "pg_isready",
    "psql",
    "rabbitmqadmin",
    "redis-cli",
    "sleep",
    "wget",
];

/// Roles of `apachepinot/pinot` by their commands.
const PINOT: &[(&str, ServerProduct)] = &[
    ("StartBroker", ServerProduct::PinotBroker),
    ("StartController", ServerProduct::PinotController),
    ("StartMinion", ServerProduct::PinotMinion),
    ("StartServer", ServerProduct::PinotServer),
];

/// The repository that tells what runs: of the image, or of the base that it is built on.
pub(crate) fn repository(service: &Service) -> &str {
    let image = service.image.as_ref().filter(|_| service.build_context.is_none());
    let image = image.or(service.base_image.as_deref());
    image.map_or("", |image| image.value.repository.as_str())
}

/// The tag behind [`repository`].
pub(crate) fn tag(service: &Service) -> Option<&str> {
    let image = service.image.as_ref().filter(|_| service.build_context.is_none());
    image.or(service.base_image.as_deref())?.value.tag.as_deref()
}

/// The server that a service runs.
pub(crate) fn product(service: &Service, words: &Words) -> Option<ServerProduct> {
    let name = repository(service).rsplit('/').next().unwrap_or("").to_ascii_lowercase();
    if name.split(['-', '_', '.']).any(|part| part == "pinot") {
        return PINOT.iter().find(|(command, _)| words.runs(command)).map(|(_, role)| *role);
    }
    let started = started(words);
    let is_started = |program: &str| started.iter().any(|name| name == program);
    let program = PROGRAMS.iter().find(|(program, _)| is_started(program));
    let program = program.map(|(_, product)| *product);
    let is_client = CLIENTS.iter().any(|client| is_started(client));
    let image = of_image(&name).or_else(|| by_environment(service, &name));
    let found = match (program, image) {
        (Some(program), _) => program,
        (None, Some(image)) if !is_client || words.mention("docker-entrypoint") => image,
        _ => return None,
    };
    let is_sentinel = words.has_flag("--sentinel").is_some() || name.contains("sentinel");
    match found {
        ServerProduct::Redis if is_sentinel => Some(ServerProduct::RedisSentinel),
        found => Some(found),
    }
}

/// The programs that the commands begin with; shells and the like may precede them.
fn started(words: &Words) -> Vec<String> {
    const BEFORE: &[&str] = &["-c", "-ec", "-lc", "bash", "exec", "gosu", "sh", "su-exec"];
    let program = |command: &Words| {
        let names = command.iter().map(|word| word.value.rsplit('/').next().unwrap_or(""));
        let mut names = names.filter(|name| !BEFORE.contains(name) && !name.contains("entrypoint"));
        names.next().map(str::to_owned)
    };
    words.commands().iter().filter_map(program).collect()
}

fn of_image(name: &str) -> Option<ServerProduct> {
    let parts: Vec<&str> = name.split(['-', '_', '.']).collect();
    if parts.iter().any(|part| TOOLS.contains(part)) {
        return None;
    }
    let of =
        |part: &&str| IMAGES.iter().find(|(image, _)| image == part).map(|(_, product)| *product);
    let first = parts.first().and_then(of);
    first.or_else(|| parts.last().and_then(of).filter(|product| LAST.contains(product)))
}

/// Images of one's own that need what the official image needs.
fn by_environment(service: &Service, name: &str) -> Option<ServerProduct> {
    let has = |variable: &str| service.environment.contains_key(variable);
    let needs = [
        ("mysql", "MYSQL_ROOT_PASSWORD", ServerProduct::MySql),
        ("mysql", "MYSQL_ALLOW_EMPTY_PASSWORD", ServerProduct::MySql),
        ("mariadb", "MARIADB_ROOT_PASSWORD", ServerProduct::MariaDb),
        ("mariadb", "MYSQL_ROOT_PASSWORD", ServerProduct::MariaDb),
        ("postgres", "POSTGRES_PASSWORD", ServerProduct::Postgres),
    ];
    let fits = needs.iter().find(|(part, variable, _)| name.contains(part) && has(variable));
    fits.map(|(.., product)| *product)
}

/// The version that the tag tells, where the image is the product's own: that of a base image
/// counts something else.
pub(crate) fn version_of(service: &Service) -> Option<String> {
    let name = repository(service).rsplit('/').next().unwrap_or("").to_ascii_lowercase();
    let is_own = of_image(&name).is_some() || name.contains("pinot");
    tag(service).filter(|_| is_own).and_then(version)
}

/// The leading number of a tag.
fn version(tag: &str) -> Option<String> {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let end = tag.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tag.len());
    let version = tag[..end].trim_end_matches('.');
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{of_image as with_image, running, service, sources};

    fn found(image: &str, command: &[&str]) -> Option<ServerProduct> {
        let service = running(with_image(service("x", &[]), image), command);
        product(&service, &Words::of(&service, &sources()))
    }

    #[test]
    fn servers_are_known_by_their_images() {
        let cases = [
            ("postgres:16", Some(ServerProduct::Postgres)),
            ("bitnami/postgresql-repmgr:14", Some(ServerProduct::Postgres)),
            ("prometheuscommunity/postgres-exporter", None),
            ("mongo-express", None),
            ("confluentinc/cp-zookeeper:7.6.1", Some(ServerProduct::ZooKeeper)),
            ("pinpointdocker/pinpoint-hbase:3", Some(ServerProduct::HBase)),
            ("redis/redis-stack", Some(ServerProduct::Redis)),
            ("bitnami/redis-sentinel:7", Some(ServerProduct::RedisSentinel)),
            ("docker.elastic.co/elasticsearch/elasticsearch:8", Some(ServerProduct::Elasticsearch)),
            ("example/shop-redis", None),
        ];
        for (image, expected) in cases {
            assert_eq!(found(image, &[]), expected, "{image}");
        }
    }

    #[test]
    fn commands_tell_more_than_images() {
        let cases: [(&str, &[&str], Option<ServerProduct>); 7] = [
            (
                "apachepinot/pinot:1.0.0",
                &["StartBroker", "-zkAddress", "z"],
                Some(ServerProduct::PinotBroker),
            ),
            ("apachepinot/pinot:1.0.0", &["AddTable"], None),
            (
                "redis:7",
                &["redis-server", "/x.conf", "--sentinel"],
                Some(ServerProduct::RedisSentinel),
            ),
            ("redis:7", &["sh", "-c", "sleep 5; redis-cli --cluster create a:1"], None),
            ("alpine", &["redis-server"], Some(ServerProduct::Redis)),
            ("mongo:7", &["mongosh", "--host", "m"], None),
            (
                "mongo:7",
                &["bash", "-c", "mongod --replSet r & sleep 5; mongosh"],
                Some(ServerProduct::Mongo),
            ),
        ];
        for (image, command, expected) in cases {
            assert_eq!(found(image, command), expected, "{image} {command:?}");
        }
    }

    #[test]
    fn versions_are_leading_numbers() {
        assert_eq!(version("16.2-alpine").as_deref(), Some("16.2"));
        assert_eq!(version("v3.5.9").as_deref(), Some("3.5.9"));
        assert_eq!(version("latest"), None);
    }
}
