//! Who is who: names and addresses that outlive, or do not outlive, what they stand for.

pub(crate) mod address_as_identity;
pub(crate) mod advertised_loopback;
pub(crate) mod frozen_registry;
pub(crate) mod hostname_keyed_data;
pub(crate) mod name_not_resolved;
pub(crate) mod peers_by_address;
pub(crate) mod stale_registration;
pub(crate) mod stale_upstream;
pub(crate) mod stale_volume_identity;
