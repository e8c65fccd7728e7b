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
use crate::credentials::credentials_frozen::CredentialsFrozen;
use crate::identity::address_as_identity::AddressAsIdentity;
use crate::identity::advertised_loopback::AdvertisedLoopback;
use crate::identity::frozen_registry::FrozenRegistry;
use crate::identity::hostname_keyed_data::HostnameKeyedData;
use crate::identity::peers_by_address::PeersByAddress;
use crate::identity::stale_upstream::StaleUpstream;
use crate::identity::stale_volume_identity::StaleVolumeIdentity;
use crate::leak::native_thread_limit::NativeThreadLimit;
use crate::leak::thread_leak::ThreadLeak;
use crate::redundancy::no_restart_policy::NoRestartPolicy;
use crate::redundancy::single_instance::SingleInstance;
use crate::replication::min_isr_equals_replication::MinIsrEqualsReplication;
use crate::replication::quorum_without_spare::QuorumWithoutSpare;
use crate::replication::replication_exceeds_brokers::ReplicationExceedsBrokers;
use crate::replication::single_replica::SingleReplica;
use crate::replication::unclean_election::UncleanElection;
use crate::rollout::dependency_not_ready::DependencyNotReady;
use crate::rollout::unhealthy_never_restarted::UnhealthyNeverRestarted;
use crate::saturation::connections_exceed_server_limit::ConnectionsExceedServerLimit;
use crate::saturation::heap_exceeds_memory::HeapExceedsMemory;
use crate::saturation::pool_exhausted::PoolExhausted;
use crate::saturation::threads_exceed_pool::ThreadsExceedPool;
use crate::signal::blind_check::BlindCheck;
use crate::signal::no_health_check::NoHealthCheck;
use crate::supply::image_gone::ImageGone;

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
    &CredentialsFrozen,
    // identity
    &AddressAsIdentity,
    &AdvertisedLoopback,
    &FrozenRegistry,
    &HostnameKeyedData,
    &PeersByAddress,
    &StaleUpstream,
    &StaleVolumeIdentity,
    // leak
    &NativeThreadLimit,
    &ThreadLeak,
    // redundancy
    &NoRestartPolicy,
    &SingleInstance,
    // replication
    &MinIsrEqualsReplication,
    &QuorumWithoutSpare,
    &ReplicationExceedsBrokers,
    &SingleReplica,
    &UncleanElection,
    // rollout
    &DependencyNotReady,
    &UnhealthyNeverRestarted,
    // saturation
    &ConnectionsExceedServerLimit,
    &HeapExceedsMemory,
    &PoolExhausted,
    &ThreadsExceedPool,
    // signal
    &BlindCheck,
    &NoHealthCheck,
    // supply
    &ImageGone,
];

/// The mode with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|mode| mode.meta().id == id)
}
