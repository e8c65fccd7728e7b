//! Injecting faults so that they are undone, whatever happens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use super::{CannotDo, Error, Injection, InjectorOptions, ResolvedTarget, Watchdog};
use crate::container::{self, Client, ProjectUndo};
use crate::process::{self, ProcessUndo, mark, proc};
use crate::undo::{
    Healer, Journal, Leash, Outcome, Record, RunLock, Stage, Undo, heal_all, heal_kept,
};
use crate::written::Written;

/// A fault that acts.
#[derive(Clone, Debug)]
pub struct Active {
    /// What was done, and to whom, as it was written.
    pub what: String,
    /// Whom it hit.
    pub targets: Vec<ResolvedTarget>,
    /// Targets on which it was seen to act; 0 proves nothing.
    pub hits: u64,
    /// What was seen of it, one line for each target: `pid 4711 is stopped (state T)`.
    pub seen: Vec<String>,
    /// When it ends by itself, from its injection on.
    pub at_most: Duration,
    /// Its undo records.
    records: Vec<String>,
}

/// Injects faults on processes and containers, each with its undo record on disk before it acts.
///
/// What it injected is undone by [`Injector::heal`], by itself after the time that it was given,
/// and by the watchdog as soon as this process is gone. Dropping an injector heals, too, by the
/// watchdog; [`Injector::heal_all`] tells what came of it.
#[derive(Clone, Debug)]
pub struct Injector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: InjectorOptions,
    journal: Journal,
    run: String,
    /// Numbers of records.
    next: AtomicU32,
    /// Made with the first fault: looking at targets leaves no trace.
    alive: OnceCell<Alive>,
    /// The records of what acts, for the case that somebody removes the journal meanwhile.
    kept: std::sync::Mutex<BTreeMap<String, Record>>,
    /// The record that ends the processes of this run.
    marked: OnceCell<String>,
    docker: Option<Client>,
    /// Timers of faults that end by themselves.
    timers: Mutex<JoinSet<()>>,
}

/// What shows others that this run is alive.
#[derive(Debug)]
struct Alive {
    leash: Option<Mutex<Leash>>,
    _lock: RunLock,
}

/// A Compose project that was started for a run alone.
#[derive(Debug)]
pub struct OwnProject {
    /// Its undo record, and what that says once the project is up.
    name: String,
    record: Record,
}

/// One target of an injection, ready.
enum Planned {
    Process(process::Plan),
    Container(container::Plan),
}

impl Planned {
    fn target(&self) -> &ResolvedTarget {
        match self {
            Self::Process(plan) => &plan.target,
            Self::Container(plan) => &plan.target,
        }
    }

    fn undo(&self) -> Option<Undo> {
        match self {
            Self::Process(plan) => plan.undo.clone().map(Undo::Process),
            Self::Container(plan) => Some(Undo::Container(plan.undo.clone())),
        }
    }
}

