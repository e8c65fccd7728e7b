//! A cluster by Compose: a copy of the files in a folder of its own, under a project name of its
//! own, so that neither the user's files nor the user's data are touched.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wonin_fault::inject::{Injector, InjectorOptions, OwnProject};

use super::super::run::brokers;
use super::super::scenarios::{Node, Reach};
use super::{Cluster, Layout, Published};
use crate::command::Ready;
use crate::http::io_words;
use crate::run::{Blame, CannotRun, Status};
use crate::scenario::spoken;

/// Starting containers; their images may have to be fetched or built first.
const START: Duration = Duration::from_mins(10);
/// From the start of the containers until all brokers are registered.
const READY: Duration = Duration::from_secs(90);
/// A question that is answered from memory.
const ASK: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// Lines of what a program said that are shown.
const LINES_SHOWN: usize = 6;

/// A cluster whose nodes are containers of a Compose project.
#[derive(Debug)]
pub struct ComposeCluster {
    layout: Layout,
    project: String,
    folder: PathBuf,
    injector: Injector,
    docker_socket: Option<PathBuf>,
    owned: Option<OwnProject>,
}

impl ComposeCluster {
    /// A cluster that is not started. `project` is its name, `[a-z0-9-]`, unlike any other.
    pub async fn new(
        layout: Layout,
        project: String,
        options: &InjectorOptions,
    ) -> Result<Self, CannotRun> {
        let docker_socket = options.docker_socket.clone();
        let injector = Injector::open(options.clone()).await.map_err(cannot)?;
        let folder = std::env::temp_dir().join(&project);
        Ok(Self { layout, project, folder, injector, docker_socket, owned: None })
    }

