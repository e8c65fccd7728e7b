//! `aws ecs describe-tasks`.

use wonin_syntax::Node;

use super::{empty, number, place, text, time_ms};
use crate::live::Whole;
use crate::live::found::Found;

/// The containers of tasks.
pub(super) const TASKS: Whole = Whole {
    name: "ecs-tasks",
    accepts: |_, head| {
        head.trim_start().starts_with('{')
            && ["\"tasks\"", "\"taskArn\"", "\"lastStatus\""].iter().all(|key| head.contains(key))
    },
    read: |text, found| {
        let tree = wonin_syntax::json::parse(text);
        for document in &tree.documents {
            for one in document.get("tasks").map_or(&[][..], Node::items) {
                task(one, found);
            }
        }
    },
};

fn task(task: &Node, found: &mut Found) {
    let group = text(task, &["group"]);
    let service = group.as_deref().and_then(|group| group.strip_prefix("service:"));
    let id = text(task, &["taskArn"]).unwrap_or_default();
    let id = id.rsplit('/').next().unwrap_or("");
    for container in task.get("containers").map_or(&[][..], Node::items) {
        let Some(name) = container.get("name") else {
            continue;
        };
        let shown = format!("{id}/{}", name.as_str().unwrap_or(""));
        let mut state = empty("ecs", &shown, name.value_span());
        state.service = service.map(str::to_owned);
        state.status = text(container, &["lastStatus"]).map(|status| match status.as_str() {
            "STOPPED" => "exited".to_owned(),
            other => other.to_ascii_lowercase(),
        });
        state.exit_code = number(container, &["exitCode"]);
        state.error = text(container, &["reason"]).or_else(|| text(task, &["stoppedReason"]));
        state.oom_killed = state.error.as_deref().is_some_and(|why| why.contains("OutOfMemory"));
        state.health = text(container, &["healthStatus"])
            .map(|health| health.to_ascii_lowercase())
            .filter(|health| health != "unknown");
        state.image = text(container, &["image"]);
        state.started_ms = time_ms(task, &["startedAt"]);
        state.finished_ms = time_ms(task, &["stoppedAt"]);
        for interface in container.get("networkInterfaces").map_or(&[][..], Node::items) {
            if let Some(node) = interface.get("privateIpv4Address")
                && let Some(address) = node.as_str()
            {
                state.addresses.push((
                    "vpc".to_owned(),
                    address.to_owned(),
                    place(node.value_span()),
                ));
            }
        }
        found.containers.push(state);
    }
}
