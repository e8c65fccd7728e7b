//! Apache Kafka 3.9.1 in KRaft mode: nodes that are broker and controller in one process, each on
//! a loopback address of its own.

mod config;
mod wire;

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::{Process, Skip, cache, guard, run};

/// Several JVMs start at once on few cores, perhaps beside a build.
const READY: Duration = Duration::from_secs(90);
/// One call of a command-line tool.
const TOOL: Duration = Duration::from_mins(1);
/// A controlled shutdown; a node that has lost its quorum takes longer and is killed.
const GRACE: Duration = Duration::from_secs(20);

const CLUSTER_ID: &str = "AAAAAAAAQACAAAAAAAAAAA";

const DEPENDENCIES: &str = "\
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>\
<version>3.9.1</version></dependency>\
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>\
<version>3.9.1</version><exclusions>\
<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>\
<exclusion><groupId>com.fasterxml.jackson.jaxrs</groupId><artifactId>*</artifactId></exclusion>\
</exclusions></dependency>\
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId>\
<version>1.7.36</version></dependency>";

pub(crate) const LOG4J: &str = "\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
";

/// The folder with the jars of Kafka 3.9.1 and its tools, fetched with Maven when it is missing.
pub fn jars() -> Result<PathBuf, Skip> {
    cache::jars("kafka-3.9.1", DEPENDENCIES)
}

/// What a cluster is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Nodes, numbered from 1; each is broker and controller.
    pub brokers: u16,
    /// The nodes get the addresses 127.0.NET.1, 127.0.NET.2 and so on. Tests that may run at the
    /// same time choose different ones.
    pub net: u8,
    /// Added to every node's properties, and stronger than those. In the values `{node}` stands
    /// for the node's number and `{host}` for its address.
    pub properties: Vec<(String, String)>,
    /// Short sessions and elections: partitions leave a killed leader after 3 to 4 s, not 12 s.
    pub fast_failover: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, net: 1, properties: Vec::new(), fast_failover: true }
    }
}

/// One node.
#[derive(Debug)]
pub struct Broker {
    node: u16,
    host: String,
    folder: PathBuf,
    process: Process,
}

impl Broker {
    /// Its number in the cluster.
    pub fn node(&self) -> u16 {
        self.node
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where clients reach it, `host:port`.
    pub fn address(&self) -> String {
        format!("{}:9092", self.host)
    }

    /// The file with all that it logged, also before a restart.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// The properties that it was started with.
    pub fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }
}

/// A running cluster; its processes are killed and its files removed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    jars: PathBuf,
    brokers: Vec<Broker>,
}

impl Cluster {
    /// Starts all nodes and waits until each of them names all of them in its metadata.
    pub fn start(options: &Options) -> Result<Self, Skip> {
        let jars = jars()?;
        let folder = guard::folder("kafka");
        fs::write(folder.join("log4j.properties"), LOG4J).expect("a new folder");
        let mut cluster = Self { folder, jars, brokers: Vec::new() };
        for node in 1..=options.brokers {
            let host = config::host(options.net, node);
            for port in [9092, 9093] {
                drop(TcpListener::bind((host.as_str(), port)).unwrap_or_else(|error| {
                    panic!("{host}:{port}: {error}; give this test another `net`")
                }));
            }
            cluster.write(options, node, &host);
        }
        cluster.format(options.brokers);
        for node in 1..=options.brokers {
            let host = config::host(options.net, node);
            let folder = cluster.node_folder(node);
            let process = cluster.spawn(node);
            cluster.brokers.push(Broker { node, host, folder, process });
        }
        cluster.wait_ready();
        Ok(cluster)
    }

    fn node_folder(&self, node: u16) -> PathBuf {
        self.folder.join(format!("node-{node}"))
    }

    fn write(&self, options: &Options, node: u16, host: &str) {
        let folder = self.node_folder(node);
        fs::create_dir_all(&folder).expect("a new folder");
        let text = config::properties(options, node, host, &folder.join("data"));
        fs::write(folder.join("server.properties"), text).expect("a new folder");
    }

    /// Writes each node's storage, all at once.
    fn format(&self, brokers: u16) {
        std::thread::scope(|scope| {
            for node in 1..=brokers {
                scope.spawn(move || {
                    let properties = self.node_folder(node).join("server.properties");
                    let formatted = run(
                        self.java()
                            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
                            .arg(properties),
                        TOOL,
                    );
                    assert!(formatted.status.success(), "formatting node {node}: {formatted:?}");
                });
            }
        });
    }

    fn java(&self) -> Command {
        let mut command = jvm(&self.jars);
        command.current_dir(&self.folder).arg("-Dlog4j.configuration=file:log4j.properties");
        command
    }

