//! Beans and clients in their many shapes.

use wonin_model::{ClientKind, Evidence};

use crate::apps::testing::{client, evidence, setting};

const IMPORTS: &str = "import java.util.*; import org.apache.kafka.clients.producer.*; \
                       import org.apache.kafka.clients.consumer.*; \
                       import org.springframework.kafka.core.*;\n";

fn java(body: &str) -> Evidence {
    java_with("spring.kafka.bootstrap-servers: file:1\napp.kafka.servers: mine:1\n", body)
}

fn java_with(yaml: &str, body: &str) -> Evidence {
    evidence(&[
        ("src/main/resources/application.yml", yaml),
        ("src/main/java/Config.java", &format!("{IMPORTS}{body}")),
    ])
}

/// The list of brokers of the only producer that a configuration class makes of a map.
fn servers_of(map: &str) -> (Option<String>, Vec<String>) {
    let evidence = java(&format!(
        "@Configuration class Config {{
            private static final String ONE = \"one:1\";
            @Value(\"${{app.kafka.servers:default:1}}\") String servers;
            @Bean KafkaTemplate<String, String> template() {{
                return new KafkaTemplate<>(factory());
            }}
            @Bean ProducerFactory<String, String> factory() {{
                {map}
                return new DefaultKafkaProducerFactory<>(map);
            }}
            void other(Map<String, Object> given, String host) {{
                given.put(\"bootstrap.servers\", host + \":7\");
            }}
        }}"
    ));
    let producer = client(&evidence, "producer of Config.template");
    let servers = setting(producer, "bootstrap.servers").map(str::to_owned);
    (servers, producer.unknown.iter().map(|unknown| unknown.value.clone()).collect())
}

#[test]
fn maps_are_followed_put_by_put() {
    let new = "Map<String, Object> map = new HashMap<>();";
    let key = "ProducerConfig.BOOTSTRAP_SERVERS_CONFIG";
    for (map, expected) in [
        (format!("{new} map.put({key}, \"a:1\");"), "a:1"),
        (format!("{new} map.put(\"bootstrap.servers\", ONE);"), "one:1"),
        (format!("{new} map.put({key}, Config.ONE + \",two:2\");"), "one:1,two:2"),
        (format!("{new} map.put({key}, servers);"), "mine:1"),
        (format!("var map = Map.of({key}, List.of(\"a:1\", \"b:2\"));"), "a:1,b:2"),
        (format!("var map = Map.ofEntries(Map.entry({key}, \"a:1\"));"), "a:1"),
        (
            format!("Map<String, Object> map = new HashMap<>() {{{{ put({key}, \"a:1\"); }}}};"),
            "a:1",
        ),
        (format!("{new} map.put({key}, \"a:1\"); map.put({key}, \"b:1\");"), "b:1"),
        (format!("{new} other(map, \"host\");"), "host:7"),
        (format!("{new} map.putAll(Map.of({key}, \"a:1\"));"), "a:1"),
    ] {
        let (servers, unknown) = servers_of(&map);
        assert_eq!((servers.as_deref(), unknown.len()), (Some(expected), 0), "{map}");
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_no_default() {
    let new = "Map<String, Object> map = new HashMap<>();";
    for (map, unknown) in [
        (format!("{new} map.put(\"max.block.ms\", compute());"), "max.block.ms"),
        (format!("{new} if (x()) map.put(\"max.block.ms\", 5);"), "max.block.ms"),
        (format!("{new} map.put(name(), 5);"), "*"),
        ("Map<String, Object> map = load();".to_owned(), "*"),
    ] {
        let evidence = java(&format!(
            "class Config {{ @Bean KafkaTemplate<String, String> template() {{ {map}
               return new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(map)); }} }}"
        ));
        let producer = client(&evidence, "producer of Config.template");
        assert_eq!(setting(producer, "max.block.ms"), None, "{map}");
        assert_eq!(producer.unknown[0].value, unknown, "{map}");
        assert_eq!(setting(producer, "delivery.timeout.ms").is_some(), unknown != "*", "{map}");
    }
}

