//! Hosts without containers: network namespaces with addresses of their own on a bridge that is
//! itself in a namespace, so that no rule of the machine's firewall touches it.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

use crate::guard::Undo;
use crate::{Skip, cache, run};

const CALL: Duration = Duration::from_secs(20);

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A network namespace, removed when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    undo: Undo,
}

impl Namespace {
    /// Makes a namespace with its loopback interface up. Its name has this process' number.
    pub fn new(purpose: &str) -> Result<Self, Skip> {
        cache::need(&["ip", "nsenter"])?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wonin{}-{number}-{purpose}", std::process::id());
        let made = run(Command::new("ip").args(["netns", "add", &name]), CALL);
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(Skip(format!("a network namespace cannot be made (is this root?): {why}")));
        }
        let undo = Undo::register(&format!("ip netns del {name}\n"));
        let namespace = Self { name, undo };
        namespace.ip(&["link", "set", "lo", "up"]);
        Ok(namespace)
    }

    /// Its name, below `/run/netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A program that runs in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg(program);
        command
    }

    /// `ip ARGS` in it; it has to succeed.
    pub fn ip(&self, args: &[&str]) {
        let done = run(Command::new("ip").args(["-n", &self.name]).args(args), CALL);
        assert!(done.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Runs `work` on a thread whose sockets are in the namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.name);
        let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("whoever makes a namespace may enter it");
                work()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if run(Command::new("ip").args(["netns", "del", &self.name]), CALL).status.success() {
            self.undo.done();
        }
    }
}

/// A bridge with hosts on 10.77.0.0/24.
#[derive(Debug)]
pub struct Net {
    hub: Namespace,
}

impl Net {
    /// Makes the bridge; it has the address 10.77.0.254.
    pub fn start() -> Result<Self, Skip> {
        let hub = Namespace::new("hub")?;
        hub.ip(&["link", "add", "br0", "type", "bridge"]);
        hub.ip(&["addr", "add", "10.77.0.254/24", "dev", "br0"]);
        hub.ip(&["link", "set", "br0", "up"]);
        Ok(Self { hub })
    }

    /// The bridge's own namespace: a place that reaches every host.
    pub fn hub(&self) -> &Namespace {
        &self.hub
    }

    /// Adds a host with the address 10.77.0.`number`, whose default route is the bridge.
    pub fn host(&self, name: &str, number: u8) -> Result<Host, Skip> {
        let namespace = Namespace::new(name)?;
        let port = format!("port{number}");
        self.hub.ip(&[
            "link",
            "add",
            &port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            namespace.name(),
        ]);
        self.hub.ip(&["link", "set", &port, "master", "br0", "up"]);
        namespace.ip(&["link", "set", "eth0", "up"]);
        let mut host = Host { namespace, number, port };
        host.set_address(number);
        Ok(host)
    }

    /// Takes a host's cable out, or puts it back.
    pub fn plug(&self, host: &Host, plugged: bool) {
        self.hub.ip(&["link", "set", &host.port, if plugged { "up" } else { "down" }]);
    }
}

/// One host of a [`Net`].
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    number: u8,
    port: String,
}

impl Host {
    /// Its address now.
    pub fn address(&self) -> String {
        format!("10.77.0.{}", self.number)
    }

    /// Gives it another address, also under running programs; the old one is gone.
    pub fn set_address(&mut self, number: u8) {
        self.number = number;
        let address = format!("{}/24", self.address());
        self.namespace.ip(&["addr", "flush", "dev", "eth0"]);
        self.namespace.ip(&["addr", "add", &address, "dev", "eth0"]);
        self.namespace.ip(&["route", "replace", "default", "via", "10.77.0.254"]);
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}
