//! One small history for each anomaly, histories that only look wrong, and properties.

mod harmless;
mod property;
mod story;
mod wrong;
