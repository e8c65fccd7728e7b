//! Apache ZooKeeper 3.8, out of Kafka's jars, on a host of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::net::Host;
use crate::{Process, Skip, guard, kafka};

const READY: Duration = Duration::from_mins(1);
/// A command sent while the server starts may never be answered.
const COMMAND: Duration = Duration::from_millis(500);
const PORT: u16 = 2181;

/// A single server. Its data lies in a temporary folder.
#[derive(Debug)]
pub struct ZooKeeper {
    folder: PathBuf,
    address: String,
    process: Process,
}

impl ZooKeeper {
    /// Starts the server on `host` and waits until it answers.
    pub fn start(host: &Host) -> Result<Self, Skip> {
        let args = kafka::java_args()?;
        let folder = guard::folder("zookeeper");
        let settings = format!(
            "tickTime=2000\ndataDir={}\nclientPort={PORT}\nclientPortAddress={}\n\
             admin.enableServer=false\n4lw.commands.whitelist=srvr,ruok,stat,mntr,dump\n",
            folder.join("data").display(),
            host.address(),
        );
        fs::write(folder.join("zoo.cfg"), settings).expect("a new folder");
        let mut command = host.namespace().command("java");
        command
            .args(args)
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(folder.join("zoo.cfg"));
        let process = Process::start("ZooKeeper", &mut command, &folder.join("log"));
        let address = format!("{}:{PORT}", host.address());
        let mut zookeeper = Self { folder, address, process };
        let target = zookeeper.address.clone();
        zookeeper.process.wait_ready(READY, || {
            let answer = host.namespace().enter(|| command_of(&target, "srvr"));
            answer.is_ok_and(|answer| answer.contains("Mode: standalone"))
        });
        Ok(zookeeper)
    }

    /// Where clients reach it, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it answers to one of its four-letter commands, asked from `host`.
    pub fn command(&self, host: &Host, command: &str) -> String {
        host.namespace().enter(|| command_of(&self.address, command)).unwrap_or_default()
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        self.process.kill();
        guard::remove(&self.folder);
    }
}

fn command_of(address: &str, command: &str) -> io::Result<String> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, COMMAND)?;
    stream.set_read_timeout(Some(COMMAND))?;
    stream.write_all(command.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
