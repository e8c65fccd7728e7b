//! What a run stands on: proxies, processes of its own, workloads, probes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Mutex;
use tokio::time::Instant;
use wonin_fault::inject::Injector;
use wonin_fault::kafka::KafkaProxy;
use wonin_fault::{CONNECTIONS_DEFAULT, Engine, Options, Written};
use wonin_model::rehearsal::Delivery;

use super::probes::Prober;
use super::{Blame, CannotRun, RunOptions, reach, records};
use crate::command::{Ready, Running};
use crate::http::{io_words, resolve};
use crate::said::Said;
use crate::scenario::{
    Check, Condition, FaultAct, Places, ProcessSpec, Run, Scenario, WorkloadKind, spoken,
};
use crate::workload::{Context, Meter, Outcome, Workload};

/// Threads that carry bytes through proxies.
const WORKERS: usize = 2;
/// How long a process of the scenario has to end by itself.
const GRACE: Duration = Duration::from_secs(3);
/// How often it is looked whether a process is ready.
const READY_TICK: Duration = Duration::from_millis(50);
/// The longest that a workload may take to stop and to read what is left.
const STOP_MAX: Duration = Duration::from_mins(3);

/// Everything that must be there before anything is broken, and is taken down in the end.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) places: Places,
    pub(crate) kafka: Option<KafkaProxy>,
    pub(crate) injector: Option<Injector>,
    processes: Mutex<Vec<(ProcessSpec, Running)>>,
    /// What programs write.
    pub(crate) said: Said,
    /// When it was raised, in seconds since 1970, for whoever is asked for what came since then.
    since_s: f64,
    allow_remote: bool,
}

impl Stage {
    /// Starts proxies, then processes, and waits until those are ready.
    pub(crate) async fn raise(
        scenario: &Scenario,
        run: &Run,
        options: &RunOptions,
    ) -> Result<Self, CannotRun> {
        let seed = options.seed.unwrap_or(scenario.seed);
        let engine = Engine::start(Options {
            seed,
            workers: WORKERS,
            max_connections: CONNECTIONS_DEFAULT,
            allow_remote: options.allow_remote,
        })
        .map_err(|error| CannotRun::new(format!("cannot start threads for proxies: {error}")))?;
        let mut stage = Self {
            engine,
            places: Places::default(),
            kafka: None,
            injector: None,
            processes: Mutex::default(),
            said: Said::default(),
            since_s: wall_clock_s(),
            allow_remote: options.allow_remote,
        };
        match stage.fill(scenario, run, options).await {
            Ok(()) => Ok(stage),
            Err(error) => {
                stage.strike().await;
                Err(error)
            }
        }
    }

    async fn fill(
        &mut self,
        scenario: &Scenario,
        run: &Run,
        options: &RunOptions,
    ) -> Result<(), CannotRun> {
        self.injector = reach::injector(scenario, run, options).await?;
        if let Some(injector) = &self.injector {
            let mark = injector.mark().await.map_err(|error| CannotRun::new(error.to_string()))?;
            self.places.set_mark(mark.0, &mark.1);
        }
        for proxy in &scenario.proxies {
            let listen = self.engine.add_proxy(&proxy.name, &proxy.listen, &proxy.upstream).await;
            let listen = listen.map_err(|error| {
                let what = format!("cannot start proxy `{}`: {error}", proxy.name);
                let cannot = CannotRun::new(what);
                match error.status {
                    500 => cannot.hint("leave `listen` out, and it takes a free port"),
                    _ => cannot,
                }
            })?;
            self.places.set(&format!("proxy.{}", proxy.name), &listen);
        }
        if let Some(spec) = &scenario.kafka {
            let seed = options.seed.unwrap_or(scenario.seed);
            let kafka = reach::kafka(spec, seed, self.allow_remote).await?;
            self.places.set("kafka.bootstrap", &kafka.bootstrap());
            self.kafka = Some(kafka);
        }
        for process in &scenario.processes {
            self.check_nobody_is_there(process).await?;
            let running = self.start(process).await?;
            self.processes.lock().await.push((process.clone(), running));
        }
        Ok(())
    }

    /// Refuses a process whose address takes connections before it is started: what is asked there
    /// would be somebody else, whom no fault hits.
    async fn check_nobody_is_there(&self, spec: &ProcessSpec) -> Result<(), CannotRun> {
        let Some(address) = spec.ready.as_ref().map(|ready| self.places.fill(ready)) else {
            return Ok(());
        };
        if connects(&address, READY_TICK * 10, self.allow_remote).await.is_err() {
            return Ok(());
        }
        let what = format!(
            "process `{}`: `{address}` takes connections before the process is started",
            spec.name
        );
        Err(CannotRun::new(what).hint("end who listens there, or correct `ready`"))
    }

