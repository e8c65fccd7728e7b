//! # Data are kept under a host name that changes
//!
//! ## What fails
//!
//! After a container is made anew (a new image, a changed setting), the broker is empty: no queues,
//! no users, no topics. The old data lie beside the new ones on the volume.
//!
//! ## Why
//!
//! RabbitMQ keeps its data in a directory named after its node, `rabbit@<host name>`. A container's
//! host name is its id unless `hostname:` says otherwise, and each new container has a new id. The
//! volume stays, the directory in it does not fit any more.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   queue:
//!     image: rabbitmq:3.13-management
//!     volumes:
//!       - queue-data:/var/lib/rabbitmq
//! volumes:
//!   queue-data:
//! ```
//!
//! ## Fix
//!
//! ```yaml docker-compose.yml
//! services:
//!   queue:
//!     image: rabbitmq:3.13-management
//!     hostname: queue
//!     volumes:
//!       - queue-data:/var/lib/rabbitmq
//! volumes:
//!   queue-data:
//! ```
//!
//! ## How to rehearse
//!
//! Declare a durable queue, `docker compose up -d --force-recreate`, list the queues.
//!
//! ## Evidence
//!
//! - RabbitMQ image documentation (docker-library), "Running the daemon": set the host name
//!   explicitly, because data are stored by node name.
//! - `start-kafka.sh` of wurstmeister/kafka: `KAFKA_LOG_DIRS` defaults to
//!   `/kafka/kafka-logs-$HOSTNAME`.

use wonin_model::{
    Evidence, Finding, Fix, Located, Mode, ModeMeta, Mount, MountKind, NotChecked, Role,
    ServerProduct, Service, Severity,
};
use wonin_text::Sources;

use crate::shared::edits::add_service_key;
use crate::shared::seen::{Part, Shown, recognise, signals};
use crate::shared::words::list;

pub(crate) struct HostnameKeyedData;

static META: ModeMeta = ModeMeta {
    id: "hostname-keyed-data",
    family: "identity",
    summary: "the data directory is named after a host name that changes",
    source: include_str!("hostname_keyed_data.rs"),
};

/// Recognises a node that came back under another name, and so with other data.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for signal in signals(evidence, &["rabbitmq.node"]) {
        let names = signal.all("node");
        let hosts: Vec<&str> =
            names.iter().filter_map(|name| name.split_once('@')).map(|(_, host)| host).collect();
        let is_id = |host: &&str| host.len() == 12 && host.chars().all(|c| c.is_ascii_hexdigit());
        if hosts.len() < 2 || !hosts.iter().any(is_id) {
            continue;
        }
        let what = format!("one service called itself {}", list(&names));
        let mut shown: Shown<'_> = vec![(Part::whole(signal), what)];
        for missing in signals(evidence, &["rabbitmq.no-queue"]) {
            let what = "follows: what was declared before is not there".to_owned();
            shown.push((Part::whole(missing), what));
        }
        recognise(own, &shown, || {
            let title = format!(
                "the node came back as {}: its data of before lie under the other name",
                list(&names)
            );
            let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 90);
            Some(finding.fix(Fix::advice(
                "set hostname: for the service, then move the data of the old name to the new one",
            )))
        });
    }
}

impl Mode for HostnameKeyedData {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own: Vec<Finding> = Vec::new();
        for server in stack.servers.iter().filter(|one| one.product == ServerProduct::RabbitMq) {
            let Some(service) = server.service.map(|id| stack.service(id)) else { continue };
            let named = server.settings.written("RABBITMQ_NODENAME").is_some()
                || service.environment.contains_key("RABBITMQ_NODENAME");
            // Bitnami's image calls its node rabbit@localhost.
            if named || service.repository().starts_with("bitnami") {
                continue;
            }
            let kept = ["/var/lib/rabbitmq"];
            let directory = "/var/lib/rabbitmq/mnesia/rabbit@<host name>";
            own.extend(finding(&evidence.sources, service, &kept, directory));
        }
        observe(evidence, &mut own);
        findings.extend(own);
        for (_, service) in stack.services() {
            let named = service.environment.contains_key("KAFKA_LOG_DIRS");
            if service.repository() == "wurstmeister/kafka" && !named {
                let directory = "/kafka/kafka-logs-<host name>";
                findings.extend(finding(&evidence.sources, service, &["/kafka"], directory));
            }
        }
    }
}

fn finding(
    sources: &Sources,
    service: &Service,
    kept: &[&str],
    directory: &str,
) -> Option<Finding> {
    if service.hostname.is_some() || service.network_mode.is_some() {
        return None;
    }
    let holds = |mount: &&Located<Mount>| {
        let mount = &mount.value;
        let target = mount.target.trim_end_matches('/');
        matches!(mount.kind, MountKind::Volume | MountKind::Directory)
            && !mount.read_only
            && kept.iter().any(|kept| target.starts_with(kept) || kept.starts_with(target))
    };
    let mount = service.mounts.iter().find(holds)?;
    let name = &service.name.value;
    let title = format!(
        "{name} keeps its data under its host name, which is new with each new container: it will be \
         empty beside its old data"
    );
    let mut fix = Fix::advice(format!(
        "set hostname: {name}; data that exist now stay under the old name, so move them first"
    ));
    fix.edits.extend(add_service_key(sources, service, &format!("hostname: {name}")));
    Some(
        Finding::new(&META, title)
            .service(name.clone())
            .weigh(Role::Cause, Severity::High, 93)
            .because_at("no hostname is set", service.name.origin.clone())
            .because_at(format!("data are kept in {directory}"), mount.origin.clone())
            .leads_to("data-out-of-reach")
            .fix(fix),
    )
}
