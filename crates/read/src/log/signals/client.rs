//! Clients of databases, caches and other programs: what they waited for and how long
//! (failure-knowledge 5).

use super::{Text, text};

/// The first frame of a trace that is of no known library: who took the connection.
macro_rules! taker {
    () => {
        concat!(
            r"(?:\n\s+at (?:[\w.@]+/)?(?:",
            r"com\.(?:zaxxer|mysql|sun|p6spy|atomikos)|java|javax|jakarta|jdk|sun|kotlin|scala|",
            r"io\.(?:micrometer|opentelemetry|agroal|quarkus|ebean)|net\.(?:sf|ttddyy|bytebuddy)|",
            r"org\.(?:springframework|hibernate|apache|postgresql|mariadb|h2|jooq|mybatis|eclipse|jboss|",
            r"flywaydb|liquibase|quartz|aspectj|jdbi|xerial)",
            r")\.[^\n]*)*",
            r"\n\s+at (?:[\w.@]+/)?(?P<frame>[\w.$]+\([^)\n]*\))",
        )
    };
}

/// A report of HikariCP.
const HIKARI_LEAK: &str = concat!(
    r"Connection leak detection triggered for (?:connection )?(?P<connection>[^,\n]+?)",
    r"(?: on thread (?P<thread>[^,\n]+))?, stack trace follows",
    r"(?:(?:\s*\n[^\n]*Apparent connection leak detected[^\n]*)?",
    taker!(),
    r")?",
);

/// A report of Tomcat's JDBC pool, which writes the trace behind the connection (`logAbandoned`).
const TOMCAT_ABANDONED: &str = concat!(
    r"Connection has been (?:abandoned|marked suspect, possibly abandoned) ",
    r"(?P<connection>PooledConnection\[[^\n]*?)",
    r"(?::java\.lang\.Exception[^\n]*",
    taker!(),
    r")?(?:\n|$)",
);

