//! The Kafka workload against real brokers: nothing is called wrong where nothing is, and what
//! really goes wrong is found. Run by `./test`, or
//! `cargo test -p wonin-rehearse --test kafka_workload -- --ignored --test-threads 1`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wonin_model::rehearsal::Delivery;
use wonin_rehearse::ledger::{Call, Outcome as Committed};
use wonin_rehearse::workload::kafka::{ExternalSpec, Records, RecordsSpec, Report};
use wonin_rehearse::workload::{Context, Meter, Outcome, Workload as _};
use wonin_testbed::available;
use wonin_testbed::kafka::{Cluster, Options};

const NET: u8 = 44;

fn cluster(brokers: u16, properties: &[(&str, &str)]) -> Option<Cluster> {
    let properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let options = Options { brokers, net: NET, properties, fast_failover: true };
    available(Cluster::start(&options))
}

fn context(run_id: &str) -> Context {
    let meter = Arc::new(Meter::new(Instant::now()));
    Context { meter, seed: 7, run_id: run_id.to_owned(), allow_remote: false }
}

fn spec(cluster: &Cluster) -> RecordsSpec {
    let bootstrap = cluster.bootstrap().split(',').map(str::to_owned).collect();
    RecordsSpec { per_second: 100.0, report: Report::wanted(), ..RecordsSpec::at(bootstrap) }
}

fn delivery(outcome: Outcome) -> Delivery {
    assert_eq!(outcome.remarks, Vec::<String>::new());
    outcome.delivery.expect("records are counted")
}

