//! Image references.

use wonin_model::Image;

/// Takes `registry/path:tag@digest` apart. A first part with a dot, a colon or the name `localhost`
/// is a registry; `library/` is left out (Docker reference, "Image references").
pub(crate) fn image(text: &str) -> Image {
    let text = text.trim();
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (text, None),
    };
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (first, rest),
        _ => ("", name),
    };
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag).filter(|tag| !tag.is_empty())),
        _ => (path, None),
    };
    Image {
        text: text.to_owned(),
        registry: registry.to_owned(),
        repository: path.strip_prefix("library/").unwrap_or(path).to_owned(),
        tag: tag.map(str::to_owned),
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_apart() {
        for (text, registry, repository, tag) in [
            ("redis", "", "redis", None),
            ("redis:7", "", "redis", Some("7")),
            ("library/redis:7", "", "redis", Some("7")),
            ("bitnami/kafka:3.9", "", "bitnami/kafka", Some("3.9")),
            ("docker.io/library/redis", "docker.io", "redis", None),
            ("localhost:5000/a/b:1", "localhost:5000", "a/b", Some("1")),
            ("registry:5000/app", "registry:5000", "app", None),
            ("quay.io/a/b", "quay.io", "a/b", None),
            ("app:", "", "app", None),
        ] {
            let read = image(text);
            let parts = (read.registry.as_str(), read.repository.as_str(), read.tag.as_deref());
            assert_eq!(parts, (registry, repository, tag), "{text}");
        }
        let pinned = image("ghcr.io/a/b:1@sha256:00ff");
        assert_eq!(pinned.tag.as_deref(), Some("1"));
        assert_eq!(pinned.digest.as_deref(), Some("sha256:00ff"));
    }
}
