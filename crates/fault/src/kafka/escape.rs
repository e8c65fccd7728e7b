//! Looks for clients that go around the proxy.
//!
//! On Linux every process shows its sockets under `/proc`. A client is a process with a connection
//! to a listener of the proxy; an escape is a connection of a client to where a broker really is.

use std::net::SocketAddr;

use super::Escape;
use super::core::Core;

/// What was seen, and what could not be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) escapes: Vec<Escape>,
    pub(crate) unseen: Vec<String>,
}

/// A broker and one of its addresses.
type Real = (i32, SocketAddr);

/// Looks once.
pub(crate) fn look(core: &Core) -> Seen {
    #[cfg(target_os = "linux")]
    {
        linux::look(core)
    }
    #[cfg(not(target_os = "linux"))]
    {
        _ = core;
        let unseen = vec!["connections of other processes: only Linux shows them".to_owned()];
        Seen { escapes: Vec::new(), unseen }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
    use std::path::Path;
    use std::{fs, io};

    use super::{Core, Escape, Real, Seen};
    use crate::kafka::node::Node;

    /// States of sockets that count: established, and waiting for an answer.
    const STATES: [&str; 2] = ["01", "02"];

    /// A socket of some process.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Socket {
        pub(super) local: SocketAddr,
        pub(super) remote: SocketAddr,
        pub(super) inode: u64,
    }

    pub(super) fn look(core: &Core) -> Seen {
        let mut unseen = vec![
            "clients on other machines, and connections that another proxy or an address \
             translation makes for a client"
                .to_owned(),
        ];
        let listeners = crate::kafka::proxy::listeners(core);
        let real = real(core);
        let mut hidden = 0_usize;
        let mut escapes = BTreeSet::new();
        let mut tables: BTreeMap<String, BTreeMap<u64, Socket>> = BTreeMap::new();
        for pid in pids() {
            let folder = Path::new("/proc").join(pid.to_string());
            let (namespace, inodes) = match inodes(&folder) {
                Ok(found) => found,
                Err(error) => {
                    // Others are gone by now.
                    hidden += usize::from(error.kind() == io::ErrorKind::PermissionDenied);
                    continue;
                }
            };
            if inodes.is_empty() {
                continue;
            }
            // Sockets are told by network namespace: containers have their own.
            let table = tables.entry(namespace).or_insert_with(|| table(&folder));
            let sockets: Vec<_> = inodes.iter().filter_map(|inode| table.get(inode)).collect();
            let is_client =
                |socket: &&Socket| listeners.iter().any(|listener| is_at(*listener, socket.remote));
            if !sockets.iter().any(is_client) {
                continue;
            }
            for socket in sockets {
                let broker = real.iter().find(|(_, address)| *address == socket.remote);
                let Some((broker, _)) = broker else { continue };
                if core.is_own(socket.local) {
                    continue;
                }
                escapes.insert(Escape {
                    pid,
                    program: program(&folder),
                    broker: *broker,
                    local: socket.local,
                    remote: socket.remote,
                    own_process: pid == std::process::id(),
                });
            }
        }
        if hidden > 0 {
            unseen.push(format!(
                "the connections of {hidden} processes of other users: root would see them"
            ));
        }
        Seen { escapes: escapes.into_iter().collect(), unseen }
    }

    /// Where brokers really are.
    fn real(core: &Core) -> Vec<Real> {
        let mut real = Vec::new();
        for edge in core.edges() {
            let Node::Broker(id) = edge.node else { continue };
            let addresses = edge.upstream().to_socket_addrs();
            real.extend(addresses.into_iter().flatten().map(|address| (id, canonical(address))));
        }
        real
    }

    fn is_at(listener: SocketAddr, remote: SocketAddr) -> bool {
        listener.port() == remote.port()
            && (listener.ip().is_unspecified() || listener.ip() == remote.ip())
    }

    fn canonical(address: SocketAddr) -> SocketAddr {
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    fn pids() -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut pids: Vec<u32> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        pids
    }

    /// The network namespace of a process and the inodes of its sockets.
    fn inodes(folder: &Path) -> io::Result<(String, Vec<u64>)> {
        let namespace = fs::read_link(folder.join("ns/net"))?;
        let mut inodes = Vec::new();
        for entry in fs::read_dir(folder.join("fd"))?.flatten() {
            // Descriptors come and go while we look.
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inodes.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
        }
        Ok((namespace.to_string_lossy().into_owned(), inodes))
    }

    fn table(folder: &Path) -> BTreeMap<u64, Socket> {
        let mut sockets = BTreeMap::new();
        for name in ["net/tcp", "net/tcp6"] {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            sockets.extend(parse(&text).into_iter().map(|socket| (socket.inode, socket)));
        }
        sockets
    }

    /// The name of a program.
    fn program(folder: &Path) -> String {
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        name.trim().to_owned()
    }

    /// The table of TCP sockets as the kernel writes it (`proc_net_tcp.rst`).
    pub(super) fn parse(text: &str) -> Vec<Socket> {
        let line = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let local = address(words.next()?)?;
            let remote = address(words.next()?)?;
            let state = words.next()?;
            let inode = words.nth(5)?.parse().ok()?;
            STATES.contains(&state).then_some(Socket { local, remote, inode })
        };
        text.lines().skip(1).filter_map(line).collect()
    }

    /// `0100007F:1F90`: words of four bytes in the order of the machine.
    fn address(text: &str) -> Option<SocketAddr> {
        let (ip, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let mut bytes = Vec::new();
        for at in (0..ip.len()).step_by(8) {
            let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        let ip: IpAddr = match bytes.len() {
            4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
            16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
            _ => return None,
        };
        Some(canonical(SocketAddr::new(ip, port)))
    }
}

#[cfg(all(test, target_os = "linux", target_endian = "little"))]
mod tests {
    use super::linux::parse;

    #[test]
    fn sockets_are_read_as_the_kernel_writes_them() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0\n   1: 0100007F:A001 0500007F:2384 01 00000000:00000000 00:00000000 00000000     0        0 42 1 0 20 4 30 10 -1\n   2: 0000000000000000FFFF00000100007F:A002 0000000000000000FFFF00000600007F:2384 02 00000000:00000000 00:00000000 00000000     0        0 43 1 0 20 4 30 10 -1\n";
        let seen: Vec<_> = parse(text)
            .iter()
            .map(|s| (s.local.to_string(), s.remote.to_string(), s.inode))
            .collect();
        let expected = [
            ("127.0.0.1:40961".to_owned(), "127.0.0.5:9092".to_owned(), 42),
            ("127.0.0.1:40962".to_owned(), "127.0.0.6:9092".to_owned(), 43),
        ];
        assert_eq!(seen, expected);
    }
}
