//! `volumes`, `tmpfs`, and files that come in through `configs` and `secrets`.

use indexmap::IndexMap;
use wonin_model::{Located, Mount, MountKind};

use super::value::{Data, Value};
use crate::paths;

/// What is known of host paths.
pub(crate) struct HostPaths<'a> {
    /// Paths that the walk found, sorted.
    pub(crate) known: &'a [String],
    /// The directory that relative host paths of a value start from.
    pub(crate) base: &'a dyn Fn(&Located<String>) -> String,
}

impl HostPaths<'_> {
    /// A host path as the value at `at` means it.
    pub(crate) fn resolve(&self, at: &Located<String>, path: &str) -> String {
        paths::join(&(self.base)(at), path)
    }

    /// A file or a directory: known from the walk, else by the ending of the name. `conf.d` and
    /// `.data` are directories by convention.
    fn kind(&self, path: &str) -> MountKind {
        let from = self.known.partition_point(|known| known.as_str() < path);
        match self.known.get(from) {
            Some(known) if known == path => return MountKind::File,
            Some(known) if is_below(known, path) => return MountKind::Directory,
            _ => {}
        }
        let below = format!("{path}/");
        let from = self.known.partition_point(|known| *known < below);
        if self.known.get(from).is_some_and(|known| is_below(known, path)) {
            return MountKind::Directory;
        }
        match paths::file_name(path).rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() && is_ending(ending) => MountKind::File,
            _ => MountKind::Directory,
        }
    }
}

fn is_below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

fn is_ending(ending: &str) -> bool {
    ending != "d"
        && (1..=10).contains(&ending.len())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && ending.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Mounts by target, of two with one target the later.
#[derive(Default)]
pub(crate) struct Mounts(IndexMap<String, Located<Mount>>);

impl Mounts {
    /// Adds the entries of `volumes`.
    pub(crate) fn volumes(&mut self, list: &Value, host: &HostPaths<'_>) {
        for item in list.items() {
            let mount = match &item.data {
                Data::Text(text) => Some(text.with(short(text, host))),
                Data::Map(_) => long(item, host),
                Data::Null | Data::List(_) => None,
            };
            self.add(mount);
        }
    }

    /// Adds the entries of `tmpfs`.
    pub(crate) fn tmpfs(&mut self, list: &Value) {
        for text in list.items().iter().filter_map(Value::text) {
            let target = text.value.split(':').next().unwrap_or_default();
            self.add(Some(text.with(in_memory(target))));
        }
    }

    /// Adds a file that is mounted read-only.
    pub(crate) fn file(&mut self, source: &Located<String>, target: &str, host: &HostPaths<'_>) {
        let mount = Mount {
            kind: MountKind::File,
            source: host.resolve(source, &source.value),
            target: target.to_owned(),
            read_only: true,
        };
        self.add(Some(source.with(mount)));
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Located<Mount>> {
        self.0.into_values().collect()
    }

    fn add(&mut self, mount: Option<Located<Mount>>) {
        if let Some(mount) = mount {
            self.0.insert(mount.value.target.clone(), mount);
        }
    }
}

fn in_memory(target: &str) -> Mount {
    Mount {
        kind: MountKind::Tmpfs,
        source: String::new(),
        target: target.to_owned(),
        read_only: false,
    }
}

/// `[SOURCE:]TARGET[:MODE]` (Compose specification, "volumes", short syntax). A source that begins
/// with `.`, `/` or `~`, or with a drive letter, is a host path; another is the name of a volume.
fn short(text: &Located<String>, host: &HostPaths<'_>) -> Mount {
    let value = text.value.as_str();
    let drive = value.len() > 2
        && value.as_bytes()[0].is_ascii_alphabetic()
        && value[1..].starts_with([':'])
        && value[2..].starts_with(['\\', '/']);
    let from = if drive { 2 } else { 0 };
    let colon = value[from..].find(':').map(|at| at + from);
    let Some(colon) = colon else {
        let kind = MountKind::Anonymous;
        return Mount { kind, source: String::new(), target: value.to_owned(), read_only: false };
    };
    let (source, rest) = (&value[..colon], &value[colon + 1..]);
    let (target, mode) = rest.split_once(':').unwrap_or((rest, ""));
    let read_only = mode.split(',').any(|option| option == "ro");
    let is_path = drive || source.starts_with(['.', '/', '~']);
    let (kind, source) = if is_path {
        let source = host.resolve(text, source);
        (host.kind(&source), source)
    } else if source.is_empty() {
        // A source that is all variable without definition is some host path or volume.
        let unknown = !text.origin.is_certain();
        (if unknown { MountKind::Directory } else { MountKind::Anonymous }, String::new())
    } else {
        (MountKind::Volume, source.to_owned())
    };
    Mount { kind, source, target: target.to_owned(), read_only }
}

fn long(item: &Value, host: &HostPaths<'_>) -> Option<Located<Mount>> {
    let target = item.text_at(&["target"]).or(item.text_at(&["destination"]))?;
    let source = item.text_at(&["source"]).or(item.text_at(&["src"]));
    let kind = item.text_at(&["type"]).map_or("volume", |kind| kind.value.as_str());
    let (kind, path) = match (kind, source) {
        ("tmpfs", _) => return Some(target.with(in_memory(&target.value))),
        ("volume", Some(source)) => (MountKind::Volume, source.value.clone()),
        ("bind", Some(source)) => {
            let path = host.resolve(source, &source.value);
            (host.kind(&path), path)
        }
        ("volume", None) => (MountKind::Anonymous, String::new()),
        _ => return None,
    };
    let read_only = item.is_true(&["read_only"]) || item.is_true(&["readonly"]);
    let mount = Mount { kind, source: path, target: target.value.clone(), read_only };
    Some(source.unwrap_or(target).with(mount))
}

#[cfg(test)]
mod tests {
    use wonin_text::{FileId, Place, Span};

    use super::*;

    fn read(text: &str) -> Mount {
        let known = ["deploy/conf/a.txt", "deploy/data-old/x", "deploy/plain"].map(str::to_owned);
        let base = |_: &Located<String>| "deploy".to_owned();
        let host = HostPaths { known: &known, base: &base };
        let place = Place { file: FileId(0), span: Span::default() };
        short(&Located::written(text.to_owned(), place), &host)
    }

    #[test]
    fn short_forms() {
        for (text, kind, source, target, read_only) in [
            ("data:/var/lib", MountKind::Volume, "data", "/var/lib", false),
            ("/var/lib", MountKind::Anonymous, "", "/var/lib", false),
            ("./conf:/conf:ro", MountKind::Directory, "deploy/conf", "/conf", true),
            ("./plain:/p", MountKind::File, "deploy/plain", "/p", false),
            ("./nginx.conf:/n:ro,z", MountKind::File, "deploy/nginx.conf", "/n", true),
            ("../conf.d:/c", MountKind::Directory, "conf.d", "/c", false),
            ("./.data:/d", MountKind::Directory, "deploy/.data", "/d", false),
            ("/run/docker.sock:/s", MountKind::File, "/run/docker.sock", "/s", false),
            ("./data:/d", MountKind::Directory, "deploy/data", "/d", false),
        ] {
            let expected = Mount { kind, source: source.into(), target: target.into(), read_only };
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(read("C:\\data:/d").target, "/d");
        assert_eq!(read("원인:/d").source, "원인");
    }
}
