//! Where instances register, and what outlives them there.

use wonin_model::{MountKind, Origin, Server, Stack};

use super::hosts::endpoint;

/// Where registrations live, and how long.
pub(crate) struct Store {
    /// What shows it.
    pub(crate) because: Vec<(String, Origin)>,
    /// How sure it is that they outlive the instance, in hundredths.
    pub(crate) sure: u8,
}

impl Store {
    /// The store of a Pinot instance of a project.
    pub(crate) fn of(stack: &Stack, project: usize, server: &Server) -> Self {
        let address =
            server.settings.get("zk.address").and_then(|text| text.split(',').into_iter().next());
        let host = address.as_ref().map(|address| endpoint(address).host);
        let keeper = host.as_ref().and_then(|host| stack.resolve(project, &host.value));
        let (Some(id), Some(host)) = (keeper, &host) else {
            let because = host.map(|host| ("registrations live here".to_owned(), host.origin));
            return Self { because: because.into_iter().collect(), sure: 85 };
        };
        let keeper = stack.service(id);
        let name = &keeper.name.value;
        let mut because = vec![(format!("registrations live in {name}"), host.origin.clone())];
        let data = keeper.mounts.iter().filter(|mount| {
            !mount.value.read_only
                && !matches!(mount.value.kind, MountKind::File | MountKind::Tmpfs)
        });
        for mount in data {
            let claim = format!("and outlive the container in {}", mount.value.target);
            because.push((claim, mount.origin.clone()));
        }
        // Without a volume they still outlive restarts and reboots, in the container itself.
        let sure = if keeper.keeps_data() { 93 } else { 80 };
        Self { because, sure }
    }
}
