//! Questions that are asked again and again; each answer is an attempt in a meter.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::CannotRun;
use super::stage::connects;
use crate::command::Ready;
use crate::http::{Client, Question};
use crate::scenario::{Ask, Places, Probe};
use crate::workload::Meter;

/// A probe at work.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(crate) meter: Arc<Meter>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Prober {
    pub(crate) fn start(
        probe: &Probe,
        places: &Places,
        origin: Instant,
        allow_remote: bool,
    ) -> Result<Self, CannotRun> {
        let meter = Arc::new(Meter::new(origin));
        let stop = CancellationToken::new();
        let asker = Asker::new(probe, places, allow_remote).map_err(CannotRun::new)?;
        let every = probe.every;
        let (book, end) = (Arc::clone(&meter), stop.clone());
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = end.cancelled() => return,
                    _ = tick.tick() => {}
                }
                let attempt = book.begin();
                let outcome = asker.ask().await;
                book.end(attempt, outcome.as_ref().copied().map_err(String::as_str));
            }
        });
        Ok(Self { meter, stop, task: Some(task) })
    }

    /// Waits for the last answer.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // A task that panicked has no more to say.
            _ = task.await;
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Asks once.
struct Asker {
    probe: Probe,
    client: Option<Client>,
    /// What programs get into their environment.
    env: Vec<(String, String)>,
    allow_remote: bool,
}

impl Asker {
    fn new(probe: &Probe, places: &Places, allow_remote: bool) -> Result<Self, String> {
        let mut probe = probe.clone();
        let mut client = None;
        match &mut probe.ask {
            Ask::Http { url, tls, .. } => {
                let question = Question::new("GET", &places.fill(url), &[], "")
                    .map_err(|why| format!("`{url}`: {why}"))?;
                let made = Client::new(question, tls, probe.timeout, allow_remote);
                client = Some(made.map_err(|why| format!("`{url}`: {why}"))?);
            }
            Ask::Tcp { address } => *address = places.fill(address),
            Ask::Command { command, .. } => {
                for word in command {
                    *word = places.fill(word);
                }
            }
        }
        Ok(Self { probe, client, env: places.environment(&[]), allow_remote })
    }

    async fn ask(&self) -> Result<(), String> {
        let timeout = self.probe.timeout;
        match (&self.probe.ask, &self.client) {
            (Ask::Http { status, .. }, Some(client)) => {
                // A probe that kept its connection would not see that nobody can connect.
                client.forget();
                let answer = client.ask().await?;
                let good = status.contain(answer.status);
                if good { Ok(()) } else { Err(format!("status {}", answer.status)) }
            }
            (Ask::Tcp { address }, _) => connects(address, timeout, self.allow_remote).await,
            (Ask::Command { command, exit, output }, _) => {
                let (command, env) = (command.clone(), self.env.clone());
                let ready = Ready { command, dir: None, env };
                ready.succeeds(timeout, *exit, output.as_ref(), None).await
            }
            (Ask::Http { .. }, None) => Err("there is no client".to_owned()),
        }
    }
}
