//! The properties files that a container in a pod sees: keys of ConfigMaps that are mounted.

use wonin_model::{Interpolated, Located, Settings};
use wonin_syntax::{Content, Node, Style};
use wonin_text::{Place, Sources};

use super::Object;
use super::environment::config_map;
use crate::kafka::{Seen, settings_from};

/// The mounts of one container.
pub(super) struct Volumes<'a> {
    pub(super) object: &'a Object<'a>,
    pub(super) group: &'a [Object<'a>],
    pub(super) pod: &'a Node,
    pub(super) container: &'a Node,
    pub(super) sources: &'a Sources,
}

impl Volumes<'_> {
    /// What the container sees under a path; an empty one was not found in the command. Relative
    /// paths are those of Kafka's own directory.
    pub(super) fn seen(&self, inside: &str) -> Seen {
        let inside = match inside.strip_prefix("./").unwrap_or(inside) {
            "" => return Seen::Unknown,
            path if path.starts_with('/') => path.to_owned(),
            path => format!("{}/{path}", self.directory()),
        };
        let mounts = self.container.get("volumeMounts").map(Node::items).unwrap_or_default();
        let covering = mounts.iter().filter_map(|mount| Some((mount, covered(mount, &inside)?)));
        // The mount that lies deepest wins.
        match covering.min_by_key(|(_, rest)| rest.len()) {
            Some((mount, rest)) => self.within(mount, rest),
            None => Seen::OfImage,
        }
    }

    fn directory(&self) -> &str {
        self.container.get("workingDir").and_then(Node::as_str).unwrap_or("/opt/kafka")
    }

    /// What a mount shows under the rest of a path; empty where the mount itself is meant.
    fn within(&self, mount: &Node, rest: &str) -> Seen {
        let name = mount.get("name").and_then(Node::as_str);
        let volumes = self.pod.get("volumes").map(Node::items).unwrap_or_default();
        let volume =
            volumes.iter().find(|volume| volume.get("name").and_then(Node::as_str) == name);
        // A claim of the workload itself: it begins without a file.
        let Some(volume) = volume else { return Seen::OfImage };
        if let Some(map) = volume.get("configMap") {
            let sub = mount.get("subPath").and_then(Node::as_str).unwrap_or(rest);
            return self.of_map(mount, map, sub).unwrap_or(Seen::Unknown);
        }
        let holds_data = ["persistentVolumeClaim", "hostPath", "nfs", "ephemeral"];
        let is_empty = volume.get("emptyDir").is_some() && !self.is_filled(name);
        if is_empty || holds_data.iter().any(|kind| volume.get(kind).is_some()) {
            return Seen::OfImage;
        }
        Seen::Unknown
    }

    /// Whether a container that runs before puts something into a volume.
    fn is_filled(&self, volume: Option<&str>) -> bool {
        let before = self.pod.get("initContainers").map(Node::items).unwrap_or_default();
        let mounts = before.iter().filter_map(|one| one.get("volumeMounts"));
        mounts.flat_map(Node::items).any(|one| one.get("name").and_then(Node::as_str) == volume)
    }

    /// The file that a key of a ConfigMap is.
    fn of_map(&self, mount: &Node, volume: &Node, file: &str) -> Option<Seen> {
        let name = volume.get("name")?.as_str()?;
        let map = config_map(name, self.object, self.group)?;
        let items = volume.get("items").map(Node::items).unwrap_or_default();
        let shown = |item: &&Node| item.get("path").and_then(Node::as_str) == Some(file);
        let key = match items {
            [] => file,
            items => items.iter().find(shown)?.get("key")?.as_str()?,
        };
        let value = map.node.get("data")?.get(key)?;
        let place = Place { file: self.object.file, span: mount.span };
        Some(Seen::Here(self.properties(map, value)?, Some(place)))
    }

    /// The properties of a value over several lines. As indentation is nothing in such a file, the
    /// text of a block can be read where it stands.
    fn properties(&self, map: &Object<'_>, value: &Node) -> Option<Settings> {
        let Content::Scalar(scalar) = &value.content else { return None };
        let span = value.value_span();
        let place = Place { file: map.file, span };
        let settings = if scalar.style == Style::Block {
            settings_from(map.file, self.sources.slice(place), span.start as usize)
        } else {
            let read = settings_from(map.file, &scalar.value, 0);
            read.iter().map(|(name, value)| (name.into(), at(&value.value, place, false))).collect()
        };
        // What a script fills in later is not known.
        let known = |(name, value): (&str, &Located<String>)| {
            let is_open = value.value.contains(['$', '{', '#']);
            let value = match value.place().filter(|_| is_open) {
                Some(place) => at(&value.value, place, true),
                None => value.clone(),
            };
            (name.into(), value)
        };
        Some(settings.iter().map(known).collect())
    }
}

fn at(value: &str, place: Place, is_open: bool) -> Located<String> {
    let unset = if is_open { vec![value.to_owned()] } else { Vec::new() };
    Located {
        value: value.to_owned(),
        origin: Interpolated { place, from: Vec::new(), unset }.into(),
    }
}

/// What is left of a path below the target of a mount.
fn covered<'p>(mount: &Node, inside: &'p str) -> Option<&'p str> {
    let target = mount.get("mountPath")?.as_str()?.trim_end_matches('/');
    let rest = inside.strip_prefix(target)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}
