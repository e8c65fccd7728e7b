//! Records through Kafka: producers that send at a rate, consumers of a group that read, programs in
//! other languages beside them, and an independent reader at the end. What they were told and what
//! they read goes into the [ledger](crate::ledger).

mod consumer;
mod context;
mod external;
mod observe;
mod payload;
mod producer;
mod recorder;
mod report;
mod settings;
mod spec;
mod topic;
mod transactions;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

pub use report::{Observation, Report, Settled};
pub use settings::{Translated, from_java};
pub use spec::{ExternalSpec, RecordsSpec};

use crate::kafka::one_listens;
use crate::ledger::check;
use crate::workload::{CannotStart, Context, Outcome, Pending, Workload};
use context::words;
use observe::Observations;
use recorder::Recorder;
pub(crate) use topic::{Admin, Topic};
use worker::{Order, Worker};

/// How long the independent reader may take.
const VERIFY: Duration = Duration::from_mins(1);

/// How long a client may take to end its last poll.
const LAST_POLL: Duration = Duration::from_secs(3);

/// The workload.
#[derive(Debug)]
pub struct Records {
    spec: RecordsSpec,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    context: Context,
    recorder: Arc<Recorder>,
    admin: Admin,
    topic: Topic,
    senders: Vec<Worker>,
    readers: Vec<Worker>,
    observed: Observations,
    /// When all of it had started.
    began_us: u64,
}

impl Records {
    /// A workload that has not started.
    pub fn new(spec: RecordsSpec) -> Self {
        Self { spec, live: None }
    }

    /// By partition of the topic, from 0: the ids of its leader and of all its copies; empty before
    /// the start.
    pub fn placement(&self) -> &[(i32, Vec<i32>)] {
        self.live.as_ref().map(|live| live.topic.placement.as_slice()).unwrap_or_default()
    }

    /// What is known after the stop.
    pub fn settled(&self) -> Settled {
        self.spec.report.take()
    }

    async fn open(&mut self, context: Context) -> Result<(), CannotStart> {
        let admin = Admin::new(self.spec.around())?;
        let topic = match admin.open(&self.spec, &context.run_id).await {
            Ok(topic) => topic,
            // The client tells that time is up; the addresses tell why.
            Err(error) => {
                let nobody = one_listens(self.spec.around(), context.allow_remote).await.err();
                return Err(nobody.map_or(error, |nobody| CannotStart(nobody.to_string())));
            }
        };
        let meter = Arc::clone(&context.meter);
        let recorder = Arc::new(Recorder::new(meter, context.run_id.clone(), topic.name.clone()));
        let (senders, readers) = (Vec::new(), Vec::new());
        let observed = Observations::default();
        let mut live =
            Live { context, recorder, admin, topic, senders, readers, observed, began_us: 0 };
        let started = live.start_clients(&self.spec);
        live.observe(&self.spec);
        live.began_us = live.recorder.now_us();
        self.live = Some(live);
        started
    }

    async fn settle(&mut self) -> Outcome {
        let Some(mut live) = self.live.take() else { return Outcome::default() };
        live.finish(self.spec.drain).await;
        let mut remarks = live.verify(self.spec.around().to_vec()).await;
        live.admin.forget_group(&live.group()).await;
        if live.topic.is_own {
            remarks.extend(live.admin.delete(&live.topic.name).await.err());
        }
        let (history, judgement) = (live.recorder.history(), self.spec.judgement);
        let judge = move || (check(&history, &judgement), history);
        let (checked, history) = tokio::task::spawn_blocking(judge).await.unwrap_or_default();
        let delivery = checked.delivery.clone();
        let whole = live.context.meter.between(Duration::ZERO, Duration::MAX);
        self.spec.report.leave(Settled {
            checked,
            history,
            placement: live.topic.placement.clone(),
            began_us: live.began_us,
            errors: whole.errors.clone(),
            lines: live.recorder.lines(),
            observed: live.observed.take(),
        });
        Outcome { duplicates: Some(delivery.duplicated), delivery: Some(delivery), remarks }
    }
}

impl Workload for Records {
    fn about(&self) -> String {
        self.spec.about()
    }

    fn start(&mut self, context: Context) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(self.open(context))
    }

    fn chill(&mut self) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(async {
            let Some(live) = &mut self.live else { return Ok(()) };
            live.crash().await;
            let started = live.start_clients(&self.spec);
            live.observe(&self.spec);
            started
        })
    }

    fn stop(&mut self) -> Pending<'_, Outcome> {
        Box::pin(self.settle())
    }
}

impl Live {
    fn group(&self) -> String {
        format!("wonin-{}", self.context.run_id)
    }

