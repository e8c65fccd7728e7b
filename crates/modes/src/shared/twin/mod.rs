//! A Compose service once more, as another member of its row: a copy of its lines with what may
//! not be there twice (names, host ports, volumes, addresses) continued.

mod names;

use std::collections::BTreeSet;

use wonin_model::{FileEdit, Located, Mount, MountKind, Origin, Port, Service, ServiceId, Stack};
use wonin_text::{Edit, Place, SourceFile, Sources, Span, apply};

use super::{blocks, edits::insert};
use names::{find_name, next_port, renamed, reworded, sequel};

/// Why something cannot be repaired by edits, and where that stands.
#[derive(Debug)]
pub(crate) struct Obstacle {
    /// In words: `kafka2 mounts a file of its own`.
    pub(crate) why: String,
    /// The place.
    pub(crate) place: Option<Place>,
}

impl Obstacle {
    pub(crate) fn new(why: impl Into<String>, place: Option<Place>) -> Self {
        Self { why: why.into(), place }
    }

    /// `WHY (FILE:LINE)`.
    pub(crate) fn told(&self, sources: &Sources) -> String {
        let at = self.place.map(|place| {
            let line = sources.position(place).line;
            format!(" ({}:{line})", sources.file(place.file).path())
        });
        format!("{}{}", self.why, at.unwrap_or_default())
    }
}

/// Makes copies of one service.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    sources: &'a Sources,
    stack: &'a Stack,
    /// The service that is copied.
    pub(crate) original: &'a Service,
    /// All members of the row, the original too.
    members: Vec<&'a Service>,
    file: &'a SourceFile,
    block: Span,
    /// Names, volumes and addresses that are given already.
    taken: BTreeSet<String>,
    taken_ports: BTreeSet<u16>,
}

/// One copy: what is continued, and what that changes in the copied lines.
#[derive(Debug)]
pub(crate) struct Twin {
    /// Its name.
    pub(crate) name: String,
    /// Names by which the original is reached, with those of the copy; the longest first.
    pub(crate) words: Vec<(String, String)>,
    /// Host ports of the original, with those of the copy.
    pub(crate) ports: Vec<(u16, u16)>,
    number: u64,
    /// Changes within the copied lines, in bytes of the file.
    changes: Vec<Edit>,
    /// Entries of volumes, beside those of the original.
    volumes: Vec<FileEdit>,
}

impl<'a> Row<'a> {
    /// The row of `members`, of which `original` is copied.
    pub(crate) fn new(
        sources: &'a Sources,
        stack: &'a Stack,
        original: ServiceId,
        members: &[ServiceId],
    ) -> Result<Self, Obstacle> {
        let service = stack.service(original);
        let place = service.name.place();
        let name = &service.name.value;
        let unknown = || Obstacle::new(format!("the layout of {name} is not known"), place);
        let at = match &service.name.origin {
            Origin::Written(place) => *place,
            _ => return Err(unknown()),
        };
        let file = sources.file(at.file);
        let start = file.line(file.position(at.span.start as usize).line).ok_or_else(unknown)?;
        let indent = file.slice(start);
        let key = start.start as usize + indent.len() - indent.trim_start().len();
        let block = blocks::entry(file, key).ok_or_else(unknown)?;
        let row = Self {
            sources,
            stack,
            original: service,
            members: members.iter().map(|&id| stack.service(id)).collect(),
            file,
            block,
            taken: taken_names(stack, service.project),
            taken_ports: taken_ports(stack, service.project),
        };
        row.stands_alone(at)?;
        Ok(row)
    }

    /// Whether the copied lines are all that makes the service what it is.
    fn stands_alone(&self, at: Place) -> Result<(), Obstacle> {
        let service = self.original;
        let name = &service.name.value;
        if let Some(mode) = &service.network_mode {
            let why = format!("{name} has no network of its own");
            return Err(Obstacle::new(why, mode.place()));
        }
        if let Some(replicas) = service.replicas.as_ref().filter(|replicas| replicas.value != 1) {
            let why = format!("{name} runs {} times", replicas.value);
            return Err(Obstacle::new(why, replicas.place()));
        }
        let values = service.environment.values().map(|value| &value.origin);
        let ports = service.ports.iter().map(|port| &port.origin);
        let mounts = service.mounts.iter().map(|mount| &mount.origin);
        let laid_over = values.chain(ports).chain(mounts).find(|origin| {
            let is_override = |one: &wonin_model::Inherited| {
                one.how == wonin_model::Inheritance::Override && one.place.file != at.file
            };
            origin.inherited().is_some_and(is_override)
        });
        match laid_over {
            Some(origin) => {
                let why = format!("another file is laid over {name}");
                Err(Obstacle::new(why, origin.place()))
            }
            None => Ok(()),
        }
    }

