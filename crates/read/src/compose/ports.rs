//! `ports` and `expose`.

use std::ops::RangeInclusive;

use indexmap::IndexMap;
use wonin_model::{Located, Port};

use super::value::{Data, Notes, Value};

/// How many ports one entry may name; longer ranges are cut.
const MOST_PORTS: u16 = 256;

/// The published ports; of two entries for the same address, port and protocol the later counts.
pub(crate) fn ports(list: &Value, notes: &mut Notes) -> Vec<Located<Port>> {
    let mut ports = IndexMap::new();
    for item in list.items() {
        note_cut(item, notes);
        for port in entry(item) {
            let Port { host_ip, published, target, protocol } = &port.value;
            let key = (host_ip.clone(), *published, *target, protocol.clone());
            ports.insert(key, port);
        }
    }
    ports.into_values().collect()
}

/// Says of a range that is cut what is left of it.
fn note_cut(item: &Value, notes: &mut Notes) {
    let target = item.text_at(&["target"]).or(item.text()).map_or("", |text| text.value.as_str());
    let target = without_protocol(target).0;
    let target = target.rsplit_once(':').map_or(target, |(_, target)| target);
    if let Some((first, last)) = bounds(target)
        && last - first >= MOST_PORTS
    {
        let why = format!("more than {MOST_PORTS} ports at once: only the first of them are read");
        notes.skip(item.place, why);
    }
}

/// The exposed ports.
pub(crate) fn expose(list: &Value, notes: &mut Notes) -> Vec<Located<u16>> {
    let mut ports = IndexMap::new();
    list.items().iter().for_each(|item| note_cut(item, notes));
    for text in list.items().iter().filter_map(Value::text) {
        for port in exposed(&text.value) {
            ports.insert(port, text.with(port));
        }
    }
    ports.into_values().collect()
}

/// The ports of one entry: `3000`, `3000/udp`, `3000-3005`.
pub(crate) fn exposed(text: &str) -> impl Iterator<Item = u16> + use<> {
    range(without_protocol(text).0).into_iter().flatten()
}

fn entry(item: &Value) -> Vec<Located<Port>> {
    match &item.data {
        Data::Text(text) => short(&text.value).into_iter().map(|port| text.with(port)).collect(),
        Data::Map(_) => long(item),
        Data::Null | Data::List(_) => Vec::new(),
    }
}

/// `[HOST:]CONTAINER[/PROTOCOL]` with `HOST` = `[IP:](PORT | RANGE)` (Compose specification,
/// "ports", short syntax). An address in brackets or with several colons is IPv6.
fn short(text: &str) -> Vec<Port> {
    let (text, protocol) = without_protocol(text);
    let (host, target) = text.rsplit_once(':').unwrap_or(("", text));
    let (host_ip, published) = match host.rsplit_once(':') {
        Some((ip, published)) => (ip.trim_matches(['[', ']']), published),
        None if host.contains('.') => (host, ""),
        None => ("", host),
    };
    pairs(published, target)
        .map(|(published, target)| Port {
            host_ip: host_ip.to_owned(),
            published,
            target,
            protocol: protocol.to_owned(),
        })
        .collect()
}

fn long(item: &Value) -> Vec<Located<Port>> {
    let text = |key| item.text_at(&[key]).map_or("", |text| text.value.as_str());
    let Some(target) = item.text_at(&["target"]) else { return Vec::new() };
    let protocol = Some(text("protocol")).filter(|name| !name.is_empty()).unwrap_or("tcp");
    let at = item.text_at(&["published"]).unwrap_or(target);
    pairs(text("published"), &target.value)
        .map(|(published, target)| Port {
            host_ip: text("host_ip").to_owned(),
            published,
            target,
            protocol: protocol.to_owned(),
        })
        .map(|port| at.with(port))
        .collect()
}

/// Pairs of published and target port; a host range for one target leaves the choice to the engine.
fn pairs(published: &str, target: &str) -> impl Iterator<Item = (Option<u16>, u16)> + use<> {
    let targets = range(target);
    let hosts = range(published);
    let one_to_one = match (&hosts, &targets) {
        (Some(hosts), Some(targets)) => hosts.len() == targets.len(),
        _ => false,
    };
    let offset = hosts.filter(|_| one_to_one).map(|hosts| *hosts.start());
    let first = targets.as_ref().map_or(0, |targets| *targets.start());
    targets
        .into_iter()
        .flatten()
        .map(move |target| (offset.and_then(|offset| offset.checked_add(target - first)), target))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = bounds(text)?;
    Some(first..=last.min(first.saturating_add(MOST_PORTS - 1)))
}

/// The first and the last port of a range, which may be one.
fn bounds(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u16 = first.trim().parse().ok()?;
    let last: u16 = last.trim().parse().ok()?;
    (first <= last).then_some((first, last))
}

fn without_protocol(text: &str) -> (&str, &str) {
    text.trim().split_once('/').unwrap_or((text.trim(), "tcp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let shown = |port: Port| {
            let published = port.published.map_or("?".to_owned(), |port| port.to_string());
            format!("{}|{published}|{}|{}", port.host_ip, port.target, port.protocol)
        };
        short(text).into_iter().map(shown).collect()
    }

    #[test]
    fn short_forms() {
        for (text, expected) in [
            ("3000", "|?|3000|tcp"),
            ("8000:80", "|8000|80|tcp"),
            ("127.0.0.1:8001:8001", "127.0.0.1|8001|8001|tcp"),
            ("127.0.0.1::5000", "127.0.0.1|?|5000|tcp"),
            ("127.0.0.1:5000", "127.0.0.1|?|5000|tcp"),
            ("[::1]:6001:6001", "::1|6001|6001|tcp"),
            ("6060:6060/udp", "|6060|6060|udp"),
            ("9000-9010:80", "|?|80|tcp"),
        ] {
            assert_eq!(read(text), [expected], "{text}");
        }
        assert_eq!(read("9090-9091:8080-8081"), ["|9090|8080|tcp", "|9091|8081|tcp"]);
        assert_eq!(read(":80x"), [""; 0]);
        assert_eq!(read("1-65535").len(), usize::from(MOST_PORTS));
    }
}
