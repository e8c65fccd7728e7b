//! Instances of Apache Pinot, in whatever a controller, `zkCli` or a script printed: their ids say
//! role, host and port. `Broker_172.24.0.9_8099`.

use std::collections::BTreeSet;

use wonin_model::Registration;

use super::note;
use crate::live::LineReader;
use crate::live::found::Found;

const ROLES: &[&str] = &["Broker", "Server", "Controller", "Minion"];
/// Instances of one file.
const INSTANCES_MAX: usize = 10_000;

/// Whether a text has such an id.
pub(super) fn accepts(head: &str) -> bool {
    ids(head).next().is_some()
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Pinot {
    /// What the file's name or the last path or query in it says of the ids that follow.
    alive: Option<bool>,
    seen: BTreeSet<(String, Option<bool>)>,
}

impl Pinot {
    /// A reader for a file of this path, whose name may say that the list is of living ones alone.
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        Self { alive: says(name).and_then(Listed::alive), seen: BTreeSet::new() }
    }
}

impl LineReader for Pinot {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        if let Some(listed) = says(text) {
            self.alive = listed.alive();
        }
        for id in ids(text) {
            let key = (id.whole.to_owned(), self.alive);
            if self.seen.len() >= INSTANCES_MAX || !self.seen.insert(key) {
                continue;
            }
            note(found, "pinot-instances");
            let place = found.kept.keep(number, text, id.at..id.at + id.whole.len());
            found.registrations.push(Registration {
                store: "pinot",
                service: Some(id.role.to_owned()),
                id: id.whole.to_owned(),
                host: id.host.to_owned(),
                port: Some(id.port),
                place,
                alive: self.alive,
            });
        }
    }

    fn finish(self: Box<Self>, _: &mut Found) {}
}

/// Which instances a list has.
#[derive(Clone, Copy, Debug)]
enum Listed {
    /// Those that are there.
    Living,
    /// All that ever registered.
    All,
}

impl Listed {
    fn alive(self) -> Option<bool> {
        matches!(self, Self::Living).then_some(true)
    }
}

/// What a path of ZooKeeper or a query says of the ids behind it: only living ones, or, as far as
/// it tells, all that ever registered.
fn says(text: &str) -> Option<Listed> {
    let lower = text.to_ascii_lowercase();
    let is_live = ["liveinstances", "externalview", "state=online", "online"]
        .iter()
        .any(|word| lower.contains(word));
    if is_live {
        return Some(Listed::Living);
    }
    let is_all = ["/instances", "/participant", "/idealstates", "/tenants/"]
        .iter()
        .any(|word| lower.contains(word));
    is_all.then_some(Listed::All)
}

struct Id<'a> {
    at: usize,
    whole: &'a str,
    role: &'a str,
    host: &'a str,
    port: u16,
}

/// The ids in a text. A host may hold underscores; a port is what stands behind the last one.
fn ids(text: &str) -> impl Iterator<Item = Id<'_>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let rest = &text[at..];
            let start = at + rest.find(is_part)?;
            let len = text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
            at = start + len;
            if let Some(id) = id(start, &text[start..start + len]) {
                return Some(id);
            }
        }
        None
    })
}

fn id(at: usize, whole: &str) -> Option<Id<'_>> {
    let (role, rest) = whole.split_once('_')?;
    let (host, port) = rest.rsplit_once('_')?;
    (ROLES.contains(&role) && !host.is_empty()).then_some(())?;
    Some(Id { at, whole, role, host, port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_role_host_and_port() {
        let text =
            r#"{"instances":["Broker_172.24.0.9_8099","Server_pinot_server-0_8098","Broker_x"]}"#;
        let found: Vec<(&str, &str, u16)> =
            ids(text).map(|id| (id.role, id.host, id.port)).collect();
        assert_eq!(found, [("Broker", "172.24.0.9", 8099), ("Server", "pinot_server-0", 8098)]);
    }
}