#[test]
fn factories_over_springs_own_map_keep_it() {
    let evidence = java_with(
        "spring.kafka:\n  bootstrap-servers: file:1\n  consumer:\n    group-id: g\n    max-poll-records: 7\n",
        "class Config {
            @Bean ConsumerFactory<String, String> mine(KafkaProperties properties) {
                Map<String, Object> map = new HashMap<>(properties.buildConsumerProperties(null));
                map.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10 * 2);
                return new DefaultKafkaConsumerFactory<>(map);
            }
            @Bean ConcurrentKafkaListenerContainerFactory<String, String> big(
                    ConsumerFactory<String, String> mine) {
                var factory = new ConcurrentKafkaListenerContainerFactory<String, String>();
                factory.setConsumerFactory(mine);
                return factory;
            }
            @KafkaListener(topics = \"a\", containerFactory = \"big\") void on(String x) {}
            @KafkaListener(topics = \"b\", containerFactory = \"elsewhere\") void off(String x) {}
            @KafkaListener(id = \"i\", topics = \"c\", properties = {\"max.poll.interval.ms=5\"})
            void by(String x) {}
        }",
    );
    let on = client(&evidence, "listener Config.on");
    assert_eq!(setting(on, "bootstrap.servers"), Some("file:1"));
    assert_eq!(setting(on, "max.poll.records"), Some("20"));
    let lost: Vec<&str> = on.not_applied.iter().map(|one| one.key.value.as_str()).collect();
    assert_eq!(lost, ["spring.kafka.consumer.max-poll-records"]);
    let off = client(&evidence, "listener Config.off");
    assert_eq!((setting(off, "bootstrap.servers"), off.unknown[0].value.as_str()), (None, "*"));
    let by = client(&evidence, "listener Config.by");
    assert_eq!(setting(by, "max.poll.interval.ms"), Some("5"));
    assert_eq!(setting(by, "group.id"), Some("i"));
}

#[test]
fn a_value_that_comes_from_the_file_is_applied() {
    let evidence = java(
        "class Config { @Value(\"${spring.kafka.bootstrap-servers}\") private String servers;
            @Bean KafkaTemplate<String, String> template() { return new KafkaTemplate<>(
                new DefaultKafkaProducerFactory<>(Map.of(\"bootstrap.servers\", servers))); } }",
    );
    let producer = client(&evidence, "producer of Config.template");
    assert_eq!(setting(producer, "bootstrap.servers"), Some("file:1"));
    assert!(producer.not_applied.is_empty(), "{:?}", producer.not_applied);
}

#[test]
fn templates_of_spring_boot_and_clients_by_hand() {
    let auto = java("@Service class Sender { Sender(KafkaTemplate<String, String> template) {} }");
    let producer = client(&auto, "producer of application");
    assert_eq!(setting(producer, "bootstrap.servers"), Some("file:1"));
    let raw = java(
        "class Main { public static void main(String[] a) {
            Properties p = new Properties();
            p.setProperty(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, \"x:1\");
            p.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, (int) Duration.ofSeconds(9).toMillis());
            KafkaConsumer<String, String> c = new KafkaConsumer<>(p); } }",
    );
    let consumer = client(&raw, "KafkaConsumer of Main.main");
    assert_eq!(consumer.kind, ClientKind::Consumer);
    assert_eq!(setting(consumer, "session.timeout.ms"), Some("9000"));
    assert!(consumer.not_applied.is_empty());
}

#[test]
fn topics_that_beans_create() {
    let evidence = java(
        "class Config { @Bean NewTopic a() { return TopicBuilder.name(\"a\").partitions(3)
              .replicas(1).config(\"min.insync.replicas\", \"2\").build(); }
            @Bean NewTopic b() { return new NewTopic(\"b\", 1, (short) 2); } }",
    );
    let topics: Vec<_> = evidence
        .stack
        .topics
        .iter()
        .map(|t| (t.name.value.as_str(), t.replication_factor.as_ref().unwrap().value))
        .collect();
    assert_eq!(topics, [("a", 1), ("b", 2)]);
    assert_eq!(evidence.stack.topics[0].min_insync.as_ref().unwrap().value, 2);
}

#[test]
fn before_kafka_3_the_defaults_that_changed_are_left_out() {
    let evidence = evidence(&[
        ("src/main/resources/application.yml", "spring.kafka.consumer.group-id: g\n"),
        ("build.gradle", "plugins { id 'org.springframework.boot' version '2.3.4.RELEASE' }\n"),
    ]);
    let consumer = client(&evidence, "consumer of application");
    assert_eq!(setting(consumer, "session.timeout.ms"), None);
    assert_eq!(setting(consumer, "max.poll.interval.ms"), Some("300000"));
}
