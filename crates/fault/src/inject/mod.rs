//! Faults on processes and containers: what they are called, whom they hit, that they hit, and how
//! they are undone.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod injector;
mod words;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Active, Injector, OwnProject};
#[cfg(target_os = "linux")]
pub use injector::{Active, Injector, OwnProject};
pub use words::{
    ContainerAct, ContainerFault, ContainerTarget, EndWith, Injection, Launch, ProcessFault,
};

use std::path::PathBuf;
/// How an injector works.
#[derive(Clone, Debug)]
pub struct InjectorOptions {
    /// The directory that undo records are kept in; made where it does not exist.
    pub journal: PathBuf,
    /// The socket of the Docker Engine, where there is one.
    pub docker_socket: Option<PathBuf>,
    /// Who heals when this process is gone.
    pub watchdog: Watchdog,
    /// Whether processes may be hit that this one did not start, and containers outside of the
    /// Compose project.
    pub allow_foreign: bool,
    /// The Compose project whose containers may be hit; without it, the project that a fault
    /// names.
    pub project: Option<String>,
}

/// Who heals when the process that injects is gone.
#[derive(Clone, Debug)]
pub enum Watchdog {
    /// Nobody but a later `recover`.
    Off,
    /// A program that is started before the first fault and calls [`crate::undo::watch`] with the
    /// arguments that are added: `--journal DIR --run ID`.
    Command {
        /// The executable, commonly this one.
        program: PathBuf,
        /// What stands before the added arguments.
        args: Vec<String>,
    },
}

/// One concrete target of a fault, to be shown before it is hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// What a person would call it: `pid 4711`, `container shop-broker-1`.
    pub name: String,
    /// What tells it from others: the command line, or id and image.
    pub detail: String,
}

/// A fault cannot be done here, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} is not possible: {why}")]
pub struct CannotDo {
    /// The fault, as [`Injection`] prints it.
    pub fault: String,
    /// The reason, with what would make it possible.
    pub why: String,
}

/// Why a fault was not injected or not healed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be done here.
    #[error(transparent)]
    CannotDo(#[from] CannotDo),
    /// It was tried and undone again.
    #[error("{fault} failed: {why}")]
    Failed {
        /// The fault.
        fault: String,
        /// What happened.
        why: String,
    },
    /// It was not undone. Its record stays, so that `recover` tries again.
    #[error("{fault} could not be undone: {why}")]
    NotHealed {
        /// The fault.
        fault: String,
        /// What stands in the way.
        why: String,
    },
    /// The undo record could not be kept; nothing was broken.
    #[error("the undo journal `{}` cannot be used: {why}", path.display())]
    Journal {
        /// The directory or file.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// There is nobody who would heal if this process were killed; nothing was broken.
    #[error("the watchdog does not run: {0}")]
    Watchdog(String),
}
