//! Faults on containers, by the API of a Docker Engine.

mod address;
mod client;
mod logs;
mod placeholder;
mod project;
mod view;

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::inject::{ContainerAct, ContainerFault, ContainerTarget, ResolvedTarget};
use crate::undo::Outcome;
use address::Address;
pub(crate) use client::Client;
use client::{Refused, encoded};
pub(crate) use logs::written;
pub(crate) use project::ProjectUndo;
use view::{Cpu, View};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
/// What an engine grants a container to end, where nothing is said (`docker stop`).
const GRACE_S: u32 = 10;
/// What was asked of an engine before the run was killed may be done a little later.
const LATE: Duration = Duration::from_secs(2);
/// The engine's own view follows what it did.
const SHOWS: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What undoes a fault on a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContainerUndo {
    socket: PathBuf,
    id: String,
    name: String,
    #[serde(flatten)]
    way: Way,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "container_undo", rename_all = "kebab-case")]
enum Way {
    Unpause,
    /// Started, if it does not run.
    Run {
        grace_s: u32,
    },
    Connect {
        network: String,
        network_id: String,
        endpoint: Value,
    },
    Cpu {
        old: Cpu,
    },
    Address(Address),
}

/// A fault on a container, ready to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) target: ResolvedTarget,
    pub(crate) undo: ContainerUndo,
    /// When it was last started.
    started_at: String,
}

/// Finds the containers of a fault without touching them; says why the fault cannot be done.
///
/// `name` is for what the fault makes, of those that are hit the one of that index; `project` and
/// `allow_foreign` say what may be hit.
pub(crate) async fn plan(
    client: &Client,
    fault: &ContainerFault,
    name: impl Fn() -> String,
    project: Option<&str>,
    allow_foreign: bool,
) -> Result<Vec<Plan>, String> {
    let mut plans = Vec::new();
    for id in find(client, &fault.on).await? {
        let view = inspect(client, &id).await?;
        if let Some(why) = refusal(&view, fault, project, allow_foreign) {
            return Err(why);
        }
        let way = way(client, &view, &fault.act, &name()).await?;
        let short = view.id().get(..12).unwrap_or_default();
        let target = ResolvedTarget {
            name: format!("container {}", view.name()),
            detail: format!("{short}, image {}", view.image()),
        };
        let undo = ContainerUndo {
            socket: client.socket().to_owned(),
            id: view.id().to_owned(),
            name: view.name().to_owned(),
            way,
        };
        plans.push(Plan { target, undo, started_at: view.started_at().to_owned() });
    }
    Ok(plans)
}

async fn find(client: &Client, target: &ContainerTarget) -> Result<Vec<String>, String> {
    let (project, service, number) = match target {
        ContainerTarget::Name(name) if name.is_empty() => {
            return Err("the name of the container is empty".to_owned());
        }
        ContainerTarget::Name(name) => return Ok(vec![name.clone()]),
        ContainerTarget::Service { project, service, number } => (project, service, number),
    };
    let mut labels = vec![format!("{PROJECT}={project}"), format!("{SERVICE}={service}")];
    labels.extend(number.map(|number| format!("{NUMBER}={number}")));
    let found = list(client, &labels).await?;
    if found.is_empty() {
        return Err(format!("there is no {target}"));
    }
    Ok(found)
}

/// Ids of containers, running or not, that have all of these labels, in the order of their names.
async fn list(client: &Client, labels: &[String]) -> Result<Vec<String>, Refused> {
    let filters = json!({ "label": labels }).to_string();
    let found =
        client.get(&format!("/containers/json?all=1&filters={}", encoded(&filters))).await?;
    let mut found: Vec<(String, String)> = found
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&one["Names"][0]), text(&one["Id"]))
        })
        .collect();
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

async fn inspect(client: &Client, id: &str) -> Result<View, Refused> {
    client.get(&format!("/containers/{}/json", encoded(id))).await.map(View::of)
}

