//! The one request that tells whether a node is ready: metadata without topics.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A node that starts may accept and not answer.
const LIMIT: Duration = Duration::from_millis(500);

/// Length, API key 3 (Metadata), version 1, correlation id 1, client id `testbed`, no topics.
const REQUEST: &[u8] =
    b"\x00\x00\x00\x15\x00\x03\x00\x01\x00\x00\x00\x01\x00\x07testbed\x00\x00\x00\x00";

/// How many brokers the node at `address` names in its metadata.
pub(super) fn brokers(address: &str) -> io::Result<usize> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(REQUEST)?;
    // Length, correlation id, length of the array of brokers.
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let [.., a, b, c, d] = head;
    Ok(u32::from_be_bytes([a, b, c, d]) as usize)
}

#[cfg(test)]
mod tests {
    #[test]
    fn request_names_its_own_length() {
        let [a, b, c, d, body @ ..] = super::REQUEST else { panic!("too short") };
        assert_eq!(u32::from_be_bytes([*a, *b, *c, *d]) as usize, body.len());
    }
}
