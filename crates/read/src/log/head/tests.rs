//! Heads of the lines that loggers write.

use super::*;

fn head(line: &str) -> (Style, Option<Level>, String, bool) {
    let base = Base::of(1_717_200_000_000);
    let mut heads = Heads::learn(std::iter::once(line), base);
    let head = heads.head(line);
    (head.style, head.level, line[head.message..].to_owned(), head.at.is_some())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_text_begins_behind_time_level_and_logger() {
    let (info, warning, error) = (Level::Info, Level::Warning, Level::Error);
    for (line, style, level, message) in [
        (
            "2024-06-01T12:00:00.123+09:00  INFO 1 --- [shop] [main] c.e.ShopApplication                  : Started ShopApplication in 5.2 seconds",
            Style::SpringBoot,
            info,
            "Started ShopApplication in 5.2 seconds",
        ),
        (
            "2024-06-01 12:00:00.123  WARN 1 --- [nio-8080-exec-1] o.a.k.c.NetworkClient : [Producer clientId=p] Bootstrap",
            Style::SpringBoot,
            warning,
            "[Producer clientId=p] Bootstrap",
        ),
        (
            "[2024-06-01 12:00:00,123] INFO [RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)",
            Style::Kafka,
            info,
            "[RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)",
        ),
        (
            "2015-07-29 19:04:29,071 - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker@688] - Send worker leaving thread",
            Style::ZooKeeper,
            warning,
            "Send worker leaving thread",
        ),
        (
            "2024-06-01 12:00:00,123 [myid:1] - INFO  [main:QuorumPeerConfig@135] - Reading",
            Style::ZooKeeper,
            info,
            "Reading",
        ),
        (
            "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Executing with tokens:",
            Style::Log4j,
            info,
            "Executing with tokens:",
        ),
        (
            "2024-06-01 12:00:00 fail: Docs.Archive.Worker[0]",
            Style::DotNet,
            error,
            "Docs.Archive.Worker[0]",
        ),
        ("12:00:00.123 [main] ERROR com.example.App -- boom", Style::Log4j, error, "boom"),
        (
            "2024-06-01 12:00:00.123 UTC [42] FATAL:  sorry, too many clients already",
            Style::Postgres,
            error,
            "sorry, too many clients already",
        ),
        (
            "2024-06-01 12:00:00.123 UTC [42] app@shop ERROR:  deadlock detected",
            Style::Postgres,
            error,
            "deadlock detected",
        ),
        (
            "2024-06-01T12:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate",
            Style::MySql,
            warning,
            "CA certificate",
        ),
        (
            "2024-06-01 12:00:00 0 [Note] mariadbd: ready for connections.",
            Style::MySql,
            info,
            "ready for connections.",
        ),
        (
            "1:M 01 Jun 2024 12:00:00.123 # Server initialized",
            Style::Redis,
            warning,
            "Server initialized",
        ),
        (
            "2024/06/01 12:00:00 [error] 29#29: *1 connect() failed (111: Connection refused)",
            Style::NginxError,
            error,
            "*1 connect() failed (111: Connection refused)",
        ),
        (
            "10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a HTTP/1.1\" 502 157",
            Style::Access,
            error,
            "GET /a HTTP/1.1\" 502 157",
        ),
        (
            "[2024-06-01T12:00:00.123Z] \"GET /a HTTP/1.1\" 503 UF 0 91 10 -",
            Style::Access,
            error,
            "GET /a HTTP/1.1\" 503 UF 0 91 10 -",
        ),
        (
            "E0601 12:00:00.123456       1 reflector.go:138] Failed to watch",
            Style::Klog,
            error,
            "Failed to watch",
        ),
        (
            "Jun 14 15:16:02 combo sshd(pam_unix)[19937]: check pass; user unknown",
            Style::Syslog,
            info,
            "check pass; user unknown",
        ),
        (
            "[Sun Dec 04 04:51:08 2005] [notice] jk2_init() Found child",
            Style::Plain,
            info,
            "jk2_init() Found child",
        ),
        ("ERROR: something", Style::Plain, error, "something"),
        (
            "[2024-06-01 12:00:00,123: ERROR/MainProcess] Cannot connect to broker",
            Style::Plain,
            error,
            "Cannot connect to broker",
        ),
        (
            "2024-06-01T12:00:00.1Z 2024-06-01 12:00:00 INFO plain text here",
            Style::Plain,
            info,
            "plain text here",
        ),
    ] {
        let seen = head(line);
        assert_eq!(
            (seen.0, seen.1.unwrap_or(info), seen.2.as_str()),
            (style, level, message),
            "{line}"
        );
    }
}

#[test]
fn details_of_postgresql_go_on() {
    let mut heads =
        Heads::learn(std::iter::once("2024-06-01 12:00:00 UTC [1] LOG:  a"), Base::default());
    assert!(
        heads.head("2024-06-01 12:00:00 UTC [1] DETAIL:  Process holding the lock: 2.").continues
    );
}

#[test]
fn words_of_the_text_are_no_level() {
    let plain = head("Errors are fine");
    assert_eq!((plain.1, plain.2.as_str()), (None, "Errors are fine"));
    assert_eq!(head("error handling is good").1, None);
}

#[test]
fn lines_of_two_programs_in_one_file_keep_their_dates() {
    let lines = [
        "%3|1740910200.120|FAIL|rdkafka#producer-1| [thrd:k:9092/2]: k:9092/2: failed",
        "2025-03-02 10:13:00.120 ERROR worker - given up",
    ];
    let mut heads = Heads::learn(lines.into_iter(), Base::of(1_740_909_000_000));
    let at = |heads: &mut Heads, line: &str| heads.head(line).at.map(|stamp| stamp.ms);
    assert_eq!(at(&mut heads, lines[0]), Some(1_740_910_200_120));
    assert_eq!(at(&mut heads, lines[1]), Some(1_740_910_380_120));
}