    async fn start(&self, spec: &ProcessSpec) -> Result<Running, CannotRun> {
        let fill = |text: &String| self.places.fill(text);
        let ready = Ready {
            command: spec.command.iter().map(fill).collect(),
            dir: spec.dir.clone(),
            env: self.places.environment(&spec.env),
        };
        let cannot = |why: String| CannotRun::new(format!("process `{}`: {why}", spec.name));
        if let Some(log) = &spec.log {
            self.said.follow_file(&spec.name, Path::new(log));
        }
        let (stdout, stderr) = output(spec.log.as_deref()).map_err(cannot)?;
        let mut running = ready.spawn(stdout, stderr).map_err(cannot)?;
        self.said.follow(&spec.name, running.child.stdout.take());
        self.said.follow(&spec.name, running.child.stderr.take());
        let Some(address) = spec.ready.as_ref().map(fill) else { return Ok(running) };
        let deadline = Instant::now() + spec.ready_within;
        while let Err(why) = connects(&address, READY_TICK * 10, self.allow_remote).await {
            if let Ok(Some(status)) = running.child.try_wait() {
                let hint = match &spec.log {
                    Some(log) => format!("`{log}` may say why"),
                    None => "`log = \"FILE\"` keeps what it says".to_owned(),
                };
                return Err(cannot(format!("it ended before it was ready ({status})")).hint(hint));
            }
            if Instant::now() >= deadline {
                running.end().await;
                let limit = spoken(spec.ready_within);
                return Err(cannot(format!(
                    "`{address}` takes no connection within {limit}: {why}"
                ))
                .hint(
                    "raise `ready_within`, or see what the process says when it is started by hand",
                ));
            }
            tokio::time::sleep(READY_TICK).await;
        }
        Ok(running)
    }

    /// What containers wrote meanwhile that faults are aimed at, and those beside them.
    pub(crate) async fn written(&self, run: &Run) -> BTreeMap<String, Written> {
        let mut texts = BTreeMap::new();
        let Some(injector) = &self.injector else { return texts };
        for act in &run.acts {
            if let FaultAct::Inject(injection) = act {
                texts.extend(injector.written(injection, self.since_s).await);
            }
        }
        texts
    }

    /// The id of a process of the scenario.
    pub(crate) async fn pid(&self, name: &str) -> Option<u32> {
        let processes = self.processes.lock().await;
        processes.iter().find(|(spec, _)| spec.name == name)?.1.pid()
    }

    /// Starts a process of the scenario again, and waits until it is ready.
    pub(crate) async fn restart(&self, name: &str) -> Result<(), String> {
        let mut processes = self.processes.lock().await;
        let found = processes.iter_mut().find(|(spec, _)| spec.name == name);
        let Some((spec, running)) = found else { return Ok(()) };
        running.end().await;
        *running = self.start(spec).await.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Ends processes and proxies.
    pub(crate) async fn strike(self) {
        if let Some(injector) = &self.injector {
            // What could not be undone was told when it was tried; its record stays.
            injector.heal_all().await;
        }
        for (_, process) in &mut *self.processes.lock().await {
            process.end_gently(GRACE).await;
        }
        if let Some(kafka) = &self.kafka {
            kafka.stop().await;
        }
        self.engine.stop().await;
    }
}

fn wall_clock_s() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "an engine is asked by the time of the day")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Where the output of a process goes.
fn output(log: Option<&str>) -> Result<(Stdio, Stdio), String> {
    let Some(path) = log else { return Ok((Stdio::piped(), Stdio::piped())) };
    let cannot = |error: std::io::Error| format!("cannot write `{path}`: {}", io_words(&error));
    let file = File::options().append(true).create(true).open(path).map_err(cannot)?;
    let copy = file.try_clone().map_err(cannot)?;
    Ok((file.into(), copy.into()))
}

/// Whether an address takes a connection; otherwise in words why not.
pub(crate) async fn connects(
    address: &str,
    timeout: Duration,
    allow_remote: bool,
) -> Result<(), String> {
    let (host, port) =
        address.rsplit_once(':').ok_or_else(|| format!("`{address}` has no port"))?;
    let port = port.parse().map_err(|_| format!("`{address}` has no port"))?;
    let connect = async {
        let addresses = resolve(host.trim_matches(['[', ']']), port, allow_remote).await?;
        let stream = tokio::net::TcpStream::connect(addresses.as_slice()).await;
        stream.map(drop).map_err(|error| io_words(&error))
    };
    let outcome = tokio::time::timeout(timeout, connect).await;
    outcome.unwrap_or_else(|_| Err(format!("no connection within {}", spoken(timeout))))
}

/// What works during a run, and what asks questions.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) workloads: Vec<Box<dyn Workload>>,
    /// By workload.
    pub(crate) meters: Vec<Arc<Meter>>,
    /// By expectation; only those with a probe.
    pub(crate) probes: Vec<Option<Prober>>,
    /// By abort condition; only those with a probe.
    pub(crate) guards: Vec<Option<Prober>>,
    /// The clock of the run.
    pub(crate) clock: Meter,
}

