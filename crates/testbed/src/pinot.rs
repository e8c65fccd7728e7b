//! Apache Pinot 0.11.0 on a real ZooKeeper: controller, broker and server, each on a host of its
//! own, so that an address can really die.
//!
//! All parts bind the wildcard address whatever they register, hence the namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::http::{Answer, Request, escape};
use crate::net::{Host, Net};
use crate::zookeeper::ZooKeeper;
use crate::{Process, Skip, cache, guard};

const READY: Duration = Duration::from_secs(90);
/// A query whose server does not answer takes ten seconds.
const CALL: Duration = Duration::from_secs(30);
const CLUSTER: &str = "pc";

/// What the administrator's class does not need here, or what the registry does not have.
const WITHOUT: &[(&str, &str)] = &[
    ("org.apache.pinot", "pinot-orc"),
    ("org.apache.pinot", "pinot-parquet"),
    ("org.apache.pinot", "pinot-thrift"),
    ("org.apache.pinot", "pinot-protobuf"),
    ("org.apache.pinot", "pinot-kinesis"),
    ("org.apache.pinot", "pinot-s3"),
    ("io.confluent", "*"),
    ("org.apache.hadoop", "*"),
    ("software.amazon.awssdk", "*"),
];

/// What Pinot reaches of the JDK's insides.
const OPENS: &[&str] = &[
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
];

const LOG4J2: &str = r#"<Configuration><Appenders><Console name="console">
<PatternLayout pattern="%d{yyyy/MM/dd HH:mm:ss.SSS} %p [%c{1}] [%t] %m%n"/>
</Console></Appenders><Loggers><Root level="info"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"#;

const SCHEMA: &str = r#"{"schemaName":"visits","dimensionFieldSpecs":[{"name":"page","dataType":"STRING"}],
"metricFieldSpecs":[{"name":"n","dataType":"INT"}]}"#;
const TABLE: &str = r#"{"tableName":"visits","tableType":"OFFLINE",
"segmentsConfig":{"replication":"1","schemaName":"visits"},"tableIndexConfig":{},"metadata":{},
"tenants":{"broker":"DefaultTenant","server":"DefaultTenant"},
"ingestionConfig":{"batchIngestionConfig":{"segmentIngestionType":"APPEND","segmentIngestionFrequency":"DAILY"}}}"#;

/// The folder with the jars of Pinot 0.11.0, fetched with Maven when it is missing.
pub fn jars() -> Result<PathBuf, Skip> {
    let without: Vec<String> = WITHOUT
        .iter()
        .map(|(group, artifact)| {
            format!(
                "<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
            )
        })
        .collect();
    cache::jars(
        "pinot-0.11.0",
        &format!(
            "<dependency><groupId>org.apache.pinot</groupId><artifactId>pinot-tools</artifactId>\
             <version>0.11.0</version><exclusions>{}</exclusions></dependency>",
            without.concat()
        ),
    )
}

/// Under what the instances register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nothing is set: each registers under its address, which is Pinot's default.
    Address,
    /// Each is given a name, which all others resolve.
    Name,
}

/// What a cluster is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Under what the instances register.
    pub identity: Identity,
    /// Milliseconds after which ZooKeeper forgets whoever is silent; Pinot's own value is 30000.
    pub session_ms: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { identity: Identity::Address, session_ms: 30_000 }
    }
}

/// A running cluster with one controller, one broker and one server.
#[derive(Debug)]
pub struct Pinot {
    options: Options,
    folder: PathBuf,
    jars: PathBuf,
    server: Option<Process>,
    broker: Process,
    controller: Process,
    zookeeper: ZooKeeper,
    hosts: Hosts,
}

/// The hosts of a cluster and the network that they are on.
#[derive(Debug)]
struct Hosts {
    zookeeper: Host,
    controller: Host,
    broker: Host,
    server: Host,
    net: Net,
}

