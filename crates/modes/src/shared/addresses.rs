//! Addresses of containers: subnets, pinned addresses and what dynamic containers can take.

use std::net::Ipv4Addr;

use wonin_model::{Attachment, Located, Network, Project, Service, Stack};

use super::hosts::ipv4;

/// An IPv4 subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: u32,
    prefix: u32,
}

impl Subnet {
    /// From `172.24.0.0/27`; host bits are dropped.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.trim().split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        Some(Self { first: address.to_bits() & mask, prefix })
    }

    /// All addresses in it.
    pub(crate) fn size(self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// Addresses that containers can get: without network, broadcast and gateway.
    pub(crate) fn usable(self) -> u64 {
        self.size().saturating_sub(3)
    }

    /// Whether the address lies in it.
    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        self.offset(address).is_some()
    }

    /// The address's distance from the first one.
    pub(crate) fn offset(self, address: Ipv4Addr) -> Option<u64> {
        let offset = u64::from(address.to_bits().checked_sub(self.first)?);
        (offset < self.size()).then_some(offset)
    }

    /// The address at a distance from the first one.
    pub(crate) fn at(self, offset: u64) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first.wrapping_add(u32::try_from(offset).unwrap_or(u32::MAX)))
    }
}

/// The subnets of a network that can be told.
pub(crate) fn subnets(network: &Network) -> Vec<Subnet> {
    network.subnets.iter().filter_map(|text| Subnet::parse(&text.value)).collect()
}

/// The address that the service always has on one of its networks.
pub(crate) fn pinned(service: &Service) -> Option<&Located<String>> {
    service.networks.iter().find_map(|net| net.ipv4_address.as_ref())
}

/// Whether the engine gives the service addresses that may change: it has a network of its own
/// and no pinned address.
pub(crate) fn is_dynamic(service: &Service) -> bool {
    pinned(service).is_none() && service.network_mode.is_none()
}

/// The service of the project that has this pinned address.
pub(crate) fn holder(stack: &Stack, project: usize, address: Ipv4Addr) -> Option<&Service> {
    members(stack, project).find(|service| {
        let pins = service.networks.iter().filter_map(|net| net.ipv4_address.as_ref());
        pins.filter_map(|pin| ipv4(&pin.value)).any(|pin| pin == address)
    })
}

/// The services of a project.
pub(crate) fn members(stack: &Stack, project: usize) -> impl Iterator<Item = &Service> {
    stack.services_of(project).map(|(_, service)| service)
}

/// Services on a network, with how they join it.
pub(crate) fn on_network<'a>(
    stack: &'a Stack,
    project: usize,
    network: &str,
) -> Vec<(&'a Service, &'a Attachment)> {
    members(stack, project)
        .filter(|service| service.network_mode.is_none())
        .flat_map(|service| service.networks.iter().map(move |net| (service, net)))
        .filter(|(_, net)| net.network == network)
        .collect()
}

/// Where a literal address would belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// In a subnet that a network of the project declares.
    Declared,
    /// In the range that the engine draws networks from, and the project declares no subnet for
    /// some network: likely a container.
    EnginePool,
    /// Elsewhere: another machine.
    Elsewhere,
}

/// Where a literal address of a project's settings would belong.
pub(crate) fn locate(project: &Project, address: Ipv4Addr) -> Where {
    let declared = project.networks.values().flat_map(subnets);
    if declared.into_iter().any(|subnet| subnet.contains(address)) {
        return Where::Declared;
    }
    let open = project.networks.values().any(|network| subnets(network).is_empty());
    // 172.17.0.0/16 to 172.31.0.0/16; the engine's second pool, 192.168.0.0/16, is also that of
    // many offices and homes, so it tells nothing.
    let [a, b, _, _] = address.octets();
    if open && a == 172 && (17..=31).contains(&b) { Where::EnginePool } else { Where::Elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_count_their_addresses() {
        let subnet = Subnet::parse("172.24.0.0/27").expect("a subnet");
        assert_eq!((subnet.size(), subnet.usable()), (32, 29));
        assert_eq!(subnet.offset(Ipv4Addr::new(172, 24, 0, 30)), Some(30));
        assert!(!subnet.contains(Ipv4Addr::new(172, 24, 0, 32)));
        assert!(!subnet.contains(Ipv4Addr::new(172, 23, 255, 255)));
        assert_eq!(subnet.at(9), Ipv4Addr::new(172, 24, 0, 9));
        assert_eq!(
            Subnet::parse("10.1.2.3/8").map(|all| all.at(0)),
            Some(Ipv4Addr::new(10, 0, 0, 0))
        );
        assert_eq!(Subnet::parse("0.0.0.0/0").map(Subnet::size), Some(1 << 32));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "x/8", "fd00::/8"] {
            assert_eq!(Subnet::parse(bad), None, "{bad}");
        }
    }
}
