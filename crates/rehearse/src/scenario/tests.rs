//! Scenario files as people write them, right and wrong.

use super::*;
use serde_json::json;

const GOOD: &str = r#"
[scenario]
name = "slow database"
seed = 7
clients = ["warm", "cold"]

[[proxy]]
name = "db"
upstream = "127.0.0.1:5432"

[[workload]]
name = "shop"
kind = "http"
url = "http://${proxy.db}/health"
rate = 20

[[fault]]
name = "slow"
kind = "tcp"
proxy = "db"
at = "5s"
for = "10s"
type = "latency"
attributes = { latency = 3000, jitter = 50 }

[[fault]]
name = "gone"
kind = "container"
container = "shop-db-1"
runs = ["stop", "kill"]
at = "7s"
for = "2s"

[[expect]]
name = "it works"
success_at_least = "99%"

[[expect]]
name = "nothing is lost"
recovered_within = "10s"

[abort]
success_below = 0.1
for = "3s"

[limits]
total = "2m"
"#;

fn wrong(text: &str) -> Vec<String> {
    let problems = Scenario::parse("s.toml", text, &[]).expect_err("it is wrong");
    problems
        .iter()
        .map(|problem| match &problem.hint {
            Some(hint) => format!("{problem}; {hint}"),
            None => problem.to_string(),
        })
        .collect()
}

/// The good scenario with one text replaced.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    wrong(&GOOD.replacen(from, to, 1))
}