impl Hosts {
    fn new() -> Result<Self, Skip> {
        let net = Net::start()?;
        Ok(Self {
            zookeeper: net.host("zoo", 5)?,
            controller: net.host("controller", 6)?,
            broker: net.host("broker", 2)?,
            server: net.host("server", 3)?,
            net,
        })
    }

    /// What the JVMs know instead of a name server, so that nothing is asked that never answers.
    fn write(&self, file: &Path) {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut lines = vec![format!("127.0.0.1 localhost {}\n", own.trim())];
        for (host, name) in [
            (&self.zookeeper, "pinot-zoo"),
            (&self.controller, "pinot-controller"),
            (&self.broker, "pinot-broker"),
            (&self.server, "pinot-server"),
        ] {
            lines.push(format!("{} {name}\n", host.address()));
        }
        fs::write(file, lines.concat()).expect("a folder of our own");
    }
}

impl Pinot {
    /// Starts all parts, one after the other, and waits until each says that it is healthy.
    pub fn start(options: Options) -> Result<Self, Skip> {
        let jars = jars()?;
        let hosts = Hosts::new()?;
        let folder = guard::folder("pinot");
        fs::write(folder.join("log4j2.xml"), LOG4J2).expect("a new folder");
        hosts.write(&folder.join("hosts"));
        let zookeeper = ZooKeeper::start(&hosts.zookeeper)?;
        let launch =
            Launch { options, folder: &folder, jars: &jars, zookeeper: zookeeper.address() };
        let data = folder.join("data").display().to_string();
        let controller = launch.start(&hosts.controller, "Controller", 9000, &["-dataDir", &data]);
        let broker = launch.start(&hosts.broker, "Broker", 8099, &[]);
        let server = Some(launch.server(&hosts.server));
        Ok(Self { options, folder, jars, server, broker, controller, zookeeper, hosts })
    }

    /// SIGKILL to the server: its address stays, its port is closed.
    pub fn kill_server(&mut self) {
        self.server = None;
    }

    /// Starts the server on the data that it had.
    pub fn start_server(&mut self) {
        self.server = None;
        self.hosts.write(&self.folder.join("hosts"));
        let launch = Launch {
            options: self.options,
            folder: &self.folder,
            jars: &self.jars,
            zookeeper: self.zookeeper.address(),
        };
        self.server = Some(launch.server(&self.hosts.server));
    }

    /// Gives the server's host the address 10.77.0.`number`, whether the server runs or not.
    pub fn move_server(&mut self, number: u8) {
        self.hosts.server.set_address(number);
        self.hosts.write(&self.folder.join("hosts"));
    }

    /// The address of the server's host now.
    pub fn server_address(&self) -> String {
        self.hosts.server.address()
    }

    /// The log of the server, also before a restart.
    pub fn server_log(&self) -> PathBuf {
        self.folder.join("Server.log")
    }

    /// The log of the broker.
    pub fn broker_log(&self) -> &Path {
        self.broker.log()
    }

    /// The log of the controller.
    pub fn controller_log(&self) -> &Path {
        self.controller.log()
    }

    /// What ZooKeeper answers to one of its four-letter commands.
    pub fn zookeeper(&self, command: &str) -> String {
        self.zookeeper.command(&self.hosts.zookeeper, command)
    }

    /// A request to the controller.
    pub fn controller(&self, method: &str, path: &str, body: &str) -> Answer {
        let address = format!("{}:9000", self.hosts.controller.address());
        let (kind, body) = ("application/json", body.as_bytes());
        self.send(&address, Request { method, path, kind, body })
    }