impl Cast {
    /// Starts all of them.
    pub(crate) async fn start(
        scenario: &Scenario,
        stage: &Stage,
        options: &RunOptions,
    ) -> Result<Self, CannotRun> {
        let origin = Instant::now();
        let mut cast = Self {
            workloads: Vec::new(),
            meters: Vec::new(),
            probes: Vec::new(),
            guards: Vec::new(),
            clock: Meter::new(origin),
        };
        let seed = options.seed.unwrap_or(scenario.seed);
        for (index, spec) in scenario.workloads.iter().enumerate() {
            let mut workload: Box<dyn Workload> = match &spec.kind {
                WorkloadKind::Http(http) => Box::new(http.workload(&stage.places)),
                WorkloadKind::Command(command) => {
                    Box::new(command.workload(&stage.places, &spec.name, &stage.said))
                }
                WorkloadKind::Kafka(spec) => Box::new(records::workload(spec, scenario, stage)),
            };
            let meter = Arc::new(Meter::new(origin));
            let context = Context {
                meter: Arc::clone(&meter),
                seed: seed.wrapping_add(index as u64),
                run_id: options.run_id.clone(),
                allow_remote: options.allow_remote,
            };
            if let Err(error) = workload.start(context).await {
                cast.stop().await;
                let what = format!("workload `{}`: {error}", spec.name);
                return Err(CannotRun::new(what).blame(Blame::Stack));
            }
            cast.workloads.push(workload);
            cast.meters.push(meter);
        }
        let asked = cast.ask(scenario, stage, origin, options.allow_remote);
        if let Err(error) = asked {
            cast.stop().await;
            return Err(error);
        }
        Ok(cast)
    }

    /// Starts the probes.
    fn ask(
        &mut self,
        scenario: &Scenario,
        stage: &Stage,
        origin: Instant,
        allow_remote: bool,
    ) -> Result<(), CannotRun> {
        let start = |probe| Prober::start(probe, &stage.places, origin, allow_remote);
        for expect in &scenario.expects {
            self.probes.push(match &expect.check {
                Check::Probe(probe) => Some(start(probe)?),
                _ => None,
            });
        }
        for abort in &scenario.aborts {
            self.guards.push(match &abort.condition {
                Condition::Probe(probe) => Some(start(probe)?),
                Condition::SuccessBelow { .. } => None,
            });
        }
        Ok(())
    }

    /// The time of the run.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Attempts since a moment that failed because nobody could connect, as far as that can be told:
    /// of probes those that say so, of workloads, which may be anything, all that failed.
    pub(crate) fn refused_since(&self, from: Duration) -> u64 {
        let now = self.now();
        let failed = self.meters.iter().map(|meter| meter.between(from, now).failures);
        let probes = self.probes.iter().flatten().flat_map(|prober| {
            let errors = prober.meter.between(from, now).errors;
            errors.into_iter().filter(|(text, _)| text.contains("refused")).map(|(_, count)| count)
        });
        failed.chain(probes).sum()
    }

    /// The books of all workloads and probes.
    pub(crate) fn books(&self) -> impl Iterator<Item = &Arc<Meter>> {
        self.meters.iter().chain(self.probes.iter().flatten().map(|prober| &prober.meter))
    }

    /// Stops all of them and gives what the workloads say.
    pub(crate) async fn stop(&mut self) -> Outcome {
        let mut all = Outcome::default();
        for workload in &mut self.workloads {
            match tokio::time::timeout(STOP_MAX, workload.stop()).await {
                Ok(outcome) => merge(&mut all, outcome),
                Err(_) => all.remarks.push(format!(
                    "a workload ({}) did not stop within {}",
                    workload.about(),
                    spoken(STOP_MAX)
                )),
            }
        }
        for prober in self.probes.iter_mut().chain(&mut self.guards).flatten() {
            prober.stop().await;
        }
        all
    }
}

/// Counts of several workloads add up.
fn merge(all: &mut Outcome, one: Outcome) {
    all.remarks.extend(one.remarks);
    if let Some(more) = one.duplicates {
        *all.duplicates.get_or_insert_default() += more;
    }
    let Some(more) = one.delivery else { return };
    let sum: &mut Delivery = all.delivery.get_or_insert_default();
    sum.sent += more.sent;
    sum.acknowledged += more.acknowledged;
    sum.read += more.read;
    sum.lost += more.lost;
    sum.not_delivered += more.not_delivered;
    sum.duplicated += more.duplicated;
    sum.reordered += more.reordered;
    for anomaly in more.anomalies {
        match sum.anomalies.iter_mut().find(|known| known.name == anomaly.name) {
            Some(known) => {
                known.count += anomaly.count;
                known.is_bad |= anomaly.is_bad;
                known.examples.extend(anomaly.examples);
            }
            None => sum.anomalies.push(anomaly),
        }
    }
}
