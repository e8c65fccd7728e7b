//! Brokers that want a login, behind the proxy: it passes on what logs in and does not read it.
//!
//! Ignored unless asked for: real brokers; `./test` runs them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use wonin_fault::kafka::{KafkaFault, KafkaOptions, KafkaProxy};
use wonin_testbed::available;
use wonin_testbed::kafka::{Cluster, Options, java};

const NET: u8 = 84;
const LIMIT: Duration = Duration::from_mins(2);
const MODULES: &str = "org.apache.kafka.common.security";

/// Three brokers with a second listener, on which `app` logs in with `sesame`.
fn cluster() -> Option<Cluster> {
    let listeners = "PLAINTEXT://{host}:9092,CONTROLLER://{host}:9093,LOGIN://{host}:9094";
    let protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT";
    let plain = format!("{MODULES}.plain.PlainLoginModule required user_app=\"sesame\";");
    let scram = format!("{MODULES}.scram.ScramLoginModule required;");
    let properties = [
        ("listeners", listeners),
        ("listener.security.protocol.map", protocols),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256"),
        ("listener.name.login.plain.sasl.jaas.config", &plain),
        ("listener.name.login.scram-sha-256.sasl.jaas.config", &scram),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { brokers: 3, net: NET, properties, fast_failover: true };
    let cluster = available(Cluster::start(&options))?;
    let user = ["--alter", "--entity-type", "users", "--entity-name", "app"];
    let with = ["--add-config", "SCRAM-SHA-256=[password=sesame]"];
    let made = cluster.tool("kafka.admin.ConfigCommand", &[&user[..], &with].concat(), LIMIT);
    assert!(made.status.success(), "{made:?}");
    Some(cluster)
}

/// What the client says in the end.
fn client(bootstrap: &str, mechanism: &str, password: &str, topic: &str) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka_sasl/RoundTrip.java");
    let output = java(&source, &[bootstrap, mechanism, "app", password, topic, "60"], LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said =
        text.lines().rev().find(|line| line.starts_with("sent ") || line.starts_with("failed "));
    said.unwrap_or_else(|| panic!("it says nothing: {text}")).to_owned()
}

async fn proxy(bootstrap: &str) -> KafkaProxy {
    let options = KafkaOptions {
        bootstrap: bootstrap.split(',').map(str::to_owned).collect(),
        listen_host: "127.0.0.1".to_owned(),
        first_port: None,
        seed: 1,
        allow_remote: false,
    };
    KafkaProxy::start(options).await.unwrap()
}

fn fault(words: serde_json::Value) -> KafkaFault {
    serde_json::from_value(words).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real brokers; ./test runs it"]
async fn clients_log_in_through_the_proxy() {
    let Some(cluster) = cluster() else { return };
    let bootstrap = format!("127.0.{NET}.1:9094,127.0.{NET}.2:9094");
    for (mechanism, topic) in [("PLAIN", "plain"), ("SCRAM-SHA-256", "scram")] {
        cluster.create_topic(topic, 3, 3, &[]);
        let proxy = proxy(&bootstrap).await;
        // The third request to store records is answered with an error that is tried again.
        let error = json!({"type": "error", "code": "NOT_LEADER_OR_FOLLOWER"});
        let third = json!({"on": {"api": "Produce", "nth": 3}, "act": error});
        proxy.add("third", fault(third)).unwrap();
        let told = proxy.bootstrap();
        let said = tokio::task::block_in_place(|| client(&told, mechanism, "sesame", topic));
        assert_eq!(said, "sent 60 read 60", "{mechanism}");
        assert_eq!(proxy.hits("third").unwrap().requests, 1, "{mechanism}");
        // The brokers that nobody could be asked for were learnt from what clients were told.
        let brokers = proxy.brokers();
        for id in 1..=3 {
            let broker = brokers.iter().find(|broker| broker.node_id == Some(id)).unwrap();
            assert!(broker.upstream.ends_with(":9094") && broker.accepted > 0, "{broker:?}");
        }
        assert_eq!(proxy.escapes(), []);

        let said = tokio::task::block_in_place(|| client(&told, mechanism, "guess", topic));
        assert!(said.starts_with("failed SaslAuthenticationException: "), "{mechanism}: {said}");
        proxy.stop().await;
    }
}

/// A login that is refused and one that never gets an answer are faults like others.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real brokers; ./test runs it"]
async fn logins_are_broken_as_asked() {
    let Some(cluster) = cluster() else { return };
    cluster.create_topic("broken", 3, 3, &[]);
    let proxy = proxy(&format!("127.0.{NET}.1:9094")).await;
    let code = json!({"type": "error", "code": "SASL_AUTHENTICATION_FAILED"});
    let refused = json!({"on": {"api": "SaslAuthenticate"}, "act": code});
    proxy.add("refused", fault(refused)).unwrap();
    let told = proxy.bootstrap();
    let ask = |password: &'static str| {
        tokio::task::block_in_place(|| client(&told, "PLAIN", password, "broken"))
    };
    let said = ask("sesame");
    assert!(said.starts_with("failed SaslAuthenticationException: "), "{said}");
    assert!(proxy.hits("refused").unwrap().requests >= 1);
    proxy.remove("refused");
    assert_eq!(ask("sesame"), "sent 60 read 60");
    proxy.stop().await;
}