    /// `GET` of the controller; anything but 200 is a failure.
    pub fn get(&self, path: &str) -> String {
        let answer = self.controller("GET", path, "");
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// The children of a node of ZooKeeper below the cluster's own, as the controller lists them.
    pub fn list(&self, node: &str) -> String {
        self.get(&format!("/zk/ls?path={}", escape(&format!("/{CLUSTER}/{node}"))))
    }

    /// A query to the broker.
    pub fn query(&self, sql: &str) -> Answer {
        let address = format!("{}:8099", self.hosts.broker.address());
        let body = format!("{{\"sql\":\"{sql}\"}}");
        let (path, kind, body) = ("/query/sql", "application/json", body.as_bytes());
        self.send(&address, Request { method: "POST", path, kind, body })
    }

    fn send(&self, address: &str, request: Request<'_>) -> Answer {
        self.hosts.net.hub().enter(|| request.send(address, CALL))
    }

    /// Makes the table `visits` (columns `page` and `n`) with `rows` rows.
    pub fn load(&self, rows: usize) {
        for (path, body) in [("/schemas", SCHEMA), ("/tables", TABLE)] {
            let made = self.controller("POST", path, body);
            assert_eq!(made.status, 200, "POST {path}: {}", made.body);
        }
        let rows: Vec<String> = (0..rows).map(|row| format!("page-{row},{row}\n")).collect();
        let body = format!(
            "--mark\r\nContent-Disposition: form-data; name=\"file\"; filename=\"visits.csv\"\r\n\
             Content-Type: text/csv\r\n\r\npage,n\n{}\r\n--mark--\r\n",
            rows.concat()
        );
        let settings = escape(r#"{"inputFormat":"csv"}"#);
        let path = format!(
            "/ingestFromFile?tableNameWithType=visits_OFFLINE&batchConfigMapStr={settings}"
        );
        let address = format!("{}:9000", self.hosts.controller.address());
        let kind = "multipart/form-data; boundary=mark";
        let (path, body) = (path.as_str(), body.as_bytes());
        let loaded = self.send(&address, Request { method: "POST", path, kind, body });
        assert_eq!(loaded.status, 200, "POST {path}: {}", loaded.body);
    }
}

impl Drop for Pinot {
    fn drop(&mut self) {
        self.server = None;
        self.broker.kill();
        self.controller.kill();
        guard::remove(&self.folder);
    }
}

/// What all parts are started with.
struct Launch<'a> {
    options: Options,
    folder: &'a Path,
    jars: &'a Path,
    zookeeper: &'a str,
}

impl Launch<'_> {
    fn server(&self, host: &Host) -> Process {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let (data, segments) = (at("server"), at("segments"));
        let more = ["-serverAdminPort", "8097", "-dataDir", &data, "-segmentDir", &segments];
        self.start(host, "Server", 8098, &more)
    }

    /// Starts one part and waits for its health; the server tells it on its port for administration.
    fn start(&self, host: &Host, role: &str, port: u16, more: &[&str]) -> Process {
        let mut command: Command = host.namespace().command("java");
        command
            .args(["-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(OPENS)
            .arg(format!("-Dzk.session.timeout={}", self.options.session_ms))
            .arg(format!("-Djdk.net.hosts.file={}", self.folder.join("hosts").display()))
            .arg("-Dsun.net.inetaddr.ttl=1")
            .arg(format!("-Dlog4j2.configurationFile={}", self.folder.join("log4j2.xml").display()))
            .arg(format!("-Dplugins.dir={}", self.folder.join("none").display()))
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg("org.apache.pinot.tools.admin.PinotAdministrator")
            .arg(format!("Start{role}"))
            .args(["-zkAddress", self.zookeeper, "-clusterName", CLUSTER])
            .args([&format!("-{}Port", role.to_lowercase()), &port.to_string()])
            .args(more)
            .current_dir(self.folder);
        if self.options.identity == Identity::Name {
            let role = role.to_lowercase();
            command.args([format!("-{role}Host"), format!("pinot-{role}")]);
        }
        let log = self.folder.join(format!("{role}.log"));
        let mut process = Process::start(&format!("Pinot's {role}"), &mut command, &log);
        let health = if port == 8098 { 8097 } else { port };
        let address = format!("{}:{health}", host.address());
        process.wait_ready(READY, || {
            let second = Duration::from_secs(1);
            let answer = host.namespace().enter(|| Request::get("/health").send(&address, second));
            answer.status == 200 && answer.body.trim() == "OK"
        });
        process
    }
}
