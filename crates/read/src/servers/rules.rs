//! Where each product keeps the settings that count, as tables.

use wonin_model::ServerProduct;

use super::files::Syntax;

/// How a product is configured. What the command line says wins over the environment, that over
/// files, files over defaults.
pub(super) struct Rules {
    /// Paths of configuration files in the container, in the order of reading; a directory ends
    /// with `/` and gives all its files.
    pub(super) files: &'static [&'static str],
    /// How the files are written; `None` where no file is read.
    pub(super) syntax: Option<Syntax>,
    /// Flags and the settings that they give.
    pub(super) flags: &'static [(&'static str, &'static str)],
    /// Variables and the settings that they give.
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Keys of files and the settings that they give, where the names differ.
    pub(super) renamed: &'static [(&'static str, &'static str)],
    /// Defaults that the product documents.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// Whose defaults they are.
    pub(super) of: &'static str,
    /// Where they are documented.
    pub(super) source: &'static str,
}

const NONE: Rules = Rules {
    files: &[],
    syntax: None,
    flags: &[],
    environment: &[],
    renamed: &[],
    defaults: &[],
    of: "",
    source: "",
};

/// The rules of a product.
pub(super) fn rules(product: ServerProduct) -> &'static Rules {
    match product {
        ServerProduct::Cassandra => &CASSANDRA,
        ServerProduct::Consul => &CONSUL,
        ServerProduct::Elasticsearch => &ELASTICSEARCH,
        ServerProduct::Etcd => &ETCD,
        ServerProduct::Flink => &FLINK,
        ServerProduct::HBase => &HBASE,
        ServerProduct::MariaDb | ServerProduct::MySql => &MYSQL,
        ServerProduct::Mongo => &MONGO,
        ServerProduct::Nacos => &NACOS,
        ServerProduct::OpenSearch => &OPENSEARCH,
        ServerProduct::PinotBroker => &PINOT_BROKER,
        ServerProduct::PinotController => &PINOT_CONTROLLER,
        ServerProduct::PinotMinion => &PINOT_MINION,
        ServerProduct::PinotServer => &PINOT_SERVER,
        ServerProduct::Postgres => &POSTGRES,
        ServerProduct::RabbitMq => &RABBITMQ,
        ServerProduct::Redis => &REDIS,
        ServerProduct::RedisSentinel => &SENTINEL,
        ServerProduct::ZooKeeper => &ZOOKEEPER,
        _ => &NONE,
    }
}

const CASSANDRA: Rules = Rules {
    files: &[
        "/etc/cassandra/cassandra.yaml",
        "/opt/cassandra/conf/cassandra.yaml",
        "/bitnami/cassandra/conf/cassandra.yaml",
    ],
    syntax: Some(Syntax::Yaml),
    environment: &[
        ("CASSANDRA_BROADCAST_ADDRESS", "broadcast_address"),
        ("CASSANDRA_LISTEN_ADDRESS", "listen_address"),
        ("CASSANDRA_SEEDS", "seeds"),
    ],
    renamed: &[("seed_provider.parameters.seeds", "seeds")],
    ..NONE
};

const CONSUL: Rules = Rules {
    flags: &[
        ("-advertise", "advertise"),
        ("-bind", "bind"),
        ("-bootstrap-expect", "bootstrap-expect"),
        ("-client", "client"),
        ("-node", "node"),
        ("-retry-join", "retry-join"),
    ],
    ..NONE
};

const ELASTICSEARCH: Rules = Rules {
    files: &[
        "/usr/share/elasticsearch/config/elasticsearch.yml",
        "/opt/bitnami/elasticsearch/config/elasticsearch.yml",
    ],
    syntax: Some(Syntax::Yaml),
    environment: &[
        ("ELASTICSEARCH_CLUSTER_HOSTS", "discovery.seed_hosts"),
        ("ELASTICSEARCH_CLUSTER_MASTER_HOSTS", "cluster.initial_master_nodes"),
        ("ELASTICSEARCH_NODE_NAME", "node.name"),
    ],
    renamed: &[("discovery.zen.ping.unicast.hosts", "discovery.seed_hosts")],
    ..NONE
};

const OPENSEARCH: Rules = Rules {
    files: &[
        "/usr/share/opensearch/config/opensearch.yml",
        "/opt/bitnami/opensearch/config/opensearch.yml",
    ],
    syntax: Some(Syntax::Yaml),
    environment: &[
        ("OPENSEARCH_CLUSTER_HOSTS", "discovery.seed_hosts"),
        ("OPENSEARCH_CLUSTER_MASTER_HOSTS", "cluster.initial_master_nodes"),
        ("OPENSEARCH_NODE_NAME", "node.name"),
    ],
    renamed: &[
        ("cluster.initial_cluster_manager_nodes", "cluster.initial_master_nodes"),
        ("discovery.zen.ping.unicast.hosts", "discovery.seed_hosts"),
    ],
    ..NONE
};

