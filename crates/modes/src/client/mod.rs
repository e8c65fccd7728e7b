//! What callers do wrong: where they start, how long they wait, what they believe.

pub(crate) mod delay_beyond_connect_cap;
pub(crate) mod false_success;
pub(crate) mod idempotence_dropped;
pub(crate) mod idle_connection_outlives_server;
pub(crate) mod keepalive_race;
pub(crate) mod poll_interval_too_short;
pub(crate) mod session_below_broker_minimum;
pub(crate) mod setting_not_applied;
pub(crate) mod single_bootstrap;
pub(crate) mod timeout_budget_inverted;
pub(crate) mod wrong_knob;