    fn spawn(&self, node: u16) -> Process {
        let folder = self.node_folder(node);
        let mut command = self.java();
        command.arg("kafka.Kafka").arg(folder.join("server.properties"));
        Process::start(&format!("Kafka node {node}"), &mut command, &folder.join("log"))
    }

    fn wait_ready(&mut self) {
        let all = self.brokers.len();
        for broker in &mut self.brokers {
            let address = broker.address();
            broker.process.wait_ready(READY, || wire::brokers(&address).is_ok_and(|n| n == all));
        }
    }

    /// All nodes' addresses, as clients want them.
    pub fn bootstrap(&self) -> String {
        self.brokers.iter().map(Broker::address).collect::<Vec<_>>().join(",")
    }

    /// The node with that number, counted from 1.
    pub fn broker(&self, node: u16) -> &Broker {
        self.brokers.iter().find(|broker| broker.node == node).expect("a node of this cluster")
    }

    fn broker_mut(&mut self, node: u16) -> &mut Broker {
        self.brokers.iter_mut().find(|broker| broker.node == node).expect("a node of this cluster")
    }

    /// SIGKILL: clients are refused, the others notice by the end of its session.
    pub fn kill(&mut self, node: u16) {
        self.broker_mut(node).process.kill();
    }

    /// SIGTERM: a controlled shutdown, as far as the quorum allows. After 20 s it is killed, as
    /// a container would be.
    pub fn stop_graceful(&mut self, node: u16) {
        let process = &mut self.broker_mut(node).process;
        process.terminate();
        if process.wait(GRACE).is_none() {
            process.kill();
        }
    }

    /// SIGSTOP: connections stay, nothing is answered.
    pub fn pause(&self, node: u16) {
        self.broker(node).process.pause();
    }

    /// SIGCONT.
    pub fn resume(&self, node: u16) {
        self.broker(node).process.resume();
    }

    /// Kills the node if it runs, starts it again on the same data, and waits until it names the
    /// nodes that run.
    pub fn restart(&mut self, node: u16) {
        self.broker_mut(node).process.kill();
        let process = self.spawn(node);
        self.broker_mut(node).process = process;
        let running =
            self.brokers.iter_mut().filter_map(|b| b.process.ended().is_none().then_some(()));
        let running = running.count();
        let address = self.broker(node).address();
        let process = &mut self.broker_mut(node).process;
        process.wait_ready(READY, || wire::brokers(&address).is_ok_and(|n| n >= running));
    }

    /// Makes a topic and waits until it is there.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        replication: u16,
        config: &[(&str, &str)],
    ) {
        let mut args = vec![
            "--create".to_owned(),
            "--topic".to_owned(),
            name.to_owned(),
            "--partitions".to_owned(),
            partitions.to_string(),
            "--replication-factor".to_owned(),
            replication.to_string(),
        ];
        for (key, value) in config {
            args.extend(["--config".to_owned(), format!("{key}={value}")]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let made = self.tool("org.apache.kafka.tools.TopicCommand", &args, TOOL);
        assert!(made.status.success(), "creating {name}: {made:?}");
    }

    /// Runs one of Kafka's command-line tools against all nodes (`--bootstrap-server` is added).
    pub fn tool(&self, class: &str, args: &[&str], limit: Duration) -> Output {
        let bootstrap = self.bootstrap();
        run(self.java().arg(class).args(["--bootstrap-server", &bootstrap]).args(args), limit)
    }

    /// Waits until a node's log has a line with `text`; fails with the log's end otherwise.
    pub fn wait_log(&self, node: u16, text: &str, limit: Duration) {
        self.broker(node).process.wait_logged(text, limit);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            broker.process.kill();
        }
        guard::remove(&self.folder);
    }
}

/// `java` with a small heap and Kafka's jars on the class path.
fn jvm(jars: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars.join("*"));
    command
}

/// What `java` needs before a class of Kafka's or a source file, in whatever namespace it runs:
/// a small heap, the class path, logging to standard output.
pub fn java_args() -> Result<Vec<OsString>, Skip> {
    let jars = jars()?;
    let settings = guard::folder("java").join("log4j.properties");
    fs::write(&settings, LOG4J).expect("a new folder");
    let mut args: Vec<OsString> = jvm(&jars).get_args().map(OsString::from).collect();
    args.push(format!("-Dlog4j.configuration=file:{}", settings.display()).into());
    Ok(args)
}

fn program(source: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("java");
    command.args(java_args().unwrap_or_else(|why| panic!("{why}"))).arg(source).args(args);
    command
}

/// Runs a Java source file (a program in one file) with Kafka's jars on the class path.
pub fn java(source: &Path, args: &[&str], limit: Duration) -> Output {
    run(&mut program(source, args), limit)
}

/// The same in the background; what it writes goes to `log`.
pub fn java_start(source: &Path, args: &[&str], log: &Path) -> Process {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Process::start(&name, &mut program(source, args), log)
}
