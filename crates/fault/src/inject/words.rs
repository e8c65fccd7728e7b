//! What can be broken, in the words of scenarios: the same in TOML and in JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is to be broken.
///
/// ```toml
/// kind = "process"
/// act = "pause"
/// pid = 4711
/// ```
/// or
/// ```toml
/// kind = "container"
/// act = "new-address"
/// project = "shop"
/// service = "broker"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Injection {
    /// A fault on one process.
    Process(ProcessFault),
    /// A fault on one container, or on all containers of a service.
    Container(ContainerFault),
}

/// A fault on one process of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProcessFault {
    /// Asks it to end (SIGTERM).
    Terminate {
        /// Which.
        pid: u32,
        /// Whether healing starts it again, with the command line, directory, environment and
        /// output files that it had. Without it there is nothing to heal.
        #[serde(default)]
        comes_back: bool,
    },
    /// Ends it at once (SIGKILL).
    Kill {
        /// Which.
        pid: u32,
        /// As for `terminate`.
        #[serde(default)]
        comes_back: bool,
    },
    /// Stops it where it stands (SIGSTOP): connections stay open, nothing answers. Healing
    /// continues it (SIGCONT).
    Pause {
        /// Which.
        pid: u32,
    },
    /// Ends it and starts it again at once.
    Restart {
        /// Which.
        pid: u32,
        /// How it is ended.
        #[serde(default)]
        end_with: EndWith,
        /// What to start; without it, what it was started with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<Launch>,
    },
    /// Lets it and its future children use no more than a share of one processor, by cgroup.
    CpuQuota {
        /// Which.
        pid: u32,
        /// Of one processor: 0.25 is a quarter of one, 1.5 is one and a half; at least 0.01.
        share: f64,
    },
    /// Freezes it by cgroup: as `pause`, but it cannot be seen or continued by signals.
    Freeze {
        /// Which.
        pid: u32,
    },
}

impl ProcessFault {
    /// The process that it is for.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Terminate { pid, .. }
            | Self::Kill { pid, .. }
            | Self::Pause { pid }
            | Self::Restart { pid, .. }
            | Self::CpuQuota { pid, .. }
            | Self::Freeze { pid } => *pid,
        }
    }
}

impl fmt::Display for ProcessFault {
    /// What is done, without to whom: `pause`, `CPU quota 0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminate { .. } => f.write_str("terminate"),
            Self::Kill { .. } => f.write_str("kill"),
            Self::Pause { .. } => f.write_str("pause"),
            Self::Restart { .. } => f.write_str("restart"),
            Self::CpuQuota { share, .. } => write!(f, "CPU quota {share}"),
            Self::Freeze { .. } => f.write_str("freeze"),
        }
    }
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndWith {
    /// SIGTERM; SIGKILL where it has not ended after ten seconds.
    #[default]
    Terminate,
    /// SIGKILL.
    Kill,
}

/// How a process is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments, without the name of the program.
    #[serde(default)]
    pub args: Vec<String>,
    /// The working directory; that of wonin where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// The whole environment; that of wonin where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// A file that standard output is appended to; without it nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<PathBuf>,
    /// A file that standard error is appended to; without it nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<PathBuf>,
}

/// A fault on containers of a Docker Engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct ContainerFault {
    /// Which containers.
    pub on: ContainerTarget,
    /// What is done to each.
    pub act: ContainerAct,
}

/// Which containers a fault is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerTarget {
    /// The one of this name (or id).
    Name(String),
    /// Those of a Compose service.
    Service {
        /// The Compose project (label `com.docker.compose.project`).
        project: String,
        /// The service (label `com.docker.compose.service`).
        service: String,
        /// Only the container of this number, from 1, where the service is scaled.
        number: Option<u32>,
    },
}

/// What is done to a container.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerAct {
    /// Stopped: its stop signal, then SIGKILL after the grace. Healing starts it.
    Stop {
        /// Seconds from the stop signal to SIGKILL; the container's own where it is not given.
        grace_s: Option<u32>,
    },
    /// SIGKILL. Healing starts it.
    Kill,
    /// Frozen: connections succeed, nothing answers. Healing unpauses it.
    Pause,
    /// Stopped and started again at once.
    Restart {
        /// As for `stop`.
        grace_s: Option<u32>,
    },
    /// Stopped and started again with another address, as after a reboot: the old one is occupied
    /// meanwhile. Healing restarts it with the old one.
    NewAddress {
        /// The network; may be left out where the container is in one only.
        network: Option<String>,
        /// As for `stop`.
        grace_s: Option<u32>,
    },
    /// Taken out of a network: connections to it time out. Healing connects it again, with the
    /// same aliases and fixed address.
    Disconnect {
        /// As for `new-address`.
        network: Option<String>,
    },
    /// May use this many processors and no more. Healing restores the old limit.
    CpuLimit {
        /// Processors; at least 0.01.
        cpus: f64,
    },
}

impl ContainerAct {
    /// The word of scenarios.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stop { .. } => "stop",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Restart { .. } => "restart",
            Self::NewAddress { .. } => "new-address",
            Self::Disconnect { .. } => "disconnect",
            Self::CpuLimit { .. } => "cpu-limit",
        }
    }
}

impl fmt::Display for ContainerAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuLimit { cpus } => write!(f, "CPU limit {cpus}"),
            Self::Disconnect { network: Some(network) } => write!(f, "disconnect from {network}"),
            Self::NewAddress { .. } => f.write_str("new address"),
            other => f.write_str(other.name()),
        }
    }
}

