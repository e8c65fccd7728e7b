//! The topic of a run: made with the stack's own settings, deleted afterwards.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::timeout;

use super::context::words;
use super::spec::RecordsSpec;
use crate::workload::CannotStart;

/// How long one request of the administration may take.
const ADMIN: Duration = Duration::from_secs(15);

/// How long a broker may take to say what it knows, and until it knows a new topic.
const ASK: Duration = Duration::from_secs(2);
const SPREAD: Duration = Duration::from_secs(6);

/// How often it is looked whether partitions have leaders, and after which pause again.
const LOOKS: u32 = 60;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How often a question whose connection got lost on our side is asked again.
const LOST_MAX: u32 = 3;

/// A topic that can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// Whether the run made it.
    pub(crate) is_own: bool,
    /// By partition, from 0: the ids of its leader and of all its copies.
    pub(crate) placement: Vec<(i32, Vec<i32>)>,
    /// Whether old records of a key are removed.
    pub(crate) is_compacted: bool,
}

impl Topic {
    pub(crate) fn partitions(&self) -> i32 {
        i32::try_from(self.placement.len()).unwrap_or(i32::MAX)
    }
}

/// The administration's connection.
pub(crate) struct Admin {
    client: Arc<AdminClient<DefaultClientContext>>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Admin")
    }
}

