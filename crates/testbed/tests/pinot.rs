//! Pinot itself, for real.
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]

use std::time::{Duration, Instant};

use wonin_testbed::pinot::{Options, Pinot};
use wonin_testbed::{available, wait_until};

#[test]
#[ignore = "needs root, a JVM and Pinot's jars; ./test runs it"]
fn a_table_answers() {
    let begin = Instant::now();
    let Some(pinot) = available(Pinot::start(Options::default())) else { return };
    println!("ready after {:?}", begin.elapsed());
    pinot.load(10);
    let answered = wait_until(Duration::from_secs(30), || {
        pinot.query("select count(*) from visits").body.contains("[[10]]")
    });
    assert!(answered, "{:?}", pinot.query("select count(*) from visits"));
    println!("loaded after {:?}", begin.elapsed());
    println!(
        "{}\n{}\n{}",
        pinot.get("/instances"),
        pinot.list("LIVEINSTANCES"),
        pinot.zookeeper("dump")
    );
}
