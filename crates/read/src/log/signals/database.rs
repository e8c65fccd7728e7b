//! Databases and caches, as they say it and as their clients repeat it (failure-knowledge 5, 8,
//! 14).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    // PostgreSQL.
    text(
        "postgres.too-many-clients",
        "too many clients already",
        r"(?:sorry, )?too many clients already",
    ),
    text(
        "postgres.too-many-clients",
        "remaining connection slots are reserved",
        r"remaining connection slots are reserved for",
    ),
    text(
        "postgres.too-many-clients",
        "too many connections for role",
        r#"too many connections for role "(?P<role>[^"]+)""#,
    ),
    text(
        "pgbouncer.too-many-clients",
        "no more connections allowed",
        r"no more connections allowed \(max_client_conn\)",
    ),
    text("pgbouncer.wait-timeout", "query_wait_timeout", r"query_wait_timeout"),
    text(
        "postgres.statement-timeout",
        "canceling statement due to statement timeout",
        r"canceling statement due to statement timeout",
    ),
    text(
        "postgres.lock-timeout",
        "canceling statement due to lock timeout",
        r"canceling statement due to lock timeout",
    ),
    text(
        "postgres.idle-in-transaction",
        "idle-in-transaction timeout",
        r"terminating connection due to idle-in-transaction timeout",
    ),
    text(
        "postgres.waiting-for-lock",
        "still waiting for",
        r"process (?P<pid>\d+) still waiting for (?P<lock>\w+) on (?P<on>.+?) after (?P<ms>[\d.]+) ms(?s:.{0,400}?Process(?:es)? holding the lock: (?P<holder>[\d, ]+)\. Wait queue: (?P<queue>[\d, ]+))?",
    ),
    text(
        "postgres.lock-acquired",
        " acquired ",
        r"process (?P<pid>\d+) acquired (?P<lock>\w+) on (?P<on>.+?) after (?P<ms>[\d.]+) ms",
    ),
    text(
        "postgres.deadlock",
        "deadlock detected",
        r#"(?:ERROR:\s+|DeadlockDetected: |message"?: ?"|error: |^)deadlock detected"#,
    ),
    text("oracle.deadlock", "ORA-00060", r"ORA-00060"),
    text(
        "sql-server.deadlock",
        "has been chosen as the deadlock victim",
        r"has been chosen as the deadlock victim",
    ),
    text(
        "postgres.authentication-failed",
        "password authentication failed for user",
        r#"password authentication failed for user "(?P<user>[^"]+)""#,
    ),
    text(
        "postgres.authentication-failed",
        "no pg_hba.conf entry",
        r#"no pg_hba\.conf entry for host "(?P<host>[^"]+)", user "(?P<user>[^"]+)""#,
    ),
    text(
        "postgres.starting",
        "the database system is starting up",
        r"the database system is starting up",
    ),
    text(
        "postgres.shutting-down",
        "shutdown request",
        r"received (?P<kind>fast|smart|immediate) shutdown request",
    ),
    text("postgres.shutting-down", "database system is shut down", r"database system is shut down"),
    text(
        "postgres.shutting-down",
        "the database system is shutting down",
        r"the database system is shutting down",
    ),
    text(
        "postgres.shutting-down",
        "terminating connection due to administrator command",
        r"terminating connection due to administrator command",
    ),
    text(
        "postgres.recovery",
        "the database system is in recovery mode",
        r"the database system is in recovery mode",
    ),
    text(
        "postgres.recovery",
        "was not properly shut down; automatic recovery",
        r"database system was not properly shut down; automatic recovery in progress",
    ),
    text(
        "postgres.server-crashed",
        "was terminated by signal",
        r"server process \(PID (?P<pid>\d+)\) was terminated by signal (?P<signal>\d+)",
    ),
    text(
        "postgres.version-mismatch",
        "database files are incompatible with server",
        r"database files are incompatible with server(?s:.{0,300}?initialized by PostgreSQL version (?P<files>[\d.]+), which is not compatible with this version (?P<server>[\d.]+))?",
    ),
    text(
        "postgres.no-database",
        " does not exist",
        r#"FATAL:  ?database "(?P<database>[^"]+)" does not exist"#,
    ),
    text(
        "postgres.no-relation",
        " does not exist",
        r#"relation "(?P<relation>[^"]+)" does not exist"#,
    ),
    text(
        "postgres.slow-statement",
        "duration: ",
        r"duration: (?P<ms>[\d.]+) ms  (?:statement|execute|plan|parse|bind)",
    ),
    // MySQL and MariaDB.
    text("mysql.too-many-connections", "Too many connections", r"Too many connections"),
    text("mysql.lock-wait-timeout", "Lock wait timeout exceeded", r"Lock wait timeout exceeded"),
    text(
        "mysql.deadlock",
        "Deadlock found when trying to get lock",
        r"Deadlock found when trying to get lock",
    ),
    text(
        "mysql.access-denied",
        "Access denied for user",
        r"Access denied for user '(?P<user>[^']*)'@'(?P<host>[^']*)'",
    ),
    text(
        "mysql.host-blocked",
        "is blocked because of many connection errors",
        r"Host '(?P<host>[^']+)' is blocked because of many connection errors",
    ),
    text(
        "mysql.packet-too-large",
        "max_allowed_packet",
        r"(?:bigger than|too large|exceed)[^\n]{0,60}max_allowed_packet",
    ),
    text(
        "mysql.aborted-connection",
        "Aborted connection",
        r"Aborted connection (?P<id>\d+) to db: '(?P<database>[^']*)'.*?\((?P<why>[^)]+)\)",
    ),
    text("mysql.table-full", "The table '", r"The table '(?P<table>[^']+)' is full"),
    text(
        "mysql.read-only",
        "--read-only option",
        r"running with the --(?:super-)?read-only option",
    ),
    // Redis.
    text(
        "redis.out-of-memory",
        "OOM command not allowed when used memory",
        r"OOM command not allowed when used memory > 'maxmemory'",
    ),
    text("redis.max-clients", "max number of clients reached", r"max number of clients reached"),
    text("redis.cluster-down", "CLUSTERDOWN", r"CLUSTERDOWN (?P<why>[^\n]+)"),
    text("redis.cluster-state", "Cluster state changed", r"Cluster state changed: (?P<state>\w+)"),
    text(
        "redis.address-updated",
        "Address updated for node",
        r"Address updated for node (?P<node>\S+)(?: \(\S*\))?, now (?P<address>\S+)",
    ),
    text(
        "redis.master-down",
        "+sdown master",
        r"\+sdown master (?P<name>\S+) (?P<host>\S+) (?P<port>\d+)",
    ),
    text("redis.master-down", "MASTERDOWN", r"MASTERDOWN"),
    text(
        "redis.failover-aborted",
        "-failover-abort",
        r"-failover-abort-(?P<why>\S+) master (?P<name>\S+)",
    ),
    text(
        "redis.read-only",
        "READONLY You can't write against a read only",
        r"READONLY You can't write against a read only",
    ),
    text("redis.misconf", "MISCONF", r"MISCONF Redis is configured to save RDB snapshots"),
    text(
        "redis.loading",
        "LOADING Redis is loading",
        r"LOADING Redis is loading the dataset in memory",
    ),
    text("redis.authentication-failed", "NOAUTH", r"NOAUTH Authentication required"),
    text("redis.authentication-failed", "WRONGPASS", r"WRONGPASS invalid"),
    text(
        "redis.save-failed",
        "Can't save in background",
        r"Can't save in background: fork: (?P<why>[^\n]+)",
    ),
    // MongoDB.
    text(
        "mongo.not-in-config",
        "does not have a valid entry for the current node",
        r"Locally stored replica set configuration does not have a valid entry for the current node",
    ),
    text(
        "mongo.no-server",
        "Timed out after",
        r"Timed out after (?P<ms>\d+) ms while waiting (?:for a server that matches|to connect)",
    ),
    text("mongo.no-server", "No server chosen by", r"No server chosen by"),
    text(
        "mongo.no-server",
        "ServerSelectionTimeoutError",
        r"ServerSelectionTimeoutError: (?P<address>[^\s:]+:\d+)",
    ),
    text("mongo.not-primary", "not master", r"not master and slaveOk=false"),
    text("mongo.not-primary", "NotWritablePrimary", r"NotWritablePrimary"),
    text(
        "mongo.authentication-failed",
        "AuthenticationFailed",
        r#"codeName["']?: ?["']AuthenticationFailed|\(AuthenticationFailed\)(?:: '| Authentication failed| SCRAM)|AuthenticationFailed: (?:SCRAM|Authentication|It is not possible|UserNotFound)"#,
    ),
    text(
        "mongo.authentication-failed",
        "MongoSecurityException",
        r"MongoSecurityException: (?P<why>[^\n]+)",
    ),
    text(
        "mongo.authentication-failed",
        "MongoServerError: Authentication failed",
        r"MongoServerError: Authentication failed",
    ),
    text(
        "mongo.pool-exhausted",
        "while waiting for a connection to server",
        r"Timeout waiting for a pooled item after (?P<ms>\d+) MILLISECONDS|while waiting for a connection to server (?P<address>\S+)",
    ),
    text(
        "mongo.slow",
        "\"Slow query\"",
        r#""Slow query"(?:.*?"ns":"(?P<ns>[^"]+)")?(?:.*?"durationMillis":(?P<ms>\d+))?"#,
    ),
    // Elasticsearch and OpenSearch.
    text(
        "elasticsearch.no-master",
        "master not discovered",
        r"master not discovered (?:or elected )?yet(?:[,:] (?P<why>[^;\n]+))?(?:; discovery will continue using \[(?P<seeds>[^\]]*)\])?",
    ),
    text(
        "elasticsearch.watermark",
        "disk watermark",
        r"(?P<level>low|high|flood stage|flood-stage) disk watermark \[(?P<limit>[^\]]+)\] exceeded on",
    ),
    text(
        "elasticsearch.read-only",
        "FORBIDDEN/12/index read-only",
        r"FORBIDDEN/12/index read-only / allow delete",
    ),
    text(
        "elasticsearch.map-count",
        "vm.max_map_count",
        r"max virtual memory areas vm\.max_map_count \[(?P<value>\d+)\] (?:is )?(?:is )?too low",
    ),
    text(
        "elasticsearch.circuit-breaker",
        "CircuitBreakingException",
        r"CircuitBreakingException: \[(?P<breaker>\w+)\] Data too large",
    ),
    text("elasticsearch.rejected", "EsRejectedExecutionException", r"EsRejectedExecutionException"),
    // Cassandra.
    text(
        "cassandra.host-id-collision",
        "Host ID collision for",
        r"Host ID collision for (?P<id>\S+) between (?P<one>\S+) and (?P<other>\S+); (?P<owner>\S+) is the new owner",
    ),
    text("cassandra.no-seeds", "Unable to contact any seeds", r"Unable to contact any seeds"),
    text(
        "cassandra.no-seeds",
        "Unable to gossip with any peers",
        r"Unable to gossip with any (?:peers|seeds)",
    ),
    text("cassandra.no-host", "NoHostAvailableException", r"NoHostAvailableException"),
    // RabbitMQ.
    text("rabbitmq.node", "node           : ", r"node           : (?P<node>\S+)"),
    text("rabbitmq.data", "database dir   : ", r"database dir   : (?P<path>\S+)"),
    text("rabbitmq.data", "data dir       : ", r"data dir       : (?P<path>\S+)"),
    text(
        "rabbitmq.alarm",
        "resource limit alarm set",
        r"(?P<resource>disk|memory) resource limit alarm set on node (?P<node>\S+?)\.?(?:\s|$)",
    ),
    text(
        "rabbitmq.no-queue",
        "NOT_FOUND - no ",
        r"NOT_FOUND - no (?P<kind>queue|exchange) '(?P<name>[^']*)'",
    ),
    text(
        "rabbitmq.missed-heartbeats",
        "missed heartbeats from client",
        r"missed heartbeats from client, timeout: (?P<s>\d+)s",
    ),
    text("rabbitmq.authentication-failed", "ACCESS_REFUSED", r"ACCESS_REFUSED - "),
    text(
        "rabbitmq.delivery-timeout",
        "delivery acknowledgement on channel",
        r"delivery acknowledgement on channel \d+ timed out",
    ),
    // ClickHouse and SQLite.
    text("sqlite.locked", "database is locked", r"database is locked"),
    // Hibernate and p6spy.
    text("hibernate.slow-statement", "SlowQuery: ", r"SlowQuery: (?P<ms>\d+) milliseconds"),
    text(
        "jpa.optimistic-lock",
        "ObjectOptimisticLockingFailureException",
        r"ObjectOptimisticLockingFailureException",
    ),
    text(
        "migration.failed",
        "Migration of schema",
        r"Migration of schema (?P<schema>\S+) to version (?P<version>.+?) failed",
    ),
    text(
        "migration.locked",
        "Could not acquire change log lock",
        r"Could not acquire change log lock\.\s+Currently locked by (?P<by>[^\n]+)",
    ),
    text("migration.locked", "Waiting for changelog lock", r"Waiting for changelog lock"),
];