    /// Begins the next copy: all that has to differ but what belongs to the product.
    pub(crate) fn next(&mut self) -> Result<Twin, Obstacle> {
        let service = self.original;
        let old = service.name.value.as_str();
        let alike = self.members.iter().filter(|member| member.name.value.starts_with(old));
        let members = alike.count();
        let (name, number) = sequel(old, members, |name| self.taken.contains(name));
        self.taken.insert(name.clone());
        let mut twin = Twin {
            words: vec![(old.to_owned(), name.clone())],
            name,
            ports: Vec::new(),
            number,
            changes: Vec::new(),
            volumes: Vec::new(),
        };
        let key = self.block.start as usize;
        let line = self.file.slice(self.block);
        let at = key + line.find(old).unwrap_or(0);
        twin.change(Span::new(at, at + old.len()), twin.name.clone());
        self.given_names(&mut twin)?;
        for port in &service.ports {
            self.port(&mut twin, port)?;
        }
        for mount in &service.mounts {
            self.mount(&mut twin, mount)?;
        }
        twin.words.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
        Ok(twin)
    }

    /// Names that the service is given beside its key, and its address.
    fn given_names(&mut self, twin: &mut Twin) -> Result<(), Obstacle> {
        let service = self.original;
        let mut given: Vec<&Located<String>> = service
            .container_name
            .iter()
            .chain(&service.hostname)
            .chain(service.networks.iter().flat_map(|network| &network.aliases))
            .collect();
        // A name that all members answer to is that of the row.
        given.retain(|name| !self.is_shared(|member| member.answers_to(&name.value)));
        for value in given {
            if let Some(next) = twin.word(&value.value).map(str::to_owned) {
                self.own(twin, value, &next)?;
                continue;
            }
            let next = renamed(&value.value, twin.own_name(), twin.number, |name| {
                self.taken.contains(name)
            });
            self.own(twin, value, &next)?;
            self.taken.insert(next.clone());
            twin.words.push((value.value.clone(), next));
        }
        for address in service.networks.iter().filter_map(|network| network.ipv4_address.as_ref()) {
            let next = self.next_address(&address.value).ok_or_else(|| {
                Obstacle::new("no address is free beside this one", address.place())
            })?;
            self.own(twin, address, &next)?;
            self.taken.insert(next.clone());
            twin.words.push((address.value.clone(), next));
        }
        Ok(())
    }

    /// Whether another member has it too.
    fn is_shared(&self, has: impl Fn(&Service) -> bool) -> bool {
        let others = self.members.iter().filter(|one| one.name.value != self.original.name.value);
        others.into_iter().any(|member| has(member))
    }

    fn next_address(&self, address: &str) -> Option<String> {
        let (net, last) = address.rsplit_once('.')?;
        let last: u8 = last.parse().ok()?;
        let candidates = (last..254).map(|last| format!("{net}.{}", last + 1));
        candidates.into_iter().find(|address| !self.taken.contains(address))
    }

    fn port(&mut self, twin: &mut Twin, port: &Located<Port>) -> Result<(), Obstacle> {
        let Some(published) = port.value.published else { return Ok(()) };
        let known = twin.ports.iter().find(|(old, _)| *old == published).map(|(_, new)| *new);
        let target = port.value.target;
        let row: Vec<u16> = self
            .members
            .iter()
            .flat_map(|member| &member.ports)
            .filter(|other| other.value.target == target)
            .filter_map(|other| other.value.published)
            .collect();
        let next =
            known.or_else(|| next_port(published, &row, |port| self.taken_ports.contains(&port)));
        let obstacle = || Obstacle::new("the host port cannot be told", port.place());
        let place = self.within(port.place()).ok_or_else(obstacle)?;
        let raw = self.file.slice(place.span);
        let next = next.ok_or_else(obstacle)?;
        let written = published_in(raw, published).ok_or_else(obstacle)?;
        let start = place.span.start as usize;
        twin.change(Span::new(start + written.start, start + written.end), next.to_string());
        self.taken_ports.insert(next);
        twin.ports.push((published, next));
        Ok(())
    }

    fn mount(&mut self, twin: &mut Twin, mount: &Located<Mount>) -> Result<(), Obstacle> {
        let Mount { kind, source, read_only, .. } = &mount.value;
        let shared = self
            .is_shared(|member| member.mounts.iter().any(|other| other.value.source == *source));
        if shared || matches!(kind, MountKind::Anonymous | MountKind::Tmpfs) || source.is_empty() {
            return Ok(());
        }
        let name = &self.original.name.value;
        let obstacle = |why: &str| Obstacle::new(format!("{name} {why}"), mount.place());
        if *kind == MountKind::File || *read_only {
            return Err(obstacle("mounts a file of its own"));
        }
        let place =
            self.within(mount.place()).ok_or_else(|| obstacle("has a volume of its own"))?;
        let raw = self.file.slice(place.span);
        let end = raw.find(':').unwrap_or(raw.len());
        let written = &raw[..end];
        if written.contains('$') {
            return Err(obstacle("has a volume whose name is computed"));
        }
        // A volume may be called as its service is.
        let is_taken = |name: &str| name != twin.name && self.taken.contains(name);
        let next = renamed(written, twin.own_name(), twin.number, is_taken);
        let start = place.span.start as usize;
        twin.change(Span::new(start, start + end), next.clone());
        if *kind == MountKind::Volume {
            self.declare(twin, source, &next)?;
        }
        self.taken.insert(next);
        Ok(())
    }

