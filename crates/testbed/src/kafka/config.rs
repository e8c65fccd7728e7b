//! A node's properties.

use std::fmt::Write as _;
use std::path::Path;

use super::Options;

/// The address of a node: the whole of 127.0.0.0/8 is loopback.
pub(super) fn host(net: u8, node: u16) -> String {
    format!("127.0.{net}.{node}")
}

/// The text of `server.properties`; later lines win over earlier ones.
pub(super) fn properties(options: &Options, node: u16, host: &str, data: &Path) -> String {
    let voters: Vec<String> = (1..=options.brokers)
        .map(|voter| format!("{voter}@{}:9093", self::host(options.net, voter)))
        .collect();
    let replicas = options.brokers.min(3);
    let in_sync = options.brokers.min(2);
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id={node}\n\
         controller.quorum.voters={}\n\
         listeners=PLAINTEXT://{host}:9092,CONTROLLER://{host}:9093\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\n\
         offsets.topic.replication.factor={replicas}\n\
         offsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr={in_sync}\n\
         transaction.state.log.num.partitions=1\n\
         group.initial.rebalance.delay.ms=0\n",
        voters.join(","),
        data.display(),
    );
    if options.fast_failover {
        text.push_str(
            "broker.session.timeout.ms=2000\n\
             broker.heartbeat.interval.ms=500\n\
             controller.quorum.fetch.timeout.ms=1000\n\
             controller.quorum.election.timeout.ms=500\n\
             controller.quorum.election.backoff.max.ms=500\n",
        );
    }
    for (key, value) in &options.properties {
        let value = value.replace("{node}", &node.to_string()).replace("{host}", host);
        writeln!(text, "{key}={value}").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_properties_come_last_and_know_the_node() {
        let options = Options {
            brokers: 3,
            net: 7,
            properties: vec![("broker.rack".into(), "rack-{node}-{host}".into())],
            fast_failover: false,
        };
        let text = properties(&options, 2, &host(7, 2), Path::new("/data"));
        assert!(text.contains(
            "controller.quorum.voters=1@127.0.7.1:9093,2@127.0.7.2:9093,3@127.0.7.3:9093\n"
        ));
        assert!(text.ends_with("broker.rack=rack-2-127.0.7.2\n"));
        assert!(!text.contains("broker.session.timeout.ms"));
    }
}