impl Admin {
    pub(crate) fn new(bootstrap: &[String]) -> Result<Self, CannotStart> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap.join(","))
            .set("client.id", "wonin-admin")
            .set("socket.timeout.ms", "10000")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let client = config.create().map_err(|error| cannot("reach the brokers", &error))?;
        Ok(Self { client: Arc::new(client) })
    }

    /// The topic that the workload uses, made where none was named.
    pub(crate) async fn open(&self, spec: &RecordsSpec, run: &str) -> Result<Topic, CannotStart> {
        let name = spec.topic.clone().unwrap_or_else(|| format!("wonin-{run}"));
        let is_own = spec.topic.is_none();
        if is_own {
            self.create(&name, spec).await?;
        }
        let placement = self.placement(&name).await?;
        if is_own {
            self.spread(&name, placement.len()).await?;
        }
        let is_compacted = self.is_compacted(&name).await;
        Ok(Topic { name, is_own, placement, is_compacted })
    }

    async fn create(&self, name: &str, spec: &RecordsSpec) -> Result<(), CannotStart> {
        // -1 stands for the broker's own setting, which automatic creation takes.
        let partitions = spec.partitions.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
        let replication = TopicReplication::Fixed(spec.replication.map_or(-1, i32::from));
        let topic = [NewTopic::new(name, partitions, replication)];
        let what = format!("create topic `{name}`");
        let mut tried = 0;
        let results = loop {
            let made = timeout(ADMIN, self.client.create_topics(&topic, &options())).await;
            let made =
                made.map_err(|_| CannotStart(format!("cannot {what}: no answer within 15 s")))?;
            // The library gave up the connection that it asked over for one to the same broker,
            // which happens where brokers have just started.
            let is_lost = matches!(made, Err(KafkaError::AdminOp(RDKafkaErrorCode::DestroyBroker)));
            if !is_lost || tried >= LOST_MAX {
                break made.map_err(|error| cannot(&what, &error))?;
            }
            tried += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
        };
        for result in results {
            match result {
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if tried > 0 => {}
                Err((_, code)) => return Err(CannotStart(format!("cannot {what}: {code}"))),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Leaders and copies, once every partition has a leader.
    async fn placement(&self, name: &str) -> Result<Vec<(i32, Vec<i32>)>, CannotStart> {
        let mut last = Vec::new();
        for _ in 0..LOOKS {
            last = self.look(name, ADMIN).await?;
            if !last.is_empty() && last.iter().all(|(leader, _)| *leader >= 0) {
                return Ok(last);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        if last.is_empty() {
            return Err(CannotStart(format!("topic `{name}` does not exist")));
        }
        Ok(last)
    }

    /// Waits until every broker knows all partitions of a new topic, a while for each: a group whose
    /// coordinator does not know it yet is given nothing to read, and stays so.
    async fn spread(&self, name: &str, partitions: usize) -> Result<(), CannotStart> {
        for (_, address) in self.brokers().await? {
            let known = async {
                // A client that is new asks the one broker that it was told of.
                while !Self::new(std::slice::from_ref(&address))?
                    .look(name, ASK)
                    .await
                    .is_ok_and(|known| known.len() >= partitions)
                {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Ok::<(), CannotStart>(())
            };
            // One that cannot be asked from here need not be one that clients cannot reach.
            if let Ok(asked) = timeout(SPREAD, known).await {
                asked?;
            }
        }
        Ok(())
    }

    async fn look(
        &self,
        name: &str,
        at_most: Duration,
    ) -> Result<Vec<(i32, Vec<i32>)>, CannotStart> {
        let metadata = self.metadata(Some(name.to_owned()), at_most).await?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let partitions =
            topic.map(rdkafka::metadata::MetadataTopic::partitions).unwrap_or_default();
        let mut placed: Vec<(i32, i32, Vec<i32>)> =
            partitions.iter().map(|p| (p.id(), p.leader(), p.replicas().to_vec())).collect();
        placed.sort_unstable();
        Ok(placed.into_iter().map(|(_, leader, replicas)| (leader, replicas)).collect())
    }

    /// Brokers by id, with the addresses that they tell clients.
    pub(crate) async fn brokers(&self) -> Result<Vec<(i32, String)>, CannotStart> {
        let metadata = self.metadata(None, ADMIN).await?;
        let brokers = metadata.brokers().iter();
        let mut all: Vec<(i32, String)> =
            brokers.map(|one| (one.id(), format!("{}:{}", one.host(), one.port()))).collect();
        all.sort_unstable();
        Ok(all)
    }

    async fn metadata(
        &self,
        topic: Option<String>,
        at_most: Duration,
    ) -> Result<Metadata, CannotStart> {
        let client = Arc::clone(&self.client);
        let ask = move || client.inner().fetch_metadata(topic.as_deref(), at_most);
        let found = tokio::task::spawn_blocking(ask).await;
        let found = found.unwrap_or(Err(KafkaError::Canceled));
        found.map_err(|error| cannot("ask the brokers for metadata", &error))
    }

    /// Deletes the run's group, where that is possible; it would expire by itself.
    pub(crate) async fn forget_group(&self, group: &str) {
        _ = timeout(Duration::from_secs(5), self.client.delete_groups(&[group], &options())).await;
    }

    /// Whether records may vanish by compaction; taken for not where nobody tells.
    async fn is_compacted(&self, name: &str) -> bool {
        let asked = [ResourceSpecifier::Topic(name)];
        let told = timeout(ADMIN, self.client.describe_configs(asked.iter(), &options())).await;
        let Ok(Ok(told)) = told else { return false };
        let policies = told.iter().filter_map(|one| one.as_ref().ok()?.get("cleanup.policy"));
        policies.filter_map(|entry| entry.value.as_deref()).any(|value| value.contains("compact"))
    }

    /// Deletes a topic; says what to do where that does not work.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), String> {
        let left = |why: String| format!("topic `{name}` is still there, delete it: {why}");
        let gone = timeout(ADMIN, self.client.delete_topics(&[name], &options())).await;
        let results = gone
            .map_err(|_| left("no answer within 15 s".to_owned()))?
            .map_err(|error| left(words(&error).1))?;
        for result in results {
            result.map_err(|(_, code)| left(code.to_string()))?;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(Duration::from_secs(10)))
}

fn cannot(what: &str, error: &KafkaError) -> CannotStart {
    CannotStart(format!("cannot {what}: {}", words(error).1))
}
