//! Faults on real containers: they act, they are seen to act, and nothing of them stays.
//!
//! Ignored unless asked for: they need root and a Docker Engine; `./test` runs them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests of real time need a clock")]
#![allow(clippy::print_stdout, reason = "what was measured is told")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wonin_fault::inject::{Active, Error, Injection, Injector, InjectorOptions, Watchdog};
use wonin_fault::undo::recover;
use wonin_testbed::available;
use wonin_testbed::docker::Engine;

const LONG: Duration = Duration::from_mins(2);
const IMAGE: &str = "tiny";

struct Bench {
    engine: Engine,
    dir: tempfile::TempDir,
    injector: Injector,
}

fn options(engine: &Engine, journal: &Path) -> InjectorOptions {
    InjectorOptions {
        journal: journal.to_owned(),
        docker_socket: Some(engine.socket()),
        watchdog: Watchdog::Command {
            program: env!("CARGO_BIN_EXE_wonin-fault-drill").into(),
            args: vec!["watchdog".to_owned()],
        },
        allow_foreign: false,
        project: Some("shop".to_owned()),
    }
}

impl Bench {
    async fn start() -> Option<Self> {
        let engine = available(Engine::start())?;
        engine.import_busybox();
        let dir = tempfile::tempdir().unwrap();
        let injector = Injector::open(options(&engine, &dir.path().join("undo"))).await.unwrap();
        println!("Docker Engine {}", engine.ask(&["version", "--format", "{{.Server.Version}}"]));
        Some(Self { engine, dir, injector })
    }

    /// A container of the Compose project `shop`.
    fn create(&self, service: &str, number: u32, options: &[&str], command: &[&str]) -> String {
        let name = format!("shop-{service}-{number}");
        let labels = [
            "com.docker.compose.project=shop".to_owned(),
            format!("com.docker.compose.service={service}"),
            format!("com.docker.compose.container-number={number}"),
        ];
        let mut args = vec!["run", "-d", "--name", &name];
        for label in &labels {
            args.extend(["--label", label]);
        }
        args.extend_from_slice(options);
        args.push(IMAGE);
        args.extend_from_slice(command);
        self.engine.ask(&args);
        name
    }

    async fn try_inject(&self, fault: Value) -> Result<Active, Error> {
        let injection: Injection = serde_json::from_value(fault).unwrap();
        self.injector.inject(&injection, LONG).await
    }

    async fn inject(&self, act: &str, service: &str, more: Value) -> Active {
        let mut fault =
            json!({"kind": "container", "act": act, "project": "shop", "service": service});
        fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let begin = Instant::now();
        let active = self.try_inject(fault).await.unwrap();
        println!("{act}: {} after {:.1?}", active.seen.join("; "), begin.elapsed());
        assert_eq!(active.hits as usize, active.targets.len(), "{active:?}");
        active
    }

    async fn heal(&self, active: Active) {
        let (what, begin) = (active.what.clone(), Instant::now());
        self.injector.heal(active).await.unwrap();
        println!("{what}: healed after {:.1?}", begin.elapsed());
        assert_eq!(self.records(), 0);
    }

