//! Words and predicates that several modes need.

pub(crate) mod addresses;
pub(crate) mod blocks;
pub(crate) mod budgets;
pub(crate) mod checks;
pub(crate) mod clients;
pub(crate) mod dependents;
pub(crate) mod deploys;
pub(crate) mod edits;
pub(crate) mod hosts;
pub(crate) mod jobs;
pub(crate) mod kafka;
pub(crate) mod kafka_rules;
pub(crate) mod knobs;
pub(crate) mod measure;
pub(crate) mod pools;
pub(crate) mod reach;
pub(crate) mod rollouts;
pub(crate) mod rows;
pub(crate) mod seen;
pub(crate) mod slow;
pub(crate) mod stale;
pub(crate) mod store;
pub(crate) mod timeouts;
pub(crate) mod twin;
pub(crate) mod waits;
pub(crate) mod words;
