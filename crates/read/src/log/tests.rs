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
