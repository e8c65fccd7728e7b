//! One container of a pod: its probes, ports, quantities and what runs before it ends.

use wonin_model::{KubeContainer, Located, Probe, ProbeTarget};
use wonin_syntax::Node;
use wonin_text::Place;

use super::{Fields, fallback};
use crate::servers::jvm;

/// Reads one entry of `containers`; `None` where it has no name.
pub(super) fn container(at: &Fields<'_>, node: &Node) -> Option<KubeContainer> {
    let resources = node.get("resources");
    let quantity = |side: &str, name: &str| resources?.at(&[side, name]);
    let ports = node.get("ports").map(Node::items).unwrap_or_default();
    let pre_stop = node.at(&["lifecycle", "preStop"]);
    Some(KubeContainer {
        name: at.text(node.get("name")?)?,
        startup: probe(at, node.get("startupProbe")).map(Box::new),
        readiness: probe(at, node.get("readinessProbe")).map(Box::new),
        liveness: probe(at, node.get("livenessProbe")).map(Box::new),
        ports: ports
            .iter()
            .filter_map(|port| {
                let name = port.get("name").and_then(Node::as_str).map(str::to_owned);
                at.int(Some(port), "containerPort").map(|number| (number, name))
            })
            .collect(),
        cpu_request_millis: quantity("requests", "cpu").and_then(|node| millis(at, node)),
        cpu_limit_millis: quantity("limits", "cpu").and_then(|node| millis(at, node)),
        memory_limit_bytes: quantity("limits", "memory").and_then(|node| bytes(at, node)),
        heap_max_bytes: jvm::heap(texts(at, node).into_iter()),
        host_ports: ports.iter().filter_map(|port| at.int(Some(port), "hostPort")).collect(),
        has_pre_stop: pre_stop.is_some(),
        pre_stop_sleep_s: pre_stop.and_then(|hook| sleep(at, hook)),
    })
}

/// Words of the command and values of the environment.
fn texts(at: &Fields<'_>, container: &Node) -> Vec<Located<String>> {
    let words = ["command", "args"].into_iter().filter_map(|key| container.get(key));
    let words = words.flat_map(Node::items).filter_map(|word| at.text(word));
    let variables = container.get("env").map(Node::items).unwrap_or_default();
    let values = variables.iter().filter_map(|variable| at.text(variable.get("value")?));
    words.chain(values).collect()
}

fn probe(at: &Fields<'_>, node: Option<&Node>) -> Option<Probe> {
    let node = node.filter(|node| node.is_mapping())?;
    let of = "probe";
    Some(Probe {
        place: Place { file: at.file, span: node.span },
        target: target(at, node)?,
        initial_delay_s: at
            .int(Some(node), "initialDelaySeconds")
            .unwrap_or_else(|| fallback(0, of)),
        period_s: at.int(Some(node), "periodSeconds").unwrap_or_else(|| fallback(10, of)),
        timeout_s: at.int(Some(node), "timeoutSeconds").unwrap_or_else(|| fallback(1, of)),
        success_threshold: at
            .int(Some(node), "successThreshold")
            .unwrap_or_else(|| fallback(1, of)),
        failure_threshold: at
            .int(Some(node), "failureThreshold")
            .unwrap_or_else(|| fallback(3, of)),
    })
}

fn target(at: &Fields<'_>, node: &Node) -> Option<Located<ProbeTarget>> {
    let text = |node: &Node, key: &str| {
        node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned()
    };
    if let Some(http) = node.get("httpGet") {
        let path = http.get("path").and_then(Node::as_str).unwrap_or("/").to_owned();
        return Some(at.located(http, ProbeTarget::Http { port: text(http, "port"), path }));
    }
    if let Some(tcp) = node.get("tcpSocket") {
        return Some(at.located(tcp, ProbeTarget::Tcp(text(tcp, "port"))));
    }
    if let Some(grpc) = node.get("grpc") {
        return Some(at.located(grpc, ProbeTarget::Grpc(text(grpc, "port"))));
    }
    let exec = node.at(&["exec", "command"])?;
    let words: Vec<&str> = exec.items().iter().filter_map(Node::as_str).collect();
    Some(at.located(exec, ProbeTarget::Exec(words.join(" "))))
}

/// How long a `preStop` hook sleeps: `sleep.seconds`, or a command with `sleep N`.
fn sleep(at: &Fields<'_>, hook: &Node) -> Option<Located<u64>> {
    if let Some(seconds) = at.int(hook.get("sleep"), "seconds") {
        return Some(seconds);
    }
    let command = hook.at(&["exec", "command"])?;
    let words: Vec<&str> =
        command.items().iter().filter_map(Node::as_str).flat_map(str::split_whitespace).collect();
    let after = words.iter().position(|word| word.ends_with("sleep"))?;
    let number: u64 = words.get(after + 1)?.trim_end_matches(['s', ';']).parse().ok()?;
    Some(at.located(command, number))
}

/// A CPU quantity in thousandths: `250m`, `0.5`, `2`.
fn millis(at: &Fields<'_>, node: &Node) -> Option<Located<u64>> {
    let text = node.as_str()?.trim();
    let value = match text.strip_suffix('m') {
        Some(millis) => millis.parse::<f64>().ok()?,
        None => text.parse::<f64>().ok()? * 1000.0,
    };
    (value.is_finite() && value >= 0.0).then(|| at.located(node, value.round() as u64))
}

/// A memory quantity in bytes: `512Mi`, `1G`, `1.5Gi`.
fn bytes(at: &Fields<'_>, node: &Node) -> Option<Located<u64>> {
    let text = node.as_str()?.trim();
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "m" => 1e-3,
        _ => return None,
    };
    let value = digits.parse::<f64>().ok()? * factor;
    (value.is_finite() && value >= 0.0).then(|| at.located(node, value.round() as u64))
}
