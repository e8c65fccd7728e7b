//! The messages that say where a node is.

use kafka_protocol::messages::{
    FindCoordinatorResponse, describe_cluster_response, fetch_response, find_coordinator_response,
    metadata_response, produce_response, share_acknowledge_response, share_fetch_response,
};
use kafka_protocol::protocol::StrBytes;

/// `EndpointType` of `DescribeCluster` for controllers (KIP-919).
pub(super) const CONTROLLERS: i8 = 2;

/// Where a node is.
pub(super) trait Endpoint {
    /// The node id.
    fn id(&self) -> i32;
    /// Host and port.
    fn place(&mut self) -> (&mut StrBytes, &mut i32);
}

macro_rules! endpoints {
    ($($message:ty, $id:ident;)*) => {$(
        impl Endpoint for $message {
            fn id(&self) -> i32 {
                self.$id.0
            }

            fn place(&mut self) -> (&mut StrBytes, &mut i32) {
                (&mut self.host, &mut self.port)
            }
        }
    )*};
}

endpoints! {
    metadata_response::MetadataResponseBroker, node_id;
    FindCoordinatorResponse, node_id;
    find_coordinator_response::Coordinator, node_id;
    describe_cluster_response::DescribeClusterBroker, broker_id;
    produce_response::NodeEndpoint, node_id;
    fetch_response::NodeEndpoint, node_id;
    share_fetch_response::NodeEndpoint, node_id;
    share_acknowledge_response::NodeEndpoint, node_id;
}
