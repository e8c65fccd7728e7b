//! A Docker Engine of its own: in a network namespace and in folders that end with it, so that
//! neither the machine's engine nor its firewall sees anything of it.

mod image;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::guard::Undo;
use crate::net::Namespace;
use crate::{Process, Skip, cache, guard, run};

/// From the start of the engine to its first answer.
const READY: Duration = Duration::from_secs(30);
/// One call of a client; building and pulling do not happen here.
const CALL: Duration = Duration::from_mins(2);
/// Stopping all containers and the engine.
const STOP: Duration = Duration::from_secs(20);

/// A running engine; its containers, images and networks end with it.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    daemon: Process,
    undo: Undo,
    /// Dropped last: the engine is in there.
    namespace: Namespace,
}

impl Engine {
    /// Starts the engine and waits for its answer.
    pub fn start() -> Result<Self, Skip> {
        cache::need(&["dockerd", "docker", "nsenter"])?;
        let namespace = Namespace::new("docker")?;
        let folder = guard::folder("docker");
        let at = |name: &str| folder.join(name).display().to_string();
        let mut command = namespace.command("dockerd");
        command
            .args(["-H", &format!("unix://{}", at("sock"))])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["--storage-driver", "overlay2", "--userland-proxy=false"])
            // The namespace has no name server: who asks for the name of a container that is gone
            // would wait for 10 s, a Kafka controller in the middle of an election, too.
            .args(["--dns-opt", "timeout:1", "--dns-opt", "attempts:1"]);
        let daemon = Process::start("dockerd", &mut command, &folder.join("log"));
        // Without this the engine's containers would outlive a test that is killed.
        let undo = Undo::register(&format!(
            "S=unix://{sock}\n\
             timeout 10 docker -H $S kill $(timeout 5 docker -H $S ps -q)\n\
             kill {pid}\n\
             for i in $(seq 100); do [ -e /proc/{pid} ] || break; sleep 0.1; done\n",
            sock = at("sock"),
            pid = daemon.pid(),
        ));
        let mut engine = Self { folder, daemon, undo, namespace };
        let address = engine.address();
        engine.daemon.wait_ready(READY, || {
            run(Command::new("docker").args(["-H", &address, "version"]), CALL).status.success()
        });
        Ok(engine)
    }

    /// The engine's socket; it works from outside of the namespace.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("sock")
    }

    /// The socket as `DOCKER_HOST` has it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The name of the network namespace in which published ports and containers' addresses can
    /// be reached (`nsenter --net=/run/netns/NAME`).
    pub fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// A program that sees the containers' network.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = self.namespace.command(program);
        command.env("DOCKER_HOST", self.address());
        command
    }

    /// Runs `docker ARGS` against this engine.
    pub fn docker(&self, args: &[&str]) -> Output {
        run(Command::new("docker").args(["-H", &self.address()]).args(args), CALL)
    }

    /// The same, which has to succeed; what it printed without the space around it.
    pub fn ask(&self, args: &[&str]) -> String {
        answer(args, &self.docker(args))
    }

    /// Runs `docker-compose ARGS` (version 1.29) in `folder`, inside of the namespace. Needs the
    /// program; it has to succeed.
    pub fn compose(&self, folder: &Path, args: &[&str]) -> Result<String, Skip> {
        cache::need(&["docker-compose"])?;
        let mut command = self.inside("docker-compose");
        Ok(answer(args, &run(command.args(args).current_dir(folder), CALL)))
    }

    /// Makes the image `tiny`: busybox alone (`/bin/sh`, and all its programs by name).
    pub fn import_busybox(&self) {
        let tar = image::busybox(&self.folder);
        self.import(&tar, "tiny", &[]);
    }

    /// Makes a stand-in for the image `name` of Kafka, so that a Compose file that names it
    /// starts without a registry; see [`KafkaImage`].
    pub fn import_kafka(&self, name: &str, like: KafkaImage) -> Result<(), Skip> {
        let tar = image::kafka()?;
        let flavour = format!("ENV WONIN_IMAGE={}", like.word());
        let data = format!("VOLUME {}", like.volume());
        let changes =
            ["ENTRYPOINT [\"/bin/sh\", \"/opt/kafka/start\"]", "EXPOSE 9092", &flavour, &data];
        self.import(&tar, name, &changes);
        Ok(())
    }

    fn import(&self, tar: &Path, name: &str, changes: &[&str]) {
        let tar = tar.display().to_string();
        let mut args = vec!["import"];
        for change in changes {
            args.extend(["--change", change]);
        }
        args.extend([tar.as_str(), name]);
        self.ask(&args);
    }

    /// What the engine itself has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.daemon.log()).unwrap_or_default()
    }
}

/// Which published image of Kafka a stand-in follows.
///
/// A stand-in is Apache Kafka 3.9.1 from Maven on a small JVM with busybox, and a start script in
/// our own words. It does what the images document about the environment (which variable becomes
/// which property, which base file is underneath, where the data lies) and nothing else of them:
/// no SASL and TLS set-up, no ZooKeeper mode, no migration, no user of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaImage {
    /// `bitnami/kafka`: `KAFKA_CFG_*`, a base file with replication factors of 1, `/bitnami`.
    Bitnami,
    /// `apache/kafka`: `KAFKA_*`, no base file, `CLUSTER_ID`.
    Apache,
}

impl KafkaImage {
    fn word(self) -> &'static str {
        match self {
            Self::Bitnami => "bitnami",
            Self::Apache => "apache",
        }
    }

    fn volume(self) -> &'static str {
        match self {
            Self::Bitnami => "/bitnami/kafka",
            Self::Apache => "/var/lib/kafka/data",
        }
    }
}

fn answer(args: &[&str], output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The engine would give each container ten seconds.
        let running = self.docker(&["ps", "--quiet"]);
        let running = String::from_utf8_lossy(&running.stdout).into_owned();
        let mut kill = vec!["kill"];
        kill.extend(running.split_whitespace());
        if kill.len() > 1 {
            self.docker(&kill);
        }
        self.daemon.terminate();
        if self.daemon.wait(STOP).is_some() {
            self.undo.done();
        }
        guard::remove(&self.folder);
    }
}
