//! Which files of the tree a container sees under which paths: what is mounted, and what the
//! Dockerfile copies into the image.

use std::collections::BTreeMap;

use wonin_model::{MountKind, Service};
use wonin_syntax::dockerfile::{self, Instruction};
use wonin_text::Place;

use crate::paths;
use crate::pipeline::Joining;

/// A file of the tree as a container sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenFile {
    /// Its path in the tree.
    pub(crate) path: String,
    /// Where the mount is written; `None` for copied files.
    pub(crate) mount: Option<Place>,
}

/// What a container sees of the tree.
#[derive(Debug, Default)]
pub(crate) struct Container {
    mounts: Vec<Shown>,
    copies: Vec<Shown>,
}

/// A file or directory of the tree under a path of the container.
#[derive(Debug)]
struct Shown {
    target: String,
    source: String,
    place: Option<Place>,
}

impl Container {
    /// What the service's container sees.
    pub(crate) fn of(service: &Service, joining: &mut Joining<'_>) -> Self {
        let mut container = Self { mounts: mounts(service), copies: Vec::new() };
        if let Some(context) = &service.build_context {
            let usual = || paths::join(&context.value, "Dockerfile");
            let path = service.dockerfile.clone().unwrap_or_else(usual);
            if let Some(file) = joining.exists(&path).then(|| joining.load(&path).ok()).flatten() {
                container.copies = copies(joining.text(file), &context.value);
            }
        }
        container
    }

    /// The file under a path of the container; of several mounts the longest target wins, and
    /// mounts hide what the image holds.
    pub(crate) fn file(&self, inside: &str) -> Option<SeenFile> {
        [&self.mounts, &self.copies].into_iter().find_map(|shown| longest(shown, inside))
    }

    /// Everything below a directory (`/etc/nginx/`) by its path inside, of the given paths of the
    /// tree.
    pub(crate) fn below<'a>(
        &self,
        directory: &str,
        paths: impl Iterator<Item = &'a String> + Clone,
    ) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        if self.copies.is_empty() && self.mounts.is_empty() {
            return seen;
        }
        for path in paths.clone() {
            for copy in &self.copies {
                let inside = copy.inside(path);
                let hidden = |inside: &String| longest(&self.mounts, inside).is_some();
                seen.extend(inside.filter(|i| !hidden(i)).map(|inside| (inside, path.clone())));
            }
        }
        for path in paths {
            let mounted = self.mounts.iter().filter_map(|mount| mount.inside(path));
            seen.extend(mounted.map(|inside| (inside, path.clone())));
        }
        seen.retain(|inside, _| inside.starts_with(directory));
        seen
    }

    /// Files that are mounted or copied one by one below a directory: pairs of the path inside and
    /// the path in the tree.
    pub(crate) fn single_files(&self, directory: &str) -> Vec<(String, String)> {
        let all = self.copies.iter().chain(&self.mounts);
        all.filter(|shown| shown.target.starts_with(directory))
            .map(|shown| (shown.target.clone(), shown.source.clone()))
            .collect()
    }
}

impl Shown {
    /// The path under which the container sees a path of the tree.
    fn inside(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.source.as_str())?;
        let target = self.target.trim_end_matches('/');
        if self.source.is_empty() {
            return Some(format!("{target}/{rest}"));
        }
        match rest.strip_prefix('/') {
            Some(rest) => Some(format!("{target}/{rest}")),
            None => rest.is_empty().then(|| target.to_owned()),
        }
    }

    /// The path of the tree that the container sees under a path.
    fn outside(&self, inside: &str) -> Option<String> {
        let rest = inside.strip_prefix(self.target.trim_end_matches('/'))?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(paths::join(&self.source, rest)),
            None => rest.is_empty().then(|| self.source.clone()),
        }
    }
}

fn longest(shown: &[Shown], inside: &str) -> Option<SeenFile> {
    let seen = shown.iter().filter_map(|shown| Some((shown, shown.outside(inside)?)));
    let (shown, path) = seen.max_by_key(|(shown, _)| shown.target.len())?;
    Some(SeenFile { path, mount: shown.place })
}

