//! `wonin rehearse run` against containers of a real engine. Run by `./test`, or as root
//! `cargo test -p wonin --test rehearse_run_docker -- --ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod support;

use serde_json::Value;
use support::{dir, run};
use wonin_testbed::available;
use wonin_testbed::docker::Engine;

/// The container is paused in one run and killed in the next; a command inside tells how it is.
#[test]
#[ignore = "needs root and a Docker engine"]
fn a_container_is_paused_and_killed_and_is_whole_again() {
    let Some(engine) = available(Engine::start()) else { return };
    engine.import_busybox();
    engine.ask(&["run", "-d", "--name", "web", "tiny", "sleep", "600"]);
    let socket = engine.socket().display().to_string();
    let text = format!(
        "[scenario]\n\
         name = \"a container\"\n\
         steady = \"1s\"\n\
         after = \"1s\"\n\
         \n\
         [[workload]]\n\
         name = \"inside\"\n\
         kind = \"command\"\n\
         command = [\"docker\", \"-H\", \"unix://{socket}\", \"exec\", \"web\", \"true\"]\n\
         every = \"200ms\"\n\
         \n\
         [[fault]]\n\
         name = \"gone\"\n\
         kind = \"container\"\n\
         container = \"web\"\n\
         runs = [\"pause\", \"kill\"]\n\
         at = \"2s\"\n\
         for = \"3s\"\n\
         \n\
         [[expect]]\n\
         name = \"it answers\"\n\
         success_at_least = \"90%\"\n\
         \n\
         [[expect]]\n\
         name = \"it comes back\"\n\
         recovered_within = \"10s\"\n"
    );
    let dir = dir([("s.toml", text.as_str())]);
    let args = ["--docker-socket", &socket, "--journal", "undo", "--allow-foreign"];
    let shown = run(dir.path(), &[&["rehearse", "run", "s.toml", "--dry-run"], &args[..]].concat());
    assert!(shown.out.contains("`gone`: container web ("), "{}{}", shown.out, shown.err);
    let more = ["--yes", "--format", "json"];
    let answer = run(dir.path(), &[&["rehearse", "run", "s.toml"], &args[..], &more].concat());
    let value: Value = serde_json::from_str(&answer.out).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_eq!(answer.code, Some(1), "{value:#}");
    for (run, what) in value["scenarios"].as_array().unwrap().iter().zip(["pause", "kill"]) {
        assert_eq!(run["faults"][0]["what"], what, "{run:#}");
        assert_eq!(run["faults"][0]["hits"], 1, "{run:#}");
        for (phase, held) in [("before", true), ("during", false), ("after", true)] {
            let all = run["expectations"].as_array().unwrap().iter();
            let mut found = all.filter(|one| one["name"] == "it answers" && one["phase"] == phase);
            assert_eq!(found.next().unwrap()["held"], held, "{phase}: {run:#}");
        }
    }
    let state = engine.ask(&["inspect", "--format", "{{.State.Status}}", "web"]);
    assert_eq!(state, "running");
}
