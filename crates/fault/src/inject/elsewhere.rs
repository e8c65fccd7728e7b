//! Where the system is not Linux, no fault on processes and containers can be undone for certain,
//! so none is done: every one says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{CannotDo, Error, Injection, InjectorOptions, ResolvedTarget};
use crate::written::Written;

/// A fault that acts.
#[derive(Clone, Debug)]
pub struct Active {
    /// What was done, and to whom, as it was written.
    pub what: String,
    /// Whom it hit.
    pub targets: Vec<ResolvedTarget>,
    /// Targets on which it was seen to act.
    pub hits: u64,
    /// What was seen of it.
    pub seen: Vec<String>,
    /// When it ends by itself, from its injection on.
    pub at_most: Duration,
}

/// A Compose project that was started for a run alone.
#[derive(Debug)]
pub struct OwnProject(());

/// Refuses every fault.
#[derive(Clone, Debug)]
pub struct Injector;

#[expect(clippy::unused_async, reason = "the same signatures as on Linux")]
impl Injector {
    /// An injector.
    pub async fn open(_options: InjectorOptions) -> Result<Self, Error> {
        Ok(Self)
    }

    /// The name of this run.
    pub fn run(&self) -> &str {
        ""
    }

    /// Says that it cannot be done here.
    pub async fn resolve(&self, injection: &Injection) -> Result<Vec<ResolvedTarget>, CannotDo> {
        let why = "faults on processes and containers need Linux".to_owned();
        Err(CannotDo { fault: injection.to_string(), why })
    }

    /// Says that it cannot be done here.
    pub async fn inject(&self, injection: &Injection, _at_most: Duration) -> Result<Active, Error> {
        Err(self.resolve(injection).await.map_or_else(Error::from, |_| {
            Error::Watchdog("faults on processes and containers need Linux".to_owned())
        }))
    }

    /// Nothing was done.
    pub async fn heal(&self, _active: Active) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing was hit.
    pub async fn written(
        &self,
        _injection: &Injection,
        _since_s: f64,
    ) -> BTreeMap<String, Written> {
        BTreeMap::new()
    }

    /// An entry for the environment of processes that this one starts; without effect here.
    pub async fn mark(&self) -> Result<(&'static str, String), Error> {
        Ok(("WONIN_RUN", String::new()))
    }

    /// Says that it cannot be done here.
    pub async fn own_project(
        &self,
        project: &str,
        _folder: Option<&Path>,
    ) -> Result<OwnProject, Error> {
        let why = "projects of a run's own need Linux".to_owned();
        Err(CannotDo { fault: format!("start of project {project}"), why }.into())
    }

    /// Nothing was started.
    pub fn project_is_up(&self, _project: &OwnProject) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing was started.
    pub async fn remove_project(&self, _project: OwnProject) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing was done.
    pub async fn heal_all(&self) -> Vec<Error> {
        Vec::new()
    }
}
