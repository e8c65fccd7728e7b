//! # A port, name or address is taken already
//!
//! ## What fails
//!
//! The program or container ends right at its start; the one that has the port runs on.
//!
//! ## Why
//!
//! One port of an address belongs to one process. Mostly the old instance is still there (its stop
//! takes longer than the start of the new one), two services publish the same port, or a
//! developer's program holds it. With fixed addresses in a dynamic network any container may have
//! taken the address first.
//!
//! ## Example
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120 ERROR web.Main - Web server failed to start. Port 8080 was already in use.
//! ```
//!
//! ## Fix
//!
//! Let the one before end first, or give each its own.
//!
//! ```text logs/web.log
//! 2025-03-02 10:12:31.120  INFO web.Main - Tomcat started on port 8081
//! ```
//!
//! ## How to rehearse
//!
//! Start the same thing twice.
//!
//! ## Evidence
//!
//! - Linux: `bind(2)`, `EADDRINUSE`. Docker Engine: texts of its errors; the address that a dynamic
//!   container had taken was seen with Docker Engine 20.10.
//! - Inferred: who holds it.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::Values;
use crate::shared::words::list;

pub(crate) struct AddressInUse;

static META: ModeMeta = ModeMeta {
    id: "address-in-use",
    family: "rollout",
    summary: "a start fails since a port, name or address is taken",
    source: include_str!("address_in_use.rs"),
};

const HOLDER: &[&str] = &[
    "find who has it: `ss -ltnp 'sport = :PORT'`, `docker ps --filter publish=PORT`; let the old instance end before the new one starts",
];

const ROWS: &[Row] = &[
    row(
        "host.port-in-use",
        "the port could not be bound",
        // An sshd that listens on all addresses of both kinds says so each time and runs on.
        |v| {
            if v.contains_key("sshd") { String::new() } else { port("the program cannot start", v) }
        },
        HOLDER,
    ),
    row(
        "docker.port-taken",
        "the port could not be published",
        |v| port("the container cannot start", v),
        HOLDER,
    ),
    row(
        "docker.name-taken",
        "the name is in use",
        |v| {
            let name = v.get("name").map_or("", String::as_str);
            format!("the container cannot be made: the name {name} belongs to another one")
        },
        &[
            "remove the old container (`docker rm`), or leave container_name away, which forbids a second one",
        ],
    ),
    row(
        "docker.address-in-use",
        "the address could not be given",
        |_| {
            "the container cannot start: its fixed address is taken, likely by a container with a dynamic one".to_owned()
        },
        &[
            "keep dynamic containers away from fixed addresses: ip_range in ipam.config; restart the one that took it",
        ],
    ),
    row(
        "docker.pool-exhausted",
        "no address was left",
        |_| "the container cannot start: its network has no address left".to_owned(),
        &["give the network a larger subnet, or remove unused networks (`docker network prune`)"],
    ),
    row(
        "docker.no-subnet-for-address",
        "the fixed address is of no subnet",
        |_| {
            "the container cannot start: its ipv4_address lies in no subnet that the network declares".to_owned()
        },
        &["declare the subnet in ipam.config of the network"],
    ),
];

fn port(what: &str, values: &Values) -> String {
    let port = values.get("port").or(values.get("address")).filter(|port| !port.is_empty());
    match port {
        Some(port) => {
            let port = port.rsplit(':').next().unwrap_or(port);
            format!("{what}: port {port} is taken")
        }
        None => format!("{what}: a port is taken"),
    }
}

impl Mode for AddressInUse {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let own = recognised(&META, evidence, ROWS);
        findings.extend(own.into_iter().map(|finding| publishers(evidence, finding)));
    }
}

/// The services that publish the port.
fn publishers(evidence: &Evidence, mut finding: Finding) -> Finding {
    let Some(port) = finding
        .title
        .strip_suffix(" is taken")
        .and_then(|title| title.rsplit_once("port ")?.1.parse::<u16>().ok())
    else {
        return finding;
    };
    let mut names = Vec::new();
    for service in &evidence.stack.services {
        for published in service.ports.iter().filter(|one| one.value.published == Some(port)) {
            names.push(service.name.value.as_str());
            let claim = format!("{} publishes {port}", service.name.value);
            finding = finding.because_at(claim, published.origin.clone());
        }
    }
    if names.len() > 1 {
        finding.arithmetic =
            Some(format!("port {port}: wanted by {} = {}, given to 1", list(&names), names.len()));
    }
    finding
}
