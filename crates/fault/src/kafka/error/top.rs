//! APIs whose answer has one error for all of it.

use bytes::Bytes;
use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, AlterPartitionReassignmentsResponse, ApiKey, ApiVersionsResponse,
    ConsumerGroupHeartbeatResponse, CreateDelegationTokenResponse, DescribeAclsResponse,
    DescribeClientQuotasResponse, DescribeClusterResponse, DescribeDelegationTokenResponse,
    DescribeQuorumResponse, DescribeUserScramCredentialsResponse, ElectLeadersResponse,
    EndTxnResponse, ExpireDelegationTokenResponse, GetTelemetrySubscriptionsResponse,
    HeartbeatResponse, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupResponse, ListConfigResourcesResponse, ListGroupsResponse,
    ListPartitionReassignmentsResponse, ListTransactionsResponse, PushTelemetryResponse,
    RenewDelegationTokenResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
    ShareAcknowledgeResponse, ShareFetchResponse, ShareGroupHeartbeatResponse, SyncGroupResponse,
    UnregisterBrokerResponse, UpdateFeaturesResponse,
};

use crate::kafka::frame::RequestHead;
use crate::kafka::wire::{self, Problem};

/// `UNSUPPORTED_VERSION`, which `ApiVersions` answers in version 0.
const UNSUPPORTED_VERSION: i16 = 35;

macro_rules! top_level {
    ($($key:ident => $response:ident,)*) => {
        pub(super) fn has(key: ApiKey) -> bool {
            matches!(key, ApiKey::JoinGroup $(| ApiKey::$key)*)
        }

        /// An answer with this error and nothing else.
        pub(super) fn answer(
            frame: &Bytes,
            head: &RequestHead,
            key: ApiKey,
            code: i16,
        ) -> Result<Bytes, Problem> {
            let version = match (key, code) {
                (ApiKey::ApiVersions, UNSUPPORTED_VERSION) => 0,
                _ => head.version,
            };
            match key {
                ApiKey::JoinGroup => join_group(frame, head, code),
                $(ApiKey::$key => {
                    let made = $response::default().with_error_code(code);
                    wire::answer(head.correlation, &made, key, version)
                })*
                _ => Err(Problem(format!("no error can be made for {key:?}"))),
            }
        }
    };
}

top_level! {
    SyncGroup => SyncGroupResponse,
    Heartbeat => HeartbeatResponse,
    LeaveGroup => LeaveGroupResponse,
    ListGroups => ListGroupsResponse,
    SaslHandshake => SaslHandshakeResponse,
    ApiVersions => ApiVersionsResponse,
    InitProducerId => InitProducerIdResponse,
    AddOffsetsToTxn => AddOffsetsToTxnResponse,
    EndTxn => EndTxnResponse,
    DescribeAcls => DescribeAclsResponse,
    SaslAuthenticate => SaslAuthenticateResponse,
    CreateDelegationToken => CreateDelegationTokenResponse,
    RenewDelegationToken => RenewDelegationTokenResponse,
    ExpireDelegationToken => ExpireDelegationTokenResponse,
    DescribeDelegationToken => DescribeDelegationTokenResponse,
    ElectLeaders => ElectLeadersResponse,
    AlterPartitionReassignments => AlterPartitionReassignmentsResponse,
    ListPartitionReassignments => ListPartitionReassignmentsResponse,
    DescribeClientQuotas => DescribeClientQuotasResponse,
    DescribeUserScramCredentials => DescribeUserScramCredentialsResponse,
    DescribeQuorum => DescribeQuorumResponse,
    UpdateFeatures => UpdateFeaturesResponse,
    DescribeCluster => DescribeClusterResponse,
    UnregisterBroker => UnregisterBrokerResponse,
    ListTransactions => ListTransactionsResponse,
    ConsumerGroupHeartbeat => ConsumerGroupHeartbeatResponse,
    GetTelemetrySubscriptions => GetTelemetrySubscriptionsResponse,
    PushTelemetry => PushTelemetryResponse,
    ListConfigResources => ListConfigResourcesResponse,
    ShareGroupHeartbeat => ShareGroupHeartbeatResponse,
    ShareFetch => ShareFetchResponse,
    ShareAcknowledge => ShareAcknowledgeResponse,
}

/// A broker repeats who the member is.
fn join_group(frame: &Bytes, head: &RequestHead, code: i16) -> Result<Bytes, Problem> {
    let request: JoinGroupRequest = wire::request(frame, head)?;
    let mut made = JoinGroupResponse::default()
        .with_error_code(code)
        .with_generation_id(-1)
        .with_member_id(request.member_id);
    if head.version < 7 {
        // Only newer versions may leave it out.
        made.protocol_name = Some(kafka_protocol::protocol::StrBytes::new());
    }
    wire::answer(head.correlation, &made, ApiKey::JoinGroup, head.version)
}