/// Asks for a change of a container: `what` is the end of the path, with its query.
async fn change(client: &Client, id: &str, what: &str, at_most: Duration) -> Result<(), Refused> {
    let path = format!("/containers/{}/{what}", encoded(id));
    client.post_within(&path, None, at_most).await.map(drop)
}

async fn start(client: &Client, id: &str) -> Result<(), Refused> {
    change(client, id, "start", Duration::from_mins(1)).await
}

async fn stop(client: &Client, id: &str, grace_s: u32) -> Result<(), Refused> {
    let at_most = Duration::from_secs(u64::from(grace_s) + 20);
    change(client, id, &format!("stop?t={grace_s}"), at_most).await
}

async fn connect(
    client: &Client,
    network_id: &str,
    id: &str,
    endpoint: &Value,
) -> Result<(), Refused> {
    let body = json!({"Container": id, "EndpointConfig": endpoint});
    client.post(&format!("/networks/{}/connect", encoded(network_id)), Some(body)).await.map(drop)
}

async fn disconnect(client: &Client, network_id: &str, id: &str) -> Result<(), Refused> {
    let body = json!({"Container": id, "Force": true});
    let path = format!("/networks/{}/disconnect", encoded(network_id));
    client.post(&path, Some(body)).await.map(drop)
}

/// Says why a container must not be hit, or cannot be.
fn refusal(
    view: &View,
    fault: &ContainerFault,
    project: Option<&str>,
    allow_foreign: bool,
) -> Option<String> {
    let name = view.name();
    let named = match &fault.on {
        ContainerTarget::Service { project, .. } => Some(project.as_str()),
        ContainerTarget::Name(_) => None,
    };
    let is_ours = match (project.or(named), view.label(PROJECT)) {
        (Some(ours), Some(its)) => ours == its,
        _ => false,
    };
    if !is_ours && !allow_foreign {
        let whose = view.label(PROJECT).map_or_else(
            || "to no Compose project".to_owned(),
            |project| format!("to the Compose project {project}"),
        );
        return Some(format!(
            "container {name} belongs {whose}, not to the one that is rehearsed; hitting others \
             must be allowed explicitly"
        ));
    }
    if view.is_paused() || !view.is_running() {
        return Some(format!("container {name} does not run (it is {})", view.status()));
    }
    let ends = !matches!(
        fault.act,
        ContainerAct::Pause | ContainerAct::Disconnect { .. } | ContainerAct::CpuLimit { .. }
    );
    if ends && view.is_removed_when_it_ends() {
        return Some(format!(
            "the engine removes container {name} when it ends (`--rm`): it could not be brought \
             back"
        ));
    }
    None
}

async fn way(client: &Client, view: &View, act: &ContainerAct, name: &str) -> Result<Way, String> {
    let grace = |grace_s: &Option<u32>| grace_s.or(view.stop_timeout_s()).unwrap_or(GRACE_S);
    Ok(match act {
        ContainerAct::Pause => Way::Unpause,
        ContainerAct::Kill => Way::Run { grace_s: 0 },
        ContainerAct::Stop { grace_s } | ContainerAct::Restart { grace_s } => {
            Way::Run { grace_s: grace(grace_s) }
        }
        ContainerAct::Disconnect { network } => {
            let (network, network_id) = network_of(view, network.as_deref())?;
            let endpoint = view.endpoint(&network);
            Way::Connect { network, network_id, endpoint }
        }
        ContainerAct::CpuLimit { cpus } => {
            if !(0.01..=1024.0).contains(cpus) {
                return Err(format!("{cpus} processors are not between 0.01 and 1024"));
            }
            Way::Cpu { old: view.cpu() }
        }
        ContainerAct::NewAddress { network, grace_s } => {
            let (network, network_id) = network_of(view, network.as_deref())?;
            let address =
                Address::plan(client, view, &network, &network_id, grace(grace_s), name).await?;
            Way::Address(address)
        }
    })
}

