//! Another address for a container, as a reboot gives one.
//!
//! An engine gives a container that starts the lowest free address. So the container is stopped,
//! placeholders take the free addresses up to its old one, it is started and gets another, and the
//! placeholders go: nobody answers at the old address. On the way back placeholders hold the free
//! addresses below the old one. An address that the configuration fixes is changed there instead.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, Refused, encoded};
use super::view::View;
use super::{connect, disconnect, inspect, list, placeholder, start, stop};
use crate::undo::Outcome;

const LABEL: &str = "wonin.placeholder";
/// Free addresses below the old one that are taken; more are not usual in a Compose project.
const MOST_PLACEHOLDERS: usize = 32;

/// What an address is changed back with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Address {
    network: String,
    network_id: String,
    old: Ipv4Addr,
    /// The address that replaces one that the configuration fixes.
    instead: Option<Ipv4Addr>,
    /// The connection as it was.
    endpoint: Value,
    grace_s: u32,
    /// The name of the placeholders and of their image.
    placeholder: String,
}

impl Address {
    pub(super) async fn plan(
        client: &Client,
        view: &View,
        network: &str,
        network_id: &str,
        grace_s: u32,
        name: &str,
    ) -> Result<Self, String> {
        let who = view.name();
        let old = view
            .address(network)
            .ok_or_else(|| format!("container {who} has no address in network {network}"))?;
        let instead = match view.fixed_address(network) {
            Some(_) => {
                let found = highest_free(&self::network(client, network_id).await?);
                Some(found.ok_or("the network has no free address")?)
            }
            None => {
                let architecture = client.architecture().await?;
                if placeholder::image(architecture).is_none() {
                    return Err(format!(
                        "there is no placeholder for machines of kind {architecture}"
                    ));
                }
                None
            }
        };
        Ok(Self {
            network: network.to_owned(),
            network_id: network_id.to_owned(),
            old,
            instead,
            endpoint: view.endpoint(network),
            grace_s,
            placeholder: name.to_owned(),
        })
    }

    pub(super) fn grace_s(&self) -> u32 {
        self.grace_s
    }

    /// Whether the container has another address, and which.
    pub(super) fn seen(&self, view: &View) -> (bool, String) {
        match view.address(&self.network) {
            Some(address) => {
                (address != self.old, format!("at {address}, no longer at {}", self.old))
            }
            None => (false, "without an address".to_owned()),
        }
    }

    pub(super) async fn change(&self, client: &Client, id: &str) -> Result<(), String> {
        stop(client, id, self.grace_s).await?;
        if let Some(instead) = self.instead {
            let mut endpoint = self.endpoint.clone();
            endpoint["IPAMConfig"]["IPv4Address"] = json!(instead);
            self.connect_with(client, id, &endpoint).await?;
            return Ok(start(client, id).await?);
        }
        let taken = self.take_up_to_old(client).await?;
        let started = start(client, id).await;
        self.clear(client).await?;
        started?;
        if taken.iter().any(|(_, address)| *address == self.old) {
            Ok(())
        } else {
            Err(format!("{} could not be occupied", self.old))
        }
    }

    async fn connect_with(
        &self,
        client: &Client,
        id: &str,
        endpoint: &Value,
    ) -> Result<(), Refused> {
        if inspect(client, id).await?.is_connected(&self.network) {
            disconnect(client, &self.network_id, id).await?;
        }
        connect(client, &self.network_id, id, endpoint).await
    }

    /// Takes the free addresses until the old one is among them, or somebody else has it.
    async fn take_up_to_old(&self, client: &Client) -> Result<Vec<(String, Ipv4Addr)>, String> {
        self.import(client).await?;
        let mut taken = Vec::new();
        while taken.len() < MOST_PLACEHOLDERS {
            let one = self.take_one(client, taken.len()).await?;
            let address = one.1;
            taken.push(one);
            if address >= self.old {
                break;
            }
        }
        Ok(taken)
    }

    async fn import(&self, client: &Client) -> Result<(), String> {
        let architecture = client.architecture().await?;
        let tar = placeholder::image(architecture)
            .ok_or_else(|| format!("no placeholder for machines of kind {architecture}"))?;
        let label = encoded(&format!("LABEL {LABEL}={}", self.placeholder));
        let repository = encoded(&self.placeholder);
        let path = format!("/images/create?fromSrc=-&repo={repository}&tag=latest&changes={label}");
        client.post_tar(&path, tar).await?;
        Ok(())
    }