    fn write_files(&self) -> Result<(), CannotRun> {
        let failed = |path: &Path, error: &io::Error| {
            CannotRun::new(format!("cannot write `{}`: {}", path.display(), io_words(error)))
        };
        make_private(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        for file in &self.layout.files {
            let path = self.folder.join(&file.path);
            write(&path, &file.bytes, file.is_executable).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    async fn compose(&self, status: &Status, stop: &CancellationToken) -> Result<(), CannotRun> {
        let program = self.program().await?;
        let mut command = self.of_project(&program);
        command.extend(["up", "-d"].map(str::to_owned));
        command.extend(self.layout.services.iter().cloned());
        status.say(format!("starting {}", self.layout.services.join(", ")));
        let (worked, said) = tokio::select! {
            done = self.run(command, START) => done?,
            () = stop.cancelled() => return Err(CannotRun::new("stopped by a person")),
        };
        if worked {
            return Ok(());
        }
        let what = format!("`{} up` failed: {said}", program.join(" "));
        let error = CannotRun::new(what).blame(Blame::Stack);
        Err(if said.contains("already in use by container") {
            error.hint("a container of that name is left from elsewhere: remove or rename it")
        } else {
            error
        })
    }

    /// Compose as a part of Docker, or the program of its own that was there before.
    async fn program(&self) -> Result<Vec<String>, CannotRun> {
        for program in [&["docker", "compose"][..], &["docker-compose"][..]] {
            let program: Vec<String> = program.iter().map(|&word| word.to_owned()).collect();
            let mut ask = program.clone();
            ask.push("version".to_owned());
            if matches!(self.run(ask, ASK).await, Ok((true, _))) {
                return Ok(program);
            }
        }
        Err(CannotRun::new("neither `docker compose` nor `docker-compose` works here")
            .hint("install Docker's Compose plugin, or start the stack yourself"))
    }

    /// The beginning of a command on the project.
    fn of_project(&self, program: &[String]) -> Vec<String> {
        let mut command = program.to_vec();
        command.extend(["-p".to_owned(), self.project.clone()]);
        for file in &self.layout.compose_files {
            command.extend(["-f".to_owned(), file.clone()]);
        }
        command
    }

    /// Whether a command worked, and the end of what it said.
    async fn run(
        &self,
        command: Vec<String>,
        limit: Duration,
    ) -> Result<(bool, String), CannotRun> {
        let mut env: Vec<(String, String)> = Vec::new();
        if let Some(socket) = &self.docker_socket {
            env.push(("DOCKER_HOST".to_owned(), format!("unix://{}", socket.display())));
        }
        // It must not go on starting things when this process is gone.
        let (name, value) = self.injector.mark().await.map_err(cannot)?;
        env.push((name.to_owned(), value));
        let dir = self.folder.join(&self.layout.dir);
        let dir = dir.is_dir().then(|| dir.display().to_string());
        let said = command.join(" ");
        let running = Ready { command, dir, env }.spawn(Stdio::piped(), Stdio::piped());
        let output = running.map_err(CannotRun::new)?.output(limit).await;
        let (worked, text) = output.map_err(|why| CannotRun::new(format!("`{said}`: {why}")))?;
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Ok((worked, lines[lines.len().saturating_sub(LINES_SHOWN)..].join("; ")))
    }

    /// All brokers, once they are registered.
    async fn ready(
        &self,
        status: &Status,
        stop: &CancellationToken,
    ) -> Result<Vec<Node>, CannotRun> {
        let wanted = &self.layout.brokers;
        let begin = Instant::now();
        let mut last = Vec::new();
        while begin.elapsed() < READY {
            status.say(format!("waiting for brokers, {} of {}", last.len(), wanted.len()));
            let found = tokio::select! {
                found = brokers(&self.layout.addresses) => found,
                () = stop.cancelled() => return Err(CannotRun::new("stopped by a person")),
            };
            last = found.unwrap_or_default();
            if wanted.keys().all(|id| last.iter().any(|(found, _)| found == id)) {
                return Ok(last.into_iter().map(|(id, address)| self.node(id, address)).collect());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let is_missing = |id: &&i32| !last.iter().any(|(found, _)| found == *id);
        let missing: Vec<String> = wanted.keys().filter(is_missing).map(i32::to_string).collect();
        let mut why =
            format!("broker {} is not there after {}", missing.join(" and "), spoken(READY));
        if let Some(said) = self.last_words(&missing).await {
            why = format!("{why}; the last words of its container: {said}");
        }
        Err(CannotRun::new(why).blame(Blame::Stack))
    }

    async fn last_words(&self, missing: &[String]) -> Option<String> {
        let id: i32 = missing.first()?.parse().ok()?;
        let service = self.layout.brokers.get(&id)?;
        let mut command = self.of_project(&self.program().await.ok()?);
        command.extend(["logs", "--no-color", "--tail", "4"].map(str::to_owned));
        command.push(service.clone());
        self.run(command, ASK).await.ok().map(|(_, said)| said)
    }

    fn node(&self, id: i32, address: String) -> Node {
        let reach = match self.layout.brokers.get(&id) {
            Some(service) => {
                Reach::Container { project: self.project.clone(), service: service.clone() }
            }
            None => Reach::Proxy,
        };
        Node { id, address, reach }
    }

    /// Refuses where another program holds a port, and says which.
    async fn need_ports(&self) -> Result<(), CannotRun> {
        for one in &self.layout.published {
            let Err(error) = is_free(one) else { continue };
            let Published { service, port, .. } = one;
            let filter = format!("publish={port}");
            let ask = ["docker", "ps", "--filter", &filter, "--format", "{{.Names}}"];
            let holder = self.run(ask.map(str::to_owned).to_vec(), ASK).await;
            let holder = holder.ok().filter(|(worked, said)| *worked && !said.is_empty());
            let what = format!("port {port}, which service {service} publishes, is not free");
            return Err(match holder {
                Some((_, names)) => {
                    CannotRun::new(format!("{what}: container {names} has it")).hint(
                        "stop that project, or rehearse it as it runs: without `--up` and `--prove`",
                    )
                }
                None => CannotRun::new(format!("{what}: {error}"))
                    .hint(format!("`ss -ltnp sport = :{port}` tells which program has it")),
            });
        }
        Ok(())
    }
}

impl Cluster for ComposeCluster {
    async fn up(
        &mut self,
        status: &Status,
        stop: &CancellationToken,
    ) -> Result<Vec<Node>, CannotRun> {
        self.need_ports().await?;
        let folder = Some(self.folder.as_path());
        // From here on all of it is removed, whatever happens.
        let owned = self.injector.own_project(&self.project, folder).await.map_err(cannot)?;
        self.owned = Some(owned);
        self.write_files()?;
        self.compose(status, stop).await?;
        if let Some(owned) = &self.owned {
            self.injector.project_is_up(owned).map_err(cannot)?;
        }
        self.ready(status, stop).await
    }

    fn project(&self) -> &str {
        &self.project
    }

    async fn down(&mut self) -> Result<(), CannotRun> {
        match self.owned.take() {
            Some(owned) => self.injector.remove_project(owned).await.map_err(|error| {
                CannotRun::new(error.to_string())
                    .hint("`wonin rehearse --recover` removes it")
                    .blame(Blame::Remains)
            }),
            None => Ok(()),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` calls")]
fn cannot(error: wonin_fault::inject::Error) -> CannotRun {
    CannotRun::new(error.to_string())
}

/// Whether a port could be listened on.
fn is_free(one: &Published) -> Result<(), String> {
    let ip: IpAddr = one.host_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    TcpListener::bind((ip, one.port)).map(drop).map_err(|error| io_words(&error))
}

/// A new folder for its owner alone: the files may hold secrets.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write(path: &Path, bytes: &[u8], is_executable: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    if is_executable {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
