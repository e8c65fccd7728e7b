//! Tables for people: `docker ps` and `kubectl get pods`.

use wonin_text::Span;

use super::{docker_status, empty, lines, place};
use crate::live::Whole;
use crate::live::found::Found;

/// `docker ps -a`.
pub(super) const DOCKER_PS: Whole = Whole {
    name: "docker-ps",
    accepts: |_, head| {
        first_line(head).is_some_and(|line| {
            line.starts_with("CONTAINER ID ") && line.contains(" STATUS ") && line.contains("NAMES")
        })
    },
    read: docker_ps,
};

/// `kubectl get pods`, with or without `-A` and `-o wide`.
pub(super) const KUBECTL_PODS: Whole = Whole {
    name: "kubectl-pods",
    accepts: |_, head| {
        first_line(head).is_some_and(|line| {
            let words: Vec<&str> = line.split_whitespace().take(5).collect();
            words.starts_with(&["NAME", "READY", "STATUS", "RESTARTS"])
                || words.starts_with(&["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS"])
        })
    },
    read: kubectl_pods,
};

fn first_line(head: &str) -> Option<&str> {
    head.lines().find(|line| !line.trim().is_empty())
}

fn docker_ps(text: &str, found: &mut Found) {
    let mut columns: Option<(usize, usize)> = None;
    for (start, line) in lines(text) {
        if line.starts_with("CONTAINER ID ") {
            columns = line.find("STATUS").zip(line.find("IMAGE"));
            continue;
        }
        let Some((status, image)) = columns else {
            continue;
        };
        let Some(name) = line.split_whitespace().next_back() else {
            continue;
        };
        // A long command holds an ellipsis, which is three bytes in one column.
        let cell = |column: usize| {
            let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            &line[at..]
        };
        let at = start + line.trim_end().len() - name.len();
        let mut state = empty("docker-ps", name, Span::new(at, at + name.len()));
        let status = cell(status);
        docker_status(&mut state, status.split("  ").next().unwrap_or(status));
        state.image = cell(image).split_whitespace().next().map(str::to_owned);
        if state.status.is_some() {
            found.containers.push(state);
        }
    }
}

fn kubectl_pods(text: &str, found: &mut Found) {
    let mut heading: Vec<&str> = Vec::new();
    for (start, line) in lines(text) {
        if line.trim_start().starts_with("NAME") {
            heading = line.split_whitespace().collect();
            continue;
        }
        // `5 (3m12s ago)` is one cell.
        let line_text = line.replace(" (", "\u{1}(").replace(" ago)", "\u{1}ago)");
        let cells: Vec<&str> = line_text.split_whitespace().collect();
        let cell = |name: &str| {
            heading.iter().position(|known| *known == name).and_then(|at| cells.get(at).copied())
        };
        let Some((name, status)) = cell("NAME").zip(cell("STATUS")) else {
            continue;
        };
        let at = start + line.find(name).unwrap_or(0);
        let mut state = empty("kubernetes", name, Span::new(at, at + name.len()));
        state.project = cell("NAMESPACE").map(str::to_owned);
        state.service = Some(super::kubernetes::workload_of(name).to_owned());
        state.oom_killed = status == "OOMKilled";
        state.status = Some(status.to_owned());
        let restarts = cell("RESTARTS").and_then(|cell| cell.split('\u{1}').next());
        state.restarts = restarts.and_then(|count| count.parse().ok()).unwrap_or(0);
        if let Some(address) = cell("IP").filter(|address| *address != "<none>") {
            let at = start + line.find(address).unwrap_or(0);
            let at = place(Span::new(at, at + address.len()));
            state.addresses.push(("pod".to_owned(), address.to_owned(), at));
        }
        found.containers.push(state);
    }
}