    async fn take_one(&self, client: &Client, index: usize) -> Result<(String, Ipv4Addr), String> {
        let body = json!({
            "Image": format!("{}:latest", self.placeholder),
            "Entrypoint": [placeholder::PROGRAM],
            "Labels": {LABEL: self.placeholder},
            "HostConfig": {"NetworkMode": self.network_id},
        });
        let name = encoded(&format!("{}-{index}", self.placeholder));
        let path = format!("/containers/create?name={name}");
        let made = match client.post(&path, Some(body.clone())).await {
            // One that a killed run asked for, and that came after the others were removed.
            Err(error) if error.status == 409 => {
                remove(client, &name).await?;
                client.post(&path, Some(body)).await?
            }
            other => other?,
        };
        let id = made["Id"].as_str().unwrap_or_default().to_owned();
        start(client, &id).await?;
        let view = inspect(client, &id).await?;
        let address = view
            .networks()
            .iter()
            .find_map(|(name, _)| view.address(name))
            .ok_or("a placeholder got no address")?;
        Ok((id, address))
    }

    async fn placeholders(&self, client: &Client) -> Result<Vec<String>, Refused> {
        list(client, &[format!("{LABEL}={}", self.placeholder)]).await
    }

    /// Removes placeholders, however many there are.
    async fn clear_containers(&self, client: &Client) -> Result<(), String> {
        for id in self.placeholders(client).await? {
            remove(client, &id).await?;
        }
        Ok(())
    }

