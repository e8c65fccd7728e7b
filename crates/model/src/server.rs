//! Programs behind the services: recognised by image, command or configuration file.

use wonin_text::Place;

use crate::{ServiceId, Settings};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum ServerProduct {
    Cassandra,
    ClickHouse,
    Consul,
    Druid,
    Elasticsearch,
    Etcd,
    Eureka,
    Flink,
    HBase,
    Kafka,
    MariaDb,
    Memcached,
    Mongo,
    MySql,
    Nacos,
    Nginx,
    OpenSearch,
    PinotBroker,
    PinotController,
    PinotMinion,
    PinotServer,
    Postgres,
    RabbitMq,
    Redis,
    RedisSentinel,
    ZooKeeper,
    /// A Java program whose kind is not known.
    Jvm,
    Other,
}

/// One server program with the settings that were recognised. Names in `settings` are the
/// product's own (`max_connections`, `pinot.set.instance.id.to.hostname`, `cluster-enabled`,
/// `discovery.seed_hosts`); JVM sizes are `jvm.heap-max-bytes` and `jvm.max-ram-percentage`.
#[derive(Debug)]
pub struct Server {
    /// Name for people.
    pub name: String,
    /// Which program.
    pub product: ServerProduct,
    /// Version, as far as the tag tells.
    pub version: Option<String>,
    /// The service that runs it.
    pub service: Option<ServiceId>,
    /// Where it is declared.
    pub place: Place,
    /// Settings in effect, from command line, environment, mounted files, and defaults.
    pub settings: Settings,
}