const ETCD: Rules = Rules {
    syntax: Some(Syntax::Yaml),
    flags: &[
        ("-initial-advertise-peer-urls", "initial-advertise-peer-urls"),
        ("-initial-cluster", "initial-cluster"),
        ("-initial-cluster-state", "initial-cluster-state"),
        ("-listen-peer-urls", "listen-peer-urls"),
        ("-advertise-client-urls", "advertise-client-urls"),
        ("-name", "name"),
    ],
    environment: &[
        ("ETCD_ADVERTISE_CLIENT_URLS", "advertise-client-urls"),
        ("ETCD_INITIAL_ADVERTISE_PEER_URLS", "initial-advertise-peer-urls"),
        ("ETCD_INITIAL_CLUSTER", "initial-cluster"),
        ("ETCD_INITIAL_CLUSTER_STATE", "initial-cluster-state"),
        ("ETCD_LISTEN_PEER_URLS", "listen-peer-urls"),
        ("ETCD_NAME", "name"),
    ],
    ..NONE
};

const FLINK: Rules = Rules {
    files: &["/opt/flink/conf/flink-conf.yaml", "/opt/flink/conf/config.yaml"],
    syntax: Some(Syntax::Yaml),
    environment: &[("JOB_MANAGER_RPC_ADDRESS", "jobmanager.rpc.address")],
    ..NONE
};

const HBASE: Rules = Rules {
    files: &[
        "/hbase/conf/hbase-site.xml",
        "/etc/hbase/hbase-site.xml",
        "/opt/hbase/conf/hbase-site.xml",
    ],
    syntax: Some(Syntax::HadoopXml),
    ..NONE
};

const MYSQL: Rules = Rules {
    files: &[
        "/etc/my.cnf",
        "/etc/mysql/my.cnf",
        "/etc/my.cnf.d/",
        "/etc/mysql/conf.d/",
        "/etc/mysql/mysql.conf.d/",
        "/etc/mysql/mariadb.conf.d/",
        "/opt/bitnami/mysql/conf/my_custom.cnf",
        "/opt/bitnami/mariadb/conf/my_custom.cnf",
    ],
    syntax: Some(Syntax::MySqlSections),
    defaults: &[("max_connections", "151"), ("wait_timeout", "28800")],
    of: "MySQL and MariaDB",
    source: "server system variables of the MySQL and MariaDB manuals",
    ..NONE
};

const MONGO: Rules = Rules {
    files: &[
        "/etc/mongod.conf",
        "/etc/mongo/mongod.conf",
        "/opt/bitnami/mongodb/conf/mongodb.conf",
    ],
    syntax: Some(Syntax::Yaml),
    flags: &[("--replSet", "replSet"), ("--bind_ip", "net.bindIp")],
    environment: &[("MONGODB_REPLICA_SET_NAME", "replSet")],
    renamed: &[("replication.replSetName", "replSet")],
    ..NONE
};

const NACOS: Rules = Rules {
    syntax: Some(Syntax::Equals),
    files: &["/home/nacos/conf/application.properties"],
    environment: &[("MODE", "mode"), ("NACOS_SERVERS", "cluster.nodes")],
    renamed: &[("nacos.inetutils.prefer-hostname-over-ip", "prefer-hostname-over-ip")],
    defaults: &[("prefer-hostname-over-ip", "false")],
    of: "Nacos",
    source: "Nacos documentation, nacos.inetutils.prefer-hostname-over-ip",
    ..NONE
};

const POSTGRES: Rules = Rules {
    syntax: Some(Syntax::Equals),
    files: &[
        "/var/lib/postgresql/data/postgresql.conf",
        "/etc/postgresql/postgresql.conf",
        "/bitnami/postgresql/conf/postgresql.conf",
        "/opt/bitnami/postgresql/conf/postgresql.conf",
        "/bitnami/postgresql/conf/conf.d/",
        "/opt/bitnami/postgresql/conf/conf.d/",
    ],
    flags: &[("-N", "max_connections")],
    environment: &[("POSTGRESQL_MAX_CONNECTIONS", "max_connections")],
    defaults: &[("max_connections", "100"), ("superuser_reserved_connections", "3")],
    of: "PostgreSQL",
    source: "PostgreSQL documentation, \"Connections and Authentication\"",
    ..NONE
};

const RABBITMQ: Rules = Rules {
    syntax: Some(Syntax::Equals),
    files: &[
        "/etc/rabbitmq/rabbitmq.conf",
        "/etc/rabbitmq/conf.d/",
        "/opt/bitnami/rabbitmq/etc/rabbitmq/rabbitmq.conf",
    ],
    environment: &[
        ("RABBITMQ_NODENAME", "RABBITMQ_NODENAME"),
        ("RABBITMQ_NODE_NAME", "RABBITMQ_NODENAME"),
    ],
    ..NONE
};

