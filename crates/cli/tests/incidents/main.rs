//! The incidents that wonin exists for, made to happen with real servers.
//!
//! Each test is a story: a stack as a team runs it, what is done to it, what everybody sees, and
//! what `wonin diagnose` says to what they could have saved. All are ignored unless asked for,
//! since they take minutes; `./test` runs them. With `WONIN_LONG` in the environment the clients
//! keep the timeouts that they have by default instead of a tenth of them.
#![allow(clippy::disallowed_methods, reason = "a test of real time needs a clock")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(clippy::print_stdout, reason = "./test shows what was measured, or why it was skipped")]

mod diagnosis;
mod one_broker_down;
mod stale_address;
mod swapped_addresses;