/// Text that is replaced, by what, and what is to be said of it.
type Change = (&'static str, &'static str, &'static str);

fn check_all(changes: &[Change]) {
    let mut missed = Vec::new();
    for (from, to, expected) in changes {
        let found = changed(from, to);
        if !found.iter().any(|one| one == expected) {
            missed.push(format!("{to}: {found:#?}"));
        }
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn a_scenario_is_read() {
    let scenario = Scenario::parse("s.toml", GOOD, &[]).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.seed), ("slow database", 7));
    assert_eq!(scenario.breaks_at(), Duration::from_secs(5));
    assert_eq!(scenario.heals_at(), Duration::from_secs(15));
    assert_eq!(scenario.expects[0].phases, [Phase::Before, Phase::During, Phase::After]);
    assert_eq!(scenario.expects[1].phases, [Phase::After]);
    let FaultAct::Tcp { proxy, fault } = &scenario.faults[0].acts[0].1 else { panic!() };
    assert_eq!((proxy.as_str(), fault.kind.as_str()), ("db", "latency"));
    assert_eq!(scenario.aborts.len(), 1);
}

#[test]
fn stop_and_kill_warm_and_cold_are_runs_of_their_own() {
    let scenario = Scenario::parse("s.toml", GOOD, &[]).unwrap();
    let labels: Vec<String> = scenario.runs().into_iter().map(|run| run.label).collect();
    assert_eq!(
        labels,
        ["stop, warm clients", "stop, cold clients", "kill, warm clients", "kill, cold clients"]
    );
    let run = &scenario.runs()[2];
    let FaultAct::Inject(injection) = &run.acts[1] else { panic!() };
    assert_eq!(injection.to_string(), "kill of container shop-db-1");
}

#[test]
fn errors_have_a_line_and_say_what_to_do() {
    check_all(&[
        (
            "upstream =",
            "upsteam =",
            "s.toml:9:1: `[[proxy]]` has no key `upsteam`; did you mean `upstream`?",
        ),
        (
            "proxy = \"db\"",
            "proxi = \"db\"",
            "s.toml:20:1: `[[fault]]` has no key `proxi`; did you mean `proxy`?",
        ),
        (
            "at = \"5s\"",
            "at = 5",
            "s.toml:21:6: `at` must be a time with its unit in quotes, as \"5s\" or \"300ms\"",
        ),
        (
            "\"latency\"\n",
            "\"latenzy\"\n",
            "s.toml:23:8: `latenzy` is not known as `type`; there is `latency`, `bandwidth`, `slow_close`, `timeout`, `reset_peer`, `slicer`, `limit_data`, `refuse`, `silence`; did you mean `latency`?",
        ),
        (
            "latency = 3000",
            "latency = \"3s\"",
            "s.toml:24:14: `attributes.latency` must be a whole number, not \"3s\"",
        ),
        (
            "jitter = 50",
            "jiter = 50",
            "s.toml:24:14: `latency` has no attribute `jiter`; it has `jitter`, `latency`",
        ),
        (
            "kind = \"tcp\"",
            "kind = \"udp\"",
            "s.toml:19:8: `udp` is not known as `kind`; there is `tcp`, `kafka`, `process`, `container`; did you mean `tcp`?",
        ),
        (
            "[\"stop\", \"kill\"]",
            "[\"stop\", \"kil\"]",
            "s.toml:26:1: `[[fault]]`: unknown act `kil`: there is `stop`, `kill`, `pause`, `restart`, `new-address`, `disconnect`, `cpu-limit`",
        ),
        (
            "${proxy.db}",
            "${proxy.bd}",
            "s.toml:14:7: `${proxy.bd}` stands for nothing; did you mean `${proxy.db}`?",
        ),
        (
            "\"99%\"",
            "1.5",
            "s.toml:36:20: `success_at_least` must be a share from 0 to 1, or \"99%\"",
        ),
        (
            "name = \"gone\"",
            "name = \"slow\"",
            "s.toml:27:8: there is already a `[[fault]]` of the name `slow`; choose another name",
        ),
        (
            "at = \"5s\"",
            "at = \"100ms\"",
            "s.toml:21:6: the fault comes after 100 ms, too early to see a steady state; give the steady state some seconds: `at = \"5s\"`",
        ),
        (
            "total = \"2m\"",
            "total = \"10s\"",
            "s.toml:47:9: a run takes 20 s at least, more than `total` (10 s); raise `total` in `[limits]`, or shorten the faults",
        ),
        ("rate = 20", "rate = 20\nrate = 30", "s.toml:16:1: this is not TOML: duplicate key"),
    ]);
}

/// What could have no effect, never hold or never be sent is told before anything starts.
#[test]
fn what_cannot_work_is_told_beforehand() {
    check_all(&[
        (
            "success_at_least = \"99%\"",
            "tcp = \"${proxy.db.host}\"",
            "s.toml:36:7: `tcp` must be HOST:PORT, as \"127.0.0.1:8080\"",
        ),
        (
            "[abort]",
            "[[process]]\nname = \"p\"\ncommand = [\"x\"]\nready = \"localhost\"\n\n[abort]",
            "s.toml:45:9: `ready` must be HOST:PORT, as \"127.0.0.1:8080\"",
        ),
        (
            "rate = 20",
            "rate = 20\ntimeout = \"0s\"",
            "s.toml:16:11: `timeout` must be longer than nothing",
        ),
        (
            "rate = 20",
            "rate = 20\nmethod = \"GE T\"",
            "s.toml:16:10: `method`: `GE T` is no method of HTTP",
        ),
        (
            "rate = 20",
            "rate = 20\nheaders = { \"a b\" = \"c\" }",
            "s.toml:16:11: `headers`: header `a b` cannot be sent",
        ),
        (
            "rate = 20",
            "rate = 20\nmatches = \"(\"",
            "s.toml:16:11: `matches` is no regular expression: unclosed group",
        ),
        (
            "latency = 3000, jitter = 50",
            "",
            "s.toml:24:14: `latency` does nothing without `latency`, or `jitter`, among its `attributes`",
        ),
        (
            "type = \"latency\"",
            "type = \"latency\"\ntoxicity = 0",
            "s.toml:24:12: `toxicity` must be above 0 and at most 1, not 0",
        ),
        (
            "seed = 7",
            "steady = \"2m\"",
            "s.toml:4:10: the steady state must hold for 120 s to be back, longer than it is waited for: `recovery` is 60 s; shorten `steady`, or raise `recovery` in `[limits]`",
        ),
        (
            "recovered_within = \"10s\"",
            "lost_at_most = 0",
            "s.toml:38:1: no workload counts records; add a `[[workload]]` with `kind = \"kafka\"`",
        ),
    ]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let found = wrong("[scenario]\nnam = \"x\"\n\n[[fault]]\nkind = \"tcp\"\n\n[[exspect]]\n");
    assert_eq!(found.len(), 7, "{found:#?}");
}

/// What was not read yet when something else was found wrong is not taken for unknown.
#[test]
fn what_is_right_beside_something_wrong_is_not_blamed() {
    let found = changed("rate = 20", "rate = 1e9\ntimeout = \"1s\"");
    assert_eq!(found, ["s.toml:15:8: `rate` is at most 20000 requests each second"]);
    let check = "success_at_least = \"99%\"";
    let found = changed(check, &format!("workload = \"shop\"\n{check}\nno_failures = true"));
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = changed("rate = 20", "rate = 1e9\ntimout = \"1s\"\nheaders = {}");
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = changed("rate = 20", "rate = 20\nnane = \"x\"");
    assert!(found[0].contains("; its keys are `name`, `kind`"), "{found:#?}");
    let found = changed("rate = 20", "raet = 20\ncolour = \"red\"");
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn an_unknown_act_is_told_where_it_stands() {
    let fault = "[[process]]\nname = \"p\"\ncommand = [\"sleep\", \"9\"]\n[[fault]]\nname = \"k\"\n\
                 kind = \"process\"\nprocess = \"p\"\nact = \"pausee\"\nat = \"6s\"\nfor = \"3s\"\n";
    let found = wrong(&format!("{GOOD}{fault}"));
    let expected = "s.toml:55:7: unknown variant `pausee` in `[[fault]]`; did you mean `pause`?";
    assert_eq!(found, [expected]);
}

#[test]
fn a_fault_as_long_as_a_timeout_is_refused() {
    let tie = "s.toml:24:14: a delay of 5 s is exactly `timeout` (workload `shop`): which comes \
               first is left to luck; take at most half of it or at least twice as much; \
               `allow_tie = true` if the tie itself is what you want to see";
    assert_eq!(changed("latency = 3000", "latency = 5000"), [tie]);
    let allowed = GOOD.replacen("latency = 3000", "latency = 5000", 1);
    let allowed = allowed.replacen("type = \"latency\"", "type = \"latency\"\nallow_tie = true", 1);
    Scenario::parse("s.toml", &allowed, &[]).unwrap();
    let known = KnownTimeout {
        name: "connection-timeout".to_owned(),
        lasts: Duration::from_secs(2),
        source: "application.yml:4".to_owned(),
    };
    let problems = Scenario::parse("s.toml", GOOD, &[known]).unwrap_err();
    assert_eq!(
        problems[0].what,
        "an outage of 2 s is exactly `connection-timeout` (application.yml:4): which comes first \
         is left to luck"
    );
}

#[test]
fn a_scenario_that_proves_nothing_is_refused() {
    let text =
        GOOD.replace("success_at_least = \"99%\"", "success_at_least = \"99%\"\nphase = \"after\"");
    let found = wrong(&text);
    assert!(found[0].contains("nothing is expected before the fault"), "{found:?}");
    let found = wrong("[scenario]\nname = \"x\"\n");
    assert!(found.iter().any(|one| one.contains("breaks nothing")), "{found:?}");
}

#[test]
fn faults_of_other_kinds_take_the_words_of_their_crates() {
    let kafka = GOOD.replace("[[proxy]]", "[kafka]\nbootstrap = \"127.0.0.1:9092\"\n\n[[proxy]]");
    let fault = "[[fault]]\nname = \"k\"\nkind = \"kafka\"\nat = \"6s\"\nfor = \"3s\"\n\
                 on = { api = \"Produce\" }\nact = { type = \"lose_response\" }\n";
    let scenario = Scenario::parse("s.toml", &format!("{kafka}\n{fault}"), &[]).unwrap();
    let expected =
        serde_json::from_value(json!({"on": {"api": "Produce"}, "act": "lose_response"}));
    assert_eq!(scenario.faults[2].acts[0].1, FaultAct::Kafka(expected.unwrap()));
    let found = wrong(&format!("{kafka}\n{}", fault.replace("Produce", "Prodce")));
    assert!(found[0].contains("`Prodce` is no API"), "{found:?}");
    let found =
        wrong(&format!("{kafka}\n{}", fault.replace("\"Produce\"", "\"Produce\", nth = 0")));
    assert!(found[0].ends_with("`[[fault]]`: `nth` must be 1 or more"), "{found:?}");
    let found =
        wrong(&format!("{kafka}\n{}", fault.replace("\"lose_response\"", "\"delay\", ms = 0")));
    assert!(found[0].ends_with("`ms` or `jitter_ms` must be 1 or more"), "{found:?}");
    let process = "[[process]]\nname = \"p\"\ncommand = [\"sleep\", \"9\"]\n[[fault]]\nname = \"k\"\n\
                   kind = \"process\"\nprocess = \"p\"\nact = \"pause\"\nat = \"6s\"\nfor = \"3s\"\n";
    let scenario = Scenario::parse("s.toml", &format!("{GOOD}\n{process}"), &[]).unwrap();
    let expected = json!({"kind": "process", "act": "pause"});
    let own = FaultAct::Own { process: "p".to_owned(), words: expected };
    assert_eq!(scenario.faults[2].acts[0].1, own);
}

#[test]
fn a_url_that_nobody_can_ask_is_refused() {
    let found = changed("http://${proxy.db}/health", "ftp://${proxy.db}/");
    let expected = "s.toml:14:7: `url`: it must begin with `http://` or `https://`";
    assert_eq!(found, [expected]);
}

#[test]
fn whom_to_believe_is_said_of_tls_alone_and_once() {
    let url = "url = \"http://${proxy.db}/health\"";
    let found = changed(url, &format!("{url}\nca = \"ca.pem\""));
    assert_eq!(found, ["s.toml:15:6: `ca` is for `https://`, and the URL has none"]);
    let secure = "url = \"https://${proxy.db}/\"\n";
    let found = changed(url, &format!("{secure}ca = \"ca.pem\"\nverify = false"));
    let expected = "s.toml:16:10: `verify = false` believes everybody, and `ca` only some; leave \
                    one of them out";
    assert_eq!(found, [expected]);
    let found = changed(url, &format!("{secure}server_name = \"no name\""));
    assert_eq!(found, ["s.toml:15:15: `no name` is no name of a server"]);
}

#[test]
fn what_is_looked_at_too_seldom_is_refused() {
    let found = changed("rate = 20", "rate = 0.1");
    let expected = "s.toml:15:8: once in 10 s is too seldom to be seen within `steady`, 2 s; look \
                    more often, or lengthen `steady`";
    assert_eq!(found, [expected]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40),
        noise in ".{0,40}",
        cut in 0_usize..1000,
    ) {
        let mut text = pieces.concat();
        text.push_str(&noise);
        let end = (0..=cut.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        for text in [text.as_str(), &text[..end.unwrap_or(0)]] {
            if let Err(problems) = Scenario::parse("s.toml", text, &[]) {
                assert!(!problems.is_empty(), "something is wrong and it is not said what: {text}");
            }
        }
    }
}

const PIECES: &[&str] = &[
    "[scenario]\n",
    "[[proxy]]\n",
    "[kafka]\n",
    "[[process]]\n",
    "[[workload]]\n",
    "[[fault]]\n",
    "[[expect]]\n",
    "[abort]\n",
    "[limits]\n",
    "name = \"a\"\n",
    "kind = \"http\"\n",
    "kind = \"command\"\n",
    "kind = \"kafka\"\n",
    "kind = \"tcp\"\n",
    "kind = \"process\"\n",
    "kind = \"container\"\n",
    "url = \"http://${proxy.a}/\"\n",
    "upstream = \"127.0.0.1:1\"\n",
    "proxy = \"a\"\n",
    "type = \"latency\"\n",
    "attributes = { latency = 1 }\n",
    "at = \"5s\"\n",
    "for = \"1s\"\n",
    "act = \"pause\"\n",
    "act = { type = \"delay\", ms = 5 }\n",
    "pid = 1\n",
    "runs = [\"stop\", \"kill\"]\n",
    "runs = []\n",
    "clients = [\"cold\"]\n",
    "clients = []\n",
    "success_at_least = 1\n",
    "p99_below = \"1s\"\n",
    "tcp = \"127.0.0.1:1\"\n",
    "for = 3\n",
    "command = [\"a\"]\n",
    "bootstrap = \"127.0.0.1:9092\"\n",
    "success_below = 0.5\n",
    "phase = []\n",
    "recovered_within = \"1s\"\n",
    "rate = 1e300\n",
    "rate = 1e-300\n",
    "every = \"0s\"\n",
    "total = \"0s\"\n",
    "steady = \"0s\"\n",
    "seed = -1\n",
    "workload = \"b\"\n",
    "= 3\n",
    "\"",
];

/// What the documentation shows is understood, and the example is a scenario.
#[test]
fn the_documentation_is_understood() {
    let page = include_str!("../../../../docs/scenarios/README.md");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scenario = Scenario::parse("README.md", block, &[]).unwrap_or_else(|p| panic!("{p:#?}"));
    assert_eq!((scenario.workloads.len(), scenario.faults.len()), (4, 4));
    assert_eq!(scenario.runs().len(), 4);
    let example = include_str!("../../../../docs/scenarios/slow-upstream.toml");
    Scenario::parse("slow-upstream.toml", example, &[]).unwrap();
}
