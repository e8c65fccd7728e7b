//! The one list of modes.

use wonin_model::Mode;

use crate::client::delay_beyond_connect_cap::DelayBeyondConnectCap;
use crate::client::false_success::FalseSuccess;
use crate::client::idempotence_dropped::IdempotenceDropped;
use crate::client::idle_connection_outlives_server::IdleConnectionOutlivesServer;
use crate::client::keepalive_race::KeepaliveRace;
use crate::client::poll_interval_too_short::PollIntervalTooShort;
use crate::client::session_below_broker_minimum::SessionBelowBrokerMinimum;
use crate::client::setting_not_applied::SettingNotApplied;
use crate::client::single_bootstrap::SingleBootstrap;
use crate::client::timeout_budget_inverted::TimeoutBudgetInverted;
use crate::client::wrong_knob::WrongKnob;
use crate::credentials::certificate_expiring::CertificateExpiring;
use crate::credentials::certificate_rejected::CertificateRejected;
use crate::credentials::clock_skew::ClockSkew;
use crate::credentials::credentials_frozen::CredentialsFrozen;
use crate::credentials::credentials_rejected::CredentialsRejected;
use crate::identity::address_as_identity::AddressAsIdentity;
use crate::identity::advertised_loopback::AdvertisedLoopback;
use crate::identity::frozen_registry::FrozenRegistry;
use crate::identity::hostname_keyed_data::HostnameKeyedData;
use crate::identity::name_not_resolved::NameNotResolved;
use crate::identity::peers_by_address::PeersByAddress;
use crate::identity::stale_registration::StaleRegistration;
use crate::identity::stale_upstream::StaleUpstream;
use crate::identity::stale_volume_identity::StaleVolumeIdentity;
use crate::leak::connection_leak::ConnectionLeak;
use crate::leak::native_thread_limit::NativeThreadLimit;
use crate::leak::open_files_limit::OpenFilesLimit;
use crate::leak::thread_leak::ThreadLeak;
use crate::redundancy::dependency_down::DependencyDown;
use crate::redundancy::no_healthy_target::NoHealthyTarget;
use crate::redundancy::no_restart_policy::NoRestartPolicy;
use crate::redundancy::single_instance::SingleInstance;
use crate::redundancy::single_zone::SingleZone;
use crate::replication::min_isr_equals_replication::MinIsrEqualsReplication;
use crate::replication::quorum_without_spare::QuorumWithoutSpare;
use crate::replication::replication_exceeds_brokers::ReplicationExceedsBrokers;
use crate::replication::single_replica::SingleReplica;
use crate::replication::unclean_election::UncleanElection;
use crate::rollout::address_in_use::AddressInUse;
use crate::rollout::alarm_ignored::AlarmIgnored;
use crate::rollout::breaker_trips_first::BreakerTripsFirst;
use crate::rollout::check_timeout_too_short::CheckTimeoutTooShort;
use crate::rollout::container_check_kills::ContainerCheckKills;
use crate::rollout::dependency_not_ready::DependencyNotReady;
use crate::rollout::disruption_budget_blocks::DisruptionBudgetBlocks;
use crate::rollout::endless_churn::EndlessChurn;
use crate::rollout::health_check_outpaces_startup::HealthCheckOutpacesStartup;
use crate::rollout::interval_not_above_timeout::IntervalNotAboveTimeout;
use crate::rollout::killed_hard::KilledHard;
use crate::rollout::liveness_equals_readiness::LivenessEqualsReadiness;
use crate::rollout::liveness_kills_slow_start::LivenessKillsSlowStart;
use crate::rollout::matcher_excludes_status::MatcherExcludesStatus;
use crate::rollout::no_room_to_roll::NoRoomToRoll;
use crate::rollout::pipeline_gives_up_first::PipelineGivesUpFirst;
use crate::rollout::probe_target_wrong::ProbeTargetWrong;
use crate::rollout::progress_deadline_too_short::ProgressDeadlineTooShort;
use crate::rollout::requests_cut_at_drain::RequestsCutAtDrain;
use crate::rollout::rollout_deadlock::RolloutDeadlock;
use crate::rollout::rollout_halves_capacity::RolloutHalvesCapacity;
use crate::rollout::rollout_zero_capacity::RolloutZeroCapacity;
use crate::rollout::silent_rollback::SilentRollback;
use crate::rollout::slow_detection::SlowDetection;
use crate::rollout::slow_stop::SlowStop;
use crate::rollout::surge_cannot_schedule::SurgeCannotSchedule;
use crate::rollout::swarm_update_pauses::SwarmUpdatePauses;
use crate::rollout::unhealthy_never_restarted::UnhealthyNeverRestarted;
use crate::rollout::zone_not_enabled::ZoneNotEnabled;
use crate::saturation::connections_exceed_server_limit::ConnectionsExceedServerLimit;
use crate::saturation::full_scan::FullScan;
use crate::saturation::heap_exceeds_memory::HeapExceedsMemory;
use crate::saturation::lock_holder_blocks_queue::LockHolderBlocksQueue;
use crate::saturation::per_item_burst::PerItemBurst;
use crate::saturation::pool_exhausted::PoolExhausted;
use crate::saturation::rate_limited::RateLimited;
use crate::saturation::serial_server_saturated::SerialServerSaturated;
use crate::saturation::slow_statement::SlowStatement;
use crate::saturation::store_full::StoreFull;
use crate::saturation::threads_exceed_pool::ThreadsExceedPool;
use crate::saturation::workers_blocked::WorkersBlocked;
use crate::signal::alert_flood::AlertFlood;
use crate::signal::blind_check::BlindCheck;
use crate::signal::no_health_check::NoHealthCheck;
use crate::supply::image_gone::ImageGone;
use crate::supply::schema_missing::SchemaMissing;

