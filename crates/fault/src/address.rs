//! Where to listen and where to connect, and that both stay on this machine unless allowed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::error::Error;
use crate::limits;

/// Host and port of `host:port`; the host may be in brackets or empty.
pub(crate) fn split(address: &str) -> Result<(&str, u16), Error> {
    let wrong = |why: &str| Error::new(500, format!("address {address}: {why}"));
    let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong("missing port in address"))?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(|| wrong("missing ']' in address"))?,
        None if host.contains(':') => return Err(wrong("too many colons in address")),
        None => host,
    };
    let port = port.parse().map_err(|_| wrong("invalid port"))?;
    Ok((host, port))
}

/// The address that needs no resolver: `localhost` and numbers.
fn literal(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    host.parse().ok()
}

/// Resolves where to listen. Without a host it is the loopback address, or with `allow_remote` every
/// address.
pub(crate) async fn listen(address: &str, allow_remote: bool) -> Result<SocketAddr, Error> {
    let address = if address.is_empty() { ":0" } else { address };
    let (host, port) = split(address)?;
    if host.is_empty() {
        let ip = if allow_remote {
            IpAddr::from(Ipv6Addr::UNSPECIFIED)
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        return Ok((ip, port).into());
    }
    match literal(host) {
        Some(ip) if allow_remote || ip.is_loopback() => Ok((ip, port).into()),
        None if allow_remote => resolve(host, port)
            .await
            .and_then(|found| found.into_iter().next().ok_or_else(nothing_found))
            .map_err(|error| Error::new(500, format!("lookup {host}: {error}"))),
        _ => Err(Error::remote("listen address", address)),
    }
}

/// Refuses an upstream that cannot be one.
pub(crate) fn check_upstream(address: &str, allow_remote: bool) -> Result<(), Error> {
    let (host, _) = split(address).map_err(|error| {
        Error::new(400, format!("upstream `{address}` is not HOST:PORT: {error}"))
    })?;
    let loopback = host.is_empty() || literal(host).is_some_and(|ip| ip.is_loopback());
    if loopback || allow_remote { Ok(()) } else { Err(Error::remote("upstream", address)) }
}

/// Resolves the upstream; only loopback addresses unless others are allowed.
pub(crate) async fn upstream(address: &str, allow_remote: bool) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = split(address).map_err(|error| io::Error::other(error.message))?;
    let host = if host.is_empty() { "localhost" } else { host };
    let found = match host.parse() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => resolve(host, port).await?,
    };
    let allowed: Vec<_> =
        found.into_iter().filter(|found| allow_remote || found.ip().is_loopback()).collect();
    if allowed.is_empty() { Err(nothing_found()) } else { Ok(allowed) }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = tokio::time::timeout(limits::RESOLVE, tokio::net::lookup_host((host, port))).await;
    Ok(found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect())
}

fn nothing_found() -> io::Error {
    io::Error::other("no address that may be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listeners_stay_on_loopback() {
        let seen = async |address, remote| listen(address, remote).await.map(|a| a.to_string());
        assert_eq!(seen("127.0.0.9:1", false).await.unwrap(), "127.0.0.9:1");
        assert_eq!(seen("localhost:1", false).await.unwrap(), "127.0.0.1:1");
        assert_eq!(seen("[::1]:1", false).await.unwrap(), "[::1]:1");
        assert_eq!(seen(":1", false).await.unwrap(), "127.0.0.1:1");
        assert_eq!(seen("", false).await.unwrap(), "127.0.0.1:0");
        assert_eq!(seen(":1", true).await.unwrap(), "[::]:1");
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.org:1"] {
            let error = seen(address, false).await.unwrap_err();
            assert_eq!(error.status, 403, "{address}");
            assert!(error.message.contains("--allow-remote"));
        }
        assert_eq!(
            seen("x", false).await.unwrap_err().message,
            "address x: missing port in address"
        );
    }

    #[tokio::test]
    async fn upstreams_stay_on_loopback() {
        for address in ["127.0.0.1:1", "localhost:1", "[::1]:1", ":1"] {
            check_upstream(address, false).unwrap();
        }
        for address in ["192.0.2.1:1", "db:5432", "0.0.0.0:1"] {
            assert_eq!(check_upstream(address, false).unwrap_err().status, 403);
            check_upstream(address, true).unwrap();
        }
        assert!(upstream("192.0.2.1:1", false).await.is_err());
        assert_eq!(upstream("127.0.0.1:7", false).await.unwrap()[0].port(), 7);
    }
}
