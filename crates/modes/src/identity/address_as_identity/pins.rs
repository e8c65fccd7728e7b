//! Pinned addresses that do not hold: taken by others, outside of the subnet, given twice; and
//! pools that are too small.

use std::net::Ipv4Addr;

use wonin_model::{Finding, Fix, Located, ModeMeta, Network, Role, Service, Severity, Stack};

use crate::shared::addresses::{Subnet, on_network, subnets};
use crate::shared::hosts::ipv4;
use crate::shared::words::{count, list};

/// A pinned address of a service.
struct Pin<'a> {
    service: &'a Service,
    written: &'a Located<String>,
    address: Ipv4Addr,
}

/// What is on one network.
struct View<'a> {
    meta: &'static ModeMeta,
    name: &'a str,
    network: &'a Network,
    subnets: Vec<Subnet>,
    pins: Vec<Pin<'a>>,
    /// Services without a pin that start without being asked, each with its number of containers.
    dynamic: Vec<(&'a Service, u64)>,
}

/// Examines the pinned addresses of a project, network by network.
pub(super) fn examine(
    meta: &'static ModeMeta,
    stack: &Stack,
    project: usize,
    findings: &mut Vec<Finding>,
) {
    let networks = &stack.projects[project].networks;
    for (name, network) in networks.iter().filter(|(_, network)| !network.external) {
        let view = View::of(meta, stack, project, name, network);
        findings.extend(view.outside());
        findings.extend(view.twice());
        findings.extend(view.gateway());
        findings.extend(view.too_small());
        findings.extend(view.takeable());
    }
}

impl<'a> View<'a> {
    fn of(
        meta: &'static ModeMeta,
        stack: &'a Stack,
        project: usize,
        name: &'a str,
        network: &'a Network,
    ) -> Self {
        let joined = on_network(stack, project, name);
        let pins = joined
            .iter()
            .filter_map(|(service, net)| {
                let written = net.ipv4_address.as_ref()?;
                let certain = written.origin.is_certain();
                let address = ipv4(&written.value).filter(|_| certain)?;
                Some(Pin { service, written, address })
            })
            .collect();
        let dynamic = joined
            .iter()
            .filter(|(service, net)| net.ipv4_address.is_none() && service.profiles.is_empty())
            .map(|(service, _)| {
                let replicas = service.replicas.as_ref();
                (*service, replicas.map_or(1, |replicas| u64::from(replicas.value)))
            })
            .collect();
        Self { meta, name, network, subnets: subnets(network), pins, dynamic }
    }

    /// The engine refuses an address that no configured subnet holds.
    fn outside(&self) -> Option<Finding> {
        let pins = self.pins.iter();
        let outside: Vec<&Pin<'_>> = pins
            .filter(|pin| !self.subnets.iter().any(|subnet| subnet.contains(pin.address)))
            .collect();
        let first = outside.first()?;
        let all_known = self.network.subnets.iter().all(|subnet| subnet.origin.is_certain());
        if !all_known || self.network.subnets.len() != self.subnets.len() {
            return None;
        }
        let title = match self.network.subnets.first() {
            Some(subnet) => format!(
                "{} wants {}, outside of {} ({}): the container cannot start",
                first.service.name.value, first.address, self.name, subnet.value
            ),
            None => format!(
                "{} wants {}, but network {} has no subnet: the container cannot start",
                first.service.name.value, first.address, self.name
            ),
        };
        let mut finding = Finding::new(self.meta, title)
            .service(first.service.name.value.clone())
            .weigh(Role::Cause, Severity::High, 95);
        for pin in outside {
            finding = finding.because("pinned here", pin.written);
        }
        for subnet in &self.network.subnets {
            finding = finding.because("the subnet of the network", subnet);
        }
        let how = "pin addresses inside a subnet that ipam.config of the network names";
        Some(finding.leads_to("container-does-not-start").fix(Fix::advice(how)))
    }

    /// One address cannot be held by two containers.
    fn twice(&self) -> Option<Finding> {
        // Services of different profiles may take turns with one address.
        let pins: Vec<&Pin<'_>> =
            self.pins.iter().filter(|pin| pin.service.profiles.is_empty()).collect();
        let (one, other) = pins.iter().enumerate().find_map(|(index, pin)| {
            let later = pins.iter().skip(index + 1);
            later.into_iter().find(|later| later.address == pin.address).map(|later| (pin, later))
        })?;
        let (name, with) = (&one.service.name.value, &other.service.name.value);
        let title = format!(
            "{name} and {with} both want {}: the later one ends with \"Address already in use\"",
            one.address
        );
        let start = Finding::new(self.meta, title).service(with.clone());
        Some(
            start
                .weigh(Role::Cause, Severity::High, 95)
                .because(format!("{name} wants it"), one.written)
                .because(format!("{with} wants it"), other.written)
                .leads_to("container-does-not-start")
                .fix(Fix::advice("give each container an address of its own")),
        )
    }