const REDIS: Rules = Rules {
    files: &[
        "/opt/bitnami/redis/mounted-etc/redis.conf",
        "/opt/bitnami/redis/mounted-etc/overrides.conf",
        "/redis-stack.conf",
    ],
    syntax: Some(Syntax::Words),
    environment: &[
        ("REDIS_CLUSTER_ANNOUNCE_HOSTNAME", "cluster-announce-hostname"),
        ("REDIS_CLUSTER_ANNOUNCE_IP", "cluster-announce-ip"),
        ("REDIS_CLUSTER_PREFERRED_ENDPOINT_TYPE", "cluster-preferred-endpoint-type"),
        ("REDIS_AOF_ENABLED", "appendonly"),
    ],
    defaults: &[
        ("appendonly", "no"),
        ("cluster-enabled", "no"),
        ("cluster-preferred-endpoint-type", "ip"),
        ("maxmemory", "0"),
    ],
    of: "Redis",
    source: "redis.conf as shipped with Redis",
    ..NONE
};

const SENTINEL: Rules = Rules {
    files: &["/opt/bitnami/redis-sentinel/mounted-etc/sentinel.conf"],
    syntax: Some(Syntax::Words),
    environment: &[
        ("REDIS_MASTER_HOST", "sentinel.monitor"),
        ("REDIS_SENTINEL_ANNOUNCE_HOSTNAMES", "sentinel.announce-hostnames"),
        ("REDIS_SENTINEL_RESOLVE_HOSTNAMES", "sentinel.resolve-hostnames"),
    ],
    defaults: &[("sentinel.announce-hostnames", "no"), ("sentinel.resolve-hostnames", "no")],
    of: "Redis Sentinel",
    source: "sentinel.conf as shipped with Redis",
    ..NONE
};

const ZOOKEEPER: Rules = Rules {
    syntax: Some(Syntax::Equals),
    files: &[
        "/conf/zoo.cfg",
        "/opt/bitnami/zookeeper/conf/zoo.cfg",
        "/etc/kafka/zookeeper.properties",
    ],
    environment: &[
        ("ZOO_MY_ID", "myid"),
        ("ZOO_SERVER_ID", "myid"),
        ("ZOOKEEPER_SERVER_ID", "myid"),
        ("ZOO_TICK_TIME", "tickTime"),
        ("ZOOKEEPER_TICK_TIME", "tickTime"),
    ],
    ..NONE
};

const PINOT_ID: (&str, &str) = ("pinot.set.instance.id.to.hostname", "false");

const PINOT: Rules = Rules {
    syntax: Some(Syntax::Equals),
    of: "Apache Pinot",
    source: "Apache Pinot documentation, configuration reference",
    ..NONE
};

const PINOT_BROKER: Rules = Rules {
    flags: &[("-brokerHost", "host"), ("-brokerPort", "port"), ("-zkAddress", "zk.address")],
    renamed: &[
        ("pinot.broker.client.queryPort", "port"),
        ("pinot.broker.hostname", "host"),
        ("pinot.broker.instance.id", "instance.id"),
        ("pinot.zk.server", "zk.address"),
    ],
    defaults: &[PINOT_ID, ("port", "8099")],
    ..PINOT
};

const PINOT_CONTROLLER: Rules = Rules {
    flags: &[
        ("-controllerHost", "host"),
        ("-controllerPort", "port"),
        ("-zkAddress", "zk.address"),
    ],
    renamed: &[
        ("controller.host", "host"),
        ("controller.port", "port"),
        ("controller.zk.str", "zk.address"),
        ("pinot.controller.instance.id", "instance.id"),
        ("pinot.zk.server", "zk.address"),
    ],
    defaults: &[PINOT_ID, ("port", "9000")],
    ..PINOT
};

const PINOT_MINION: Rules = Rules {
    flags: &[("-minionHost", "host"), ("-minionPort", "port"), ("-zkAddress", "zk.address")],
    renamed: &[
        ("pinot.minion.host", "host"),
        ("pinot.minion.instance.id", "instance.id"),
        ("pinot.minion.port", "port"),
        ("pinot.zk.server", "zk.address"),
    ],
    defaults: &[PINOT_ID, ("port", "9514")],
    ..PINOT
};

const PINOT_SERVER: Rules = Rules {
    flags: &[("-serverHost", "host"), ("-serverPort", "port"), ("-zkAddress", "zk.address")],
    renamed: &[
        ("pinot.server.instance.id", "instance.id"),
        ("pinot.server.netty.host", "host"),
        ("pinot.server.netty.port", "port"),
        ("pinot.zk.server", "zk.address"),
    ],
    defaults: &[PINOT_ID, ("port", "8098")],
    ..PINOT
};
