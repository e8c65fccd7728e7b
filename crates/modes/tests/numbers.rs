//! From the number in a text to the setting that decides it: one text per row of the table.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::fmt::Write as _;

use wonin_model::Finding;
use wonin_read::MemoryFiles;

/// A text as a program logs it, and the mode and words that must be said of it.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("Topic orders not present in metadata after 60000 ms.", "wrong-knob", &["60000 ms is the default of max.block.ms"]),
    ("Topic orders not present in metadata after 5000 ms.", "wrong-knob", &["max.block.ms", "set it to 5000 ms"]),
    ("Failed to allocate 16384 bytes within the configured max blocking time 60000 ms.", "wrong-knob", &["max.block.ms", "60000"]),
    ("Expiring 1 record(s) for orders-0:120003 ms has passed since batch creation", "wrong-knob", &["delivery.timeout.ms", "120003"]),
    ("[Producer clientId=p] Disconnecting from node 1 due to request timeout.", "wrong-knob", &["request.timeout.ms", "30 s"]),
    ("Disconnecting from node 1 due to socket connection setup timeout. The timeout value is 9120 ms.", "wrong-knob", &["socket.connection.setup.timeout.ms", "10000", "doubles"]),
    ("Timeout of 60000ms expired before successfully committing offsets {a-0=1}", "wrong-knob", &["default.api.timeout.ms", "60000"]),
    ("TimeoutException: Timed out waiting for a node assignment. Call: listTopics", "wrong-knob", &["default.api.timeout.ms"]),
    ("HikariPool-1 - Connection is not available, request timed out after 30003ms (total=10, active=10, idle=0, waiting=4)", "pool-exhausted", &["connectionTimeout", "10 in use of 10", "maximumPoolSize"]),
    ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00", "pool-exhausted", &["15 in use of 15", "pool_timeout"]),
    ("Apparent connection leak detected", "connection-leak", &["leak"]),
    ("HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m2s).", "workers-blocked", &["1m2s"]),
    ("org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct", "dependency-down", &["db:5432", "refused at once"]),
    ("PSQLException: Connection attempt timed out.", "wrong-knob", &["connectTimeout", "10 s"]),
    ("PSQLException: An I/O error occurred while sending to the backend.", "wrong-knob", &["socketTimeout"]),
    ("FATAL:  sorry, too many clients already", "connections-exceed-server-limit", &["max_connections", "100"]),
    ("ERROR:  canceling statement due to statement timeout", "wrong-knob", &["statement_timeout"]),
    ("ERROR:  canceling statement due to lock timeout", "lock-holder-blocks-queue", &["lock"]),
    ("process 5 still waiting for ShareLock on transaction 7 after 1000.072 ms", "lock-holder-blocks-queue", &["lock"]),
    ("Communications link failure\n\nThe last packet successfully received from the server was 30,000,000 milliseconds ago. The last packet sent successfully to the server was 30,000,001 milliseconds ago.", "idle-connection-outlives-server", &["wait_timeout"]),
    ("java.sql.SQLNonTransientConnectionException: Too many connections", "connections-exceed-server-limit", &["max_connections", "151"]),
    ("Lock wait timeout exceeded; try restarting transaction", "lock-holder-blocks-queue", &["innodb_lock_wait_timeout", "50 s"]),
    ("io.lettuce.core.RedisCommandTimeoutException: Command timed out after 1 minute(s)", "wrong-knob", &["RedisURI.timeout", "60000"]),
    ("redis.clients.jedis.exceptions.JedisConnectionException: Failed to connect to cache:6379", "dependency-down", &["connectionTimeout", "2 s"]),
    ("JedisException: Could not get a resource from the pool", "pool-exhausted", &["Jedis"]),
    ("java.net.ConnectException: connection timed out after 30000 ms: /10.1.2.3:9000", "wrong-knob", &["CONNECT_TIMEOUT_MILLIS"]),
    ("io.netty.channel.ConnectTimeoutException: connection timed out: /10.1.2.3:9000", "wrong-knob", &["CONNECT_TIMEOUT_MILLIS", "30 s"]),
    ("java.net.ConnectException: connection timed out after 1234 ms: /10.1.2.3:9000", "wrong-knob", &["set it to 1234 ms"]),
    ("java.net.ConnectException: connection timed out after 5000 ms: /10.1.2.3:9000", "wrong-knob", &["connectTimeout", "5000"]),
    ("java.net.ConnectException: connection timed out after 2000 ms: /172.24.0.9:8099", "stale-registration", &["brokerConnectTimeoutMs", "5000", "30000"]),
    ("java.util.concurrent.TimeoutException: Read timeout to pay/10.1.2.3:80 after 60000 ms", "wrong-knob", &["readTimeout", "60000"]),
    ("java.util.concurrent.TimeoutException: Request timeout to pay/10.1.2.3:80 after 60000 ms", "wrong-knob", &["requestTimeout", "60000"]),
    ("java.net.SocketTimeoutException: connect timed out\n\tat okhttp3.internal.connection.RealConnection.connectSocket(RealConnection.kt:297)", "wrong-knob", &["OkHttp", "10 s", "connectTimeout"]),
    ("java.net.SocketTimeoutException: timeout\n\tat okhttp3.internal.http2.Http2Stream$StreamTimeout.newTimeoutException(Http2Stream.kt:675)", "wrong-knob", &["OkHttp", "readTimeout", "10 s"]),
    ("org.apache.hc.core5.util.DeadlineTimeoutException: Timeout deadline: 180000 MILLISECONDS, actual: 180002 MILLISECONDS", "wrong-knob", &["connectionRequestTimeout", "180000"]),
    ("org.apache.http.conn.ConnectTimeoutException: Connect to pay:443 [pay/10.1.2.3] failed: Connect timed out", "wrong-knob", &["Apache HttpClient", "connectTimeout"]),
    ("org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool", "pool-exhausted", &["HTTP client", "maxConnPerRoute"]),
    ("io.grpc.StatusRuntimeException: DEADLINE_EXCEEDED: CallOptions deadline exceeded after 4.999s. [closed=[], open=[[wait_for_ready, waiting_for_connection]]]", "wrong-knob", &["deadline", "never had a connection"]),
    ("Client session timed out, have not heard from server in 20008ms for sessionid 0x1", "wrong-knob", &["sessionTimeout", "30000"]),
    ("Unable to reconnect to ZooKeeper service, session 0x1000a has expired", "wrong-knob", &["sessionTimeout"]),
    ("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connect to shop.s3.amazonaws.com:443 failed: connect timed out", "wrong-knob", &["connectionTimeout", "AWS SDK", "10 s"]),
    ("com.amazonaws.SdkClientException: Unable to execute HTTP request: Read timed out", "wrong-knob", &["socketTimeout", "AWS SDK", "50 s"]),
    ("com.amazonaws.SdkClientException: Unable to execute HTTP request: Timeout waiting for connection from pool", "wrong-knob", &["maxConnections", "50"]),
    ("upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.0.0.1, upstream: \"http://172.18.0.4:80/\"", "wrong-knob", &["proxy_connect_timeout", "1 min"]),
    ("upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.0.1, upstream: \"http://172.18.0.4:80/\"", "wrong-knob", &["proxy_read_timeout", "1 min"]),
    ("java.net.ConnectException: Connection timed out (Connection timed out)", "wrong-knob", &["tcp_syn_retries", "127"]),
    ("java.net.NoRouteToHostException: No route to host: /10.1.2.3:9000", "dependency-down", &["no host answers at 10.1.2.3:9000", "3 s"]),
    ("java.net.ConnectException: Connection refused: /10.1.2.3:9000", "dependency-down", &["nobody listens at 10.1.2.3:9000", "refused at once"]),
    // librdkafka.
    ("%3|1712.1|FAIL|rdkafka#producer-1| [thrd:x]: Local: Message timed out", "wrong-knob", &["message.timeout.ms", "5 min"]),
    ("%4|1712.1|REQTMOUT|rdkafka#p-1| [thrd:x]: kafka:9092/1: 2 request(s) timed out: disconnect (average rtt 8.1ms)", "wrong-knob", &["socket.timeout.ms", "1 min"]),
    ("Application maximum poll interval (300000ms) exceeded by 88ms (adjust max.poll.interval.ms for long-running message processing): leaving group", "poll-interval-too-short", &["max.poll.interval.ms"]),
];

