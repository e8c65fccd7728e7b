//! Registries, coordinators and whatever takes an address for an identity (failure-knowledge 7,
//! 8).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    // Pinot and Helix.
    text(
        "pinot.server-not-responded",
        "not responded",
        r"(?P<servers>\d+) servers? \[(?P<server>[^\]]+)\] not responded",
    ),
    text(
        "pinot.instance-in-use",
        "exists in ideal state",
        r"(?:Instance )?(?P<instance>\S+) exists in ideal state",
    ),
    text(
        "pinot.no-broker",
        "Could not find any broker",
        r"(?:Could not find any|No) (?:live )?brokers?(?: found)?(?: for table (?P<table>\S+))?",
    ),
    text("pinot.connect-failed", "PinotClientException", r"PinotClientException: (?P<why>[^\n]+)"),
    text(
        "pinot.instance",
        "Registering ",
        r"Registering (?:service|instance)?:? ?(?P<instance>(?:Broker|Server|Controller|Minion)_\S+)",
    ),
    text(
        "pinot.started",
        "Started Pinot [",
        r"Started Pinot \[(?P<role>\w+)\] instance \[(?P<instance>[^\]\s]+)\]",
    ),
    text("pinot.error", "BrokerResourceMissingError", r"BrokerResourceMissingError"),
    // HBase.
    text(
        "hbase.hostname-differs",
        "Master passed us a different hostname to use",
        r"Master passed us a different hostname to use; was=(?P<was>[^,\s]+), but now=(?P<now>\S+)",
    ),
    // Eureka and Nacos.
    text(
        "eureka.emergency",
        "EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING",
        r"EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP",
    ),
    text(
        "eureka.unreachable",
        "Cannot execute request on any known server",
        r"Cannot execute request on any known server",
    ),
    text(
        "eureka.expired",
        "DS: Registry: expired lease for",
        r"expired lease for (?P<instance>\S+)",
    ),
    text(
        "eureka.registered",
        "Registered instance ",
        r"Registered instance (?P<instance>\S+/\S+) with status (?P<status>[A-Z_]+) \(replication=",
    ),
    text(
        "eureka.cancelled",
        "Cancelled instance ",
        r"Cancelled instance (?P<instance>\S+/\S+) \(replication=",
    ),
    text(
        "nacos.unreachable",
        "Client not connected, current status",
        r"Client not connected, current status:? ?(?P<status>\w+)",
    ),
    // Consul.
    text(
        "consul.several-addresses",
        "Multiple private IPv4 addresses found",
        r"Multiple private IPv4 addresses found",
    ),
    text("consul.no-leader", "No cluster leader", r"No cluster leader"),
    // etcd.
    text(
        "etcd.peer-url-mismatch",
        "peer URL",
        r"(?:mismatch|has mismatched)[^\n]*peer URL|peer URLs?[^\n]*(?:mismatch|does not match|unmatched)",
    ),
    text(
        "etcd.cluster-id-mismatch",
        "cluster ID mismatch",
        r"(?:request )?(?:sent was ignored )?\(?cluster ID mismatch",
    ),
    text("etcd.slow-disk", "slow fdatasync", r"slow fdatasync"),
    text("etcd.slow-apply", "apply request took too long", r"apply request took too long"),
    text("etcd.no-leader", "etcdserver: no leader", r"etcdserver: no leader"),
    text(
        "etcd.request-timed-out",
        "etcdserver: request timed out",
        r"etcdserver: request timed out",
    ),
    // ZooKeeper's server.
    text("zookeeper.loaded", "Reading snapshot ", r"Reading snapshot (?P<path>/\S+)"),
    text("zookeeper.began-empty", "Snapshotting: 0x0 to ", r"Snapshotting: 0x0 to (?P<path>\S+)"),
    text(
        "zookeeper.cannot-open-channel",
        "Cannot open channel to",
        r"Cannot open channel to (?P<node>\d+) at election address (?P<address>\S+)",
    ),
    text("zookeeper.not-running", "ZooKeeperServer not running", r"ZooKeeperServer not running"),
    text(
        "zookeeper.notification-timeout",
        "Notification time out",
        r"Notification time out: (?P<ms>\d+)",
    ),
    text(
        "zookeeper.too-many-connections",
        "Too many connections from",
        r"Too many connections from (?P<address>\S+) - max is (?P<limit>\d+)",
    ),
    // Akka and Flink.
    text(
        "akka.association-failed",
        "Association with remote system",
        r"Association with remote system \[(?P<address>[^\]]+)\] has failed",
    ),
    text("flink.no-slots", "NoResourceAvailableException", r"NoResourceAvailableException"),
    text(
        "flink.heartbeat-lost",
        "Heartbeat of TaskManager with id",
        r"Heartbeat of TaskManager with id (?P<id>\S+) timed out",
    ),
    // ClickHouse.
    text(
        "clickhouse.network",
        "DB::NetException",
        r"Code: (?P<code>\d+)\. DB::NetException: (?P<why>[^\n]+?)(?:\. \(|$)",
    ),
    // Cassandra's and others' seeds are in `database`.
    text(
        "gossip.member-failed",
        "Suspect ",
        r"memberlist: Suspect (?P<node>\S+) has failed, no acks received",
    ),
];