    fn start_clients(&mut self, spec: &RecordsSpec) -> Result<(), CannotStart> {
        for number in 0..spec.consumers {
            let process = self.recorder.new_process();
            let settings = self.consumer_settings(spec, number);
            let client = consumer::client(&settings, &self.recorder, process);
            let client = client.map_err(|error| refused("consumer", &error))?;
            let recorder = Arc::clone(&self.recorder);
            let work = move |orders: &_| consumer::run(client, &recorder, orders);
            self.readers.push(Worker::start("consumer", work));
        }
        let all = spec.producers + u32::try_from(spec.external.len()).unwrap_or(0);
        let period = Duration::from_secs_f64(f64::from(all.max(1)) / spec.per_second.max(0.001));
        for number in 0..spec.producers {
            let sending = producer::Sending {
                settings: producer_settings(spec, number),
                partitions: self.topic.partitions(),
                period,
                record_bytes: spec.record_bytes,
                max_block: spec.max_block,
                drain: spec.drain,
            };
            self.senders.push(self.sender(spec, sending, number)?);
        }
        for program in &spec.external {
            let process = self.recorder.new_process();
            let child = external::start(program, spec, &self.recorder, &self.group(), process)?;
            let recorder = Arc::clone(&self.recorder);
            let work = move |orders: &_| external::run(child, &recorder, process, orders);
            self.senders.push(Worker::start("program", work));
        }
        Ok(())
    }

    fn sender(
        &self,
        spec: &RecordsSpec,
        sending: producer::Sending,
        number: u32,
    ) -> Result<Worker, CannotStart> {
        let recorder = Arc::clone(&self.recorder);
        let cannot = |error| refused("producer", &error);
        let Some(size) = spec.transaction_records else {
            let client = producer::client(&sending, &recorder).map_err(cannot)?;
            let work = move |orders: &_| producer::run(client, recorder, sending, orders);
            return Ok(Worker::start("producer", work));
        };
        let id = format!("{}-{number}", self.group());
        let client = transactions::client(&sending, &id, &recorder).map_err(cannot)?;
        let work =
            move |orders: &_| transactions::run(client, (&id, size), &recorder, &sending, orders);
        Ok(Worker::start("producer", work))
    }

    /// Looks at the cluster from outside, beside the clients.
    fn observe(&mut self, spec: &RecordsSpec) {
        if spec.report.is_wanted() {
            let (recorder, seen) = (Arc::clone(&self.recorder), self.observed.clone());
            let bootstrap = spec.around().to_vec();
            let work = move |orders: &_| observe::run(&bootstrap, &recorder, &seen, orders);
            self.readers.push(Worker::start("observer", work));
        }
    }

    fn consumer_settings(&self, spec: &RecordsSpec, number: u32) -> BTreeMap<String, String> {
        let mut settings = spec.consumer.clone();
        for (name, value) in [
            ("bootstrap.servers", spec.bootstrap.join(",")),
            ("client.id", format!("wonin-consumer-{number}")),
            ("group.id", self.group()),
            ("auto.offset.reset", "earliest".to_owned()),
        ] {
            settings.insert(name.to_owned(), value);
        }
        settings
    }

    /// As processes that are killed; what they had in flight stays open.
    async fn crash(&mut self) {
        let workers: Vec<Worker> = self.senders.drain(..).chain(self.readers.drain(..)).collect();
        end(workers, Order::Crash, LAST_POLL).await;
    }

    /// Stops sending, waits for answers, lets the consumers catch up.
    async fn finish(&mut self, drain: Duration) {
        let senders = std::mem::take(&mut self.senders);
        end(senders, Order::Finish, drain + LAST_POLL).await;
        let meter = &self.context.meter;
        let until = meter.now() + drain;
        while !self.readers.is_empty() && self.recorder.backlog() > 0 && meter.now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        end(std::mem::take(&mut self.readers), Order::Finish, LAST_POLL).await;
    }

    /// Reads the whole log; says what could not be read.
    async fn verify(&self, bootstrap: Vec<String>) -> Vec<String> {
        let recorder = Arc::clone(&self.recorder);
        let (partitions, is_compacted) = (self.topic.partitions(), self.topic.is_compacted);
        let read =
            move || consumer::verify(&bootstrap, &recorder, partitions, is_compacted, VERIFY);
        let verified = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        let remark = |(partition, why): (i32, String)| match partition {
            -1 => format!("the log could not be read independently: {why}"),
            _ => format!("partition {partition} could not be read independently: {why}"),
        };
        verified.not_read.into_iter().map(remark).collect()
    }
}

async fn end(workers: Vec<Worker>, order: Order, at_most: Duration) {
    for worker in &workers {
        worker.order(order);
    }
    let wait = move || workers.iter().for_each(|worker| worker.wait(at_most));
    // What was waited for is over or given up either way.
    _ = tokio::task::spawn_blocking(wait).await;
}

fn producer_settings(spec: &RecordsSpec, number: u32) -> BTreeMap<String, String> {
    let mut settings = spec.producer.clone();
    // Bounds memory: at the rate of a rehearsal it is many seconds' worth.
    settings.entry("queue.buffering.max.messages".to_owned()).or_insert("20000".to_owned());
    settings.insert("bootstrap.servers".to_owned(), spec.bootstrap.join(","));
    settings.insert("client.id".to_owned(), format!("wonin-producer-{number}"));
    settings
}

fn refused(who: &str, error: &KafkaError) -> CannotStart {
    let why = match error {
        KafkaError::ClientConfig(_, why, name, value) => format!("`{name}={value}`: {why}"),
        other => words(other).1,
    };
    CannotStart(format!("the settings of the {who} are refused: {why}"))
}
