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
            Some(_) => Some(free_address(client, network_id).await?),
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
        let path = format!("/containers/create?name={}-{index}", encoded(&self.placeholder));
        let made = client.post(&path, Some(body)).await?;
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

    /// Removes placeholders and their image, however many there are.
    pub(super) async fn clear(&self, client: &Client) -> Result<(), String> {
        for id in self.placeholders(client).await? {
            remove(client, &id).await?;
        }
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
        self.clear(client).await?;
        if self.instead.is_some() {
            self.connect_with(client, id, &self.endpoint).await?;
            start(client, id).await?;
        } else {
            self.start_at_old(client, id).await?;
        }
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

    /// Starts the container so that the old address is the lowest free one.
    async fn start_at_old(&self, client: &Client, id: &str) -> Result<(), String> {
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
        self.clear(client).await?;
        Ok(started?)
    }
}

async fn remove(client: &Client, id: &str) -> Result<(), Refused> {
    match client.delete(&format!("/containers/{}?force=1", encoded(id))).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// An address of a network that no running container has: from the top, where an engine gives out
/// its own last.
async fn free_address(client: &Client, network_id: &str) -> Result<Ipv4Addr, String> {
    let network = client.get(&format!("/networks/{}", encoded(network_id))).await?;
    free_in(&network).ok_or_else(|| "the network has no free address".to_owned())
}

fn free_in(network: &Value) -> Option<Ipv4Addr> {
    const TRIED: u32 = 4096;
    let host = |text: &str| text.split('/').next()?.parse::<Ipv4Addr>().ok();
    let mut used: BTreeSet<Ipv4Addr> = BTreeSet::new();
    for (_, container) in network["Containers"].as_object().into_iter().flatten() {
        used.extend(container["IPv4Address"].as_str().and_then(host));
    }
    let configs = network["IPAM"]["Config"].as_array()?;
    for config in configs {
        used.extend(config["Gateway"].as_str().and_then(host));
        let Some((base, length)) = config["Subnet"].as_str().and_then(|net| net.split_once('/'))
        else {
            continue;
        };
        let (Ok(base), Ok(length)) = (base.parse::<Ipv4Addr>(), length.parse::<u32>()) else {
            continue;
        };
        let size = u32::MAX.checked_shr(length).unwrap_or(0);
        let first = base.to_bits() & !size;
        // Without the addresses of the net itself and of all its hosts.
        let tried = (1..size).rev().take(TRIED as usize);
        let found = tried.map(|n| Ipv4Addr::from_bits(first + n)).find(|ip| !used.contains(ip));
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_address_is_taken_from_the_top() {
        let network = json!({
            "IPAM": {"Config": [{"Subnet": "10.7.0.0/29", "Gateway": "10.7.0.1"}]},
            "Containers": {"a": {"IPv4Address": "10.7.0.6/29"}, "b": {"IPv4Address": "10.7.0.4/29"}},
        });
        assert_eq!(free_in(&network), Some(Ipv4Addr::new(10, 7, 0, 5)));
        let full = json!({"IPAM": {"Config": [{"Subnet": "10.7.0.0/30", "Gateway": "10.7.0.1"}]},
            "Containers": {"a": {"IPv4Address": "10.7.0.2/30"}}});
        assert_eq!(free_in(&full), None);
        let six = json!({"IPAM": {"Config": [{"Subnet": "fd00::/64"}]}, "Containers": {}});
        assert_eq!(free_in(&six), None);
    }
}
