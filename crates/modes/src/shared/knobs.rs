//! From a text with a number to the setting that decides the number (failure-knowledge 5).

use wonin_model::{ClientKind, ClientLibrary};

use super::measure::parse_ms;
use super::seen::{Values, number};

/// Where the number stands in a text, and how it relates to the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The setting itself, in milliseconds, under this name.
    Exact(&'static str),
    /// What passed until the setting ended it, in milliseconds: a little more than the setting.
    AtLeast(&'static str),
    /// The setting doubled at each try and spread by a fifth, never above a second setting.
    Doubled(&'static str),
    /// The setting in seconds, under this name.
    Seconds(&'static str),
    /// Two thirds of the setting, in milliseconds, and a little more.
    TwoThirds(&'static str),
    /// The setting in words: `1 minute(s)`.
    Words(&'static str),
    /// The text has no number; the time between events has.
    Absent,
}

/// One setting that a text stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knob {
    /// The signal.
    pub(crate) signal: &'static str,
    /// The setting's name.
    pub(crate) setting: &'static str,
    /// Its default in milliseconds; `None`: no limit unless one is set.
    pub(crate) default_ms: Option<u64>,
    /// Whose default.
    pub(crate) of: &'static str,
    /// Where that is documented.
    pub(crate) source: &'static str,
    /// What it bounds: `send() waits for metadata`.
    pub(crate) bounds: &'static str,
    /// Where the number stands.
    pub(crate) number: Number,
    /// Which Kafka clients have the setting.
    pub(crate) kafka: Option<(ClientLibrary, Option<ClientKind>)>,
    /// Spring Boot's property for it.
    pub(crate) property: Option<&'static str>,
    /// The mode that tells of it, where that is not `wrong-knob`.
    pub(crate) told_by: Option<&'static str>,
    /// Where several rows share a signal: a value and what it must hold for this one.
    pub(crate) when: Option<(&'static str, &'static str)>,
}

const JAVA: &str = "the Apache Kafka 3.9 Java client";
const RDKAFKA: &str = "librdkafka";

const fn knob(
    signal: &'static str,
    setting: &'static str,
    default_ms: Option<u64>,
    number: Number,
    of: &'static str,
    source: &'static str,
    bounds: &'static str,
) -> Knob {
    Knob {
        signal,
        setting,
        default_ms,
        of,
        source,
        bounds,
        number,
        kafka: None,
        property: None,
        told_by: None,
        when: None,
    }
}

impl Knob {
    const fn java(self, kind: Option<ClientKind>) -> Self {
        Self { kafka: Some((ClientLibrary::Java, kind)), ..self }
    }

    const fn rdkafka(self) -> Self {
        Self { kafka: Some((ClientLibrary::Librdkafka, None)), ..self }
    }

    const fn property(self, name: &'static str) -> Self {
        Self { property: Some(name), ..self }
    }

    const fn told_by(self, mode: &'static str) -> Self {
        Self { told_by: Some(mode), ..self }
    }

    const fn when(self, value: &'static str, holds: &'static str) -> Self {
        Self { when: Some((value, holds)), ..self }
    }

    /// Whether these values are what tells this row from others of its signal.
    pub(crate) fn is_meant(&self, values: Option<&Values>) -> bool {
        self.when.is_none_or(|(name, text)| {
            values.and_then(|values| values.get(name)).is_some_and(|value| value.contains(text))
        })
    }

    /// The number that these values hold, in milliseconds.
    pub(crate) fn read(&self, values: &Values) -> Option<u64> {
        match self.number {
            Number::Exact(name) | Number::AtLeast(name) | Number::Doubled(name) => {
                number(values, name)
            }
            Number::Seconds(name) => {
                let seconds: f64 = values.get(name)?.parse().ok()?;
                (0.0..1e9).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
            }
            Number::Words(name) => words_ms(values.get(name)?),
            Number::TwoThirds(name) => Some(number(values, name)?.saturating_mul(3) / 2),
            Number::Absent => None,
        }
    }

    /// Whether a number in a text is what this value of the setting leads to.
    pub(crate) fn fits(&self, seen_ms: u64, setting_ms: u64) -> bool {
        match self.number {
            Number::Exact(_) | Number::Words(_) | Number::Absent => seen_ms == setting_ms,
            // A scheduler's delay or a collector's pause comes on top.
            Number::AtLeast(_) | Number::Seconds(_) | Number::TwoThirds(_) => {
                seen_ms >= setting_ms && seen_ms - setting_ms <= 500.max(setting_ms / 20)
            }
            Number::Doubled(_) => {
                let mut base = setting_ms;
                for _ in 0..6 {
                    if seen_ms >= base / 5 * 4 && seen_ms <= base.saturating_add(base / 5) {
                        return true;
                    }
                    base = base.saturating_mul(2);
                }
                false
            }
        }
    }
}

/// `1 minute(s)`, `30 second(s)`, `500 millisecond(s)`, `no timeout`.
fn words_ms(text: &str) -> Option<u64> {
    let (count, unit) = text.trim().split_once(' ')?;
    let unit = match unit.trim_end_matches(['(', 's', ')']) {
        "milli" | "millisecond" | "m" => "ms",
        "second" => "s",
        "minute" => "m",
        "hour" => "h",
        _ => return None,
    };
    u64::try_from(parse_ms(&format!("{count}{unit}"))?).ok()
}

/// The settings that a signal stands for.
pub(crate) fn of(signal: &str) -> impl Iterator<Item = &'static Knob> {
    KNOBS.iter().filter(move |knob| knob.signal == signal)
}

use Number::{Absent, AtLeast, Doubled, Exact, Seconds, TwoThirds, Words};

/// All of them; several rows of one signal are told apart by their numbers.
pub(crate) const KNOBS: &[Knob] = &[
    // Kafka's Java client.
    knob("kafka.not-present-in-metadata", "max.block.ms", Some(60_000), Exact("ms"), JAVA, "ProducerConfig", "send() waits for metadata and buffer space").java(Some(ClientKind::Producer)),
    knob("kafka.buffer-exhausted", "max.block.ms", Some(60_000), Exact("ms"), JAVA, "ProducerConfig", "send() waits for metadata and buffer space").java(Some(ClientKind::Producer)),
    knob("kafka.records-expired", "delivery.timeout.ms", Some(120_000), AtLeast("ms"), JAVA, "ProducerConfig", "a record waits for its acknowledgement, retries included").java(Some(ClientKind::Producer)),
    knob("kafka.request-timeout", "request.timeout.ms", Some(30_000), Absent, JAVA, "CommonClientConfigs", "one request waits for its answer on an open connection").java(None),
    knob("kafka.connection-setup-timeout", "socket.connection.setup.timeout.ms", Some(10_000), Doubled("ms"), JAVA, "CommonClientConfigs; ClusterConnectionStates", "a connection is set up; it doubles at each try up to socket.connection.setup.timeout.max.ms").java(None),
    knob("kafka.api-timeout", "default.api.timeout.ms", Some(60_000), Exact("ms"), JAVA, "ConsumerConfig", "a call of the consumer waits, where the call itself sets no time").java(Some(ClientKind::Consumer)),
    knob("kafka.no-node-assigned", "default.api.timeout.ms", Some(60_000), Absent, JAVA, "AdminClientConfig", "a call of the administration client waits for any broker").java(Some(ClientKind::Admin)),
    knob("kafka.call-not-sent", "default.api.timeout.ms", Some(60_000), Absent, JAVA, "AdminClientConfig", "a call of the administration client waits for the right broker").java(Some(ClientKind::Admin)),
    knob("kafka.poll-interval-exceeded", "max.poll.interval.ms", Some(300_000), Absent, JAVA, "ConsumerConfig", "the time between two polls").java(Some(ClientKind::Consumer)).told_by("poll-interval-too-short"),
    knob("kafka.session-timed-out", "session.timeout.ms", Some(45_000), Absent, JAVA, "ConsumerConfig", "the coordinator answers no heartbeat").java(Some(ClientKind::Consumer)),
    // librdkafka.
    knob("librdkafka.message-timed-out", "message.timeout.ms", Some(300_000), Absent, RDKAFKA, "CONFIGURATION.md", "a message waits for its acknowledgement; there is no max.block.ms").rdkafka(),
    knob("librdkafka.unknown-topic", "topic.metadata.propagation.max.ms", Some(30_000), Absent, RDKAFKA, "CONFIGURATION.md", "a topic that is not known yet is waited for").rdkafka(),
    knob("librdkafka.requests-timed-out", "socket.timeout.ms", Some(60_000), Absent, RDKAFKA, "CONFIGURATION.md", "a request waits for its answer; request.timeout.ms is the broker's wait for acknowledgements").rdkafka(),
    knob("librdkafka.timed-out", "socket.timeout.ms", Some(60_000), Absent, RDKAFKA, "CONFIGURATION.md", "a request waits for its answer; request.timeout.ms is the broker's wait for acknowledgements").rdkafka(),
    knob("librdkafka.connection-setup-timeout", "socket.connection.setup.timeout.ms", Some(30_000), Absent, RDKAFKA, "CONFIGURATION.md", "a connection is set up, TLS and SASL included").rdkafka(),
    knob("librdkafka.queue-full", "queue.buffering.max.messages", None, Absent, RDKAFKA, "CONFIGURATION.md", "messages wait to be sent (100000)").rdkafka(),
    knob("librdkafka.poll-interval-exceeded", "max.poll.interval.ms", Some(300_000), Exact("setting_ms"), RDKAFKA, "CONFIGURATION.md", "the time between two polls").rdkafka().told_by("poll-interval-too-short"),
    // Pools.
    knob("hikari.connection-not-available", "connectionTimeout", Some(30_000), AtLeast("ms"), "HikariCP", "HikariConfig", "a caller waits for a connection of the pool").property("spring.datasource.hikari.connection-timeout").told_by("pool-exhausted"),
    knob("tomcat-jdbc.pool-exhausted", "maxWait", Some(30_000), Seconds("s"), "Tomcat's JDBC pool", "The Tomcat JDBC Connection Pool", "a caller waits for a connection of the pool").property("spring.datasource.tomcat.max-wait").told_by("pool-exhausted"),
    knob("sqlalchemy.pool-exhausted", "pool_timeout", Some(30_000), Seconds("s"), "SQLAlchemy", "Engine configuration", "a caller waits for a connection of the pool").told_by("pool-exhausted"),
    // Databases.
    knob("pgjdbc.connect-timeout", "connectTimeout", Some(10_000), Absent, "the PostgreSQL JDBC driver", "PGProperty", "a connection is opened"),
    knob("pgjdbc.io-error", "socketTimeout", None, Absent, "the PostgreSQL JDBC driver", "PGProperty", "an answer of the database (0: without end)"),
    knob("postgres.statement-timeout", "statement_timeout", None, Absent, "PostgreSQL", "Client Connection Defaults", "one statement (0: without end)"),
    knob("postgres.lock-timeout", "lock_timeout", None, Absent, "PostgreSQL", "Client Connection Defaults", "a statement waits for a lock (0: without end)"),
    knob("postgres.waiting-for-lock", "deadlock_timeout", Some(1000), AtLeast("ms"), "PostgreSQL", "Lock Management", "a process waits before the server looks for a deadlock and logs the wait").told_by("lock-holder-blocks-queue"),
    knob("mysql.lock-wait-timeout", "innodb_lock_wait_timeout", Some(50_000), Absent, "MySQL", "InnoDB System Variables", "a transaction waits for a row lock").told_by("lock-holder-blocks-queue"),
    knob("mysql.link-failure", "wait_timeout", Some(28_800_000), AtLeast("ms"), "MySQL", "Server System Variables", "a connection may be idle").told_by("idle-connection-outlives-server"),
    knob("mongo.no-server", "serverSelectionTimeoutMS", Some(30_000), Exact("ms"), "MongoDB's drivers", "Connection String Options", "an operation waits for a server that fits"),
    // Redis.
    knob("lettuce.command-timeout", "RedisURI.timeout", Some(60_000), Words("time"), "Lettuce", "RedisURI", "a command waits for its answer").property("spring.data.redis.timeout"),
    knob("jedis.connect-failed", "connectionTimeout", Some(2000), Absent, "Jedis", "Protocol.DEFAULT_TIMEOUT", "a connection is opened").property("spring.data.redis.connect-timeout"),
    // HTTP and RPC clients.
    knob("netty.connect-timeout", "brokerConnectTimeoutMs", Some(2000), Exact("ms"), "the Pinot client", "JsonAsyncHttpPinotClientTransportFactory", "a connection to a broker is opened"),
    knob("netty.connect-timeout", "connectTimeout", Some(5000), Exact("ms"), "AsyncHttpClient", "ahc-default.properties", "a connection is opened"),
    knob("netty.connect-timeout", "CONNECT_TIMEOUT_MILLIS", Some(30_000), Exact("ms"), "Netty", "AbstractNioChannel; DefaultChannelConfig", "a connection is opened"),
    knob("http-client.read-timeout", "readTimeout", Some(60_000), Exact("ms"), "AsyncHttpClient", "ahc-default.properties", "the time between two reads"),
    knob("http-client.request-timeout", "requestTimeout", Some(60_000), Exact("ms"), "AsyncHttpClient", "ahc-default.properties", "a whole request"),
    knob("grpc.deadline-exceeded", "the caller's deadline", None, Seconds("s"), "gRPC", "ClientCallImpl", "one call; gRPC has no default"),
    // Clients that are told by the frames below their exception.
    knob("client.connect-timeout", "connectTimeout", Some(10_000), Absent, "OkHttp", "OkHttpClient", "a connection is opened (readTimeout, writeTimeout: the same; callTimeout: none)").when("library", "okhttp3"),
    knob("client.connect-timeout", "connectTimeout", None, Absent, "Apache HttpClient 4.5", "RequestConfig", "a connection is opened (-1: as long as the system waits)").when("library", "org.apache.http"),
    knob("client.connect-timeout", "connectTimeout", Some(180_000), Absent, "Apache HttpClient 5", "RequestConfig", "a connection is opened").when("library", "org.apache.hc"),
    knob("client.connect-timeout", "connectionTimeout", Some(2000), Absent, "Jedis", "Protocol.DEFAULT_TIMEOUT", "a connection is opened").when("library", "redis.clients.jedis"),
    knob("client.connect-timeout", "connectionTimeout", Some(10_000), Absent, "the AWS SDK for Java 1", "ClientConfiguration", "a connection is opened").when("library", "com.amazonaws"),
    knob("client.connect-timeout", "connectTimeout", Some(10_000), Absent, "the PostgreSQL JDBC driver", "PGProperty", "a connection is opened").when("library", "org.postgresql"),
    knob("client.connect-timeout", "connectTimeout", None, Absent, "MySQL Connector/J", "PropertyDefinitions", "a connection is opened (0: without end)").when("library", "com.mysql"),
    knob("client.connect-timeout", "net.ipv4.tcp_syn_retries", Some(127_000), Absent, "Linux", "ip-sysctl", "the kernel tries to connect (6 tries, about 127 s): the client has no limit of its own").when("kernel", "timed out"),
    knob("client.connect-timeout", "the client's connect timeout", None, Absent, "the client", "its documentation", "a connection is opened"),
    knob("client.read-timeout", "readTimeout", Some(10_000), Absent, "OkHttp", "OkHttpClient", "the time between two reads").when("library", "okhttp3"),
    knob("client.read-timeout", "soTimeout", Some(2000), Absent, "Jedis", "Protocol.DEFAULT_TIMEOUT", "an answer of Redis").when("library", "redis.clients.jedis"),
    knob("client.read-timeout", "socketTimeout", Some(50_000), Absent, "the AWS SDK for Java 1", "ClientConfiguration", "the time between two reads").when("library", "com.amazonaws"),
    knob("client.read-timeout", "socketTimeout", None, Absent, "the PostgreSQL JDBC driver", "PGProperty", "an answer of the database (0: without end)").when("library", "org.postgresql"),
    knob("client.read-timeout", "socketTimeout", None, Absent, "MySQL Connector/J", "PropertyDefinitions", "an answer of the database (0: without end)").when("library", "com.mysql"),
    knob("client.read-timeout", "socketTimeout", None, Absent, "Apache HttpClient 4.5", "RequestConfig", "the time between two reads (-1: without end)").when("library", "org.apache.http"),
    knob("client.read-timeout", "the client's read timeout", None, Absent, "the client", "its documentation", "the time between two reads"),
    knob("http-client.lease-timeout", "connectionRequestTimeout", Some(180_000), Exact("ms"), "Apache HttpClient 5", "RequestConfig", "a caller waits for a connection of the pool (25 in all, 5 to one host)"),
    knob("http-client.connect-failed", "connectTimeout", None, Absent, "Apache HttpClient 4.5", "RequestConfig", "a connection is opened (-1: as long as the system waits)").when("why", "timed out"),
    knob("http-client.pool-exhausted", "maxConnPerRoute", None, Absent, "Apache HttpClient 4.5", "PoolingHttpClientConnectionManager", "connections that one host may have (likely 2 unless it is set, 20 in all)").told_by("pool-exhausted"),
    knob("aws.request-failed", "connectionTimeout", Some(10_000), Absent, "the AWS SDK for Java 1", "ClientConfiguration", "a connection is opened (50000 in early versions)").when("why", "onnect timed out"),
    knob("aws.request-failed", "socketTimeout", Some(50_000), Absent, "the AWS SDK for Java 1", "ClientConfiguration", "the time between two reads").when("why", "Read timed out"),
    knob("aws.request-failed", "maxConnections", None, Absent, "the AWS SDK for Java 1", "ClientConfiguration", "connections at once (50): streams that nobody closes keep theirs").when("why", "waiting for connection from pool"),
    // ZooKeeper.
    knob("zookeeper.session-timed-out", "sessionTimeout", Some(30_000), TwoThirds("ms"), "Helix and Pinot", "ZkClient", "a session without a sign of life; the client gives its server up after two thirds of it (inferred), and the server allows 2 to 20 ticks"),
    knob("zookeeper.session-expired", "sessionTimeout", None, Exact("ms"), "ZooKeeper", "Programmer's Guide, Sessions", "a session without a sign of life, as negotiated"),
    // Gateways.
    knob("nginx.upstream-timed-out", "proxy_connect_timeout", Some(60_000), Absent, "nginx", "ngx_http_proxy_module", "a connection to an upstream is opened"),
    knob("nginx.upstream-timed-out", "proxy_read_timeout", Some(60_000), Absent, "nginx", "ngx_http_proxy_module", "the time between two reads of an answer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &'static str, value: &str) -> Values {
        [(name, value.to_owned())].into()
    }

    fn knob_of(signal: &str) -> &'static Knob {
        of(signal).next().expect("a row of the table")
    }

    #[test]
    fn numbers_are_compared_as_their_texts_make_them() {
        let block = knob_of("kafka.not-present-in-metadata");
        assert_eq!(block.read(&values("ms", "60000")), Some(60_000));
        assert!(block.fits(60_000, 60_000) && !block.fits(60_001, 60_000));
        let hikari = knob_of("hikari.connection-not-available");
        assert!(hikari.fits(30_003, 30_000) && !hikari.fits(29_999, 30_000));
        assert!(!hikari.fits(60_000, 30_000));
        let setup = knob_of("kafka.connection-setup-timeout");
        assert!(setup.fits(8_200, 10_000) && setup.fits(23_000, 10_000));
        assert!(!setup.fits(15_000, 10_000));
    }

    #[test]
    fn times_in_words_and_seconds_are_read() {
        let lettuce = knob_of("lettuce.command-timeout");
        assert_eq!(lettuce.read(&values("time", "1 minute(s)")), Some(60_000));
        assert_eq!(lettuce.read(&values("time", "10 second(s)")), Some(10_000));
        assert_eq!(lettuce.read(&values("time", "no timeout")), None);
        let session = knob_of("zookeeper.session-timed-out");
        assert_eq!(session.read(&values("ms", "20008")), Some(30_012));
        assert!(session.fits(30_012, 30_000));
        let grpc = knob_of("grpc.deadline-exceeded");
        assert_eq!(grpc.read(&values("s", "4.999")), Some(4999));
        assert_eq!(grpc.read(&values("s", "NaN")), None);
        assert_eq!(grpc.read(&values("s", "1e300")), None);
    }
}
