use wonin_model::{Evidence, Level, Log, Signal};

use crate::{MemoryFiles, read};

fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

fn signal<'a>(evidence: &'a Evidence, name: &str) -> &'a Signal {
    let names: Vec<&str> = evidence.signals.iter().map(|signal| signal.name).collect();
    evidence
        .signals
        .iter()
        .find(|signal| signal.name == name)
        .unwrap_or_else(|| panic!("{name} is not among {names:?}"))
}

fn only(evidence: &Evidence) -> &Log {
    assert_eq!(evidence.logs.len(), 1, "{:?}", evidence.logs);
    &evidence.logs[0]
}

const SPRING: &str = "\
2024-06-01T12:00:00.000Z  INFO 1 --- [shop] [main] c.example.ShopApplication : Starting ShopApplication v1.0 using Java 21.0.2 with PID 1
2024-06-01T12:00:35.500Z  INFO 1 --- [shop] [main] c.example.ShopApplication : Started ShopApplication in 35.123 seconds (process running for 36.0)
2024-06-01T12:05:00.000Z  INFO 1 --- [shop] [nio-8080-exec-1] c.example.OrderController : Sending order 17
2024-06-01T12:06:00.007Z ERROR 1 --- [shop] [nio-8080-exec-1] c.example.OrderController : Sending failed
org.springframework.kafka.KafkaException: Send failed
\tat org.springframework.kafka.core.KafkaTemplate.doSend(KafkaTemplate.java:794)
\tat com.example.OrderController.send(OrderController.java:31)
Caused by: org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.
2024-06-01T12:07:00.000Z  INFO 1 --- [shop] [nio-8080-exec-1] c.example.OrderController : Sending order 18
";

#[test]
fn a_spring_boot_log_becomes_templates_and_signals() {
    let evidence = evidence(&[("app.log", SPRING)]);
    let log = only(&evidence);
    assert_eq!((log.format, log.lines, log.events, log.errors), ("spring-boot", 9, 5, 1));
    assert_eq!(evidence.read.len(), 1);
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
    assert_eq!(log.last_ms.unwrap() - log.first_ms.unwrap(), 420_000);
    assert!(!log.zone_assumed && !log.date_assumed);

    let orders = &log.templates[0];
    assert_eq!((orders.text.as_str(), orders.count), ("Sending order <*>", 2));
    let failed = log.templates.iter().find(|template| template.level == Level::Error).unwrap();
    let cause = "org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.";
    assert_eq!(failed.cause.as_deref(), Some(cause));
    assert_eq!(failed.signals, ["kafka.not-present-in-metadata", "kafka.send-failed"]);
    assert_eq!(evidence.sources.position(failed.example).line, 4);

    let missing = signal(&evidence, "kafka.not-present-in-metadata");
    assert_eq!((missing.all("ms"), missing.all("topic")), (vec!["60000"], vec!["orders"]));
    let hit = &missing.hits[0];
    assert_eq!(evidence.sources.position(hit.place).line, 8);
    assert_eq!(
        evidence.sources.slice(hit.place),
        "Topic orders not present in metadata after 60000 ms"
    );
    assert_eq!(signal(&evidence, "app.started").all("s"), ["35.123"]);
}

