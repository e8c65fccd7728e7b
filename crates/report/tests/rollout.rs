//! What people and machines get to see of a rollout, as whole texts.

use wonin_model::{Evidence, GivenStartup};
use wonin_read::{MemoryFiles, read};
use wonin_report::rollout::{RolloutView, html, json, text};
use wonin_report::text::Layout;
use wonin_rollout::configured::{Configured, Given};
use wonin_rollout::rehearsal::{Rehearsal, candidates, rehearse};
use wonin_rollout::{Sampling, Simulator};

const INCIDENT: &str = include_str!("../../../cases/rollout-outpaced/main.tf");
const BEFORE: &str = include_str!("../../../cases/rollout-outpaced/before/main.tf");
const SAMPLING: Sampling = Sampling { runs: 200, seed: 0 };

fn evidence(path: &str, text: &str) -> Evidence {
    read(&MemoryFiles::new([(path, text)]))
}

fn all(evidence: &Evidence, given: &Given, before: Option<&Configured>) -> Vec<Rehearsal> {
    let found = candidates(&evidence.stack, given, &[]);
    let mut simulator = Simulator::new();
    found
        .into_iter()
        .map(|one| rehearse(&mut simulator, one, before, &evidence.sources, SAMPLING))
        .collect()
}

/// The incident, with the settings before it.
fn incident() -> RolloutView {
    let startup = GivenStartup::parse(&["35s@1024", "150s@256"]).expect("two measurements");
    let given = Given { startup: Some(startup), phase_ms: Some(5_000), ..Given::default() };
    let before = evidence("main.tf", BEFORE);
    let before = candidates(&before.stack, &given, &[]).remove(0).configured;
    let evidence = evidence("main.tf", INCIDENT);
    RolloutView::new(&evidence, &all(&evidence, &given, before.as_ref()))
}

fn view(path: &str, text: &str, startup: &str) -> RolloutView {
    let startup = GivenStartup::parse(&[startup]).ok();
    let evidence = evidence(path, text);
    RolloutView::new(&evidence, &all(&evidence, &Given { startup, ..Given::default() }, None))
}

fn plain(width: usize) -> Layout {
    Layout { width, ..Layout::default() }
}

#[test]
fn the_incident_on_terminals_of_two_widths() {
    let view = incident();
    insta::assert_snapshot!("incident_80", text::render(&view, plain(80)));
    insta::assert_snapshot!("incident_120", text::render(&view, plain(120)));
}

#[test]
fn the_incident_as_json_and_as_a_page() {
    let view = incident();
    insta::assert_snapshot!("incident_json", json::render(&view));
    insta::assert_snapshot!("incident_html", html::render(&view));
}

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          livenessProbe:
            httpGet: {path: /up, port: 8080}
";

#[test]
fn a_deployment_that_luck_decides() {
    let view = view("web.yaml", WEB, "25s");
    insta::assert_snapshot!("kubernetes_80", text::render(&view, plain(80)));
}

#[test]
fn what_is_refused_and_what_is_not_known() {
    let unknown = INCIDENT.replace("desired_count   = 2", "desired_count   = var.tasks");
    insta::assert_snapshot!(
        "unknown_80",
        text::render(&view("main.tf", &unknown, "10s"), plain(80))
    );
    let refused = INCIDENT.replace("interval            = 15", "interval            = 5");
    insta::assert_snapshot!(
        "refused_80",
        text::render(&view("main.tf", &refused, "10s"), plain(80))
    );
}

#[test]
fn lines_stay_within_the_width() {
    for width in [60, 80, 120] {
        let text = text::render(&incident(), plain(width));
        // Lines of files and paths are as long as they are.
        let drawn = text.lines().filter(|line| line.contains(['█', '─', '▒', '▚', '·']));
        for line in drawn.filter(|line| !line.contains('|')) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}