    /// The gateway takes the first address of the subnet unless another one is configured.
    fn gateway(&self) -> Option<Finding> {
        let pin = self.pins.iter().find(|pin| {
            self.network.ip_ranges.is_empty()
                && self.subnets.iter().any(|subnet| subnet.offset(pin.address) == Some(1))
        })?;
        let name = &pin.service.name.value;
        let title = format!("{name} wants {}, which the gateway of {} has", pin.address, self.name);
        Some(
            Finding::new(self.meta, title)
                .service(name.clone())
                .weigh(Role::Cause, Severity::High, 65)
                .because("pinned here; likely the gateway's", pin.written)
                .fix(Fix::advice("pin another address, or configure another gateway")),
        )
    }

    /// More containers than addresses.
    fn too_small(&self) -> Option<Finding> {
        let [subnet] = self.subnets.as_slice() else { return None };
        let written = self.network.subnets.first().filter(|text| text.origin.is_certain())?;
        let dynamic = self.dynamic_count();
        let wanted = dynamic + self.pins.len() as u64;
        let usable = subnet.usable();
        if wanted <= usable {
            return None;
        }
        let title = format!(
            "{} containers on {}, {usable} addresses: {} cannot start",
            wanted,
            self.name,
            wanted - usable
        );
        Some(
            Finding::new(self.meta, title)
                .weigh(Role::Cause, Severity::High, 93)
                .arithmetic(format!(
                    "{} - network - broadcast - gateway = {usable} < {wanted} = {dynamic} dynamic + {} \
                     pinned",
                    subnet.size(),
                    self.pins.len()
                ))
                .because("the subnet of the network", written)
                .leads_to("container-does-not-start")
                .fix(Fix::advice("use a larger subnet, for example a /24 with 253 addresses")),
        )
    }

    /// Pinned addresses that dynamic containers can reach. They take the lowest free address of
    /// the range, so d of them, with p pinned ones below that may be held already, reach no further
    /// than the gateway + d + p.
    fn takeable(&self) -> Option<Finding> {
        let [subnet] = self.subnets.as_slice() else { return None };
        let dynamic = self.dynamic_count();
        if dynamic == 0 {
            return None;
        }
        let range = match self.network.ip_ranges.as_slice() {
            [] => *subnet,
            [one] if one.origin.is_certain() => Subnet::parse(&one.value)?,
            _ => return None,
        };
        // The first address of a subnet is not given out and the next one is the gateway's; of a
        // range further up the gateway may have the first one.
        let before = u64::from(range.at(0) == subnet.at(0));
        let mut within: Vec<(u64, &Pin<'_>)> = self
            .pins
            .iter()
            .filter_map(|pin| Some((range.offset(pin.address)?, pin)))
            .filter(|(offset, _)| *offset > before)
            .collect();
        within.sort_by_key(|(offset, _)| *offset);
        let reached: Vec<(u64, u64, &Pin<'_>)> = within
            .iter()
            .enumerate()
            .map(|(below, (offset, pin))| (*offset, below as u64, *pin))
            .filter(|(offset, below, _)| *offset <= before + dynamic + below)
            .collect();
        let (offset, below, _) = reached.last()?;
        let names: Vec<String> = reached
            .iter()
            .map(|(.., pin)| format!("{} ({})", pin.service.name.value, pin.address))
            .collect();
        let title = format!(
            "dynamic containers can take the pinned address of {}: its start then ends with \"Address \
             already in use\"",
            list(&names)
        );
        let mut finding = Finding::new(self.meta, title)
            .service(reached[0].2.service.name.value.clone())
            .weigh(Role::Contributing, Severity::Medium, 88)
            .arithmetic(format!(
                "{} reach {} (gateway {before} + {dynamic} + {below} pinned below), and the pinned one \
                 is number {offset} of the range",
                count(usize::try_from(dynamic).unwrap_or(usize::MAX), "dynamic container"),
                before + dynamic + below,
            ));
        for (.., pin) in &reached {
            let claim = format!("{} is pinned to {}", pin.service.name.value, pin.address);
            finding = finding.because(claim, pin.written);
        }
        for (service, _) in &self.dynamic {
            let claim = format!("{} takes the lowest free address", service.name.value);
            finding = finding.because_at(claim, service.name.origin.clone());
        }
        for range in &self.network.ip_ranges {
            finding = finding.because("dynamic addresses come from here", range);
        }
        Some(finding.fix(Fix::advice(format!(
            "keep dynamic containers of {} out of the pinned addresses with ipam.config.ip_range, or \
             pin all of them",
            self.name
        ))))
    }

    fn dynamic_count(&self) -> u64 {
        self.dynamic.iter().map(|(_, containers)| *containers).sum()
    }
}
