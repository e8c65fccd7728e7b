//! Addresses and times as nginx writes them.

use wonin_model::Located;

/// Where a `…_pass` or a `server` of an upstream points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Name or address, without brackets.
    pub(super) host: Located<String>,
    /// Port where one is written.
    pub(super) port: Option<u16>,
}

/// Takes `scheme://` off; says the scheme.
pub(super) fn split_scheme(target: &Located<String>) -> (Option<String>, Located<String>) {
    match target.value.find("://") {
        Some(at) => {
            let scheme = target.value[..at].to_ascii_lowercase();
            (Some(scheme), target.part(at + 3..target.value.len()))
        }
        None => (None, target.clone()),
    }
}

/// The part before the path; a path may stand in a variable that nginx fills in.
pub(super) fn authority(target: &Located<String>) -> Located<String> {
    let text = target.value.as_str();
    let paths = ["/", "?", "$request_uri", "$uri", "$is_args", "$document_uri"];
    let end = paths.iter().filter_map(|path| text.find(path)).min().unwrap_or(text.len());
    target.part(0..end)
}

/// Host and port; `None` for sockets of the file system.
pub(super) fn address(authority: &Located<String>) -> Option<Address> {
    let text = authority.value.as_str();
    if text.is_empty() || text.starts_with("unix:") {
        return None;
    }
    // Colons stand within `[::1]` too.
    let bracket = text.find(']').map_or(0, |at| at + 1);
    let colon = text[bracket..].rfind(':').map(|at| bracket + at);
    let port = colon.and_then(|at| text[at + 1..].parse().ok());
    let end = colon.filter(|_| port.is_some() || bracket > 0).unwrap_or(text.len());
    let host = match text[..end].strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(_) => authority.part(1..end - 1),
        None => authority.part(0..end),
    };
    Some(Address { host, port })
}

/// The port that a scheme implies.
pub(super) fn default_port(scheme: Option<&str>) -> Option<u16> {
    match scheme? {
        "http" | "grpc" => Some(80),
        "https" | "grpcs" => Some(443),
        _ => None,
    }
}

/// Milliseconds of `30`, `30s`, `500ms`, `1m`, `1h30m`; a number without unit counts seconds
/// (nginx documentation, "Configuration file measurement units").
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [
            ("ms", 1),
            ("s", 1_000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
            ("w", 604_800_000),
        ];
        let unit = units.iter().find(|(unit, _)| rest.starts_with(unit));
        let (length, scale) = match unit {
            Some((unit, scale)) => (unit.len(), *scale),
            None if rest.is_empty() => (0, 1_000),
            None => return None,
        };
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = rest[length..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::at;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |text: &str| {
            address(&authority(&split_scheme(&at(text)).1)).map(|a| (a.host.value, a.port))
        };
        let expected = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(parts("http://app:8080/x:1"), expected("app", Some(8080)));
        assert_eq!(parts("http://app:8080$request_uri"), expected("app", Some(8080)));
        assert_eq!(parts("app"), expected("app", None));
        assert_eq!(parts("https://[fd00::2]:443/"), expected("fd00::2", Some(443)));
        assert_eq!(parts("[fd00::2]"), expected("fd00::2", None));
        assert_eq!(parts("$host:$port"), expected("$host:$port", None));
        assert_eq!(parts("unix:/run/php.sock"), None);
        assert_eq!(parts("http://"), None);
    }

    #[test]
    fn times_have_units() {
        let cases =
            [("30", 30_000), ("500ms", 500), ("1m", 60_000), ("1h 30m", 5_400_000), ("2s", 2_000)];
        for (text, expected) in cases {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
        for wrong in ["", "s", "1x", "99999999999999999999"] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
    }
}