fn mounts(service: &Service) -> Vec<Shown> {
    let of_tree = service.mounts.iter().filter(|mount| {
        matches!(mount.value.kind, MountKind::File | MountKind::Directory)
            && !mount.value.source.starts_with('/')
    });
    of_tree
        .map(|mount| Shown {
            target: mount.value.target.clone(),
            source: paths::join("", &mount.value.source),
            place: mount.place(),
        })
        .collect()
}

/// What the last stage copies out of the build context.
fn copies(text: &str, context: &str) -> Vec<Shown> {
    let dockerfile = dockerfile::parse(text);
    let Some(stage) = dockerfile.last_stage() else { return Vec::new() };
    let instructions = stage.instructions.iter();
    let of_context = |instruction: &&Instruction| {
        matches!(instruction.keyword.as_str(), "COPY" | "ADD") && instruction.flag("from").is_none()
    };
    instructions.filter(of_context).flat_map(|copy| copied(copy, context)).collect()
}

fn copied(copy: &Instruction, context: &str) -> Vec<Shown> {
    let Some((target, sources)) = copy.args.split_last() else { return Vec::new() };
    let into = target.value.ends_with('/') || sources.len() > 1;
    let shown = |source: &dockerfile::Word| {
        let source = paths::join(context, source.value.trim_start_matches('/'));
        // A directory is copied by its content; a file without an ending is rare.
        let name = paths::file_name(&source).trim_start_matches('.');
        let is_file = name.rsplit_once('.').is_some_and(|(_, ending)| ending != "d");
        let target = if into && is_file {
            format!("{}/{}", target.value.trim_end_matches('/'), paths::file_name(&source))
        } else {
            target.value.clone()
        };
        Shown { target, source, place: None }
    };
    // A relative target counts from the image's working directory, which is not followed here.
    let absolute = target.value.starts_with('/');
    sources.iter().filter(|_| absolute).filter(|s| !s.value.contains('*')).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{mounting, service};

    #[test]
    fn files_are_found_in_mounted_files_and_directories() {
        let service = mounting(service("web", &[]), "./conf", "/etc/nginx/");
        let service = mounting(service, "./other.conf", "/etc/nginx/nginx.conf");
        let container = Container { mounts: mounts(&service), copies: Vec::new() };
        let path = |inside: &str| container.file(inside).map(|file| file.path);
        assert_eq!(path("/etc/nginx/nginx.conf").as_deref(), Some("other.conf"));
        assert_eq!(path("/etc/nginx/conf.d/a.conf").as_deref(), Some("conf/conf.d/a.conf"));
        assert_eq!(path("/etc/nginxx"), None);
    }

    #[test]
    fn copies_are_seen_unless_a_mount_hides_them() {
        let text = "FROM node AS build\nCOPY . /etc/nginx/\nFROM nginx\n\
                    COPY --from=build /x /etc/nginx/x.conf\n\
                    COPY nginx.conf /etc/nginx/conf.d/default.conf\nCOPY a.conf b.conf /etc/nginx/\n";
        let service = mounting(service("web", &[]), "conf", "/etc/nginx/conf.d");
        let copies = copies(text, "front");
        let paths = ["front/nginx.conf", "front/b.conf", "conf/default.conf"].map(str::to_owned);
        let none = Container { mounts: Vec::new(), copies: copies.iter().map(again).collect() };
        let row = |inside: &str, path: &str| (inside.to_owned(), path.to_owned());
        assert_eq!(
            none.below("/etc/nginx/", paths.iter()).into_iter().collect::<Vec<_>>(),
            [
                row("/etc/nginx/b.conf", "front/b.conf"),
                row("/etc/nginx/conf.d/default.conf", "front/nginx.conf")
            ]
        );
        let both = Container { mounts: mounts(&service), copies };
        assert_eq!(
            both.below("/etc/nginx/conf.d/", paths.iter()).into_iter().collect::<Vec<_>>(),
            [row("/etc/nginx/conf.d/default.conf", "conf/default.conf")]
        );
    }

    fn again(shown: &Shown) -> Shown {
        Shown { target: shown.target.clone(), source: shown.source.clone(), place: None }
    }
}
