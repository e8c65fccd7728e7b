//! Paths relative to the given path, `/` between parts, without touching a disk.

/// The directory of a path; empty at the top.
pub(crate) fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether the name ends in `.yml` or `.yaml`.
pub(crate) fn is_yaml(path: &str) -> bool {
    matches!(file_name(path).rsplit_once('.'), Some((_, "yml" | "yaml")))
}

/// `path` as seen from directory `dir`, with `.` and `..` resolved; what climbs above the top keeps
/// its leading `..`. Absolute paths and those under a home directory stay as they are.
pub(crate) fn join(dir: &str, path: &str) -> String {
    if path.starts_with(['/', '~']) {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_their_directory() {
        for (dir, path, expected) in [
            ("", "./a.yml", "a.yml"),
            ("deploy", "../app", "app"),
            ("deploy/prod", "../../x/./y", "x/y"),
            ("", "../up.yml", "../up.yml"),
            ("a", "../../up.yml", "../up.yml"),
            ("a", "/etc/hosts", "/etc/hosts"),
            ("a", ".", "a"),
            ("", ".", ""),
        ] {
            assert_eq!(join(dir, path), expected, "{dir} {path}");
        }
        assert_eq!((directory("a/b/c"), file_name("a/b/c")), ("a/b", "c"));
        assert_eq!((directory("c"), file_name("c")), ("", "c"));
    }
}
