//! Looks at the cluster from outside while the clients work: who leads, can a topic be made.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::context::words;
use super::recorder::Recorder;
use super::report::Observation;
use super::worker::Orders;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

/// How long an answer may take; a controller that is there answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a pause between two looks at orders is.
const LOOK: Duration = Duration::from_millis(50);

/// What was seen so far. Copies are the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Observations(Arc<Mutex<Vec<Observation>>>);

impl Observations {
    fn push(&self, one: Observation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(one);
    }

    pub(super) fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Client = AdminClient<DefaultClientContext>;

/// Looks again and again until told otherwise; gives back what is to be thrown away.
pub(super) fn run(
    bootstrap: &[String],
    recorder: &Recorder,
    seen: &Observations,
    orders: &Orders,
) -> Option<Client> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap.join(","))
        .set("client.id", "wonin-observer")
        .set("socket.timeout.ms", "3000")
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Emerg);
    let mut client: Client = config.create().ok()?;
    // The library's calls for topics are futures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    while !orders.is_over() {
        let began = recorder.meter().now();
        let at_us = recorder.now_us();
        let leaders = leaders(&client, recorder.topic());
        let can_create = Some(runtime.block_on(can_create(&client, &recorder.run)));
        let answered_us = recorder.now_us();
        // A client remembers whom to ask for topics, also when that one is gone: one that asks anew
        // finds the controller, if there is any.
        if let Some(Err(_)) = can_create {
            client = config.create().ok()?;
        }
        seen.push(Observation { at_us, answered_us, leaders, can_create });
        while !orders.is_over() && recorder.meter().now() < began + EVERY {
            std::thread::sleep(LOOK);
        }
    }
    Some(client)
}

fn leaders(client: &Client, topic: &str) -> Vec<i32> {
    let Ok(metadata) = client.inner().fetch_metadata(Some(topic), ANSWER) else {
        return Vec::new();
    };
    let topic = metadata.topics().iter().find(|one| one.name() == topic);
    let mut leaders: Vec<(i32, i32)> = topic
        .map(|topic| topic.partitions().iter().map(|p| (p.id(), p.leader())).collect())
        .unwrap_or_default();
    leaders.sort_unstable();
    leaders.into_iter().map(|(_, leader)| leader).collect()
}

/// Asks the controller whether it would make a topic; none is made.
async fn can_create(client: &Client, run: &str) -> Result<(), String> {
    let name = format!("wonin-{run}-never-made");
    let topic = [NewTopic::new(&name, 1, TopicReplication::Fixed(1))];
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).validate_only(true);
    let asked = tokio::time::timeout(ANSWER, client.create_topics(&topic, &options)).await;
    match asked {
        Err(_) => Err("no answer within 3 s".to_owned()),
        Ok(Err(error)) => Err(words(&error).1),
        Ok(Ok(results)) => match results.into_iter().find_map(Result::err) {
            Some((_, code)) => Err(code.to_string()),
            None => Ok(()),
        },
    }
}
