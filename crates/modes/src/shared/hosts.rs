//! Hosts, ports and what kind of address a text is.

use std::net::{IpAddr, Ipv4Addr};

use wonin_model::Located;

/// `localhost`, a name below it, `127.0.0.0/8` or `::1`: whoever dials it dials itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = bare(host);
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address, where the host is a literal IPv4 one that means one machine.
pub(crate) fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = bare(host).parse().ok()?;
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn bare(host: &str) -> &str {
    host.trim().trim_start_matches('[').trim_end_matches(']')
}

/// Something to dial, taken apart; each part keeps its exact place where it has one.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// What stands before `://`: a listener's name, a scheme.
    pub(crate) scheme: Option<String>,
    /// The host without brackets; empty means all addresses.
    pub(crate) host: Located<String>,
    /// The port, where a number is given.
    pub(crate) port: Option<u16>,
}

impl Endpoint {
    /// `host:port`, or the host alone.
    pub(crate) fn address(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host.value),
            None => self.host.value.clone(),
        }
    }
}

/// Takes `[label@|label=][scheme://][user@]host[:port][:more][/path]` apart.
pub(crate) fn endpoint(text: &Located<String>) -> Endpoint {
    let whole = text.value.as_str();
    let mut start = 0;
    let before_label = whole.find(['/', '?']).unwrap_or(whole.len());
    if let Some(at) = whole[..before_label].find(['@', '=']) {
        start = at + 1;
    }
    let mut scheme = None;
    if let Some(at) = whole[start..].find("://") {
        scheme = Some(whole[start..start + at].trim().to_owned());
        start += at + 3;
    }
    let end = whole[start..].find(['/', '?', ';']).map_or(whole.len(), |at| start + at);
    if let Some(at) = whole[start..end].rfind('@') {
        start += at + 1;
    }
    let rest = &whole[start..end];
    let (host, after) = if rest.starts_with('[') {
        let close = rest.find(']').unwrap_or(rest.len());
        (start + 1..start + close.max(1), rest.get(close + 1..).unwrap_or(""))
    } else {
        let colon = rest.find(':').unwrap_or(rest.len());
        (start..start + colon, &rest[colon..])
    };
    let port = after
        .strip_prefix(':')
        .and_then(|more| more.split(':').next().and_then(|port| port.trim().parse().ok()));
    Endpoint { scheme, host: text.part(host), port }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_model::Origin;
    use wonin_text::{FileId, Place, Span};

    fn parts(text: &str) -> (Option<String>, String, Option<u16>) {
        let place = Place { file: FileId(0), span: Span::new(100, 100 + text.len()) };
        let endpoint = endpoint(&Located::written(text.to_owned(), place));
        if let Origin::Written(place) = endpoint.host.origin {
            let at = place.span.start as usize - 100;
            assert_eq!(text.get(at..at + place.span.len()), Some(endpoint.host.value.as_str()));
        }
        (endpoint.scheme, endpoint.host.value, endpoint.port)
    }

    #[test]
    fn endpoints_are_taken_apart() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("kafka:9092"), (None, "kafka".into(), Some(9092)));
        assert_eq!(parts("kafka"), (None, "kafka".into(), None));
        assert_eq!(parts("0@kafka:9093"), (None, "kafka".into(), Some(9093)));
        assert_eq!(parts("PLAINTEXT://:9092"), (some("PLAINTEXT"), String::new(), Some(9092)));
        assert_eq!(
            parts("n1=http://10.0.0.4:2380/x"),
            (some("http"), "10.0.0.4".into(), Some(2380))
        );
        assert_eq!(parts("zoo1:2888:3888"), (None, "zoo1".into(), Some(2888)));
        let url = parts("jdbc:postgresql://db:5432/app?user=me&x=a@b");
        assert_eq!(url, (some("jdbc:postgresql"), "db".into(), Some(5432)));
        let user = parts("redis://me:word@cache:6379/0");
        assert_eq!(user, (some("redis"), "cache".into(), Some(6379)));
        assert_eq!(parts("[::1]:9092"), (None, "::1".into(), Some(9092)));
        for odd in ["", "[", "@", "://", "[]:x", "a:b:c", "원:1"] {
            parts(odd);
        }
    }

    #[test]
    fn loopback_and_literal_addresses() {
        for host in ["localhost", "127.0.1.1", "::1", "[::1]", "LOCALHOST", "a.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        assert!(!is_loopback("kafka") && !is_loopback("10.0.0.1") && !is_loopback(""));
        assert_eq!(ipv4("172.24.0.9"), Some(Ipv4Addr::new(172, 24, 0, 9)));
        assert_eq!(ipv4("127.0.0.1"), None);
        assert_eq!(ipv4("kafka"), None);
    }
}
