//! Faults that could not do what they say are refused when they are added.

use super::error;
use super::facts::names;
use super::words::{Act, Api, KafkaFault, Select};
use crate::error::Error;
use crate::limits;

/// Why the fault cannot be; none if it can.
pub(super) fn check(name: &str, fault: &KafkaFault) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::bad_body(format!("fault `{name}`: {why}")));
    if name.is_empty() || name.len() > limits::NAME_BYTES {
        return wrong(format!("its name must have 1 to {} bytes", limits::NAME_BYTES));
    }
    fault.check().or_else(wrong)
}

impl KafkaFault {
    /// In words why it could not do what it says, or would do nothing.
    pub fn check(&self) -> Result<(), String> {
        let on = &self.on;
        for (field, value) in [("nth", on.nth), ("every", on.every), ("count", on.count)] {
            if value == Some(0) {
                return Err(format!("`{field}` must be 1 or more"));
            }
        }
        if on.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("`probability` must be from 0 to 1".to_owned());
        }
        if on.api.as_ref().is_some_and(Vec::is_empty) {
            return Err("`api` is an empty list: leave it out to mean all".to_owned());
        }
        if let Act::Delay { ms: 0, jitter_ms: 0, .. } | Act::Latency { ms: 0, jitter_ms: 0, .. } =
            self.act
        {
            return Err("`ms` or `jitter_ms` must be 1 or more".to_owned());
        }
        let problem = if self.act.is_edge() { edge(self) } else { request(self) };
        problem.map_or(Ok(()), Err)
    }
}

/// What is wrong with a fault of a whole edge.
fn edge(fault: &KafkaFault) -> Option<String> {
    let Select { api, topic, partition, group, transactional_id, client_id, .. } = &fault.on;
    let Select { nth, every, count, probability, .. } = &fault.on;
    let act = fault.act.name();
    let of_requests = [
        ("api", api.is_some()),
        ("topic", topic.is_some()),
        ("partition", partition.is_some()),
        ("group", group.is_some()),
        ("transactional_id", transactional_id.is_some()),
    ];
    if let Some((field, _)) = of_requests.iter().find(|(_, given)| *given) {
        return Some(format!(
            "`{act}` is laid on whole connections, where `{field}` chooses requests: use `delay`, \
             `lose_request`, `lose_response`, `error` or `disconnect`"
        ));
    }
    if matches!(fault.act, Act::Refuse {}) {
        let of_connections = [
            ("client_id", client_id.is_some()),
            ("nth", nth.is_some()),
            ("every", every.is_some()),
            ("count", count.is_some()),
            ("probability", probability.is_some()),
        ];
        if let Some((field, _)) = of_connections.iter().find(|(_, given)| *given) {
            return Some(format!(
                "`refuse` closes the listener for all, where `{field}` chooses some: use `reset`"
            ));
        }
    }
    match fault.act {
        Act::Bandwidth { bytes_per_s: 0, .. } => {
            Some("`bytes_per_s` must be 1 or more; `silence` lets nothing pass".to_owned())
        }
        _ => None,
    }
}

/// What is wrong with a fault on requests.
fn request(fault: &KafkaFault) -> Option<String> {
    let on = &fault.on;
    let apis: Vec<_> = on.api.iter().flatten().map(|Api(key)| *key).collect();
    for key in &apis {
        let can = names(*key);
        let cannot = [
            ("topic", on.topic.is_some() && !can.topic),
            ("partition", on.partition.is_some() && !can.partition),
            ("group", on.group.is_some() && !can.group),
            ("transactional_id", on.transactional_id.is_some() && !can.transactional_id),
        ];
        if let Some((field, _)) = cannot.iter().find(|(_, cannot)| *cannot) {
            return Some(format!("{key:?} names no `{field}`, so nothing would ever be hit"));
        }
    }
    if matches!(fault.act, Act::Error { .. }) {
        if apis.is_empty() {
            return Some("`error` needs `api`: each API has its own place for errors".to_owned());
        }
        if let Some(key) = apis.iter().find(|key| !error::can_be_made(**key)) {
            let possible = error::possible();
            return Some(format!("no error can be made for {key:?}; possible are {possible}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(fault: serde_json::Value) -> String {
        let fault = serde_json::from_value(fault).unwrap();
        check("f", &fault).err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn faults_that_could_never_act_are_refused() {
        for (fault, word) in [
            (json!({"on": {"nth": 0}, "act": "disconnect"}), "nth"),
            (json!({"on": {"probability": 1.5}, "act": "disconnect"}), "probability"),
            (json!({"on": {"api": []}, "act": "disconnect"}), "empty list"),
            (json!({"on": {"topic": "t"}, "act": "silence"}), "whole connections"),
            (json!({"on": {"count": 1}, "act": "refuse"}), "for all"),
            (json!({"on": {"api": "Heartbeat", "topic": "t"}, "act": "disconnect"}), "no `topic`"),
            (json!({"act": {"type": "error", "code": 6}}), "needs `api`"),
            (
                json!({"on": {"api": "WriteTxnMarkers"}, "act": {"type": "error", "code": 6}}),
                "possible are Produce, Fetch",
            ),
            (json!({"act": {"type": "bandwidth", "bytes_per_s": 0}}), "bytes_per_s"),
            (json!({"act": {"type": "latency", "ms": 0}}), "`jitter_ms` must be 1 or more"),
            (json!({"act": {"type": "delay", "ms": 0}}), "`jitter_ms` must be 1 or more"),
        ] {
            let seen = problem(fault.clone());
            assert!(seen.contains(word), "{fault}: {seen}");
        }
    }

    #[test]
    fn faults_that_can_act_are_taken() {
        for fault in [
            json!({"act": "refuse"}),
            json!({"act": {"type": "latency", "ms": 0, "jitter_ms": 3}}),
            json!({"on": {"client_id": "a", "nth": 2}, "act": "silence"}),
            json!({"on": {"topic": "t"}, "act": "lose_response"}),
            json!({"on": {"api": "Produce", "topic": "t"}, "act": {"type": "error", "code": 6}}),
        ] {
            assert_eq!(problem(fault), "");
        }
    }

    #[test]
    fn errors_can_be_made_for_what_matters() {
        for name in [
            "Produce",
            "Fetch",
            "Metadata",
            "FindCoordinator",
            "JoinGroup",
            "SyncGroup",
            "Heartbeat",
            "LeaveGroup",
            "OffsetCommit",
            "OffsetFetch",
            "ListOffsets",
            "InitProducerId",
            "AddPartitionsToTxn",
            "AddOffsetsToTxn",
            "EndTxn",
            "TxnOffsetCommit",
            "CreateTopics",
            "ApiVersions",
            "DescribeCluster",
        ] {
            let Api(key) = Api::named(name).unwrap();
            assert!(error::can_be_made(key), "{name}");
        }
    }
}
