//! Containers and pods as engines show them.

mod docker;
mod ecs;
mod kubernetes;
pub(crate) mod swarm;
mod tables;

use wonin_model::ContainerState;
use wonin_syntax::Node;
use wonin_text::{FileId, Place, Span};

use super::Whole;
use crate::log::time;
pub(crate) use kubernetes::workload_of;

/// All forms that are parsed as a whole.
pub(super) const WHOLE: &[Whole] = &[
    docker::INSPECT,
    docker::NETWORK,
    docker::COMPOSE_PS,
    docker::PS_LINES,
    tables::DOCKER_PS,
    tables::KUBECTL_PODS,
    swarm::TASKS,
    swarm::SERVICES,
    kubernetes::PODS,
    kubernetes::DESCRIBE,
    ecs::TASKS,
];

/// A container of which nothing is known yet.
fn empty(source: &'static str, name: &str, span: Span) -> ContainerState {
    ContainerState {
        source,
        name: name.trim_start_matches('/').to_owned(),
        project: None,
        service: None,
        place: place(span),
        status: None,
        exit_code: None,
        oom_killed: false,
        restarts: 0,
        health: None,
        check_output: None,
        addresses: Vec::new(),
        memory_limit_bytes: None,
        image: None,
        error: None,
        started_ms: None,
        finished_ms: None,
    }
}

/// Lines with the offsets of their first bytes.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end_matches(['\n', '\r'])))
    })
}

/// A place in the text that is parsed; the file's number comes later.
fn place(span: Span) -> Place {
    Place { file: FileId::default(), span }
}

/// A text under a path of keys; empty ones do not count.
fn text(node: &Node, path: &[&str]) -> Option<String> {
    let text = node.at(path).and_then(Node::as_str)?;
    (!text.is_empty() && text != "null").then(|| text.to_owned())
}

/// A time under a path of keys; Docker's zero (year 1) and null do not count.
fn time_ms(node: &Node, path: &[&str]) -> Option<i64> {
    let text = text(node, path)?;
    time::parse(text.as_bytes(), time::Base::default()).map(|stamp| stamp.ms)
}

/// A whole number under a path of keys.
fn number(node: &Node, path: &[&str]) -> Option<i64> {
    text(node, path)?.parse().ok()
}

/// `Exited (137) 8 seconds ago`, `Up 9 seconds (unhealthy)`, `Restarting (3) 1 second ago` of
/// `docker ps`.
fn docker_status(state: &mut ContainerState, text: &str) {
    let word = text.split_whitespace().next().unwrap_or("");
    let status = match word {
        "Up" if text.contains("(Paused)") => "paused",
        "Up" => "running",
        "Exited" | "Restarting" | "Created" | "Dead" | "Removal" => word,
        _ => return,
    };
    state.status = Some(status.to_ascii_lowercase());
    let inner = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    match inner.map(|(inner, _)| inner) {
        Some("health: starting") => state.health = Some("starting".to_owned()),
        Some(health @ ("healthy" | "unhealthy")) => state.health = Some(health.to_owned()),
        Some(code) => state.exit_code = code.parse().ok(),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_says_in_one_line() {
        for (text, status, code, health) in [
            ("Exited (137) 8 seconds ago", "exited", Some(137), None),
            ("Up 9 seconds (unhealthy)", "running", None, Some("unhealthy")),
            ("Up 2 seconds (health: starting)", "running", None, Some("starting")),
            ("Restarting (3) 1 second ago", "restarting", Some(3), None),
            ("Up 3 days", "running", None, None),
        ] {
            let mut state = empty("docker-ps", "x", Span::default());
            docker_status(&mut state, text);
            assert_eq!(state.status.as_deref(), Some(status), "{text}");
            assert_eq!((state.exit_code, state.health.as_deref()), (code, health), "{text}");
        }
    }
}
