//! Networks and volumes of a project, and how services join networks.

use std::collections::BTreeMap;

use wonin_model::{Attachment, Network, Volume};

use super::value::{Data, Map, Value};

/// The networks that a service joins: `default` when it names none and has no `network_mode`.
pub(crate) fn attachments(keys: &Value) -> Vec<Attachment> {
    let named = keys.at(&["networks"]).and_then(Value::map).filter(|map| !map.is_empty());
    let Some(named) = named else {
        let alone = keys.at(&["network_mode"]).is_some();
        let default = Attachment {
            network: "default".to_owned(),
            place: None,
            ipv4_address: None,
            aliases: Vec::new(),
        };
        return if alone { Vec::new() } else { vec![default] };
    };
    named
        .iter()
        .map(|(name, field)| Attachment {
            network: name.clone(),
            place: Some(field.key),
            ipv4_address: field.value.text_at(&["ipv4_address"]).cloned(),
            aliases: field.value.at(&["aliases"]).map(Value::texts).unwrap_or_default(),
        })
        .collect()
}

/// The networks of a project, `default` included.
pub(crate) fn networks(map: &Map) -> BTreeMap<String, Network> {
    let mut all: BTreeMap<String, Network> = BTreeMap::new();
    for (name, field) in map {
        let pools = field.value.at(&["ipam", "config"]).map(Value::items).unwrap_or_default();
        let of_pools =
            |key| pools.iter().filter_map(|pool| pool.text_at(&[key])).cloned().collect();
        let network = Network {
            place: Some(field.key),
            driver: field.value.text_at(&["driver"]).cloned(),
            external: is_external(&field.value),
            subnets: of_pools("subnet"),
            ip_ranges: of_pools("ip_range"),
        };
        all.insert(name.clone(), network);
    }
    all.entry("default".to_owned()).or_default();
    all
}

/// The named volumes of a project.
pub(crate) fn volumes(map: &Map) -> BTreeMap<String, Volume> {
    let volume = |value: &Value| Volume {
        place: None,
        external: is_external(value),
        // A volume of the driver `local` with a device (`o: bind`, NFS) is data that is elsewhere.
        is_shared: value.at(&["name"]).is_some() || value.at(&["driver_opts", "device"]).is_some(),
    };
    map.iter()
        .map(|(name, field)| {
            (name.clone(), Volume { place: Some(field.key), ..volume(&field.value) })
        })
        .collect()
}

/// `external: true`, or the older `external: { name: x }`.
fn is_external(value: &Value) -> bool {
    value.is_true(&["external"])
        || value.at(&["external"]).is_some_and(|value| matches!(value.data, Data::Map(_)))
}

/// Where `ipam.config` lists pools by subnet, a pool of the upper layer replaces the one of the
/// same subnet; the lists were appended, so the later one is kept.
pub(crate) fn drop_replaced_pools(map: &mut Map) {
    for field in map.values_mut() {
        let Data::Map(network) = &mut field.value.data else { continue };
        let Some(ipam) = network.get_mut("ipam") else { continue };
        let Data::Map(ipam) = &mut ipam.value.data else { continue };
        let Some(config) = ipam.get_mut("config") else { continue };
        let Data::List(pools) = &mut config.value.data else { continue };
        let mut seen = std::collections::BTreeSet::new();
        pools.reverse();
        pools.retain(|pool| {
            pool.text_at(&["subnet"]).is_none_or(|subnet| seen.insert(subnet.value.clone()))
        });
        pools.reverse();
    }
}
