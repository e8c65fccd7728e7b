//! Breaks things on purpose and tells what came of it: a scenario has a workload, faults on a
//! timeline and expectations; the run gives a verdict that can be trusted, or says why none can.

mod command;
mod http;
pub mod kafka;
pub mod ledger;
pub mod run;
mod said;
pub mod scenario;
mod tls;
pub mod workload;
