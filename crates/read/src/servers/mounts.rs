//! Which file of the tree a container sees under a path.

use wonin_model::{Mount, MountKind, Service};
use wonin_text::Place;

/// A file of the tree as a container sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountedFile {
    /// Its path in the tree.
    pub(crate) path: String,
    /// Where the mount is written.
    pub(crate) mount: Option<Place>,
}

/// The file that a mount shows under this path of the container; the longest target wins.
pub(crate) fn mounted(service: &Service, inside: &str) -> Option<MountedFile> {
    let of_mount = |mount: &Mount| {
        if !matches!(mount.kind, MountKind::File | MountKind::Directory) {
            return None;
        }
        let rest = inside.strip_prefix(mount.target.trim_end_matches('/'))?;
        let source = tidy(&mount.source);
        let path = match rest.strip_prefix('/') {
            Some(rest) if source.is_empty() => rest.to_owned(),
            Some(rest) => format!("{source}/{rest}"),
            None if rest.is_empty() => source,
            None => return None,
        };
        Some((mount.target.len(), path))
    };
    let found = service.mounts.iter().filter_map(|mount| {
        let (length, path) = of_mount(&mount.value)?;
        Some((length, MountedFile { path, mount: mount.place() }))
    });
    found.max_by_key(|(length, _)| *length).map(|(_, file)| file)
}

/// Everything of the tree that the container sees below a directory: pairs of the path inside and
/// the path in the tree, for the given paths of the tree.
pub(crate) fn mounted_below<'a>(
    service: &Service,
    below: &str,
    paths: impl Iterator<Item = &'a String>,
) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    for path in paths {
        for mount in &service.mounts {
            let mount = &mount.value;
            if !matches!(mount.kind, MountKind::File | MountKind::Directory) {
                continue;
            }
            let source = tidy(&mount.source);
            let Some(rest) = path.strip_prefix(source.as_str()) else { continue };
            let target = mount.target.trim_end_matches('/');
            let inside = match rest.strip_prefix('/') {
                Some(rest) => format!("{target}/{rest}"),
                None if source.is_empty() => format!("{target}/{rest}"),
                None if rest.is_empty() => target.to_owned(),
                None => continue,
            };
            if inside.starts_with(below) {
                seen.push((inside, path.clone()));
            }
        }
    }
    seen
}

/// A path without `./` at its front and without a slash at its end; empty for the top.
fn tidy(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    if path == "." { String::new() } else { path.trim_end_matches('/').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{mounting, service};

    #[test]
    fn files_are_found_in_mounted_files_and_directories() {
        let service = service("web", &[]);
        let service = mounting(service, "./conf", "/etc/nginx/");
        let service = mounting(service, "./other.conf", "/etc/nginx/nginx.conf");
        let path = |inside: &str| mounted(&service, inside).map(|file| file.path);
        assert_eq!(path("/etc/nginx/nginx.conf").as_deref(), Some("other.conf"));
        assert_eq!(path("/etc/nginx/conf.d/a.conf").as_deref(), Some("conf/conf.d/a.conf"));
        assert_eq!(path("/etc/nginxx"), None);
    }

    #[test]
    fn what_is_below_a_directory_is_listed() {
        let service = mounting(service("web", &[]), "conf", "/etc/nginx/conf.d");
        let paths = ["conf/a.conf".to_owned(), "confx/b.conf".to_owned()];
        assert_eq!(
            mounted_below(&service, "/etc/nginx/", paths.iter()),
            [("/etc/nginx/conf.d/a.conf".to_owned(), "conf/a.conf".to_owned())]
        );
    }
}
