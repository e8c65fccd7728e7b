//! The cluster itself, for real.
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]

use std::time::{Duration, Instant};

use wonin_testbed::available;
use wonin_testbed::kafka::{Cluster, Options, java};

const LIMIT: Duration = Duration::from_mins(1);

/// The node that leads the topic's partition. A broker that was asked too early does not know the
/// topic yet, or of no leader; it is asked again.
fn leader(cluster: &Cluster) -> String {
    let begin = Instant::now();
    loop {
        let described = cluster.tool(
            "org.apache.kafka.tools.TopicCommand",
            &["--describe", "--topic", "orders"],
            LIMIT,
        );
        let text = String::from_utf8_lossy(&described.stdout).into_owned();
        let after = text.split_once("Leader: ").map(|(_, after)| after);
        let leader = after.and_then(|after| after.split_whitespace().next()).unwrap_or("none");
        if leader != "none" {
            return leader.to_owned();
        }
        assert!(begin.elapsed() < LIMIT, "no leader: {described:?}");
    }
}

#[test]
#[ignore = "needs a JVM and Kafka's jars; ./test runs it"]
fn three_nodes_survive_each_way_of_losing_one() {
    let begin = Instant::now();
    let options = Options { brokers: 3, net: 20, ..Options::default() };
    let Some(mut cluster) = available(Cluster::start(&options)) else { return };
    println!("three nodes ready after {:?}", begin.elapsed());
    cluster.create_topic("orders", 1, 3, &[("min.insync.replicas", "2")]);
    let first = leader(&cluster).parse().unwrap();

    let begin = Instant::now();
    cluster.kill(first);
    while leader(&cluster) == first.to_string() {
        assert!(begin.elapsed() < LIMIT, "the killed node still leads");
    }
    println!("another leader is seen {:?} after the kill", begin.elapsed());
    cluster.restart(first);
    println!("restarted after {:?}", begin.elapsed());

    let stopped = leader(&cluster).parse().unwrap();
    cluster.stop_graceful(stopped);
    cluster.wait_log(stopped, "controlled shutdown", LIMIT);
    assert_ne!(leader(&cluster), stopped.to_string());
    cluster.restart(stopped);

    cluster.pause(1);
    assert!(std::net::TcpStream::connect(cluster.broker(1).address()).is_ok());
    cluster.resume(1);
}

#[test]
#[ignore = "needs a JVM and Kafka's jars; ./test runs it"]
fn java_programs_see_the_jars_and_are_bounded() {
    if available(wonin_testbed::kafka::jars()).is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("wonin-java-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let source = folder.join("Version.java");
    let text = "public class Version { public static void main(String[] args) throws Exception {
        System.out.println(org.apache.kafka.common.utils.AppInfoParser.getVersion());
        Thread.sleep(Long.parseLong(args[0]));
    } }";
    std::fs::write(&source, text).unwrap();
    let ran = java(&source, &["0"], LIMIT);
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "3.9.1", "{ran:?}");
    let killed = java(&source, &["60000"], Duration::from_secs(3));
    assert!(!killed.status.success());
    assert!(String::from_utf8_lossy(&killed.stderr).ends_with("killed after 3 s\n"));
    std::fs::remove_dir_all(&folder).unwrap();
}
