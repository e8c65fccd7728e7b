//! Real servers for the tests of the other crates: started in places of their own, waited for with
//! a bound, ended whatever happens. Where one cannot be started, the reason is given.
//!
//! Only tests use this crate. Every function blocks, has a limit of time, and fails as tests fail:
//! with a panic that shows the end of the server's log. [`Skip`] is for machines that lack
//! something, such as a JVM or the right to make a network namespace; a server that is there and
//! does not start is a failure, never a reason to skip.
#![allow(clippy::disallowed_methods, reason = "real servers need a clock and the environment")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "a test says why it was skipped")]

mod cache;
pub mod docker;
mod guard;
mod http;
pub mod kafka;
pub mod net;
pub mod pinot;
mod process;
pub mod zookeeper;

use std::fmt;

pub use http::{Answer, Request};
pub use process::{Process, run, tail, wait_until};

/// Why something cannot be started on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was started, or `None` after saying why the test is skipped.
///
/// With `CI` in the environment nothing may be skipped: the reason becomes a failure.
///
/// ```no_run
/// use wonin_testbed::{available, kafka::{Cluster, Options}};
///
/// let Some(cluster) = available(Cluster::start(&Options::default())) else { return };
/// ```
#[allow(clippy::needless_pass_by_value, reason = "the reason is used up")]
pub fn available<T>(started: Result<T, Skip>) -> Option<T> {
    match started {
        Ok(started) => Some(started),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "may not be skipped here: {why}");
            println!("skipped: {why}");
            None
        }
    }
}
