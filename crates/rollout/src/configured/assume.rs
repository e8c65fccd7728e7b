//! Points that no document settles, set by the caller (rollout-semantics 10): what was measured in
//! service events or logs takes the place of what is assumed.

use super::{Collector, duration_ms};
use crate::plan::{BreakerReset, BreakerThreshold, EcsPlan, Merge, UnhealthyPolicy};

/// One point with its value, as in `eager_stop=false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// `unhealthy_policy=replace-first|stop-first`.
    UnhealthyPolicy(UnhealthyPolicy),
    /// `count_stopping=true|false`.
    CountStopping(bool),
    /// `eager_stop=true|false`.
    EagerStop(bool),
    /// `count_exit_after_running=true|false`.
    CountExitAfterRunning(bool),
    /// `same_revision_replacement=true|false`.
    SameRevisionReplacement(bool),
    /// `scheduler_lag=TIME`, in milliseconds.
    SchedulerLag(u64),
    /// `registration_latency=TIME`, in milliseconds.
    RegistrationLatency(u64),
    /// `nodes=1..4`: load balancer nodes that check on their own.
    Nodes(u8),
    /// `merge=any|all`: how many nodes must say unhealthy.
    Merge(Merge),
    /// `breaker_minimum=NUMBER`: the fewest failures that trip the circuit breaker.
    BreakerMinimum(u32),
    /// `breaker_reset=on-healthy|never|ends-counting`.
    BreakerReset(BreakerReset),
}

const NAMES: &str = "unhealthy_policy, count_stopping, eager_stop, count_exit_after_running, \
                     same_revision_replacement, scheduler_lag, registration_latency, nodes, merge, \
                     breaker_minimum, breaker_reset";

impl Reading {
    /// Reads `NAME=VALUE`; errors say what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("`{text}`: write NAME=VALUE"))?;
        let wrong = |allowed: &str| format!("`{name}` is {allowed}, not `{value}`");
        let truth = || value.parse().map_err(|_| wrong("`true` or `false`"));
        Ok(match name {
            "unhealthy_policy" => Self::UnhealthyPolicy(match value {
                "replace-first" => UnhealthyPolicy::ReplaceFirst,
                "stop-first" => UnhealthyPolicy::StopFirst,
                _ => return Err(wrong("`replace-first` or `stop-first`")),
            }),
            "count_stopping" => Self::CountStopping(truth()?),
            "eager_stop" => Self::EagerStop(truth()?),
            "count_exit_after_running" => Self::CountExitAfterRunning(truth()?),
            "same_revision_replacement" => Self::SameRevisionReplacement(truth()?),
            "scheduler_lag" => Self::SchedulerLag(duration_ms(value)?),
            "registration_latency" => Self::RegistrationLatency(duration_ms(value)?),
            "nodes" => {
                let nodes = value.parse().ok().filter(|nodes| (1..=4).contains(nodes));
                Self::Nodes(nodes.ok_or_else(|| wrong("1 to 4"))?)
            }
            "merge" => Self::Merge(match value {
                "any" => Merge::AnyUnhealthy,
                "all" => Merge::AllUnhealthy,
                _ => return Err(wrong("`any` or `all`")),
            }),
            "breaker_minimum" => {
                let tasks = value.parse().ok().filter(|tasks| (1..=200).contains(tasks));
                Self::BreakerMinimum(tasks.ok_or_else(|| wrong("1 to 200"))?)
            }
            "breaker_reset" => Self::BreakerReset(match value {
                "on-healthy" => BreakerReset::OnHealthyTask,
                "never" => BreakerReset::Never,
                "ends-counting" => BreakerReset::EndsCounting,
                _ => return Err(wrong("`on-healthy`, `never` or `ends-counting`")),
            }),
            _ => return Err(format!("`{name}` is no open point: there are {NAMES}")),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::UnhealthyPolicy(_) => "unhealthy_policy",
            Self::CountStopping(_) => "count_stopping",
            Self::EagerStop(_) => "eager_stop",
            Self::CountExitAfterRunning(_) => "count_exit_after_running",
            Self::SameRevisionReplacement(_) => "same_revision_replacement",
            Self::SchedulerLag(_) => "scheduler_lag",
            Self::RegistrationLatency(_) => "registration_latency",
            Self::Nodes(_) => "nodes",
            Self::Merge(_) => "merge",
            Self::BreakerMinimum(_) => "breaker_minimum",
            Self::BreakerReset(_) => "breaker_reset",
        }
    }