impl Injector {
    /// An injector; nothing is touched and nothing started yet.
    #[expect(clippy::unused_async, reason = "opening may come to ask an engine")]
    pub async fn open(options: InjectorOptions) -> Result<Self, Error> {
        let dir = std::path::absolute(&options.journal)
            .map_err(|error| journal_error(&options.journal, &error))?;
        let docker = options.docker_socket.as_deref().map(Client::at);
        let inner = Inner {
            journal: Journal::at(&dir),
            run: run_name(),
            next: AtomicU32::new(1),
            alive: OnceCell::new(),
            kept: std::sync::Mutex::default(),
            marked: OnceCell::new(),
            docker,
            timers: Mutex::default(),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name of this run, as `recover` tells it.
    pub fn run(&self) -> &str {
        &self.inner.run
    }

    /// The concrete targets of a fault, at least one, or why it cannot be done. Touches nothing.
    pub async fn resolve(&self, injection: &Injection) -> Result<Vec<ResolvedTarget>, CannotDo> {
        let planned = self.plan(injection).await?;
        Ok(planned.iter().map(|one| one.target().clone()).collect())
    }

    /// Breaks what the fault says, for at most the given time. Either it acts on all its targets,
    /// or what was done is undone again and the error says why.
    pub async fn inject(&self, injection: &Injection, at_most: Duration) -> Result<Active, Error> {
        let planned = self.plan(injection).await?;
        let alive = self.inner.alive().await?;
        let mut active = Active {
            what: injection.to_string(),
            targets: Vec::new(),
            hits: 0,
            seen: Vec::new(),
            at_most,
            records: Vec::new(),
        };
        for one in planned {
            if let Err(error) = self.inject_one(injection, &one, alive, &mut active).await {
                // What stays is told by `heal_all` at the latest.
                self.inner.heal(active.records).await;
                return Err(error);
            }
        }
        self.expire(&active).await;
        Ok(active)
    }

    /// Undoes a fault, and does nothing where it is undone already.
    pub async fn heal(&self, active: Active) -> Result<(), Error> {
        self.inner.heal(active.records).await.into_iter().next().map_or(Ok(()), Err)
    }

    /// Undoes all that this run has injected; tells what could not be undone. Processes that carry
    /// its mark live on until it is gone.
    pub async fn heal_all(&self) -> Vec<Error> {
        let Inner { journal, run, .. } = self.inner.as_ref();
        let mut names = journal.records(run);
        names.extend(self.inner.kept().keys().cloned());
        names.sort_unstable();
        names.dedup();
        if !journal.is_gone() {
            // Also those that are for whoever comes after the run.
            self.inner.restore(&names);
        }
        let waits = |name: &str| match journal.read(name) {
            Some(Ok(record)) => record.undo.waits_for_the_end(),
            _ => self.inner.kept().get(name).is_some_and(|kept| kept.undo.waits_for_the_end()),
        };
        names.retain(|name| !waits(name));
        self.inner.heal(names).await
    }

    /// What the containers that a fault is aimed at wrote since a moment (seconds since 1970), and
    /// those of the same Compose project: by service, else by name. Nothing for processes.
    pub async fn written(&self, injection: &Injection, since_s: f64) -> BTreeMap<String, Written> {
        match (injection, &self.inner.docker) {
            (Injection::Container(fault), Some(client)) => {
                container::written(client, fault, since_s).await
            }
            _ => BTreeMap::new(),
        }
    }

    /// An entry for the environment of processes that this one starts: when the run is gone,
    /// however it went, all that carry it are ended, also what those have started.
    pub async fn mark(&self) -> Result<(&'static str, String), Error> {
        let alive = self.inner.alive().await?;
        let marked = self.inner.marked.get_or_try_init(|| async {
            let name = self.inner.keep(&self.inner.mark()?)?;
            alive.tug().await.map(|()| name)
        });
        marked.await?;
        Ok((mark::VARIABLE, self.inner.run.clone()))
    }

    /// Writes down that a Compose project, which is about to be started for this run alone, is to be
    /// removed with its volumes, and the folder of its files; by [`Injector::remove_project`], and
    /// otherwise when the run is gone, however it went.
    pub async fn own_project(
        &self,
        project: &str,
        folder: Option<&Path>,
    ) -> Result<OwnProject, Error> {
        let alive = self.inner.alive().await?;
        let mut record = self.inner.project(project, folder)?;
        let name = self.inner.keep(&record)?;
        alive.tug().await?;
        record.stage = Stage::Acts;
        Ok(OwnProject { name, record })
    }

    /// Says that a project is up: removing it need not wait for parts that are still to come.
    pub fn project_is_up(&self, project: &OwnProject) -> Result<(), Error> {
        self.inner.keep(&project.record).map(drop)
    }

    /// Removes a project of this run, and looks whether it is gone.
    pub async fn remove_project(&self, project: OwnProject) -> Result<(), Error> {
        self.inner.heal(vec![project.name]).await.into_iter().next().map_or(Ok(()), Err)
    }

    async fn plan(&self, injection: &Injection) -> Result<Vec<Planned>, CannotDo> {
        let Inner { options, docker, .. } = self.inner.as_ref();
        let cannot = |why: String| CannotDo { fault: injection.to_string(), why };
        let name = || self.inner.next_name();
        match injection {
            Injection::Process(fault) => {
                let (foreign, run) = (options.allow_foreign, &self.inner.run);
                let plan = process::plan(fault, &name(), foreign, run);
                Ok(vec![Planned::Process(plan.map_err(cannot)?)])
            }
            Injection::Container(fault) => {
                let socket = options.docker_socket.as_deref();
                if let Some(why) = container::socket_refusal(socket) {
                    return Err(cannot(why));
                }
                let Some(client) = docker else { return Err(cannot("no engine".to_owned())) };
                let project = options.project.as_deref();
                let foreign = options.allow_foreign;
                let plans = container::plan(client, fault, name, project, foreign).await;
                Ok(plans.map_err(cannot)?.into_iter().map(Planned::Container).collect())
            }
        }
    }

    async fn inject_one(
        &self,
        injection: &Injection,
        planned: &Planned,
        alive: &Alive,
        active: &mut Active,
    ) -> Result<(), Error> {
        let inner = self.inner.as_ref();
        let target = planned.target().clone();
        let failed =
            |why| Error::Failed { fault: format!("{} ({})", active.what, target.name), why };
        let seen = match planned.undo() {
            None => planned_act(injection, planned, inner).await.map_err(failed)?,
            Some(undo) => {
                let mut record = inner.record(injection, &target, undo, active.at_most)?;
                let name = inner.keep(&record)?;
                active.records.push(name.clone());
                alive.tug().await?;
                let claim = inner.journal.claim(&name).await;
                let Some(Ok(_claim)) = claim else {
                    let why = "its undo record was taken away before it acted".to_owned();
                    return Err(failed(why));
                };
                let seen = planned_act(injection, planned, inner).await.map_err(failed)?;
                record.stage = Stage::Acts;
                inner.keep(&record)?;
                seen
            }
        };
        active.targets.push(target);
        if let Some(seen) = seen {
            active.hits += 1;
            active.seen.push(seen);
        }
        Ok(())
    }

    /// Lets a fault end by itself.
    async fn expire(&self, active: &Active) {
        let records = active.records.clone();
        if records.is_empty() {
            return;
        }
        let at_most = active.at_most;
        // The timer must not keep the run alive when nobody else does.
        let inner = Arc::downgrade(&self.inner);
        let mut timers = self.inner.timers.lock().await;
        while timers.try_join_next().is_some() {}
        timers.spawn(async move {
            tokio::time::sleep(at_most).await;
            if let Some(inner) = inner.upgrade() {
                // What cannot be undone now stays recorded, and the watchdog tries again.
                inner.heal(records).await;
            }
        });
    }
}

async fn planned_act(
    injection: &Injection,
    planned: &Planned,
    inner: &Inner,
) -> Result<Option<String>, String> {
    match (injection, planned, &inner.docker) {
        (Injection::Process(fault), Planned::Process(plan), _) => plan.act(fault).await,
        (Injection::Container(fault), Planned::Container(plan), Some(client)) => {
            plan.act(client, &fault.act).await
        }
        _ => Err("it was planned for something else".to_owned()),
    }
}

impl Inner {
    /// A name that nothing else has, for what a fault makes.
    fn next_name(&self) -> String {
        format!("wonin-{}-{}", self.run, self.next.fetch_add(1, Relaxed))
    }

    async fn alive(&self) -> Result<&Alive, Error> {
        self.alive.get_or_try_init(|| self.come_alive()).await
    }

    async fn come_alive(&self) -> Result<Alive, Error> {
        let unusable = |error: std::io::Error| journal_error(self.journal.dir(), &error);
        self.journal.create().map_err(unusable)?;
        // First: from here on somebody removes what a killed run leaves, this lock to begin with.
        let leash = match &self.options.watchdog {
            Watchdog::Off => None,
            Watchdog::Command { program, args } => {
                let leash = Leash::start(program, args, &self.journal, &self.run).await;
                Some(Mutex::new(leash.map_err(Error::Watchdog)?))
            }
        };
        let lock = RunLock::try_take(&self.journal, &self.run).map_err(unusable)?;
        let taken = || unusable(std::io::Error::other("another run has the same name"));
        let lock = lock.ok_or_else(taken)?;
        Ok(Alive { leash, _lock: lock })
    }

    /// What ends the processes of this run when it is gone.
    fn mark(&self) -> Result<Record, Error> {
        let unusable = |error: std::io::Error| journal_error(self.journal.dir(), &error);
        let boot = proc::Boot::current().map_err(unusable)?;
        let undo = ProcessUndo::End { mark: self.run.clone(), boot };
        let number = self.next.fetch_add(1, Relaxed);
        let (fault, target) = ("start of processes".to_owned(), "its own processes".to_owned());
        let mut record = Record::new(&self.run, number, fault, target, Undo::Process(undo));
        // It does not end by itself.
        record.expires_ms = u64::MAX;
        record.stage = Stage::Acts;
        Ok(record)
    }

    /// What removes a project when the run is gone.
    fn project(&self, project: &str, folder: Option<&Path>) -> Result<Record, Error> {
        let cannot = |why| CannotDo { fault: format!("start of project {project}"), why };
        if let Some(why) = container::socket_refusal(self.options.docker_socket.as_deref()) {
            return Err(cannot(why).into());
        }
        let Some(client) = &self.docker else { return Err(cannot("no engine".to_owned()).into()) };
        let undo = ProjectUndo {
            socket: client.socket().to_owned(),
            project: project.to_owned(),
            folder: folder.map(Path::to_owned),
        };
        let number = self.next.fetch_add(1, Relaxed);
        let (fault, target) = (format!("start of project {project}"), format!("project {project}"));
        let mut record = Record::new(&self.run, number, fault, target, Undo::Project(undo));
        // It does not end by itself.
        record.expires_ms = u64::MAX;
        Ok(record)
    }

    fn record(
        &self,
        injection: &Injection,
        target: &ResolvedTarget,
        undo: Undo,
        at_most: Duration,
    ) -> Result<Record, Error> {
        let unusable = |error: std::io::Error| journal_error(self.journal.dir(), &error);
        self.refuse_twice(injection, target)?;
        let fault = match injection {
            Injection::Process(fault) => format!("{fault} of {}", target.name),
            Injection::Container(fault) => format!("{} of {}", fault.act, target.name),
        };
        let number = self.next.fetch_add(1, Relaxed);
        let mut record = Record::new(&self.run, number, fault, target.name.clone(), undo);
        record.boot = proc::Boot::current().map_err(unusable)?.boot;
        let now_ms = proc::since_boot_ms().map_err(unusable)?;
        let at_most_ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        record.expires_ms = now_ms.saturating_add(at_most_ms);
        Ok(record)
    }

    /// The same fault twice at a time could not be undone in any order.
    fn refuse_twice(&self, injection: &Injection, target: &ResolvedTarget) -> Result<(), CannotDo> {
        let kind = |fault: &str| fault.split(' ').next().unwrap_or_default().to_owned();
        let mine = match injection {
            Injection::Process(fault) => kind(&fault.to_string()),
            Injection::Container(fault) => kind(&fault.act.to_string()),
        };
        for run in self.journal.runs() {
            for name in self.journal.records(&run) {
                let Some(Ok(record)) = self.journal.read(&name) else { continue };
                if record.target == target.name && kind(&record.fault) == mine {
                    let why = format!(
                        "`{}` of run {run} is not undone yet; if that run was killed, recover \
                         first (`wonin rehearse --recover`)",
                        record.fault
                    );
                    return Err(CannotDo { fault: injection.to_string(), why });
                }
            }
        }
        Ok(())
    }

    /// Puts a record on disk; gives its name.
    fn keep(&self, record: &Record) -> Result<String, Error> {
        let name = record.name();
        let path = || self.journal.dir().join(&name);
        self.journal.write(record).map_err(|error| journal_error(&path(), &error))?;
        self.kept().insert(name.clone(), record.clone());
        Ok(name)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Record>> {
        // Whatever is in there is whole.
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes records anew that somebody spoilt or removed. To undo what a successor has undone
    /// meanwhile does no harm.
    fn restore(&self, names: &[String]) {
        for name in names {
            let kept = self.kept().get(name).cloned();
            let Some(record) = kept.filter(|_| !matches!(self.journal.read(name), Some(Ok(_))))
            else {
                continue;
            };
            tracing::warn!(name, "the undo record is spoilt or gone");
            if let Err(error) = self.journal.write(&record) {
                tracing::warn!(name, %error, "cannot write the undo record anew");
            }
        }
    }

    async fn heal(&self, names: Vec<String>) -> Vec<Error> {
        let mut errors = Vec::new();
        let kept = || names.iter().filter_map(|name| self.kept().get(name).cloned()).collect();
        let done = if self.journal.is_gone() {
            tracing::warn!(dir = %self.journal.dir().display(), "the undo journal is gone");
            heal_kept(kept()).await
        } else {
            self.restore(&names);
            heal_all(&self.journal, names.clone(), Healer::Run).await
        };
        if done.iter().all(|healed| healed.outcome.is_ok()) {
            self.kept().retain(|name, _| !names.contains(name));
        }
        for healed in done {
            let fault = healed.fault;
            match healed.outcome {
                Ok(Outcome::Healed(what)) => tracing::info!(%fault, what, "undone"),
                Ok(Outcome::Whole(why)) => tracing::debug!(%fault, why, "nothing to undo"),
                Err(why) => {
                    tracing::error!(%fault, why, "not undone");
                    errors.push(Error::NotHealed { fault, why });
                }
            }
        }
        errors
    }
}

impl Alive {
    async fn tug(&self) -> Result<(), Error> {
        let Some(leash) = &self.leash else { return Ok(()) };
        let gone = |error: std::io::Error| Error::Watchdog(format!("it has ended ({error})"));
        leash.lock().await.tug().map_err(gone)
    }
}

fn journal_error(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::Journal { path: PathBuf::from(path), why: error.to_string() }
}

/// Names of runs sort by time.
fn run_name() -> String {
    #[expect(clippy::disallowed_methods, reason = "no two runs may have the same name")]
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:011x}-{}", wall.as_millis(), std::process::id())
}