/// The network that is meant, with its id.
fn network_of(view: &View, wanted: Option<&str>) -> Result<(String, String), String> {
    let networks = view.networks();
    let names: Vec<&str> = networks.iter().map(|(name, _)| name.as_str()).collect();
    let found = match wanted {
        // Compose puts the project before the name that stands in the file.
        Some(wanted) => {
            let project = view.label(PROJECT).unwrap_or_default();
            let full = format!("{project}_{wanted}");
            networks.iter().find(|(name, _)| name == wanted || *name == full)
        }
        None if networks.len() == 1 => networks.first(),
        None => None,
    };
    let found = found.filter(|(name, _)| !matches!(name.as_str(), "host" | "none"));
    found.cloned().ok_or_else(|| {
        let who = view.name();
        match (wanted, names.as_slice()) {
            (_, [] | ["host" | "none"]) => format!("container {who} is in no network"),
            (Some(wanted), names) => {
                format!("container {who} is not in network {wanted}: it is in {}", names.join(", "))
            }
            (None, names) => {
                format!("container {who} is in {}: say which `network`", names.join(", "))
            }
        }
    })
}

impl Plan {
    /// Does it; says what was seen of it, `None` where it was done and nothing came of it.
    pub(crate) async fn act(
        &self,
        client: &Client,
        act: &ContainerAct,
    ) -> Result<Option<String>, String> {
        let ContainerUndo { id, way, .. } = &self.undo;
        let soon = Duration::from_secs(20);
        match (act, way) {
            (ContainerAct::Pause, _) => change(client, id, "pause", soon).await?,
            (ContainerAct::Kill, _) => change(client, id, "kill?signal=SIGKILL", soon).await?,
            (ContainerAct::Stop { .. }, Way::Run { grace_s }) => {
                stop(client, id, *grace_s).await?;
            }
            (ContainerAct::Restart { .. }, Way::Run { grace_s }) => {
                let at_most = Duration::from_secs(u64::from(*grace_s) + 60);
                change(client, id, &format!("restart?t={grace_s}"), at_most).await?;
            }
            (_, Way::Connect { network_id, .. }) => disconnect(client, network_id, id).await?,
            (ContainerAct::CpuLimit { cpus }, Way::Cpu { old }) => {
                update(client, id, old.limited_to(*cpus)).await?;
            }
            (_, Way::Address(address)) => address.change(client, id).await?,
            _ => return Err("it has no way back".to_owned()),
        }
        self.seen(client, act).await
    }