    /// Declares a volume beside that of the original.
    fn declare(&self, twin: &mut Twin, old: &str, new: &str) -> Result<(), Obstacle> {
        let project = &self.stack.projects[self.original.project];
        let Some(volume) = project.volumes.get(old) else { return Ok(()) };
        let obstacle = |why: &str| Obstacle::new(format!("volume {old} {why}"), volume.place);
        let place = volume.place.ok_or_else(|| obstacle("is declared in an unknown place"))?;
        if volume.external {
            return Err(obstacle("is made by somebody else"));
        }
        let file = self.sources.file(place.file);
        let key = place.span.start as usize;
        let quoted = usize::from(file.text()[..key].ends_with(['"', '\'']));
        let block = blocks::entry(file, key - quoted);
        let block = block.ok_or_else(|| obstacle("is declared in a layout that is not known"))?;
        let text = file.slice(block);
        if text.contains("name:") || text.contains("device:") {
            return Err(obstacle("has a name or a device of its own"));
        }
        let at = key - block.start as usize;
        let copy = blocks::bare(&format!("{}{new}{}", &text[..at], &text[at + old.len()..]));
        let separator = blocks::separator(file, block.start as usize);
        let entry = insert(place, block.end as usize, format!("{separator}{copy}"));
        twin.volumes.push(entry);
        Ok(())
    }

    /// Puts another text in the place of a value that the original has alone.
    pub(crate) fn own(
        &self,
        twin: &mut Twin,
        value: &Located<String>,
        by: &str,
    ) -> Result<(), Obstacle> {
        let place = self.within(value.place());
        let is_whole = |place: &Place| {
            let raw = self.file.slice(place.span);
            raw.trim() == value.value.trim() || (raw.starts_with('$') && !raw.contains('='))
        };
        let Some(place) = place.filter(is_whole) else {
            let why = format!("`{}` is not written at {}", value.value, self.original.name.value);
            return Err(Obstacle::new(why, value.place()));
        };
        twin.change(place.span, by.to_owned());
        Ok(())
    }

    /// The place, where it is among the lines that are copied.
    pub(crate) fn within(&self, place: Option<Place>) -> Option<Place> {
        let own = self.original.name.place()?.file;
        place.filter(|place| {
            place.file == own
                && place.span.start >= self.block.start
                && place.span.end <= self.block.end
        })
    }

    /// Ends a copy: the names in the environment, the check and the command follow, but for the
    /// values at the places of `keep`; the lines.
    pub(crate) fn finish(&self, twin: &mut Twin, keep: &[Place]) -> Result<String, Obstacle> {
        let service = self.original;
        let follows =
            |value: &Located<String>| value.place().is_none_or(|place| !keep.contains(&place));
        for (key, value) in service.environment.iter().filter(|(_, value)| follows(value)) {
            self.environment(twin, key, value)?;
        }
        let check = service.healthcheck.as_ref().and_then(|check| check.test.place());
        let command = service.command.as_ref().and_then(Located::place);
        for place in [check, command].into_iter().filter_map(|place| self.within(place)) {
            if let Some(text) = reworded(self.file.slice(place.span), &twin.words) {
                twin.change(place.span, text);
            }
        }
        let start = self.block.start;
        let changes: Vec<Edit> = twin
            .changes
            .iter()
            .map(|change| Edit {
                span: Span { start: change.span.start - start, end: change.span.end - start },
                replacement: change.replacement.clone(),
            })
            .collect();
        let text = apply(self.file.slice(self.block), &changes)
            .map_err(|_| Obstacle::new("its values share a text", service.name.place()))?;
        Ok(blocks::bare(&text))
    }