/// All that a finding says.
fn words(finding: &Finding) -> String {
    let mut text = finding.title.clone();
    text.push_str(finding.arithmetic.as_deref().unwrap_or(""));
    for because in &finding.because {
        text.push('\n');
        text.push_str(&because.claim);
        text.push_str(because.value.as_deref().unwrap_or(""));
        // Writing to a string cannot fail.
        _ = write!(text, "{:?}", because.origin);
    }
    for fix in &finding.fixes {
        text.push_str(&fix.title);
    }
    text
}

#[test]
fn every_text_of_the_table_leads_to_its_setting() {
    let mut wrong = Vec::new();
    for (text, mode, expected) in ROWS {
        // A line of the same kind each few seconds, so that no single one is taken for chance.
        let event =
            |second: u32| format!("2025-03-02 10:12:{second:02}.120 ERROR app.Main - {text}\n");
        let log: String = [1, 11, 21].into_iter().map(event).collect();
        let evidence = wonin_read::read(&MemoryFiles::new([("app.log", log.as_str())]));
        let diagnosis = wonin_modes::examine(&evidence);
        let own: Vec<String> =
            diagnosis.findings.iter().filter(|one| one.meta.id == *mode).map(words).collect();
        let fits = own.iter().any(|said| expected.iter().all(|word| said.contains(word)));
        if !fits {
            let all: Vec<String> = diagnosis
                .findings
                .iter()
                .map(|one| format!("{}: {}", one.meta.id, words(one)))
                .collect();
            wrong.push(format!("{text}\n  wanted {mode} {expected:?}\n  said {all:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

/// A year or a day that lines do not write is taken from elsewhere to compare times, and shown to
/// nobody.
#[test]
fn what_times_do_not_say_is_not_shown() {
    for (stamps, shown) in [
        (["Mar  2 10:00:01", "Mar  2 10:00:21", "Mar  2 10:00:31"], "03-02 10:00:01 to 10:00:31"),
        (["10:00:01.120", "10:00:21.120", "10:00:31.120"], "10:00:01 to 10:00:31"),
        (
            ["2025-03-02 10:00:01", "2025-03-02 10:00:21", "2025-03-02 10:00:31"],
            "2025-03-02 10:00:01 to 10:00:31",
        ),
    ] {
        let line = |at: &str| {
            format!(
                "{at} web1 app[12]: ERROR java.net.ConnectException: Connection refused: /10.1.2.3:9000\n"
            )
        };
        let log: String = stamps.map(line).concat();
        let evidence = wonin_read::read(&MemoryFiles::new([("app.log", log.as_str())]));
        let diagnosis = wonin_modes::examine(&evidence);
        let claims = diagnosis.findings.iter().flat_map(|one| &one.because);
        let seen: Vec<&str> = claims.map(|one| one.claim.as_str()).collect();
        let expected = format!("seen 3 times, {shown}: ");
        assert!(seen.iter().any(|claim| claim.starts_with(&expected)), "{expected}: {seen:?}");
    }
}
