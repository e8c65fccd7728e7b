//! `wonin rehearse run` against real brokers: faults on Kafka requests and on a broker's process,
//! with the records counted. Run by `./test`, or
//! `cargo test -p wonin --test rehearse_run_kafka -- --ignored --test-threads 1`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[path = "../../report/tests/support/schema.rs"]
mod schema;
mod support;

use serde_json::Value;
use support::{dir, run};
use wonin_testbed::available;
use wonin_testbed::kafka::{Cluster, Options};

const NET: u8 = 63;

fn cluster(brokers: u16) -> Option<Cluster> {
    let properties = [("min.insync.replicas", "1"), ("default.replication.factor", "2")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    available(Cluster::start(&Options { brokers, net: NET, properties, fast_failover: true }))
}

fn rehearse(text: &str) -> (Option<i32>, Value) {
    let dir = dir([("s.toml", text)]);
    let args = ["--yes", "--allow-foreign", "--journal", "undo", "--format", "json"];
    let answer = run(dir.path(), &[&["rehearse", "run", "s.toml"], &args[..]].concat());
    let value: Value = serde_json::from_str(&answer.out)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", answer.out, answer.err));
    let schema = include_str!("../../../docs/schema/wonin.rehearsal-1.schema.json");
    assert_eq!(schema::problems(&serde_json::from_str(schema).unwrap(), &value), [""; 0]);
    (answer.code, value)
}

fn scenario(cluster: &Cluster, producer: &str, fault: &str) -> String {
    format!(
        "[scenario]\n\
         name = \"records\"\n\
         seed = 7\n\
         after = \"2s\"\n\
         \n\
         [kafka]\n\
         bootstrap = \"{}\"\n\
         \n\
         [[workload]]\n\
         name = \"orders\"\n\
         kind = \"kafka\"\n\
         rate = 50\n\
         partitions = 2\n\
         replication = 2\n\
         producer = {{ {producer} }}\n\
         \n\
         [[fault]]\n\
         name = \"bad\"\n\
         at = \"5s\"\n\
         {fault}\n\
         \n\
         [[expect]]\n\
         name = \"records are taken\"\n\
         phase = [\"before\", \"after\"]\n\
         success_at_least = \"99%\"\n\
         \n\
         [[expect]]\n\
         name = \"nothing is lost\"\n\
         lost_at_most = 0\n\
         \n\
         [[expect]]\n\
         name = \"nothing is doubled\"\n\
         duplicated_at_most = 0\n",
        cluster.bootstrap()
    )
}

fn held(value: &Value, name: &str) -> bool {
    let all = value["expectations"].as_array().unwrap().iter();
    all.filter(|one| one["name"] == name).all(|one| one["held"] == true)
}

/// The broker stores the records and its answer is lost: who sends again doubles them, unless the
/// producer is idempotent.
#[test]
#[ignore = "needs a real Kafka"]
fn a_lost_answer_doubles_records_of_a_producer_that_is_not_idempotent() {
    let Some(cluster) = cluster(2) else { return };
    let fault = "kind = \"kafka\"\n\
                 for = \"4s\"\n\
                 on = { api = \"Produce\", count = 3 }\n\
                 act = \"lose_response\"";
    let (code, value) = rehearse(&scenario(&cluster, "", fault));
    assert_eq!((code, &value["verdict"]), (Some(1), &"broke".into()));
    assert!(!held(&value, "nothing is doubled") && held(&value, "nothing is lost"));
    assert_eq!(value["faults"][0]["target"], "api Produce, count 3");
    assert_eq!(value["faults"][0]["hits"], 3);
    assert!(value["delivery"]["duplicated"].as_u64().unwrap() >= 1);

    let idempotent = "\"enable.idempotence\" = true";
    let (code, value) = rehearse(&scenario(&cluster, idempotent, fault));
    assert_eq!((code, &value["verdict"]), (Some(0), &"held".into()));
    assert_eq!(value["delivery"]["duplicated"], 0);
    assert_eq!(value["faults"][0]["hits"], 3);
}

/// A broker that stands still: its partitions move, and what was acknowledged is there.
#[test]
#[ignore = "needs a real Kafka"]
fn a_paused_broker_of_three_loses_nothing() {
    let Some(cluster) = cluster(3) else { return };
    let pid = cluster.broker(2).pid();
    let fault = format!("kind = \"process\"\nact = \"pause\"\npid = {pid}\nfor = \"9s\"");
    let producer = "\"enable.idempotence\" = true, \"socket.timeout.ms\" = 3000";
    let (code, value) = rehearse(&scenario(&cluster, producer, &fault));
    assert_eq!((code, &value["verdict"]), (Some(0), &"held".into()));
    assert_eq!(value["faults"][0]["target"], format!("pid {pid}"));
    let delivery = &value["delivery"];
    assert_eq!((&delivery["lost"], &delivery["not_delivered"]), (&0.into(), &0.into()));
    assert!(delivery["acknowledged"].as_u64().unwrap() > 500, "{delivery}");
    assert!(value["recovery"]["steady_s"].as_f64().is_some());
}

/// A client that speaks with the proxy and with a broker itself: what it sees proves nothing.
#[test]
#[ignore = "needs a real Kafka"]
fn a_client_that_goes_around_the_proxy_makes_the_run_invalid() {
    let Some(cluster) = cluster(1) else { return };
    let broker = cluster.broker(1).address().replace(':', "/");
    let fault = format!(
        "kind = \"kafka\"\n\
         for = \"3s\"\n\
         act = {{ type = \"latency\", ms = 50 }}\n\
         \n\
         [[workload]]\n\
         name = \"stray\"\n\
         kind = \"command\"\n\
         command = [\"bash\", \"-c\", '''\n\
         all=${{kafka.bootstrap}}; one=${{all%%,*}}\n\
         exec 3<>/dev/tcp/${{one%:*}}/${{one#*:}} 4<>/dev/tcp/{broker}\n\
         while :; do echo fine; sleep 0.2; done''']\n\
         success_line = \"fine\""
    );
    let text = scenario(&cluster, "", &fault).replace("replication = 2", "replication = 1");
    let named = text.replace("success_at_least", "workload = \"orders\"\nsuccess_at_least");
    let (code, value) = rehearse(&named);
    assert_eq!((code, &value["verdict"]), (Some(3), &"invalid".into()), "{value:#}");
    let why = value["why"].as_str().unwrap();
    assert!(why.starts_with("a client went around the proxy: bash (pid "), "{why}");
}

/// What a workload in transactions made of a fault; how many records were sent and acknowledged.
fn in_transactions(fault: &str, hits: u64) -> Option<(Option<i32>, u64, u64)> {
    let cluster = cluster(2)?;
    let text = scenario(&cluster, "\"socket.timeout.ms\" = 3000", fault);
    let (code, value) = rehearse(&text.replace("rate = 50", "rate = 50\ntransactional = true"));
    assert_eq!(value["faults"][0]["hits"], hits, "{value:#}");
    let delivery = &value["delivery"];
    let counts = ["lost", "not_delivered", "duplicated", "reordered"];
    let counts: Vec<i64> = counts.iter().map(|one| delivery[one].as_i64().unwrap()).collect();
    let all = delivery["anomalies"].as_array().unwrap().iter();
    let bad: Vec<&Value> = all.filter(|one| one["bad"] == true).collect();
    assert!(counts == [0; 4] && bad.is_empty(), "{value:#}");
    let count = |name: &str| delivery[name].as_u64().unwrap();
    Some((code, count("sent"), count("acknowledged")))
}

/// Transactions whose records are refused are rolled back and read by nobody.
#[test]
#[ignore = "needs a real Kafka"]
fn transactions_with_refused_records_are_rolled_back() {
    let refused = "kind = \"kafka\"\n\
                   for = \"4s\"\n\
                   on = { api = \"Produce\", count = 3 }\n\
                   act = { type = \"error\", code = \"INVALID_RECORD\" }";
    let Some((code, sent, acknowledged)) = in_transactions(refused, 3) else { return };
    assert!((1..=60).contains(&(sent - acknowledged)), "{acknowledged} of {sent}");
    assert_eq!(code, Some(0));
}

/// A transaction whose decision is taken, and the answer lost, is committed once.
#[test]
#[ignore = "needs a real Kafka"]
fn a_transaction_whose_end_is_not_heard_of_is_committed_once() {
    let torn = "kind = \"kafka\"\n\
                for = \"4s\"\n\
                on = { api = \"EndTxn\", count = 2 }\n\
                act = \"lose_response\"";
    let Some((_, sent, acknowledged)) = in_transactions(torn, 2) else { return };
    assert!(acknowledged > 100 && sent - acknowledged <= 20, "{acknowledged} of {sent}");
}

/// A program in the place of the clients carries the mark of its run, as what it starts does, so
/// that it is ended and found.
#[test]
#[ignore = "needs a real Kafka"]
fn a_program_carries_the_mark_of_its_run() {
    let Some(cluster) = cluster(1) else { return };
    let fault = "kind = \"kafka\"\nfor = \"2s\"\nact = { type = \"latency\", ms = 50 }";
    let program = "program = [\"sh\", \"-c\", \"env > environment; setsid sleep 321.87 & cat\"]";
    let text = scenario(&cluster, "", fault)
        .replace("replication = 2", &format!("replication = 1\n{program}"));
    let dir = dir([("s.toml", text.as_str())]);
    let args = ["rehearse", "run", "s.toml", "--yes", "--journal", "undo"];
    // It sends nothing, so that there is no steady state.
    assert_eq!(run(dir.path(), &args).code, Some(3));
    let environment = std::fs::read_to_string(dir.path().join("environment")).unwrap();
    assert!(environment.lines().any(|line| line.starts_with("WONIN_RUN=")), "{environment}");
    assert!(environment.lines().any(|line| line.starts_with("WONIN_BOOTSTRAP=127.0.0.1:")));
    let is_left = || {
        let found = std::process::Command::new("pgrep").args(["-f", "sleep 321.87"]).output();
        !found.unwrap().stdout.is_empty()
    };
    let begin = std::time::Duration::from_millis(100);
    let gone = (0..50).any(|_| {
        std::thread::sleep(begin);
        !is_left()
    });
    assert!(gone, "what the program started outlives the run");
}
