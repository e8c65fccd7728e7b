//! Topics that containers create: `kafka-topics --create`, `KAFKA_CREATE_TOPICS`.

use std::str::FromStr;

use wonin_model::{KafkaTopic, Located, Service, ServiceId, Stack};

use super::clusters::is_loopback;
use crate::servers::Words;

/// A topic that a command creates, and the servers that the command asks to do so.
pub(crate) struct Created {
    pub(crate) topic: KafkaTopic,
    pub(crate) servers: Option<Located<String>>,
}

/// Topics that a service creates when it starts.
pub(super) fn created_by(
    id: ServiceId,
    service: &Service,
    words: &Words,
    stack: &Stack,
) -> Vec<KafkaTopic> {
    let own = |topic: KafkaTopic, cluster| KafkaTopic { service: Some(id), cluster, ..topic };
    let by_command = |created: Created| {
        let cluster = cluster_of(id, service, created.servers.as_ref(), stack);
        own(created.topic, cluster)
    };
    let mut topics: Vec<KafkaTopic> = by_commands(words).into_iter().map(by_command).collect();
    if let Some(list) = service.environment.get("KAFKA_CREATE_TOPICS") {
        let cluster = stack.brokers.iter().find(|broker| broker.service == Some(id));
        let cluster = cluster.map(|broker| broker.cluster);
        topics.extend(of_list(list).into_iter().map(|topic| own(topic, cluster)));
    }
    topics
}

/// Topics that the commands of a container create.
pub(crate) fn by_commands(words: &Words) -> Vec<Created> {
    let commands = words.commands().into_iter();
    let creating = commands
        .filter(|command| command.runs("kafka-topics") && command.has_flag("--create").is_some());
    let created = creating.filter_map(|command| {
        let servers = command.flag(&["--bootstrap-server", "--broker-list"]);
        Some(Created { topic: of_command(&command)?, servers })
    });
    created.collect()
}

/// `kafka-topics --create --topic NAME --partitions P --replication-factor R --config K=V`.
fn of_command(command: &Words) -> Option<KafkaTopic> {
    let name = command.flag(&["--topic"])?;
    // A loop over names: `--topic "$topic"`. The numbers count all the same.
    let min_insync = command.flags(&["--config"]).into_iter().rev().find_map(|config| {
        let value = config.value.strip_prefix("min.insync.replicas=")?;
        let start = config.value.len() - value.len();
        number(&config.part(start..config.value.len()))
    });
    Some(KafkaTopic {
        name,
        cluster: None,
        service: None,
        partitions: command.flag(&["--partitions"]).and_then(|value| number(&value)),
        replication_factor: command
            .flag(&["--replication-factor"])
            .and_then(|value| number(&value)),
        min_insync,
    })
}

/// `name:partitions:replicas[:policy]`, comma-separated (`wurstmeister/kafka`).
fn of_list(list: &Located<String>) -> Vec<KafkaTopic> {
    let topic = |entry: &Located<String>| {
        let parts = entry.split(':');
        let name = parts.first()?.clone();
        let numbers = |index: usize| parts.get(index).and_then(number);
        Some(KafkaTopic {
            name,
            cluster: None,
            service: None,
            partitions: numbers(1),
            replication_factor: numbers(2),
            min_insync: None,
        })
    };
    list.split(',').iter().filter_map(topic).collect()
}

fn number<T: FromStr>(text: &Located<String>) -> Option<Located<T>> {
    text.and_then(|text| text.trim().parse().ok())
}

/// The cluster that a list of bootstrap servers leads to, seen from a service; the only cluster of
/// its project where the list does not tell.
pub(super) fn cluster_of(
    id: ServiceId,
    service: &Service,
    servers: Option<&Located<String>>,
    stack: &Stack,
) -> Option<usize> {
    let of_service = |target: ServiceId| {
        stack.brokers.iter().find(|broker| broker.service == Some(target)).map(|b| b.cluster)
    };
    for server in servers.map(|servers| servers.split(',')).unwrap_or_default() {
        let host = server.value.rsplit_once(':').map_or(server.value.as_str(), |(host, _)| host);
        let host = host.rsplit('/').next().unwrap_or(host);
        let target =
            if is_loopback(host) { Some(id) } else { stack.resolve(service.project, host) };
        if let Some(cluster) = target.and_then(of_service) {
            return Some(cluster);
        }
    }
    let of_project = stack.brokers.iter().filter(|broker| {
        broker.service.is_some_and(|id| stack.service(id).project == service.project)
    });
    let mut clusters: Vec<usize> = of_project.map(|broker| broker.cluster).collect();
    clusters.dedup();
    (clusters.len() == 1).then(|| clusters[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{running, service, sources};

    /// `name partitions/replicas/min-in-sync`, `-` where nothing is said.
    fn topics(service: &Service) -> Vec<String> {
        let words = Words::of(service, &sources());
        let topics = created_by(ServiceId(0), service, &words, &Stack::default());
        let value = |number: &Option<Located<u32>>| {
            number.as_ref().map_or("-".to_owned(), |number| number.value.to_string())
        };
        let row = |topic: &KafkaTopic| {
            let numbers = [&topic.partitions, &topic.replication_factor, &topic.min_insync];
            format!("{} {}", topic.name.value, numbers.map(value).join("/"))
        };
        topics.iter().map(row).collect()
    }

    #[test]
    fn commands_of_an_init_container_create_topics() {
        let script = "cub kafka-ready -b kafka:9092 1 20 && \
             /opt/kafka/bin/kafka-topics.sh --create --if-not-exists --topic orders \\\n \
             --bootstrap-server kafka:9092 --partitions 6 --replication-factor=3 \
             --config retention.ms=1 --config min.insync.replicas=2\n\
             kafka-topics --bootstrap-server kafka:9092 --create --topic plain; \
             kafka-topics --list";
        let init = running(service("init", &[]), &["sh", "-c", script]);
        assert_eq!(topics(&init), ["orders 6/3/2", "plain -/-/-"]);
    }

    #[test]
    fn a_list_in_the_environment_creates_topics() {
        let service = service("kafka", &[("KAFKA_CREATE_TOPICS", "a:1:2, b:3:1:compact,c")]);
        assert_eq!(topics(&service), ["a 1/2/-", "b 3/1/-", "c -/-/-"]);
    }
}
