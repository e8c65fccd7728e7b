//! How processes and containers are broken from the command line.

use std::env;
use std::fs;
use std::path::PathBuf;

use wonin_fault::inject::{InjectorOptions, Watchdog};

use crate::failure::Failure;

/// Where a Docker Engine listens unless it is told otherwise.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// Whom faults may hit, and where their undo is written down.
#[derive(Debug, clap::Args)]
pub(crate) struct InjectorArgs {
    /// Allow faults on processes that the scenario did not start, and on containers outside of the
    /// Compose project that a fault names
    #[arg(long)]
    allow_foreign: bool,

    /// The socket of the Docker Engine [default: `DOCKER_HOST`, else /var/run/docker.sock]
    #[arg(long, value_name = "SOCKET")]
    docker_socket: Option<PathBuf>,

    /// Where is written down how to undo each fault [default: below `XDG_STATE_HOME`]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
}

impl InjectorArgs {
    /// With a watchdog: this program once more, which heals when the first one is gone.
    pub(crate) fn options(&self) -> Result<InjectorOptions, Failure> {
        if let Some(given) = &self.journal
            && fs::metadata(given).is_ok_and(|seen| !seen.is_dir())
        {
            let what = format!("`--journal {}` is a file", given.display());
            return Err(Failure::new(what).hint("give a directory; it is made where there is none"));
        }
        let program = env::current_exe()
            .map_err(|cause| Failure::new("cannot find this program itself").because(cause))?;
        Ok(InjectorOptions {
            journal: self.journal.clone().unwrap_or_else(journal),
            docker_socket: self.docker_socket.clone().or_else(docker_socket),
            watchdog: Watchdog::Command {
                program,
                args: vec!["rehearse".to_owned(), "watchdog".to_owned()],
            },
            allow_foreign: self.allow_foreign,
            project: None,
        })
    }
}

/// Where undo records are kept if nothing else is said.
pub(crate) fn journal() -> PathBuf {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".local/state"));
    state.or_else(home).unwrap_or_else(env::temp_dir).join("wonin/undo")
}

fn docker_socket() -> Option<PathBuf> {
    let host = env::var_os("DOCKER_HOST");
    let given = host.as_ref().and_then(|host| host.to_str()?.strip_prefix("unix://"));
    given.map(PathBuf::from).or_else(|| Some(PathBuf::from(DOCKER_SOCKET)))
}