/// Format, events, errors and the first template of a log that is all there is.
fn told(name: &str, text: &str) -> (&'static str, u64, u64, String) {
    let evidence = evidence(&[(name, text)]);
    let log = only(&evidence);
    (log.format, log.events, log.errors, log.templates[0].text.clone())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn formats_are_found_by_themselves() {
    for (name, text, format, events, errors, template) in [
        (
            "server.log",
            "[2024-06-01 12:00:00,123] INFO [RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)\n[2024-06-01 12:00:02,123] INFO [RaftManager id=1] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)\n",
            "kafka",
            2,
            0,
            "[RaftManager id=<*>] Become candidate due to fetch timeout (org.apache.kafka.raft.KafkaRaftClient)",
        ),
        (
            "zk.out",
            "2024-06-01 12:00:00,123 [myid:1] - INFO  [main:QuorumPeerConfig@135] - Reading\n2024-06-01 12:00:01,123 [myid:1] - ERROR [main:QuorumPeerConfig@135] - Reading\n",
            "zookeeper",
            2,
            1,
            "Reading",
        ),
        (
            "postgresql.log",
            "2024-06-01 12:00:00.123 UTC [42] LOG:  process 12 still waiting for ShareLock on transaction 740 after 200.072 ms\n2024-06-01 12:00:00.123 UTC [42] DETAIL:  Process holding the lock: 11. Wait queue: 12.\n2024-06-01 12:00:01.123 UTC [43] FATAL:  sorry, too many clients already\n",
            "postgresql",
            2,
            1,
            "process <*> still waiting for ShareLock on transaction <*> after <*>",
        ),
        (
            "mysqld.err",
            "2024-06-01T12:00:00.123456Z 0 [System] [MY-010116] [Server] mysqld starting\n2024-06-01T12:00:01.123456Z 0 [ERROR] [MY-010119] [Server] Aborting\n",
            "mysql",
            2,
            1,
            "mysqld starting",
        ),
        (
            "redis.log",
            "1:M 01 Jun 2024 12:00:00.123 * Ready to accept connections tcp\n1:M 01 Jun 2024 12:00:01.123 # WARNING overcommit\n",
            "redis",
            2,
            0,
            "Ready to accept connections tcp",
        ),
        (
            "error_log",
            "2024/06/01 12:00:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1\n",
            "nginx-error",
            1,
            1,
            "<*> connect(<*>) failed (<*>: Connection refused) while connecting to upstream, client: <*>",
        ),
        (
            "access.log",
            "10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a/1 HTTP/1.1\" 502 157\n10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a/2 HTTP/1.1\" 200 157\n10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET /a/3 HTTP/1.1\" 502 157\n",
            "access-log",
            3,
            2,
            "502 GET <*>\" <*>",
        ),
        (
            "mongod.log",
            "{\"t\":{\"$date\":\"2024-06-01T12:00:00.000Z\"},\"s\":\"E\",\"c\":\"NETWORK\",\"id\":1,\"ctx\":\"conn1\",\"msg\":\"Connection ended\"}\n",
            "mongodb",
            1,
            1,
            "Connection ended",
        ),
        (
            "pino.jsonl",
            "{\"level\":50,\"time\":1717243200000,\"pid\":1,\"err\":{\"type\":\"Error\",\"message\":\"connect ECONNREFUSED 10.0.0.9:80\",\"stack\":\"Error: connect ECONNREFUSED 10.0.0.9:80\\n    at x\"},\"msg\":\"failed\"}\n",
            "json",
            1,
            1,
            "failed",
        ),
        (
            "agent.txt",
            "time=\"2024-06-01T12:00:00Z\" level=error msg=\"cannot push\" err=x\nts=2024-06-01T12:00:01Z level=info msg=pushed n=1\n",
            "logfmt",
            2,
            1,
            "cannot push",
        ),
        (
            "kubelet.log",
            "E0601 12:00:00.123456       1 reflector.go:138] Failed to watch\n",
            "klog",
            1,
            1,
            "Failed to watch",
        ),
        (
            "syslog",
            "Jun 14 15:16:02 combo kernel: Out of memory: Killed process 1234 (java) total-vm:8192kB\n",
            "syslog",
            1,
            0,
            "Out of memory: Killed process <*> (java) total-vm:<*>",
        ),
        (
            "app.out",
            "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://0.0.0.0:8080\nfail: Shop.Orders[0]\n      Sending failed\n      System.Net.Sockets.SocketException (111): Connection refused\n",
            "dotnet",
            2,
            1,
            "Now listening on: <*>",
        ),
    ] {
        assert_eq!(told(name, text), (format, events, errors, template.to_owned()), "{name}");
    }
}

#[test]
fn traces_are_one_event_and_their_depth_is_the_cause() {
    for (name, text, events, cause) in [
        (
            "python.log",
            "2024-06-01 12:00:00,123 ERROR root: cannot connect\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nConnectionRefusedError: [Errno 111] Connection refused\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 2\nredis.exceptions.ConnectionError: Error 111 connecting to redis:6379.\n2024-06-01 12:00:01,123 INFO root: next\n",
            2,
            "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379.",
        ),
        (
            "go.log",
            "2024/06/01 12:00:00 starting\npanic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d\nexit status 2\n",
            2,
            "panic: runtime error: index out of range [3]",
        ),
        (
            "dotnet.log",
            "Unhandled exception. System.AggregateException: One or more errors occurred. (x)\n ---> System.Net.Sockets.SocketException (111): Connection refused\n   at System.Net.Sockets.Socket.Connect()\n   --- End of inner exception stack trace ---\n   at Program.Main()\n",
            1,
            "System.Net.Sockets.SocketException: (111): Connection refused",
        ),
        (
            "java.log",
            "Exception in thread \"main\" java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: No space left on device\n\t... 1 more\n",
            1,
            "java.io.IOException: No space left on device",
        ),
    ] {
        let evidence = evidence(&[(name, text)]);
        let log = only(&evidence);
        assert_eq!(log.events, events, "{name}: {:#?}", log.templates);
        let causes: Vec<&str> = log.templates.iter().filter_map(|t| t.cause.as_deref()).collect();
        assert_eq!(causes, [cause], "{name}");
        assert_eq!(log.errors, 1, "{name}");
    }
}

#[test]
fn a_combined_log_becomes_one_log_per_service() {
    let text = "\
kafka-1  | [2024-06-01 12:00:00,000] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)
shop-1   | 2024-06-01T12:00:00.500Z ERROR 1 --- [main] c.e.Shop : Sending failed
kafka-1  | [2024-06-01 12:00:01,000] INFO [Controller id=1] ready (kafka.Controller)
shop-1   | java.net.ConnectException: Connection refused: kafka/172.18.0.4:9092
shop-1   | \tat a.B.c(B.java:1)
kafka-2  | [2024-06-01 12:00:03,000] INFO [Controller id=1] ready (kafka.Controller)
";
    let compose = "services:\n  kafka:\n    image: apache/kafka:3.9.0\n  shop:\n    image: shop\n";
    let evidence = evidence(&[("all.txt", text), ("compose.yml", compose)]);
    let services: Vec<(Option<&str>, &str, u64)> =
        evidence.logs.iter().map(|log| (log.service.as_deref(), log.format, log.events)).collect();
    let expected = [
        (Some("kafka"), "kafka", 2),
        (Some("shop"), "spring-boot", 1),
        (Some("kafka"), "kafka", 1),
    ];
    assert_eq!(services, expected);
    let refused = signal(&evidence, "client.refused");
    assert_eq!(
        (refused.service.as_deref(), refused.all("address")),
        (Some("shop"), vec!["172.18.0.4:9092"])
    );
    assert_eq!(evidence.sources.position(refused.hits[0].place).line, 4);
    // The shop's last line is from second 0.5, the others went on until 3.
    assert_eq!(evidence.logs[1].silence_ms.map(|(begin, end)| end - begin), Some(2500));
}

#[test]
fn files_are_of_the_service_that_their_name_bears() {
    let compose = "services:\n  order-service:\n    image: a\n  db:\n    image: b\n";
    let line = "2024-06-01 12:00:00 INFO hello\n";
    let evidence = evidence(&[
        ("compose.yml", compose),
        ("logs/order-service.log", line),
        ("logs/db/today.log", line),
        ("logs/shop-order-service-1.log.1", line),
        ("logs/other.log", line),
    ]);
    let services: Vec<Option<&str>> =
        evidence.logs.iter().map(|log| log.service.as_deref()).collect();
    assert_eq!(services, [Some("db"), Some("order-service"), None, Some("order-service")]);
    assert!(evidence.logs.iter().all(|log| log.zone_assumed));
}

#[test]
fn times_without_a_year_get_that_of_the_others() {
    let evidence = evidence(&[
        ("a.log", "2023-06-14T15:16:01Z INFO a\n"),
        ("syslog", "Jun 14 15:16:02 combo kernel: No space left on device\n"),
        ("clock.log", "15:16:03.000 [main] INFO  a.B -- b\n"),
    ]);
    let last: Vec<i64> = evidence.logs.iter().filter_map(|log| log.last_ms).collect();
    assert_eq!((last[2] - last[0], last[1] - last[0]), (1000, 2000), "{last:?}");
    assert!(evidence.logs[1].date_assumed && !evidence.logs[0].date_assumed);
    assert_eq!(signal(&evidence, "host.disk-full").first_ms, Some(last[2]));
}

#[test]
fn clocks_that_jump_are_counted() {
    let text =
        "2024-06-01T12:00:00Z INFO a\n1970-01-01T00:00:09Z INFO b\n2024-06-01T12:00:01Z INFO c\n";
    let evidence = evidence(&[("a.log", text)]);
    assert_eq!((only(&evidence).clock_jumps, only(&evidence).events), (1, 3));
    assert!(evidence.skipped.is_empty());
}

#[test]
fn what_is_no_log_is_left_alone() {
    let evidence = evidence(&[
        ("README.md", "# Log\n\n2024-06-01 12:00:00 INFO an example\n"),
        ("table.csv", "time,value\n2024-06-01,1\n"),
        ("notes.txt", "Meet at noon.\nBring the logs.\n"),
        (
            "dump.txt",
            "2024-06-01 12:00:00\nFull thread dump OpenJDK 64-Bit Server VM (21):\n\n\"main\" #1\n",
        ),
        ("package.json", "{\n  \"name\": \"x\"\n}\n"),
        ("empty.log", ""),
    ]);
    assert!(evidence.logs.is_empty(), "{:?}", evidence.logs);
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
}

#[test]
fn odd_input_is_read_as_far_as_it_goes() {
    let long =
        format!("2024-06-01T12:00:00Z ERROR No space left on device {}\n", "x".repeat(200_000));
    let text =
        format!("{long}{{\"level\":\"error\",\"msg\":\"cut off\n2024-06-01T12:00:01Z INFO fine\n");
    let evidence = evidence(&[("a.log", &text)]);
    assert_eq!(only(&evidence).events, 3);
    assert_eq!(only(&evidence).errors, 2);
    let why: Vec<&str> = evidence.skipped.iter().map(|skipped| skipped.why.as_str()).collect();
    assert_eq!(why.len(), 2, "{why:?}");
    let hit = &signal(&evidence, "host.disk-full").hits[0];
    assert_eq!(evidence.sources.slice(hit.place), "No space left on device");
    assert!(evidence.sources.file(hit.place.file).text().len() < 16 << 10);
}

#[test]
fn many_hits_are_counted_and_few_are_kept() {
    let lines: Vec<String> = (0..5000)
        .map(|n| format!("2024-06-01T{:02}:{:02}:00Z ERROR dial tcp 10.0.{}.{}:80: connect: connection refused", n / 60 % 24, n % 60, n / 250, n % 250))
        .collect();
    let evidence = evidence(&[("a.log", &lines.join("\n"))]);
    let refused = signal(&evidence, "client.refused");
    assert_eq!(
        (refused.count, refused.hits.len(), refused.values.len()),
        (5000, Signal::KEPT, Signal::KEPT)
    );
    assert_eq!(refused.values.iter().map(|(_, count)| count).sum::<u64>(), 5000);
    assert_eq!(refused.slots.iter().map(|(_, count)| count).sum::<u64>(), 5000);
    assert!(refused.slots.len() <= 256 && refused.slot_ms == 600_000);
    assert!(only(&evidence).templates.len() == 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_makes_it_panic(text in proptest::collection::vec(proptest::prop_oneof![
        "[ -~]{0,60}", "\\PC{0,20}",
        proptest::strategy::Just("2024-06-01T12:00:00Z ERROR a".to_owned()),
        proptest::strategy::Just("Traceback (most recent call last):".to_owned()),
        proptest::strategy::Just("\tat a.B.c(B.java:1)".to_owned()),
        proptest::strategy::Just("Caused by: a.B: c".to_owned()),
        proptest::strategy::Just("kafka-1  | x".to_owned()),
        proptest::strategy::Just("{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2024-06-01T12:00:00Z\"}".to_owned()),
        proptest::strategy::Just("{\"level\":\"error\",\"msg\":\"원인 Connection refused".to_owned()),
        proptest::strategy::Just("10.0.0.1 - - [01/Jun/2024:12:00:00 +0000] \"GET".to_owned()),
    ], 0..40)) {
        let text = text.join("\n");
        let evidence = evidence(&[("a.log", &text)]);
        for log in &evidence.logs {
            proptest::prop_assert!(log.events <= log.lines);
            let counted: u64 = log.templates.iter().map(|template| template.count).sum();
            proptest::prop_assert_eq!(counted, log.events);
        }
        for signal in &evidence.signals {
            for hit in &signal.hits {
                let file = evidence.sources.file(hit.place.file);
                proptest::prop_assert!(hit.place.span.end as usize <= file.text().len());
                proptest::prop_assert!(file.text().is_char_boundary(hit.place.span.end as usize));
            }
        }
    }
}

#[test]
fn a_pasted_message_is_a_log_and_configuration_is_none() {
    let is_log = |text: &str| crate::is_log_head(text.as_bytes());
    assert!(is_log("connection timed out after 2000 ms: /172.24.0.9:8099"));
    assert!(is_log("2024-06-01 12:00:00 INFO a\n"));
    assert!(!is_log("services:\n  a:\n    image: x # Connection refused\n"));
    assert!(!is_log("hello\n"));
}

#[test]
fn a_time_in_an_exceptions_words_begins_no_event() {
    let text = "2025-04-11 00:00:40.100 ERROR 1 --- [exec-1] c.a.Client : call failed\n\
         javax.net.ssl.SSLHandshakeException: PKIX path validation failed\n\
         \tat sun.security.ssl.Alert.createSSLException(Alert.java:131)\n\
         Caused by: java.security.cert.CertificateExpiredException: NotAfter: Thu Apr 10 23:59:59 UTC 2025\n";
    let evidence = evidence(&[("app.log", text)]);
    assert_eq!(only(&evidence).events, 1);
    assert_eq!(signal(&evidence, "tls.expired").first_ms, only(&evidence).first_ms);
}