    /// What can be seen of it by now.
    async fn seen(&self, client: &Client, act: &ContainerAct) -> Result<Option<String>, String> {
        let ContainerUndo { id, name, way, .. } = &self.undo;
        let begin = Instant::now();
        loop {
            let view = inspect(client, id).await?;
            let (acts, seen) = match (act, way) {
                (ContainerAct::Pause, _) => (view.is_paused(), view.status().to_owned()),
                (ContainerAct::Restart { .. }, _) => {
                    let again = view.is_running() && view.started_at() != self.started_at;
                    (again, "started again".to_owned())
                }
                (_, Way::Connect { network, .. }) => {
                    (!view.is_connected(network), format!("not in network {network}"))
                }
                (ContainerAct::CpuLimit { cpus }, _) => {
                    let millis = view.cpu().millis();
                    let wanted = (cpus * 1000.0).round() as i64;
                    (millis == Some(wanted), format!("limited to {cpus} processors"))
                }
                (_, Way::Address(address)) => address.seen(&view),
                _ => (!view.is_running(), view.status().to_owned()),
            };
            if acts {
                return Ok(Some(format!("container {name} is {seen}")));
            }
            if begin.elapsed() > SHOWS {
                return Ok(None);
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

async fn update(client: &Client, id: &str, limits: Value) -> Result<(), Refused> {
    client.post(&format!("/containers/{}/update", encoded(id)), Some(limits)).await.map(drop)
}

impl ContainerUndo {
    /// Undoes the fault and looks whether it is undone; may be called at any moment and again.
    ///
    /// Where the injection may still be under way in the engine (`may_come_later`), it is looked
    /// again for as long as that can take: what a killed run asked for is carried out all the same.
    pub(crate) async fn heal(&self, may_come_later: bool) -> Result<Outcome, String> {
        let client = Client::at(&self.socket);
        let begin = Instant::now();
        let mut outcome = self.heal_now(&client).await?;
        if !may_come_later {
            return Ok(outcome);
        }
        let at_most = LATE + Duration::from_secs(u64::from(self.grace_s()));
        while begin.elapsed() < at_most {
            sleep(LOOK_AGAIN).await;
            if let Way::Address(address) = &self.way
                && matches!(outcome, Outcome::Healed(_))
                && inspect(&client, &self.id).await.is_ok_and(|view| view.is_running())
            {
                // It may be at another address than before for good: no reason to restart it.
                address.clear(&client).await?;
                continue;
            }
            if let healed @ Outcome::Healed(_) = self.heal_now(&client).await? {
                outcome = healed;
            }
        }
        Ok(outcome)
    }

    fn grace_s(&self) -> u32 {
        match &self.way {
            Way::Run { grace_s } => *grace_s,
            Way::Address(address) => address.grace_s(),
            _ => 0,
        }
    }

    async fn heal_now(&self, client: &Client) -> Result<Outcome, String> {
        let Self { id, name, way, .. } = self;
        let view = match inspect(client, id).await {
            Err(error) if error.is_not_found() => {
                if let Way::Address(address) = way {
                    address.clear(client).await?;
                }
                return Ok(Outcome::whole(format!("container {name} does not exist any more")));
            }
            other => other?,
        };
        match way {
            Way::Unpause => unpause(client, id, &view).await,
            Way::Run { .. } => run(client, id, &view).await,
            Way::Connect { network, network_id, endpoint } => {
                if view.is_connected(network) {
                    return Ok(Outcome::whole(format!("container {name} is in {network}")));
                }
                match connect(client, network_id, id, endpoint).await {
                    Err(error) if error.is_not_found() => {
                        let why = format!("network {network} does not exist any more");
                        return Ok(Outcome::whole(why));
                    }
                    other => other?,
                }
                if inspect(client, id).await?.is_connected(network) {
                    return Ok(Outcome::healed(format!("container {name} is in {network} again")));
                }
                Err(format!("container {name} was connected to {network} and is not in it"))
            }
            Way::Cpu { old } => {
                if view.cpu().millis() == old.millis() {
                    return Ok(Outcome::whole(format!("container {name} has its old limit")));
                }
                update(client, id, old.restored()).await?;
                let now = inspect(client, id).await?.cpu();
                if now.millis() == old.millis() {
                    return Ok(Outcome::healed(format!("container {name} has its old limit")));
                }
                Err(format!("container {name} has another limit than before: {now:?}"))
            }
            Way::Address(address) => address.heal(client, id, &view).await,
        }
    }
}

async fn unpause(client: &Client, id: &str, view: &View) -> Result<Outcome, String> {
    let name = view.name();
    if !view.is_paused() {
        return Ok(Outcome::whole(format!("container {name} is {}", view.status())));
    }
    let asked = change(client, id, "unpause", Duration::from_secs(20)).await;
    let now = inspect(client, id).await?;
    if now.is_paused() {
        asked?;
        return Err(format!("container {name} is still paused"));
    }
    Ok(Outcome::healed(format!("container {name} is {} again", now.status())))
}

async fn run(client: &Client, id: &str, view: &View) -> Result<Outcome, String> {
    let name = view.name();
    if view.is_running() {
        return Ok(Outcome::whole(format!("container {name} runs")));
    }
    start(client, id).await?;
    let now = inspect(client, id).await?;
    if now.is_running() {
        return Ok(Outcome::healed(format!("container {name} runs again")));
    }
    Err(format!("container {name} was started and is {}", now.status()))
}

/// Whether an engine answers at a socket; says why not.
pub(crate) fn socket_refusal(socket: Option<&Path>) -> Option<String> {
    let Some(socket) = socket else {
        return Some("no socket of a Docker Engine was given".to_owned());
    };
    let is_socket = std::fs::metadata(socket).is_ok_and(|seen| seen.file_type().is_socket());
    (!is_socket).then(|| format!("there is no Docker Engine at {}", socket.display()))
}