    fn value(self) -> String {
        match self {
            Self::UnhealthyPolicy(UnhealthyPolicy::ReplaceFirst) => "replace-first".to_owned(),
            Self::UnhealthyPolicy(UnhealthyPolicy::StopFirst) => "stop-first".to_owned(),
            Self::CountStopping(truth)
            | Self::EagerStop(truth)
            | Self::CountExitAfterRunning(truth)
            | Self::SameRevisionReplacement(truth) => truth.to_string(),
            Self::SchedulerLag(ms) | Self::RegistrationLatency(ms) => super::seconds(ms),
            Self::Nodes(nodes) => nodes.to_string(),
            Self::Merge(Merge::AnyUnhealthy) => "any".to_owned(),
            Self::Merge(Merge::AllUnhealthy) => "all".to_owned(),
            Self::BreakerMinimum(tasks) => tasks.to_string(),
            Self::BreakerReset(BreakerReset::OnHealthyTask) => "on-healthy".to_owned(),
            Self::BreakerReset(BreakerReset::Never) => "never".to_owned(),
            Self::BreakerReset(BreakerReset::EndsCounting) => "ends-counting".to_owned(),
        }
    }

    fn apply(self, plan: &mut EcsPlan) {
        let switches = &mut plan.switches;
        match self {
            Self::UnhealthyPolicy(policy) => switches.unhealthy_policy = policy,
            Self::CountStopping(truth) => switches.count_stopping = truth,
            Self::EagerStop(truth) => switches.eager_stop = truth,
            Self::CountExitAfterRunning(truth) => switches.count_exit_after_running = truth,
            Self::SameRevisionReplacement(truth) => switches.same_revision_replacement = truth,
            Self::SchedulerLag(ms) => plan.lag_ms = ms,
            Self::RegistrationLatency(ms) => {
                for check in plan.target.iter_mut().chain(&mut plan.more_targets) {
                    check.registration_ms = ms;
                }
            }
            Self::Nodes(nodes) => plan.target.iter_mut().for_each(|check| check.nodes = nodes),
            Self::Merge(merge) => plan.target.iter_mut().for_each(|check| check.merge = merge),
            Self::BreakerMinimum(at_least) => {
                if let Some(breaker) = &mut plan.breaker {
                    breaker.threshold = BreakerThreshold::Bounded { percent: 50, at_least };
                }
            }
            Self::BreakerReset(reset) => {
                plan.breaker.iter_mut().for_each(|breaker| breaker.reset = reset);
            }
        }
    }
}

/// Takes all readings into a plan, and notes them.
pub(super) fn apply(readings: &[Reading], plan: &mut EcsPlan, collector: &mut Collector) {
    for reading in readings {
        reading.apply(plan);
        collector.assume(reading.name(), reading.value(), "--assume");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_read_and_said_alike() {
        for text in [
            "unhealthy_policy=stop-first",
            "count_stopping=false",
            "eager_stop=false",
            "count_exit_after_running=false",
            "same_revision_replacement=false",
            "scheduler_lag=20s",
            "registration_latency=2.5s",
            "nodes=2",
            "merge=all",
            "breaker_minimum=10",
            "breaker_reset=ends-counting",
        ] {
            let reading = Reading::parse(text).unwrap();
            assert_eq!(format!("{}={}", reading.name(), reading.value()), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_allowed() {
        let why = |text: &str| Reading::parse(text).unwrap_err();
        assert_eq!(why("eager_stop"), "`eager_stop`: write NAME=VALUE");
        assert_eq!(why("eager_stop=maybe"), "`eager_stop` is `true` or `false`, not `maybe`");
        assert_eq!(why("nodes=9"), "`nodes` is 1 to 4, not `9`");
        assert!(why("luck=true").contains("scheduler_lag"), "{}", why("luck=true"));
    }
}