fn bad(delivery: &Delivery) -> Vec<&'static str> {
    delivery.anomalies.iter().filter(|found| found.is_bad).map(|found| found.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka"]
async fn all_records_arrive_while_nothing_is_broken() {
    let Some(cluster) = cluster(1, &[]) else { return };
    let mut records = Records::new(RecordsSpec { consumers: 2, producers: 2, ..spec(&cluster) });
    let context = context("whole");
    records.start(context.clone()).await.expect("brokers are there");
    sleep(Duration::from_secs(4)).await;
    records.chill().await.expect("fresh clients");
    sleep(Duration::from_secs(3)).await;
    let seen = context.meter.between(Duration::ZERO, Duration::from_mins(1));
    let delivery = delivery(records.stop().await);
    println!("{delivery:?}\n{:?}", records.settled().lines);
    assert_eq!((delivery.lost, delivery.duplicated, delivery.not_delivered), (0, 0, 0));
    assert_eq!(bad(&delivery), Vec::<&str>::new());
    assert!(delivery.acknowledged > 500, "{delivery:?}");
    assert_eq!(seen.failures, 0, "{:?}", seen.errors);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka"]
async fn three_copies_survive_the_loss_of_a_broker() {
    let replicated = [("default.replication.factor", "3"), ("min.insync.replicas", "2")];
    let Some(mut cluster) = cluster(3, &replicated) else { return };
    let idempotent = BTreeMap::from([
        ("enable.idempotence".to_owned(), "true".to_owned()),
        ("socket.timeout.ms".to_owned(), "3000".to_owned()),
    ]);
    let wanted = RecordsSpec { partitions: Some(6), producer: idempotent, ..spec(&cluster) };
    let mut records = Records::new(wanted);
    records.start(context("copies")).await.expect("brokers are there");
    assert!(records.placement().iter().all(|(_, copies)| copies.len() == 3));
    sleep(Duration::from_secs(3)).await;
    tokio::task::block_in_place(|| cluster.kill(1));
    sleep(Duration::from_secs(8)).await;
    tokio::task::block_in_place(|| cluster.restart(1));
    sleep(Duration::from_secs(3)).await;
    let delivery = delivery(records.stop().await);
    println!("{delivery:?}\n{:?}", records.settled().lines);
    assert_eq!((delivery.lost, delivery.duplicated, delivery.not_delivered), (0, 0, 0));
    assert_eq!(delivery.reordered, 0);
    assert_eq!(bad(&delivery), Vec::<&str>::new());
    assert!(delivery.acknowledged > 1000, "{delivery:?}");
}

/// Whether it was committed is known of every transaction, also of those that were open while a
/// broker stood still or was gone; what was rolled back is read by nobody.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka"]
async fn transactions_are_whole_while_brokers_stand_still_and_go() {
    let replicated = [("default.replication.factor", "3"), ("min.insync.replicas", "2")];
    let Some(mut cluster) = cluster(3, &replicated) else { return };
    let timeouts = [("socket.timeout.ms", "3000"), ("delivery.timeout.ms", "4000")];
    let timeouts = timeouts.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wanted = RecordsSpec {
        partitions: Some(6),
        producers: 2,
        producer: timeouts.into(),
        // A member whose farewell found no coordinator is missed soon.
        consumer: BTreeMap::from([("session.timeout.ms".to_owned(), "6000".to_owned())]),
        transaction_records: Some(10),
        ..spec(&cluster)
    };
    let mut records = Records::new(wanted);
    let context = context("transactions");
    records.start(context.clone()).await.expect("brokers are there");
    sleep(Duration::from_secs(4)).await;
    let before = context.meter.between(Duration::ZERO, Duration::from_mins(1));
    assert!(before.successes > 100 && before.failures == 0, "{before:?}");
    cluster.pause(1);
    sleep(Duration::from_secs(7)).await;
    cluster.resume(1);
    sleep(Duration::from_secs(4)).await;
    // As a process that is killed: the next one of its name rolls back what it left open.
    records.chill().await.expect("fresh clients");
    tokio::task::block_in_place(|| cluster.kill(2));
    sleep(Duration::from_secs(7)).await;
    tokio::task::block_in_place(|| cluster.restart(2));
    let restarted = context.meter.now();
    sleep(Duration::from_secs(5)).await;
    let after = context.meter.between(restarted, Duration::from_mins(5));
    let outcome = records.stop().await;
    let settled = records.settled();
    let delivery = outcome.delivery.expect("records are counted");
    let of = |wanted| {
        let all = settled.history.ops.iter().filter(|op| op.call == Call::Transaction);
        all.filter(|op| op.outcome == wanted).count()
    };
    let (committed, back, open) = (of(Committed::Ok), of(Committed::Fail), of(Committed::Info));
    println!("{committed} committed, {back} rolled back, {open} open\n{delivery:?}");
    println!("{:?}\n{:?}", settled.errors, settled.lines);
    assert_eq!(outcome.remarks, Vec::<String>::new());
    assert!(committed > 100 && after.successes > 50, "{after:?}");
    assert_eq!((delivery.lost, delivery.duplicated, delivery.not_delivered), (0, 0, 0));
    assert_eq!(delivery.reordered, 0);
    assert_eq!(bad(&delivery), Vec::<&str>::new());
}

/// An out-of-sync copy becomes leader: what only the other one had is gone, and that is found.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka"]
async fn what_an_unclean_election_loses_is_found() {
    let careless = [("unclean.leader.election.enable", "true")];
    let Some(mut cluster) = cluster(4, &careless) else { return };
    let wanted = RecordsSpec {
        partitions: Some(1),
        replication: Some(2),
        drain: Duration::from_secs(5),
        consumers: 0,
        ..spec(&cluster)
    };
    let mut records = Records::new(wanted);
    records.start(context("unclean")).await.expect("brokers are there");
    let (leader, copies) = records.placement()[0].clone();
    let follower = copies.into_iter().find(|copy| *copy != leader).expect("two copies");
    let (leader, follower) = (leader as u16, follower as u16);
    sleep(Duration::from_secs(2)).await;
    tokio::task::block_in_place(|| cluster.kill(follower));
    // The in-sync set shrinks, then the leader alone takes records.
    sleep(Duration::from_secs(6)).await;
    tokio::task::block_in_place(|| {
        cluster.kill(leader);
        cluster.restart(follower);
    });
    sleep(Duration::from_secs(4)).await;
    let outcome = records.stop().await;
    let delivery = outcome.delivery.expect("records are counted");
    println!("{delivery:?}");
    assert!(delivery.lost > 100, "{delivery:?}");
    assert!(bad(&delivery).contains(&"lost-write"), "{delivery:?}");
}

/// A Java client's acknowledgements and reads go into the same ledger.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka"]
async fn a_java_client_is_judged_with_the_same_ledger() {
    let Some(cluster) = cluster(1, &[]) else { return };
    let Some(args) = available(wonin_testbed::kafka::java_args()) else { return };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/Records.java");
    let mut command = vec!["java".to_owned()];
    command.extend(args.iter().map(|arg| arg.to_string_lossy().into_owned()));
    command.push(source.display().to_string());
    let wanted = RecordsSpec {
        producers: 0,
        consumers: 0,
        external: vec![ExternalSpec { command, dir: None }],
        ..spec(&cluster)
    };
    let mut records = Records::new(wanted);
    records.start(context("java")).await.expect("brokers are there");
    sleep(Duration::from_secs(8)).await;
    let delivery = delivery(records.stop().await);
    println!("{delivery:?}\n{:?}", records.settled().lines);
    assert!(delivery.acknowledged > 100, "{delivery:?}");
    assert_eq!((delivery.lost, delivery.duplicated, delivery.not_delivered), (0, 0, 0));
    assert_eq!(bad(&delivery), Vec::<&str>::new());
}
