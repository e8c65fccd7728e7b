//! What an engine says of a container, as far as faults need it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

/// A container at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    answer: Value,
}

impl View {
    pub(super) fn of(answer: Value) -> Self {
        Self { answer }
    }

    pub(super) fn id(&self) -> &str {
        self.answer["Id"].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.answer["Name"].as_str().unwrap_or_default().trim_start_matches('/')
    }

    pub(super) fn image(&self) -> &str {
        self.answer["Config"]["Image"].as_str().unwrap_or_default()
    }

    /// Whether what it writes goes to a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.answer["Config"]["Tty"].as_bool().unwrap_or_default()
    }

    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.answer["Config"]["Labels"][name].as_str()
    }

    fn state(&self, what: &str) -> bool {
        self.answer["State"][what].as_bool().unwrap_or_default()
    }

    /// `running`, `paused`, `exited`, `restarting`, ….
    pub(super) fn status(&self) -> &str {
        self.answer["State"]["Status"].as_str().unwrap_or("unknown")
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state("Paused")
    }

    /// Paused counts as running, between two starts does not.
    pub(super) fn is_running(&self) -> bool {
        self.state("Running") && !self.state("Restarting")
    }

    /// When it was last started, as the engine writes it.
    pub(super) fn started_at(&self) -> &str {
        self.answer["State"]["StartedAt"].as_str().unwrap_or_default()
    }

    /// The engine removes it as soon as it ends.
    pub(super) fn is_removed_when_it_ends(&self) -> bool {
        self.answer["HostConfig"]["AutoRemove"].as_bool().unwrap_or_default()
    }

    /// Seconds from its stop signal to SIGKILL, where that is its own.
    pub(super) fn stop_timeout_s(&self) -> Option<u32> {
        self.answer["Config"]["StopTimeout"].as_u64().and_then(|s| u32::try_from(s).ok())
    }

    fn limit(&self, name: &str) -> i64 {
        self.answer["HostConfig"][name].as_i64().unwrap_or_default()
    }

    pub(super) fn cpu(&self) -> Cpu {
        Cpu {
            nano: self.limit("NanoCpus"),
            quota_us: self.limit("CpuQuota"),
            period_us: self.limit("CpuPeriod"),
        }
    }

    /// Networks by name with their id.
    pub(super) fn networks(&self) -> Vec<(String, String)> {
        let networks = self.answer["NetworkSettings"]["Networks"].as_object();
        let id = |network: &Value| network["NetworkID"].as_str().unwrap_or_default().to_owned();
        networks.into_iter().flatten().map(|(name, network)| (name.clone(), id(network))).collect()
    }

    fn network(&self, name: &str) -> &Value {
        &self.answer["NetworkSettings"]["Networks"][name]
    }

    pub(super) fn is_connected(&self, network: &str) -> bool {
        !self.network(network).is_null()
    }

    /// Its address in a network, while it runs.
    pub(super) fn address(&self, network: &str) -> Option<Ipv4Addr> {
        self.network(network)["IPAddress"].as_str()?.parse().ok()
    }

    /// The address that it was given by its configuration.
    pub(super) fn fixed_address(&self, network: &str) -> Option<Ipv4Addr> {
        self.network(network)["IPAMConfig"]["IPv4Address"].as_str()?.parse().ok()
    }

    /// What connecting it again needs, without what the engine adds itself.
    pub(super) fn endpoint(&self, network: &str) -> Value {
        let from = self.network(network);
        let mut endpoint = json!({});
        for name in ["IPAMConfig", "Links", "DriverOpts", "GwPriority"] {
            if !from[name].is_null() {
                endpoint[name] = from[name].clone();
            }
        }
        // Older engines list the beginning of the id among the aliases; it is added in any case.
        let own = self.id().get(..12).unwrap_or_default();
        if let Some(aliases) = from["Aliases"].as_array() {
            let given = aliases.iter().filter(|alias| alias.as_str() != Some(own));
            endpoint["Aliases"] = given.cloned().collect();
        }
        endpoint
    }
}

/// The limits of a container's processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Cpu {
    /// Billionths of a processor; 0 for no limit of this kind.
    pub(super) nano: i64,
    /// Microseconds of each period; 0 or less for no limit of this kind.
    pub(super) quota_us: i64,
    /// Microseconds; 0 for the default.
    pub(super) period_us: i64,
}

impl Cpu {
    const PERIOD_US: i64 = 100_000;

    /// The change that limits a container to so many processors, given its limits now.
    ///
    /// An engine takes 0 for "leave it as it is", so a limit in billionths cannot be taken away
    /// again, while a quota can (-1). Both at once are refused.
    pub(super) fn limited_to(self, cpus: f64) -> Value {
        if self.nano > 0 {
            return json!({"NanoCpus": (cpus * 1e9).round() as i64});
        }
        let quota = (cpus * Self::PERIOD_US as f64).round() as i64;
        json!({"CpuPeriod": Self::PERIOD_US, "CpuQuota": quota})
    }

    /// The change that restores these limits.
    pub(super) fn restored(self) -> Value {
        if self.nano > 0 {
            return json!({"NanoCpus": self.nano});
        }
        let period = if self.period_us > 0 { self.period_us } else { Self::PERIOD_US };
        let quota = if self.quota_us > 0 { self.quota_us } else { -1 };
        json!({"CpuPeriod": period, "CpuQuota": quota})
    }

    /// Processors that may be used, in thousandths; `None` without a limit.
    pub(super) fn millis(self) -> Option<i64> {
        if self.nano > 0 {
            return Some(self.nano / 1_000_000);
        }
        let period = if self.period_us > 0 { self.period_us } else { Self::PERIOD_US };
        (self.quota_us > 0).then(|| self.quota_us * 1000 / period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_restored_to_what_they_were_or_to_none() {
        let none = Cpu { nano: 0, quota_us: 0, period_us: 0 };
        assert_eq!(none.limited_to(0.2), json!({"CpuPeriod": 100_000, "CpuQuota": 20_000}));
        assert_eq!(none.restored(), json!({"CpuPeriod": 100_000, "CpuQuota": -1}));
        assert_eq!(none.millis(), None);
        let half = Cpu { nano: 500_000_000, ..none };
        assert_eq!(half.limited_to(0.2), json!({"NanoCpus": 200_000_000}));
        assert_eq!(half.restored(), json!({"NanoCpus": 500_000_000}));
        assert_eq!(half.millis(), Some(500));
        let quota = Cpu { quota_us: 30_000, period_us: 60_000, ..none };
        assert_eq!(quota.restored(), json!({"CpuPeriod": 60_000, "CpuQuota": 30_000}));
        assert_eq!(quota.millis(), Some(500));
    }

    #[test]
    fn an_endpoint_keeps_aliases_and_fixed_address() {
        let view = View::of(json!({
            "Id": "0123456789abcdef",
            "NetworkSettings": {"Networks": {"back": {
                "NetworkID": "n1", "IPAddress": "10.7.0.9", "Aliases": ["broker", "0123456789ab"],
                "IPAMConfig": {"IPv4Address": "10.7.0.9"}, "Links": null, "EndpointID": "e1"}}},
        }));
        let expected = json!({"IPAMConfig": {"IPv4Address": "10.7.0.9"}, "Aliases": ["broker"]});
        assert_eq!(view.endpoint("back"), expected);
        assert_eq!(view.fixed_address("back"), Some(Ipv4Addr::new(10, 7, 0, 9)));
        assert!(!view.is_connected("front"));
        assert_eq!(view.networks(), [("back".to_owned(), "n1".to_owned())]);
    }
}