/// All modes, by family and id.
pub const MODES: &[&dyn Mode] = &[
    // client
    &DelayBeyondConnectCap,
    &FalseSuccess,
    &IdempotenceDropped,
    &IdleConnectionOutlivesServer,
    &KeepaliveRace,
    &PollIntervalTooShort,
    &SessionBelowBrokerMinimum,
    &SettingNotApplied,
    &SingleBootstrap,
    &TimeoutBudgetInverted,
    &WrongKnob,
    // credentials
    &CertificateExpiring,
    &CertificateRejected,
    &ClockSkew,
    &CredentialsFrozen,
    &CredentialsRejected,
    // identity
    &AddressAsIdentity,
    &AdvertisedLoopback,
    &FrozenRegistry,
    &HostnameKeyedData,
    &NameNotResolved,
    &PeersByAddress,
    &StaleRegistration,
    &StaleUpstream,
    &StaleVolumeIdentity,
    // leak
    &ConnectionLeak,
    &NativeThreadLimit,
    &OpenFilesLimit,
    &ThreadLeak,
    // redundancy
    &DependencyDown,
    &NoHealthyTarget,
    &NoRestartPolicy,
    &SingleInstance,
    &SingleZone,
    // replication
    &MinIsrEqualsReplication,
    &QuorumWithoutSpare,
    &ReplicationExceedsBrokers,
    &SingleReplica,
    &UncleanElection,
    // rollout
    &AddressInUse,
    &AlarmIgnored,
    &BreakerTripsFirst,
    &CheckTimeoutTooShort,
    &ContainerCheckKills,
    &DependencyNotReady,
    &DisruptionBudgetBlocks,
    &EndlessChurn,
    &HealthCheckOutpacesStartup,
    &IntervalNotAboveTimeout,
    &KilledHard,
    &LivenessEqualsReadiness,
    &LivenessKillsSlowStart,
    &MatcherExcludesStatus,
    &NoRoomToRoll,
    &PipelineGivesUpFirst,
    &ProbeTargetWrong,
    &ProgressDeadlineTooShort,
    &RequestsCutAtDrain,
    &RolloutDeadlock,
    &RolloutHalvesCapacity,
    &RolloutZeroCapacity,
    &SilentRollback,
    &SlowDetection,
    &SlowStop,
    &SurgeCannotSchedule,
    &SwarmUpdatePauses,
    &UnhealthyNeverRestarted,
    &ZoneNotEnabled,
    // saturation
    &ConnectionsExceedServerLimit,
    &HeapExceedsMemory,
    &FullScan,
    &LockHolderBlocksQueue,
    &PerItemBurst,
    &PoolExhausted,
    &RateLimited,
    &SerialServerSaturated,
    &SlowStatement,
    &StoreFull,
    &ThreadsExceedPool,
    &WorkersBlocked,
    // signal
    &AlertFlood,
    &BlindCheck,
    &NoHealthCheck,
    // supply
    &ImageGone,
    &SchemaMissing,
];

/// The mode with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|mode| mode.meta().id == id)
}
