//! Services made by hand, for tests.

use wonin_model::{Image, Located, Mount, MountKind, Service};
use wonin_text::{FileId, Place, SourceFile, Sources, Span};

/// A value that stands at the start of the first file.
pub(crate) fn at(value: &str) -> Located<String> {
    Located::written(value.to_owned(), place(value.len()))
}

pub(crate) fn place(length: usize) -> Place {
    Place { file: FileId(0), span: Span::new(0, length) }
}

/// One empty file, for the places of [`at`].
pub(crate) fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("compose.yaml", ""));
    sources
}

/// A service with environment and nothing else.
pub(crate) fn service(name: &str, environment: &[(&str, &str)]) -> Service {
    let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), at(value)));
    Service { environment: environment.collect(), ..Service::named(0, at(name)) }
}

/// The service with an image `repository:tag`.
pub(crate) fn of_image(mut service: Service, image: &str) -> Service {
    let (repository, tag) = image.split_once(':').unwrap_or((image, ""));
    let image = Image {
        text: image.to_owned(),
        repository: repository.to_owned(),
        tag: (!tag.is_empty()).then(|| tag.to_owned()),
        ..Image::default()
    };
    service.image = Some(Located::written(image, place(1)));
    service
}

/// The service with a command.
pub(crate) fn running(mut service: Service, words: &[&str]) -> Service {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    service.command = Some(Located::written(words, place(1)));
    service
}

/// The service with a file or directory mounted.
pub(crate) fn mounting(mut service: Service, source: &str, target: &str) -> Service {
    let is_file = source.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let kind = if is_file { MountKind::File } else { MountKind::Directory };
    let mount =
        Mount { kind, source: source.to_owned(), target: target.to_owned(), read_only: false };
    service.mounts.push(Located::written(mount, place(1)));
    service
}