impl fmt::Display for ContainerTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "container {name}"),
            Self::Service { project, service, number: None } => {
                write!(f, "service {service} of project {project}")
            }
            Self::Service { project, service, number: Some(number) } => {
                write!(f, "container {number} of service {service} of project {project}")
            }
        }
    }
}

impl fmt::Display for Injection {
    /// What is done and to whom, as it was written: `pause of pid 4711`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(fault) => write!(f, "{fault} of pid {}", fault.pid()),
            Self::Container(fault) => write!(f, "{} of {}", fault.act, fault.on),
        }
    }
}

/// A container fault as it is written: all on one level.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    act: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_s: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<f64>,
}

const ACTS: &str = "`stop`, `kill`, `pause`, `restart`, `new-address`, `disconnect`, `cpu-limit`";

impl TryFrom<Flat> for ContainerFault {
    type Error = String;

    fn try_from(flat: Flat) -> Result<Self, String> {
        let Flat { act, name, project, service, number, network, grace_s, cpus } = flat;
        let on = match (name, project, service) {
            (Some(name), None, None) if number.is_none() => ContainerTarget::Name(name),
            (None, Some(project), Some(service)) => {
                ContainerTarget::Service { project, service, number }
            }
            _ => {
                return Err("a container is named by `name`, or by `project` and `service` \
                            (and `number`)"
                    .to_owned());
            }
        };
        let given = [
            ("network", network.is_some()),
            ("grace_s", grace_s.is_some()),
            ("cpus", cpus.is_some()),
        ];
        let (act, takes): (ContainerAct, &[&str]) = match act.as_str() {
            "stop" => (ContainerAct::Stop { grace_s }, &["grace_s"]),
            "kill" => (ContainerAct::Kill, &[]),
            "pause" => (ContainerAct::Pause, &[]),
            "restart" => (ContainerAct::Restart { grace_s }, &["grace_s"]),
            "new-address" => {
                (ContainerAct::NewAddress { network, grace_s }, &["network", "grace_s"])
            }
            "disconnect" => (ContainerAct::Disconnect { network }, &["network"]),
            "cpu-limit" => {
                let cpus = cpus.ok_or("`cpu-limit` needs `cpus`")?;
                (ContainerAct::CpuLimit { cpus }, &["cpus"])
            }
            other => return Err(format!("unknown act `{other}`: there is {ACTS}")),
        };
        for (field, is_given) in given {
            if is_given && !takes.contains(&field) {
                return Err(format!("`{}` takes no `{field}`", act.name()));
            }
        }
        Ok(Self { on, act })
    }
}

impl From<ContainerFault> for Flat {
    fn from(fault: ContainerFault) -> Self {
        let mut flat = Self { act: fault.act.name().to_owned(), ..Self::default() };
        match fault.on {
            ContainerTarget::Name(name) => flat.name = Some(name),
            ContainerTarget::Service { project, service, number } => {
                flat.project = Some(project);
                flat.service = Some(service);
                flat.number = number;
            }
        }
        match fault.act {
            ContainerAct::Stop { grace_s } | ContainerAct::Restart { grace_s } => {
                flat.grace_s = grace_s;
            }
            ContainerAct::NewAddress { network, grace_s } => {
                flat.network = network;
                flat.grace_s = grace_s;
            }
            ContainerAct::Disconnect { network } => flat.network = network,
            ContainerAct::CpuLimit { cpus } => flat.cpus = Some(cpus),
            ContainerAct::Kill | ContainerAct::Pause => {}
        }
        flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: serde_json::Value) -> Result<Injection, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_are_written_on_one_level() {
        let fault = parse(json!({"kind": "process", "act": "cpu-quota", "pid": 7, "share": 0.2}));
        let expected = Injection::Process(ProcessFault::CpuQuota { pid: 7, share: 0.2 });
        assert_eq!(fault.unwrap(), expected);
        let fault = parse(json!({"kind": "container", "act": "new-address", "project": "shop",
            "service": "broker", "network": "back"}))
        .unwrap();
        assert_eq!(fault.to_string(), "new address of service broker of project shop");
        let written = serde_json::to_value(&fault).unwrap();
        assert_eq!(written["act"], "new-address");
        assert_eq!(written["project"], "shop");
        assert_eq!(parse(written).unwrap(), fault);
    }

    #[test]
    fn unknown_words_are_refused_with_what_there_is() {
        let why = |value| parse(value).unwrap_err();
        let text = why(json!({"kind": "process", "act": "pause", "pid": 7, "for": 3}));
        assert!(text.contains("unknown field `for`"), "{text}");
        let text = why(json!({"kind": "process", "act": "sleep", "pid": 7}));
        assert!(text.contains("`pause`"), "{text}");
        let text = why(json!({"kind": "container", "act": "pause", "name": "a", "cpus": 1}));
        assert_eq!(text, "`pause` takes no `cpus`");
        let text = why(json!({"kind": "container", "act": "freeze", "name": "a"}));
        assert!(text.contains("`new-address`"), "{text}");
        let text = why(json!({"kind": "container", "act": "kill", "project": "shop"}));
        assert!(text.contains("`project` and `service`"), "{text}");
        let text = why(json!({"kind": "container", "act": "kill", "name": "a", "colour": 1}));
        assert!(text.contains("unknown field `colour`"), "{text}");
    }
}
