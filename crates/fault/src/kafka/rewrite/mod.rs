//! Answers that tell clients where brokers are, changed so that they name the proxy's listeners.
//!
//! Node ids stay as they are. A frame in which nothing is to be changed is not encoded again.

mod endpoint;
mod versions;

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, DescribeClusterResponse, DescribeQuorumResponse, FetchResponse,
    FindCoordinatorResponse, MetadataResponse, ProduceResponse, ShareAcknowledgeResponse,
    ShareFetchResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};

use self::endpoint::Endpoint;
use super::frame::ResponseHead;
use super::node::Node;
use super::wire::{self, Problem};

pub(crate) use versions::unsupported_version;

/// Gives the listener of a node that says it is at this host and port.
pub(crate) type Listeners<'a> = dyn FnMut(Node, &str, i32) -> io::Result<SocketAddr> + 'a;

/// Whether answers to these requests can carry addresses of brokers.
pub(crate) fn carries_addresses(key: ApiKey, version: i16) -> bool {
    match key {
        ApiKey::Metadata
        | ApiKey::FindCoordinator
        | ApiKey::DescribeCluster
        | ApiKey::ShareFetch
        | ApiKey::ShareAcknowledge => true,
        ApiKey::Produce => version >= 10,
        ApiKey::Fetch => version >= 16,
        ApiKey::DescribeQuorum => version >= 2,
        _ => false,
    }
}

/// Changes the addresses of brokers in an answer of a known version; none where nothing is to be
/// changed.
pub(crate) fn rewrite(
    frame: &Bytes,
    key: ApiKey,
    version: i16,
    listeners: &mut Listeners<'_>,
) -> Result<Option<Bytes>, Problem> {
    let as_broker = Node::Broker;
    match key {
        ApiKey::ApiVersions => versions::cap(frame, version),
        _ if !carries_addresses(key, version) => Ok(None),
        ApiKey::Metadata => change(frame, key, version, |answer: &mut MetadataResponse| {
            move_all(&mut answer.brokers, as_broker, listeners)
        }),
        ApiKey::FindCoordinator => {
            change(frame, key, version, |answer: &mut FindCoordinatorResponse| {
                Ok(move_all(&mut answer.coordinators, as_broker, listeners)?
                    | move_one(answer, as_broker, listeners)?)
            })
        }
        ApiKey::DescribeCluster => {
            change(frame, key, version, |answer: &mut DescribeClusterResponse| {
                let controllers = answer.endpoint_type == endpoint::CONTROLLERS;
                let as_node = if controllers { Node::Controller } else { as_broker };
                move_all(&mut answer.brokers, as_node, listeners)
            })
        }
        ApiKey::Produce => change(frame, key, version, |answer: &mut ProduceResponse| {
            move_all(&mut answer.node_endpoints, as_broker, listeners)
        }),
        ApiKey::Fetch => change(frame, key, version, |answer: &mut FetchResponse| {
            move_all(&mut answer.node_endpoints, as_broker, listeners)
        }),
        ApiKey::ShareFetch => change(frame, key, version, |answer: &mut ShareFetchResponse| {
            move_all(&mut answer.node_endpoints, as_broker, listeners)
        }),
        ApiKey::ShareAcknowledge => {
            change(frame, key, version, |answer: &mut ShareAcknowledgeResponse| {
                move_all(&mut answer.node_endpoints, as_broker, listeners)
            })
        }
        ApiKey::DescribeQuorum => {
            change(frame, key, version, |answer: &mut DescribeQuorumResponse| {
                move_voters(answer, listeners)
            })
        }
        _ => Ok(None),
    }
}

/// Decodes, lets change, and encodes if something was changed.
fn change<T: Message + Decodable + Encodable>(
    frame: &Bytes,
    key: ApiKey,
    version: i16,
    edit: impl FnOnce(&mut T) -> Result<bool, Problem>,
) -> Result<Option<Bytes>, Problem> {
    let mut answer: T = wire::response(frame, key, version)?;
    if !edit(&mut answer)? {
        return Ok(None);
    }
    let head = ResponseHead::parse(frame, key, version)
        .ok_or_else(|| Problem("the header is cut off".to_owned()))?;
    wire::with_body(&frame[..head.body], &answer, key, version).map(Some)
}

fn move_all<E: Endpoint>(
    endpoints: &mut [E],
    as_node: fn(i32) -> Node,
    listeners: &mut Listeners<'_>,
) -> Result<bool, Problem> {
    let mut changed = false;
    for endpoint in endpoints {
        changed |= move_one(endpoint, as_node, listeners)?;
    }
    Ok(changed)
}

fn move_one<E: Endpoint>(
    endpoint: &mut E,
    as_node: fn(i32) -> Node,
    listeners: &mut Listeners<'_>,
) -> Result<bool, Problem> {
    let id = endpoint.id();
    let (host, port) = endpoint.place();
    // Not available: there is nothing to hide and nothing to find.
    if id < 0 || host.is_empty() || *port <= 0 {
        return Ok(false);
    }
    let listener = listen(as_node(id), host, *port, listeners)?;
    *host = StrBytes::from_string(listener.ip().to_string());
    *port = i32::from(listener.port());
    Ok(true)
}

fn listen(
    node: Node,
    host: &str,
    port: i32,
    listeners: &mut Listeners<'_>,
) -> Result<SocketAddr, Problem> {
    listeners(node, host, port)
        .map_err(|error| Problem(format!("no listener for {node} ({host}:{port}): {error}")))
}

/// The listeners of controllers, which administrators are shown. Only the first one of each has a
/// listener here; the others could not be reached and are left out.
fn move_voters(
    answer: &mut DescribeQuorumResponse,
    listeners: &mut Listeners<'_>,
) -> Result<bool, Problem> {
    let mut changed = false;
    for voter in &mut answer.nodes {
        let id = voter.node_id.0;
        voter.listeners.truncate(1);
        for place in &mut voter.listeners {
            let port = i32::from(place.port);
            let listener = listen(Node::Controller(id), &place.host, port, listeners)?;
            place.host = StrBytes::from_string(listener.ip().to_string());
            place.port = listener.port();
            changed = true;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;