    /// A value of the environment that names the original.
    fn environment(
        &self,
        twin: &mut Twin,
        key: &str,
        value: &Located<String>,
    ) -> Result<(), Obstacle> {
        let text = value.value.as_str();
        let names_other = self
            .members
            .iter()
            .filter(|member| member.name.value != self.original.name.value)
            .any(|member| member.names().any(|name| find_name(text, name).is_some()));
        let others = self.members.iter().filter_map(|member| member.environment.get(key));
        let differs = others.into_iter().any(|other| other.value != *text);
        let next = match twin.words.iter().find(|(old, _)| old == text) {
            Some((_, new)) if differs => Some(new.clone()),
            Some(_) => None,
            None => reworded(text, &twin.words),
        };
        // A list of all members stays one.
        let listed = names_other && text.contains(',');
        let Some(next) = next.filter(|_| !listed) else {
            let alone = differs && twin.words.iter().any(|(old, _)| find_name(text, old).is_some());
            if alone && !listed && !self.is_changed(twin, value) {
                let why = format!("{key} of {} is its own", self.original.name.value);
                return Err(Obstacle::new(why, value.place()));
            }
            return Ok(());
        };
        if self.is_changed(twin, value) {
            return Ok(());
        }
        let raw = self.within(value.place()).map(|place| (place, self.file.slice(place.span)));
        let change = raw.and_then(|(place, raw)| {
            let new = if raw == text { Some(next) } else { reworded(raw, &twin.words) };
            new.map(|new| (place, new))
        });
        let Some((place, new)) = change else {
            let why = format!("{key} of {} is its own", self.original.name.value);
            return Err(Obstacle::new(why, value.place()));
        };
        twin.change(place.span, new);
        Ok(())
    }

    fn is_changed(&self, twin: &Twin, value: &Located<String>) -> bool {
        self.within(value.place()).is_some_and(|place| {
            twin.changes.iter().any(|change| {
                change.span.start >= place.span.start && change.span.end <= place.span.end
            })
        })
    }

    /// The edits that put copies after the original, with the volumes that they need. `ending`
    /// is what other edits put at the very end of the original.
    pub(crate) fn edits(&self, copies: &[(Twin, String)], ending: &str) -> Vec<FileEdit> {
        let Some(place) = self.original.name.place() else { return Vec::new() };
        let separator = blocks::separator(self.file, self.block.start as usize);
        let texts: Vec<String> =
            copies.iter().map(|(_, text)| format!("{separator}{text}")).collect();
        let text = format!("{ending}{}", texts.concat());
        let mut edits = vec![insert(place, self.block.end as usize, text)];
        edits.extend(copies.iter().flat_map(|(twin, _)| twin.volumes.iter().cloned()));
        edits
    }

    /// Where the lines of the original end.
    pub(crate) fn end(&self) -> u32 {
        self.block.end
    }
}

impl Twin {
    fn own_name(&self) -> (&str, &str) {
        // The key's pair stands first until the words are sorted.
        self.words.first().map_or(("", ""), |(old, new)| (old.as_str(), new.as_str()))
    }

    /// Changes bytes of the copied lines.
    pub(crate) fn change(&mut self, span: Span, replacement: String) {
        self.changes.push(Edit { span, replacement });
    }

    /// The copy's name for one of the original.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.words.iter().find(|(old, _)| old == name).map(|(_, new)| new.as_str())
    }
}

fn taken_names(stack: &Stack, project: usize) -> BTreeSet<String> {
    let services = || stack.services_of(project).map(|(_, service)| service);
    let names = services().flat_map(|service| service.names().map(str::to_owned));
    let sources = services().flat_map(|service| &service.mounts);
    let sources = sources.map(|mount| mount.value.source.clone());
    let networks = services().flat_map(|service| &service.networks);
    let addresses = networks.filter_map(|network| network.ipv4_address.as_ref());
    let addresses = addresses.map(|address| address.value.clone());
    let volumes = stack.projects[project].volumes.keys().cloned();
    names.chain(sources).chain(addresses).chain(volumes).collect()
}

fn taken_ports(stack: &Stack, project: usize) -> BTreeSet<u16> {
    let ports = stack.services_of(project).flat_map(|(_, service)| &service.ports);
    ports.filter_map(|port| port.value.published).collect()
}

/// Where the host port is written in an entry of `ports`: `9093:9092`, `127.0.0.1:9093:9092`,
/// `${PORT:-9093}:9092`, `9093` of the long form.
fn published_in(raw: &str, published: u16) -> Option<std::ops::Range<usize>> {
    let host = match raw.rsplit_once(':') {
        Some((host, target)) if !target.contains('}') => host,
        _ => raw,
    };
    if host.contains('$') {
        return host.starts_with('$').then_some(0..host.len());
    }
    let start = host.rfind(':').map_or(0, |at| at + 1);
    (host[start..].parse() == Ok(published)).then_some(start..host.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_port_is_found_in_every_form() {
        assert_eq!(published_in("9093:9092", 9093), Some(0..4));
        assert_eq!(published_in("127.0.0.1:9093:9092", 9093), Some(10..14));
        assert_eq!(published_in("${PORT:-9093}:9092", 9093), Some(0..13));
        assert_eq!(published_in("9093", 9093), Some(0..4));
        assert_eq!(published_in("9090-9092:9090-9092", 9091), None);
    }
}