    /// Removes placeholders and their image.
    pub(super) async fn clear(&self, client: &Client) -> Result<(), String> {
        self.clear_containers(client).await?;
        // One that was imported twice has lost its name, so images are found by label, too.
        let filters = json!({ "label": [format!("{LABEL}={}", self.placeholder)] }).to_string();
        let images = client.get(&format!("/images/json?filters={}", encoded(&filters))).await?;
        let ids = images.as_array().into_iter().flatten().filter_map(|image| image["Id"].as_str());
        for id in ids {
            match client.delete(&format!("/images/{}?force=1", encoded(id))).await {
                Err(error) if !error.is_not_found() => return Err(error.message),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the container its old address and configuration again.
    pub(super) async fn heal(
        &self,
        client: &Client,
        id: &str,
        view: &View,
    ) -> Result<Outcome, String> {
        let who = view.name();
        let now = view.address(&self.network);
        let is_configured = view.fixed_address(&self.network) == self.instead.and(Some(self.old));
        if view.is_running() && now == Some(self.old) && is_configured {
            self.clear(client).await?;
            return Ok(Outcome::whole(format!("container {who} is at {}", self.old)));
        }
        if view.is_running() {
            stop(client, id, self.grace_s).await?;
        }
        self.clear_containers(client).await?;
        if self.instead.is_some() {
            self.connect_with(client, id, &self.endpoint).await?;
            start(client, id).await?;
        } else {
            self.start_at_old(client, id).await?;
        }
        self.clear(client).await?;
        let view = inspect(client, id).await?;
        match view.address(&self.network) {
            Some(address) if address == self.old => {
                Ok(Outcome::healed(format!("container {who} is at {address} again")))
            }
            Some(address) => Ok(Outcome::healed(format!(
                "container {who} runs, at {address}: {} is taken by another by now",
                self.old
            ))),
            None => Err(format!("container {who} was started and has no address")),
        }
    }

    /// Starts the container so that the old address is the lowest free one, which it mostly is:
    /// what takes no placeholders takes a fraction of the time.
    async fn start_at_old(&self, client: &Client, id: &str) -> Result<(), String> {
        if lowest_free(&network(client, &self.network_id).await?) == Some(self.old) {
            start(client, id).await?;
            if inspect(client, id).await?.address(&self.network) == Some(self.old) {
                return Ok(());
            }
            // Another was faster, or the engine gives out addresses in another order.
            stop(client, id, self.grace_s).await?;
        }
        let taken = self.take_up_to_old(client).await;
        let started = match &taken {
            Ok(taken) => {
                for (id, _) in taken.iter().filter(|(_, address)| *address >= self.old) {
                    remove(client, id).await?;
                }
                start(client, id).await
            }
            // Running at another address is better than not running.
            Err(_) => start(client, id).await,
        };
        Ok(started?)
    }
}

async fn remove(client: &Client, id: &str) -> Result<(), Refused> {
    match client.delete(&format!("/containers/{}?force=1", encoded(id))).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// A network as the engine describes it.
async fn network(client: &Client, id: &str) -> Result<Value, Refused> {
    client.get(&format!("/networks/{}", encoded(id))).await
}

/// An address of a network that no running container has: from the top, where an engine gives out
/// its own last.
fn highest_free(network: &Value) -> Option<Ipv4Addr> {
    const TRIED: usize = 4096;
    let used = used(network);
    subnets(network).into_iter().find_map(|Subnet { first, size, .. }| {
        // Without the addresses of the net itself and of all its hosts.
        let tried = (1..size).rev().take(TRIED);
        tried.map(|n| Ipv4Addr::from_bits(first + n)).find(|ip| !used.contains(ip))
    })
}

/// The address that an engine gives to the next container that starts.
fn lowest_free(network: &Value) -> Option<Ipv4Addr> {
    let used = used(network);
    subnets(network).into_iter().find_map(|Subnet { first, size, given_from }| {
        let tried = given_from.max(1)..size;
        tried.map(|n| Ipv4Addr::from_bits(first + n)).find(|ip| !used.contains(ip))
    })
}

/// The addresses that gateways and running containers have.
fn used(network: &Value) -> BTreeSet<Ipv4Addr> {
    let containers = network["Containers"].as_object().into_iter().flatten();
    let of_containers = containers.map(|(_, container)| &container["IPv4Address"]);
    let configs = network["IPAM"]["Config"].as_array().into_iter().flatten();
    let gateways = configs.map(|config| &config["Gateway"]);
    of_containers.chain(gateways).filter_map(|text| host(text.as_str()?)).collect()
}

fn host(text: &str) -> Option<Ipv4Addr> {
    text.split('/').next()?.parse().ok()
}

/// A range of addresses of a network; numbers count from the first one.
struct Subnet {
    /// The net itself.
    first: u32,
    /// The number of the last one, which is all hosts.
    size: u32,
    /// Where an engine begins to give them out.
    given_from: u32,
}

fn subnets(network: &Value) -> Vec<Subnet> {
    let configs = network["IPAM"]["Config"].as_array().into_iter().flatten();
    let subnet = |config: &Value| {
        let (base, length) = config["Subnet"].as_str()?.split_once('/')?;
        let (base, length) = (base.parse::<Ipv4Addr>().ok()?, length.parse::<u32>().ok()?);
        let size = u32::MAX.checked_shr(length).unwrap_or(0);
        let first = base.to_bits() & !size;
        let range = config["IPRange"].as_str().and_then(host).map_or(first, Ipv4Addr::to_bits);
        Some(Subnet { first, size, given_from: range.saturating_sub(first) })
    };
    configs.filter_map(subnet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_addresses_are_found_from_the_top_and_from_below() {
        let network = json!({
            "IPAM": {"Config": [{"Subnet": "10.7.0.0/29", "Gateway": "10.7.0.1"}]},
            "Containers": {"a": {"IPv4Address": "10.7.0.6/29"}, "b": {"IPv4Address": "10.7.0.4/29"}},
        });
        assert_eq!(highest_free(&network), Some(Ipv4Addr::new(10, 7, 0, 5)));
        assert_eq!(lowest_free(&network), Some(Ipv4Addr::new(10, 7, 0, 2)));
        let full = json!({"IPAM": {"Config": [{"Subnet": "10.7.0.0/30", "Gateway": "10.7.0.1"}]},
            "Containers": {"a": {"IPv4Address": "10.7.0.2/30"}}});
        assert_eq!((highest_free(&full), lowest_free(&full)), (None, None));
        let range = json!({"IPAM": {"Config": [{"Subnet": "10.7.0.0/24", "IPRange": "10.7.0.64/26",
            "Gateway": "10.7.0.1"}]}, "Containers": {"a": {"IPv4Address": "10.7.0.64/24"}}});
        assert_eq!(lowest_free(&range), Some(Ipv4Addr::new(10, 7, 0, 65)));
        let six = json!({"IPAM": {"Config": [{"Subnet": "fd00::/64"}]}, "Containers": {}});
        assert_eq!((highest_free(&six), lowest_free(&six)), (None, None));
    }
}
