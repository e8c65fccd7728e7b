//! What wrote a line, as far as its beginning tells.

/// What a line's beginning looks like; tells what wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::log) enum Style {
    Plain,
    SpringBoot,
    Kafka,
    ZooKeeper,
    Log4j,
    Postgres,
    MySql,
    Redis,
    NginxError,
    Access,
    Klog,
    Syslog,
    DotNet,
    Logfmt,
    Json,
    Mongo,
    /// What an orchestrator answered.
    Events,
}

impl Style {
    pub(in crate::log) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SpringBoot => "spring-boot",
            Self::Kafka => "kafka",
            Self::ZooKeeper => "zookeeper",
            Self::Log4j => "log4j",
            Self::Postgres => "postgresql",
            Self::MySql => "mysql",
            Self::Redis => "redis",
            Self::NginxError => "nginx-error",
            Self::Access => "access-log",
            Self::Klog => "klog",
            Self::Syslog => "syslog",
            Self::DotNet => "dotnet",
            Self::Logfmt => "logfmt",
            Self::Json => "json",
            Self::Mongo => "mongodb",
            Self::Events => "events",
        }
    }
}