pub(super) const TEXTS: &[Text] = &[
    // Pools.
    text(
        "hikari.connection-not-available",
        "Connection is not available, request timed out after",
        r"(?P<pool>\S+) - Connection is not available, request timed out after (?P<ms>\d+)ms(?:\s*\(total=(?P<total>\d+), active=(?P<active>\d+), idle=(?P<idle>\d+), waiting=(?P<waiting>\d+)\))?",
    ),
    text(
        "hikari.leak-detected",
        "Apparent connection leak detected",
        r"Apparent connection leak detected",
    ),
    text("hikari.leak-detected", "Connection leak detection triggered", HIKARI_LEAK),
    text(
        "hikari.leak-returned",
        "Previously reported leaked connection",
        r"Previously reported leaked connection (?P<connection>[^\n]+?)(?: on thread [^\n]+)? was returned to the pool",
    ),
    text("tomcat-jdbc.abandoned", "Connection has been ", TOMCAT_ABANDONED),
    text(
        "hikari.thread-starvation",
        "Thread starvation or clock leap detected",
        r"Thread starvation or clock leap detected(?: \(housekeeper delta=(?P<delta>[^)]+)\))?",
    ),
    text(
        "hikari.connection-dead",
        "Failed to validate connection",
        r"(?P<pool>\S+) - Failed to validate connection (?P<connection>\S+)",
    ),
    text(
        "hikari.pool-not-filled",
        "Exception during pool initialization",
        r"(?P<pool>\S+) - Exception during pool initialization",
    ),
    text(
        "dbcp.pool-exhausted",
        "Cannot get a connection, pool error",
        r"Cannot get a connection, pool error(?: (?P<why>[^\n]*?borrowMaxWaitDuration=PT(?P<s>\d+(?:\.\d+)?)S\b|[^\n]+))?",
    ),
    text(
        "tomcat-jdbc.pool-exhausted",
        "Unable to fetch a connection in",
        r"Pool empty\. Unable to fetch a connection in (?P<s>\d+) seconds, none available\[size:(?P<size>\d+); busy:(?P<busy>\d+); idle:(?P<idle>\d+); lastwait:(?P<ms>\d+)\]",
    ),
    text(
        "sqlalchemy.pool-exhausted",
        "QueuePool limit of size",
        r"QueuePool limit of size (?P<size>\d+) overflow (?P<overflow>\d+) reached, connection timed out, timeout (?P<s>[\d.]+)",
    ),
    text(
        "http-client.pool-exhausted",
        "Timeout waiting for connection from pool",
        r"Timeout waiting for connection from pool",
    ),
    text(
        "jedis.pool-exhausted",
        "Could not get a resource from the pool",
        r"Could not get a resource(?: since the pool is exhausted| from the pool)",
    ),
    text(
        "jedis.pool-exhausted",
        "Could not get a resource since the pool is exhausted",
        r"Could not get a resource since the pool is exhausted",
    ),
    text(
        "go-redis.pool-exhausted",
        "redis: connection pool timeout",
        r"redis: connection pool timeout",
    ),
    text(
        "node-postgres.pool-exhausted",
        "timeout exceeded when trying to connect",
        r"timeout exceeded when trying to connect",
    ),
    text(
        "prisma.pool-exhausted",
        "Timed out fetching a new connection from the connection pool",
        r"Timed out fetching a new connection from the connection pool(?:[^\n]*?connection pool timeout: (?P<s>\d+), connection limit: (?P<size>\d+))?",
    ),
    text(
        "knex.pool-exhausted",
        "Timeout acquiring a connection. The pool is probably full",
        r"Timeout acquiring a connection\. The pool is probably full",
    ),
    text(
        "activerecord.pool-exhausted",
        "could not obtain a connection from the pool within",
        r"could not obtain a connection from the pool within (?P<s>[\d.]+) seconds",
    ),
    text(
        "npgsql.pool-exhausted",
        "The connection pool has been exhausted",
        r"The connection pool has been exhausted(?:[^\n]*?\(currently (?P<size>\d+)\))?",
    ),
    text(
        "reactor.pool-exhausted",
        "PoolAcquire",
        r"(?:PoolAcquireTimeoutException|PoolAcquirePendingLimitException): (?P<why>[^\n]+)",
    ),
    text(
        "druid.pool-exhausted",
        "GetConnectionTimeoutException",
        r"GetConnectionTimeoutException: wait millis (?P<ms>\d+), active (?P<active>\d+), maxActive (?P<size>\d+)",
    ),
    text(
        "c3p0.pool-exhausted",
        "An attempt by a client to checkout a Connection has timed out",
        r"An attempt by a client to checkout a Connection has timed out",
    ),
    // PostgreSQL's driver.
    text(
        "pgjdbc.refused",
        "refused. Check that the hostname and port are correct",
        r"Connection to (?P<address>\S+) refused\. Check that the hostname and port are correct",
    ),
    text(
        "pgjdbc.connect-failed",
        "The connection attempt failed.",
        r"The connection attempt failed\.",
    ),
    text(
        "pgjdbc.connect-timeout",
        "Connection attempt timed out.",
        r"Connection attempt timed out\.",
    ),
    text(
        "pgjdbc.io-error",
        "An I/O error occurred while sending to the backend",
        r"An I/O error occurred while sending to the backend",
    ),
    // MySQL's driver.
    text(
        "mysql.link-failure",
        "Communications link failure",
        r"Communications link failure(?s:.{0,300}?last packet (?:successfully received from the server was (?P<received_ms>[\d,]+) milliseconds ago\..{0,80}?last packet )?sent successfully to the server was (?P<ms>[\d,]+) milliseconds ago)?",
    ),
    text(
        "mysql.no-driver-connection",
        "No operations allowed after connection closed",
        r"No operations allowed after connection closed",
    ),
    text("mysql.gone-away", "server has gone away", r"MySQL server has gone away"),
    // Redis.
    text(
        "lettuce.command-timeout",
        "Command timed out after",
        r"Command timed out after (?P<time>[\w() ]*\w\)?)",
    ),
    text(
        "lettuce.connect-failed",
        "Unable to connect to ",
        r"RedisConnection(?:Failure)?Exception: Unable to connect to (?:Redis|(?P<address>\S+))",
    ),
    text(
        "jedis.connect-failed",
        "JedisConnectionException",
        r"JedisConnectionException: (?:Failed to connect to (?P<address>[^\s;]+)|(?P<why>[^\n]+))",
    ),
    // Netty and HTTP clients.
    text(
        "netty.connect-timeout",
        "connection timed out after",
        r"connection timed out after (?P<ms>\d+) ms: (?:[^/\s]*/)?(?P<address>[^\s,;]+)",
    ),
    text(
        "netty.connect-timeout",
        "connection timed out: ",
        r"connection timed out: (?:[^/\s]*/)?(?P<address>[^\s,;]+:\d+)",
    ),
    text(
        "http-client.read-timeout",
        "Read timeout to ",
        r"Read timeout to (?P<address>\S+) after (?P<ms>\d+) ?ms",
    ),
    text(
        "http-client.request-timeout",
        "Request timeout to ",
        r"Request timeout to (?P<address>\S+) after (?P<ms>\d+) ?ms",
    ),
    text(
        "http-client.connect-failed",
        "Connect to ",
        r"Connect to (?:https?://)?(?P<address>[^\s#]+)(?: \[[^\]]*\])? failed: (?P<why>[^\n]+)",
    ),
    // Clients of Spring that name what they call.
    text(
        "client.connect-timeout",
        "I/O error on ",
        r#"I/O error on [A-Z]+ request for "https?://(?P<address>[^/"?\s]+)[^"]*": (?:[Cc]onnect|Connection) timed out(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?"#,
    ),
    text(
        "client.connect-timeout",
        "onnect timed out executing ",
        r"[Cc]onnect timed out executing [A-Z]+ https?://(?P<address>[^/?\s]+)(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?",
    ),
    text(
        "client.connect-timeout",
        "connect timed out",
        r"[Cc]onnect timed out(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?",
    ),
    text(
        "client.connect-timeout",
        "Connect timed out",
        r"Connect timed out(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?",
    ),
    text("client.connect-timeout", "i/o timeout", r"dial tcp (?P<address>\S+): i/o timeout"),
    text(
        "client.connect-timeout",
        "ETIMEDOUT",
        r"connect ETIMEDOUT (?P<address>[\w.:\-\[\]]+:\d+)",
    ),
    text(
        "client.connect-timeout",
        "Connection timed out",
        r"(?:ConnectException|ConnectTimeoutException|TimeoutError|OSError)[^\n]*(?P<kernel>Connection timed out)(?:[^\n]*?: (?:[^/\s]*/)?(?P<address>\S+:\d+))?",
    ),
    text(
        "client.read-timeout",
        "Read timed out",
        r"Read timed out(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?",
    ),
    text(
        "client.read-timeout",
        "SocketTimeoutException: timeout",
        r"SocketTimeoutException: timeout(?s:.{0,3000}?\b(?P<library>okhttp3|org\.apache\.http|org\.apache\.hc|redis\.clients\.jedis|com\.amazonaws|software\.amazon\.awssdk|org\.postgresql|com\.mysql|java\.net\.http|sun\.net\.www)\b)?",
    ),
    text(
        "client.read-timeout",
        "i/o timeout",
        r"(?:read|write) tcp \S+->(?P<address>\S+): i/o timeout",
    ),
    text(
        "http-client.lease-timeout",
        "Timeout deadline: ",
        r"Timeout deadline: (?P<ms>\d+) MILLISECONDS, actual: (?P<actual_ms>\d+) MILLISECONDS",
    ),
    text(
        "grpc.deadline-exceeded",
        "deadline exceeded after",
        r"(?:CallOptions|ClientCall|Context)? ?deadline exceeded after (?P<s>[\d.]+)s?(?s:.{0,300}?(?P<waiting_for_connection>waiting_for_connection))?",
    ),
    text("grpc.deadline-exceeded", "DEADLINE_EXCEEDED", r"DEADLINE_EXCEEDED"),
    text("grpc.unavailable", "UNAVAILABLE: ", r"UNAVAILABLE: (?P<why>[^\n]+)"),
    text("client.context-deadline", "context deadline exceeded", r"context deadline exceeded"),
    // ZooKeeper.
    text(
        "zookeeper.session-timed-out",
        "Client session timed out, have not heard from server in",
        r"Client session timed out, have not heard from server in (?P<ms>\d+)ms",
    ),
    text(
        "zookeeper.session-expired",
        "Unable to reconnect to ZooKeeper service, session",
        r"Unable to reconnect to ZooKeeper service, session (?P<session>0x[0-9a-f]+) has expired",
    ),
    text(
        "zookeeper.session-expired",
        "Expiring session 0x",
        r"Expiring session (?P<session>0x[0-9a-f]+), timeout of (?P<ms>\d+)ms exceeded",
    ),
    text(
        "zookeeper.session-established",
        "Session establishment complete on server",
        r"Session establishment complete on server (?P<server>[^\s,]+), (?:session id|sessionid) = (?P<session>0x[0-9a-f]+), negotiated timeout = (?P<ms>\d+)",
    ),
    text(
        "zookeeper.connection-loss",
        "KeeperErrorCode = ConnectionLoss",
        r"KeeperErrorCode = ConnectionLoss(?: for (?P<path>\S+))?",
    ),
    // Names and ports.
    text(
        "client.refused",
        "Connection refused",
        r"[Cc]onnection refused(?:: (?:getsockopt|no further information))?(?:: (?:(?P<host>[^/\s:]*)/)?(?P<address>\S+:\d+))?",
    ),
    // Clients of Spring that name what they call.
    text(
        "client.refused",
        "I/O error on ",
        r#"I/O error on [A-Z]+ request for "https?://(?P<address>[^/"?\s]+)[^"]*": [Cc]onnection refused"#,
    ),
    text(
        "client.refused",
        " executing ",
        r"[Cc]onnection refused(?: \([^)\n]*\))? executing [A-Z]+ https?://(?P<address>[^/?\s]+)",
    ),
    text(
        "client.refused",
        "connection refused",
        r"dial (?:tcp|udp) (?:[^\s>]+->)?(?P<address>\S+): connect: connection refused|connection refused",
    ),
    text(
        "client.refused",
        "onnection to server at ",
        r#"onnection to server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+) failed: Connection refused"#,
    ),
    text(
        "client.refused",
        "Can't connect to MySQL server on",
        r"Can't connect to MySQL server on '(?P<host>[^':\s]+)(?::(?P<port>\d+))?'[^\n]*?(?:refused|\(111\)|\(10061\))",
    ),
    text(
        "client.refused",
        "Connect call failed (",
        r"\[Errno (?:111|61|10061)\] Connect call failed \('(?P<host>[^']+)', (?P<port>\d+)",
    ),
    text(
        "client.refused",
        "eturned error 111",
        r"host=(?P<address>[\w.\-]+:\d+) [^\n]*?Connect attempt (?:to [^\n]*? )?returned error 111",
    ),
    text("client.refused", "ECONNREFUSED", r"ECONNREFUSED(?: (?P<address>[\w.:\-\[\]]+:\d+))?"),
    text("client.reset", "Connection reset", r"Connection reset(?: by peer)?"),
    text("client.reset", "connection reset by peer", r"connection reset by peer"),
    text("client.reset", "ECONNRESET", r"ECONNRESET"),
    text("client.broken-pipe", "Broken pipe", r"Broken pipe"),
    text("client.broken-pipe", "broken pipe", r"broken pipe"),
    text(
        "client.no-route",
        "No route to host",
        r"No route to host(?:: (?:(?P<host>[^/\s:]*)/)?(?P<address>\S+:\d+))?",
    ),
    text(
        "client.no-route",
        "no route to host",
        r"dial (?:tcp|udp) (?:[^\s>]+->)?(?P<address>\S+): connect: no route to host|no route to host",
    ),
    text(
        "client.no-route",
        "Connect call failed (",
        r"\[Errno 113\] Connect call failed \('(?P<host>[^']+)', (?P<port>\d+)",
    ),
    text("client.no-route", "EHOSTUNREACH", r"EHOSTUNREACH(?: (?P<address>\S+:\d+))?"),
    text(
        "client.name-unknown",
        "Name or service not known",
        r"(?:(?P<host>[\w.\-]+): )?Name or service not known",
    ),
    text(
        "client.name-unknown",
        "UnknownHostException",
        r"UnknownHostException: (?:Failed to resolve ')?(?P<host>[\w.\-]+)",
    ),
    text(
        "client.name-unknown",
        "Temporary failure in name resolution",
        r"(?:(?P<host>[\w.\-]+): )?Temporary failure in name resolution",
    ),
    text(
        "client.name-unknown",
        "no such host",
        r"lookup (?P<host>[\w.\-]+)(?: on \S+)?: no such host",
    ),
    text(
        "client.name-unknown",
        "i/o timeout",
        r"lookup (?P<host>[\w.\-]+)(?: on \S+)?: (?:read|dial) udp [^\n]*?: i/o timeout",
    ),
    text(
        "client.name-unknown",
        "server misbehaving",
        r"lookup (?P<host>[\w.\-]+)(?: on \S+)?: server misbehaving",
    ),
    text("client.name-unknown", "Failed to resolve '", r"Failed to resolve '(?P<host>[\w.\-]+)'"),
    text(
        "client.name-unknown",
        "(getaddrinfo: ",
        r"connection to (?P<host>[\w.\-]+):\d+ \(getaddrinfo: ",
    ),
    text(
        "client.name-unknown",
        "php_network_getaddresses: ",
        r"php_network_getaddresses: getaddrinfo (?:for (?P<host>[\w.\-]+) )?failed",
    ),
    text(
        "client.name-unknown",
        "DnsNameResolverTimeoutException",
        r"DnsNameResolverTimeoutException: \[[^\]]*\] DefaultDnsQuestion\((?P<host>[\w.\-]+) IN",
    ),
    text(
        "client.name-unknown",
        "Name does not resolve",
        r"(?:(?P<host>[\w.\-]+): )?Name does not resolve",
    ),
    text(
        "client.name-unknown",
        "No such host is known",
        r"No such host is known\.?(?: \((?P<host>[\w.\-]+):\d+\))?",
    ),
    text(
        "dns.upstream-silent",
        "plugin/errors: ",
        r"plugin/errors: \d+ (?P<host>\S+?)\.? [A-Z]+: (?:read|dial) (?:udp|tcp) [^\n]*?(?P<server>[\w.\[\]:\-]+:\d+): (?P<why>i/o timeout|connect: connection refused)",
    ),
    text(
        "client.name-unknown",
        "getaddrinfo ENOTFOUND",
        r"getaddrinfo ENOTFOUND (?P<host>[\w.\-]+)",
    ),
    text(
        "client.name-unknown",
        "getaddrinfo EAI_AGAIN",
        r"getaddrinfo EAI_AGAIN (?P<host>[\w.\-]+)",
    ),
    text(
        "client.name-unknown",
        "could not translate host name",
        r#"could not translate host name "(?P<host>[^"]+)" to address"#,
    ),
    text(
        "client.name-unknown",
        "Could not resolve host",
        r"Could not resolve host: (?P<host>[\w.\-]+)",
    ),
    // Certificates.
    text("tls.expired", "certificate has expired", r"certificate has expired"),
    text(
        "tls.expired",
        "CertificateExpiredException",
        r"CertificateExpiredException: (?:NotAfter: (?P<limit>[^\n]+)|(?P<why>[^\n]+))",
    ),
    text(
        "tls.expired",
        "certificate expired",
        r"(?:certificate expired|alert certificate expired)",
    ),
    text(
        "tls.expired",
        "has expired or is not yet valid",
        r"certificate has expired or is not yet valid(?:: current time (?P<now>[\w:.+\-]+) is (?P<side>after|before) (?P<limit>[\w:.+\-]+))?",
    ),
    text("tls.expired", "CERT_HAS_EXPIRED", r"CERT_HAS_EXPIRED"),
    text("tls.expired", "NotTimeValid", r"NotTimeValid"),
    text("tls.expired", "invalid peer certificate: Expired", r"invalid peer certificate: Expired"),
    text(
        "tls.verify-failed",
        "CERTIFICATE_VERIFY_FAILED",
        r"CERTIFICATE_VERIFY_FAILED(?:\] certificate verify failed: (?P<why>[^(\n]+))?",
    ),
    text("tls.untrusted", "PKIX path building failed", r"PKIX path building failed"),
    text(
        "tls.untrusted",
        "unable to find valid certification path",
        r"unable to find valid certification path to requested target",
    ),
    text(
        "tls.untrusted",
        "certificate signed by unknown authority",
        r"x509: certificate signed by unknown authority",
    ),
    text("tls.untrusted", "self-signed certificate", r"self-signed certificate"),
    text(
        "tls.wrong-name",
        "No subject alternative",
        r"No subject alternative (?:DNS )?names? (?:matching|present)",
    ),
    text(
        "tls.wrong-name",
        "certificate is valid for ",
        r"x509: certificate is valid for (?P<names>[^\n]+?), not (?P<host>[\w.\-*]+)",
    ),
    text("tls.wrong-name", "ERR_TLS_CERT_ALTNAME_INVALID", r"ERR_TLS_CERT_ALTNAME_INVALID"),
    text(
        "tls.wrong-name",
        "Hostname mismatch, certificate is not valid for",
        r"Hostname mismatch, certificate is not valid for '(?P<host>[^']+)'",
    ),
    text(
        "tls.handshake-failed",
        "SSLHandshakeException",
        r"SSLHandshakeException: (?P<why>[^\n]+)",
    ),
    // Tokens that are not valid yet: a clock is behind.
    text("jwt.not-yet-valid", "Token used before issued", r"Token used before issued"),
    text(
        "jwt.not-yet-valid",
        "JWT must not be accepted before",
        r"JWT must not be accepted before",
    ),
    text(
        "jwt.not-yet-valid",
        "The token is not yet valid (",
        r"The token is not yet valid \((?:iat|nbf)\)",
    ),
    text("kerberos.clock-skewed", "Clock skew too great", r"Clock skew too great"),
    // The caller gave up.
    text(
        "resilience.circuit-open",
        "CircuitBreaker '",
        r"CircuitBreaker '(?P<name>[^']+)' is OPEN",
    ),
];