    fn records(&self) -> usize {
        let entries = fs::read_dir(self.dir.path().join("undo")).unwrap().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|its| its == "json")).count()
    }

    fn see(&self, name: &str, what: &str) -> String {
        self.engine.ask(&["inspect", "--format", what, name])
    }

    fn status(&self, name: &str) -> String {
        self.see(name, "{{.State.Status}}")
    }

    fn address(&self, name: &str, network: &str) -> String {
        self.see(name, &format!("{{{{with index .NetworkSettings.Networks \"{network}\"}}}}{{{{.IPAddress}}}}{{{{end}}}}"))
    }

    /// The connection of a container to a network, without what changes with each.
    fn endpoint(&self, name: &str, network: &str) -> Value {
        let text = self
            .see(name, &format!("{{{{json (index .NetworkSettings.Networks \"{network}\")}}}}"));
        let mut endpoint: Value = serde_json::from_str(&text).unwrap();
        for name in ["EndpointID", "MacAddress"] {
            endpoint.as_object_mut().unwrap().remove(name);
        }
        endpoint
    }

    /// Whether a connection to an address of the engine's network is taken within a second.
    fn answers(&self, address: &str) -> bool {
        let mut probe = self.engine.inside("timeout");
        probe.args(["1", "bash", "-c", &format!("exec 3<>/dev/tcp/{address}/80")]);
        probe.output().unwrap().status.success()
    }

    /// The same, once what was there before is forgotten: hosts remember for seconds that nobody
    /// was at an address.
    fn comes_to_answer(&self, address: &str) -> bool {
        (0..10).any(|_| self.answers(address))
    }

    fn names(&self) -> Vec<String> {
        let names = self.engine.ask(&["ps", "-a", "--format", "{{.Names}}"]);
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

const SLEEP: &[&str] = &["sleep", "3600"];
const LISTEN: &[&str] = &["httpd", "-f", "-p", "80"];

#[tokio::test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
async fn containers_break_and_are_whole_again() {
    let Some(bench) = Bench::start().await else { return };
    stop_kill_pause_restart(&bench).await;
    cpu_limit(&bench).await;
    disconnect(&bench).await;
    new_address(&bench).await;
    fixed_address(&bench).await;
    refusals(&bench).await;
    recovery(&bench).await;
}

async fn stop_kill_pause_restart(bench: &Bench) {
    let options = ["--network", "none", "--restart", "always"];
    let one = bench.create("api", 1, &options, SLEEP);
    let two = bench.create("api", 2, &options, SLEEP);
    for (act, status) in [("stop", "exited"), ("kill", "exited"), ("pause", "paused")] {
        let grace = if act == "stop" { json!({"grace_s": 0}) } else { json!({}) };
        let active = bench.inject(act, "api", grace).await;
        assert_eq!(active.targets.len(), 2);
        assert_eq!((bench.status(&one), bench.status(&two)), (status.into(), status.into()));
        bench.heal(active).await;
        assert_eq!((bench.status(&one), bench.status(&two)), ("running".into(), "running".into()));
    }
    let (before, other) = (bench.see(&one, "{{.State.Pid}}"), bench.see(&two, "{{.State.Pid}}"));
    let active = bench.inject("restart", "api", json!({"grace_s": 0, "number": 1})).await;
    assert_eq!(active.targets.len(), 1, "only the one of that number");
    assert_ne!(bench.see(&one, "{{.State.Pid}}"), before);
    assert_eq!(bench.see(&two, "{{.State.Pid}}"), other);
    bench.heal(active).await;
}

/// Share of a processor that a container used in a second.
fn share(bench: &Bench, name: &str) -> f64 {
    let pid = bench.see(name, "{{.State.Pid}}");
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (begin, before) = (Instant::now(), ticks());
    std::thread::sleep(Duration::from_millis(1500));
    (ticks() - before) as f64 / 100.0 / begin.elapsed().as_secs_f64()
}

async fn cpu_limit(bench: &Bench) {
    let busy = ["sh", "-c", "while :; do :; done"];
    let free = bench.create("busy", 1, &["--network", "none"], &busy);
    let limited = bench.create("half", 1, &["--network", "none", "--cpus", "0.5"], &busy);
    for (service, name) in [("busy", &free), ("half", &limited)] {
        let active = bench.inject("cpu-limit", service, json!({"cpus": 0.1})).await;
        let throttled = share(bench, name);
        bench.heal(active).await;
        let healed = share(bench, name);
        println!("{service}: {throttled:.3} of a processor with a limit of 0.1, then {healed:.3}");
        assert!((0.02..0.16).contains(&throttled), "{throttled}");
        assert!(healed > throttled * 1.5, "{healed}");
    }
    assert_eq!(bench.see(&limited, "{{.HostConfig.NanoCpus}}"), "500000000");
    assert_eq!(bench.see(&free, "{{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}"), "0 -1");
    bench.engine.ask(&["rm", "-f", &free, &limited]);
}

async fn disconnect(bench: &Bench) {
    bench.engine.ask(&["network", "create", "shop_back"]);
    bench.engine.ask(&["network", "create", "--subnet", "10.79.0.0/24", "shop_front"]);
    let name =
        bench.create("web", 1, &["--network", "shop_back", "--network-alias", "web"], LISTEN);
    bench.engine.ask(&[
        "network",
        "connect",
        "--ip",
        "10.79.0.9",
        "--alias",
        "www",
        "shop_front",
        &name,
    ]);
    let ambiguous = bench.try_inject(json!({"kind": "container", "act": "disconnect",
        "project": "shop", "service": "web"}));
    let why = ambiguous.await.unwrap_err().to_string();
    assert!(why.contains("say which `network`") && why.contains("shop_front"), "{why}");
    for network in ["back", "front"] {
        let full = format!("shop_{network}");
        let before = bench.endpoint(&name, &full);
        let address = bench.address(&name, &full);
        assert!(bench.comes_to_answer(&address), "{address} answers");
        let active = bench.inject("disconnect", "web", json!({"network": network})).await;
        assert!(!bench.answers(&address), "{address} is gone");
        bench.heal(active).await;
        assert_eq!(bench.endpoint(&name, &full), before);
        assert!(bench.comes_to_answer(&address), "{address} answers again");
    }
    bench.engine.ask(&["rm", "-f", &name]);
}

async fn new_address(bench: &Bench) {
    let services = ["aa", "bb", "cc", "dd"];
    let names: Vec<String> = services
        .iter()
        .map(|service| bench.create(service, 1, &["--network", "shop_back"], LISTEN))
        .collect();
    // A gap below: the address that a container gets when it starts now.
    bench.engine.ask(&["rm", "-f", &names[0]]);
    let before = bench.endpoint(&names[1], "shop_back");
    let old = bench.address(&names[1], "shop_back");
    let containers = bench.names();
    let active = bench.inject("new-address", "bb", json!({"grace_s": 0})).await;
    let new = bench.address(&names[1], "shop_back");
    assert_ne!(new, old);
    assert!(bench.comes_to_answer(&new), "{new} answers");
    assert!(!bench.answers(&old), "{old} is dead");
    assert_eq!(bench.names(), containers, "no placeholder stays");
    bench.heal(active).await;
    assert_eq!(bench.endpoint(&names[1], "shop_back"), before);
    assert!(bench.comes_to_answer(&old));
    assert_eq!(bench.names(), containers);
    let images = bench.engine.ask(&["images", "--format", "{{.Repository}}"]);
    assert!(images.lines().all(|image| image == IMAGE), "{images}");

    // Where another took the old address meanwhile, it comes back all the same.
    let active = bench.inject("new-address", "bb", json!({"grace_s": 0})).await;
    bench.create("ee", 1, &["--network", "shop_back"], LISTEN);
    let thief = bench.create("ff", 1, &["--network", "shop_back"], LISTEN);
    assert_eq!(bench.address(&thief, "shop_back"), old);
    bench.heal(active).await;
    assert_eq!(bench.status(&names[1]), "running");
    println!("comes back at {}", bench.address(&names[1], "shop_back"));
}

async fn fixed_address(bench: &Bench) {
    let name = bench.create(
        "fixed",
        1,
        &["--network", "shop_front", "--ip", "10.79.0.20", "--network-alias", "fixed"],
        LISTEN,
    );
    let before = bench.endpoint(&name, "shop_front");
    let active = bench.inject("new-address", "fixed", json!({"grace_s": 0})).await;
    let new = bench.address(&name, "shop_front");
    assert_ne!(new, "10.79.0.20");
    assert!(bench.comes_to_answer(&new) && !bench.answers("10.79.0.20"));
    bench.heal(active).await;
    assert_eq!(bench.endpoint(&name, "shop_front"), before);
    assert!(bench.comes_to_answer("10.79.0.20"));
}

async fn refusals(bench: &Bench) {
    bench.engine.ask(&["run", "-d", "--network", "none", "--name", "other", IMAGE, "sleep", "99"]);
    bench.create("brief", 1, &["--network", "none", "--rm"], SLEEP);
    let why = async |fault: Value| bench.try_inject(fault).await.unwrap_err().to_string();
    let text = why(json!({"kind": "container", "act": "kill", "name": "other"})).await;
    assert!(text.contains("belongs to no Compose project"), "{text}");
    let text = why(json!({"kind": "container", "act": "kill", "name": "nobody"})).await;
    assert!(text.contains("No such container"), "{text}");
    let fault = json!({"kind": "container", "act": "kill", "project": "shop", "service": "nobody"});
    let text = why(fault).await;
    assert!(text.contains("there is no service nobody of project shop"), "{text}");
    let fault = json!({"kind": "container", "act": "kill", "project": "shop", "service": "brief"});
    let text = why(fault).await;
    assert!(text.contains("`--rm`"), "{text}");
    let fault =
        json!({"kind": "container", "act": "disconnect", "project": "shop", "service": "brief"});
    let text = why(fault).await;
    assert!(text.contains("is in no network"), "{text}");
    assert_eq!(bench.records(), 0);
}

/// Without a watchdog the faults of a killed run stay until somebody recovers.
async fn recovery(bench: &Bench) {
    let journal = bench.dir.path().join("other");
    let mut options = options(&bench.engine, &journal);
    options.watchdog = Watchdog::Off;
    let injector = Injector::open(options).await.unwrap();
    let fault = |act: &str, number: u32| -> Injection {
        serde_json::from_value(json!({"kind": "container", "act": act, "project": "shop",
            "service": "api", "number": number}))
        .unwrap()
    };
    injector.inject(&fault("pause", 1), LONG).await.unwrap();
    injector.inject(&fault("kill", 2), LONG).await.unwrap();
    drop(injector);
    bench.engine.ask(&["rm", "-f", "shop-api-2"]);
    let report = recover(&journal).await;
    assert_eq!(report.healed.len(), 1, "{report:?}");
    assert_eq!(report.healed[0].fault, "pause of container shop-api-1");
    assert_eq!(report.whole.len(), 1, "{report:?}");
    assert!(report.whole[0].why.contains("does not exist any more"), "{report:?}");
    assert_eq!(bench.status("shop-api-1"), "running");
    assert_eq!(recover(&journal).await, wonin_fault::undo::RecoverReport::default());
}
