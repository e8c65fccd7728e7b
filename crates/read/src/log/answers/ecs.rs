//! `aws ecs describe-services` (events and what became of deployments) and `aws ecs
//! describe-tasks` (why tasks and their containers stopped).

use wonin_syntax::Node;

use super::{Entry, Form};
use crate::log::time;

pub(super) const SERVICES: Form = Form {
    accepts: |head| {
        head.trim_start().starts_with('{')
            && head.contains("\"services\"")
            && (head.contains("\"serviceArn\"") || head.contains("\"serviceName\""))
    },
    read: |text, entries| {
        each(text, "services", |service| {
            let name = text_of(service, "serviceName");
            for event in service.get("events").map_or(&[][..], Node::items) {
                entries.extend(entry(event, "message", "createdAt", name.as_deref()));
            }
            for deployment in service.get("deployments").map_or(&[][..], Node::items) {
                let state = text_of(deployment, "rolloutState");
                let said = entry(deployment, "rolloutStateReason", "updatedAt", name.as_deref());
                entries.extend(said.filter(|_| state.as_deref() == Some("FAILED")));
            }
        });
    },
};

pub(super) const TASKS: Form = Form {
    accepts: |head| {
        head.trim_start().starts_with('{')
            && head.contains("\"tasks\"")
            && head.contains("\"taskArn\"")
            && head.contains("\"lastStatus\"")
    },
    read: |text, entries| {
        each(text, "tasks", |task| {
            let group = text_of(task, "group");
            let service = group.as_deref().and_then(|group| group.strip_prefix("service:"));
            entries.extend(entry(task, "stoppedReason", "stoppedAt", service));
            for container in task.get("containers").map_or(&[][..], Node::items) {
                let mut said = entry(container, "reason", "stoppedAt", service);
                if let Some(said) = &mut said {
                    said.first_ms = at(task, "stoppedAt");
                }
                entries.extend(said);
            }
        });
    },
};

/// All objects of a list in all answers of a text.
fn each(text: &str, list: &str, mut visit: impl FnMut(&Node)) {
    let tree = wonin_syntax::json::parse(text);
    for document in &tree.documents {
        document.get(list).map_or(&[][..], Node::items).iter().for_each(&mut visit);
    }
}

fn entry(node: &Node, key: &str, time: &str, service: Option<&str>) -> Option<Entry> {
    let said = node.get(key)?;
    let text = said.as_str().filter(|text| !text.is_empty())?;
    Some(Entry {
        span: said.value_span(),
        text: text.to_owned(),
        is_warning: true,
        first_ms: at(node, time),
        last_ms: None,
        times: 1,
        service: service.map(str::to_owned),
    })
}

/// A time as version 2 of the command line writes it, or in seconds as version 1 does.
fn at(node: &Node, key: &str) -> Option<i64> {
    let text = text_of(node, key)?;
    if let Ok(seconds) = text.parse::<f64>() {
        return (0.0..1e11).contains(&seconds).then_some((seconds * 1000.0) as i64);
    }
    time::parse(text.as_bytes(), time::Base::default()).map(|stamp| stamp.ms)
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).map(str::to_owned)
}
